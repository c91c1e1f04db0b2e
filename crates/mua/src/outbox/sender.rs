//! The one sender: takes letters in, hands them to the submission server, waits, ends.
//!
//! It ends when nothing is left to send, or when nothing will be due for longer than its patience, or
//! when another sender has come while it waited. The timer, or the next start of the user agent, tries
//! again. A letter that was left while it was about to end is not forgotten: after giving up the lock it
//! looks once more.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use postroad_protocol::client::Verdict;
use postroad_protocol::reply::{Reply, Severity};
use postroad_queue::retry::{Next, Schedule};
use postroad_queue::{
    Accept, Content, Cursor, Filter, NewMessage, Outcome, OwnedShard, Presence, QueueId, QueueRow,
    RecipientState,
};

use super::copies::Copies;
use super::unfiled::Unfiled;
use super::{DropOff, Found, Notes, Outbox, OutboxError, listing};
use crate::account::Account;
use crate::drafts::Drafts;
use crate::limits;
use crate::submission::Connection;
use crate::trace;

/// How many letters are looked at in one go.
const PAGE: usize = 1_000;
/// How often a waiting sender looks for new letters.
const LOOK: Duration = Duration::from_millis(250);

/// The wait between tries; after five days a letter waits for its author.
const SCHEDULE: Schedule = Schedule {
    first: limits::RETRY_FIRST,
    longest: limits::RETRY_LONGEST,
    give_up_after: Duration::from_secs(5 * 24 * 60 * 60),
};

/// When a letter is due that its author has to decide about: never by itself.
pub(super) fn never() -> SystemTime {
    // The year 9999: any time that file and clock can say and nobody will see.
    SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_799)
}

/// How a sender ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flushed {
    /// Nothing is left to be sent.
    Empty,
    /// Letters wait for another try at that time at the earliest.
    Waiting(SystemTime),
    /// Another process sends: it takes care of all letters.
    Busy,
}

/// Which letters are tried at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Eagerness {
    /// All that wait: somebody asked.
    All,
    /// Those whose time has come.
    Due,
}

impl Outbox {
    /// Sends what waits; as long as something is due within `patience`, waits for it.
    ///
    /// # Errors
    /// Where the outbox can't be read or written. What the server says is no error: letters wait.
    pub async fn flush(
        &self,
        account: &Account,
        patience: Duration,
    ) -> Result<Flushed, OutboxError> {
        let end = Instant::now() + patience;
        let mut eagerness = Eagerness::All;
        let drop_off = self.drop_off()?;
        loop {
            let Some(lock) = self.try_lock()? else { return Ok(Flushed::Busy) };
            drop_off.sweep(SystemTime::now());
            self.unfiled().file_all(account).await;
            let next = self.pass(&drop_off, account, eagerness).await?;
            eagerness = Eagerness::Due;
            drop(lock);
            let now = SystemTime::now();
            // Who left a letter just now may have found us at work, and started nobody.
            if !drop_off.ready(now)?.is_empty() {
                continue;
            }
            let held = drop_off.next_due(now)?;
            match next.into_iter().chain(held).min() {
                None => return Ok(Flushed::Empty),
                // As long as a letter can be taken back there is somebody who counts on its leaving then.
                Some(at) if held == Some(at) && !patience.is_zero() => wait(&drop_off, at).await?,
                // Without the lock: whoever comes meanwhile, with better settings or better luck, takes over.
                Some(at) if starts_within(at, end) => wait(&drop_off, at).await?,
                Some(at) => return Ok(Flushed::Waiting(at)),
            }
        }
    }

    /// Takes in, sends what is due, and says when something will be due again.
    async fn pass(
        &self,
        drop_off: &DropOff,
        account: &Account,
        eagerness: Eagerness,
    ) -> Result<Option<SystemTime>, OutboxError> {
        let none_left =
            drop_off.ready(SystemTime::now())?.is_empty() && drop_off.taken()?.is_empty();
        if none_left && !self.expects_letters()? {
            return Ok(None);
        }
        self.expect_letters()?;
        let shard = self.queue(limits::OUTBOX_WAIT).await?;
        let result = async {
            let copies = self.copies();
            let drafts = account
                .state
                .as_ref()
                .map(|state| Drafts::at(Arc::clone(&self.disk), state.join("drafts")));
            let queued = take_in(drop_off, &copies, drafts.as_ref(), shard.as_ref()).await?;
            let rows = all_rows(shard.as_ref()).await;
            // Listed before it is forgotten: at no moment has a waiting letter gone from sight.
            listing::keep(&self.folder, &rows);
            queued.into_iter().try_for_each(|id| drop_off.forget(id))?;
            let notes = (&copies, &self.unfiled());
            send(shard.as_ref(), account, notes, due(&rows, eagerness)).await?;
            let rows = all_rows(shard.as_ref()).await;
            listing::keep(&self.folder, &rows);
            let taken = drop_off.taken()?;
            let wanted = |id| taken.contains(&id) || rows.iter().any(|row| row.id == id);
            copies.retain(wanted, |notes| draft_has_gone(drafts.as_ref(), notes));
            let next = next_due(&rows);
            if next.is_none() {
                self.expect_none();
            }
            Ok(next)
        }
        .await;
        shard.release().await;
        result
    }
}

