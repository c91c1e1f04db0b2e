//! Whose an address is: the mailboxes that a recipient's letter goes into.

use std::time::Instant;

use postroad_accounts::{Directory, Resolution, UserName};
use postroad_protocol::address::{Address, ForwardPath, LocalPart};
use postroad_protocol::envelope::Recipient as Rcpt;
use postroad_protocol::reply::Reply;

use super::Shared;
use crate::rules::Recipient;
use crate::{events, mailbox, replies};

/// Where one recipient's letter goes.
#[derive(Debug, Clone)]
pub(super) struct Destination {
    /// What `Delivered-To` says.
    pub(super) address: Address,
    /// The user of ours, or those behind an alias that nobody has expanded before us.
    pub(super) users: Vec<UserName>,
    /// Those of the host, if there are any of these names.
    pub(super) host_users: Vec<HostUserName>,
    /// What each RCPT that named it has asked for.
    pub(super) rcpts: Vec<Rcpt>,
}

/// Who may be a user of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HostUserName {
    pub(super) name: String,
    /// What stood behind the separator.
    pub(super) detail: Option<String>,
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
        let (users, host_users, rcpts) = (Vec::new(), Vec::new(), Vec::new());
        let mut found = Self { address, users, host_users, rcpts };
        // Our transfer agent has expanded aliases: what it names is a mailbox, whatever aliases say.
        if let Some((user, detail)) = directory.mailbox(&found.address) {
            return found.with(shared, &directory, user, detail);
        }
        let members = match directory.resolve(&found.address) {
            Resolution::Mailbox { user, detail } => {
                return found.with(shared, &directory, &user, detail);
            }
            Resolution::Alias(members) => members,
            // It may be one to users of the host alone, or the name of one.
            Resolution::Unknown if shared.config.mda.host_users => {
                directory.alias(&found.address).unwrap_or_else(|| vec![found.address.clone()])
            }
            Resolution::Unknown => return Err(replies::unknown_to(&directory)),
            Resolution::NotLocal => return Err(replies::not_our_domain()),
        };
        members.iter().try_for_each(|member| found.add(shared, &directory, member))?;
        match found.users.is_empty() && found.host_users.is_empty() {
            true => Err(replies::unknown_user()),
            false => Ok(found),
        }
    }

    /// Whether one letter serves both.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.address == other.address
            && self.users == other.users
            && self.host_users == other.host_users
    }

    /// Whoever is named twice gets it once.
    fn add(
        &mut self,
        shared: &Shared,
        directory: &Directory,
        member: &Address,
    ) -> Result<(), Reply> {
        if let Some((user, detail)) = directory.mailbox(member) {
            return self.add_user(shared, directory, user, detail);
        }
        if !shared.config.mda.host_users || !directory.is_local(&member.domain) {
            return Err(replies::misconfigured(
                "An alias that leads elsewhere is the transfer agent's to expand",
            ));
        }
        let (name, detail) = directory.split_detail(member.local_part.as_str());
        self.add_host_user(name, detail.map(str::to_owned));
        Ok(())
    }

    fn with(
        mut self,
        shared: &Shared,
        directory: &Directory,
        user: &UserName,
        detail: Option<String>,
    ) -> Result<Self, Reply> {
        self.add_user(shared, directory, user, detail)?;
        Ok(self)
    }

    /// One of the file of users, who may be one of the host.
    fn add_user(
        &mut self,
        shared: &Shared,
        directory: &Directory,
        user: &UserName,
        detail: Option<String>,
    ) -> Result<(), Reply> {
        match directory.is_of_host(user.as_str()) {
            true if shared.config.mda.host_users => self.add_host_user(user.as_str(), detail),
            true => return Err(replies::misconfigured("mda.host_users is off, and this is one")),
            false if self.users.contains(user) => {}
            false => self.users.push(user.clone()),
        }
        Ok(())
    }

    fn add_host_user(&mut self, name: &str, detail: Option<String>) {
        if !self.host_users.iter().any(|user| user.name == name) {
            self.host_users.push(HostUserName { name: name.to_owned(), detail });
        }
    }

    /// How many get it.
    pub(super) fn recipient(&self) -> Recipient {
        match self.users.len() + self.host_users.len() {
            0 | 1 => Recipient::Alone,
            _ => Recipient::OneOfSeveral,
        }
    }

    /// Remembers that its mailboxes hang.
    pub(super) fn put_off(&self, shared: &Shared) {
        for user in &self.users {
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
