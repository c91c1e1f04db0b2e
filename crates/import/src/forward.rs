//! `.forward` files, as sendmail and Postfix read them (aliases(5), local(8)).
//!
//! | entry | becomes |
//! |---|---|
//! | `\joe`, `joe`, where that is the user | `keep` |
//! | `ann@x.example` | `redirect` |
//! | `"\|program arguments"` | `pipe` |
//! | `/file`, `folder/` | `fileinto`; `/dev/null` is `discard` |
//! | `:include:/file` | what stands in there |
//!
//! Entries are parted by commas and line ends; a line that begins with a blank goes on with the one before. A call of
//! vacation(1) becomes `vacation`, where its text can be read; one of procmail or maildrop is a finding: their own
//! rules are to be imported.

use crate::delivery::{Taken, check_addresses, filed, redirects};
use crate::folder::destination;
use crate::procmail::{Gives, Takes, Translator};
use crate::script::{Step, Steps, Text, check, heading};
use crate::{Files, Imported, Left, Whose, decoded, imported, limits};

/// Whom a user's letters are for, as Sieve.
pub fn forward(whose: Whose<'_>, text: &[u8], files: &dyn Files) -> Imported {
    let none = std::collections::BTreeSet::new();
    let mut translator = Translator::new(whose, files, &none);
    let text = decoded(text);
    let mut steps = Steps::new();
    if text.starts_with("# Exim filter") || text.starts_with("# Sieve filter") {
        let left =
            Left::new("this is a filter, and no .forward", "a Sieve filter is used as it is");
        translator.leave(1, left);
    } else {
        let mut seen = 0;
        steps = entries(&mut translator, &text, &mut seen, 0);
    }
    let (findings, programs) = translator.ended();
    imported(whose.file, &steps, findings, programs)
}

fn entries(translator: &mut Translator<'_>, text: &str, seen: &mut usize, depth: usize) -> Steps {
    let mut steps = Steps::new();
    for (line, entry) in split(text) {
        *seen += 1;
        if *seen > limits::ENTRIES_MAX {
            translator.leave(line, Left::new("too many entries", "send it to a list"));
            break;
        }
        let made = one(translator, &entry, line, seen, depth)
            .and_then(|steps| check(&steps).map(|()| steps).map_err(|what| Left::new(what, "")));
        match made {
            Ok(made) => {
                steps.push(translator.heading(line));
                steps.extend(made);
            }
            Err(left) => {
                steps.push(heading(&format!("line {line}")));
                steps.push(Step::Comment(format!("Left out: {}.", left.what)));
                steps.push(Step::Comment(format!("    {entry}")));
                translator.leave(line, left);
            }
        }
    }
    steps
}

/// Entries with their lines, quotes around a whole one taken off.
fn split(text: &str) -> Vec<(usize, String)> {
    let mut entries: Vec<(usize, String)> = Vec::new();
    let mut entry = String::new();
    let (mut at, mut quoted, mut level) = (1, false, 0_usize);
    let end = |entry: &mut String, at: usize, entries: &mut Vec<(usize, String)>| {
        let text = std::mem::take(entry);
        if !text.trim().is_empty() {
            entries.push((at, unquoted(text.trim())));
        }
    };
    for (index, line) in text.lines().enumerate() {
        if line.starts_with('#') {
            continue;
        }
        if !line.starts_with([' ', '\t']) || entry.is_empty() {
            end(&mut entry, at, &mut entries);
            (at, quoted, level) = (index + 1, false, 0);
        }
        let mut characters = line.chars();
        while let Some(character) = characters.next() {
            match character {
                '\\' if quoted => {
                    entry.push(character);
                    entry.extend(characters.next());
                    continue;
                }
                '"' => quoted = !quoted,
                // A comment of RFC 5322.
                '(' if !quoted && !entry.contains('|') => {
                    level += 1;
                    continue;
                }
                ')' if level > 0 => {
                    level -= 1;
                    continue;
                }
                _ if level > 0 => continue,
                // What a shell reads has none.
                '#' if !quoted && entry.is_empty() => break,
                ',' if !quoted => {
                    end(&mut entry, at, &mut entries);
                    at = index + 1;
                    continue;
                }
                _ => {}
            }
            entry.push(character);
        }
        entry.push(' ');
    }
    end(&mut entry, at, &mut entries);
    entries
}

