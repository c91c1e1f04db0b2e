//! Each screen with more on it than fits, for what holds of all of them.

use postroad_safetext::SafeText;
use postroad_tui::data::{
    AttachmentRow, Cue, DraftRow, FolderId, FolderRow, FoundRow, LetterId, LineKind, LinkRow,
    Marks, OutboxId, OutboxRow, OutboxState, Page, PageLine, PartRow,
};
use postroad_tui::effect::{Ask, Start};
use postroad_tui::keys::{On, mutt::TABLE};
use postroad_tui::model::Model;
use postroad_tui::msg::What;
use postroad_tui::people::PersonRow;

use crate::fixture::{
    answer, draft, folders, found, inbox, outbox, page, people, reading, tell, three_letters,
};
use crate::press;

/// Entries of each list, lines of each text.
pub(crate) const MANY: usize = 60;

/// Every screen that has keys of its own.
pub(crate) fn screens() -> Vec<(On, Model)> {
    let mut known: Vec<On> = Vec::new();
    for binding in TABLE {
        if !known.contains(&binding.on) && ![On::Anywhere, On::List].contains(&binding.on) {
            known.push(binding.on);
        }
    }
    known.into_iter().map(|on| (on, of(on))).collect()
}

/// The screen, where the user is at its beginning. Who makes a new one puts it here.
pub(crate) fn of(on: On) -> Model {
    let model = match on {
        On::Anywhere | On::List | On::Index => letters(),
        On::Pager => reading(long_page()),
        On::Parts => pressed(reading(long_page()), "v"),
        On::Links => pressed(reading(long_page()), "<^B>"),
        On::Explain => pressed(reading(long_page()), "X"),
        On::Folders => pressed(letters(), "y"),
        On::Compose => writing(),
        On::Outbox => {
            let mut model = three_letters();
            tell(
                &mut model,
                What::Outbox(many(&outbox(), |row, at| OutboxRow {
                    id: OutboxId(format!("q{at}").into()),
                    state: OutboxState::Waiting(None),
                    ..row
                })),
            );
            pressed(model, "B")
        }
        On::People => {
            let mut model = three_letters();
            let several = many(&people(), |_, at| {
                let address = format!("bob{at}@x.example");
                PersonRow::new("Bob", &address, None, &address)
            });
            tell(&mut model, What::People(several.into()));
            pressed(model, "Q<Enter>")
        }
        On::Editor => {
            let mut model = writing();
            let text: String = (0..MANY).map(|at| format!("line {at} of the text\n")).collect();
            tell(&mut model, What::Text { draft: draft().id, text: text.into() });
            model
        }
        On::Found => {
            let mut model = three_letters();
            let effects = press(&mut model, "Splan<Enter>");
            let rows = many(&found(), |row, at| FoundRow {
                letter: LetterId { uid: u32::try_from(at).unwrap(), ..row.letter },
                ..row
            });
            let what = What::FoundAll { rows, complete: true };
            answer(&mut model, &effects, |ask| matches!(ask, Ask::SearchAll(_)), what);
            model
        }
        On::Help => pressed(letters(), "?"),
    };
    assert!(
        [On::Anywhere, On::List].contains(&on) || model.on() == on,
        "{on:?} is {:?}",
        model.screen()
    );
    model
}

fn pressed(mut model: Model, keys: &str) -> Model {
    press(&mut model, keys);
    model
}

fn many<T: Clone>(some: &[T], make: impl Fn(T, usize) -> T) -> Vec<T> {
    some.iter().cycle().take(MANY).cloned().enumerate().map(|(at, it)| make(it, at)).collect()
}

fn letters() -> Model {
    let subjects: Vec<String> = (0..MANY).map(|at| format!("Letter {at}")).collect();
    let letter = |subject| ("2026-11-28T09:30:00Z", Marks::SEEN, "Bob", subject, 900, Cue::OnlyMe);
    let letters: Vec<_> = subjects.iter().map(|subject| letter(subject.as_str())).collect();
    let mut model = inbox(&letters);
    let all =
        many(&folders(), |row, at| FolderRow { id: FolderId(u32::try_from(at).unwrap()), ..row });
    tell(&mut model, What::Folders(all));
    press(&mut model, "=");
    model
}

fn long_page() -> Page {
    let text = |at: usize| PageLine {
        kind: LineKind::Text,
        text: SafeText::line(&format!("line {at} of the letter")),
    };
    let all = page();
    Page {
        lines: (0..MANY).map(text).collect(),
        parts: many(&all.parts, |row, number| PartRow { number, depth: 0, ..row }),
        links: many(&all.links, |row, _| LinkRow { ..row }),
        explained: (0..MANY).map(|at| SafeText::line(&format!("? line {at}"))).collect(),
        ..all
    }
}

fn writing() -> Model {
    let mut model = three_letters();
    let effects = press(&mut model, "=r");
    let attachments = many(&draft().attachments, |row, _| AttachmentRow { ..row });
    let long = DraftRow { attachments, ..draft() };
    let is_new = |ask: &Ask| matches!(ask, Ask::NewDraft(Start::Reply(..)));
    answer(&mut model, &effects, is_new, What::Draft(long.into()));
    model
}
