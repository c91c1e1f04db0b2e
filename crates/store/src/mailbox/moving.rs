//! Letters that go because others have come in their place: MOVE (RFC 6851), REPLACE (RFC 8508).
//!
//! Before the new ones are shown, the file `postroad-moving` in the inbox says which old one goes for which new one, and
//! is synced. It is cut when the old ones are gone, durably. Whoever opens a folder of the mailbox, and finds something
//! in the file that nobody is at work on, does the rest: an old letter goes where its new one is there, and else stays.
//!
//! | crash after | what is there, once any folder is opened |
//! |---|---|
//! | the file was synced | the old letter: nothing has happened |
//! | the new one is durable ([`Mailbox::append`], [`Mailbox::take_copies`]) | the new one |
//! | the old one was removed, its directory synced | the new one |
//! | the file was cut | the same; a power cut may bring its text back, of letters that are gone |
//!
//! The file is locked meanwhile: one move at a time in a mailbox. Nobody waits for it who holds a register's lock.
//!
//! Where the rest can't be done now, since one of the folders can't be read, it stays in the file for whoever comes next,
//! and other moves are written behind it: all but those of the same letters, and those into the same folder.
//!
//! | octets, of each move | what |
//! |---|---|
//! | 4 | CRC-32 of all behind it |
//! | 4 | octets of what follows |
//! | | the old letters' folder, the new ones' (nothing: the inbox) |
//! | | identities, an old one and its new one |

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use postroad_disk::{DiskError, DiskFile};

use super::frame::checksum;
use super::octets::{Octets, Put as _};
use super::publish::{Copies, NewLetter};
use super::{Mailbox, MailboxError, Mailboxes};
use crate::limits::{LOOKS_MAX, MOVES_LEFT_MAX, MOVING_OCTETS_MAX, TURN_LOOK_EVERY};
use crate::{FolderName, Maildir};

const FILE: &str = "postroad-moving";
const HEADER_OCTETS: usize = 8;

/// Old letters, until they are gone. Dropped before that, whoever opens the mailbox next looks whether they are to go.
#[derive(Debug)]
pub struct Moving {
    file: Box<dyn DiskFile>,
    from: Maildir,
    old: Vec<Vec<u8>>,
    /// Octets of the file that it leaves there.
    before: u64,
}

