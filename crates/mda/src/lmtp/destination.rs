//! Whose an address is: the mailboxes that a recipient's letter goes into.

use postroad_accounts::{Directory, Resolution, UserName};
use postroad_protocol::address::{Address, ForwardPath, LocalPart};
use postroad_protocol::reply::Reply;

use super::Shared;
use crate::replies;

/// Where one recipient's letter goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Destination {
    /// What `Delivered-To` says.
    pub(super) address: Address,
    /// Whose mailboxes: one, or those behind an alias that nobody has expanded before us.
    pub(super) users: Vec<UserName>,
}

impl Destination {
    /// Finds it, or the reply that refuses the recipient.
    pub(super) fn find(shared: &Shared, path: &ForwardPath) -> Result<Self, Reply> {
        let address = match path {
            ForwardPath::Address(address) => address.clone(),
            // RFC 5321 §4.5.1: the postmaster of this host is that of our first domain.
            ForwardPath::Postmaster => postmaster(shared).ok_or_else(replies::unknown_user)?,
        };
        let users = users(&shared.accounts.directory(), &address)?;
        Ok(Self { address, users })
    }
}

fn postmaster(shared: &Shared) -> Option<Address> {
    let domain = shared.config.domains.first()?.clone();
    Some(Address { local_part: LocalPart::parse("postmaster").ok()?, domain })
}

fn users(directory: &Directory, address: &Address) -> Result<Vec<UserName>, Reply> {
    // Our transfer agent has expanded aliases: what it names is a mailbox, whatever aliases say.
    if let Some((user, _)) = directory.mailbox(address) {
        return Ok(vec![user.clone()]);
    }
    match directory.resolve(address) {
        Resolution::Mailbox { user, .. } => Ok(vec![user]),
        Resolution::Alias(addresses) => addresses
            .iter()
            .map(|address| directory.mailbox(address).map(|(user, _)| user.clone()))
            .collect::<Option<_>>()
            .ok_or_else(|| {
                replies::misconfigured(
                    "An alias that leads elsewhere is the transfer agent's to expand",
                )
            }),
        Resolution::Unknown => Err(replies::unknown_to(directory)),
        Resolution::NotLocal => Err(replies::not_our_domain()),
    }
}
