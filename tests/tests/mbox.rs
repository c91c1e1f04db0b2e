//! Mailbox files in `/var/mail` as Debian has it (root's and the group `mail`'s, mode 2775), with everybody else's
//! programs at them. We are their user, and no member of that group.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context as _, Result, ensure};
use postroad_tests::mbox;
use postroad_tests::peers::{MAIL_GROUP, Needs, Stage, feed};
use postroad_tests::process::{Ending, Process, outcome, run, until};
use rustix::process::{Pid, Signal, kill_process};

/// How many letters each of the two brings.
const EACH: usize = 16;
/// How many of them before mutt has its turn.
const BURST: usize = 4;
/// How often mutt rewrites the mailbox at least while they do.
const REWRITES_MIN: usize = 3;

const MAILBOX: &str = "/var/mail/alice";

/// A stage with an empty mailbox for alice.
struct Place {
    stage: Stage,
}

impl Place {
    fn set_up() -> Result<Option<Self>> {
        let Some(stage) = Stage::set_up(Needs::Servers)? else { return Ok(None) };
        let place = Self { stage };
        let mut install = place.stage.command("install");
        install.args(["-m", "660", "-o", "alice", "-g", "mail", "/dev/null", MAILBOX]);
        run(&mut install)?;
        // Its own default is 8 seconds.
        let rc = place.stage.write("home/alice/.procmailrc", "LOCKSLEEP=1\n")?;
        place.stage.own(&rc, "alice")?;
        Ok(Some(place))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.stage.path("mail").join(name)
    }

    /// As alice.
    fn command(&self, program: &str) -> Result<Command> {
        self.stage.command_as("alice", program)
    }

    /// Our agent as alice, traced by root: only so the system has set-gid programs of its own keep their rights.
    fn traced(&self, flags: &[&str], log: &str) -> Result<Process> {
        let letter = self.stage.write("letter", &letter("ours", 0))?;
        let home = format!("HOME={}", self.stage.path("home/alice").display());
        let mut command = self.stage.command("strace");
        command.args(["-f", "-qq", "-u", "alice", "-o"]).arg(self.stage.path(log)).args(flags);
        command.args(["env", "-i", &home, "USER=alice", "sh", "-c"]);
        command.arg(format!("exec /mnt/postroad-mda <{}", letter.display()));
        Process::spawn("ours", command, &self.stage.path("log"), Ending::Gentle)
    }

    fn said(&self, log: &str) -> String {
        fs::read_to_string(self.stage.path(log)).unwrap_or_default()
    }
}

/// One of the letters that somebody brings, whose lines look like the beginning of another one.
fn letter(who: &str, number: usize) -> String {
    let body = "From here on\n".repeat(1 + number * 40);
    format!("From: bob@our.test\nSubject: {who} {number}\n\n{body}end\n")
}

/// It once it is filed, without what agents and readers put on top.
fn filed(who: &str, number: usize) -> String {
    letter(who, number).replace("\nFrom here", "\n>From here")
}

/// How often it is in there, whole.
fn count(letters: &[String], filed: &str) -> usize {
    let (head, body) = filed.split_once("\n\n").unwrap_or_default();
    let subject = head.lines().find(|line| line.starts_with("Subject: ")).unwrap_or_default();
    let is_it = |letter: &&String| {
        let (head, rest) = letter.split_once("\n\n").unwrap_or_default();
        head.lines().any(|line| line == subject) && rest == body
    };
    letters.iter().filter(is_it).count()
}

#[test]
fn m14_procmail_and_mutt_at_the_same_file_lose_nothing_of_ours_nor_we_of_theirs() -> Result<()> {
    let Some(place) = Place::set_up()? else { return Ok(()) };
    let (under_way, looks, mut rewritten) = (AtomicUsize::new(2), AtomicUsize::new(0), 0);
    // mutt locks the file and then makes the dot lock, procmail the other way round: each would wait for the other for ever.
    let theirs = Mutex::new(());
    let turn = || theirs.lock().map_err(|_| anyhow::anyhow!("one of theirs panicked"));
    let deliver = |who: &str, program: &str| -> Result<()> {
        for number in 0..EACH {
            let turn = (program == "procmail").then(turn).transpose()?;
            feed(place.command(program)?.args(["-f", "bob@our.test"]), &letter(who, number))?;
            drop(turn);
            // procmail has a locked mailbox for a second, and mutt asks five times, once a second.
            let seen = looks.load(Ordering::Relaxed);
            if number % BURST == 0 {
                until("mutt's turn", || looks.load(Ordering::Relaxed) > seen)?;
            }
        }
        Ok(())
    };
    thread::scope(|scope| {
        let deliver = |who: &'static str, program: &'static str| {
            let (under_way, deliver) = (&under_way, &deliver);
            scope.spawn(move || {
                let delivered = deliver(who, program);
                under_way.fetch_sub(1, Ordering::Relaxed);
                delivered
            })
        };
        let others = [deliver("ours", "/mnt/postroad-mda"), deliver("theirs", "procmail")];
        let mut mutt = Ok(());
        while under_way.load(Ordering::Relaxed) > 0 {
            // It only starts where there is a letter; procmail writes the first F, and the rest a second later.
            if mutt.is_ok() && fs::read(place.path("alice"))?.starts_with(b"From ") {
                let _turn = turn()?;
                mutt = place.stage.mutt_saves_all("alice", MAILBOX, "saved");
                rewritten += 1;
            }
            looks.fetch_add(1, Ordering::Relaxed);
        }
        others.into_iter().try_for_each(|other| {
            other.join().map_err(|_| anyhow::anyhow!("a delivery panicked"))?
        })?;
        mutt
    })?;
    ensure!(rewritten >= REWRITES_MIN, "mutt was there only {rewritten} times");
    let saved = fs::read(place.stage.path("home/alice/saved"))?;
    let [saved, left] = [saved, fs::read(place.path("alice"))?].map(|file| mbox::letters(&file));
    let all = [&saved[..], &left].concat();
    for who in ["ours", "theirs"] {
        for number in 0..EACH {
            let copies = count(&all, &filed(who, number));
            ensure!(copies == 1, "{copies} of {who} {number}: {}", all.join("---\n"));
        }
    }
    ensure!(all.len() == 2 * EACH, "{} letters", all.len());
    ensure!(saved.len() > EACH / 2, "mutt has saved only {}", saved.len());
    let there: Vec<_> = fs::read_dir(place.stage.path("mail"))?.collect();
    ensure!(there.len() == 1, "{there:?}");
    Ok(())
}

