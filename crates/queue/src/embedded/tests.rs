//! The engine on a disk that fails: what is lost, what is told, and how it comes back (rows F05 to F08).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use postroad_disk::{DirEntry, Disk, DiskError, DiskFile, DiskLock, Space, Stat, Volume};
use postroad_protocol::address::{Address, ReversePath};
use postroad_protocol::envelope::{Envelope, Recipient};
use postroad_testkit::{FaultyDisk, Plan};

use crate::spool::{
    Accept, AcceptError, Condition, Content, ContentError, Cursor, Edit, Filter, NewMessage,
    Outcome, OwnedShard, Presence, QueueId, RecipientState, ShardId, Spool as _,
};
use crate::{Embedded, Soundness};

const EIO: i32 = 5;
const EMFILE: i32 = 24;
const ENOSPC: i32 = 28;
const EROFS: i32 = 30;
/// How long a condition may take before the test has failed.
const PATIENCE: Duration = Duration::from_secs(60);

type Queue = Arc<dyn OwnedShard>;

fn block_on<F: Future<Output = ()>>(test: F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE, test).await }).expect("hangs");
}

fn engine(disk: impl Disk + 'static) -> Embedded {
    Embedded::new(Arc::new(disk), PathBuf::from("/queue")).with_segment_octets(2_000)
}

async fn open(disk: &FaultyDisk) -> Queue {
    engine(disk.clone()).open(ShardId(0)).await.unwrap()
}

fn content(id: QueueId) -> Bytes {
    Bytes::from(format!("Subject: {id}\r\n\r\n").repeat(5))
}

fn message(id: QueueId) -> NewMessage {
    let to = vec![Recipient::new(Address::parse("user@example.org").unwrap())];
    let envelope = Envelope::new(ReversePath::Null, to);
    let arrived = SystemTime::UNIX_EPOCH;
    NewMessage { id, arrived, envelope, content: Content::Memory(content(id)) }
}

async fn accept(queue: &Queue) -> (QueueId, Accept) {
    let id = queue.new_id();
    let verdict = queue.accept(vec![message(id)]).await.pop().unwrap();
    (id, verdict)
}

async fn stored(queue: &Queue) -> QueueId {
    let (id, verdict) = accept(queue).await;
    assert!(matches!(verdict, Accept::Stored), "{verdict:?}");
    id
}

fn done(id: QueueId) -> Vec<Outcome> {
    vec![Outcome { id, recipient: 0, state: RecipientState::Done }]
}

async fn ids(queue: &Queue) -> Vec<QueueId> {
    let page = queue.find(&Filter::default(), Cursor::default(), usize::MAX).await;
    page.rows.iter().map(|row| row.id).collect()
}

/// Waits until this holds.
async fn until(holds: impl Fn() -> bool) {
    while !holds() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn refuses(queue: &Queue) -> bool {
    matches!(queue.condition(), Condition::Refusing { .. })
}

/// The queue stops, gets a letter in doubt and an outcome that waits, and is repaired.
#[test]
fn f06_after_a_repair_mail_flows_again_without_a_restart() {
    block_on(async {
        let disk = FaultyDisk::new();
        let queue = open(&disk).await;
        let delivered = stored(&queue).await;
        let stays = stored(&queue).await;
        disk.plan(Plan::FailFrom { call: 0, errno: EIO });
        let settled = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move { queue.settle(done(delivered)).await }
        });
        until(|| refuses(&queue)).await;
        let (_, refused) = accept(&queue).await;
        assert!(matches!(refused, Accept::Refused(_)), "{refused:?}");
        assert!(queue.room_for(1).is_err());
        assert_eq!(queue.edit(&Filter::default(), Edit::Hold).await, Err(crate::spool::Fenced));
        assert!(!settled.is_finished());
        disk.plan(Plan::Sound);
        settled.await.unwrap().unwrap();
        until(|| !refuses(&queue)).await;
        assert!(queue.room_for(1).is_ok());
        let later = stored(&queue).await;
        assert_eq!(ids(&queue).await, [stays, later]);
        assert!(matches!(queue.condition(), Condition::Suspect { .. }));
        let queue = open(&disk.restart_after_cut()).await;
        assert_eq!(ids(&queue).await, [stays, later]);
        assert_eq!(queue.content(stays).await.unwrap(), content(stays));
    });
}

