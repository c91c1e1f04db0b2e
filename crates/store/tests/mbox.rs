//! Letters into mailbox files (row M14): on the simulated disk each call fails in turn, the process dies at each and
//! the power fails at each; on a real one many deliver at once, other programs among them.
//!
//! Whatever happens: what was answered `Ok` is there, whole; what was there before stays as it was; and once the next
//! letter is delivered nothing in the file is half a letter.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use memchr::memmem;
use postroad_disk::{Disk, OsDisk};
use postroad_store::{Courier, Filed, Flags, Maildir, StoreError};
use postroad_testkit::lying_disk::{Sync, SyncOf};
use postroad_testkit::power_cut::{Cuts, Length, Violation};
use postroad_testkit::{FaultyDisk, LyingDisk, Plan, Random, Recording};

const EIO: i32 = 5;
const ENOMEM: i32 = 12;
const EFBIG: i32 = 27;
const ENOSPC: i32 = 28;
const EROFS: i32 = 30;
const EDQUOT: i32 = 122;

/// Trees that are drawn at each call.
const TREES: u64 = 60;

const MAILBOX: &str = "/mail/alice";
const OLD: &str = "From x Thu Jan  1 00:00:00 1970\nLetter: old\n\nbody\n\n";

fn courier(disk: Arc<dyn Disk>) -> Courier {
    Courier::new(disk, "host").with_lock_wait(Duration::from_millis(20))
}

fn mailbox(path: impl Into<PathBuf>) -> Maildir {
    Maildir::at("/nowhere").with_inbox_in(path.into())
}

/// A letter of that many octets, some of whose lines look like the beginning of another one.
fn letter(number: usize, octets: usize) -> Vec<u8> {
    let mut random = Random::new(number as u64);
    let mut text = format!(
        "Return-Path: <a@b.example>\nLetter: {number}\n\nFrom c Thu Jan  1 00:00:00 1970\n"
    );
    while text.len() < octets {
        let line = (0..60).map(|_| char::from(b'!' + (random.below(90) as u8)));
        text.extend(line.chain(['\n']));
    }
    text.into_bytes()
}

fn deliver(courier: &Courier, to: &Maildir, letter: &[u8]) -> Result<Filed, StoreError> {
    let mut draft = courier.begin(to)?;
    draft.write(letter)?;
    draft.deliver()
}

/// The letters of a mailbox file, as somebody reads it who knows nothing but mbox(5).
fn letters(mailbox: &[u8]) -> Vec<Vec<u8>> {
    let mut letters: Vec<Vec<u8>> = Vec::new();
    for line in mailbox.split_inclusive(|octet| *octet == b'\n') {
        let quoted = line.iter().take_while(|octet| **octet == b'>').count();
        match (line[quoted..].starts_with(b"From "), letters.last_mut()) {
            (true, _) if quoted == 0 => letters.push(Vec::new()),
            (true, Some(last)) => last.extend_from_slice(&line[1..]),
            (false, Some(last)) => last.extend_from_slice(line),
            // What is in front of the first one is none.
            (_, None) => letters.push(line.to_vec()),
        }
    }
    for letter in &mut letters {
        if letter.ends_with(b"\n\n") {
            letter.pop();
        }
    }
    letters
}

/// How a story begins, and what happens in it.
#[derive(Debug, Clone, Copy)]
struct Story {
    name: &'static str,
    /// What is in the file; without it there is none.
    before: Option<&'static str>,
    letters: usize,
    octets: usize,
    plan: Plan,
}

const ONE: Story =
    Story { name: "one", before: Some(OLD), letters: 1, octets: 3_000, plan: Plan::Sound };

const STORIES: &[Story] = &[
    ONE,
    Story { name: "one for a new mailbox", before: None, ..ONE },
    Story { name: "one for an empty mailbox", before: Some(""), ..ONE },
    Story { name: "one behind an open end", before: Some("From x\n\nopen"), ..ONE },
    Story { name: "a large one", octets: 100_000, ..ONE },
    Story { name: "four", letters: 4, octets: 700, ..ONE },
    Story {
        name: "a failed sync",
        letters: 2,
        plan: Plan::FailNext { operation: "sync", errno: EIO },
        ..ONE
    },
    Story {
        name: "a directory's failed sync",
        letters: 2,
        before: None,
        plan: Plan::FailNext { operation: "sync_dir", errno: EIO },
        ..ONE
    },
    Story {
        name: "a full disk",
        letters: 2,
        plan: Plan::FailNext { operation: "write", errno: ENOSPC },
        ..ONE
    },
];

