//! A letter's header as the delivery agent reads and changes it.
//!
//! On top come `Return-Path`, `Delivered-To` and `Received` (RFC 5321 §4.4). Taken out are a leading `From `
//! line (mbox(5)'s, which some callers put there), every `Return-Path` that is there already (RFC 5321
//! §4.4 has final delivery write it, once), and a `Delivered-To` of the caller's that says what ours says
//! ([`Header::take_out_delivered_to`]). Everything else stays as it is, octet for octet.
//!
//! Lines end in CRLF (LMTP) or in LF (standard input).

use std::fmt::Write as _;
use std::ops::Range;
use std::time::SystemTime;

use memchr::{memchr, memmem};
use postroad_protocol::address::{Address, ReversePath};
use postroad_protocol::{header, limits, trace_fields};
use postroad_store::{Draft, StoreError};

/// Octets of a queue id that we believe to be one.
const QUEUE_ID_OCTETS_MAX: usize = 64;

/// What a header says, and what is kept of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The runs of octets that are kept, in order; the last one goes on to the end of what was read.
    pub kept: Vec<Range<usize>>,
    /// Where it came from, by the `Return-Path` or `From ` line that was there.
    pub return_path: Option<ReversePath>,
    /// The Message-ID without its brackets.
    pub message_id: Option<String>,
    /// The id in the topmost `Received`: what the agent that handed it to us calls it.
    pub queue_id: Option<String>,
    /// Where that field begins: from there on the letter is the same in each try of the same queue entry.
    pub queue_entry: Option<usize>,
    /// When it came into that queue, by the same field.
    pub queued_at: Option<SystemTime>,
    /// Whether it begins with a field, so that fields can be put on top of it.
    pub shape: Shape,
    /// Each `Delivered-To` below the topmost `Received`.
    delivered_to: Vec<String>,
    /// The topmost `Delivered-To`, where it is above that field, and the octets that it takes.
    delivered_to_on_top: Option<(String, Range<usize>)>,
    received: usize,
    /// Whether we wrote the topmost `Received`.
    received_by_us: bool,
}

/// What stands in the `Received` of a letter that came on standard input ([`OnTop`]).
const BY_US: &str = "(Postroad, from uid ";

/// Whether a text begins as a message does.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// With a field, or with the empty line that ends a header without fields.
    #[default]
    Message,
    /// With neither: all of it is body.
    BareBody,
}

impl Header {
    /// Reads the header of `message`, or of as much of it as there is.
    pub fn read(message: &[u8]) -> Self {
        let mut header = Self::default();
        let after_from_line = header.strip_from_line(message);
        let offset_of = |rest: &[u8]| message.len() - rest.len();
        let mut walk = header::fields(after_from_line);
        let mut run = offset_of(after_from_line);
        header.shape = match after_from_line {
            [] | [b'\n', ..] | [b'\r', b'\n', ..] => Shape::Message,
            _ => Shape::BareBody,
        };
        while let Some(field) = walk.next() {
            // What follows a line that is no field is body, whatever it looks like.
            if field.name.is_empty() {
                break;
            }
            header.shape = Shape::Message;
            if field.is("Return-Path") {
                let end = offset_of(walk.rest());
                header.keep(run..end - field.raw.len());
                run = end;
                let text = std::str::from_utf8(field.value()).unwrap_or_default();
                header.return_path = header.return_path.take().or_else(|| reverse_path(text));
            } else {
                header.note(&field, offset_of(walk.rest()) - field.raw.len());
            }
        }
        header.keep(run..message.len());
        header
    }

