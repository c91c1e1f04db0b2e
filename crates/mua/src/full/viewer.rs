//! A part in a program that mailcap files name for it, by a key alone (row U05): a file of mode 600 in a folder of its own,
//! which goes when the program ends.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::browser::start;
use crate::limits;
use crate::mailcap::{self, Display};
use crate::render::{Part, save};
use crate::safe_line;
use crate::safe_text::SafeText;

/// Starts the program; what was done, in words.
///
/// # Errors
/// Where there is none for this type, or it can't be started.
pub(super) fn open(part: &Part) -> Result<SafeText, SafeText> {
    let home = std::env::home_dir();
    let mailcaps = std::env::var("MAILCAPS").ok();
    let read = |path: &PathBuf| {
        let octets = postroad_disk::read_whole(path, limits::MAILCAP_OCTETS_MAX).ok()?;
        Some(String::from_utf8_lossy(&octets).into_owned())
    };
    let files = mailcap::files(mailcaps.as_deref(), home.as_deref());
    let texts: Vec<String> = files.iter().filter_map(read).collect();
    let is_set = |name: &&str| std::env::var_os(name).is_some();
    let display = match ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(is_set) {
        true => Display::There,
        false => Display::Missing,
    };
    open_with(part, &texts, display, &runtime_folder())
}

/// Where folders of users are that end with their sessions.
fn runtime_folder() -> PathBuf {
    let folder = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    folder.filter(|folder| folder.is_dir()).unwrap_or_else(std::env::temp_dir)
}

fn open_with(
    part: &Part,
    texts: &[String],
    display: Display,
    above: &Path,
) -> Result<SafeText, SafeText> {
    let kind = SafeText::line(&part.media_type).cut(80);
    let failed =
        |error: &dyn std::fmt::Display| safe_line!("cannot show {}: {error}", kind.as_str());
    let folder = private_folder(above).map_err(|error| failed(&error))?;
    let started = save::save(part, &folder).map_err(|error| failed(&error)).and_then(|file| {
        let words = mailcap::command(texts, &part.media_type, &file, display);
        let words = words.ok_or_else(|| {
            safe_line!(
                "no mailcap file names a program for {} that needs neither shell nor terminal",
                kind.as_str()
            )
        })?;
        let (program, words) = words.split_first().ok_or_else(|| failed(&"an empty command"))?;
        let child = start(program, words).map_err(|error| failed(&error))?;
        Ok((program.clone(), child))
    });
    match started {
        Ok((program, mut child)) => {
            let gone = move || {
                drop(child.wait());
                drop(std::fs::remove_dir_all(&folder));
            };
            // Who can't be waited for leaves the file to the end of the session.
            drop(std::thread::Builder::new().name("viewer".into()).spawn(gone));
            Ok(safe_line!("Handed to {program}"))
        }
        Err(words) => {
            drop(std::fs::remove_dir_all(&folder));
            Err(words)
        }
    }
}

/// A new folder that nobody else can look into.
fn private_folder(above: &Path) -> std::io::Result<PathBuf> {
    let mut random = [0; 8];
    rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())?;
    let folder = above.join(format!("postroad-{:016x}", u64::from_le_bytes(random)));
    DirBuilder::new().mode(0o700).create(&folder)?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn u05_a_part_is_a_private_file_and_its_name_no_command() {
        let above = tempfile::tempdir().unwrap();
        let told = above.path().join("told");
        // It writes down the mode and the path of what it was given, and ends when told to.
        let script = above.path().join("viewer");
        std::fs::write(
            &script,
            format!(
                "#!/bin/sh\nstat -c '%a %n' \"$1\" > {0}.tmp\nmv {0}.tmp {0}\n",
                told.display()
            ),
        )
        .unwrap();
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700)).unwrap();
        let part = Part {
            name: Some("$(touch x);`id`.png".into()),
            media_type: "image/png".into(),
            content: b"x".to_vec(),
        };
        let mailcap = [format!("image/*; {} '%s'", script.display())];
        let words = open_with(&part, &mailcap, Display::Missing, above.path()).unwrap();
        assert!(words.as_str().starts_with("Handed to "), "{words}");
        let until = Instant::now() + Duration::from_secs(60);
        let folders = || {
            let entries = std::fs::read_dir(above.path()).unwrap();
            entries.filter(|entry| entry.as_ref().unwrap().path().is_dir()).count()
        };
        while (!told.exists() || folders() > 0) && Instant::now() < until {
            std::thread::yield_now();
        }
        let told = std::fs::read_to_string(told).unwrap();
        assert!(
            told.starts_with("600 ") && told.trim_end().ends_with("/_(touch x)__id_.png"),
            "{told}"
        );
        assert_eq!(folders(), 0, "the file goes with the program");
        // What no entry fits leaves nothing behind.
        let wrong = Part { media_type: "image/`id`".into(), ..part };
        assert!(open_with(&wrong, &mailcap, Display::Missing, above.path()).is_err());
        assert_eq!(folders(), 0);
    }
}
