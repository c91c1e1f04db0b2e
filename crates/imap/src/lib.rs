//! IMAP (RFC 9051, RFC 3501), both sides, without a socket, a clock or a disk: octets go in, commands and responses
//! come out.
//!
//! | looking for | it is in |
//! |---|---|
//! | commands out of a client's octets, messages piece by piece | [`receive`] |
//! | responses out of a server's octets, and what a client sends | [`client`] |
//! | a command and its grammar, one file for each group | [`command`] |
//! | a response and its grammar, one file for each group | [`response`] |
//! | ENVELOPE, BODYSTRUCTURE and lines of FETCH, straight into a buffer | [`encode`] |
//! | tags, flags, sets of numbers, names of mailboxes, dates | [`value`] |
//! | a connection until somebody is logged in | [`server`] |
//! | lines, and sizes of literals at their ends | `line.rs` |
//! | every limit | [`limits`] |
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

pub mod client;
pub mod command;
pub mod encode;
#[doc(hidden)]
pub mod fuzz;
pub mod limits;
mod line;
pub mod receive;
pub mod response;
mod scan;
pub mod server;
pub mod value;
mod write;

pub use scan::SyntaxError;
pub use value::NameEncoding;
pub use write::Quoting;
