//! A folder's letters as a list wants them: what each says is read out of it once, remembered in the folder's cache, and
//! indexed. IMAP serves what is in the cache as it stands, so one piece of code writes it, whoever has opened the folder.
//!
//! | looking for | it is in |
//! |---|---|
//! | what is read out of a letter once, and cached | [`facts`] |
//! | reading letters: by several threads, and no more of each than is wanted | [`read`] |
//! | ids that a letter keeps wherever it is copied | [`object_id`] |
//! | a cache made anew from the files | [`fill()`] |
//! | texts of letters, indexed | [`index`] |
//! | limits | [`limits`] |
//!
//! All calls block; callers choose the thread.
#![forbid(unsafe_code)]

pub mod facts;
mod fill;
pub mod index;
pub mod limits;
pub mod object_id;
pub mod read;

pub use fill::fill;
pub use read::{LetterFile, read_some};
