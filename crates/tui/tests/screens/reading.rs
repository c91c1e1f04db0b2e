//! Quotes, links: what is done in a letter that is read.

use postroad_safetext::SafeText;
use postroad_tui::data::{HeldId, LineKind, Marks, Page, PageLine, Trust, TrustLine, Unsubscribe};
use postroad_tui::effect::{Ask, Attendance, Audience, Start};
use postroad_tui::keys::Key;
use postroad_tui::model::{Model, Note, Now, Place, Prompt, Screen};
use postroad_tui::msg::{Report, What};
use postroad_tui::{Effect, Msg, update};

use super::fixture::{answer, draft, letter, page, reading, three_letters};
use super::{check, press, shown};

fn at(model: &Model) -> Place {
    let Screen::Pager(pager) = model.screen() else { panic!("{:?}", model.screen()) };
    pager.at
}

fn said(model: &Model) -> &str {
    match &model.note {
        Note::Said(words) => words.as_str(),
        _ => "",
    }
}

/// Three words of the author's, then two of somebody's, and so on.
fn argument() -> Model {
    let mut page = page();
    page.lines = (0..40)
        .map(|line| {
            let kind = if line % 5 < 3 { LineKind::Text } else { LineKind::Quote(1) };
            let marks = if kind == LineKind::Text { "" } else { "> " };
            PageLine { kind, text: SafeText::line(&format!("{marks}line {line}")) }
        })
        .collect();
    reading(page)
}

#[test]
fn quotes_are_folded_and_shown() {
    let mut model = reading(page());
    press(&mut model, "T");
    check("pager-folded", &model);
    press(&mut model, "T");
    assert_eq!(shown(&model, (80, 24)), shown(&reading(page()), (80, 24)));
}

#[test]
fn what_stands_on_top_stays_there_when_quotes_are_folded() {
    let mut model = argument();
    press(&mut model, "SS");
    let before = at(&model);
    press(&mut model, "T");
    assert!(shown(&model, (80, 24)).contains("line 10"));
    assert_eq!(at(&model).line, before.line - 2);
    press(&mut model, "T");
    assert_eq!(at(&model), before);
}

#[test]
fn a_quote_is_skipped_and_a_header() {
    let mut model = argument();
    // From, To, Subject, Date and a blank line.
    press(&mut model, "H");
    assert_eq!(at(&model).line, 5);
    press(&mut model, "H");
    assert_eq!(said(&model), "Already skipped past headers.");
    press(&mut model, "S");
    assert_eq!(at(&model).line, 5 + 5);
    press(&mut model, "SSSSSS");
    assert_eq!(at(&model).line, 5 + 35);
    press(&mut model, "S");
    assert_eq!(said(&model), "No more unquoted text after quoted text.");
    let mut page = page();
    page.lines.truncate(1);
    let mut model = reading(page);
    press(&mut model, "S");
    assert_eq!(said(&model), "No more quoted text.");
}

#[test]
fn rows_of_a_long_quote_have_its_marks() {
    let mut page = page();
    let words = "> > ".to_owned() + &"word ".repeat(40);
    page.lines = vec![PageLine { kind: LineKind::Quote(2), text: SafeText::line(&words) }];
    let shown = shown(&reading(page), (40, 24));
    assert_eq!(shown.matches("> > word").count(), 6, "{shown}");
}

#[test]
fn u18_a_link_is_opened_when_the_user_says_so_and_its_host_was_seen() {
    let mut model = reading(page());
    update(&mut model, Msg::Key(Key::Ctrl('b')));
    check("links", &model);
    assert!(press(&mut model, "<Enter>").is_empty());
    check("links-open", &model);
    assert!(press(&mut model, "<Enter>").is_empty(), "Enter is no");
    press(&mut model, "<Enter>");
    let effects = press(&mut model, "y");
    let is_it = |effect: &Effect| match effect {
        Effect::Ask(_, Ask::OpenLink(link)) => link.as_str() == "http://attack.example/x",
        _ => false,
    };
    assert!(effects.iter().any(is_it), "{effects:?}");
    // What is no link of the web isn't even asked about.
    press(&mut model, "jjj");
    assert!(press(&mut model, "<Enter>").is_empty());
    assert!(model.prompt.is_none());
}

