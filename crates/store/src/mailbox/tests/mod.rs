//! An open mailbox on the host's disk and on the simulated one.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use std::io::Read as _;

use postroad_disk::{Disk as _, OsDisk};
use postroad_testkit::{FaultyDisk, Plan};

use super::*;
use crate::FolderName;

mod kept;
mod model;
mod moving;
mod power_cut;
mod register;

/// A mailbox on the host's disk.
struct Place {
    _dir: tempfile::TempDir,
    inbox: Maildir,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let inbox = Maildir::at(dir.path().join("alice"));
        inbox.create(&OsDisk, "1.x").unwrap();
        Self { _dir: dir, inbox }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.inbox.root().join(name)
    }

    fn put(&self, name: &str) {
        fs::write(self.path(name), format!("Subject: {name}\n\nx\n")).unwrap();
    }

    fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for part in ["new", "cur"] {
            for entry in fs::read_dir(self.path(part)).unwrap() {
                names.push(format!("{part}/{}", entry.unwrap().file_name().display()));
            }
        }
        names.sort();
        names
    }

    /// Another process.
    fn process() -> Arc<Mailboxes> {
        Arc::new(Mailboxes::new(Arc::new(OsDisk), "host"))
    }

    fn open(&self) -> Mailbox {
        Self::process().open(&self.inbox).unwrap()
    }

    /// Another process, which the system tells of changes.
    fn watching() -> Arc<Mailboxes> {
        Arc::new(Mailboxes::new(Arc::new(OsDisk), "host").watching(|| {}))
    }

    fn open_watching(&self) -> Mailbox {
        Self::watching().open(&self.inbox).unwrap()
    }
}

/// UIDs, identities and flags, as text.
fn shown(mailbox: &Mailbox) -> String {
    let show = |entry: Entry<'_>| {
        let identity = String::from_utf8_lossy(entry.identity()).into_owned();
        format!("{}={identity}:{}", entry.uid(), mailbox.flag_names(entry.flags()).join(","))
    };
    mailbox.entries().map(show).collect::<Vec<_>>().join(" ")
}

fn refreshed(mailbox: &mut Mailbox) -> String {
    mailbox.refresh().unwrap();
    shown(mailbox)
}

#[test]
fn letters_get_uids_in_the_order_in_which_they_came_and_keep_them() {
    let place = Place::new();
    for name in ["new/20.M1P1.h", "cur/3.M5P1.h:2,S", "new/20.M0P9.h", "cur/.hidden"] {
        place.put(name);
    }
    let mut mailbox = place.open();
    assert_eq!(shown(&mailbox), "1=3.M5P1.h:\\Seen 2=20.M0P9.h: 3=20.M1P1.h:");
    place.put("new/1.M1P1.h");
    fs::rename(place.path("new/20.M0P9.h"), place.path("cur/20.M0P9.h,U=4:2,FS")).unwrap();
    fs::remove_file(place.path("cur/3.M5P1.h:2,S")).unwrap();
    let before = mailbox.highest_modseq();
    let after = "2=20.M0P9.h:\\Flagged,\\Seen 3=20.M1P1.h: 4=1.M1P1.h:";
    assert_eq!(refreshed(&mut mailbox), after);
    let changed: Vec<u32> = mailbox.changed_since(before).map(|entry| entry.uid()).collect();
    assert_eq!((changed, mailbox.expunged_since(before)), (vec![2, 4], vec![(1, 1)]));
    // Another process finds the same, without a look.
    let other = place.open();
    assert_eq!(shown(&other), after);
    assert_eq!(other.uid_validity(), mailbox.uid_validity());
    assert_eq!(other.mailbox_id(), mailbox.mailbox_id());
    assert_eq!((other.uid_next(), mailbox.uid_next()), (5, 5));
    assert_eq!(other.highest_modseq(), mailbox.highest_modseq());
}

