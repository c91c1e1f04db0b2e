//! What a key or a report changes, and what is asked of the shell then.

use std::sync::Arc;
use std::time::Duration;

use postroad_safetext::SafeText;
use postroad_tui::data::{
    By, Cue, DraftId, Field, FolderId, Head, HeldId, Listing, Marks, Order, Role, Stage, UndoLabel,
    Way,
};
use postroad_tui::effect::{
    Ask, Audience, Effect, FlagEdit, Inside, Job, OutboxAsk, Start, Target,
};
use postroad_tui::keys::{Action, Key, On, table};
use postroad_tui::model::{Model, Note, Screen, Size};
use postroad_tui::msg::{Report, What};
use postroad_tui::{Msg, update};

use crate::fixture::{
    INBOX, answer, draft, inbox, letter, outbox, page, reading, tell, three_letters,
};
use crate::press;

/// What was asked, without the numbers.
pub(crate) fn asks(effects: &[Effect]) -> Vec<Ask> {
    let ask = |effect: &Effect| match effect {
        Effect::Ask(_, ask) => Some(ask.clone()),
        _ => None,
    };
    effects.iter().filter_map(ask).collect()
}

fn said(model: &Model) -> &str {
    match &model.note {
        Note::Said(words) | Note::Wrong(words, _) => words.as_str(),
        Note::Nothing | Note::Queued | Note::Progress(..) => "",
    }
}

fn listing(generation: u64, validity: u32, uids: &[u32]) -> What {
    let head = |uid: &u32| Head { uid: *uid, sent: 0, flags: Marks::SEEN, depth: 0 };
    What::Listing(Arc::new(Listing {
        folder: INBOX,
        validity,
        generation,
        stage: Stage::Complete,
        order: Order::default(),
        heads: uids.iter().map(head).collect(),
    }))
}

pub(crate) fn selected(model: &Model) -> Option<u32> {
    model.index.as_ref()?.selected().map(|letter| letter.uid)
}

fn trash() -> Target {
    Target::Role(Role::Trash)
}

fn moved(uids: &[u32], to: Target) -> Ask {
    Ask::Move { letters: uids.iter().copied().map(letter).collect(), to }
}

fn copied(uids: &[u32], to: Target) -> Ask {
    Ask::Copy { letters: uids.iter().copied().map(letter).collect(), to }
}

fn piped(uids: &[u32], command: &str) -> Ask {
    Ask::Pipe { letters: uids.iter().copied().map(letter).collect(), command: command.into() }
}

fn printed(uid: u32) -> Ask {
    Ask::Print { letter: letter(uid), part: None }
}

fn inside(part: usize, how: Inside) -> Ask {
    Ask::NewDraft(Start::Inside(letter(3), part, how))
}

fn arranged(by: By, way: Way) -> Ask {
    Ask::Arrange(Order { by, way })
}

fn flag_both(uids: &[u32], add: Marks) -> Ask {
    let letters = uids.iter().copied().map(letter).collect();
    Ask::Flag { letters, edit: FlagEdit { add, remove: Marks::NONE } }
}

