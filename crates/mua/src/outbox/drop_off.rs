//! Where letters are left: one file each, by the discipline of a Maildir.
//!
//! The queue belongs to one process at a time, and commands that send mail are many. So a command
//! doesn't open the queue: it leaves its letter here, and whoever holds the queue takes it in.
//!
//! ```text
//! tmp/NAME    being written            a crash leaves it; removed after a day and a half
//! new/NAME    left: exit 0 was said    whole and durable; taken in by the next sender
//! taken/ID    being put in the queue   under the queue id it gets; after a crash the queue is asked
//! ```
//! A letter is in exactly one of new/, taken/ and the queue, or in taken/ and the queue under the same
//! id: so it is neither lost nor queued twice, wherever the process ends.
//!
//! The file: `postroad letter 1`, a line of JSON with envelope and length, then the content.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use postroad_disk::{Disk, DiskError, EntryKind, make_way_to, sync_way_to};
use postroad_protocol::address::{Address, ReversePath};
use postroad_protocol::envelope::{Body, Envelope, Notify, Recipient, Ret, Utf8, Wanted};
use postroad_queue::QueueId;
use serde::{Deserialize, Serialize};

use crate::compose::Letter;

/// The first line of each file: the format and its version.
const MAGIC: &[u8] = b"postroad letter 1\n";
/// What is older than this in tmp/ was left by a crash (maildir(5) says 36 hours).
const ABANDONED_AFTER: Duration = Duration::from_secs(36 * 60 * 60);

/// The folder where letters are left.
#[derive(Debug, Clone)]
pub struct DropOff {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
}

/// A letter that was left.
#[derive(Debug, Clone, PartialEq)]
pub struct Left {
    /// Sender and recipients.
    pub envelope: Envelope,
    /// Header and body.
    pub content: Bytes,
}

