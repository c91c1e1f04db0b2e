use std::path::Path;
use std::sync::Arc;

use postroad_disk::{NoLinks, OsDisk};
use postroad_testkit::lying_disk::{Sync, SyncOf};
use postroad_testkit::power_cut::{Cuts, Violation};
use postroad_testkit::{FaultyDisk, LyingDisk, Plan};

use super::*;
use crate::Limits;

/// A mailbox on a disk.
struct Place {
    courier: Courier,
    inbox: Maildir,
    _dir: Option<tempfile::TempDir>,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let inbox = Maildir::at(dir.path().join("alice"));
        let courier = Courier::new(Arc::new(NoLinks), "host");
        courier.make_ready(&inbox).unwrap();
        Self { courier, inbox, _dir: Some(dir) }
    }

    fn on(disk: &FaultyDisk) -> Self {
        let courier = Courier::new(Arc::new(disk.clone()), "host");
        Self { courier, inbox: Maildir::at("/mail/alice"), _dir: None }
    }

    fn folders(&self) -> Folders<'_> {
        Folders::of(&self.courier, &self.inbox)
    }

    fn create(&self, name: &str) {
        self.folders().create(&mailbox(name), &[]).unwrap();
    }

    /// As LIST has it: `-` for what isn't there, `+` for what has some below.
    fn list(&self) -> String {
        let listed = |listed: &Listed| {
            let there = if listed.existence == Existence::Exists { "" } else { "-" };
            let children = if listed.children == Children::Has { "+" } else { "" };
            format!("{there}{}{children}", listed.name.to_utf8())
        };
        let list = self.folders().list().unwrap();
        list.iter().map(listed).collect::<Vec<_>>().join(" ")
    }
}

fn mailbox(name: &str) -> MailboxName {
    MailboxName::from_utf8(name).unwrap()
}

fn put(folder: &Path, name: &str) {
    std::fs::write(folder.join(name), format!("Subject: {name}\n\n")).unwrap();
}

#[test]
fn lists_have_parents_that_are_not_there() {
    let place = Place::new();
    assert_eq!(place.list(), "INBOX");
    for name in ["Lists.rust.users", "Lists", "Lists b", "Entwürfe", "INBOX.x"] {
        place.create(name);
    }
    // No folders: without cur/, a file, a link, a name that can't be asked for.
    std::fs::create_dir(place.inbox.root().join(".git")).unwrap();
    std::fs::create_dir_all(place.inbox.root().join(".inbox/cur")).unwrap();
    std::fs::create_dir_all(place.inbox.root().join(".a..b/cur")).unwrap();
    std::fs::write(place.inbox.root().join(".file"), "").unwrap();
    std::os::unix::fs::symlink("/tmp", place.inbox.root().join(".link")).unwrap();
    assert_eq!(
        place.list(),
        "INBOX+ Entwürfe INBOX.x Lists+ -Lists.rust+ Lists.rust.users Lists b"
    );
    assert!(place.inbox.root().join(".Entw&APw-rfe/maildirfolder").exists());
}

#[test]
fn names_that_others_wrote_are_found_by_what_they_say() {
    let place = Place::new();
    for name in ["Entwürfe", "R&D", "Entwürfe.alt"] {
        for part in ["tmp", "new", "cur"] {
            std::fs::create_dir_all(place.inbox.root().join(format!(".{name}/{part}"))).unwrap();
        }
    }
    assert_eq!(place.list(), "INBOX Entwürfe+ Entwürfe.alt R&D");
    let found = place.folders().find(&mailbox("R&D")).unwrap();
    assert!(found.root().ends_with(".R&D"));
    let error = place.folders().create(&mailbox("Entwürfe"), &[]).unwrap_err();
    assert!(matches!(error, FolderError::Exists), "{error}");
    let listed = place.folders().list().unwrap();
    assert!(listed.iter().any(|listed| listed.name == mailbox("Entwürfe")));
    place.folders().rename(&mailbox("Entwürfe"), &mailbox("Ideen")).unwrap();
    assert_eq!(place.list(), "INBOX Ideen+ Ideen.alt R&D");
    place.folders().delete(&mailbox("R&D")).unwrap();
    assert_eq!(place.list(), "INBOX Ideen+ Ideen.alt");
}

