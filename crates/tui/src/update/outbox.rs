//! Letters on their way, and those that are being written.

use super::{Effects, compose, walk};
use crate::data::OutboxState;
use crate::effect::{Ask, OutboxAsk, Start};
use crate::keys::Action;
use crate::model::{Choice, Model, Prompt, Screen};

pub(super) fn act(model: &mut Model, action: Action, effects: &mut Effects) {
    if walk::act(model, action) {
        return;
    }
    let Screen::Outbox(list) = model.screen() else { return };
    let place = list.selected;
    let row = model.outbox.get(place).cloned();
    let draft = place.checked_sub(model.outbox.len()).and_then(|at| model.drafts.get(at)).cloned();
    match (action, row, draft) {
        (Action::Quit, ..) => model.back(),
        (_, None, None) => model.say("There is no letter."),
        (Action::Open, Some(row), _) => match row.state {
            OutboxState::Held(held, _) => {
                model.jobs.ask(Ask::TakeBack(held), effects);
            }
            OutboxState::Waiting(_) | OutboxState::Sending | OutboxState::Refused => {
                model.say("It isn't held any more.  r: try it now, D: throw it away");
            }
        },
        (Action::Open, None, Some(draft)) => {
            model.back();
            compose::begin(model, Start::Recall(draft.id), effects);
        }
        (Action::Retry, Some(row), _) => {
            model.jobs.ask(Ask::Outbox(OutboxAsk::Retry(row.id)), effects);
        }
        (Action::Retry, None, Some(_)) => {
            model.say("It is still being written.  <Enter>: write on")
        }
        (Action::Discard, Some(row), _) => {
            model.prompt = Some(Prompt::Choice {
                words: "Throw this letter away for good?".into(),
                wanted: Choice::DiscardQueued(row.id),
            });
        }
        (Action::Discard, None, Some(draft)) if model.desk.of_draft(&draft.id).is_some() => {
            model.say("It is being written here.  <Enter>: go there");
        }
        (Action::Discard, None, Some(draft)) => {
            model.prompt = Some(Prompt::Choice {
                words: "Throw this letter away for good?".into(),
                wanted: Choice::DiscardDraft(draft.id),
            });
        }
        _ => model.say("That key does nothing here."),
    }
}
