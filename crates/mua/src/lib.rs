//! The user agent: composes, sends, lists, reads, answers; and stands in for `mail` and `sendmail`.
//!
//! | looking for | it is in |
//! |---|---|
//! | what a terminal may be shown (rows U01, U02) | [`safe_text`], [`screen`] |
//! | settings, login, who the caller is | [`account`], [`password`] |
//! | from a draft to a letter | [`compose`] |
//! | from a message to a page or a list | [`render`] |
#![forbid(unsafe_code)]

pub mod account;
pub mod compose;
mod identity;
pub mod limits;
pub mod password;
pub mod render;
pub mod safe_text;
pub mod screen;
