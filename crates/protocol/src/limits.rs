//! Every limit and timeout of SMTP and LMTP, with its unit, its section and its reason.
//!
//! What an operator may change has its default here too; `crates/config` reads it from here.

use std::time::Duration;

/// Octets in a local part (RFC 5321 §4.5.3.1.1).
pub const LOCAL_PART_OCTETS_MAX: usize = 64;
/// Octets in a domain (RFC 5321 §4.5.3.1.2).
pub const DOMAIN_OCTETS_MAX: usize = 255;
/// Octets in a path, angle brackets included (RFC 5321 §4.5.3.1.3).
pub const PATH_OCTETS_MAX: usize = 256;
/// Octets in a command line, CRLF included. RFC 5321 §4.5.3.1.4 asks for 512; the parameters of
/// SIZE, DSN, AUTH and SMTPUTF8 each raise it (RFC 3461 §4, RFC 4954 §4), so this is the sum and more.
pub const COMMAND_LINE_OCTETS_MAX: usize = 2_048;
/// Octets in a base64 line of an AUTH exchange, CRLF included (RFC 4954 §4).
pub const AUTH_LINE_OCTETS_MAX: usize = 12_288;
/// Octets in a reply line, CRLF included. RFC 5321 §4.5.3.1.5 asks for 512; we accept longer ones.
pub const REPLY_LINE_OCTETS_MAX: usize = 4_096;
/// Lines of one reply that a client keeps; a peer that sends more is dropped.
pub const REPLY_LINES_MAX: usize = 128;
/// Recipients per transaction; the RFC asks for at least 100 (RFC 5321 §4.5.3.1.8).
pub const RECIPIENTS_MAX: usize = 1_000;
const _: () = assert!(RECIPIENTS_MAX >= 100);
/// Octets in a message, unless configured (RFC 1870; RFC 5321 §4.5.3.1.7 asks for 64 KiB).
pub const MESSAGE_OCTETS_MAX: u64 = 50 * 1024 * 1024;
/// `Received` fields before a message counts as looping (RFC 5321 §6.3 asks for at least 100).
pub const RECEIVED_FIELDS_MAX: usize = 100;
/// Transactions per connection before 421 asks the client to come back.
pub const TRANSACTIONS_MAX: usize = 10_000;
/// Bad commands in one connection before it is closed.
pub const ERRORS_MAX: usize = 20;
/// Commands that do nothing (NOOP, RSET, VRFY, HELP) between two transactions before each counts as an error.
pub const IDLE_COMMANDS_MAX: usize = 100;

/// Server: how long to wait for the next command (RFC 5321 §4.5.3.2.7: at least 5 minutes).
pub const SERVER_COMMAND_TIMEOUT: Duration = Duration::from_secs(5 * 60);
/// Server: how long a connection may live whatever it does.
pub const SERVER_SESSION_TIMEOUT: Duration = Duration::from_secs(2 * 60 * 60);
/// Client: waiting for the connection itself.
pub const CLIENT_CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// Client: waiting for the greeting (RFC 5321 §4.5.3.2.1).
pub const CLIENT_GREETING_TIMEOUT: Duration = Duration::from_secs(5 * 60);
/// Client: waiting for the reply to MAIL (RFC 5321 §4.5.3.2.2).
pub const CLIENT_MAIL_TIMEOUT: Duration = Duration::from_secs(5 * 60);
/// Client: waiting for the reply to RCPT (RFC 5321 §4.5.3.2.3).
pub const CLIENT_RCPT_TIMEOUT: Duration = Duration::from_secs(5 * 60);
/// Client: waiting for the 354 after DATA (RFC 5321 §4.5.3.2.4).
pub const CLIENT_DATA_TIMEOUT: Duration = Duration::from_secs(2 * 60);
/// Client: one block of data taken by the peer (RFC 5321 §4.5.3.2.5).
pub const CLIENT_DATA_BLOCK_TIMEOUT: Duration = Duration::from_secs(3 * 60);
/// Client: waiting for the reply to the final dot (RFC 5321 §4.5.3.2.6).
pub const CLIENT_DATA_END_TIMEOUT: Duration = Duration::from_secs(10 * 60);
