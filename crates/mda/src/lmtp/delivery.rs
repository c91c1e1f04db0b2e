//! One letter to all its recipients at once, and a reply for each (RFC 2033 §4.2).
//!
//! Each recipient's letter is written on a thread of its own; what is written joins the letters of other
//! sessions for the syncs. Replies go out in the order of the recipients, each as soon as it can, so one mailbox that
//! hangs would hold up all behind it: once nothing moves but that, it is given [`limits::STRAGGLER_WAIT`] and answered
//! "later".
//! Its thread may hang on, so letters for that mailbox are put off at once (`hanging.rs`). What it files after
//! all, when "later" was answered, it takes back: the letter comes again.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use postroad_protocol::address::{Address, ForwardPath, ReversePath};
use postroad_protocol::command::{ClientName, Rcpt};
use postroad_protocol::dsn::{Action, Report, Speaker};
use postroad_protocol::envelope::{Recipient, Ret, Utf8, Wanted};
use postroad_protocol::reply::Reply;
use postroad_protocol::trace_fields::With;
use postroad_store::{DeliveryKey, StoreError};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

use super::Shared;
use super::content::Scratch;
use super::destination::Destination;
use super::filing::file;
use crate::letter::Header;
use crate::repeat::{Reading, Sameness};
use crate::success::About;
use crate::{events, limits, replies};

/// A letter with what its session knows of it.
#[derive(Debug)]
pub(super) struct Letter {
    pub(super) header: Header,
    pub(super) start: Bytes,
    pub(super) rest: Option<Scratch>,
    /// All of it that is kept, once somebody's rules have asked for it.
    pub(super) whole: Mutex<Option<Bytes>>,
    /// What it is known again by, once it was asked for.
    pub(super) sameness: OnceLock<Option<Sameness>>,
    pub(super) return_path: ReversePath,
    pub(super) client: ClientName,
    pub(super) address: Option<IpAddr>,
    pub(super) with: With,
    pub(super) utf8: Utf8,
    /// RET= and ENVID= (RFC 3461 §4.3 and §4.4).
    pub(super) ret: Option<Ret>,
    pub(super) envid: Option<String>,
    pub(super) arrived: SystemTime,
}

impl Letter {
    /// What is kept of it, in one piece: rules see letters so.
    pub(super) fn whole(&self) -> Result<Bytes, StoreError> {
        let mut whole = self.whole.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(whole) = &*whole {
            return Ok(whole.clone());
        }
        let octets = match (self.header.kept.as_slice(), &self.rest) {
            ([run], None) => self.start.slice(run.clone()),
            (_, rest) => {
                let mut octets = self.header.kept_of(&self.start).collect::<Vec<_>>().concat();
                if let Some(rest) = rest {
                    rest.read(|block| {
                        octets.extend_from_slice(block);
                        Ok::<_, StoreError>(())
                    })?;
                }
                octets.into()
            }
        };
        *whole = Some(octets.clone());
        Ok(octets)
    }

    /// Tells its sender of those of these outcomes that are a success and that it wants to hear of.
    pub(super) fn tell_sender<'a>(
        &self,
        shared: &Shared,
        outcomes: impl IntoIterator<Item = (&'a Destination, &'a Reply, Option<Action>)>,
    ) {
        // RFC 3461 §5.2: never about a letter without a sender.
        let Some(to) = self.return_path.address() else { return };
        let now = Some(SystemTime::now());
        let reports = outcomes.into_iter().flat_map(|(destination, reply, success)| {
            let wanting = |rcpt: &&Recipient| rcpt.notify.success() == Wanted::Yes;
            let report = move |recipient: &'a Recipient| {
                let (action, speaker, last_attempt) = (success?, Speaker::Us, now);
                Some(Report { recipient, action, reply, speaker, last_attempt })
            };
            destination.rcpts.iter().filter(wanting).filter_map(report)
        });
        let reports: Vec<_> = reports.collect();
        if reports.is_empty() {
            return;
        }
        let about = About {
            to,
            message: self.header.queue_id.as_deref(),
            arrived: self.arrived,
            envid: self.envid.as_deref(),
            ret: self.ret,
            content: &self.start,
        };
        shared.successes.tell(&about, &shared.courier.unique_name(), reports);
    }

    /// What its delivery to one recipient is known again by.
    pub(super) fn key(&self, to: &Address) -> Option<DeliveryKey> {
        let sameness = self.sameness.get_or_init(|| {
            let mut reading = Reading::of(&self.header, SystemTime::now())?;
            reading.push(&self.start);
            if let Some(rest) = &self.rest {
                let push = |octets: &[u8]| {
                    reading.push(octets);
                    Ok::<_, StoreError>(())
                };
                // What can't be read isn't filed either.
                rest.read(push).ok()?;
            }
            Some(reading.finish())
        });
        sameness.map(|sameness| sameness.key(to, ""))
    }
}