#[test]
fn flags_are_file_names_and_other_programs_flags_stay() {
    let place = Place::new();
    for name in ["new/1.h", "cur/2.h,S=3:2,F", "cur/3.h:2,XS", "cur/4.h:2,"] {
        place.put(name);
    }
    let mut mailbox = place.open();
    let before = mailbox.highest_modseq();
    let work = mailbox.flags_of(&["\\Seen", "work"]).unwrap();
    let result = mailbox.set_flags(&[1, 2, 3, 9], FlagChange::Add(work), None).unwrap();
    assert_eq!((result.changed, result.gone), (vec![1, 2, 3], vec![9]));
    assert_eq!(place.names(), ["cur/1.h:2,Sa", "cur/2.h,S=3:2,FSa", "cur/3.h:2,SXa", "cur/4.h:2,"]);
    assert_eq!(fs::read_to_string(place.path("dovecot-keywords")).unwrap(), "0 work\n");
    let all = "1=1.h:\\Seen,work 2=2.h:\\Flagged,\\Seen,work 3=3.h:\\Seen,work 4=4.h:";
    assert_eq!(shown(&mailbox), all);
    assert_eq!(refreshed(&mut mailbox), all);
    assert_eq!(shown(&place.open()), all);
    // What was changed since isn't changed again.
    let result =
        mailbox.set_flags(&[1, 4], FlagChange::Replace(LetterFlags::DRAFT), Some(before)).unwrap();
    assert_eq!((result.changed, result.modified), (vec![4], vec![1]));
    // Others rename meanwhile: the change is made to what is found.
    fs::rename(place.path("cur/1.h:2,Sa"), place.path("cur/1.h:2,RSa")).unwrap();
    let result = mailbox.set_flags(&[1], FlagChange::Remove(LetterFlags::SEEN), None).unwrap();
    assert_eq!(result.changed, [1]);
    assert!(place.path("cur/1.h:2,Ra").exists());
    let nothing = mailbox.set_flags(&[1], FlagChange::Remove(LetterFlags::SEEN), None).unwrap();
    assert_eq!(nothing, FlagsChanged::default());
}

#[test]
fn keywords_beyond_the_letters_are_known_to_us_alone() {
    let place = Place::new();
    place.put("cur/1.h:2,");
    let mut mailbox = place.open();
    let names: Vec<String> = (0..64).map(|number| format!("k{number}")).collect();
    let flags = mailbox.flags_of(&names).unwrap();
    assert!(!mailbox.takes_keywords());
    assert!(matches!(mailbox.flags_of(&["k64"]), Err(MailboxError::NoKeyword { .. })));
    assert!(matches!(mailbox.flags_of(&["a b"]), Err(MailboxError::NoKeyword { .. })));
    mailbox.set_flags(&[1], FlagChange::Add(flags), None).unwrap();
    assert_eq!(place.names(), ["cur/1.h:2,abcdefghijklmnopqrstuvwxyz"]);
    let other = place.open();
    let entry = other.entry(1).unwrap();
    assert_eq!(other.flag_names(entry.flags()), names);
    // Another program takes the letters away; the rest stays.
    fs::rename(place.path(&place.names()[0]), place.path("cur/1.h:2,S")).unwrap();
    mailbox.refresh().unwrap();
    let entry = mailbox.entry(1).unwrap();
    assert_eq!(mailbox.flag_names(entry.flags()).len(), 1 + 64 - 26);
}

#[test]
fn select_takes_letters_in_and_examine_does_not() {
    let place = Place::new();
    for name in ["new/1.h", "cur/2.h:2,", "new/3.h:2,F"] {
        place.put(name);
    }
    let mut mailbox = place.open();
    let new: Vec<u32> = mailbox.entries().filter(|e| e.is_new()).map(|e| e.uid()).collect();
    assert_eq!(new, [1, 3]);
    let before = mailbox.highest_modseq();
    assert_eq!(mailbox.take_in().unwrap(), [1, 3]);
    assert_eq!(mailbox.take_in().unwrap(), [0; 0]);
    assert_eq!(place.names(), ["cur/1.h:2,", "cur/2.h:2,", "cur/3.h:2,F"]);
    assert_eq!(mailbox.highest_modseq(), before);
    mailbox.refresh().unwrap();
    assert_eq!((mailbox.highest_modseq(), place.open().take_in().unwrap().len()), (before, 0));
}

