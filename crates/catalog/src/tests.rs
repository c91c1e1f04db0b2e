//! Folders on the simulated disk, whose calls are counted.

use std::path::PathBuf;
use std::sync::Arc;

use postroad_disk::Disk as _;
use postroad_store::{FlagChange, FolderName, LetterFlags, MailboxName, Mailboxes, Maildir};
use postroad_testkit::{FaultyDisk, Plan};

use crate::read::Extent;
use crate::*;

const REGISTER: &str = "postroad-register";
const CACHE: &str = "postroad-cache";

/// A mailbox with the folders `Lists` and `Trash`.
struct Place {
    disk: FaultyDisk,
    inbox: Maildir,
}

impl Place {
    fn new() -> Self {
        let place = Self { disk: FaultyDisk::new(), inbox: Maildir::at("/mail/alice") };
        for folder in [place.inbox.clone(), place.folder("Lists"), place.folder("Trash")] {
            for part in ["tmp", "new", "cur"] {
                place.disk.put_dir(&folder.root().join(part));
            }
        }
        place
    }

    fn folder(&self, name: &str) -> Maildir {
        self.inbox.folder(&FolderName::parse(name).unwrap())
    }

    fn put(&self, name: &str, text: &str) {
        self.disk.put(&self.inbox.root().join(name), text.as_bytes());
    }

    /// Letters of these names, each sent on that day of November.
    fn letters(&self, names: &[(&str, u32)]) {
        for (name, day) in names {
            let date = format!("Date: {day} Nov 2026 12:00:00 +0000");
            let from = "From: =?utf-8?q?J=C3=BCrgen?= <j@x.example>\nTo: list@x.example";
            self.put(name, &format!("{from}\nSubject: of {day}\n{date}\n\nx\n"));
        }
    }

    /// Another process.
    fn catalog(&self) -> Catalog {
        Catalog::new(Arc::new(self.disk.clone()), self.inbox.clone(), "our.example")
    }

    fn open(&self) -> Folder {
        self.catalog().open(&MailboxName::Inbox).unwrap()
    }

    /// Calls that opened a letter, since the last plan.
    fn letters_opened(&self) -> usize {
        let calls = self.disk.calls();
        let is_letter = |call: &&String| {
            call.starts_with("open") && (call.contains("/new/") || call.contains("/cur/"))
        };
        calls.iter().filter(is_letter).count()
    }

    fn names(&self) -> Vec<String> {
        let files = self.disk.files();
        let name = |path: &PathBuf| path.strip_prefix("/mail/alice").unwrap().display().to_string();
        let mut names: Vec<String> = files.iter().map(name).collect();
        names.retain(|name| name.contains("new/") || name.contains("cur/"));
        names.sort();
        names
    }
}

const LETTERS: [(&str, u32); 4] =
    [("cur/100.M1.h:2,S", 9), ("cur/200.M1.h:2,FRS", 3), ("new/300.M2.h", 2), ("new/300.M1.h", 1)];

fn shown(folder: &mut Folder) -> Vec<String> {
    let heads = folder.heads(Order::Sent);
    let show = |head: &Head| {
        let row = folder.row(head.uid).map_or_else(|| "?".to_owned(), |row| row.subject);
        format!("{} {row}", head.uid)
    };
    heads.iter().map(show).collect()
}

/// Reads all that isn't known; gives the portions.
fn fill(folder: &mut Folder, at_once: usize) -> Vec<Vec<u32>> {
    let mut portions = Vec::new();
    loop {
        let uids = folder.unknown(at_once);
        if uids.is_empty() {
            return portions;
        }
        let read = read_some(&folder.letter_files(&uids), Extent::Header);
        let read: Vec<_> = read.into_iter().filter_map(|(uid, it)| Some((uid, it.ok()?))).collect();
        folder.remember(&read);
        portions.push(uids);
    }
}