#[test]
fn keys_of_the_index() {
    let flag =
        |uid, add, remove| Ask::Flag { letters: vec![letter(uid)], edit: FlagEdit { add, remove } };
    for (keys, wanted, now) in [
        ("j", vec![], 3),
        ("k", vec![], 1),
        ("jj", vec![], 3),
        ("=", vec![], 1),
        ("*", vec![], 3),
        ("1<Enter>", vec![], 1),
        ("3<Enter>", vec![], 3),
        ("9<Enter>", vec![], 2),
        ("H", vec![], 1),
        ("M", vec![], 2),
        ("[", vec![], 1),
        ("]", vec![], 3),
        ("<Tab>", vec![], 3),
        // New ones first; letters that were looked at once there is none.
        ("<Tab><Tab>", vec![], 3),
        ("*N<Tab>", vec![], 2),
        ("dk", vec![], 1),
        ("dK", vec![], 2),
        ("=dj", vec![], 3),
        ("<Enter>", vec![Ask::Read(letter(2))], 2),
        (" ", vec![Ask::Read(letter(2))], 2),
        ("h", vec![Ask::Read(letter(2))], 2),
        ("d$", vec![moved(&[2], trash()), Ask::Sync(INBOX)], 3),
        ("dKu$", vec![Ask::Sync(INBOX)], 3),
        ("F$", vec![flag(2, Marks::FLAGGED, Marks::NONE), Ask::Sync(INBOX)], 3),
        // An unread letter that was looked at is new again first, and read then.
        ("N$", vec![Ask::Sync(INBOX)], 3),
        ("NkN$", vec![flag(2, Marks::SEEN, Marks::NONE), Ask::Sync(INBOX)], 3),
        ("*N$", vec![flag(3, Marks::SEEN, Marks::NONE), Ask::Sync(INBOX)], 3),
        ("=N$", vec![flag(1, Marks::NONE, Marks::SEEN), Ask::Sync(INBOX)], 2),
        ("m", vec![Ask::NewDraft(Start::Empty)], 2),
        ("r", vec![Ask::NewDraft(Start::Reply(letter(2), Audience::Sender))], 2),
        ("g", vec![Ask::NewDraft(Start::Reply(letter(2), Audience::All))], 2),
        ("f", vec![Ask::NewDraft(Start::Forward(letter(2)))], 2),
        ("B", vec![Ask::Outbox(OutboxAsk::List), Ask::Drafts], 2),
        (
            "sSent<Enter>",
            vec![Ask::Move { letters: vec![letter(2)], to: Target::Folder(FolderId(4)) }],
            3,
        ),
        (
            "s?jjjj<Enter>",
            vec![Ask::Move { letters: vec![letter(2)], to: Target::Folder(FolderId(4)) }],
            3,
        ),
        ("s!<Enter>", vec![], 2),
        ("c<Esc>", vec![], 2),
        ("x", vec![], 2),
        ("dx", vec![], 3),
        ("u", vec![], 2),
    ] {
        check_keys(keys, &wanted, now);
    }
}

/// What is asked of the shell by keys, with three letters, and which one is selected then.
fn check_keys(keys: &str, wanted: &[Ask], now: u32) {
    let mut model = three_letters();
    let effects = press(&mut model, keys);
    assert_eq!(asks(&effects), wanted, "{keys}");
    assert_eq!(selected(&model), Some(now), "{keys}");
}

