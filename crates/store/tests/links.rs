//! Whoever may write into a mailbox leads no letter out of it (row M01).
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use postroad_disk::NoLinks;
use postroad_store::{Courier, Maildir};
use rustix::fs::{CWD, RenameFlags, renameat_with};

/// Swaps of a directory for a link to another one, while letters are delivered.
const SWAPS: u32 = 1_000_000;

#[test]
fn m01_a_million_swaps_lead_nothing_out_of_the_mailbox() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let courier = Courier::new(Arc::new(NoLinks), "host");
    let mailbox = courier.resolve(&Maildir::at(at("over/mail"))).unwrap();
    courier.begin(&mailbox).unwrap().deliver().unwrap();
    for part in ["tmp", "new", "cur"] {
        fs::create_dir_all(at("elsewhere").join(part)).unwrap();
    }
    // The parts of the mailbox, the mailbox, and what it lies in.
    let places = [
        (at("over/mail/tmp"), at("elsewhere/tmp")),
        (at("over/mail/new"), at("elsewhere/new")),
        (at("over/mail"), at("elsewhere")),
        (at("over"), at("elsewhere")),
    ];
    let stop = AtomicBool::new(false);
    let (mut filed, mut refused) = (0_u32, 0_u32);
    std::thread::scope(|scope| {
        let swapping = scope.spawn(|| {
            for (number, (place, target)) in places.iter().enumerate() {
                let link = at(&format!("link-{number}"));
                symlink(target, &link).unwrap();
                for _ in 0..SWAPS / 8 {
                    for _ in 0..2 {
                        renameat_with(CWD, &link, CWD, place, RenameFlags::EXCHANGE).unwrap();
                    }
                }
                fs::remove_file(&link).unwrap();
            }
            stop.store(true, Ordering::Relaxed);
        });
        while !stop.load(Ordering::Relaxed) && !swapping.is_finished() {
            let mut draft = match courier.begin(&mailbox) {
                Ok(draft) => draft,
                Err(_) => {
                    refused += 1;
                    continue;
                }
            };
            draft.write(b"Subject: x\r\n\r\nx\r\n").unwrap();
            match draft.deliver() {
                Ok(_) => filed += 1,
                Err(_) => refused += 1,
            }
        }
        swapping.join().unwrap();
    });
    println!("{filed} letters filed and {refused} put off during {SWAPS} swaps");
    assert!(filed > 0 && refused > 0);
    for part in ["tmp", "new", "cur"] {
        assert_eq!(fs::read_dir(at("elsewhere").join(part)).unwrap().count(), 0, "{part}");
    }
    assert_eq!(fs::read_dir(at("elsewhere")).unwrap().count(), 3);
    // One that was put off may be there all the same: it comes twice, which is better than not at all.
    let there = fs::read_dir(at("over/mail/new")).unwrap().count();
    assert!((1 + filed..=1 + filed + refused).contains(&u32::try_from(there).unwrap()), "{there}");
}

#[test]
fn a_mailbox_may_be_where_the_operators_link_says() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::create_dir_all(at("big/disk")).unwrap();
    symlink(at("big/disk"), at("mail")).unwrap();
    let courier = Courier::new(Arc::new(NoLinks), "host");
    let mailbox = Maildir::at(at("mail/alice/Maildir"));
    assert!(courier.begin(&mailbox).is_err(), "the link isn't followed unasked");
    let mailbox = courier.resolve(&mailbox).unwrap();
    let filed = courier.begin(&mailbox).unwrap().deliver().unwrap();
    assert!(filed.path.starts_with(fs::canonicalize(at("big/disk/alice/Maildir")).unwrap()));
}
