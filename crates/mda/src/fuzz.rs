//! What the fuzz targets run, so that plain `cargo test` can replay their seeds.
//!
//! Each body takes any octets and panics where something that must hold doesn't. The targets under
//! `tests/fuzz` hand them libFuzzer's octets; `tests/fuzz_seeds.rs` hands them the files in the tree.

use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::OsStringExt as _;
use std::time::SystemTime;

use postroad_protocol::address::{Address, ReversePath};
use postroad_protocol::header;

use crate::letter::{Came, Header, OnTop, Shape};
use crate::oneshot::{self, Exit, Input, Personality, Verdict, Wanted};

/// What one target runs.
pub type Body = fn(&[u8]);

/// Every target, by the name of its file and its folder of seeds.
pub const TARGETS: [(&str, Body); 2] =
    [("one_shot_input", one_shot_input), ("one_shot_words", one_shot_words)];

/// Gives a letter in pieces of a few octets.
struct Pieces<'a> {
    letter: &'a [u8],
    octets: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let (piece, rest) = self.letter.split_at(self.letter.len().min(self.octets));
        self.letter = rest;
        (&*piece).read(buffer)
    }
}

/// A letter on standard input, in pieces of as many octets as the first one says: nothing is lost, what is
/// taken out was a `From ` line or a `Return-Path`, and what is put on top is found there.
pub fn one_shot_input(octets: &[u8]) {
    let Some((pieces, letter)) = octets.split_first() else { return };
    let source = Pieces { letter, octets: usize::from(*pieces).max(1) };
    let mut input = Input::new(source, u64::MAX);
    let Ok(start) = input.header() else { panic!("a letter without an error was refused") };
    let mut whole = start.clone();
    while let Ok(Some(block)) = input.block() {
        whole.extend_from_slice(block);
    }
    assert!(whole == letter, "reading changed the letter");

    let header = Header::read(&start);
    let (mut kept, mut end) = (Vec::new(), 0);
    for run in &header.kept {
        assert!(run.start >= end && run.end <= start.len(), "runs out of order");
        end = run.end;
        kept.extend_from_slice(start.get(run.clone()).unwrap_or_default());
    }
    assert_eq!(return_paths(&kept), 0, "a Return-Path was left");
    let Ok(to) = Address::parse("alice@our.example") else { return };
    let on_top = OnTop {
        return_path: header.return_path.as_ref().unwrap_or(&ReversePath::Null),
        delivered_to: &to,
        came: Came::Piped { uid: 1000 },
        host: "mx.our.example",
        id: "1.M2P3.mx",
        at: SystemTime::UNIX_EPOCH,
    };
    let filed = [on_top.encode(header.shape), kept].concat();
    let names: Vec<&[u8]> = header::fields(&filed).take(3).map(|field| field.name).collect();
    assert_eq!(names, [&b"Return-Path"[..], b"Delivered-To", b"Received"]);
    assert_eq!(return_paths(&filed), 1);
    let again = Header::read(&filed);
    assert_eq!(again.shape, Shape::Message);
    assert_eq!(again.queue_id.as_deref(), Some("1.M2P3.mx"));
}

/// A command line: the first octet says whose, NUL ends a word. What can't be followed is said on one line without
/// control characters, as Postfix reads it; what can is the same when its words are read again.
pub fn one_shot_words(octets: &[u8]) {
    let Some((whose, words)) = octets.split_first() else { return };
    let [postroad, procmail, dovecot_lda, maildrop] = Personality::ALL;
    let personality = match whose % 4 {
        0 => postroad,
        1 => procmail,
        2 => dovecot_lda,
        _ => maildrop,
    };
    let words = || words.split(|octet| *octet == 0).map(|word| OsString::from_vec(word.to_vec()));
    let wanted = oneshot::read_command_line(personality, words());
    assert_eq!(wanted, oneshot::read_command_line(personality, words()));
    match wanted {
        Ok(Wanted::Delivery(call)) => {
            let fields = call.add_fields(b"A: b\n\n".to_vec());
            let names = header::fields(&fields).filter(|field| !field.name.is_empty());
            assert_eq!(names.count(), call.fields.len() + 1, "a field became two");
        }
        Ok(Wanted::Deliveries(..) | Wanted::Lmtp(_) | Wanted::Help(_) | Wanted::Version) => {}
        Err(misuse) => {
            let verdict = Verdict::from(misuse);
            assert_eq!(verdict.exit(), Exit::TryLater);
            assert!(!verdict.to_string().contains(char::is_control), "{verdict:?}");
        }
    }
}

/// Fields of that name before the first line that is none.
fn return_paths(message: &[u8]) -> usize {
    let fields = header::fields(message).take_while(|field| !field.name.is_empty());
    fields.filter(|field| field.is("Return-Path")).count()
}
