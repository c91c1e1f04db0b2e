//! A letter that is read.

use std::sync::Arc;

use postroad_safetext::safe_line;

use super::Effects;
use super::index::{self, Then};
use super::{compose, explain, links, people, told, within};
use crate::data::{LetterId, Marks, Page, PageLine};
use crate::effect::{Ask, Audience, Start};
use crate::keys::Action;
use crate::limits::LINE_COLUMNS_MAX;
use crate::model::{
    Headers, IndexState, Looked, Model, OneOf, PagerState, Place, Prompt, Quotes, ReadFor,
    SaveState, Screen, Towards,
};
use crate::view::Lines;

/// Reads the letter that is selected.
pub(super) fn open(model: &mut Model, headers: Headers, effects: &mut Effects) {
    let Some(letter) = model.index.as_ref().and_then(IndexState::selected) else {
        return model.say("There is no letter.");
    };
    stop_reading(model, effects);
    let quotes = match model.stack.last() {
        Some(Screen::Pager(pager)) => pager.quotes,
        Some(_) | None => Quotes::default(),
    };
    let looked = match model.stack.last_mut() {
        Some(Screen::Pager(pager)) => pager.looked.take(),
        Some(_) | None => None,
    };
    // `n` looks for the same in the next letter.
    let looked = looked.map(|looked| Looked { at: None, ..looked });
    let state = PagerState { headers, quotes, looked, ..PagerState::of(letter) };
    match model.stack.last_mut() {
        Some(Screen::Pager(pager)) => *pager = state,
        Some(_) | None => model.stack.push(Screen::Pager(state)),
    }
    model.jobs.ask(Ask::Read(letter), effects);
}

/// Fetches the letter that is selected, for something else than reading it.
pub(super) fn fetch(model: &mut Model, wanted: ReadFor, effects: &mut Effects) {
    let Some(letter) = model.index.as_ref().and_then(IndexState::selected) else {
        return model.say("There is no letter.");
    };
    stop_reading(model, effects);
    model.stack.push(Screen::Pager(PagerState { wanted, ..PagerState::of(letter) }));
    model.jobs.ask(Ask::Read(letter), effects);
}

impl PagerState {
    /// With these fields of its header, from its beginning.
    pub(super) fn show(&mut self, headers: Headers) {
        self.at = Place::default();
        self.forget_place();
        self.headers = headers;
    }

    /// A letter of which nothing is known yet.
    pub fn of(letter: LetterId) -> Self {
        Self {
            letter,
            page: None,
            at: Place::default(),
            headers: Headers::default(),
            quotes: Quotes::default(),
            wanted: ReadFor::default(),
            looked: None,
        }
    }
}

/// Reads a letter that may not be in the list of letters yet.
pub(super) fn open_letter(model: &mut Model, letter: LetterId, effects: &mut Effects) {
    stop_reading(model, effects);
    let headers = model.look.headers;
    model.stack.push(Screen::Pager(PagerState { headers, ..PagerState::of(letter) }));
    model.jobs.ask(Ask::Read(letter), effects);
}

/// Reads the letter that is selected, or read, with all that belong to it, quotes folded; what was read before lies below.
pub(super) fn open_conversation(model: &mut Model, effects: &mut Effects) {
    let letter = match model.screen() {
        Screen::Pager(pager) => Some(pager.letter),
        _ => model.index.as_ref().and_then(IndexState::selected),
    };
    let Some(letter) = letter else { return model.say("There is no letter.") };
    stop_reading(model, effects);
    let (headers, quotes) = (Headers::All, Quotes::Folded);
    model.stack.push(Screen::Pager(PagerState { headers, quotes, ..PagerState::of(letter) }));
    model.jobs.ask(Ask::Conversation(letter), effects);
}

/// They have come.
pub(super) fn came_together(
    model: &mut Model,
    page: &Arc<Page>,
    letters: &[LetterId],
    effects: &mut Effects,
) {
    came(model, page, effects);
    if matches!(model.screen(), Screen::Pager(pager) if pager.letter == page.letter) {
        letters.iter().for_each(|letter| index::marked(model, *letter, Marks::SEEN));
    }
}

