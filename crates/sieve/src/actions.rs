//! The actions that a run has decided on, and how they go together.

use crate::extensions::copy::ImplicitKeep;
use crate::limits;
use crate::outcome::{Action, Create, Decision, Filing, Origin, Try};
use crate::run::Failure;

/// Actions so far, and whether the implicit keep still stands (RFC 5228 §2.10.2).
#[derive(Debug, Default)]
pub(crate) struct Actions {
    list: Vec<Decision>,
    implicit_keep: ImplicitKeep,
    discarded: Option<Origin>,
    /// What pipes do to it, if their programs take the letter.
    piped: ImplicitKeep,
    vacation: Vacation,
}

/// Whether `vacation` was executed, whatever came of it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Vacation {
    #[default]
    NotYet,
    Asked,
}

/// Whether an action was put on the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Added {
    Yes,
    /// The same is on the list already.
    Again,
}

impl Actions {
    fn actions(&self) -> impl Iterator<Item = &Action> {
        self.list.iter().map(|decision| &decision.action)
    }

    /// Puts an action on the list, unless the same is there.
    pub(crate) fn add(&mut self, action: Action, by: Origin) -> Result<Added, Failure> {
        let mut decided = self.list.iter_mut().map(|decision| &mut decision.action);
        if let Some(same) = decided.find(|other| is_same(other, &action)) {
            if let (Some(filing), Some((_, last))) = (filing_mut(same), filed(&action)) {
                // RFC 5232 §3: of two that are one, the last flags win.
                filing.flags.clone_from(&last.flags);
                // RFC 5490 §3.2: whoever asks for the mailbox gets it.
                if last.create == Create::IfMissing {
                    filing.create = Create::IfMissing;
                }
            }
            return Ok(Added::Again);
        }
        self.check_compatible(&action)?;
        // RFC 5228 §2.10.4.
        if self.list.len() >= limits::ACTIONS_MAX {
            let problem = format!("more than {} actions", limits::ACTIONS_MAX);
            return Err(Failure::new(problem));
        }
        let is_redirect = |action: &&Action| matches!(action, Action::Redirect { .. });
        let redirects = self.actions().filter(is_redirect).count();
        // RFC 5228 §4.2, §10.
        if is_redirect(&&action) && redirects >= limits::REDIRECTS_MAX {
            return Err(Failure::new(format!("more than {} redirects", limits::REDIRECTS_MAX)));
        }
        let is_notification = |action: &&Action| matches!(action, Action::Notify(_));
        let notifications = self.actions().filter(is_notification).count();
        // RFC 5435 §8.
        if is_notification(&&action) && notifications >= limits::NOTIFICATIONS_MAX {
            let problem = format!("more than {} notifications", limits::NOTIFICATIONS_MAX);
            return Err(Failure::new(problem));
        }
        self.list.push(Decision { action, by: Some(by) });
        Ok(Added::Yes)
    }

    /// RFC 5429 §2.4: a letter is refused or delivered, not both; and who is refused isn't told of a vacation.
    fn check_compatible(&self, action: &Action) -> Result<(), Failure> {
        let is_reject = |action: &Action| matches!(action, Action::Reject { .. });
        // RFC 5435 §7: that goes with everything.
        if matches!(action, Action::Notify(_)) {
            return Ok(());
        }
        let is_notify = |action: &Action| matches!(action, Action::Notify(_));
        let problem = match (is_reject(action), self.actions().any(is_reject)) {
            (true, true) => "a letter is refused only once",
            (true, false) if self.actions().all(is_notify) && self.vacation == Vacation::NotYet => {
                return Ok(());
            }
            (false, false) => return Ok(()),
            (true, false) | (false, true) => {
                "a letter that is refused can't be filed, redirected or answered as well"
            }
        };
        Err(Failure::new(problem).hint("\"stop\" behind the \"reject\" ends the script"))
    }

    /// Notes that a vacation response was asked for.
    ///
    /// # Errors
    /// The second time (RFC 5230 §4.7), or where the letter was refused (RFC 5429 §2.4).
    pub(crate) fn note_vacation(&mut self) -> Result<(), Failure> {
        if self.actions().any(|action| matches!(action, Action::Reject { .. })) {
            return Err(Failure::new("a letter that is refused isn't answered as well"));
        }
        match std::mem::replace(&mut self.vacation, Vacation::Asked) {
            Vacation::NotYet => Ok(()),
            Vacation::Asked => Err(Failure::new("\"vacation\" runs once in a script")),
        }
    }

