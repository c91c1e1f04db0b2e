//! Whose mailbox is where.

use std::path::{Path, PathBuf};

use postroad_accounts::UserName;
use postroad_config::Mda;
use postroad_store::Maildir;

/// What stands for the user's name in `mda.maildir` and `mda.mbox`.
const USER: &str = "{user}";

/// Where the mailbox files of a host's users are (Filesystem Hierarchy Standard 3.0 §5.11).
const SPOOL: &str = "/var/mail";

/// The mailbox of a user, by the settings `mda.maildir` and `mda.mbox`.
///
/// A [`UserName`] has no separator in it and begins with no dot, so the place can't lie elsewhere (row M02).
pub fn of_user(settings: &Mda, user: &UserName) -> Maildir {
    let place = |template: &str| template.replace(USER, user.as_str());
    let maildir = Maildir::at(place(&settings.maildir));
    match settings.mbox.as_str() {
        "" => maildir,
        template => maildir.with_inbox_in(place(template).into()),
    }
}

/// What tells where a user of this host has mail, where no settings do.
#[derive(Debug, Clone, Copy)]
pub struct Habits<'a> {
    /// The variable `MAIL`.
    pub mail: Option<&'a str>,
    /// What the program makes whose place we take.
    pub missing: MissingMailbox,
}

/// What is made for a user of this host who has no mailbox.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MissingMailbox {
    /// `~/Maildir`
    #[default]
    Maildir,
    /// The mailbox file, as procmail does.
    File,
}

/// The mailbox of a user of this host, by what is there: `~/Maildir`, else the mailbox file that `MAIL` names or that is
/// in `/var/mail`, else what is to be made. Folders of who has a mailbox file are below `~/.postroad`: in `~/Maildir`
/// they would have all mail go there.
pub fn of_host_user(home: &Path, user: &str, habits: Habits<'_>) -> Maildir {
    let maildir = in_home(home);
    if maildir.root().exists() {
        return maildir;
    }
    let named = habits.mail.map(Path::new).filter(|path| path.is_absolute() && !path.is_dir());
    // Row M02: a name, not a path.
    let file = named.map(Path::to_owned).or_else(|| spool_file(user));
    match file {
        Some(file) if habits.missing == MissingMailbox::File || file.exists() => {
            Maildir::at(home.join(".postroad").join("Maildir")).with_inbox_in(file)
        }
        Some(_) | None => maildir,
    }
}

/// The mailbox file of a user of this host.
pub fn spool_file(user: &str) -> Option<PathBuf> {
    let name = UserName::parse(user).ok()?;
    Some(Path::new(SPOOL).join(name.as_str()))
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
        let mut settings = Mda { maildir: "/mail/{user}/Maildir".into(), ..Mda::default() };
        let mailbox = of_user(&settings, &alice);
        assert_eq!(mailbox, Maildir::at("/mail/alice/Maildir"));
        settings.mbox = "/var/mail/{user}".into();
        let mailbox = of_user(&settings, &alice);
        assert_eq!(mailbox.root(), Path::new("/mail/alice/Maildir"));
        assert_eq!(mailbox.inbox_file(), Some(Path::new("/var/mail/alice")));
        for name in ["../root", "a/b", ".", ""] {
            assert_eq!(spool_file(name), None, "{name:?}");
        }
    }

    #[test]
    fn m14_where_a_user_of_the_host_has_mail() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("mbox");
        let found = |mail: Option<&Path>, missing| {
            let mail = mail.map(|mail| mail.to_str().unwrap());
            // Nobody has mail under that name.
            of_host_user(home.path(), "postroad-nobody", Habits { mail, missing })
        };
        let maildir = in_home(home.path());
        let in_file = |file: &Path| {
            Maildir::at(home.path().join(".postroad/Maildir")).with_inbox_in(file.to_owned())
        };
        assert_eq!(found(None, MissingMailbox::Maildir), maildir);
        assert_eq!(found(Some(&file), MissingMailbox::Maildir), maildir);
        assert_eq!(found(Some(Path::new("mbox")), MissingMailbox::Maildir), maildir);
        assert_eq!(
            found(None, MissingMailbox::File),
            in_file(Path::new("/var/mail/postroad-nobody"))
        );
        assert_eq!(found(Some(&file), MissingMailbox::File), in_file(&file));
        std::fs::write(&file, "").unwrap();
        assert_eq!(found(Some(&file), MissingMailbox::Maildir), in_file(&file));
        std::fs::create_dir(home.path().join("Maildir")).unwrap();
        assert_eq!(found(Some(&file), MissingMailbox::File), maildir);
    }
}
