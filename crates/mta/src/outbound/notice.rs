//! Notices to senders: made from a failure, a delay or a success, and put into our own queue.
//!
//! ```text
//! message with a sender  ──fails──▶  notice (null reverse-path) to the sender
//! notice                 ──fails──▶  notice (null reverse-path) to the local postmaster
//! notice to postmaster   ──fails──▶  held for the operator
//! ```
//! So no notice is ever about a notice about a notice, nothing loops, and nothing is lost
//! (RFC 5321 §4.5.5, RFC 3461 §5.2, row Q04). A failure is settled only when its notice is in the queue. A success
//! can't wait for that, or the message would be delivered again: a notice of success that the queue refuses waits in
//! memory and is put again each minute, so it is lost where we stop before the queue takes it, and the log says so.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use postroad_accounts::Resolution;
use postroad_protocol::address::{Address, ReversePath};
use postroad_protocol::dsn::{Action, Kind, Notice, Reader, Report, Speaker};
use postroad_protocol::envelope::{Body, Envelope, Recipient};
use postroad_protocol::reply::Reply;
use postroad_queue::spool::{
    Accept, AcceptError, Content, DelayNotice, NewMessage, Presence, QueueId, QueueRow,
    RecipientState,
};

use super::events;
use super::limits;
use super::settle::Told;
use super::shared::Shared;

/// Why a notice isn't in the queue.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoticeError {
    #[error("the queue didn't take the notice: {0}")]
    Refused(AcceptError),
    #[error("it is not known whether the queue has the notice")]
    InDoubt,
}

/// A message that there is something to tell about.
pub(crate) struct About<'a> {
    pub(crate) shared: &'a Arc<Shared>,
    /// Its queue id, as text.
    pub(crate) id: &'a str,
    pub(crate) row: &'a QueueRow,
    pub(crate) content: &'a [u8],
}

impl About<'_> {
    /// The recipients will never get the message. `None` where there is nobody to tell: no sender, and no
    /// postmaster.
    pub(crate) fn failure(&self, failed: &[Told]) -> Option<Draft> {
        let audience = self.sender().or_else(|| postmaster(self.shared))?;
        Some(self.draft(Kind::Failure, audience, self.reports(failed)))
    }

    /// They haven't got it yet.
    pub(crate) fn delay(&self, delayed: &[Told], until: SystemTime) -> Option<Draft> {
        let audience = self.sender().filter(|_| !delayed.is_empty())?;
        Some(self.draft(Kind::Delay { until }, audience, self.reports(delayed)))
    }

    /// They have it, and the sender had asked.
    pub(crate) fn success(&self, succeeded: &[Told]) -> Option<Draft> {
        let audience = self.sender().filter(|_| !succeeded.is_empty())?;
        Some(self.draft(Kind::Success, audience, self.reports(succeeded)))
    }

    /// These were aliases of several; the sender had asked what becomes of them (RFC 3461 §5.2.7.3 (c)).
    fn expansion(&self, aliases: &[Recipient]) -> Option<Draft> {
        let audience = self.sender().filter(|_| !aliases.is_empty())?;
        let reply = Reply::new(250, (2, 1, 5), "the address stands for others");
        let (action, speaker, last_attempt) = (Action::Expanded, Speaker::Us, None);
        let report = |recipient| Report { recipient, action, reply: &reply, speaker, last_attempt };
        Some(self.draft(Kind::Success, audience, aliases.iter().map(report).collect()))
    }

    /// The sender, where there is one who could read it: RFC 3461 §5.2 forbids notices about messages without.
    fn sender(&self) -> Option<Audience> {
        let to = self.row.envelope.reverse_path.address()?;
        Audience::new(self.shared, Reader::Sender, to.clone())
    }

    fn reports<'a>(&'a self, told: &'a [Told]) -> Vec<Report<'a>> {
        let now = self.shared.clock.now();
        let report = |told: &'a Told| {
            let recipient = self.row.envelope.recipients.get(told.recipient)?;
            let (speaker, last_attempt) = match &told.by {
                None => (Speaker::Forgotten, None),
                Some(host) if host.name.is_empty() => (Speaker::Us, Some(now)),
                Some(host) => (Speaker::Host(&host.name), Some(now)),
            };
            Some(Report {
                recipient,
                action: told.action,
                reply: &told.reply,
                speaker,
                last_attempt,
            })
        };
        told.iter().filter_map(report).collect()
    }

    fn draft(&self, kind: Kind, audience: Audience, reports: Vec<Report<'_>>) -> Draft {
        let Audience { reader, to, addresses } = audience;
        let (id, now) = (self.shared.shard.new_id(), self.shared.clock.arrival());
        let envelope = &self.row.envelope;
        let notice = Notice {
            kind,
            reader,
            to: &to,
            reporting_mta: &self.shared.hostname,
            id: &id.to_string(),
            now,
            message: self.id,
            arrived: self.row.arrived,
            envid: envelope.envid.as_deref(),
            ret: envelope.ret,
            content: self.content,
            reports,
        };
        let (content, utf8) = (Bytes::from(notice.build()), notice.utf8());
        // RFC 5321 §4.5.5, RFC 3461 §6.1: the null reverse-path, and no RET.
        let recipients = addresses.into_iter().map(Recipient::new).collect();
        let mut envelope = Envelope::new(ReversePath::Null, recipients);
        envelope.utf8 = utf8;
        if !content.is_ascii() {
            envelope.body = Body::EightBitMime;
        }
        let about = self.id.to_owned();
        Draft { id, about, kind, to, arrived: now, envelope: Arc::new(envelope), content }
    }
}

