//! Whose mailbox is where.

use std::path::Path;

use postroad_accounts::UserName;
use postroad_store::Maildir;

/// What stands for the user's name in `mda.maildir`.
const USER: &str = "{user}";

/// The Maildir of a user, by the setting `mda.maildir`.
///
/// A [`UserName`] has no separator in it and begins with no dot, so the place can't lie elsewhere (row M02).
pub fn of_user(template: &str, user: &UserName) -> Maildir {
    Maildir::at(template.replace(USER, user.as_str()))
}

/// The Maildir in a home directory.
pub fn in_home(home: &Path) -> Maildir {
    Maildir::at(home.join("Maildir"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m02_m03_names_that_lead_elsewhere_are_no_names() {
        for name in
            ["../root", "..", ".", "", "/abs", "a/../b", "-d", "u\n", "a\0b", &"x".repeat(300)]
        {
            assert!(UserName::parse(name).is_err(), "{name:?}");
        }
        let alice = UserName::parse("alice").unwrap();
        assert_eq!(
            of_user("/mail/{user}/Maildir", &alice).root(),
            Path::new("/mail/alice/Maildir")
        );
    }
}