#[test]
fn expunged_letters_are_gone_and_one_that_comes_back_is_another() {
    let place = Place::new();
    for name in ["cur/1.h:2,T", "cur/2.h:2,", "cur/3.h:2,T"] {
        place.put(name);
    }
    let mut mailbox = place.open();
    let before = mailbox.highest_modseq();
    fs::rename(place.path("cur/3.h:2,T"), place.path("cur/3.h:2,FT")).unwrap();
    assert_eq!(mailbox.expunge(&[3, 1, 7]).unwrap(), [1, 3]);
    assert_eq!(place.names(), ["cur/2.h:2,"]);
    assert_eq!(mailbox.expunged_since(before), [(1, 1), (3, 3)]);
    place.put("cur/1.h:2,");
    assert_eq!(refreshed(&mut mailbox), "2=2.h: 4=1.h:");
    assert!(matches!(mailbox.open_letter(1), Err(MailboxError::Gone { uid: 1 })));
}

#[test]
fn letters_are_appended_all_or_none() {
    let place = Place::new();
    let mut mailbox = place.open();
    let received = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let flags = mailbox.flags_of(&["\\Seen", "$Junk"]).unwrap();
    let mut letters = Vec::new();
    for text in [&b"Subject: a\r\n\r\nx\r\n"[..], b"no line end"] {
        let mut letter = mailbox.new_letter().unwrap();
        letter.write(text).unwrap();
        letter.set_flags(flags);
        letter.set_received(received);
        letters.push(letter);
    }
    assert_eq!(mailbox.append(letters).unwrap(), [1, 2]);
    let text = |mailbox: &mut Mailbox, uid| {
        let mut text = Vec::new();
        mailbox.open_letter(uid).unwrap().wire().read_to_end(&mut text).unwrap();
        text
    };
    assert_eq!(text(&mut mailbox, 1), b"Subject: a\r\n\r\nx\r\n");
    assert_eq!(text(&mut mailbox, 2), b"no line end");
    let entry = mailbox.entry(1).unwrap();
    assert_eq!((entry.octets(), entry.wire_octets()), (Some(14), Some(17)));
    assert!(entry.saved().unwrap() > received);
    assert_eq!(mailbox.open_letter(1).unwrap().wire_octets().unwrap(), 17);
    assert_eq!(mailbox.internal_date(2).unwrap(), received);
    assert_eq!(fs::read_dir(place.path("tmp")).unwrap().count(), 0);
    let all = shown(&mailbox);
    assert_eq!(refreshed(&mut mailbox), all);
    assert_eq!(shown(&place.open()), all);
    drop(mailbox.new_letter().unwrap());
    assert_eq!(fs::read_dir(place.path("tmp")).unwrap().count(), 0);
    // In place of others.
    let mut letter = mailbox.new_letter().unwrap();
    letter.write(b"new").unwrap();
    assert_eq!(replace(&mut mailbox, 1, letter).unwrap(), [3]);
    let uids: Vec<u32> = mailbox.entries().map(|entry| entry.uid()).collect();
    assert_eq!((uids, place.names().len()), (vec![2, 3], 2));
}

/// REPLACE within a mailbox.
fn replace(mailbox: &mut Mailbox, uid: u32, by: NewLetter) -> Result<Vec<u32>, MailboxError> {
    let folder = mailbox.folder().clone();
    let old = mailbox.entry(uid).map(|entry| entry.identity().to_owned());
    let (all, letters) = (Arc::clone(&mailbox.all), vec![by]);
    let moving = all.begin_replacing(&folder, &old.unwrap(), &folder, &letters)?;
    let uids = mailbox.append_in_place(letters, Some(&moving))?;
    mailbox.end_move(moving)?;
    Ok(uids)
}

