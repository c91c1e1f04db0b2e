//! Where a letter's text comes from: standard input, or the author's editor.

use std::io::Read as _;
use std::path::Path;
use std::process::Command;

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

/// Lets the author's editor work on a file until it ends.
///
/// # Errors
/// Where it can't be started, or says that it has failed.
pub(crate) fn edit(path: &Path) -> Result<(), Error> {
    let editor = ["VISUAL", "EDITOR"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|it| !it.trim().is_empty()));
    let editor = editor.unwrap_or_else(|| "vi".to_owned());
    let mut words = editor.split_whitespace();
    let program = words.next().unwrap_or("vi");
    match Command::new(program).args(words).arg(path).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Error::Editor(format!("{editor} ended with {status}"))),
        Err(error) => Err(Error::Editor(format!("{editor} cannot be started: {error}"))),
    }
}
