//! What a lane does about a next hop that can't be reached: it leaves it alone, as a whole, and for longer
//! each time.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use postroad_protocol::reply::Reply;
use postroad_queue::retry;
use postroad_queue::spool::{QueueId, QueueRow};
use tokio::time::Instant;

use super::super::clock::Moment;
use super::super::limits;
use super::super::shared::Shared;
use super::super::shortage::Shortage;
use super::{Lane, State};

/// What is known of the hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Untried,
    /// They take mail.
    Proven,
}

/// Why no connection is tried for a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pause {
    /// This host lacked something for it.
    Short(Shortage),
    /// The next hop took long to answer, and so did as many others as may have a connection.
    Crowded,
}

/// The next hop failed.
#[derive(Debug, Clone)]
pub(crate) struct BackOff {
    pub(crate) until: SystemTime,
    /// In a row.
    pub(super) failures: u32,
    /// Of these, those by an operator's word: who looks often whether a host is back makes nobody wait longer.
    by_word: u32,
    pub(super) last: Reply,
    /// When that was.
    at: SystemTime,
    /// The same; an attempt that had begun before says nothing new.
    since: Instant,
}

impl Lane {
    /// The next hop could not be reached by an attempt that had begun then, the `attempts`th of its letter.
    pub(crate) fn fail(
        self: &Arc<Self>,
        shared: &Shared,
        begun: Instant,
        attempts: u32,
        reply: &Reply,
    ) {
        let mut state = self.state();
        if state.routed > begun {
            return; // It was about the next hop before a reload.
        }
        (state.broken, state.pause, state.lingered) = (0, None, 0);
        if state.back_off.as_ref().is_some_and(|back_off| back_off.since > begun) {
            return;
        }
        let shared_with = state.gate.clone().filter(|_| state.route.is_none());
        let at_the_gate = || shared_with.as_ref().and_then(|gate| gate.back_off());
        let known = state.back_off.clone().or_else(at_the_gate);
        let failures = match (&known, state.standing) {
            (Some(back_off), _) => back_off.failures + 1,
            // Before the last restart it failed as well.
            (None, Standing::Untried) => attempts.max(1),
            (None, Standing::Proven) => 1,
        };
        let by_word = known.map_or(0, |back_off| back_off.by_word);
        let steps = failures.saturating_sub(by_word).max(1);
        let now = shared.clock.now();
        let random = shared.random((self.number, failures, now));
        let until = match state.settings.back_off().next(steps, Duration::ZERO, now, random) {
            retry::Next::At(until) => until,
            retry::Next::GiveUp => now + state.settings.back_off_longest,
        };
        let (last, since) = (reply.clone(), Instant::now());
        let back_off = BackOff { until, failures, by_word, last, at: now, since };
        if let Some(gate) = &shared_with {
            gate.note(Some(back_off.clone()));
        }
        state.back_off = Some(back_off);
        state.clear_line();
        self.plan(&state, shared);
    }

    /// A connection broke before anything went through it. Some letters make a host do that: only when it
    /// happens again and again it is about the host.
    pub(crate) fn broke(&self) -> Trouble {
        let mut state = self.state();
        state.broken += 1;
        match state.broken >= limits::BROKEN_CONNECTIONS_MAX {
            true => Trouble::OfTheHost,
            false => Trouble::OfTheLetter,
        }
    }

    /// A transaction went through.
    pub(crate) fn recovered(self: &Arc<Self>, shared: &Arc<Shared>) {
        let was_down = {
            let mut state = self.state();
            if let (Some(gate), None) = (&state.gate, &state.route) {
                gate.note(None);
            }
            state.standing = Standing::Proven;
            (state.broken, state.pause, state.lingered) = (0, None, 0);
            state.back_off.take().is_some()
        };
        if was_down {
            self.staff(shared, None, super::Class::Prompt);
        }
    }

    /// The host takes long, and there is no room for such now. In a crowd that may be our fault as well as its
    /// own: it has a few more short tries, and only then stands in line with those that don't answer.
    pub(crate) fn lingers(self: &Arc<Self>, shared: &Shared) {
        let mut state = self.state();
        let rest = limits::LINGER_REST * 2u32.saturating_pow(state.lingered);
        state.lingered += 1;
        if state.lingered < limits::LINGERED_MAX {
            state.pause = Some(((shared.clock.now() + rest).into(), Pause::Crowded));
            self.plan(&state, shared);
        }
    }

    /// This host had too little of something; for so long no other connection is tried.
    pub(crate) fn fall_short(self: &Arc<Self>, shared: &Shared, what: Shortage, pause: Duration) {
        let mut state = self.state();
        let until = shared.clock.now() + pause;
        state.pause = Some((until.into(), Pause::Short(what)));
        self.plan(&state, shared);
    }

