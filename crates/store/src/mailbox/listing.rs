//! The names in new/ and cur/.
//!
//! The system takes as long to give them as it takes to look them up: of a large folder another thread asks for them.

use std::ops::Range;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::Builder;

use postroad_disk::{Disk, DiskError, EntryKind};

use super::name::{Place, identity};
use crate::Maildir;
use crate::limits::{FOLDER_OCTETS_ALONE, NAMES_AT_ONCE, NAMES_WAITING};

/// Some names of one directory, one behind the other.
struct Names {
    place: Place,
    octets: Vec<u8>,
    each: Vec<Range<usize>>,
}

/// Does something with the name of each letter's file; those in new/ come first: who moves a letter to cur/ meanwhile
/// doesn't hide it.
pub(super) fn all(
    disk: &dyn Disk,
    folder: &Maildir,
    mut take: impl FnMut(Place, &[u8]),
) -> Result<(), DiskError> {
    let directories = [(Place::New, folder.new_dir()), (Place::Cur, folder.cur_dir())];
    let list = |take: &mut dyn FnMut(Place, &[u8])| {
        directories.iter().try_for_each(|(place, directory)| {
            disk.list(directory, &mut |name, kind| {
                let name = name.as_encoded_bytes();
                if kind == EntryKind::File && is_letter(name) {
                    take(*place, name);
                }
            })
        })
    };
    // A directory's length is no measure of its names on each file system, but where it is short there are few.
    if disk.stat(&folder.cur_dir())?.octets < FOLDER_OCTETS_ALONE {
        return list(&mut take);
    }
    std::thread::scope(|scope| {
        let (give, given) = sync_channel(NAMES_WAITING);
        let by_another = || {
            let mut names = Sending { give, names: None };
            let listed = list(&mut |place, name| names.add(place, name));
            names.send();
            listed
        };
        // Where the system has no thread for it, this one does both.
        let Ok(listing) = Builder::new().spawn_scoped(scope, by_another) else {
            return list(&mut take);
        };
        for Names { place, octets, each } in given {
            each.into_iter().for_each(|at| take(place, octets.get(at).unwrap_or_default()));
        }
        listing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Gathers names until they are worth being sent.
struct Sending {
    give: SyncSender<Names>,
    names: Option<Names>,
}

impl Sending {
    fn add(&mut self, place: Place, name: &[u8]) {
        if self.names.as_ref().is_some_and(|names| names.place != place) {
            self.send();
        }
        let names = self.names.get_or_insert_with(|| Names {
            place,
            octets: Vec::with_capacity(NAMES_AT_ONCE * 64),
            each: Vec::with_capacity(NAMES_AT_ONCE),
        });
        let start = names.octets.len();
        names.octets.extend_from_slice(name);
        names.each.push(start..names.octets.len());
        if names.each.len() == NAMES_AT_ONCE {
            self.send();
        }
    }

    fn send(&mut self) {
        if let Some(names) = self.names.take() {
            // Nobody takes them any more where that has panicked.
            let _ = self.give.send(names);
        }
    }
}

/// What begins with a dot is no letter (maildir(5)), and what has no identity can't be told from others.
pub(super) fn is_letter(name: &[u8]) -> bool {
    !name.starts_with(b".") && !identity(name).is_empty()
}