fn disk(story: &Story) -> FaultyDisk {
    let disk = FaultyDisk::new();
    disk.put_dir(Path::new("/mail"));
    if let Some(before) = story.before {
        disk.put(Path::new(MAILBOX), before.as_bytes());
    }
    disk
}

/// What was delivered, and when (in calls) it was said to be filed.
type Answers = Vec<(Vec<u8>, Option<usize>)>;

fn play(
    build: &dyn Fn(FaultyDisk) -> Arc<dyn Disk>,
    story: &Story,
    seed: u64,
) -> (Recording, Answers) {
    let disk = disk(story);
    disk.tear_failed_syncs(seed);
    disk.plan(story.plan);
    disk.record();
    let courier = courier(build(disk.clone()));
    let deliver = |number| {
        let letter = letter(number, story.octets);
        let filed = deliver(&courier, &mailbox(MAILBOX), &letter).is_ok();
        (letter, filed.then(|| disk.recorded()))
    };
    let answers = (0..story.letters).map(deliver).collect();
    (disk.recording(), answers)
}

/// Whether all that was answered by then is there, and what was there before.
fn check_kept(
    story: &Story,
    answers: &Answers,
    now: usize,
    disk: &FaultyDisk,
) -> Result<(), String> {
    let content = disk.read(Path::new(MAILBOX)).unwrap_or_default();
    if !content.starts_with(story.before.unwrap_or("").as_bytes()) {
        return Err("what was there before was changed".to_owned());
    }
    let answered = answers.iter().filter(|(_, filed)| filed.is_some_and(|when| when <= now));
    for (number, (letter, _)) in answered.enumerate() {
        let text = String::from_utf8_lossy(letter).replace("\nFrom ", "\n>From ") + "\n";
        // Octets, not letters: until it is mended, what is torn hangs on to it.
        if memmem::find(&content, text.as_bytes()).is_none() {
            return Err(format!("letter {number} is lost"));
        }
    }
    Ok(())
}

/// Whether each letter in it is one that somebody wrote.
fn check_whole(
    story: &Story,
    answers: &Answers,
    now: usize,
    disk: &FaultyDisk,
) -> Result<(), String> {
    let content = disk.read(Path::new(MAILBOX)).unwrap_or_default();
    let before = letters(story.before.unwrap_or("").as_bytes());
    let there = letters(&content);
    let mut answered = answers.iter().filter(|(_, filed)| filed.is_some_and(|when| when <= now));
    let lost = answered.find(|(letter, _)| !there.contains(letter));
    if lost.is_some() {
        return Err("a letter hangs together with another one".to_owned());
    }
    let open = |letter: &Vec<u8>| [letter.as_slice(), b"\n"].concat();
    let is_known = |letter: &Vec<u8>| {
        answers.iter().any(|(known, _)| known == letter)
            || before.iter().any(|known| known == letter || open(known) == *letter)
    };
    match there.iter().find(|letter| !is_known(letter)) {
        Some(half) => Err(format!("half a letter of {} octets", half.len())),
        None => Ok(()),
    }
}

fn check(story: &Story, answers: &Answers, now: usize, disk: &FaultyDisk) -> Result<(), String> {
    check_kept(story, answers, now, disk)?;
    // The next process mends what is torn, and its letter stays.
    let next = letter(99, 200);
    let courier = courier(Arc::new(disk.clone()));
    deliver(&courier, &mailbox(MAILBOX), &next).map_err(|error| format!("not taken: {error:?}"))?;
    let mut all = answers.clone();
    all.push((next, Some(0)));
    check_kept(story, &all, now, disk)?;
    check_whole(story, &all, now, disk)?;
    let disk = disk.restart_after_cut();
    check_kept(story, &all, now, &disk).map_err(|what| format!("after the next cut: {what}"))?;
    check_whole(story, &all, now, &disk).map_err(|what| format!("after the next cut: {what}"))
}

