//! One connection's task: takes job after job of its lane to the next hop.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use postroad_protocol::client::{Purpose, Transaction};
use postroad_protocol::reply::{Reply, Severity};
use postroad_queue::spool::{ContentError, Cursor, Filter, RecipientState};
use tokio::time::{Instant, sleep, timeout};

use super::budget::{Class, Crowded, Permit};
use super::connection::{Connection, OpenError, Opened};
use super::events;
use super::flight::{Flight, Job};
use super::hop::Hop;
use super::lane::{Lane, Next, Seat, Trouble};
use super::limits;
use super::panics::{self, caught};
use super::roll_call;
use super::settle::{self, Attempted, Prospect};
use super::shared::Shared;
use super::shortage::Shortage;
use super::verdicts::{Deferrals, Verdicts};

pub(crate) struct Worker {
    shared: Arc<Shared>,
    lane: Arc<Lane>,
    seat: Seat,
    hop: Hop,
    open: Option<Connection>,
    /// When the connection was opened.
    since: Instant,
    /// Whether nothing went through yet, so that success is news to the lane.
    is_new: bool,
    /// Jobs since others had a chance to take the seat.
    carried: usize,
}

/// Whether a worker goes on after a job.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Went {
    On,
    /// It has nothing to go on with: no host, or no room.
    Over,
}

/// Why there is no connection.
enum Closed {
    /// Nobody could be talked to; when that attempt had begun.
    Unreachable(Reply, Instant),
    /// It isn't our turn, or the hosts want no more connections.
    NoRoom,
    /// This host lacks what it takes.
    Short(Shortage),
}

impl Worker {
    pub(crate) fn new(shared: Arc<Shared>, lane: Arc<Lane>, hop: Hop, seat: Seat) -> Self {
        let mut worker = Self {
            shared,
            lane,
            seat,
            hop,
            open: None,
            since: Instant::now(),
            is_new: true,
            carried: 0,
        };
        if let Some(opened) = worker.seat.opened.take() {
            let Opened { connection, since, shown, remote } = *opened;
            worker.hop.take_over(shown, remote);
            (worker.open, worker.since) = (Some(connection), since);
        }
        worker
    }

    pub(crate) async fn run(mut self, first: Option<Job>) {
        let mut next = match first {
            Some(job) => Some(job),
            None => {
                let job = self.lane.next(&self.shared).await;
                self.lane.sought();
                job
            }
        };
        while let Some(job) = next {
            // What isn't begun when we stop is in the queue, and is found there at the next start.
            if self.shared.stop.is_cancelled() {
                job.give_back();
                break;
            }
            let (flight, recipients) = (Arc::clone(&job.flight), job.recipients.clone());
            match caught(self.carry(job)).await {
                Ok(Went::On) => {}
                Ok(Went::Over) => break,
                Err(_) => {
                    self.drop_connection();
                    self.hop.start_over();
                    panics::recover(&self.shared, &self.lane, &flight, &recipients).await;
                }
            }
            next = self.next_job().await;
        }
        if self.hop.route().is_some() {
            self.close().await; // On the route's own terms.
        }
        let Self { shared, lane, mut seat, hop, open, since, .. } = self;
        if let Some(connection) = open {
            let Hop { shown, remote, .. } = hop;
            seat.opened = Some(Box::new(Opened { connection, since, shown, remote }));
        }
        seat.hand_on(&shared, &lane).await;
        lane.leave(&shared);
    }

    /// The next job: from the lane, or after a while of waiting with the connection open.
    async fn next_job(&mut self) -> Option<Job> {
        let job = self.look_for_job().await;
        if let (Some(_), Some(place)) = (&job, &mut self.seat.place) {
            place.work();
        }
        job
    }

    async fn look_for_job(&mut self) -> Option<Job> {
        self.carried += 1;
        loop {
            let is_wanted = self.seat.is_wanted_by_others_than(&self.lane);
            if is_wanted && self.carried >= limits::JOBS_IN_A_ROW {
                return None;
            }
            self.close_if_used_up().await;
            if self.lane.has_left(&self.hop) {
                return None;
            }
            if let Some(job) = self.lane.next(&self.shared).await {
                return Some(job);
            }
            if self.open.is_none() || is_wanted {
                return None;
            }
            let hand = match self.lane.pop_or_wait(&self.shared) {
                Next::Job(job) => return Some(job),
                Next::Look => continue,
                Next::Wait(hand) => hand,
            };
            match self.wait(hand).await {
                Waited::Job(job) => return Some(job),
                Waited::Look => {}
                Waited::Over => return None,
            }
        }
    }

