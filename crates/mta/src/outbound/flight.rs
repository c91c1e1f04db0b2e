//! A message that is being delivered, and the jobs it is cut into: one for each destination, and more where
//! a destination has more recipients than one transaction takes.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use postroad_protocol::address::Domain;
use postroad_protocol::envelope::Envelope;
use postroad_queue::spool::{
    ContentError, Cursor, DelayNotice, Filter, Outcome, QueueId, QueueRow, RecipientState,
};

use super::clock::Moment;
use super::events;
use super::lane::Lane;
use super::limits;
use super::route::{Destination, Router};
use super::schedule;
use super::shared::Shared;
use super::turns::{Sender, Turn};
use super::under_way::Claim;

/// A message in memory, shared by all of its jobs.
pub(crate) struct Flight {
    /// As it was read, but for the recipients' states.
    pub(crate) row: QueueRow,
    /// The queue id as text, for log, trace and notices.
    pub(crate) id: String,
    pub(crate) sender: Sender,
    /// Which look at the queue the row stems from; an operator's edit makes it stale.
    pub(crate) generation: u64,
    /// Whether the sender was told of the delay, by this flight or before.
    pub(crate) delay_told: AtomicBool,
    /// Kept as our own jobs settle them.
    states: Mutex<Vec<RecipientState>>,
    groups: Groups,
    content: Option<Bytes>,
    shared: Arc<Shared>,
}

/// One transaction's worth of a message for one destination.
pub(crate) struct Job {
    pub(crate) flight: Arc<Flight>,
    pub(crate) lane: Arc<Lane>,
    /// By index in the envelope.
    pub(crate) recipients: Vec<usize>,
    pub(crate) turn: Turn,
    /// From when it is begun until its outcomes are durable.
    claim: Option<Claim>,
    /// When those are due whom another lane had in hand.
    later: Option<Moment>,
}

/// A message's recipients by destination, in the destinations' order.
pub(crate) struct Groups(Vec<(Destination, Vec<usize>)>);