/// Who is told.
pub(crate) struct Audience {
    reader: Reader,
    to: Address,
    /// Where mail for that address really goes: aliases are expanded as at RCPT.
    addresses: Vec<Address>,
}

impl Audience {
    /// `None` where the address is ours and nobody's.
    fn new(shared: &Shared, reader: Reader, to: Address) -> Option<Self> {
        let directory = shared.accounts.directory();
        let addresses = match directory.resolve(&to) {
            Resolution::NotLocal => vec![to.clone()],
            // A postmaster whom no file names is a user whose own name a foreign delivery agent knows better.
            Resolution::Mailbox { user, .. } => match directory.mailbox(&to) {
                Some(_) => vec![to.clone()],
                None => vec![user.at(&to.domain)],
            },
            Resolution::Alias(addresses) => addresses,
            Resolution::Unknown => return None,
        };
        Some(Self { reader, to, addresses })
    }

    /// Whether mail for this address is mail for them.
    pub(crate) fn is(&self, address: &Address) -> bool {
        self.to == *address || self.addresses.contains(address)
    }
}

/// The postmaster of the first local domain.
pub(crate) fn postmaster(shared: &Shared) -> Option<Audience> {
    let domain = shared.postmaster.as_ref()?;
    let address = Address::parse(&format!("postmaster@{domain}")).ok()?;
    Audience::new(shared, Reader::Postmaster, address)
}

/// Tells the sender of aliases that were expanded; see [`About::expansion`].
pub(crate) async fn expansion(
    shared: &Arc<Shared>,
    row: &QueueRow,
    aliases: &[Recipient],
    content: Option<&Bytes>,
) {
    let id = row.id.to_string();
    let read = match content {
        Some(content) => Ok(content.clone()),
        None => shared.shard.content(row.id).await,
    };
    // Without the message there is still something to tell.
    let content = read.inspect_err(|error| events::unreadable(&id, error)).unwrap_or_default();
    let about = About { shared, id: &id, row, content: &content };
    let drafts = about.expansion(aliases).into_iter().collect();
    for put in put(shared, drafts).await {
        let _ = put.inspect_err(|error| events::notice_refused(&id, error));
    }
}

/// A notice that is written but not in the queue yet.
pub(crate) struct Draft {
    id: QueueId,
    /// The queue id of the message that it is about.
    about: String,
    kind: Kind,
    to: Address,
    arrived: SystemTime,
    envelope: Arc<Envelope>,
    content: Bytes,
}

