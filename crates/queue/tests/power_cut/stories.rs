//! What happens to the queue while the power is about to fail.

use postroad_queue::Edit;

use crate::history::Standing;
use crate::player::{Play, Player, Story};

const EIO: i32 = 5;
const ENOSPC: i32 = 28;

/// All stories, by name.
pub(crate) const STORIES: &[(&str, Story)] = &[
    ("accept one", accept_one),
    ("accept ten at once", accept_ten_at_once),
    ("accept a hundred at once", accept_a_hundred_at_once),
    ("accept several in one call", accept_in_one_call),
    ("accept a large one", accept_large),
    ("outcomes", outcomes),
    ("outcomes and letters at once", outcomes_and_letters_at_once),
    ("large and small ones", large_and_small),
    ("edits", edits),
    ("a bounce", bounce),
    ("many letters expire", expire),
    ("segments are begun", segments),
    ("segments are cleaned", cleaning),
    ("segments are written over", writing_over),
    ("a sync fails", failed_sync),
    ("a sync fails, then a kill", failed_sync_then_kill),
    ("two syncs fail", two_failed_syncs),
    ("a sync fails while segments are cleaned", failed_sync_while_cleaning),
    ("cleaning fails", failed_cleaning),
    ("a directory's sync fails", failed_directory_sync),
    ("the disk is full for a while", full_disk),
    ("restarts", restarts),
    ("a letter that was refused, then a restart", refused_then_restart),
];

pub(crate) fn accept_one(player: &mut Player) -> Play<'_> {
    Box::pin(async {
        player.accept(5_000, 2).await;
    })
}

pub(crate) fn accept_ten_at_once(player: &mut Player) -> Play<'_> {
    Box::pin(async {
        player.accept_crowd(10, 700).await;
    })
}

fn accept_a_hundred_at_once(player: &mut Player) -> Play<'_> {
    Box::pin(async {
        player.accept_crowd(100, 300).await;
    })
}

fn accept_in_one_call(player: &mut Player) -> Play<'_> {
    Box::pin(async {
        player.accept_in_one_call(10, 400).await;
        player.accept_in_one_call(3, 1_500).await;
    })
}

pub(crate) fn accept_large(player: &mut Player) -> Play<'_> {
    Box::pin(async {
        let one = player.accept_large(9_000, 1).await;
        player.accept_large(5_000, 2).await;
        player.deliver(&[one], 0).await;
        player.accept_large(4_096, 1).await;
    })
}

pub(crate) fn outcomes(player: &mut Player) -> Play<'_> {
    Box::pin(async {
        let one = player.accept(1_200, 2).await;
        player.deliver(&[one], 1).await;
        player.defer(one, 0, 1).await;
        let two = player.accept(900, 1).await;
        player.defer(one, 0, 2).await;
        player.deliver(&[two], 0).await;
        player.deliver(&[one], 0).await;
    })
}

fn outcomes_and_letters_at_once(player: &mut Player) -> Play<'_> {
    Box::pin(async {
        let first = player.accept_crowd(8, 400).await;
        for half in first.chunks(4) {
            let (deliver, accept) = (player.deliver(half, 0), player.accept_crowd(4, 500));
            tokio::join!(deliver, accept);
        }
    })
}

fn large_and_small(player: &mut Player) -> Play<'_> {
    Box::pin(async {
        let (large, small) =
            tokio::join!(player.accept_large(6_000, 1), player.accept_crowd(6, 800));
        player.deliver(&small[..3], 0).await;
        player.edit(large, Edit::Delete, Standing::Done).await;
        player.accept_large(3_000, 1).await;
    })
}

fn edits(player: &mut Player) -> Play<'_> {
    Box::pin(async {
        let kept = player.accept(800, 2).await;
        player.edit(kept, Edit::Hold, Standing::Held).await;
        let deleted = player.accept(800, 2).await;
        player.edit(kept, Edit::Release, Standing::Waiting { attempts: 0 }).await;
        player.edit(deleted, Edit::Delete, Standing::Done).await;
        player.edit(kept, Edit::Hold, Standing::Held).await;
    })
}

fn bounce(player: &mut Player) -> Play<'_> {
    Box::pin(async {
        let letter = player.accept(2_000, 1).await;
        player.bounce(letter).await;
    })
}

fn expire(player: &mut Player) -> Play<'_> {
    Box::pin(async {
        let letters = player.accept_in_one_call(6, 300).await;
        for letter in letters {
            player.bounce(letter).await;
        }
    })
}

pub(crate) fn segments(player: &mut Player) -> Play<'_> {
    Box::pin(async {
        for _ in 0..6 {
            player.accept(2_500, 1).await;
        }
    })
}

