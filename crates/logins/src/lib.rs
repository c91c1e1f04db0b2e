//! Who may log in: what all agents ask that take logins. Passwords are checked few at a time; guessing is slowed and
//! banned, and nobody's account is locked by others who guess at it (row S35).
//!
//! | looking for | it is in |
//! |---|---|
//! | what an agent asks | [`Logins`] |
//! | who waits, and who is turned away | `guessing` |
//! | access tokens of an issuer | `tokens` |
//! | users and their hashes | `postroad_accounts` |
//! | the words on the wire | `postroad_protocol::sasl` |
//!
//! Each process remembers for itself who guesses: a stop forgets it.
#![forbid(unsafe_code)]

mod guessing;
pub mod limits;
mod logins;
mod tokens;

pub use guessing::Network;
pub use logins::{By, Client, LoggedIn, Logins, Prepared, Refusal, Verdict};
pub use tokens::TokensError;
