//! Files of letters that nobody knows, while they are gathered: a folder that was never looked at has them all.

use std::cmp::Ordering;
use std::time::SystemTime;

use super::letters::Added;
use super::name::{Name, Place, arrival, identity};

/// Such files, in any order until they are asked for in their own.
#[derive(Debug, Default)]
pub(super) struct Fresh {
    files: Vec<File>,
    /// Their names, one behind the other: room for each by itself would take longer than the rest.
    names: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct File {
    /// When it came, as far as its name tells: looked at while that is at hand.
    seconds: u64,
    micros: u32,
    name_at: u32,
    name_octets: u16,
    place: Place,
}

impl Fresh {
    /// Adds one. More names than a register can have are left out, and so is one that is longer than any system's.
    pub(super) fn push(&mut self, place: Place, name: &[u8]) {
        let (Ok(name_at), Ok(name_octets)) =
            (u32::try_from(self.names.len()), u16::try_from(name.len()))
        else {
            return;
        };
        let (seconds, micros) = arrival(name);
        self.names.extend_from_slice(name);
        self.files.push(File { seconds, micros, name_at, name_octets, place });
    }

    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    fn name(&self, file: &File) -> &[u8] {
        name_in(&self.names, file)
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Place, &[u8])> {
        self.files.iter().map(|file| (file.place, self.name(file)))
    }

    /// Puts them in the order in which letters came; those of one identity stand together.
    pub(super) fn sort(&mut self) {
        fn key<'a>(file: &File, names: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
            let name = name_in(names, file);
            name.split_at_checked(identity(name).len())
        }
        let Self { files, names } = self;
        files.sort_unstable_by(|one, other| {
            let by_time = (one.seconds, one.micros).cmp(&(other.seconds, other.micros));
            // Names are looked at only where they have to be: they lie far apart.
            by_time.then_with(|| key(one, names).cmp(&key(other, names)))
        });
    }

    /// Whether two of them have one identity; they are sorted.
    pub(super) fn has_twins(&self) -> bool {
        self.files.windows(2).any(|pair| match pair {
            [one, other] => {
                let by_time = (one.seconds, one.micros).cmp(&(other.seconds, other.micros));
                by_time == Ordering::Equal && identity(self.name(one)) == identity(self.name(other))
            }
            _ => false,
        })
    }

    /// As letters that get the next UIDs; they are sorted.
    pub(super) fn numbered(&self, uid_next: u32) -> impl ExactSizeIterator<Item = Added<&[u8]>> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.unwrap_or_default().as_secs();
        // As many as there are numbers.
        let numbers = usize::try_from(u32::MAX - uid_next).unwrap_or(usize::MAX);
        let files = self.files.get(..self.files.len().min(numbers)).unwrap_or_default();
        let mut uid = uid_next;
        files.iter().map(move |file| {
            let Name { stored, flagged } = Name::parse(self.name(file), file.place);
            // A letter that was delivered here was saved when it came; who moves files doesn't tell.
            let saved = if file.seconds == 0 || file.seconds > now { now } else { file.seconds };
            let saved = u32::try_from(saved).unwrap_or_default();
            let added = Added { uid, flagged, saved, stored };
            uid = uid.saturating_add(1);
            added
        })
    }
}

fn name_in<'a>(names: &'a [u8], file: &File) -> &'a [u8] {
    let start = file.name_at as usize;
    names.get(start..start + usize::from(file.name_octets)).unwrap_or_default()
}
