//! `[mda.filters]`: where spam filters and virus scanners before us write what they have found.

use serde::Deserialize;

/// `[mda.filters]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Filters {
    /// The header field with the spam filter's score; empty: there is none.
    pub spam_header: String,
    /// The score that stands for "certainly spam".
    pub spam_score_max: u32,
    /// The header field with the virus scanner's verdict; empty: there is none.
    pub virus_header: String,
}

impl Filters {
    /// RFC 5322 §2.2.
    pub(crate) fn is_field_name(name: &str) -> bool {
        name.bytes().all(|octet| matches!(octet, b'!'..=b'~') && octet != b':')
    }
}