/// How far one recipient's letter is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Progress {
    /// Its mailbox has not let us write yet.
    Unwritten,
    /// It is being sent on.
    Leaving,
    /// It waits for the disk.
    Written,
    /// What the client is told; and the sender, if it has asked for success.
    Done(Reply, Option<Action>),
}

/// Who says how far one recipient's letter is. Dropped, all is said: where that was not [`Progress::Done`], its thread
/// has broken down, which is "later" for this recipient alone.
#[derive(Debug)]
pub(super) struct Teller {
    tell: mpsc::UnboundedSender<(usize, Progress)>,
    index: usize,
}

impl Teller {
    pub(super) fn new(tell: mpsc::UnboundedSender<(usize, Progress)>, index: usize) -> Self {
        Self { tell, index }
    }

    /// Whether anybody still waits for it.
    pub(super) fn say(&self, step: Progress) -> bool {
        self.tell.send((self.index, step)).is_ok()
    }

    /// Whether all have given up on it.
    pub(super) fn is_alone(&self) -> bool {
        self.tell.is_closed()
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        let reply = replies::try_later("The delivery was broken off, try again later");
        self.say(Progress::Done(reply, None));
    }
}

/// Delivers to all recipients. Each one's reply goes out as soon as it is known and those before it are (RFC 2033 §5).
pub(super) async fn to_all(
    shared: &Arc<Shared>,
    letter: Letter,
    rcpts: Vec<Rcpt>,
    out: mpsc::UnboundedSender<Reply>,
) {
    let letter = Arc::new(letter);
    let (places, destinations) = find_all(shared, rcpts);
    let (tell, hear) = mpsc::unbounded_channel();
    let mut hearing = Hearing {
        shared,
        letter: &letter,
        destinations: &destinations,
        hear,
        progress: vec![Progress::Unwritten; destinations.len()],
        replies: Replies { places, given: 0, out },
    };
    tokio::select! {
        () = hearing.settled(shared.config.mda.delivery_time_max) => {}
        // Never ends before that: it waits for ever when all are started.
        () = start_all(shared, &letter, &destinations, tell) => {}
    }
    hearing.end().await;
}

/// Where each recipient's letter goes, and the recipients with the place of that. An address that is named twice is one
/// delivery: transfer agents name it for each alias that led there.
fn find_all(shared: &Shared, rcpts: Vec<Rcpt>) -> (Places, Vec<Result<Destination, Reply>>) {
    let (mut places, mut destinations) = (Vec::with_capacity(rcpts.len()), Vec::new());
    for Rcpt { forward_path, notify, orcpt } in rcpts {
        // What RCPT was answered may have changed since; it costs nothing to ask again.
        let found = Destination::find(shared, &forward_path);
        let is_it = |other: &Result<Destination, Reply>| match (other, &found) {
            (Ok(other), Ok(found)) => other.is(found),
            (Ok(_) | Err(_), _) => false,
        };
        let place = destinations.iter().position(is_it).unwrap_or(destinations.len());
        if place == destinations.len() {
            destinations.push(found);
        }
        if let Some(Ok(destination)) = destinations.get_mut(place) {
            let address = destination.address.clone();
            destination.rcpts.push(Recipient { address, notify, orcpt });
        }
        places.push((forward_path, place));
    }
    (places, destinations)
}

/// Each recipient, and which destination's reply it has.
type Places = Vec<(ForwardPath, usize)>;

/// The replies, in the order of the recipients (RFC 2033 §4.2).
struct Replies {
    places: Places,
    /// So many have theirs.
    given: usize,
    out: mpsc::UnboundedSender<Reply>,
}

/// Who hears how far each destination's letter is. Dropped, whether all have ended or nobody waits for them any more, it
/// tells the sender of what has ended well.
struct Hearing<'a> {
    shared: &'a Shared,
    letter: &'a Letter,
    destinations: &'a [Result<Destination, Reply>],
    hear: mpsc::UnboundedReceiver<(usize, Progress)>,
    progress: Vec<Progress>,
    replies: Replies,
}

