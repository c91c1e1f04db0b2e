//! Where letters are left: one file each, by the discipline of a Maildir.
//!
//! The queue belongs to one process at a time, and commands that send mail are many. So a command
//! doesn't open the queue: it leaves its letter here, and whoever holds the queue takes it in.
//!
//! ```text
//! tmp/NAME    being written            a crash leaves it; removed after a day and a half
//! held/NAME   left, to leave later     NAME begins with the time; until then its author may take it back
//! new/NAME    left: exit 0 was said    whole and durable; taken in by the next sender
//! taken/ID    being put in the queue   under the queue id it gets; after a crash the queue is asked
//! ```
//! A letter is in exactly one of held/, new/, taken/ and the queue, or in taken/ and the queue under the same
//! id: so it is neither lost nor queued twice, wherever the process ends. Who takes a letter back and the sender
//! that takes it in both rename it: one of them finds it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use postroad_disk::{Disk, DiskError, EntryKind, make_way_to, sync_way_to};
use postroad_queue::QueueId;

use super::letter_file::{Found, MAGIC, Notes, decode, decode_notes, encode_head};
use crate::compose::Letter;

/// What is older than this in tmp/ was left by a crash (maildir(5) says 36 hours).
const ABANDONED_AFTER: Duration = Duration::from_secs(36 * 60 * 60);

/// The folder of the letters that leave later.
pub(super) const HELD: &str = "held";

/// The folder where letters are left.
#[derive(Debug, Clone)]
pub struct DropOff {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
}

/// A letter whose time to be taken in has come, by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ready {
    /// It was left.
    New(String),
    /// It was held until now.
    Held(String),
}

