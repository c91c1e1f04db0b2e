//! Several programs at one mailbox, at the same time.

use std::collections::BTreeMap;
use std::fs;
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};
use postroad_tests::imap::Client;
use postroad_tests::peers::{PASSWORD, Security};

use super::place::{LETTERS, Place, described};
use super::synchronizers::{Copy, set_flags};

/// The last letter that is delivered meanwhile.
const LAST: usize = 30;
/// How often each session looks, and changes something.
const ROUNDS: usize = 25;
/// How often mbsync comes.
const SYNCS: usize = 3;
/// Letters that are expunged, by their UIDs.
const EXPUNGED: usize = 3;

/// Two sessions change flags, one of them expunges letters; mail is delivered, files are renamed by hand, and mbsync comes
/// by. In the end all see the same letters, under the same UIDs, with the same flags.
pub(super) fn run(place: &Place) -> Result<()> {
    let copy = Copy::mbsync(place, Security::Implicit(place.ca()))?;
    copy.run()?;
    let mut sessions = [connect(place)?, connect(place)?];
    let [one, other] = &mut sessions;
    thread::scope(|scope| {
        let workers = [
            scope.spawn(|| place.deliver(LETTERS + 1..=LAST)),
            scope.spawn(|| changes(one, "\\Flagged", EXPUNGED)),
            scope.spawn(|| changes(other, "\\Draft", 0)),
            scope.spawn(|| renames(place)),
            scope.spawn(|| (0..SYNCS).try_for_each(|_| copy.run().map(drop))),
        ];
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().map_err(|_| anyhow!("one has panicked"))?)
    })
    .with_context(|| place.maa.log())?;

    let [one, other] = &mut sessions;
    let (one, other, fresh) = (sees(one)?, sees(other)?, sees(&mut connect(place)?)?);
    ensure!(one == fresh, "one sees {one:?}, and not {fresh:?}");
    ensure!(other == fresh, "the other sees {other:?}, and not {fresh:?}");
    let subjects: Vec<usize> = fresh.values().filter_map(|letter| number(letter)).collect();
    let mut sorted = subjects.clone();
    sorted.sort_unstable();
    ensure!(sorted == (EXPUNGED + 1..=LAST).collect::<Vec<_>>(), "{subjects:?}");
    copy.run()?;
    copy.mirrors()
}

fn connect(place: &Place) -> Result<Client> {
    let mut client = Client::log_in(place.site.imap, "alice", PASSWORD)?;
    client.command("SELECT INBOX")?;
    Ok(client)
}

/// Looks at all letters, and changes a flag of one that is there; expunges the first ones, one by one.
fn changes(client: &mut Client, flag: &str, expunged: usize) -> Result<()> {
    for round in 0..ROUNDS {
        let letters = sees(client)?;
        let uids: Vec<&u32> = letters.keys().collect();
        let uid = uids[round % uids.len()];
        let sign = if round % 3 == 0 { '-' } else { '+' };
        client.command(&format!("UID STORE {uid} {sign}FLAGS ({flag})"))?;
        if (1..=expunged).contains(&round) {
            client.command(&format!("UID STORE {round} +FLAGS.SILENT (\\Deleted)"))?;
            client.command(&format!("UID EXPUNGE {round}"))?;
        }
    }
    Ok(())
}

/// Renames files as a person does, or another program.
fn renames(place: &Place) -> Result<()> {
    let folder = place.site.path("mail/alice/cur");
    for round in 0..ROUNDS {
        let mut paths: Vec<_> =
            fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
        paths.sort();
        let Some(path) = paths.get(round % paths.len().max(1)) else { continue };
        // Somebody else may have been quicker.
        set_flags(path, if round % 2 == 0 { "RS" } else { "S" }).ok();
    }
    Ok(())
}

/// What a session sees that has just come.
pub(super) fn fresh(place: &Place) -> Result<BTreeMap<u32, String>> {
    sees(&mut connect(place)?)
}

/// What a session sees: letters by their UIDs.
fn sees(client: &mut Client) -> Result<BTreeMap<u32, String>> {
    client.command("NOOP")?;
    let lines = client.command("UID FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")?;
    let mut letters = BTreeMap::new();
    // Others are about what has changed.
    for line in lines.iter().filter(|line| line.contains("BODY[")) {
        let (_, rest) = line.split_once("UID ").with_context(|| line.clone())?;
        let uid = rest.split(|letter: char| !letter.is_ascii_digit()).next().unwrap_or_default();
        let before = letters.insert(uid.parse()?, described(line)?);
        ensure!(before.is_none(), "{uid} is there twice");
    }
    Ok(letters)
}

/// A letter's number, by its subject.
pub(super) fn number(letter: &str) -> Option<usize> {
    letter.split(' ').nth(1)?.parse().ok()
}