fn check_story(
    cuts: &mut Cuts,
    build: &dyn Fn(FaultyDisk) -> Arc<dyn Disk>,
    story: &Story,
) -> Result<(), Violation> {
    let (recording, answers) = play(build, story, cuts.seed());
    cuts.at_each_call(story.name, &recording, TREES, |cut| {
        check(story, &answers, cut.calls, &cut.disk)
    })
}

fn sound(disk: FaultyDisk) -> Arc<dyn Disk> {
    Arc::new(disk)
}

#[test]
fn m14_f02_a_mailbox_file_keeps_all_through_power_cuts() {
    let count = Length::from_env()
        .play(|cuts| STORIES.iter().try_for_each(|story| check_story(cuts, &sound, story)));
    assert!(count >= 1_000, "only {count} power cuts");
}

/// A build without some syncs is found out, in words that have this in them.
#[track_caller]
fn check_caught(forgets: fn(Sync<'_>) -> bool, name: &str, expected: &str) {
    let story = STORIES.iter().find(|story| story.name == name).unwrap();
    let build = move |disk| Arc::new(LyingDisk::forgetting(Arc::new(disk), forgets)) as _;
    let violation = check_story(&mut Cuts::of_seed(1), &build, story)
        .expect_err("a broken build went unnoticed");
    assert!(violation.to_string().contains(expected), "{violation}");
}

#[test]
fn m14_f02_builds_that_forget_a_sync_are_caught() {
    check_caught(|sync| sync.of == SyncOf::Content, "one", "half a letter");
    check_caught(|sync| sync.of == SyncOf::Note, "one", "half a letter");
    check_caught(|sync| sync.of == SyncOf::Names, "one for a new mailbox", "is lost");
}

/// Runs one plan after another, each with another call, until no call is left to go wrong.
fn for_each_call(story: &Story, plan: impl Fn(u64) -> Plan) {
    for call in 0.. {
        let disk = disk(story);
        disk.plan(plan(call));
        let courier = courier(sound(disk.clone()));
        let deliver = |number| {
            let letter = letter(number, story.octets);
            let filed = deliver(&courier, &mailbox(MAILBOX), &letter).is_ok();
            (letter, filed.then_some(0))
        };
        let answers: Answers = (0..story.letters).map(deliver).collect();
        let calls = disk.calls();
        let last = calls.get(usize::try_from(call).unwrap());
        let what = format!("{}: {:?} at {last:?}", story.name, plan(call));
        let copy = disk.copy().restart_after_cut();
        check(story, &answers, 0, &disk.restart()).unwrap_or_else(|why| panic!("{what}: {why}"));
        check(story, &answers, 0, &copy).unwrap_or_else(|why| panic!("{what}, then cut: {why}"));
        if last.is_none() {
            return;
        }
    }
}

#[test]
fn m14_f01_f08_each_call_fails_and_the_process_is_killed_at_each() {
    for story in STORIES.iter().filter(|story| story.plan == Plan::Sound) {
        for_each_call(story, |call| Plan::Kill { call });
        for errno in [EIO, ENOMEM, EFBIG, ENOSPC, EROFS, EDQUOT] {
            for_each_call(story, |call| Plan::Fail { call, errno });
            for_each_call(story, |call| Plan::FailFrom { call, errno });
            for_each_call(story, |call| Plan::FailChanges { call, errno });
        }
    }
}

#[test]
fn m14_what_fails_in_the_middle_is_cut_off_at_once_and_says_why() {
    for (errno, expected) in [(ENOSPC, "Full"), (EDQUOT, "OverQuota"), (EFBIG, "OverQuota")] {
        // Nothing, half and all of it get written before the error.
        for before in 0..3 {
            let disk = disk(&ONE);
            let courier = courier(sound(disk.clone()));
            (0..before).for_each(|_| drop(disk.read_dir(Path::new("/mail"))));
            disk.plan(Plan::FailNext { operation: "write", errno });
            // The first write is the dot lock's.
            let _ = deliver(&courier, &mailbox(MAILBOX), &letter(1, 3_000)).unwrap_err();
            let write = {
                disk.plan(Plan::Sound);
                deliver(&courier, &mailbox(MAILBOX), &letter(1, 3_000)).unwrap();
                let is_letters = |call: &String| *call == format!("write {MAILBOX}");
                disk.calls().iter().position(is_letters).unwrap() as u64
            };
            let content = disk.read(Path::new(MAILBOX)).unwrap();
            disk.plan(Plan::Fail { call: write, errno });
            let error = deliver(&courier, &mailbox(MAILBOX), &letter(2, 3_000)).unwrap_err();
            assert!(format!("{error:?}").starts_with(expected), "{error:?}");
            assert_eq!(disk.read(Path::new(MAILBOX)).unwrap(), content);
            assert_eq!(disk.files(), [Path::new(MAILBOX)]);
        }
    }
}

#[test]
fn m14_a_foreign_lock_for_ever_is_waited_for_only_so_long() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("alice");
    std::fs::write(&path, OLD).unwrap();
    let courier = courier(Arc::new(OsDisk));
    let held = OsDisk.open_locked(&path).unwrap();
    let error = deliver(&courier, &mailbox(&path), &letter(1, 100)).unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }), "{error:?}");
    drop(held);
    let lock = dir.path().join("alice.lock");
    std::fs::write(&lock, "").unwrap();
    let error = deliver(&courier, &mailbox(&path), &letter(1, 100)).unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }), "{error:?}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), OLD);
    std::fs::remove_file(&lock).unwrap();
    deliver(&courier, &mailbox(&path), &letter(1, 100)).unwrap();
    assert_eq!(letters(&std::fs::read(&path).unwrap()).len(), 2);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn m14_a_draft_may_lock_before_it_is_delivered() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("alice");
    let courier = courier(Arc::new(OsDisk));
    let mut first = courier.begin(&mailbox(&path)).unwrap();
    first.write(b"A: b\r\n\r\n").unwrap();
    first.lock().unwrap();
    first.lock().unwrap();
    let mut second = courier.begin(&mailbox(&path)).unwrap();
    assert!(matches!(second.lock(), Err(StoreError::Locked { .. })));
    let filed = first.deliver().unwrap();
    second.lock().unwrap();
    drop(second);
    assert_eq!(letters(&std::fs::read(&path).unwrap()), [b"A: b\n\n"]);
    courier.take_back(&filed);
    assert_eq!(std::fs::read(&path).unwrap(), b"");
}

