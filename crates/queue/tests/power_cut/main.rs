//! The power fails at each call that the queue makes to the disk, and the queue comes back from whatever that
//! may leave (row F02).
//!
//! | looking for | it is in |
//! |---|---|
//! | what happens to the queue meanwhile | `stories` |
//! | what it promised, and whether that holds | `history` |
//! | how a story is played and its promises are written down | `player` |
//! | kills at each call, calls that fail each in its turn | `failing` |
//! | damage, clocks, copies: row by row | `rows` |
//! | builds without a sync, which have to be found | `broken` |
//! | the disk, the cuts, their number and the seed | `postroad_testkit::{faulty_disk, power_cut}` |
//!
//! After each cut (and after a cut in the start that follows it): every letter that was `Stored` is there whole,
//! or settled; what was refused isn't; what nobody was told about is whole or absent; a recipient that is
//! settled durably never comes back; no id is given twice; the queue takes and settles letters again, and keeps
//! what it has shown through the next power cut.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use postroad_queue::{Accept, Content, NewMessage, Outcome, OwnedShard, QueueId, RecipientState};
use postroad_testkit::power_cut::{Cut, Cuts, Length, Violation};

mod broken;
mod failing;
mod history;
mod player;
mod rows;
mod stories;

use history::{Answer, History, Standing};
use player::{Build, Story, play, reopen};
use stories::STORIES;

/// Trees that are drawn at each call.
const TREES: u64 = 250;
/// One cut in so many is followed by one in the start that it leads to, at each call of that start …
const SECOND_CUT_EVERY: usize = 200;
/// … with so many trees.
const SECOND_TREES: u64 = 16;

#[test]
fn f02_ten_thousand_power_cuts_lose_no_letter() {
    let count = Length::from_env().play(|cuts| {
        for (name, story) in STORIES {
            check_story(cuts, &Build::sound(), name, *story)?;
        }
        Ok(())
    });
    assert!(count >= 10_000, "only {count} power cuts");
}

/// The same seed leaves the same octets, wherever one thread has the disk for itself.
#[test]
fn a_seed_repeats_a_story_octet_by_octet() {
    let left = |story: Story, seed| {
        let (recording, _) = block_on(play(&Build::sound(), story, seed));
        let calls: Vec<String> = recording.calls().map(str::to_owned).collect();
        let trees: Vec<u64> =
            (0..calls.len()).map(|call| recording.survivor(call, 5, seed).fingerprint()).collect();
        (calls, trees)
    };
    for story in [stories::accept_one, stories::outcomes, stories::segments] as [Story; 3] {
        assert_eq!(left(story, 7), left(story, 7));
        assert_ne!(left(story, 7).1, left(story, 8).1, "marks are drawn from the seed too");
    }
}

/// One story with one seed, and no second cuts.
fn try_story(build: &Build, name: &str, story: Story) -> Result<(), Violation> {
    let mut cuts = Cuts::of_seed(1);
    let (recording, history) = block_on(play(build, story, 1));
    cuts.at_each_call(name, &recording, TREES, |cut| block_on(check_cut(&history, &cut)))
}

fn check_story(cuts: &mut Cuts, build: &Build, name: &str, story: Story) -> Result<(), Violation> {
    let (recording, history) = block_on(play(build, story, cuts.seed()));
    let mut seconds = Vec::new();
    let mut made = 0;
    cuts.at_each_call(name, &recording, TREES, |cut| {
        made += 1;
        if made % SECOND_CUT_EVERY == 0 {
            seconds.push(Cut { calls: cut.calls, disk: cut.disk.copy() });
        }
        block_on(check_cut(&history, &cut))
    })?;
    for first in seconds {
        first.disk.record();
        let queue = reopen(&first.disk).unwrap_or_else(|why| panic!("{why}"));
        block_on(queue.release());
        let name = format!("{name}, then a start after a cut before call {}", first.calls);
        cuts.at_each_call(&name, &first.disk.recording(), SECOND_TREES, |second| {
            block_on(check_cut(&history, &Cut { calls: first.calls, ..second }))
        })?;
    }
    Ok(())
}

async fn check_cut(history: &History, cut: &Cut) -> Result<(), String> {
    let queue = reopen(&cut.disk)?;
    let mut known = history.check(cut.calls, queue.as_ref()).await?;
    go_on(queue.as_ref(), &mut known).await?;
    let queue = reopen(&cut.disk.restart_after_cut())?;
    let shown = known.check(0, queue.as_ref()).await;
    queue.release().await;
    shown.map(drop).map_err(|what| format!("after the next power cut: {what}"))
}

/// The queue takes a letter and settles one.
async fn go_on(queue: &dyn OwnedShard, known: &mut History) -> Result<(), String> {
    let id = queue.new_id();
    let (content, envelope) = (player::content(id, 700), player::envelope(1));
    known.offered(id, content.clone(), envelope.clone(), 0);
    let arrived = std::time::SystemTime::UNIX_EPOCH;
    let message = NewMessage { id, arrived, envelope, content: Content::Memory(content) };
    match queue.accept(vec![message]).await.as_slice() {
        [Accept::Stored] => known.answered(id, Answer::Stored, 0),
        other => return Err(format!("it takes no letter any more: {other:?}")),
    }
    let oldest: QueueId = known.oldest().unwrap_or(id);
    known.asked(oldest, 0, Standing::Done, 0);
    let outcome = Outcome { id: oldest, recipient: 0, state: RecipientState::Done };
    match queue.settle(vec![outcome]).await {
        Ok(()) => known.promised(oldest, 0, 0),
        Err(error) => return Err(format!("it settles nothing any more: {error}")),
    }
    Ok(())
}

/// A test that hangs has failed.
fn block_on<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let limited =
        runtime.block_on(async { tokio::time::timeout(Duration::from_secs(60), test).await });
    limited.expect("hangs")
}
