//! Programs that show what this one doesn't: mailcap files (RFC 1524), read so that nothing in a letter becomes a command
//! (row U05).
//!
//! A command is split into words here, and no shell reads it: entries that need one (pipes, variables, several commands) are
//! passed over. What comes from the letter is a media type and parameters, of which only letters, digits and `.+-_` are
//! taken, and a file's name, which is ours. `test` is carried out only where it asks whether there is a display.

use std::path::{Path, PathBuf};

use crate::limits;

/// An entry of a mailcap file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// `image/*`, in lower case.
    media_type: String,
    /// The words of its command.
    words: Vec<String>,
    shows: Shows,
}

/// How a program shows a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    /// In a window of its own.
    Window,
    /// On the terminal, which it has meanwhile (`needsterminal`).
    Terminal,
    /// It writes what is to be read (`copiousoutput`).
    Words,
}

/// What a program has the part from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// The file that its words name.
    File,
    /// Its standard input, where no word names the file.
    Standard,
}

/// How a part is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// A program and its arguments.
    pub words: Vec<String>,
    /// How it shows the part.
    pub shows: Shows,
    /// What it has the part from.
    pub input: Input,
}

/// Whether programs can open a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Display {
    /// They can.
    There,
    /// There is nowhere to open one.
    Missing,
}

/// What asks for a display, and what asks for none.
const WITH_DISPLAY: [&str; 2] = ["test -n \"$DISPLAY\"", "test -n $DISPLAY"];

/// The files that are read, in this order: `MAILCAPS`, or those of RFC 1524 §3.
pub fn files(mailcaps: Option<&str>, home: Option<&Path>) -> Vec<PathBuf> {
    if let Some(paths) = mailcaps {
        return paths.split(':').filter(|path| !path.is_empty()).map(PathBuf::from).collect();
    }
    let system = ["/etc/mailcap", "/usr/share/etc/mailcap", "/usr/local/etc/mailcap"];
    home.map(|home| home.join(".mailcap")).into_iter().chain(system.map(PathBuf::from)).collect()
}

/// The command for a part: the first one of these files that fits. `file` is the part's.
pub fn command(
    texts: &[String],
    media_type: &str,
    file: &Path,
    display: Display,
) -> Option<Command> {
    let media_type = safe(media_type.split('/'), '/')?.to_ascii_lowercase();
    let fits = |entry: &Entry| {
        let (kind, wanted) = (media_type.split('/').next(), entry.media_type.split_once('/'));
        match wanted {
            Some((wanted, "*")) => kind == Some(wanted),
            Some(_) => entry.media_type == media_type,
            // RFC 1524: a type alone stands for all of its subtypes.
            None => kind == Some(&*entry.media_type),
        }
    };
    let mut entries = texts.iter().flat_map(|text| entries(text, display));
    entries.find_map(|entry| filled(&entry, &media_type, file).filter(|_| fits(&entry)))
}

/// An entry's command with what its words stand for; `None` where they ask for what isn't given.
fn filled(entry: &Entry, media_type: &str, file: &Path) -> Option<Command> {
    let file = file.to_str()?;
    let mut input = Input::Standard;
    let fill = |word: &String| {
        let mut out = String::new();
        let mut rest = word.as_str();
        while let Some((before, behind)) = rest.split_once('%') {
            out.push_str(before);
            let sign = behind.chars().next()?;
            match sign {
                's' => {
                    input = Input::File;
                    out.push_str(file);
                }
                't' => out.push_str(media_type),
                '%' => out.push('%'),
                // Parameters and what else a letter could say: there is no need, and much harm.
                _ => return None,
            }
            rest = behind.get(sign.len_utf8()..)?;
        }
        out.push_str(rest);
        Some(out)
    };
    let words = entry.words.iter().map(fill).collect::<Option<Vec<String>>>()?;
    Some(Command { words, shows: entry.shows, input })
}

/// Both halves of a media type, if they are nothing but that.
fn safe<'t>(parts: impl Iterator<Item = &'t str>, between: char) -> Option<String> {
    let parts: Vec<&str> = parts.collect();
    let is_safe = |part: &&str| {
        let mut chars = part.chars();
        chars.next().is_some_and(|c| c.is_ascii_alphanumeric())
            && part.len() <= 80
            && chars.all(|c| c.is_ascii_alphanumeric() || ".+-_".contains(c))
    };
    (parts.len() == 2 && parts.iter().all(is_safe)).then(|| parts.join(&between.to_string()))
}

/// The entries that can be carried out without a shell.
fn entries(text: &str, display: Display) -> Vec<Entry> {
    let joined = text.replace("\\\n", "");
    let lines = joined.lines().filter(|line| !line.trim_start().starts_with('#'));
    lines.take(limits::MAILCAP_ENTRIES_MAX).filter_map(|line| entry(line, display)).collect()
}

