//! Appending a letter so that all of it is there or nothing, also after a crash.
//!
//! Whoever calls holds the mailbox's locks.

use std::io;

use memchr::memmem;
use postroad_disk::{DiskError, DiskFile};

/// Octets of a letter's beginning that a note holds: a `From ` line and the fields that make it unique.
const HEAD_OCTETS_MAX: usize = 512;
/// The first word of a note, for those who come after us.
const VERSION: &str = "1";
/// Octets that are read at once.
const BLOCK_OCTETS: usize = 128 * 1024;

/// Where a letter stands in its mailbox file, and the sum of its octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Appended {
    /// Where the file ended before.
    start: u64,
    end: u64,
    sum: u32,
}

/// What is known of an append that was under way.
#[derive(Debug, PartialEq, Eq)]
struct Note {
    appended: Appended,
    /// When it was attached, as [`postroad_disk::Disk::boot`] has it.
    boot: String,
    /// How it begins.
    head: Vec<u8>,
}

/// Whether the file's name may be younger than the last sync of its directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    Known,
    Young,
}

/// Mends what a crash left, as far as it is ours. `boot` says since when what was written and not synced is seen.
pub(super) fn mend(file: &mut dyn DiskFile, boot: &str) -> Result<Name, DiskError> {
    let Some(note) = file.note()? else {
        return Ok(if file.is_empty()? { Name::Young } else { Name::Known });
    };
    if let Some(note) = Note::read(&note)
        && is_left_over(file, &note, boot)?
    {
        file.truncate(note.appended.start)?;
    }
    // Before another note is in its place: what was cut off, now or when the append failed, stays so.
    file.sync()?;
    file.remove_note()?;
    Ok(Name::Young)
}

/// Appends a letter, durably. `also` is done before it counts as there.
///
/// On an error nothing of it is there, or the note is, and [`mend`] sees to it.
pub(super) fn append(
    file: &mut dyn DiskFile,
    letter: &[u8],
    boot: &str,
    also: impl FnOnce() -> Result<(), DiskError>,
) -> Result<Appended, DiskError> {
    let start = file.len()?;
    let missing = missing_end(file, start)?;
    let note = Note::of(start, missing, letter, boot);
    match file.set_note(&note.write()) {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => {}
        set => set?,
    }
    let appended = file
        .write_all_at(&[missing, letter], start)
        .and_then(|()| file.sync())
        .and_then(|()| also())
        .and_then(|()| file.remove_note());
    match appended {
        Ok(()) => Ok(note.appended),
        Err(error) => {
            // The note stays: nothing says that this is durable.
            let _ = file.truncate(start);
            Err(error)
        }
    }
}

/// Takes a letter back that is still the last one and as it was.
pub(super) fn take_back(file: &mut dyn DiskFile, letter: Appended) -> Result<(), DiskError> {
    if file.len()? != letter.end || sum(file, letter)? != letter.sum {
        return Ok(());
    }
    file.truncate(letter.start)?;
    file.sync()
}

/// What the file lacks at its end before a `From ` line can follow.
fn missing_end(file: &dyn DiskFile, len: u64) -> Result<&'static [u8], DiskError> {
    let mut last = [b'\n'; 2];
    let from = len.saturating_sub(2);
    let octets = usize::try_from(len - from).unwrap_or_default();
    let at = last.len().saturating_sub(octets);
    file.read_at(last.get_mut(at..).unwrap_or_default(), from)?;
    Ok(match last {
        [b'\n', b'\n'] => b"",
        [_, b'\n'] => b"\n",
        _ => b"\n\n",
    })
}

/// Whether what is behind the note's beginning is its letter, or a part of it, and nobody else's.
fn is_left_over(file: &dyn DiskFile, note: &Note, now: &str) -> Result<bool, DiskError> {
    let Note { appended, boot, head } = note;
    let len = file.len()?;
    if len <= appended.start || len > appended.end {
        return Ok(false);
    }
    // A note that we took away may be back after a power cut, and the letter is durable. One that was never taken away
    // tells of a letter that nobody was told of: perhaps its sync failed, and it only looks whole.
    let may_be_filed = boot != now || boot.is_empty();
    if may_be_filed && len == appended.end && sum(file, *appended)? == appended.sum {
        return Ok(false);
    }
    let octets = usize::try_from(len - appended.start).unwrap_or(usize::MAX);
    let mut tail = vec![0; octets];
    file.read_at(&mut tail, appended.start)?;
    // Sectors that were never written are zeros.
    let begins_so = head.iter().zip(&tail).all(|(ours, there)| ours == there || *there == 0);
    Ok(begins_so && !holds_another(&tail))
}

