//! Every bound on logins, with its unit and its reason.

use std::time::Duration;

/// Passwords that are checked at once: each takes 19 MiB and tens of milliseconds of a processor (row S35).
pub const PASSWORD_CHECKS_MAX: usize = 4;

/// How far an issuer's clock may be from ours.
pub const TOKEN_LEEWAY: Duration = Duration::from_secs(30);
/// How often the time of the file of its keys is looked at.
pub const KEYS_LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// Keys of an issuer that are kept: it has two or three while it changes them. A token that names none is tried with each.
pub const ISSUER_KEYS_MAX: usize = 16;

/// How long a login waits after the first failure from the same network; each further failure
/// doubles it.
pub const GUESS_DELAY_FIRST: Duration = Duration::from_millis(500);
/// The longest such wait. The owner of a mailbox waits too where a guesser shares the network, and is
/// never locked out.
pub const GUESS_DELAY_MAX: Duration = Duration::from_secs(8);
/// Failures are forgotten after this long without another.
pub const GUESS_MEMORY: Duration = Duration::from_secs(60 * 60);
/// Different failures from one network before nobody new may log in from there. People who have forgotten which password
/// it was try fewer.
pub const GUESSES_BEFORE_BAN: u32 = 20;
/// For how long.
pub const BAN_TIME: Duration = Duration::from_secs(15 * 60);
/// So many guesses are left to a network whose ban is over.
pub const GUESSES_AFTER_BAN: u32 = 5;
/// Failures with one name, from all the networks that its owner doesn't use, before others wait who try it.
pub const GUESSES_AT_A_NAME: u32 = 10;
/// Networks whose failures are remembered, and names; beyond that old ones are forgotten early. Some 150 octets each.
pub const GUESSERS_MAX: usize = 10_000;
/// Guesses of a network that are known again: a telephone that goes on with the old password makes one guess, not many.
pub const GUESSES_KNOWN_AGAIN: usize = 8;
/// Networks that are remembered as a user's own: home, office, telephone, and those of the last journey.
pub const OWN_NETWORKS_MAX: usize = 16;
/// For how long after the last login from there.
pub const OWN_NETWORK_MEMORY: Duration = Duration::from_secs(60 * 24 * 60 * 60);
