//! Damage, clocks and copies: one test for each row of the list of attacks, and what must hold after each.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use postroad_queue::{
    ContentError, Cursor, Filter, Outcome, OwnedShard, QueueId, QueueRow, RecipientState,
};
use postroad_testkit::power_cut::Cuts;
use postroad_testkit::{FaultyDisk, Plan};

use crate::history::History;
use crate::player::{Build, Player, Story, play_with, reopen, reopen_at};
use crate::{TREES, block_on, stories, try_story};

const EIO: i32 = 5;
const EROFS: i32 = 30;

async fn rows(queue: &dyn OwnedShard) -> Vec<QueueRow> {
    queue.find(&Filter::default(), Cursor::default(), usize::MAX).await.rows
}

async fn ids(queue: &dyn OwnedShard) -> BTreeSet<QueueId> {
    rows(queue).await.into_iter().map(|row| row.id).collect()
}

#[test]
fn f03_in_a_group_of_a_hundred_what_was_answered_is_there() {
    for story in ["accept one", "accept ten at once", "accept a hundred at once"] {
        let of_name = stories::STORIES.iter().find(|(name, _)| *name == story).unwrap();
        let held = try_story(&Build::sound(), story, of_name.1);
        held.unwrap_or_else(|violation| violation.fail());
    }
}

#[test]
fn f05_of_a_torn_group_whole_letters_are_left_and_older_ones_are_unharmed() {
    let story: Story = |player| {
        Box::pin(async {
            player.accept(3_000, 1).await;
            player.accept_in_one_call(6, 1_500).await;
        })
    };
    let held = try_story(&Build::sound(), "a torn group", story);
    held.unwrap_or_else(|violation| violation.fail());
}

/// The next hop took it and the power failed: that one again, and no other.
#[test]
fn f04_only_the_delivery_in_flight_is_made_again() {
    let story: Story = |player| {
        Box::pin(async {
            for letter in player.accept_in_one_call(8, 600).await {
                player.deliver(&[letter], 0).await;
            }
        })
    };
    let (player, history) = block_on(play_with(Player::start(&Build::sound(), 1), story));
    let recording = player.disk.recording();
    let cuts = Cuts::of_seed(1).at_each_call("one by one", &recording, TREES, |cut| {
        let queue = reopen(&cut.disk)?;
        let there = block_on(ids(queue.as_ref()));
        let again = history.delivered_by(cut.calls).filter(|id| there.contains(id)).count();
        if again > 1 { Err(format!("{again} letters are delivered again")) } else { Ok(()) }
    });
    cuts.unwrap_or_else(|violation| violation.fail());
}

/// A queue with a few letters, closed.
fn queue_with_letters() -> (FaultyDisk, History) {
    let story: Story = |player| {
        Box::pin(async {
            let letters = player.accept_in_one_call(3, 150).await;
            player.accept_large(400, 1).await;
            player.defer(letters[0], 0, 1).await;
            player.deliver(&letters[1..2], 0).await;
        })
    };
    let (player, history) = block_on(play_with(Player::start(&Build::sound(), 1), story));
    (player.disk.restart(), history)
}

#[test]
fn f12_a_letter_that_cannot_be_read_is_an_error_and_stops_no_other() {
    let (disk, history) = queue_with_letters();
    block_on(async {
        let queue = reopen(&disk).unwrap();
        for id in ids(queue.as_ref()).await {
            disk.plan(Plan::FailNext { operation: "read", errno: EIO });
            let error = queue.content(id).await.unwrap_err();
            assert!(matches!(error, ContentError::Disk { .. }), "{error}");
            // The others can be had, and this one too when the disk can read it.
            history.check(usize::MAX, queue.as_ref()).await.unwrap();
        }
    });
}

/// A start that can't read something doesn't take it for empty; only where that is a directory or a file as a whole
/// does it refuse.
#[test]
fn f12_a_queue_that_cannot_be_read_loses_nothing() {
    let (disk, history) = queue_with_letters();
    let sound = disk.copy();
    reopen(&sound).unwrap();
    let calls = sound.calls();
    let kind = |call: u64| calls.get(call as usize).and_then(|call| call.split(' ').next());
    let is_read = |call: u64| matches!(kind(call), Some("read" | "read_past_cache"));
    for call in 0..calls.len() as u64 {
        let disk = disk.copy();
        disk.plan(Plan::Fail { call, errno: EIO });
        block_on(async {
            let story = || format!("call {call}: {:?}", disk.calls().last());
            match reopen(&disk) {
                Ok(queue) => {
                    let check = history.check(usize::MAX, queue.as_ref()).await;
                    check.unwrap_or_else(|what| panic!("{}: {what}", story()));
                    queue.release().await;
                }
                Err(why) => assert!(!is_read(call), "{}: {why}", story()),
            }
            let queue = reopen(&disk.restart()).unwrap();
            let check = history.check(usize::MAX, queue.as_ref()).await;
            check.unwrap_or_else(|what| panic!("{}, next start: {what}", story()));
        });
    }
}

