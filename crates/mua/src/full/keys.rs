//! What a terminal sends, as keys, pasted text and the mouse. A function of octets: it reads nothing.
//!
//! Our own, since crossterm's reader waits for the rest of a sequence that came in part, and forgets what it has
//! left in the terminal: the full screen's thread waits for nothing but keys and messages.

use postroad_tui::Msg;
use postroad_tui::canvas::Cell;
use postroad_tui::keys::Key;
use postroad_tui::msg::{Mouse, MouseDoes};

use super::limits::{PASTE_OCTETS_MAX, SEQUENCE_OCTETS_MAX};

const PASTE_ENDS: &[u8] = b"\x1b[201~";

/// What has come and isn't whole yet.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    rest: Vec<u8>,
    /// Text that is being pasted.
    paste: Option<Vec<u8>>,
}

/// What the first octets are.
enum First {
    /// Something, or nothing that we know, of so many octets.
    Is(Option<Typed>, usize),
    /// Text is pasted from here on.
    PasteBegins(usize),
    /// More must come.
    Partial,
}

/// What can be told from a few octets.
enum Typed {
    Key(Key),
    Mouse(Mouse),
}

impl From<Typed> for Msg {
    fn from(typed: Typed) -> Self {
        match typed {
            Typed::Key(key) => Self::Key(key),
            Typed::Mouse(mouse) => Self::Mouse(mouse),
        }
    }
}

impl Decoder {
    /// All that is whole in what one read gave, with what was left before.
    pub(super) fn take(&mut self, octets: &[u8]) -> Vec<Msg> {
        self.rest.extend_from_slice(octets);
        let mut found = Vec::new();
        loop {
            if self.paste.is_some() {
                match self.pasted() {
                    Some(text) => found.push(Msg::Paste(text)),
                    None => return found,
                }
            }
            if self.rest.is_empty() {
                return found;
            }
            match first(&self.rest) {
                First::Is(typed, octets) => {
                    found.extend(typed.map(Msg::from));
                    self.rest.drain(..octets.clamp(1, self.rest.len()));
                }
                First::PasteBegins(octets) => {
                    self.rest.drain(..octets);
                    self.paste = Some(Vec::new());
                }
                // Nobody types so long a sequence: noise.
                First::Partial if self.rest.len() > SEQUENCE_OCTETS_MAX => self.rest.clear(),
                // A terminal sends what begins with Esc in one piece: alone it is the key.
                First::Partial if self.rest == b"\x1b" => {
                    self.rest.clear();
                    found.push(Msg::Key(Key::Esc));
                }
                First::Partial => return found,
            }
        }
    }

    /// The pasted text, if its end has come.
    fn pasted(&mut self) -> Option<String> {
        let paste = self.paste.as_mut()?;
        let end = self.rest.windows(PASTE_ENDS.len()).position(|window| window == PASTE_ENDS);
        // The mark of the end may be here in part.
        let whole = end.unwrap_or(self.rest.len().saturating_sub(PASTE_ENDS.len() - 1));
        let room = PASTE_OCTETS_MAX.saturating_sub(paste.len());
        paste.extend(self.rest.drain(..whole).take(room));
        end?;
        self.rest.drain(..PASTE_ENDS.len());
        let text = self.paste.take().unwrap_or_default();
        Some(String::from_utf8_lossy(&text).into_owned())
    }
}

fn key(key: Key, octets: usize) -> First {
    First::Is(Some(Typed::Key(key)), octets)
}

fn first(octets: &[u8]) -> First {
    match *octets {
        [0x1b, b'[', ref rest @ ..] => control_sequence(rest),
        [0x1b, b'O'] => First::Partial,
        [0x1b, b'O', letter, ..] => First::Is(named(letter).map(Typed::Key), 3),
        [0x1b, 0x1b | 0x09 | 0x0d, ..] => key(Key::Esc, 1),
        [0x1b, ref rest @ ..] => match character(rest) {
            Some((Some(c), octets)) if !c.is_control() => key(Key::Alt(c), octets + 1),
            Some(_) => key(Key::Esc, 1),
            None => First::Partial,
        },
        [0x0d | 0x0a, ..] => key(Key::Enter, 1),
        [0x09, ..] => key(Key::Tab, 1),
        [0x7f | 0x08, ..] => key(Key::Backspace, 1),
        [0x00, ..] => key(Key::Ctrl(' '), 1),
        [c @ 0x01..=0x1a, ..] => key(Key::Ctrl(char::from(c - 1 + b'a')), 1),
        [c @ 0x1c..=0x1f, ..] => key(Key::Ctrl(char::from(c + 0x40)), 1),
        _ => match character(octets) {
            Some((c, octets)) => First::Is(c.map(|c| Typed::Key(Key::Char(c))), octets),
            None => First::Partial,
        },
    }
}

/// The first character, and how long it is; `None` where more must come, no character where these octets are none.
fn character(octets: &[u8]) -> Option<(Option<char>, usize)> {
    let chunk = octets.utf8_chunks().next()?;
    if let Some(c) = chunk.valid().chars().next() {
        return Some((Some(c), c.len_utf8()));
    }
    let invalid = chunk.invalid();
    // What can't be continued is no character; what ends with the octets may be one yet.
    let is_begun = invalid.len() == octets.len() && matches!(invalid, [0xc2..=0xf4, ..]);
    if is_begun { None } else { Some((None, invalid.len().max(1))) }
}