#[test]
fn keys_for_several_letters_and_keys_that_ask() {
    let flag =
        |uid, add, remove| Ask::Flag { letters: vec![letter(uid)], edit: FlagEdit { add, remove } };
    for (keys, wanted, now) in [
        ("t", vec![], 3),
        ("t;d$", vec![moved(&[2], trash()), Ask::Sync(INBOX)], 3),
        ("=tt;F$", vec![flag_both(&[1, 2], Marks::FLAGGED), Ask::Sync(INBOX)], 3),
        ("=tt;t;d$", vec![moved(&[3], trash()), Ask::Sync(INBOX)], 3),
        (";d$", vec![moved(&[2], trash()), Ask::Sync(INBOX)], 3),
        ("=t*d;d;u$", vec![moved(&[1], trash()), Ask::Sync(INBOX)], 3),
        ("=t;d;u$", vec![moved(&[1], trash()), Ask::Sync(INBOX)], 2),
        ("=t;jd$", vec![moved(&[3], trash()), Ask::Sync(INBOX)], 3),
        ("=tt;sSent<Enter>", vec![moved(&[1, 2], Target::Folder(FolderId(4)))], 3),
        ("w!$", vec![flag(2, Marks::FLAGGED, Marks::NONE), Ask::Sync(INBOX)], 3),
        ("wr$", vec![flag(2, Marks::ANSWERED, Marks::NONE), Ask::Sync(INBOX)], 3),
        ("wd$", vec![moved(&[2], trash()), Ask::Sync(INBOX)], 3),
        ("dKWd$", vec![Ask::Sync(INBOX)], 3),
        ("=wn$", vec![flag(1, Marks::NONE, Marks::SEEN), Ask::Sync(INBOX)], 2),
        ("Wn$", vec![flag(2, Marks::SEEN, Marks::NONE), Ask::Sync(INBOX)], 3),
        ("wo$", vec![Ask::Sync(INBOX)], 3),
        ("Wo$", vec![flag(2, Marks::SEEN, Marks::NONE), Ask::Sync(INBOX)], 3),
        ("w*;d$", vec![moved(&[2], trash()), Ask::Sync(INBOX)], 3),
        ("w?", vec![], 2),
        ("w<Esc>", vec![], 2),
        // With what was marked on it.
        (
            "FksSent<Enter>",
            vec![flag(2, Marks::FLAGGED, Marks::NONE), moved(&[2], Target::Folder(FolderId(4)))],
            3,
        ),
        ("CSent<Enter>", vec![copied(&[2], Target::Folder(FolderId(4)))], 2),
        ("C=New<Enter>y", vec![copied(&[2], Target::Named("New".into())), Ask::Folders], 2),
        ("s=New<Enter><Enter>", vec![moved(&[2], Target::Named("New".into())), Ask::Folders], 3),
        ("sNew<Enter>n", vec![], 2),
        ("|wc<Enter>", vec![piped(&[2], "wc")], 2),
        ("tt;|wc -l<Enter>", vec![piped(&[2, 3], "wc -l")], 3),
        ("|<Enter>", vec![], 2),
        ("p<Enter>", vec![], 2),
        ("py", vec![printed(2)], 2),
        ("tt;py", vec![printed(2), printed(3)], 3),
        ("of", vec![arranged(By::From, Way::Up)], 2),
        ("Od", vec![arranged(By::Sent, Way::Down)], 2),
        ("oq", vec![], 2),
        (":delete-message<Enter>$", vec![moved(&[2], trash()), Ask::Sync(INBOX)], 3),
        (":exec sync-mailbox<Enter>", vec![Ask::Sync(INBOX)], 2),
        (":delete-m<Tab><Enter>$", vec![moved(&[2], trash()), Ask::Sync(INBOX)], 3),
        (":rep<Enter>", vec![Ask::NewDraft(Start::Reply(letter(2), Audience::Sender))], 2),
        (":set sort=reverse-date<Enter>", vec![arranged(By::Sent, Way::Down)], 2),
        (":set sort=none<Enter>", vec![], 2),
        (":nonsense<Enter>", vec![], 2),
    ] {
        check_keys(keys, &wanted, now);
    }
}

#[test]
fn what_is_new_is_selected_first_else_what_is_unread_else_the_last() {
    for (marks, wanted) in [
        ([Marks::SEEN, Marks::NONE, Marks::RECENT], 3),
        ([Marks::SEEN, Marks::NONE, Marks::NONE], 2),
        ([Marks::SEEN, Marks::SEEN, Marks::SEEN], 3),
    ] {
        let letters =
            marks.map(|marks| ("2026-11-28T09:30:00Z", marks, "Bob", "Hi", 900, Cue::None));
        assert_eq!(selected(&inbox(&letters)), Some(wanted), "{marks:?}");
    }
}

#[test]
fn leaving_carries_out_what_was_struck_and_marked_or_does_not() {
    let mut model = three_letters();
    let effects = press(&mut model, "Fkdq");
    assert_eq!(asks(&effects).len(), 3, "{effects:?}");
    assert!(matches!(effects.last(), Some(Effect::Quit(_))));
    let mut model = three_letters();
    assert!(matches!(press(&mut model, "Fkdx").as_slice(), [Effect::Quit(_)]));
}

#[test]
fn another_folder_is_opened_once_this_one_is_done_with() {
    let mut model = three_letters();
    let read = press(&mut model, "=d<Enter>");
    let reading = read.iter().find_map(|effect| match effect {
        Effect::Ask(job, Ask::Read(_)) => Some(*job),
        _ => None,
    });
    press(&mut model, "c");
    // The next one with unread letters is offered.
    let effects = press(&mut model, "<Enter>");
    let lists = FolderId(2);
    let trash = Target::Role(Role::Trash);
    let wanted = [
        Ask::Move { letters: vec![letter(1)], to: trash },
        Ask::Sync(INBOX),
        Ask::Close(INBOX),
        Ask::Open(lists),
    ];
    assert_eq!(asks(&effects), wanted);
    assert!(effects.contains(&Effect::Cancel(reading.unwrap())));
    assert_eq!(model.index.as_ref().unwrap().name.as_str(), "Lists/rust-dev");
    assert!(matches!(model.screen(), Screen::Index));
}

