//! Where a letter's text comes from: standard input, or the author's editor on a terminal.

use std::fs::OpenOptions;
use std::io::{IsTerminal as _, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use crate::compose::ComposeError;
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

/// Octets as text: UTF-8, or Latin-1 where they are none. It is what files without a charset mostly
/// are, and no octet of it is lost.
pub(super) fn as_text(octets: Vec<u8>) -> String {
    String::from_utf8(octets)
        .unwrap_or_else(|error| error.into_bytes().iter().map(|b| char::from(*b)).collect())
}

/// The text of a letter: from the editor on a terminal, else from standard input.
pub(super) fn text(initial: &str) -> Result<String, Error> {
    if std::io::stdin().is_terminal() {
        return edited(initial);
    }
    let mut text = as_text(standard_input()?);
    if !initial.is_empty() {
        text = format!("{}\n\n{initial}", text.trim_end());
    }
    Ok(text)
}

/// What the author's editor makes of a text. Where the editor fails the file stays, and is named.
fn edited(initial: &str) -> Result<String, Error> {
    let editor = ["VISUAL", "EDITOR"].iter().find_map(|name| std::env::var(name).ok());
    let editor = editor.unwrap_or_else(|| "vi".to_owned());
    let mut words = editor.split_whitespace();
    let program = words.next().unwrap_or("vi");
    let path = draft_file(initial)?;
    let failed = |problem: String| {
        Error::Editor(format!("{editor} {problem}; your text is in {}", path.display()))
    };
    let status = Command::new(program).args(words).arg(&path).status();
    match status {
        Ok(status) if status.success() => {}
        Ok(status) => return Err(failed(format!("ended with {status}"))),
        Err(error) => return Err(failed(format!("cannot be started: {error}"))),
    }
    let text = std::fs::read(&path).map_err(|error| failed(format!("left nothing: {error}")))?;
    // The text is in memory, and in the outbox before this command ends.
    let _ = std::fs::remove_file(&path);
    Ok(as_text(text))
}

/// A new file that only the author can read.
fn draft_file(initial: &str) -> Result<PathBuf, Error> {
    let mut random = [0; 8];
    rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())
        .map_err(std::io::Error::from)?;
    let name = format!("letter-{:016x}.txt", u64::from_le_bytes(random));
    let path = std::env::temp_dir().join(name);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    file.write_all(initial.as_bytes())?;
    Ok(path)
}
