//! Values that commands and responses share: each is what its grammar allows, and nothing else.

mod date;
mod flag;
mod mailbox;
mod sequence;
mod tag;
mod url;
mod utf7;

pub use date::{Date, DateTime};
pub use flag::{Flag, Keyword};
pub use mailbox::{MailboxName, NameEncoding, Pattern};
pub use sequence::{Number, Numbers, SequenceSet, Set};
pub use tag::{Secret, Tag};
pub use url::MessageUrl;
