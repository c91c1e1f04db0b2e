//! Three programs at one mailbox, each with its own changes, while mail is delivered: mbsync, OfflineIMAP, and one that
//! idles; and mutt comes by. In the end all have the same letters, under the same UIDs, with the same flags.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Stdio};
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};
use postroad_tests::chance;
use postroad_tests::imap;
use postroad_tests::peers::{PASSWORD, Security};

use super::at_once::{fresh, number};
use super::place::{LETTERS, Place};
use super::synchronizers::{Copy, set_flags};

/// How often mbsync and OfflineIMAP come; letters that are delivered meanwhile are as many in each round.
const ROUNDS: usize = 3;
const LETTERS_A_ROUND: usize = 8;

/// The mail program that idles.
struct Idler {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Idler {
    fn start(place: &Place) -> Result<Self> {
        let mut command = place.stage.python("idle.py");
        command.args([&place.site.imap.port().to_string(), "alice", PASSWORD]);
        command.arg(place.stage.path("stop")).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let mut output = BufReader::new(child.stdout.take().context("a pipe was asked for")?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        let idler = Self { child, output };
        if line == "ready\n" { Ok(idler) } else { Err(idler.failed()) }
    }

    fn failed(mut self) -> anyhow::Error {
        let mut said = String::new();
        if let Some(mut errors) = self.child.stderr.take() {
            errors.read_to_string(&mut said).ok();
        }
        self.child.wait().ok();
        anyhow!("the one that idles: {said}")
    }

    /// How many letters it has seen coming, and what it holds: subjects and flags by UIDs.
    fn stop(mut self, place: &Place) -> Result<(usize, BTreeMap<u32, String>)> {
        place.stage.write("stop", "")?;
        let mut said = String::new();
        self.output.read_to_string(&mut said)?;
        if !self.child.wait()?.success() {
            return Err(self.failed());
        }
        let (seen, letters): (usize, Vec<(u32, String, Vec<String>)>) =
            serde_json::from_str(&said)?;
        let described = letters
            .into_iter()
            .map(|(uid, subject, flags)| (uid, [vec![subject], flags].concat().join(" ")));
        Ok((seen, described.collect()))
    }
}

pub(super) fn run(place: &Place) -> Result<()> {
    let rounds = chance::rounds(chance::ROUNDS, ROUNDS);
    let (mbsync, offlineimap) = (
        Copy::mbsync(place, Security::Implicit(place.ca()))?,
        Copy::offlineimap(place, Security::Implicit(place.ca()))?,
    );
    mbsync.run()?;
    offlineimap.run()?;
    let idler = Idler::start(place)?;
    // UIDs as they are first seen: none changes.
    let first_seen = fresh(place)?;
    let last = LETTERS + rounds * LETTERS_A_ROUND;
    let worked = thread::scope(|scope| {
        let workers = [
            scope.spawn(|| place.deliver(LETTERS + 1..=last)),
            scope.spawn(|| (0..rounds).try_for_each(|round| changes(&mbsync, "S", round))),
            scope.spawn(|| (0..rounds).try_for_each(|round| changes(&offlineimap, "F", round))),
            scope.spawn(|| (0..rounds).try_for_each(|round| flags_and_expunges(place, round))),
        ];
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().map_err(|_| anyhow!("one has panicked"))?)
    });
    worked.with_context(|| place.maa.log())?;
    place.mutt_flags(last)?;

    let (seen, idled) = idler.stop(place).with_context(|| place.maa.log())?;
    ensure!(seen == last - LETTERS, "the one that idles has seen {seen} letters coming");
    let there = fresh(place)?;
    ensure!(idled == there, "the one that idles holds {idled:?}, and not {there:?}");
    for (uid, before) in &first_seen {
        let now = there.get(uid).and_then(|letter| number(letter));
        ensure!(now.is_none() || now == number(before), "{uid} was {before}, and is {now:?}");
    }
    let subjects: Vec<usize> = there.values().filter_map(|letter| number(letter)).collect();
    let expected: Vec<usize> = (1..=last).filter(|number| !is_expunged(*number, rounds)).collect();
    let mut sorted = subjects.clone();
    sorted.sort_unstable();
    ensure!(sorted == expected, "{subjects:?} are there, and not {expected:?}");
    // What the other has brought last is brought to both.
    for copy in [&mbsync, &offlineimap, &mbsync, &offlineimap] {
        copy.run()?;
    }
    mbsync.mirrors()?;
    offlineimap.mirrors()
}

/// A person at a copy sets a flag, and the program carries it over.
fn changes(copy: &Copy<'_>, flag: &str, round: usize) -> Result<()> {
    let files = copy.files()?;
    let files: Vec<_> = files.values().collect();
    if let Some(path) = files.get(round * 5 % files.len().max(1)) {
        let name = path.display().to_string();
        let letters = name.rsplit_once(":2,").map_or("", |(_, letters)| letters);
        if !letters.contains(flag) {
            let mut letters: Vec<char> = letters.chars().chain(flag.chars()).collect();
            letters.sort_unstable();
            set_flags(path, &letters.into_iter().collect::<String>())?;
        }
    }
    copy.run().map(drop)
}

/// A session expunges one of the first letters in each round, and flags another.
fn flags_and_expunges(place: &Place, round: usize) -> Result<()> {
    let mut client = imap::Client::log_in(place.site.imap, "alice", PASSWORD)?;
    client.command("SELECT INBOX")?;
    client.command("UID STORE 6 +FLAGS.SILENT (\\Draft)")?;
    if round < EXPUNGED {
        let uid = round + 1;
        client.command(&format!("UID STORE {uid} +FLAGS.SILENT (\\Deleted)"))?;
        client.command(&format!("UID EXPUNGE {uid}"))?;
    }
    client.command("NOOP").map(drop)
}

/// Letters that are expunged at most: the first ones.
const EXPUNGED: usize = 3;

fn is_expunged(number: usize, rounds: usize) -> bool {
    number <= EXPUNGED.min(rounds)
}
