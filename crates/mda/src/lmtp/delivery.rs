//! One letter to all its recipients at once, and a reply for each (RFC 2033 §4.2).
//!
//! Each recipient's letter is written on a thread of its own; what is written joins the letters of other
//! sessions for the syncs. Replies go out in the order of the recipients, so one mailbox that hangs would
//! hold up all: once nothing moves but that, it is given [`limits::STRAGGLER_WAIT`] and answered "later".
//! Its thread may hang on, so letters for that mailbox are put off at once (`hanging.rs`). What it files after
//! all, when "later" was answered, it takes back: the letter comes again.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use postroad_protocol::address::{Address, ForwardPath, ReversePath};
use postroad_protocol::command::ClientName;
use postroad_protocol::envelope::Utf8;
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
            (runs, rest) => {
                let runs = runs.iter().filter_map(|run| self.start.get(run.clone()));
                let mut octets = runs.collect::<Vec<_>>().concat();
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
    Done(Reply),
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
        self.say(Progress::Done(replies::try_later(
            "The delivery was broken off, try again later",
        )));
    }
}

/// Delivers to all recipients; the replies are in their order.
pub(super) async fn to_all(
    shared: &Arc<Shared>,
    letter: Letter,
    paths: Vec<ForwardPath>,
) -> Vec<Reply> {
    let letter = Arc::new(letter);
    // What RCPT was answered may have changed since; it costs nothing to ask again.
    let found = paths.iter().map(|path| Destination::find(shared, path));
    // An address that is named twice is one delivery: transfer agents name it for each alias that led there.
    let (mut destinations, mut places) = (Vec::new(), Vec::with_capacity(paths.len()));
    for destination in found {
        let place = destinations.iter().position(|other| *other == destination);
        places.push(place.unwrap_or(destinations.len()));
        if place.is_none() {
            destinations.push(destination);
        }
    }
    let all = to_each(shared, &letter, &destinations).await;
    let reply_for = |(path, place): (&ForwardPath, usize)| {
        let reply = all.get(place).cloned().unwrap_or_else(replies::hanging);
        events::outcome(&letter.header, &letter.return_path, path, &reply);
        reply
    };
    paths.iter().zip(places).map(reply_for).collect()
}

async fn to_each(
    shared: &Arc<Shared>,
    letter: &Arc<Letter>,
    destinations: &[Result<Destination, Reply>],
) -> Vec<Reply> {
    let (tell, mut hear) = mpsc::unbounded_channel();
    let mut progress = vec![Progress::Unwritten; destinations.len()];
    let start_all = start_all(shared, letter, destinations, tell);
    tokio::select! {
        () = settled(&mut progress, &mut hear, shared.config.mda.delivery_time_max) => {}
        // Never ends before that: it waits for ever when all are started.
        () = start_all => {}
    }
    // From here on whoever files a letter learns that nobody hears of it. What was said before counts.
    hear.close();
    while let Some((index, step)) = hear.recv().await {
        note(&mut progress, index, step);
    }
    let reply_of = |(progress, destination): (Progress, &Result<Destination, Reply>)| match progress
    {
        Progress::Done(reply) => reply,
        Progress::Unwritten | Progress::Leaving | Progress::Written => {
            if let (Progress::Unwritten, Ok(destination)) = (progress, destination) {
                destination.put_off(shared);
            }
            replies::hanging()
        }
    };
    progress.into_iter().zip(destinations).map(reply_of).collect()
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
                let _ = tell.send((index, Progress::Done(reply.clone())));
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

/// Hears how far each is, until all are done or what is left hangs.
async fn settled(
    progress: &mut [Progress],
    hear: &mut mpsc::UnboundedReceiver<(usize, Progress)>,
    time_max: Duration,
) {
    loop {
        let wait = patience(progress, time_max);
        match timeout(wait, hear.recv()).await {
            Ok(Some((index, step))) => note(progress, index, step),
            // All senders are gone: what isn't done now never will be.
            Ok(None) | Err(_) => return,
        }
        if progress.iter().all(|step| matches!(step, Progress::Done(_))) {
            return;
        }
    }
}

fn note(progress: &mut [Progress], index: usize, step: Progress) {
    match progress.get_mut(index) {
        // What comes after it comes from a teller that is dropped.
        Some(Progress::Done(_)) | None => {}
        Some(place) => *place = step,
    }
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
