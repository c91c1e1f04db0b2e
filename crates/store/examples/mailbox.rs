//! How long it takes to open a folder, to look at it again, and to change all of its letters:
//! `cargo run --release -p postroad-store --example mailbox -- 100000 [DIRECTORY]`
#![allow(clippy::unwrap_used, reason = "a measurement that can't go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use postroad_disk::{Disk, NoLinks, OsDisk};
use postroad_store::{Courier, FlagChange, LetterFlags, Mailbox, Mailboxes, Maildir};

fn main() {
    let mut words = std::env::args().skip(1);
    let count: usize = words.next().map_or(100_000, |word| word.parse().unwrap());
    let parent = words.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let root = parent.join(format!("postroad-mailbox-{}", std::process::id()));
    let courier = Courier::new(Arc::new(OsDisk), "host");
    drop(courier.begin(&Maildir::at(&root)).unwrap());
    fill(&root, count);
    let root = OsDisk.resolve(&root).unwrap();
    println!("{count} letters");
    run(&Maildir::at(&root), count);
    fs::remove_dir_all(&root).unwrap();
}

fn fill(root: &Path, count: usize) {
    for number in 0..count {
        let seconds = 1_700_000_000 + number;
        let name = format!(
            "{seconds}.M{:06}P4242Q{number}R9f3c21aa.mail.example,S=2,W=3:2,S",
            number % 1_000_000
        );
        fs::write(root.join("cur").join(name), "x\n").unwrap();
    }
    // Past the clock's grain: a listing is to be believed.
    std::thread::sleep(std::time::Duration::from_millis(100));
}

fn run(folder: &Maildir, count: usize) {
    let process = |disk: Arc<dyn Disk>| Arc::new(Mailboxes::new(disk, "host"));
    let open = || process(Arc::new(NoLinks)).open(folder).unwrap();
    let memory = memory();
    let mut mailbox = timed("opened, never seen before", open);
    timed("looked at, unchanged", || mailbox.refresh().unwrap());
    drop(mailbox);
    println!(
        "{:>12} octets of the register",
        fs::metadata(folder.root().join("postroad-register")).unwrap().len()
    );
    let before = self::memory();
    let mut mailbox = timed("opened again", open);
    println!(
        "{:>12.1} octets of memory a letter",
        (self::memory().0 - before.0) as f64 * 1024.0 / count as f64
    );
    timed("looked at, unchanged", || mailbox.refresh().unwrap());
    let sum = |mailbox: &Mailbox| {
        mailbox
            .entries()
            .map(|entry| entry.uid() as usize + entry.flags().contains(LetterFlags::SEEN) as usize)
            .sum::<usize>()
    };
    timed("all UIDs and flags", || assert!(sum(&mailbox) > 0));
    let modseq = mailbox.highest_modseq();
    timed("changed since", || assert_eq!(mailbox.changed_since(modseq).count(), 0));
    fs::write(folder.root().join("new/1800000000.M1P1Q1R1.host"), "x\n").unwrap();
    timed("looked at, one letter more", || mailbox.refresh().unwrap());
    timed("looked at, once more", || mailbox.refresh().unwrap());
    let uids: Vec<u32> = mailbox.entries().map(|entry| entry.uid()).collect();
    let flagged = FlagChange::Add(LetterFlags::FLAGGED);
    timed("STORE 1:* +FLAGS", || mailbox.set_flags(&uids, flagged, None).unwrap());
    timed("looked at afterwards", || mailbox.refresh().unwrap());
    let mut told =
        Arc::new(Mailboxes::new(Arc::new(NoLinks), "host").watching(|| {})).open(folder).unwrap();
    timed("told by the system: first look", || told.refresh().unwrap());
    let flagged = FlagChange::Remove(LetterFlags::FLAGGED);
    timed("STORE 1:* -FLAGS", || told.set_flags(&uids, flagged, None).unwrap());
    timed("looked at afterwards", || told.refresh().unwrap());
    fs::write(folder.root().join("new/1800000001.M1P1Q1R1.host"), "x\n").unwrap();
    timed("looked at, one letter more", || told.refresh().unwrap());
    assert_eq!(told.exists(), count + 2);
    timed("append 100", || {
        for _ in 0..100 {
            let mut letter = told.new_letter().unwrap();
            letter.write(&[b'x'; 2_000]).unwrap();
            told.append(vec![letter]).unwrap();
        }
    });
    timed("expunge all", || told.expunge(&uids).unwrap());
    println!("{:>12} KiB of memory at most, {} before", self::memory().1, memory.1);
}

fn timed<T>(what: &str, act: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let done = act();
    println!("{:>9.2} ms {what}", began.elapsed().as_secs_f64() * 1000.0);
    done
}

/// KiB that the process has now, and has had at most.
fn memory() -> (u64, u64) {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap()
    };
    (field("VmRSS:"), field("VmHWM:"))
}
