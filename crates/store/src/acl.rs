//! Who may do what with a folder (RFC 4314): the file `postroad-acl` in it.
//!
//! ```text
//! bob lrs
//! -carol w
//! ```
//! Rights, and behind the line's last space nothing else; an identifier that begins with `-` is denied them. A mailbox's
//! owner has all rights to it ([`Rights::ALL`]), whatever the file says, so that nobody locks themselves out. Whether
//! others are let in at all is the access agent's to say; the file keeps what was set, and goes where the folder goes.

use std::collections::BTreeMap;
use std::fmt;

use crate::limits::{ACL_ENTRIES_MAX, ACL_IDENTIFIER_OCTETS_MAX};
use crate::{Change, Courier, Maildir, StoreError};

const FILE: &str = "postroad-acl";

/// RFC 4314 §2.1, in its order.
const LETTERS: &str = "lrswipkxtea";

/// A set of rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rights(u16);

/// The text has a letter that is no right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("rights are letters of {LETTERS}, and c and d for some of them")]
pub struct RightsError;

impl Rights {
    /// All there are.
    pub const ALL: Self = Self((1 << LETTERS.len()) - 1);

    /// Reads rights; `c` and `d` stand for what they were split into (RFC 4314 §2.1.1).
    ///
    /// # Errors
    /// [`RightsError`] where a letter is none.
    pub fn parse(text: &str) -> Result<Self, RightsError> {
        let one = |letter: char| match letter {
            'c' => Self::parse("k"),
            'd' => Self::parse("xte"),
            letter => LETTERS.find(letter).map(|at| Self(1 << at)).ok_or(RightsError),
        };
        text.chars().try_fold(Self::default(), |rights, letter| Ok(rights.and(one(letter)?)))
    }

    /// Whether all of those are among them.
    pub fn has(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// With others.
    #[must_use]
    pub fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Without others.
    #[must_use]
    pub fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// As ACL and MYRIGHTS say them: with `c` and `d` for old clients (RFC 4314 §2.1.1).
    pub fn with_old_letters(self) -> String {
        let mut text = self.to_string();
        for (letter, new) in [('c', "k"), ('d', "xte")] {
            if new.chars().any(|letter| text.contains(letter)) {
                text.push(letter);
            }
        }
        text
    }
}

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_in = |(at, _): &(usize, char)| self.0 & (1 << at) != 0;
        let letters: String =
            LETTERS.chars().enumerate().filter(is_in).map(|(_, letter)| letter).collect();
        f.write_str(&letters)
    }
}

/// What SETACL does to somebody's rights (RFC 4314 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RightsChange {
    /// These and no others.
    Replace(Rights),
    /// `+`
    Add(Rights),
    /// `-`
    Remove(Rights),
}

impl RightsChange {
    /// Reads it.
    ///
    /// # Errors
    /// [`RightsError`] where a letter is none.
    pub fn parse(text: &str) -> Result<Self, RightsError> {
        match (text.strip_prefix('+'), text.strip_prefix('-')) {
            (Some(rights), _) => Rights::parse(rights).map(Self::Add),
            (_, Some(rights)) => Rights::parse(rights).map(Self::Remove),
            (None, None) => Rights::parse(text).map(Self::Replace),
        }
    }
}

/// What was set for a folder, without its owner.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Acl(BTreeMap<String, Rights>);

/// Nobody can be called so, or there are too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "an identifier is 1 to {ACL_IDENTIFIER_OCTETS_MAX} octets without control characters, and there are {ACL_ENTRIES_MAX} at most"
)]
pub struct AclError;

impl Acl {
    /// Somebody's rights.
    pub fn get(&self, identifier: &str) -> Rights {
        self.0.get(identifier).copied().unwrap_or_default()
    }

    /// Everybody's, by their names.
    pub fn entries(&self) -> impl Iterator<Item = (&str, Rights)> {
        self.0.iter().map(|(identifier, rights)| (identifier.as_str(), *rights))
    }

    /// Changes somebody's; who has none left is not in it any more.
    ///
    /// # Errors
    /// [`AclError`]; then nothing has changed.
    pub fn set(&mut self, identifier: &str, change: RightsChange) -> Result<(), AclError> {
        let old = self.get(identifier);
        let new = match change {
            RightsChange::Replace(rights) => rights,
            RightsChange::Add(rights) => old.and(rights),
            RightsChange::Remove(rights) => old.without(rights),
        };
        if new.is_empty() {
            self.0.remove(identifier);
            return Ok(());
        }
        let is_known = self.0.contains_key(identifier);
        if !is_identifier(identifier) || (!is_known && self.0.len() >= ACL_ENTRIES_MAX) {
            return Err(AclError);
        }
        self.0.insert(identifier.to_owned(), new);
        Ok(())
    }

    /// Lines that are none are left out.
    fn parse(file: &[u8]) -> Self {
        let mut acl = Self::default();
        for line in String::from_utf8_lossy(file).lines() {
            if let Some((identifier, rights)) = line.rsplit_once(' ')
                && let Ok(rights) = Rights::parse(rights)
            {
                let _ = acl.set(identifier, RightsChange::Replace(rights));
            }
        }
        acl
    }

