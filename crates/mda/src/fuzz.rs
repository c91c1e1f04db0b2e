//! What the fuzz targets run, so that plain `cargo test` can replay their seeds.
//!
//! Each body takes any octets and panics where something that must hold doesn't. The targets under
//! `tests/fuzz` hand them libFuzzer's octets; `tests/fuzz_seeds.rs` hands them the files in the tree.

use std::io::Read;
use std::time::SystemTime;

use postroad_protocol::address::{Address, ReversePath};
use postroad_protocol::header;

use crate::letter::{Came, Header, OnTop, Shape};
use crate::oneshot::Input;

/// What one target runs.
pub type Body = fn(&[u8]);

/// Every target, by the name of its file and its folder of seeds.
pub const TARGETS: [(&str, Body); 1] = [("one_shot_input", one_shot_input)];

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

/// Fields of that name before the first line that is none.
fn return_paths(message: &[u8]) -> usize {
    let fields = header::fields(message).take_while(|field| !field.name.is_empty());
    fields.filter(|field| field.is("Return-Path")).count()
}