impl Draft {
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn octets(&self) -> usize {
        self.content.len()
    }

    fn message(&self) -> NewMessage {
        NewMessage {
            id: self.id,
            arrived: self.arrived,
            envelope: Envelope::clone(&self.envelope),
            content: Content::Memory(self.content.clone()),
        }
    }

    fn row(&self) -> QueueRow {
        let waiting = RecipientState::Waiting { attempts: 0, due: self.arrived, last: None };
        QueueRow {
            id: self.id,
            arrived: self.arrived,
            octets: self.content.len() as u64,
            states: vec![waiting; self.envelope.recipients.len()],
            envelope: Arc::clone(&self.envelope),
            delay_notice: DelayNotice::NotSent,
        }
    }
}

/// Hands notices to the queue, which takes all of a call or none. One that it can't take (to an alias of more members
/// than a record holds) must not hold up the others time after time: where it refused them all, each has a call of
/// its own.
async fn accept(shared: &Shared, drafts: &[Draft]) -> Vec<Accept> {
    let accepted = shared.shard.accept(drafts.iter().map(Draft::message).collect()).await;
    let is_refused = |accept: &Accept| matches!(accept, Accept::Refused(AcceptError::Disk(_)));
    if drafts.len() < 2 || !accepted.iter().all(is_refused) {
        return accepted;
    }
    let mut each = Vec::with_capacity(drafts.len());
    for draft in drafts {
        each.extend(shared.shard.accept(vec![draft.message()]).await);
    }
    each
}

/// Puts notices into the queue, all in one sync, and on their way; says for each whether it is there.
pub(crate) async fn put(shared: &Arc<Shared>, drafts: Vec<Draft>) -> Vec<Result<(), NoticeError>> {
    if drafts.is_empty() {
        return Vec::new();
    }
    let mut accepted = accept(shared, &drafts).await.into_iter();
    let mut put = Vec::with_capacity(drafts.len());
    for draft in drafts {
        put.push(match accepted.next() {
            Some(Accept::Stored) => {
                let notice = draft.id.to_string();
                events::notice(&shared.journal, &draft.about, &notice, draft.kind, &draft.to);
                shared.submit(draft.row(), Some(draft.content));
                Ok(())
            }
            Some(Accept::Refused(error)) => {
                owe(shared, draft);
                Err(NoticeError::Refused(error))
            }
            Some(Accept::InDoubt) | None => {
                owe(shared, draft);
                Err(NoticeError::InDoubt)
            }
        });
    }
    put
}

/// A notice of success, which nobody else will write again, waits until the queue takes it.
fn owe(shared: &Arc<Shared>, draft: Draft) {
    if draft.kind != Kind::Success {
        return;
    }
    if !shared.take_memory(draft.octets()) {
        return events::notice_lost(&draft.about);
    }
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        let octets = draft.octets();
        let row = draft.row();
        match put_until_taken(&shared, &draft).await {
            Put::Done => {
                let (about, notice) = (&draft.about, draft.id.to_string());
                events::notice(&shared.journal, about, &notice, draft.kind, &draft.to);
                shared.submit(row, Some(draft.content));
            }
            Put::Stopped => events::notice_lost(&draft.about),
        }
        shared.give_memory_back(octets);
    });
}

/// How it ends with a notice that is owed.
enum Put {
    Done,
    Stopped,
}

async fn put_until_taken(shared: &Shared, draft: &Draft) -> Put {
    loop {
        tokio::select! {
            () = tokio::time::sleep(limits::NOTICE_RETRY) => {}
            () = shared.stop.cancelled() => return Put::Stopped,
        }
        // What was in doubt may be there by now.
        let there = shared.shard.probe(&[draft.id]).await;
        if there == [Presence::Present] {
            return Put::Done;
        }
        if let [Accept::Stored] = shared.shard.accept(vec![draft.message()]).await[..] {
            return Put::Done;
        }
    }
}
