//! What aliases make of an envelope, and who tells the sender of it (RFC 3461 §5.2.7).
//!
//! An alias keeps the reverse-path, so failures of its members come back to the sender. One that stands for a
//! single address hands on all DSN parameters (§5.2.7.2). Of the three ways for one that stands for several we
//! take (c) of §5.2.7.3: all but NOTIFY=SUCCESS is handed on, and the success to tell is "expanded", once.

use std::collections::HashSet;

use postroad_accounts::{Directory, Resolution, UserName};
use postroad_protocol::address::Address;
use postroad_protocol::command::Rcpt;
use postroad_protocol::envelope::{Envelope, Recipient, Wanted};
use postroad_protocol::server::Transaction;

use super::Inbound;
use super::policy::recipient_address;

/// An accepted transaction as it goes into the queue.
pub(crate) struct Expanded {
    /// Aliases replaced by their members, each address once.
    pub(crate) envelope: Envelope,
    /// The aliases of which the sender wants to hear that they were expanded.
    pub(crate) to_tell: Vec<Recipient>,
}

impl Inbound {
    /// Expands the aliases of an accepted transaction.
    pub(crate) fn expand(&self, transaction: Transaction) -> Expanded {
        let Transaction { mail, recipients } = transaction;
        let directory = self.accounts.directory();
        // Who was named comes first: its own parameters count, not those of an alias that it is in as well.
        let (mut named, mut members) = (Vec::with_capacity(recipients.len()), Vec::new());
        let mut to_tell = Vec::new();
        for Rcpt { forward_path, notify, orcpt } in recipients {
            let path = recipient_address(&self.config, &self.hostname, &forward_path);
            let Some(address) = path else { continue };
            let rcpt = Recipient { address, notify, orcpt };
            match members_of(&directory, &rcpt.address).as_slice() {
                [] => named.push(rcpt),
                [only] => members.push(rcpt.handed_on_to(only.clone())),
                several => {
                    let handed_on =
                        |address: &Address| rcpt.handed_on_to(address.clone()).without_success();
                    members.extend(several.iter().map(handed_on));
                    if notify.success() == Wanted::Yes {
                        to_tell.push(rcpt);
                    }
                }
            }
        }
        named.append(&mut members);
        if named.len() > 1 {
            let mut seen = HashSet::with_capacity(named.len());
            named.retain(|recipient| seen.insert(recipient.address.clone()));
        }
        let envelope = Envelope {
            reverse_path: mail.reverse_path,
            recipients: named,
            body: mail.body,
            utf8: mail.utf8,
            ret: mail.ret,
            envid: mail.envid,
        };
        Expanded { envelope, to_tell }
    }
}

/// Those that get what is sent to the address in its place; none where it gets it itself.
fn members_of(directory: &Directory, address: &Address) -> Vec<Address> {
    match directory.resolve(address) {
        Resolution::Alias(members) => members,
        Resolution::Mailbox { user, .. } => {
            postmasters_mailbox(directory, address, &user).into_iter().collect()
        }
        Resolution::Unknown | Resolution::NotLocal => Vec::new(),
    }
}

/// Whose mailbox a `postmaster` is whom no file names; `None` for every other address. A delivery agent that
/// isn't ours knows the user alone.
pub(crate) fn postmasters_mailbox(
    directory: &Directory,
    address: &Address,
    user: &UserName,
) -> Option<Address> {
    directory.mailbox(address).is_none().then(|| user.at(&address.domain))
}
