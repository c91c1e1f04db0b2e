//! Every bound on the files, with its unit and its reason.

use std::ops::RangeInclusive;
use std::time::Duration;

/// Octets of a file of users, of aliases, or of an included list. A million users need about
/// 120 MiB; the files are read whole.
pub const FILE_OCTETS_MAX: u64 = 256 * 1024 * 1024;
/// Members of all aliases together, those of included lists too: what one address may expand to
/// is never more.
pub const ALIAS_MEMBERS_MAX: usize = 100_000;
/// Aliases that lead to aliases, or lists that include lists, one below the other.
pub const ALIAS_DEPTH_MAX: usize = 50;
/// Wrong lines of the file of users that are told, one by one.
pub const WRONG_LINES_MAX: usize = 20;
/// Octets of a password. Argon2 hashes any length; a client that sends more is not a person.
pub const PASSWORD_OCTETS_MAX: usize = 1_024;
/// KiB of memory that a stored Argon2id hash may ask for; more would let one line of the file stop
/// every agent.
pub const ARGON2_MEMORY_KIB_MAX: u32 = 1024 * 1024;
/// Passes over that memory.
pub const ARGON2_PASSES_MAX: u32 = 64;
/// Iterations of SCRAM that a stored key may ask for (RFC 7677 §4: at least 4,096); more would let one line of the file keep
/// clients and agents busy.
pub const SCRAM_ITERATIONS_MIN: u32 = 4_096;
/// See [`SCRAM_ITERATIONS_MIN`].
pub const SCRAM_ITERATIONS_MAX: u32 = 2_000_000;
/// Iterations of new keys: each login costs the client so many, and a telephone's is not to be felt. Programs that use Cyrus
/// SASL (mbsync, mutt, KMail) refuse more than 65,536.
pub const SCRAM_ITERATIONS_NEW: u32 = 65_536;
/// Octets of a salt of SCRAM.
pub const SCRAM_SALT_OCTETS: RangeInclusive<usize> = 8..=64;
/// Octets of a new one.
pub const SCRAM_SALT_OCTETS_NEW: usize = 16;
/// App passwords of one user: a person has fewer programs.
pub const APP_PASSWORDS_MAX: usize = 64;
/// Octets of what an app password is called.
pub const LABEL_OCTETS_MAX: usize = 64;
/// How often the files' times are looked at.
pub const RELOAD_INTERVAL: Duration = Duration::from_secs(1);