#[test]
fn one_thread_has_a_folder_and_another_may_get_it() {
    fn is_send<T: Send>() {}
    is_send::<Catalog>();
    is_send::<Folder>();
    is_send::<LetterFile>();
    assert_eq!(size_of::<Head>(), 12);
}

#[test]
fn a_folder_that_was_never_seen_is_listed_at_once_and_filled_newest_first() {
    let place = Place::new();
    place.letters(&LETTERS);
    place.disk.plan(Plan::Sound);
    let mut folder = place.open();
    // By what the names tell: no letter is read.
    assert_eq!(shown(&mut folder), ["1 ?", "2 ?", "3 ?", "4 ?"]);
    assert_eq!(place.letters_opened(), 0);
    assert_eq!(folder.heads(Order::Sent)[3].sent, 300);
    assert_eq!(fill(&mut folder, 3), [vec![2, 3, 4], vec![1]]);
    assert_eq!(place.letters_opened(), 4);
    assert_eq!(shown(&mut folder), ["3 of 1", "4 of 2", "2 of 3", "1 of 9"]);
    let by_arrival: Vec<u32> = folder.heads(Order::Arrived).iter().map(|head| head.uid).collect();
    assert_eq!(by_arrival.len(), 4);
    let row = folder.row(2).unwrap();
    let jurgen = Person { name: Some("J\u{fc}rgen".to_owned()), address: "j@x.example".to_owned() };
    assert_eq!((row.from, row.to.unwrap().address), (Some(jurgen), "list@x.example".to_owned()));
    let stored = place.disk.read(&place.inbox.root().join(LETTERS[1].0)).unwrap();
    let lines = stored.iter().filter(|octet| **octet == b'\n').count();
    assert_eq!(row.octets, (stored.len() + lines) as u64, "on the wire");
    let marks: Vec<Marks> = folder.heads(Order::Sent).iter().map(|head| head.marks).collect();
    let read = Marks::READ;
    let new = read.and(Marks::NEW);
    let answered = read.and(Marks::SEEN).and(Marks::FLAGGED).and(Marks::ANSWERED);
    assert_eq!(marks, [new, new, answered, read.and(Marks::SEEN)]);
}

#[test]
fn a_known_folder_is_there_without_a_letter_being_read() {
    let place = Place::new();
    place.letters(&LETTERS);
    fill(&mut place.open(), 100);
    place.disk.plan(Plan::Sound);
    let mut folder = place.open();
    let heads = folder.heads(Order::Sent);
    let opened = place.disk.calls().len();
    assert_eq!(folder.heads(Order::Sent), heads);
    assert_eq!(place.disk.calls().len(), opened, "a list costs no call once the cache is open");
    assert!(heads.iter().all(|head| head.marks.contains(Marks::READ)));
    assert_eq!(shown(&mut folder), ["3 of 1", "4 of 2", "2 of 3", "1 of 9"]);
    assert!(folder.unknown(100).is_empty());
    assert_eq!(place.letters_opened(), 0);
    assert_eq!((folder.exists(), folder.counts().unseen), (4, 2));
}

#[test]
fn what_changes_is_told_and_no_more() {
    let place = Place::new();
    place.letters(&LETTERS);
    let mut folder = place.open();
    folder.refresh().unwrap();
    fill(&mut folder, 100);
    assert!(folder.refresh().unwrap().is_nothing());
    let mut other = place.open();
    other.refresh().unwrap();
    other.set_flags(&[1], FlagChange::Add(LetterFlags::FLAGGED)).unwrap();
    other.expunge(&[2]).unwrap();
    place.letters(&[("new/400.h", 5)]);
    let changed = folder.refresh().unwrap();
    let expected = Changed { added: vec![5], removed: 1, flags: vec![1], renumbered: false };
    assert_eq!(changed, expected);
    assert_eq!(fill(&mut folder, 100), [[5]]);
    assert_eq!(shown(&mut folder), ["3 of 1", "4 of 2", "5 of 5", "1 of 9"]);
    // Made anew: numbers are void, letters are known again by what stays.
    let identity = folder.identity(4).unwrap();
    place.disk.remove(&place.inbox.root().join(REGISTER)).unwrap();
    assert!(folder.refresh().unwrap().renumbered);
    let now = folder.find(&identity).unwrap();
    assert_eq!(folder.identity(now), Some(identity));
    assert_eq!(folder.find(b"another"), None);
}