#[test]
fn f13_no_flipped_bit_is_ever_delivered() {
    let (disk, history) = queue_with_letters();
    let files: Vec<PathBuf> = disk.files();
    let there = block_on(async { ids(reopen(&disk.copy()).unwrap().as_ref()).await });
    let mut flipped = 0;
    for path in files {
        let sound = disk.read(&path).unwrap();
        for octet in 0..sound.len() {
            let mut octets = sound.clone();
            // Another bit each time: each place of each field has its turn.
            octets[octet] ^= 1 << (octet % 8);
            let disk = disk.copy();
            disk.put(&path, &octets);
            flipped += 1;
            block_on(check_flipped(
                &disk,
                &history,
                &there,
                &format!("{}:{octet}", path.display()),
            ));
        }
    }
    assert!(flipped > 1_000, "only {flipped} octets");
}

/// Whoever is missing, or can't be had, was found to be so.
async fn check_flipped(
    disk: &FaultyDisk,
    history: &History,
    there: &BTreeSet<QueueId>,
    story: &str,
) {
    let queue = reopen(disk).unwrap_or_else(|what| panic!("{story}: {what}"));
    let found = rows(queue.as_ref()).await;
    for row in &found {
        match queue.content(row.id).await {
            Ok(content) => assert!(history.is_what_was_offered(row, &content), "{story}"),
            Err(ContentError::Damaged(_)) => {}
            Err(error) => panic!("{story}: {error}"),
        }
    }
    let found: BTreeSet<QueueId> = found.iter().map(|row| row.id).collect();
    let kept = disk.files().iter().any(|path| path.starts_with("/queue/damaged"));
    assert!(kept || there.is_subset(&found), "{story}: a letter is gone without a word");
}

/// The clock goes back a day, ten years forward, and to 1970: nothing in the queue minds.
#[test]
fn f16_whatever_the_clock_says_letters_stay_and_ids_grow() {
    const DAY: Duration = Duration::from_secs(86_400);
    let (mut disk, history) = queue_with_letters();
    let now = SystemTime::UNIX_EPOCH + 11_574 * DAY;
    let mut last = None;
    for clock in [now - DAY, now + 3_650 * DAY, SystemTime::UNIX_EPOCH, now, now] {
        block_on(async {
            let queue = reopen_at(&disk, clock).unwrap();
            history.check(usize::MAX, queue.as_ref()).await.unwrap();
            let next = Some(queue.new_id());
            assert!(next > last, "{clock:?}");
            last = next;
            queue.release().await;
        });
        disk = disk.restart();
    }
}

/// A copy from a while ago is put back: what was in it is there again, whatever became of it since, and
/// nothing else; ids that were given since aren't given again.
#[test]
fn f24_a_queue_that_is_restored_from_a_copy_is_what_it_was() {
    let (disk, history) = queue_with_letters();
    let copy = disk.copy();
    let later = block_on(async {
        let queue = reopen_at(&disk, SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_100_000));
        let queue = queue.unwrap();
        for row in rows(queue.as_ref()).await {
            let outcome = Outcome { id: row.id, recipient: 0, state: RecipientState::Done };
            queue.settle(vec![outcome]).await.unwrap();
        }
        queue.new_id()
    });
    block_on(async {
        let clock = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_200_000);
        let queue = reopen_at(&copy, clock).unwrap();
        history.check(usize::MAX, queue.as_ref()).await.unwrap();
        assert!(queue.new_id() > later);
    });
}

#[test]
fn space_comes_back_while_an_old_letter_stays() {
    let story: Story = |player| {
        Box::pin(async {
            player.accept(300, 1).await;
            for _ in 0..200 {
                let passing = player.accept(1_200, 1).await;
                player.deliver(&[passing], 0).await;
            }
        })
    };
    let (player, history) = block_on(play_with(Player::start(&Build::sound(), 1), story));
    block_on(player.queue.release());
    let octets = |path: &PathBuf| player.disk.read(path).map_or(0, |octets| octets.len());
    let total: usize = player.disk.files().iter().map(octets).sum();
    assert!(total < 60_000, "{total} octets are left for 300");
    block_on(async {
        let queue = reopen(&player.disk.restart()).unwrap();
        history.check(usize::MAX, queue.as_ref()).await.unwrap();
    });
}

#[test]
fn q03_a_read_only_queue_is_refused_and_says_why() {
    let (disk, _) = queue_with_letters();
    disk.plan(Plan::FailChanges { call: 0, errno: EROFS });
    let why = reopen(&disk).map(drop).unwrap_err();
    assert!(why.contains("ReadOnlyFilesystem") && why.contains("/queue/"), "{why}");
    // A start that was refused has changed nothing.
    let disk = disk.restart();
    assert!(disk.read(Path::new("/queue/epoch")).is_some());
    reopen(&disk).unwrap();
}
