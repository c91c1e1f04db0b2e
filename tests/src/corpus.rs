//! Real messages, from `tests/corpus`; its README names where each comes from.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

/// How lines of trace fields begin: by name, or folded.
const TRACE_FIELDS: &[&str] = &[
    "Return-Path:",
    "Delivered-To:",
    "Received:",
    " ",
    "\t",
    // A message's own mbox line: the delivery agent drops it where it is the first, not below trace fields.
    "From ",
];

/// One message as it travels: lines end in CRLF, the last one too.
#[derive(Debug, Clone)]
pub struct Message {
    /// Its file, below `tests/corpus`.
    pub name: String,
    /// Header and body.
    pub octets: Vec<u8>,
}

/// All of them, in the order of their names.
///
/// # Errors
///
/// When they can't be read.
pub fn messages() -> Result<Vec<Message>> {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/corpus"));
    let mut messages = Vec::new();
    for group in fs::read_dir(&root).with_context(|| format!("cannot read {}", root.display()))? {
        let group = group?.path();
        if !group.is_dir() {
            continue;
        }
        for file in fs::read_dir(&group)? {
            let path = file?.path();
            let name = path.strip_prefix(&root)?.display().to_string();
            messages.push(Message { octets: wire(&fs::read(&path)?), name });
        }
    }
    ensure!(!messages.is_empty(), "{} holds no messages", root.display());
    messages.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(messages)
}

/// With every line end made CRLF, as a client does that sends a file.
fn wire(file: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(file.len() + file.len() / 32);
    let mut octets = file.iter().copied().peekable();
    while let Some(octet) = octets.next() {
        match octet {
            b'\r' => {
                octets.next_if_eq(&b'\n');
                out.extend_from_slice(b"\r\n");
            }
            b'\n' => out.extend_from_slice(b"\r\n"),
            octet => out.push(octet),
        }
    }
    if !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out
}

impl Message {
    /// Octets of the longest line, without its CRLF.
    #[must_use]
    pub fn longest_line(&self) -> usize {
        self.octets
            .split(|&octet| octet == b'\n')
            .map(|line| line.len().saturating_sub(1))
            .max()
            .unwrap_or(0)
    }

    /// Whether `received` is this message with nothing but trace fields put on top.
    ///
    /// # Errors
    ///
    /// When it isn't; says where they part.
    pub fn arrived_as(&self, received: &[u8]) -> Result<()> {
        let expected = without_return_path(&self.octets);
        let start = received.len().checked_sub(expected.len());
        let start = start
            .with_context(|| format!("{}: only {} octets arrived", self.name, received.len()))?;
        let (trace, content) = received.split_at(start);
        if content != expected {
            let same = content
                .iter()
                .rev()
                .zip(expected.iter().rev())
                .take_while(|(one, other)| one == other)
                .count();
            let from = expected.len().saturating_sub(same + 80);
            anyhow::bail!(
                "{}: altered on the way; the last {same} octets are as sent, before them:\n{:?}\n{:?}",
                self.name,
                String::from_utf8_lossy(&expected[from..(from + 160).min(expected.len())]),
                String::from_utf8_lossy(&content[from..(from + 160).min(content.len())]),
            );
        }
        for line in trace.split_inclusive(|&octet| octet == b'\n') {
            let text = String::from_utf8_lossy(line);
            ensure!(
                TRACE_FIELDS.iter().any(|start| text.starts_with(start)),
                "{}: {text:?} was put on top",
                self.name,
            );
        }
        Ok(())
    }
}

/// Without the `Return-Path` fields and the mbox line that the delivery agent replaces (RFC 5321 §4.4).
fn without_return_path(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len());
    let (mut in_header, mut dropping, mut first) = (true, false, true);
    for line in message.split_inclusive(|&octet| octet == b'\n') {
        if in_header {
            let folded = line.starts_with(b" ") || line.starts_with(b"\t");
            dropping = (folded && dropping)
                || (first && line.starts_with(b"From "))
                || line.get(..12).is_some_and(|name| name.eq_ignore_ascii_case(b"return-path:"));
            in_header = line != b"\r\n";
            first = false;
        }
        if !(in_header && dropping) {
            out.extend_from_slice(line);
        }
    }
    out
}
