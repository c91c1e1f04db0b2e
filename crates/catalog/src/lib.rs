//! A folder's letters as a list wants them: what each says is read out of it once, remembered in the folder's cache, and
//! indexed. IMAP serves what is in the cache as it stands, so one piece of code writes it, whoever has opened the folder.
//!
//! | looking for | it is in |
//! |---|---|
//! | the folders of a mailbox; who may write in one | [`Catalog`] |
//! | a folder: its list, what is done with letters | [`Folder`], `kept`, `plain` |
//! | a list's order; what it shows of a letter | [`Head`], [`RawRow`] |
//! | what is read out of a letter once, and cached | [`facts`] |
//! | reading letters: by several threads, and no more of each than is wanted | [`read`] |
//! | ids that a letter keeps wherever it is copied | [`object_id`] |
//! | a cache made anew from the files | [`fill()`] |
//! | texts of letters, indexed | [`index`] |
//! | what is looked for, as mutt's users type it | [`pattern`] |
//! | letters that are like a pattern | [`Search`] |
//! | a conversation's letters, in whatever folders | [`Related`] |
//! | limits | [`limits`] |
//!
//! All calls block; callers choose the thread.
#![forbid(unsafe_code)]

mod catalog;
mod copy;
mod error;
pub mod facts;
mod fill;
mod folder;
pub mod fuzz;
pub mod index;
mod kept;
pub mod limits;
pub mod object_id;
mod order;
pub mod pattern;
mod plain;
pub mod read;
mod related;
mod row;
mod search;
pub mod threads;

#[cfg(test)]
mod tests;

pub use catalog::Catalog;
pub use error::CatalogError;
pub use fill::fill;
pub use folder::{Changed, Folder, WhyPlain};
pub use index::ToIndex;
pub use order::{Head, Marks, Order};
pub use read::{LetterFile, read_some};
pub use related::Related;
pub use row::{Person, RawRow};
pub use search::{Judge, Letters, Numbered, Search, Step, Told, Who, is_like};