#[test]
fn u18_of_a_long_host_the_end_is_seen() {
    let mut page = page();
    page.links.truncate(1);
    page.links[0].host =
        SafeText::line("www.bank.example.with.many.labels.in.front.of.attack.example");
    let mut model = reading(page);
    update(&mut model, Msg::Key(Key::Ctrl('b')));
    press(&mut model, "<Enter>");
    let shown = shown(&model, (80, 24));
    assert!(shown.contains("front.of.attack.example? (yes"), "{shown}");
    assert!(shown.matches("front.of.attack.example").count() >= 2, "{shown}");
}

/// What was asked for, without the jobs' numbers.
fn asked(effects: &[Effect]) -> Vec<&Ask> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Ask(_, ask) => Some(ask),
            _ => None,
        })
        .collect()
}

fn prompt(model: &Model) -> String {
    match &model.prompt {
        Some(Prompt::Line { label, .. }) => label.as_str().to_owned(),
        Some(asked) => asked.question().map_or_else(String::new, |it| it.words.as_str().to_owned()),
        None => String::new(),
    }
}

#[test]
fn u06_a_link_to_a_mailbox_begins_a_letter_and_shows_it_first() {
    let mut model = reading(page());
    update(&mut model, Msg::Key(Key::Ctrl('b')));
    press(&mut model, "jj");
    let effects = press(&mut model, "<Enter>");
    let link = SafeText::line("mailto:bob@x.example");
    assert_eq!(asked(&effects), [&Ask::NewDraft(Start::To(link))]);
    let begun = What::Draft(draft().into());
    let effects = answer(&mut model, &effects, |ask| matches!(ask, Ask::NewDraft(_)), begun);
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Edit(_))), "{effects:?}");
    assert!(shown(&model, (80, 24)).contains("To: Bob Baker <bob@x.example>"));
}

#[test]
fn a_list_is_answered_and_a_letter_is_written_again() {
    for (keys, start) in
        [("L", Start::Reply(letter(3), Audience::List)), ("<Esc>e", Start::Resend(letter(3)))]
    {
        let mut model = reading(page());
        let effects = press(&mut model, keys);
        assert_eq!(asked(&effects), [&Ask::NewDraft(start)], "{keys}");
        let begun = What::Draft(draft().into());
        let effects = answer(&mut model, &effects, |ask| matches!(ask, Ask::NewDraft(_)), begun);
        assert!(effects.iter().any(|effect| matches!(effect, Effect::Edit(_))), "{effects:?}");
    }
}

#[test]
fn a_letter_is_sent_on_as_it_is_and_can_be_taken_back() {
    let mut model = reading(page());
    press(&mut model, "b");
    assert_eq!(prompt(&model), "Bounce message to: ");
    press(&mut model, "bob@x.example<Enter>");
    assert_eq!(prompt(&model), "Bounce message to bob@x.example? ([yes]/no):");
    let mut left = model.clone();
    assert!(press(&mut left, "n").is_empty());
    assert_eq!(said(&left), "Message not bounced.");
    let effects = press(&mut model, "<Enter>");
    let bounce = Ask::Bounce { letter: letter(3), to: "bob@x.example".into() };
    assert_eq!(asked(&effects), [&bounce]);
    let held = HeldId("h1".into());
    let until = "2026-11-30T15:00:10Z".parse().unwrap();
    let queued = What::Queued { letter: held.clone(), until };
    answer(&mut model, &effects, |ask| *ask == bounce, queued);
    assert_eq!(model.note, Note::Queued);
    let effects = press(&mut model, "u");
    assert_eq!(asked(&effects), [&Ask::TakeBack(held)]);
    let undone = What::Undone("a letter that was sent on as it is".into());
    answer(&mut model, &effects, |ask| matches!(ask, Ask::TakeBack(_)), undone);
    assert!(model.undo.is_empty() && matches!(model.screen(), Screen::Pager(_)));
}

#[test]
fn a_letter_that_speaks_of_an_attachment_is_asked_about() {
    let mut model = three_letters();
    let effects = press(&mut model, "r");
    let speaking = |files| {
        let mut draft = draft();
        draft.speaks_of = Some("attached".into());
        draft.attachments.truncate(files);
        What::Draft(draft.into())
    };
    let is_new = |ask: &Ask| matches!(ask, Ask::NewDraft(_));
    answer(&mut model, &effects, is_new, speaking(0));
    assert!(press(&mut model, "y").is_empty());
    check("compose-attachment", &model);
    let mut kept = model.clone();
    assert!(press(&mut kept, "<Enter>").is_empty());
    assert_eq!(said(&kept), "Not sent.  a: attach a file");
    let effects = press(&mut model, "n");
    assert!(asked(&effects).iter().any(|ask| matches!(ask, Ask::Queue(..))), "{effects:?}");
    // With a file nobody asks.
    let mut model = three_letters();
    let effects = press(&mut model, "r");
    answer(&mut model, &effects, is_new, speaking(1));
    let effects = press(&mut model, "y");
    assert!(asked(&effects).iter().any(|ask| matches!(ask, Ask::Queue(..))), "{effects:?}");
}