#[test]
fn folders_are_known_by_pieces_of_their_names() {
    for (typed, name, words) in [
        ("rust", "Lists/rust-dev", ""),
        ("=Sent", "Sent", ""),
        ("sent", "Sent", ""),
        ("a", "INBOX", "3 folders have a in their names.  ?: list"),
        ("x\u{202e}", "INBOX", "There is no folder x\\u{202e}.  ?: list"),
        ("li<Tab>", "INBOX", ""),
        ("", "INBOX", ""),
    ] {
        let mut model = three_letters();
        press(&mut model, "c");
        update(&mut model, Msg::Key(Key::Ctrl('u')));
        press(&mut model, typed);
        if !typed.ends_with('>') {
            press(&mut model, "<Enter>");
        }
        assert_eq!(model.index.as_ref().unwrap().name.as_str(), name, "{typed}");
        assert_eq!(said(&model), words, "{typed}");
    }
}

#[test]
fn keys_of_the_pager() {
    for (keys, wanted, is_reading) in [
        ("i", vec![], false),
        ("q", vec![], false),
        ("x", vec![], false),
        // It may be the first of two keys.
        ("<Esc>", vec![], true),
        (
            "ksSent<Enter>",
            vec![
                Ask::Read(letter(2)),
                Ask::Move { letters: vec![letter(2)], to: Target::Folder(FolderId(4)) },
                Ask::Read(letter(3)),
            ],
            true,
        ),
        ("k", vec![Ask::Read(letter(2))], true),
        // The last letter: on from it is back to the list, as in mutt.
        ("j", vec![], false),
        ("d", vec![], false),
        (" ", vec![], false),
        ("kd", vec![Ask::Read(letter(2)), Ask::Read(letter(3))], true),
        ("r", vec![Ask::NewDraft(Start::Reply(letter(3), Audience::Sender))], true),
        ("v", vec![], true),
        ("vj<Enter>", vec![Ask::Part { letter: letter(3), part: 2 }], true),
        ("vjs<Enter>", vec![Ask::Save { letter: letter(3), part: 2, into: ".".into() }], true),
        (
            "vj|wc -c<Enter>",
            vec![Ask::PipePart { letter: letter(3), part: 2, command: "wc -c".into() }],
            true,
        ),
        ("vj|<Enter>", vec![], true),
        ("vjpy", vec![Ask::Print { letter: letter(3), part: Some(2) }], true),
        ("vjp<Enter>", vec![], true),
        ("vr", vec![inside(1, Inside::Reply(Audience::Sender))], true),
        ("vjg", vec![inside(2, Inside::Reply(Audience::All))], true),
        ("vjL", vec![inside(2, Inside::Reply(Audience::List))], true),
        ("vjf", vec![inside(2, Inside::Forward)], true),
        ("vj<Esc>e", vec![inside(2, Inside::Resend)], true),
        ("py", vec![Ask::Print { letter: letter(3), part: None }], true),
        ("vq", vec![], true),
    ] {
        let mut model = reading(page());
        let effects = press(&mut model, keys);
        assert_eq!(asks(&effects), wanted, "{keys}");
        let has_pager = model.stack.iter().any(|screen| matches!(screen, Screen::Pager(_)));
        assert_eq!(has_pager, is_reading, "{keys}");
    }
}

#[test]
fn what_was_read_is_marked_so() {
    let mut model = reading(page());
    let effects = press(&mut model, "i$");
    let edit = FlagEdit { add: Marks::SEEN, remove: Marks::NONE };
    assert_eq!(asks(&effects), [Ask::Flag { letters: vec![letter(3)], edit }, Ask::Sync(INBOX)]);
}

#[test]
fn a_letter_that_nobody_waits_for_changes_nothing() {
    let mut model = three_letters();
    let first = press(&mut model, "<Enter>");
    let second = press(&mut model, "j");
    assert!(second.iter().any(|effect| matches!(effect, Effect::Cancel(_))), "{second:?}");
    let mut late = page();
    late.letter = letter(2);
    answer(&mut model, &first, |ask| matches!(ask, Ask::Read(_)), What::Page(Arc::new(late)));
    let Screen::Pager(pager) = model.screen() else { panic!("{:?}", model.screen()) };
    assert!(pager.page.is_none());
    assert_eq!(pager.letter, letter(3));
    // Nor does what was never asked for.
    let what = What::Failed { words: "no".into(), hint: "".into() };
    update(&mut model, Msg::Report(Report { job: Job(999), what }));
    assert_eq!(said(&model), "");
}