fn entry(line: &str, display: Display) -> Option<Entry> {
    let fields = fields(line);
    let mut fields = fields.iter().map(|field| field.trim());
    let media_type = fields.next()?.to_ascii_lowercase();
    let words = words(fields.next()?)?;
    let mut shows = Shows::Window;
    for field in fields {
        let (name, value) = field.split_once('=').unwrap_or((field, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            "copiousoutput" => shows = Shows::Words,
            "needsterminal" if shows == Shows::Window => shows = Shows::Terminal,
            "test" if display == Display::There && WITH_DISPLAY.contains(&value.trim()) => {}
            "test" => return None,
            _ => {}
        }
    }
    Some(Entry { media_type, words, shows })
}

/// What stands between semicolons; `\;` is one that parts nothing (RFC 1524, appendix A).
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (c, fields.last_mut()) {
            (';', _) => fields.push(String::new()),
            ('\\', Some(field)) => match chars.next() {
                Some(';') => field.push(';'),
                Some(other) => field.extend(['\\', other]),
                None => {}
            },
            (c, Some(field)) => field.push(c),
            (_, None) => {}
        }
    }
    fields
}

/// A command's words, quotes taken off; `None` where a shell would do more with it than that.
fn words(command: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = command.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some('"') | None, '$' | '`') => return None,
            (Some('"') | None, '\\') => word.get_or_insert_default().push(chars.next()?),
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, c) if "|&;<>()*?[]{}~#!".contains(c) => return None,
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    // A word in front of a command that sets a variable is no program.
    let is_program =
        words.first().is_some_and(|first| !first.is_empty() && !first.contains(['=', '%']));
    (quote.is_none() && is_program).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(mailcap: &str, media_type: &str) -> Option<String> {
        let file = Path::new("/run/x/a b.png");
        command(&[mailcap.to_owned()], media_type, file, Display::There)
            .map(|command| command.words.join("|"))
    }

    #[test]
    fn programs_say_how_they_show_and_what_they_read() {
        for (mailcap, shows, input) in [
            ("image/png; a %s", Shows::Window, Input::File),
            ("image/png; a", Shows::Window, Input::Standard),
            ("image/png; a %s; needsterminal", Shows::Terminal, Input::File),
            ("image/png; a; copiousoutput", Shows::Words, Input::Standard),
            ("image/png; a %s; CopiousOutput ; needsterminal", Shows::Words, Input::File),
            ("image/png; a %s; needsterminal; copiousoutput", Shows::Words, Input::File),
        ] {
            let file = Path::new("/run/x/a.png");
            let command = command(&[mailcap.to_owned()], "image/png", file, Display::Missing);
            let command = command.unwrap();
            assert_eq!((command.shows, command.input), (shows, input), "{mailcap}");
        }
    }

    #[test]
    fn u05_a_command_is_words_and_no_shell_reads_it() {
        for (mailcap, media_type, words) in [
            ("image/png; display '%s'", "image/png", Some("display|/run/x/a b.png")),
            (
                "image/*; /usr/bin/feh -F \"%s\" ; x=y",
                "IMAGE/png",
                Some("/usr/bin/feh|-F|/run/x/a b.png"),
            ),
            ("image; show %t %s", "image/png", Some("show|image/png|/run/x/a b.png")),
            (
                "# c\nimage/png; a %{x} %s; needsterminal\nimage/png; b\\\n  %s",
                "image/png",
                Some("b|/run/x/a b.png"),
            ),
            ("image/png; a %s; test=test -n \"$DISPLAY\"", "image/png", Some("a|/run/x/a b.png")),
            ("image/png; a %s; test=rm -rf /", "image/png", None),
            ("image/png; a", "image/png", Some("a")),
            ("image/png; %s", "image/png", None),
            ("image/png; FOO=1 a %s", "image/png", None),
            ("image/png; a %s | b", "image/png", None),
            ("image/png; a %s && b", "image/png", None),
            ("image/png; a $(id) %s", "image/png", None),
            ("image/png; a `id` %s", "image/png", None),
            ("image/png; a \"$HOME\" %s", "image/png", None),
            ("image/png; a %{charset} %s", "image/png", None),
            ("image/png; a '%s", "image/png", None),
            ("text/plain; a %s", "image/png", None),
            ("image/*; a %s", "image/`touch x`", None),
            ("image/*; a %s", "image/../x", None),
            ("image/*; a %t %s", "image/-rf", None),
            ("image/*; a %s", "image/x;y", None),
            ("image/*; a %s", "image", None),
            ("image/png; a '100%%' %s", "image/png", Some("a|100%|/run/x/a b.png")),
            ("image/png; a\\;b %s", "image/png", None),
        ] {
            assert_eq!(found(mailcap, media_type).as_deref(), words, "{mailcap:?} {media_type}");
        }
    }

    #[test]
    fn files_are_those_of_the_standard() {
        let home = Path::new("/home/a");
        assert_eq!(files(Some("/a::/b"), Some(home)), [Path::new("/a"), Path::new("/b")]);
        assert_eq!(files(None, Some(home)).first().unwrap(), Path::new("/home/a/.mailcap"));
    }

    proptest! {
        #[test]
        fn any_file(text in "[a%s;'\"\\\\$/*= \n#]{0,60}") {
            let _ = found(&text, "a/s");
        }
    }
}
