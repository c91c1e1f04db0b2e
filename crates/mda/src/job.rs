//! One recipient's letter once all that it wants is prepared, whoever brought it. What is left is done in one order:
//!
//! 1. [`Job::begin`]: what a try before has done isn't done again (its reply was lost, or we were killed), and what
//!    is left is counted, where it isn't too much;
//! 2. [`Job::pipe`], [`Job::send`]: programs get it, and what is sent on is handed over;
//! 3. [`Job::deliver`]: the drafts are delivered, all of them or none;
//! 4. [`Finished::remember`]: that it is done, and what rules want remembered.
//!
//! What fails on the way leaves nothing and is "later".

use std::time::SystemTime;

use postroad_protocol::address::Address;
use postroad_protocol::client::Offer;
use postroad_protocol::dsn::Action;
use postroad_protocol::reply::Reply;
use postroad_sieve::Memo;
use postroad_store::{
    Attempt, Counted, Courier, DeliveryKey, Draft, Durably, Filed, Found, Maildir, Step, StoreError,
};

use crate::asked::Goes;
use crate::quota::{self, Account, Quotas};
use crate::rules::{Book, Mailbox, Pipes, Prepared, ProgramTrouble};
use crate::submit::{Outgoing, SubmitError};
use crate::{events, replies};

/// What is prepared for one mailbox.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    /// Where letters go if nothing else is said.
    pub(crate) inbox: Maildir,
    pub(crate) account: Account<'a>,
    pub(crate) prepared: Prepared,
}

impl Wanted<'_> {
    /// Whether it is noted how far the delivery is, beside the letters: for an inbox in a mailbox file only where the
    /// Maildir is there anyway, or something could be sent on twice.
    fn keeps_account(&self) -> bool {
        let Self { inbox, account, prepared } = self;
        inbox.inbox_file().is_none()
            || !prepared.sendings.is_empty()
            || !prepared.pipes.is_empty()
            || account.mailbox.courier.exists(inbox).unwrap_or(false)
    }

    /// Whether the mailbox has let us write to it.
    pub(crate) fn is_written(&self) -> bool {
        Leaves::of(&self.prepared.drafts) == Leaves::Letters
    }
}

/// What is ready to be done. Dropped, it leaves nothing.
#[derive(Debug)]
pub(crate) struct Job {
    parts: Vec<Part>,
    drafts: Vec<Draft>,
    pipes: Vec<Pipes>,
    sendings: Vec<Outgoing>,
    left: Left,
    goes: Goes,
    /// Whether who has what was sent on knows DSN.
    next: Offer,
    refusal: Option<Reply>,
    notes: Vec<String>,
}

/// What one mailbox remembers of it.
#[derive(Debug)]
struct Part {
    inbox: Maildir,
    memos: Vec<Memo>,
    /// Where the letter can be known again.
    attempt: Option<Attempt>,
    /// What it was counted to hold with it. Dropped before it is remembered, it is counted back.
    counted: Option<Counted>,
    was: Was,
    /// When it was done before, where that is known.
    since: Option<SystemTime>,
    leaves: Leaves,
}

/// What a try before has left to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Was {
    Undone,
    /// All that shows is there; that it is done isn't remembered yet.
    There,
    Done,
}

/// What programs have taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    Nothing,
    All,
    /// Something is kept in place of it. A try after this one has to ask them again, or it would not be.
    InPart,
}

/// What tells that a part is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leaves {
    /// Files whose names say so.
    Letters,
    /// Letters in a mailbox file, which say nothing.
    Unnamed,
    Nothing,
}

impl Leaves {
    fn of(drafts: &[Draft]) -> Self {
        match drafts {
            [] => Self::Nothing,
            drafts if drafts.iter().any(Draft::is_for_mailbox_file) => Self::Unnamed,
            _ => Self::Letters,
        }
    }
}

/// Why a job isn't begun.
#[derive(Debug)]
pub(crate) enum NotBegun {
    /// Somebody else is at it in this moment.
    UnderWay,
    /// A mailbox takes no more: the reply.
    Full(Reply),
    Store(StoreError),
}

/// A job that was done, or failed.
#[derive(Debug)]
pub(crate) struct Finished {
    parts: Vec<Part>,
    /// What rules decided.
    pub(crate) notes: Vec<String>,
    /// The reply where the letter is refused. Whoever was to be told of it was told (RFC 5435 §7).
    pub(crate) refusal: Option<Reply>,
    success: Option<Action>,
    /// The letters that are there now and weren't before.
    pub(crate) filed: Vec<Filed>,
    pub(crate) error: Option<StoreError>,
}

/// Whether the same delivery is known again when it comes once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KnownAgain {
    Yes,
    No,
}

