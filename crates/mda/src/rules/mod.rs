//! Rules: a user's Sieve script is run when a letter is delivered (RFC 5228).
//!
//! ```text
//! file ─ script ─► Script ─ run (postroad-sieve) ─► Outcome ─ plan ─► Plan ─ carry_out ─► drafts, sendings
//! ```
//! | looking for | it is in |
//! |---|---|
//! | what a delivery asks of them, and the answers where there are none | `book` |
//! | which file is run; scripts kept compiled; scripts that they include | `script` |
//! | which files are never run | `trust` |
//! | what a script's decisions come to here: folders, flags, sendings | `plan` |
//! | a user's mailbox, and what scripts ask of its folders | `folders` |
//! | writing the drafts, composing what is sent on | `carry_out` |
//! | what scripts ask to be remembered: absences told of, duplicates | `memory` |
//! | telling a user that the rules have a mistake, once | `told` |
//! | which programs they may run; giving letters to them | `programs` |
//! | what spam filters and virus scanners have found | `verdict` |
//! | how what is sent on leaves | `submit` |
//! | `postroad-mda refilter`: letters that are filed already | `refilter` |
//! | `postroad-mda sieve check`, `test`, `format` | [`tools`] |
//! | `postroad-mda check`: the rules of all users | [`all`] |
//!
//! Nothing that a plan wants shows before all of it could be prepared: drafts are written, then what is sent on
//! is handed over, then the drafts are delivered. What fails on the way leaves nothing and says "later", and
//! the letter comes again whole.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use jiff::Zoned;
use postroad_config::{Config, Filters};
use postroad_protocol::address::{Address, ReversePath};
use postroad_protocol::client::Offer;
use postroad_protocol::envelope::Utf8;
use postroad_sieve::{Facts, Memo, Message, Past, Programs};
use postroad_store::{FolderName, StoreError};

use crate::asked::Asked;
use crate::letter::Came;
use crate::submit::{Outgoing, SubmitError, Submitter};

pub mod all;
mod book;
mod carry_out;
mod folders;
pub mod import;
mod memory;
mod plan;
mod programs;
pub(crate) mod refilter;
mod script;
mod told;
pub mod tools;
mod trust;
mod verdict;

pub(crate) use book::{Book, NoRules};
pub(crate) use carry_out::Prepared;
use folders::Folders;
pub(crate) use folders::Mailbox;
use memory::Memory;
pub(crate) use plan::Recipient;
use plan::{FolderIs, Ground, Plan};
use programs::ForLetter;
pub(crate) use programs::{Busy, Piped, Pipes, ProgramFolder, ProgramTrouble};
use script::Scripts;
pub(crate) use script::UserScript;
use told::Mistake;
pub(crate) use trust::Unusable;

/// The rules of all users.
#[derive(Debug)]
pub(crate) struct Rules {
    scripts: Scripts,
    submitter: Arc<Submitter>,
    programs: ProgramFolder,
    detail_separator: String,
    /// Whose verdicts are believed.
    filters: Filters,
    /// What a folder is that isn't there.
    missing: FolderIs,
}

/// A letter that is all in memory, and what is known of its way.
#[derive(Debug)]
pub(crate) struct Parcel<'a> {
    /// The letter as it came, without what is taken out of each.
    pub(crate) message: Bytes,
    pub(crate) return_path: &'a ReversePath,
    /// For whom it is.
    pub(crate) to: &'a Address,
    /// The user's own name.
    pub(crate) user: &'a str,
    pub(crate) recipient: Recipient,
    pub(crate) came: Came<'a>,
    pub(crate) utf8: Utf8,
    pub(crate) asked: Asked<'a>,
    /// This host.
    pub(crate) host: &'a str,
}

/// Why nothing could be prepared: the letter has to come again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotPrepared {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Program(#[from] ProgramTrouble),
}

impl Rules {
    /// `submitter` is how letters leave that are sent on, `programs` what may be run.
    pub(crate) fn new(config: &Config, submitter: Submitter, programs: ProgramFolder) -> Self {
        Self {
            scripts: Scripts::default(),
            submitter: Arc::new(submitter),
            programs,
            detail_separator: config.accounts.detail_separator.to_string(),
            filters: config.mda.filters.clone(),
            missing: match config.mda.create_folders {
                true => FolderIs::Usable,
                false => FolderIs::Missing,
            },
        }
    }

    /// By the settings.
    pub(crate) fn of_settings(config: &Config) -> Self {
        Self::new(config, Submitter::new(config), ProgramFolder::of_settings(config))
    }

