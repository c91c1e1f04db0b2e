//! Files whose names begin as what is typed.

use std::path::Path;

use crate::account::expand_home;
use crate::full::limits::{FILES_LISTED_MAX, FILES_LOOKED_AT_MAX};
use crate::safe_text::SafeText;

/// What was typed, with as much behind it as all files have that begin so, and their names, sorted; a folder's ends in `/`. Names that
/// aren't UTF-8 can't be typed, and are left out.
pub(super) fn begun(typed: &str) -> (String, Vec<SafeText>) {
    let (folder, begin) = match typed.rfind('/') {
        Some(end) => typed.split_at(end + 1),
        None if typed == "~" => return ("~/".into(), Vec::new()),
        None => ("", typed),
    };
    let place =
        if folder.is_empty() { Path::new(".").to_owned() } else { expand_home(Path::new(folder)) };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(place).into_iter().flatten().take(FILES_LOOKED_AT_MAX).flatten()
    {
        let Ok(mut name) = entry.file_name().into_string() else { continue };
        let is_hidden = name.starts_with('.') && !begin.starts_with('.');
        if is_hidden || !name.starts_with(begin) {
            continue;
        }
        // A link to a folder is one, too.
        if entry.path().is_dir() {
            name.push('/');
        }
        names.push(name);
    }
    names.sort();
    let same = names.iter().skip(1).fold(names.first().cloned(), |same, name| {
        let same = same?;
        let common = same.chars().zip(name.chars()).take_while(|(one, other)| one == other);
        Some(common.map(|(c, _)| c).collect())
    });
    let whole = format!("{folder}{}", same.as_deref().unwrap_or(begin));
    (whole, names.iter().take(FILES_LISTED_MAX).map(|name| SafeText::line(name)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_much_as_all_have_is_completed() {
        let home = tempfile::tempdir().unwrap();
        for name in ["menu.pdf", "menü.txt", ".hidden", "notes"] {
            std::fs::write(home.path().join(name), "").unwrap();
        }
        std::fs::create_dir(home.path().join("men s")).unwrap();
        let place = home.path().display();
        for (typed, whole, names) in [
            ("m", "men", &["men s/", "menu.pdf", "menü.txt"][..]),
            ("menu", "menu.pdf", &["menu.pdf"]),
            ("men ", "men s/", &["men s/"]),
            ("men s/", "men s/", &[]),
            (".h", ".hidden", &[".hidden"]),
            ("x", "x", &[]),
            ("x/y", "x/y", &[]),
        ] {
            let found = begun(&format!("{place}/{typed}"));
            let shown: Vec<&str> = found.1.iter().map(SafeText::as_str).collect();
            assert_eq!((found.0, shown.as_slice()), (format!("{place}/{whole}"), names), "{typed}");
        }
        assert_eq!(begun("~").0, "~/");
    }
}