/// What is in doubt is cancelled before anything else is written: nobody sees it after the repair.
#[test]
fn f06_what_is_in_doubt_never_surfaces_after_the_repair() {
    block_on(async {
        let disk = FaultyDisk::new();
        let queue = open(&disk).await;
        disk.plan(Plan::FailFrom { call: 1, errno: EIO });
        let (unsure, verdict) = accept(&queue).await;
        assert!(matches!(verdict, Accept::InDoubt), "{verdict:?}");
        let probing = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move { queue.probe(&[unsure]).await }
        });
        tokio::task::yield_now().await;
        assert!(!probing.is_finished());
        disk.plan(Plan::Sound);
        assert_eq!(probing.await.unwrap(), [Presence::Absent]);
        // The process is killed, so that even what was only written is there.
        let queue = open(&disk.restart()).await;
        assert_eq!(ids(&queue).await, []);
    });
}

/// Intake stops while there is nothing to write, and goes on in the same segment once there is.
async fn shortage(errno: i32) {
    let disk = FaultyDisk::new();
    let queue = open(&disk).await;
    let first = stored(&queue).await;
    disk.plan(Plan::FailChanges { call: 0, errno });
    let (_, refused) = accept(&queue).await;
    match errno {
        ENOSPC => assert!(matches!(refused, Accept::Refused(AcceptError::Full)), "{refused:?}"),
        _ => assert!(!matches!(refused, Accept::Stored), "{refused:?}"),
    }
    let settled = tokio::spawn({
        let queue = Arc::clone(&queue);
        async move { queue.settle(done(first)).await }
    });
    until(|| refuses(&queue)).await;
    assert_eq!(queue.content(first).await.unwrap(), content(first));
    disk.plan(Plan::Sound);
    settled.await.unwrap().unwrap();
    until(|| !refuses(&queue)).await;
    let second = stored(&queue).await;
    let queue = open(&disk.restart_after_cut()).await;
    assert_eq!(ids(&queue).await, [second]);
}

#[test]
fn f08_no_space_and_space_again() {
    block_on(shortage(ENOSPC));
}

#[test]
fn f08_read_only_and_writable_again() {
    block_on(shortage(EROFS));
}

#[test]
fn f09_a_segment_that_cannot_be_begun_lets_the_last_one_grow() {
    block_on(async {
        let disk = FaultyDisk::new();
        let queue = open(&disk).await;
        let mut expected = Vec::new();
        for _ in 0..40 {
            disk.plan(Plan::FailNext { operation: "create", errno: EMFILE });
            expected.push(stored(&queue).await);
        }
        assert!(matches!(queue.condition(), Condition::Sound));
        let queue = open(&disk.restart_after_cut()).await;
        assert_eq!(ids(&queue).await, expected);
    });
}

#[test]
fn f07_cleaning_goes_on_after_a_directory_could_not_be_synced() {
    block_on(async {
        let disk = FaultyDisk::new();
        let queue = open(&disk).await;
        let mut failed = false;
        let segments = |disk: &FaultyDisk| {
            disk.files().iter().filter(|path| path.starts_with("/queue/segments")).count()
        };
        for _ in 0..100 {
            let id = stored(&queue).await;
            if segments(&disk) > 1 && !std::mem::replace(&mut failed, true) {
                disk.plan(Plan::FailNext { operation: "sync_dir", errno: EIO });
            }
            queue.settle(done(id)).await.unwrap();
        }
        disk.plan(Plan::Sound);
        until(|| segments(&disk) <= super::limits::SPARES_MAX + 2).await;
        queue.release().await;
    });
}

