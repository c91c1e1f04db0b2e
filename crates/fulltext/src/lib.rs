//! An index that says which letters can't have a text in them: the file `postroad-text` in a folder, which anybody may
//! delete at any moment (`docs/decisions/0006-full-text.md`).
//!
//! IMAP searches for substrings (RFC 9051 §6.4.4), so the index is of three octets each: all that follow each other in a
//! letter's texts, decoded and folded as `postroad_message` does for a search. A letter in which one of a needle's is
//! missing hasn't got the needle. All others are read, and what they say is what counts: a result is the same with
//! the index, without it, and with half of it.
//!
//! ```text
//! letter ─▶ Signature ─▶ Batch (a thousand letters) ─▶ a segment behind the others      Index::add
//! Needle ─▶ its rows in each segment ─▶ UIDs of letters that haven't got it             Index::lacking
//! ```
//!
//! | looking for | it is in |
//! |---|---|
//! | which three octets are which row | `rows` |
//! | letters that are written together, and how | `batch` |
//! | the file's format, and reading it | `segment` |
//! | the file: opening, appending, writing it anew; who may when | `index` |
//! | limits | `limits` |
//!
//! Nothing is synced, and nothing is believed that its checksum doesn't fit: a file that is damaged goes, and is made anew. All calls block; callers choose the thread.
#![forbid(unsafe_code)]

mod batch;
pub mod fuzz;
mod index;
mod letters;
mod limits;
mod rows;
mod segment;

#[cfg(test)]
mod tests;

pub use batch::Batch;
pub use index::{FILE, Index, Told};
pub use limits::{SEGMENT_LETTERS_MAX, SMALL_SEGMENTS_TO_SPARE};
pub use rows::Signature;