impl Job {
    /// Takes up what is prepared for each mailbox. With a `key` it is a try that may not be the first.
    pub(crate) fn begin(
        wanted: Vec<Wanted<'_>>,
        key: Option<DeliveryKey>,
        quotas: &Quotas,
    ) -> Result<Self, NotBegun> {
        let mut job = Self {
            parts: Vec::with_capacity(wanted.len()),
            drafts: Vec::new(),
            pipes: Vec::new(),
            sendings: Vec::new(),
            left: Left::Nothing,
            goes: Goes::Nowhere,
            next: Offer::Absent,
            refusal: None,
            notes: Vec::new(),
        };
        for wanted in wanted {
            let courier = wanted.account.mailbox.courier;
            // Two mailbox files with one Maildir for the rest: the account that is kept there is the first one's.
            let is_taken = job.parts.iter().any(|part| part.inbox.root() == wanted.inbox.root());
            let attempt = match key.filter(|_| !is_taken && wanted.keeps_account()) {
                Some(key) => Some(courier.attempt(&wanted.inbox, key).ok_or(NotBegun::UnderWay)?),
                None => None,
            };
            job.take(wanted, attempt, quotas)?;
        }
        if job.refusal.is_none() {
            let leaving_letters = job
                .parts
                .iter_mut()
                .filter(|part| part.was == Was::Undone && part.leaves != Leaves::Nothing);
            leaving_letters.for_each(|part| part.note(Step::Begun, Durably::No));
        }
        Ok(job)
    }

    fn take(
        &mut self,
        wanted: Wanted<'_>,
        attempt: Option<Attempt>,
        quotas: &Quotas,
    ) -> Result<(), NotBegun> {
        let Wanted { inbox, account, prepared } = wanted;
        let Prepared {
            mut drafts,
            mut sendings,
            mut pipes,
            goes,
            refusal,
            mut memos,
            notes,
            mistake: _,
        } = prepared;
        self.goes = self.goes.max(goes);
        let leaves = Leaves::of(&drafts);
        let mut was = Was::Undone;
        if let Some(attempt) = &attempt {
            let found = attempt.leave_out(&mut drafts).map_err(NotBegun::Store)?;
            if attempt.has_sent() || found != Found::Nothing {
                sendings.clear();
                pipes = Pipes::default();
            }
            if attempt.is_done() {
                memos.clear();
                was = Was::Done;
            // Of a letter that is refused copies of notices may be there, and it is refused again.
            } else if found == Found::All && refusal.is_none() {
                was = Was::There;
            }
        }
        let adding = quota::weigh(&mut drafts).map_err(NotBegun::Store)?;
        let counted = quotas.take(&account, adding).map_err(NotBegun::Full)?;
        self.drafts.extend(drafts);
        self.sendings.extend(sendings);
        self.pipes.extend(Some(pipes).filter(|pipes| !pipes.is_empty()));
        if was == Was::Undone {
            self.refusal = self.refusal.take().or(refusal);
            self.notes.extend(notes);
        }
        let since = attempt.as_ref().filter(|_| was != Was::Undone).and_then(Attempt::before_at);
        self.parts.push(Part { inbox, memos, attempt, counted, was, since, leaves });
        Ok(())
    }

    /// Whether there is anything to hand over, or to give to a program.
    pub(crate) fn sends(&self) -> bool {
        !self.sendings.is_empty() || !self.pipes.is_empty()
    }

    /// Notes that somebody has it whose mailbox isn't ours.
    pub(crate) fn note_filed_elsewhere(&mut self) {
        self.goes = Goes::Filed;
    }

    /// Gives to programs what they are to have. What they never take is filed with the rest.
    pub(crate) fn pipe(&mut self, rules: &impl Book) -> Result<(), ProgramTrouble> {
        let deadline = rules.programs_end_by();
        for pipes in std::mem::take(&mut self.pipes) {
            let piped = rules.pipe(pipes, deadline)?;
            self.notes.extend(piped.notes);
            let is_kept = piped.kept.is_some();
            if is_kept {
                self.goes = Goes::Filed;
            }
            // Before the rest: it has no key, and a letter that has one says that all of it is there.
            self.drafts.splice(..0, piped.kept);
            self.left = match (is_kept, self.left) {
                (true, _) | (false, Left::InPart) => Left::InPart,
                (false, Left::Nothing | Left::All) => Left::All,
            };
        }
        Ok(())
    }

    /// Hands over what is sent on.
    pub(crate) fn send(&mut self, rules: &impl Book) -> Result<(), SubmitError> {
        self.next = rules.send(&self.sendings)?;
        match (self.left, self.sendings.is_empty()) {
            (Left::Nothing, true) | (Left::InPart, _) => return Ok(()),
            (Left::Nothing, false) | (Left::All, _) => {}
        }
        // Else the letters tell that it is done, or the last line does.
        let half_done = self
            .parts
            .iter_mut()
            .filter(|part| part.was == Was::Undone)
            // A letter that is refused may come again, if the reply is lost.
            .filter(|part| part.leaves != Leaves::Nothing || self.refusal.is_some());
        half_done.for_each(|part| part.note(Step::Sent, Durably::Yes));
        Ok(())
    }

