//! Numbered lines in place of a screen: for screen readers, and for terminals that can't place anything.
//!
//! ```text
//! typed line ──► Session::typed ──► the same keys ──► update ──► the same model ──► Session::tell ──► lines
//! ```
//! What is told is the body of the screen that would be shown, once: the rows of a list with `>` before the one that is
//! selected, a letter a page at a time, and after that only what has changed. Notes come as they are made. Then
//! [`Session::prompt`] asks for a line: the answer to a question, a number, a key or its name with the numbers of letters that
//! it is for, and what would be typed behind it (`s 3 Archive`). Nothing more is read as long as the screen waits for what it
//! shows, for [`PLAIN_WAIT`] at most.

use std::time::Duration;

use postroad_safetext::{SafeText, safe_line};

use crate::canvas;
use crate::data::{FolderId, Head, LetterId, Trust};
use crate::effect::Ask;
use crate::keys::{On, mutt};
use crate::limits::PLAIN_WAIT;
use crate::model::{ComposeStage, Editor, Headers, Model, Note, Prompt, Quotes, Screen};
use crate::view::{self, Status};

mod typed;

/// Rows of a list that are told alone when they have changed; where more have, all of them are.
const FEW_ROWS: usize = 3;

/// What has been told.
#[derive(Debug, Clone, Default)]
pub struct Session {
    /// Of each screen that lies above another, the lowest first.
    told: Vec<Told>,
    note: Note,
    /// Screens whose keys were told.
    known: Vec<On>,
    /// Somebody has typed something, and is to hear what came of it.
    is_due: bool,
    /// What is told before all else.
    ahead: Vec<SafeText>,
    /// Until when nothing is read that is typed.
    waits_until: Option<Duration>,
}

/// A screen as it was told.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Told {
    what: Subject,
    rows: Vec<SafeText>,
    /// The row of what is selected.
    selected: Option<usize>,
}

/// What a screen is about; where that is another, all of it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Subject {
    on: On,
    folder: Option<FolderId>,
    letter: Option<LetterId>,
    /// Whether its letter has come, and how it is shown.
    page: Option<(Headers, Quotes)>,
}

impl Session {
    /// What hasn't been told.
    pub fn tell(&mut self, model: &Model) -> Vec<SafeText> {
        let mut lines = std::mem::take(&mut self.ahead);
        if model.prompt.is_none() && !self.waits(model) {
            self.tell_body(model, &mut lines);
        }
        if model.note != self.note {
            lines.extend(note(model));
            self.note = model.note.clone();
        }
        lines
    }

    /// What a line is asked for with; nothing while what is typed isn't read.
    pub fn prompt(&mut self, model: &Model) -> Option<SafeText> {
        match &model.prompt {
            Some(Prompt::Line { label, edit, .. }) if edit.text().is_empty() => Some(label.clone()),
            Some(Prompt::Line { label, edit, .. }) => {
                Some(safe_line!("{}[{}] ", label.as_str(), edit.shown().as_str()))
            }
            Some(prompt @ (Prompt::Choice { .. } | Prompt::Letter { .. })) => {
                prompt.question().map(|asked| safe_line!("{} ", asked.words.as_str()))
            }
            None if self.waits(model) => None,
            None => {
                let status = self.told.last().map(|_| body(model).1);
                let seen = status.map_or_else(SafeText::default, |status| status.right);
                Some(safe_line!("{} ({})> ", name(model.on()), seen.as_str()))
            }
        }
    }

    /// When this has to be asked again, since the start, without anything having happened.
    pub fn next_wake(&self) -> Option<Duration> {
        self.waits_until
    }

    /// Whether the screen waits for what it is to show, and has not done so for too long.
    fn waits(&mut self, model: &Model) -> bool {
        let now = model.now.since_start;
        if !is_waiting(model) {
            self.waits_until = None;
            return false;
        }
        now < *self.waits_until.get_or_insert(now.saturating_add(PLAIN_WAIT))
    }

    fn tell_body(&mut self, model: &Model, lines: &mut Vec<SafeText>) {
        let depth = model.stack.len().max(1);
        let is_back = self.told.len() > depth;
        self.told.truncate(depth);
        let what = subject(model);
        let before = self.told.get(depth - 1).filter(|told| told.what == what);
        let is_known = before.is_some();
        if is_known && !self.is_due && !is_back {
            return;
        }
        self.is_due = false;
        let (rows, status, selected) = body(model);
        let all = match before {
            None => true,
            Some(before) => {
                // Who comes back hears where they are.
                let is_moved = is_back || before.selected != selected;
                !tell_changes(before, &rows, selected.map(|row| (row, is_moved)), lines)
            }
        };
        if all {
            if !is_known || selected.is_some() {
                lines.push(status.left);
            }
            if !is_known {
                lines.extend(trust(model));
            }
            let marked = rows.iter().enumerate().map(|(at, row)| marked(row, at, selected));
            lines.extend(marked);
        }
        let on = model.on();
        if !self.known.contains(&on) {
            self.known.push(on);
            let keys = mutt::HELP_LINES.iter().find(|(at, _)| *at == on);
            lines.extend(keys.map(|(_, keys)| safe_line!("{keys}")));
        }
        // Below it may lie screens that nobody has been told of.
        while self.told.len() < depth {
            self.told.push(Told { what, rows: Vec::new(), selected: None });
        }
        if let Some(told) = self.told.last_mut() {
            *told = Told { what, rows, selected };
        }
    }
}

