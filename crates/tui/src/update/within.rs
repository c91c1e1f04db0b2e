//! Finding words in a letter that is read: `/`, Esc `/`, `n`, and `\\`, which has them marked or not.
//!
//! What is looked for is a regular expression, as in mutt; without a capital letter in it capitals don't matter. What is looked
//! through is what is shown: fields that aren't shown and quotes that are folded are left out.

use postroad_safetext::safe_line;
use regex::RegexBuilder;

use crate::limits::PATTERN_OCTETS_MAX;
use crate::line_edit::LineEdit;
use crate::model::{Looked, Matches, Model, PagerState, Plain, Prompt, Screen, Towards, Wanted};
use crate::view::Lines;

/// Asks what to look for.
pub(super) fn ask(model: &mut Model, towards: Towards) {
    if !matches!(model.screen(), Screen::Pager(PagerState { page: Some(_), .. })) {
        return model.say("The letter is still being read.");
    }
    let label = match towards {
        Towards::End => "Search for: ",
        Towards::Beginning => "Reverse search for: ",
    };
    let (label, edit, wanted) = (label.into(), LineEdit::default(), Wanted::Within(towards));
    model.prompt = Some(Prompt::Line { label, edit, wanted });
}

/// It was typed; nothing is the same as before.
pub(super) fn typed(model: &mut Model, towards: Towards, text: &str) {
    let Some(Screen::Pager(pager)) = model.stack.last_mut() else { return };
    if text.is_empty() {
        match &mut pager.looked {
            Some(looked) => looked.towards = towards,
            None => return,
        }
        return next(model);
    }
    let pattern = RegexBuilder::new(text)
        .case_insensitive(!text.chars().any(char::is_uppercase))
        .size_limit(PATTERN_OCTETS_MAX)
        .build();
    let Ok(pattern) = pattern else {
        let shown = postroad_safetext::SafeText::line(text).cut(40);
        return model.say(safe_line!("{} is no regular expression.", shown.as_str()));
    };
    pager.looked = Some(Looked { pattern, towards, at: None, matches: Matches::Shown });
    next(model);
}

/// To the next place; round the end, where none is left.
pub(super) fn next(model: &mut Model) {
    let body = model.body();
    let (columns, rows) = (usize::from(body.columns), body.height());
    let is_printed = model.look.plain == Plain::Lines;
    let Some(Screen::Pager(pager)) = model.stack.last_mut() else { return };
    let Some(page) = &pager.page else { return };
    let Some(looked) = &mut pager.looked else { return ask(model, Towards::End) };
    let lines = Lines::of(page, pager.headers, pager.quotes);
    let last = lines.on(pager.at, rows.saturating_sub(1), columns);
    let in_sight = |at: (usize, usize)| {
        let place = lines.place_of(at, columns);
        (pager.at..=last).contains(&place)
    };
    // From where it was found last, as long as that is in sight.
    let before = looked.at.filter(|at| in_sight(*at));
    let found = match (looked.towards, before) {
        (Towards::End, Some((line, octet))) => lines.next_like(&looked.pattern, (line, octet + 1)),
        (Towards::End, None) => lines.next_like(&looked.pattern, (pager.at.line, 0)),
        (Towards::Beginning, Some(at)) => lines.last_like(&looked.pattern, at),
        (Towards::Beginning, None) => lines.last_like(&looked.pattern, (pager.at.line + 1, 0)),
    };
    let (found, words) = match (found, looked.towards) {
        (Some(at), _) => (Some(at), ""),
        (None, Towards::End) => {
            (lines.next_like(&looked.pattern, (0, 0)), "Search wrapped to top.")
        }
        (None, Towards::Beginning) => {
            (lines.last_like(&looked.pattern, (lines.len(), 0)), "Search wrapped to bottom.")
        }
    };
    let Some(at) = found else {
        looked.at = None;
        return model.say("Not found.");
    };
    looked.at = Some(at);
    looked.matches = Matches::Shown;
    // What is told line by line begins with it.
    if is_printed || !in_sight(at) {
        pager.at = lines.place_of(at, columns);
    }
    if !words.is_empty() {
        model.say(words);
    }
}

/// Marks what is like it, or doesn't.
pub(super) fn toggle(model: &mut Model) {
    let Some(Screen::Pager(pager)) = model.stack.last_mut() else { return };
    match &mut pager.looked {
        Some(looked) => {
            looked.matches = match looked.matches {
                Matches::Shown => Matches::Hidden,
                Matches::Hidden => Matches::Shown,
            };
        }
        None => model.say("Nothing was looked for yet."),
    }
}

impl PagerState {
    /// Lines are others than before: where something was found last says nothing any more.
    pub(super) fn forget_place(&mut self) {
        if let Some(looked) = &mut self.looked {
            looked.at = None;
        }
    }
}
