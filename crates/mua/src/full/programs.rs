//! Programs that have the terminal for a while: one that looks for mistakes in a text, and the user's shell.

use std::io::{self, BufRead as _, Write as _};
use std::path::Path;
use std::process::Command;

use crate::error::Error;

/// Programs that look for mistakes in a file, asking about each, and how each is called; the first one that is there is taken. mutt's
/// is the first.
const SPELLERS: [(&str, &[&str]); 3] =
    [("ispell", &["-x"]), ("aspell", &["--dont-backup", "check"]), ("hunspell", &[])];

/// Has mistakes in a text looked for.
///
/// # Errors
/// Where there is no such program, or it says that it has failed.
pub(super) fn check(text: &Path) -> Result<(), Error> {
    for (program, words) in SPELLERS {
        match Command::new(program).args(words).arg(text).status() {
            Ok(status) if status.success() => return Ok(()),
            Ok(status) => return Err(Error::Editor(format!("{program} ended with {status}"))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(Error::Editor(format!("{program} cannot be started: {error}")));
            }
        }
    }
    Err(Error::Editor("neither ispell nor aspell nor hunspell is there".into()))
}

/// Whether what was said stays in sight until the user has seen it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stays {
    /// Until a line is typed.
    UntilEnter,
    /// By itself: nothing is drawn over it.
    ByItself,
}

/// Has the user's shell do something.
pub(super) fn shell(command: &str, stays: Stays) {
    let shell = std::env::var_os("SHELL").filter(|shell| !shell.is_empty());
    let shell = shell.unwrap_or_else(|| "/bin/sh".into());
    let done = Command::new(&shell).arg("-c").arg(command).status();
    let mut output = io::stdout().lock();
    // Who can't be told sees nothing of the rest either.
    let _ = match done {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => writeln!(output, "{status}"),
        Err(error) => writeln!(output, "{} cannot be started: {error}", shell.display()),
    };
    if stays == Stays::UntilEnter {
        let _ = write!(output, "Press Enter to go on... ").and_then(|()| output.flush());
        let _ = io::stdin().lock().read_line(&mut String::new());
    }
}