#[test]
fn i06_names_that_lead_elsewhere_are_refused() {
    let place = Place::new();
    let levels = vec!["a"; 1_000].join(".");
    for name in [
        "../u2",
        "/etc",
        "a//b",
        "INBOX/../x",
        "INBOX.../x",
        "a..b",
        "..",
        ".",
        "",
        "a/b",
        "a\0b",
        "a\rb",
        "cur",
        "a.tmp",
        "a.",
        &levels,
    ] {
        assert!(MailboxName::from_utf8(name).is_err(), "{name:?}");
    }
    for name in ["&AC8-", "&AC8-etc", "a&AC4ALg-b", "R&D", "&Jjo!", "&APw", "ä", "a&-b&"] {
        assert!(MailboxName::from_modified_utf7(name).is_err(), "{name:?}");
    }
    let error = place.folders().create(&mailbox("~root"), &[]).unwrap_err();
    assert!(matches!(error, FolderError::Home), "{error}");
    place.create("a");
    for (from, to) in [("a", "~root"), ("a", "a.b"), ("a", "inbox")] {
        assert!(place.folders().rename(&mailbox(from), &mailbox(to)).is_err(), "{to}");
    }
    assert!(matches!(place.folders().find(&mailbox("~root")), Err(FolderError::NonExistent)));
    // As many levels as a name has room for.
    let levels = vec!["a"; 127].join(".");
    place.create(&levels);
    assert_eq!(place.folders().list().unwrap().len(), 1 + 127);
    // A child's name that gets too long: nothing is renamed.
    place.create("b");
    let error = place.folders().rename(&mailbox("a"), &mailbox("bcd")).unwrap_err();
    assert!(matches!(error, FolderError::Name(_)), "{error}");
    assert!(place.folders().find(&mailbox("a")).is_ok());
    let beside = std::fs::read_dir(place.inbox.root().parent().unwrap()).unwrap().count();
    assert_eq!(beside, 1);
}

#[test]
fn i06_links_in_a_mailbox_lead_nowhere() {
    let place = Place::new();
    let elsewhere = place.inbox.root().with_file_name("u2");
    std::fs::create_dir_all(elsewhere.join("cur")).unwrap();
    put(&elsewhere.join("cur"), "1.x:2,");
    std::os::unix::fs::symlink(&elsewhere, place.inbox.root().join(".u2")).unwrap();
    let folders = place.folders();
    assert!(matches!(folders.find(&mailbox("u2")), Err(FolderError::NonExistent)));
    assert!(folders.create(&mailbox("u2"), &[]).is_err());
    assert!(folders.delete(&mailbox("u2")).is_err());
    place.create("a");
    std::os::unix::fs::symlink(&elsewhere, place.inbox.root().join(".a/more")).unwrap();
    folders.delete(&mailbox("a")).unwrap();
    assert!(elsewhere.join("cur/1.x:2,").exists());
}

#[test] // Tests RFC 9051 §6.3.5.
fn a_folder_is_removed_and_those_below_stay() {
    let place = Place::new();
    place.create("a");
    place.create("a.b.c");
    put(&place.inbox.root().join(".a/cur"), "1.x,S=11:2,S");
    let folders = place.folders();
    folders.delete(&mailbox("a")).unwrap();
    assert_eq!(place.list(), "INBOX -a+ -a.b+ a.b.c");
    assert!(matches!(folders.delete(&mailbox("a")), Err(FolderError::HasChildren)));
    assert!(matches!(folders.delete(&mailbox("x")), Err(FolderError::NonExistent)));
    assert!(matches!(folders.delete(&mailbox("inbox")), Err(FolderError::Inbox)));
    folders.delete(&mailbox("a.b.c")).unwrap();
    assert_eq!(place.list(), "INBOX");
    let left: Vec<_> = std::fs::read_dir(place.inbox.root()).unwrap().collect();
    let is_rest =
        |name: &std::ffi::OsString| name.to_string_lossy().starts_with("postroad-removed");
    assert!(!left.into_iter().any(|entry| is_rest(&entry.unwrap().file_name())));
    // It is subscribed to still (RFC 9051 §6.3.9).
    assert!(folders.subscribed().unwrap().contains(&mailbox("a")));
    place.create("a");
    assert_eq!(place.list(), "INBOX a");
}

