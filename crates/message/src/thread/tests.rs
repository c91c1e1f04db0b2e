use proptest::prelude::*;

use super::*;
use crate::fuzz::sound_threads as sound;

/// A letter as a test writes it: `id < references : subject @ sent`; `Re:` before the subject makes an answer.
fn threads(
    letters: &[(&str, &str, &str, i64)],
    algorithm: fn(&[Threadable<'_>]) -> Threads,
) -> String {
    let id = |text: &str| MessageId(text.bytes().fold(7, |sum, o| sum * 31 + u64::from(o)));
    let references: Vec<Vec<MessageId>> =
        letters.iter().map(|(_, above, _, _)| above.split_whitespace().map(id).collect()).collect();
    let mut subjects = Vec::new();
    let letters: Vec<Threadable<'_>> = letters
        .iter()
        .zip(&references)
        .map(|((own, _, subject, sent), references)| {
            let base = crate::BaseSubject::of(subject.as_bytes());
            let number =
                subjects.iter().position(|known| *known == base.text).unwrap_or_else(|| {
                    subjects.push(base.text.clone());
                    subjects.len() - 1
                });
            Threadable {
                id: (!own.is_empty()).then(|| id(own)),
                references,
                subject: (!base.text.is_empty()).then_some(number as u32),
                origin: base.origin,
                sent: *sent,
            }
        })
        .collect();
    let found = algorithm(&letters);
    sound(&found, letters.len());
    String::from_utf8(found.list(|at| at as u32 + 1)).expect("ASCII")
}

#[track_caller]
fn by_references(letters: &[(&str, &str, &str, i64)], expected: &str) {
    assert_eq!(threads(letters, Threads::by_references), expected);
}

#[test] // Tests RFC 5256 §4: the trees there.
fn lists() {
    let node = |letter: usize, depth, children| Node { letter: Some(letter), depth, children };
    for (nodes, expected) in [
        (vec![], ""),
        (
            vec![
                node(2, 0, 0),
                node(3, 0, 1),
                node(6, 1, 2),
                node(4, 2, 1),
                node(23, 3, 0),
                node(44, 2, 1),
                node(7, 3, 1),
                node(96, 4, 0),
            ],
            "(2)(3 6 (4 23)(44 7 96))",
        ),
        (
            vec![Node { letter: None, depth: 0, children: 2 }, node(3, 1, 0), node(5, 1, 0)],
            "((3)(5))",
        ),
        (
            vec![
                Node { letter: None, depth: 0, children: 2 },
                node(177, 1, 0),
                node(188, 1, 2),
                node(184, 2, 0),
                node(189, 2, 0),
                node(190, 0, 0),
            ],
            "((177)(188 (184)(189)))(190)",
        ),
    ] {
        let list = Threads { nodes }.list(|letter| letter as u32);
        assert_eq!(String::from_utf8_lossy(&list), expected);
    }
}

#[test] // Tests RFC 5256 §3, step 1.
fn links() {
    // In order, out of order, through letters that aren't there.
    by_references(&[("a", "", "", 1), ("b", "a", "", 2), ("c", "a b", "", 3)], "(1 2 3)");
    by_references(&[("c", "a b", "", 3), ("b", "a", "", 2), ("a", "", "", 1)], "(3 2 1)");
    by_references(&[("a", "", "", 1), ("c", "a b", "", 3)], "(1 2)");
    by_references(&[("c", "a b", "", 3), ("d", "a b", "", 2)], "((2)(1))");
    by_references(&[("c", "a b", "", 3), ("d", "a", "", 2)], "((2)(1))");
    by_references(&[("c", "a b", "", 3)], "(1)");
    // Two children, by their dates, then by their places.
    by_references(
        &[("a", "", "", 1), ("b", "a", "", 3), ("c", "a", "", 2), ("d", "a", "", 2)],
        "(1 (3)(4)(2))",
    );
    // The first of two with one id has it; none has no id.
    by_references(&[("a", "", "", 1), ("a", "", "", 2), ("b", "a", "", 3)], "(1 3)(2)");
    by_references(&[("", "", "", 1), ("", "", "", 2)], "(1)(2)");
    // A letter's own word about its parent counts more than what others say.
    by_references(&[("a", "", "", 1), ("b", "", "", 2), ("c", "a b", "", 3)], "(1 2 3)");
    by_references(&[("c", "a b", "", 3), ("a", "", "", 1), ("b", "", "", 2)], "(2)(3 1)");
    // What others say counts if it comes first.
    by_references(&[("a", "", "", 1), ("c", "a b", "", 3), ("d", "x b", "", 4)], "(1 (2)(3))");
    // Nobody is below themselves.
    by_references(&[("a", "a", "", 1)], "(1)");
    by_references(&[("a", "b", "", 1), ("b", "a", "", 2)], "(2 1)");
    by_references(&[("a", "b", "", 1), ("b", "c", "", 2), ("c", "a", "", 3)], "(3 2 1)");
    by_references(&[("a", "b a b a", "", 1), ("b", "a b a b", "", 2)], "(1)(2)");
}

#[test] // Tests RFC 5256 §3, steps 4 and 5.
fn subjects() {
    // Not one of the others: under a dummy. An answer comes below what isn't one.
    by_references(&[("a", "", "s", 1), ("b", "", "s", 2)], "((1)(2))");
    by_references(&[("a", "", "s", 1), ("b", "", "re: s", 2)], "(1 2)");
    by_references(&[("a", "", "re: s", 1), ("b", "", "s", 2)], "(2 1)");
    by_references(&[("a", "", "re: s", 1), ("b", "", "re: s", 2)], "((1)(2))");
    by_references(&[("a", "", "s", 1), ("b", "", "s", 2), ("c", "", "re: s", 3)], "((1)(2)(3))");
    by_references(&[("a", "", "s", 1), ("b", "", "re: s", 2), ("c", "", "s", 3)], "((1 2)(3))");
    // Dummies: with a letter, and with each other.
    by_references(&[("a", "x", "s", 2), ("b", "x", "t", 3), ("c", "", "s", 1)], "((3)(1)(2))");
    by_references(
        &[("a", "x", "s", 1), ("b", "x", "t", 4), ("c", "y", "s", 2), ("d", "y", "u", 3)],
        "((1)(3)(4)(2))",
    );
    // Empty subjects have nothing in common; children's subjects don't count.
    by_references(&[("a", "", "", 1), ("b", "", "re:", 2)], "(1)(2)");
    by_references(&[("a", "", "s", 1), ("b", "a", "t", 2), ("c", "", "t", 3)], "(1 2)(3)");
    // Threads by the dates of their tops.
    by_references(&[("a", "", "s", 2), ("b", "", "t", 1), ("c", "b", "t", 9)], "(2 3)(1)");
}

#[test] // Tests RFC 5256 §3, ORDEREDSUBJECT.
fn ordered_subjects() {
    let check = |letters: &[(&str, &str, &str, i64)], expected: &str| {
        assert_eq!(threads(letters, Threads::by_subject), expected);
    };
    check(
        &[
            ("", "", "s", 4),
            ("", "", "t", 2),
            ("", "", "re: s", 1),
            ("", "", "s", 5),
            ("", "", "re: t", 3),
        ],
        "(3 (1)(4))(2 5)",
    );
    check(&[("", "", "s", 1), ("", "", "t", 1)], "(1)(2)");
    check(&[], "");
}

/// Steps 1 and 2 again, with sets and walks all the way up, and no thought for how long it takes.
fn slow_parents(letters: &[Threadable<'_>]) -> Vec<Option<usize>> {
    let mut ids: Vec<MessageId> = Vec::new();
    for (at, letter) in letters.iter().enumerate() {
        let taken = letter.id.is_none_or(|id| ids.contains(&id));
        ids.push(if taken { MessageId(u64::MAX - at as u64) } else { letter.id.unwrap() });
    }
    let mut parents: Vec<Option<usize>> = vec![None; letters.len()];
    let is_above = |parents: &[Option<usize>], node: usize, mut below: usize| loop {
        if below == node {
            return true;
        }
        match parents[below] {
            Some(parent) => below = parent,
            None => return false,
        }
    };
    for (at, letter) in letters.iter().enumerate() {
        let mut row = Vec::new();
        for reference in letter.references {
            let node = ids.iter().position(|id| id == reference).unwrap_or_else(|| {
                ids.push(*reference);
                parents.push(None);
                ids.len() - 1
            });
            row.push(node);
        }
        for pair in row.windows(2) {
            if parents[pair[1]].is_none() && !is_above(&parents, pair[1], pair[0]) {
                parents[pair[1]] = Some(pair[0]);
            }
        }
        parents[at] = None;
        if let Some(last) = row.last().filter(|last| !is_above(&parents, at, **last)) {
            parents[at] = Some(*last);
        }
    }
    parents
}

proptest! {
    #[test]
    fn whatever_the_references(
        letters in prop::collection::vec(
            (0_u64..12, prop::collection::vec(0_u64..16, 0..5), 0_u32..4, any::<bool>(), 0_i64..6),
            0..14,
        )
    ) {
        let references: Vec<Vec<MessageId>> =
            letters.iter().map(|l| l.1.iter().copied().map(MessageId).collect()).collect();
        let letters: Vec<Threadable<'_>> = letters.iter().zip(&references).map(|(letter, references)| {
            Threadable {
                id: (letter.0 > 0).then_some(MessageId(letter.0)),
                references,
                subject: (letter.2 > 0).then_some(letter.2),
                origin: if letter.3 { Origin::Answer } else { Origin::Original },
                sent: letter.4,
            }
        }).collect();
        sound(&Threads::by_subject(&letters), letters.len());
        let threads = Threads::by_references(&letters);
        sound(&threads, letters.len());
        // Where a letter's parent is another letter, the thread has it so.
        let slow = slow_parents(&letters);
        let mut above: Vec<Option<usize>> = Vec::new();
        for node in threads.nodes() {
            above.truncate(node.depth);
            if let Some(letter) = node.letter
                && let Some(parent) = slow[letter].filter(|parent| *parent < letters.len())
            {
                prop_assert_eq!(above.last().copied().flatten(), Some(parent), "{}", letter);
            }
            above.push(node.letter);
        }
    }
}

#[test] // Row I09: references that nobody wrote in good faith.
fn i09_long_chains_end() {
    let many = 20_000;
    let chain = |parent: fn(u64) -> u64| -> Vec<[MessageId; 1]> {
        (0..many).map(|at| [MessageId(parent(at))]).collect()
    };
    // Each below the one before, in both orders; all in a ring; each below the end of one long chain, with a child that
    // came before it.
    for (id, parents) in [
        ((|at| at + 1) as fn(u64) -> u64, chain(|at| at)),
        (|at| 1_000_000 - at, chain(|at| 1_000_001 - at)),
        (|at| 1_000_000 - at, chain(|at| 1_000_000 - (at + 1))),
        (|at| at + 1, chain(|at| (at + 7) % 20_000 + 1)),
        (
            |at| if at < 10_000 { at + 1 } else { 3_000_000 + at / 2 * 2 + (at + 1) % 2 },
            chain(|at| match at {
                0..10_000 => at,
                _ if at % 2 == 0 => 3_000_000 + at,
                _ => 10_000,
            }),
        ),
    ] {
        let letters: Vec<Threadable<'_>> = (0..many)
            .map(|at| Threadable {
                id: Some(MessageId(id(at))),
                references: &parents[at as usize],
                subject: None,
                origin: Origin::Original,
                sent: at as i64,
            })
            .collect();
        let threads = Threads::by_references(&letters);
        sound(&threads, letters.len());
        assert!(!threads.list(|at| at as u32 + 1).is_empty());
    }
}