#[test]
fn the_selection_stays_with_its_letter() {
    // Before, what is selected there, and after; what is selected then.
    for (before, keys, after, validity, wanted) in [
        (&[1, 2, 3][..], "=j", &[1, 2, 3, 4][..], 7, Some(2)),
        (&[1, 2, 3], "=j", &[2, 1, 3], 7, Some(2)),
        (&[1, 2, 3], "=j", &[1, 3], 7, Some(3)),
        (&[1, 2, 3], "*", &[1], 7, Some(1)),
        (&[1, 2, 3], "*", &[], 7, None),
        (&[1, 2, 3], "=", &[10, 11, 12], 8, Some(12)),
    ] {
        let mut model = three_letters();
        tell(&mut model, listing(2, 7, before));
        press(&mut model, keys);
        tell(&mut model, listing(3, validity, after));
        assert_eq!(selected(&model), wanted, "{before:?} {keys} {after:?}");
    }
}

#[test]
fn an_older_listing_is_not_taken() {
    let mut model = three_letters();
    tell(&mut model, listing(5, 7, &[1, 2]));
    tell(&mut model, listing(4, 7, &[1, 2, 3]));
    assert_eq!(model.index.as_ref().unwrap().heads().len(), 2);
}

#[test]
fn letters_that_were_numbered_anew_are_not_struck() {
    let mut model = three_letters();
    press(&mut model, "=ddd");
    tell(&mut model, listing(9, 8, &[1, 2, 3]));
    let effects = press(&mut model, "$");
    assert_eq!(asks(&effects), [Ask::Sync(INBOX)]);
}

#[test]
fn letters_on_their_way_to_the_trash_are_not_sent_there_twice() {
    let mut model = three_letters();
    press(&mut model, "=d$");
    assert_eq!(asks(&press(&mut model, "$")), [Ask::Sync(INBOX)]);
}

#[test]
fn rows_are_asked_for_once() {
    let mut model = three_letters();
    let uids: Vec<u32> = (1..=500).collect();
    let effects = tell(&mut model, listing(2, 7, &uids));
    let asked = |effects: &[Effect]| -> Vec<u32> {
        let of = |ask: &Ask| match ask {
            Ask::Rows { uids, .. } => uids.clone(),
            _ => Vec::new(),
        };
        asks(effects).iter().flat_map(of).collect()
    };
    let first = asked(&effects);
    assert!(first.len() > 20 && first.len() < 200, "{first:?}");
    assert!(asked(&press(&mut model, "jj")).is_empty());
    let end = asked(&press(&mut model, "<End>"));
    assert!(end.contains(&500) && end.iter().all(|uid| !first.contains(uid)), "{end:?}");
    // What couldn't be read isn't asked for without end.
    let what = What::Rows { folder: INBOX, rows: Vec::new() };
    let again = answer(&mut model, &effects, |ask| matches!(ask, Ask::Rows { .. }), what);
    assert!(asked(&again).is_empty());
}

