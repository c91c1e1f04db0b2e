//! Commands as a server reads them (RFC 5804 §2).

use crate::name::ScriptName;
use crate::receive::Word;

/// A command.
#[derive(Clone, PartialEq, Eq)]
pub enum Command {
    /// `AUTHENTICATE` (§2.1)
    Authenticate {
        /// As it came.
        mechanism: String,
        /// The initial response, in base64.
        initial: Option<Vec<u8>>,
    },
    /// `STARTTLS` (§2.2)
    StartTls,
    /// `LOGOUT` (§2.3)
    Logout,
    /// `CAPABILITY` (§2.4)
    Capability,
    /// `HAVESPACE` (§2.5)
    HaveSpace {
        /// Of the script.
        name: ScriptName,
        /// Its length.
        octets: u32,
    },
    /// `PUTSCRIPT` (§2.6)
    PutScript {
        /// Of the script.
        name: ScriptName,
        /// What it says.
        text: Vec<u8>,
    },
    /// `LISTSCRIPTS` (§2.7)
    ListScripts,
    /// `SETACTIVE` (§2.8); none makes none active.
    SetActive(Option<ScriptName>),
    /// `GETSCRIPT` (§2.9)
    GetScript(ScriptName),
    /// `DELETESCRIPT` (§2.10)
    DeleteScript(ScriptName),
    /// `RENAMESCRIPT` (§2.11.1)
    RenameScript {
        /// Its name up to now.
        from: ScriptName,
        /// Its name from now on.
        to: ScriptName,
    },
    /// `CHECKSCRIPT` (§2.12)
    CheckScript(Vec<u8>),
    /// `NOOP` (§2.13)
    Noop(Option<Vec<u8>>),
    /// `UNAUTHENTICATE` (§2.14.1)
    Unauthenticate,
}

/// Why words are no command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandError {
    /// No command of ours.
    Unknown,
    /// A command with arguments that it doesn't take.
    Arguments,
    /// A script's name that can't be one here.
    Name,
}

impl Command {
    pub(crate) fn of(words: Vec<Word>) -> Result<Self, CommandError> {
        let mut words = words.into_iter();
        let Some(Word::Atom(name)) = words.next() else { return Err(CommandError::Unknown) };
        let arguments: Vec<Word> = words.collect();
        let name = name.to_ascii_uppercase();
        match (name.as_str(), arguments.as_slice()) {
            ("STARTTLS", []) => Ok(Self::StartTls),
            ("LOGOUT", []) => Ok(Self::Logout),
            ("CAPABILITY", []) => Ok(Self::Capability),
            ("LISTSCRIPTS", []) => Ok(Self::ListScripts),
            ("UNAUTHENTICATE", []) => Ok(Self::Unauthenticate),
            ("NOOP", []) => Ok(Self::Noop(None)),
            ("NOOP", [Word::String(tag)]) => Ok(Self::Noop(Some(tag.clone()))),
            ("AUTHENTICATE", [Word::String(mechanism), rest @ ..]) => authenticate(mechanism, rest),
            ("HAVESPACE", [Word::String(name), Word::Number(octets)]) => {
                Ok(Self::HaveSpace { name: script(name)?, octets: *octets })
            }
            ("PUTSCRIPT", [Word::String(name), Word::String(text)]) => {
                Ok(Self::PutScript { name: script(name)?, text: text.clone() })
            }
            ("SETACTIVE", [Word::String(name)]) if name.is_empty() => Ok(Self::SetActive(None)),
            ("SETACTIVE", [Word::String(name)]) => Ok(Self::SetActive(Some(script(name)?))),
            ("GETSCRIPT", [Word::String(name)]) => Ok(Self::GetScript(script(name)?)),
            ("DELETESCRIPT", [Word::String(name)]) => Ok(Self::DeleteScript(script(name)?)),
            ("RENAMESCRIPT", [Word::String(from), Word::String(to)]) => {
                Ok(Self::RenameScript { from: script(from)?, to: script(to)? })
            }
            ("CHECKSCRIPT", [Word::String(text)]) => Ok(Self::CheckScript(text.clone())),
            (
                "STARTTLS" | "LOGOUT" | "CAPABILITY" | "LISTSCRIPTS" | "NOOP" | "AUTHENTICATE"
                | "HAVESPACE" | "PUTSCRIPT" | "SETACTIVE" | "GETSCRIPT" | "DELETESCRIPT"
                | "RENAMESCRIPT" | "CHECKSCRIPT" | "UNAUTHENTICATE",
                _,
            ) => Err(CommandError::Arguments),
            _ => Err(CommandError::Unknown),
        }
    }
}

fn authenticate(mechanism: &[u8], rest: &[Word]) -> Result<Command, CommandError> {
    let mechanism = String::from_utf8_lossy(mechanism).into_owned();
    match rest {
        [] => Ok(Command::Authenticate { mechanism, initial: None }),
        [Word::String(initial)] => {
            Ok(Command::Authenticate { mechanism, initial: Some(initial.clone()) })
        }
        _ => Err(CommandError::Arguments),
    }
}

fn script(name: &[u8]) -> Result<ScriptName, CommandError> {
    ScriptName::parse(name).ok_or(CommandError::Name)
}