impl Moving {
    /// Whether the old letters are in this folder.
    pub(super) fn is_from(&self, folder: &Maildir) -> bool {
        self.from == *folder
    }
}

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Note {
    from: Option<FolderName>,
    to: Option<FolderName>,
    /// Identities, of the old letter and of the new one.
    letters: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Moves that couldn't be finished.
#[derive(Debug, Default)]
struct Left {
    /// Octets up to the end of the last one.
    octets: u64,
    moves: Vec<(Note, MailboxError)>,
}

impl Left {
    /// What keeps another move from being begun.
    fn in_the_way_of(self, other: &Note) -> Option<MailboxError> {
        let are_many = self.moves.len() >= MOVES_LEFT_MAX;
        let going: HashSet<&[u8]> = other.letters.iter().map(|(old, _)| old.as_slice()).collect();
        let is_about_them = |note: &Note| {
            let mut letters = note.letters.iter().flat_map(|(old, new)| [old, new]);
            note.to == other.to || letters.any(|letter| going.contains(letter.as_slice()))
        };
        let mut left = self.moves.into_iter();
        left.find(|(note, _)| are_many || is_about_them(note)).map(|(_, why)| why)
    }
}

impl Note {
    /// Octets that it takes.
    fn octets(&self) -> usize {
        let text = |octets: usize| 2 + octets;
        let name =
            |folder: &Option<FolderName>| folder.as_ref().map_or(0, |it| it.to_string().len());
        let letters = self.letters.iter().map(|(old, new)| text(old.len()) + text(new.len()));
        HEADER_OCTETS + text(name(&self.from)) + text(name(&self.to)) + letters.sum::<usize>()
    }

    fn encode(&self) -> Vec<u8> {
        let mut payload = Vec::new();
        for folder in [&self.from, &self.to] {
            payload.text(folder.as_ref().map(FolderName::to_string).unwrap_or_default().as_bytes());
        }
        for (old, new) in &self.letters {
            payload.text(old);
            payload.text(new);
        }
        let mut covered = Vec::with_capacity(HEADER_OCTETS + payload.len());
        covered.u32(payload.len() as u32);
        covered.put(&payload);
        let mut note = Vec::with_capacity(HEADER_OCTETS + payload.len());
        note.u32(checksum(0, &covered));
        note.put(&covered);
        note
    }

    fn decode(octets: &[u8]) -> Option<Self> {
        let mut octets = Octets(octets);
        let (written, covered) = (octets.u32()?, octets.0);
        let length = octets.u32()? as usize;
        let mut payload = Octets(octets.take(length)?);
        if checksum(0, covered.get(..length + 4)?) != written {
            return None;
        }
        let mut folder = || match str::from_utf8(payload.text()?).ok()? {
            "" => Some(None),
            name => FolderName::on_disk(name).ok().map(Some),
        };
        let (from, to) = (folder()?, folder()?);
        let mut letters = Vec::new();
        while !payload.is_empty() {
            letters.push((payload.text()?.to_owned(), payload.text()?.to_owned()));
        }
        Some(Self { from, to, letters })
    }
}

impl Mailboxes {
    /// Letters of `from` are about to go for their copies, which `to` takes then ([`Mailbox::leave_out_moved`],
    /// [`Mailbox::take_copies`]). Afterwards: [`Mailbox::end_move`]. Waits for other moves in the mailbox: with no mailbox
    /// held that these may want.
    ///
    /// # Errors
    /// What the disk said: nothing is moved.
    pub fn begin_move(
        self: &Arc<Self>,
        from: &Maildir,
        to: &Maildir,
        copies: &Copies,
    ) -> Result<Moving, MailboxError> {
        self.begin(from, to, copies.identities().collect())
    }

    /// The same of a letter of this identity ([`super::Entry::identity`]) that goes for others, which `to` appends.
    ///
    /// # Errors
    /// As there.
    pub fn begin_replacing(
        self: &Arc<Self>,
        from: &Maildir,
        old: &[u8],
        to: &Maildir,
        by: &[NewLetter],
    ) -> Result<Moving, MailboxError> {
        let letters = by.iter().map(|new| (old.to_owned(), new.identity().to_owned()));
        self.begin(from, to, letters.collect())
    }

    fn begin(
        self: &Arc<Self>,
        from: &Maildir,
        to: &Maildir,
        letters: Vec<(Vec<u8>, Vec<u8>)>,
    ) -> Result<Moving, MailboxError> {
        let inbox = from.inbox().unwrap_or_else(|| from.clone());
        let mut file = self.lock_moving(&inbox)?;
        let note = Note { from: from.name().cloned(), to: to.name().cloned(), letters };
        // Of somebody who got no further.
        let left = self.finish(&inbox, file.as_mut())?;
        let before = left.octets;
        if let Some(why) = left.in_the_way_of(&note) {
            return Err(why);
        }
        let octets = note.encode();
        if octets.len() as u64 + before > MOVING_OCTETS_MAX as u64 {
            let (path, source) = (moving_in(&inbox), io::ErrorKind::FileTooLarge.into());
            return Err(DiskError { operation: "write", path, source }.into());
        }
        file.write_all_at(&[&octets], before)?;
        file.sync()?;
        let old = note.letters.into_iter().map(|(old, _)| old).collect();
        Ok(Moving { file, from: from.clone(), old, before })
    }

    fn lock_moving(&self, inbox: &Maildir) -> Result<Box<dyn DiskFile>, MailboxError> {
        let (path, since) = (moving_in(inbox), Instant::now());
        loop {
            match self.disk.open_locked(&path) {
                Ok(file) => {
                    if file.is_empty()? {
                        // Its name may not be durable: it was just made.
                        self.disk.sync_dir(inbox.root())?;
                    }
                    return Ok(file);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if since.elapsed() >= self.lock_wait {
                        let holder = self.disk.lock_holder(&path);
                        return Err(MailboxError::Locked { path, holder });
                    }
                    std::thread::sleep(TURN_LOOK_EVERY);
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    match self.disk.create_new(&path) {
                        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                            return Err(error.into());
                        }
                        Ok(_) | Err(_) => {}
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Finishes what somebody has begun, in whichever folder of the mailbox, and not got done. [`Mailboxes::open`] does
    /// so, too; whoever gives folders other names does it before.
    ///
    /// # Errors
    /// What the disk said, and why something is left over; it may be tried again.
    pub fn finish_moving(self: &Arc<Self>, folder: &Maildir) -> Result<(), MailboxError> {
        let inbox = folder.inbox().unwrap_or_else(|| folder.clone());
        let path = moving_in(&inbox);
        let is_gone = |error: &io::ErrorKind| *error == io::ErrorKind::NotFound;
        match self.disk.stat(&path) {
            Ok(stat) if stat.octets > HEADER_OCTETS as u64 => {}
            Err(error) if !is_gone(&error.kind()) => return Err(error.into()),
            Ok(_) | Err(_) => return Ok(()),
        }
        match self.disk.open_locked(&path) {
            Ok(mut file) => {
                let left = self.finish(&inbox, file.as_mut())?.moves;
                left.into_iter().next().map_or(Ok(()), |(_, why)| Err(why))
            }
            // Somebody is at it.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) if is_gone(&error.kind()) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn finish(
        self: &Arc<Self>,
        inbox: &Maildir,
        file: &mut dyn DiskFile,
    ) -> Result<Left, MailboxError> {
        let mut left = Left::default();
        let octets = usize::try_from(file.len()?).unwrap_or_default();
        if octets <= HEADER_OCTETS {
            return Ok(left);
        }
        // What is longer isn't ours: it says nothing, and is cut as what a crash has torn.
        let mut text = vec![0; octets.min(MOVING_OCTETS_MAX)];
        let read = file.read_at(&mut text, 0)?;
        text.truncate(read);
        let mut at = 0;
        for _ in 0..MOVES_LEFT_MAX {
            let Some(note) = text.get(at..).and_then(Note::decode) else { break };
            at += note.octets();
            if let Err(why) = self.finish_one(inbox, &note) {
                // Those before it stay, too: nothing of it is written twice.
                left.octets = at as u64;
                left.moves.push((note, why));
            }
        }
        file.truncate(left.octets.max(HEADER_OCTETS as u64))?;
        Ok(left)
    }

    fn finish_one(self: &Arc<Self>, inbox: &Maildir, note: &Note) -> Result<(), MailboxError> {
        let folder = |name: &Option<FolderName>| match name {
            Some(name) => inbox.folder(name),
            None => inbox.clone(),
        };
        let Some(mut target) = self.open_looked_at(&folder(&note.to))? else { return Ok(()) };
        let there = note.letters.iter().filter(|(_, new)| target.find(new).is_some());
        let old: Vec<Vec<u8>> = there.map(|(old, _)| old.clone()).collect();
        if !old.is_empty()
            && let Some(mut source) = self.open_looked_at(&folder(&note.from))?
            && source.remove_moved(&old)? == Removed::NotAll
        {
            return Err(MailboxError::Locked { path: moving_in(inbox), holder: None });
        }
        Ok(())
    }

    /// `None` where there is no such folder any more.
    fn open_looked_at(self: &Arc<Self>, folder: &Maildir) -> Result<Option<Mailbox>, MailboxError> {
        let opened = crate::neighbours::open(self, folder).and_then(|mut mailbox| {
            mailbox.refresh()?;
            Ok(mailbox)
        });
        match opened {
            Err(MailboxError::NoMailbox { .. }) => Ok(None),
            opened => opened.map(Some),
        }
    }
}

/// Whether old letters are gone.
#[derive(PartialEq, Eq)]
enum Removed {
    All,
    /// Others rename them again and again.
    NotAll,
}

impl Mailbox {
    /// Leaves out what has gone from here since it was linked: whoever moved letters before ([`Mailboxes::begin_move`]
    /// waits for that, or finishes it) may have moved these, and then they would be in the other folder twice.
    ///
    /// # Errors
    /// What the disk said: nothing is moved.
    pub fn leave_out_moved(&mut self, copies: &mut Copies) -> Result<(), MailboxError> {
        self.refresh()?;
        copies.retain(|identity| self.find(identity).is_some());
        Ok(())
    }

    /// Removes the old letters: the new ones are there. Durable when it returns.
    ///
    /// # Errors
    /// What the disk said: those that are left go when a folder of the mailbox is opened next.
    pub fn end_move(&mut self, moving: Moving) -> Result<(), MailboxError> {
        let Moving { mut file, old, before, .. } = moving;
        if self.remove_moved(&old)? == Removed::All {
            // Neither synced nor needed: the letters are gone, whatever it says.
            let _ = file.truncate(before.max(HEADER_OCTETS as u64));
        }
        Ok(())
    }

    fn remove_moved(&mut self, old: &[Vec<u8>]) -> Result<Removed, MailboxError> {
        let mut any_in_new = false;
        for _ in 0..LOOKS_MAX {
            let uids: Vec<u32> = old.iter().filter_map(|old| self.find(old)).collect();
            any_in_new = uids.iter().any(|uid| self.entry(*uid).is_some_and(|it| it.is_new()));
            match self.expunge(&uids) {
                // Their mailbox has gone with them, or its register alone: then they have other UIDs.
                Err(MailboxError::Renumbered { .. }) => {}
                expunged => {
                    expunged?;
                    break;
                }
            }
        }
        if any_in_new {
            self.disk().sync_dir(&self.folder.new_dir())?;
        }
        self.disk().sync_dir(&self.folder.cur_dir())?;
        match old.iter().any(|old| self.find(old).is_some()) {
            true => Ok(Removed::NotAll),
            false => Ok(Removed::All),
        }
    }

    /// The letter of an identity.
    fn find(&mut self, identity: &[u8]) -> Option<u32> {
        let at = self.contents.letters.find(identity)?;
        self.contents.letters.records().get(at).map(|record| record.uid)
    }
}

fn moving_in(inbox: &Maildir) -> PathBuf {
    inbox.root().join(FILE)
}

/// Whatever is in the file gives letters that are written the same again, or none.
pub(crate) fn fuzz(octets: &[u8]) {
    let covered = octets.get(4..).unwrap_or_default();
    let sealed = [&checksum(0, covered).to_le_bytes()[..], covered].concat();
    for octets in [octets, &sealed] {
        if let Some(note) = Note::decode(octets) {
            assert_eq!(note.octets(), note.encode().len());
            assert_eq!(Note::decode(&note.encode()), Some(note));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else() {
        let letters = vec![(b"1.h".to_vec(), b"2.h".to_vec()), (b"3.h".to_vec(), b"4.h".to_vec())];
        let note = Note { from: None, to: FolderName::parse("Lists.rust").ok(), letters };
        let octets = note.encode();
        assert_eq!(Note::decode(&octets), Some(note.clone()));
        // Behind it is what was left of a longer one.
        assert_eq!(Note::decode(&[&octets[..], b"more"].concat()), Some(note));
        for end in 0..octets.len() {
            assert_eq!(Note::decode(&octets[..end]), None);
        }
        for at in 0..octets.len() {
            let mut other = octets.clone();
            other[at] ^= 1;
            assert_eq!(Note::decode(&other), None);
            fuzz(&other);
        }
        fuzz(&octets);
    }
}
