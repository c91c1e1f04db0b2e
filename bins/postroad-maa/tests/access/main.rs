//! The access agent with real sockets and real processes for its users.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod host;
mod imap;
mod managesieve;
mod parking;
mod pop3;
mod workers;
