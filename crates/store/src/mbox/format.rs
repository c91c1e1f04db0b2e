//! A letter as it stands in a mailbox file.

use std::ops::Range;
use std::time::SystemTime;

use memchr::memchr;
use postroad_protocol::{header, trace_fields};

use crate::Flags;

/// What stands for the null reverse-path.
const NOBODY: &[u8] = b"MAILER-DAEMON";

/// Fields that readers of such files write for themselves: a sender's would tell them where the letter ends, or that
/// it was read.
const READERS_OWN: [&str; 7] =
    ["Content-Length", "Status", "X-Status", "X-Keywords", "X-UID", "X-IMAP", "X-IMAPbase"];

/// The letter (line ends are LF) with its `From ` line, as it is appended.
pub(super) fn letter(octets: &[u8], flags: &Flags, at: SystemTime) -> Vec<u8> {
    let Fields { sender, kept } = read(octets);
    let mut out = Vec::with_capacity(octets.len() + octets.len() / 64 + 256);
    out.extend_from_slice(b"From ");
    let plain = |octet: &u8| match octet.is_ascii_whitespace() || octet.is_ascii_control() {
        true => b'_',
        false => *octet,
    };
    out.extend(sender.unwrap_or(NOBODY).iter().map(plain));
    out.push(b' ');
    out.extend_from_slice(trace_fields::mbox_date(at).as_bytes());
    out.push(b'\n');
    out.extend_from_slice(flags.status_fields().as_bytes());
    for run in kept {
        quote(octets.get(run).unwrap_or_default(), &mut out);
    }
    if !out.ends_with(b"\n") {
        out.push(b'\n');
    }
    out.push(b'\n');
    out
}

/// What of a letter's header counts here.
struct Fields<'a> {
    /// Whom `Return-Path` names.
    sender: Option<&'a [u8]>,
    /// What is kept, each run beginning with a line; the last one goes to the end.
    kept: Vec<Range<usize>>,
}

fn read(octets: &[u8]) -> Fields<'_> {
    let (mut sender, mut kept, mut run) = (None, Vec::new(), 0);
    let mut walk = header::fields(octets);
    while let Some(field) = walk.next() {
        // What follows a line that is no field is body, whatever it looks like.
        if field.name.is_empty() {
            break;
        }
        if field.is("Return-Path") && sender.is_none() {
            let path = field.value();
            let path = path.strip_prefix(b"<").unwrap_or(path);
            sender = Some(path.strip_suffix(b">").unwrap_or(path));
        }
        if READERS_OWN.iter().any(|name| field.is(name)) {
            let end = octets.len() - walk.rest().len();
            kept.push(run..end - field.raw.len());
            run = end;
        }
    }
    kept.push(run..octets.len());
    Fields { sender: sender.filter(|path| !path.is_empty()), kept }
}