    /// Cancels the implicit keep, or leaves it as it is.
    pub(crate) fn implicit_keep(&mut self, keep: ImplicitKeep) {
        match keep {
            ImplicitKeep::Stands => {}
            ImplicitKeep::Cancelled => self.implicit_keep = ImplicitKeep::Cancelled,
        }
    }

    /// Notes what a pipe does to the implicit keep, if its program takes the letter.
    pub(crate) fn pipes(&mut self, keep: ImplicitKeep) {
        match keep {
            ImplicitKeep::Stands => {}
            ImplicitKeep::Cancelled => self.piped = ImplicitKeep::Cancelled,
        }
    }

    pub(crate) fn keeps_implicitly(&self) -> bool {
        (self.implicit_keep, self.piped) == (ImplicitKeep::Stands, ImplicitKeep::Stands)
    }

    /// As [`Actions::implicit_keep`], for `discard`.
    pub(crate) fn discard(&mut self, by: Origin) {
        self.implicit_keep(ImplicitKeep::Cancelled);
        self.discarded.get_or_insert(by);
    }

    /// The list, with the implicit keep where it stands; and what discarded the letter.
    pub(crate) fn into_list(mut self, filing: Filing) -> (Vec<Decision>, Option<Origin>) {
        self.keep_if_pipes_fail(&filing);
        let keep = Action::Keep(filing);
        if self.keeps_implicitly() && !self.actions().any(|other| is_same(other, &keep)) {
            self.list.push(Decision { action: keep, by: None });
        }
        (self.list, self.discarded)
    }

    /// What is kept where a program doesn't take the letter. A failure that counts is as a script's that fails:
    /// the letter as it came (RFC 5228 §2.10.6); one that doesn't leaves the implicit keep as it was without.
    fn keep_if_pipes_fail(&mut self, implicit: &Filing) {
        let tried = (self.implicit_keep == ImplicitKeep::Stands).then_some(implicit);
        for decision in &mut self.list {
            if let Action::Pipe(pipe) = &mut decision.action {
                pipe.kept = match pipe.failure {
                    Try::No => Some(Filing::default()),
                    Try::Yes => tried.cloned(),
                };
            }
        }
    }
}

/// RFC 5228 §2.10.3: the same letter into the same mailbox, or to the same address, once. RFC 5293 §7: it stays
/// the same when its header was edited. RFC 8579 §4: which mailbox has a special use isn't known here.
fn is_same(a: &Action, b: &Action) -> bool {
    match (a, b) {
        (Action::Redirect { to, .. }, Action::Redirect { to: to_b, .. }) => to == to_b,
        // Deviates from "Invoking External Programs" §5.1, which lets a program be piped to once, because recipes
        // call one with other arguments each time.
        (Action::Pipe(a), Action::Pipe(b)) => {
            (&a.program, &a.arguments) == (&b.program, &b.arguments)
        }
        // RFC 5436 §2.7: nobody is told twice of one letter.
        (Action::Notify(a), Action::Notify(b)) => a.to == b.to,
        _ => filed(a).zip(filed(b)).is_some_and(|((mailbox, filing), (mailbox_b, filing_b))| {
            let special_use = |filing: &Filing| {
                filing.special_use.as_ref().map(|attribute| attribute.to_ascii_lowercase())
            };
            mailbox == mailbox_b && special_use(filing) == special_use(filing_b)
        }),
    }
}

/// Where an action files a letter; RFC 9051 §5.1 has INBOX in any case.
fn filed(action: &Action) -> Option<(&str, &Filing)> {
    match action {
        Action::Keep(filing) => Some(("INBOX", filing)),
        Action::FileInto { mailbox, filing } if mailbox.eq_ignore_ascii_case("INBOX") => {
            Some(("INBOX", filing))
        }
        Action::FileInto { mailbox, filing } => Some((mailbox, filing)),
        Action::Redirect { .. }
        | Action::Reject { .. }
        | Action::Pipe(_)
        | Action::Vacation(_)
        | Action::Notify(_) => None,
    }
}

fn filing_mut(action: &mut Action) -> Option<&mut Filing> {
    match action {
        Action::Keep(filing) | Action::FileInto { filing, .. } => Some(filing),
        Action::Redirect { .. }
        | Action::Reject { .. }
        | Action::Pipe(_)
        | Action::Vacation(_)
        | Action::Notify(_) => None,
    }
}