    /// What is kept of the octets that it was read from.
    pub fn kept_of<'a>(&'a self, start: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        self.kept.iter().filter_map(|run| start.get(run.clone()))
    }

    /// Begins a letter's file: what we put on top, and what is kept of the octets that this was read from.
    ///
    /// # Errors
    /// What the disk said.
    pub fn begin(&self, draft: &mut Draft, on_top: &[u8], start: &[u8]) -> Result<(), StoreError> {
        draft.write(on_top)?;
        self.kept_of(start).try_for_each(|run| draft.write(run))
    }

    /// Whether it has been where it is going, or anywhere too often (RFC 5321 §6.3).
    ///
    /// Only a `Delivered-To` *below* the topmost `Received` counts: Postfix adds one above it before it
    /// calls us, and so did we when the letter was filed; only a letter that was sent on has one below.
    pub fn is_looping(&self, to: &Address) -> bool {
        let to = to.to_string();
        self.received > limits::RECEIVED_FIELDS_MAX
            || self.delivered_to.iter().any(|seen| seen.eq_ignore_ascii_case(&to))
    }

    /// Takes out the `Delivered-To` that the caller has put on top, where it is the one that we put there: Postfix
    /// does so for commands, and where its flag `D` is set.
    ///
    /// Above a `Received` of ours it was ours already, and stays: a letter that a program hands over to us again and
    /// again is known by it.
    pub fn take_out_delivered_to(&mut self, to: &Address) {
        let Some((seen, octets)) = &self.delivered_to_on_top else { return };
        if self.received_by_us || !seen.eq_ignore_ascii_case(&to.to_string()) {
            return;
        }
        let around = |run: &Range<usize>| match run.contains(&octets.start) {
            true => vec![run.start..octets.start, octets.end..run.end],
            false => vec![run.clone()],
        };
        self.kept = self.kept.iter().flat_map(around).filter(|run| !run.is_empty()).collect();
    }

    /// Takes a leading `From ` line off: `From sender date`.
    fn strip_from_line<'a>(&mut self, message: &'a [u8]) -> &'a [u8] {
        let Some(line) = message.strip_prefix(b"From ") else { return message };
        let end = memchr(b'\n', line).map_or(line.len(), |at| at + 1);
        let (line, rest) = line.split_at_checked(end).unwrap_or((line, &[]));
        let sender = line.trim_ascii_start().split(|b| b.is_ascii_whitespace()).next();
        self.return_path = sender.and_then(|text| reverse_path(std::str::from_utf8(text).ok()?));
        rest
    }

    fn note(&mut self, field: &header::Field<'_>, offset: usize) {
        if field.is("Received") {
            self.received += 1;
            if self.received == 1 {
                self.queue_id = id_of_received(field.value());
                self.queue_entry = self.queue_id.as_ref().map(|_| offset);
                self.queued_at = date_of_received(field.value());
                self.received_by_us = memmem::find(field.value(), BY_US.as_bytes()).is_some();
            }
        } else if field.is("Delivered-To") {
            let to = String::from_utf8_lossy(field.value()).into_owned();
            match self.received {
                0 => {
                    let octets = offset..offset + field.raw.len();
                    self.delivered_to_on_top.get_or_insert((to, octets));
                }
                _ => self.delivered_to.push(to),
            }
        } else if field.is("Message-ID") && self.message_id.is_none() {
            self.message_id = header::id_of(*field).map(str::to_owned);
        }
    }

    fn keep(&mut self, run: Range<usize>) {
        if !run.is_empty() {
            self.kept.push(run);
        }
    }
}

/// An address as callers and old header fields write it: with brackets or without. `MAILER-DAEMON` is what
/// Postfix's pipe says for the null reverse-path.
pub fn reverse_path(text: &str) -> Option<ReversePath> {
    let text = text.trim();
    let text = text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(text);
    match text.eq_ignore_ascii_case("MAILER-DAEMON") {
        true => Some(ReversePath::Null),
        false => ReversePath::parse(text).ok(),
    }
}

/// The word behind `id` in a `Received` field (RFC 5321 §4.4).
fn id_of_received(value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value).ok()?;
    let mut words =
        text.split_ascii_whitespace().skip_while(|word| !word.eq_ignore_ascii_case("id"));
    let id = words.nth(1)?.trim_end_matches(';');
    let plain = id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
    (!id.is_empty() && id.len() <= QUEUE_ID_OCTETS_MAX && plain).then(|| id.to_owned())
}

/// What stands behind the last semicolon of a `Received` field (RFC 5321 §4.4).
fn date_of_received(value: &[u8]) -> Option<SystemTime> {
    let date = std::str::from_utf8(value).ok()?.rsplit(';').next()?.trim();
    let parser = jiff::fmt::rfc2822::DateTimeParser::new().relaxed_weekday(true);
    Some(parser.parse_timestamp(date).ok()?.into())
}

/// How a letter came to the delivery agent.
#[derive(Debug, Clone, Copy)]
pub enum Came<'a> {
    /// On standard input, from a user of this host.
    Piped {
        /// Whose process it was.
        uid: u32,
    },
    /// By LMTP.
    Lmtp(trace_fields::From<'a>, trace_fields::With, postroad_protocol::envelope::Utf8),
}

