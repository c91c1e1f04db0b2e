//! Commands that a person types at a prompt, for the shell. Nothing that comes from a letter is ever one.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use crate::error::Error;
use crate::front::Usage;
use crate::limits;

fn shell() -> String {
    let named = std::env::var("SHELL").ok().filter(|shell| !shell.trim().is_empty());
    named.unwrap_or_else(|| "/bin/sh".to_owned())
}

/// Whoever isn't at a terminal has no prompt to type a command at (row U14).
fn at_terminal() -> Result<(), Usage> {
    match super::is_interactive() {
        true => Ok(()),
        false => Err(Usage("commands are run only for who sits at a terminal".into())),
    }
}

fn failed(error: &std::io::Error) -> Error {
    Usage(format!("the command cannot be run: {error}")).into()
}

/// Runs a command, or a shell to work in, at the terminal.
pub(super) fn run(command: Option<&str>) -> Result<(), Error> {
    at_terminal()?;
    let mut shell = Command::new(shell());
    if let Some(command) = command {
        shell.args(["-c", command]);
    }
    shell.status().map_err(|error| failed(&error))?;
    Ok(())
}

/// Gives octets to a command, which writes to the terminal.
pub(super) fn feed(command: &str, octets: Vec<u8>) -> Result<(), Error> {
    at_terminal()?;
    let mut child = Command::new(shell())
        .args(["-c", command])
        .stdin(Stdio::piped())
        .spawn()
        .map_err(|error| failed(&error))?;
    if let Some(mut input) = child.stdin.take() {
        // It may have read enough and ended.
        let _ = input.write_all(&octets);
    }
    child.wait().map_err(|error| failed(&error))?;
    Ok(())
}

/// What a command makes of a text.
pub(super) fn filter(command: &str, text: String) -> Result<String, Error> {
    at_terminal()?;
    let mut child = Command::new(shell())
        .args(["-c", command])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| failed(&error))?;
    let (input, output) = (child.stdin.take(), child.stdout.take());
    let mut made = Vec::new();
    std::thread::scope(|scope| {
        // Both at once: neither waits for the other's pipe.
        if let Some(mut input) = input {
            scope.spawn(move || input.write_all(text.as_bytes()));
        }
        let Some(output) = output else { return Ok(0) };
        output.take(limits::LETTER_OCTETS_MAX).read_to_end(&mut made)
    })
    .map_err(|error| failed(&error))?;
    match child.wait().map_err(|error| failed(&error))? {
        status if status.success() => Ok(crate::compose::as_text(made)),
        status => {
            Err(Usage(format!("the text stays as it was: the command ended with {status}")).into())
        }
    }
}
