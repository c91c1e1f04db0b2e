//! Threads: how they look, and what keys do in them.

use std::sync::Arc;

use postroad_tui::data::{By, Cue, Head, Listing, Marks, Order, Stage, Way};
use postroad_tui::effect::{Ask, FlagEdit, Target};
use postroad_tui::model::Model;
use postroad_tui::msg::What;

use crate::changes::{asks, selected};
use crate::fixture::{INBOX, inbox, letter, tell};
use crate::{check, press};

/// Two threads, and a letter alone: 1 (2 (3) 4) 5 (6) 7.
const DEPTHS: [u8; 7] = [0, 1, 2, 1, 0, 1, 0];

fn heads(uids: &[u32], by: By) -> What {
    let head = |uid: &u32| {
        let depth = DEPTHS[*uid as usize - 1];
        let repeats = if depth > 0 { Marks::REPEATS } else { Marks::NONE };
        let seen = if *uid == 3 { Marks::NONE } else { Marks::SEEN };
        Head { uid: *uid, sent: 1_795_000_000 + uid, flags: seen.with(repeats), depth }
    };
    What::Listing(Arc::new(Listing {
        folder: INBOX,
        validity: 7,
        generation: 2,
        stage: Stage::Complete,
        order: Order { by, way: Way::Up },
        heads: uids.iter().map(head).collect(),
    }))
}

fn threads() -> Model {
    let said =
        |subject| ("2026-11-28T09:30:00Z", Marks::SEEN, "Bob Baker", subject, 900, Cue::None);
    let mut model = inbox(&[
        said("Lunch?"),
        said("Re: Lunch?"),
        said("Re: Lunch?"),
        said("Re: Lunch?"),
        said("Minutes"),
        said("Re: Minutes"),
        said("Hi"),
    ]);
    tell(&mut model, heads(&[1, 2, 3, 4, 5, 6, 7], By::Threads));
    press(&mut model, "1<Enter>");
    model
}

#[test]
fn trees() {
    let mut model = threads();
    check("index-threads", &model);
    press(&mut model, "3<Enter><Esc>v");
    check("index-collapsed", &model);
}

#[test]
fn keys_in_threads() {
    for (keys, wanted) in [
        ("<^N>", 5),
        ("<^N><^N>", 7),
        ("<^N><^N><^N>", 7),
        ("3<Enter><^N>", 5),
        ("7<Enter><^P>", 5),
        ("6<Enter><^P>", 1),
        ("<^P>", 1),
        ("3<Enter>P", 2),
        ("3<Enter>PP", 1),
        ("P", 1),
        ("2<Enter><Esc>n", 4),
        ("4<Enter><Esc>p", 2),
        ("<Esc>vj", 5),
        ("3<Enter><Esc>v", 1),
        ("3<Enter><Esc>v<Esc>vj", 2),
        ("6<Enter><Esc>V", 5),
        ("6<Enter><Esc>Vk", 1),
        ("6<Enter><Esc>V<Esc>Vj", 6),
        ("<Esc>v*", 7),
    ] {
        let mut model = threads();
        press(&mut model, keys);
        assert_eq!(selected(&model), Some(wanted), "{keys}");
    }
}

fn struck(uids: &[u32]) -> Vec<Ask> {
    let letters = uids.iter().copied().map(letter).collect();
    let to = Target::Role(postroad_tui::data::Role::Trash);
    vec![Ask::Move { letters, to }, Ask::Sync(INBOX)]
}

#[test]
fn whole_threads_are_struck_read_and_tagged() {
    let read = FlagEdit { add: Marks::SEEN, remove: Marks::NONE };
    for (keys, wanted, now) in [
        ("<^D>$", struck(&[1, 2, 3, 4]), 5),
        ("3<Enter><^D>$", struck(&[1, 2, 3, 4]), 5),
        ("2<Enter><Esc>d$", struck(&[2, 3]), 4),
        ("<^D>2<Enter><Esc>u$", struck(&[1, 4]), 4),
        ("<^D>1<Enter><^U>$", vec![Ask::Sync(INBOX)], 5),
        ("6<Enter><Esc>t;d$", struck(&[5, 6]), 7),
        ("6<Enter><Esc>t6<Enter><Esc>t;d$", struck(&[7]), 7),
        ("<^R>$", vec![Ask::Flag { letters: vec![letter(3)], edit: read }, Ask::Sync(INBOX)], 5),
        // What is hidden goes with its thread, and not with its first letter.
        ("<Esc>v<^D>$", struck(&[1, 2, 3, 4]), 5),
        ("<Esc>vd$", struck(&[1]), 5),
    ] {
        let mut model = threads();
        let effects = press(&mut model, keys);
        assert_eq!(asks(&effects), wanted, "{keys}");
        assert_eq!(selected(&model), Some(now), "{keys}");
    }
}

#[test]
fn threads_stay_collapsed_when_letters_come_and_go() {
    let mut model = threads();
    press(&mut model, "<Esc>v*");
    tell(&mut model, heads(&[1, 2, 3, 5, 6, 7], By::Threads));
    assert_eq!(selected(&model), Some(7));
    let shown: Vec<u32> =
        model.index.as_ref().unwrap().heads().iter().map(|head| head.uid).collect();
    assert_eq!(shown, [1, 5, 6, 7]);
    // With the first letter of the thread its being collapsed is forgotten.
    tell(&mut model, heads(&[2, 3, 5, 6, 7], By::Threads));
    assert_eq!(model.index.as_ref().unwrap().heads().len(), 5);
}

#[test]
fn without_threads_their_keys_say_so() {
    let mut model = threads();
    tell(&mut model, heads(&[1, 2, 3, 4, 5, 6, 7], By::Sent));
    assert_eq!(asks(&press(&mut model, "<^D>$")), [Ask::Sync(INBOX)]);
}
