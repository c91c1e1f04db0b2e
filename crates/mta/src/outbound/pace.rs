//! How many connections a next hop is given at once: a few at first, more while it goes well, half as many
//! when it doesn't.

use std::time::Duration;

use tokio::time::Instant;

/// How long after trouble no connection is added: a host that just refused one would refuse it again.
const PAUSE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct Pace {
    window: usize,
    most: usize,
    /// Since the window last changed.
    successes: usize,
    no_growth_until: Option<Instant>,
}

impl Pace {
    pub(crate) fn new(first: usize, most: usize) -> Self {
        let most = most.max(1);
        Self { window: first.clamp(1, most), most, successes: 0, no_growth_until: None }
    }

    /// Connections at once, now.
    pub(crate) fn window(&self) -> usize {
        self.window
    }

    /// Another limit, after a reload.
    pub(crate) fn limit(&mut self, first: usize, most: usize) {
        self.most = most.max(1);
        self.window = self.window.max(first).min(self.most);
    }

    /// A transaction went through: after a windowful of them there is room for one more connection.
    pub(crate) fn succeeded(&mut self, now: Instant) {
        if self.window >= self.most {
            return;
        }
        self.successes += 1;
        if self.successes >= self.window && self.no_growth_until.is_none_or(|until| until <= now) {
            self.successes = 0;
            self.window += 1;
        }
    }

    /// A connection failed, or its host asked for less.
    pub(crate) fn stumbled(&mut self, now: Instant) {
        self.window = (self.window / 2).max(1);
        self.successes = 0;
        self.no_growth_until = Some(now + PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_by_success_up_to_the_limit_and_halves_on_trouble() {
        let start = Instant::now();
        let mut pace = Pace::new(5, 20);
        let mut went = 0;
        while pace.window() < 20 {
            pace.succeeded(start);
            went += 1;
        }
        assert_eq!(went, (5..20).sum::<usize>(), "one more after each windowful");
        pace.succeeded(start);
        assert_eq!(pace.window(), 20);
        for expected in [10, 5, 2, 1, 1] {
            pace.stumbled(start);
            assert_eq!(pace.window(), expected);
        }
        (0..9).for_each(|_| pace.succeeded(start + PAUSE / 2));
        assert_eq!(pace.window(), 1, "not yet");
        pace.succeeded(start + PAUSE);
        assert_eq!(pace.window(), 2);
    }

    #[test]
    fn a_reload_moves_the_limit() {
        let mut pace = Pace::new(5, 20);
        pace.limit(5, 3);
        assert_eq!(pace.window(), 3);
        pace.limit(60, 60);
        assert_eq!(pace.window(), 60);
        assert_eq!(Pace::new(0, 0).window(), 1);
    }
}