#[test]
fn a_letter_that_cannot_be_read_is_asked_for_once() {
    let place = Place::new();
    place.letters(&LETTERS);
    let mut folder = place.open();
    place.disk.remove(&place.inbox.root().join("new/300.M2.h")).unwrap();
    let uids = folder.unknown(100);
    let read = read_some(&folder.letter_files(&uids), Extent::Header);
    assert!(read.iter().any(|(uid, read)| *uid == 4 && read.is_err()));
    assert!(folder.unknown(100).is_empty());
    assert!(folder.open_letter(4).unwrap_err().is_gone());
    assert!(folder.open_letter(9).unwrap_err().is_gone());
}

/// What the other process writes is found; what it keeps us from writing is known here all the same.
#[test]
fn a_cache_that_another_process_writes() {
    let place = Place::new();
    place.letters(&LETTERS);
    let mut folder = place.open();
    let locked = {
        let mut other = place.open();
        let read = all_read(&other, &[1]);
        other.remember(&read);
        place.disk.open_locked(&place.inbox.root().join(CACHE)).unwrap()
    };
    fill(&mut folder, 100);
    assert_eq!(shown(&mut folder), ["3 of 1", "4 of 2", "2 of 3", "1 of 9"]);
    assert!(folder.unknown(100).is_empty());
    drop(locked);
    assert_eq!(shown(&mut place.open()).iter().filter(|row| row.ends_with('?')).count(), 3);
}

fn all_read(folder: &Folder, uids: &[u32]) -> Vec<(u32, facts::Read)> {
    let read = read_some(&folder.letter_files(uids), Extent::Header);
    read.into_iter().map(|(uid, read)| (uid, read.unwrap())).collect()
}

#[test]
fn letters_are_moved_taken_in_and_removed() {
    let place = Place::new();
    place.letters(&LETTERS);
    let catalog = place.catalog();
    let mut folder = catalog.open(&MailboxName::Inbox).unwrap();
    assert_eq!(folder.take_in().unwrap(), [3, 4]);
    let trash = catalog.folder_for("\\Trash", "Trash").unwrap();
    let mut trash = catalog.open(&trash).unwrap();
    let pairs = folder.move_to(&[1, 3, 77], &mut trash).unwrap();
    assert_eq!(pairs, [(1, 1), (3, 2)]);
    assert_eq!((folder.exists(), trash.exists()), (2, 2));
    // And back: that is what undoing it is.
    assert_eq!(trash.move_to(&[1], &mut folder).unwrap(), [(1, 5)]);
    trash.expunge(&[2]).unwrap();
    let names = place.names();
    assert!(names.iter().all(|name| name.starts_with("cur/")) && names.len() == 3, "{names:?}");
    let sent = catalog.folder_for("\\Sent", "Sent").unwrap();
    assert_eq!(catalog.open(&sent).unwrap().exists(), 0);
    assert_eq!(catalog.folders().unwrap().len(), 4);
}

