//! The parts of a letter.

use std::collections::BTreeSet;
use std::sync::Arc;

use postroad_safetext::safe_line;

use super::{Effects, compose, pager, walk};
use crate::data::Page;
use crate::effect::{Ask, Audience, Inside, Start};
use crate::keys::Action;
use crate::line_edit::LineEdit;
use crate::model::{Choice, ListState, Model, Prompt, Reach, SaveState, Screen, Wanted};

/// How a letter begins with a part.
fn how(action: Action) -> Option<Inside> {
    match action {
        Action::Reply => Some(Inside::Reply(Audience::Sender)),
        Action::Group => Some(Inside::Reply(Audience::All)),
        Action::ListReply => Some(Inside::Reply(Audience::List)),
        Action::Forward => Some(Inside::Forward),
        Action::Resend => Some(Inside::Resend),
        _ => None,
    }
}

impl SaveState {
    /// At the first one.
    pub(super) fn of(page: Arc<Page>) -> Self {
        Self { page, list: ListState::default(), tagged: BTreeSet::new() }
    }

    /// Those that a key is done to, by their numbers.
    fn reached(&self, reach: Reach) -> Vec<usize> {
        let is_meant = |place: &usize| match reach {
            Reach::Selected => *place == self.list.selected,
            Reach::Tagged => self.tagged.contains(place),
        };
        let parts = self.page.parts.iter().enumerate().filter(|(place, _)| is_meant(place));
        parts.map(|(_, part)| part.number).collect()
    }
}

/// `t`: tags the part that is selected, or not, and goes on to the next one.
fn tag(model: &mut Model) {
    let Some(Screen::Save(save)) = model.stack.last_mut() else { return };
    let place = save.list.selected;
    if !save.tagged.remove(&place) {
        save.tagged.insert(place);
    }
    save.list = save.list.moved(1, save.page.parts.len());
}

pub(super) fn act(model: &mut Model, action: Action, effects: &mut Effects) {
    if walk::act(model, action) {
        return;
    }
    let Screen::Save(save) = model.screen() else { return };
    let letter = save.page.letter;
    let part = save.page.parts.get(save.list.selected).cloned();
    let parts = save.reached(model.reach);
    match (action, part) {
        (Action::Quit, _) => model.back(),
        (_, None) => model.say("The letter has no parts."),
        (Action::Open, Some(part)) => pager::open_part(model, letter, part.number, effects),
        (Action::Mailcap, Some(part)) => {
            model.jobs.ask(Ask::View { letter, part: part.number }, effects);
        }
        (Action::Tag, Some(_)) => tag(model),
        (Action::TagPrefix, Some(_)) if save.tagged.is_empty() => model.say("No tagged entries."),
        (Action::TagPrefix, Some(_)) => {
            model.reach = Reach::Tagged;
            model.say("tag-");
        }
        (Action::Save, Some(part)) => {
            let label = match parts.len() {
                1 => {
                    let name = part.name.unwrap_or(part.kind);
                    safe_line!("Save {} in folder: ", name.cut(30).as_str())
                }
                count => safe_line!("Save {count} parts in folder: "),
            };
            let (edit, wanted) = (LineEdit::of(".".into()), Wanted::SaveParts { letter, parts });
            model.prompt = Some(Prompt::Line { label, edit, wanted });
        }
        (Action::Pipe, Some(_)) => {
            model.prompt = Some(Prompt::Line {
                label: "Pipe to command: ".into(),
                edit: LineEdit::default(),
                wanted: Wanted::PipeParts { letter, parts },
            });
        }
        (Action::Print, Some(_)) => {
            let words = match parts.len() {
                1 => "Print attachment?".into(),
                count => safe_line!("Print {count} attachments?"),
            };
            let wanted = Choice::PrintParts(letter, parts);
            model.prompt = Some(Prompt::Choice { words, wanted });
        }
        (action, Some(part)) => match how(action) {
            Some(how) => {
                compose::begin(model, Start::Inside(letter, part.number, how), effects);
            }
            None => model.say("That key does nothing here."),
        },
    }
}
