//! Where a letter's text comes from: standard input, or the author's editor.

use std::io::{BufRead as _, Read as _, Write as _};
use std::path::Path;
use std::process::Command;

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use crate::compose::{ComposeError, as_text};
use crate::error::Error;
use crate::limits;

/// All of standard input, as octets.
pub(super) fn standard_input() -> Result<Vec<u8>, Error> {
    let mut octets = Vec::new();
    let read =
        std::io::stdin().lock().take(limits::LETTER_OCTETS_MAX + 1).read_to_end(&mut octets)?;
    if read as u64 > limits::LETTER_OCTETS_MAX {
        return Err(ComposeError::TooLarge { max: limits::LETTER_OCTETS_MAX }.into());
    }
    Ok(octets)
}

/// The text of a letter from standard input, above what it quotes.
pub(super) fn text(quoted: &str) -> Result<String, Error> {
    let text = as_text(standard_input()?);
    Ok(match quoted.is_empty() {
        true => text,
        false => format!("{}\n\n{quoted}", text.trim_end()),
    })
}

/// A line of standard input, without its end; none at the end of input.
pub(crate) fn line() -> Result<Option<String>, Error> {
    let mut line = Vec::new();
    if std::io::stdin().lock().read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    let line = as_text(line);
    Ok(Some(line.trim_end_matches(['\r', '\n']).to_owned()))
}

/// The same, of what nobody is to see.
pub(super) fn hidden_line() -> Result<Option<String>, Error> {
    let terminal = std::io::stdin();
    let as_it_was = tcgetattr(&terminal).map_err(std::io::Error::from)?;
    let mut hiding = as_it_was.clone();
    hiding.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&terminal, OptionalActions::Flush, &hiding).map_err(std::io::Error::from)?;
    let typed = line();
    tcsetattr(&terminal, OptionalActions::Now, &as_it_was).map_err(std::io::Error::from)?;
    // The end of the line wasn't shown either.
    std::io::stdout().write_all(b"\n")?;
    typed
}

/// The author's editor, with its arguments, where one is named.
pub(crate) fn named_editor() -> Option<String> {
    ["VISUAL", "EDITOR"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|it| !it.trim().is_empty()))
}

/// The same, or the one that every system has.
pub(super) fn editor() -> String {
    named_editor().unwrap_or_else(|| "vi".to_owned())
}

/// Lets the author's editor work on a file until it ends.
///
/// # Errors
/// Where it can't be started, or says that it has failed.
pub(crate) fn edit(path: &Path) -> Result<(), Error> {
    let editor = editor();
    let mut words = editor.split_whitespace();
    let program = words.next().unwrap_or("vi");
    match Command::new(program).args(words).arg(path).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Error::Editor(format!("{editor} ended with {status}"))),
        Err(error) => Err(Error::NoEditor(format!("{editor} cannot be started: {error}"))),
    }
}
