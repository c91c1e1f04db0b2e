//! What a script may know beside the message: who sent it, to whom, when, and what there is around.

use std::fmt;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// What a run is told. Nothing else comes in: the same script, message and facts give the same outcome.
pub struct Facts<'a> {
    /// MAIL FROM; empty for the null reverse-path. `None` where the caller has no envelope.
    pub envelope_from: Option<&'a str>,
    /// The RCPT TO that led here.
    pub envelope_to: Option<&'a str>,
    /// The time, in the user's zone.
    pub now: Zoned,
    /// What parts user and detail in a local part, as the mail system has it; empty for nothing (RFC 5233 §4).
    pub detail_separator: &'a str,
    /// Whether to say step by step what was found.
    pub tracing: Tracing,
}

/// Whether a run is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tracing {
    /// Only what is to be done.
    #[default]
    Off,
    /// Each test and command, for `sieve test`.
    On,
}

impl Default for Facts<'_> {
    fn default() -> Self {
        Self {
            envelope_from: None,
            envelope_to: None,
            now: Zoned::new(Timestamp::UNIX_EPOCH, TimeZone::UTC),
            detail_separator: "+",
            tracing: Tracing::Off,
        }
    }
}

impl fmt::Debug for Facts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Facts").field("from", &self.envelope_from).finish_non_exhaustive()
    }
}
