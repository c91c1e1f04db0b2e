//! The words of a command line, read as each [`Personality`] has them (POSIX's utility syntax, guidelines 3 to
//! 10: letters may stand together, a value may follow its letter at once).
//!
//! Values come from envelopes: they may be empty, begin with `-` or hold anything (row M07). Once a value is
//! asked for, the next word is that value whatever it looks like, and no word is ever dropped.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use super::call::{AddedField, Call, MissingFolder, Repeated};
use super::flags::{Flag, Meaning, NamedWhat, What};
use super::personality::Personality;
use crate::limits;
use crate::mailbox::MissingMailbox;

/// What the caller wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// One letter filed.
    Delivery(Box<Call>),
    /// One letter filed for each of several users.
    Deliveries(Box<Call>, Vec<String>),
    /// LMTP on standard input and output, by these settings.
    Lmtp(Option<PathBuf>),
    /// Told what the flags are.
    Help(Personality),
    /// Told which version it is.
    Version,
}

/// A command line that can't be followed: what is wrong, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {problem}", personality.name())]
pub struct Misuse {
    personality: Personality,
    problem: String,
}

/// Reads the words behind the program's name. `--as NAME` in front of all others makes it another one's.
///
/// # Errors
/// The first word that can't be followed.
pub fn read(
    personality: Personality,
    words: impl IntoIterator<Item = OsString>,
) -> Result<Wanted, Misuse> {
    let mut words = words.into_iter().peekable();
    let mut personality = personality;
    while let Some(word) = words.next_if(|word| is_long(word, "as")) {
        let name = long_value(&word, personality, &mut words)?;
        personality = Personality::named(&name).ok_or_else(|| Misuse {
            personality,
            problem: format!(
                "--as {name:?}: known are {}",
                Personality::ALL.map(Personality::name).join(", ")
            ),
        })?;
    }
    let mut reading = Reading::new(personality);
    while let Some(word) = words.next() {
        match word.as_bytes() {
            b"--" => break,
            [b'-', b'-', ..] if !reading.has_strangers_words() => {
                reading.long(&word, &mut words)?;
            }
            [b'-', letter, ..] if *letter != b'-' => {
                reading.letters(word.as_bytes().get(1..).unwrap_or_default(), &mut words)?;
            }
            _ => {
                reading.operands.push(word);
                break;
            }
        }
        if reading.ended {
            break;
        }
    }
    reading.operands.extend(words);
    reading.finish()
}

/// `--name` or `--name=value`
fn is_long(word: &OsStr, name: &str) -> bool {
    let rest =
        word.as_bytes().strip_prefix(b"--").and_then(|word| word.strip_prefix(name.as_bytes()));
    matches!(rest, Some([] | [b'=', ..]))
}

/// Behind `=`, or the next word.
fn long_value(
    word: &OsStr,
    personality: Personality,
    rest: &mut impl Iterator<Item = OsString>,
) -> Result<OsString, Misuse> {
    let at = word.as_bytes().iter().position(|octet| *octet == b'=');
    match at.and_then(|at| word.as_bytes().get(at + 1..)) {
        Some(value) => Ok(OsStr::from_bytes(value).to_owned()),
        None => rest.next().ok_or_else(|| Misuse {
            personality,
            problem: format!("{} has no value", word.to_string_lossy()),
        }),
    }
}

/// What has been read so far.
struct Reading {
    personality: Personality,
    call: Call,
    /// Beside a sender the final recipient, alone the sender.
    r: Option<String>,
    instead: Option<Wanted>,
    /// Words that are no flags, nor values of some.
    operands: Vec<OsString>,
    /// Users behind the first.
    more_users: Vec<String>,
    /// No flag follows any more.
    ended: bool,
}

impl Reading {
    fn new(personality: Personality) -> Self {
        Self {
            personality,
            call: Call::default(),
            r: None,
            instead: None,
            operands: Vec::new(),
            more_users: Vec::new(),
            ended: false,
        }
    }

    /// Behind maildrop's `-d` parts of the address stand as words of their own: `-d ${user} ${extension}`. None of
    /// them is to name our settings (row M07).
    fn has_strangers_words(&self) -> bool {
        self.personality == Personality::Maildrop && self.call.user.is_some()
    }

    fn misuse(&self, problem: impl Into<String>) -> Misuse {
        Misuse { personality: self.personality, problem: problem.into() }
    }

