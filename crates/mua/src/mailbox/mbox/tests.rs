use std::io::Write as _;

use proptest::prelude::*;

use super::*;

fn mailbox(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alice");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

fn letters(text: &str) -> Vec<(String, String)> {
    let (_folder, path) = mailbox(text);
    let mut mbox = Mbox::open(&path).unwrap();
    let entries = mbox.entries().to_vec();
    let mut raw = |entry: &Entry| String::from_utf8(mbox.message(entry).unwrap()).unwrap();
    entries.iter().map(|entry| (entry.flags.clone(), entry)).map(|(f, e)| (f, raw(e))).collect()
}

#[test]
fn letters_of_a_file() {
    let letter = |flags: &str, text: &str| (flags.to_owned(), text.to_owned());
    for (text, expected) in [
        ("", vec![]),
        ("\n", vec![]),
        ("From a@b Mon\nSubject: x\n\nhi\n\n", vec![letter("", "Subject: x\n\nhi\n")]),
        // Torn, and without an empty line at its end.
        ("From a@b Mon\nSubject: x\n\nhi", vec![letter("", "Subject: x\n\nhi")]),
        (
            "From a Mon\nStatus: RO\nX-Status: AF\n\n1\n\nFrom b Tue\n\n\n2\n\n\nFrom c Wed\nA: b\n\n",
            vec![
                letter("FRS", "Status: RO\nX-Status: AF\n\n1\n"),
                letter("", "\n\n2\n\n"),
                letter("", "A: b\n\n"),
            ],
        ),
        // "From " in the middle of a text, quoted and not.
        (
            "From a Mon\n\nx\nFrom here on\n\n>From then\n>>From\n>>From x\n> From\n\n",
            vec![letter("", "\nx\nFrom here on\n\nFrom then\n>>From\n>From x\n> From\n")],
        ),
        ("From a Mon\r\nA: b\r\n\r\nx\r\n\r\n", vec![letter("", "A: b\r\n\r\nx\r\n")]),
    ] {
        assert_eq!(letters(text), expected, "{text:?}");
    }
}

#[test]
fn what_is_no_mailbox_is_said() {
    for text in ["Subject: x\n\nFrom a Mon\n", "\0\0\0", "#!/bin/sh\n"] {
        let (_folder, path) = mailbox(text);
        assert!(Mbox::open(&path).unwrap_err().to_string().contains("cannot read"), "{text:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    assert!(Mbox::open(folder.path()).is_err() && Mbox::open(&folder.path().join("no")).is_err());
}

#[test]
fn names_stay_while_others_note_and_deliver_and_remove() {
    let (_folder, path) =
        mailbox("From a Mon\nSubject: 1\n\none\n\nFrom b Tue\nSubject: 2\n\ntwo\n\n");
    let mut mbox = Mbox::open(&path).unwrap();
    let before = mbox.entries().to_vec();
    assert!(!mbox.refresh().unwrap());
    // Another reader notes that it was read, a delivery comes, and the first one is thrown away.
    let text = "From b Tue\nStatus: RO\nSubject: 2\n\ntwo\n\nFrom c Wed\nSubject: 3\n\nthree\n\n";
    std::fs::write(&path, text).unwrap();
    // The letter is found though it stands elsewhere.
    let raw = mbox.message(&before[1]).unwrap();
    assert!(raw.ends_with(b"\n\ntwo\n"), "{raw:?}");
    let after = mbox.entries();
    assert_eq!((after[0].name.as_str(), after[0].flags.as_str()), (before[1].name.as_str(), "S"));
    assert_eq!(after.len(), 2);
    assert!(matches!(mbox.message(&before[0]), Err(MailboxError::Unknown { .. })));
    std::fs::remove_file(&path).unwrap();
    assert!(mbox.refresh().unwrap() && mbox.entries().is_empty());
}

#[test]
fn the_same_letter_twice_is_two() {
    let (_folder, path) = mailbox("From a Mon\n\nx\n\nFrom a Mon\n\nx\n\n");
    let mbox = Mbox::open(&path).unwrap();
    let names: Vec<_> = mbox.entries().iter().map(|entry| entry.name.clone()).collect();
    assert!(names.len() == 2 && names[0] != names[1], "{names:?}");
}

/// Who has a lock is waited for: a file beside it (procmail, mutt), and fcntl(2) (Dovecot, ours).
#[test]
fn locks_of_others_are_waited_for() {
    let text = "From a Mon\n\nx\n\n";
    for kind in ["dot", "fcntl"] {
        let (_folder, path) = mailbox(text);
        let beside = path.with_extension("lock");
        let held = match kind {
            "dot" => {
                std::fs::write(&beside, "").unwrap();
                None
            }
            // The lock of another open file, as another process has it.
            _ => Some(postroad_disk::Disk::open_locked(&postroad_disk::OsDisk, &path).unwrap()),
        };
        let (sender, opened) = std::sync::mpsc::channel();
        let reader = {
            let path = path.clone();
            std::thread::spawn(move || sender.send(Mbox::open(&path).unwrap().entries().len()))
        };
        assert!(opened.recv_timeout(LOCK_PAUSE * 4).is_err(), "{kind}");
        // A letter comes while it is locked.
        let mut file = File::options().append(true).open(&path).unwrap();
        file.write_all(b"From b Tue\n\ny\n\n").unwrap();
        drop(held);
        let _ = std::fs::remove_file(&beside);
        assert_eq!(opened.recv().unwrap(), 2, "{kind}");
        reader.join().unwrap().unwrap();
    }
    // What a crash has left long ago is no lock.
    let (_folder, path) = mailbox(text);
    let beside = path.with_extension("lock");
    std::fs::write(&beside, "").unwrap();
    let old = SystemTime::now() - limits::MBOX_LOCK_STALE * 2;
    File::options().write(true).open(&beside).unwrap().set_modified(old).unwrap();
    assert_eq!(Mbox::open(&path).unwrap().entries().len(), 1);
}

proptest! {
    /// Any octets: no panic, and what is given is in the file.
    #[test]
    fn any_file_is_read_or_refused(octets in proptest::collection::vec(
        proptest::sample::select(b"From \n\r:>aS".to_vec()), 0..200)) {
        let letters = scan(octets.as_slice());
        if let Ok(letters) = letters {
            let mut end = 0;
            for letter in letters {
                prop_assert!(letter.place.start >= end && letter.place.end <= octets.len() as u64);
                prop_assert!(letter.place.start <= letter.place.end);
                end = letter.place.end;
            }
        }
    }
}
