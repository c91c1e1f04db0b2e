//! Mailbox files: all letters of a mailbox one behind the other, as in `/var/mail` (mbox(5)).
//!
//! ```text
//! mailbox = *letter
//! letter  = "From " sender " " date LF  *( line LF )  LF     ; date as ctime(3) has it, in UTC
//! ```
//! | rule | here |
//! |---|---|
//! | sender | that of `Return-Path`, `MAILER-DAEMON` where it is null; white space in it becomes `_` |
//! | a line of the letter that reads `>*From ` | gets one more `>` in front ("mboxrd"): readers that take one away have the letter as it was |
//! | line ends | LF; a last line without one gets it; an empty line ends the letter |
//! | `Content-Length`, `Status`, `X-Status`, `X-Keywords`, `X-UID`, `X-IMAP`, `X-IMAPbase` | are the readers' own in such a file, and left out where a sender has written them; our flags are written as `Status`, `X-Status` and `X-Keywords` |
//! | a file that ends without an empty line (another program's torn letter) | gets what it lacks before our `From ` |
//!
//! Locks, in this order, for Debian's policy and everybody's programs: the file's own (fcntl, all of it), then `FILE.lock`
//! (`dot_lock`). Both are tried, and where one isn't had both are given back and tried again (`lock`), up to
//! [`limits::MAILBOX_LOCK_WAIT`](crate::limits::MAILBOX_LOCK_WAIT).
//!
//! What a crash leaves. Before a letter is appended, a note is attached to the file (`append`, an extended attribute):
//! where the file ended, where it is going to end, the sum of what comes between, and how that begins. It is taken away
//! when the letter is durable, before anybody is told.
//!
//! | crash after | what is on disk | who cleans up |
//! |---|---|---|
//! | the note was attached | the note, and no more letters than before | the next delivery takes the note away |
//! | some of the letter was written | a part of it, and the note | the next delivery cuts it off; until then readers see half a letter |
//! | the letter was synced | the whole letter, and the note | after a power cut nothing is cut off, for the sum is right; else it is: it comes again |
//! | the note was taken away | the whole letter; after a power cut perhaps the note | the sum is right |
//!
//! The next delivery cuts off only what can't be anybody else's: the file ends between the note's two ends, what is
//! behind the first begins as the note says, and no `From ` line of another letter is in it. Else it stays, as half a
//! letter between whole ones. That is also what stays where the file system has no extended attributes.
//!
//! Deliberately missing: `Content-Length`, quotas, and finding a letter again by its delivery's key.

mod append;
mod dot_lock;
mod draft;
mod format;
mod lock;

pub(crate) use append::Appended;
pub use dot_lock::{DotLocked, DotLocker};
pub(crate) use draft::MboxDraft;
pub(crate) use lock::Mboxes;
