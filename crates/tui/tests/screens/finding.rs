//! `/`, `n` and `l`: what is asked of the shell, and what becomes of what it finds.

use std::sync::Arc;
use std::time::Duration;

use postroad_tui::data::{Found, Head, Listing, Marks, Order, Stage, Way};
use postroad_tui::effect::{Ask, Effect, Job, Search};
use postroad_tui::keys::Key;
use postroad_tui::model::{Model, Note, Now};
use postroad_tui::msg::{Report, What};
use postroad_tui::{Msg, update};

use crate::fixture::{INBOX, letter, tell, three_letters};
use crate::{check, press};

/// Letters 1 to 5, all read; the one in the middle is selected.
fn five() -> Model {
    let mut model = three_letters();
    tell(&mut model, listing(2, 5));
    press(&mut model, "=jj");
    assert_eq!(selected(&model), 3);
    model
}

fn listing(generation: u64, letters: u32) -> What {
    let head = |uid| Head { uid, sent: 0, flags: Marks::SEEN, depth: 0 };
    What::Listing(Arc::new(Listing {
        folder: INBOX,
        validity: 7,
        generation,
        stage: Stage::Complete,
        order: Order::default(),
        heads: (1..=letters).map(head).collect(),
    }))
}

fn selected(model: &Model) -> u32 {
    model.index.as_ref().unwrap().selected().map_or(0, |letter| letter.uid)
}

fn shown(model: &Model) -> Vec<u32> {
    model.index.as_ref().unwrap().heads().iter().map(|head| head.uid).collect()
}

fn said(model: &Model) -> &str {
    match &model.note {
        Note::Said(words) | Note::Wrong(words, _) => words.as_str(),
        Note::Nothing | Note::Queued | Note::Progress(..) => "",
    }
}

/// The search that was asked for last.
#[track_caller]
fn asked(effects: &[Effect]) -> (Job, Search) {
    let search = effects.iter().rev().find_map(|effect| match effect {
        Effect::Ask(job, Ask::Search(search)) => Some((*job, search.clone())),
        _ => None,
    });
    search.expect("nothing was looked for")
}

/// How far a search is.
#[derive(PartialEq, Eq)]
enum Far {
    Some,
    All,
}

fn found(model: &mut Model, job: Job, uids: &[u32], far: Far) -> Vec<Effect> {
    let letters = uids.iter().copied().map(letter).collect();
    let what = What::Found(Found { letters, complete: far == Far::All });
    update(model, Msg::Report(Report { job, what }))
}

#[test]
fn what_is_looked_for_and_in_which_order() {
    for (keys, pattern, letters, first, way) in [
        ("/ab", "ab", [4, 5, 1, 2, 3], 3, Way::Up),
        ("<Esc>/ab", "ab", [2, 1, 5, 4, 3], 1, Way::Down),
        ("lab", "ab", [5, 4, 3, 2, 1], 4, Way::Down),
        ("=/ab", "ab", [2, 3, 4, 5, 1], 1, Way::Up),
        ("*/ab", "ab", [1, 2, 3, 4, 5], 0, Way::Up),
        ("=<Esc>/ab", "ab", [5, 4, 3, 2, 1], 4, Way::Down),
    ] {
        let (_, search) = asked(&press(&mut five(), keys));
        assert_eq!((search.pattern.as_str(), &*search.letters), (pattern, &letters[..]), "{keys}");
        assert_eq!((search.first, search.way, search.folder), (first, way, Some(INBOX)), "{keys}");
    }
}

#[test]
fn each_key_looks_anew_and_what_was_asked_before_is_cancelled() {
    let mut model = five();
    let (first, _) = asked(&press(&mut model, "/a"));
    let effects = press(&mut model, "b");
    assert!(effects.contains(&Effect::Cancel(first)));
    let (second, _) = asked(&effects);
    // It goes to the first one at once, and needs no more.
    assert!(found(&mut model, second, &[5, 1], Far::Some).contains(&Effect::Cancel(second)));
    assert_eq!((selected(&model), said(&model)), (5, ""));
    found(&mut model, first, &[1], Far::All);
    assert_eq!(selected(&model), 5);
    assert!(
        press(&mut model, "<Enter>")
            .iter()
            .all(|effect| !matches!(effect, Effect::Ask(_, Ask::Search(_))))
    );
    assert_eq!((selected(&model), said(&model)), (5, ""));
    // `n` looks from there on.
    let (job, search) = asked(&press(&mut model, "n"));
    assert_eq!((search.pattern.as_str(), &*search.letters), ("ab", &[1, 2, 3, 4, 5][..]));
    found(&mut model, job, &[1], Far::Some);
    assert_eq!((selected(&model), said(&model)), (1, "Search wrapped to top."));
}

