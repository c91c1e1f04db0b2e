//! Folders and letters to look at.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use postroad_safetext::SafeText;
use postroad_tui::data::{
    Account, AttachmentRow, Cue, DraftId, DraftRow, Fields, FolderCounts, FolderId, FolderRow,
    FoundRow, Head, LetterId, LineKind, LinkGoes, LinkRow, Listing, Marks, OutboxId, OutboxRow,
    OutboxState, Page, PageLine, PartRow, Role, Row, Stage,
};
use postroad_tui::effect::{Ask, Effect, Job};
use postroad_tui::model::{Look, Model, Now, Size};
use postroad_tui::msg::{Report, What};
use postroad_tui::people::PersonRow;
use postroad_tui::{Msg, start, update};

pub(crate) const INBOX: FolderId = FolderId(0);

pub(crate) fn now() -> Now {
    Now {
        since_start: Duration::from_secs(10),
        wall: "2026-11-30T15:00:00Z".parse().unwrap(),
        zone: TimeZone::UTC,
    }
}

pub(crate) fn seconds(time: &str) -> u32 {
    let time: Timestamp = time.parse().unwrap();
    time.as_second().try_into().unwrap()
}

fn line(text: &str) -> SafeText {
    SafeText::line(text)
}

pub(crate) fn letter(uid: u32) -> LetterId {
    LetterId { folder: INBOX, validity: 7, uid }
}

/// A report that nobody asked for.
pub(crate) fn tell(model: &mut Model, what: What) -> Vec<Effect> {
    update(model, Msg::Report(Report { job: Job::NONE, what }))
}

/// The answer to what was asked last and fits.
pub(crate) fn answer(
    model: &mut Model,
    effects: &[Effect],
    asked: impl Fn(&Ask) -> bool,
    what: What,
) -> Vec<Effect> {
    let job = effects.iter().rev().find_map(|effect| match effect {
        Effect::Ask(job, ask) if asked(ask) => Some(*job),
        _ => None,
    });
    let job = job.expect("it was asked for");
    update(model, Msg::Report(Report { job, what }))
}

/// The inbox, open, with nothing known of it yet.
pub(crate) fn opening() -> Model {
    let mut model = Model::new(Size { columns: 80, rows: 24 }, now(), Look::default());
    model.accounts = vec![Account { name: "home".into(), address: line("anna@our.example") }];
    start(&mut model, INBOX, "INBOX".into());
    model
}

pub(crate) fn folders() -> Vec<FolderRow> {
    let row = |(id, name, role, letters, unread)| FolderRow {
        id: FolderId(id),
        name: line(name),
        role,
        counts: Some(FolderCounts { letters, unread }),
    };
    [
        (0, "INBOX", Some(Role::Inbox), 3, 2),
        (1, "Archive", Some(Role::Archive), 102_394, 0),
        (2, "Lists/rust-dev", None, 4_711, 12),
        (3, "Rechnungen", None, 17, 0),
        (4, "Sent", Some(Role::Sent), 300, 0),
        (5, "Trash", Some(Role::Trash), 9, 0),
        (6, "ann\u{202e}fdp.exe", None, 1, 1),
    ]
    .map(row)
    .into()
}

pub(crate) fn listing(heads: Vec<Head>) -> What {
    let stage = Stage::Complete;
    let order = postroad_tui::data::Order::default();
    What::Listing(Arc::new(Listing {
        folder: INBOX,
        validity: 7,
        generation: 1,
        stage,
        order,
        heads,
    }))
}

/// What a test says of one letter: when it was written, its marks, sender, subject, length, cue.
type Told<'t> = (&'t str, Marks, &'t str, &'t str, u64, Cue);

