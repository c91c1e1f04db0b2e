//! What every sending command ends in: the letter goes into the outbox, and a sender is started.

use std::sync::Arc;

use bytes::Bytes;
use postroad_protocol::client::Verdict;

use crate::account::{Account, Overrides, Submission};
use crate::compose::Letter;
use crate::error::Error;
use crate::outbox::{self, Notes, Outbox, OutboxError};
use crate::submission::Connection;
use crate::{sent, trace};

/// Sees a letter off: after `Ok` it is on disk, in the outbox or with the MTA.
///
/// # Errors
/// Where it is on no disk: the caller still has it.
pub async fn send(
    letter: &Letter,
    account: &Account,
    overrides: &Overrides,
    notes: &Notes,
) -> Result<(), Error> {
    let left = match &account.outbox {
        Some(folder) => Outbox::open(folder).and_then(|outbox| outbox.leave(letter, notes)),
        None => return directly(letter, account, notes).await,
    };
    match left {
        Ok(()) => {
            trace::composed(letter, account);
            // Where none can be started the letter waits for the timer or the next start.
            if let Err(error) = outbox::start::start(overrides) {
                tracing::warn!(%error, "cannot start the sender, the letter waits in the outbox");
            }
            Ok(())
        }
        // A web server's user often has no folder of its own to write to; the MTA has.
        Err(OutboxError::Disk(error)) if is_no_folder(&error) && is_socket(account) => {
            directly(letter, account, notes).await
        }
        Err(error) => Err(error.into()),
    }
}

fn is_no_folder(error: &postroad_disk::DiskError) -> bool {
    use std::io::ErrorKind::{NotADirectory, NotFound, PermissionDenied, ReadOnlyFilesystem};
    matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem | NotFound | NotADirectory)
}

fn is_socket(account: &Account) -> bool {
    matches!(account.submission, Submission::Socket(_))
}

/// Hands the letter to the MTA while the caller waits: 0 means it is on the MTA's disk.
async fn directly(letter: &Letter, account: &Account, notes: &Notes) -> Result<(), Error> {
    let mut connection = Connection::open(account).await?;
    let envelope = Arc::new(letter.envelope.clone());
    let recipients = (0..letter.envelope.recipients.len()).collect();
    let content = Bytes::copy_from_slice(&letter.content);
    let verdicts = connection.deliver(envelope, recipients, content).await;
    connection.quit().await;
    trace::composed(letter, account);
    if verdicts.iter().any(|verdict| matches!(verdict, Verdict::Accepted(_)))
        && let Some(folder) = &notes.copy
    {
        // There is no outbox to keep it in.
        if let Err(error) = sent::file_copy(account, folder, &letter.content).await {
            tracing::warn!(%folder, error, "the copy of a sent letter is not filed");
        }
    }
    // Some may have it now: a caller that tries again sends those a second copy, none goes without.
    for verdict in &verdicts {
        match verdict {
            Verdict::Accepted(_) => {}
            Verdict::Deferred(reply) => return Err(Error::Deferred(reply.to_string())),
            Verdict::Refused(reply) => return Err(Error::Refused(reply.to_string())),
        }
    }
    Ok(())
}
