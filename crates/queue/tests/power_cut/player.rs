//! Plays a story on a queue, and keeps the history of what it was promised.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use postroad_disk::Disk;
use postroad_protocol::address::{Address, ReversePath};
use postroad_protocol::envelope::{Envelope, Recipient};
use postroad_queue::embedded::{Chance, Clock};
use postroad_queue::{
    Accept, AcceptError, Content, Edit, Embedded, Filter, NewMessage, OpenError, Outcome,
    OwnedShard, QueueId, RecipientState,
};
use postroad_testkit::{FaultyDisk, Plan, Random, Recording};

use crate::history::{Answer, History, Standing};

/// What happens to a queue, from its first start on.
pub(crate) type Story = for<'a> fn(&'a mut Player) -> Play<'a>;
/// A story that is being played.
pub(crate) type Play<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Which build of the queue plays; all but one are broken on purpose.
#[derive(Clone)]
pub(crate) struct Build {
    /// Stands between the queue and the disk.
    pub(crate) disk: Arc<dyn Fn(FaultyDisk) -> Arc<dyn Disk>>,
    pub(crate) reply: Reply,
}

/// When a letter is said to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reply {
    WhenItIs,
    /// As soon as it is handed in.
    AtOnce,
}

impl Build {
    /// The real one.
    pub(crate) fn sound() -> Self {
        Self { disk: Arc::new(|disk| Arc::new(disk)), reply: Reply::WhenItIs }
    }

    fn open(
        &self,
        disk: &FaultyDisk,
        clock: SystemTime,
        chance: &Chance,
    ) -> Result<Arc<dyn OwnedShard>, OpenError> {
        let clock: Clock = Arc::new(move || clock);
        Embedded::new((self.disk)(disk.clone()), PathBuf::from("/queue"))
            .with_segment_octets(SEGMENT_OCTETS)
            .with_clock(clock)
            .with_chance(Arc::clone(chance))
            .without_gathering()
            .open_blocking()
    }
}

/// Chance that repeats itself.
fn chance(seed: u64) -> Chance {
    let random = Mutex::new(Random::new(seed));
    Arc::new(move || random.lock().unwrap().bits())
}

/// So short that stories see many.
const SEGMENT_OCTETS: u64 = 6_000;
/// When the stories happen. Whoever comes back after a power cut finds the clock at 1970: ids must not depend
/// on it.
const NOW: Duration = Duration::from_secs(1_000_000_000);

/// The queue as it comes back, with a clock that was set back.
pub(crate) fn reopen(disk: &FaultyDisk) -> Result<Arc<dyn OwnedShard>, String> {
    reopen_at(disk, SystemTime::UNIX_EPOCH)
}

/// The queue as it comes back at this time.
pub(crate) fn reopen_at(
    disk: &FaultyDisk,
    clock: SystemTime,
) -> Result<Arc<dyn OwnedShard>, String> {
    let opened = Build::sound().open(disk, clock, &chance(disk.fingerprint()));
    opened.map_err(|error| format!("it does not open: {error:?}"))
}

/// The queue that a story happens to.
#[derive(Clone)]
pub(crate) struct Player {
    pub(crate) disk: FaultyDisk,
    pub(crate) queue: Arc<dyn OwnedShard>,
    build: Build,
    chance: Chance,
    history: Arc<Mutex<History>>,
}

/// Plays a story; gives all that the disk went through, and what was promised on the way.
pub(crate) async fn play(build: &Build, story: Story, seed: u64) -> (Recording, History) {
    let (player, history) = play_with(Player::start(build, seed), story).await;
    // What the story left to helpers is done, or never will be.
    player.queue.release().await;
    (player.disk.recording(), history)
}

/// Plays a story with this player; gives what was promised on the way.
pub(crate) async fn play_with(mut player: Player, story: Story) -> (Player, History) {
    story(&mut player).await;
    let history = player.told();
    (player, history)
}

