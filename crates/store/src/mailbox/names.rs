//! What flags and keywords are called.

use std::io;

use postroad_disk::Stamp;

use super::frame::Frame;
use super::name::{Flagged, KEYWORD_LETTERS, KEYWORDS_MAX, Name, Place, State, with_flags};
use super::{Mailbox, MailboxError};
use crate::flags::Flags;
use crate::keywords::{self, KeywordsLeftOut};

/// The flags and keywords of a letter, as numbers of its mailbox: [`Mailbox::flag_names`] says what they are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct LetterFlags {
    /// Those that a capital letter stands for.
    pub(super) system: u8,
    pub(super) keywords: u64,
}

/// As IMAP calls them (RFC 9051 §2.3.2), with the letter's place in [`State::LETTERS`].
const SYSTEM: [(&str, u8); 6] = [
    ("\\Draft", 1),
    ("\\Flagged", 2),
    ("$Forwarded", 4),
    ("\\Answered", 8),
    ("\\Seen", 16),
    ("\\Deleted", 32),
];

impl LetterFlags {
    /// `\Draft`
    pub const DRAFT: Self = Self { system: 1, keywords: 0 };
    /// `\Flagged`
    pub const FLAGGED: Self = Self { system: 2, keywords: 0 };
    /// `$Forwarded`, a keyword that has a letter of its own.
    pub const FORWARDED: Self = Self { system: 4, keywords: 0 };
    /// `\Answered`
    pub const ANSWERED: Self = Self { system: 8, keywords: 0 };
    /// `\Seen`
    pub const SEEN: Self = Self { system: 16, keywords: 0 };
    /// `\Deleted`
    pub const DELETED: Self = Self { system: 32, keywords: 0 };

    /// Whether all of `other` are among these.
    pub fn contains(self, other: Self) -> bool {
        self.and(other) == self
    }

    /// These and those.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { system: self.system | other.system, keywords: self.keywords | other.keywords }
    }

    /// These without those.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self { system: self.system & !other.system, keywords: self.keywords & !other.keywords }
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }
}

/// What small letters stand for, as the folder's file says.
#[derive(Debug, Default)]
pub(super) struct KeywordNames {
    letters: [Option<String>; 26],
    /// The file that was read; `None` where there was none.
    file: Option<Stamp>,
}

impl Mailbox {
    /// Reads the folder's keywords where others have changed them.
    pub(super) fn read_keywords(&mut self) -> Result<(), MailboxError> {
        let stamp = match self.disk().stamp(&keywords::path_in(&self.folder)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            stamp => Some(stamp?),
        };
        if stamp != self.keywords.file {
            let letters = keywords::by_letter(self.disk(), &self.folder)?;
            self.keywords = KeywordNames { letters, file: stamp };
        }
        Ok(())
    }

    /// Whether there are keywords among them that stand in the register alone.
    pub(crate) fn has_keywords_without_letters(&self, flags: LetterFlags) -> bool {
        flags.keywords & !KEYWORD_LETTERS != 0
    }

    /// All keywords that the mailbox knows, whether a letter has them or not, in the order of their numbers.
    pub fn keywords(&self) -> impl Iterator<Item = &str> {
        let letters = self.keywords.letters.iter().flatten().map(String::as_str);
        letters.chain(self.contents.keywords.iter().map(|(_, name)| name.as_str()))
    }

    /// Whether it may have keywords that it doesn't know yet (`\*` in PERMANENTFLAGS).
    pub fn takes_keywords(&self) -> bool {
        self.keywords.letters.last().is_some_and(Option::is_none)
            || self.contents.free_keyword().is_some()
    }

    /// What flags are called: those of the system, `$Forwarded`, keywords.
    pub fn flag_names(&self, flags: LetterFlags) -> Vec<&str> {
        let system = SYSTEM.iter().filter(|(_, flag)| flags.system & flag != 0);
        let mut names: Vec<&str> = system.map(|(name, _)| *name).collect();
        for number in (0..KEYWORDS_MAX).filter(|number| flags.keywords & 1 << number != 0) {
            let Some(name) = self.keyword_name(number) else { continue };
            // One that got a letter after it had a number here has both.
            if !names.iter().any(|other| other.eq_ignore_ascii_case(name)) {
                names.push(name);
            }
        }
        names
    }

