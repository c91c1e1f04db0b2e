//! Which users get mail.

/// Users below this number belong to the system: their mail is somebody's by an alias. The Debian and Fedora default
/// of UID_MIN.
pub const SYSTEM_UIDS_BELOW: u32 = 1000;
/// `nobody`: whom file servers and containers name where they know no better. Not one person.
pub const NOBODY: u32 = 65_534;
/// No number at all: setresuid(2) takes it for "stay who you are", which is root.
pub const NO_ID: u32 = u32::MAX;
/// Octets of a user's name; as many as of a local part (RFC 5321 §4.5.3.1.1).
pub const NAME_OCTETS_MAX: usize = 64;
