//! Whose an address is: the mailboxes that a recipient's letter goes into.

use std::time::Instant;

use postroad_accounts::{Directory, Resolution, UserName};
use postroad_protocol::address::{Address, ForwardPath, LocalPart};
use postroad_protocol::envelope::Recipient;
use postroad_protocol::reply::Reply;

use super::Shared;
use crate::{events, mailbox, replies};

/// Where one recipient's letter goes.
#[derive(Debug, Clone)]
pub(super) struct Destination {
    /// What `Delivered-To` says.
    pub(super) address: Address,
    pub(super) whose: Whose,
    /// What each RCPT that named it has asked for.
    pub(super) rcpts: Vec<Recipient>,
}

/// Whose mailboxes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Whose {
    /// One user's of ours, or of those behind an alias that nobody has expanded before us.
    Ours(Vec<UserName>),
    /// A user's of the host, if there is one of that name; what stood behind the separator.
    Host { name: String, detail: Option<String> },
}

impl Destination {
    /// The users of ours behind it.
    pub(super) fn users(&self) -> &[UserName] {
        match &self.whose {
            Whose::Ours(users) => users,
            Whose::Host { .. } => &[],
        }
    }
}

impl Destination {
    /// Finds it, or the reply that refuses the recipient.
    pub(super) fn find(shared: &Shared, path: &ForwardPath) -> Result<Self, Reply> {
        let address = match path {
            ForwardPath::Address(address) => address.clone(),
            // RFC 5321 §4.5.1: the postmaster of this host is that of our first domain.
            ForwardPath::Postmaster => postmaster(shared).ok_or_else(replies::unknown_user)?,
        };
        let directory = shared.accounts.directory();
        let whose = match users(&directory, &address) {
            Ok(users) => Whose::Ours(users),
            Err(Nobody::Unknown) if shared.config.mda.host_users => {
                let (name, detail) = directory.split_detail(address.local_part.as_str());
                Whose::Host { name: name.to_owned(), detail: detail.map(str::to_owned) }
            }
            Err(Nobody::Unknown) => return Err(replies::unknown_to(&directory)),
            Err(Nobody::For(reply)) => return Err(reply),
        };
        Ok(Self { address, whose, rcpts: Vec::new() })
    }

    /// Whether one letter serves both.
    pub(super) fn is(&self, other: &Self) -> bool {
        (&self.address, &self.whose) == (&other.address, &other.whose)
    }

    /// Remembers that its mailboxes hang.
    pub(super) fn put_off(&self, shared: &Shared) {
        for user in self.users() {
            let mailbox = mailbox::of_user(&shared.config.mda, user);
            events::hanging(mailbox.inbox_file().unwrap_or(mailbox.root()));
            shared.hanging.hung(mailbox.root(), Instant::now());
        }
    }
}

fn postmaster(shared: &Shared) -> Option<Address> {
    let domain = shared.config.domains.first()?.clone();
    Some(Address { local_part: LocalPart::parse("postmaster").ok()?, domain })
}

/// Why an address is nobody's of ours.
enum Nobody {
    Unknown,
    For(Reply),
}

fn users(directory: &Directory, address: &Address) -> Result<Vec<UserName>, Nobody> {
    // Our transfer agent has expanded aliases: what it names is a mailbox, whatever aliases say.
    if let Some((user, _)) = directory.mailbox(address) {
        return Ok(vec![user.clone()]);
    }
    match directory.resolve(address) {
        Resolution::Mailbox { user, .. } => Ok(vec![user]),
        Resolution::Alias(addresses) => {
            let mut users = Vec::with_capacity(addresses.len());
            for address in &addresses {
                let (user, _) = directory.mailbox(address).ok_or_else(|| {
                    Nobody::For(replies::misconfigured(
                        "An alias that leads elsewhere is the transfer agent's to expand",
                    ))
                })?;
                // Whoever is named twice gets it once.
                if !users.contains(user) {
                    users.push(user.clone());
                }
            }
            Ok(users)
        }
        Resolution::Unknown => Err(Nobody::Unknown),
        Resolution::NotLocal => Err(Nobody::For(replies::not_our_domain())),
    }
}