#[test]
fn m14_beyond_four_gib() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("alice");
    let courier = courier(Arc::new(OsDisk));
    for length in [(1 << 31) - 1, 1 << 31, (1 << 32) - 10, 1 << 32, (1 << 32) + 1_000] {
        let file = std::fs::File::create(&path).unwrap();
        file.set_len(length).unwrap();
        let filed = deliver(&courier, &mailbox(&path), &letter(1, 500)).unwrap();
        let mut tail = vec![0; usize::try_from(file.metadata().unwrap().len() - length).unwrap()];
        let file = OsDisk.open_read(&path).unwrap();
        file.read_at(&mut tail, length).unwrap();
        // A sparse file ends without an empty line.
        assert_eq!(letters(tail.strip_prefix(b"\n\n").unwrap()), [letter(1, 500)], "{length}");
        courier.take_back(&filed);
        assert_eq!(std::fs::metadata(&path).unwrap().len(), length);
    }
}

#[test]
fn m01_m16_what_is_no_file_of_its_owner_is_no_mailbox() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let courier = courier(Arc::new(OsDisk));
    std::fs::write(at("elsewhere"), "x").unwrap();
    symlink(at("elsewhere"), at("link")).unwrap();
    symlink(at("not there"), at("dangling")).unwrap();
    std::fs::write(at("two names"), "x").unwrap();
    std::fs::hard_link(at("two names"), at("second")).unwrap();
    std::fs::create_dir(at("folder")).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, at("fifo"), rustix::fs::FileType::Fifo, 0o600.into(), 0)
        .unwrap();
    for name in ["link", "dangling", "second", "folder", "fifo"] {
        let error = deliver(&courier, &mailbox(at(name)), &letter(1, 100)).unwrap_err();
        assert!(matches!(error, StoreError::NotAMailbox { .. }), "{name}: {error:?}");
    }
    assert_eq!(std::fs::read(at("elsewhere")).unwrap(), b"x");
    deliver(&courier, &mailbox(at("a/b/new")), &letter(1, 100)).unwrap();
    let mode = std::fs::metadata(at("a/b/new")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
}