/// The content of a letter whose octets tell it from all others, torn ones included.
pub(crate) fn content(id: QueueId, octets: usize) -> Bytes {
    let mut random = Random::new(id.number());
    (0..octets).map(|_| b'!' + (random.below(90) as u8)).collect()
}

pub(crate) fn envelope(recipients: usize) -> Envelope {
    let to = |n| Recipient::new(Address::parse(&format!("user{n}@example.org")).unwrap());
    Envelope::new(ReversePath::Null, (0..recipients).map(to).collect())
}

impl Player {
    /// The queue's first start, on a disk that records.
    pub(crate) fn start(build: &Build, seed: u64) -> Self {
        let disk = FaultyDisk::new();
        disk.tear_failed_syncs(seed);
        disk.record();
        let chance = chance(seed);
        let queue = build.open(&disk, SystemTime::UNIX_EPOCH + NOW, &chance).unwrap();
        Self { disk, queue, build: build.clone(), chance, history: Arc::default() }
    }

    /// What was promised so far.
    pub(crate) fn told(&self) -> History {
        self.history().clone()
    }

    /// What was said of a letter.
    pub(crate) fn answer(&self, id: QueueId) -> Option<Answer> {
        self.history().answer(id)
    }

    fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap()
    }

    /// In calls.
    fn now(&self) -> usize {
        self.disk.recorded()
    }

    fn offer(&self, octets: usize, recipients: usize) -> NewMessage {
        let id = self.queue.new_id();
        let (content, envelope) = (content(id, octets), envelope(recipients));
        self.history().offered(id, content.clone(), envelope.clone(), self.now());
        NewMessage {
            id,
            arrived: SystemTime::UNIX_EPOCH,
            envelope,
            content: Content::Memory(content),
        }
    }

    /// One letter.
    pub(crate) async fn accept(&self, octets: usize, recipients: usize) -> QueueId {
        let message = self.offer(octets, recipients);
        let id = message.id;
        self.hand_in(vec![message]).await;
        id
    }

    /// A letter whose sender tries again and again.
    pub(crate) async fn accept_until_stored(&self, octets: usize) {
        loop {
            let id = self.accept(octets, 1).await;
            if self.answer(id) == Some(Answer::Stored) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// So many letters in one call.
    pub(crate) async fn accept_in_one_call(&self, count: usize, octets: usize) -> Vec<QueueId> {
        let messages: Vec<_> = (0..count).map(|_| self.offer(octets, 1)).collect();
        let ids = messages.iter().map(|message| message.id).collect();
        self.hand_in(messages).await;
        ids
    }

    /// So many letters at once, by as many callers.
    pub(crate) async fn accept_crowd(&self, count: usize, octets: usize) -> Vec<QueueId> {
        let mut crowd = tokio::task::JoinSet::new();
        let mut ids = Vec::new();
        for _ in 0..count {
            let (player, message) = (self.accepting(), self.offer(octets, 1));
            ids.push(message.id);
            crowd.spawn(async move { player.hand_in(vec![message]).await });
        }
        crowd.join_all().await;
        ids
    }

    /// A letter that arrives piece by piece and has a file of its own.
    pub(crate) async fn accept_large(&self, octets: usize, recipients: usize) -> QueueId {
        let message = self.offer(octets, recipients);
        let id = message.id;
        match self.stream(id, content(id, octets)).await {
            Ok(content) => self.hand_in(vec![NewMessage { content, ..message }]).await,
            Err(_) => self.history().answered(id, Answer::Absent, self.now()),
        }
        id
    }

    async fn stream(&self, id: QueueId, octets: Bytes) -> Result<Content, AcceptError> {
        let mut writer = self.queue.start_large(id).await?;
        writer.append(octets).await?;
        writer.finish().await
    }

    fn accepting(&self) -> Accepting {
        Accepting {
            disk: self.disk.clone(),
            queue: Arc::clone(&self.queue),
            history: Arc::clone(&self.history),
            reply: self.build.reply,
        }
    }

    async fn hand_in(&self, messages: Vec<NewMessage>) {
        self.accepting().hand_in(messages).await;
    }

    /// The next hop has taken it for this recipient.
    pub(crate) async fn deliver(&self, ids: &[QueueId], recipient: usize) {
        self.settle(ids, recipient, Standing::Done, RecipientState::Done).await;
    }

    /// The next hop wants it later.
    pub(crate) async fn defer(&self, id: QueueId, recipient: usize, attempts: u32) {
        let due = SystemTime::UNIX_EPOCH + 2 * NOW;
        let state = RecipientState::Waiting { attempts, due, last: None };
        self.settle(&[id], recipient, Standing::Waiting { attempts }, state).await;
    }

    async fn settle(
        &self,
        ids: &[QueueId],
        recipient: usize,
        standing: Standing,
        state: RecipientState,
    ) {
        let now = self.now();
        ids.iter().for_each(|id| self.history().asked(*id, recipient, standing, now));
        let number = u32::try_from(recipient).unwrap();
        let outcome = |id: &QueueId| Outcome { id: *id, recipient: number, state: state.clone() };
        if self.queue.settle(ids.iter().map(outcome).collect()).await.is_ok() {
            let now = self.now();
            ids.iter().for_each(|id| self.history().promised(*id, recipient, now));
        }
    }

    /// What an operator does to one letter.
    pub(crate) async fn edit(&self, id: QueueId, edit: Edit, standing: Standing) {
        let recipients = self.history().recipients(id);
        let now = self.now();
        (0..recipients).for_each(|n| self.history().asked(id, n, standing, now));
        let filter = Filter { ids: Some(vec![id]), ..Filter::default() };
        if self.queue.edit(&filter, edit).await == Ok(1) {
            let now = self.now();
            (0..recipients).for_each(|n| self.history().promised(id, n, now));
        }
    }

    /// It can't be delivered: its sender is told first, then it goes.
    pub(crate) async fn bounce(&self, id: QueueId) {
        self.accept(900, 1).await;
        self.deliver(&[id], 0).await;
    }

    /// The next call of this kind fails.
    pub(crate) fn fail_next(&self, operation: &'static str, errno: i32) {
        self.disk.plan(Plan::FailNext { operation, errno });
    }

    /// The process is killed and started again.
    pub(crate) fn kill(&mut self) {
        self.disk = self.disk.restart();
        self.queue =
            self.build.open(&self.disk, SystemTime::UNIX_EPOCH + NOW, &self.chance).unwrap();
    }

    /// The process stops in order and is started again.
    pub(crate) async fn stop_and_start(&mut self) {
        self.queue.release().await;
        self.kill();
    }

    /// Waits until helpers have done this so many times since the last plan.
    pub(crate) async fn until(&self, operation: &str, count: usize) {
        let done = async {
            while self.disk.count(operation) < count {
                tokio::task::yield_now().await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(20), done).await;
        waited.unwrap_or_else(|_| panic!("{operation} doesn't come: {:#?}", self.disk.calls()));
    }
}

/// What a caller of `accept` needs, on any thread.
struct Accepting {
    disk: FaultyDisk,
    queue: Arc<dyn OwnedShard>,
    history: Arc<Mutex<History>>,
    reply: Reply,
}

impl Accepting {
    async fn hand_in(&self, messages: Vec<NewMessage>) {
        let ids: Vec<_> = messages.iter().map(|message| message.id).collect();
        if self.reply == Reply::AtOnce {
            let now = self.disk.recorded();
            let mut history = self.history.lock().unwrap();
            ids.iter().for_each(|id| history.answered(*id, Answer::Stored, now));
        }
        let verdicts = self.queue.accept(messages).await;
        let now = self.disk.recorded();
        let mut history = self.history.lock().unwrap();
        for (id, verdict) in ids.into_iter().zip(verdicts) {
            match verdict {
                _ if self.reply == Reply::AtOnce => {}
                Accept::Stored => history.answered(id, Answer::Stored, now),
                Accept::Refused(_) => history.answered(id, Answer::Absent, now),
                Accept::InDoubt => {}
            }
        }
    }
}
