//! What a letter says of itself, as a function of its octets: no disk, no clock.
//!
//! | looking for | it is in |
//! |---|---|
//! | who wrote to whom, when, about what (RFC 9051 §2.3.5) | [`Envelope`], [`Address`] |
//! | what it is made of, and where each part stands (RFC 9051 §7.5.2, RFC 2045, RFC 2046) | [`Part`], [`Body`] |
//!
//! Octets are taken as they are stored: lines end in LF or CRLF, or in either by turns. Offsets are into
//! those octets; sizes are as on the wire, where every line ends in CRLF. Text is raw, encoded words and all.
#![forbid(unsafe_code)]

mod envelope;
mod structure;

pub use envelope::{Address, Envelope};
pub use structure::{Body, Disposition, Part, Text};