/// The inbox with these letters.
pub(crate) fn inbox(letters: &[Told<'_>]) -> Model {
    let mut model = opening();
    tell(&mut model, What::Folders(folders()));
    let mut heads = Vec::new();
    let mut rows = Vec::new();
    for (uid, (sent, flags, from, subject, octets, cue)) in (1..).zip(letters) {
        heads.push(Head { uid, sent: seconds(sent), flags: *flags, depth: 0 });
        let (from, subject) = (line(from), line(subject));
        let row = Row { from, subject, octets: *octets, cue: *cue, ..Row::default() };
        rows.push((uid, row));
    }
    let opened = [Effect::Ask(Job(1), Ask::Open(INBOX))];
    answer(&mut model, &opened, |_| true, listing(heads));
    tell(&mut model, What::Rows { folder: INBOX, rows });
    model
}

/// The inbox with three letters, the second one selected.
pub(crate) fn three_letters() -> Model {
    let answered = Marks::SEEN.with(Marks::ANSWERED);
    let mut model = inbox(&[
        ("2026-11-28T09:30:00Z", answered, "Bob Baker", "Lunch?", 900, Cue::OnlyMe),
        ("2026-11-30T13:40:00Z", Marks::NONE, "rust-dev", "[ANN] 1.95", 2_250, Cue::List),
        (
            "2026-11-30T14:02:00Z",
            Marks::RECENT.with(Marks::FLAGGED),
            "Alice Example",
            "Re: Quarter plan: what we said on Thursday about the third one, and what came of it",
            84_000,
            Cue::Me,
        ),
    ]);
    model.index.as_mut().unwrap().list.selected = 1;
    model
}

/// A letter with quotes, a signature, a part and a long line.
pub(crate) fn page() -> Page {
    let text = |kind, text| PageLine { kind, text: line(text) };
    Page {
        letter: letter(3),
        head: [
            (
                "Received",
                "from mail.example.org by mx.our.example; Mon, 30 Nov 2026 14:02:03 +0000",
            ),
            ("From", "Alice Example <alice@example.org>"),
            ("To", "anna@our.example, Bob Baker <bob@x.example>"),
            ("Subject", "Re: Quarter plan: what we said on Thursday about the third one"),
            ("Date", "Mon, 30 Nov 2026 14:02:00 +0000"),
            ("Message-ID", "<1@example.org>"),
        ]
        .map(|(name, value)| (line(name), line(value)))
        .into(),
        lines: vec![
            text(LineKind::Text, "Hello Anna,"),
            text(LineKind::Text, ""),
            text(LineKind::Quote(1), "> and when is that?"),
            text(LineKind::Quote(2), "> > In March."),
            text(
                LineKind::Text,
                "in April, since everybody who has to say something about it is away until then, and \
                 nobody wants to begin without them.",
            ),
            text(LineKind::Signature, "-- "),
            text(LineKind::Signature, "Alice"),
            text(LineKind::Part, "[2] plan.pdf (application/pdf, 81K)"),
        ],
        parts: vec![
            PartRow { number: 1, depth: 0, name: None, kind: line("text/plain"), octets: 600 },
            PartRow {
                number: 2,
                depth: 1,
                name: Some(line("plan.pdf")),
                kind: line("application/pdf"),
                octets: 83_000,
            },
        ],
        links: [
            ("www.bank.example", "http://attack.example/x", "attack.example", LinkGoes::Web),
            ("the plan", "https://example.org/plan", "example.org", LinkGoes::Web),
            ("write", "mailto:bob@x.example", "bob@x.example", LinkGoes::Mail),
            ("here", "javascript:alert(1)", "", LinkGoes::Nowhere),
        ]
        .map(|(words, target, host, goes)| LinkRow {
            words: line(words),
            target: line(target),
            host: line(host),
            goes,
            warning: match host {
                "attack.example" => {
                    Some(line("leads to attack.example, though its words say www.bank.example"))
                }
                "" => Some(line("is not opened: only http, https and mailto are")),
                _ => None,
            },
        })
        .into(),
        unsubscribe: None,
        original: None,
        invitation: None,
        trust: None,
        seal: None,
        explained: vec![line("? Nobody that you trust has judged it")],
        cut: None,
    }
}

/// The third letter, read.
pub(crate) fn reading(page: Page) -> Model {
    let mut model = three_letters();
    crate::press(&mut model, "<End>");
    let effects = crate::press(&mut model, "<Enter>");
    answer(&mut model, &effects, |ask| matches!(ask, Ask::Read(_)), What::Page(Arc::new(page)));
    model
}

pub(crate) fn draft() -> DraftRow {
    DraftRow {
        id: DraftId("d1".into()),
        from: line("Anna <anna@our.example>"),
        fields: Fields {
            to: "Bob Baker <bob@x.example>".into(),
            subject: "Re: Lunch?".into(),
            ..Fields::default()
        },
        text_lines: 12,
        text_octets: 340,
        speaks_of: None,
        doubt: None,
        attachments: vec![
            AttachmentRow {
                name: line("menu.pdf"),
                kind: line("application/pdf"),
                octets: Some(20_000),
            },
            AttachmentRow { name: line("gone.txt"), kind: line("text/plain"), octets: None },
        ],
        answers: Some(letter(1)),
        saved: "2026-11-30T14:59:00Z".parse().unwrap(),
    }
}

pub(crate) fn people() -> Arc<[PersonRow]> {
    let person = |name: &str, address: &str| {
        let typed = if name.is_empty() { address.into() } else { format!("{name} <{address}>") };
        PersonRow::new(name, address, None, &typed)
    };
    [
        PersonRow::new(
            "",
            "bob@x.example, alice@example.org",
            Some("bakers"),
            "bob@x.example, alice@example.org",
        ),
        person("Bob Baker", "bob@x.example"),
        person("山田太郎", "yamada@example.jp"),
        person("", "bobby@far.example"),
        person("\u{202e}Boris\u{1b}[2J", "boris@far.example"),
        person("Alice Example", "alice@example.org"),
    ]
    .into()
}

pub(crate) fn outbox() -> Vec<OutboxRow> {
    let row = |(id, to, subject, state, words): (&str, &str, &str, OutboxState, &str)| OutboxRow {
        id: OutboxId(id.into()),
        to: line(to),
        subject: line(subject),
        state,
        words: line(words),
    };
    let held = postroad_tui::data::HeldId("h1".into());
    [
        (
            "h1",
            "bob@x.example",
            "Re: Lunch?",
            OutboxState::Held(held, "2026-11-30T15:00:08Z".parse().unwrap()),
            "",
        ),
        ("q2", "carol@far.example", "Minutes", OutboxState::Waiting(None), ""),
        ("q3", "dave@far.example", "Hi", OutboxState::Refused, "550 5.1.1 \u{1b}[31mno such user"),
    ]
    .map(row)
    .into()
}

/// Letters of several folders.
pub(crate) fn found() -> Vec<FoundRow> {
    let row =
        |(folder, name, uid, sent, from, subject): (u32, &str, u32, &str, &str, &str)| FoundRow {
            letter: LetterId { folder: FolderId(folder), validity: 7, uid },
            folder: line(name),
            sent: seconds(sent),
            flags: if uid == 3 { Marks::NONE } else { Marks::SEEN },
            row: Row { from: line(from), subject: line(subject), ..Row::default() },
        };
    [
        (1, "Archive", 17, "2025-01-02T10:00:00Z", "Alice Example", "the old plan"),
        (0, "INBOX", 3, "2026-11-30T14:02:00Z", "Alice Example", "Re: Quarter plan"),
        (2, "Lists/rust-dev", 99, "2026-11-01T10:00:00Z", "alice\u{202e}", "[ANN] a plan\u{1b}[2J"),
    ]
    .map(row)
    .into()
}
