//! From what a script decided to what is to be done: a pure function.
//!
//! Sieve names folders in any words, some of which can't be folders here, and asks for what can't be had for
//! this letter. What is left over of its wishes is in the inbox: no letter is lost for a name.
//!
//! | looking for | it is in |
//! |---|---|
//! | what a plan is, and what it depends on; refusals, sendings, answers, programs | here |
//! | into which folder, and how: names, special uses, flags | `filing` |

use std::fmt;

use postroad_protocol::address::{Address, ReversePath};
use postroad_sieve::{Action, Content, Decision, Filing, Memo, Origin, Outcome, Pipe};
use postroad_store::{Flags, FolderName, StoreError};

use crate::asked::{Asked, Goes};
use crate::programs::Program;

mod filing;
#[cfg(test)]
mod tests;

pub(super) use filing::is_inbox;

/// What is to be done with a letter: all of it, or nothing and "later".
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Where it is filed.
    pub(crate) stores: Vec<Store>,
    /// To whom it is sent on.
    pub(crate) sendings: Vec<Sending>,
    /// Letters that answer it, or tell of it.
    pub(crate) answers: Vec<Answer>,
    /// Programs that it is given to.
    pub(crate) pipes: Vec<PlannedPipe>,
    /// Why it is refused; then nothing else is done with it.
    pub(crate) refusal: Option<Vec<String>>,
    /// What is to be remembered once all is done.
    pub(crate) memos: Vec<Memo>,
    /// What was decided by which rule, as log and trace say it afterwards.
    pub(crate) notes: Vec<String>,
    /// What is wrong with the script: its user has to hear of it.
    pub(crate) mistake: Option<String>,
}

/// Filed once.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Store {
    pub(crate) spot: Spot,
    pub(crate) content: Content,
}

/// Where and how a letter is filed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) place: Place,
    pub(crate) flags: Flags,
    /// What the folder is for, if it is made for this letter (RFC 8579 §4.1).
    pub(crate) made_for: Option<String>,
}

/// Where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Inbox,
    Folder(FolderName),
}

/// Sent on, to all of these at once.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Sending {
    pub(crate) to: Vec<Address>,
    pub(crate) content: Content,
}

/// A letter of the script's own.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) from: ReversePath,
    pub(crate) to: Vec<Address>,
    /// Without a Message-ID.
    pub(crate) message: Vec<u8>,
    /// Where a copy of it is filed (RFC 8580).
    pub(crate) copy: Option<Spot>,
}

/// Given to a program.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PlannedPipe {
    pub(crate) program: Program,
    pub(crate) pipe: Pipe,
    /// Which rule wants it.
    pub(crate) by: String,
}

/// Whether a letter can be filed in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FolderIs {
    /// It is there, or may be made.
    Usable,
    Missing,
}

/// Whether one reply speaks for this user alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recipient {
    Alone,
    /// A member of an alias that nobody has expanded before us.
    OneOfSeveral,
}

/// What a plan depends on beside the script.
pub(crate) struct Ground<'a> {
    /// For whom the letter is.
    pub(crate) to: &'a Address,
    /// Whom it comes from.
    pub(crate) from: &'a ReversePath,
    pub(crate) recipient: Recipient,
    /// Looks a folder up.
    pub(crate) folder: &'a dyn Fn(&FolderName) -> Result<FolderIs, StoreError>,
    /// Finds the folder that is for something; the named one, where it is.
    pub(crate) folder_for: &'a FolderFor<'a>,
    /// Looks a program up, or says what is wrong with it.
    pub(crate) program: &'a dyn Fn(&str) -> Result<Program, String>,
}

/// As [`postroad_store::Courier::folder_for`].
pub(crate) type FolderFor<'a> =
    dyn Fn(&str, Option<&FolderName>) -> Result<Option<FolderName>, StoreError> + 'a;

impl Plan {
    /// Where a script can't be run at all, the letter is kept.
    pub(crate) fn keep(mistake: String) -> Self {
        let mut plan = Self { mistake: Some(mistake), ..Self::default() };
        plan.store(Place::Inbox, Filing::default());
        plan.notes.push("kept in the inbox, for the rules can't be followed".to_owned());
        plan
    }

    /// # Errors
    /// Where it can't be known whether a folder is there: the letter has to come again.
    pub(crate) fn of(outcome: Outcome, ground: &Ground<'_>) -> Result<Self, StoreError> {
        let Outcome { actions, discarded, memos, error, trace: _ } = outcome;
        if let Some(problem) = error {
            return Ok(Self::keep(problem.to_string()));
        }
        let mut plan = Self { memos, ..Self::default() };
        for decision in actions {
            plan.add(decision, ground)?;
        }
        let goes_nowhere =
            plan.stores.is_empty() && plan.sendings.is_empty() && plan.pipes.is_empty();
        if goes_nowhere && plan.refusal.is_none() {
            plan.notes.push(format!("discarded{}", By(discarded.as_ref())));
        }
        Ok(plan)
    }

