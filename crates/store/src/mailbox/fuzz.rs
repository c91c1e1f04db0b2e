//! Whatever a register's file holds, reading it ends, and what it gives can be written and read again.

use super::contents::Contents;
use super::file::{RegisterFile, resealed, write_snapshot};
use super::frame::{self, Frame, Next};
use crate::fuzz::Octets;

/// As they are, with checksums that fit, and as frames.
pub(crate) fn register(octets: &[u8]) {
    read(octets.to_vec());
    if let Some(octets) = resealed(octets) {
        read(octets);
    }
    frames(octets);
}

fn read(octets: Vec<u8>) {
    let Ok((mut register, mut contents)) = RegisterFile::read_snapshot(Box::new(Octets(octets)), 1)
    else {
        return;
    };
    check(&mut contents);
    if register.read_on(&mut contents).is_ok() {
        check(&mut contents);
    }
}

/// Frames with checksums that fit, each of which may say anything.
fn frames(octets: &[u8]) {
    let mut contents = Contents::default();
    contents.lease.uid_next = 1;
    contents.lease.uid_until = 1;
    for part in octets.chunks(64) {
        let Some((kind, payload)) = part.split_first() else { continue };
        let Some(frame) = Frame::of(*kind, payload) else { continue };
        let (mut chain, mut file) = (7, Vec::new());
        frame.encode(&mut chain, &mut file);
        let again = frame::next(&file, 7);
        assert_eq!(again, Next::Frame { frame: frame.clone(), octets: file.len(), chain });
        if contents.apply(&frame).is_err() {
            return;
        }
        check(&mut contents);
    }
}

/// What was read is what is written.
fn check(contents: &mut Contents) {
    let letters: Vec<_> = contents.letters.records().to_vec();
    assert!(letters.windows(2).all(|pair| pair[0].uid < pair[1].uid));
    assert!(letters.last().is_none_or(|last| last.uid < contents.lease.uid_next));
    for record in &letters {
        let name = contents.letters.name(record);
        let _ = contents.letters.find(&name);
    }
    let _ = contents.expunged.since(0);
    // Keys of a lease have to be in order in a header, and of frames alone they may not be.
    let mut file = Octets(Vec::new());
    let written = write_snapshot(&mut file, contents);
    assert!(written.is_ok());
    if let Ok((_, again)) = RegisterFile::read_snapshot(Box::new(file), 1) {
        assert_eq!(again.letters.len(), letters.len());
        assert_eq!(again.keywords, contents.keywords);
    }
}
