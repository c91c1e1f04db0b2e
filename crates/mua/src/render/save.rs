//! Saving an attachment: the base name of what the message calls it, a new file, nowhere else (row U04).

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::Part;
use crate::limits;
use crate::safe_text;

/// A file that wasn't saved.
#[derive(Debug, thiserror::Error)]
#[error("cannot save {}", path.display())]
pub struct SaveError {
    /// The file.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

/// Writes the part into `folder` under its own name, made harmless; where that is taken, with a number.
///
/// # Errors
/// Where no file can be made or written.
pub fn save(part: &Part, folder: &Path) -> Result<PathBuf, SaveError> {
    let name = harmless(part.name.as_deref().unwrap_or_default());
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| SaveError { path, source }
    };
    let mut path = folder.join(&name);
    for number in 1..1_000 {
        match create(&path) {
            Ok(mut file) => {
                file.write_all(&part.content)
                    .and_then(|()| file.sync_all())
                    .map_err(failed(&path))?;
                return Ok(path);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                path = folder.join(numbered(&name, number));
            }
            Err(error) => return Err(failed(&path)(error)),
        }
    }
    Err(failed(&path)(io::ErrorKind::AlreadyExists.into()))
}

/// O_EXCL: never a file that was there, and never through a link that was waiting.
fn create(path: &Path) -> io::Result<File> {
    let no_follow = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
    OpenOptions::new().write(true).create_new(true).mode(0o600).custom_flags(no_follow).open(path)
}

/// A name without folders, controls, what shells read, a dot or a hyphen in front.
fn harmless(name: &str) -> String {
    let base = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let keep = |c: char| match c {
        c if !safe_text::is_visible(c) => '_',
        c if c.is_alphanumeric() || " .-_+,@=()[]#~".contains(c) => c,
        _ => '_',
    };
    let clean: String = base.chars().map(keep).collect();
    let clean = clean.trim_start_matches(['.', '-', '~', ' ']).trim_end_matches([' ', '.']);
    if clean.is_empty() {
        return "attachment".to_owned();
    }
    shortened(clean)
}

/// At most [`limits::FILE_NAME_OCTETS_MAX`] octets; the end of the name stays, it says what it is.
fn shortened(name: &str) -> String {
    if name.len() <= limits::FILE_NAME_OCTETS_MAX {
        return name.to_owned();
    }
    let (stem, extension) = match name.rsplit_once('.') {
        Some((stem, extension)) if extension.len() <= 16 => (stem, format!(".{extension}")),
        _ => (name, String::new()),
    };
    let room = limits::FILE_NAME_OCTETS_MAX - extension.len();
    let end = (0..=room.min(stem.len())).rev().find(|end| stem.is_char_boundary(*end)).unwrap_or(0);
    format!("{}{extension}", stem.get(..end).unwrap_or_default())
}

/// `report-2.pdf`
fn numbered(name: &str, number: usize) -> String {
    match name.rsplit_once('.') {
        Some((stem, extension)) => format!("{stem}-{number}.{extension}"),
        None => format!("{name}-{number}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn u04_names_from_a_message_name_a_file_in_the_folder_and_no_other() {
        let long = format!("{}.pdf", "n".repeat(300));
        let cut = format!("{}.pdf", "n".repeat(196));
        for (name, file) in [
            ("../../.ssh/x", "x"),
            ("/etc/x", "x"),
            ("-rf", "rf"),
            (".bashrc", "bashrc"),
            ("a;id", "a_id"),
            ("a\0b", "a_b"),
            ("C:\\autoexec.bat", "autoexec.bat"),
            ("..", "attachment"),
            ("", "attachment"),
            ("ann\u{202e}fdp.exe", "ann_fdp.exe"),
            ("$(touch x)`y`", "_(touch x)_y_"),
            ("Größe 1.pdf", "Größe 1.pdf"),
            (&long, &cut),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let part = Part { name: Some(name.into()), content: b"c".to_vec(), ..Part::default() };
            let path = save(&part, dir.path()).unwrap();
            assert_eq!(path, dir.path().join(file), "{name:?}");
            assert_eq!(std::fs::read(path).unwrap(), b"c");
        }
    }

    #[test]
    fn u04_nothing_is_replaced_and_no_link_is_followed() {
        let dir = tempfile::tempdir().unwrap();
        let victim = dir.path().join("victim");
        std::fs::write(&victim, "precious").unwrap();
        std::os::unix::fs::symlink(&victim, dir.path().join("x.txt")).unwrap();
        std::os::unix::fs::symlink(dir.path().join("nowhere"), dir.path().join("x-1.txt")).unwrap();
        let part = Part { name: Some("x.txt".into()), content: b"new".to_vec(), ..Part::default() };
        assert_eq!(save(&part, dir.path()).unwrap(), dir.path().join("x-2.txt"));
        assert_eq!(std::fs::read(&victim).unwrap(), b"precious");
        assert!(!dir.path().join("nowhere").exists());
    }
}
