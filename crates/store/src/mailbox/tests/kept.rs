//! What is kept of the mailbox that was closed last is what another process would read.

use super::*;

/// Closed, changed by others or not, and opened by the same process again: it has to end with `expected`, as what
/// another process sees.
#[track_caller]
fn closed_and_opened(between: impl Fn(&Place), expected: &str) {
    for process in [Place::process(), Place::watching()] {
        let place = Place::new();
        ["cur/1.h:2,S", "new/2.h", "cur/3.h:2,"].iter().for_each(|name| place.put(name));
        process.open(&place.inbox).unwrap().refresh().unwrap();
        between(&place);
        let of = |mut mailbox: Mailbox| {
            let (validity, id) = (mailbox.uid_validity(), mailbox.mailbox_id());
            format!("{validity} {id} {}", refreshed(&mut mailbox))
        };
        let kept = of(process.open(&place.inbox).unwrap());
        assert_eq!(kept, of(place.open()));
        assert!(kept.ends_with(expected), "{kept}");
    }
}

#[test]
fn a_mailbox_that_nobody_has_touched_is_not_read_again() {
    let place = Place::new();
    place.put("cur/1.h:2,S");
    let process = Place::process();
    drop(process.open(&place.inbox).unwrap());
    // Only its length and its number are looked at: other octets of the snapshot aren't.
    let register = place.path(REGISTER_FILE);
    let octets = fs::read(&register).unwrap();
    let file = fs::OpenOptions::new().write(true).open(&register).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &vec![0; octets.len()], 0).unwrap();
    assert_eq!(shown(&process.open(&place.inbox).unwrap()), "1=1.h:\\Seen");
}

#[test]
fn what_others_have_appended_is_read() {
    let change = |place: &Place| {
        let mut other = place.open();
        other.set_flags(&[3], FlagChange::Add(LetterFlags::FLAGGED), None).unwrap();
        other.expunge(&[1]).unwrap();
    };
    closed_and_opened(change, " 2=2.h: 3=3.h:\\Flagged");
}

#[test]
fn what_others_have_done_to_files_is_seen() {
    let change = |place: &Place| {
        place.put("new/9.h");
        fs::remove_file(place.path("cur/1.h:2,S")).unwrap();
        fs::rename(place.path("cur/3.h:2,"), place.path("cur/3.h:2,F")).unwrap();
    };
    closed_and_opened(change, " 2=2.h: 3=3.h:\\Flagged 4=9.h:");
}

#[test]
fn another_register_in_its_place_is_another() {
    let change = |place: &Place| {
        fs::remove_file(place.path(REGISTER_FILE)).unwrap();
        fs::remove_file(place.path("cur/1.h:2,S")).unwrap();
        place.open();
    };
    closed_and_opened(change, " 1=2.h: 2=3.h:");
}

#[test]
fn none_in_its_place_is_none() {
    let change = |place: &Place| {
        fs::remove_file(place.path(REGISTER_FILE)).unwrap();
        fs::remove_file(place.path("cur/1.h:2,S")).unwrap();
    };
    closed_and_opened(change, " 1=2.h: 2=3.h:");
}

#[test]
fn a_torn_end_is_mended() {
    let change = |place: &Place| {
        let register = place.path(REGISTER_FILE);
        let octets = [fs::read(&register).unwrap(), b"\x30\0\0\0\x01half".to_vec()].concat();
        let file = fs::OpenOptions::new().write(true).open(&register).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, &octets, 0).unwrap();
    };
    closed_and_opened(change, " 1=1.h:\\Seen 2=2.h: 3=3.h:");
}