/// An old letter stays while others come and go: it is moved out of their way.
pub(crate) fn cleaning(player: &mut Player) -> Play<'_> {
    Box::pin(async {
        let old = player.accept(300, 2).await;
        player.deliver(&[old], 0).await;
        player.defer(old, 1, 1).await;
        for _ in 0..14 {
            let passing = player.accept_in_one_call(2, 1_900).await;
            player.deliver(&passing, 0).await;
        }
    })
}

/// Everything is delivered, so that the oldest segment goes at once.
pub(crate) fn writing_over(player: &mut Player) -> Play<'_> {
    Box::pin(async {
        for set_aside in 1..3 {
            for _ in 0..2 {
                let passing = player.accept_in_one_call(2, 1_900).await;
                player.deliver(&passing, 0).await;
            }
            player.until("rename", set_aside).await;
        }
        for _ in 0..3 {
            let passing = player.accept_in_one_call(2, 1_900).await;
            player.deliver(&passing, 0).await;
        }
    })
}

fn failed_sync(player: &mut Player) -> Play<'_> {
    Box::pin(async {
        let before = player.accept(1_500, 2).await;
        player.fail_next("sync", EIO);
        player.accept_in_one_call(3, 900).await;
        // Memory is short: the page cache lets go of what it takes for clean.
        player.disk.evict();
        player.deliver(&[before], 0).await;
        player.accept(700, 1).await;
    })
}

/// The second one stops intake for a while: what it was for is in doubt.
fn two_failed_syncs(player: &mut Player) -> Play<'_> {
    Box::pin(async {
        let before = player.accept_in_one_call(3, 700).await;
        player.fail_next("sync", EIO);
        player.accept(1_500, 1).await;
        player.deliver(&before[..1], 0).await;
        player.fail_next("sync", EIO);
        player.accept_in_one_call(2, 1_200).await;
        player.deliver(&before[1..2], 0).await;
        player.accept_until_stored(800).await;
        player.defer(before[2], 0, 1).await;
    })
}

fn failed_sync_while_cleaning(player: &mut Player) -> Play<'_> {
    Box::pin(async {
        let old = player.accept(300, 2).await;
        player.defer(old, 1, 1).await;
        for turn in 0..10 {
            let passing = player.accept_in_one_call(2, 1_900).await;
            if turn == 6 {
                player.fail_next("sync", EIO);
            }
            player.deliver(&passing, 0).await;
        }
        player.deliver(&[old], 0).await;
    })
}

/// Segments that can't be set aside or removed stay until it works again.
fn failed_cleaning(player: &mut Player) -> Play<'_> {
    Box::pin(async {
        for operation in ["rename", "remove", "sync_dir"] {
            for turn in 0..3 {
                let passing = player.accept_in_one_call(2, 1_900).await;
                if turn == 1 {
                    player.fail_next(operation, EIO);
                }
                player.deliver(&passing, 0).await;
            }
        }
    })
}

/// What the failed sync didn't write is in the page cache, and so the next start sees it.
fn failed_sync_then_kill(player: &mut Player) -> Play<'_> {
    Box::pin(async {
        let before = player.accept_in_one_call(2, 1_100).await;
        player.fail_next("sync", EIO);
        player.accept(2_000, 1).await;
        player.kill();
        player.accept(1_500, 1).await;
        player.deliver(&before[..1], 0).await;
        player.stop_and_start().await;
        player.accept(600, 1).await;
    })
}

fn failed_directory_sync(player: &mut Player) -> Play<'_> {
    Box::pin(async {
        player.accept(4_000, 1).await;
        player.fail_next("sync_dir", EIO);
        // The segment is full: the next one is begun.
        player.accept(4_000, 1).await;
        player.accept(1_000, 1).await;
        player.fail_next("sync_dir", EIO);
        player.accept_large(3_000, 1).await;
        player.accept_large(3_000, 1).await;
    })
}

fn full_disk(player: &mut Player) -> Play<'_> {
    Box::pin(async {
        let before = player.accept(1_500, 1).await;
        player.fail_next("write", ENOSPC);
        player.accept(2_500, 1).await;
        player.fail_next("write", ENOSPC);
        player.deliver(&[before], 0).await;
        player.accept(600, 1).await;
    })
}

fn restarts(player: &mut Player) -> Play<'_> {
    Box::pin(async {
        let one = player.accept(1_300, 2).await;
        player.kill();
        player.accept(700, 1).await;
        player.deliver(&[one], 0).await;
        player.stop_and_start().await;
        player.stop_and_start().await;
        player.deliver(&[one], 1).await;
        player.accept_large(2_000, 1).await;
        player.kill();
        player.accept(500, 1).await;
    })
}

/// The log never hears of the id; the file with the epoch does.
pub(crate) fn refused_then_restart(player: &mut Player) -> Play<'_> {
    Box::pin(async {
        player.fail_next("write", ENOSPC);
        player.accept(100, 1).await;
        player.kill();
        player.stop_and_start().await;
    })
}