#[test]
fn who_types_no_more_is_where_they_were() {
    let mut model = five();
    let (job, _) = asked(&press(&mut model, "/a"));
    found(&mut model, job, &[5], Far::All);
    press(&mut model, "<Esc>");
    assert_eq!(selected(&model), 3);
    let (job, _) = asked(&press(&mut model, "/x<Enter>"));
    found(&mut model, job, &[], Far::All);
    assert_eq!((selected(&model), said(&model)), (3, "Not found."));
    let (job, _) = asked(&press(&mut model, "/~"));
    let words = "half a pattern".into();
    let what = What::Failed { words, hint: "".into() };
    update(&mut model, Msg::Report(Report { job, what }));
    assert_eq!(said(&model), "");
    press(&mut model, "<Enter>");
    assert_eq!(said(&model), "half a pattern");
}

#[test]
fn a_list_is_limited_and_forgets_nothing() {
    let mut model = five();
    press(&mut model, "=dF*=");
    press(&mut model, "jj");
    let (job, search) = asked(&press(&mut model, "l~s a"));
    assert_eq!(search.marks.len(), 2, "{:?}", search.marks);
    found(&mut model, job, &[5], Far::Some);
    assert_eq!(shown(&model), [5]);
    found(&mut model, job, &[4, 3], Far::All);
    assert_eq!((shown(&model), selected(&model)), (vec![3, 4, 5], 3));
    press(&mut model, "<Enter>");
    assert_eq!(said(&model), "3 letters of 5.  To view all messages, limit to \"all\".");
    check("limited", &model);
    // What isn't shown is struck all the same.
    let index = model.index.as_ref().unwrap();
    assert!(index.struck.contains(&1) && index.edits.contains_key(&2));
    // A letter that comes is looked at, too.
    let (job, search) = asked(&tell(&mut model, listing(3, 6)));
    assert_eq!((&*search.letters, shown(&model)), (&[6][..], vec![3, 4, 5]));
    found(&mut model, job, &[6], Far::All);
    assert_eq!((shown(&model), selected(&model)), (vec![3, 4, 5, 6], 3));
    // A limit that nothing is like isn't taken.
    let (job, _) = asked(&press(&mut model, "lz<Enter>"));
    found(&mut model, job, &[], Far::All);
    assert_eq!((shown(&model).len(), said(&model)), (4, "No messages matched criteria."));
    press(&mut model, "l<Esc>");
    assert_eq!(shown(&model).len(), 4);
    press(&mut model, "lall<Enter>");
    assert_eq!((shown(&model).len(), selected(&model)), (6, 3));
    let effects = press(&mut model, "$");
    let is_moved = |effect: &Effect| matches!(effect, Effect::Ask(_, Ask::Move { letters, .. }) if letters == &[letter(1)]);
    assert!(effects.iter().any(is_moved));
}

