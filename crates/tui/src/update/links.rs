//! The links of a letter. Nothing is opened that the user hasn't said yes to, with the true host in sight (row U18).

use postroad_safetext::{SafeText, safe_line};

use super::{Effects, compose, walk};
use crate::data::{LinkGoes, Page, Unsubscribe};
use crate::effect::Start;
use crate::keys::Action;
use crate::model::{Choice, Model, Note, Prompt, SaveState, Screen};

/// Shows them.
pub(super) fn open(model: &mut Model) {
    let Some(Screen::Pager(pager)) = model.stack.last() else { return };
    match pager.page.clone() {
        Some(page) if page.links.is_empty() => model.say("The letter has no links."),
        Some(page) => {
            model.stack.push(Screen::Links(SaveState::of(page)));
        }
        None => model.say("The letter is still being read."),
    }
}

/// Asks whether the list is to be left.
pub(super) fn unsubscribe(model: &mut Model, effects: &mut Effects) {
    let Some(Screen::Pager(pager)) = model.stack.last() else { return };
    match pager.page.clone() {
        Some(page) => leave(model, &page, effects),
        None => model.say("The letter is still being read."),
    }
}

/// Asks whether the list is to be left that this letter came by.
pub(super) fn leave(model: &mut Model, page: &Page, effects: &mut Effects) {
    let (words, wanted) = match page.unsubscribe.clone() {
        None => return model.say("The letter tells no way to leave a list."),
        // It is shown, and sent by the user.
        Some(Unsubscribe::Letter(link)) => {
            return compose::begin(model, Start::To(link), effects);
        }
        Some(Unsubscribe::Request { host, link }) => {
            let host = ending(&host, 32);
            let words = safe_line!("Unsubscribe at {}?", host.as_str());
            (words, Choice::Unsubscribe(link))
        }
        Some(Unsubscribe::Page { host, link }) => {
            let host = ending(&host, 32);
            let words = safe_line!("Open a page of {} to leave?", host.as_str());
            (words, Choice::OpenLink(link))
        }
    };
    model.prompt = Some(Prompt::Choice { words, wanted });
}

/// The end of a host, which says whose it is.
pub(crate) fn ending(host: &SafeText, columns: usize) -> SafeText {
    match host.width().checked_sub(columns) {
        None | Some(0) => host.clone(),
        Some(more) => safe_line!("…{}", host.from_column(more + 1).as_str()),
    }
}

pub(super) fn act(model: &mut Model, action: Action, effects: &mut Effects) {
    if walk::act(model, action) {
        return;
    }
    let Screen::Links(links) = model.screen() else { return };
    let link = links.page.links.get(links.list.selected).cloned();
    match (action, link) {
        (Action::Quit, _) => model.back(),
        (Action::Open, Some(link)) => match link.goes {
            LinkGoes::Web => {
                model.prompt = Some(Prompt::Choice {
                    words: safe_line!("Open {}?", ending(&link.host, 32).as_str()),
                    wanted: Choice::OpenLink(link.target),
                });
            }
            LinkGoes::Mail => compose::begin(model, Start::To(link.target), effects),
            LinkGoes::Nowhere => {
                let words = "It is not opened: only links of http and https are.";
                model.note = Note::Wrong(words.into(), "".into());
            }
        },
        _ => model.say("That key does nothing here."),
    }
}
