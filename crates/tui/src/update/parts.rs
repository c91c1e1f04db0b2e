//! The parts of a letter.

use postroad_safetext::safe_line;

use super::{Effects, pager};
use crate::effect::Ask;
use crate::keys::Action;
use crate::line_edit::LineEdit;
use crate::model::{Model, Prompt, Screen, Wanted};

pub(super) fn act(model: &mut Model, action: Action, effects: &mut Effects) {
    if super::walk(model, action) {
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
        _ => model.say("That key does nothing here."),
    }
}