/// Opening it would take its numbers over, while the other program goes on giving them.
#[test]
fn a_folder_of_another_program_stays_as_it_is() {
    for list in ["dovecot-uidlist", "courierimapuiddb", "postroad-exported"] {
        let place = Place::new();
        place.letters(&LETTERS);
        place.put(list, "3 V77 N30 Gabc\n4 :100.M1.h:2,S\n");
        let before = place.disk.fingerprint();
        let mut folder = place.open();
        folder.refresh().unwrap();
        assert!(matches!(folder.why_plain(), Some(WhyPlain::Another)), "{list}");
        assert_eq!(folder.validity(), 0);
        assert_eq!(shown(&mut folder), ["1 ?", "2 ?", "3 ?", "4 ?"]);
        fill(&mut folder, 3);
        assert_eq!(shown(&mut folder), ["3 of 1", "4 of 2", "2 of 3", "1 of 9"]);
        assert_eq!(folder.counts().unseen, 2);
        folder.open_letter(1).unwrap();
        drop(folder);
        assert_eq!(place.disk.fingerprint(), before, "{list}: a look has changed something");
    }
    // Once our access agent has taken it over, it is ours.
    let place = Place::new();
    place.letters(&LETTERS);
    place.put("dovecot-uidlist", "3 V77 N30 Gabc\n4 :100.M1.h:2,S\n");
    drop(
        Arc::new(Mailboxes::new(Arc::new(place.disk.clone()), "host")).open(&place.inbox).unwrap(),
    );
    let folder = place.open();
    assert!(folder.why_plain().is_none());
    assert_eq!(folder.validity(), 77);
}

#[test]
fn what_a_person_does_in_a_folder_of_another_program_is_done_to_its_files() {
    let place = Place::new();
    place.letters(&LETTERS);
    place.put("dovecot-uidlist", "3 V77 N30 Gabc\n4 :100.M1.h:2,S\n");
    let catalog = place.catalog();
    let mut folder = catalog.open(&MailboxName::Inbox).unwrap();
    let flagged = FlagChange::Add(LetterFlags::FLAGGED);
    // Somebody renames it meanwhile.
    let (old, new) = (place.inbox.root().join("new/300.M1.h"), "cur/300.M1.h:2,");
    place.disk.rename(&old, &place.inbox.root().join(new)).unwrap();
    assert_eq!(folder.set_flags(&[1, 3, 77], flagged).unwrap(), [1, 3]);
    assert_eq!(folder.take_in().unwrap(), [4]);
    let mut trash = catalog.open(&MailboxName::from_utf8("Trash").unwrap()).unwrap();
    assert_eq!(folder.move_to(&[1, 2], &mut trash).unwrap(), [(1, 1), (2, 2)]);
    assert_eq!(trash.move_to(&[2], &mut folder).unwrap(), [(2, 5)]);
    assert_eq!(folder.expunge(&[3]).unwrap(), [3]);
    let expected = [".Trash/cur/100.M1.h:2,FS", "cur/200.M1.h:2,FRS", "cur/300.M2.h:2,"];
    assert_eq!(place.names(), expected);
    assert_eq!(folder.heads(Order::Sent).len(), 2);
    place.letters(&[("new/400.h", 5)]);
    let changed = folder.refresh().unwrap();
    assert_eq!(changed, Changed { added: vec![6], ..Changed::default() });
}

#[test]
fn where_nothing_can_be_written_letters_are_listed() {
    let place = Place::new();
    place.letters(&LETTERS);
    let read_only = 30;
    place.disk.plan(Plan::FailChanges { call: 0, errno: read_only });
    let mut folder = place.open();
    assert!(matches!(folder.why_plain(), Some(WhyPlain::Unwritable(_))));
    assert_eq!(fill(&mut folder, 100), [[1, 2, 3, 4]]);
    assert_eq!(shown(&mut folder), ["3 of 1", "4 of 2", "2 of 3", "1 of 9"]);
    folder.set_flags(&[1], FlagChange::Add(LetterFlags::FLAGGED)).unwrap_err();
}

