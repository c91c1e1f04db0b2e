//! The actions that a run has decided on, and how they go together.

use crate::extensions::copy::ImplicitKeep;
use crate::limits;
use crate::outcome::{Action, Filing};
use crate::run::Failure;

/// Actions so far, and whether the implicit keep still stands (RFC 5228 §2.10.2).
#[derive(Debug, Default)]
pub(crate) struct Actions {
    list: Vec<Action>,
    implicit_keep: ImplicitKeep,
}

/// Whether an action was put on the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Added {
    Yes,
    /// The same is on the list already.
    Again,
}

impl Actions {
    /// Puts an action on the list, unless the same is there.
    pub(crate) fn add(&mut self, action: Action) -> Result<Added, Failure> {
        if let Some(same) = self.list.iter_mut().find(|other| is_same(other, &action)) {
            // RFC 5232 §3: of two that are one, the last flags win.
            if let (Some(filing), Some(last)) = (filing_mut(same), filed(&action)) {
                filing.flags.clone_from(&last.1.flags);
            }
            return Ok(Added::Again);
        }
        // RFC 5228 §2.10.4.
        if self.list.len() >= limits::ACTIONS_MAX {
            let problem = format!("more than {} actions", limits::ACTIONS_MAX);
            return Err(Failure::new(problem));
        }
        let is_redirect = |action: &&Action| matches!(action, Action::Redirect { .. });
        let redirects = self.list.iter().filter(is_redirect).count();
        // RFC 5228 §4.2, §10.
        if is_redirect(&&action) && redirects >= limits::REDIRECTS_MAX {
            return Err(Failure::new(format!("more than {} redirects", limits::REDIRECTS_MAX)));
        }
        self.list.push(action);
        Ok(Added::Yes)
    }

    /// Cancels the implicit keep, or leaves it as it is.
    pub(crate) fn implicit_keep(&mut self, keep: ImplicitKeep) {
        match keep {
            ImplicitKeep::Stands => {}
            ImplicitKeep::Cancelled => self.implicit_keep = ImplicitKeep::Cancelled,
        }
    }

    pub(crate) fn keeps_implicitly(&self) -> bool {
        self.implicit_keep == ImplicitKeep::Stands
    }

    /// The list, with the implicit keep where it stands.
    pub(crate) fn into_list(mut self, filing: Filing) -> Vec<Action> {
        let keep = Action::Keep(filing);
        if self.keeps_implicitly() && !self.list.iter().any(|other| is_same(other, &keep)) {
            self.list.push(keep);
        }
        self.list
    }
}

/// RFC 5228 §2.10.3: the same letter into the same mailbox, or to the same address, once.
fn is_same(a: &Action, b: &Action) -> bool {
    match (a, b) {
        (Action::Redirect { to, content }, Action::Redirect { to: to_b, content: content_b }) => {
            to == to_b && content == content_b
        }
        _ => match (filed(a), filed(b)) {
            (Some((mailbox, filing)), Some((mailbox_b, filing_b))) => {
                mailbox == mailbox_b && filing.content == filing_b.content
            }
            (None, _) | (_, None) => false,
        },
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
        Action::Redirect { .. } => None,
    }
}

fn filing_mut(action: &mut Action) -> Option<&mut Filing> {
    match action {
        Action::Keep(filing) | Action::FileInto { filing, .. } => Some(filing),
        Action::Redirect { .. } => None,
    }
}