#[test]
fn letters_are_copied_and_moved_with_flags_and_dates() {
    let place = Place::new();
    place.put("cur/1.h,S=24,W=27:2,Fa");
    place.put("cur/2.h:2,");
    fs::write(place.path("dovecot-keywords"), "0 work\n").unwrap();
    let folder = place.inbox.folder(&FolderName::parse("Lists").unwrap());
    folder.create(&OsDisk, "2.x").unwrap();
    fs::write(folder.root().join("dovecot-keywords"), "0 other\n").unwrap();
    let mut inbox = place.open();
    let mut lists = Place::process().open(&folder).unwrap();
    assert_eq!(inbox.copy_to(&[1, 2, 5], &mut lists).unwrap(), [(1, 1), (2, 2)]);
    let copy = lists.entry(1).unwrap();
    assert_eq!(lists.flag_names(copy.flags()), ["\\Flagged", "work"]);
    assert_eq!((copy.octets(), copy.wire_octets()), (Some(24), Some(27)));
    assert_ne!(copy.identity(), b"1.h");
    assert_eq!(lists.internal_date(1).unwrap(), inbox.internal_date(1).unwrap());
    assert_eq!(inbox.move_to(&[2], &mut lists).unwrap(), [(2, 3)]);
    assert_eq!(inbox.copy_within(&[1]).unwrap(), [(1, 3)]);
    assert_eq!((inbox.exists(), lists.exists()), (2, 3));
    for mailbox in [&mut inbox, &mut lists] {
        let all = shown(mailbox);
        assert_eq!(refreshed(mailbox), all);
    }
}

#[test]
fn two_processes_see_each_others_changes_and_give_no_uid_twice() {
    let place = Place::new();
    place.put("cur/1.h:2,");
    let (mut one, mut two) = (place.open(), place.open());
    for round in 2..40 {
        place.put(&format!("new/{round}.h"));
        assert_eq!(refreshed(&mut one), refreshed(&mut two));
        one.set_flags(&[round], FlagChange::Add(LetterFlags::SEEN), None).unwrap();
        two.set_flags(&[round], FlagChange::Add(LetterFlags::FLAGGED), None).unwrap();
        two.expunge(&[round - 1]).unwrap();
        assert_eq!(refreshed(&mut one), refreshed(&mut two));
        assert_eq!(shown(&one), format!("{round}={round}.h:\\Flagged,\\Seen"));
    }
    let third = place.open();
    assert_eq!(shown(&third), shown(&one));
    assert_eq!(third.expunged_since(1), one.expunged_since(1));
}

#[test]
fn a_register_that_is_damaged_or_gone_gives_greater_numbers() {
    let place = Place::new();
    place.put("cur/1.h:2,");
    let register = place.path(file::REGISTER);
    let mut open = place.open();
    let mut last = open.uid_validity();
    for damage in 0..4 {
        let mut octets = fs::read(&register).unwrap();
        match damage {
            0 => fs::remove_file(&register).unwrap(),
            1 => fs::write(&register, b"").unwrap(),
            2 => {
                octets[20] ^= 1;
                fs::write(&register, &octets).unwrap();
            }
            _ => {
                octets[270] ^= 1;
                fs::write(&register, &octets).unwrap();
            }
        }
        let mailbox = place.open();
        assert!(mailbox.uid_validity() > last, "{damage}");
        last = mailbox.uid_validity();
        assert_eq!(shown(&mailbox), "1=1.h:");
    }
    // Who had the old one open learns it.
    assert_eq!(refreshed(&mut open), "1=1.h:");
    assert_eq!(open.uid_validity(), last);
}