/// Nobody waits for a letter any more.
fn stop_reading(model: &mut Model, effects: &mut Effects) {
    let is_reading =
        |ask: &Ask| matches!(ask, Ask::Read(_) | Ask::Part { .. } | Ask::Conversation(_));
    model.jobs.cancel(effects, is_reading);
}

/// The letter has come.
pub(super) fn came(model: &mut Model, page: &Arc<Page>, effects: &mut Effects) {
    let Some(Screen::Pager(pager)) = model.stack.last_mut() else { return };
    if pager.letter != page.letter {
        return;
    }
    let wanted = pager.wanted;
    pager.page = Some(with_short_lines(page));
    match wanted {
        ReadFor::Reading => index::marked(model, page.letter, Marks::SEEN),
        // It isn't shown, and so nobody has read it.
        ReadFor::Parts => {
            parts(model);
            without_letter(model);
        }
        ReadFor::Explain => {
            explain::open(model, effects);
            without_letter(model);
        }
        ReadFor::Leave => {
            model.back();
            links::leave(model, page, effects);
        }
        ReadFor::Address => {
            model.back();
            told::author(model, page);
        }
    }
}

/// Takes the letter away from below what is shown of it.
fn without_letter(model: &mut Model) {
    if let Some(place) = model.stack.len().checked_sub(2).filter(|place| *place > 0) {
        model.stack.remove(place);
    }
}

/// What a program has said.
pub(super) fn output(model: &mut Model, page: &Arc<Page>) {
    if page.lines.is_empty() {
        return model.say("It was given, and said nothing.");
    }
    show(model, page);
}

/// A page on top of what is shown.
pub(super) fn show(model: &mut Model, page: &Arc<Page>) {
    let state = PagerState { page: Some(with_short_lines(page)), ..PagerState::of(page.letter) };
    model.stack.push(Screen::Pager(state));
}

/// Lines that are too long to be wrapped for each window are several.
fn with_short_lines(page: &Arc<Page>) -> Arc<Page> {
    if page.lines.iter().all(|line| line.text.as_str().len() <= LINE_COLUMNS_MAX) {
        return Arc::clone(page);
    }
    let mut short = Page::clone(page);
    short.lines = page
        .lines
        .iter()
        .flat_map(|line| {
            let pieces = line.text.wrapped(LINE_COLUMNS_MAX).into_iter();
            pieces.map(|text| PageLine { kind: line.kind, text })
        })
        .collect();
    Arc::new(short)
}

pub(super) fn act(model: &mut Model, action: Action, effects: &mut Effects) {
    let rows = isize::try_from(model.body().height().max(1)).unwrap_or(isize::MAX);
    match action {
        Action::LineDown => scroll(model, 1),
        Action::LineUp => scroll(model, -1),
        Action::PageUp => scroll(model, -rows),
        Action::First => scroll(model, isize::MIN),
        Action::Last => scroll(model, isize::MAX),
        Action::PageDown if is_at_end(model) => another(model, Action::Next, effects),
        Action::PageDown => scroll(model, rows),
        Action::Next
        | Action::Previous
        | Action::NextAny
        | Action::PreviousAny
        | Action::NextNew
        | Action::PreviousNew => another(model, action, effects),
        Action::Headers => {
            if let Some(Screen::Pager(pager)) = model.stack.last_mut() {
                pager.show(match pager.headers {
                    Headers::Brief => Headers::All,
                    Headers::All => Headers::Brief,
                });
            }
        }
        Action::Conversation => open_conversation(model, effects),
        Action::Parts => parts(model),
        Action::Links => links::open(model),
        Action::Attend => attend(model),
        Action::ListAction => links::unsubscribe(model, effects),
        Action::Explain => explain::open(model, effects),
        Action::Original => open_original(model, effects),
        Action::Search => within::ask(model, Towards::End),
        Action::SearchBack => within::ask(model, Towards::Beginning),
        Action::SearchNext => within::next(model),
        Action::SearchToggle => within::toggle(model),
        Action::ToggleQuoted => toggle_quoted(model),
        Action::SkipQuoted => skip_quoted(model),
        Action::SkipHeaders => skip_headers(model),
        Action::Quit => close(model, effects),
        action if told::act(model, action, effects) => {}
        action if is_elsewhere(model) => of_another_folder(model, action, effects),
        action => {
            select(model);
            let before = model.index.as_ref().and_then(IndexState::selected);
            if index::change(model, action, effects) == Then::Next {
                let after = model.index.as_ref().and_then(IndexState::selected);
                if before == after { close(model, effects) } else { read_selected(model, effects) }
            }
        }
    }
}

