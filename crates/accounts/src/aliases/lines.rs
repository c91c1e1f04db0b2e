//! The grammar of aliases(5): logical lines, and the items between their commas.

use std::borrow::Cow;

use postroad_protocol::address::{Address, LocalPart};

use super::Member;

/// A line with those that continue it; its line ends are still in it, so that an item's own line
/// can be told.
pub(super) struct LogicalLine {
    /// Where it begins, from 1.
    pub(super) number: usize,
    text: String,
}

impl LogicalLine {
    /// What is left and right of the first colon outside quotes.
    pub(super) fn split_at_colon(&self) -> Option<(&str, &str)> {
        let at = outside_quotes(&self.text).find(|(_, c)| *c == ':')?.0;
        let (left, right) = (self.text.get(..at)?, self.text.get(at + 1..)?);
        // Continuations come behind the first line, so the left side is all on that one.
        (!left.contains('\n')).then_some((left.trim(), right))
    }
}

/// Parts a text into logical lines.
pub(super) fn logical_lines(text: &str) -> Vec<LogicalLine> {
    let mut lines: Vec<LogicalLine> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let counts = !line.trim().is_empty() && !line.trim_start().starts_with('#');
        match lines.last_mut() {
            Some(open) if !counts || line.starts_with([' ', '\t']) => {
                // A comment inside keeps its line end, so that lines are counted right.
                open.text.push('\n');
                open.text.push_str(if counts { line } else { "" });
            }
            Some(_) | None if counts => {
                lines.push(LogicalLine { number: index + 1, text: line.to_owned() });
            }
            Some(_) | None => {}
        }
    }
    lines
}

/// An included list as the right side of an alias: a line end parts members as a comma does.
pub(super) fn as_list(text: &str) -> String {
    let line = |line| match str::trim_start(line) {
        comment if comment.starts_with('#') => "",
        _ => line,
    };
    text.lines().map(line).collect::<Vec<_>>().join(",\n")
}

/// The text between two commas.
pub(super) struct RawItem<'a> {
    /// Lines from the start of the text to that of the item.
    pub(super) line_offset: usize,
    text: &'a str,
}

/// An item, read.
pub(super) enum Item {
    /// A member.
    Member(Member),
    /// `:include:PATH`
    Include(String),
}

/// Parts a right side at the commas outside quotes; empty items are left out.
pub(super) fn items(text: &str) -> Vec<RawItem<'_>> {
    let commas = outside_quotes(text).filter(|(_, c)| *c == ',').map(|(at, _)| at);
    let ends = commas.chain([text.len()]);
    let (mut start, mut line, mut items) = (0, 0, Vec::new());
    for end in ends {
        let raw = text.get(start..end).unwrap_or_default();
        let trimmed = raw.trim_start();
        let skipped = raw.get(..raw.len() - trimmed.len()).unwrap_or_default();
        if !trimmed.is_empty() {
            let line_offset = line + line_ends(skipped);
            items.push(RawItem { line_offset, text: trimmed.trim_end() });
        }
        line += line_ends(raw);
        start = end + 1;
    }
    items
}

fn line_ends(text: &str) -> usize {
    text.matches('\n').count()
}

/// The characters that stand outside quoted strings, with their places.
fn outside_quotes(text: &str) -> impl Iterator<Item = (usize, char)> {
    let (mut quoted, mut escaped) = (false, false);
    text.char_indices().filter(move |(_, c)| {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        !quoted
    })
}

impl RawItem<'_> {
    /// Reads the item.
    pub(super) fn parse(&self) -> Result<Item, String> {
        let text = self.text;
        // The quotes of a whole item protect commas and blanks; what they hold is looked at.
        let inner = unquoted(text);
        if inner.starts_with('|') {
            return Err(
                "a member can't be a command: deliver to a mailbox and read it from there".into()
            );
        }
        if inner.starts_with('/') {
            return Err("a member can't be a file: deliver to a mailbox".into());
        }
        const INCLUDE: &str = ":include:";
        if let Some(path) = inner.get(INCLUDE.len()..)
            && inner.get(..INCLUDE.len()).is_some_and(|tag| tag.eq_ignore_ascii_case(INCLUDE))
        {
            return match path.trim() {
                "" => Err("\":include:\" needs the path of a list".into()),
                path => Ok(Item::Include(path.to_owned())),
            };
        }
        let malformed = |error| format!("\"{}\" is no member: {error}", text.escape_debug());
        if let Some(name) = text.strip_prefix('\\') {
            return Ok(Item::Member(Member::Mailbox(LocalPart::parse(name).map_err(malformed)?)));
        }
        if let Ok(name) = LocalPart::parse(text) {
            return Ok(Item::Member(Member::Name(name)));
        }
        if text.contains([' ', '\t', '\n']) && !text.contains('"') {
            return Err(format!("\"{}\": a comma is missing between members", text.escape_debug()));
        }
        Ok(Item::Member(Member::Address(Address::parse(text).map_err(malformed)?)))
    }
}

/// What an item that is one quoted string holds; other items as they are.
fn unquoted(text: &str) -> Cow<'_, str> {
    let Some(inner) = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return Cow::Borrowed(text);
    };
    let (mut meaning, mut escaped) = (String::with_capacity(inner.len()), false);
    for c in inner.chars() {
        match c {
            '\\' if !escaped => escaped = true,
            // Two quoted strings, or one with something behind it: not one quoted item.
            '"' if !escaped => return Cow::Borrowed(text),
            _ => {
                escaped = false;
                meaning.push(c);
            }
        }
    }
    Cow::Owned(meaning.trim_start().to_owned())
}