/// Tells what is other than before, and the row that is selected where that is another; false where that is too much of it.
fn tell_changes(
    before: &Told,
    rows: &[SafeText],
    selected: Option<(usize, bool)>,
    lines: &mut Vec<SafeText>,
) -> bool {
    let Some((selected, is_moved)) = selected else {
        // Text goes on where it was left, as far as a part of it is the same.
        let same = (0..before.rows.len()).find(|from| {
            let left = before.rows.get(*from..).unwrap_or_default();
            rows.starts_with(left)
        });
        match same.and_then(|from| rows.get(before.rows.len() - from..)) {
            Some(more) => lines.extend(more.iter().cloned()),
            None => return false,
        }
        return true;
    };
    let is_other = |at: &usize| before.rows.get(*at) != rows.get(*at);
    let changed: Vec<usize> = (0..rows.len()).filter(is_other).collect();
    if changed.len() > FEW_ROWS || rows.len() < before.rows.len() {
        return false;
    }
    for at in 0..rows.len() {
        let is_told = changed.contains(&at) || is_moved && at == selected;
        lines.extend(rows.get(at).filter(|_| is_told).map(|row| marked(row, at, Some(selected))));
    }
    true
}

/// A row of a list says whether it is selected; text is as it is.
fn marked(row: &SafeText, at: usize, selected: Option<usize>) -> SafeText {
    match selected {
        None => row.clone(),
        Some(selected) if selected == at => safe_line!("> {}", row.as_str()),
        Some(_) => safe_line!("  {}", row.as_str()),
    }
}

/// The rows that the screen would show, what it says of itself, and the row of what is selected.
fn body(model: &Model) -> (Vec<SafeText>, Status, Option<usize>) {
    let area = model.body();
    let (rows, status, cursor) =
        canvas::rows(area.columns, area.rows, |canvas| view::body(model, canvas, area));
    let is_list = match model.screen() {
        Screen::Pager(_) | Screen::Explain(_) | Screen::Help(_) | Screen::Editor(_) => false,
        Screen::Index => model.index.as_ref().is_some_and(|index| !index.heads().is_empty()),
        _ => true,
    };
    let selected = cursor.filter(|_| is_list).map(|cell| usize::from(cell.row));
    (rows, status, selected)
}

fn subject(model: &Model) -> Subject {
    let folder = model.index.as_ref().map(|index| index.folder);
    let (letter, page) = match model.screen() {
        Screen::Pager(pager) => {
            (Some(pager.letter), pager.page.as_ref().map(|_| (pager.headers, pager.quotes)))
        }
        Screen::Save(save) | Screen::Links(save) => (Some(save.page.letter), None),
        Screen::Explain(explain) => (Some(explain.page.letter), None),
        _ => (None, None),
    };
    Subject { on: model.on(), folder, letter, page }
}

/// Whether what the screen shows is still to come, or what was asked for last.
fn is_waiting(model: &Model) -> bool {
    // What goes on beside what is shown.
    let is_aside = |ask: &Ask| {
        matches!(
            ask,
            Ask::Open(_)
                | Ask::Close(_)
                | Ask::Sync(_)
                | Ask::Arrange(_)
                | Ask::Rows { .. }
                | Ask::Folders
                | Ask::Drafts
                | Ask::Outbox(_)
        )
    };
    let is_asked = model.jobs.any(|ask| !is_aside(ask));
    let is_bare = match model.screen() {
        Screen::Index => model.index.as_ref().is_some_and(|index| {
            let in_sight = index.heads().iter().skip(index.list.top).take(model.body().height());
            let are_asked = model.jobs.any(|ask| matches!(ask, Ask::Rows { .. }));
            let lacks = |head: &Head| !index.rows.contains_key(&head.uid);
            index.listing.is_none() || are_asked && in_sight.copied().any(|head| lacks(&head))
        }),
        Screen::Folders(_) => model.folders.is_empty(),
        Screen::Pager(pager) => pager.page.is_none(),
        Screen::Compose(id) => model.desk.get(*id).is_some_and(|compose| {
            compose.stage == ComposeStage::Beginning(Editor::Wanted) || compose.draft.is_none()
        }),
        _ => false,
    };
    is_asked || is_bare
}

/// What a letter's seal says, and whether it is from whom it says: before the letter, as above it on a screen.
fn trust(model: &Model) -> Vec<SafeText> {
    let Screen::Pager(pager) = model.screen() else { return Vec::new() };
    let lines = pager.page.iter().flat_map(|page| page.seal.iter().chain(&page.trust));
    let said = lines.map(|line| {
        let mark = match line.level {
            Trust::Good => "+",
            Trust::Open => "?",
            Trust::Bad => "!",
        };
        safe_line!("{mark} {}  (X: why)", line.words.as_str())
    });
    said.collect()
}

/// What there is to say, once: what counts down isn't told anew each second.
fn note(model: &Model) -> Option<SafeText> {
    match &model.note {
        Note::Nothing | Note::Progress(..) => None,
        Note::Said(_) | Note::Wrong(..) | Note::Queued => Some(view::said(model)),
    }
}

fn name(on: On) -> String {
    match on {
        On::Anywhere | On::Index => "letters".into(),
        On::Pager => "letter".into(),
        On::Compose => "writing".into(),
        on => format!("{on:?}").to_lowercase(),
    }
}
