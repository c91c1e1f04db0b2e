//! Files of letters that nobody knows, while they are gathered: a folder that was never looked at has them all.

use std::time::SystemTime;

use super::letters::Added;
use super::name::{Flagged, Name, Place, State, arrival, identity};

/// Such files, in any order until they are asked for in their own.
#[derive(Debug, Default)]
pub(super) struct Fresh {
    files: Vec<File>,
    /// Their names, one behind the other: room for each by itself would take longer than the rest.
    names: Vec<u8>,
}

/// What a name tells is looked at while that is at hand: sorted, they lie far apart.
#[derive(Debug, Clone, Copy)]
struct File {
    /// When it came, as far as its name tells: seconds above 32 bits of microseconds.
    came: u128,
    name_at: u32,
    name_octets: u16,
    /// Of these what is stored ([`Name::stored`]).
    stored_octets: u16,
    state: State,
    /// Those that stand in names are 26.
    keywords: u32,
}

impl Fresh {
    /// Adds one. More names than a register can have are left out, and so is one that is longer than any system's.
    pub(super) fn push(&mut self, place: Place, name: &[u8]) {
        let Name { stored, flagged: Flagged { state, keywords } } = Name::parse(name, place);
        let (Ok(name_at), Ok(name_octets), Ok(stored_octets), Ok(keywords)) = (
            u32::try_from(self.names.len()),
            u16::try_from(name.len()),
            u16::try_from(stored.len()),
            u32::try_from(keywords),
        ) else {
            return;
        };
        let (seconds, micros) = arrival(name);
        let came = u128::from(seconds) << 32 | u128::from(micros);
        self.names.extend_from_slice(name);
        self.files.push(File { came, name_at, name_octets, stored_octets, state, keywords });
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
        self.files.iter().map(|file| (file.place(), self.name(file)))
    }

    /// Puts them in the order in which letters came; those of one identity stand together.
    pub(super) fn sort(&mut self) {
        fn key<'a>(file: &File, names: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
            let name = name_in(names, file);
            name.split_at_checked(identity(name).len())
        }
        let Self { files, names } = self;
        files.sort_unstable_by_key(|file| file.came);
        // Names are looked at only where they have to be.
        for files in files.chunk_by_mut(|one, other| one.came == other.came) {
            files.sort_unstable_by(|one, other| key(one, names).cmp(&key(other, names)));
        }
    }

    /// Whether two of them have one identity; they are sorted.
    pub(super) fn has_twins(&self) -> bool {
        self.files.windows(2).any(|pair| match pair {
            [one, other] => {
                one.came == other.came && identity(self.name(one)) == identity(self.name(other))
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
            let seconds = u64::try_from(file.came >> 32).unwrap_or_default();
            // A letter that was delivered here was saved when it came; who moves files doesn't tell.
            let saved = if seconds == 0 || seconds > now { now } else { seconds };
            let saved = u32::try_from(saved).unwrap_or_default();
            let flagged = Flagged { state: file.state, keywords: u64::from(file.keywords) };
            let stored = self.name(file).get(..usize::from(file.stored_octets));
            let added = Added { uid, flagged, saved, stored: stored.unwrap_or_default() };
            uid = uid.saturating_add(1);
            added
        })
    }
}

impl File {
    fn place(&self) -> Place {
        match self.state.has(State::IN_NEW) {
            true => Place::New,
            false => Place::Cur,
        }
    }
}

fn name_in<'a>(names: &'a [u8], file: &File) -> &'a [u8] {
    let start = file.name_at as usize;
    names.get(start..start + usize::from(file.name_octets)).unwrap_or_default()
}