#[test]
fn what_a_removed_folder_held_is_counted_back() {
    let place = Place::new();
    place.create("a");
    put(&place.inbox.root().join(".a/cur"), "1.x,S=11:2,S");
    put(&place.inbox.root().join("cur"), "2.x,S=5:2,S");
    let limits = Limits { octets: Some(1_000), letters: None };
    let quota = crate::Quota::of(&place.courier, &place.inbox, Some(limits));
    assert_eq!(quota.standing().unwrap().unwrap().usage.octets, 16);
    place.folders().delete(&mailbox("a")).unwrap();
    assert_eq!(quota.standing().unwrap().unwrap().usage.octets, 5);
}

#[test]
fn a_folder_is_renamed_with_those_below() {
    let place = Place::new();
    ["a", "a.b", "a.b.c", "ab", "z"].iter().for_each(|name| place.create(name));
    put(&place.inbox.root().join(".a.b/cur"), "1.x:2,S");
    let folders = place.folders();
    folders.rename(&mailbox("a"), &mailbox("neu.a")).unwrap();
    assert_eq!(place.list(), "INBOX ab -neu+ neu.a+ neu.a.b+ neu.a.b.c z");
    assert!(place.inbox.root().join(".neu.a.b/cur/1.x:2,S").exists());
    assert!(!place.inbox.root().join(intent::FILE).exists());
    let subscribed = folders.subscribed().unwrap();
    assert!(subscribed.contains(&mailbox("neu.a.b")) && subscribed.contains(&mailbox("a.b")));
    // A name alone, with those below it.
    folders.rename(&mailbox("neu"), &mailbox("old")).unwrap();
    assert_eq!(place.list(), "INBOX ab -old+ old.a+ old.a.b+ old.a.b.c z");
    for (from, to) in [("old.a", "z"), ("old", "old.a"), ("z", "z"), ("z", "INBOX")] {
        let error = folders.rename(&mailbox(from), &mailbox(to)).unwrap_err();
        assert!(matches!(error, FolderError::Exists), "{from} {to}: {error}");
    }
    let error = folders.rename(&mailbox("old.a"), &mailbox("old.a.x")).unwrap_err();
    assert!(matches!(error, FolderError::IntoItself), "{error}");
    let error = folders.rename(&mailbox("no"), &mailbox("yes")).unwrap_err();
    assert!(matches!(error, FolderError::NonExistent), "{error}");
    // One below would take another's place: none is renamed.
    place.create("y.a");
    let error = folders.rename(&mailbox("old"), &mailbox("y")).unwrap_err();
    assert!(matches!(error, FolderError::Exists), "{error}");
    assert_eq!(place.list(), "INBOX ab -old+ old.a+ old.a.b+ old.a.b.c -y+ y.a z");
}

#[test] // Tests RFC 9051 §6.3.6.
fn of_the_inbox_the_letters_go() {
    let place = Place::new();
    place.create("INBOX.x");
    put(&place.inbox.root().join("new"), "1.x");
    put(&place.inbox.root().join("cur"), "2.x:2,Sa");
    std::fs::write(place.inbox.root().join("dovecot-keywords"), "0 work\n").unwrap();
    place.folders().rename(&mailbox("inbox"), &mailbox("old")).unwrap();
    assert_eq!(place.list(), "INBOX+ INBOX.x old");
    let old = place.inbox.root().join(".old");
    assert!(old.join("new/1.x").exists() && old.join("cur/2.x:2,Sa").exists());
    assert_eq!(std::fs::read(old.join("dovecot-keywords")).unwrap(), b"0 work\n");
    assert_eq!(std::fs::read_dir(place.inbox.root().join("cur")).unwrap().count(), 0);
    let with_file = place.inbox.clone().with_inbox_in("/var/mail/alice".into());
    let folders = Folders::of(&place.courier, &with_file);
    let error = folders.rename(&mailbox("INBOX"), &mailbox("o")).unwrap_err();
    assert!(matches!(error, FolderError::InboxIsAFile), "{error}");
}

