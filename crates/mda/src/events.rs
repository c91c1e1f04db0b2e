//! Each line that the delivery agent logs. ERROR: a letter is stuck and an operator must act; WARN: odd,
//! and dealt with; INFO: what became of letters; DEBUG: the dialogue.

use std::error::Error;
use std::fmt;
use std::path::Path;

use postroad_disk::DiskError;
use postroad_net::Peer;
use postroad_net::slots::Full;
use postroad_observe::trace::Event;
use postroad_protocol::address::{Address, ForwardPath, ReversePath};
use postroad_protocol::command::Rcpt;
use postroad_protocol::reply::{Reply, Severity};
use postroad_store::{Filed, StoreError};
use tracing::{debug, error, info, warn};

use crate::confine::Confined;
use crate::letter::Header;
use crate::lmtp::SessionError;
use crate::rules::{ProgramTrouble, Unusable};
use crate::submit::SubmitError;

pub(crate) fn listening(address: &str) {
    info!(service = "lmtp", address, "listening");
}

pub(crate) fn reloaded() {
    info!("users and aliases read again");
}

pub(crate) fn reload_failed(error: &dyn Error) {
    error!(error = %Chain(error), "users and aliases can't be read again, the old ones stay");
}

/// What doesn't hold is no harm by itself: the user's own rights do.
pub(crate) fn confined(confined: &Confined) {
    match confined {
        Confined::Whole => debug!("confined to the mailboxes"),
        Confined::InPart => info!("confined to the mailboxes as far as this kernel can"),
        Confined::No(why) => info!(%why, "not confined to the mailboxes"),
    }
}

pub(crate) fn stopping(sessions: usize) {
    info!(sessions, "stopping");
}

pub(crate) fn sessions_left(sessions: usize) {
    warn!(sessions, "stopped in the middle of sessions");
}

pub(crate) fn connected(peer: &Peer) {
    debug!(client = %peer, service = "lmtp", "connected");
}

pub(crate) fn disconnected(peer: &Peer, error: Option<SessionError>) {
    match error {
        None | Some(SessionError::Gone) => debug!(client = %peer, service = "lmtp", "disconnected"),
        Some(error) => info!(client = %peer, error = %Chain(&error), "connection lost"),
    }
}

pub(crate) fn turned_away(peer: &Peer, full: &Full) {
    warn!(client = %peer, reason = %full, "turned away");
}

pub(crate) fn recipient_refused(peer: &Peer, rcpt: &Rcpt, reply: &Reply) {
    info!(client = %peer, to = %rcpt.forward_path, reply = %reply, "recipient refused");
}

pub(crate) fn content_refused(peer: &Peer, reply: &Reply) {
    info!(client = %peer, reply = %reply, "content refused");
}

/// What became of one recipient.
pub(crate) fn outcome(header: &Header, from: &ReversePath, to: &ForwardPath, reply: &Reply) {
    info!(
        queue_id = header.queue_id.as_deref().unwrap_or("none"),
        message_id = header.message_id.as_deref().unwrap_or("none"),
        from = %from,
        to = %to,
        status = status(reply),
        reply = %reply,
        "delivered"
    );
}

/// A letter could not be stored: it comes again, but perhaps only when an operator has done something.
pub(crate) fn not_filed(to: &Address, error: &StoreError) {
    error!(to = %to, error = %Chain(error), "cannot file a letter");
}

/// The user's own process said no, or nothing.
pub(crate) fn not_filed_by_user(to: &Address, user: &str, why: &dyn fmt::Display) {
    warn!(to = %to, user, %why, "not filed as the user");
}

/// A letter was filed when "later" had been answered.
pub(crate) fn taken_back(to: &Address, filed: &Filed) {
    warn!(to = %to, file = %filed.path.display(), "filed too late and taken back: the letter comes again");
}

/// What was delivered before came again, and nothing was done.
pub(crate) fn repeated(header: &Header, to: &Address) {
    info!(
        queue_id = header.queue_id.as_deref().unwrap_or("none"),
        message_id = header.message_id.as_deref().unwrap_or("none"),
        to = %to,
        "recognised as a repeat, not stored again"
    );
}

/// The same for `postroad trace`.
pub(crate) fn repeated_record(to: &Address) -> Event {
    Event::Note { text: format!("{to}: recognised as a repeat") }
}