#[test]
fn what_is_like_a_pattern_is_struck_and_tagged_at_once() {
    let mut model = five();
    let index = |model: &Model| model.index.clone().unwrap();
    let pattern = |model: &mut Model, keys: &str, uids: &[u32]| {
        let (job, search) = asked(&press(model, keys));
        assert_eq!((search.first, search.way), (0, Way::Up));
        found(model, job, uids, Far::All);
        search
    };

    let search = pattern(&mut model, "Dab<Enter>", &[2, 4]);
    assert_eq!((search.pattern.as_str(), &*search.letters), ("ab", &[1, 2, 3, 4, 5][..]));
    assert_eq!(index(&model).struck, [2, 4].into());
    assert_eq!((selected(&model), said(&model)), (3, "2 letters: struck."));
    let search = pattern(&mut model, "U~s x<Enter>", &[4]);
    assert_eq!(search.marks.len(), 2, "what is struck is told: ~D asks for it");
    assert_eq!(index(&model).struck, [2].into());
    pattern(&mut model, "Tab<Enter>", &[1, 5]);
    assert_eq!(index(&model).tagged, [1, 5].into());
    update(&mut model, Msg::Key(Key::Ctrl('t')));
    pattern(&mut model, "ab<Enter>", &[5]);
    assert_eq!(index(&model).tagged, [1].into());
    pattern(&mut model, "Tab<Enter>", &[]);
    assert_eq!(said(&model), "No messages matched criteria.");

    // Of those that are shown; and nothing is done before all are known.
    let (job, _) = asked(&press(&mut model, "lab<Enter>"));
    found(&mut model, job, &[5, 3], Far::All);
    let (job, search) = asked(&press(&mut model, "Dab<Enter>"));
    assert_eq!(&*search.letters, [3, 5]);
    found(&mut model, job, &[3], Far::Some);
    assert_eq!(index(&model).struck, [2].into());
    found(&mut model, job, &[5], Far::All);
    assert_eq!(index(&model).struck, [2, 3, 5].into());
}

#[test]
fn a_pattern_that_means_nothing_changes_nothing() {
    let mut model = five();
    assert!(press(&mut model, "D<Enter>").is_empty());
    let (job, _) = asked(&press(&mut model, "D~<Enter>"));
    let what = What::Failed { words: "That isn't a pattern.".into(), hint: "".into() };
    update(&mut model, Msg::Report(Report { job, what }));
    assert_eq!(said(&model), "That isn't a pattern.");
    assert!(model.index.unwrap().struck.is_empty());
}

#[test]
fn keys_wait_for_the_letter_that_they_are_for() {
    let mut model = five();
    let (job, _) = asked(&press(&mut model, "/ab<Enter>"));
    assert!(press(&mut model, "Fjd").is_empty());
    assert_eq!((selected(&model), said(&model)), (3, "Searching...  Esc: stop"));
    found(&mut model, job, &[5], Far::All);
    let index = model.index.as_ref().unwrap();
    assert!(index.marks(index.heads()[4]).has(Marks::FLAGGED));
    assert_eq!(index.struck, [5].into(), "the last one: j leads nowhere");

    // What is done to many letters comes in front of the next key, too: here, of `q`.
    let mut model = five();
    let (job, _) = asked(&press(&mut model, "Dab<Enter>"));
    assert!(press(&mut model, "q").is_empty());
    let effects = found(&mut model, job, &[1, 2], Far::All);
    let moved = effects.iter().find_map(|effect| match effect {
        Effect::Ask(_, Ask::Move { letters, .. }) => Some(letters.len()),
        _ => None,
    });
    assert_eq!(moved, Some(2));
    assert!(effects.iter().any(|it| matches!(it, Effect::Quit(_))));

    // Who waits no more is where they were, and their keys are forgotten.
    let mut model = five();
    press(&mut model, "/ab<Enter>d");
    let effects = press(&mut model, "<Esc>");
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Cancel(_))));
    assert_eq!((selected(&model), said(&model)), (3, "Stopped."));
    press(&mut model, "D~b x<Enter>q<Esc>j");
    assert_eq!((selected(&model), model.index.unwrap().struck.len()), (4, 0));
}

#[test]
fn letters_of_all_folders_are_found_and_read_where_they_are() {
    use crate::fixture::answer;
    use postroad_tui::data::{FolderId, LetterId};

    let mut model = three_letters();
    press(&mut model, "S");
    check("all-folders-asked", &model);
    let effects = press(&mut model, "alice<Enter>");
    check("all-folders-looking", &model);
    let mut rows = crate::fixture::found();
    let last = rows.split_off(2);
    let is_it = |ask: &Ask| matches!(ask, Ask::SearchAll(pattern) if pattern == "alice");
    answer(&mut model, &effects, is_it, What::FoundAll { rows, complete: false });
    press(&mut model, "j");
    answer(&mut model, &effects, is_it, What::FoundAll { rows: last, complete: true });
    check("all-folders", &model);
    // In its folder; and the list lies below.
    let read = press(&mut model, "<Enter>");
    let opened = read.iter().any(|it| matches!(it, Effect::Ask(_, Ask::Open(FolderId(1)))));
    let letter = LetterId { folder: FolderId(1), validity: 7, uid: 17 };
    let is_read =
        read.iter().any(|it| matches!(it, Effect::Ask(_, Ask::Read(it)) if *it == letter));
    assert!(opened && is_read, "{read:?}");
    press(&mut model, "i");
    check("all-folders-again", &model);
    press(&mut model, "q");
    assert!(matches!(model.screen(), postroad_tui::model::Screen::Index));
}

