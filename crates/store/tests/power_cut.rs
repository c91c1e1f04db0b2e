//! The power fails at each call that a delivery makes to the disk (row F02, the Maildir's half).
//!
//! Whatever that leaves: what was answered `Ok` is there, whole; nothing in new/ is half a letter; the mailbox
//! takes letters again, and keeps them. Builds without one of the syncs have to be found.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use postroad_disk::Disk;
use postroad_store::{
    Counted, Courier, Draft, Flags, FolderName, KeywordsLeftOut, Limits, Maildir, Quota,
    StoreError, Usage,
};
use postroad_testkit::lying_disk::{Sync, SyncOf};
use postroad_testkit::power_cut::{Cut, Cuts, Length, Violation};
use postroad_testkit::{FaultyDisk, LyingDisk, Plan, Random, Recording};

const EIO: i32 = 5;
const EINVAL: i32 = 22;
const ENOSPC: i32 = 28;

/// Trees that are drawn at each call.
const TREES: u64 = 60;

/// What is delivered.
#[derive(Debug, Clone, Copy)]
struct Story {
    name: &'static str,
    letters: usize,
    octets: usize,
    mailboxes: usize,
    /// How many of the mailboxes were there before.
    there: usize,
    /// Folders of a mailbox that letters go into by turns; none of them is there.
    folders: &'static [&'static str],
    /// Whether mailboxes have a quota, so that letters are counted.
    limits: Option<Limits>,
    /// What fails on the way, and which one of its kind.
    fault: Option<(&'static str, usize, i32)>,
}

const ONE: Story = Story {
    name: "one",
    letters: 1,
    octets: 3_000,
    mailboxes: 1,
    there: 1,
    folders: &[],
    limits: None,
    fault: None,
};

const LIMITS: Option<Limits> = Some(Limits { octets: Some(1 << 40), letters: Some(1 << 20) });

const STORIES: &[Story] = &[
    ONE,
    Story { name: "one for a new mailbox", there: 0, ..ONE },
    Story { name: "a large one", octets: 300_000, ..ONE },
    Story { name: "nine for one", letters: 9, ..ONE },
    Story { name: "nine for five", letters: 9, mailboxes: 5, there: 3, octets: 900, ..ONE },
    Story { name: "a crowd", letters: 16, mailboxes: 3, there: 2, octets: 700, ..ONE },
    Story { name: "one for a new folder", folders: &["Lists"], ..ONE },
    Story { name: "one for a new mailbox's new folder", there: 0, folders: &["Lists"], ..ONE },
    Story {
        name: "five for three folders",
        letters: 5,
        folders: &["Lists", "Lists.rust", "&APw-"],
        ..ONE
    },
    Story { name: "one with a quota", limits: LIMITS, ..ONE },
    Story { name: "one for a new mailbox with a quota", there: 0, limits: LIMITS, ..ONE },
    Story {
        name: "nine for two with a quota",
        letters: 9,
        mailboxes: 2,
        there: 2,
        octets: 900,
        limits: LIMITS,
        ..ONE
    },
    Story {
        name: "five for folders with a quota",
        letters: 5,
        folders: &["Lists", "Trash"],
        limits: LIMITS,
        ..ONE
    },
    Story {
        name: "a full disk with a quota",
        letters: 3,
        limits: LIMITS,
        fault: Some(("write", 4, ENOSPC)),
        ..ONE
    },
    Story {
        name: "a disk that can't rename so",
        letters: 2,
        fault: Some(("rename", 0, EINVAL)),
        ..ONE
    },
    Story { name: "a failed sync", letters: 3, fault: Some(("sync", 1, EIO)), ..ONE },
    Story { name: "a failed sync of all", letters: 9, fault: Some(("sync_volume", 0, EIO)), ..ONE },
    Story {
        name: "a directory's failed sync",
        letters: 3,
        fault: Some(("sync_dir", 1, EIO)),
        ..ONE
    },
    Story { name: "a full disk", letters: 3, fault: Some(("write", 1, ENOSPC)), ..ONE },
];