#[test]
fn m14_what_we_lock_nobody_else_does() -> Result<()> {
    let Some(place) = Place::set_up()? else { return Ok(()) };
    // It stops when it would sync the letter.
    let mut ours =
        place.traced(&["-e", "inject=fsync,fdatasync:signal=SIGSTOP:when=1"], "trace")?;
    let stopped = || place.said("trace").contains("--- stopped by SIGSTOP ---");
    ours.until("stopped", stopped).with_context(|| place.said("trace"))?;
    let lock = fs::metadata(place.path("alice.lock")).context("there is no lock")?;
    ensure!(lock.gid() == MAIL_GROUP, "somebody else's program made it: {lock:?}");
    let mut dotlockfile = place.command("dotlockfile")?;
    let held = outcome(dotlockfile.args(["-l", "-p", "-r", "0", &format!("{MAILBOX}.lock")]))?;
    ensure!(held.status.code() == Some(4), "{held:?}");
    let mut lockfile = place.command("lockfile")?;
    let held = outcome(lockfile.args(["-r", "0", "-ml"]))?;
    ensure!(!held.status.success(), "{held:?}");

    let trace = place.said("trace");
    let line = trace.lines().find(|line| line.contains("SIGSTOP")).unwrap_or_default();
    let id = line.split_whitespace().next().and_then(|id| id.parse().ok());
    let id = id.and_then(Pid::from_raw).with_context(|| line.to_owned())?;
    // Each of its threads stops when it syncs for the first time.
    ours.until("ended", || kill_process(id, Signal::CONT).is_err())?;
    ensure!(ours.wait()?.success(), "{}", ours.log());
    ensure!(!place.path("alice.lock").exists(), "the lock is left");
    let letters = mbox::letters(&fs::read(place.path("alice"))?);
    ensure!(count(&letters, &filed("ours", 0)) == 1, "{letters:?}");
    Ok(())
}

#[test]
fn m14_what_others_lock_is_waited_for() -> Result<()> {
    let Some(place) = Place::set_up()? else { return Ok(()) };
    let lockfile = |flag: &str| run(place.command("lockfile")?.arg(flag));
    lockfile("-ml")?;
    let mut ours = place.traced(&["-e", "trace=execve"], "trace")?;
    let tried = || place.said("trace").matches("dotlockfile\", \"-l\"").count();
    until("the second try", || tried() >= 2).with_context(|| place.said("trace"))?;
    ensure!(ours.ended()?.is_none() && fs::metadata(place.path("alice"))?.len() == 0);
    lockfile("-mu")?;
    ensure!(ours.wait()?.success(), "{}", ours.log());
    let letters = mbox::letters(&fs::read(place.path("alice"))?);
    ensure!(count(&letters, &filed("ours", 0)) == 1, "{letters:?}");
    ensure!(!place.path("alice.lock").exists(), "the lock is left");

    // The file's own lock, as Dovecot takes it alone.
    let held = File::options().read(true).write(true).open(place.path("alice"))?;
    rustix::fs::fcntl_lock(&held, rustix::fs::FlockOperation::NonBlockingLockExclusive)?;
    let mut ours = place.traced(&["-e", "trace=fcntl"], "again")?;
    let tried = || place.said("again").matches("F_OFD_SETLK").count();
    until("the second try", || tried() >= 2).with_context(|| place.said("again"))?;
    ensure!(ours.ended()?.is_none());
    drop(held);
    ensure!(ours.wait()?.success(), "{}", ours.log());
    ensure!(mbox::letters(&fs::read(place.path("alice"))?).len() == 2);
    Ok(())
}