#[test]
fn a_disk_that_fails_at_any_call_is_an_error_and_no_empty_list() {
    let place = Place::new();
    place.letters(&LETTERS);
    fill(&mut place.open(), 100);
    place.disk.plan(Plan::Sound);
    shown(&mut place.open());
    let calls = place.disk.calls().len() as u64;
    assert!(calls > 5);
    for call in 0..calls {
        place.disk.plan(Plan::Fail { call, errno: 5 });
        if let Ok(mut folder) = place.catalog().open(&MailboxName::Inbox) {
            assert_eq!(folder.heads(Order::Sent).len(), 4, "call {call}");
        }
    }
}

#[test]
fn how_many_letters_a_folder_has_is_known_until_it_changes() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(postroad_disk::OsDisk);
    let inbox = Maildir::at(disk.resolve(dir.path()).unwrap());
    for part in ["tmp", "new", "cur"] {
        let part = inbox.root().join(part);
        std::fs::create_dir(&part).unwrap();
    }
    std::fs::write(inbox.root().join("cur/1.h:2,"), "x").unwrap();
    let catalog = Catalog::new(disk, inbox.clone(), "our.example");
    assert_eq!(catalog.counts(&MailboxName::Inbox), None);
    let mut folder = catalog.open(&MailboxName::Inbox).unwrap();
    // What is younger than the clock's grain isn't believed.
    let counted = || catalog.count(&mut folder).map(|counts| counts.unseen).unwrap();
    wait_until(counted, || catalog.counts(&MailboxName::Inbox).is_some());
    assert_eq!(catalog.counts(&MailboxName::Inbox).unwrap().unseen, 1);
    drop(catalog);
    let disk = Arc::new(postroad_disk::OsDisk);
    let catalog = Catalog::new(disk, inbox.clone(), "our.example");
    assert_eq!(catalog.counts(&MailboxName::Inbox).unwrap().unseen, 1);
    std::fs::write(inbox.root().join("new/2.h"), "x").unwrap();
    assert_eq!(catalog.counts(&MailboxName::Inbox), None);
}