#[test]
fn escape_leaves_a_letter_when_no_second_key_comes() {
    let mut model = reading(page());
    let effects = press(&mut model, "<Esc>");
    let [Effect::TickAt(at)] = effects.as_slice() else { panic!("{effects:?}") };
    let now = Now { since_start: *at, ..model.now.clone() };
    update(&mut model, Msg::Tick(now));
    assert!(matches!(model.screen(), Screen::Index));
}

#[test]
fn u09_what_is_known_of_the_sender_stands_outside_the_letter() {
    let mut page = page();
    page.trust = Some(TrustLine {
        level: Trust::Bad,
        words: "Beware: its name says admin@bank.example, but it is from eve@attack.example".into(),
    });
    page.lines
        .insert(0, PageLine { kind: LineKind::Text, text: "+ Signed by bank.example".into() });
    page.explained = [
        "! Beware: its name says admin@bank.example, but it is from eve@attack.example",
        "Not counted, since anybody can write it: mx.home: DKIM pass (header.d=bank.example)",
        "",
        "How it travelled  total 3 s",
        " 1 laptop -> mail.example.org",
        "   ESMTPSA, TLS, 2026-11-30 14:00:00 UTC, claimed",
        " 2 mail.example.org [192.0.2.1] -> mx.home",
        "   ESMTPS, TLS 1.3, 3 s, told by the first host that you trust",
    ]
    .map(SafeText::from)
    .into();
    let mut both = page.clone();
    both.seal = Some(TrustLine {
        level: Trust::Open,
        words: "Encrypted; not signed: anybody can have written it".into(),
    });
    check("pager-seal", &reading(both));
    let mut model = reading(page);
    check("pager-trust", &model);
    // It stays there, however far one reads on.
    press(&mut model, "<Enter><Enter><Enter><Enter><Enter><Enter><Enter>");
    let second = shown(&model, (80, 24)).lines().nth(1).unwrap().to_owned();
    assert!(second.starts_with("! Beware: "), "{second}");
    press(&mut model, "X");
    check("explain", &model);
    // Signatures are checked where the user says so, and what was found stands in both places.
    let effects = press(&mut model, "c");
    let [Effect::Ask(job, Ask::Check(letter))] = effects[..] else { panic!("{effects:?}") };
    let mut checked = super::fixture::page();
    checked.trust = Some(TrustLine { level: Trust::Good, words: "Signed (checked here)".into() });
    checked.explained = vec!["+ Signed (checked here)".into()];
    assert_eq!(letter, checked.letter);
    update(&mut model, Msg::Report(Report { job, what: What::Page(checked.into()) }));
    assert_eq!(said(&model), "The signatures were checked.");
    assert!(shown(&model, (80, 24)).contains("+ Signed (checked here)"));
    press(&mut model, "q");
    let second = shown(&model, (80, 24)).lines().nth(1).unwrap().to_owned();
    assert!(second.starts_with("+ Signed (checked here)"), "{second}");
    assert!(matches!(model.screen(), Screen::Pager(_)));
}

#[test]
fn an_invitation_is_answered_to_whom_it_names() {
    let mut page = page();
    page.lines = [
        "Invitation, changed: Planning, once more",
        "When     Mon 7 Dec 2026, 04:00 – 05:30 (America/New_York)",
        "         Mon 7 Dec 2026, 10:00 – 11:30 (Europe/Berlin)",
        "Again    every 2 weeks on Monday, until Mon 1 Mar 2027, but for 1 of them",
        "Where    Room 1; upstairs",
        "By       Ann Lee <ann@x.example>",
        "Asked    2: Us <us@our.example> (no answer yet), Bob <bob@x.example> (comes)",
        "Changed  this stands in place of what you got before (change 2)",
    ]
    .map(|line| PageLine { kind: LineKind::Text, text: line.into() })
    .into();
    page.invitation = Some("Ann Lee <ann@x.example>".into());
    let mut model = reading(page.clone());
    press(&mut model, "<Esc>i");
    check("pager-invitation", &model);
    let effects = press(&mut model, "t");
    let start = Start::Attend(page.letter, Attendance::Tentative);
    assert_eq!(asked(&effects).into_iter().cloned().collect::<Vec<_>>(), [Ask::NewDraft(start)]);
    let mut model = reading(page.clone());
    assert!(asked(&press(&mut model, "<Esc>ix")).is_empty());
    assert_eq!(said(&model), "Not answered.");
    page.invitation = None;
    let mut model = reading(page);
    assert!(asked(&press(&mut model, "<Esc>i")).is_empty());
    assert_eq!(said(&model), "There is no invitation in it that wants an answer.");
}

