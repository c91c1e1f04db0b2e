//! The form of a dialogue: lines, of which the first character says what they are.
//!
//! ```text
//! # a remark
//! client: NAME             at the head; then `source:`, `letters: 5`, `tag: A#` and `first: 1` for what its tags look like
//!
//! > COMMAND                is sent, and ended by OK
//! NO> COMMAND              is ended by NO; `BAD>` likewise
//! >> COMMAND               the next one is sent without waiting for its end
//! > APPEND x {}            a literal, which waits for the server; `{+}` doesn't
//! | TEXT                   a line of that literal
//! . TEXT                   the same without a line end
//! ~ TEXT {}                what comes behind a literal in the same command
//! + TEXT                   is sent when the server has said `+`
//! < RESPONSE               was said since the last command was begun; `…` is anything; while the server waits, it is waited for
//! !< RESPONSE              wasn't
//! deliver                  another letter comes
//! ```
//!
//! A digit in front of a line is the connection that it is about. `$validity`, `$next` and `$modseq` are what the server said
//! last of UIDVALIDITY, UIDNEXT and HIGHESTMODSEQ, `$appended` the last UID of APPENDUID; `$password` and `$plain` are alice's
//! password, and her login by SASL PLAIN.

use anyhow::{Context, Result, bail, ensure};

/// A dialogue.
#[derive(Debug, Default)]
pub(super) struct Dialogue {
    pub(super) client: String,
    /// Letters in the inbox at first.
    pub(super) letters: usize,
    /// What stands before and behind the number of a tag.
    pub(super) tag: (String, String),
    /// The first number.
    pub(super) first: usize,
    pub(super) steps: Vec<Step>,
}

/// A line of it.
#[derive(Debug)]
pub(super) struct Step {
    /// Where it stands in its file.
    pub(super) line: usize,
    pub(super) connection: usize,
    pub(super) act: Act,
}

/// What it says.
#[derive(Debug)]
pub(super) enum Act {
    Send { pieces: Vec<Piece>, ends: &'static str, then: Then },
    Continue(String),
    Expect(String),
    Never(String),
    Deliver,
}

/// A piece of a command: its text, and the literal behind it.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) text: String,
    pub(super) literal: Option<Literal>,
}

/// A literal.
#[derive(Debug)]
pub(super) struct Literal {
    pub(super) octets: String,
    pub(super) waits: Waits,
}

/// Whether the server has to be asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waits {
    Yes,
    No,
}

/// What is done when a command was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    Wait,
    GoOn,
}

impl Dialogue {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut dialogue =
            Self { letters: 5, tag: ("a".into(), String::new()), first: 1, ..Self::default() };
        let lines = text.lines().zip(1..).filter(|(line, _)| !line.is_empty());
        for (line, number) in lines.filter(|(line, _)| !line.starts_with('#')) {
            dialogue.take(line, number).with_context(|| format!("line {number}: {line}"))?;
        }
        ensure!(!dialogue.client.is_empty(), "no client");
        Ok(dialogue)
    }

    fn take(&mut self, line: &str, number: usize) -> Result<()> {
        if self.steps.is_empty()
            && let Some((name, value)) = line.split_once(": ")
            && name.bytes().all(|octet| octet.is_ascii_lowercase())
        {
            return self.take_head(name, value);
        }
        let (connection, line) = match line.as_bytes().first() {
            Some(digit @ b'1'..=b'9') => (usize::from(digit - b'0'), &line[1..]),
            _ => (1, line),
        };
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let act = match word {
            ">" => send(rest, "OK", Then::Wait),
            ">>" => send(rest, "OK", Then::GoOn),
            "NO>" => send(rest, "NO", Then::Wait),
            "BAD>" => send(rest, "BAD", Then::Wait),
            "<" => Act::Expect(rest.to_owned()),
            "!<" => Act::Never(rest.to_owned()),
            "+" => Act::Continue(rest.to_owned()),
            "deliver" => Act::Deliver,
            "|" | "." => {
                let literal = self.pieces()?.last_mut().and_then(|piece| piece.literal.as_mut());
                let literal = literal.context("no literal is open")?;
                literal.octets.push_str(rest);
                literal.octets.push_str(if word == "|" { "\r\n" } else { "" });
                return Ok(());
            }
            "~" => {
                let more = piece(&format!(" {rest}"));
                self.pieces()?.push(more);
                return Ok(());
            }
            _ => bail!("no such line"),
        };
        self.steps.push(Step { line: number, connection, act });
        Ok(())
    }

    fn take_head(&mut self, name: &str, value: &str) -> Result<()> {
        match name {
            "client" => value.clone_into(&mut self.client),
            "source" => {}
            "letters" => self.letters = value.parse()?,
            "first" => self.first = value.parse()?,
            "tag" => {
                let (before, behind) = value.split_once('#').context("a tag without #")?;
                self.tag = (before.to_owned(), behind.to_owned());
            }
            _ => bail!("no such head"),
        }
        Ok(())
    }

    /// The pieces of the command that was last.
    fn pieces(&mut self) -> Result<&mut Vec<Piece>> {
        match self.steps.last_mut().map(|step| &mut step.act) {
            Some(Act::Send { pieces, .. }) => Ok(pieces),
            _ => bail!("no command is open"),
        }
    }

    /// Whether the server is waiting behind this step: what comes next on the connection is a line that it asks for.
    pub(super) fn is_held_at(&self, index: usize) -> bool {
        let connection = self.steps[index].connection;
        let behind = self.steps[index + 1..].iter().filter(|step| step.connection == connection);
        let mut acts = behind.map(|step| &step.act);
        acts.find(|act| matches!(act, Act::Send { .. } | Act::Continue(_)))
            .is_some_and(|act| matches!(act, Act::Continue(_)))
    }
}

fn send(text: &str, ends: &'static str, then: Then) -> Act {
    Act::Send { pieces: vec![piece(text)], ends, then }
}

fn piece(text: &str) -> Piece {
    let (text, waits) = match (text.strip_suffix("{}"), text.strip_suffix("{+}")) {
        (Some(text), _) => (text, Some(Waits::Yes)),
        (None, Some(text)) => (text, Some(Waits::No)),
        (None, None) => (text, None),
    };
    let literal = waits.map(|waits| Literal { octets: String::new(), waits });
    Piece { text: text.to_owned(), literal }
}