    /// Whether there is a mailbox that others write to as well.
    pub(crate) fn has_to_lock(&self) -> bool {
        self.drafts.iter().any(Draft::is_for_mailbox_file)
    }

    /// Locks it, and waits for that. Only one: it is delivered first, and whoever holds one waits for no other.
    pub(crate) fn lock(&mut self) -> Result<(), StoreError> {
        if let Some(at) = self.drafts.iter().position(Draft::is_for_mailbox_file) {
            self.drafts.swap(0, at);
        }
        self.drafts.first_mut().map_or(Ok(()), Draft::lock)
    }

    /// Delivers all drafts, and calls `then` from a thread that delivers, which may be this one.
    pub(crate) fn deliver(mut self, then: impl FnOnce(Finished) + Send + 'static) {
        // Who hears a refusal tells of it (RFC 5429 §2.1).
        let success = self.goes.success(self.next).filter(|_| self.refusal.is_none());
        let mut finished = Finished {
            parts: self.parts,
            notes: self.notes,
            refusal: self.refusal,
            success,
            filed: Vec::new(),
            error: None,
        };
        let forgets = finished.parts.iter().all(|part| part.memos.is_empty());
        match (self.drafts.pop(), self.drafts) {
            // One letter, as most: it joins those of others, and this thread is free.
            (Some(draft), rest) if rest.is_empty() && forgets => {
                draft.deliver_then(move |result| {
                    match result {
                        Ok(filed) => finished.filed.push(filed),
                        Err(error) => finished.error = Some(error),
                    }
                    then(finished);
                })
            }
            (last, rest) => {
                let mut drafts = rest.into_iter().chain(last);
                while let Some(draft) = drafts.next() {
                    match draft.deliver() {
                        Ok(letter) => finished.filed.push(letter),
                        Err(error) => {
                            // Before anybody hears of it: the rest leaves nothing in tmp/.
                            drop(drafts);
                            finished.error = Some(error);
                            break;
                        }
                    }
                }
                then(finished);
            }
        }
    }
}

impl Finished {
    /// Whether all of it was done by a try before.
    pub(crate) fn is_repeat(&self) -> bool {
        !self.parts.is_empty() && self.parts.iter().all(|part| part.was != Was::Undone)
    }

    /// When a try before did it, where that is known.
    pub(crate) fn repeats_since(&self) -> Option<SystemTime> {
        self.parts.iter().filter_map(|part| part.since).min()
    }

    /// What a peer is told of a job that was done.
    pub(crate) fn reply(&self) -> Reply {
        match (&self.refusal, self.filed.last()) {
            (Some(refusal), _) => refusal.clone(),
            (None, Some(filed)) => replies::filed(filed),
            (None, None) if self.is_repeat() => replies::repeated(),
            (None, None) => replies::dealt_with(),
        }
    }

    /// What is to be told to who has asked for success. Where a try before has done it all, that has told it.
    pub(crate) fn success(&self) -> Option<Action> {
        self.success.filter(|_| self.parts.iter().any(|part| part.was != Was::Done))
    }

    /// Remembers that it is done. From then on no letter of it may be taken back where it is known again.
    pub(crate) fn remember(
        &mut self,
        to: &Address,
        rules: &impl Book,
        courier: &Courier,
    ) -> KnownAgain {
        let mut known = KnownAgain::No;
        for part in &mut self.parts {
            // A letter that is refused isn't done: should it come again, that is said again.
            if part.was != Was::Done && self.refusal.is_none() {
                let durably = match part.leaves {
                    Leaves::Letters => Durably::No,
                    Leaves::Unnamed | Leaves::Nothing => Durably::Yes,
                };
                part.note(Step::Done, durably);
            }
            if let Some(mut attempt) = part.attempt.take() {
                match attempt.take_trouble() {
                    Some(error) => {
                        events::repeats_unknown(to, attempt.mailbox(), &error);
                        // It may be taken back: nobody finds it meanwhile.
                        part.attempt = Some(attempt);
                    }
                    // It has ended before anybody hears of it and tries again.
                    None => known = KnownAgain::Yes,
                }
            }
            part.counted.iter_mut().for_each(Counted::stays);
            rules.remember(&part.memos, Mailbox { courier, inbox: &part.inbox });
        }
        known
    }

    /// Takes back what it has filed, and what was counted: it comes again.
    pub(crate) fn take_back(&mut self, to: &Address, courier: &Courier) {
        for filed in &self.filed {
            events::taken_back(to, filed);
            courier.take_back(filed);
        }
        self.parts.iter_mut().filter_map(|part| part.counted.take()).for_each(Counted::goes);
    }
}

impl Part {
    fn note(&mut self, step: Step, durably: Durably) {
        if let Some(attempt) = &mut self.attempt {
            attempt.note(step, durably);
        }
    }
}