/// Whether a `From ` line is among the octets behind the first one, wherever a torn line in front of it has put it.
fn holds_another(tail: &[u8]) -> bool {
    let has_time = |line: &[u8]| {
        line.windows(5).any(|at| {
            at.iter().enumerate().all(|(n, octet)| match n {
                2 => *octet == b':',
                _ => octet.is_ascii_digit(),
            })
        })
    };
    memmem::find_iter(tail, b"From ").any(|at| {
        let (before, from) = tail.split_at_checked(at).unwrap_or_default();
        // Our own one, behind what the file lacked.
        if before.iter().all(|octet| matches!(octet, b'\n' | 0)) {
            return false;
        }
        let line = from.split(|octet| *octet == b'\n').next().unwrap_or_default();
        before.ends_with(b"\n") || !before.ends_with(b">") && has_time(line)
    })
}

fn sum(file: &dyn DiskFile, Appended { start, end, .. }: Appended) -> Result<u32, DiskError> {
    let mut hasher = crc32fast::Hasher::new();
    let mut block = vec![0; BLOCK_OCTETS];
    let mut at = start;
    while at < end {
        let wanted = usize::try_from(end - at).unwrap_or(usize::MAX).min(BLOCK_OCTETS);
        let read = file.read_at(block.get_mut(..wanted).unwrap_or_default(), at)?;
        if read == 0 {
            break;
        }
        hasher.update(block.get(..read).unwrap_or_default());
        at += read as u64;
    }
    Ok(hasher.finalize())
}

impl Note {
    fn of(start: u64, missing: &[u8], letter: &[u8], boot: &str) -> Self {
        let end = start + (missing.len() + letter.len()) as u64;
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(missing);
        hasher.update(letter);
        let head = missing.iter().chain(letter).take(HEAD_OCTETS_MAX).copied().collect();
        let appended = Appended { start, end, sum: hasher.finalize() };
        Self { appended, boot: boot.to_owned(), head }
    }

    /// `1 START END SUM BOOT`, and the beginning behind a line end.
    fn write(&self) -> Vec<u8> {
        let Self { appended: Appended { start, end, sum }, boot, head } = self;
        let mut note = format!("{VERSION} {start} {end} {sum} {boot}\n").into_bytes();
        note.extend_from_slice(head);
        note
    }

