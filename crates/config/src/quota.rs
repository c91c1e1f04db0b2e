//! `[mda.quota]`: what a mailbox may hold, and what is said when it is full.

use std::time::Duration;

use serde::Deserialize;

use crate::units;

/// `[mda.quota]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MailboxQuota {
    /// Octets of all letters of one user; 0: what the mailbox says itself, else any number.
    #[serde(deserialize_with = "units::size")]
    pub storage: u64,
    /// Letters of one user; 0 likewise.
    pub letters: u64,
    /// Octets by which the last letter may make a mailbox larger than it should be.
    #[serde(deserialize_with = "units::size")]
    pub last_letter: u64,
    /// How letters for a full mailbox are refused.
    pub over: OverQuota,
    /// Percentages at which the user is told.
    pub warn_at: Vec<u64>,
}

impl MailboxQuota {
    /// Octets and letters that a mailbox may hold, where anybody says so; 0 for any number. `octets` and `letters` are what
    /// the file of users says of its user, which comes first.
    pub fn of(&self, octets: Option<u64>, letters: Option<u64>) -> Option<(u64, u64)> {
        let said = |rule: Option<u64>, general: u64| rule.or((general > 0).then_some(general));
        let (octets, letters) = (said(octets, self.storage), said(letters, self.letters));
        let is_said = octets.is_some() || letters.is_some();
        is_said.then(|| (octets.unwrap_or(0), letters.unwrap_or(0)))
    }
}

/// How letters for a full mailbox are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum OverQuota {
    /// `temporary`: 452 4.2.2, for as long as others like to try.
    Temporary,
    /// `permanent`: 552 5.2.2.
    Permanent,
    /// `7d`: the one, and when the mailbox has been full for so long the other.
    TemporaryFor(Duration),
}

/// The text says no such thing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a full mailbox is \"temporary\", \"permanent\", or temporary for a while: write that, as in \"7d\""
)]
pub struct OverQuotaError;

impl TryFrom<String> for OverQuota {
    type Error = OverQuotaError;

    fn try_from(text: String) -> Result<Self, OverQuotaError> {
        match text.as_str() {
            "temporary" => Ok(Self::Temporary),
            "permanent" => Ok(Self::Permanent),
            text => units::parse_duration(text).map(Self::TemporaryFor).map_err(|_| OverQuotaError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_to_refuse() {
        let days = |days: u64| OverQuota::TemporaryFor(Duration::from_secs(days * 24 * 60 * 60));
        for (text, over) in [
            ("temporary", Some(OverQuota::Temporary)),
            ("permanent", Some(OverQuota::Permanent)),
            ("7d", Some(days(7))),
            ("0s", Some(days(0))),
            ("", None),
            ("never", None),
            ("7", None),
        ] {
            assert_eq!(OverQuota::try_from(text.to_owned()).ok(), over, "{text:?}");
        }
    }
}
