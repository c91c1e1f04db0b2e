//! Who may send, and whose mail is taken.
//!
//! Never an open relay: mail for others is taken from users who have logged in, from listed networks
//! and from processes of this host, and from nobody else.

use postroad_accounts::{Resolution, UserName};
use postroad_config::Config;
use postroad_net::Peer;
use postroad_protocol::address::{Address, ForwardPath, LocalPart, ReversePath};
use postroad_protocol::command::{Mail, Rcpt};
use postroad_protocol::reply::Reply;
use postroad_queue::AcceptError;

use super::aliases::postmasters_mailbox;
use super::allowance::{Submitter, UsedUp, Wanted};
use super::{Door, Inbound};
use crate::outbound::ProbeOutcome;

/// Whom a session acts for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Client<'a> {
    pub(crate) door: Door,
    pub(crate) peer: &'a Peer,
    pub(crate) user: Option<&'a UserName>,
}

/// What was decided, and by which rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ruling {
    /// The rule.
    pub(crate) rule: Rule,
    /// Yes, or the reply that says no.
    pub(crate) verdict: Result<(), Reply>,
}

/// The rules, and the words in which `postroad explain` names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Rule {
    #[error("anybody may send: who is meant decides")]
    AnySender,
    #[error("it is an address of the user who has logged in")]
    OwnSender,
    #[error("a user who has logged in sends as nobody else (RFC 6409, 6.1)")]
    ForeignSender,
    #[error("the queue takes nothing now")]
    NoRoom,
    #[error("the user has sent as much as [mta] allows in an hour")]
    UsedUp,
    #[error("postmaster is always taken (RFC 5321, 4.5.1)")]
    Postmaster,
    #[error("a mailbox here, and the delivery agent takes it")]
    Mailbox,
    #[error("a mailbox here; the delivery agent is silent, so it is taken on our own word")]
    MailboxUnasked,
    #[error("a mailbox here, and the delivery agent doesn't take it")]
    MailboxRefused,
    #[error("an alias")]
    Alias,
    #[error("an alias of more members than one message may go to: split the list")]
    AliasTooLarge,
    #[error("the domain is ours, and nobody here has that name")]
    Unknown,
    #[error("the domain isn't ours; users who have logged in may send to everybody")]
    LoggedIn,
    #[error("the domain isn't ours; processes of this host may send to everybody")]
    LocalCaller,
    #[error("the domain isn't ours; the client is in mta.networks and may send to everybody")]
    ListedNetwork,
    #[error("the domain isn't ours, and the client has neither logged in nor is in mta.networks")]
    NoRelay,
}

impl Rule {
    fn yes(self) -> Ruling {
        Ruling { rule: self, verdict: Ok(()) }
    }

    fn no(self, reply: Reply) -> Ruling {
        Ruling { rule: self, verdict: Err(reply) }
    }
}

impl Inbound {
    /// May this sender open a transaction?
    pub(crate) fn judge_sender(&self, client: Client<'_>, mail: &Mail) -> Ruling {
        // RFC 1870 §6.1, RFC 5321 §4.5.3.1.9: early, before the content is sent for nothing.
        if let Err(error) = self.shard.room_for(mail.size.unwrap_or(0)) {
            return Rule::NoRoom.no(refusal(&error));
        }
        let wanted = [Wanted::Message, Wanted::Octets(mail.size.unwrap_or(0))];
        if let Some(used_up) = wanted.iter().find_map(|wanted| self.used_up(client, *wanted)) {
            return Rule::UsedUp.no(used_up.reply());
        }
        let (Some(user), ReversePath::Address(sender)) = (client.user, &mail.reverse_path) else {
            return Rule::AnySender.yes();
        };
        // RFC 6409 §6.1: a user sends as nobody else.
        match self.accounts.directory().owns(user, sender) {
            true => Rule::OwnSender.yes(),
            false => Rule::ForeignSender.no(Reply::new(
                553,
                (5, 7, 1),
                format!("<{sender}> is not an address of yours"),
            )),
        }
    }

