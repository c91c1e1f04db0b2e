//! A process that is killed at each of its calls between the editor's return and the queue: what is on disk then, and
//! what the next one makes of it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use postroad_disk::DiskError;
use postroad_protocol::address::Address;
use postroad_queue::{Embedded, OwnedShard};
use postroad_testkit::{FaultyDisk, Plan};

use super::{Notes, Outbox, OutboxError, sender};
use crate::compose::{Letter, Mailbox};
use crate::drafts::{DraftError, Drafts, Written};
use crate::error::Error;

const TEXT: &str = "as the editor left it\n";

/// How far the killed process had come, by what it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reached {
    Nothing,
    Kept,
    Queued,
    Done,
}

struct Desk {
    disk: FaultyDisk,
    outbox: Outbox,
    drafts: Drafts,
}

impl Desk {
    fn at(disk: FaultyDisk) -> Self {
        let shared: Arc<dyn postroad_disk::Disk> = Arc::new(disk.clone());
        let folder = PathBuf::from("/state/outbox");
        super::drop_off::make_with_parents(shared.as_ref(), &folder).unwrap();
        let drafts = Drafts::at(Arc::clone(&shared), "/state/drafts".into());
        Self { disk, outbox: Outbox { disk: shared, folder }, drafts }
    }

    /// From the first return of the editor to the queue.
    fn write_and_send(&self, reached: &mut Reached) -> Result<(), Error> {
        let written = Written { to: "a@x.example".into(), ..Written::default() };
        let draft = self.drafts.begin(&written, "")?;
        self.disk.put(&draft.text_path(), TEXT.as_bytes());
        *reached = Reached::Kept;
        draft.keep_text()?;
        let letter = self.letter(&written, &draft.text()?);
        let notes = Notes { copy: Some("Sent".into()), draft: Some(draft.id().clone()) };
        self.outbox.hold(&letter, &notes, SystemTime::now())?;
        *reached = Reached::Queued;
        drop(draft);
        // A queue whose disk has gone is in doubt, which is no error.
        if self.take_in()? == 1 {
            *reached = Reached::Done;
        }
        Ok(())
    }

    fn letter(&self, written: &Written, text: &str) -> Letter {
        let us = Mailbox::new(None, Address::parse("us@our.example").unwrap());
        written.draft(Path::new("/"), us, text.to_owned()).unwrap().into_letter().unwrap()
    }

    /// What the sender does before it connects to anybody.
    fn take_in(&self) -> Result<usize, OutboxError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let drop_off = self.outbox.drop_off()?;
            let shard = self.shard()?;
            let (copies, drafts) = (self.outbox.copies(), Some(&self.drafts));
            let queued = sender::take_in(&drop_off, &copies, drafts, shard.as_ref()).await?;
            queued.into_iter().try_for_each(|id| drop_off.forget(id))?;
            let rows = sender::all_rows(shard.as_ref()).await.len();
            shard.release().await;
            Ok(rows)
        })
    }

    fn shard(&self) -> Result<Arc<dyn OwnedShard>, OutboxError> {
        let engine = Embedded::new(Arc::clone(&self.outbox.disk), self.outbox.folder.join("queue"));
        engine.open_blocking().map_err(OutboxError::Open)
    }

    /// Where there is something, in the words of the table.
    fn seen(&self) -> Result<BTreeSet<&'static str>, DiskError> {
        let drop_off = self.outbox.drop_off()?;
        let mut seen = BTreeSet::new();
        for part in ["tmp", "held", "new", "taken"] {
            if !drop_off.names(part)?.is_empty() {
                seen.insert(part);
            }
        }
        if !self.drafts.list().unwrap().is_empty() {
            seen.insert("draft");
        }
        Ok(seen)
    }
}

#[test]
fn u16_a_kill_at_any_moment_leaves_the_draft_or_one_letter() {
    let mut rows: BTreeSet<Vec<&str>> = BTreeSet::new();
    for call in 0.. {
        let mut reached = Reached::Nothing;
        let desk = Desk::at(FaultyDisk::new());
        desk.disk.plan(Plan::Kill { call });
        let _ = desk.write_and_send(&mut reached);

        let next = Desk::at(desk.disk.restart());
        let seen = next.seen().unwrap();
        // While its letter is in the outbox nobody can write the draft, or send it again.
        for draft in next.drafts.list().unwrap() {
            let opened = next.outbox.open_draft(&next.drafts, &draft.id);
            let has_letter = seen.iter().any(|part| ["held", "new", "taken"].contains(part));
            let is_shut = matches!(opened, Err(Error::Draft(DraftError::OnItsWay(_))));
            assert_eq!(is_shut, has_letter, "killed at {call}: {seen:?}");
        }
        rows.insert(seen.into_iter().collect());

        let letters = next.take_in().unwrap();
        let unsent = next.outbox.unsent(&next.drafts).unwrap();
        match reached {
            Reached::Nothing => assert!(letters == 0 && unsent.len() <= 1, "killed at {call}"),
            // Nobody was told that it was queued: it is a draft with all its text, or it leaves.
            Reached::Kept => assert_eq!(letters + unsent.len(), 1, "killed at {call}"),
            Reached::Queued | Reached::Done => {
                assert_eq!((letters, unsent.len()), (1, 0), "killed at {call}");
            }
        }
        if reached == Reached::Kept && !unsent.is_empty() {
            let draft = next.outbox.open_draft(&next.drafts, &unsent[0].id).unwrap();
            assert_eq!(draft.text().unwrap(), TEXT, "killed at {call}");
        }
        assert_eq!(next.take_in().unwrap(), letters, "killed at {call}: taken in twice");
        if reached == Reached::Done {
            break;
        }
    }
    // Each row of the table was seen.
    for row in [
        &["draft"][..],
        &["draft", "tmp"],
        &["draft", "held"],
        &["draft", "taken"],
        &["taken"],
        &[],
    ] {
        assert!(rows.contains(row), "{row:?} is not among {rows:?}");
    }
}

#[test]
fn u16_a_kill_while_a_letter_is_taken_back_leaves_the_draft_and_at_most_that_letter() {
    for call in 0.. {
        let desk = Desk::at(FaultyDisk::new());
        let written = Written { to: "a@x.example".into(), ..Written::default() };
        let draft = desk.drafts.begin(&written, TEXT).unwrap();
        let notes = Notes { copy: None, draft: Some(draft.id().clone()) };
        let until = SystemTime::now() + crate::limits::HOLD;
        let name = desk.outbox.hold(&desk.letter(&written, TEXT), &notes, until).unwrap();
        drop(draft);
        desk.disk.plan(Plan::Kill { call });
        let taken_back = desk.outbox.take_back(&name).is_ok();

        let next = Desk::at(desk.disk.restart());
        let seen = next.seen().unwrap();
        assert!(seen.contains("draft") && !seen.contains("new"), "killed at {call}: {seen:?}");
        let unsent = next.outbox.unsent(&next.drafts).unwrap();
        assert_eq!(unsent.is_empty(), seen.contains("held"), "killed at {call}: {seen:?}");
        if taken_back {
            assert!(!seen.contains("held"));
            return;
        }
    }
}
