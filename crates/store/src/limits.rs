//! Every limit of the store, with its unit and its reason.

use std::time::Duration;

/// For how long a delivery is known again: transfer agents give up after five days.
pub(crate) const DELIVERIES_KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Octets of a file of deliveries, of which a mailbox has two: some three thousand letters each.
pub(crate) const DELIVERIES_OCTETS_MAX: u64 = 256 * 1024;
/// Letters that are added to such a file by their names when lines may be missing: as many as it holds.
pub(crate) const DELIVERIES_FOUND_MAX: usize = 6_000;
/// Deliveries of all mailboxes that a process keeps in memory, some 100 octets each; beyond it the files are
/// read again.
pub(crate) const DELIVERIES_IN_MEMORY_MAX: usize = 100_000;
