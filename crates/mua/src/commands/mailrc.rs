//! `~/.mailrc`, or the file that MAILRC names, for `mail`.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{Context, is_interactive};
use crate::account::expand_home;
use crate::compose::as_text;
use crate::limits;
use crate::mailx::script::{Mode, follow};
use crate::mailx::settings::Settings;
use crate::safe_text::SafeText;

/// What the user's file sets up. What is wrong in it is said to a person: programs that call `mail` hear nothing of it.
pub(super) fn load(context: &mut Context<'_, '_>, mode: Mode) -> Settings {
    let mut settings = Settings::default();
    let wrong = match read(&path()) {
        Ok(text) => follow_file(&text.unwrap_or_default(), mode, &mut settings),
        Err(wrong) => vec![wrong],
    };
    for line in wrong.iter().filter(|_| is_interactive()) {
        context.screen.say(&SafeText::line(line));
    }
    settings
}

/// Follows the lines of a file; gives what is wrong with them.
pub(super) fn follow_file(text: &str, mode: Mode, settings: &mut Settings) -> Vec<String> {
    follow(text, mode, settings, &mut |path| {
        let path = expand_home(Path::new(path));
        read(&path)?.ok_or_else(|| format!("{}: no such file", path.display()))
    })
}

fn path() -> PathBuf {
    let named = std::env::var_os("MAILRC").filter(|path| !path.is_empty());
    named.map_or_else(|| expand_home(Path::new("~/.mailrc")), PathBuf::from)
}

/// A file's text; `None` where there is none, or no plain file: `MAILRC=/dev/null` is how others are told to read nothing.
/// What somebody else has written isn't followed.
pub(super) fn read(path: &Path) -> Result<Option<String>, String> {
    let shown = path.display();
    match std::fs::metadata(path) {
        Ok(file) if !file.is_file() => Ok(None),
        Ok(file) if ![0, rustix::process::geteuid().as_raw()].contains(&file.uid()) => {
            Err(format!("{shown} is passed over: it is somebody else's"))
        }
        Ok(_) => match postroad_disk::read_whole(path, limits::MAILRC_OCTETS_MAX) {
            Ok(octets) => Ok(Some(as_text(octets))),
            Err(error) => Err(format!("{shown} is passed over: {}", error.source)),
        },
        Err(_) => Ok(None),
    }
}