    /// The hosts are tried by then, but not at once: when many letters grow old one after the other, that must
    /// not become a stream of tries.
    pub(crate) fn try_by(self: &Arc<Self>, shared: &Shared, at: SystemTime) {
        let mut state = self.state();
        let first = state.settings.retry.first;
        if let Some(back_off) = &mut state.back_off {
            back_off.until = back_off.until.min(at.max(back_off.at + first));
        }
        self.plan(&state, shared);
    }

    /// An operator's walk has found a letter that is due since then. Where that is later than the last
    /// failure, it is by the operator's word, and the hosts are tried now.
    pub(crate) fn hurry(self: &Arc<Self>, shared: &Shared, due: SystemTime) {
        let (mut state, now) = (self.state(), shared.clock.now());
        if let Some(back_off) = &mut state.back_off
            && due > back_off.at
            && due <= now
            && back_off.until > now
        {
            back_off.until = now;
            back_off.by_word += 1;
            if let Some(gate) = &state.gate {
                gate.hurry(now);
            }
            shared.agenda.look_at(self, now.into());
        }
    }

    /// When a letter is tried again after so many attempts. Where the next hop is left alone, when that is
    /// tried.
    pub(crate) fn next_attempt(
        &self,
        shared: &Shared,
        attempts: u32,
        row: &QueueRow,
    ) -> retry::Next {
        let (settings, until) = {
            let state = self.state();
            (Arc::clone(&state.settings), state.back_off.as_ref().map(|back_off| back_off.until))
        };
        let now = shared.clock.now();
        let random = shared.random((row.id, attempts, now));
        let age = shared.clock.age(row);
        match (settings.schedule().next(attempts, age, now, random), until) {
            (retry::Next::At(_), Some(until)) if until > now => {
                let give_up = shared.clock.when_aged(row, settings.retry.give_up_after);
                retry::Next::At(until.min(give_up))
            }
            (next, _) => next,
        }
    }

    /// Begins a roll call, unless one is going on.
    pub(crate) fn begin_roll_call(&self) -> bool {
        let mut state = self.state();
        !state.backlog.is_empty() && !std::mem::replace(&mut state.calling_roll, true)
    }

    pub(crate) fn end_roll_call(&self) {
        self.state().calling_roll = false;
    }

    /// Up to which letter senders were told of the delay.
    pub(crate) fn warned(&self) -> Option<QueueId> {
        self.state().warned
    }

    pub(crate) fn set_warned(&self, id: QueueId) {
        self.state().warned = Some(id);
    }
}

/// Whom a broken connection speaks against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    OfTheLetter,
    OfTheHost,
}

impl BackOff {
    /// Compared as the agenda compares: a lane that it calls must be free to go, or nobody calls it again.
    fn lasts(&self, now: SystemTime) -> bool {
        Moment::from(self.until) > now.into()
    }
}

/// What a look at the hosts' gate gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Learnt {
    Nothing,
    /// They can't be reached, as another lane knows.
    Trouble,
}

impl State {
    /// What another lane has found out about the same hosts counts here, too: they are tried when that one
    /// tries them.
    pub(super) fn learn(&mut self, now: SystemTime) -> Learnt {
        let gate = self.gate.as_ref().filter(|_| self.route.is_none());
        let back_off = gate.and_then(|gate| gate.back_off());
        let Some(back_off) = back_off.filter(|back_off| back_off.lasts(now)) else {
            return Learnt::Nothing;
        };
        self.back_off = Some(BackOff { at: now, ..back_off });
        self.place = None; // Who tries them next may need it.
        self.clear_line();
        Learnt::Trouble
    }

    /// Whether the next hop is left alone now.
    pub(super) fn is_backing_off(&self, now: SystemTime) -> bool {
        self.back_off.as_ref().is_some_and(|back_off| back_off.lasts(now))
    }

    /// Whether no connection is tried now, though the next hop isn't known to be down.
    pub(super) fn is_pausing(&self, now: SystemTime) -> bool {
        self.pause.as_ref().is_some_and(|(until, _)| *until > now.into())
    }

    pub(super) fn back_off_until(&self) -> Option<Moment> {
        self.back_off.as_ref().map(|back_off| back_off.until.into())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_back_off_ends_when_the_agenda_says_so() {
        let at = |nanos| SystemTime::UNIX_EPOCH + Duration::from_nanos(nanos);
        let (until, last) = (at(5_000_999), Reply::new(451, (4, 4, 1), "no answer in time"));
        let since = Instant::now();
        let back_off = BackOff { until, failures: 1, by_word: 0, last, at: at(0), since };
        assert!(back_off.lasts(at(4_999_999)));
        assert!(!back_off.lasts(at(5_000_000)), "the same microsecond");
    }
}