/// The letter is delivered all the same.
pub(crate) fn repeats_unknown(to: &Address, mailbox: &Path, error: &StoreError) {
    warn!(
        to = %to,
        mailbox = %mailbox.display(),
        error = %Chain(error),
        "cannot keep account of deliveries, a repeat may not be recognised"
    );
}

/// Letters wait until the user or an operator has put the script in order (row M04).
pub(crate) fn rules_unusable(to: &Address, error: &Unusable) {
    error!(to = %to, error = %Chain(error), "rules are not followed, letters wait");
}

pub(crate) fn rules_mistaken(to: &Address, script: &Path, mistake: &str) {
    warn!(to = %to, script = %script.display(), mistake, "rules have a mistake, letters go to the inbox");
}

pub(crate) fn not_told(to: &Address, error: &StoreError) {
    warn!(to = %to, error = %Chain(error), "cannot tell a user of a mistake in the rules");
}

/// Its letters are filed all the same.
pub(crate) fn quota_unknown(mailbox: &Path, error: &StoreError) {
    warn!(mailbox = %mailbox.display(), error = %Chain(error), "cannot tell what a mailbox holds, letters are not counted");
}

pub(crate) fn quota_warned(to: &Address, percent: u64) {
    info!(to = %to, percent, "told a user how full the mailbox is");
}

pub(crate) fn quota_not_warned(to: &Address, error: &StoreError) {
    warn!(to = %to, error = %Chain(error), "cannot tell a user how full the mailbox is");
}

pub(crate) fn not_remembered(mailbox: &Path, error: &StoreError) {
    warn!(mailbox = %mailbox.display(), error = %Chain(error), "cannot remember what rules have done");
}

/// What rules send on waits with the letter.
pub(crate) fn not_sent(to: &Address, error: &SubmitError) {
    warn!(to = %to, error = %Chain(error), "cannot send on a letter, it comes again");
}

/// The sender of a letter had asked to be told of success, and is.
pub(crate) fn success_told(about: &str, to: &str) {
    info!(queue_id = about, to, "told a sender of success");
}

/// The letter is delivered all the same.
pub(crate) fn success_not_told(about: &str, to: &str, why: &str) {
    warn!(queue_id = about, to, why, "a sender who had asked for it is not told of success");
}

/// What rules give to a program waits with the letter.
pub(crate) fn not_piped(to: &Address, error: &ProgramTrouble) {
    warn!(to = %to, error = %Chain(error), "a program has not taken a letter, it comes again");
}

/// One decision of a user's rules, carried out.
pub(crate) fn ruled(header: &Header, to: &Address, what: &str) {
    info!(
        queue_id = header.queue_id.as_deref().unwrap_or("none"),
        message_id = header.message_id.as_deref().unwrap_or("none"),
        to = %to,
        what,
        "rules followed"
    );
}

/// The same for `postroad trace`.
pub(crate) fn ruled_record(to: &Address, what: &str) -> Event {
    Event::Note { text: format!("{to}: {what}") }
}

/// Programs that know no lock but this may write to it as well.
pub(crate) fn no_dot_lock(mailbox: &Path, why: &str) {
    warn!(mailbox = %mailbox.display(), why, "no FILE.lock for mailbox files, they are locked by fcntl alone");
}

pub(crate) fn hanging(mailbox: &Path) {
    error!(mailbox = %mailbox.display(), "a mailbox does not answer; its letters are put off until it does");
}

pub(crate) fn scratch_failed(error: &DiskError) {
    error!(error = %Chain(error), "cannot keep a large letter while it arrives");
}

/// What `postroad trace` is told of a letter that was filed.
pub(crate) fn filed_record(to: &Address, filed: &Filed) -> Event {
    Event::Filed {
        to: to.to_string(),
        file: filed.path.display().to_string(),
        sync_us: u64::try_from(filed.sync.as_micros()).unwrap_or(u64::MAX),
    }
}

/// An error with all its causes on one line.
pub(crate) struct Chain<'a>(pub(crate) &'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

/// The word behind `status=`, as operators of mail servers search for it.
fn status(reply: &Reply) -> &'static str {
    match reply.severity() {
        Severity::Success | Severity::Intermediate => "sent",
        Severity::Temporary => "deferred",
        Severity::Permanent => "bounced",
    }
}
