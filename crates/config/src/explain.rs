//! What serde and the TOML parser say, in the operator's words.
//!
//! Their messages have a fixed form ("unknown field `a`, expected one of `b`, `c`"); what isn't
//! recognised is passed on as it is. `tests/bad-configs` holds the whole list.

/// Every key with its default; also the source of "it belongs in [mta]".
const REFERENCE: &str = include_str!("../../../config/postroad.toml");

/// A message of the TOML parser.
pub(crate) fn syntax(message: &str) -> String {
    message.replace('`', "'")
}

/// The key that serde misses.
pub(crate) fn missing(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `")?.strip_suffix('`')
}

/// A message of serde about the value at `path`, which reads `snippet`.
pub(crate) fn value(message: &str, path: &[String], snippet: &str) -> String {
    let names = quoted(message);
    let words =
        |rest: &[String]| rest.iter().map(|n| format!("\"{n}\"")).collect::<Vec<_>>().join(", ");
    match (message, names.split_first()) {
        (m, Some((key, known))) if m.starts_with("unknown field") => {
            let section = path.split_last().map_or(String::new(), |(_, section)| section.join("."));
            format!("unknown key \"{key}\" ({})", key_hint(key, known, &section))
        }
        (m, Some((given, known))) if m.starts_with("unknown variant") => {
            let hint = nearest(given, known);
            let hint =
                hint.map(|known| format!(" (did you mean \"{known}\"?)")).unwrap_or_default();
            format!("\"{given}\" is not known here: write one of {}{hint}", words(known))
        }
        (m, Some((key, _))) if m.starts_with("missing field") => format!("\"{key}\" is missing"),
        (m, _) if m.starts_with("duplicate") => syntax(m),
        (m, _) if m.contains("socket address") => format!(
            "{snippet} is no address with a port: write an IP address, as in \"127.0.0.1:25\" or \"[::1]:25\""
        ),
        (m, _) => {
            match m.strip_prefix("invalid type: ").or_else(|| m.strip_prefix("invalid value: ")) {
                Some(rest) => wrong_type(rest),
                None => m.to_owned(),
            }
        }
    }
}

/// `string "x", expected a sequence`.
fn wrong_type(rest: &str) -> String {
    let (found, expected) = rest.split_once(", expected ").unwrap_or((rest, "something else"));
    let expected = match expected {
        "a sequence" => "a list in brackets",
        "a map" => "a section",
        "a boolean" => "true or false",
        "a character" => "one character in quotes",
        "usize" | "u64" | "u32" | "i64" => "a whole number, 0 or more",
        "u16" => "a whole number from 0 to 65535",
        e if e.starts_with("struct ") => "a section",
        e if e.starts_with("string or table") || e.starts_with("path") => "a text in quotes",
        "a string" | "a path" | "path string" => "a text in quotes",
        e => e,
    };
    let found = found.replace('`', "");
    let found = match found.split_once(' ') {
        Some(("string", value)) => format!("the text {value}"),
        Some(("integer", value)) => format!("the number {value}"),
        Some(("floating", value)) => format!("the number {}", value.trim_start_matches("point ")),
        Some(("boolean", value)) => value.to_owned(),
        _ if found == "sequence" => "a list".to_owned(),
        _ if found == "map" => "a section".to_owned(),
        _ => found,
    };
    format!("expected {expected}, found {found}")
}

/// The texts between backquotes.
fn quoted(message: &str) -> Vec<String> {
    message.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn key_hint(key: &str, known: &[String], section: &str) -> String {
    if let Some(near) = nearest(key, known) {
        return format!("did you mean \"{near}\"?");
    }
    let elsewhere: Vec<_> =
        sections_of(key).into_iter().filter(|other| other != section).map(|s| shown(&s)).collect();
    if !elsewhere.is_empty() {
        return format!("it belongs in {}", elsewhere.join(" or "));
    }
    format!("{} knows {}", shown(section), known.join(", "))
}

fn shown(section: &str) -> String {
    match section {
        "" => "the top of the file".to_owned(),
        "route" => "[[route]]".to_owned(),
        section => format!("[{section}]"),
    }
}

/// The sections that know `key`.
fn sections_of(key: &str) -> Vec<String> {
    let mut section = String::new();
    let mut found = Vec::new();
    for line in REFERENCE.lines() {
        // `#key = default`, `#   key = example`, or prose.
        let line = line.strip_prefix('#').unwrap_or(line);
        let line = line.strip_prefix("   ").unwrap_or(line);
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.trim_matches(['[', ']']).to_owned();
        } else if line.split_once(" = ").is_some_and(|(known, _)| known == key) {
            found.push(section.clone());
        }
    }
    found
}

/// The known name that was probably meant.
fn nearest<'k>(given: &str, known: &'k [String]) -> Option<&'k String> {
    let given = given.to_lowercase().replace('-', "_");
    let close = |name: &&String| distance(&given, name) <= (name.len() / 3).max(1);
    known.iter().filter(close).min_by_key(|name| distance(&given, name))
}

/// The same of names in capitals.
pub(crate) fn nearest_of<'k>(given: &str, known: &[&'k str]) -> Option<&'k str> {
    let close = |name: &&str| distance(given, name) <= (name.len() / 3).max(1);
    known.iter().copied().filter(close).min_by_key(|name| distance(given, name))
}

/// Insertions, deletions, replacements and swaps of neighbours that lead from one word to the other
/// (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_how_far_apart_they_are() {
        for (a, b, expected) in [
            ("", "", 0),
            ("lisen", "listen", 1),
            ("smpt", "smtp", 1),
            ("a", "", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }

    #[test]
    fn keys_are_found_in_their_sections() {
        assert_eq!(sections_of("pop3s"), ["maa"]);
        assert_eq!(sections_of("message_size_max"), ["mta", "mda"]);
        assert_eq!(sections_of("next_hop"), ["route"]);
        assert_eq!(sections_of("hostname"), [""]);
        assert!(sections_of("nothing").is_empty());
    }
}
