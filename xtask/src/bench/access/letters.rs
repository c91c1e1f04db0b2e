//! Letters as people have them: short ones, some with HTML, few with something attached, most of them answers.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Context as _;

/// A word that some letters in a thousand hold, and no subject.
pub(in crate::bench) const RARE_WORD: &str = "quartzite";
/// One that stands in some subjects.
pub(in crate::bench) const SUBJECT_WORD: &str = "granite";

const SYLLABLES: [&str; 32] = [
    "ba", "co", "du", "fe", "gi", "ho", "ju", "ka", "le", "mi", "no", "pu", "ra", "se", "ti", "vo",
    "wa", "xe", "yo", "zu", "bri", "cla", "dre", "flo", "gru", "pla", "qua", "sto", "tri", "vle",
    "sha", "che",
];

/// Numbers that look like chance and are the same in each run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }

    fn word(&mut self) -> String {
        (0..1 + self.next(3)).map(|_| SYLLABLES[self.next(32) as usize]).collect()
    }

    fn words(&mut self, count: u64) -> String {
        (0..count).map(|_| self.word()).collect::<Vec<_>>().join(" ")
    }

    fn paragraphs(&mut self, lines: u64) -> String {
        (0..lines).fold(String::new(), |text, _| {
            let count = 6 + self.next(8);
            text + &self.words(count) + "\n"
        })
    }
}

/// Writes them as files of `cur/`, named as Dovecot names them, which both servers read sizes from.
pub(in crate::bench) fn write(folder: &Path, count: u64) -> anyhow::Result<()> {
    fs::create_dir_all(folder).context("cannot make a folder for letters")?;
    let mut numbers = Numbers(0x9E37_79B9_7F4A_7C15);
    let mut threads: Vec<(String, Vec<String>)> = Vec::new();
    for number in 0..count {
        let letter = letter(number, &mut numbers, &mut threads);
        let (octets, lines) = (letter.len(), letter.matches('\n').count());
        let at = 1_700_000_000 + number * 60;
        let flags = if number % 10 < 8 { "S" } else { "" };
        let name = format!("{at}.M{number}P1.bench,S={octets},W={}:2,{flags}", octets + lines);
        fs::write(folder.join(name), letter).context("cannot write a letter")?;
    }
    Ok(())
}

fn letter(number: u64, numbers: &mut Numbers, threads: &mut Vec<(String, Vec<String>)>) -> String {
    let id = format!("<{number}.{}@host{}.example>", numbers.next(1_000_000), numbers.next(50));
    let is_answer = !threads.is_empty() && numbers.next(10) < 6;
    let at = match is_answer {
        true => threads.len() - 1 - numbers.next(threads.len().min(200) as u64) as usize,
        false => {
            let words = 2 + numbers.next(5);
            let mut subject = numbers.words(words);
            if number.is_multiple_of(97) {
                subject += " ";
                subject += SUBJECT_WORD;
            }
            threads.push((subject, Vec::new()));
            threads.len() - 1
        }
    };
    let (subject, ids) = &mut threads[at];
    let (from, to) = (numbers.next(400), numbers.next(20));
    let name = numbers.word();
    let mut text = format!(
        "Return-Path: <person{from}@host{}.example>\nDelivered-To: user@local.example\n\
         Received: from host.example (host.example [192.0.2.7])\n\tby local.example with ESMTPS id {number:X}\n\
         \tfor <user@local.example>; Mon, 13 Nov 2023 10:00:00 +0000\n\
         From: {name} <person{from}@host{}.example>\nTo: List {to} <list{to}@local.example>\n",
        from % 50,
        from % 50,
    );
    let (day, hour, minute) = (1 + number / 2880 % 28, number / 60 % 24, number % 60);
    let prefix = if ids.is_empty() { "" } else { "Re: " };
    let _ = write!(
        text,
        "Date: {day} Nov 2023 {hour:02}:{minute:02}:00 +0000\nSubject: {prefix}{subject}\nMessage-ID: {id}\n"
    );
    if let Some(last) = ids.last() {
        let known = ids.get(ids.len().saturating_sub(8)..).unwrap_or_default();
        let _ = write!(text, "In-Reply-To: {last}\nReferences: {}\n", known.join("\n\t"));
    }
    ids.push(id);
    text += "MIME-Version: 1.0\nUser-Agent: Bench/1\n";
    let lines = 8 + numbers.next(40);
    let mut body = numbers.paragraphs(lines);
    if number % 1000 == 7 {
        body += RARE_WORD;
        body += "\n";
    }
    match number % 20 {
        0 => {
            let octets: String = (0..400)
                .map(|_| "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5\n")
                .collect();
            text + "Content-Type: multipart/mixed; boundary=\"b1\"\n\n--b1\nContent-Type: text/plain; charset=utf-8\n\n"
                + &body
                + "--b1\nContent-Type: application/pdf; name=\"a.pdf\"\nContent-Transfer-Encoding: base64\n\
                   Content-Disposition: attachment; filename=\"a.pdf\"\n\n"
                + &octets
                + "--b1--\n"
        }
        1..=3 => {
            text + "Content-Type: multipart/alternative; boundary=\"b2\"\n\n--b2\nContent-Type: text/plain; charset=utf-8\n\n"
                + &body
                + "--b2\nContent-Type: text/html; charset=utf-8\n\n<html><body><p>"
                + &body.replace('\n', "</p>\n<p>")
                + "</p></body></html>\n--b2--\n"
        }
        _ => text + "Content-Type: text/plain; charset=utf-8\n\n" + &body,
    }
}
