//! What is appended to a register: one frame for each thing that happened.
//!
//! | octets | what |
//! |---|---|
//! | 4 | length of the payload |
//! | 1 | kind |
//! | length | payload |
//! | 4 | CRC-32 of all that, begun with the one of the frame before: what lies behind a torn frame never fits again |

use std::time::{Duration, SystemTime};

use postroad_disk::Stamp;

use super::letters::Added;
use super::name::{Flagged, State};
use super::octets::{Octets, Put as _};

/// Octets of a boot's name that are kept.
pub(crate) const BOOT_OCTETS_MAX: usize = 64;
/// Octets of a frame beside its payload.
const AROUND_OCTETS: usize = 9;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Frame {
    /// Letters got their UIDs.
    Assigned { modseq: u64, letters: Vec<Added> },
    /// Letters have other flags, or are in another directory: then without a mod-sequence, for that is no change to a
    /// client.
    Flagged { modseq: Option<u64>, runs: Vec<Run> },
    /// A letter has another name of the same identity.
    Renamed { modseq: Option<u64>, uid: u32, flagged: Flagged, stored: Vec<u8> },
    /// Letters are gone.
    Expunged { modseq: u64, ranges: Vec<(u32, u32)> },
    /// A keyword that has no letter has a number.
    Keyword { number: u8, name: String },
    /// Numbers up to these may be given without a sync.
    Lease(Lease),
    /// A listing is to be believed until the directories change.
    Listed(Listed),
    /// Several files are about to be shown: all of them, whatever happens.
    Intent(Intent),
    /// They are.
    Done { intent: u64 },
}

/// Letters next to each other that have the same flags: all that there are in this range of UIDs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) from: u32,
    pub(crate) to: u32,
    pub(crate) flagged: Flagged,
}

/// Numbers that were reserved, durably.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Lease {
    /// The next UID, and the first that isn't reserved.
    pub(crate) uid_next: u32,
    pub(crate) uid_until: u32,
    /// The last mod-sequence that was given, and the last that is reserved.
    pub(crate) modseq: u64,
    pub(crate) modseq_until: u64,
    /// No letter's mod-sequence counts as less.
    pub(crate) floor: u64,
    /// In which boot of the system.
    pub(crate) boot: Vec<u8>,
}

/// The directories as they were when a listing of them began, long enough after their last change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) new: Stamp,
    pub(crate) cur: Stamp,
}

/// Files that are shown together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Intent {
    pub(crate) number: u64,
    pub(crate) files: Vec<IntendedFile>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IntendedFile {
    /// In tmp/.
    pub(crate) tmp: Vec<u8>,
    /// Its stored name, in cur/.
    pub(crate) stored: Vec<u8>,
    pub(crate) flagged: Flagged,
    pub(crate) saved: u32,
}

const ASSIGNED: u8 = 1;
const FLAGGED: u8 = 2;
const RENAMED: u8 = 3;
const EXPUNGED: u8 = 4;
const KEYWORD: u8 = 5;
const LEASE: u8 = 6;
const LISTED: u8 = 7;
const INTENT: u8 = 8;
const DONE: u8 = 9;

impl Frame {
    /// Appends it to `out`; `chain` is the checksum of the one before, and then its own.
    pub(crate) fn encode(&self, chain: &mut u32, out: &mut Vec<u8>) {
        let start = out.len();
        out.u32(0);
        out.push(self.kind());
        self.put_payload(out);
        let payload = (out.len() - start + 4).saturating_sub(AROUND_OCTETS);
        let length = u32::try_from(payload).unwrap_or(u32::MAX);
        if let Some(place) = out.get_mut(start..start + 4) {
            place.copy_from_slice(&length.to_le_bytes());
        }
        *chain = checksum(*chain, out.get(start..).unwrap_or_default());
        out.u32(*chain);
    }

    fn kind(&self) -> u8 {
        match self {
            Self::Assigned { .. } => ASSIGNED,
            Self::Flagged { .. } => FLAGGED,
            Self::Renamed { .. } => RENAMED,
            Self::Expunged { .. } => EXPUNGED,
            Self::Keyword { .. } => KEYWORD,
            Self::Lease(_) => LEASE,
            Self::Listed(_) => LISTED,
            Self::Intent(_) => INTENT,
            Self::Done { .. } => DONE,
        }
    }

    fn put_payload(&self, out: &mut Vec<u8>) {
        match self {
            Self::Assigned { modseq, letters } => {
                out.u64(*modseq);
                for letter in letters {
                    out.u32(letter.uid);
                    put_flagged(letter.flagged, out);
                    out.u32(letter.saved);
                    out.text(&letter.stored);
                }
            }
            Self::Flagged { modseq, runs } => {
                out.u64(modseq.unwrap_or_default());
                for run in runs {
                    out.u32(run.from);
                    out.u32(run.to);
                    put_flagged(run.flagged, out);
                }
            }
            Self::Renamed { modseq, uid, flagged, stored } => {
                out.u64(modseq.unwrap_or_default());
                out.u32(*uid);
                put_flagged(*flagged, out);
                out.text(stored);
            }
            Self::Expunged { modseq, ranges } => {
                out.u64(*modseq);
                for (from, to) in ranges {
                    out.u32(*from);
                    out.u32(*to);
                }
            }
            Self::Keyword { number, name } => {
                out.push(*number);
                out.text(name.as_bytes());
            }
            Self::Lease(lease) => put_lease(lease, out),
            Self::Listed(listed) => put_listed(listed, out),
            Self::Intent(intent) => put_intent(intent, out),
            Self::Done { intent } => out.u64(*intent),
        }
    }

