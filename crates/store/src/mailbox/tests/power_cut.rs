//! The power fails, or the process is killed, at each call that an open mailbox makes to the disk.
//!
//! Whatever that leaves: no UID names two letters, UIDVALIDITY stays, mod-sequences don't fall, a client that comes back
//! learns of all that isn't as it was told, nothing goes that wasn't expunged, what was appended is there, of several
//! all or none, and what is moved or replaced is in one place. Builds without one of the syncs have to be found.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use postroad_disk::Disk;
use postroad_testkit::lying_disk::{Sync, SyncOf};
use postroad_testkit::power_cut::{Cut, Cuts, Length, Violation};
use postroad_testkit::{FaultyDisk, LyingDisk, Plan, Recording};

use super::*;

/// Trees that are drawn at each call.
const TREES: u64 = 10;

/// One thing that is done, by a session or by others.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// Another program files a letter, durably.
    Delivered(&'static str),
    /// Another program gives a letter another name.
    Renamed(&'static str, &'static str),
    Removed(&'static str),
    Refresh,
    TakeIn,
    Flag(&'static [u32]),
    Expunge(&'static [u32]),
    /// So many at once.
    Append(usize),
    Replace(u32),
    Copied(&'static [u32]),
    Move(&'static [u32]),
    /// The register is written anew.
    Tidy,
    /// Another process.
    Reopen,
}

use Step::{
    Append, Copied, Delivered, Expunge, Flag, Move, Refresh, Removed, Renamed, Reopen, Replace,
    TakeIn, Tidy,
};

const STORIES: &[(&str, &[Step])] = &[
    ("a folder that was never open", &[]),
    (
        "letters come and go",
        &[
            Delivered("new/5.h"),
            Refresh,
            Renamed("cur/1.h:2,", "cur/1.h:2,S"),
            Removed("cur/2.h:2,S"),
            Delivered("new/6.h"),
            Refresh,
        ],
    ),
    ("taken in and flagged", &[TakeIn, Flag(&[1, 3]), Flag(&[2, 3])]),
    ("expunged", &[Expunge(&[2]), Delivered("cur/7.h:2,"), Refresh, Expunge(&[1, 3])]),
    ("appended", &[Append(1), Flag(&[4]), Append(1), Expunge(&[4])]),
    ("several appended", &[Append(3), Flag(&[4, 5]), Expunge(&[5]), Append(2)]),
    ("replaced", &[Replace(2), Refresh]),
    ("copied and moved", &[Delivered("new/5.h"), Refresh, Copied(&[1, 2]), Move(&[3, 4]), Refresh]),
    ("moved and moved", &[Move(&[3]), Move(&[1]), Replace(2), Move(&[4]), Refresh]),
    ("moved as others rename", &[Renamed("cur/1.h:2,", "cur/1.h:2,S"), Move(&[1, 2]), Refresh]),
    ("replaced as others rename", &[Renamed("cur/2.h:2,S", "cur/2.h:2,FS"), Replace(2), Refresh]),
    ("replaced by another process", &[Replace(1), Reopen, Replace(4), TakeIn]),
    (
        "written anew",
        &[Flag(&[1]), Tidy, Delivered("new/8.h"), Refresh, Tidy, Expunge(&[1]), Append(1)],
    ),
    (
        "two processes",
        &[Delivered("new/5.h"), Refresh, Reopen, Flag(&[1]), Append(2), Reopen, TakeIn],
    ),
];

/// What a client was told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct View {
    uid_validity: u32,
    uid_next: u32,
    modseq: u64,
    /// Identity and flags.
    letters: BTreeMap<u32, (Vec<u8>, Vec<String>)>,
}

impl View {
    fn of(mailbox: &Mailbox) -> Self {
        let letter = |entry: Entry<'_>| {
            let flags = mailbox.flag_names(entry.flags()).into_iter().map(str::to_owned).collect();
            (entry.uid(), (entry.identity().to_vec(), flags))
        };
        Self {
            uid_validity: mailbox.uid_validity(),
            uid_next: mailbox.uid_next(),
            modseq: mailbox.highest_modseq(),
            letters: mailbox.entries().map(letter).collect(),
        }
    }
}

/// What is to hold, and from which call on.
#[derive(Debug, Clone)]
enum Promise {
    Told {
        folder: usize,
        view: View,
    },
    /// A letter with this text is in this folder.
    There {
        folder: usize,
        text: String,
    },
    /// It may go from now on.
    MayGo {
        folder: usize,
        text: String,
    },
    /// Exactly one of these is there, by text, in whichever folder; begun, not promised.
    One {
        of: Vec<String>,
    },
    /// Of these all or none; begun, not promised.
    Together {
        folder: usize,
        texts: Vec<String>,
    },
}

#[derive(Debug, Default)]
struct History(Mutex<Vec<(usize, Promise)>>);

impl History {
    fn note(&self, disk: &FaultyDisk, promise: Promise) {
        self.0.lock().unwrap().push((disk.recorded(), promise));
    }

    fn until(&self, calls: usize) -> Vec<Promise> {
        let promises = self.0.lock().unwrap();
        promises.iter().filter(|(at, _)| *at <= calls).map(|(_, promise)| promise.clone()).collect()
    }
}

type Build = fn(FaultyDisk) -> Arc<dyn Disk>;

fn folders() -> [Maildir; 2] {
    let inbox = Maildir::at("/mail/alice");
    let lists = inbox.folder(&FolderName::parse("Lists").unwrap());
    [inbox, lists]
}

fn disk() -> FaultyDisk {
    let disk = FaultyDisk::new();
    for folder in folders() {
        for part in ["tmp", "new", "cur"] {
            disk.put_dir(&folder.root().join(part));
        }
    }
    for name in ["cur/1.h:2,", "cur/2.h:2,S", "new/3.h"] {
        put(&disk, name);
    }
    disk
}

fn put(disk: &FaultyDisk, name: &str) {
    let path = folders()[0].root().join(name);
    disk.put(&path, text_of(name).as_bytes());
}

/// What a letter of another program says.
fn text_of(name: &str) -> String {
    let base = name.split('/').next_back().unwrap_or(name);
    base.split(':').next().unwrap_or(base).to_owned()
}

fn open(disk: Arc<dyn Disk>, folder: &Maildir) -> Result<Mailbox, MailboxError> {
    Arc::new(Mailboxes::new(disk, "host")).open(folder)
}

/// Plays a story, as far as the disk lets it.
fn play(build: Build, steps: &[Step], disk: &FaultyDisk, history: &History) {
    for name in ["cur/1.h:2,", "cur/2.h:2,S", "new/3.h"] {
        history.note(disk, Promise::There { folder: 0, text: text_of(name) });
    }
    let _ = play_on(build, steps, disk, history);
}

fn play_on(
    build: Build,
    steps: &[Step],
    disk: &FaultyDisk,
    history: &History,
) -> Result<(), MailboxError> {
    let [inbox, lists] = folders();
    let told = |folder, mailbox: &Mailbox| {
        history.note(disk, Promise::Told { folder, view: View::of(mailbox) });
    };
    let mut mailbox = open(build(disk.clone()), &inbox)?;
    mailbox.refresh()?;
    told(0, &mailbox);
    let mut count = 0;
    for step in steps {
        match *step {
            Delivered(name) => {
                put(disk, name);
                history.note(disk, Promise::There { folder: 0, text: text_of(name) });
            }
            Renamed(from, to) => {
                let path = |name| inbox.root().join(name);
                let _ = disk.rename(&path(from), &path(to));
            }
            Removed(name) => {
                history.note(disk, Promise::MayGo { folder: 0, text: text_of(name) });
                let _ = disk.remove(&inbox.root().join(name));
            }
            Refresh => mailbox.refresh()?,
            TakeIn => drop(mailbox.take_in()?),
            Flag(uids) => {
                let flags = mailbox.flags_of(&["\\Flagged", "work"])?;
                mailbox.set_flags(uids, FlagChange::Add(flags), None)?;
            }
            Expunge(uids) => {
                may_go(&mailbox, uids, disk, history);
                mailbox.expunge(uids)?;
            }
            Append(letters) => append(&mut mailbox, letters, &mut count, disk, history)?,
            Replace(uid) => {
                let mut one = texts(&mailbox, &[uid], disk);
                may_go(&mailbox, &[uid], disk, history);
                count += 1;
                let text = format!("appended {count}");
                one.push(text.clone());
                let mut letter = mailbox.new_letter()?;
                letter.write(text.as_bytes())?;
                history.note(disk, Promise::One { of: one });
                replace(&mut mailbox, uid, letter)?;
                history.note(disk, Promise::There { folder: 0, text });
            }
            Copied(uids) | Move(uids) => {
                let mut target = open(build(disk.clone()), &lists)?;
                let texts: Vec<String> = texts(&mailbox, uids, disk);
                history.note(disk, Promise::Together { folder: 1, texts: texts.clone() });
                if let Move(uids) = *step {
                    may_go(&mailbox, uids, disk, history);
                    for text in &texts {
                        history.note(disk, Promise::One { of: vec![text.clone()] });
                    }
                    mailbox.move_to(uids, &mut target)?;
                } else {
                    mailbox.copy_to(uids, &mut target)?;
                }
                for text in texts {
                    history.note(disk, Promise::There { folder: 1, text });
                }
                told(1, &target);
            }
            Tidy => {
                let mut locked = mailbox.lock()?;
                mailbox.write_anew(&mut locked)?;
            }
            Reopen => {
                mailbox = open(build(disk.clone()), &inbox)?;
                mailbox.refresh()?;
            }
        }
        told(0, &mailbox);
    }
    Ok(())
}

fn texts(mailbox: &Mailbox, uids: &[u32], disk: &FaultyDisk) -> Vec<String> {
    // Others may have renamed it since it was last seen.
    let text = |uid: &u32| {
        let identity = mailbox.entry(*uid)?.identity().to_owned();
        let is_it = |path: &&PathBuf| {
            let name = path.file_name().unwrap_or_default().as_encoded_bytes();
            path.starts_with(mailbox.folder().root()) && name::identity(name) == identity
        };
        let paths = disk.files();
        String::from_utf8(disk.read(paths.iter().find(is_it)?)?).ok()
    };
    uids.iter().filter_map(text).collect()
}

fn may_go(mailbox: &Mailbox, uids: &[u32], disk: &FaultyDisk, history: &History) {
    for text in texts(mailbox, uids, disk) {
        history.note(disk, Promise::MayGo { folder: 0, text });
    }
}

fn append(
    mailbox: &mut Mailbox,
    letters: usize,
    count: &mut usize,
    disk: &FaultyDisk,
    history: &History,
) -> Result<(), MailboxError> {
    let flags = mailbox.flags_of(&["\\Draft"])?;
    let (mut new, mut texts) = (Vec::new(), Vec::new());
    for _ in 0..letters {
        *count += 1;
        let text = format!("appended {count}");
        let mut letter = mailbox.new_letter()?;
        letter.write(text.as_bytes())?;
        letter.set_flags(flags);
        new.push(letter);
        texts.push(text);
    }
    history.note(disk, Promise::Together { folder: 0, texts: texts.clone() });
    mailbox.append(new)?;
    for text in texts {
        history.note(disk, Promise::There { folder: 0, text });
    }
    Ok(())
}

/// The texts of all letters of a folder.
fn shown(disk: &FaultyDisk, folder: usize) -> Vec<String> {
    let root = folders()[folder].root().to_owned();
    let is_shown = |path: &Path| {
        path.parent().is_some_and(|parent| parent == root.join("new") || parent == root.join("cur"))
    };
    let paths = disk.files().into_iter().filter(|path| is_shown(path));
    paths.map(|path| String::from_utf8(disk.read(&path).unwrap()).unwrap()).collect()
}

/// How a process ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Cut,
    Killed,
}

/// Whichever folder is opened first: then each letter that was moved or replaced is in one place.
fn check_moved(disk: &FaultyDisk, promises: &[Promise]) -> Result<(), String> {
    // What takes a letter's place may be replaced itself.
    let mut places: Vec<Vec<&String>> = Vec::new();
    for promise in promises {
        let Promise::One { of } = promise else { continue };
        match places.iter_mut().find(|place| of.iter().any(|text| place.contains(&text))) {
            Some(place) => place.extend(of),
            None => places.push(of.iter().collect()),
        }
    }
    for folder in folders() {
        let disk = disk.copy();
        open(Arc::new(disk.clone()), &folder).map_err(|error| format!("not opened: {error}"))?;
        let all = [0, 1].map(|folder| shown(&disk, folder)).concat();
        for of in &places {
            let there = all.iter().filter(|text| of.contains(text)).count();
            if there != 1 {
                let folder = folder.root().display();
                return Err(format!("of {of:?} there are {there} when {folder} is opened first"));
            }
        }
    }
    Ok(())
}

fn check(disk: &FaultyDisk, promises: &[Promise], end: End) -> Result<(), String> {
    check_moved(disk, promises)?;
    let mut mailboxes = Vec::new();
    for folder in folders() {
        let mut mailbox = open(Arc::new(disk.clone()), &folder)
            .map_err(|error| format!("not opened: {error}"))?;
        mailbox.refresh().map_err(|error| format!("not looked at: {error}"))?;
        mailboxes.push(mailbox);
    }
    let may_go = |in_folder: usize, which: &String| {
        let is_it = |promise: &Promise| matches!(promise, Promise::MayGo { folder, text } if *folder == in_folder && text == which);
        promises.iter().any(is_it)
    };
    let all = [0, 1].map(|folder| shown(disk, folder));
    for (at, promise) in promises.iter().enumerate() {
        match promise {
            Promise::There { folder, text } => {
                if !all[*folder].contains(text) && !may_go(*folder, text) {
                    return Err(format!("{text:?} is lost"));
                }
            }
            Promise::Together { folder, texts } => {
                let there = texts.iter().filter(|text| all[*folder].contains(text)).count();
                if there != 0
                    && there != texts.len()
                    && !texts.iter().any(|text| may_go(*folder, text))
                {
                    return Err(format!("{there} of {} are there", texts.len()));
                }
            }
            Promise::Told { folder, view } => {
                let mailbox = &mailboxes[*folder];
                check_numbers(&View::of(mailbox), view)?;
                let is_later =
                    |p: &Promise| matches!(p, Promise::Told { folder: f, .. } if f == folder);
                if !promises.iter().skip(at + 1).any(is_later) {
                    check_learnt(mailbox, view, end)?;
                }
            }
            Promise::MayGo { .. } | Promise::One { .. } => {}
        }
    }
    Ok(())
}

/// What holds for all that anybody was ever told.
fn check_numbers(is: &View, told: &View) -> Result<(), String> {
    if is.uid_validity != told.uid_validity {
        return Err("UIDVALIDITY is another one".to_owned());
    }
    if is.modseq < told.modseq || is.uid_next < told.uid_next {
        return Err(format!("numbers fall: {is:?} after {told:?}"));
    }
    for (uid, (identity, _)) in &is.letters {
        if told.letters.get(uid).is_some_and(|(other, _)| other != identity) {
            return Err(format!("the UID {uid} names two letters"));
        }
    }
    Ok(())
}

/// What a client that was told this learns when it comes back.
fn check_learnt(now: &Mailbox, told: &View, end: End) -> Result<(), String> {
    let is = View::of(now);
    for (uid, (_, flags)) in &is.letters {
        let is_told = now.entry(*uid).unwrap().modseq() > told.modseq;
        match told.letters.get(uid) {
            Some((_, told_flags)) if told_flags != flags && !is_told => {
                return Err(format!("nobody learns that {uid} has other flags"));
            }
            // A process that was killed takes nothing along.
            Some((_, told)) if end == End::Killed && told.iter().any(|f| !flags.contains(f)) => {
                return Err(format!("{uid} has lost flags"));
            }
            // The same letter: neither its end nor what the register says of it has come to the disk.
            None if *uid < told.uid_next && (end == End::Killed || !is_told) => {
                return Err(format!("{uid} is back, and nobody learns it"));
            }
            _ => {}
        }
    }
    let gone = now.expunged_since(told.modseq);
    for uid in told.letters.keys().filter(|uid| !is.letters.contains_key(uid)) {
        if !gone.iter().any(|(from, to)| (from..=to).contains(&uid)) {
            return Err(format!("nobody learns that {uid} is gone"));
        }
    }
    Ok(())
}

/// And the next process works, and loses nothing with the next cut.
fn check_and_go_on(disk: FaultyDisk, mut promises: Vec<Promise>, end: End) -> Result<(), String> {
    check(&disk, &promises, end)?;
    let history = History::default();
    let steps = [Delivered("new/99.h"), Append(2), Refresh];
    play_on(sound, &steps, &disk, &history)
        .map_err(|error| format!("it goes no further: {error}"))?;
    promises.extend(history.until(usize::MAX));
    // Those of the two runs have the same names.
    promises.retain(|p| !matches!(p, Promise::Together { .. } | Promise::One { .. }));
    check(&disk.restart_after_cut(), &promises, End::Cut)
        .map_err(|what| format!("after the next power cut: {what}"))
}

fn sound(disk: FaultyDisk) -> Arc<dyn Disk> {
    Arc::new(disk)
}

fn record(build: Build, steps: &[Step]) -> (Recording, Arc<History>) {
    let (disk, history) = (disk(), Arc::new(History::default()));
    disk.plan(Plan::Sound);
    disk.record();
    play(build, steps, &disk, &history);
    (disk.recording(), history)
}

fn cut(build: Build, story: &str, steps: &[Step], cuts: &mut Cuts) -> Result<(), Violation> {
    let (recording, history) = record(build, steps);
    cuts.at_each_call(story, &recording, TREES, |Cut { calls, disk }| {
        check_and_go_on(disk, history.until(calls), End::Cut)
    })
}

#[test]
fn power_cuts_lose_no_uid_and_no_letter() {
    let count = Length::from_env()
        .play(|cuts| STORIES.iter().try_for_each(|(story, steps)| cut(sound, story, steps, cuts)));
    assert!(count > 1_000, "{count} cuts");
}

#[test]
fn a_process_that_is_killed_at_each_call_loses_nothing() {
    for (story, steps) in STORIES {
        for call in 0.. {
            let (disk, history) = (disk(), History::default());
            disk.plan(Plan::Kill { call });
            disk.record();
            play(sound, steps, &disk, &history);
            let calls = disk.calls();
            let last = calls.get(usize::try_from(call).unwrap());
            // Its calls after the end were begun, and not made.
            let result = check_and_go_on(disk.restart(), history.until(usize::MAX), End::Killed);
            if let Err(what) = result {
                panic!("{what}\nin {story:?}, killed at call {call}: {last:?} of {calls:#?}");
            }
            if last.is_none() {
                break;
            }
        }
    }
}

#[test]
fn each_call_that_fails_leaves_all_or_nothing() {
    for errno in [5, 28] {
        for (story, steps) in STORIES {
            for call in 0.. {
                let (disk, history) = (disk(), History::default());
                disk.plan(Plan::Fail { call, errno });
                disk.record();
                play(sound, steps, &disk, &history);
                let calls = disk.calls();
                let last = calls.get(usize::try_from(call).unwrap()).cloned();
                let next = disk.restart();
                let result = check(&next, &history.until(usize::MAX), End::Killed);
                if let Err(what) = result {
                    panic!("{what}\nin {story:?}, {errno} at call {call}: {last:?} of {calls:#?}");
                }
                if last.is_none() {
                    break;
                }
            }
        }
    }
}

/// Each of the syncs is needed: a build without it is found out.
#[test]
fn builds_that_forget_a_sync_are_found() {
    fn forgetting(disk: FaultyDisk, forgets: fn(Sync<'_>) -> bool) -> Arc<dyn Disk> {
        Arc::new(LyingDisk::forgetting(Arc::new(disk), forgets))
    }
    let builds: [(&str, Build); 6] = [
        ("the lease, an intent", |disk| {
            forgetting(disk, |sync| {
                sync.of == SyncOf::Content && sync.path.ends_with(file::REGISTER)
            })
        }),
        ("a letter, a snapshot", |disk| {
            forgetting(disk, |sync| {
                sync.of == SyncOf::Content && !sync.path.ends_with(file::REGISTER)
            })
        }),
        ("what is said of letters that move", |disk| {
            forgetting(disk, |sync| {
                sync.of == SyncOf::Content && sync.path.ends_with("postroad-moving")
            })
        }),
        ("cur/", |disk| {
            forgetting(disk, |sync| sync.of == SyncOf::Names && sync.path.ends_with("cur"))
        }),
        ("tmp/", |disk| {
            forgetting(disk, |sync| sync.of == SyncOf::Names && sync.path.ends_with("tmp"))
        }),
        ("the folder", |disk| {
            forgetting(disk, |sync| {
                let parts = ["cur", "tmp", "new"];
                sync.of == SyncOf::Names && !parts.iter().any(|part| sync.path.ends_with(part))
            })
        }),
    ];
    for (what, build) in builds {
        let found = (0..8).any(|seed| {
            let mut cuts = Cuts::of_seed(seed);
            STORIES.iter().any(|(story, steps)| cut(build, story, steps, &mut cuts).is_err())
        });
        assert!(found, "nobody notices that {what} is not synced");
    }
}
