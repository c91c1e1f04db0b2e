//! The protocol that all Postroad agents share: what mail is on the wire, without a socket, a clock or
//! a disk.
//!
//! | looking for | it is in |
//! |---|---|
//! | addresses, paths, domains (RFC 5321 §4.1.2) | [`address`] |
//! | reverse-path, recipients, DSN parameters (RFC 5321 §2.3.1, RFC 3461) | [`envelope`] |
//! | reply codes and enhanced status codes (RFC 5321 §4.2, RFC 3463) | [`reply`] |
//! | a session with a server: replies in, commands out (RFC 5321, RFC 2033) | [`client`] |
//! | commands as a server reads them (RFC 5321 §4.1.1) | [`command`] |
//! | content: dot-stuffing, line ends, chunks (RFC 5321 §4.5.2, RFC 3030) | [`data`] |
//! | header fields, found without copying (RFC 5322 §2.2) | [`header`] |
//! | encoded words that parsers are kept from (RFC 2047) | [`encoded_words`] |
//! | `Received`, `Return-Path`, `Delivered-To` (RFC 5321 §4.4) | [`trace_fields`] |
//! | logins: PLAIN, LOGIN, SCRAM, tokens (RFC 4422, RFC 4616, RFC 5802, RFC 7628) | [`sasl`] |
//! | the server's side of a session: SMTP, submission, LMTP (RFC 5321, RFC 6409, RFC 2033) | [`server`] |
//! | notices to senders: bounces, delays, successes (RFC 3461, RFC 3464, RFC 6533) | [`dsn`] |
//! | every limit and timeout, with its section | [`limits`] |
//!
//! Everything here is sans-IO: bytes, time and answers go in, steps come out.
#![forbid(unsafe_code)]

pub mod address;
pub mod client;
pub mod command;
pub mod data;
pub mod dsn;
pub mod encoded_words;
pub mod envelope;
#[doc(hidden)]
pub mod fuzz;
pub mod header;
pub mod limits;
mod quoted_printable;
pub mod reply;
pub mod sasl;
pub mod server;
pub mod trace_fields;
mod xtext;