/// What is put on top of a letter.
#[derive(Debug, Clone, Copy)]
pub struct OnTop<'a> {
    /// Where failures would be reported.
    pub return_path: &'a ReversePath,
    /// For whom it is filed.
    pub delivered_to: &'a Address,
    /// How it came.
    pub came: Came<'a>,
    /// This host.
    pub host: &'a str,
    /// Our name for it: that of its file.
    pub id: &'a str,
    /// When.
    pub at: SystemTime,
}

impl OnTop<'_> {
    /// The fields, each with CRLF at its end; where no message but a bare body follows, the empty line too.
    pub fn encode(&self, what_follows: Shape) -> Vec<u8> {
        let mut out = Vec::with_capacity(512);
        trace_fields::write_return_path(self.return_path, &mut out);
        self.write(what_follows, out)
    }

    /// As [`OnTop::encode`], for a letter that is sent on: only final delivery writes `Return-Path` (RFC 5321
    /// §4.4).
    pub fn encode_to_send(&self, what_follows: Shape) -> Vec<u8> {
        self.write(what_follows, Vec::with_capacity(512))
    }

    fn write(&self, what_follows: Shape, mut out: Vec<u8>) -> Vec<u8> {
        trace_fields::write_delivered_to(self.delivered_to, &mut out);
        match self.came {
            Came::Lmtp(from, with, utf8) => trace_fields::Received {
                from,
                by: self.host,
                with,
                utf8,
                tls: None,
                id: self.id,
                recipient: Some(self.delivered_to),
                at: self.at,
            }
            .write(&mut out),
            // A letter that is handed over inside this host came from no client and by no protocol.
            Came::Piped { uid } => {
                let mut field = String::new();
                let date = trace_fields::date(self.at);
                // Writing into a String can't fail.
                let _ = write!(
                    field,
                    "Received: by {} {BY_US}{uid}) id {}\r\n\tfor <{}>;\r\n\t{date}\r\n",
                    self.host, self.id, self.delivered_to
                );
                out.extend_from_slice(field.as_bytes());
            }
        }
        match what_follows {
            Shape::Message => {}
            Shape::BareBody => out.extend_from_slice(b"\r\n"),
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Joins what is kept of `message`.
    fn kept(message: &str) -> String {
        Header::read(message.as_bytes()).kept.into_iter().map(|run| &message[run]).collect()
    }

    #[test] // Tests RFC 5321 §4.4: one Return-Path.
    fn what_is_taken_out_and_what_stays() {
        for (message, expected) in [
            ("A: b\n\nReturn-Path: <x@y.example>\n", "A: b\n\nReturn-Path: <x@y.example>\n"),
            ("Return-Path: <x@y.example>\nA: b\n\nc", "A: b\n\nc"),
            ("A: b\r\nreturn-path :\r\n <x@y.example>\r\nC: d\r\n\r\n", "A: b\r\nC: d\r\n\r\n"),
            ("From x@y.example Sat Jan  1 00:00:00 2000\nA: b\n\nFrom c", "A: b\n\nFrom c"),
            ("From x\r\nReturn-Path: <>\r\n\r\nc", "\r\nc"),
            ("From x", ""),
            ("no field\nReturn-Path: <>\n\n", "no field\nReturn-Path: <>\n\n"),
            ("", ""),
        ] {
            assert_eq!(kept(message), expected, "{message:?}");
        }
    }

    #[test]
    fn the_callers_delivered_to_is_taken_out_where_it_is_ours() {
        let to = Address::parse("alice@our.example").unwrap();
        let received = "Received: by mx (Postfix) id 4ABC; date\n";
        let ours = "Received: by mx (Postroad, from uid 7) id 1.M2; date\n";
        for (above, stays) in [
            ("Delivered-To: alice@our.example\n", ""),
            ("Delivered-To: Alice@OUR.example\n", ""),
            (
                "X-Original-To: info@our.example\nDelivered-To: alice@our.example\n",
                "X-Original-To: info@our.example\n",
            ),
            (
                "From bob@x.example Sat Jan  1 00:00:00 2000\nReturn-Path: <bob@x.example>\n\
                 Delivered-To: alice@our.example\nA: b\n",
                "A: b\n",
            ),
            ("Delivered-To: bob@our.example\n", "Delivered-To: bob@our.example\n"),
            // Only the topmost.
            (
                "Delivered-To: bob@our.example\nDelivered-To: alice@our.example\n",
                "Delivered-To: bob@our.example\nDelivered-To: alice@our.example\n",
            ),
        ] {
            let kept_of = |below: &str| {
                let letter = format!("{above}{below}\nbody\n");
                let mut header = Header::read(letter.as_bytes());
                header.take_out_delivered_to(&to);
                header.kept.into_iter().map(|run| &letter[run]).collect::<String>()
            };
            for below in [received, ""] {
                assert_eq!(kept_of(below), format!("{stays}{below}\nbody\n"), "{above:?}");
            }
            // What we have filed or handed to a program keeps it: it may come round again.
            assert_eq!(kept_of(ours).contains("alice"), above.contains("alice"), "{above:?}");
        }
    }

    #[test]
    fn where_it_came_from() {
        for (message, path) in [
            ("Return-Path: <a@b.example>\n\n", Some("a@b.example")),
            ("Return-Path: a@b.example\n\n", Some("a@b.example")),
            ("Return-Path: <>\n\n", Some("")),
            ("From a@b.example Sat Jan 1\nReturn-Path: <c@d.example>\n\n", Some("a@b.example")),
            ("From MAILER-DAEMON Sat Jan 1\n\n", Some("")),
            ("Return-Path: <a b>\n\n", None),
            ("A: b\n\nReturn-Path: <a@b.example>\n", None),
        ] {
            let got = Header::read(message.as_bytes()).return_path.map(|path| path.to_string());
            assert_eq!(got.as_deref(), path, "{message:?}");
        }
    }

    #[test]
    fn a_loop_is_our_delivered_to_below_a_received() {
        let to = Address::parse("alice@our.example").unwrap();
        for (message, looping) in [
            ("Delivered-To: alice@our.example\nReceived: x\n\n", false),
            ("Received: x\nDelivered-To: alice@our.example\n\n", true),
            ("Received: x\nDelivered-To:\n\tAlice@OUR.example\n\n", true),
            ("Received: x\nDelivered-To: bob@our.example\n\n", false),
            ("Received: x\n\nDelivered-To: alice@our.example\n", false),
            ("Delivered-To: alice@our.example\n\n", false),
        ] {
            assert_eq!(Header::read(message.as_bytes()).is_looping(&to), looping, "{message:?}");
        }
    }

    #[test] // Tests RFC 5321 §6.3: at the bound and above.
    fn a_letter_that_has_come_too_far_is_looping() {
        let to = Address::parse("alice@our.example").unwrap();
        let message = |hops| "Received: x\n".repeat(hops) + "\n";
        let max = limits::RECEIVED_FIELDS_MAX;
        assert!(!Header::read(message(max).as_bytes()).is_looping(&to));
        assert!(Header::read(message(max + 1).as_bytes()).is_looping(&to));
    }

    #[test]
    fn the_queue_id_is_the_topmost_one() {
        for (message, id) in [
            (
                "Received: from a by b with ESMTP id 0123456789ABC\n\tfor <x>; date\n\n",
                Some("0123456789ABC"),
            ),
            ("Received: by b (Postfix) id ABC;\n\tdate\nReceived: x id DEF\n\n", Some("ABC")),
            ("Received: by b; date\nReceived: x id DEF\n\n", None),
            ("Received: x id \x1b[2J\n\n", None),
            ("Received: x id\n\n", None),
        ] {
            assert_eq!(Header::read(message.as_bytes()).queue_id.as_deref(), id, "{message:?}");
        }
    }

    #[test]
    fn the_fields_on_top() {
        let on_top = OnTop {
            return_path: &ReversePath::parse("a@b.example").unwrap(),
            delivered_to: &Address::parse("alice@our.example").unwrap(),
            came: Came::Piped { uid: 1000 },
            host: "mx.our.example",
            id: "1.M2P3.mx",
            at: SystemTime::UNIX_EPOCH,
        };
        assert_eq!(
            String::from_utf8(on_top.encode(Shape::Message)).unwrap(),
            "Return-Path: <a@b.example>\r\nDelivered-To: alice@our.example\r\n\
             Received: by mx.our.example (Postroad, from uid 1000) id 1.M2P3.mx\r\n\
             \tfor <alice@our.example>;\r\n\tThu, 01 Jan 1970 00:00:00 +0000\r\n"
        );
    }

    #[test]
    fn bare_bodies_are_told_from_messages() {
        for (text, shape) in [
            ("A: b\n", Shape::Message),
            ("\nbody", Shape::Message),
            ("\r\nbody", Shape::Message),
            ("", Shape::Message),
            ("hello world\n", Shape::BareBody),
            ("From x\nhello world\n", Shape::BareBody),
        ] {
            assert_eq!(Header::read(text.as_bytes()).shape, shape, "{text:?}");
        }
    }
}