#[test]
fn a_list_is_left_when_the_user_says_so_and_its_host_was_seen() {
    let reading_of = |way| {
        let mut page = page();
        page.unsubscribe = way;
        let mut model = reading(page);
        let effects = press(&mut model, "<Esc>L");
        let asked = asked(&effects).into_iter().cloned().collect::<Vec<_>>();
        (model, asked)
    };
    let (model, effects) = reading_of(None);
    assert!(effects.is_empty());
    assert_eq!(said(&model), "The letter tells no way to leave a list.");
    let (_, effects) = reading_of(Some(Unsubscribe::Letter("mailto:leave@l.example".into())));
    assert_eq!(effects, [Ask::NewDraft(Start::To("mailto:leave@l.example".into()))]);
    let (host, link) = (SafeText::from("l.example"), SafeText::from("https://l.example/u"));
    for (way, question, ask) in [
        (
            Unsubscribe::Request { host: host.clone(), link: link.clone() },
            "Unsubscribe at l.example? (yes/[no]):",
            Ask::Unsubscribe(link.clone()),
        ),
        (
            Unsubscribe::Page { host, link: link.clone() },
            "Open a page of l.example to leave? (yes/[no]):",
            Ask::OpenLink(link),
        ),
    ] {
        let (mut model, effects) = reading_of(Some(way));
        assert!(effects.is_empty());
        assert_eq!(prompt(&model), question);
        let mut kept = model.clone();
        assert!(press(&mut kept, "<Enter>").is_empty(), "Enter is no");
        assert_eq!(asked(&press(&mut model, "y")), [&ask]);
    }
}

#[test]
fn u05_a_program_is_started_by_a_key_alone() {
    let mut model = reading(page());
    let effects = press(&mut model, "v");
    assert!(effects.is_empty());
    let effects = press(&mut model, "jm");
    assert_eq!(asked(&effects), [&Ask::View { letter: letter(3), part: 2 }]);
}

/// Two letters as one page; the first one tries to write a third.
fn conversation() -> Page {
    let text = |kind, text: &str| PageLine { kind, text: SafeText::line(text) };
    Page {
        letter: letter(3),
        head: vec![
            (SafeText::line("Subject"), SafeText::line("Re: Quarter plan")),
            (SafeText::line("Letters"), SafeText::line("2")),
        ],
        lines: vec![
            text(
                LineKind::Heading,
                "[1 of 2] Anna <anna@our.example>  Mon, 30 Nov 2026 13:02  Sent",
            ),
            text(
                LineKind::Text,
                "when is that, and what does everybody who has to come to it say of it?",
            ),
            text(
                LineKind::Text,
                "[2 of 2] Alice <alice@example.org>  Mon, 30 Nov 2026 13:03  INBOX",
            ),
            text(LineKind::Text, ""),
            text(
                LineKind::Heading,
                "[2 of 2] Alice <alice@example.org>  Mon, 30 Nov 2026 14:02  INBOX",
            ),
            text(LineKind::Part, "nobody that you trust has judged it"),
            text(
                LineKind::Quote(1),
                "> when is that, and what does everybody who has to come to it say of it?",
            ),
            text(LineKind::Quote(1), "> and why?"),
            text(LineKind::Text, "In April."),
        ],
        parts: Vec::new(),
        links: Vec::new(),
        ..page()
    }
}

#[test]
fn a_conversation_is_one_page() {
    let mut model = reading(page());
    let effects = press(&mut model, "E");
    check("conversation-coming", &model);
    let what =
        What::Conversation { page: conversation().into(), letters: vec![letter(2), letter(3)] };
    answer(&mut model, &effects, |ask| matches!(ask, Ask::Conversation(_)), what);
    check("conversation", &model);
    press(&mut model, "T");
    check("conversation-quotes", &model);
    // Its letters were read; and the letter that was read lies below.
    let index = model.index.as_ref().unwrap();
    assert!(index.heads().iter().skip(1).all(|head| index.marks(*head).has(Marks::SEEN)));
    press(&mut model, "i");
    check("conversation-left", &model);
}