/// Whether the letter is in another folder than the list below.
fn is_elsewhere(model: &Model) -> bool {
    match (model.screen(), &model.index) {
        (Screen::Pager(pager), Some(index)) => pager.letter.folder != index.folder,
        _ => false,
    }
}

/// What is done to such a letter is done to it, and not to the one that is selected in the list.
fn of_another_folder(model: &mut Model, action: Action, effects: &mut Effects) {
    let Screen::Pager(pager) = model.screen() else { return };
    let letter = pager.letter;
    match action {
        Action::Reply => compose::begin(model, Start::Reply(letter, Audience::Sender), effects),
        Action::Group => compose::begin(model, Start::Reply(letter, Audience::All), effects),
        Action::Forward => compose::begin(model, Start::Forward(letter), effects),
        Action::Resend => compose::begin(model, Start::Resend(letter), effects),
        Action::Bounce => compose::ask_whom(model, letter),
        Action::Mail => compose::begin(model, Start::Empty, effects),
        Action::Query => people::ask(model),
        _ => model.say("That letter is in another folder.  q: back"),
    }
}

/// The user's letter that this one is about.
fn open_original(model: &mut Model, effects: &mut Effects) {
    let Screen::Pager(pager) = model.screen() else { return };
    let letter = pager.letter;
    match pager.page.as_ref().map(|page| page.original.clone()) {
        Some(Some(id)) => {
            model.jobs.ask(Ask::Original { letter, id }, effects);
        }
        Some(None) => model.say("The letter doesn't say what became of one of yours."),
        None => model.say("The letter is still being read."),
    }
}

/// Asks how an invitation is answered, with whom that is told in sight.
fn attend(model: &mut Model) {
    let Some(Screen::Pager(PagerState { letter, page: Some(page), .. })) = model.stack.last()
    else {
        return model.say("The letter is still being read.");
    };
    let Some(organizer) = &page.invitation else {
        return model.say("There is no invitation in it that wants an answer.");
    };
    // The address stands at the end, and is what an answer goes to.
    let organizer = links::ending(organizer, 34);
    let words = safe_line!("(a)ccept (d)ecline (t)entative: tell {}?", organizer.as_str());
    let wanted = OneOf::Attendance(*letter);
    model.prompt = Some(Prompt::Letter { words, wanted });
}

/// What is selected in the index is what is read: a listing may have changed it meanwhile.
fn select(model: &mut Model) {
    if let Some(Screen::Pager(pager)) = model.stack.last()
        && let Some(index) = &mut model.index
        && let Some(place) = index.place_of(pager.letter)
    {
        index.list.selected = place;
    }
}

/// Another letter in place of this one; back to the list where there is none.
pub(super) fn another(model: &mut Model, action: Action, effects: &mut Effects) {
    select(model);
    let note = model.note.clone();
    if index::go(model, action) {
        read_selected(model, effects);
    } else {
        model.note = note;
        close(model, effects);
    }
}

/// The letter with a number, in place of this one.
pub(super) fn jump(model: &mut Model, number: &str, effects: &mut Effects) {
    let Some(index) = &mut model.index else { return };
    let place = number.trim().parse().ok().and_then(|number: usize| number.checked_sub(1));
    match place.filter(|place| *place < index.heads().len()) {
        Some(place) => {
            index.list.selected = place;
            read_selected(model, effects);
        }
        None => model.say("There is no letter with that number."),
    }
}