    fn text(&self) -> Vec<u8> {
        let lines = self.0.iter().map(|(identifier, rights)| format!("{identifier} {rights}\n"));
        lines.collect::<String>().into_bytes()
    }
}

fn is_identifier(text: &str) -> bool {
    (1..=ACL_IDENTIFIER_OCTETS_MAX).contains(&text.len()) && !text.contains(char::is_control)
}

impl Courier {
    /// What was set for a folder.
    ///
    /// # Errors
    /// What the disk said.
    pub fn acl(&self, folder: &Maildir) -> Result<Acl, StoreError> {
        Ok(Acl::parse(&self.mark(folder, FILE)?))
    }

    /// Changes it, durably, in turn with other processes.
    ///
    /// # Errors
    /// What the disk said, or that the turn doesn't come: it is as it was, or as it is to be.
    pub fn change_acl(
        &self,
        folder: &Maildir,
        change: impl FnOnce(&mut Acl),
    ) -> Result<Change, StoreError> {
        self.change_mark(folder, FILE, |old| {
            let mut acl = Acl::parse(old);
            change(&mut acl);
            let new = acl.text();
            (new != old).then_some(new)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use postroad_disk::OsDisk;
    use proptest::prelude::*;

    use super::*;

    fn rights(text: &str) -> Rights {
        Rights::parse(text).unwrap()
    }

    #[test] // Tests RFC 4314 §2.1 and §2.1.1.
    fn letters_of_rights() {
        for (text, new, shown) in [
            ("", "", ""),
            ("rl", "lr", "lr"),
            ("lrswicda", "lrswikxtea", "lrswikxteacd"),
            ("lrswipkxtea", "lrswipkxtea", "lrswipkxteacd"),
            ("e", "e", "ed"),
            ("k", "k", "kc"),
        ] {
            assert_eq!(rights(text).to_string(), new, "{text}");
            assert_eq!(rights(text).with_old_letters(), shown, "{text}");
        }
        assert_eq!(rights("lrswipkxtea"), Rights::ALL);
        for text in ["z", "L", "l r", "l0", "\r\n", "é"] {
            assert_eq!(Rights::parse(text), Err(RightsError), "{text:?}");
        }
    }

    #[test] // Tests RFC 4314 §3.1.
    fn rights_are_set_added_and_taken() {
        let mut acl = Acl::default();
        let mut set = |who: &str, change: &str| {
            acl.set(who, RightsChange::parse(change).unwrap()).unwrap();
            acl.get(who).to_string()
        };
        assert_eq!(set("bob", "+lr"), "lr");
        assert_eq!(set("bob", "+s"), "lrs");
        assert_eq!(set("bob", "-r"), "ls");
        assert_eq!(set("bob", "w"), "w");
        assert_eq!(set("-carol x", "a"), "a");
        assert_eq!(set("bob", ""), "");
        assert_eq!(acl.entries().collect::<Vec<_>>(), [("-carol x", rights("a"))]);
        for who in ["", "a\nb", "\0", &"x".repeat(ACL_IDENTIFIER_OCTETS_MAX + 1)] {
            assert_eq!(acl.set(who, RightsChange::Add(Rights::ALL)), Err(AclError), "{who:?}");
        }
        for n in 1..ACL_ENTRIES_MAX {
            acl.set(&n.to_string(), RightsChange::Add(Rights::ALL)).unwrap();
        }
        assert_eq!(acl.set("more", RightsChange::Add(Rights::ALL)), Err(AclError));
        assert_eq!(acl.set("1", RightsChange::Remove(rights("l"))), Ok(()));
    }

    #[test]
    fn it_is_in_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let courier = Courier::new(Arc::new(OsDisk), "host");
        let inbox = Maildir::at(dir.path().join("alice"));
        assert_eq!(courier.acl(&inbox).unwrap(), Acl::default());
        let change = |change: &str| {
            let change = RightsChange::parse(change).unwrap();
            courier.change_acl(&inbox, |acl| acl.set("bob", change).unwrap()).unwrap()
        };
        assert_eq!((change("+lr"), change("+l")), (Change::Made, Change::None));
        assert_eq!(std::fs::read(inbox.root().join(FILE)).unwrap(), b"bob lr\n");
        assert_eq!(courier.acl(&inbox).unwrap().get("bob"), rights("lr"));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            entries in proptest::collection::vec(("[^\\p{Cc}]{1,20}", 1_u16..1 << 11), 0..9),
            any in proptest::collection::vec(any::<u8>(), 0..99),
        ) {
            let mut acl = Acl::default();
            for (who, rights) in entries {
                acl.set(&who, RightsChange::Replace(Rights(rights))).unwrap();
            }
            prop_assert_eq!(Acl::parse(&acl.text()), acl);
            let parsed = Acl::parse(&any);
            prop_assert_eq!(Acl::parse(&parsed.text()), parsed);
        }
    }
}
