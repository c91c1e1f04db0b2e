//! Limits of what is asked and read, each with its reason.

use std::time::Duration;

/// How long one question may take: somebody sits in front of it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(8);
/// Octets of a provider's file; Thunderbird's own have some two thousand.
pub(crate) const FILE_OCTETS_MAX: usize = 64 * 1024;
/// Elements of it that are looked at.
pub(crate) const EVENTS_MAX: usize = 4_096;
/// Octets of what tokens are asked for.
pub(crate) const SCOPE_OCTETS_MAX: usize = 2_048;
/// Servers that are taken from one source.
pub(crate) const SERVICES_MAX: usize = 32;
/// Times that a provider's web server may send us elsewhere.
pub(crate) const REDIRECTS_MAX: usize = 3;
/// Names above the mail server's own that are asked, each one label shorter.
pub(crate) const PARENTS_MAX: usize = 2;