/// Appends lines, each that could be taken for a `From ` line with one more `>`.
fn quote(mut octets: &[u8], out: &mut Vec<u8>) {
    while !octets.is_empty() {
        let end = memchr(b'\n', octets).map_or(octets.len(), |at| at + 1);
        let (line, rest) = octets.split_at_checked(end).unwrap_or((octets, &[]));
        let arrows = line.iter().take_while(|octet| **octet == b'>').count();
        if line.get(arrows..).unwrap_or_default().starts_with(b"From ") {
            out.push(b'>');
        }
        out.extend_from_slice(line);
        octets = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FROM: &str = "From a@b.example Thu Jan  1 00:00:00 1970\n";

    fn formatted(octets: &[u8], flags: &[&str]) -> Vec<u8> {
        let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        letter(octets, &Flags::of(&flags).0, SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn m14_from_lines_are_quoted_and_the_readers_fields_are_left_out() {
        let top = "Return-Path: <a@b.example>\n";
        for (text, expected) in [
            ("A: b\n\nc\n", "A: b\n\nc\n\n"),
            ("A: b\n\nc", "A: b\n\nc\n\n"),
            ("A: b\n", "A: b\n\n"),
            (
                "\nFrom here\n>From\n>From here\n From x\nFrom",
                "\n>From here\n>From\n>>From here\n From x\nFrom\n\n",
            ),
            (
                "\n\nFrom x Thu Jan  1 00:00:00 1970\nA: b\n\n",
                "\n\n>From x Thu Jan  1 00:00:00 1970\nA: b\n\n\n",
            ),
            // RFC 5322 §4.5.2: white space before the colon is a field all the same.
            ("From : x\nC: d\n\n", ">From : x\nC: d\n\n\n"),
            ("From x\nStatus: RO\n", ">From x\nStatus: RO\n\n"),
            (
                "Content-length: 7\n x\nA: b\nstatus: RO\nX-UID: 7\n\nStatus: b\n",
                "A: b\n\nStatus: b\n\n",
            ),
        ] {
            let octets = format!("{top}{text}");
            let expected = format!("{FROM}{top}{expected}");
            let got = formatted(octets.as_bytes(), &[]);
            assert_eq!(String::from_utf8_lossy(&got), expected, "{text:?}");
        }
    }

    #[test]
    fn m14_whom_the_from_line_names() {
        for (text, sender) in [
            ("Return-Path: <>\n\n", "MAILER-DAEMON"),
            ("A: b\n\nReturn-Path: <a@b.example>\n", "MAILER-DAEMON"),
            ("", "MAILER-DAEMON"),
            ("Return-Path:\n <a@b.example>\n\n", "a@b.example"),
            ("Return-Path: <\"x y\u{1b}\n Thu\"@b.example>\n\n", "\"x_y___Thu\"@b.example"),
        ] {
            let got = formatted(text.as_bytes(), &[]);
            let line = format!("From {sender} Thu Jan  1 00:00:00 1970\n");
            assert!(got.starts_with(line.as_bytes()), "{}", String::from_utf8_lossy(&got));
        }
    }

    #[test]
    fn flags_are_fields() {
        for (flags, fields) in [
            (&["\\Seen"][..], "Status: RO\n"),
            (&["\\Flagged"], "X-Status: F\n"),
            (&["\\Seen", "\\Answered", "\\Deleted", "\\Draft"], "Status: RO\nX-Status: ADT\n"),
            (&["$Forwarded"], ""),
            (&["Work", "\\Seen", "$Label1"], "Status: RO\nX-Keywords: Work $Label1\n"),
        ] {
            let got = formatted(b"Status: x\nA: b\n\n", flags);
            let expected = FROM.replace("a@b.example", "MAILER-DAEMON") + fields + "A: b\n\n\n";
            assert_eq!(String::from_utf8_lossy(&got), expected);
        }
    }

    /// The letters of a mailbox file, as somebody reads it who knows nothing but mbox(5).
    fn letters(mailbox: &[u8]) -> Vec<Vec<u8>> {
        let mut letters: Vec<Vec<u8>> = Vec::new();
        for line in mailbox.split_inclusive(|octet| *octet == b'\n') {
            let quoted = line.iter().take_while(|octet| **octet == b'>').count();
            match line[quoted..].starts_with(b"From ") {
                true if quoted == 0 => letters.push(Vec::new()),
                true => letters.last_mut().unwrap().extend_from_slice(&line[1..]),
                false => letters.last_mut().unwrap().extend_from_slice(line),
            }
        }
        letters.iter_mut().for_each(|letter| assert_eq!(letter.pop(), Some(b'\n')));
        letters
    }

    proptest! {
        #[test]
        fn m14_what_is_written_is_read_as_it_was(
            texts in prop::collection::vec("(From |>|\n|a|:|\r|\u{1}| ){0,40}", 1..5),
        ) {
            let mailbox: Vec<u8> =
                texts.iter().flat_map(|text| formatted(text.as_bytes(), &[])).collect();
            let whole = |text: &String| match text.is_empty() || text.ends_with('\n') {
                true => text.clone().into_bytes(),
                false => format!("{text}\n").into_bytes(),
            };
            let expected: Vec<Vec<u8>> = texts.iter().map(whole).collect();
            prop_assert_eq!(letters(&mailbox), expected);
        }
    }
}