#[test]
fn a_folder_that_is_gone_or_unreadable_is_an_error_and_not_empty() {
    let place = Place::new();
    place.put("cur/1.h:2,");
    let mut mailbox = place.open();
    let cur = place.path("cur");
    fs::rename(&cur, place.path("elsewhere")).unwrap();
    assert!(matches!(mailbox.refresh(), Err(MailboxError::NoMailbox { .. })));
    assert_eq!(mailbox.exists(), 1);
    fs::rename(place.path("elsewhere"), &cur).unwrap();
    mailbox.refresh().unwrap();
    assert_eq!(mailbox.exists(), 1);
    assert!(matches!(
        Place::process().open(&Maildir::at(place.path("nowhere"))),
        Err(MailboxError::NoMailbox { .. })
    ));
    // EACCES at each of the calls that list.
    let (disk, inbox) = simulated();
    disk.put(Path::new("/mail/alice/cur/1.h:2,"), b"x");
    let all = Arc::new(Mailboxes::new(Arc::new(disk.clone()), "host"));
    let mut mailbox = all.open(&inbox).unwrap();
    disk.put(Path::new("/mail/alice/new/2.h"), b"x");
    disk.plan(Plan::FailNext { operation: "read_dir", errno: 13 });
    assert!(mailbox.refresh().is_err());
    assert_eq!(mailbox.exists(), 1);
    assert_eq!(refreshed(&mut mailbox), "1=1.h: 2=2.h:");
    let register = Path::new("/mail/alice").join(file::REGISTER);
    disk.remove(&register).unwrap();
    disk.plan(Plan::FailNext { operation: "read_dir", errno: 13 });
    assert!(all.open(&inbox).is_err());
    assert_eq!(disk.read(&register), None);
}

/// Another process removes the folder and makes one of that name, after it was looked at and before its register is locked:
/// the UIDs in hand are another mailbox's letters now, and none of those is touched.
#[test]
fn numbers_of_a_mailbox_that_is_another_one_by_now_change_nothing() {
    type Act = fn(&mut Mailbox) -> Result<(), MailboxError>;
    let acts: [(&str, Act); 5] = [
        ("flags", |mailbox| {
            mailbox.set_flags(&[1], FlagChange::Add(LetterFlags::DELETED), None).map(drop)
        }),
        ("expunge", |mailbox| mailbox.expunge(&[1]).map(drop)),
        ("copies", |mailbox| {
            let folder = mailbox.folder().clone();
            mailbox.copies(&[1], &folder).map(drop)
        }),
        ("replace", |mailbox| {
            let letter = mailbox.new_letter()?;
            replace(mailbox, 1, letter).map(drop)
        }),
        ("open", |mailbox| mailbox.open_letter(1).map(drop)),
    ];
    for (name, act) in acts {
        for watching in [false, true] {
            let place = Place::new();
            place.put("cur/1.old:2,S");
            let mut known = if watching { place.open_watching() } else { place.open() };
            assert_eq!(refreshed(&mut known), "1=1.old:\\Seen");
            fs::remove_dir_all(place.inbox.root()).unwrap();
            place.inbox.create(&OsDisk, "1.x").unwrap();
            place.put("cur/1.new:2,S");
            let mut other = place.open();
            assert_eq!(refreshed(&mut other), "1=1.new:\\Seen");
            let done = act(&mut known);
            assert!(matches!(done, Err(MailboxError::Renumbered { .. })), "{name}: {done:?}");
            assert_eq!(place.names(), ["cur/1.new:2,S"], "{name}");
            // What it has in view is the other one by now, and its numbers are good.
            assert_eq!(refreshed(&mut known), "1=1.new:\\Seen", "{name}");
            assert_eq!(known.uid_validity(), other.uid_validity());
            assert_eq!(known.expunge(&[1]).unwrap(), [1]);
        }
    }
}

