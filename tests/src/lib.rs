//! The harness of the end-to-end tests: our binaries and everybody else's, on loopback.
//!
//! The tests themselves are in `tests/tests/`, one file for each thing that they prove. They use
//!
//! - [`suite`]: our agents as processes, by `postroad up` or one by one with a configuration of their own;
//! - [`peers`]: Debian's Postfix, Dovecot, nsd, swaks, msmtp, mutt, mbsync, fetchmail, git and others, downloaded
//!   and unpacked under `target/peers`, never installed;
//! - [`smtp`], [`pop3`] and [`imap`]: line clients that send what no decent client would;
//! - [`corpus`]: real messages;
//! - [`mbox`]: mailbox files, read;
//! - [`load`]: smtp-source that goes on while servers are killed, with an account of what it was promised;
//! - [`volume`]: a file system of the test's own, to be filled up and have its power cut;
//! - [`memory`]: processes that may have so much memory and no more;
//! - [`chance`]: random moments that a seed repeats;
//! - [`cable`]: a connection that is cut, or carries nothing;
//! - [`hang`]: files and folders that don't answer;
//! - [`fickle`]: a delivery agent that says what the test tells it to;
//! - [`tmux`]: a terminal that is looked at and typed into;
//! - [`process`]: processes that end with the test, and waiting for a condition instead of sleeping.
//!
//! Every listener is on loopback, on a port found free; every process is ended by the test that
//! started it. Where a peer can't be had (no `apt-get`, no mount namespaces) its tests say so and
//! pass; for root in CI that is a failure ([`peers::Unavailable`]).
#![forbid(unsafe_code)]

pub mod cable;
pub mod chance;
pub mod corpus;
pub mod fickle;
pub mod hang;
pub mod imap;
pub mod load;
pub mod mbox;
pub mod memory;
pub mod peers;
pub mod pop3;
pub mod process;
pub mod smtp;
pub mod suite;
pub mod tls;
pub mod tmux;
pub mod volume;
