//! Counts that are remembered are those that counting gives.

use std::sync::Arc;
use std::time::{Duration, Instant};

use postroad_imap::command::StatusItem;

use super::{Client, Place};
use crate::imap::shared::Shared;

const FOLDERS: usize = 500;
const ITEMS: &str =
    "MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN DELETED SIZE HIGHESTMODSEQ MAILBOXID";

fn with_folders(count: usize) -> Place {
    let place = Place::new();
    for folder in 0..count {
        for part in ["tmp", "new", "cur"] {
            std::fs::create_dir_all(place.root().join(format!(".f{folder}/{part}"))).unwrap();
        }
        place.put(&format!(".f{folder}/new/{folder}.M1P1Q1.x"), "Subject: x\n\ny\n");
    }
    place
}

/// As another process would.
fn anew(place: &mut Place) -> Client {
    place.ward.shared = Arc::new(Shared::new(place.root(), "our.example"));
    place.connect()
}

fn listed(client: &mut Client) -> Vec<String> {
    let lines = client.ok(&format!("LIST \"\" * RETURN (STATUS ({ITEMS}))"));
    lines.into_iter().filter(|line| line.starts_with("* STATUS")).collect()
}

/// How many of the folders needn't be opened.
fn known(place: &Place, count: usize) -> usize {
    let shared = &place.ward.shared;
    let is_known = |folder: &usize| {
        let name = postroad_store::FolderName::parse(&format!("f{folder}")).unwrap();
        shared.statuses.get(&shared.inbox().folder(&name), &[StatusItem::Size]).is_some()
    };
    (0..count).filter(is_known).count()
}

/// Counts until that is remembered: what changed just now isn't.
fn until_known(place: &mut Place, count: usize) -> Vec<String> {
    let since = Instant::now();
    loop {
        let said = listed(&mut anew(place));
        drop(anew(place));
        if known(place, count) == count {
            return said;
        }
        assert!(since.elapsed() < Duration::from_secs(60), "{} of {count}", known(place, count));
    }
}

#[test] // Tests RFC 5819.
fn a_list_of_mailboxes_with_counts_opens_those_that_have_changed() {
    let mut place = with_folders(FOLDERS);
    let counted = until_known(&mut place, FOLDERS);
    assert_eq!(counted.len(), FOLDERS + 1);
    let mut client = anew(&mut place);
    assert_eq!(listed(&mut client), counted);
    // Others change something.
    place.put(".f7/new/8.M1P1Q1.x", "Subject: x\n\ny\n");
    place.rename(".f8/new/8.M1P1Q1.x", ".f8/cur/8.M1P1Q1.x:2,ST");
    std::fs::remove_file(place.root().join(".f9/new/9.M1P1Q1.x")).unwrap();
    assert_eq!(known(&place, FOLDERS), FOLDERS - 3);
    let changed = listed(&mut client);
    let differs: Vec<&String> = changed.iter().filter(|line| !counted.contains(line)).collect();
    let texts = ["MESSAGES 2 RECENT 2", "UNSEEN 0 DELETED 1 SIZE 17", "MESSAGES 0 RECENT 0"];
    assert_eq!(differs.len(), 3, "{differs:?}");
    for (line, text) in differs.iter().zip(texts) {
        assert!(line.contains(text), "{line}");
    }
    // And so do we.
    client.ok("SELECT f10");
    client.ok("STORE 1 +FLAGS ($one)");
    let line = client.ok("STATUS f10 (MESSAGES RECENT UNSEEN)").remove(0);
    assert_eq!(line, "* STATUS f10 (MESSAGES 1 RECENT 0 UNSEEN 1)");
}
