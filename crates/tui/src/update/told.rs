//! What a key has told in the last line, and nothing else: folders with new letters, an address, what the list is limited to, the version.

use postroad_safetext::{SafeText, safe_line};

use super::Effects;
use crate::data::{Page, Role};
use crate::effect::Ask;
use crate::keys::Action;
use crate::model::{Model, PagerState, ReadFor, Screen};

/// Does what one of these keys does; false where the action isn't one of them.
pub(super) fn act(model: &mut Model, action: Action, effects: &mut Effects) -> bool {
    match action {
        Action::NewMail => new_mail(model),
        Action::Version => model.say(concat!("Postroad ", env!("CARGO_PKG_VERSION"))),
        Action::ShowLimit => limit(model),
        Action::Address => address(model, effects),
        Action::FetchMail => {
            if let Some(folder) = model.index.as_ref().map(|index| index.folder) {
                model.say("Looking for new mail...");
                model.jobs.ask(Ask::Refresh(folder), effects);
            }
        }
        _ => return false,
    }
    true
}

/// Folders, but for the one that is open, that have unread letters.
fn new_mail(model: &mut Model) {
    let open = model.index.as_ref().map(|index| index.folder);
    let has_new = |row: &&crate::data::FolderRow| {
        Some(row.id) != open
            && row.role != Some(Role::Inboxes)
            && row.counts.is_some_and(|counts| counts.unread > 0)
    };
    let names: Vec<&str> =
        model.folders.iter().filter(has_new).map(|row| row.name.as_str()).collect();
    match names.as_slice() {
        [] => model.say("No mailboxes have new mail"),
        names => model.say(safe_line!("New mail in {}", names.join(", "))),
    }
}

fn limit(model: &mut Model) {
    let limit = model.index.as_ref().and_then(|index| index.limit.as_ref());
    match limit.map(|limit| SafeText::line(&limit.pattern)) {
        Some(pattern) => model.say(safe_line!("Limit: {}", pattern.as_str())),
        None => model.say("No limit pattern is in effect."),
    }
}

/// All of who wrote a letter, or of a folder's name.
fn address(model: &mut Model, effects: &mut Effects) {
    match model.screen() {
        Screen::Pager(PagerState { page: Some(page), .. }) => {
            let page = std::sync::Arc::clone(page);
            author(model, &page);
        }
        Screen::Pager(_) => model.say("The letter is still being read."),
        Screen::Folders(state) => {
            let (order, place) = (state.order, state.list.selected);
            if let Some(name) = model.folders_in(order).get(place).map(|row| row.name.clone()) {
                model.say(name);
            }
        }
        _ => super::pager::fetch(model, ReadFor::Address, effects),
    }
}

/// Says who wrote it, name and address.
pub(super) fn author(model: &mut Model, page: &Page) {
    let from = page.head.iter().find(|(name, _)| name.as_str().eq_ignore_ascii_case("from"));
    match from {
        Some((_, value)) => model.say(value.clone()),
        None => model.say("The letter doesn't say who wrote it."),
    }
}