/// `"|a b"` and `|"a b"` are both `|a b`.
fn unquoted(entry: &str) -> String {
    let strip = |text: &str| {
        let inner = text.strip_prefix('"')?.strip_suffix('"')?;
        Some(inner.replace("\\\"", "\"").replace("\\\\", "\\"))
    };
    match (strip(entry), entry.strip_prefix('|').and_then(|command| strip(command.trim()))) {
        (Some(inner), _) => inner,
        (None, Some(command)) => format!("|{command}"),
        (None, None) => entry.to_owned(),
    }
}

fn one(
    translator: &mut Translator<'_>,
    entry: &str,
    line: usize,
    seen: &mut usize,
    depth: usize,
) -> Result<Steps, Left> {
    let done = |commands: Vec<String>| commands.into_iter().map(Step::Do).collect::<Steps>();
    if let Some(command) = entry.strip_prefix('|') {
        return program(translator, command.trim(), line);
    }
    if let Some(path) = entry.strip_prefix(":include:") {
        let text = translator.read(path.trim()).filter(|_| depth < limits::INCLUDE_DEPTH_MAX);
        let unread =
            || Left::new(format!("{} can't be read", path.trim()), "write its entries here");
        let text = text.ok_or_else(unread)?;
        return Ok(entries(translator, &decoded(&text), seen, depth + 1));
    }
    if entry.starts_with(['/', '~']) {
        let path = match entry.strip_prefix("~/") {
            Some(path) => format!("{}/{path}", translator.whose.home),
            None => entry.to_owned(),
        };
        let place = destination(&Text::plain(path), translator.paths())?;
        return Ok(done(filed(&place, Taken::Letter).into_iter().collect()));
    }
    let address = match (entry.rfind('<'), entry.ends_with('>')) {
        (Some(at), true) => entry.get(at + 1..entry.len() - 1).unwrap_or_default(),
        _ => entry,
    };
    let user = address.strip_prefix('\\').unwrap_or(address);
    if user == translator.whose.user {
        return Ok(done(vec!["keep;".to_owned()]));
    }
    let to = [Text::plain(user)];
    check_addresses(&to)?;
    Ok(done(redirects(&to, Taken::Letter)))
}

fn program(translator: &mut Translator<'_>, command: &str, line: usize) -> Result<Steps, Left> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let names: Vec<&str> = command.split(|c| !is_word(c)).collect();
    for (name, rules) in [("procmail", ".procmailrc"), ("maildrop", ".mailfilter")] {
        if names.contains(&name) {
            let todo = format!(
                "postroad-mda import {} ~/{rules}",
                match name {
                    "procmail" => "procmail",
                    _ => "mailfilter",
                }
            );
            return Err(Left::new(format!("{name} follows rules of its own"), todo));
        }
    }
    let message = format!("{}/.vacation.msg", translator.whose.home);
    if names.contains(&"vacation")
        && let Some(text) = translator.read(&message)
    {
        return Ok(vec![Step::Do(vacation(&decoded(&text)))]);
    }
    let mut steps = Steps::new();
    let call = translator.call(command, (Takes::Whole, Gives::Nothing), line, &mut steps)?;
    steps.push(Step::Do(format!("pipe {call};")));
    Ok(steps)
}

/// vacation(1)'s message: a letter with a header, of which it takes the subject.
fn vacation(text: &str) -> String {
    let (header, body) = text.split_once("\n\n").unwrap_or(("", text));
    let is_header = header.lines().all(|line| line.contains(':') || line.starts_with(' '));
    let body = if is_header { body } else { text };
    let subject = header.lines().filter(|_| is_header).find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("subject").then(|| value.trim())
    });
    // `$SUBJECT` is the letter's; vacation has it by itself then.
    let subject = subject.filter(|subject| !subject.contains("$SUBJECT"));
    let subject = subject
        .map_or_else(String::new, |subject| format!(" :subject {}", Text::plain(subject).quoted()));
    format!("vacation{subject} {};", Text::plain(body).quoted())
}
