//! Two thousand messages made to fool a terminal, and every real one of the corpus: no octet of theirs
//! that a terminal obeys comes out (rows U01, U02).
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;

use postroad_mua::fuzz;

/// What a terminal or an eye would obey, in every spelling that mail has for it.
const POISON: [&str; 16] = [
    "\u{1b}]0;t\u{7}",
    "\u{1b}]52;c;cm0=\u{1b}\\",
    "\u{1b}[21t",
    "\u{9b}31m",
    "\u{90}q\u{9c}",
    "\u{1b}]8;;http://a.example\u{1b}\\x\u{1b}]8;;\u{1b}\\",
    "\u{202e}fdp.exe",
    "\u{2066}x\u{2069}",
    "\u{200b}\u{200c}\u{200d}\u{feff}",
    "\u{e0041}\u{e0042}",
    "\r\u{8}\u{8}\u{7f}\0",
    "=?utf-8?q?=1B[2J=C2=9B1m=E2=80=AE?=",
    "=?utf-8?b?G10wO3gH?=",
    "=?iso-8859-1?q?=9B31m?=",
    "&#27;[2J&#155;&#x202e;&shy;&zwj;",
    "=1B[2J=E2=80=AE",
];

/// A small generator, the same numbers in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }

    fn poison(&mut self) -> String {
        (0..=self.roll(3)).map(|_| POISON[self.roll(POISON.len())]).collect::<Vec<_>>().join("x")
    }

    fn field(&mut self, name: &str) -> String {
        match self.roll(3) {
            0 => format!("{name}: {}\r\n", self.poison()),
            1 => format!("{name}: \"{}\" <a@b.example>\r\n", self.poison()),
            _ => format!(
                "{name}: {} <{}@b.example>, c@d.example ({})\r\n",
                self.poison(),
                self.poison(),
                self.poison()
            ),
        }
    }

    fn part(&mut self, depth: usize) -> String {
        let text = self.poison();
        match self.roll(if depth == 0 { 5 } else { 7 }) {
            0 => format!("\r\n{text}\r\n"),
            1 => format!(
                "Content-Type: text/html\r\n\r\n<p title=\"{text}\">{text}</p><a href='{text}'>x</a>\r\n"
            ),
            2 => format!(
                "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n{text}\r\n"
            ),
            3 => format!("Content-Type: {text}/{text}; name=\"{text}\"\r\n\r\nx\r\n"),
            4 => format!(
                "Content-Disposition: attachment; filename*=utf-8''%1B%5B2J%E2%80%AE{}\r\n\r\nx\r\n",
                self.roll(9)
            ),
            5 => format!(
                "Content-Type: message/rfc822\r\n\r\n{}{}",
                self.field("From"),
                self.part(depth - 1)
            ),
            _ => {
                let boundary = format!("b{depth}");
                let parts: String = (0..=self.roll(3))
                    .map(|_| format!("--{boundary}\r\n{}", self.part(depth - 1)))
                    .collect();
                let kind = ["mixed", "alternative", "digest"][self.roll(3)];
                format!(
                    "Content-Type: multipart/{kind}; boundary={boundary}\r\n\r\n{parts}--{boundary}--\r\n"
                )
            }
        }
    }

    fn message(&mut self) -> String {
        let names = ["From", "To", "Cc", "Reply-To", "Subject", "Date", "Message-ID"];
        let header: String = names.iter().map(|name| self.field(name)).collect();
        format!("{header}{}", self.part(3))
    }
}

#[test]
fn u01_u02_nothing_of_two_thousand_hostile_messages_is_obeyed() {
    let mut dice = Dice(0x5eed);
    for _ in 0..2_000 {
        fuzz::render(dice.message().as_bytes());
    }
}

#[test]
fn every_message_of_the_corpus_is_shown() {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus")];
    // More of them, where somebody has more: folders with colons between.
    let more = std::env::var("POSTROAD_CORPORA").unwrap_or_default();
    folders.extend(more.split(':').filter(|path| !path.is_empty()).map(Into::into));
    let mut messages = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                fuzz::render(&std::fs::read(&path).unwrap());
                messages += 1;
            }
        }
    }
    assert!(messages > 50, "{messages} messages");
}