#[test]
fn a_letter_from_its_first_key_to_the_outbox() {
    let mut model = three_letters();
    let effects = press(&mut model, "m");
    press(&mut model, "bob@x.example<Enter>Hello<Enter>");
    let mut empty = draft();
    empty.fields = postroad_tui::data::Fields::default();
    let id = empty.id.clone();
    let is_new = |ask: &Ask| matches!(ask, Ask::NewDraft(_));
    let effects = answer(&mut model, &effects, is_new, What::Draft(empty.into()));
    let mut fields = draft().fields;
    fields.to = "bob@x.example".into();
    fields.subject = "Hello".into();
    assert_eq!(asks(&effects), [Ask::SaveDraft(id.clone(), fields.clone())]);
    assert_eq!(effects.last(), Some(&Effect::Edit(id.clone())));
    // The editor has ended; the letter is sent.
    let mut written = draft();
    written.fields = fields.clone();
    tell(&mut model, What::Draft(written.into()));
    let effects = press(&mut model, "y");
    assert_eq!(asks(&effects), [Ask::Queue(id.clone(), fields)]);
    assert!(asks(&press(&mut model, "y")).is_empty(), "twice");
    let held = HeldId("h1".into());
    let until = model.now.wall + Duration::from_secs(10);
    let what = What::Queued { letter: held.clone(), until };
    let is_queue = |ask: &Ask| matches!(ask, Ask::Queue(..));
    let effects = answer(&mut model, &effects, is_queue, what);
    assert!(matches!(effects.as_slice(), [Effect::TickAt(_)]), "{effects:?}");
    assert!(matches!(model.screen(), Screen::Index));
    assert_eq!(model.note, Note::Queued);
    // And had back.
    let effects = press(&mut model, "u");
    assert_eq!(asks(&effects), [Ask::TakeBack(held)]);
    assert!(asks(&press(&mut model, "u")).is_empty(), "twice");
    let is_back = |ask: &Ask| matches!(ask, Ask::TakeBack(_));
    answer(&mut model, &effects, is_back, What::Draft(draft().into()));
    assert!(matches!(model.screen(), Screen::Compose(_)));
    assert!(model.undo.is_empty());
}

#[test]
fn a_letter_that_has_left_is_not_had_back() {
    let mut model = three_letters();
    let until = model.now.wall + Duration::from_secs(10);
    let held = Some((HeldId("h1".into()), until));
    model.undo = vec![
        UndoLabel { words: "1 letter moved".into(), held: None },
        UndoLabel { words: "letter".into(), held },
    ];
    let mut now = model.now.clone();
    now.wall += Duration::from_secs(11);
    update(&mut model, Msg::Tick(now));
    assert_eq!(asks(&press(&mut model, "u")), [Ask::Undo]);
}

#[test]
fn what_can_not_be_sent_is_said() {
    let mut model = three_letters();
    let effects = press(&mut model, "r");
    let mut nobody = draft();
    nobody.fields.to.clear();
    let is_new = |ask: &Ask| matches!(ask, Ask::NewDraft(_));
    answer(&mut model, &effects, is_new, What::Draft(nobody.into()));
    assert!(asks(&press(&mut model, "y")).is_empty());
    assert_eq!(said(&model), "No recipients were specified.");
    let effects = press(&mut model, "tbob@@<Enter>s");
    assert!(matches!(asks(&effects).as_slice(), [Ask::SaveDraft(..)]));
    update(&mut model, Msg::Key(Key::Ctrl('u')));
    press(&mut model, "<Enter>");
    assert!(asks(&press(&mut model, "y")).is_empty());
    let effects = press(&mut model, "n");
    let words = SafeText::line("bob@@ is no address");
    let what = What::DraftWrong { draft: DraftId("d1".into()), field: Field::To, words };
    answer(&mut model, &effects, |ask| matches!(ask, Ask::Queue(..)), what);
    assert_eq!(said(&model), "bob@@ is no address");
    // It can be changed, and sent.
    let effects = press(&mut model, "yn");
    assert!(matches!(asks(&effects).as_slice(), [Ask::Queue(..)]));
}

#[test]
fn a_letter_is_kept_or_thrown_away() {
    for (keys, is_discarded) in [("q<Enter>", false), ("qy", false), ("P", false), ("qn", true)] {
        let mut model = three_letters();
        let effects = press(&mut model, "r");
        let is_new = |ask: &Ask| matches!(ask, Ask::NewDraft(_));
        answer(&mut model, &effects, is_new, What::Draft(draft().into()));
        let asked = asks(&press(&mut model, keys));
        let was = asked.iter().any(|ask| matches!(ask, Ask::Discard(_)));
        assert_eq!(was, is_discarded, "{keys}: {asked:?}");
        assert!(matches!(model.screen(), Screen::Index), "{keys}");
    }
}

#[test]
fn a_letter_that_was_left_before_it_began_is_removed() {
    let mut model = three_letters();
    let effects = press(&mut model, "m<Esc>");
    let is_new = |ask: &Ask| matches!(ask, Ask::NewDraft(_));
    let effects = answer(&mut model, &effects, is_new, What::Draft(draft().into()));
    assert_eq!(asks(&effects), [Ask::Discard(draft().id)]);
}

