//! One letter to all its recipients at once, and a reply for each (RFC 2033 §4.2).
//!
//! Each recipient's letter is written on a thread of its own; what is written joins the letters of other
//! sessions for the syncs. Replies go out in the order of the recipients, so one mailbox that hangs would
//! hold up all: once nothing moves but that, it is given [`limits::STRAGGLER_WAIT`] and answered "later".
//! Its thread may hang on, so letters for that mailbox are put off at once (`hanging.rs`). What it files after
//! all, when "later" was answered, it takes back: the letter comes again.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use postroad_protocol::address::{ForwardPath, ReversePath};
use postroad_protocol::command::ClientName;
use postroad_protocol::envelope::Utf8;
use postroad_protocol::reply::Reply;
use postroad_protocol::trace_fields::{From, With};
use postroad_store::{Draft, Filed, Maildir, StoreError};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

use super::Shared;
use super::content::Scratch;
use super::destination::Destination;
use crate::letter::{Came, Header, OnTop};
use crate::{events, limits, mailbox, replies};

/// A letter with what its session knows of it.
#[derive(Debug)]
pub(super) struct Letter {
    pub(super) header: Header,
    pub(super) start: Bytes,
    pub(super) rest: Option<Scratch>,
    pub(super) return_path: ReversePath,
    pub(super) client: ClientName,
    pub(super) address: Option<IpAddr>,
    pub(super) with: With,
    pub(super) utf8: Utf8,
}

/// How far one recipient's letter is.
#[derive(Debug, Clone, PartialEq)]
enum Progress {
    /// Its mailbox has not let us write yet.
    Unwritten,
    /// It waits for the disk.
    Written,
    Done(Reply),
}

type Tell = mpsc::UnboundedSender<(usize, Progress)>;

/// Delivers to all recipients; the replies are in their order.
pub(super) async fn to_all(
    shared: &Arc<Shared>,
    letter: Letter,
    paths: Vec<ForwardPath>,
) -> Vec<Reply> {
    let letter = Arc::new(letter);
    let (tell, mut hear) = mpsc::unbounded_channel();
    // What RCPT was answered may have changed since; it costs nothing to ask again.
    let destinations: Vec<_> = paths.iter().map(|path| Destination::find(shared, path)).collect();
    let mut progress = vec![Progress::Unwritten; paths.len()];
    let start_all = start_all(shared, &letter, &destinations, tell);
    tokio::select! {
        () = settled(&mut progress, &mut hear) => {}
        // Never ends before that: it waits for ever when all are started.
        () = start_all => {}
    }
    // From here on whoever files a letter learns that nobody hears of it. What was said before counts.
    hear.close();
    while let Some((index, step)) = hear.recv().await {
        note(&mut progress, index, step);
    }
    let mut replies = Vec::with_capacity(paths.len());
    for ((path, progress), destination) in paths.iter().zip(progress).zip(&destinations) {
        let reply = match progress {
            Progress::Done(reply) => reply,
            Progress::Unwritten | Progress::Written => {
                put_off(shared, &progress, destination.as_ref().ok());
                replies::hanging()
            }
        };
        events::outcome(&letter.header, &letter.return_path, path, &reply);
        replies.push(reply);
    }
    replies
}

/// Starts each recipient's delivery, a few at once.
async fn start_all(
    shared: &Arc<Shared>,
    letter: &Arc<Letter>,
    destinations: &[Result<Destination, Reply>],
    tell: Tell,
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
        let (shared, letter, tell) = (Arc::clone(shared), Arc::clone(letter), tell.clone());
        tokio::task::spawn_blocking(move || {
            file(&shared, &letter, destination, index, &tell);
            drop(permit);
        });
    }
    drop(tell);
    std::future::pending::<()>().await;
}