    pub(crate) fn of(kind: u8, payload: &[u8]) -> Option<Self> {
        let mut octets = Octets(payload);
        let frame = match kind {
            ASSIGNED => {
                let modseq = octets.u64()?;
                let letters = all(&mut octets, |octets| {
                    Some(Added {
                        uid: octets.u32()?,
                        flagged: flagged(octets)?,
                        saved: octets.u32()?,
                        stored: octets.text()?.to_owned(),
                    })
                })?;
                Self::Assigned { modseq, letters }
            }
            FLAGGED => {
                let modseq = modseq_or_none(&mut octets)?;
                let runs = all(&mut octets, |octets| {
                    Some(Run { from: octets.u32()?, to: octets.u32()?, flagged: flagged(octets)? })
                })?;
                Self::Flagged { modseq, runs }
            }
            RENAMED => Self::Renamed {
                modseq: modseq_or_none(&mut octets)?,
                uid: octets.u32()?,
                flagged: flagged(&mut octets)?,
                stored: octets.text()?.to_owned(),
            },
            EXPUNGED => {
                let modseq = octets.u64()?;
                let ranges = all(&mut octets, |octets| Some((octets.u32()?, octets.u32()?)))?;
                Self::Expunged { modseq, ranges }
            }
            KEYWORD => Self::Keyword {
                number: octets.u8()?,
                name: String::from_utf8(octets.text()?.to_owned()).ok()?,
            },
            LEASE => Self::Lease(lease(&mut octets)?),
            LISTED => Self::Listed(listed(&mut octets)?),
            INTENT => Self::Intent(intent(&mut octets)?),
            DONE => Self::Done { intent: octets.u64()? },
            _ => return None,
        };
        octets.is_empty().then_some(frame)
    }
}

/// What stands at the beginning of some octets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Frame {
        frame: Frame,
        /// Octets of it.
        octets: usize,
        chain: u32,
    },
    /// Nothing, or a frame that isn't whole.
    End,
    /// A whole frame that no release of ours has written.
    Nonsense,
}

pub(crate) fn next(octets: &[u8], chain: u32) -> Next {
    let parts = || {
        let mut head = Octets(octets);
        let length = usize::try_from(head.u32()?).ok()?;
        let kind = head.u8()?;
        let payload = head.take(length)?;
        let written = head.u32()?;
        let covered = octets.get(..length.checked_add(AROUND_OCTETS - 4)?)?;
        let chain = checksum(chain, covered);
        (chain == written).then_some((kind, payload, chain))
    };
    match parts() {
        None => Next::End,
        Some((kind, payload, chain)) => match Frame::of(kind, payload) {
            Some(frame) => Next::Frame { frame, octets: payload.len() + AROUND_OCTETS, chain },
            None => Next::Nonsense,
        },
    }
}

/// Octets of the frame that begins with these, as it says itself.
pub(crate) fn octets(begin: &[u8]) -> Option<usize> {
    usize::try_from(Octets(begin).u32()?).ok()?.checked_add(AROUND_OCTETS)
}

pub(crate) fn checksum(chain: u32, octets: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(chain);
    hasher.update(octets);
    hasher.finalize()
}

/// Until the octets end; `None` where they end in the middle of one.
fn all<'a, T>(
    octets: &mut Octets<'a>,
    mut one: impl FnMut(&mut Octets<'a>) -> Option<T>,
) -> Option<Vec<T>> {
    let mut all = Vec::new();
    while !octets.is_empty() {
        all.push(one(octets)?);
    }
    Some(all)
}

fn modseq_or_none(octets: &mut Octets<'_>) -> Option<Option<u64>> {
    Some(Some(octets.u64()?).filter(|modseq| *modseq > 0))
}

fn put_flagged(flagged: Flagged, out: &mut Vec<u8>) {
    out.u16(flagged.state.0);
    out.u64(flagged.keywords);
}

fn flagged(octets: &mut Octets<'_>) -> Option<Flagged> {
    Some(Flagged { state: State(octets.u16()?), keywords: octets.u64()? })
}

pub(crate) fn put_lease(lease: &Lease, out: &mut Vec<u8>) {
    out.u32(lease.uid_next);
    out.u32(lease.uid_until);
    for modseq in [lease.modseq, lease.modseq_until, lease.floor] {
        out.u64(modseq);
    }
    out.text(&lease.boot);
}