#[test]
fn letters_of_the_outbox() {
    for (keys, wanted) in [
        ("<Enter>", vec![Ask::TakeBack(HeldId("h1".into()))]),
        ("jjr", vec![Ask::Outbox(OutboxAsk::Retry(outbox()[2].id.clone()))]),
        ("jD<Enter>", vec![]),
        ("jDy", vec![Ask::Outbox(OutboxAsk::Discard(outbox()[1].id.clone()))]),
        ("jjj<Enter>", vec![Ask::NewDraft(Start::Recall(draft().id))]),
        ("jjjDy", vec![Ask::Discard(draft().id)]),
        ("q", vec![]),
    ] {
        let mut model = three_letters();
        press(&mut model, "B");
        tell(&mut model, What::Outbox(outbox()));
        tell(&mut model, What::Drafts(vec![draft()]));
        assert_eq!(asks(&press(&mut model, keys)), wanted, "{keys}");
    }
}

#[test]
fn what_fails_leaves_a_screen_that_can_be_used() {
    let failed = || What::Failed { words: "no".into(), hint: "".into() };
    let mut model = three_letters();
    let effects = press(&mut model, "<Enter>");
    answer(&mut model, &effects, |ask| matches!(ask, Ask::Read(_)), failed());
    assert!(matches!(model.screen(), Screen::Index));
    let effects = press(&mut model, "m");
    answer(&mut model, &effects, |ask| matches!(ask, Ask::NewDraft(_)), failed());
    assert!(matches!(model.screen(), Screen::Index) && model.prompt.is_none());
    assert_eq!(said(&model), "no");
}

#[test]
fn escape_waits_for_a_second_key() {
    let mut model = three_letters();
    let effects = update(&mut model, Msg::Key(Key::Esc));
    assert_eq!(effects, [Effect::TickAt(model.now.since_start + Duration::from_millis(500))]);
    press(&mut model, "<Tab>");
    assert_eq!(selected(&model), Some(3), "to the unread one before, round the end");
    // Later it is a key of its own.
    update(&mut model, Msg::Key(Key::Esc));
    let mut now = model.now.clone();
    now.since_start += Duration::from_millis(500);
    update(&mut model, Msg::Tick(now));
    press(&mut model, "d");
    assert_eq!(model.index.as_ref().unwrap().struck.len(), 1);
}

#[test]
fn another_size_keeps_what_is_typed_and_selected() {
    let mut model = three_letters();
    press(&mut model, "*c");
    for size in [(1, 1), (300, 100), (40, 10)] {
        update(&mut model, Msg::Resized(Size { columns: size.0, rows: size.1 }));
    }
    assert!(model.prompt.is_some());
    assert_eq!(selected(&model), Some(3));
}

#[test]
fn what_is_pasted_is_never_a_key() {
    let mut model = three_letters();
    let effects = update(&mut model, Msg::Paste("ddd$q".into()));
    assert!(effects.is_empty() && model.index.as_ref().unwrap().struck.is_empty());
    press(&mut model, "m");
    update(&mut model, Msg::Paste("bob@x.example\n".into()));
    let Some(postroad_tui::model::Prompt::Line { edit, .. }) = &model.prompt else { panic!() };
    assert_eq!(edit.text(), "bob@x.example ");
}

