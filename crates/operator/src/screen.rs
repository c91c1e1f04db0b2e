//! How things look on a terminal: tables, spans of time, sizes, colours.

use std::borrow::Cow;
use std::fmt::Display;
use std::time::{SystemTime, UNIX_EPOCH};

use anstream::adapter::strip_str;
use anstyle::{AnsiColor, Style};
use comfy_table::{Cell, Table, presets};
use postroad_observe::inert;
pub(crate) use postroad_observe::trace::words::size;

/// What stands out, what recedes, what went well or badly. Colours go to terminals only (`anstream`).
pub(crate) const STRONG: Style = Style::new().bold();
pub(crate) const FAINT: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const LATE: Style = AnsiColor::Yellow.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default();

/// The text in a style.
pub(crate) fn styled(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// A table with a head and no lines.
pub(crate) fn table<const N: usize>(head: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(head.map(Cell::new));
    table
}

/// The table's lines, without the blank that each begins with and those at the end.
pub(crate) fn show(table: &Table) -> String {
    let line = |line: String| line.strip_prefix(' ').unwrap_or(&line).trim_end().to_owned() + "\n";
    table.lines().map(line).collect()
}

/// Text from outside: its control characters visible, and no longer than `max` characters.
pub(crate) fn shown(text: &str, max: usize) -> Cow<'_, str> {
    let safe = inert::escape(text);
    if safe.chars().count() <= max {
        return safe;
    }
    Cow::Owned(safe.chars().take(max.saturating_sub(1)).chain(['…']).collect())
}

/// How many columns the terminal has; 80 where it doesn't say.
pub(crate) fn columns() -> usize {
    let size = rustix::termios::tcgetwinsize(std::io::stdout());
    size.ok().map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0).unwrap_or(80)
}

/// A line, indented, and where it is longer than the terminal is wide folded between words; what follows is
/// indented by two more. What styles it has no width.
pub(crate) fn folded(text: &str, indent: usize, columns: usize) -> String {
    let mut folded = format!("{:indent$}", "");
    let mut used = indent;
    for (index, word) in text.split(' ').enumerate() {
        let length = strip_str(word).map(|part| part.chars().count()).sum::<usize>();
        if index > 0 && used.saturating_add(1 + length) > columns {
            folded += &format!("\n{:1$}", "", indent + 2);
            used = indent + 2;
        } else if index > 0 {
            folded.push(' ');
            used += 1;
        }
        folded += word;
        used += length;
    }
    folded + "\n"
}

/// A value as a line of JSON that is safe to look at: what JSON leaves as it is beyond ASCII and would act on
/// a terminal is written as `\u009b`.
pub(crate) fn json_line<T: serde::Serialize>(value: &T) -> serde_json::Result<String> {
    let line = serde_json::to_string(value)?;
    if line.chars().all(inert::is_inert) {
        return Ok(line);
    }
    let mut safe = String::with_capacity(line.len() + 16);
    for character in line.chars() {
        match inert::is_inert(character) {
            true => safe.push(character),
            false => {
                let units = character.encode_utf16(&mut [0; 2]).to_vec();
                safe.extend(units.iter().map(|unit| format!("\\u{unit:04x}")));
            }
        }
    }
    Ok(safe)
}

/// `1,234,567`
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 message`, `1,234 messages`
pub(crate) fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// `2026-03-01T12:00:00Z`
pub(crate) fn moment(seconds: u64) -> String {
    let at = i64::try_from(seconds).ok().and_then(|at| jiff::Timestamp::from_second(at).ok());
    at.map_or_else(|| "-".to_owned(), |at| at.to_string())
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// `45s`, `12m`, `3h`, `5d`
pub(crate) fn span(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds}s"),
        120..=7_199 => format!("{}m", seconds / 60),
        7_200..=172_799 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_sizes() {
        for (seconds, expected) in
            [(0, "0s"), (119, "119s"), (120, "2m"), (7_200, "2h"), (200_000, "2d")]
        {
            assert_eq!(span(seconds), expected);
        }
        for (octets, expected) in [(0, "0 B"), (1_024, "1.0 KiB"), (52_428_800, "50.0 MiB")] {
            assert_eq!(size(octets), expected);
        }
    }

    #[test]
    fn numbers_and_times() {
        for (number, expected) in
            [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")]
        {
            assert_eq!(grouped(number), expected);
        }
        assert_eq!(
            (counted(1, "message"), counted(0, "message")),
            ("1 message".into(), "0 messages".into())
        );
        assert_eq!(moment(1_772_366_400), "2026-03-01T12:00:00Z");
        assert_eq!(moment(u64::MAX), "-");
    }

    #[test]
    fn long_lines_are_folded_between_words() {
        for (columns, expected) in [
            (usize::MAX, "  one two three\n"),
            (15, "  one two three\n"),
            (14, "  one two\n    three\n"),
            (0, "  one\n    two\n    three\n"),
        ] {
            assert_eq!(folded("one two three", 2, columns), expected, "{columns}");
            let red = folded(&format!("one {} three", styled(BAD, "two")), 2, columns);
            assert_eq!(strip_str(&red).to_string(), expected, "{columns}");
        }
    }

    #[test]
    fn json_is_inert_and_means_the_same() {
        let text = "a\u{9b}2J\x1b[2J\u{e0041}\u{202e}größer";
        let line = json_line(&text).unwrap();
        assert!(line.chars().all(inert::is_inert), "{line}");
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
    }

    #[test]
    fn text_from_outside_is_inert_and_short() {
        assert_eq!(shown("a\x1b[2Jb", 80), "a\\u{1b}[2Jb");
        assert_eq!(shown("abcdef", 4), "abc…");
    }
}