fn starts_within(at: SystemTime, end: Instant) -> bool {
    let wait = at.duration_since(SystemTime::now()).unwrap_or_default();
    Instant::now() + wait.min(limits::RETRY_LONGEST * 2) < end
}

/// Waits until then, or until there is a letter to be taken in.
async fn wait(drop_off: &DropOff, at: SystemTime) -> Result<(), OutboxError> {
    while let Ok(left) = at.duration_since(SystemTime::now()) {
        if left.is_zero() || !drop_off.ready(SystemTime::now())?.is_empty() {
            break;
        }
        tokio::time::sleep(left.min(LOOK)).await;
    }
    Ok(())
}

/// Puts what was left into the queue, and gives what is safe there now and can be forgotten; see
/// [`super::DropOff`] for the steps.
pub(super) async fn take_in(
    drop_off: &DropOff,
    copies: &Copies,
    drafts: Option<&Drafts>,
    shard: &dyn OwnedShard,
) -> Result<Vec<QueueId>, OutboxError> {
    let mut queued = Vec::new();
    // First what an earlier sender had in its hands.
    let taken = drop_off.taken()?;
    for (id, presence) in taken.iter().zip(shard.probe(&taken).await) {
        match presence {
            Presence::Present => queued.push(*id),
            Presence::Absent => drop_off.put_back(*id)?,
        }
    }
    for ready in drop_off.ready(SystemTime::now())? {
        let id = shard.new_id();
        match drop_off.take(&ready, id) {
            Ok(()) => {}
            // Its author has taken it back in this moment.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error.into()),
        }
        let Found::Letter(letter) = drop_off.read_taken(id)? else {
            tracing::error!(letter = %id, "a letter in the outbox cannot be read, it stays in drop/taken");
            continue;
        };
        copies.keep(id, &letter.notes)?;
        // From here on the letter can't be taken back, and is safe: the draft that it was made of goes.
        draft_has_gone(drafts, &letter.notes);
        let message = NewMessage {
            id,
            arrived: SystemTime::now(),
            envelope: letter.envelope,
            content: Content::Memory(letter.content),
        };
        match shard.accept(vec![message]).await.pop() {
            Some(Accept::Stored) => queued.push(id),
            Some(Accept::Refused(error)) => {
                drop_off.put_back(id)?;
                return Err(error.into());
            }
            // The next pass asks the queue.
            Some(Accept::InDoubt) | None => {}
        }
    }
    Ok(queued)
}

/// Removes the draft that a letter was made of; says whether it is not there any more.
fn draft_has_gone(drafts: Option<&Drafts>, notes: &Notes) -> bool {
    let (Some(drafts), Some(draft)) = (drafts, &notes.draft) else { return true };
    match drafts.remove(draft) {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(%error, "the draft of a letter that leaves is not removed");
            false
        }
    }
}

pub(super) async fn all_rows(shard: &dyn OwnedShard) -> Vec<QueueRow> {
    let mut rows = Vec::new();
    let mut from = Cursor::default();
    loop {
        let page = shard.find(&Filter::default(), from, PAGE).await;
        rows.extend(page.rows);
        match page.next {
            Some(next) => from = next,
            None => return rows,
        }
    }
}

/// A letter and those of its recipients whose turn it is.
struct Due<'a> {
    row: &'a QueueRow,
    recipients: Vec<usize>,
}

fn due(rows: &[QueueRow], eagerness: Eagerness) -> Vec<Due<'_>> {
    let now = SystemTime::now();
    let is_due = |state: &RecipientState| match state {
        RecipientState::Waiting { due, .. } if *due >= never() => false,
        RecipientState::Waiting { due, .. } => eagerness == Eagerness::All || *due <= now,
        RecipientState::Held { .. } | RecipientState::Done => false,
    };
    rows.iter()
        .map(|row| {
            let states = row.states.iter().enumerate();
            let recipients = states.filter(|(_, state)| is_due(state)).map(|(index, _)| index);
            Due { row, recipients: recipients.collect() }
        })
        .filter(|due| !due.recipients.is_empty())
        .collect()
}

fn next_due(rows: &[QueueRow]) -> Option<SystemTime> {
    let times = rows.iter().flat_map(|row| &row.states).filter_map(|state| match state {
        RecipientState::Waiting { due, .. } if *due < never() => Some(*due),
        RecipientState::Waiting { .. } | RecipientState::Held { .. } | RecipientState::Done => None,
    });
    times.min()
}

