//! Every limit and timeout of POP3, with its unit, its section and its reason.

use std::time::Duration;

/// Octets of a command line, CRLF included (RFC 2449 §4: a server with CAPA must take 255).
pub const COMMAND_LINE_OCTETS_MAX: usize = 255;
/// Octets of a base64 line of an AUTH exchange, CRLF included. RFC 5034 §4 leaves the bound to the
/// mechanism: the longest token of OAuth that is seen has 4 KiB.
pub const AUTH_LINE_OCTETS_MAX: usize = 12 * 1024;
/// Octets of the first line of a response, CRLF included (RFC 2449 §4).
pub const RESPONSE_LINE_OCTETS_MAX: usize = 512;
/// Octets of a unique-id (RFC 1939 §7, UIDL).
pub const UNIQUE_ID_OCTETS_MAX: usize = 70;

/// Octets of output that a server gathers before it sends them, so that pipelined commands are
/// answered in few writes (RFC 2449 §6.6) and a client that doesn't read costs no more than this.
pub const OUTPUT_OCTETS: usize = 64 * 1024;
/// Bad commands in one connection before it is closed.
pub const ERRORS_MAX: u32 = 20;
/// Failed logins in one connection before it is closed: guessing pays for a connection each time.
pub const FAILED_LOGINS_MAX: u32 = 3;
/// Server: how long a client may say nothing (RFC 1939 §3: at least 10 minutes).
pub const AUTOLOGOUT: Duration = Duration::from_secs(10 * 60);
/// Server: how long a connection may live without a login, whatever it says.
pub const AUTHORIZATION_TIMEOUT: Duration = Duration::from_secs(10 * 60);
/// Server: how long a client may take to read what was sent before it counts as gone.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(10 * 60);

/// Client: octets of a response's first line that are read. RFC 2449 §4 says 512; others say more.
pub const CLIENT_LINE_OCTETS_MAX: usize = 4_096;
/// Client: capabilities that are read; a server with more is dropped.
pub const CAPABILITIES_MAX: usize = 128;
/// Client: messages in a maildrop that are read; a server that names more is dropped.
pub const MESSAGES_MAX: u32 = 1_000_000;
/// Client: waiting for the server to say something.
pub const CLIENT_RESPONSE_TIMEOUT: Duration = Duration::from_secs(5 * 60);
