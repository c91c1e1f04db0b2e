//! What a letter is known again by when it is tried once more, since the reply to an earlier try was lost.
//!
//! All of it from the topmost `Received` on, where that field has a queue id: the same entry of the same queue. What
//! stands above (a `From ` line, `Return-Path`, `Delivered-To`, `Delivery-date`, `X-Original-To`) is the caller's, and
//! may be another one each time. A Message-ID is never enough: senders give two letters the same one.
//!
//! Without a queue id no letter is known again. Nor is one that came into that queue longer ago than deliveries are
//! kept: no queue has it still, and somebody hands it over by hand, as often as it takes (`formail -s` over a mailbox).

use std::time::SystemTime;

use postroad_protocol::address::Address;
use postroad_store::{DELIVERIES_KEPT, DeliveryKey};
use sha2::{Digest as _, Sha256};

use crate::letter::Header;

/// A letter that is being read, from its beginning on.
pub(crate) struct Reading {
    /// Octets that are the caller's.
    above: usize,
    hash: Sha256,
}

/// What all deliveries of a letter have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sameness([u8; 32]);

impl Reading {
    /// Begins; `None` where the letter can't be known again.
    pub(crate) fn of(header: &Header, now: SystemTime) -> Option<Self> {
        let above = header.queue_entry?;
        let age = header.queued_at.and_then(|queued_at| now.duration_since(queued_at).ok());
        if age.is_some_and(|age| age > DELIVERIES_KEPT) {
            return None;
        }
        Some(Self { above, hash: Sha256::new() })
    }

    /// Takes the next octets.
    pub(crate) fn push(&mut self, octets: &[u8]) {
        let skipped = self.above.min(octets.len());
        self.above -= skipped;
        self.hash.update(octets.get(skipped..).unwrap_or_default());
    }

    pub(crate) fn finish(self) -> Sameness {
        Sameness(self.hash.finalize().into())
    }
}

impl Sameness {
    /// The key of its delivery to one recipient: two addresses of one user are two deliveries. So are two aims of a
    /// caller's (a folder, a file of rules): a `.forward` may call us for each of its lines.
    pub(crate) fn key(self, to: &Address, aim: &str) -> DeliveryKey {
        // No address has a NUL.
        let to = to.to_string();
        let parts = [to.as_bytes(), b"\0", &self.0, aim.as_bytes()];
        DeliveryKey::of_digest(&Sha256::digest(parts.concat()).into())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn key(letter: &str, to: &str, cut: usize) -> Option<DeliveryKey> {
        key_at(letter, to, cut, SystemTime::UNIX_EPOCH)
    }

    fn key_at(letter: &str, to: &str, cut: usize, now: SystemTime) -> Option<DeliveryKey> {
        let mut reading = Reading::of(&Header::read(letter.as_bytes()), now)?;
        letter.as_bytes().chunks(cut).for_each(|octets| reading.push(octets));
        Some(reading.finish().key(&Address::parse(to).unwrap(), ""))
    }

    #[test]
    fn what_no_queue_has_any_more_is_handed_over_by_hand() {
        let queued_at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_380_502);
        let day = Duration::from_secs(24 * 60 * 60);
        for (date, age, known) in [
            ("Sun, 22 Nov 2026 20:48:22 +0000", 7 * day, true),
            ("Sun, 22 Nov 2026 20:48:22 +0000", 8 * day, false),
            ("Sun, 22 Nov 2026 21:48:22 +0100 (CET)", 8 * day, false),
            // Of clocks that differ, and dates that are none, nothing is known.
            ("Sun, 29 Nov 2026 20:48:22 +0000", Duration::ZERO, true),
            ("the other day", 8 * day, true),
        ] {
            let letter = format!("Received: by x id ABC for a;b;\n\t{date}\n\nbody\n");
            let key = key_at(&letter, "alice@our.example", 7, queued_at + age);
            assert_eq!(key.is_some(), known, "{date} {age:?}");
        }
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
