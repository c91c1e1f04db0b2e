//! Registers as nobody of ours has written them.

use std::io::Write as _;

use super::*;
use crate::mailbox::frame::Frame;
use crate::mailbox::letters::Added;
use crate::mailbox::name::Flagged;

/// Far more than there is memory, and next to nothing on the disk.
const ENDLESS: u64 = 1 << 43;

/// Its user can write what he likes into it.
#[test]
fn what_stands_behind_the_frames_is_not_taken_into_memory() {
    let longest = (crate::limits::FRAME_OCTETS_MAX as u32).to_le_bytes();
    for tail in [&b""[..], &[0xff; 9], &[longest.as_slice(), b"\x01"].concat()] {
        let place = Place::new();
        place.put("cur/1.h:2,");
        assert_eq!(shown(&place.open()), "1=1.h:");
        let path = place.path(file::REGISTER);
        let mut register = fs::OpenOptions::new().append(true).open(&path).unwrap();
        register.write_all(tail).unwrap();
        register.set_len(ENDLESS).unwrap();
        place.put("cur/2.h:2,");
        // Half a frame costs a block of numbers.
        assert_eq!(refreshed(&mut place.open()), "1=1.h: 1026=2.h:");
        assert!(fs::metadata(&path).unwrap().len() < 100_000, "it was cut");
    }
}

/// Neither those that are longer than what is read at once, nor those across its end.
#[test]
fn frames_are_read_however_long_they_and_their_file_are() {
    let place = Place::new();
    drop(place.open());
    let path = place.path(file::REGISTER);
    let (mut register, contents, _) = RegisterFile::open(&OsDisk, &path).unwrap();
    let mut uid = contents.lease.uid_next;
    let mut frame = |count: u32| {
        let letters = (uid..uid + count).map(|uid| {
            let stored = format!("{uid:0>200}.h").into_bytes();
            Added { uid, flagged: Flagged::default(), saved: 1, stored }
        });
        uid += count;
        Frame::Assigned { modseq: contents.lease.modseq + 1, letters: letters.collect() }
    };
    // In octets some 200 times as much.
    let counts = [30_000, 1, 70, 15_000, 7_000, 50_000, 2];
    let mut locked = OsDisk.open_locked(&path).unwrap();
    for count in counts {
        register.append(locked.as_mut(), &[frame(count)]).unwrap();
    }
    let (register, contents, tail) = RegisterFile::open(&OsDisk, &path).unwrap();
    assert_eq!(tail, file::Tail::Whole);
    assert_eq!(contents.letters.len() as u32, counts.iter().sum::<u32>());
    assert_eq!(register.end, fs::metadata(&path).unwrap().len());
    // Cut anywhere, the others are there.
    locked.truncate(register.end - 1).unwrap();
    let (_, contents, tail) = RegisterFile::open(&OsDisk, &path).unwrap();
    assert_eq!((tail, contents.letters.len() as u32), (file::Tail::Torn, uid - 3));
}

/// The same unique name with other flags, for each letter of a folder: the work grows with their number.
#[test]
fn a_second_file_of_every_letter_costs_some_calls_each() {
    let calls = |count: usize| {
        let (disk, inbox) = simulated();
        let all = Arc::new(Mailboxes::new(Arc::new(disk.clone()), "host"));
        let put = |name: String| disk.put(&Path::new("/mail/alice/cur").join(name), b"x");
        (0..count).for_each(|letter| put(format!("{}.h:2,", 10_000 + letter)));
        let mut mailbox = all.open(&inbox).unwrap();
        mailbox.refresh().unwrap();
        for letter in 0..count {
            put(format!("{}.h:2,S", 10_000 + letter));
            put(format!("{}.h:2,F", 10_000 + letter));
        }
        let before = disk.calls().len();
        mailbox.refresh().unwrap();
        assert_eq!(mailbox.exists(), 3 * count);
        disk.calls().len() - before
    };
    let (few, many) = (calls(100), calls(1_000));
    assert!(many < 11 * few, "{few} calls for a tenth, {many} for all");
}