#[test]
fn two_files_of_one_identity_are_two_letters() {
    let place = Place::new();
    place.put("cur/1.h:2,");
    let mut mailbox = place.open();
    place.put("new/1.h");
    fs::write(place.path("new/1.h"), "other").unwrap();
    // A second name of the same file is none.
    fs::hard_link(place.path("cur/1.h:2,"), place.path("cur/1.h:2,S")).unwrap();
    mailbox.refresh().unwrap();
    assert_eq!(mailbox.exists(), 2);
    assert_eq!(mailbox.entry(1).unwrap().identity(), b"1.h");
    let mut text = Vec::new();
    mailbox.open_letter(2).unwrap().wire().read_to_end(&mut text).unwrap();
    assert_eq!(text, b"other");
    fs::remove_file(place.path("cur/1.h:2,")).unwrap();
    mailbox.refresh().unwrap();
    assert_eq!(mailbox.flag_names(mailbox.entry(1).unwrap().flags()), ["\\Seen"]);
    let all = shown(&mailbox);
    assert_eq!(refreshed(&mut mailbox), all);
}

#[test]
fn numbers_of_another_program_are_taken_over() {
    let place = Place::new();
    for name in ["cur/1.h:2,S", "cur/2.h,S=4:2,", "new/3.h"] {
        place.put(name);
    }
    let list = "3 V7 N100\n8 :gone.h\n9 Pold-name :1.h\n70 :2.h:2,S\n";
    fs::write(place.path("dovecot-uidlist"), list).unwrap();
    let mut mailbox = place.open();
    assert_eq!(shown(&mailbox), "9=1.h:\\Seen 70=2.h: 100=3.h:");
    assert_eq!((mailbox.uid_validity(), mailbox.uid_next()), (7, 101));
    mailbox.expunge(&[9]).unwrap();
    // What we gave since then is in no other file: never twice.
    fs::remove_file(place.path(file::REGISTER)).unwrap();
    let again = place.open();
    assert!(again.uid_validity() > 7);
    assert_eq!(shown(&again), "1=2.h: 2=3.h:");
    // Unless they were given back.
    again.numbers_were_given_back().unwrap();
    fs::remove_file(place.path(file::REGISTER)).unwrap();
    assert_eq!(shown(&place.open()), "70=2.h: 100=3.h:");
}

#[test]
fn what_the_system_tells_spares_listings() {
    let place = Place::new();
    for name in ["cur/1.h:2,", "cur/2.h:2,"] {
        place.put(name);
    }
    let mut mailbox = place.open_watching();
    mailbox.refresh().unwrap();
    mailbox.refresh().unwrap();
    assert!(mailbox.all.noticed().unwrap().is_empty());
    place.put("new/3.h");
    assert_eq!(mailbox.all.noticed().unwrap(), [place.inbox.root()]);
    fs::rename(place.path("cur/1.h:2,"), place.path("cur/1.h:2,S")).unwrap();
    fs::remove_file(place.path("cur/2.h:2,")).unwrap();
    assert_eq!(refreshed(&mut mailbox), "1=1.h:\\Seen 3=3.h:");
    mailbox.take_in().unwrap();
    mailbox.set_flags(&[1, 3], FlagChange::Replace(LetterFlags::DRAFT), None).unwrap();
    fs::rename(place.path("cur/3.h:2,D"), place.path("cur/3.h:2,DF")).unwrap();
    assert_eq!(refreshed(&mut mailbox), "1=1.h:\\Draft 3=3.h:\\Draft,\\Flagged");
    assert_eq!(shown(&place.open()), shown(&mailbox));
    // Others who share the mailbox hear of what was seen.
    assert_eq!(mailbox.all.noticed().unwrap(), [place.inbox.root()]);
    assert!(mailbox.all.noticed().unwrap().is_empty());
    // What we do ourselves is no news.
    mailbox.set_flags(&[1], FlagChange::Add(LetterFlags::SEEN), None).unwrap();
    mailbox.refresh().unwrap();
    assert!(mailbox.all.noticed().unwrap().is_empty());
}

