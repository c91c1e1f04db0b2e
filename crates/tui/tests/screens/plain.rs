//! Lines in place of a screen: what is said, and asked, as a conversation.

use std::sync::Arc;

use postroad_tui::data::{FolderId, HeldId, Trust, TrustLine, UndoLabel};
use postroad_tui::effect::{Ask, Effect, Target};
use postroad_tui::model::{Model, Plain};
use postroad_tui::msg::What;
use postroad_tui::plain::Session;
use postroad_tui::update;
use postroad_tui::{Msg, model};

use crate::fixture::{answer, draft, folders, now, opening, outbox, page, tell, three_letters};
use crate::{SIZES, resize};

/// A conversation.
struct Talk {
    model: Model,
    session: Session,
    said: String,
}

impl Talk {
    fn begin(mut model: Model, size: (u16, u16)) -> Self {
        model.look.plain = Plain::Lines;
        resize(&mut model, size);
        let mut talk = Self { model, session: Session::default(), said: String::new() };
        talk.hear();
        talk
    }

    /// What is told, and the prompt.
    fn hear(&mut self) {
        for line in self.session.tell(&self.model) {
            self.said.push_str(&format!("{}\n", line.as_str()));
        }
        if let Some(prompt) = self.session.prompt(&self.model) {
            self.said.push_str(&format!("{}|\n", prompt.as_str()));
        }
    }

    /// Types a line, before anything is answered.
    fn types(&mut self, line: &str) -> Vec<Effect> {
        self.said.push_str(&format!("<< {line}\n"));
        let effects = self.session.typed(&mut self.model, line);
        self.hear();
        effects
    }

    /// Types a line, and has something answered.
    fn asks(&mut self, line: &str, asked: impl Fn(&Ask) -> bool, what: What) {
        let effects = self.types(line);
        answer(&mut self.model, &effects, asked, what);
        self.hear();
    }
}

/// The same conversation at each size.
fn check(name: &str, begin: impl Fn() -> Model, talk: impl Fn(&mut Talk)) {
    for size in SIZES {
        let mut it = Talk::begin(begin(), size);
        talk(&mut it);
        insta::assert_snapshot!(format!("plain-{name}@{}x{}", size.0, size.1), it.said);
    }
}

fn is_read(ask: &Ask) -> bool {
    matches!(ask, Ask::Read(_))
}

#[test]
fn letters_are_listed_read_and_struck() {
    check("reading", three_letters, |talk| {
        let mut page = page();
        page.trust = Some(TrustLine { level: Trust::Good, words: "signed by example.org".into() });
        talk.asks("3", is_read, What::Page(Arc::new(page)));
        talk.types("T");
        talk.types("v");
        talk.types("q");
        talk.types("End");
        talk.types("i");
        talk.types("d 1-2");
        talk.types("u 1");
        talk.types("t 3");
        talk.types("9");
        talk.types("hello");
        talk.types("? strike");
        let effects = talk.types("q");
        assert!(effects.iter().any(|it| matches!(it, Effect::Quit(_))), "{effects:?}");
    });
}

#[test]
fn letters_go_elsewhere_and_come_back() {
    check("folders", three_letters, |talk| {
        let effects = talk.types("s 2 Archive");
        let to = Target::Folder(FolderId(1));
        assert!(
            effects.iter().any(
                |it| matches!(it, Effect::Ask(_, Ask::Move { to: asked, .. }) if *asked == to)
            ),
            "{effects:?}"
        );
        let done = UndoLabel { words: "1 letter moved to Archive".into(), held: None };
        answer(&mut talk.model, &effects, |ask| matches!(ask, Ask::Move { .. }), What::Done(done));
        talk.hear();
        talk.asks("u", |ask| matches!(ask, Ask::Undo), What::Undone("1 letter".into()));
        talk.types("s 1,2");
        talk.types("s 1-2");
        talk.types("?");
        talk.types("");
        talk.types("c");
        talk.types("nowhere");
        talk.types("c");
        talk.types(" ");
        talk.types("/ alice");
    });
}

#[test]
fn letters_are_written() {
    check("writing", three_letters, |talk| {
        let effects = talk.types("r 1");
        let is_new = |ask: &Ask| matches!(ask, Ask::NewDraft(_));
        let edited = answer(&mut talk.model, &effects, is_new, What::Draft(draft().into()));
        assert!(edited.iter().any(|it| matches!(it, Effect::Edit(_))), "{edited:?}");
        let is_save = |ask: &Ask| matches!(ask, Ask::SaveDraft(..));
        answer(&mut talk.model, &edited, is_save, What::Draft(draft().into()));
        talk.hear();
        talk.types("s");
        let effects = talk.types("Lunch!");
        answer(&mut talk.model, &effects, is_save, What::Draft(draft().into()));
        talk.hear();
        talk.types("D 1");
        let effects = talk.types("y");
        let until = "2026-11-30T15:00:08.5Z".parse().unwrap();
        let what = What::Queued { letter: HeldId("h1".into()), until };
        answer(&mut talk.model, &effects, |ask| matches!(ask, Ask::Queue(..)), what);
        tell(&mut talk.model, What::Outbox(outbox()));
        talk.hear();
        // It counts down, and nobody is told each second.
        let mut later = now();
        later.since_start += std::time::Duration::from_secs(1);
        update(&mut talk.model, Msg::Tick(later));
        assert!(talk.session.tell(&talk.model).is_empty());
        talk.types("B");
        talk.types("D 3");
        talk.types("n");
        talk.types("q");
        talk.types("m");
    });
}

#[test]
fn what_is_slow_is_waited_for_and_not_for_ever() {
    let mut talk = Talk::begin(opening(), (80, 24));
    assert_eq!(talk.said, "", "nothing is known yet");
    tell(&mut talk.model, What::Folders(folders()));
    talk.hear();
    assert_eq!(talk.said, "");
    let wake = talk.session.next_wake().unwrap();
    let later = model::Now { since_start: wake, ..now() };
    update(&mut talk.model, Msg::Tick(later));
    talk.hear();
    assert!(talk.said.contains("Opening the folder...") && talk.said.contains("letters (all)> "));
    // Out of a question, and out.
    talk.types("c");
    talk.session.end(&mut talk.model);
    talk.hear();
    assert!(talk.model.prompt.is_none());
    assert!(matches!(talk.session.end(&mut talk.model).as_slice(), [.., Effect::Quit(_)]));
}
