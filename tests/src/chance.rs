//! Chance with a seed: what a test does at random moments can be done again.
//!
//! The short form draws a new seed at each run and prints it. `cargo xtask crash` gives seeds and numbers
//! of rounds in the environment, and so does whoever repeats a failure.

use std::env;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The seed, as a number.
pub const SEED: &str = "POSTROAD_CRASH_SEED";
/// How often each agent is killed.
pub const KILLS: &str = "POSTROAD_CRASH_KILLS";
/// How often the power is cut.
pub const CUTS: &str = "POSTROAD_CRASH_CUTS";
/// How often programs come to one mailbox.
pub const ROUNDS: &str = "POSTROAD_CRASH_ROUNDS";

/// A number that the environment may set.
///
/// # Panics
///
/// When what is set isn't a number: a long run would prove next to nothing, and nobody would notice.
#[must_use]
pub fn rounds(variable: &str, short_form: usize) -> usize {
    match env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable}={text} is no number")),
        Err(_) => short_form,
    }
}

/// Says how often it was done, for the totals of `cargo xtask crash`: `kills` or `cuts`.
pub fn done(what: &str, times: usize) {
    eprintln!("{DONE} {what}={times}");
}

/// How such a line begins.
const DONE: &str = "POSTROAD_CRASH_DONE";

/// A sequence of numbers that its seed decides (SplitMix64: small, and good enough to pick moments).
#[derive(Debug)]
pub struct Chance(u64);

impl Chance {
    /// From [`SEED`], or from the clock; the seed is printed, to be seen where the test fails.
    ///
    /// # Panics
    ///
    /// When [`SEED`] isn't a number.
    #[must_use]
    pub fn new() -> Self {
        let seed = match env::var(SEED) {
            Ok(text) => text.parse().unwrap_or_else(|_| panic!("{SEED}={text} is no number")),
            Err(_) => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| {
                u64::from(now.subsec_nanos())
                    ^ (now.as_secs() << 30)
                    ^ u64::from(std::process::id())
            }),
        };
        eprintln!("{SEED}={seed}");
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 1 to `most`.
    pub fn up_to(&mut self, most: usize) -> usize {
        let most = u64::try_from(most.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.next() % most).unwrap_or(0) + 1
    }

    /// A moment: lets up to `longest` pass.
    pub fn moment(&mut self, longest: Duration) {
        let micros = usize::try_from(longest.as_micros()).unwrap_or(usize::MAX);
        std::thread::sleep(Duration::from_micros(self.up_to(micros) as u64));
    }
}

impl Default for Chance {
    fn default() -> Self {
        Self::new()
    }
}