/// A disk whose device lost what it said was written, in one file.
#[derive(Debug, Clone)]
struct Lossy {
    disk: FaultyDisk,
    /// Reads past the page cache give zeros.
    lost: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Zeros(u64);

impl DiskFile for Zeros {
    fn write_all_at(&mut self, _: &[&[u8]], _: u64) -> Result<(), DiskError> {
        Ok(())
    }
    fn read_at(&self, buffer: &mut [u8], _: u64) -> Result<usize, DiskError> {
        buffer.fill(0);
        Ok(buffer.len())
    }
    fn len(&self) -> Result<u64, DiskError> {
        Ok(self.0)
    }
    fn truncate(&mut self, _: u64) -> Result<(), DiskError> {
        Ok(())
    }
    fn sync(&mut self) -> Result<(), DiskError> {
        Ok(())
    }
}

impl Disk for Lossy {
    fn create_new(&self, path: &Path) -> Result<Box<dyn DiskFile>, DiskError> {
        self.disk.create_new(path)
    }
    fn open(&self, path: &Path) -> Result<Box<dyn DiskFile>, DiskError> {
        self.disk.open(path)
    }
    fn open_read(&self, path: &Path) -> Result<Box<dyn DiskFile>, DiskError> {
        self.disk.open_read(path)
    }
    fn open_past_cache(&self, path: &Path) -> Result<Box<dyn DiskFile>, DiskError> {
        let file = self.disk.open_read(path)?;
        if !self.lost.load(Ordering::Relaxed) {
            return Ok(file);
        }
        Ok(Box::new(Zeros(file.len()?)))
    }
    fn link(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        self.disk.link(from, to)
    }
    fn rename_noreplace(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        self.disk.rename_noreplace(from, to)
    }
    fn rename(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        self.disk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> Result<(), DiskError> {
        self.disk.remove(path)
    }
    fn create_dir(&self, path: &Path) -> Result<(), DiskError> {
        self.disk.create_dir(path)
    }
    fn sync_dir(&self, path: &Path) -> Result<(), DiskError> {
        self.disk.sync_dir(path)
    }
    fn read_dir(&self, path: &Path) -> Result<Vec<DirEntry>, DiskError> {
        self.disk.read_dir(path)
    }
    fn space(&self, path: &Path) -> Result<Space, DiskError> {
        self.disk.space(path)
    }
    fn stat(&self, path: &Path) -> Result<Stat, DiskError> {
        self.disk.stat(path)
    }
    fn lock(&self, path: &Path) -> Result<Box<dyn DiskLock>, DiskError> {
        self.disk.lock(path)
    }
    fn volume(&self, path: &Path) -> Result<Option<Box<dyn Volume>>, DiskError> {
        self.disk.volume(path)
    }
}

/// A letter whose content is in memory still is written anew, one whose content isn't is held: both stay in
/// the queue.
#[test]
fn f06_what_the_device_lost_comes_from_memory_or_is_held() {
    block_on(async {
        let (disk, lost) = (FaultyDisk::new(), Arc::new(AtomicBool::new(false)));
        let lossy = Lossy { disk: disk.clone(), lost: Arc::clone(&lost) };
        let forgotten = stored(&engine(lossy.clone()).open(ShardId(0)).await.unwrap()).await;
        let disk = disk.restart();
        let lossy = Lossy { disk: disk.clone(), ..lossy };
        let queue = engine(lossy).open(ShardId(0)).await.unwrap();
        let remembered = stored(&queue).await;
        lost.store(true, Ordering::Relaxed);
        disk.plan(Plan::FailNext { operation: "sync", errno: EIO });
        let (_, refused) = accept(&queue).await;
        assert!(matches!(refused, Accept::Refused(_)), "{refused:?}");
        // It has been written anew when its segment, the second, can go in its turn.
        queue.settle(done(forgotten)).await.unwrap();
        let second = PathBuf::from("/queue/segments/0000000002.log");
        until(|| disk.read(&second).is_none()).await;
        assert_eq!(ids(&queue).await, [remembered]);
        let queue = open(&disk.restart_after_cut()).await;
        assert_eq!(queue.content(remembered).await.unwrap(), content(remembered));
    });
}

/// Row F12: a content that can't be had any more costs no other letter, and its own envelope stays.
#[test]
fn f12_a_damaged_letter_is_held_when_its_segment_is_cleaned() {
    block_on(async {
        let disk = FaultyDisk::new();
        let queue = open(&disk).await;
        let damaged = stored(&queue).await;
        queue.release().await;
        let first = PathBuf::from("/queue/segments/0000000001.log");
        let mut octets = disk.read(&first).unwrap();
        let last = octets.len() - 1;
        octets[last] ^= 1;
        let disk = disk.restart();
        // One more group behind it, so that it isn't taken for a torn tail.
        disk.put(&first, &octets);
        disk.put(&PathBuf::from("/queue/segments/0000000002.log"), &[0; 64]);
        let queue = open(&disk).await;
        assert_eq!(ids(&queue).await, [damaged]);
        for _ in 0..60 {
            let id = stored(&queue).await;
            queue.settle(done(id)).await.unwrap();
        }
        until(|| disk.read(&first).is_none()).await;
        let held = Filter { ids: Some(vec![damaged]), ..Filter::default() };
        loop {
            let page = queue.find(&held, Cursor::default(), 1).await;
            if page.rows[0].states == [RecipientState::Held { attempts: 0 }] {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert!(matches!(queue.content(damaged).await, Err(ContentError::Damaged(_))));
    });
}

#[test]
fn q03_a_read_only_file_system_is_refused() {
    block_on(async {
        let disk = FaultyDisk::new();
        disk.plan(Plan::FailChanges { call: 0, errno: EROFS });
        let error = engine(disk).open(ShardId(0)).await.map(drop).unwrap_err();
        let crate::spool::OpenError::Disk(error) = error else { panic!("{error}") };
        assert_eq!(error.source.kind(), std::io::ErrorKind::ReadOnlyFilesystem);
    });
}

/// What `export` and `survey` say of a queue, running or not; nothing is changed by it.
fn check_outside(disk: &FaultyDisk, expected: &[QueueId]) {
    let before: Vec<_> = disk.files().iter().map(|path| (path.clone(), disk.read(path))).collect();
    let dir = Path::new("/queue");
    let survey = crate::survey(disk, dir).unwrap();
    assert_eq!(survey.rows().map(|row| row.id).collect::<Vec<_>>(), expected);
    for id in expected {
        let exported = crate::export(disk, dir, *id).unwrap().unwrap();
        assert_eq!((exported.content, exported.soundness), (content(*id), Soundness::Sound));
        assert_eq!(exported.row.envelope.recipients.len(), 1);
    }
    assert!(crate::export(disk, dir, QueueId::from_number(7)).unwrap().is_none());
    let after: Vec<_> = disk.files().iter().map(|path| (path.clone(), disk.read(path))).collect();
    assert!(before == after, "looking changed something");
}

#[test]
fn a_queue_is_exported_while_it_runs_and_when_it_does_not() {
    block_on(async {
        let disk = FaultyDisk::new();
        let queue = open(&disk).await;
        let mut left = Vec::new();
        for n in 0..30 {
            let id = stored(&queue).await;
            match n % 3 {
                0 => left.push(id),
                _ => queue.settle(done(id)).await.unwrap(),
            }
        }
        queue.release().await;
        check_outside(&disk, &left);
        let queue = open(&disk.restart()).await;
        check_outside(&disk.restart(), &left);
        drop(queue);
    });
}

/// The last segment is cut and altered at every octet: each letter before the damage is given back whole.
#[test]
fn a_queue_is_exported_whatever_its_last_segment_looks_like() {
    block_on(async {
        let disk = FaultyDisk::new();
        let queue = open(&disk).await;
        let first = stored(&queue).await;
        let last = stored(&queue).await;
        queue.release().await;
        let path = PathBuf::from("/queue/segments/0000000001.log");
        let sound = disk.read(&path).unwrap();
        let one = sound.len() / 2;
        let disk = disk.restart();
        for at in 0..sound.len() {
            let mut altered = sound.clone();
            altered[at] ^= 0x20;
            for octets in [&sound[..at], &altered] {
                disk.put(&path, octets);
                for (id, whole) in [(first, at > one + 40), (last, false)] {
                    match crate::export(&disk, Path::new("/queue"), id).unwrap() {
                        Some(exported) if exported.soundness == Soundness::Sound => {
                            assert_eq!(exported.content, content(id), "octet {at}");
                        }
                        Some(_) | None => {
                            assert!(!whole, "octet {at}: {id} is intact and not given")
                        }
                    }
                }
            }
        }
    });
}

/// While letters come and go and segments with them, an old letter can be exported at any moment.
#[test]
fn a_letter_is_exported_while_cleaning_moves_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("queue");
    let engine = Embedded::new(Arc::new(postroad_disk::OsDisk), path.clone());
    let queue = engine.with_segment_octets(4_000).open_blocking().unwrap();
    block_on(async {
        let old = stored(&queue).await;
        let exporting = tokio::task::spawn_blocking(move || {
            for _ in 0..200 {
                let exported = crate::export(&postroad_disk::OsDisk, &path, old).unwrap().unwrap();
                let found = (exported.content, exported.soundness);
                assert_eq!(found, (content(old), Soundness::Sound));
            }
        });
        while !exporting.is_finished() {
            let id = stored(&queue).await;
            queue.settle(done(id)).await.unwrap();
        }
        exporting.await.unwrap();
        queue.release().await;
    });
}
