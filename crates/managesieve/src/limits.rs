//! Every limit and timeout of ManageSieve, with its unit, its section and its reason.

use std::time::Duration;

/// Octets of an atom: the longest command has 15 (RFC 5804 §4 allows 1,024).
pub const ATOM_OCTETS_MAX: usize = 64;
/// Octets between the quotes (RFC 5804 §4).
pub const QUOTED_OCTETS_MAX: usize = 1_024;
/// Words of a command.
pub const WORDS_MAX: usize = 4;
/// Octets of a script; the checker reads no longer one.
pub const SCRIPT_OCTETS_MAX: usize = 1024 * 1024;
/// Octets of a literal before a login: an initial response. What a stranger can make us hold stays far below 64 KiB.
pub const LITERAL_BEFORE_LOGIN_OCTETS_MAX: usize = 8 * 1024;
/// Octets of a literal that is too long and is thrown away so that the client hears why; behind more the connection ends.
pub const SWALLOWED_OCTETS_MAX: usize = 64 * 1024 * 1024;
/// Octets of a script's name: it becomes a file's, with `.sieve` behind it, and those end at 255. Deviates from RFC 5804
/// §1.6, which wants 128 characters: of four octets each they don't fit.
pub const NAME_OCTETS_MAX: usize = 240;

/// Octets of output that are gathered before they are sent.
pub const OUTPUT_OCTETS: usize = 16 * 1024;
/// Bad commands in one connection before it is closed.
pub const ERRORS_MAX: u32 = 20;
/// Failed logins in one connection before it is closed.
pub const FAILED_LOGINS_MAX: u32 = 3;
/// How long a client may say nothing (RFC 5804 §1.2: at least 30 minutes after a login).
pub const AUTOLOGOUT: Duration = Duration::from_secs(30 * 60);
/// How long a connection may live without a login, whatever it says.
pub const LOGIN_TIMEOUT: Duration = Duration::from_secs(5 * 60);
/// How long a client may take to read what was sent before it counts as gone.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(10 * 60);
