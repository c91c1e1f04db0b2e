//! Limits of the receiving half that are not the protocol's (those are in `postroad_protocol::limits`).

use std::time::Duration;

/// Octets of a message that are kept in memory; a longer one goes into the spool while it arrives.
pub(crate) const MEMORY_OCTETS_MAX: usize = 256 * 1024;
/// Octets of a header. It is looked at as a whole, so it has to fit into memory; the largest that real
/// mail has (some thousand recipients by name) are below 300 KiB.
pub(crate) const HEADER_OCTETS_MAX: usize = 1024 * 1024;
/// Octets that are handed to the spool at once.
pub(crate) const SPILL_OCTETS: usize = 256 * 1024;
/// Octets read at once while commands come. An idle client costs no more.
pub(crate) const READ_COMMAND_OCTETS: usize = 4 * 1024;
/// Octets read at once while content comes.
pub(crate) const READ_CONTENT_OCTETS: usize = 64 * 1024;
/// Users and local callers whose messages are counted at once, some 100 octets each; a host has fewer users.
pub(crate) const SUBMITTERS_MAX: usize = 100_000;
/// How long a client that is turned away may take to read why.
pub(crate) const TURN_AWAY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long sessions may take to finish their transactions when the agent stops; then they are told 421.
pub(crate) const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);
/// How much longer they may take to say so, and to close.
pub(crate) const LAST_WORDS_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a closed connection waits for the client to close too.
pub(crate) const LINGER_TIMEOUT: Duration = Duration::from_secs(2);
/// Octets that are read and thrown away meanwhile.
pub(crate) const LINGER_OCTETS_MAX: usize = 1024 * 1024;
