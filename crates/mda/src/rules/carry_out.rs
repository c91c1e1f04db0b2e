//! What a plan wants, prepared so far that it can't fail for want of space: drafts in tmp/, letters to send.

use std::time::SystemTime;

use bytes::Bytes;
use postroad_protocol::address::{Address, ReversePath};
use postroad_protocol::envelope::{Notify, Utf8};
use postroad_protocol::reply::Reply;
use postroad_sieve::{Content, Memo};
use postroad_store::{Draft, Maildir, StoreError};

use super::plan::{Place, Plan, Sending, Store};
use super::{Mailbox, Parcel};
use crate::letter::{Header, OnTop};
use crate::replies;
use crate::submit::{Kind, Outgoing};

/// What is ready to be done. Dropped, it leaves nothing.
#[derive(Debug, Default)]
pub(crate) struct Prepared {
    /// Written, and not delivered yet.
    pub(crate) drafts: Vec<Draft>,
    /// To be handed over before the drafts are delivered.
    pub(crate) sendings: Vec<Outgoing>,
    /// The reply where the letter is refused; then there is nothing else to do.
    pub(crate) refusal: Option<Reply>,
    /// What to remember afterwards.
    pub(crate) memos: Vec<Memo>,
    /// What to say afterwards.
    pub(crate) notes: Vec<String>,
    /// What is wrong with the script.
    pub(crate) mistake: Option<String>,
}

impl Prepared {
    /// Where there are no rules.
    pub(crate) fn kept(draft: Draft) -> Self {
        Self { drafts: vec![draft], ..Self::default() }
    }
}

pub(super) fn prepare(
    plan: Plan,
    parcel: &Parcel<'_>,
    mailbox: Mailbox<'_>,
) -> Result<Prepared, StoreError> {
    let Plan { stores, sendings, answers, refusal, mut memos, notes, mistake } = plan;
    let drafts = stores.into_iter().map(|store| write(store, parcel, mailbox));
    let drafts = drafts.collect::<Result<_, _>>()?;
    let redirects = sendings.into_iter().map(|sending| compose(sending, parcel, mailbox));
    let mut sendings: Vec<Outgoing> = redirects.collect();
    for answer in answers {
        memos.extend(answer.memo);
        sendings.push(compose_answer(answer.to, &answer.message, parcel, mailbox));
    }
    let refusal = refusal.map(|lines| replies::refused_by_rules(&lines));
    Ok(Prepared { drafts, sendings, refusal, memos, notes, mistake })
}

/// RFC 5230 §5.1: from nobody, so that nothing ever comes back.
fn compose_answer(
    to: Address,
    message: &[u8],
    parcel: &Parcel<'_>,
    mailbox: Mailbox<'_>,
) -> Outgoing {
    let id = message_id(&mailbox.courier.unique_name(), parcel.host);
    let mut content = format!("Message-ID: {id}\r\n").into_bytes();
    content.extend_from_slice(message);
    let utf8 = if to.is_ascii() { Utf8::Ascii } else { Utf8::SmtpUtf8 };
    Outgoing {
        from: ReversePath::Null,
        to: vec![to],
        utf8,
        notify: Notify::Never,
        kind: Kind::Answer,
        content: content.into(),
    }
}

/// A Message-ID from a letter's name: the part of it that is drawn, since what follows may be no Message-ID's.
pub(super) fn message_id(name: &str, host: &str) -> String {
    let unique = name.split('.').take(2).collect::<Vec<_>>().join(".");
    format!("<{unique}@{host}>")
}

fn write(store: Store, parcel: &Parcel<'_>, mailbox: Mailbox<'_>) -> Result<Draft, StoreError> {
    let Store { place, flags, content } = store;
    let folder: Maildir = match place {
        Place::Inbox => mailbox.inbox.clone(),
        Place::Folder(name) => mailbox.inbox.folder(&name),
    };
    let mut draft = mailbox.courier.begin(&folder)?;
    let octets = octets(&content, parcel);
    let header = Header::read(&octets);
    draft.write(&on_top(draft.id(), parcel).encode(header.shape))?;
    for run in &header.kept {
        draft.write(octets.get(run.clone()).unwrap_or_default())?;
    }
    draft.set_flags(flags);
    Ok(draft)
}

/// What is sent on has our trace fields on top, `Delivered-To` among them: should it come back, that is a loop.
fn compose(sending: Sending, parcel: &Parcel<'_>, mailbox: Mailbox<'_>) -> Outgoing {
    let Sending { to, content } = sending;
    let octets = octets(&content, parcel);
    let header = Header::read(&octets);
    let id = mailbox.courier.unique_name();
    let mut letter = on_top(&id, parcel).encode_to_send(header.shape);
    for run in &header.kept {
        letter.extend_from_slice(octets.get(run.clone()).unwrap_or_default());
    }
    let is_utf8 = |address: &Address| !address.is_ascii();
    let utf8 = match to.iter().any(is_utf8) {
        true => Utf8::SmtpUtf8,
        false => parcel.utf8,
    };
    // Who failed to get it is told to the sender of the letter; a null reverse-path stays null.
    Outgoing {
        from: parcel.return_path.clone(),
        to,
        utf8,
        notify: Notify::Unsaid,
        kind: Kind::Redirect,
        content: letter.into(),
    }
}

fn octets(content: &Content, parcel: &Parcel<'_>) -> Bytes {
    match content {
        Content::Original => parcel.message.clone(),
        Content::Edited { .. } => content.pieces(&parcel.message).concat().into(),
    }
}

fn on_top<'a>(id: &'a str, parcel: &Parcel<'a>) -> OnTop<'a> {
    OnTop {
        return_path: parcel.return_path,
        delivered_to: parcel.to,
        came: parcel.came,
        host: parcel.host,
        id,
        at: SystemTime::now(),
    }
}