/// Hands letters over, one connection for all; where it breaks, the next letter gets a new one.
async fn send(
    shard: &dyn OwnedShard,
    account: &Account,
    notes: (&Copies, &Unfiled),
    due: Vec<Due<'_>>,
) -> Result<(), OutboxError> {
    let mut open = None;
    let mut letters = due.into_iter();
    while let Some(letter) = letters.next() {
        let mut connection = match open.take() {
            Some(connection) => connection,
            None => match Connection::open(account).await {
                Ok(connection) => connection,
                Err(error) => {
                    // Nobody takes letters there now: all of them wait, one question was enough.
                    let reply = error.reply();
                    let mut outcomes = Vec::new();
                    for letter in std::iter::once(letter).chain(letters) {
                        outcomes.extend(defer_all(&letter, &reply));
                        if let Ok(content) = shard.content(letter.row.id).await {
                            let verdict = Verdict::Deferred(reply.clone());
                            let indices = letter.recipients.iter().copied();
                            let told: Vec<_> = indices.map(|index| (index, &verdict)).collect();
                            trace::handed_over(account, letter.row, &content, &told);
                        }
                    }
                    return Ok(shard.settle(outcomes).await?);
                }
            },
        };
        let outcomes = hand_over(shard, account, notes, &mut connection, &letter).await;
        shard.settle(outcomes).await?;
        if connection.is_open().await {
            open = Some(connection);
        }
    }
    if let Some(connection) = open {
        connection.quit().await;
    }
    Ok(())
}

fn defer_all(letter: &Due<'_>, reply: &Reply) -> Vec<Outcome> {
    let verdict = |index: &usize| outcome(letter.row, *index, Verdict::Deferred(reply.clone()));
    letter.recipients.iter().map(verdict).collect()
}

async fn hand_over(
    shard: &dyn OwnedShard,
    account: &Account,
    (copies, unfiled): (&Copies, &Unfiled),
    connection: &mut Connection,
    letter: &Due<'_>,
) -> Vec<Outcome> {
    let content = match shard.content(letter.row.id).await {
        Ok(content) => content,
        Err(error) => {
            let reply = Reply::new(451, (4, 3, 0), error.to_string());
            return defer_all(letter, &reply);
        }
    };
    let envelope = Arc::clone(&letter.row.envelope);
    let verdicts = connection.deliver(envelope, letter.recipients.clone(), content.clone()).await;
    // Not one copy for each recipient that a second try reaches: only with the first acceptance.
    let first_success = !letter.row.states.contains(&RecipientState::Done)
        && verdicts.iter().any(|verdict| matches!(verdict, Verdict::Accepted(_)));
    if first_success && let Some(folder) = copies.of(letter.row.id).copy {
        unfiled.file(account, letter.row.id, &folder, &content).await;
    }
    let told: Vec<_> = letter.recipients.iter().copied().zip(&verdicts).collect();
    trace::handed_over(account, letter.row, &content, &told);
    let pairs = letter.recipients.iter().zip(verdicts);
    pairs.map(|(index, verdict)| outcome(letter.row, *index, verdict)).collect()
}

fn outcome(row: &QueueRow, index: usize, verdict: Verdict) -> Outcome {
    let attempts = match row.states.get(index) {
        Some(RecipientState::Waiting { attempts, .. } | RecipientState::Held { attempts }) => {
            attempts + 1
        }
        Some(RecipientState::Done) | None => 1,
    };
    let state = match verdict {
        Verdict::Accepted(_) => RecipientState::Done,
        Verdict::Deferred(reply) => deferred(row, attempts, reply),
        // Kept, with the server's words: its author decides, by outbox retry or outbox drop.
        Verdict::Refused(reply) => {
            RecipientState::Waiting { attempts, due: never(), last: Some(reply) }
        }
    };
    let recipient = u32::try_from(index).unwrap_or(u32::MAX);
    Outcome { id: row.id, recipient, state }
}

fn deferred(row: &QueueRow, attempts: u32, reply: Reply) -> RecipientState {
    let now = SystemTime::now();
    // The last digits of the clock spread tries well enough among people.
    let random = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().subsec_nanos();
    let age = now.duration_since(row.arrived).unwrap_or_default();
    let (due, reply) = match SCHEDULE.next(attempts, age, now, random.wrapping_mul(4)) {
        Next::At(due) => (due, reply),
        Next::GiveUp => {
            debug_assert_eq!(reply.severity(), Severity::Temporary);
            (never(), Reply::new(550, (5, 4, 7), format!("given up after 5 days: {reply}")))
        }
    };
    RecipientState::Waiting { attempts, due, last: Some(reply) }
}

/// The id as `outbox list` shows it.
pub(super) fn shown_id(id: QueueId) -> String {
    id.to_string()
}
