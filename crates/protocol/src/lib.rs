//! The protocol that all Postroad agents share: what mail is on the wire, without a socket, a clock or
//! a disk.
//!
//! | looking for | it is in |
//! |---|---|
//! | addresses, paths, domains (RFC 5321 §4.1.2) | [`address`] |
//! | reverse-path, recipients, DSN parameters (RFC 5321 §2.3.1, RFC 3461) | [`envelope`] |
//! | reply codes and enhanced status codes (RFC 5321 §4.2, RFC 3463) | [`reply`] |
//! | a session with a server: replies in, commands out (RFC 5321, RFC 2033) | [`client`] |
//! | every limit and timeout, with its section | [`limits`] |
//!
//! Everything here is sans-IO: bytes, time and answers go in, steps come out.
#![forbid(unsafe_code)]

pub mod address;
pub mod client;
pub mod envelope;
pub mod limits;
pub mod reply;
