//! The delivery agent: takes letters by LMTP or on standard input and files them in Maildirs.
//!
//! | looking for | it is in |
//! |---|---|
//! | one letter on standard input, as procmail is called | [`oneshot`] |
//! | the LMTP server (RFC 2033) | [`lmtp`] |
//! | what is put on top of a letter, what is taken out, loops | [`letter`] |
//! | line ends of what leaves us | `line_ends` |
//! | what is left to do when all is prepared, and its order | `job` |
//! | letters that come again after a lost reply | `repeat` |
//! | whose mailbox is where | [`mailbox`] |
//! | what the process may still do once it takes letters (Landlock) | [`confine`] |
//! | locks for mailbox files in folders that aren't ours | `dot_lock` |
//! | users' Sieve scripts: found, run, carried out | [`rules`] |
//! | what a mailbox may hold | `quota` |
//! | letters of our own to users | `notice` |
//! | handing over what they send on | `submit` |
//! | what senders have asked to be told (DSN), and who tells it | `asked` |
//! | telling them of success | `success` |
//! | running programs: their world, their limits, how their end counts | [`programs`] |
//! | what a peer is told | `replies` |
//! | each log line | `events` |
//! | every limit and timeout | [`limits`] |
//!
//! How a letter becomes a file that survives a power cut is `postroad-store`'s.
#![forbid(unsafe_code)]

mod asked;
pub mod confine;
mod dot_lock;
mod events;
pub mod fuzz;
mod job;
pub mod letter;
pub mod limits;
mod line_ends;
pub mod lmtp;
pub mod mailbox;
mod notice;
pub mod oneshot;
pub mod programs;
mod quota;
mod repeat;
mod replies;
pub mod rules;
mod submit;
mod success;
