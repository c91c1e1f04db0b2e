//! How much each submitter may send in an hour (row Q09): messages, recipients and octets.
//!
//! A submitter is a user who has logged in, or a local caller by its uid. What it has used comes back bit by bit:
//! a whole hour's worth may go at once, and is whole again an hour later. All of it is in memory and forgotten by a
//! restart; hosts that relay without a login aren't counted.
//!
//! For each kind only one moment is kept: when all that was used has come back (the generic cell rate algorithm).
//! A unit moves it on by an hour divided by the limit, and it may be no more than an hour ahead.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use postroad_accounts::UserName;
use postroad_config::Mta;
use postroad_net::Peer;
use postroad_observe::control::Allowance;
use postroad_protocol::reply::Reply;
use tokio::time::Instant;

use super::Door;
use super::limits::SUBMITTERS_MAX;
use super::policy::Client;

const HOUR: Duration = Duration::from_secs(60 * 60);

/// Whose allowance it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Submitter {
    /// Whoever has logged in by this name.
    User(UserName),
    /// A process of this host, of the user with this id.
    Local(u32),
}

impl Submitter {
    /// The submitter behind a session; none where anybody may send, and only to us, and none where the delivery
    /// agent brings what everybody's rules send on: one user's allowance would stop the letters of all.
    pub(crate) fn of(client: Client<'_>) -> Option<Self> {
        match (client.user, client.door, client.peer) {
            (Some(user), _, _) => Some(Self::User(user.clone())),
            (None, Door::Local, Peer::Local { uid }) => Some(Self::Local(*uid)),
            (None, _, _) => None,
        }
    }
}

/// What is counted, and how much of it is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// One transaction.
    Message,
    /// One forward-path, whether it is taken or not: who asks for addresses runs out of them, too.
    Recipient,
    /// So much content.
    Octets(u64),
}

impl Wanted {
    fn name(self) -> &'static str {
        match self {
            Self::Message => "messages",
            Self::Recipient => "recipients",
            Self::Octets(_) => "octets",
        }
    }

    /// How much is wanted, and the limit; 0 is none.
    fn amount(self, mta: &Mta) -> (u64, u64) {
        match self {
            Self::Message => (1, mta.messages_per_user_max),
            Self::Recipient => (1, mta.recipients_per_user_max),
            Self::Octets(octets) => (octets, mta.octets_per_user_max),
        }
    }
}

/// The limit that was reached, and when there is enough again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UsedUp {
    wanted: Wanted,
    limit: u64,
    wait: Duration,
}

impl fmt::Display for UsedUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (limit, minutes) = (self.limit, self.wait.as_secs() / 60 + 1);
        let what = self.wanted.name();
        write!(f, "You may send {limit} {what} an hour, try again in {minutes} min")
    }
}

impl UsedUp {
    /// RFC 5321 §4.2.3: 452 is for MAIL, RCPT and the end of data alike.
    pub(crate) fn reply(&self) -> Reply {
        Reply::new(452, (4, 7, 1), self.to_string())
    }
}

/// What all submitters have used. Cheap to clone; all clones count together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Allowances(Arc<Mutex<HashMap<Submitter, Used>>>);

/// The moments at which all is whole again.
#[derive(Debug, Clone, Copy)]
struct Used {
    messages: Instant,
    recipients: Instant,
    octets: Instant,
}

impl Used {
    fn nothing(now: Instant) -> Self {
        Self { messages: now, recipients: now, octets: now }
    }

    fn whole_at(&mut self, wanted: Wanted) -> &mut Instant {
        match wanted {
            Wanted::Message => &mut self.messages,
            Wanted::Recipient => &mut self.recipients,
            Wanted::Octets(_) => &mut self.octets,
        }
    }

    fn is_nothing(&self, now: Instant) -> bool {
        [self.messages, self.recipients, self.octets].iter().all(|whole_at| *whole_at <= now)
    }

    /// The moment after `wanted` is taken, where there is enough.
    fn after(&mut self, wanted: Wanted, mta: &Mta, now: Instant) -> Result<Instant, UsedUp> {
        let (amount, limit) = wanted.amount(mta);
        // Rounded down: the last one of an hour's worth mustn't fail for a nanosecond.
        let nanos = HOUR.as_nanos() * u128::from(amount) / u128::from(limit.max(1));
        let cost = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let begun = (*self.whole_at(wanted)).max(now);
        let ahead = (begun - now).saturating_add(cost);
        match ahead.checked_sub(HOUR) {
            None | Some(Duration::ZERO) => Ok(begun + cost),
            Some(wait) => Err(UsedUp { wanted, limit, wait }),
        }
    }
}