/// A build of the writer.
struct Build {
    disk: Box<dyn Fn(FaultyDisk) -> Arc<dyn Disk>>,
    answer: Answer,
}

/// When a letter is said to be filed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    WhenItIs,
    /// As soon as it is written.
    AtOnce,
}

impl Build {
    fn sound() -> Self {
        Self { disk: Box::new(|disk| Arc::new(disk)), answer: Answer::WhenItIs }
    }

    fn forgetting(forgets: fn(Sync<'_>) -> bool) -> Self {
        let disk = move |disk| Arc::new(LyingDisk::forgetting(Arc::new(disk), forgets)) as _;
        Self { disk: Box::new(disk), answer: Answer::WhenItIs }
    }
}

/// A letter, and whether (and when, in calls) it was said to be filed.
#[derive(Debug, Clone)]
struct Letter {
    mailbox: Maildir,
    maildir: Maildir,
    text: Vec<u8>,
    limits: Option<Limits>,
    filed: Option<usize>,
}

type Then = Box<dyn FnOnce() + Send>;
type Letters = Arc<Mutex<Vec<Letter>>>;

fn letters(story: &Story) -> Vec<Letter> {
    let letter = |n: usize| {
        let mut random = Random::new(n as u64);
        let body = (0..story.octets).map(|_| b'!' + (random.below(90) as u8));
        let text = format!("Letter: {n}\n\n").bytes().chain(body).collect();
        let mailbox = Maildir::at(format!("/mail/user{}", n % story.mailboxes));
        let folder = story.folders.get(n % story.folders.len().max(1));
        let maildir = match folder.map(|name| FolderName::parse(name).unwrap()) {
            Some(name) => mailbox.folder(&name),
            None => mailbox.clone(),
        };
        Letter { mailbox, maildir, text, limits: story.limits, filed: None }
    };
    (0..story.letters).map(letter).collect()
}

/// A disk with the mailboxes that were there before, durably.
fn disk(story: &Story) -> FaultyDisk {
    let disk = FaultyDisk::new();
    for n in 0..story.there {
        for part in ["tmp", "new", "cur"] {
            disk.put_dir(&Path::new("/mail").join(format!("user{n}")).join(part));
        }
    }
    disk
}

/// The calls of a run in which nothing fails tell which call is the one that is to fail.
fn plan(story: &Story) -> Plan {
    let Some((operation, nth, errno)) = story.fault else { return Plan::Sound };
    let disk = disk(story);
    disk.plan(Plan::Sound);
    deliver(&Build::sound(), &disk, &Arc::new(Mutex::new(letters(story))));
    let calls = disk.calls();
    let of_kind =
        calls.iter().enumerate().filter(|(_, call)| call.split(' ').next() == Some(operation));
    let call = of_kind.map(|(call, _)| call as u64).nth(nth).unwrap();
    Plan::Fail { call, errno }
}

/// Plays a story; gives all that the disk went through, and what was answered.
fn play(build: &Build, story: &Story, seed: u64) -> (Recording, Vec<Letter>) {
    let disk = disk(story);
    disk.tear_failed_syncs(seed);
    disk.plan(plan(story));
    disk.record();
    let letters = Arc::new(Mutex::new(letters(story)));
    deliver(build, &disk, &letters);
    let recording = disk.recording();
    let letters = letters.lock().unwrap().clone();
    (recording, letters)
}

/// Delivers them: the first one alone, and all others as one group, since they come while it is under way.
fn deliver(build: &Build, disk: &FaultyDisk, letters: &Letters) {
    let courier = Courier::new((build.disk)(disk.clone()), "host");
    let write = |n: usize| -> Result<(Draft, Option<Counted>), StoreError> {
        let letter = letters.lock().unwrap()[n].clone();
        let mut draft = courier.begin(&letter.maildir)?;
        draft.write(&letter.text)?;
        if n % 2 == 1 {
            // The same keyword each time: most letters find it known.
            let names = ["\\Seen", "$Label1"].map(str::to_owned);
            let names = names.get(..1 + n % 4 / 2).unwrap_or_default();
            if let Some(left_out) = draft.set_flags(Flags::of(names).0) {
                // Only a call that fails keeps a folder from it.
                assert!(matches!(left_out, KeywordsLeftOut::Unknown { .. }), "{left_out}");
            }
        }
        let counted = count(&courier, &letter, &mut draft)?;
        Ok((draft, counted))
    };
    let number = letters.lock().unwrap().len();
    let drafts: Vec<(usize, (Draft, Option<Counted>))> =
        (0..number).filter_map(|n| Some((n, write(n).ok()?))).collect();
    let answer = |n: usize, mut counted: Option<Counted>| {
        let (letters, disk) = (Arc::clone(letters), disk.clone());
        move || {
            counted.iter_mut().for_each(Counted::stays);
            letters.lock().unwrap()[n].filed = Some(disk.recorded());
        }
    };
    let mut drafts = drafts.into_iter().map(|(n, (draft, counted))| (draft, answer(n, counted)));
    let at_once = build.answer == Answer::AtOnce;
    let send = move |draft: Draft, filed: Then, then: Then| {
        if at_once {
            filed();
            return draft.deliver_then(move |_| then());
        }
        draft.deliver_then(move |result| {
            if result.is_ok() {
                filed();
            }
            then();
        });
    };
    if let Some((first, filed)) = drafts.next() {
        let others: Vec<_> = drafts.collect();
        let then = move || {
            others
                .into_iter()
                .for_each(|(draft, filed)| send(draft, Box::new(filed), Box::new(|| ())));
        };
        send(first, Box::new(filed), Box::new(then));
    }
}

/// Counts a letter, where its mailbox has a quota.
fn count(
    courier: &Courier,
    letter: &Letter,
    draft: &mut Draft,
) -> Result<Option<Counted>, StoreError> {
    let quota = Quota::of(courier, &letter.mailbox, letter.limits);
    match quota.standing()? {
        Some(_) => Ok(Some(quota.count(draft.usage()?)?)),
        None => Ok(None),
    }
}

/// Everything in a new/ or cur/ as a reader finds it.
fn shown(disk: &FaultyDisk) -> Vec<(PathBuf, Vec<u8>)> {
    let is_shown = |path: &PathBuf| {
        path.parent().is_some_and(|parent| parent.ends_with("new") || parent.ends_with("cur"))
    };
    let paths = disk.files().into_iter().filter(is_shown);
    paths.map(|path| (path.clone(), disk.read(&path).unwrap())).collect()
}

/// Whether what is in new/ are whole letters, and all that were answered by then are among them.
fn check_shown(letters: &[Letter], now: usize, disk: &FaultyDisk) -> Result<(), String> {
    let shown = shown(disk);
    for (path, text) in &shown {
        let belongs =
            |letter: &Letter| letter.text == *text && path.starts_with(letter.maildir.root());
        if !letters.iter().any(belongs) {
            return Err(format!("half a letter in {}", path.display()));
        }
        check_keyword(disk, path)?;
    }
    check_folders(disk)?;
    let answered = letters.iter().filter(|letter| letter.filed.is_some_and(|when| when <= now));
    for letter in answered {
        let of = |path: &Path| path.starts_with(letter.maildir.root());
        if !shown.iter().any(|(path, text)| of(path) && *text == letter.text) {
            return Err(format!("a letter for {} is lost", letter.maildir.root().display()));
        }
    }
    Ok(())
}

/// Whether the folder knows the keyword that a letter's name has.
fn check_keyword(disk: &FaultyDisk, letter: &Path) -> Result<(), String> {
    let file = letter.parent().and_then(Path::parent).map(|folder| folder.join("dovecot-keywords"));
    let known = file.and_then(|file| disk.read(&file)).unwrap_or_default();
    match letter.to_string_lossy().ends_with(",Sa") && known != b"0 $Label1\n" {
        true => Err(format!("nobody knows the keyword of {}", letter.display())),
        false => Ok(()),
    }
}

/// Whether each folder that takes letters is marked as one and subscribed to, and the list of them whole.
fn check_folders(disk: &FaultyDisk) -> Result<(), String> {
    for n in 0..9 {
        let user = PathBuf::from(format!("/mail/user{n}"));
        let subscriptions = disk.read(&user.join("subscriptions")).unwrap_or_default();
        let subscriptions = String::from_utf8(subscriptions).unwrap_or_default();
        if !subscriptions.is_empty() && !subscriptions.ends_with('\n') {
            return Err("half a list of folders".to_owned());
        }
        let folders = disk.read_dir(&user).unwrap_or_default();
        let names = folders.iter().filter_map(|entry| entry.name.to_str()?.strip_prefix('.'));
        for name in names {
            let folder = user.join(format!(".{name}"));
            if disk.stat(&folder.join("cur")).is_err() {
                continue;
            }
            if disk.stat(&folder.join("maildirfolder")).is_err() {
                return Err(format!("{name} is not marked as a folder"));
            }
            if !subscriptions.lines().any(|line| line == name) {
                return Err(format!("nobody is subscribed to {name}"));
            }
        }
    }
    Ok(())
}

/// Whether a quota's file, whatever was left of it, gives a sum that can be: not more than was ever written. Once
/// that is confirmed it is what is there.
fn check_quota(story: &Story, letters: &[Letter], disk: &FaultyDisk) -> Result<(), String> {
    let Some(limits) = story.limits else { return Ok(()) };
    let courier = Courier::new(Arc::new(disk.clone()), "host");
    let all = |of: &mut dyn Iterator<Item = u64>| {
        of.fold(Usage::default(), |sum, octets| sum.and(Usage { octets, letters: 1 }))
    };
    let written = all(&mut letters.iter().map(|letter| letter.text.len() as u64));
    for n in 0..story.mailboxes {
        let mailbox = Maildir::at(format!("/mail/user{n}"));
        let quota = Quota::of(&courier, &mailbox, Some(limits));
        let standing = quota.standing().map_err(|error| format!("no quota: {error}"))?.unwrap();
        if standing.usage.octets > written.octets || standing.usage.letters > written.letters {
            return Err(format!("{:?} were counted of {written:?}", standing.usage));
        }
        let counted = quota.confirmed(standing).map_err(|error| format!("no count: {error}"))?;
        let counts = |path: &Path| {
            path.starts_with(mailbox.root()) && !path.starts_with(mailbox.root().join(".Trash"))
        };
        let shown = shown(disk).into_iter().filter(|(path, _)| counts(path));
        let there = all(&mut shown.map(|(_, text)| text.len() as u64));
        if counted.usage != there {
            return Err(format!("{:?} were counted and {there:?} are there", counted.usage));
        }
    }
    Ok(())
}

fn check_cut(story: &Story, letters: &[Letter], cut: &Cut) -> Result<(), String> {
    check_shown(letters, cut.calls, &cut.disk)?;
    check_quota(story, letters, &cut.disk)?;
    // The next process takes letters for all of them again, and none gets lost with the next power cut.
    let more = Story { letters: story.mailboxes, octets: 100, ..*story };
    let more = Arc::new(Mutex::new(self::letters(&more)));
    deliver(&Build::sound(), &cut.disk, &more);
    let mut all = more.lock().unwrap().clone();
    if !all.iter().all(|letter| letter.filed.is_some()) {
        return Err("a mailbox takes no letters any more".to_owned());
    }
    all.iter_mut().for_each(|letter| letter.filed = Some(0));
    all.extend(letters.iter().cloned());
    check_shown(&all, cut.calls, &cut.disk.restart_after_cut())
        .map_err(|what| format!("after the next power cut: {what}"))
}

fn check_story(cuts: &mut Cuts, build: &Build, story: &Story) -> Result<(), Violation> {
    let (recording, letters) = play(build, story, cuts.seed());
    cuts.at_each_call(story.name, &recording, TREES, |cut| check_cut(story, &letters, &cut))
}

#[test]
fn f02_thousands_of_power_cuts_lose_no_letter_and_show_no_half() {
    let count = Length::from_env().play(|cuts| {
        STORIES.iter().try_for_each(|story| check_story(cuts, &Build::sound(), story))
    });
    assert!(count >= 2_000, "only {count} power cuts");
}

/// One story alone, whose name says what fails in it.
#[track_caller]
fn check_holds(name: &str) {
    let story = STORIES.iter().find(|story| story.name == name).unwrap();
    let held = check_story(&mut Cuts::of_seed(1), &Build::sound(), story);
    held.unwrap_or_else(|violation| violation.fail());
}

#[test]
fn f05_a_letter_of_many_pages_is_never_seen_torn() {
    check_holds("a large one");
}

#[test]
fn f06_a_failed_sync_is_never_believed() {
    check_holds("a failed sync");
    check_holds("a failed sync of all");
}

#[test]
fn f07_a_directorys_failed_sync_promises_nothing() {
    check_holds("a directory's failed sync");
}

/// The harness reports it, in words that have this in them.
#[track_caller]
fn check_caught(build: &Build, name: &str, expected: &str) {
    let story = STORIES.iter().find(|story| story.name == name).unwrap();
    let mut cuts = Cuts::of_seed(1);
    let violation =
        check_story(&mut cuts, build, story).expect_err("a broken build went unnoticed");
    assert!(violation.to_string().contains(expected), "{violation}");
}

#[test]
fn f02_a_build_that_does_not_sync_letters_is_caught() {
    let build = Build::forgetting(|sync| sync.of == SyncOf::Content);
    check_caught(&build, "one", "half a letter");
}

#[test]
fn f02_a_build_that_does_not_sync_a_crowd_is_caught() {
    let build = Build::forgetting(|sync| sync.of == SyncOf::All);
    check_caught(&build, "a crowd", "half a letter");
}

#[test]
fn f02_a_build_that_does_not_sync_new_is_caught() {
    let build = Build::forgetting(|sync| sync.of == SyncOf::Names && sync.path.ends_with("new"));
    check_caught(&build, "one", "is lost");
}

#[test]
fn f02_a_build_that_does_not_sync_the_way_to_a_mailbox_is_caught() {
    let build =
        Build::forgetting(|sync| sync.of == SyncOf::Names && sync.path == Path::new("/mail"));
    check_caught(&build, "one for a new mailbox", "is lost");
}

#[test]
fn f02_a_build_that_does_not_sync_the_way_to_a_folder_is_caught() {
    let build =
        Build::forgetting(|sync| sync.of == SyncOf::Names && sync.path == Path::new("/mail/user0"));
    check_caught(&build, "one for a new folder", "nobody is subscribed");
}

#[test]
fn f02_a_build_that_does_not_sync_the_list_of_folders_is_caught() {
    let build = Build::forgetting(|sync| {
        let tmp = sync.path.parent().filter(|parent| parent.ends_with(".Lists/tmp"));
        sync.of == SyncOf::Content && tmp.is_some()
    });
    check_caught(&build, "five for three folders", "half a list of folders");
}

#[test]
fn f02_a_build_that_renames_before_the_sync_is_caught() {
    let late = |sync: Sync<'_>| sync.of == SyncOf::Content;
    let disk = move |disk| Arc::new(LyingDisk::renaming_first(Arc::new(disk), late)) as _;
    let build = Build { disk: Box::new(disk), ..Build::sound() };
    check_caught(&build, "one", "half a letter");
}

#[test]
fn f02_a_build_that_answers_before_the_sync_is_caught() {
    let build = Build { answer: Answer::AtOnce, ..Build::sound() };
    check_caught(&build, "one", "is lost");
}