    /// Waits for a job with the connection open.
    async fn wait(&mut self, mut hand: tokio::sync::oneshot::Receiver<Job>) -> Waited {
        let (Some(open), Some(place)) = (&mut self.open, &mut self.seat.place) else {
            return Waited::Over;
        };
        if self.hop.route().is_none() {
            place.rest();
        }
        let waited = tokio::select! {
            job = &mut hand => return job.map_or(Waited::Look, Waited::Job),
            () = open.broken() => {
                self.drop_connection();
                Waited::Over
            }
            () = self.seat.permit.wanted() => Waited::Look,
            () = place.wanted() => Waited::Look,
            () = sleep(limits::IDLE_CONNECTION) => Waited::Over,
            () = self.shared.stop.cancelled() => Waited::Over,
        };
        // Somebody may have handed over a job just now.
        hand.close();
        hand.try_recv().map_or(waited, Waited::Job)
    }

    /// Delivers one job, over as many hosts as it takes, and sees to its outcomes.
    async fn carry(&mut self, mut job: Job) -> Went {
        if self.lane.has_left(&self.hop) {
            self.lane.put_back(job);
            return Went::Over;
        }
        job.begin();
        self.look_again(&mut job).await;
        if job.recipients.is_empty() {
            settle::nothing_left(&self.shared, job).await;
            return Went::On;
        }
        let content = match job.flight.content().await {
            Ok(content) => content,
            Err(error) => {
                match Shortage::of_content(&error).filter(|_| self.has_time(&job)) {
                    // It alone waits: what lies open or in memory goes.
                    Some(shortage) => {
                        self.note_shortage(shortage, Duration::ZERO);
                        job.put_off(limits::SHORTAGE_PAUSE);
                    }
                    None => self.unreadable(job, &error).await,
                }
                return Went::On;
            }
        };
        let mut verdicts = Verdicts::new(job.recipients.clone());
        while !verdicts.open.is_empty() {
            if self.open.is_none()
                && let Err(closed) = self.connect(&job.flight).await
            {
                return self.give_up(job, verdicts, closed, content).await;
            }
            let begun = self.since;
            if let Some(reply) = self.transact(&job, &mut verdicts, &content).await {
                let closed = Closed::Unreachable(reply, begun);
                return self.give_up(job, verdicts, closed, content).await;
            }
        }
        settle::conclude(&self.shared, job, verdicts.settled, content).await;
        Went::On
    }

    /// A session with one of the hosts, as far as there is room for another.
    async fn connect(&mut self, flight: &Flight) -> Result<(), Closed> {
        let begun = Instant::now();
        let closed = |error| match error {
            OpenError::Short(shortage) => Closed::Short(shortage),
            error => Closed::Unreachable(error.reply(), begun),
        };
        let Self { shared, lane, seat, hop, .. } = self;
        let place = match &mut seat.place {
            Some(place) => place,
            None => {
                let asked = hop.hosts(shared, flight);
                let found = lingering(&mut seat.permit, asked).await;
                let hosts = found.map_err(|_| slow(lane, shared))?.map_err(closed)?;
                let gate = shared.gate(&hosts, &lane.settings());
                let place = lane.enter(shared, &gate).map_err(|_| Closed::NoRoom)?;
                lane.staff(shared, None, Class::Backlog);
                seat.place.insert(place)
            }
        };
        let opening = hop.open(shared, flight);
        let opened = match lingering(&mut seat.permit, opening).await {
            Ok(opened) => opened,
            Err(Crowded) => return Err(slow(lane, shared)),
        };
        match opened {
            Ok(open) => {
                place.opened();
                seat.permit.speed_up();
                (self.open, self.since, self.is_new) = (Some(open), begun, true);
                Ok(())
            }
            Err(OpenError::Short(shortage)) => Err(Closed::Short(shortage)),
            Err(error) => {
                place.stumbled();
                let reply = error.reply();
                // Others have a connection to these hosts: they are up, and want no more of them.
                let crowded = place.has_company() && reply.severity() != Severity::Permanent;
                Err(if crowded { Closed::NoRoom } else { Closed::Unreachable(reply, begun) })
            }
        }
    }