/// The system shows it once, to all of the process.
#[test]
fn what_a_look_at_one_folder_takes_of_another_is_told() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    let (place, calls) = (Place::new(), Arc::new(AtomicUsize::new(0)));
    let folder = place.inbox.folder(&FolderName::parse("Lists").unwrap());
    folder.create(&OsDisk, "2.x").unwrap();
    let count = Arc::clone(&calls);
    let stirred = move || {
        count.fetch_add(1, Ordering::Relaxed);
    };
    let all = Arc::new(Mailboxes::new(Arc::new(OsDisk), "host").watching(stirred));
    let (mut inbox, mut lists) = (all.open(&place.inbox).unwrap(), all.open(&folder).unwrap());
    inbox.refresh().unwrap();
    lists.refresh().unwrap();
    all.noticed().unwrap();
    let before = calls.load(Ordering::Relaxed);
    lists.refresh().unwrap();
    assert_eq!(calls.load(Ordering::Relaxed), before, "there was nothing");
    place.put("new/1.h");
    lists.refresh().unwrap();
    assert_eq!(calls.load(Ordering::Relaxed), before + 1);
    assert_eq!(all.noticed().unwrap(), [place.inbox.root()]);
    assert_eq!(refreshed(&mut inbox), "1=1.h:");
    // And so are those who share the folder that was looked at.
    assert_eq!(calls.load(Ordering::Relaxed), before + 2);
    assert_eq!(all.noticed().unwrap(), [place.inbox.root()]);
    assert!(all.noticed().unwrap().is_empty());
}

#[test]
fn many_changes_at_once_are_not_listened_to_and_nothing_of_others_is_missed() {
    let place = Place::new();
    let count = crate::limits::FILES_WATCHED_MAX + 2;
    (0..count).for_each(|number| place.put(&format!("cur/{}.h:2,", 10_000 + number)));
    let mut mailbox = place.open_watching();
    mailbox.refresh().unwrap();
    let uids: Vec<u32> = mailbox.entries().map(|entry| entry.uid()).collect();
    // Others were at it, and nobody has looked yet.
    place.put("new/20000.h");
    fs::rename(place.path("cur/10000.h:2,"), place.path("cur/10000.h:2,R")).unwrap();
    fs::remove_file(place.path("cur/10001.h:2,")).unwrap();
    let changed = mailbox.set_flags(&uids, FlagChange::Add(LetterFlags::SEEN), None).unwrap();
    assert_eq!((changed.changed.len(), changed.gone), (count - 1, vec![2]));
    let shown_now = shown(&mailbox);
    assert!(shown_now.starts_with("1=10000.h:\\Answered,\\Seen 3=10002.h:\\Seen "), "{shown_now}");
    assert!(shown_now.ends_with(&format!(" {}=20000.h:", count + 1)), "{shown_now}");
    // What comes next is told again, and only that.
    mailbox.all.noticed().unwrap();
    assert!(mailbox.all.noticed().unwrap().is_empty());
    mailbox.refresh().unwrap();
    place.put("new/20001.h");
    assert_eq!(mailbox.all.noticed().unwrap(), [place.inbox.root()]);
    assert!(refreshed(&mut mailbox).ends_with("=20001.h:"));
    assert_eq!(shown(&place.open()), shown(&mailbox));
}

/// On the simulated disk, where calls can be counted.
#[test]
fn an_unchanged_folder_is_neither_listed_nor_synced() {
    let (disk, inbox) = simulated();
    for name in ["cur/1.h:2,", "new/2.h"] {
        disk.put(&Path::new("/mail/alice").join(name), b"x");
    }
    let open = |disk: &FaultyDisk| {
        Arc::new(Mailboxes::new(Arc::new(disk.clone()), "host")).open(&inbox).unwrap()
    };
    let mut mailbox = open(&disk);
    mailbox.refresh().unwrap();
    disk.plan(Plan::Sound);
    mailbox.refresh().unwrap();
    let mut other = open(&disk);
    other.refresh().unwrap();
    for operation in ["read_dir", "sync", "sync_dir", "lock", "open_locked", "write"] {
        assert_eq!(disk.count(operation), 0, "{:?}", disk.calls());
    }
    // A new letter costs no sync either.
    disk.put(Path::new("/mail/alice/new/3.h"), b"x");
    other.refresh().unwrap();
    other.set_flags(&[1, 2, 3], FlagChange::Add(LetterFlags::SEEN), None).unwrap();
    assert_eq!((other.exists(), disk.count("sync"), disk.count("sync_dir")), (3, 0, 0));
}

