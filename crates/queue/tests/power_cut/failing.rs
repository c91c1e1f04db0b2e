//! Processes that are killed at each call, and calls that fail, each in its turn.

use std::sync::Mutex;
use std::time::Duration;

use postroad_disk::Space;
use postroad_queue::{AcceptError, Condition, OwnedShard};
use postroad_testkit::power_cut::{self, Cut, Cuts};
use postroad_testkit::{FaultyDisk, Plan};

use crate::history::Answer;
use crate::player::{Build, Player, Story, play, play_with, reopen};
use crate::stories::{self, STORIES};
use crate::{block_on, check_cut};

const EINTR: i32 = 4;
const EIO: i32 = 5;
const EAGAIN: i32 = 11;
const ENOMEM: i32 = 12;
const EMFILE: i32 = 24;
const ENOSPC: i32 = 28;
const EROFS: i32 = 30;
const EDQUOT: i32 = 122;

/// The calls that a story makes when nothing fails, from behind the first start.
fn calls(story: Story) -> Vec<String> {
    block_on(async {
        let player = Player::start(&Build::sound(), 1);
        player.disk.plan(Plan::Sound);
        let (player, _) = play_with(player, story).await;
        player.disk.calls()
    })
}

/// Does it with each of these, several at a time: most of them wait.
fn for_each<T: Send>(all: impl IntoIterator<Item = T, IntoIter: Send>, check: impl Fn(T) + Sync) {
    const AT_ONCE: usize = 12;
    let all = Mutex::new(all.into_iter());
    let next = || all.lock().unwrap().next();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(one) = next() {
                    check(one);
                }
            });
        }
    });
}

/// The next process finds all that was written, and whatever it shows is durable.
#[test]
fn f01_kills_at_each_call_lose_no_letter() {
    for (name, story) in STORIES {
        let (recording, history) = block_on(play(&Build::sound(), *story, 1));
        for (calls, call) in recording.calls().enumerate() {
            let cut = Cut { calls, disk: recording.killed(calls) };
            let left = cut.disk.copy();
            block_on(check_cut(&history, &cut)).unwrap_or_else(|what| {
                let led_there: Vec<_> = recording.calls().take(calls).map(str::to_owned).collect();
                let name = format!("{name}, killed before call {calls}");
                power_cut::fail(&format!("{name} ({call}): {what}"), &name, &left, &led_there)
            });
        }
    }
}

/// One call fails: the queue that goes on holds what it promised, and so does the one after a power cut.
fn check_call(story: Story, call: u64, errno: i32) {
    let told = block_on(async {
        let player = Player::start(&Build::sound(), call);
        player.disk.plan(Plan::Fail { call, errno });
        let (player, history) = play_with(player, story).await;
        let failed = player.disk.calls().get(usize::try_from(call).unwrap()).cloned();
        let (now, left, calls) = (player.disk.recorded(), player.disk.copy(), player.disk.calls());
        player.disk.plan(Plan::Sound);
        let goes_on = history.check(now, player.queue.as_ref()).await;
        goes_on.map_err(|what| (what, left, calls.clone()))?;
        let disk = player.disk.restart_after_torn_cut(call);
        let left = disk.copy();
        check_cut(&history, &Cut { calls: now, disk })
            .await
            .map_err(|what| (format!("after {failed:?} and a power cut: {what}"), left, calls))
    });
    told.unwrap_or_else(|(what, left, calls)| {
        let name = format!("call {call} fails with {errno}");
        power_cut::fail(&format!("{name}: {what}"), &name, &left, &calls)
    });
}

#[test]
fn f06_f07_f08_each_call_that_fails_costs_no_other_letter() {
    for story in
        [stories::accept_ten_at_once, stories::accept_large, stories::outcomes] as [Story; 3]
    {
        let calls = calls(story).len() as u64;
        for_each((0..calls).flat_map(|call| [(call, EIO), (call, ENOSPC)]), |(call, errno)| {
            check_call(story, call, errno);
        });
    }
}

