//! Letters that can still be taken back: `held/DUE.PID.RANDOM`, in microseconds since 1970.
//!
//! Whoever takes one back and the sender that takes it in both rename it out of held/, so one of them has it. A time
//! further off than the longest hold was set before the clock was put back: such a letter is due.

use std::io::ErrorKind;
use std::time::{Duration, SystemTime};

use postroad_disk::DiskError;

use super::DropOff;
use super::drop_off::{HELD, Ready, micros_of};
use super::letter_file::Found;
use crate::limits;

impl DropOff {
    /// The names of the letters that are held, those that leave first in front.
    ///
    /// # Errors
    /// Where the folder can't be read.
    pub fn held(&self) -> Result<Vec<String>, DiskError> {
        match self.names(HELD) {
            // A drop-off of a version that held none.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            names => names,
        }
    }

    /// The letters that may be taken in now, in the order in which they are sent.
    ///
    /// # Errors
    /// Where a folder can't be read.
    pub fn ready(&self, now: SystemTime) -> Result<Vec<Ready>, DiskError> {
        let due = self.held()?.into_iter().filter(|name| due(name, now) <= now).map(Ready::Held);
        Ok(self.waiting()?.into_iter().map(Ready::New).chain(due).collect())
    }

    /// When the first of the letters that are held is due, where there is one.
    ///
    /// # Errors
    /// Where the folder can't be read.
    pub fn next_due(&self, now: SystemTime) -> Result<Option<SystemTime>, DiskError> {
        Ok(self.held()?.iter().map(|name| due(name, now)).min())
    }

    /// Reads a letter that is held.
    ///
    /// # Errors
    /// Where the file can't be read.
    pub fn read_held(&self, name: &str) -> Result<Found, DiskError> {
        self.read(&self.path(HELD, name))
    }

    /// Takes a letter back: from here on no sender finds it. `None` where one was quicker. It stays in tmp/, where it
    /// is swept after a day and a half, until [`DropOff::forget_taken_back`].
    ///
    /// # Errors
    /// Where the disk fails: it may leave yet.
    pub fn take_back(&self, name: &str) -> Result<Option<Found>, DiskError> {
        let aside = self.path("tmp", name);
        match self.disk().rename_noreplace(&self.path(HELD, name), &aside) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            renamed => renamed?,
        }
        // A power cut must not bring it back.
        let held = self.path(HELD, "");
        self.disk().sync_dir(&held)?;
        self.read(&aside).map(Some)
    }

    /// Removes a letter that was taken back and is safe elsewhere; where that fails it is swept later.
    pub fn forget_taken_back(&self, name: &str) {
        let _ = self.disk().remove(&self.path("tmp", name));
    }
}