pub(crate) fn lease(octets: &mut Octets<'_>) -> Option<Lease> {
    let (uid_next, uid_until) = (octets.u32()?, octets.u32()?);
    let (modseq, modseq_until, floor) = (octets.u64()?, octets.u64()?, octets.u64()?);
    let boot = octets.text()?.to_owned();
    let lease = Lease { uid_next, uid_until, modseq, modseq_until, floor, boot };
    // What never is written so, so that nobody has to ask again.
    let right = uid_next > 0
        && uid_next <= uid_until
        && floor <= modseq
        && modseq <= modseq_until
        && lease.boot.len() <= BOOT_OCTETS_MAX;
    right.then_some(lease)
}

pub(crate) fn put_listed(listed: &Listed, out: &mut Vec<u8>) {
    for stamp in [listed.new, listed.cur] {
        for time in [stamp.modified, stamp.changed] {
            let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            out.u64(u64::try_from(since.as_nanos()).unwrap_or_default());
        }
        out.u64(stamp.number);
        out.u64(stamp.octets);
    }
}

pub(crate) fn listed(octets: &mut Octets<'_>) -> Option<Listed> {
    let time = |nanos: u64| SystemTime::UNIX_EPOCH + Duration::from_nanos(nanos);
    let mut stamp = || {
        let (modified, changed) = (time(octets.u64()?), time(octets.u64()?));
        Some(Stamp { modified, changed, number: octets.u64()?, octets: octets.u64()? })
    };
    Some(Listed { new: stamp()?, cur: stamp()? })
}

fn put_intent(intent: &Intent, out: &mut Vec<u8>) {
    out.u64(intent.number);
    out.u32(0);
    for file in &intent.files {
        out.text(&file.tmp);
        out.text(&file.stored);
        put_flagged(file.flagged, out);
        out.u32(file.saved);
    }
}

fn intent(octets: &mut Octets<'_>) -> Option<Intent> {
    let (number, replaced) = (octets.u64()?, octets.u32()?);
    // UIDs of letters that went with it, from before there was `postroad-moving`.
    for _ in 0..replaced {
        octets.u32()?;
    }
    let files = all(octets, |octets| {
        Some(IntendedFile {
            tmp: octets.text()?.to_owned(),
            stored: octets.text()?.to_owned(),
            flagged: flagged(octets)?,
            saved: octets.u32()?,
        })
    })?;
    Some(Intent { number, files })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(number: u64) -> Stamp {
        let modified = SystemTime::UNIX_EPOCH + Duration::from_nanos(number * 1_000_000_007);
        Stamp { modified, changed: modified + Duration::from_nanos(1), number, octets: 4096 }
    }

    fn one_of_each() -> Vec<Frame> {
        let flagged = Flagged { state: State(129), keywords: 1 << 40 };
        let stored = b"1.h".to_vec();
        let added = Added { uid: 7, flagged, saved: 9, stored: stored.clone() };
        let file = IntendedFile { tmp: b"1.t".to_vec(), stored: stored.clone(), flagged, saved: 3 };
        vec![
            Frame::Assigned { modseq: 3, letters: vec![added.clone(), Added { uid: 8, ..added }] },
            Frame::Flagged { modseq: None, runs: vec![Run { from: 1, to: 9, flagged }] },
            Frame::Renamed { modseq: Some(4), uid: 7, flagged, stored },
            Frame::Expunged { modseq: 5, ranges: vec![(1, 2), (4, 4)] },
            Frame::Keyword { number: 30, name: "work".to_owned() },
            Frame::Lease(Lease {
                uid_next: 9,
                uid_until: 1033,
                modseq: 5,
                modseq_until: 1029,
                floor: 1,
                boot: b"boot".to_vec(),
            }),
            Frame::Listed(Listed { new: stamp(1), cur: stamp(2) }),
            Frame::Intent(Intent { number: 6, files: vec![file.clone(), file] }),
            Frame::Done { intent: 6 },
        ]
    }

    #[test]
    fn frames_are_read_as_they_were_written() {
        let (mut chain, mut file) = (1, Vec::new());
        one_of_each().iter().for_each(|frame| frame.encode(&mut chain, &mut file));
        let (mut at, mut chain) = (0, 1);
        for expected in one_of_each() {
            let Next::Frame { frame, octets, chain: next_chain } = next(&file[at..], chain) else {
                panic!("{expected:?} is missing");
            };
            assert_eq!(frame, expected);
            (at, chain) = (at + octets, next_chain);
        }
        assert_eq!((at, next(&file[at..], chain)), (file.len(), Next::End));
    }

    #[test]
    fn what_is_torn_or_changed_is_the_end() {
        let mut file = Vec::new();
        let frame = one_of_each().remove(0);
        frame.encode(&mut 1, &mut file);
        for end in 0..file.len() {
            assert_eq!(next(&file[..end], 1), Next::End);
        }
        for at in 0..file.len() {
            let mut other = file.clone();
            other[at] ^= 1;
            assert_eq!(next(&other, 1), Next::End);
        }
        // Behind another frame it doesn't count.
        assert_eq!(next(&file, 2), Next::End);
        assert_eq!(next(&[0; 64], 0), Next::End);
    }
}