    /// Is this recipient taken?
    pub(crate) async fn judge_recipient(
        &self,
        client: Client<'_>,
        mail: &Mail,
        rcpt: &Rcpt,
    ) -> Ruling {
        if let Some(used_up) = self.used_up(client, Wanted::Recipient) {
            return Rule::UsedUp.no(used_up.reply());
        }
        let Some(address) = recipient_address(&self.config, &self.hostname, &rcpt.forward_path)
        else {
            return Rule::Postmaster.yes(); // RFC 5321 §4.5.1: always
        };
        let directory = self.accounts.directory();
        match directory.resolve(&address) {
            Resolution::Mailbox { user, .. } => {
                let behind = postmasters_mailbox(&directory, &address, &user);
                self.ask_delivery_agent(mail, &behind.unwrap_or(address)).await
            }
            Resolution::Alias(members) => match members.as_slice() {
                // An alias of one mailbox is taken where the mailbox is.
                [only] if directory.is_local(&only.domain) => {
                    self.ask_delivery_agent(mail, only).await
                }
                // Whatever else the message is to, the queue would not take it.
                members if members.len() > postroad_queue::RECIPIENTS_MAX => {
                    Rule::AliasTooLarge.no(too_many_members(members.len()))
                }
                _ => Rule::Alias.yes(),
            },
            // RFC 5321 §3.6.2: refused here, so that nobody else gets a bounce for it.
            Resolution::Unknown if is_postmaster(&rcpt.forward_path) => Rule::Postmaster.yes(),
            Resolution::Unknown => Rule::Unknown.no(Reply::new(
                550,
                (5, 1, 1),
                format!("<{address}> is not known here"),
            )),
            Resolution::NotLocal => match self.may_relay(client) {
                Some(rule) => rule.yes(),
                None if is_postmaster(&rcpt.forward_path) => Rule::Postmaster.yes(),
                None => Rule::NoRelay.no(Reply::new(
                    550,
                    (5, 7, 1),
                    format!("Relaying to <{address}> is not allowed"),
                )),
            },
        }
    }

    /// The limit that stands in the submitter's way. Who only asks takes nothing.
    fn used_up(&self, client: Client<'_>, wanted: Wanted) -> Option<UsedUp> {
        self.allowances.look(&Submitter::of(client)?, wanted, &self.config.mta).err()
    }

    /// Takes what a submitter wants of its allowance.
    pub(crate) fn take(&self, client: Client<'_>, wanted: Wanted) -> Result<(), Reply> {
        let Some(who) = Submitter::of(client) else { return Ok(()) };
        self.allowances.take(&who, wanted, &self.config.mta).map_err(|used_up| used_up.reply())
    }

    /// The rule by which the client may send to everybody, if there is one.
    fn may_relay(&self, client: Client<'_>) -> Option<Rule> {
        match (client.user, client.door) {
            (Some(_), _) => Some(Rule::LoggedIn),
            (None, Door::Local | Door::DeliveryAgent) => Some(Rule::LocalCaller),
            (None, Door::Smtp | Door::Submission | Door::Submissions) => {
                self.is_listed(client.peer).then_some(Rule::ListedNetwork)
            }
        }
    }

    /// Asks before our own 250. Where the agent is down, the users that we know are taken.
    async fn ask_delivery_agent(&self, mail: &Mail, address: &Address) -> Ruling {
        match self.probe.ask(mail.utf8, address).await {
            ProbeOutcome::Accepted => Rule::Mailbox.yes(),
            ProbeOutcome::Down => Rule::MailboxUnasked.yes(),
            ProbeOutcome::Refused(reply) | ProbeOutcome::Deferred(reply) => {
                Rule::MailboxRefused.no(reply)
            }
        }
    }
}

/// RFC 3463 §3.3: X.2.4 is a list that can't be expanded. It is permanent: the list is as long at each try.
pub(super) fn too_many_members(members: usize) -> Reply {
    let most = postroad_queue::RECIPIENTS_MAX;
    let text =
        format!("lists expand this to {members} recipients, more than the {most} of one message");
    Reply::new(550, (5, 2, 4), text)
}

/// The address behind a forward-path: the bare postmaster is the first local domain's.
pub(crate) fn recipient_address(
    config: &Config,
    hostname: &str,
    path: &ForwardPath,
) -> Option<Address> {
    match path {
        ForwardPath::Address(address) => Some(address.clone()),
        ForwardPath::Postmaster => {
            let domain = config.domains.first().cloned().or_else(|| hostname.parse().ok())?;
            Some(Address { local_part: LocalPart::parse("postmaster").ok()?, domain })
        }
    }
}

fn is_postmaster(path: &ForwardPath) -> bool {
    matches!(path, ForwardPath::Postmaster)
}

/// What the client is told when the queue takes nothing.
pub(crate) fn refusal(error: &AcceptError) -> Reply {
    match error {
        AcceptError::Full => Reply::new(452, (4, 3, 1), "The queue is full, try again later"),
        AcceptError::Disk(_) => {
            Reply::new(451, (4, 3, 0), "The queue cannot be written, try again later")
        }
        AcceptError::Stopping => Reply::new(421, (4, 3, 2), "Shutting down, try again later"),
    }
}
