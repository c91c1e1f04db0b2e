//! `[maa] pop3_deleted`: what becomes of letters that a POP3 client deletes.

use std::time::Duration;

use serde::Deserialize;

use crate::units;

/// What becomes of letters that a POP3 client deletes. To POP3 they are gone at its QUIT, whatever this says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "String")]
pub enum Pop3Deleted {
    /// `remove`: they are removed at once (RFC 1939 §6).
    #[default]
    Remove,
    /// `14d`: they are removed when so long has passed since they were first fetched, or deleted without that.
    RemoveAfter(Duration),
    /// `keep`: they stay for IMAP.
    Keep,
}

/// The text says no such thing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "what POP3 clients delete is \"remove\", \"keep\", or removed after a while: write that, as in \"14d\""
)]
pub struct Pop3DeletedError;

impl TryFrom<String> for Pop3Deleted {
    type Error = Pop3DeletedError;

    fn try_from(text: String) -> Result<Self, Pop3DeletedError> {
        match text.as_str() {
            "remove" => Ok(Self::Remove),
            "keep" => Ok(Self::Keep),
            text => {
                units::parse_duration(text).map(Self::RemoveAfter).map_err(|_| Pop3DeletedError)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_become_of_letters() {
        let days = |days: u64| Pop3Deleted::RemoveAfter(Duration::from_secs(days * 24 * 60 * 60));
        for (text, deleted) in [
            ("remove", Some(Pop3Deleted::Remove)),
            ("keep", Some(Pop3Deleted::Keep)),
            ("14d", Some(days(14))),
            ("0s", Some(days(0))),
            ("", None),
            ("14", None),
        ] {
            assert_eq!(Pop3Deleted::try_from(text.to_owned()).ok(), deleted, "{text:?}");
        }
    }
}