fn read_selected(model: &mut Model, effects: &mut Effects) {
    let headers = match model.screen() {
        Screen::Pager(pager) => pager.headers,
        _ => model.look.headers,
    };
    open(model, headers, effects);
}

fn close(model: &mut Model, effects: &mut Effects) {
    stop_reading(model, effects);
    model.back();
}

fn parts(model: &mut Model) {
    let Some(Screen::Pager(pager)) = model.stack.last() else { return };
    match pager.page.clone() {
        Some(page) => model.stack.push(Screen::Save(SaveState::of(page))),
        None => model.say("The letter is still being read."),
    }
}

/// Rows on, or back.
pub(super) fn scroll(model: &mut Model, by: isize) {
    let body = model.body();
    let columns = usize::from(body.columns);
    let Some(Screen::Pager(pager)) = model.stack.last_mut() else { return };
    let Some(page) = &pager.page else { return };
    let lines = Lines::of(page, pager.headers, pager.quotes);
    let end = Place { line: usize::MAX, row: usize::MAX };
    pager.at = match by {
        isize::MIN => Place::default(),
        isize::MAX => {
            let end = lines.inside(end, columns);
            lines.back(end, body.height().saturating_sub(1), columns)
        }
        by if by < 0 => lines.back(pager.at, by.unsigned_abs(), columns),
        by => lines.on(pager.at, by.unsigned_abs(), columns),
    };
}

/// Quotes folded, or shown; what stands on top stays there.
fn toggle_quoted(model: &mut Model) {
    let Some(Screen::Pager(pager)) = model.stack.last_mut() else { return };
    let quotes = match pager.quotes {
        Quotes::Shown => Quotes::Folded,
        Quotes::Folded => Quotes::Shown,
    };
    if let Some(page) = &pager.page {
        let top = Lines::of(page, pager.headers, pager.quotes).written(pager.at.line);
        let line = Lines::of(page, pager.headers, quotes).shown(top);
        pager.at = Place { line, row: 0 };
    }
    pager.forget_place();
    pager.quotes = quotes;
}

/// mutt's words, where there is nothing to go to.
fn skip_quoted(model: &mut Model) {
    let Some(Screen::Pager(pager)) = model.stack.last_mut() else { return };
    let Some(page) = &pager.page else { return };
    let lines = Lines::of(page, pager.headers, pager.quotes);
    let Some(quote) = (pager.at.line..lines.len()).find(|line| lines.is_quote(*line)) else {
        return model.say("No more quoted text.");
    };
    match (quote..lines.len()).find(|line| !lines.is_quote(*line)) {
        Some(line) => pager.at = Place { line, row: 0 },
        None => model.say("No more unquoted text after quoted text."),
    }
}

fn skip_headers(model: &mut Model) {
    let Some(Screen::Pager(pager)) = model.stack.last_mut() else { return };
    let Some(page) = &pager.page else { return };
    let line = Lines::of(page, pager.headers, pager.quotes).first_of_text();
    if pager.at.line < line {
        pager.at = Place { line, row: 0 };
    } else {
        model.say("Already skipped past headers.");
    }
}

/// Whether the end of the letter is in sight.
fn is_at_end(model: &Model) -> bool {
    let body = model.body();
    let Screen::Pager(PagerState { page: Some(page), headers, quotes, at, .. }) = model.screen()
    else {
        return false;
    };
    Lines::of(page, *headers, *quotes).ends_within(*at, body.height(), usize::from(body.columns))
}

/// A part of the letter, as a letter of its own.
pub(super) fn open_part(model: &mut Model, letter: LetterId, part: usize, effects: &mut Effects) {
    stop_reading(model, effects);
    model.stack.push(Screen::Pager(PagerState::of(letter)));
    model.jobs.ask(Ask::Part { letter, part }, effects);
}