/// A model that shows the screen, with something in it to be chosen.
fn on(screen: On) -> Model {
    let mut model = match screen {
        On::Pager => reading(page()),
        On::Parts => {
            let mut model = reading(page());
            press(&mut model, "vj");
            model
        }
        On::Explain => {
            let mut model = reading(page());
            press(&mut model, "X");
            model
        }
        On::Links => {
            let mut model = reading(page());
            update(&mut model, Msg::Key(Key::Ctrl('b')));
            model
        }
        On::Compose => {
            let mut model = three_letters();
            let effects = press(&mut model, "r");
            let is_new = |ask: &Ask| matches!(ask, Ask::NewDraft(_));
            answer(&mut model, &effects, is_new, What::Draft(draft().into()));
            press(&mut model, "j");
            model
        }
        On::Editor => {
            let mut model = on(On::Compose);
            let text = "one\ntwo\nthree\n".into();
            tell(&mut model, What::Text { draft: draft().id, text });
            press(&mut model, "a<^K><^_>b<^_>");
            model
        }
        On::Found => {
            let mut model = three_letters();
            press(&mut model, "Salice<Enter>");
            tell(&mut model, What::FoundAll { rows: crate::fixture::found(), complete: false });
            press(&mut model, "j");
            model
        }
        On::People => {
            let mut model = three_letters();
            tell(&mut model, What::People(crate::fixture::people()));
            press(&mut model, "Q<Enter>j");
            model
        }
        On::Index | On::List | On::Anywhere | On::Folders | On::Outbox | On::Help => {
            three_letters()
        }
    };
    let keys = match screen {
        On::Folders => "s?j",
        On::Outbox => "B",
        On::Help => "?",
        On::Index
        | On::List
        | On::Anywhere
        | On::Pager
        | On::Parts
        | On::Links
        | On::Explain
        | On::People
        | On::Editor
        | On::Found
        | On::Compose => "",
    };
    press(&mut model, keys);
    tell(&mut model, What::Outbox(outbox()));
    tell(&mut model, What::Drafts(vec![draft()]));
    model
}

/// The key that has this name in the table.
fn key(name: &str) -> Key {
    let all = [
        Key::Enter,
        Key::Tab,
        Key::BackTab,
        Key::Backspace,
        Key::Delete,
        Key::Insert,
        Key::Esc,
        Key::Up,
        Key::Down,
        Key::Left,
        Key::Right,
        Key::Home,
        Key::End,
        Key::PageUp,
        Key::PageDown,
    ];
    let chars = (' '..='~').flat_map(|c| [Key::Char(c), Key::Ctrl(c)]);
    all.into_iter().chain(chars).find(|key| key.to_string() == name).unwrap()
}

#[test]
fn every_key_of_the_table_does_something_where_it_stands() {
    let screens = [
        On::Index,
        On::Pager,
        On::Parts,
        On::Links,
        On::Explain,
        On::Folders,
        On::Compose,
        On::Editor,
        On::Found,
        On::Outbox,
        On::People,
        On::Help,
    ];
    for screen in screens {
        assert_eq!(on(screen).on(), screen);
        for binding in table::of(screen) {
            for name in binding.keys {
                let mut model = on(screen);
                let keys: Vec<Key> = match (binding.action, name.strip_prefix("Esc ")) {
                    (Action::Letter, Some(digit)) => digit.chars().map(Key::Alt).collect(),
                    _ => name.split(' ').map(key).collect(),
                };
                keys.into_iter().for_each(|key| {
                    update(&mut model, Msg::Key(key));
                });
                let said = said(&model);
                let is_known = !said.contains("does nothing") && !said.contains("not bound");
                assert!(is_known, "{name} on {screen:?}: {said}");
            }
        }
    }
}

#[test]
fn new_letters_are_told() {
    let mut model = three_letters();
    let head = |uid, flags| Head { uid, sent: 0, flags, depth: 0 };
    let listing = |generation, heads| {
        let stage = Stage::Complete;
        What::Listing(Arc::new(Listing {
            folder: INBOX,
            validity: 7,
            generation,
            stage,
            order: Order::default(),
            heads,
        }))
    };
    tell(&mut model, listing(2, vec![head(1, Marks::SEEN), head(4, Marks::SEEN)]));
    assert_eq!(said(&model), "");
    tell(&mut model, listing(3, vec![head(1, Marks::SEEN), head(5, Marks::RECENT)]));
    assert_eq!(said(&model), "New mail in this mailbox.");
}

#[test]
fn a_letter_goes_to_the_archive_and_the_next_one_is_selected() {
    let mut model = three_letters();
    press(&mut model, "=");
    let effects = press(&mut model, "A");
    let moved = effects.iter().find_map(|effect| match effect {
        Effect::Ask(_, Ask::Move { letters, to }) => Some((letters.len(), to.clone())),
        _ => None,
    });
    assert_eq!(moved, Some((1, Target::Role(Role::Archive))));
    assert_eq!(model.index.as_ref().unwrap().list.selected, 1);
    press(&mut model, "y");
    assert!(matches!(model.screen(), Screen::Folders(_)));
}
