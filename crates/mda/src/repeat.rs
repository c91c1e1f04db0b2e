//! What a letter is known again by when it is tried once more, since the reply to an earlier try was lost.
//!
//! All of it from the topmost `Received` on, where that field has a queue id: the same entry of the same queue. What
//! stands above (a `From ` line, `Return-Path`, `Delivered-To`, `Delivery-date`, `X-Original-To`) is the caller's, and
//! may be another one each time. A Message-ID is never enough: senders give two letters the same one.
//!
//! Without a queue id no letter is known again.

use aws_lc_rs::digest::{Context, SHA256, SHA256_OUTPUT_LEN, digest};
use postroad_protocol::address::Address;
use postroad_store::DeliveryKey;

use crate::letter::Header;

/// A letter that is being read, from its beginning on.
pub(crate) struct Reading {
    /// Octets that are the caller's.
    above: usize,
    context: Context,
}

/// What all deliveries of a letter have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sameness([u8; SHA256_OUTPUT_LEN]);

impl Reading {
    /// Begins; `None` where the letter can't be known again.
    pub(crate) fn of(header: &Header) -> Option<Self> {
        let above = header.queue_entry?;
        Some(Self { above, context: Context::new(&SHA256) })
    }

    /// Takes the next octets.
    pub(crate) fn push(&mut self, octets: &[u8]) {
        let skipped = self.above.min(octets.len());
        self.above -= skipped;
        self.context.update(octets.get(skipped..).unwrap_or_default());
    }

    pub(crate) fn finish(self) -> Sameness {
        let mut octets = [0; SHA256_OUTPUT_LEN];
        octets.copy_from_slice(self.context.finish().as_ref());
        Sameness(octets)
    }
}

impl Sameness {
    /// The key of its delivery to one recipient: two addresses of one user are two deliveries.
    pub(crate) fn key(self, to: &Address) -> DeliveryKey {
        // No address has a NUL.
        let hash = digest(&SHA256, &[to.to_string().as_bytes(), b"\0", &self.0].concat());
        let mut octets = [0; SHA256_OUTPUT_LEN];
        octets.copy_from_slice(hash.as_ref());
        DeliveryKey::of_digest(&octets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(letter: &str, to: &str, cut: usize) -> Option<DeliveryKey> {
        let mut reading = Reading::of(&Header::read(letter.as_bytes()))?;
        letter.as_bytes().chunks(cut).for_each(|octets| reading.push(octets));
        Some(reading.finish().key(&Address::parse(to).unwrap()))
    }

    #[test]
    fn the_same_entry_of_the_same_queue_for_the_same_recipient() {
        const TO: &str = "alice@our.example";
        let letter = "Received: by x id ABC;\n\tdate\nMessage-ID: <m@x>\nSubject: s\n\nbody\n";
        let key_of = |letter: &str| key(letter, TO, 7);
        assert_eq!(key(letter, TO, 1), key(letter, TO, 1000));
        for (other, same) in [
            (letter.to_owned(), true),
            (format!("Return-Path: <a@b>\nDelivered-To: {TO}\n{letter}"), true),
            (format!("From a@b Sat Jan  1 00:00:00 2000\nDelivery-date: x\n{letter}"), true),
            (letter.replace("ABC", "DEF"), false),
            (letter.replace("body", "Body"), false),
            (letter.replace("Subject: s", "Subject: t"), false),
            (format!("Received: by y id DEF; date\n{letter}"), false),
        ] {
            assert_eq!(key_of(&other) == key_of(letter), same, "{other:?}");
        }
        assert_ne!(key(letter, "alice+x@our.example", 7), key_of(letter));
        for unknown in ["Message-ID: <m@x>\n\nbody\n", "Received: by x; date\n\n", "", "body\n"] {
            assert_eq!(key_of(unknown), None, "{unknown:?}");
        }
    }
}