#[test] // Tests RFC 6154 §3.
fn folders_are_made_for_something() {
    let place = Place::new();
    let folders = place.folders();
    folders.create(&mailbox("Papierkorb"), &["\\Trash"]).unwrap();
    for attribute in ["\\Trash", "\\trash", "\\All", "\\Flagged", "\\Foo"] {
        let error = folders.create(&mailbox("x"), &[attribute]).unwrap_err();
        assert!(matches!(error, FolderError::Use { .. }), "{attribute}: {error}");
    }
    assert!(folders.find(&mailbox("x")).is_err());
    place.create("Spam");
    place.create("Junk");
    place.create("Trash");
    let uses = place.courier.uses(&place.inbox).unwrap();
    let mut uses: Vec<_> =
        uses.iter().map(|(name, uses)| format!("{name} {}", uses.join(" "))).collect();
    uses.sort();
    assert_eq!(uses, ["Junk \\Junk", "Papierkorb \\Trash"]);
}

#[test]
fn subscriptions_come_and_go() {
    let place = Place::new();
    let folders = place.folders();
    place.create("a");
    folders.subscribe(&MailboxName::Inbox).unwrap();
    folders.subscribe(&mailbox("not.there")).unwrap();
    let names = || -> Vec<String> {
        folders.subscribed().unwrap().iter().map(MailboxName::to_utf8).collect()
    };
    assert_eq!(names(), ["INBOX", "a", "not.there"]);
    folders.unsubscribe(&mailbox("a")).unwrap();
    folders.unsubscribe(&MailboxName::Inbox).unwrap();
    assert_eq!(folders.unsubscribe(&mailbox("a")).unwrap(), crate::Change::None);
    assert_eq!(names(), ["not.there"]);
}

#[test]
fn subscriptions_of_courier_are_taken_over() {
    let place = Place::new();
    let list = "INBOX.Sent\nINBOX.Entwürfe\n";
    std::fs::write(place.inbox.root().join("courierimapsubscribed"), list).unwrap();
    let folders = place.folders();
    assert_eq!(folders.subscribed().unwrap().len(), 2);
    folders.unsubscribe(&mailbox("Sent")).unwrap();
    let file = std::fs::read_to_string(place.inbox.root().join("subscriptions")).unwrap();
    assert_eq!(file, "Entw&APw-rfe\n");
    folders.unsubscribe(&mailbox("Entwürfe")).unwrap();
    assert!(folders.subscribed().unwrap().is_empty());
    folders.subscribe(&mailbox("a")).unwrap();
    assert_eq!(folders.subscribed().unwrap().len(), 1);
}

#[test]
fn a_mailbox_that_is_not_there_has_an_inbox() {
    let dir = tempfile::tempdir().unwrap();
    let inbox = Maildir::at(dir.path().join("bob"));
    let courier = Courier::new(Arc::new(OsDisk), "host");
    let folders = Folders::of(&courier, &inbox);
    assert_eq!(folders.list().unwrap().len(), 1);
    folders.create(&mailbox("a"), &[]).unwrap();
    assert_eq!(folders.list().unwrap().len(), 2);
}

/// A disk with letters in folders.
fn disk() -> FaultyDisk {
    let disk = FaultyDisk::new();
    let inbox = Maildir::at("/mail/alice");
    for folder in ["", ".a", ".a.b", ".a.c", ".z"] {
        for part in ["tmp", "new", "cur"] {
            disk.put_dir(&inbox.root().join(folder).join(part));
        }
        disk.put(&inbox.root().join(folder).join("cur").join("1.x:2,S"), folder.as_bytes());
        disk.put(&inbox.root().join(folder).join("postroad-register"), folder.as_bytes());
    }
    disk
}