fn wait_until(mut act: impl FnMut() -> u32, is_so: impl Fn() -> bool) {
    let since = std::time::Instant::now();
    while !is_so() {
        assert!(since.elapsed() < std::time::Duration::from_secs(30), "it is never so");
        assert_eq!(act(), 1);
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

fn ordered(folder: &mut Folder, order: Order) -> Vec<u32> {
    folder.heads(order).iter().map(|head| head.uid).collect()
}

#[test]
fn letters_have_an_order() {
    let place = Place::new();
    for (name, from, to, subject, day, body) in [
        ("cur/100.M1.h:2,S", "Zoe <a@x.example>", "carl@x.example", "Re: beta", 9, "x"),
        ("cur/200.M1.h:2,S", "anna@x.example", "Bert <z@x.example>", "Alpha", 3, "long"),
        ("cur/300.M1.h:2,S", "Carl <z@x.example>", "anna@x.example", "=?utf-8?q?beta?=", 7, "xx"),
    ] {
        let date = format!("Date: {day:02} Nov 2026 12:00:00 +0000");
        let text =
            format!("From: {from}\nTo: {to}\nSubject: {subject}\n{date}\n\n{}\n", body.repeat(99));
        place.put(name, &text);
    }
    let mut folder = place.open();
    fill(&mut folder, 9);
    for (order, wanted) in [
        (Order::Sent, [2, 3, 1]),
        (Order::Arrived, [1, 2, 3]),
        (Order::Number, [1, 2, 3]),
        (Order::From, [2, 3, 1]),
        (Order::To, [3, 2, 1]),
        // Of the same subject the one that was sent first is first.
        (Order::Subject, [2, 3, 1]),
        (Order::Octets, [1, 3, 2]),
    ] {
        assert_eq!(ordered(&mut folder, order), wanted, "{order:?}");
    }
}

#[test]
fn copies_of_letters_have_their_flags_and_can_be_found_again() {
    let place = Place::new();
    place.letters(&LETTERS);
    let catalog = place.catalog();
    let mut folder = catalog.open(&MailboxName::Inbox).unwrap();
    let lists = MailboxName::from_utf8("Lists").unwrap();
    let mut target = catalog.open(&lists).unwrap();
    let copies = folder.copy_to(&[1, 2, 99], &mut target).unwrap();
    let flags = copies.iter().map(|copy| target.flags(target.find(copy).unwrap()).unwrap());
    let seen = LetterFlags::SEEN;
    let wanted = [seen, seen.and(LetterFlags::FLAGGED).and(LetterFlags::ANSWERED)];
    assert_eq!(flags.collect::<Vec<_>>(), wanted);
    // Into the folder itself, and into one that another program numbers.
    let mut again = catalog.open(&MailboxName::Inbox).unwrap();
    let copies = folder.copy_to(&[3], &mut again).unwrap();
    folder.refresh().unwrap();
    assert_eq!((folder.exists(), folder.find(&copies[0])), (5, Some(5)));
    place.disk.put(&place.folder("Trash").root().join("dovecot-uidlist"), b"3 V1 N1 Gabc\n");
    let mut plain = catalog.open(&MailboxName::from_utf8("Trash").unwrap()).unwrap();
    let copies = folder.copy_to(&[2], &mut plain).unwrap();
    let copy = plain.find(&copies[0]).unwrap();
    assert_eq!(plain.flags(copy), Some(wanted[1]));
}

/// Letters by their numbers, with how deep they stand; `=` where they say what the one above says.
fn threaded(folder: &mut Folder) -> String {
    let heads = folder.heads(Order::Threads);
    let show = |head: &Head| {
        let same = if head.repeats { "=" } else { "" };
        format!("{}{}{same}", ">".repeat(head.depth.into()), head.uid)
    };
    heads.iter().map(show).collect::<Vec<_>>().join(" ")
}

#[test]
fn letters_stand_in_their_threads() {
    let place = Place::new();
    let put = |name: &str, id: u32, references: &str, subject: &str| {
        let text = format!(
            "From: a@x.example\nMessage-ID: <{id}@x>\nReferences: {references}\nSubject: {subject}\n\
             Date: {id:02} Nov 2026 12:00:00 +0000\n\nx\n"
        );
        place.put(name, &text);
    };
    put("cur/100.M1.h:2,S", 1, "", "lunch");
    put("cur/200.M1.h:2,S", 2, "", "minutes");
    put("cur/300.M1.h:2,S", 3, "<1@x>", "Re: lunch");
    put("cur/400.M1.h:2,S", 4, "<1@x> <3@x>", "Re: lunch, and dinner");
    put("cur/500.M1.h:2,S", 5, "<1@x>", "Re: lunch");
    // Answers to one that isn't here.
    put("cur/600.M1.h:2,S", 6, "<99@x>", "Re: gone");
    put("cur/700.M1.h:2,S", 7, "<99@x> <6@x>", "Re: gone");
    put("cur/800.M1.h:2,S", 8, "<99@x>", "Re: gone");
    let mut folder = place.open();
    fill(&mut folder, 99);
    assert_eq!(threaded(&mut folder), "1 >3= >>4 >5= 2 6 >7= >8=");
    // Again, with other flags, and with another letter.
    folder.set_flags(&[3], FlagChange::Add(LetterFlags::FLAGGED)).unwrap();
    let flagged = folder.heads(Order::Threads).get(1).map(|head| head.marks);
    assert!(flagged.unwrap().contains(Marks::FLAGGED));
    put("cur/900.M1.h:2,S", 9, "<2@x>", "Re: minutes");
    folder.refresh().unwrap();
    assert_eq!(threaded(&mut folder), "9 1 >3= >>4 >5= 2 6 >7= >8=");
    fill(&mut folder, 99);
    assert_eq!(threaded(&mut folder), "1 >3= >>4 >5= 2 >9= 6 >7= >8=");
}
