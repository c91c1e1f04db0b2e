//! Whether a recipient's mailbox takes a letter: asked at RCPT, before anything of it is sent.
//!
//! A transfer agent asks this often, and a mailbox may hang: the answer is what is remembered, or what a thread
//! finds out within [`limits::QUOTA_WAIT`]; one thread for each mailbox, and a few in all. In doubt it is yes, and
//! the letter is weighed again when it is there.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use postroad_accounts::UserName;
use postroad_protocol::reply::Reply;
use postroad_store::Usage;
use tokio::time::timeout;

use super::Shared;
use super::destination::Destination;
use super::host_users;
use crate::quota::{Account, Known};
use crate::rules::Mailbox;
use crate::{limits, mailbox};

/// Whether all mailboxes behind an address take a letter of that size, as far as its client has said one.
pub(super) async fn ask(
    shared: &Arc<Shared>,
    to: &Destination,
    size: Option<u64>,
) -> Result<(), Reply> {
    for user in &to.host_users {
        host_users::ask(shared, &user.name).await?;
    }
    let adding = Usage { octets: size.unwrap_or(0), letters: 1 };
    for user in &to.users {
        let maildir = mailbox::of_user(&shared.config.mda, user);
        // What is in a mailbox file isn't counted.
        if maildir.inbox_file().is_some() {
            continue;
        }
        let known = shared.quotas.known(maildir.root());
        if let Some(answer) = shared.quotas.remembered(&known, adding) {
            answer?;
            continue;
        }
        // Somebody is stuck there: they may be so for hours, and RCPT isn't to wait each time.
        let is_stuck = known.looking.try_lock().is_err();
        if is_stuck && known.hangs.load(Ordering::Relaxed) {
            continue;
        }
        known.hangs.store(false, Ordering::Relaxed);
        match timeout(limits::QUOTA_WAIT, look(shared, to, user, &known, adding)).await {
            Ok(answer) => answer?,
            Err(_) => known.hangs.store(true, Ordering::Relaxed),
        }
    }
    Ok(())
}

async fn look(
    shared: &Arc<Shared>,
    to: &Destination,
    user: &UserName,
    known: &Known,
    adding: Usage,
) -> Result<(), Reply> {
    let looking = Arc::clone(&known.looking).lock_owned().await;
    if let Some(answer) = shared.quotas.remembered(known, adding) {
        return answer;
    }
    let Ok(permit) = Arc::clone(&shared.looks).try_acquire_owned() else { return Ok(()) };
    let (shared, to, user) = (Arc::clone(shared), to.address.clone(), user.clone());
    let looked = tokio::task::spawn_blocking(move || {
        let maildir = mailbox::of_user(&shared.config.mda, &user);
        // Where deliveries hang, this one would.
        let visit = shared.hanging.visit(maildir.root(), Instant::now());
        let maildir = visit.as_ref().and_then(|_| shared.courier.resolve(&maildir).ok());
        let answer = maildir.map_or(Ok(()), |maildir| {
            let account = Account {
                mailbox: Mailbox { courier: &shared.courier, inbox: &maildir },
                rule: shared.accounts.directory().quota(user.as_str()),
                to: &to,
                host: &shared.hostname,
            };
            shared.quotas.look(&account, adding)
        });
        drop(visit);
        drop((permit, looking));
        answer
    });
    // A thread that broke down knows nothing.
    looked.await.unwrap_or(Ok(()))
}