/// At this time since the start; what is asked then.
fn at(model: &mut Model, millis: u64) -> Vec<Effect> {
    let since_start = Duration::from_millis(millis);
    update(model, Msg::Tick(Now { since_start, ..crate::fixture::now() }))
}

#[test]
fn letters_of_all_folders_are_looked_for_as_it_is_typed() {
    use crate::changes::asks;
    use crate::fixture::answer;
    use postroad_tui::limits::SEARCH_ALL_AFTER;
    use postroad_tui::model::Screen;

    let sought = |effects: &[Effect]| -> Vec<Ask> {
        asks(effects).into_iter().filter(|ask| matches!(ask, Ask::SearchAll(_))).collect()
    };
    let one = |pattern: &str| [Ask::SearchAll(pattern.into())];
    let is_it = |ask: &Ask| matches!(ask, Ask::SearchAll(_));
    let mut model = three_letters();
    let wait = u64::try_from(SEARCH_ALL_AFTER.as_millis()).unwrap();
    // Each key begins the wait anew; what is looked for is asked once, and for all of them.
    let effects = press(&mut model, "Sal");
    assert_eq!(sought(&effects), []);
    let due = Duration::from_secs(10) + SEARCH_ALL_AFTER;
    assert!(effects.contains(&Effect::TickAt(due)), "{effects:?}");
    assert_eq!(sought(&at(&mut model, 10_000 + wait - 1)), []);
    press(&mut model, "i");
    assert_eq!(sought(&at(&mut model, 10_000 + wait)), []);
    let effects = at(&mut model, 10_000 + 2 * wait);
    assert_eq!(sought(&effects), one("ali"));
    answer(
        &mut model,
        &effects,
        is_it,
        What::FoundAll { rows: crate::fixture::found(), complete: false },
    );
    check("all-folders-typing", &model);
    // The next key cancels it.
    let job =
        effects.iter().find_map(|it| if let Effect::Ask(job, _) = it { Some(*job) } else { None });
    let next = press(&mut model, "c");
    assert!(next.contains(&Effect::Cancel(job.unwrap())), "{next:?}");
    let rows = crate::fixture::found();
    answer(&mut model, &effects, is_it, What::FoundAll { rows, complete: true });
    let Screen::Found(found) = model.screen() else { panic!("{:?}", model.screen()) };
    assert!(found.rows.is_empty() && found.pattern == "alic");
    // Enter waits for nothing.
    let effects = press(&mut model, "e<Enter>");
    assert_eq!(sought(&effects), one("alice"));
    let rows = crate::fixture::found();
    answer(&mut model, &effects, is_it, What::FoundAll { rows, complete: true });
    assert_eq!(said(&model), "3 letters found.");
    // What was listed is there again where nothing else is looked for after all.
    for keys in ["/x<Esc>", "Sx<^U><Enter>", "Sx<^G>"] {
        press(&mut model, keys);
        let Screen::Found(found) = model.screen() else { panic!("{:?}", model.screen()) };
        assert_eq!((found.pattern.as_str(), found.rows.len()), ("alice", 3), "{keys}");
    }
    press(&mut model, "qSx<Esc>");
    assert!(matches!(model.screen(), Screen::Index));
    // One that was found as it was typed isn't looked for again by Enter, and half a pattern is no mistake yet.
    press(&mut model, "S~s");
    let effects = at(&mut model, 20_000);
    let words = "~s wants words".into();
    answer(&mut model, &effects, is_it, What::Failed { words, hint: "".into() });
    check("all-folders-half", &model);
    assert_eq!(said(&model), "");
    press(&mut model, " plan");
    let effects = at(&mut model, 30_000);
    let rows = crate::fixture::found();
    answer(&mut model, &effects, is_it, What::FoundAll { rows, complete: true });
    assert_eq!(sought(&press(&mut model, "<Enter>")), []);
    assert_eq!(said(&model), "3 letters found.");
}
