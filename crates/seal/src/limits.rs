//! Every limit of what is read from sealed letters, and how long programs beside this one may take.

use std::time::Duration;

/// Octets that come out of an encrypted letter, or are compressed in it: as large as the largest letter. A few thousand
/// octets can be compressed from a gigabyte.
pub const PLAIN_OCTETS_MAX: u64 = 128 << 20;

/// Octets of a signature, or of a key file.
pub const SIGNATURE_OCTETS_MAX: u64 = 1 << 20;

/// Octets of a listing of keys, or of keys.
pub const KEYS_OCTETS_MAX: u64 = 16 << 20;

/// Octets that a program says of what went wrong; the rest is read and dropped.
pub(crate) const SAID_OCTETS_MAX: u64 = 64 << 10;

/// Layers of a letter that are opened: encrypted, in it signed, in it signed by a list.
pub const LAYERS_MAX: usize = 4;

/// Layers of compression, or of signatures, in one OpenPGP message.
#[cfg(feature = "pgp")]
pub(crate) const PACKET_LAYERS_MAX: usize = 4;

/// Signatures of one part that are looked at.
pub const SIGNATURES_MAX: usize = 8;

/// Differences between fields inside and outside that are told one by one.
pub const DIFFERENCES_MAX: usize = 8;

/// How long a program may take that nobody has to answer.
pub(crate) const PROGRAM_TIMEOUT: Duration = Duration::from_secs(20);

/// How long one may take that asks for a passphrase.
pub(crate) const PASSPHRASE_TIMEOUT: Duration = Duration::from_secs(60);

/// How long `keys make` may take.
pub(crate) const MAKE_TIMEOUT: Duration = Duration::from_secs(120);

/// How far ahead of ours another's clock may be, in seconds.
#[cfg(feature = "pgp")]
pub(crate) const CLOCK_SLACK_SECONDS: u64 = 24 * 60 * 60;

/// Octets of an `Autocrypt` field: its key in base64, and little else (Autocrypt 1.1 asks for less than 10 KiB).
pub const AUTOCRYPT_OCTETS_MAX: usize = 64 << 10;

/// Keys of others that one letter may bring.
pub const GOSSIP_MAX: usize = 64;

/// Addresses whose keys were learnt from letters.
pub(crate) const PEERS_MAX: usize = 20_000;