    /// One transaction for recipients that have no verdict yet. Gives the reply where the connection broke
    /// and the hosts are to blame.
    async fn transact(
        &mut self,
        job: &Job,
        verdicts: &mut Verdicts,
        content: &Bytes,
    ) -> Option<Reply> {
        let open = self.open.as_mut()?;
        let peer = open.session().capabilities();
        let most =
            peer.recipients_max.unwrap_or(usize::MAX).min(limits::RECIPIENTS_PER_TRANSACTION);
        self.hop.note_peer(peer.dsn);
        let reused = open.transactions > 0;
        let batch: Vec<usize> = verdicts.open.iter().take(most).copied().collect();
        let delivered = open
            .deliver(Transaction {
                envelope: Arc::clone(&job.flight.row.envelope),
                recipients: batch.clone(),
                purpose: Purpose::Deliver(content.clone()),
            })
            .await;
        let dialogue = open.take_dialogue();
        events::dialogue(&self.shared.journal, &job.flight.id, dialogue);
        let Some(failure) = delivered.failure else {
            verdicts.settle(&batch, delivered.verdicts, Deferrals::Count, &self.hop);
            if let Some(place) = &self.seat.place {
                place.succeeded();
            }
            if std::mem::take(&mut self.is_new) {
                self.lane.recovered(&self.shared);
            }
            self.close_if_used_up().await;
            return None;
        };
        self.drop_connection();
        // The next hop may have closed a connection that was idle too long: that says nothing about it.
        // A host that fails in the middle is followed by the next one of the list.
        let try_on = !failure.may_have_delivered() && (reused || self.hop.has_more());
        if reused {
            self.hop.start_over();
        }
        if try_on {
            verdicts.settle(&batch, delivered.verdicts, Deferrals::StayOpen, &self.hop);
            return None;
        }
        verdicts.settle(&batch, delivered.verdicts, Deferrals::Count, &self.hop);
        if let Some(place) = &self.seat.place {
            place.stumbled();
        }
        match reused || self.lane.broke() == Trouble::OfTheLetter {
            true => None,
            false => Some(failure.reply()),
        }
    }

    /// Leaves out whom an operator has held, deleted or sent another way since the row was read. What was
    /// under way by another lane until we had it in hand was changed by that one; see [`Job::settled`].
    async fn look_again(&self, job: &mut Job) {
        if job.flight.generation == self.shared.generation() {
            return;
        }
        let filter = Filter { ids: Some(vec![job.flight.row.id]), ..Filter::default() };
        let page = self.shared.shard.find(&filter, Cursor::default(), 1).await;
        let Some(row) = page.rows.first() else { return job.recipients.clear() };
        let router = self.shared.router();
        job.recipients.retain(|index| {
            let waits = matches!(row.states.get(*index), Some(RecipientState::Waiting { .. }));
            let recipient = row.envelope.recipients.get(*index);
            let goes = recipient.map(|recipient| router.destination(&recipient.address.domain));
            waits && goes.is_some_and(|goes| goes == self.lane.destination)
        });
    }

    /// The job can't be gone on with.
    async fn give_up(
        &mut self,
        job: Job,
        mut verdicts: Verdicts,
        closed: Closed,
        content: Bytes,
    ) -> Went {
        let is_untouched = verdicts.settled.is_empty();
        let (reply, begun) = match closed {
            // It was about the next hop before a reload.
            _ if is_untouched && self.lane.has_left(&self.hop) => {
                self.lane.put_back(job);
                return Went::Over;
            }
            Closed::Unreachable(reply, begun) => (reply, begun),
            Closed::NoRoom if is_untouched => {
                self.lane.put_back(job);
                return Went::Over;
            }
            Closed::Short(shortage) => {
                return self.fall_short(job, verdicts, shortage, content).await;
            }
            Closed::NoRoom => {
                let reply = Reply::new(451, (4, 4, 5), "the next hop takes no more connections");
                verdicts.settle_open(&reply, &self.hop);
                settle::conclude(&self.shared, job, verdicts.settled, content).await;
                return Went::Over;
            }
        };
        verdicts.settle_open(&reply, &self.hop);
        if reply.severity() == Severity::Permanent {
            // It is about the domain: each of its letters gets that answer.
            settle::conclude(&self.shared, job, verdicts.settled, content).await;
            return Went::On;
        }
        let attempts = job.recipients.iter().map(|index| job.flight.attempts(*index)).max();
        self.lane.fail(&self.shared, begun, attempts.unwrap_or(0) + 1, &reply);
        settle::conclude(&self.shared, job, verdicts.settled, content).await;
        roll_call::begin(&self.shared, &self.lane, reply);
        Went::Over
    }