impl Hearing<'_> {
    /// Hears how far each is, until all are done or what is left hangs.
    async fn settled(&mut self, time_max: Duration) {
        loop {
            let wait = patience(&self.progress, time_max);
            match timeout(wait, self.hear.recv()).await {
                Ok(Some((index, step))) => self.note(index, step),
                // All senders are gone: what isn't done now never will be.
                Ok(None) | Err(_) => return,
            }
            self.give();
            if self.progress.iter().all(|step| matches!(step, Progress::Done(..))) {
                return;
            }
        }
    }

    fn note(&mut self, index: usize, step: Progress) {
        match self.progress.get_mut(index) {
            // What comes after it comes from a teller that is dropped.
            Some(Progress::Done(..)) | None => {}
            Some(place) => *place = step,
        }
    }

    /// Gives the replies that are known, up to the first that isn't.
    fn give(&mut self) {
        let Replies { places, given, out } = &mut self.replies;
        while let Some((path, place)) = places.get(*given)
            && let Some(Progress::Done(reply, _)) = self.progress.get(*place)
        {
            events::outcome(&self.letter.header, &self.letter.return_path, path, reply);
            // Where nobody waits for it any more, we are dropped.
            let _ = out.send(reply.clone());
            *given += 1;
        }
    }

    /// Nobody is waited for any longer: who isn't done is put off.
    async fn end(mut self) {
        // From here on whoever files a letter learns that nobody hears of it. What was said before counts.
        self.hear.close();
        while let Some((index, step)) = self.hear.recv().await {
            self.note(index, step);
        }
        for (progress, destination) in self.progress.iter_mut().zip(self.destinations) {
            if matches!(progress, Progress::Done(..)) {
                continue;
            }
            if let (Progress::Unwritten, Ok(destination)) = (&*progress, destination) {
                destination.put_off(self.shared);
            }
            *progress = Progress::Done(replies::hanging(), None);
        }
        self.give();
    }
}

impl Drop for Hearing<'_> {
    fn drop(&mut self) {
        self.hear.close();
        while let Ok((index, step)) = self.hear.try_recv() {
            self.note(index, step);
        }
        let outcomes = self.progress.iter().zip(self.destinations);
        let outcomes =
            outcomes.filter_map(|(progress, destination)| match (progress, destination) {
                (Progress::Done(reply, success), Ok(destination)) => {
                    Some((destination, reply, *success))
                }
                _ => None,
            });
        self.letter.tell_sender(self.shared, outcomes);
    }
}

/// Starts each recipient's delivery, a few at once.
async fn start_all(
    shared: &Arc<Shared>,
    letter: &Arc<Letter>,
    destinations: &[Result<Destination, Reply>],
    tell: mpsc::UnboundedSender<(usize, Progress)>,
) {
    let permits = Arc::new(Semaphore::new(limits::WRITERS_PER_TRANSACTION));
    for (index, destination) in destinations.iter().enumerate() {
        let destination = match destination {
            Ok(destination) => destination.clone(),
            Err(reply) => {
                // The receiver is gone only where nobody waits any more.
                let _ = tell.send((index, Progress::Done(reply.clone(), None)));
                continue;
            }
        };
        // Never closed.
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        let (shared, letter) = (Arc::clone(shared), Arc::clone(letter));
        let teller = Teller::new(tell.clone(), index);
        tokio::task::spawn_blocking(move || {
            file(&shared, &letter, destination, teller);
            drop(permit);
        });
    }
    drop(tell);
    std::future::pending::<()>().await;
}

/// How long to wait for the next step. A mailbox that can't even be written while others could hangs, and
/// the others shall not wait for it; a disk that syncs slowly mostly does so for all. None takes longer than
/// `time_max`: clients wait 10 minutes (RFC 5321 §4.5.3.2.6).
fn patience(progress: &[Progress], time_max: Duration) -> Duration {
    let count = |fits: fn(&Progress) -> bool| progress.iter().filter(|step| fits(step)).count();
    let unwritten = count(|step| *step == Progress::Unwritten);
    let written = count(|step| *step == Progress::Written);
    let leaving = count(|step| *step == Progress::Leaving);
    let done = progress.len() - unwritten - written - leaving;
    // Whoever gave up on a letter that is being sent on would have it sent twice: it has a limit of its own.
    if leaving > 0 {
        return limits::SUBMIT_WAIT;
    }
    let wait = match (written, done) {
        (0, 0) | (1.., 0) => time_max,
        (0, 1..) => limits::STRAGGLER_WAIT,
        (1.., 1..) => limits::SLOW_SYNC_WAIT,
    };
    wait.min(time_max)
}
