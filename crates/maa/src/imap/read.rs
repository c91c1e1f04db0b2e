//! Letters that have to be read: without the mailbox at hand, by several threads.

use postroad_catalog::read::by_threads;
use postroad_store::{Letter, LetterFile, MailboxError};

use super::shared::Open;

/// Does something with letters, by several threads; what comes of it has their order. A letter whose file isn't where it
/// was is looked for.
pub(super) fn all<L: Sync, T: Send>(
    open: &Open,
    letters: &[L],
    file: impl Fn(&L) -> &LetterFile + Sync,
    read: impl Fn(&L, &Letter) -> Result<T, MailboxError> + Sync,
) -> Vec<Result<T, MailboxError>> {
    let there = |letter: &L| read(letter, &file(letter).open()?);
    let mut done = by_threads(letters, &there);
    for (letter, done) in letters.iter().zip(&mut done) {
        if let Err(MailboxError::Gone { uid }) = done {
            let found = open.inside().mailbox.open_letter(*uid);
            *done = found.and_then(|found| read(letter, &found));
        }
    }
    done
}