/// From this call on nothing works any more, not even reading.
fn check_from(story: Story, call: u64) {
    let told = block_on(async {
        let player = Player::start(&Build::sound(), call);
        player.disk.plan(Plan::FailFrom { call, errno: EIO });
        let witness = player.clone();
        tokio::select! {
            // Outcomes wait for a better time, which doesn't come.
            () = stopped(witness.queue.as_ref()) => {}
            _ = play_with(player, story) => {}
        }
        let (now, calls) = (witness.disk.recorded(), witness.disk.calls());
        let disk = witness.disk.restart_after_torn_cut(call);
        let left = disk.copy();
        let checked = check_cut(&witness.told(), &Cut { calls: now, disk }).await;
        checked.map_err(|what| (what, left, calls))
    });
    told.unwrap_or_else(|(what, left, calls)| {
        let name = format!("from call {call} on");
        power_cut::fail(&format!("{name}: {what}"), &name, &left, &calls)
    });
}

async fn stopped(queue: &dyn OwnedShard) {
    while !matches!(queue.condition(), Condition::Refusing { .. }) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[test]
fn f06_a_disk_that_dies_takes_nothing_along() {
    for story in [stories::accept_large, stories::outcomes] as [Story; 2] {
        for_each(0..calls(story).len() as u64, |call| check_from(story, call));
    }
}

/// Plays a story with each call of this kind failing in turn, and cuts the power at each call.
fn check_kind(operation: &str, errno: i32, story: Story) {
    let calls = calls(story);
    let of_kind = |call: &str| call.split(' ').next() == Some(operation);
    let failing: Vec<_> = (0..).zip(&calls).filter(|(_, call)| of_kind(call)).collect();
    assert!(!failing.is_empty(), "no {operation} in {calls:#?}");
    for (call, name) in failing {
        let (recording, history) = block_on(async {
            let player = Player::start(&Build::sound(), call);
            player.disk.plan(Plan::Fail { call, errno });
            let (player, history) = play_with(player, story).await;
            (player.disk.recording(), history)
        });
        let story = format!("call {call} ({name}) fails");
        let cuts = Cuts::of_seed(call)
            .at_each_call(&story, &recording, 5, |cut| block_on(check_cut(&history, &cut)));
        cuts.unwrap_or_else(|violation| violation.fail());
    }
}

#[test]
fn f06_a_failed_sync_is_never_believed() {
    check_kind("sync", EIO, stories::outcomes);
    check_kind("sync", EIO, stories::accept_large);
}

#[test]
fn f07_a_directorys_failed_sync_promises_nothing() {
    check_kind("sync_dir", EIO, stories::accept_large);
    check_kind("sync_dir", EIO, stories::segments);
}

#[test]
fn f08_without_an_inode_what_was_stored_stays() {
    check_kind("create", ENOSPC, stories::segments);
    check_kind("create", ENOSPC, stories::accept_large);
}

#[test]
fn f11_interrupted_and_short_calls_change_nothing() {
    for (operation, errno) in [("write", EINTR), ("write", EAGAIN), ("sync", EINTR)] {
        check_kind(operation, errno, stories::outcomes);
    }
}

#[test]
fn f06_one_failed_sync_costs_its_group_and_a_second_one_stops_intake() {
    block_on(async {
        let player = Player::start(&Build::sound(), 1);
        let before = player.accept(100, 1).await;
        // Nothing that would be read again meanwhile.
        player.deliver(&[before], 0).await;
        player.fail_next("sync", EIO);
        let refused = player.accept(100, 1).await;
        let after = player.accept(100, 1).await;
        assert_eq!(player.answer(refused), Some(Answer::Absent));
        assert_eq!(player.answer(after), Some(Answer::Stored));
        assert!(player.queue.room_for(1).is_ok());
        player.disk.plan(Plan::FailFrom { call: 1, errno: EIO });
        let unsure = player.accept(100, 1).await;
        assert_eq!(player.answer(unsure), None);
        assert!(player.queue.room_for(1).is_err());
        let late = player.accept(100, 1).await;
        assert_eq!(player.answer(late), Some(Answer::Absent));
        let cut = Cut { calls: player.disk.recorded(), disk: player.disk.restart_after_cut() };
        check_cut(&player.told(), &cut).await.unwrap();
    });
}

#[test]
fn f08_on_a_full_disk_letters_are_refused_and_outcomes_wait() {
    block_on(async {
        let player = Player::start(&Build::sound(), 1);
        let first = player.accept(100, 1).await;
        player.disk.plan(Plan::Full);
        let refused = player.accept(100, 1).await;
        assert_eq!(player.answer(refused), Some(Answer::Absent));
        let letters = [first];
        let mut delivery = std::pin::pin!(player.deliver(&letters, 0));
        let meanwhile = async {
            // Tried, and tried again.
            while player.disk.count("write") < 3 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            // Whoever comes now isn't kept waiting.
            let refused = player.accept(100, 1).await;
            assert_eq!(player.answer(refused), Some(Answer::Absent));
        };
        tokio::select! {
            () = &mut delivery => panic!("promised on a full disk"),
            () = meanwhile => {}
        }
        player.disk.plan(Plan::Sound);
        delivery.await;
        player.accept_until_stored(100).await;
        let cut = Cut { calls: player.disk.recorded(), disk: player.disk.restart_after_cut() };
        check_cut(&player.told(), &cut).await.unwrap();
    });
}

#[test]
fn f08_intake_stops_before_the_reserve_is_gone() {
    let room = |octets: u64, inodes: u64, wanted: u64| {
        let disk = FaultyDisk::new();
        disk.set_space(Space { octets, inodes });
        reopen(&disk).unwrap().room_for(wanted)
    };
    assert!(matches!(room(32 << 20, 1 << 20, 1), Err(AcceptError::Full)));
    assert!(matches!(room(1 << 30, 10, 1), Err(AcceptError::Full)));
    assert!(matches!(room(1 << 30, 1 << 20, 1 << 30), Err(AcceptError::Full)));
    assert!(room(1 << 30, 1 << 20, 1 << 20).is_ok());
}

/// From some call on nothing can be written; then it can be again. Nobody starts the queue anew.
async fn check_shortage(call: u64, errno: i32) {
    let story = format!("from call {call} on error {errno}");
    let player = Player::start(&Build::sound(), call);
    player.disk.plan(Plan::FailChanges { call, errno });
    let disk = player.disk.clone();
    let repair = async {
        // Long enough that what has to wait waits.
        while (disk.calls().len() as u64) < call + 6 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        disk.plan(Plan::Sound);
    };
    // Letters are refused, and outcomes wait for the repair.
    let played = async {
        let (player, _) = play_with(player, stories::outcomes).await;
        player.accept_until_stored(500).await;
        player
    };
    let (player, ()) = tokio::join!(played, repair);
    let (now, history) = (player.disk.recorded(), player.told());
    let check = history.check(now, player.queue.as_ref()).await;
    check.unwrap_or_else(|what| panic!("{story}: {what}"));
    let disk = player.disk.restart_after_cut();
    let checked = check_cut(&history, &Cut { calls: now, disk }).await;
    checked.unwrap_or_else(|what| panic!("{story}, then a power cut: {what}"));
}

#[test]
fn f08_f09_when_the_disk_can_be_written_again_all_goes_on() {
    let errnos = [ENOSPC, EDQUOT, EROFS, EMFILE, ENOMEM];
    let calls = calls(stories::outcomes).len() as u64;
    for_each((0..calls).zip(errnos.into_iter().cycle()), |(call, errno)| {
        block_on(check_shortage(call, errno));
    });
}