/// When a letter is due; now, where its name says nothing that can be believed.
pub(super) fn due(name: &str, now: SystemTime) -> SystemTime {
    let due = micros_of(name)
        .and_then(|micros| SystemTime::UNIX_EPOCH.checked_add(Duration::from_micros(micros)));
    due.filter(|due| *due <= now + limits::HOLD).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;

    use bytes::Bytes;
    use postroad_disk::Disk as _;
    use postroad_protocol::address::{Address, ReversePath};
    use postroad_protocol::envelope::{Envelope, Recipient};
    use postroad_queue::QueueId;
    use postroad_testkit::{FaultyDisk, Plan};

    use super::super::letter_file::Notes;
    use super::*;
    use crate::compose::{Letter, MessageId};

    fn letter() -> Letter {
        let to = Recipient::new(Address::parse("a@x.example").unwrap());
        Letter {
            envelope: Envelope::new(ReversePath::Null, vec![to]),
            message_id: MessageId::parse("i@x").unwrap(),
            content: b"Subject: s\r\n\r\nx\r\n".to_vec(),
        }
    }

    fn notes() -> Notes {
        Notes { copy: Some("Sent".into()), draft: None }
    }

    fn folder() -> PathBuf {
        PathBuf::from("/home/alice/outbox/drop")
    }

    fn open(disk: &FaultyDisk) -> DropOff {
        DropOff::open(Arc::new(disk.clone()), folder()).unwrap()
    }

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn at(seconds: u64) -> SystemTime {
        NOW + Duration::from_secs(1_700_000_000 + seconds)
    }

    #[test]
    fn a_letter_leaves_when_its_time_has_come_or_the_clock_was_set_back() {
        let drop_off = open(&FaultyDisk::new());
        let name = drop_off.hold(&letter(), &notes(), at(10)).unwrap();
        let held = Ready::Held(name.clone());
        for (now, ready) in [
            (at(0), false),
            (at(9), false),
            (at(10), true),
            (at(99), true),
            // A minute further off than any hold.
            (at(0) - Duration::from_secs(60), true),
            (SystemTime::UNIX_EPOCH, true),
        ] {
            assert_eq!(drop_off.ready(now).unwrap() == [held.clone()], ready, "{now:?}");
        }
        assert_eq!(drop_off.next_due(at(3)).unwrap(), Some(at(10)));
        let Found::Letter(left) = drop_off.read_held(&name).unwrap() else { panic!() };
        assert_eq!((left.notes, left.content), (notes(), Bytes::from(letter().content)));
    }

    #[test]
    fn names_that_say_no_time_are_due() {
        for name in ["odd", "", "99999999999999999999.1.x", "18446744073709551615.1.x"] {
            assert_eq!(due(name, at(0)), at(0), "{name}");
        }
    }

    #[test]
    fn one_of_author_and_sender_gets_it() {
        let drop_off = open(&FaultyDisk::new());
        let id = QueueId::from_number(42);
        let name = drop_off.hold(&letter(), &notes(), at(0)).unwrap();
        drop_off.take(&drop_off.ready(at(0)).unwrap()[0], id).unwrap();
        assert_eq!(drop_off.take_back(&name).unwrap(), None);
        assert_eq!(drop_off.taken().unwrap(), [id]);

        let name = drop_off.hold(&letter(), &notes(), at(0)).unwrap();
        let ready = drop_off.ready(at(0)).unwrap();
        let Some(Found::Letter(back)) = drop_off.take_back(&name).unwrap() else { panic!() };
        assert_eq!(back.content, letter().content);
        let error = drop_off.take(&ready[0], QueueId::from_number(43)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(drop_off.held().unwrap().is_empty());
        drop_off.forget_taken_back(&name);
        assert!(drop_off.names("tmp").unwrap().is_empty());
    }

    #[test]
    fn u16_a_letter_that_was_said_to_be_queued_survives_a_power_cut_and_one_half_held_is_nowhere() {
        for call in 0.. {
            let disk = FaultyDisk::new();
            open(&disk);
            disk.plan(Plan::Cut { call });
            let held = DropOff::open(Arc::new(disk.clone()), folder())
                .and_then(|drop_off| drop_off.hold(&letter(), &notes(), at(10)));
            let said = held.is_ok();
            let after = open(&disk.restart());
            let names = after.held().unwrap();
            assert!(names.len() == 1 || !said && names.is_empty(), "cut at {call}: {names:?}");
            for name in names {
                assert!(
                    matches!(after.read_held(&name).unwrap(), Found::Letter(_)),
                    "cut at {call}"
                );
            }
            if said {
                return;
            }
        }
    }

    #[test]
    fn u16_what_was_taken_back_stays_so_after_a_power_cut() {
        for call in 0.. {
            let disk = FaultyDisk::new();
            let drop_off = open(&disk);
            let name = drop_off.hold(&letter(), &notes(), at(10)).unwrap();
            disk.plan(Plan::Cut { call });
            let back = drop_off.take_back(&name);
            let after = open(&disk.restart());
            if back.is_ok() {
                assert!(after.held().unwrap().is_empty());
                return;
            }
            // Nobody was told: it leaves, or is in tmp/; its author has the draft.
            let left = after.held().unwrap().len() + after.names("tmp").unwrap().len();
            assert!(left >= 1, "cut at {call}");
        }
    }

    #[test]
    fn a_drop_off_of_yesterday_gets_its_folder_when_it_is_needed() {
        let disk = FaultyDisk::new();
        let drop_off = open(&disk);
        disk.remove_dir(&folder().join(HELD)).unwrap();
        assert_eq!(drop_off.ready(at(0)).unwrap(), []);
        drop_off.hold(&letter(), &notes(), at(0)).unwrap();
        assert_eq!(open(&disk.restart_after_cut()).held().unwrap().len(), 1);
    }
}