fn simulated() -> (FaultyDisk, Maildir) {
    let disk = FaultyDisk::new();
    for part in ["tmp", "new", "cur"] {
        disk.put_dir(&Path::new("/mail/alice").join(part));
    }
    (disk, Maildir::at("/mail/alice"))
}

#[test]
fn after_another_boot_numbers_go_on_behind_the_lease() {
    let (disk, inbox) = simulated();
    disk.put(Path::new("/mail/alice/cur/1.h:2,"), b"x");
    let open = |disk: &FaultyDisk| {
        Arc::new(Mailboxes::new(Arc::new(disk.clone()), "host")).open(&inbox).unwrap()
    };
    let mut mailbox = open(&disk);
    disk.put(Path::new("/mail/alice/cur/2.h:2,"), b"x");
    mailbox.refresh().unwrap();
    let (uid, modseq) = (mailbox.uid_next(), mailbox.highest_modseq());
    assert_eq!(shown(&mailbox), "1=1.h: 2=2.h:");
    let disk = disk.restart_after_cut();
    let mut mailbox = open(&disk);
    mailbox.refresh().unwrap();
    let new = mailbox.entry(mailbox.uid_next() - 1).unwrap().uid();
    assert!(new > uid && mailbox.entry(2).is_none() && mailbox.exists() == 2, "{new}");
    assert!(mailbox.entries().all(|entry| entry.modseq() > modseq));
    assert_eq!(mailbox.expunged_since(modseq), [(2, new - 1)]);
}

#[test]
fn many_changes_are_written_anew() {
    let place = Place::new();
    for number in 0..300 {
        place.put(&format!("cur/{number}.M{number}P1Q{number}R00000000.host.example:2,"));
    }
    let mut mailbox = place.open();
    let uids: Vec<u32> = (1..=300).step_by(2).collect();
    let mut sizes = Vec::new();
    for round in 0..60 {
        let change = match round % 2 {
            0 => FlagChange::Add(LetterFlags::SEEN),
            _ => FlagChange::Remove(LetterFlags::SEEN),
        };
        mailbox.set_flags(&uids, change, None).unwrap();
        sizes.push(fs::metadata(place.path(file::REGISTER)).unwrap().len());
    }
    assert!(sizes.windows(2).any(|pair| pair[1] < pair[0]), "{sizes:?}");
    let all = shown(&mailbox);
    assert_eq!(refreshed(&mut mailbox), all);
    assert_eq!(shown(&place.open()), all);
}

#[test]
fn who_holds_the_register_is_named_and_readers_go_on() {
    let place = Place::new();
    place.put("cur/1.h:2,");
    let all = Mailboxes::new(Arc::new(OsDisk), "host").with_lock_wait(Duration::ZERO);
    let mut mailbox = Arc::new(all).open(&place.inbox).unwrap();
    let mut other = place.open();
    let held = other.lock().unwrap();
    let error = mailbox.set_flags(&[1], FlagChange::Add(LetterFlags::SEEN), None).unwrap_err();
    let holder = Some(std::process::id());
    assert!(matches!(&error, MailboxError::Locked { holder: h, .. } if *h == holder), "{error}");
    assert_eq!(
        (shown(&mailbox), place.names()),
        ("1=1.h:".to_owned(), vec!["cur/1.h:2,".to_owned()])
    );
    assert_eq!(mailbox.open_letter(1).unwrap().octets(), 23);
    drop(held);
    mailbox.set_flags(&[1], FlagChange::Add(LetterFlags::SEEN), None).unwrap();
}
