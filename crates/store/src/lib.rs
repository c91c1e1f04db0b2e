//! Writing letters into Maildirs and mailbox files so that none is lost, none is half there and none replaces another.
//!
//! | looking for | it is in |
//! |---|---|
//! | which folders a Maildir has, what a folder may be called | [`Maildir`], [`FolderName`] |
//! | what a letter's file is called; one that isn't shown yet | `file_name`, `tmp_letter` |
//! | a letter on its way: tmp/ → sync → new/ → sync of new/ | [`Courier`], [`Draft`] |
//! | an inbox that is one file (mbox), its locks, torn letters | `mbox`, [`DotLocker`] |
//! | how deliveries at the same time share their syncs | `sync_group`, `pace` |
//! | a delivery that is tried again after its reply was lost | [`Attempt`], [`DeliveryKey`], `ledger`, `listing` |
//! | a letter that is filed already, moved | [`Stored`], [`Courier::refile`] |
//! | flags in a file's name; which letter is which keyword | [`Flags`], `keywords` |
//! | folders: names in UTF-8; listing, making, renaming them; who is subscribed | `folder`, [`Folders`], `subscriptions` |
//! | a folder as IMAP wants it: UIDs, mod-sequences, what others change | [`Mailbox`], `mailbox` |
//! | who may do what with a folder | [`Acl`] |
//! | annotations, what folders are for | [`Metadata`], `special_use` |
//! | what was read out of letters once | [`Cache`] |
//! | a file that is appended to, and that anybody may delete | [`AppendedFile`] |
//! | how many letters each folder has, as long as none changes | [`StatusCache`] |
//! | all but UIDs made anew from the files | [`fsck()`] |
//! | numbers and lists of Dovecot and Courier | [`neighbours`] |
//! | what POP3 clients have fetched, and deleted where that is kept | [`Pop3Letters`] |
//! | what a mailbox may hold: `maildirsize` | [`Quota`], [`Limits`] |
//! | CRLF on the wire, LF in the file | `line_ends` |
//! | what goes wrong, and what a peer is told | [`StoreError`] |
//!
//! What a crash leaves in a Maildir, after each step of [`Draft::deliver`]:
//!
//! | crash after | what is on disk | who cleans up |
//! |---|---|---|
//! | the file was created in tmp/, written, synced | a file in tmp/, or none | [`Courier`] sweeps files older than 36 hours |
//! | it was renamed into new/ | the whole letter, in tmp/ or in new/ | as above; nobody was told that it is there: it comes again, and an [`Attempt`] finds it |
//! | new/ was synced | the whole letter in new/ | - |
//!
//! All calls block; callers choose the thread. The `maildir` crate is the tests' other reader of what is written here.
#![forbid(unsafe_code)]

mod acl;
mod appended;
mod attempt;
mod cache;
mod courier;
mod draft;
mod error;
mod file_draft;
mod file_name;
mod flags;
mod folder;
mod folders;
mod fsck;
pub mod fuzz;
mod key;
mod keywords;
mod ledger;
mod limits;
mod line_ends;
mod listing;
mod mailbox;
mod maildir;
mod mbox;
mod metadata;
pub mod neighbours;
mod pace;
mod pop3_memory;
mod quota;
mod refile;
mod small_file;
mod special_use;
mod status;
mod subscriptions;
mod sync_group;
mod tmp_letter;

pub use acl::{Acl, AclError, Rights, RightsChange, RightsError};
pub use appended::{Appended, AppendedFile, Written};
pub use attempt::{Attempt, Durably, Found};
pub use cache::{Cache, CacheKey, Columns, EmailId, Facts, IdHash, Sent, Subject, SubjectKind};
pub use courier::{Change, Courier};
pub use draft::{Draft, Filed};
pub use error::StoreError;
pub use flags::Flags;
pub use folder::{FolderName, FolderNameError};
pub use folders::{Children, Existence, FolderError, Folders, Listed, MailboxName, SEPARATOR};
pub use fsck::{Checked, CheckedFolder, FsckError, Mended, fsck};
pub use key::DeliveryKey;
pub use keywords::KeywordsLeftOut;
pub use ledger::Step;
pub use limits::DELIVERIES_KEPT;
pub use mailbox::{
    Copies, Entry, FlagChange, FlagsChanged, Letter, LetterFile, LetterFlags, Mailbox,
    MailboxError, Mailboxes, Moving, NewLetter, Renamed, Seed, SeedLetter, WireReader,
};
pub use maildir::Maildir;
pub use mbox::{DotLocked, DotLocker};
pub use metadata::{Annotated, EntryName, EntryNameError, Metadata, TooMuchMetadata};
pub use pop3_memory::{Pop3Letter, Pop3Letters};
pub use quota::{Counted, Limits, Quota, Standing, Usage};
pub use refile::Stored;
pub use status::{Counts, StatusCache, Times};