#[test]
fn flags_are_kept_as_fields() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("alice");
    let courier = courier(Arc::new(OsDisk));
    let mut draft = courier.begin(&mailbox(&path)).unwrap();
    draft.write(b"A: b\r\n\r\n").unwrap();
    draft.set_flags(Flags::of(&["\\Seen".to_owned(), "\\Flagged".to_owned()]).0);
    draft.deliver().unwrap();
    let content = std::fs::read_to_string(&path).unwrap();
    assert!(content.ends_with("Status: RO\nX-Status: F\nA: b\n\n\n"), "{content}");
}

/// How many letters each of the others delivers below.
const EACH: usize = 25;

/// Eight threads, one courier.
fn deliver_by_threads(path: &Path, number: usize) {
    let courier = Courier::new(Arc::new(OsDisk), "host");
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let courier = &courier;
            scope.spawn(move || {
                for n in 0..EACH {
                    let number = (number * 8 + thread) * EACH + n;
                    deliver(courier, &mailbox(path), &letter(number, 100 + number * 7)).unwrap();
                }
            });
        }
    });
}

#[test]
fn m14_threads_and_processes_and_pythons_mailbox_never_interleave() {
    const PROCESSES: usize = 4;
    const THIS: &str = "m14_threads_and_processes_and_pythons_mailbox_never_interleave";
    // One of the processes that it starts below.
    if let Some(number) = std::env::var_os("POSTROAD_TEST_PROCESS") {
        let path = PathBuf::from(std::env::var_os("POSTROAD_TEST_MAILBOX").unwrap());
        return deliver_by_threads(&path, number.to_str().unwrap().parse().unwrap());
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("alice");
    // Locks as mutt and procmail do: fcntl, and a dot lock.
    let script = "import mailbox, sys, time\n\
        box = mailbox.mbox(sys.argv[1])\n\
        done = 0\n\
        while done < 40:\n\
        \x20   try:\n\
        \x20       box.lock()\n\
        \x20   except mailbox.ExternalClashError:\n\
        \x20       continue\n\
        \x20   try:\n\
        \x20       box.add('Letter: python %d\\n\\nFrom here\\n' % done)\n\
        \x20       box.flush()\n\
        \x20       done += 1\n\
        \x20   finally:\n\
        \x20       box.unlock()\n";
    let python =
        || std::process::Command::new("python3").arg("-c").arg(script).arg(&path).spawn().unwrap();
    let process = |number: usize| {
        std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", THIS, "--quiet"])
            .env("POSTROAD_TEST_MAILBOX", &path)
            .env("POSTROAD_TEST_PROCESS", number.to_string())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap()
    };
    std::fs::write(&path, "").unwrap();
    let mut others: Vec<_> = (0..PROCESSES).map(process).collect();
    others.push(python());
    for mut other in others {
        assert!(other.wait().unwrap().success());
    }
    let content = std::fs::read(&path).unwrap();
    let there = letters(&content);
    let ours = PROCESSES * 8 * EACH;
    for number in 0..ours {
        let wanted = letter(number, 100 + number * 7);
        assert_eq!(there.iter().filter(|letter| **letter == wanted).count(), 1, "{number}");
    }
    assert_eq!(there.len(), ours + 40);
    // Read by somebody else's reader it is the same.
    let reader = "import mailbox, sys, hashlib\n\
        box = mailbox.mbox(sys.argv[1])\n\
        print(len(box))\n\
        for key in box.keys():\n\
        \x20   print(hashlib.sha256(box.get_bytes(key)).hexdigest())\n";
    let read =
        std::process::Command::new("python3").arg("-c").arg(reader).arg(&path).output().unwrap();
    let read = String::from_utf8(read.stdout).unwrap();
    assert_eq!(read.lines().next(), Some((ours + 40).to_string().as_str()));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}
