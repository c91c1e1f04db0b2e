//! Every bound on the two files, with its unit and its reason.

use std::time::Duration;

/// Octets of a file of users, of aliases, or of an included list. A million users need about
/// 120 MiB; the files are read whole.
pub const FILE_OCTETS_MAX: u64 = 256 * 1024 * 1024;
/// Members of all aliases together, those of included lists too: what one address may expand to
/// is never more.
pub const ALIAS_MEMBERS_MAX: usize = 100_000;
/// Aliases that lead to aliases, or lists that include lists, one below the other.
pub const ALIAS_DEPTH_MAX: usize = 50;
/// Octets of a password. Argon2 hashes any length; a client that sends more is not a person.
pub const PASSWORD_OCTETS_MAX: usize = 1_024;
/// KiB of memory that a stored Argon2id hash may ask for; more would let one line of the file stop
/// every agent.
pub const ARGON2_MEMORY_KIB_MAX: u32 = 1024 * 1024;
/// Passes over that memory.
pub const ARGON2_PASSES_MAX: u32 = 64;
/// How often the files' times are looked at.
pub const RELOAD_INTERVAL: Duration = Duration::from_secs(1);