    /// How letters leave.
    pub(crate) fn submitter(&self) -> Arc<Submitter> {
        Arc::clone(&self.submitter)
    }

    fn plan(
        &self,
        script: &UserScript,
        parcel: &Parcel<'_>,
        mailbox: Mailbox<'_>,
        watch: &dyn Fn(Busy),
    ) -> Result<Plan, NotPrepared> {
        let programs = ForLetter::new(&self.programs, parcel, mailbox.inbox.root(), watch);
        let plan = self.plan_with(script, parcel, mailbox, (&Memory::of(mailbox), &programs));
        if let Some(trouble) = programs.trouble.take() {
            return Err(trouble.into());
        }
        let mut plan = plan?;
        plan.notes.splice(..0, programs.notes.take());
        Ok(plan)
    }

    fn plan_with(
        &self,
        script: &UserScript,
        parcel: &Parcel<'_>,
        mailbox: Mailbox<'_>,
        (past, programs): (&dyn Past, &dyn Programs),
    ) -> Result<Plan, StoreError> {
        let script = match &script.compiled {
            Ok(script) => script,
            Err(problems) => return Ok(Plan::keep(problems.to_string())),
        };
        let (from, to) = (parcel.return_path.to_string(), parcel.to.to_string());
        let own = Address::parse(&format!("{}@{}", parcel.user, parcel.to.domain));
        let own = own.unwrap_or_else(|_| parcel.to.clone());
        let verdict = verdict::of(&parcel.message, &self.filters);
        let facts = Facts {
            envelope_from: Some(&from),
            envelope_to: Some(&to),
            own_addresses: &[own],
            past,
            mailboxes: &Folders(mailbox),
            programs,
            environment: &[("host", parcel.host)],
            spam_percent: verdict.spam_percent,
            virus: verdict.virus,
            now: Zoned::now(),
            detail_separator: &self.detail_separator,
            ..Facts::default()
        };
        let outcome = script.run(&Message::new(&parcel.message), &facts);
        let folder = |name: &FolderName| {
            Ok(match mailbox.courier.exists(&mailbox.inbox.folder(name))? {
                true => FolderIs::Usable,
                false => self.missing,
            })
        };
        let ground = Ground {
            to: parcel.to,
            from: parcel.return_path,
            recipient: parcel.recipient,
            folder: &folder,
            folder_for: &|attribute, named| {
                mailbox.courier.folder_for(mailbox.inbox, attribute, named)
            },
            program: &|name| self.programs.find(name, mailbox.inbox.root()),
        };
        Plan::of(outcome, &ground)
    }
}

impl Book for Rules {
    type Script = Arc<UserScript>;

    fn may_run_programs(&self) -> bool {
        self.submitter.is_program() || self.programs.is_there()
    }

    fn script(&self, paths: &[PathBuf], mailbox: &Path) -> Result<Option<Self::Script>, Unusable> {
        self.scripts.find(paths, mailbox)
    }

    fn prepare(
        &self,
        script: &Self::Script,
        parcel: &Parcel<'_>,
        mailbox: Mailbox<'_>,
        watch: &dyn Fn(Busy),
    ) -> Result<Prepared, NotPrepared> {
        let plan = self.plan(script, parcel, mailbox, watch)?;
        Ok(carry_out::prepare(plan, &self.programs.environment(parcel), parcel, mailbox)?)
    }

    fn tell(
        &self,
        script: &Self::Script,
        mistake: &str,
        to: &Address,
        host: &str,
        mailbox: Mailbox<'_>,
    ) {
        crate::events::rules_mistaken(to, &script.path, mistake);
        let notice = Mistake { script, mistake, to, host };
        if let Err(error) = told::tell(&notice, mailbox) {
            crate::events::not_told(to, &error);
        }
    }

    fn pipe(&self, pipes: Pipes, deadline: Instant) -> Result<Piped, ProgramTrouble> {
        self.programs.give(pipes, deadline)
    }

    fn programs_end_by(&self) -> Instant {
        self.programs.deadline()
    }

    fn send(&self, letters: &[Outgoing]) -> Result<Offer, SubmitError> {
        self.submitter.send(letters)
    }

    fn remember(&self, memos: &[Memo], mailbox: Mailbox<'_>) {
        if let Err(error) = memory::add(memos, mailbox) {
            crate::events::not_remembered(mailbox.inbox.root(), &error);
        }
    }
}
