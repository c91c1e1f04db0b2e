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
/// Client: octets of an AUTH command with its initial response, CRLF included (RFC 5321 §4.5.3.1.4; RFC 4954 §4 raises it
/// for lines of the exchange, not for the command). What is longer waits for the first challenge.
pub const CLIENT_AUTH_COMMAND_OCTETS_MAX: usize = 512;
/// Client: answers of one exchange; SCRAM has three.
pub const SASL_ANSWERS_MAX: usize = 6;
/// Octets in a base64 line of an AUTH exchange, CRLF included (RFC 4954 §4).
pub const AUTH_LINE_OCTETS_MAX: usize = 12_288;
/// Octets in a nonce of SCRAM (RFC 5802 sets no bound; clients send 18 to 40).
pub const SCRAM_NONCE_OCTETS_MAX: usize = 256;
/// Octets in the name of a login; an address fits.
pub const LOGIN_NAME_OCTETS_MAX: usize = 320;
/// Octets in the value of ENVID= (RFC 3461 §4.4).
pub const ENVID_OCTETS_MAX: usize = 100;
/// Octets in the value of ORCPT= (RFC 3461 §4.2).
pub const ORCPT_OCTETS_MAX: usize = 500;
/// Octets in a reply line, CRLF included. RFC 5321 §4.5.3.1.5 asks for 512; we accept longer ones.
pub const REPLY_LINE_OCTETS_MAX: usize = 4_096;
/// Lines of one reply that a client keeps; a peer that sends more is dropped.
pub const REPLY_LINES_MAX: usize = 128;
/// Octets of one reply, all its lines together; a peer that sends more is dropped.
pub const REPLY_OCTETS_MAX: usize = 64 * 1024;
/// Commands that a client sends ahead of their replies. More would let both sides fill their windows
/// and wait for each other for ever (RFC 2920 §3.1).
pub const PIPELINED_COMMANDS_MAX: usize = 100;
/// Octets of content that a client sends under one deadline (RFC 5321 §4.5.3.2.5).
pub const DATA_BLOCK_OCTETS_MAX: usize = 256 * 1024;
/// Pieces that a block of content is sent in: what one gathering write takes.
pub const DATA_BLOCK_PIECES_MAX: usize = 64;
/// Recipients per transaction; the RFC asks for at least 100 (RFC 5321 §4.5.3.1.8).
pub const RECIPIENTS_MAX: usize = 1_000;
const _: () = assert!(RECIPIENTS_MAX >= 100);
/// Octets in a message, unless configured (RFC 1870; RFC 5321 §4.5.3.1.7 asks for 64 KiB).
pub const MESSAGE_OCTETS_MAX: u64 = 50 * 1024 * 1024;
/// Octets of a message that a failure notice returns whole where the sender didn't say how much it wants.
pub const RETURNED_OCTETS_MAX: usize = 50_000;
/// Octets of a message that a failure notice returns whole where the sender asked for that: RFC 3461 §6.2 leaves
/// the bound to us, and nobody's mailbox is to be filled by what others send in its name.
pub const RETURNED_IN_FULL_OCTETS_MAX: usize = 1024 * 1024;
/// Octets of a header that a notice returns, in whole fields.
pub const RETURNED_HEADER_OCTETS_MAX: usize = 64 * 1024;
/// Octets of a message's subject that a notice repeats in its own.
pub const SUBJECT_OCTETS_MAX: usize = 200;
/// Recipients that a notice speaks of in sentences; the others stand in its part for programs alone.
pub const RECIPIENTS_IN_WORDS_MAX: usize = 50;
/// Octets of a peer's text in one line of a notice; with the field's name it stays below 998
/// (RFC 5322 §2.1.1), whatever stands for one character in UTF-8.
pub const DIAGNOSTIC_OCTETS_MAX: usize = 600;
/// Octets of header fields that a parser may look at in vain for the ends of encoded words (row M10): so many for
/// each octet there is, and [`LOOKS_FOR_WORDS`].
pub const LOOKS_FOR_WORDS_PER_OCTET: usize = 2;
/// See [`LOOKS_FOR_WORDS_PER_OCTET`].
pub const LOOKS_FOR_WORDS: usize = 64 * 1024;
/// `Received` fields before a message counts as looping (RFC 5321 §6.3 asks for at least 100).
pub const RECEIVED_FIELDS_MAX: usize = 100;
/// Transactions per connection before 421 asks the client to come back.
pub const TRANSACTIONS_MAX: usize = 10_000;
/// Bad commands in one connection before it is closed.
pub const ERRORS_MAX: usize = 20;
/// Bad commands in one connection before each further one is answered late.
pub const ERRORS_BEFORE_PAUSE: usize = 10;
/// How late: an address guesser is slowed, a person at a terminal isn't.
pub const ERROR_PAUSE: Duration = Duration::from_secs(1);
/// Commands that do nothing (NOOP, RSET, VRFY, HELP) between two transactions before each counts as an error.
pub const IDLE_COMMANDS_MAX: usize = 100;

