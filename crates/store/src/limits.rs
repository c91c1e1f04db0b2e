//! Every limit of the store, with its unit and its reason.

use std::time::Duration;

/// For how long a delivery is known again: transfer agents give up after five days.
pub const DELIVERIES_KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Octets of a file of deliveries, of which a mailbox has two: some three thousand letters each.
pub(crate) const DELIVERIES_OCTETS_MAX: u64 = 256 * 1024;
/// Letters that are added to such a file by their names when lines may be missing: as many as it holds.
pub(crate) const DELIVERIES_FOUND_MAX: usize = 6_000;
/// Deliveries of all mailboxes that a process keeps in memory, some 100 octets each; beyond it the files are
/// read again.
pub(crate) const DELIVERIES_IN_MEMORY_MAX: usize = 100_000;
/// How long a change of a mailbox's small files waits for its turn: a change takes two syncs.
pub(crate) const TURN_WAIT_MAX: Duration = Duration::from_secs(2);
/// How often it looks.
pub(crate) const TURN_LOOK_EVERY: Duration = Duration::from_millis(2);
/// Octets of a keyword, as Dovecot has it (`mail_max_keyword_length`).
pub(crate) const KEYWORD_OCTETS_MAX: usize = 50;
/// A dot lock that is older was left by a crash, as Dovecot has it.
pub(crate) const DOT_LOCK_AGE_MAX: Duration = Duration::from_secs(2 * 60);
/// Octets of an annotation's name.
pub(crate) const ENTRY_NAME_OCTETS_MAX: usize = 1_000;
/// Octets of a folder's annotations together, as the file has them.
pub(crate) const METADATA_OCTETS_MAX: usize = 1024 * 1024;