    fn keyword_name(&self, number: usize) -> Option<&str> {
        match self.keywords.letters.get(number) {
            Some(name) => name.as_deref(),
            None => {
                let mut names = self.contents.keywords.iter();
                names.find(|(n, _)| usize::from(*n) == number).map(|(_, name)| name.as_str())
            }
        }
    }

    /// The flags of these names as far as the mailbox knows them, and whether it knows all.
    pub fn known_flags<T: AsRef<str>>(&self, names: &[T]) -> (LetterFlags, bool) {
        let mut flags = LetterFlags::default();
        let mut all = true;
        for name in names.iter().map(AsRef::as_ref) {
            match self.known_flag(name) {
                Some(flag) => flags = flags.and(flag),
                None => all = false,
            }
        }
        (flags, all)
    }

    /// A keyword that has a letter and a number is both.
    fn known_flag(&self, name: &str) -> Option<LetterFlags> {
        let is_it = |other: &str| other.eq_ignore_ascii_case(name);
        if let Some((_, system)) = SYSTEM.iter().find(|(other, _)| is_it(other)) {
            return Some(LetterFlags { system: *system, keywords: 0 });
        }
        let letter = self.keywords.letters.iter().position(|n| n.as_deref().is_some_and(is_it));
        let number = self.contents.keyword(name).map(usize::from);
        let keywords = [letter, number].into_iter().flatten().fold(0, |all, n| all | 1 << n);
        (keywords != 0).then_some(LetterFlags { system: 0, keywords })
    }

    /// The flags of these names. Keywords that are new to the mailbox become known to it: a letter of its file
    /// `dovecot-keywords` stands for them, as long as there are any, so that other programs know them, too.
    ///
    /// # Errors
    /// Where one of them can be no flag, or there are too many; and what the disk said.
    pub fn flags_of<T: AsRef<str>>(&mut self, names: &[T]) -> Result<LetterFlags, MailboxError> {
        // Another program may have changed them, or the folder is another one of the same name.
        self.read_keywords()?;
        if let (flags, true) = self.known_flags(names) {
            return Ok(flags);
        }
        let names: Vec<String> = names.iter().map(|name| name.as_ref().to_owned()).collect();
        let (asked, others) = Flags::of(&names);
        if let Some(name) = others.into_iter().next() {
            return Err(MailboxError::NoKeyword { name });
        }
        let unknown = asked.keywords().iter().filter(|name| self.known_flag(name).is_none());
        let unknown: Vec<String> = unknown.cloned().collect();
        let by = self.tmp_path();
        let (_, left_out) = keywords::letters(self.disk(), &self.folder, &by, &unknown);
        self.read_keywords()?;
        match left_out {
            None => {}
            Some(KeywordsLeftOut::Unknown { source, .. }) => return Err(source.into()),
            Some(KeywordsLeftOut::NoneFree(names)) => self.number_keywords(&names)?,
        }
        match self.known_flags(&names) {
            (flags, true) => Ok(flags),
            (_, false) => Err(MailboxError::NoKeyword { name: unknown.join(" ") }),
        }
    }

    /// Keywords that find no letter have numbers in the register.
    fn number_keywords(&mut self, names: &[String]) -> Result<(), MailboxError> {
        let mut locked = self.lock()?;
        for name in names {
            if self.contents.keyword(name).is_some() {
                continue;
            }
            let number = self.contents.free_keyword();
            let number = number.ok_or_else(|| MailboxError::NoKeyword { name: name.clone() })?;
            self.write(&mut locked, &[Frame::Keyword { number, name: name.clone() }])?;
        }
        Ok(())
    }
}

/// The flags that stand in a file's name.
pub(crate) fn flags_in(name: &[u8]) -> LetterFlags {
    let Flagged { state, keywords } = Name::parse(name, Place::Cur).flagged;
    state.letter_flags(keywords)
}

/// The name in cur/ of the same letter with other flags.
pub(crate) fn name_with(name: &[u8], flags: LetterFlags) -> Vec<u8> {
    let Name { stored, flagged } = Name::parse(name, Place::Cur);
    with_flags(stored, flagged, flags.system, flags.keywords)
}

impl State {
    pub(super) fn letter_flags(self, keywords: u64) -> LetterFlags {
        LetterFlags { system: self.flags(), keywords }
    }
}
