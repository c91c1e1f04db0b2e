//! Whose command line we are called with: ours, or that of the program whose place we take.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

/// Whose flags they are. Their letters clash: `-m` is a folder for one and a mode for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Personality {
    /// Our own: what the others have in common.
    Postroad,
    /// procmail(1)
    Procmail,
    /// dovecot-lda(1), `deliver` of old.
    DovecotLda,
    /// maildrop(1)
    Maildrop,
}

/// Rules of the program whose place we take: its users count on them until they have rules of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeftBehind {
    /// The file, in a home.
    pub(super) name: &'static str,
    /// What `postroad-mda import` calls them.
    pub(super) language: &'static str,
}

impl Personality {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Postroad, Self::Procmail, Self::DovecotLda, Self::Maildrop];

    /// What the program is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Postroad => "postroad-mda",
            Self::Procmail => "procmail",
            Self::DovecotLda => "dovecot-lda",
            Self::Maildrop => "maildrop",
        }
    }

    /// The file in a home that its own rules are in.
    pub(super) const fn rules_file(self) -> Option<LeftBehind> {
        match self {
            Self::Postroad | Self::DovecotLda => None,
            Self::Procmail => Some(LeftBehind { name: ".procmailrc", language: "procmail" }),
            Self::Maildrop => Some(LeftBehind { name: ".mailfilter", language: "mailfilter" }),
        }
    }

    /// The one of that name, for `--as`.
    pub fn named(name: &OsStr) -> Option<Self> {
        Self::ALL.into_iter().find(|personality| name == personality.name())
    }

    /// By the name that we are called by: `/usr/bin/procmail`, `procmail-3.24`, `maildrop.old`.
    pub fn of_program(program: &OsStr) -> Self {
        let name = program.as_bytes().rsplit(|octet| *octet == b'/').next().unwrap_or_default();
        let is = |known: &str| {
            name.strip_prefix(known.as_bytes())
                .is_some_and(|rest| !rest.first().is_some_and(u8::is_ascii_alphabetic))
        };
        match () {
            () if is("procmail") => Self::Procmail,
            () if is("dovecot-lda") || is("deliver") => Self::DovecotLda,
            () if is("maildrop") => Self::Maildrop,
            () => Self::Postroad,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_the_name_of_the_program() {
        for (program, name) in [
            ("procmail", "procmail"),
            ("/usr/bin/procmail", "procmail"),
            ("procmail-3.24", "procmail"),
            ("./maildrop.postroad", "maildrop"),
            ("maildrop2", "maildrop"),
            ("/usr/lib/dovecot/dovecot-lda", "dovecot-lda"),
            ("/usr/lib/dovecot/deliver", "dovecot-lda"),
            ("deliverquota", "postroad-mda"),
            ("procmailrc", "postroad-mda"),
            ("/usr/bin/postroad-mda", "postroad-mda"),
            ("/usr/lib/procmail/x", "postroad-mda"),
            ("procmail/", "postroad-mda"),
            ("", "postroad-mda"),
        ] {
            assert_eq!(Personality::of_program(OsStr::new(program)).name(), name, "{program}");
        }
        for personality in Personality::ALL {
            assert_eq!(Personality::named(OsStr::new(personality.name())), Some(personality));
        }
        assert_eq!(Personality::named(OsStr::new("mail.local")), None);
    }
}
