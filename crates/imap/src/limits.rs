//! Every limit of IMAP, with its unit, its section and its reason.

use std::time::Duration;

/// What a server takes from a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Octets of a command with its literals, but for messages, which are handed on as they come.
    pub command_octets: usize,
    /// Octets of one literal that is kept in memory.
    pub literal_octets: usize,
    /// Octets of a literal that a client sends without being asked (RFC 7888 §4: LITERAL+ has no bound of its own,
    /// §5: LITERAL- has [`LITERAL_MINUS_OCTETS_MAX`]).
    pub unasked_octets: u64,
    /// How deeply lists and search keys may be nested.
    pub depth: u32,
    /// Octets of a refused command that are read and thrown away to stay in step; a client that has sent more is told
    /// BYE.
    pub swallowed_octets: u64,
    /// Whether messages can be sent at all.
    pub uploads: Uploads,
}

/// Whether a client may send messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uploads {
    /// Nobody is logged in.
    Refused,
    /// APPEND and REPLACE are read.
    Taken,
}

/// Before a login: a name, a password, an ID (RFC 2971) and nothing else. All that a connection can make us hold
/// stays below 64 KiB (row I01).
pub const BEFORE_LOGIN: Limits = Limits {
    command_octets: 16 * 1024,
    literal_octets: 8 * 1024,
    unasked_octets: LITERAL_MINUS_OCTETS_MAX,
    depth: 1,
    // Who sends what a login never needs is sent away: there is nothing to stay in step for.
    swallowed_octets: 0,
    uploads: Uploads::Refused,
};

/// After a login. A set of 100,000 UIDs of seven digits fits in a command.
pub const AFTER_LOGIN: Limits = Limits {
    command_octets: 2 * 1024 * 1024,
    literal_octets: 1024 * 1024,
    unasked_octets: u64::MAX,
    depth: 100,
    swallowed_octets: 64 * 1024 * 1024,
    uploads: Uploads::Taken,
};

/// RFC 9051 §5.4: at least half an hour. Clients that idle say so anew after 29 minutes (§6.3.13).
pub const AUTOLOGOUT: Duration = Duration::from_secs(31 * 60);
/// RFC 7888 §5: LITERAL- forbids longer ones.
pub const LITERAL_MINUS_OCTETS_MAX: u64 = 4_096;
/// Octets of a tag. No client sends more than a dozen.
pub const TAG_OCTETS_MAX: usize = 128;
/// Octets of a mailbox's name as it is on the wire; file names end at 255.
pub const MAILBOX_NAME_OCTETS_MAX: usize = 1_024;
/// Octets of a keyword, which other clients show and other programs store.
pub const KEYWORD_OCTETS_MAX: usize = 255;
/// Parts of a section: `1.2.3` has three. Letters nested more deeply aren't taken apart.
pub const SECTION_PARTS_MAX: usize = 100;
/// RFC 2971 §3.3: pairs of an ID.
pub const ID_PAIRS_MAX: usize = 30;
/// RFC 2971 §3.3: octets of a name in an ID.
pub const ID_NAME_OCTETS_MAX: usize = 30;
/// RFC 2971 §3.3: octets of a value in an ID.
pub const ID_VALUE_OCTETS_MAX: usize = 1_024;
/// Octets of a line of an AUTHENTICATE exchange: the longest token of OAuth that is seen has 4 KiB.
pub const SASL_LINE_OCTETS_MAX: usize = 12 * 1024;

/// Octets of output that are gathered for a stranger before they are sent.
pub const OUTPUT_OCTETS_BEFORE_LOGIN: usize = 8 * 1024;
/// Bad commands of a stranger before the connection is closed.
pub const ERRORS_MAX: u32 = 20;
/// Failed logins in one connection before it is closed: guessing pays for a connection each time.
pub const FAILED_LOGINS_MAX: u32 = 3;
/// How long a stranger may say nothing (RFC 9051 §5.4 speaks of who is logged in).
pub const AUTOLOGOUT_BEFORE_LOGIN: Duration = Duration::from_secs(3 * 60);
/// How long a connection may live without a login, whatever it says.
pub const LOGIN_TIMEOUT: Duration = Duration::from_secs(10 * 60);
/// How long a client may take to read what was sent before it counts as gone.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(10 * 60);

/// Client: octets of a response with its literals, but for those that are handed on as they come.
pub const RESPONSE_OCTETS_MAX: usize = 32 * 1024 * 1024;
/// Client: octets of a piece of a message that is kept with its response; longer ones are handed on as they come.
pub const CONTENT_KEPT_OCTETS_MAX: u64 = 64 * 1024;
/// Client: how deeply lists and body structures may be nested.
pub const RESPONSE_DEPTH_MAX: u32 = 200;
