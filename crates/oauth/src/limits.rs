//! Every limit and wait, with its unit and its reason.

use std::time::Duration;

/// Octets of an answer; tokens of some providers have several thousand, metadata some more.
pub const ANSWER_OCTETS_MAX: usize = 64 * 1024;
/// Octets of a URL of an endpoint.
pub const URL_OCTETS_MAX: usize = 2_048;
/// Octets of a token; a line of SASL has 12,288 in base64 (RFC 4954 §4).
pub const TOKEN_OCTETS_MAX: usize = 8 * 1024;
/// Octets of what a browser asks for, up to its empty line.
pub const REQUEST_OCTETS_MAX: usize = 16 * 1024;
/// Characters of an error's description that are shown.
pub const DESCRIPTION_CHARS_MAX: usize = 300;
/// Octets of a code that a person types.
pub const USER_CODE_OCTETS_MAX: usize = 64;
/// How often is asked whether the user has said yes, where the server doesn't say (RFC 8628 §3.2).
pub const INTERVAL: Duration = Duration::from_secs(5);
/// How much less often once it was too often (RFC 8628 §3.5).
pub const SLOWER_BY: Duration = Duration::from_secs(5);
/// A server can't have us wait longer than this between two questions.
pub const INTERVAL_MAX: Duration = Duration::from_secs(60);
/// A code for another device is asked for no longer than this, however long the server says that it lasts.
pub const DEVICE_PATIENCE_MAX: Duration = Duration::from_secs(30 * 60);