    fn long(
        &mut self,
        word: &OsStr,
        rest: &mut impl Iterator<Item = OsString>,
    ) -> Result<(), Misuse> {
        if is_long(word, "config") {
            self.call.config = Some(long_value(word, self.personality, rest)?.into());
        } else if word == "--again" && self.personality == Personality::Postroad {
            self.call.repeated = Repeated::Stored;
        } else if word == "--help" {
            self.instead = Some(Wanted::Help(self.personality));
        } else if word == "--version" {
            self.instead = Some(Wanted::Version);
        } else if is_long(word, "as") {
            return Err(self.misuse("--as has to come before all other flags"));
        } else {
            return Err(self.unknown(&word.to_string_lossy()));
        }
        Ok(())
    }

    fn unknown(&self, flag: &str) -> Misuse {
        let name = self.personality.name();
        let help = match self.personality {
            Personality::Postroad => "postroad-mda --help".to_owned(),
            _ => format!("postroad-mda --as {name} --help"),
        };
        self.misuse(format!(
            "unknown flag {flag:?}: take it out, \"{help}\" lists those that are known"
        ))
    }

    /// Letters that stand together; the value of the first that takes one is what follows it, or the next word.
    fn letters(
        &mut self,
        mut letters: &[u8],
        rest: &mut impl Iterator<Item = OsString>,
    ) -> Result<(), Misuse> {
        while let Some((letter, following)) = letters.split_first() {
            letters = following;
            let flags = self.personality.flags();
            let Some(flag) = flags.iter().find(|flag| flag.letter == *letter) else {
                let shown = String::from_utf8_lossy(&[b'-', *letter]).into_owned();
                return Err(self.unknown(&shown));
            };
            let shown = char::from(flag.letter);
            let value = match flag.value {
                None => OsString::new(),
                Some(_) if !following.is_empty() => {
                    OsString::from_vec(std::mem::take(&mut letters).to_vec())
                }
                Some(value) => rest.next().ok_or_else(|| {
                    self.misuse(format!("-{shown} has no value: it takes {value}"))
                })?,
            };
            match flag.what {
                What::Done(meaning) => self.set(flag, meaning, value)?,
                What::NoEffect => {}
                What::Refused => {
                    let says = flag.says;
                    return Err(self.misuse(format!("-{shown} can't be followed: {says}")));
                }
            }
        }
        Ok(())
    }

    fn set(&mut self, flag: &Flag, meaning: Meaning, value: OsString) -> Result<(), Misuse> {
        // What isn't UTF-8 can't be a user or an address; it is told apart by its replacement characters.
        let text = value.to_string_lossy().into_owned();
        match meaning {
            Meaning::Settings if !text.ends_with(".toml") => {
                return Err(self.misuse(format!("-c {text:?} can't be followed: {}", flag.says)));
            }
            Meaning::Settings => self.call.config = Some(value.into()),
            Meaning::User => {
                self.call.user = Some(text);
                self.ended = self.personality == Personality::Procmail;
            }
            Meaning::Argument => self.argument(text),
            Meaning::OriginalRecipient => self.call.original_recipient = Some(text),
            // As procmail has it: only the date in the From line is to be made anew.
            Meaning::Sender if self.personality == Personality::Procmail && text == "-" => {
                self.call.sender = None;
            }
            Meaning::Sender => self.call.sender = Some(text),
            Meaning::SenderOrFinalRecipient => self.r = Some(text),
            Meaning::FinalRecipient => self.call.final_recipient = Some(text),
            Meaning::Folder => self.call.folder = Some(text),
            Meaning::Field => {
                let field = AddedField::parse(value.as_bytes());
                self.call.fields.push(field.ok_or_else(|| {
                    self.misuse(format!(
                        "-A {text:?} is no header field: give \"Name: value\", one line"
                    ))
                })?);
            }
            Meaning::Letter => self.call.letter = Some(value.into()),
            Meaning::Lmtp => self.instead = Some(Wanted::Lmtp(None)),
            Meaning::Named => self.named(&text)?,
            Meaning::Help => self.instead = Some(Wanted::Help(self.personality)),
            Meaning::Version => self.instead = Some(Wanted::Version),
        }
        Ok(())
    }

    /// Who calls procmail may give several, `$1`, `$2`, …; we know what to do with the first.
    fn argument(&mut self, text: String) {
        let first = self.personality != Personality::Procmail
            || (self.call.original_recipient.is_none() && self.call.extension.is_none());
        match text.contains('@') {
            _ if !first => {}
            true => self.call.original_recipient = Some(text),
            false => self.call.extension = Some(text),
        }
    }