/// What the file of a letter holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    /// The letter.
    Letter(Left),
    /// Something that no version of ours wrote, or that the disk damaged: kept, and said.
    Unreadable(&'static str),
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
        for part in ["tmp", "new"] {
            make_way_to(disk.as_ref(), &folder.join(part))?;
        }
        disk.sync_dir(&folder)?;
        sync_way_to(disk.as_ref(), &folder)?;
        make_way_to(disk.as_ref(), &taken)?;
        disk.sync_dir(&folder)?;
        Ok(Self { disk, folder })
    }

    fn path(&self, part: &str, name: &str) -> PathBuf {
        self.folder.join(part).join(name)
    }

    /// Leaves a letter: after `Ok` a power cut doesn't lose it.
    ///
    /// # Errors
    /// Where the disk is full or fails. The letter is then not left, or may be: better twice than never.
    pub fn leave(&self, letter: &Letter) -> Result<(), DiskError> {
        let head = encode_head(&letter.envelope, letter.content.len());
        let name = unique_name();
        let (tmp, new) = (self.path("tmp", &name), self.path("new", &name));
        let written = self.disk.create_new(&tmp).and_then(|mut file| {
            file.write_all_at(&[MAGIC, &head, &letter.content], 0)?;
            file.sync()
        });
        if let Err(error) = written.and_then(|()| self.disk.rename_noreplace(&tmp, &new)) {
            // What is left of it is swept later, where it can't be removed now.
            let _ = self.disk.remove(&tmp);
            return Err(error);
        }
        self.disk.sync_dir(&self.folder.join("new"))
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

    fn names(&self, part: &str) -> Result<Vec<String>, DiskError> {
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
    pub fn take(&self, name: &str, id: QueueId) -> Result<(), DiskError> {
        self.disk
            .rename_noreplace(&self.path("new", name), &self.path("taken", &id.to_string()))?;
        self.disk.sync_dir(&self.folder.join("taken"))
    }

    /// Puts a letter back that the queue doesn't know.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn put_back(&self, id: QueueId) -> Result<(), DiskError> {
        let taken = self.path("taken", &id.to_string());
        self.disk.rename_noreplace(&taken, &self.path("new", &unique_name()))?;
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

    fn read(&self, path: &Path) -> Result<Found, DiskError> {
        let file = self.disk.open_read(path)?;
        let mut octets = vec![0; usize::try_from(file.len()?).unwrap_or(0)];
        let read = file.read_at(&mut octets, 0)?;
        octets.truncate(read);
        Ok(decode(Bytes::from(octets)))
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

/// Time, process and random octets: sorts by age, and nobody else has it.
fn unique_name() -> String {
    let micros =
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_micros();
    let mut random = [0; 8];
    // Without random octets the time and the process still tell two names apart, and a name that is
    // taken is an error, never a letter lost.
    let _ = rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty());
    format!("{micros:016}.{}.{:016x}", std::process::id(), u64::from_le_bytes(random))
}

fn micros_of(name: &str) -> Option<u64> {
    name.split('.').next()?.parse().ok()
}

/// Makes a folder and what is missing above it, mode 0700; [`DropOff::open`] in it makes that durable.
pub(super) fn make_with_parents(disk: &dyn Disk, path: &Path) -> Result<(), DiskError> {
    make_way_to(disk, path)
}

/// The envelope as the file has it. Of its own, so that the file's format changes only on purpose.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    /// Empty for the null reverse-path.
    from: String,
    to: Vec<String>,
    octets: usize,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    eight_bit: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    utf8: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ret: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    envid: Option<String>,
    /// NOTIFY= of all recipients: `never`, or some of `success,failure,delay`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    notify: Option<String>,
}

fn encode_head(envelope: &Envelope, octets: usize) -> Vec<u8> {
    let head = Head {
        from: envelope.reverse_path.to_string(),
        to: envelope.recipients.iter().map(|recipient| recipient.address.to_string()).collect(),
        octets,
        eight_bit: envelope.body == Body::EightBitMime,
        utf8: envelope.utf8 == Utf8::SmtpUtf8,
        ret: envelope.ret.map(|ret| match ret {
            Ret::Full => "full".to_owned(),
            Ret::Headers => "headers".to_owned(),
        }),
        envid: envelope.envid.clone(),
        notify: envelope.recipients.first().and_then(|recipient| encode_notify(recipient.notify)),
    };
    // Strings and numbers: there is nothing in it that JSON can't say.
    let mut line = serde_json::to_vec(&head).unwrap_or_default();
    line.push(b'\n');
    line
}

fn encode_notify(notify: Notify) -> Option<String> {
    match notify {
        Notify::Unsaid => None,
        Notify::Never => Some("never".to_owned()),
        Notify::On { success, failure, delay } => {
            let named = [(success, "success"), (failure, "failure"), (delay, "delay")];
            let words =
                named.iter().filter(|(wanted, _)| *wanted == Wanted::Yes).map(|(_, word)| *word);
            Some(words.collect::<Vec<_>>().join(","))
        }
    }
}

/// Reads `never` or a list of `success`, `failure`, `delay`, in any case: as in the file, and as
/// `sendmail -N` has it.
pub(crate) fn decode_notify(text: &str) -> Option<Notify> {
    if text.eq_ignore_ascii_case("never") {
        return Some(Notify::Never);
    }
    let (mut success, mut failure, mut delay) = (Wanted::No, Wanted::No, Wanted::No);
    for word in text.split(',') {
        match word.trim().to_ascii_lowercase().as_str() {
            "success" => success = Wanted::Yes,
            "failure" => failure = Wanted::Yes,
            "delay" => delay = Wanted::Yes,
            _ => return None,
        }
    }
    Some(Notify::On { success, failure, delay })
}

fn decode(octets: Bytes) -> Found {
    let Some(rest) = octets.strip_prefix(MAGIC) else {
        return Found::Unreadable("it is no letter of this version");
    };
    let Some(end) = rest.iter().position(|b| *b == b'\n') else {
        return Found::Unreadable("its envelope is cut off");
    };
    let Some(envelope) = rest.get(..end).and_then(decode_envelope) else {
        return Found::Unreadable("its envelope is damaged");
    };
    let (envelope, length) = envelope;
    let content = octets.slice(MAGIC.len() + end + 1..);
    if content.len() != length {
        return Found::Unreadable("its content is cut off");
    }
    Found::Letter(Left { envelope, content })
}

fn decode_envelope(line: &[u8]) -> Option<(Envelope, usize)> {
    let head: Head = serde_json::from_slice(line).ok()?;
    let notify = match &head.notify {
        Some(text) => decode_notify(text)?,
        None => Notify::Unsaid,
    };
    let recipient =
        |text: &String| Some(Recipient { notify, ..Recipient::new(Address::parse(text).ok()?) });
    let recipients: Option<Vec<Recipient>> = head.to.iter().map(recipient).collect();
    let mut envelope = Envelope::new(ReversePath::parse(&head.from).ok()?, recipients?);
    envelope.body = if head.eight_bit { Body::EightBitMime } else { Body::SevenBit };
    envelope.utf8 = if head.utf8 { Utf8::SmtpUtf8 } else { Utf8::Ascii };
    envelope.ret = match head.ret.as_deref() {
        None => None,
        Some("full") => Some(Ret::Full),
        Some("headers") => Some(Ret::Headers),
        Some(_) => return None,
    };
    envelope.envid = head.envid;
    Some((envelope, head.octets))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::MessageId;
    use postroad_disk::OsDisk;
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
            DropOff::open(Arc::new(next.clone()), folder()).unwrap().leave(&letter("x")).unwrap();
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
            drop_off.leave(&letter(body)).unwrap();
        }
        let names = drop_off.waiting().unwrap();
        assert_eq!(names.len(), 3);
        for (name, body) in names.iter().zip(["one", "two\nthree", ""]) {
            let Found::Letter(left) = drop_off.read_waiting(name).unwrap() else {
                panic!("{name}")
            };
            let letter = letter(body);
            assert_eq!(left, Left { envelope: letter.envelope, content: letter.content.into() });
        }
    }

    #[test]
    fn u16_a_letter_that_was_taken_and_not_queued_is_put_back() {
        let (_dir, drop_off) = drop_off();
        drop_off.leave(&letter("x")).unwrap();
        let id = QueueId::from_number(42);
        drop_off.take(&drop_off.waiting().unwrap()[0], id).unwrap();
        assert_eq!(drop_off.waiting().unwrap(), Vec::<String>::new());
        assert_eq!(drop_off.taken().unwrap(), [id]);
        drop_off.put_back(id).unwrap();
        assert_eq!(drop_off.waiting().unwrap().len(), 1);
        assert!(drop_off.taken().unwrap().is_empty());
    }

    #[test]
    fn damaged_files_are_said_to_be_so() {
        let (dir, drop_off) = drop_off();
        drop_off.leave(&letter("some text")).unwrap();
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
        for name in ["0000000000000001.1.x", &unique_name(), "odd"] {
            std::fs::write(tmp.join(name), "half").unwrap();
        }
        drop_off.sweep(SystemTime::now());
        assert_eq!(drop_off.names("tmp").unwrap().len(), 2);
    }

    #[test]
    fn notify_lists() {
        for (text, good) in [
            ("never", true),
            ("SUCCESS,failure", true),
            ("delay", true),
            ("", false),
            ("never,delay", false),
            ("x", false),
        ] {
            let notify = decode_notify(text);
            assert_eq!(notify.is_some(), good, "{text}");
            if let Some(notify) = notify {
                assert_eq!(decode_notify(&encode_notify(notify).unwrap()), Some(notify));
            }
        }
    }
}
