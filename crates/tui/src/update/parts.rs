//! The parts of a letter.

use postroad_safetext::safe_line;

use super::{Effects, compose, pager, walk};
use crate::effect::{Ask, Audience, Inside, Start};
use crate::keys::Action;
use crate::line_edit::LineEdit;
use crate::model::{Choice, Model, Prompt, Screen, Wanted};

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

pub(super) fn act(model: &mut Model, action: Action, effects: &mut Effects) {
    if walk::act(model, action) {
        return;
    }
    let Screen::Save(save) = model.screen() else { return };
    let letter = save.page.letter;
    let part = save.page.parts.get(save.list.selected).cloned();
    match (action, part) {
        (Action::Quit, _) => model.back(),
        (_, None) => model.say("The letter has no parts."),
        (Action::Open, Some(part)) => pager::open_part(model, letter, part.number, effects),
        (Action::Mailcap, Some(part)) => {
            model.jobs.ask(Ask::View { letter, part: part.number }, effects);
        }
        (Action::Save, Some(part)) => {
            let name = part.name.unwrap_or(part.kind);
            model.prompt = Some(Prompt::Line {
                label: safe_line!("Save {} in folder: ", name.cut(30).as_str()),
                edit: LineEdit::of(".".into()),
                wanted: Wanted::SavePart { letter, part: part.number },
            });
        }
        (Action::Pipe, Some(part)) => {
            model.prompt = Some(Prompt::Line {
                label: "Pipe to command: ".into(),
                edit: LineEdit::default(),
                wanted: Wanted::PipePart { letter, part: part.number },
            });
        }
        (Action::Print, Some(part)) => {
            let wanted = Choice::Print(vec![letter], Some(part.number));
            let words = "Print attachment?".into();
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