/// Hears how far each is, until all are done or what is left hangs.
async fn settled(progress: &mut [Progress], hear: &mut mpsc::UnboundedReceiver<(usize, Progress)>) {
    loop {
        let wait = patience(progress);
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
    if let Some(place) = progress.get_mut(index) {
        *place = step;
    }
}

/// How long to wait for the next step. A mailbox that can't even be written while others could hangs, and
/// the others shall not wait for it; a disk that syncs slowly mostly does so for all.
fn patience(progress: &[Progress]) -> Duration {
    let count = |fits: fn(&Progress) -> bool| progress.iter().filter(|step| fits(step)).count();
    let unwritten = count(|step| *step == Progress::Unwritten);
    let written = count(|step| *step == Progress::Written);
    let done = progress.len() - unwritten - written;
    match (written, done) {
        (0, 0) | (1.., 0) => limits::DELIVERY_TIME_MAX,
        (0, 1..) => limits::STRAGGLER_WAIT,
        (1.., 1..) => limits::SLOW_SYNC_WAIT,
    }
}

/// Remembers a mailbox that hangs.
fn put_off(shared: &Shared, progress: &Progress, destination: Option<&Destination>) {
    let Some(destination) = destination.filter(|_| *progress == Progress::Unwritten) else {
        return;
    };
    for user in &destination.users {
        let maildir = mailbox::of_user(&shared.config.mda.maildir, user);
        events::hanging(maildir.root());
        shared.hanging.hung(maildir.root(), Instant::now());
    }
}

/// Files one recipient's letter; blocks.
fn file(shared: &Arc<Shared>, letter: &Letter, to: Destination, index: usize, tell: &Tell) {
    // Who waits for it may have given up on it.
    let say = |step| tell.send((index, step)).is_ok();
    if letter.header.is_looping(&to.address) {
        say(Progress::Done(replies::looping()));
        return;
    }
    let mut drafts = Vec::with_capacity(to.users.len());
    for user in &to.users {
        let maildir = mailbox::of_user(&shared.config.mda.maildir, user);
        let Some(visit) = shared.hanging.visit(maildir.root(), Instant::now()) else {
            say(Progress::Done(replies::hanging()));
            return;
        };
        let written = write(shared, letter, &to, &maildir);
        drop(visit);
        match written {
            Ok(draft) => drafts.push(draft),
            Err(error) => {
                events::not_filed(&to.address, &error);
                say(Progress::Done(replies::not_filed(&error)));
                return;
            }
        }
    }
    // The reply "later" is out already: what is written is forgotten, or the letter would come twice.
    if !say(Progress::Written) {
        return;
    }
    let report = Report {
        shared: Arc::clone(shared),
        ids: Ids::of(&letter.header),
        to,
        index,
        tell: tell.clone(),
    };
    match (drafts.pop(), drafts) {
        (Some(draft), rest) if rest.is_empty() => {
            draft.deliver_then(move |result| match result {
                Ok(filed) => report.filed(&[filed]),
                Err(error) => report.not_filed(&error, &[]),
            });
        }
        (last, rest) => {
            // All or "later".
            let mut filed = Vec::new();
            for draft in rest.into_iter().chain(last) {
                match draft.deliver() {
                    Ok(letter) => filed.push(letter),
                    Err(error) => return report.not_filed(&error, &filed),
                }
            }
            report.filed(&filed);
        }
    }
}

/// What ties a record to other agents' records.
struct Ids {
    queue_id: Option<String>,
    message_id: Option<String>,
}

impl Ids {
    fn of(header: &Header) -> Self {
        Self { queue_id: header.queue_id.clone(), message_id: header.message_id.clone() }
    }
}

/// Tells trace, log and client what became of one recipient's letter.
struct Report {
    shared: Arc<Shared>,
    ids: Ids,
    to: Destination,
    index: usize,
    tell: Tell,
}

impl Report {
    /// The letter is in all the recipient's mailboxes. Where nobody waits for that any more, "later" was
    /// answered, or nothing: the letter comes again.
    fn filed(&self, filed: &[Filed]) {
        // There is always one: an alias leads to somebody.
        let reply = filed.last().map_or_else(replies::unknown_user, replies::filed);
        if self.tell.is_closed() {
            return self.take_back(filed);
        }
        for filed in filed {
            let record = events::filed_record(&self.to.address, filed);
            let Ids { queue_id, message_id } = &self.ids;
            self.shared.journal.record(queue_id.as_deref(), message_id.as_deref(), record);
        }
        if self.tell.send((self.index, Progress::Done(reply))).is_err() {
            self.take_back(filed);
        }
    }

    /// The letter isn't in all of them: it leaves those that it is in.
    fn not_filed(&self, error: &StoreError, filed: &[Filed]) {
        events::not_filed(&self.to.address, error);
        self.take_back(filed);
        // Who waited for it may have given up on it, which was "later" too.
        let _ = self.tell.send((self.index, Progress::Done(replies::not_filed(error))));
    }

    fn take_back(&self, filed: &[Filed]) {
        for filed in filed {
            events::taken_back(&self.to.address, filed);
            self.shared.courier.take_back(filed);
        }
    }
}

fn write(
    shared: &Shared,
    letter: &Letter,
    to: &Destination,
    maildir: &Maildir,
) -> Result<Draft, StoreError> {
    let mut draft = shared.courier.begin(maildir)?;
    let from = From::Client { name: &letter.client, address: letter.address };
    let on_top = OnTop {
        return_path: &letter.return_path,
        delivered_to: &to.address,
        came: Came::Lmtp(from, letter.with, letter.utf8),
        host: &shared.hostname,
        id: draft.id(),
        at: SystemTime::now(),
    };
    let on_top = on_top.encode(letter.header.shape);
    draft.write(&on_top)?;
    for run in &letter.header.kept {
        draft.write(letter.start.get(run.clone()).unwrap_or_default())?;
    }
    if let Some(rest) = &letter.rest {
        rest.read(|block| draft.write(block))?;
    }
    Ok(draft)
}