impl Groups {
    pub(crate) fn of(router: &Router, envelope: &Envelope) -> Self {
        let [first, others @ ..] = envelope.recipients.as_slice() else { return Self(Vec::new()) };
        let mut groups = vec![(router.destination(&first.address.domain), vec![0])];
        if others.is_empty() {
            return Self(groups); // Most messages.
        }
        let mut by_domain: HashMap<&Domain, usize> = HashMap::from([(&first.address.domain, 0)]);
        let mut by_destination = HashMap::from([(groups[0].0.clone(), 0)]);
        for (index, recipient) in envelope.recipients.iter().enumerate().skip(1) {
            let domain = &recipient.address.domain;
            let group = *by_domain.entry(domain).or_insert_with(|| {
                let destination = router.destination(domain);
                *by_destination.entry(destination.clone()).or_insert_with(|| {
                    groups.push((destination, Vec::new()));
                    groups.len() - 1
                })
            });
            groups[group].1.push(index);
        }
        groups.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        Self(groups)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &(Destination, Vec<usize>)> {
        self.0.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    fn recipients(&self, destination: &Destination) -> &[usize] {
        let found = self.0.binary_search_by(|(known, _)| known.cmp(destination));
        found.ok().and_then(|at| self.0.get(at)).map_or(&[], |(_, recipients)| recipients)
    }
}

impl Flight {
    /// Keeps the content in memory as long as there is room. The generation is that of before the row was read:
    /// an edit since then may not be in it.
    pub(crate) fn new(
        shared: &Arc<Shared>,
        mut row: QueueRow,
        content: Option<Bytes>,
        generation: u64,
    ) -> Arc<Self> {
        let content = content.filter(|content| shared.take_memory(content.len()));
        let groups = Groups::of(&shared.router(), &row.envelope);
        let flight = Arc::new(Self {
            id: row.id.to_string(),
            sender: Sender::of(&row.envelope.reverse_path),
            generation,
            delay_told: AtomicBool::new(row.delay_notice == DelayNotice::Sent),
            states: Mutex::new(std::mem::take(&mut row.states)),
            row,
            groups,
            content,
            shared: Arc::clone(shared),
        });
        if flight.groups.len() > 1 {
            shared.flights().insert(flight.row.id, Arc::downgrade(&flight));
        }
        flight
    }

    /// Messages from the queue; one that another lane has in memory is shared, so that ten thousand
    /// recipients are not read once for each of their destinations.
    pub(crate) async fn load(
        shared: &Arc<Shared>,
        ids: impl Iterator<Item = QueueId>,
    ) -> BTreeMap<QueueId, Arc<Self>> {
        let generation = shared.generation();
        let known: Vec<(QueueId, Option<Arc<Self>>)> = {
            let flights = shared.flights();
            ids.map(|id| (id, flights.get(&id).and_then(Weak::upgrade))).collect()
        };
        let (mut found, mut missing) = (BTreeMap::new(), Vec::new());
        for (id, known) in known {
            match known.filter(|flight| flight.generation == generation) {
                Some(flight) => drop(found.insert(id, flight)),
                None => missing.push(id),
            }
        }
        if !missing.is_empty() {
            let wanted = missing.len();
            let filter = Filter { ids: Some(missing), ..Filter::default() };
            let page = shared.shard.find(&filter, Cursor::default(), wanted).await;
            let read = |row: QueueRow| (row.id, Self::new(shared, row, None, generation));
            found.extend(page.rows.into_iter().map(read));
        }
        found
    }

    pub(crate) fn groups(&self) -> &Groups {
        &self.groups
    }

    fn states(&self) -> MutexGuard<'_, Vec<RecipientState>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who of a destination's recipients is to be tried now, and when the next one of the others.
    pub(crate) fn due_at(
        &self,
        destination: &Destination,
        now: SystemTime,
    ) -> (Vec<usize>, Option<Moment>) {
        let longest = self.shared.router().settings(destination).retry.longest;
        let states = self.states();
        let (mut due_now, mut later) = (Vec::new(), None);
        for index in self.groups.recipients(destination) {
            let due = states.get(*index).and_then(|state| schedule::due(state, now, longest));
            // Compared as the backlog compares: what is due there must be due here.
            match due.map(Moment::from) {
                Some(due) if due <= now.into() => due_now.push(*index),
                Some(due) => later = later.into_iter().chain([due]).min(),
                None => {}
            }
        }
        (due_now, later)
    }

    /// Who of a destination's recipients waits, due or not.
    pub(crate) fn waiting_at(&self, destination: &Destination) -> Vec<usize> {
        let states = self.states();
        let waits =
            |index: &&usize| matches!(states.get(**index), Some(RecipientState::Waiting { .. }));
        self.groups.recipients(destination).iter().filter(waits).copied().collect()
    }

    /// All recipients' states, as far as they are known.
    pub(crate) fn all_states(&self) -> Vec<RecipientState> {
        self.states().clone()
    }

    /// The content, read back from the queue where it isn't in memory.
    pub(crate) async fn content(&self) -> Result<Bytes, ContentError> {
        match &self.content {
            Some(content) => Ok(content.clone()),
            None => self.shared.shard.content(self.row.id).await,
        }
    }

    /// Tries so far of one recipient.
    pub(crate) fn attempts(&self, recipient: usize) -> u32 {
        match self.states().get(recipient) {
            Some(RecipientState::Waiting { attempts, .. } | RecipientState::Held { attempts }) => {
                *attempts
            }
            Some(RecipientState::Done) | None => 0,
        }
    }

    pub(crate) fn age(&self) -> Duration {
        self.shared.clock.age(&self.row)
    }
}

impl Job {
    pub(crate) fn new(
        flight: Arc<Flight>,
        lane: Arc<Lane>,
        recipients: Vec<usize>,
        turn: Turn,
    ) -> Self {
        Self { flight, lane, recipients, turn, claim: None, later: None }
    }

    /// Takes its recipients in hand. Whom another lane has so, by routes that a reload has replaced, is left to
    /// that one, and looked at again when it may be done.
    pub(crate) fn begin(&mut self) {
        let (shared, before) = (&self.flight.shared, self.recipients.len());
        self.claim = Some(shared.under_way.claim(self.flight.row.id, &mut self.recipients));
        if self.recipients.len() < before {
            self.later = Some((shared.clock.now() + limits::UNDER_WAY_ELSEWHERE).into());
        }
    }

    /// Nobody has them in hand any more.
    pub(crate) fn release(&mut self) {
        self.claim = None;
    }

    /// Whether a reload sends them elsewhere by now.
    fn has_moved(&self) -> bool {
        let (router, lane) = (self.flight.shared.router(), &self.lane);
        let recipients = &self.flight.row.envelope.recipients;
        let mut own = self.recipients.iter().filter_map(|index| recipients.get(*index));
        own.any(|recipient| router.destination(&recipient.address.domain) != lane.destination)
    }

    /// Its outcomes are durable. The message is due again at the earliest of all times, if ever.
    pub(crate) fn settled(mut self, outcomes: &[Outcome]) {
        let mut states = self.flight.states();
        for outcome in outcomes {
            let index = usize::try_from(outcome.recipient).unwrap_or(usize::MAX);
            if let Some(state) = states.get_mut(index) {
                state.clone_from(&outcome.state);
            }
        }
        drop(states);
        let shared = &Arc::clone(&self.flight.shared);
        let waiting = outcomes.iter().filter_map(|outcome| match outcome.state {
            RecipientState::Waiting { due, .. } => Some(Moment::from(due)),
            RecipientState::Held { .. } | RecipientState::Done => None,
        });
        // An operator may have changed more than we know of.
        let stale = self.flight.generation != shared.generation();
        if stale && self.has_moved() {
            // The lane that has them now may have read them before this outcome: it has to look again.
            shared.invalidate();
        }
        self.claim = None;
        // Whoever has no outcome stands as before.
        let unsettled = outcomes.len() < self.recipients.len();
        let due = match stale || unsettled {
            true => Some(Moment::default()),
            false => waiting.chain(self.later).min(),
        };
        self.lane.ended(shared, &self, due);
    }

    /// Nothing became of it, so that nothing has changed.
    pub(crate) fn give_back(mut self) {
        self.release();
        self.lane.ended(&self.flight.shared, &self, Some(Moment::default()));
    }

    /// The same, but not at once.
    pub(crate) fn put_off(mut self, wait: Duration) {
        self.release();
        let shared = &self.flight.shared;
        let due = shared.clock.now() + wait;
        self.lane.ended(shared, &self, Some(due.into()));
    }

    /// Cuts off what one transaction doesn't take.
    pub(crate) fn split(&mut self, most: usize) -> Option<Self> {
        if self.recipients.len() <= most {
            return None;
        }
        let recipients = self.recipients.split_off(most);
        let (flight, lane) = (Arc::clone(&self.flight), Arc::clone(&self.lane));
        Some(Self::new(flight, lane, recipients, self.turn))
    }
}

/// A job that is dropped by a panic gives its claim back: else nobody would try it again before a restart.
impl Drop for Job {
    fn drop(&mut self) {
        if std::thread::panicking() {
            events::panicked(&self.flight.id);
            let shared = &Arc::clone(&self.flight.shared);
            let due = shared.clock.now() + self.lane.settings().retry.first;
            self.claim = None;
            self.lane.ended(shared, self, Some(due.into()));
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        if let Some(content) = &self.content {
            self.shared.give_memory_back(content.len());
        }
        if self.groups.len() > 1 {
            self.shared.forget_flight(self.row.id);
        }
    }
}
