//! The user agent: composes, sends, lists, reads, answers; and stands in for `mail` and `sendmail`.
//!
//! | looking for | it is in |
//! |---|---|
//! | what a terminal may be shown (rows U01, U02) | [`safe_text`], [`screen`] |
//! | settings, login, who the caller is | [`account`], [`password`] |
//! | tokens of a provider in place of a password | [`oauth`] |
//! | ways to log in, for all protocols | `sasl` |
//! | from a draft to a letter | [`compose`] |
//! | letters that are being written, on disk | [`drafts`] |
//! | whom the user writes to, and short names | [`people`] |
//! | from a message to a page or a list | [`render`] |
//! | `mailto:` links (row U06) | [`mailto`] |
//! | letters that are signed or encrypted (rows U08 to U10) | [`sealed`]; how: `postroad_seal` |
//! | leaving a list | [`unsubscribe`] |
//! | programs that show what this one doesn't (row U05) | [`mailcap`] |
//! | letters that came back, and which they are | [`bounce`] |
//! | who a letter is really from, and how it travelled | [`trust`] |
//! | the grammars of `mail` and `sendmail` | [`front`] |
//! | what is typed at the prompt of `mail`, and behind `~` | [`mailx`] |
//! | where letters are read: Maildir, mbox, IMAP, POP3 | [`mailbox`]; a client of IMAP: `imap` |
//! | what each command does | `commands` |
//! | the full screen | `full` |
//! | letters on their way out | [`outbox`], [`submission`] |
//! | what was done and can be taken back | [`undo`] |
//! | what `postroad trace` is told | `trace` |
#![forbid(unsafe_code)]

pub mod account;
pub mod bounce;
mod commands;
pub mod compose;
pub mod connect;
pub mod dispatch;
pub mod drafts;
pub mod error;
pub mod front;
mod full;
pub mod fuzz;
mod identity;
mod imap;
pub mod limits;
pub mod mailbox;
pub mod mailcap;
pub mod mailto;
pub mod mailx;
pub mod oauth;
pub mod outbox;
pub mod password;
pub mod people;
pub mod render;
mod sasl;
pub mod screen;
pub mod sealed;
mod sent;
pub mod submission;
mod trace;
mod trial;
pub mod trust;
pub mod undo;
pub mod unsubscribe;

pub use commands::run;
pub use postroad_safetext as safe_text;
pub use postroad_safetext::safe_line;