    /// procmail's `NAME=VALUE`, dovecot-lda's `-o NAME=VALUE`.
    fn named(&mut self, text: &str) -> Result<(), Misuse> {
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| self.misuse(format!("{text:?} has no value: NAME=VALUE is wanted")))?;
        let known = self.personality.name_of(name);
        match known.map(|known| (known.what, known.says)) {
            Some((NamedWhat::CreateFolder, _)) => {
                self.call.missing_folder = match value.eq_ignore_ascii_case("yes") {
                    true => MissingFolder::Created,
                    false => MissingFolder::Inbox,
                };
                Ok(())
            }
            Some((NamedWhat::Rules, says)) => self.rules(OsStr::new(value), says),
            Some((NamedWhat::NoEffect, _)) => Ok(()),
            Some((NamedWhat::Refused, says)) => {
                Err(self.misuse(format!("{name:?} can't be set here: {says}")))
            }
            None => Err(self.misuse(format!("{name:?} is not known"))),
        }
    }

    /// A file of rules by its whole path, or the reason against it.
    fn rules(&mut self, file: &OsStr, instead: &str) -> Result<(), Misuse> {
        let path = Path::new(file);
        if path.extension() != Some(OsStr::new("sieve")) {
            return Err(self.misuse(format!("{path:?} can't be followed: {instead}")));
        }
        if !path.is_absolute() {
            return Err(self.misuse(format!("{path:?}: rules are given by their whole path")));
        }
        self.call.rules = Some(path.to_owned());
        Ok(())
    }

    fn finish(mut self) -> Result<Wanted, Misuse> {
        match (self.instead.take(), self.call.config.take()) {
            (Some(Wanted::Lmtp(_)), config) => return Ok(Wanted::Lmtp(config)),
            (Some(wanted), _) => return Ok(wanted),
            (None, config) => self.call.config = config,
        }
        match self.personality {
            Personality::Postroad | Personality::DovecotLda => {
                if let Some(word) = self.operands.first() {
                    return Err(self.misuse(format!(
                        "{word:?} belongs to no flag: say what it is (-d for a user, -m for a folder)"
                    )));
                }
            }
            Personality::Procmail => {
                self.call.missing_mailbox = MissingMailbox::File;
                self.operands_of_procmail()?;
            }
            Personality::Maildrop => self.operands_of_maildrop()?,
        }
        match (self.r.take(), &self.call.sender) {
            (None, _) => {}
            (r, Some(_)) => self.call.final_recipient = r,
            (r, None) => self.call.sender = r,
        }
        self.call.left_behind = self.personality.rules_file();
        match (self.call.user.take(), self.more_users) {
            (Some(first), more) if !more.is_empty() => {
                let users = std::iter::once(first).chain(more).collect();
                Ok(Wanted::Deliveries(Box::new(self.call), users))
            }
            (user, _) => {
                self.call.user = user;
                Ok(Wanted::Delivery(Box::new(self.call)))
            }
        }
    }

    fn operands_of_procmail(&mut self) -> Result<(), Misuse> {
        let operands = std::mem::take(&mut self.operands);
        if self.call.user.is_some() {
            let users = operands.iter().map(|word| word.to_string_lossy().into_owned());
            self.more_users = users.collect();
            return match self.more_users.len() < limits::ONE_SHOT_USERS_MAX {
                true => Ok(()),
                false => Err(self.misuse(format!(
                    "more than {} recipients behind -d: use LMTP",
                    limits::ONE_SHOT_USERS_MAX
                ))),
            };
        }
        for word in operands {
            match word.as_bytes().contains(&b'=') {
                true => self.named(&word.to_string_lossy())?,
                // Those that follow the first would only be read if that weren't there.
                false if self.call.rules.is_some() => {}
                false => self.rules(
                    &word,
                    "\"postroad-mda import procmail RCFILE\" writes it as Sieve: give that FILE.sieve, or nothing \
                     for the user's own rules",
                )?,
            }
        }
        Ok(())
    }

    fn operands_of_maildrop(&mut self) -> Result<(), Misuse> {
        let mut operands = std::mem::take(&mut self.operands).into_iter();
        if self.call.user.is_none()
            && let Some(filter) = operands.next()
        {
            self.rules(
                &filter,
                "\"postroad-mda import mailfilter FILTER\" writes it as Sieve: give that FILE.sieve, or nothing for \
                 the user's own rules",
            )?;
        }
        if let Some(first) = operands.next() {
            self.argument(first.to_string_lossy().into_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
