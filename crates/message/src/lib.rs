//! What a letter says of itself, as a function of its octets: no disk, no clock.
//!
//! | looking for | it is in |
//! |---|---|
//! | who wrote to whom, when, about what (RFC 9051 §2.3.5) | [`Envelope`], [`Address`] |
//! | what it is made of, and where each part stands (RFC 9051 §7.5.2, RFC 2045, RFC 2046) | [`Part`], [`Body`] |
//! | a part by its number, and what of it is fetched (RFC 9051 §6.4.5.1) | [`Part::section`], [`Section`], [`Part::binary`] |
//! | what it says, as text; one text in many letters (RFC 9051 §6.4.4, RFC 5051) | [`texts`], [`Part::text`], [`Part::preview`], [`Needle`], [`field_texts`], [`casemap`] |
//! | a header's value with its encoded words read (RFC 2047) | [`decoded`] |
//! | when it was sent (RFC 5322 §3.3) | [`SentDate`] |
//! | the order of letters (RFC 5256, RFC 5957) | [`sort`], [`BaseSubject`] |
//! | letters as conversations (RFC 5256) | [`Threads`], [`MessageId`] |
//! | all of this at once, for a cache | [`Summary`], [`HeaderSummary`] |
//! | octets as on the wire | [`wire`] |
//! | every limit | [`limits`] |
//!
//! Octets are taken as they are stored: lines end in LF or CRLF, or in either by turns. Offsets are into
//! those octets; sizes are as on the wire, where every line ends in CRLF. Text is raw, encoded words and all.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

mod address;
pub mod casemap;
mod charset;
mod date;
mod envelope;
mod field_texts;
#[doc(hidden)]
pub mod fuzz;
mod html;
mod ids;
mod lexical;
pub mod limits;
mod needle;
mod parameters;
mod section;
pub mod sort;
mod structure;
mod subject;
mod summary;
mod text;
mod thread;
mod transfer;
pub mod wire;
mod words;

pub use address::Address;
pub use date::SentDate;
pub use envelope::Envelope;
pub use field_texts::{field_texts, kept_values};
pub use ids::MessageId;
pub use needle::Needle;
pub use section::{BinaryError, Section};
pub use structure::{Body, Disposition, Part, Text};
pub use subject::{BaseSubject, Origin};
pub use summary::{Attachments, HeaderSummary, Summary};
pub use text::{Scope, field_values, texts};
pub use thread::{Node, Threadable, Threads};
pub use words::decoded;