    /// Where the letter itself goes. To another address in place of this one only where that is all that is done with
    /// it, for a recipient that one RCPT has named.
    pub(crate) fn goes(&self, recipient: Recipient, asked: Asked<'_>) -> Goes {
        let others: usize = self.sendings.iter().map(|sending| sending.to.len()).sum();
        let is_alone = recipient == Recipient::Alone && asked.rcpts.len() < 2;
        match (self.stores.is_empty(), others, self.pipes.is_empty()) {
            (false, ..) => Goes::Filed,
            (true, 0, true) => Goes::Nowhere,
            (true, 0, false) => Goes::ToPrograms,
            (true, 1, true) if is_alone => Goes::ToAnother,
            (true, ..) => Goes::ToOthers,
        }
    }

    fn add(&mut self, decision: Decision, ground: &Ground<'_>) -> Result<(), StoreError> {
        let by = By(decision.by.as_ref());
        match decision.action {
            Action::Keep(filing) => {
                // The implicit keep is nobody's decision.
                if by.0.is_some() {
                    self.notes.push(format!("kept in the inbox{by}"));
                }
                self.store(Place::Inbox, filing);
            }
            Action::FileInto { mailbox, filing } => {
                self.file_into(&mailbox, filing, by, ground)?;
            }
            Action::Redirect { to, content } => self.redirect(to, content, by, ground),
            Action::Reject { how: _, reason } => self.reject(reason, by, ground),
            Action::Pipe(pipe) => match (ground.program)(&pipe.program) {
                Ok(program) => {
                    let by = by.to_string();
                    self.pipes.push(PlannedPipe { program, pipe, by });
                }
                Err(mistake) => self.not_piped(pipe, mistake, by),
            },
            Action::Vacation(reply) => {
                self.notes.push(format!("{} was told of an absence{by}", reply.to));
                self.memos.extend(reply.memo);
                let copy = self.copy(reply.fcc, by, ground)?;
                let (from, to, message) = (ReversePath::Null, vec![reply.to], reply.message);
                self.answers.push(Answer { from, to, message, copy });
            }
            Action::Notify(notification) => {
                let to = shown(&notification.to);
                self.notes.push(format!("{to} was notified{by}"));
                let copy = self.copy(notification.fcc, by, ground)?;
                self.answers.push(Answer {
                    from: notification.sender,
                    to: notification.to,
                    message: notification.message,
                    copy,
                });
            }
        }
        Ok(())
    }

    /// A program that isn't there is a mistake, and what the script keeps then is kept.
    fn not_piped(&mut self, pipe: Pipe, mistake: String, by: By<'_>) {
        self.notes.push(format!("not given to a program{by}: {mistake}"));
        self.mistaken(by, &mistake);
        if let Some(filing) = pipe.kept {
            self.store(Place::Inbox, filing);
        }
    }

    /// Words in the protocol do for both kinds of refusal: whoever handed the letter in tells its sender.
    fn reject(&mut self, reason: Vec<String>, by: By<'_>, ground: &Ground<'_>) {
        match (ground.from, ground.recipient) {
            // RFC 5429 §2.1.1: nobody is there to be told, and a refusal would only go to the postmaster.
            (ReversePath::Null, _) => {
                self.notes.push(format!("refused{by}, and dropped: it has no sender"));
            }
            (ReversePath::Address(_), Recipient::OneOfSeveral) => {
                self.notes
                    .push(format!("kept in the inbox: others get it too, so not refused{by}"));
                self.store(Place::Inbox, Filing::default());
            }
            (ReversePath::Address(_), Recipient::Alone) => {
                self.notes.push(format!("refused{by}"));
                self.refusal = Some(reason);
            }
        }
    }

    /// The user hears of the first mistake, with its place.
    fn mistaken(&mut self, by: By<'_>, mistake: &str) {
        self.mistake.get_or_insert_with(|| match by.0 {
            Some(Origin { script, place }) => {
                format!("{script}:{}:{}: {mistake}", place.line, place.column)
            }
            None => mistake.to_owned(),
        });
    }

    fn redirect(&mut self, to: Address, content: Content, by: By<'_>, ground: &Ground<'_>) {
        // Row M10: it would come back, and be refused as looping.
        if to.to_string().eq_ignore_ascii_case(&ground.to.to_string()) {
            self.notes.push(format!("kept in the inbox, not sent to its own recipient{by}"));
            return self.store(Place::Inbox, Filing { content, ..Filing::default() });
        }
        self.notes.push(format!("sent on to {to}{by}"));
        match self.sendings.iter_mut().find(|sending| sending.content == content) {
            Some(sending) => sending.to.push(to),
            None => self.sendings.push(Sending { to: vec![to], content }),
        }
    }
}

fn shown(addresses: &[Address]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// ` by alice.sieve line 12`, where a command wants it.
#[derive(Clone, Copy)]
struct By<'a>(Option<&'a Origin>);

impl fmt::Display for By<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(Origin { script, place }) => write!(f, " by {script} line {}", place.line),
            None => Ok(()),
        }
    }
}
