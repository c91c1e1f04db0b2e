//! ManageSieve (RFC 5804), the server's side, sans-IO: octets, time and answers go in, steps come out.
//!
//! | looking for | it is in |
//! |---|---|
//! | a connection, from its greeting to its end | [`server`] |
//! | commands | [`command`] |
//! | octets that become a command | `receive` |
//! | names of scripts | [`name`] |
//! | what is said | `response` |
//! | every limit and timeout | [`limits`] |
//!
//! Whether a script is one, and where scripts lie, is asked of the shell.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

pub mod command;
#[doc(hidden)]
pub mod fuzz;
pub mod limits;
pub mod name;
mod receive;
mod response;
pub mod server;
