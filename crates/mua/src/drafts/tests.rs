use postroad_testkit::{FaultyDisk, Plan};

use super::*;

fn drafts(disk: &FaultyDisk) -> Drafts {
    Drafts::at(Arc::new(disk.clone()), "/home/alice/.local/state/postroad/drafts".into())
}

fn written(subject: &str) -> Written {
    let attachments = vec![Attached::File("/x".into())];
    Written { to: "a@x.example".into(), subject: subject.into(), attachments, ..Written::default() }
}

#[test]
fn what_was_kept_is_there_for_the_next() {
    let disk = FaultyDisk::new();
    let draft = drafts(&disk).begin(&written("one"), "text").unwrap();
    let id = draft.id().clone();
    disk.put(&draft.text_path(), "as the editor left it \u{e9}".as_bytes());
    draft.keep_text().unwrap();
    draft.save(&written("two")).unwrap();
    draft.save_forwarded(b"Subject: x\n\n").unwrap();
    assert!(matches!(drafts(&disk).open(&id), Err(DraftError::Busy(_))));
    assert_eq!(drafts(&disk).list().unwrap()[0].in_use, InUse::Yes);

    let next = disk.restart_after_cut();
    let listed = drafts(&next).list().unwrap();
    assert_eq!((listed.len(), listed[0].in_use, listed[0].id.clone()), (1, InUse::No, id.clone()));
    let draft = drafts(&next).open(&id).unwrap();
    assert_eq!(draft.written().unwrap(), written("two"));
    assert_eq!(draft.text().unwrap(), "as the editor left it \u{e9}");
    assert_eq!(next.read(&draft.folder().join(FORWARDED)).unwrap(), b"Subject: x\n\n");
    draft.remove().unwrap();
    let last = next.restart_after_cut();
    assert_eq!(drafts(&last).list().unwrap(), []);
    assert!(matches!(drafts(&last).open(&id), Err(DraftError::Unknown(_))));
}

#[test]
fn u16_whatever_ends_a_save_leaves_what_was_before_or_what_is_new() {
    for cut in [false, true] {
        for call in 0.. {
            let disk = FaultyDisk::new();
            let draft = drafts(&disk).begin(&written("old"), "text").unwrap();
            disk.plan(if cut { Plan::Cut { call } } else { Plan::Kill { call } });
            let saved = draft.save(&written("new"));
            drop(draft);
            let next = disk.restart();
            let listed = drafts(&next).list().unwrap();
            let [draft] = &listed[..] else { panic!("at {call}: {listed:?}") };
            let is_new = draft.written == written("new");
            assert!(is_new || saved.is_err() && draft.written == written("old"), "at {call}");
            if saved.is_ok() {
                break;
            }
        }
    }
}

#[test]
fn u16_a_draft_that_was_begun_or_thrown_away_is_there_or_not() {
    for call in 0.. {
        let disk = FaultyDisk::new();
        disk.plan(Plan::Kill { call });
        let made = drafts(&disk).begin(&written("s"), "text");
        let is_made = made.is_ok();
        let removed = made.and_then(OpenDraft::remove);
        let next = disk.restart();
        let listed = drafts(&next).list().unwrap();
        assert!(listed.len() <= 1 && (removed.is_err() || listed.is_empty()), "killed at {call}");
        if is_made && removed.is_err() && listed.len() == 1 {
            let draft = drafts(&next).open(&listed[0].id).unwrap();
            assert_eq!(draft.text().unwrap(), "text");
        }
        if removed.is_ok() {
            // The next who lists clears what a kill has left of others.
            let names = next.files();
            assert!(names.iter().all(|name| !name.to_string_lossy().contains(GONE)), "{names:?}");
            return;
        }
    }
}

#[test]
fn damaged_fields_cost_no_text() {
    let disk = FaultyDisk::new();
    let draft = drafts(&disk).begin(&written("s"), "text").unwrap();
    for json in ["", "{", "[]", r#"{"format":"postroad draft 2"}"#, r#"{"to":"a"}"#] {
        disk.put(&draft.folder().join("draft.json"), json.as_bytes());
        let error = draft.written().unwrap_err();
        assert!(error.to_string().contains("/text"), "{error}");
        assert_eq!(
            (draft.text().unwrap().as_str(), drafts(&disk).list().unwrap().len()),
            ("text", 1)
        );
    }
}

#[test]
fn names_that_are_none() {
    for name in ["", "..", "a/b", ".gone-x", "A", "é", &"a".repeat(33)] {
        assert_eq!(DraftId::parse(name), None, "{name}");
    }
    let (one, two) = (DraftId::random().unwrap(), DraftId::random().unwrap());
    assert_ne!(one, two);
    assert_eq!((one.as_str().len(), DraftId::parse(one.as_str())), (8, Some(one.clone())));
}