impl Allowances {
    /// Whether there is enough of it now.
    ///
    /// # Errors
    /// [`UsedUp`].
    pub(crate) fn look(&self, who: &Submitter, wanted: Wanted, mta: &Mta) -> Result<(), UsedUp> {
        let (_, limit) = wanted.amount(mta);
        if limit == 0 {
            return Ok(());
        }
        let (now, known) = (Instant::now(), self.lock().get(who).copied());
        known.unwrap_or(Used::nothing(now)).after(wanted, mta, now).map(|_| ())
    }

    /// Takes it, where there is enough.
    ///
    /// # Errors
    /// [`UsedUp`].
    pub(crate) fn take(&self, who: &Submitter, wanted: Wanted, mta: &Mta) -> Result<(), UsedUp> {
        let (_, limit) = wanted.amount(mta);
        if limit == 0 {
            return Ok(());
        }
        let now = Instant::now();
        let mut all = self.lock();
        if all.len() >= SUBMITTERS_MAX && !all.contains_key(who) {
            all.retain(|_, used| !used.is_nothing(now));
            // Nobody has so many users; whoever makes them up waits until some are forgotten.
            if all.len() >= SUBMITTERS_MAX {
                return Err(UsedUp { wanted, limit, wait: HOUR });
            }
        }
        let used = all.entry(who.clone()).or_insert(Used::nothing(now));
        *used.whole_at(wanted) = used.after(wanted, mta, now)?;
        Ok(())
    }

    /// What is left of each limit that there is.
    pub(crate) fn left(&self, who: &Submitter, mta: &Mta) -> Vec<Allowance> {
        let now = Instant::now();
        let mut used = self.lock().get(who).copied().unwrap_or(Used::nothing(now));
        let left = |wanted: Wanted| {
            let (_, limit) = wanted.amount(mta);
            let whole_at = (*used.whole_at(wanted)).max(now);
            let free = HOUR.saturating_sub(whole_at - now).as_nanos();
            let left = u128::from(limit) * free / HOUR.as_nanos();
            let left = u64::try_from(left).unwrap_or(u64::MAX);
            (limit > 0).then(|| Allowance { what: wanted.name().to_owned(), left, limit })
        };
        let all = [Wanted::Message, Wanted::Recipient, Wanted::Octets(0)];
        all.into_iter().filter_map(left).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Submitter, Used>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mta(messages: u64, octets: u64) -> Mta {
        let (messages_per_user_max, octets_per_user_max) = (messages, octets);
        Mta { messages_per_user_max, octets_per_user_max, ..Mta::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn an_hours_worth_at_once_and_then_bit_by_bit() {
        let (all, alice) = (Allowances::default(), Submitter::Local(1_000));
        // 7 doesn't divide an hour.
        for limit in [1, 7, 60, 1_000] {
            let mta = mta(limit, 0);
            for _ in 0..limit {
                all.take(&alice, Wanted::Message, &mta).unwrap();
            }
            let refused = all.look(&alice, Wanted::Message, &mta).unwrap_err();
            assert_eq!(all.take(&alice, Wanted::Message, &mta), Err(refused));
            assert!(all.take(&Submitter::Local(1_001), Wanted::Message, &mta).is_ok(), "another");
            assert_eq!(all.left(&alice, &mta)[0].left, 0);
            tokio::time::advance(refused.wait).await;
            all.take(&alice, Wanted::Message, &mta).unwrap();
            assert!(all.look(&alice, Wanted::Message, &mta).is_err());
            tokio::time::advance(HOUR).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn octets_are_counted_and_none_is_no_limit() {
        let (all, alice) = (Allowances::default(), Submitter::Local(1_000));
        let limited = mta(0, 1_000_000);
        for _ in 0..100_000 {
            all.take(&alice, Wanted::Message, &limited).unwrap();
        }
        all.take(&alice, Wanted::Octets(900_000), &limited).unwrap();
        assert!(all.take(&alice, Wanted::Octets(100_001), &limited).is_err());
        all.take(&alice, Wanted::Octets(100_000), &limited).unwrap();
        let refused = all.look(&alice, Wanted::Octets(u64::MAX), &limited).unwrap_err();
        assert!(refused.reply().to_string().starts_with("452 4.7.1 You may send 1000000 octets"));
        all.take(&alice, Wanted::Octets(u64::MAX), &mta(0, 0)).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn q09_very_many_submitters_take_no_more_memory() {
        let (all, mta) = (Allowances::default(), mta(1, 0));
        let take = |uid| all.take(&Submitter::Local(uid), Wanted::Message, &mta);
        let max = u32::try_from(SUBMITTERS_MAX).unwrap();
        for uid in 0..max {
            take(uid).unwrap();
        }
        assert!(take(max).is_err());
        assert_eq!(all.lock().len(), SUBMITTERS_MAX);
        tokio::time::advance(HOUR).await;
        take(max).unwrap();
        assert_eq!(all.lock().len(), 1);
    }
}
