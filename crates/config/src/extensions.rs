//! `maa.imap_extensions`: what IMAP offers beyond itself, switched; for all users, or in the file of users for one.

use std::fmt;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::explain;

/// All that can be switched, by the names of their capabilities.
pub const IMAP_EXTENSIONS: [&str; 39] = [
    "IMAP4REV2",
    "ID",
    "ENABLE",
    "IDLE",
    "NAMESPACE",
    "UIDPLUS",
    "UNSELECT",
    "LIST-EXTENDED",
    "LIST-STATUS",
    "SPECIAL-USE",
    "MOVE",
    "MULTIAPPEND",
    "CATENATE",
    "REPLACE",
    "APPENDLIMIT",
    "STATUS=SIZE",
    "ESEARCH",
    "SEARCHRES",
    "PARTIAL",
    "WITHIN",
    "SORT",
    "THREAD",
    "I18NLEVEL=1",
    "INPROGRESS",
    "COMPRESS",
    "NOTIFY",
    "ACL",
    "METADATA",
    "QUOTA",
    "CONDSTORE",
    "QRESYNC",
    "BINARY",
    "OBJECTID",
    "SAVEDATE",
    "PREVIEW",
    "UTF8=ACCEPT",
    "UIDONLY",
    "MESSAGELIMIT",
    "SAVELIMIT",
];

/// Those of them that are there for whom they are switched on, and for nobody else: Outlook fails where it sees UIDONLY
/// (RFC 9586), and clients that don't know the limits of RFC 9738 take a part of their letters for all.
pub const IMAP_EXTENSIONS_UNLESS_ASKED: [&str; 3] = ["UIDONLY", "MESSAGELIMIT", "SAVELIMIT"];

/// Those of them that are a number of letters: `+MESSAGELIMIT=5000`.
const WITH_A_LIMIT: [&str; 2] = ["MESSAGELIMIT", "SAVELIMIT"];

/// Letters, where such a one is switched on and no number is said.
pub const IMAP_LETTERS_LIMIT: NonZeroU32 = NonZeroU32::new(1000).unwrap();

/// One that is switched: `-NOTIFY` or `+NOTIFY`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImapSwitch {
    /// One of [`IMAP_EXTENSIONS`].
    pub extension: String,
    /// Which way.
    pub to: SwitchedTo,
}

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SwitchedTo {
    /// `+`
    On,
    /// `-`
    Off,
    /// `+MESSAGELIMIT=1000`: on, with so many letters.
    Limit(NonZeroU32),
}

/// The text switches nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" switches no extension of IMAP{hint}", hint = self.hint())]
pub struct ImapSwitchError(String);

impl ImapSwitchError {
    fn hint(&self) -> String {
        let text = self.0.trim().to_ascii_uppercase();
        let sign = if text.starts_with('+') { '+' } else { '-' };
        match explain::nearest_of(text.trim_start_matches(['+', '-']), &IMAP_EXTENSIONS) {
            Some(near) => format!(
                " (did you mean \"{sign}{near}\"?): write \"-NAME\" for off and \"+NAME\" for on"
            ),
            None => format!(
                ": write \"-NAME\" for off and \"+NAME\" for on (\"+MESSAGELIMIT=1000\" with a number), with one of {}",
                IMAP_EXTENSIONS.join(", ")
            ),
        }
    }
}

impl TryFrom<String> for ImapSwitch {
    type Error = ImapSwitchError;

    fn try_from(text: String) -> Result<Self, ImapSwitchError> {
        let upper = text.trim().to_ascii_uppercase();
        let (to, name) = match (upper.strip_prefix('+'), upper.strip_prefix('-')) {
            (Some(name), _) => (SwitchedTo::On, name),
            (None, Some(name)) => (SwitchedTo::Off, name),
            (None, None) => return Err(ImapSwitchError(text)),
        };
        let (name, number) = match name.split_once('=') {
            Some((name, number)) if WITH_A_LIMIT.contains(&name) => (name, Some(number)),
            _ => (name, None),
        };
        let to = match (to, number.map(str::parse)) {
            (SwitchedTo::Off, Some(_)) | (_, Some(Err(_))) => return Err(ImapSwitchError(text)),
            (_, Some(Ok(letters))) => SwitchedTo::Limit(letters),
            (SwitchedTo::On, None) if WITH_A_LIMIT.contains(&name) => {
                SwitchedTo::Limit(IMAP_LETTERS_LIMIT)
            }
            (to, None) => to,
        };
        match IMAP_EXTENSIONS.contains(&name) {
            true => Ok(Self { extension: name.to_owned(), to }),
            false => Err(ImapSwitchError(text)),
        }
    }
}

impl From<ImapSwitch> for String {
    fn from(switch: ImapSwitch) -> Self {
        switch.to_string()
    }
}

impl fmt::Display for ImapSwitch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to {
            SwitchedTo::On => write!(f, "+{}", self.extension),
            SwitchedTo::Off => write!(f, "-{}", self.extension),
            SwitchedTo::Limit(letters) => write!(f, "+{}={letters}", self.extension),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_is_told_what_was_meant() {
        for (text, wanted) in [
            ("-NOTFY", "did you mean \"-NOTIFY\"?"),
            ("notify", "did you mean \"-NOTIFY\"?"),
            ("+condstor", "did you mean \"+CONDSTORE\"?"),
            ("-MESSAGELIMIT=5", "did you mean \"-MESSAGELIMIT\"?"),
            ("-STARTTLS", "with one of IMAP4REV2, ID, "),
            ("", "with one of IMAP4REV2, ID, "),
        ] {
            let error = ImapSwitch::try_from(text.to_owned()).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
        }
    }

    #[test]
    fn switches_are_signs_and_names() {
        for (text, wanted) in [
            ("-NOTIFY", Some(("NOTIFY", SwitchedTo::Off))),
            (" +compress ", Some(("COMPRESS", SwitchedTo::On))),
            ("-UTF8=ACCEPT", Some(("UTF8=ACCEPT", SwitchedTo::Off))),
            ("+uidonly", Some(("UIDONLY", SwitchedTo::On))),
            ("+MESSAGELIMIT", Some(("MESSAGELIMIT", SwitchedTo::Limit(IMAP_LETTERS_LIMIT)))),
            ("+SAVELIMIT=50", Some(("SAVELIMIT", SwitchedTo::Limit(NonZeroU32::new(50).unwrap())))),
            ("-MESSAGELIMIT", Some(("MESSAGELIMIT", SwitchedTo::Off))),
            ("-MESSAGELIMIT=5", None),
            ("+MESSAGELIMIT=0", None),
            ("+MESSAGELIMIT=", None),
            ("+MESSAGELIMIT=5=5", None),
            ("+NOTIFY=5", None),
            ("NOTIFY", None),
            ("-", None),
            ("--NOTIFY", None),
            ("-IMAP4REV1", None),
            ("-STARTTLS", None),
            ("", None),
        ] {
            let switch = ImapSwitch::try_from(text.to_owned()).ok();
            let got = switch.as_ref().map(|switch| (switch.extension.as_str(), switch.to));
            assert_eq!(got, wanted, "{text}");
            if let Some(switch) = switch {
                assert_eq!(ImapSwitch::try_from(switch.to_string()), Ok(switch));
            }
        }
    }
}