    /// `None` where it is none of ours, or of another release's.
    fn read(note: &[u8]) -> Option<Self> {
        let (line, head) = note.split_at_checked(memchr::memchr(b'\n', note)? + 1)?;
        let mut words = std::str::from_utf8(line).ok()?.strip_suffix('\n')?.split(' ');
        if words.next()? != VERSION {
            return None;
        }
        let (start, end) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        let (sum, boot) = (words.next()?.parse().ok()?, words.next()?.to_owned());
        let is_all = words.next().is_none() && start < end && !head.is_empty();
        is_all.then(|| Self { appended: Appended { start, end, sum }, boot, head: head.to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use postroad_disk::Disk as _;
    use postroad_testkit::FaultyDisk;

    use super::*;

    const OLD: &[u8] = b"From a Thu Jan  1 00:00:00 1970\nA: b\n\nold\n\n";
    const LETTER: &[u8] = b"From b Thu Jan  1 00:00:01 1970\nC: d\n\n>From new\nFromage\n\n";

    /// What [`mend`] leaves, after a power cut, of a file with this content whose note tells of [`LETTER`] behind
    /// [`OLD`].
    fn mended(content: &[u8]) -> Vec<u8> {
        mended_after(content, "before")
    }

    fn mended_after(content: &[u8], boot: &str) -> Vec<u8> {
        let (disk, path) = (FaultyDisk::new(), Path::new("/mbox"));
        disk.put(path, content);
        let mut file = disk.open_locked(path).unwrap();
        file.set_note(&Note::of(OLD.len() as u64, b"", LETTER, boot).write()).unwrap();
        mend(file.as_mut(), "now").unwrap();
        assert_eq!(file.note().unwrap(), None);
        drop(file);
        disk.read(path).unwrap()
    }

    #[test]
    fn m14_a_torn_tail_is_cut_off_wherever_it_is_torn() {
        for end in 0..LETTER.len() {
            let torn = [OLD, &LETTER[..end]].concat();
            assert_eq!(mended(&torn), OLD, "{end}");
            // The length was there, and not all octets.
            let mut holes = [OLD, LETTER].concat();
            holes[OLD.len() + end..].fill(0);
            assert_eq!(mended(&holes), OLD, "{end}");
        }
        let mut hole = [OLD, LETTER].concat();
        hole[OLD.len()..OLD.len() + 20].fill(0);
        assert_eq!(mended(&hole), OLD);
        let whole = [OLD, LETTER].concat();
        assert_eq!(mended(&whole), whole);
        assert_eq!(mended_after(&whole, ""), whole);
        // Without a power cut the note would be gone by the time that anybody was told of the letter.
        assert_eq!(mended_after(&whole, "now"), OLD);
    }

    #[test]
    fn m14_what_may_be_somebody_elses_is_never_cut_off() {
        let torn = &LETTER[..40];
        let foreign = b"From c Thu Jan  1 00:00:02 1970\n\n";
        for tail in [
            // Behind the torn letter, whose line may have been left open.
            [torn, foreign].concat(),
            [torn, b"\n", foreign].concat(),
            [torn, b"\nFrom c"].concat(),
            // In place of it.
            [&foreign[..], b"x\n\n"].concat(),
            // The same sender's, a second later.
            LETTER[..50].to_vec().iter().map(|o| if *o == b'1' { b'2' } else { *o }).collect(),
            // More than ours would be.
            [LETTER, b"x"].concat(),
        ] {
            let content = [OLD, &tail].concat();
            assert_eq!(mended(&content), content, "{}", String::from_utf8_lossy(&tail));
        }
        // Readers have removed letters.
        for content in [&OLD[..20], b"", OLD] {
            assert_eq!(mended(content), content);
        }
    }

    #[test]
    fn m14_an_open_end_is_completed() {
        for (content, missing) in [
            (&b""[..], &b""[..]),
            (b"\n", b""),
            (b"x", b"\n\n"),
            (b"x\n", b"\n"),
            (b"x\n\n", b""),
            (b"\nx", b"\n\n"),
        ] {
            let (disk, path) = (FaultyDisk::new(), Path::new("/mbox"));
            disk.put(path, content);
            let mut file = disk.open_locked(path).unwrap();
            append(file.as_mut(), LETTER, "now", || Ok(())).unwrap();
            assert_eq!(disk.read(path).unwrap(), [content, missing, LETTER].concat());
        }
    }

    #[test]
    fn notes_of_others_are_none() {
        let note = Note::of(7, b"\n", LETTER, "boot");
        assert_eq!(Note::read(&note.write()), Some(note));
        for text in [
            "",
            "1 7 9 1 b",
            "1 7 9 1 b\n",
            "2 7 9 1 b\nF",
            "1 9 7 1 b\nF",
            "1 7 9 1 b x\nF",
            "1 -7 9 1 b\nF",
        ] {
            assert_eq!(Note::read(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn m14_only_the_last_letter_is_taken_back() {
        let (disk, path) = (FaultyDisk::new(), Path::new("/mbox"));
        disk.put(path, OLD);
        let mut file = disk.open_locked(path).unwrap();
        let first = append(file.as_mut(), LETTER, "now", || Ok(())).unwrap();
        let second = append(file.as_mut(), LETTER, "now", || Ok(())).unwrap();
        take_back(file.as_mut(), first).unwrap();
        assert_eq!(disk.read(path).unwrap(), [OLD, LETTER, LETTER].concat());
        take_back(file.as_mut(), second).unwrap();
        take_back(file.as_mut(), second).unwrap();
        assert_eq!(disk.read(path).unwrap(), [OLD, LETTER].concat());
        // A reader has marked it.
        file.write_all_at(&[b"c"], OLD.len() as u64 + 33).unwrap();
        take_back(file.as_mut(), first).unwrap();
        assert_eq!(disk.read(path).unwrap().len(), OLD.len() + LETTER.len());
    }
}
