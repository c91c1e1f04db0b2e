//! `~/.mailrc`: a command a line, of those that set something up. Nothing in it runs a program, writes a file or sends a
//! letter, whatever it says.
//!
//! ```text
//! if s | if r        what follows is for sending, or for reading; else, endif
//! source FILE        the lines of that file
//! # words            nothing
//! a line \           goes on in the next one
//! ```

use super::command::{self, Command, Condition};
use super::settings::Settings;
use crate::limits;

/// What `mail` was started for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// To send a letter.
    Sending,
    /// To read letters.
    Reading,
}

/// Follows the lines of a file; `read` gives those of another one. Gives what is wrong with them, a line each.
pub fn follow(
    text: &str,
    mode: Mode,
    settings: &mut Settings,
    read: &mut dyn FnMut(&str) -> Result<String, String>,
) -> Vec<String> {
    let mut follower = Follower { mode, settings, read, wrong: Vec::new(), lines: 0 };
    follower.file(text, 0);
    follower.wrong
}

struct Follower<'f> {
    mode: Mode,
    settings: &'f mut Settings,
    read: &'f mut dyn FnMut(&str) -> Result<String, String>,
    wrong: Vec<String>,
    /// Lines so far, of all files: two that name each other have no end.
    lines: usize,
}

impl Follower<'_> {
    fn file(&mut self, text: &str, depth: usize) {
        // One for each `if` that is open: whether its lines count.
        let mut open: Vec<bool> = Vec::new();
        for line in whole_lines(text) {
            self.lines += 1;
            if self.lines > limits::MAILRC_LINES_MAX {
                return;
            }
            let counts = open.iter().all(|counts| *counts);
            match command::parse(&line) {
                Ok(Command::If(condition)) => open.push(self.holds(condition)),
                Ok(Command::Else) => {
                    if let Some(last) = open.last_mut() {
                        *last = !*last;
                    }
                }
                Ok(Command::Endif) => {
                    open.pop();
                }
                _ if !counts || line.trim().is_empty() => {}
                Ok(Command::Settings(settings)) => {
                    for setting in &settings {
                        self.settings.obey(setting);
                    }
                }
                Ok(Command::Source(_)) if depth >= limits::MAILRC_DEPTH_MAX => {
                    self.wrong.push(format!("{line}: files name each other too deep"));
                }
                Ok(Command::Source(path)) => match (self.read)(&path) {
                    Ok(text) => self.file(&text, depth + 1),
                    Err(error) => self.wrong.push(error),
                },
                Ok(Command::Comment) => {}
                // Harmless, and said nowhere.
                Ok(Command::Hold) => {}
                Ok(_) => self.wrong.push(format!("{line}: that isn't done by a file")),
                Err(error) => self.wrong.push(format!("{line}: {error}")),
            }
        }
    }

    fn holds(&self, condition: Condition) -> bool {
        match condition {
            Condition::Sending => self.mode == Mode::Sending,
            Condition::Reading => self.mode == Mode::Reading,
            Condition::Other => false,
        }
    }
}

/// Lines, with those joined that a backslash ends.
fn whole_lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut goes_on = false;
    for line in text.lines() {
        let (line, more) = match line.strip_suffix('\\') {
            Some(line) => (line, true),
            None => (line, false),
        };
        match lines.last_mut() {
            Some(last) if goes_on => last.push_str(line.trim_start()),
            _ => lines.push(line.to_owned()),
        }
        goes_on = more;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn followed(text: &str, mode: Mode) -> (Settings, Vec<String>) {
        let mut settings = Settings::default();
        let mut read = |path: &str| match path {
            "more" => Ok("set more=1\nsource more\n".to_owned()),
            other => Err(format!("{other}: no such file")),
        };
        let wrong = follow(text, mode, &mut settings, &mut read);
        (settings, wrong)
    }

    #[test]
    fn lines_that_set_something_up() {
        let text = "# mine\n\nset ask crt=20 prompt=\"? \"\n  alias ann \"Ann Lee <ann@x.example>\" \\\n  bob\n\
            group team ann, carl@x.example\nignore Received\nset nodot\nhold\n";
        let (settings, wrong) = followed(text, Mode::Sending);
        assert_eq!(wrong, [""; 0]);
        assert_eq!((settings.number("crt"), settings.value("prompt")), (Some(20), Some("? ")));
        assert_eq!(settings.aliases.of("ann"), Some("Ann Lee <ann@x.example>, bob"));
        assert_eq!(settings.aliases.of("team"), Some("ann, carl@x.example"));
        assert!(!settings.shows("received") && settings.is_unset("dot"));
    }

    #[test]
    fn lines_that_count_for_one_thing_alone() {
        let text = "if s\nset one=s\nif r\nset two=never\nelse\nset two=s\nendif\nelse\nset one=r\nendif\n\
            if terminal\nset three\nelse\nset four\nendif\nelse\nendif\nset five\n";
        let value = |mode, name: &str| followed(text, mode).0.value(name).map(str::to_owned);
        assert_eq!(value(Mode::Sending, "one").as_deref(), Some("s"));
        assert_eq!(value(Mode::Reading, "one").as_deref(), Some("r"));
        assert_eq!(value(Mode::Sending, "two").as_deref(), Some("s"));
        assert_eq!(value(Mode::Reading, "two"), None);
        assert_eq!(
            (value(Mode::Reading, "three"), value(Mode::Reading, "four")),
            (None, Some(String::new()))
        );
        assert!(value(Mode::Reading, "five").is_some());
    }

    #[test]
    fn nothing_in_it_is_run_written_or_sent() {
        for line in [
            "!touch made",
            "shell",
            "| cat",
            "pipe 1 cat",
            "edit 1",
            "visual",
            "mail a@x.example",
            "reply 1",
            "save 1 /tmp/made",
            "write 1 /tmp/made",
            "copy 1 /tmp/made",
            "delete *",
            "cd /",
            "folder /tmp",
            "quit",
            "frobnicate",
        ] {
            let (settings, wrong) = followed(line, Mode::Reading);
            assert_eq!((settings, wrong.len()), (Settings::default(), 1), "{line}");
        }
        // A file's name is one, whatever it ends in.
        let (_, wrong) = followed("source echo set x |", Mode::Reading);
        assert_eq!(wrong, ["echo set x |: no such file"]);
    }

    #[test]
    fn files_that_name_each_other_end() {
        let (settings, wrong) = followed("source more", Mode::Reading);
        assert!(settings.is_set("more"));
        assert_eq!(wrong.len(), 1, "{wrong:?}");
    }

    proptest! {
        #[test]
        fn any_lines_are_read(text in "(if [srt]|else|endif|set [a-z=]{0,9}|alias .{0,20}|.{0,30}|\\\\|\n){0,40}") {
            followed(&text, Mode::Reading);
        }
    }
}
