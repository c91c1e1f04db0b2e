//! A dialogue, said to a server.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use postroad_tests::imap::Client;
use postroad_tests::peers::PASSWORD;

use super::dialogue::{Act, Dialogue, Piece, Then, Waits};
use super::letters;

/// alice's login by SASL PLAIN, with [`PASSWORD`].
const PLAIN: &str = "AGFsaWNlAGNvcnJlY3QtaG9yc2U=";

/// What the server said last of these.
const TOLD: [(&str, &str); 3] =
    [("$validity", "UIDVALIDITY "), ("$next", "UIDNEXT "), ("$modseq", "HIGHESTMODSEQ ")];

/// A connection.
struct Connection {
    client: Client,
    commands: usize,
    /// Tags of commands that haven't ended, and how they are to end.
    open: Vec<(String, &'static str, String)>,
    /// What was said since the last command was begun.
    said: Vec<String>,
    /// Whether the server waits for a line.
    is_held: bool,
}

/// Says a dialogue.
pub(super) fn play(dialogue: &Dialogue, server: SocketAddr, maildir: &Path) -> Result<()> {
    let mut connections: BTreeMap<usize, Connection> = BTreeMap::new();
    let mut values: BTreeMap<&str, String> =
        [("$password", PASSWORD.to_owned()), ("$plain", PLAIN.to_owned())].into();
    let mut letters = dialogue.letters;
    for (index, step) in dialogue.steps.iter().enumerate() {
        let connection = match connections.entry(step.connection) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::btree_map::Entry::Vacant(new) => {
                new.insert(Connection::open(server, dialogue.first)?)
            }
        };
        connection
            .act(dialogue, index, &mut values)
            .with_context(|| format!("line {}; said: {:#?}", step.line, connection.said))?;
        if matches!(step.act, Act::Deliver) {
            letters += 1;
            letters::deliver(maildir, letters)?;
        }
    }
    Ok(())
}

impl Connection {
    fn open(server: SocketAddr, first: usize) -> Result<Self> {
        let client = Client::connect(server)?;
        Ok(Self { client, commands: first, open: Vec::new(), said: Vec::new(), is_held: false })
    }

    fn act(
        &mut self,
        dialogue: &Dialogue,
        index: usize,
        values: &mut BTreeMap<&str, String>,
    ) -> Result<()> {
        match &dialogue.steps[index].act {
            Act::Send { pieces, ends, then } => {
                if self.open.is_empty() {
                    self.said.clear();
                }
                let tag = format!("{}{}{}", dialogue.tag.0, self.commands, dialogue.tag.1);
                self.commands += 1;
                let shown = pieces.first().map_or("", |piece| piece.text.as_str());
                self.open.push((tag.clone(), ends, shown.to_owned()));
                self.send(&tag, pieces, values)?;
                self.is_held = dialogue.is_held_at(index);
                match then {
                    Then::GoOn => Ok(()),
                    Then::Wait => self.wait(values),
                }
            }
            Act::Continue(text) => {
                let line = format!("{}\r\n", filled(text, values));
                self.client.send(line.as_bytes())?;
                self.is_held = dialogue.is_held_at(index);
                self.wait(values)
            }
            Act::Expect(pattern) => {
                let pattern = filled(pattern, values);
                while !self.said.iter().any(|said| fits(said, &pattern)) {
                    ensure!(self.is_held, "nothing like {pattern:?} was said");
                    self.read(values)?;
                }
                Ok(())
            }
            Act::Never(pattern) => {
                let pattern = filled(pattern, values);
                ensure!(!self.said.iter().any(|said| fits(said, &pattern)), "{pattern:?} was said");
                Ok(())
            }
            Act::Deliver => Ok(()),
        }
    }

    /// Sends a command, and its literals when they may come.
    fn send(
        &mut self,
        tag: &str,
        pieces: &[Piece],
        values: &mut BTreeMap<&str, String>,
    ) -> Result<()> {
        let mut line = format!("{tag} ");
        for piece in pieces {
            line.push_str(&filled(&piece.text, values));
            if let Some(literal) = &piece.literal {
                let plus = if literal.waits == Waits::Yes { "" } else { "+" };
                line.push_str(&format!("{{{}{plus}}}\r\n", literal.octets.len()));
                if literal.waits == Waits::Yes {
                    self.client.send(line.as_bytes())?;
                    line.clear();
                    while !self.read(values)?.starts_with('+') {}
                }
                line.push_str(&literal.octets);
            }
        }
        line.push_str("\r\n");
        self.client.send(line.as_bytes())
    }

    /// Waits until all commands have ended, or the server waits.
    fn wait(&mut self, values: &mut BTreeMap<&str, String>) -> Result<()> {
        while !self.open.is_empty() {
            let is_asked = self.read(values)?.starts_with('+');
            if is_asked && self.is_held {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The next response.
    fn read(&mut self, values: &mut BTreeMap<&str, String>) -> Result<String> {
        let response = self.client.response()?;
        learn(&response, values);
        self.said.push(response.clone());
        if response.starts_with("* ") || response.starts_with('+') {
            return Ok(response);
        }
        let (tag, status) = response.split_once(' ').unwrap_or((&response, ""));
        let Some(at) = self.open.iter().position(|(open, ..)| open == tag) else {
            bail!("{response}: no such command is under way");
        };
        let (_, ends, command) = self.open.remove(at);
        ensure!(status.starts_with(&format!("{ends} ")), "{command}: {response}");
        Ok(response)
    }
}

/// Takes in the numbers that the server tells.
fn learn(response: &str, values: &mut BTreeMap<&str, String>) {
    let number = |text: &str| -> String { text.chars().take_while(char::is_ascii_digit).collect() };
    for (name, key) in TOLD {
        if let Some((_, rest)) = response.split_once(key) {
            values.insert(name, number(rest));
        }
    }
    let appended = response.split_once("[APPENDUID ").and_then(|(_, rest)| rest.split_once(' '));
    if let Some((_, uids)) = appended {
        let last = uids.split(']').next().and_then(|set| set.rsplit([':', ',']).next());
        values.insert("$appended", last.unwrap_or_default().to_owned());
    }
}

fn filled(text: &str, values: &BTreeMap<&str, String>) -> String {
    let fill = |text: String, (name, value): (&&str, &String)| text.replace(*name, value);
    values.iter().fold(text.to_owned(), fill)
}

/// Whether a response is like that: `…` is anything.
fn fits(response: &str, pattern: &str) -> bool {
    let mut pieces = pattern.split('…');
    let Some(mut rest) = pieces.next().and_then(|begin| response.strip_prefix(begin)) else {
        return false;
    };
    let Some(end) = pieces.next_back() else { return rest.is_empty() };
    for piece in pieces {
        let Some((_, behind)) = rest.split_once(piece) else { return false };
        rest = behind;
    }
    rest.ends_with(end)
}