/// ECMA-48 §5.4, behind `ESC [`: parameters, then the letter that ends it.
fn control_sequence(rest: &[u8]) -> First {
    let Some(end) = rest.iter().position(|octet| matches!(octet, 0x40..=0x7e)) else {
        return match rest.iter().position(|octet| !matches!(octet, 0x20..=0x3f)) {
            // Something else begins where the end should be.
            Some(place) => First::Is(None, place + 2),
            None => First::Partial,
        };
    };
    let (Some(parameters), Some(&letter)) = (rest.get(..end), rest.get(end)) else {
        return First::Partial;
    };
    let octets = end + 3;
    if let Some(place) = parameters.iter().position(|octet| !matches!(octet, 0x20..=0x3f)) {
        return First::Is(None, place + 2);
    }
    let text = str::from_utf8(parameters).unwrap_or_default();
    if let (Some(text), b'M' | b'm') = (text.strip_prefix('<'), letter) {
        return First::Is(mouse(text, letter).map(Typed::Mouse), octets);
    }
    let number = text.split(';').next().unwrap_or_default().parse::<u8>().ok();
    match (letter, number) {
        (b'~', Some(200)) => First::PasteBegins(octets),
        (b'~', Some(number)) => First::Is(numbered(number).map(Typed::Key), octets),
        (b'Z', _) => key(Key::BackTab, octets),
        (letter, _) => First::Is(named(letter).map(Typed::Key), octets),
    }
}

fn named(letter: u8) -> Option<Key> {
    Some(match letter {
        b'A' => Key::Up,
        b'B' => Key::Down,
        b'C' => Key::Right,
        b'D' => Key::Left,
        b'F' => Key::End,
        b'H' => Key::Home,
        b'M' => Key::Enter,
        b'P'..=b'S' => Key::F(letter - b'P' + 1),
        _ => return None,
    })
}

fn numbered(number: u8) -> Option<Key> {
    Some(match number {
        1 | 7 => Key::Home,
        2 => Key::Insert,
        3 => Key::Delete,
        4 | 8 => Key::End,
        5 => Key::PageUp,
        6 => Key::PageDown,
        11..=15 => Key::F(number - 10),
        17..=21 => Key::F(number - 11),
        23 | 24 => Key::F(number - 12),
        _ => return None,
    })
}

/// xterm's mode 1006: `BUTTON;COLUMN;ROW`, from 1.
fn mouse(text: &str, letter: u8) -> Option<Mouse> {
    let mut numbers = text.split(';').map(|number| number.parse::<u16>().ok());
    let (button, column, row) = (numbers.next()??, numbers.next()??, numbers.next()??);
    let does = match (button, letter) {
        (0, b'M') => MouseDoes::Click,
        (64, _) => MouseDoes::ScrollUp,
        (65, _) => MouseDoes::ScrollDown,
        _ => return None,
    };
    Some(Mouse { at: Cell { column: column.checked_sub(1)?, row: row.checked_sub(1)? }, does })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(octets: &[u8]) -> String {
        Decoder::default().take(octets).iter().map(one).collect::<Vec<_>>().join(",")
    }

    fn one(msg: &Msg) -> String {
        match msg {
            Msg::Key(key) => key.to_string(),
            Msg::Paste(text) => format!("paste {text:?}"),
            Msg::Mouse(mouse) => format!("{:?} {},{}", mouse.does, mouse.at.column, mouse.at.row),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn keys() {
        for (octets, keys) in [
            (&b"jk"[..], "j,k"),
            (b"\r", "Enter"),
            (b"\n", "Enter"),
            (b"\x1b", "Esc"),
            (b"\x1b\x1b", "Esc,Esc"),
            (b"\x1bv", "Esc v"),
            (b"\x1b\t", "Esc,Tab"),
            (b"\x1b[A\x1b[B\x1bOC\x1bOD", "Up,Down,Right,Left"),
            (b"\x1b[5~\x1b[6~\x1b[1~\x1b[4~\x1b[3~", "PgUp,PgDn,Home,End,Del"),
            (b"\x1b[1;5A", "Up"),
            (b"\x1b[Z\x7f\x08", "BackTab,Backspace,Backspace"),
            (b"\x1bOP\x1b[15~\x1b[24~", "F1,F5,F12"),
            (b"\x07\x0c\x1a\x00", "^G,^L,^Z,^ "),
            ("ü漢".as_bytes(), "ü,漢"),
            (b"\xff\xffa", "a"),
            (b"\x1b[?1;2c", ""),
            (b"\x1b[\x1b[A", "Up"),
            (
                b"\x1b[<0;3;7M\x1b[<0;3;7m\x1b[<64;1;1M\x1b[<65;1;1M",
                "Click 2,6,ScrollUp 0,0,ScrollDown 0,0",
            ),
            (b"a\x1b[200~dq\x1b[Ax\x1b[201~b", "a,paste \"dq\\u{1b}[Ax\",b"),
        ] {
            assert_eq!(shown(octets), keys, "{octets:?}");
        }
    }

    proptest! {
        /// Whatever comes, in whatever pieces: no panic, nothing kept for ever.
        #[test]
        fn anything(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..20)) {
            let mut decoder = Decoder::default();
            for piece in &pieces {
                decoder.take(piece);
                prop_assert!(decoder.rest.len() <= SEQUENCE_OCTETS_MAX + 40);
            }
        }

        /// Keys that came in two pieces are the same as in one, unless the first piece is Esc alone.
        #[test]
        fn pieces_make_no_difference(cut in 0usize..40) {
            let all = "jü\x1b[5~\x1b[<0;3;7M\x1b[200~pa\x1bste\x1b[201~漢\x1b[A".as_bytes();
            let (begin, other) = all.split_at(cut.min(all.len()));
            prop_assume!(begin.last() != Some(&0x1b) || begin.ends_with(b"pa\x1b"));
            let mut decoder = Decoder::default();
            let mut found = decoder.take(begin);
            found.extend(decoder.take(other));
            let found: Vec<String> = found.iter().map(one).collect();
            prop_assert_eq!(found.join(","), shown(all));
        }
    }
}