impl DropOff {
    /// The drop-off in this folder; it and what is above it is made, mode 0700, where it is missing.
    ///
    /// # Errors
    /// Where a folder can't be made.
    pub fn open(disk: Arc<dyn Disk>, folder: PathBuf) -> Result<Self, DiskError> {
        let taken = folder.join("taken");
        // taken/ is made last, when all else is durable: whoever finds it needs no syncs of its own, though
        // another command is still at it, or was killed.
        match disk.stat(&taken) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            there => return there.map(|_| Self { disk, folder }),
        }
        for part in ["tmp", "new", HELD] {
            make_way_to(disk.as_ref(), &folder.join(part))?;
        }
        disk.sync_dir(&folder)?;
        sync_way_to(disk.as_ref(), &folder)?;
        make_way_to(disk.as_ref(), &taken)?;
        disk.sync_dir(&folder)?;
        Ok(Self { disk, folder })
    }

    pub(super) fn path(&self, part: &str, name: &str) -> PathBuf {
        self.folder.join(part).join(name)
    }

    pub(super) fn disk(&self) -> &dyn Disk {
        self.disk.as_ref()
    }

    /// Leaves a letter: after `Ok` a power cut doesn't lose it.
    ///
    /// # Errors
    /// Where the disk is full or fails. The letter is then not left, or may be: better twice than never.
    pub fn leave(&self, letter: &Letter, notes: &Notes) -> Result<(), DiskError> {
        self.put(letter, notes, "new", &unique_name(SystemTime::now()))
    }

    /// Leaves a letter that nobody takes in before `until`, unless the clock is set back; gives its name.
    ///
    /// # Errors
    /// As [`DropOff::leave`].
    pub fn hold(
        &self,
        letter: &Letter,
        notes: &Notes,
        until: SystemTime,
    ) -> Result<String, DiskError> {
        // A drop-off of yesterday has no such folder, and who made it may have been killed over it.
        make_way_to(self.disk(), &self.folder.join(HELD))?;
        self.disk.sync_dir(&self.folder)?;
        let name = unique_name(until);
        self.put(letter, notes, HELD, &name)?;
        Ok(name)
    }

    fn put(&self, letter: &Letter, notes: &Notes, part: &str, name: &str) -> Result<(), DiskError> {
        let head = encode_head(&letter.envelope, letter.content.len(), notes);
        let (tmp, place) = (self.path("tmp", name), self.path(part, name));
        let written = self.disk.create_new(&tmp).and_then(|mut file| {
            file.write_all_at(&[MAGIC, &head, &letter.content], 0)?;
            file.sync()
        });
        if let Err(error) = written.and_then(|()| self.disk.rename_noreplace(&tmp, &place)) {
            // What is left of it is swept later, where it can't be removed now.
            let _ = self.disk.remove(&tmp);
            return Err(error);
        }
        self.disk.sync_dir(&self.folder.join(part))
    }

    /// The names of the letters that wait to be taken in, oldest first.
    ///
    /// # Errors
    /// Where the folder can't be read.
    pub fn waiting(&self) -> Result<Vec<String>, DiskError> {
        self.names("new")
    }

    /// The letters that a sender was putting into the queue when it ended.
    ///
    /// # Errors
    /// Where the folder can't be read.
    pub fn taken(&self) -> Result<Vec<QueueId>, DiskError> {
        Ok(self.names("taken")?.iter().filter_map(|name| name.parse().ok()).collect())
    }

    pub(super) fn names(&self, part: &str) -> Result<Vec<String>, DiskError> {
        let entries = self.disk.read_dir(&self.folder.join(part))?;
        let mut names: Vec<String> = entries
            .into_iter()
            .filter(|entry| entry.kind == EntryKind::File)
            .filter_map(|entry| entry.name.into_string().ok())
            .collect();
        names.sort();
        Ok(names)
    }

    /// Sets a letter aside under the id that it will have in the queue.
    ///
    /// # Errors
    /// Where the disk fails: the letter stays where it is.
    pub fn take(&self, letter: &Ready, id: QueueId) -> Result<(), DiskError> {
        let (part, name) = match letter {
            Ready::New(name) => ("new", name),
            Ready::Held(name) => (HELD, name),
        };
        let taken = self.path("taken", &id.to_string());
        self.disk.rename_noreplace(&self.path(part, name), &taken)?;
        self.disk.sync_dir(&self.folder.join("taken"))
    }

    /// Puts a letter back that the queue doesn't know.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn put_back(&self, id: QueueId) -> Result<(), DiskError> {
        let taken = self.path("taken", &id.to_string());
        self.disk.rename_noreplace(&taken, &self.path("new", &unique_name(SystemTime::now())))?;
        self.disk.sync_dir(&self.folder.join("new"))
    }

    /// Removes a letter that is safe in the queue.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn forget(&self, id: QueueId) -> Result<(), DiskError> {
        self.disk.remove(&self.path("taken", &id.to_string()))
    }

    /// Reads a letter that waits.
    ///
    /// # Errors
    /// Where the file can't be read.
    pub fn read_waiting(&self, name: &str) -> Result<Found, DiskError> {
        self.read(&self.path("new", name))
    }

    /// Reads a letter that was taken.
    ///
    /// # Errors
    /// Where the file can't be read.
    pub fn read_taken(&self, id: QueueId) -> Result<Found, DiskError> {
        self.read(&self.path("taken", &id.to_string()))
    }

    /// Removes a letter that waits: its author has thought better of it.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn discard(&self, name: &str) -> Result<(), DiskError> {
        self.disk.remove(&self.path("new", name))?;
        self.disk.sync_dir(&self.folder.join("new"))
    }

    pub(super) fn read(&self, path: &Path) -> Result<Found, DiskError> {
        let file = self.disk.open_read(path)?;
        let mut octets = vec![0; usize::try_from(file.len()?).unwrap_or(0)];
        let read = file.read_at(&mut octets, 0)?;
        octets.truncate(read);
        Ok(decode(Bytes::from(octets)))
    }

    /// The notes of a letter at this place; none where it isn't there, or can't be read.
    ///
    /// # Errors
    /// What the disk said.
    pub(super) fn notes(&self, part: &str, name: &str) -> Result<Notes, DiskError> {
        // Enough for the addresses of all recipients that a letter may have.
        const HEAD_OCTETS_MAX: usize = 1024 * 1024;
        let file = match self.disk.open_read(&self.path(part, name)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Notes::default());
            }
            file => file?,
        };
        let length = usize::try_from(file.len()?).unwrap_or(HEAD_OCTETS_MAX);
        let mut octets = vec![0; length.min(HEAD_OCTETS_MAX)];
        let read = file.read_at(&mut octets, 0)?;
        octets.truncate(read);
        Ok(decode_notes(&octets).unwrap_or_default())
    }

    /// Removes what crashes left in tmp/.
    pub fn sweep(&self, now: SystemTime) {
        let tmp = self.folder.join("tmp");
        for name in self.names("tmp").unwrap_or_default() {
            let written = micros_of(&name)
                .map(|micros| SystemTime::UNIX_EPOCH + Duration::from_micros(micros));
            let age = written.and_then(|written| now.duration_since(written).ok());
            if age.is_some_and(|age| age > ABANDONED_AFTER) {
                // It is tried again by the next sender.
                let _ = self.disk.remove(&tmp.join(name));
            }
        }
    }
}

/// Time, process and random octets: sorts by time, and nobody else has it.
fn unique_name(at: SystemTime) -> String {
    let micros = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_micros();
    let mut random = [0; 8];
    // Without random octets the time and the process still tell two names apart, and a name that is
    // taken is an error, never a letter lost.
    let _ = rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty());
    format!("{micros:016}.{}.{:016x}", std::process::id(), u64::from_le_bytes(random))
}

pub(super) fn micros_of(name: &str) -> Option<u64> {
    name.split('.').next()?.parse().ok()
}

