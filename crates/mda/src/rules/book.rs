//! What a delivery asks of users' rules, whoever answers.
//!
//! [`NoRules`] answers where it is known that there are none. A program that asks nobody else holds no interpreter, and
//! is started the quicker for it (`docs/decisions/0005-small-delivery-program.md`).

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::time::Instant;

use postroad_protocol::address::Address;
use postroad_protocol::client::Offer;
use postroad_sieve::Memo;

use super::{Busy, Mailbox, NotPrepared, Parcel, Piped, Pipes, Prepared, ProgramTrouble, Unusable};
use crate::submit::{Outgoing, SubmitError};

/// Rules, from the first look at them to what they want remembered.
pub(crate) trait Book {
    /// One user's.
    type Script;

    /// Whether anything is executed for them, to send letters on or as they say.
    fn may_run_programs(&self) -> bool;

    /// A user's script, at the first of these paths where there is one. Without any it costs a look at each.
    fn script(&self, paths: &[PathBuf], mailbox: &Path) -> Result<Option<Self::Script>, Unusable>;

    /// Runs a script and prepares all that it wants; nothing of it shows yet. `watch` hears when the script waits
    /// for a program.
    fn prepare(
        &self,
        script: &Self::Script,
        parcel: &Parcel<'_>,
        mailbox: Mailbox<'_>,
        watch: &dyn Fn(Busy),
    ) -> Result<Prepared, NotPrepared>;

    /// Tells a user of a mistake in a script, unless that is done already. Its failure is nobody's loss.
    fn tell(
        &self,
        script: &Self::Script,
        mistake: &str,
        to: &Address,
        host: &str,
        mailbox: Mailbox<'_>,
    );

    /// When programs have to have ended that are given something from now on.
    fn programs_end_by(&self) -> Instant;

    /// Gives letters to programs; blocks.
    fn pipe(&self, pipes: Pipes, deadline: Instant) -> Result<Piped, ProgramTrouble>;

    /// Hands over all that is sent on; blocks. Says whether who has it now knows DSN.
    fn send(&self, letters: &[Outgoing]) -> Result<Offer, SubmitError>;

    /// Remembers, now that all is done. Its failure is nobody's loss: somebody is told twice.
    fn remember(&self, memos: &[Memo], mailbox: Mailbox<'_>);
}

/// Nobody has any.
#[derive(Debug)]
pub(crate) struct NoRules;

impl Book for NoRules {
    type Script = Infallible;

    fn may_run_programs(&self) -> bool {
        false
    }

    fn script(&self, _: &[PathBuf], _: &Path) -> Result<Option<Infallible>, Unusable> {
        Ok(None)
    }

    fn prepare(
        &self,
        script: &Infallible,
        _: &Parcel<'_>,
        _: Mailbox<'_>,
        _: &dyn Fn(Busy),
    ) -> Result<Prepared, NotPrepared> {
        match *script {}
    }

    fn tell(&self, script: &Infallible, _: &str, _: &Address, _: &str, _: Mailbox<'_>) {
        match *script {}
    }

    fn programs_end_by(&self) -> Instant {
        Instant::now()
    }

    fn pipe(&self, _: Pipes, _: Instant) -> Result<Piped, ProgramTrouble> {
        Ok(Piped::default())
    }

    fn send(&self, _: &[Outgoing]) -> Result<Offer, SubmitError> {
        Ok(Offer::Absent)
    }

    fn remember(&self, _: &[Memo], _: Mailbox<'_>) {}
}