    fn note_shortage(&self, shortage: Shortage, pause: Duration) {
        if self.shared.is_news(&shortage) {
            events::short(&shortage);
        }
        self.lane.fall_short(&self.shared, shortage, pause);
    }

    /// Whether it isn't too old to wait for better times.
    fn has_time(&self, job: &Job) -> bool {
        job.flight.age() < self.lane.settings().retry.give_up_after
    }

    /// This host lacks what it takes: the job waits until it is repaired, but not for ever.
    async fn fall_short(
        &mut self,
        job: Job,
        mut verdicts: Verdicts,
        shortage: Shortage,
        content: Bytes,
    ) -> Went {
        let reply = shortage.reply();
        self.note_shortage(shortage, limits::SHORTAGE_PAUSE);
        if verdicts.settled.is_empty() && self.has_time(&job) {
            self.lane.put_back(job);
        } else {
            verdicts.settle_open(&reply, &self.hop);
            settle::conclude(&self.shared, job, verdicts.settled, content).await;
        }
        Went::Over
    }

    /// The message can't be read from the queue: it stays there, for a better moment or for the operator.
    async fn unreadable(&self, job: Job, error: &ContentError) {
        match error {
            ContentError::Unknown(_) => {
                settle::nothing_left(&self.shared, job).await;
            }
            ContentError::Damaged(_) | ContentError::Disk { .. } => {
                if settle::cannot_read(&self.shared, &job.flight, error) == Prospect::Gone {
                    return settle::hold(&self.shared, job).await;
                }
                let reply = Reply::new(451, (4, 3, 0), "the queue's disk failed");
                let mut verdicts = Verdicts::new(job.recipients.clone());
                verdicts.settle_open(&reply, &self.hop);
                let (verdicts, content) = (verdicts.settled, None);
                let attempted = vec![Attempted { job, verdicts, content }];
                settle::conclude_many(&self.shared, attempted).await;
            }
        }
    }

    fn drop_connection(&mut self) {
        self.open = None;
        if let Some(place) = &mut self.seat.place {
            place.closed();
        }
    }

    /// Says QUIT where there is somebody to say it to.
    async fn close(&mut self) {
        if let Some(open) = self.open.take() {
            open.quit().await;
        }
        self.drop_connection();
    }

    /// No connection is used for ever: hosts change, and many close one after so many messages.
    async fn close_if_used_up(&mut self) {
        let Some(open) = &self.open else { return };
        let most = open.session().capabilities().transactions_max.unwrap_or(usize::MAX);
        let used = open.transactions >= most.min(limits::TRANSACTIONS_PER_CONNECTION);
        if used || self.since.elapsed() >= limits::CONNECTION_AGE {
            self.close().await;
            self.hop.start_over();
        }
    }
}

/// What ended a worker's wait.
enum Waited {
    Job(Job),
    /// There may be something to do, or somebody who wants the seat.
    Look,
    Over,
}

/// Hosts that don't answer at once may go on as long as there is room for such.
async fn lingering<T>(permit: &mut Permit, work: impl Future<Output = T>) -> Result<T, Crowded> {
    let mut work = pin!(work);
    if let Ok(done) = timeout(limits::LINGER, &mut work).await {
        return Ok(done);
    }
    permit.slow_down()?;
    Ok(work.await)
}

/// The lane tries again soon, or when there is room for slow ones.
fn slow(lane: &Arc<Lane>, shared: &Shared) -> Closed {
    lane.lingers(shared);
    Closed::NoRoom
}