/// Makes a folder and what is missing above it, mode 0700; [`DropOff::open`] in it makes that durable.
pub(super) fn make_with_parents(disk: &dyn Disk, path: &Path) -> Result<(), DiskError> {
    make_way_to(disk, path)
}

#[cfg(test)]
mod tests {
    use super::super::letter_file::Left;
    use super::*;
    use crate::compose::MessageId;
    use postroad_disk::OsDisk;
    use postroad_protocol::address::{Address, ReversePath};
    use postroad_protocol::envelope::{Envelope, Notify, Recipient, Ret, Utf8};
    use postroad_testkit::{FaultyDisk, Plan};

    fn letter(body: &str) -> Letter {
        let address = |text: &str| Address::parse(text).unwrap();
        let recipients = vec![
            Recipient { notify: Notify::Never, ..Recipient::new(address("a@x.example")) },
            Recipient { notify: Notify::Never, ..Recipient::new(address("\"b c\"@x.example")) },
        ];
        let mut envelope = Envelope::new(ReversePath::Null, recipients);
        envelope.utf8 = Utf8::SmtpUtf8;
        envelope.ret = Some(Ret::Headers);
        Letter {
            envelope,
            message_id: MessageId::parse("i@x").unwrap(),
            content: format!("Subject: s\r\n\r\n{body}\r\n").into_bytes(),
        }
    }

    fn drop_off() -> (tempfile::TempDir, DropOff) {
        let dir = tempfile::tempdir().unwrap();
        let drop_off = DropOff::open(Arc::new(OsDisk), dir.path().join("deep/drop")).unwrap();
        (dir, drop_off)
    }

    #[test]
    fn f01_a_drop_off_that_somebody_was_killed_over_is_made_durable_by_the_next() {
        let folder = || PathBuf::from("/home/alice/outbox/drop");
        for call in 0.. {
            let disk = FaultyDisk::new();
            disk.plan(Plan::Kill { call });
            let first = DropOff::open(Arc::new(disk.clone()), folder());
            let next = disk.restart();
            DropOff::open(Arc::new(next.clone()), folder())
                .unwrap()
                .leave(&letter("x"), &Notes::default())
                .unwrap();
            let after = DropOff::open(Arc::new(next.restart_after_cut()), folder()).unwrap();
            assert_eq!(after.waiting().unwrap().len(), 1, "killed at {:?}", disk.calls().last());
            if first.is_ok() {
                return;
            }
        }
    }

    #[test]
    fn letters_come_out_as_they_were_left_in_order() {
        let (_dir, drop_off) = drop_off();
        for body in ["one", "two\nthree", ""] {
            drop_off.leave(&letter(body), &Notes::default()).unwrap();
        }
        let names = drop_off.waiting().unwrap();
        assert_eq!(names.len(), 3);
        for (name, body) in names.iter().zip(["one", "two\nthree", ""]) {
            let Found::Letter(left) = drop_off.read_waiting(name).unwrap() else {
                panic!("{name}")
            };
            let letter = letter(body);
            let (envelope, content) = (letter.envelope, letter.content.into());
            assert_eq!(left, Left { envelope, content, notes: Notes::default() });
        }
    }

    #[test]
    fn u16_a_letter_that_was_taken_and_not_queued_is_put_back() {
        let (_dir, drop_off) = drop_off();
        drop_off.leave(&letter("x"), &Notes::default()).unwrap();
        let id = QueueId::from_number(42);
        let ready = drop_off.ready(SystemTime::now()).unwrap();
        drop_off.take(&ready[0], id).unwrap();
        assert_eq!(drop_off.waiting().unwrap(), Vec::<String>::new());
        assert_eq!(drop_off.taken().unwrap(), [id]);
        drop_off.put_back(id).unwrap();
        assert_eq!(drop_off.waiting().unwrap().len(), 1);
        assert!(drop_off.taken().unwrap().is_empty());
    }

    #[test]
    fn damaged_files_are_said_to_be_so() {
        let (dir, drop_off) = drop_off();
        drop_off.leave(&letter("some text"), &Notes::default()).unwrap();
        let path = dir.path().join("deep/drop/new").join(&drop_off.waiting().unwrap()[0]);
        let whole = std::fs::read(&path).unwrap();
        for length in 0..whole.len() {
            let cut = Bytes::copy_from_slice(&whole[..length]);
            assert!(matches!(decode(cut), Found::Unreadable(_)), "cut at octet {length}");
        }
    }

    #[test]
    fn only_what_is_old_is_swept() {
        let (dir, drop_off) = drop_off();
        let tmp = dir.path().join("deep/drop/tmp");
        for name in ["0000000000000001.1.x", &unique_name(SystemTime::now()), "odd"] {
            std::fs::write(tmp.join(name), "half").unwrap();
        }
        drop_off.sweep(SystemTime::now());
        assert_eq!(drop_off.names("tmp").unwrap().len(), 2);
    }
}