/// Server: how long to wait for the next command (RFC 5321 §4.5.3.2.7: at least 5 minutes).
pub const SERVER_COMMAND_TIMEOUT: Duration = Duration::from_secs(5 * 60);
/// Server: octets of a message per second at least, beyond the first [`SERVER_COMMAND_TIMEOUT`]. The
/// deadline of DATA grows with what has come, not with each read: one octet a minute holds no slot.
pub const SERVER_DATA_RATE_MIN: u64 = 500;
/// Server: how long a TLS handshake may take; nothing is known of the client by then.
pub const SERVER_TLS_TIMEOUT: Duration = Duration::from_secs(60);
/// Server: how long a client may take to read a reply before its connection is dropped.
pub const SERVER_WRITE_TIMEOUT: Duration = Duration::from_secs(60);
/// Server: how long a connection may live whatever it does.
pub const SERVER_SESSION_TIMEOUT: Duration = Duration::from_secs(2 * 60 * 60);
/// Client: waiting for the connection itself.
pub const CLIENT_CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// Client: how long one address of a host may be silent before the next one is tried beside it (RFC 8305 §5
/// has a quarter of that, for people who wait; a host that is a bit slow isn't rung up twice).
pub const CLIENT_CONNECT_DELAY: Duration = Duration::from_millis(500);
/// Client: going down the list of a domain's hosts. After that no further host is tried: ten that each use
/// up the deadline of the greeting would hold a slot for an hour.
pub const CLIENT_WALK_TIMEOUT: Duration = Duration::from_secs(15 * 60);
/// Client: all from the greeting to the first transaction, whatever each phase would still be allowed.
pub const CLIENT_OPENING_TIMEOUT: Duration = Duration::from_secs(10 * 60);
/// Client: a transaction up to its final dot, whatever each phase would still be allowed: a hundred
/// recipients that take five minutes each end here. The time of [`CLIENT_DATA_RATE_MIN`] comes on top, and
/// behind the dot [`CLIENT_DATA_END_TIMEOUT`] once for all replies together.
pub const CLIENT_TRANSACTION_TIMEOUT: Duration = Duration::from_secs(30 * 60);
/// Client: octets of content that a peer has to take per second, all in all; somewhat more than
/// [`CLIENT_DATA_BLOCK_TIMEOUT`] leaves to each block.
pub const CLIENT_DATA_RATE_MIN: u64 = 2_000;
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
/// Client: waiting for the reply to EHLO, HELO, STARTTLS, RSET and each step of AUTH; the RFC names no
/// figure for them, so it is that of MAIL.
pub const CLIENT_COMMAND_TIMEOUT: Duration = Duration::from_secs(5 * 60);
/// Client: the TLS handshake, from the first octet to the last.
pub const CLIENT_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(60);
/// Client: waiting for the reply to QUIT, which changes nothing any more (RFC 5321 §4.1.1.10).
pub const CLIENT_QUIT_TIMEOUT: Duration = Duration::from_secs(5);