/// A change, and the names that letters may have before and after it.
struct Story {
    name: &'static str,
    change: fn(Folders<'_>) -> Result<(), FolderError>,
    before: &'static [(&'static str, &'static str)],
    after: &'static [(&'static str, &'static str)],
}

const STORIES: [Story; 4] = [
    Story {
        name: "renamed with those below",
        change: |folders| folders.rename(&mailbox("a"), &mailbox("n")),
        before: &[(".a", ".a"), (".a.b", ".a.b"), (".a.c", ".a.c")],
        after: &[(".a", ".n"), (".a.b", ".n.b"), (".a.c", ".n.c")],
    },
    Story {
        name: "renamed alone",
        change: |folders| folders.rename(&mailbox("z"), &mailbox("y")),
        before: &[(".z", ".z")],
        after: &[(".z", ".y")],
    },
    Story {
        name: "removed",
        change: |folders| folders.delete(&mailbox("z")),
        before: &[(".z", ".z")],
        after: &[],
    },
    Story {
        name: "the inbox renamed",
        change: |folders| folders.rename(&MailboxName::Inbox, &mailbox("old")),
        before: &[("", "")],
        after: &[("", ".old")],
    },
];

/// How far a change came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Done,
    None,
}

/// Whether each folder is where it was or where it is to be, as a whole, once somebody has looked.
fn check(story: &Story, disk: &FaultyDisk, answer: Answer) -> Result<(), String> {
    let place = Place::on(disk);
    place.folders().list().map_err(|error| format!("no list: {error}"))?;
    let is_there = |(from, to): &(&str, &str)| {
        let file = place.inbox.root().join(to).join("cur/1.x:2,S");
        disk.read(&file).as_deref() == Some(from.as_bytes())
    };
    let (before, gone) = (story.before.iter().all(is_there), !story.before.iter().any(is_there));
    match (before, gone && story.after.iter().all(is_there)) {
        (false, false) => Err("neither as it was nor as it is to be".to_owned()),
        (true, _) if answer == Answer::Done => Err("what was done is undone".to_owned()),
        _ => Ok(()),
    }
}

/// Cuts the power at each call of a story; `lying` is the disk that the program sees.
fn cut_at_each_call(
    story: &Story,
    lying: impl Fn(FaultyDisk) -> Arc<dyn Disk>,
) -> Result<(), Violation> {
    let disk = disk();
    disk.record();
    let courier = Courier::new(lying(disk.clone()), "host");
    (story.change)(Folders::of(&courier, &Maildir::at("/mail/alice"))).unwrap();
    let calls = disk.recorded();
    // So that there is a cut when all is done.
    disk.read_dir("/mail/alice".as_ref()).unwrap();
    let recording = disk.recording();
    Cuts::of_seed(1).at_each_call(story.name, &recording, 40, |cut| {
        let answer = if cut.calls >= calls { Answer::Done } else { Answer::None };
        check(story, &cut.disk, answer)?;
        // And once more.
        check(story, &cut.disk.restart_after_cut(), Answer::None)
    })
}

#[test]
fn power_cuts_leave_folders_as_they_were_or_as_they_are_to_be() {
    for story in &STORIES {
        let held = cut_at_each_call(story, |disk| Arc::new(disk));
        held.unwrap_or_else(|violation| violation.fail());
    }
}

#[test]
fn builds_that_forget_a_sync_are_caught() {
    let forgets = |of: SyncOf, ends: &'static str| {
        move |disk| -> Arc<dyn Disk> {
            let forgets =
                move |sync: Sync<'_>| sync.of == of && sync.path.to_string_lossy().contains(ends);
            Arc::new(LyingDisk::forgetting(Arc::new(disk), forgets))
        }
    };
    for (story, of, path) in [
        (&STORIES[0], SyncOf::Content, "/tmp/"),
        (&STORIES[0], SyncOf::Names, "/alice"),
        (&STORIES[1], SyncOf::Names, "/alice"),
    ] {
        let violation = cut_at_each_call(story, forgets(of, path)).err();
        assert!(violation.is_some(), "{}, {of:?} of {path}", story.name);
    }
}

#[test]
fn whatever_call_fails_nothing_is_lost() {
    for story in &STORIES {
        let sound = disk();
        sound.plan(Plan::Sound);
        (story.change)(Place::on(&sound).folders()).unwrap();
        let calls = sound.calls().len() as u64;
        for call in 0..calls {
            let disk = disk();
            disk.plan(Plan::Fail { call, errno: 5 });
            let done = (story.change)(Place::on(&disk).folders()).is_ok();
            let answer = if done { Answer::Done } else { Answer::None };
            let checked = check(story, &disk.restart_after_cut(), answer);
            assert_eq!(checked, Ok(()), "{}, call {call}", story.name);
        }
    }
}
