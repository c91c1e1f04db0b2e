//! A mailbox's cache, made anew from its letters' files: with all that sessions remember of a letter once its client has
//! asked for everything.

use std::sync::Arc;

use postroad_disk::Disk;
use postroad_store::{Cache, LetterFile, Mailbox, MailboxError, Written};

use crate::facts::Read;
use crate::limits::{READ_AT_ONCE, READ_OCTETS};
use crate::object_id::Hashing;
use crate::read::{self, Extent, ReadLetter};

/// Reads all letters of a mailbox that was looked at, and remembers what they say; gives how many those are. `each` is
/// told of each letter. One that is gone meanwhile is left out, and so are all where another process writes the cache.
///
/// # Errors
/// What the disk said.
pub fn fill(
    disk: Arc<dyn Disk>,
    mailbox: &mut Mailbox,
    each: &mut dyn FnMut(),
) -> Result<usize, MailboxError> {
    let mut cache = Cache::open(disk, mailbox.folder(), mailbox.cache_key())?;
    let uids: Vec<u32> = mailbox.entries().map(|entry| entry.uid()).collect();
    let (mut uids, mut remembered) = (uids.into_iter().peekable(), 0);
    while uids.peek().is_some() {
        let (mut files, mut octets) = (Vec::new(), 0);
        while files.len() < READ_AT_ONCE
            && octets < READ_OCTETS
            && let Some(uid) = uids.next()
        {
            match mailbox.file_octets(uid) {
                Err(MailboxError::Gone { .. }) => each(),
                known => {
                    octets += known?;
                    files.push(mailbox.letter_file(uid)?);
                }
            }
        }
        let facts = read::by_threads(&files, &facts_of);
        for (file, facts) in files.iter().zip(facts) {
            each();
            let facts = match facts {
                // It was renamed.
                Err(MailboxError::Gone { uid }) => {
                    mailbox.open_letter(uid).and_then(|letter| all_of(&letter))
                }
                facts => facts,
            };
            let facts = match facts {
                Err(MailboxError::Gone { .. }) => continue,
                facts => facts?,
            };
            if let (Some(entry), Some(facts)) = (mailbox.entry(file.uid()), facts) {
                facts.remember(&mut cache, file.uid(), entry.identity());
                remembered += 1;
            }
        }
    }
    match cache.flush()? {
        Written::All => Ok(remembered),
        Written::NotOurTurn => Ok(0),
    }
}

fn facts_of(file: &LetterFile) -> Result<Option<Read>, MailboxError> {
    all_of(&file.open()?)
}

fn all_of(letter: &postroad_store::Letter) -> Result<Option<Read>, MailboxError> {
    let letter = ReadLetter::read(letter, Extent::Parts)?;
    let facts = letter.facts(None, None, Hashing::Wanted);
    Ok(facts.map(|facts| facts.with_preview(&letter.octets, &letter.part)))
}
