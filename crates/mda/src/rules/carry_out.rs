//! What a plan wants, prepared so far that it can't fail for want of space: drafts in tmp/, letters to send.

use std::ffi::OsString;
use std::time::SystemTime;

use bytes::Bytes;
use postroad_protocol::envelope::{Envelope, Notify, Recipient, Utf8};
use postroad_protocol::reply::Reply;
use postroad_sieve::{Content, Filing, Memo, Pipe};
use postroad_store::{Courier, Draft, Flags, Maildir, StoreError};

use super::plan::{Answer, Place, Plan, PlannedPipe, Sending, Spot, Store};
use super::programs::{IfNotTaken, Pipes, Piping, arguments as arguments_of};
use super::{Mailbox, Parcel};
use crate::asked::Goes;
use crate::events::Chain;
use crate::letter::{Header, OnTop};
use crate::notice::message_id;
use crate::replies;
use crate::submit::{Kind, Outgoing};

/// What is ready to be done. Dropped, it leaves nothing.
#[derive(Debug, Default)]
pub(crate) struct Prepared {
    /// Written, and not delivered yet.
    pub(crate) drafts: Vec<Draft>,
    /// To be handed over before the drafts are delivered.
    pub(crate) sendings: Vec<Outgoing>,
    /// To be given to programs before that.
    pub(crate) pipes: Pipes,
    /// Where the letter goes with all that.
    pub(crate) goes: Goes,
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
        Self { drafts: vec![draft], goes: Goes::Filed, ..Self::default() }
    }
}

pub(super) fn prepare(
    plan: Plan,
    environment: &[(&'static str, OsString)],
    parcel: &Parcel<'_>,
    mailbox: Mailbox<'_>,
) -> Result<Prepared, StoreError> {
    let goes = plan.goes(parcel.recipient, parcel.asked);
    let Plan { stores, sendings, answers, pipes, refusal, memos, mut notes, mistake } = plan;
    let pipes = pipes_of(pipes, &stores, environment, parcel, mailbox, &mut notes)?;
    let drafts = stores.into_iter().map(|store| write(store, parcel, mailbox, &mut notes));
    let mut drafts = drafts.collect::<Result<Vec<_>, _>>()?;
    let redirects = sendings.into_iter().map(|sending| compose(sending, goes, parcel, mailbox));
    let mut sendings: Vec<Outgoing> = redirects.collect();
    for Answer { from, to, message, copy } in answers {
        let content = with_message_id(&message, parcel, mailbox);
        if let Some(spot) = copy {
            let mut draft = begin(spot, mailbox, &mut notes)?;
            draft.write(&content)?;
            drafts.push(draft);
        }
        // RFC 5230 §5.1: nobody wants to hear of it.
        let recipient = |to| Recipient { notify: Notify::Never, ..Recipient::new(to) };
        let envelope = Envelope::new(from, to.into_iter().map(recipient).collect());
        sendings.push(outgoing(envelope, Utf8::Ascii, Kind::Answer, content));
    }
    let refusal = refusal.map(|lines| replies::refused_by_rules(&lines, parcel.utf8));
    Ok(Prepared { drafts, sendings, pipes, goes, refusal, memos, notes, mistake })
}

/// What a program gets, and the draft for the inbox if it isn't taken: written before any program has the letter.
fn pipes_of(
    pipes: Vec<PlannedPipe>,
    stores: &[Store],
    environment: &[(&'static str, OsString)],
    parcel: &Parcel<'_>,
    mailbox: Mailbox<'_>,
    notes: &mut Vec<String>,
) -> Result<Pipes, StoreError> {
    let is_kept_anyway = stores.iter().any(|store| store.spot.place == Place::Inbox);
    let mut ready = Pipes::default();
    for PlannedPipe { program, pipe, by } in pipes {
        let Pipe { program: _, arguments, content, failure, kept } = pipe;
        let if_not_taken = match kept {
            Some(_) => IfNotTaken::Kept,
            None => IfNotTaken::Left,
        };
        if let (Some(filing), None, false) = (kept, &ready.spare, is_kept_anyway) {
            let Filing { content, flags, .. } = filing;
            let flags = Flags::of(&flags).0;
            let spot = Spot { place: Place::Inbox, flags, made_for: None };
            ready.spare = Some(write(Store { spot, content }, parcel, mailbox, notes)?);
        }
        let content = filed_octets(&content, &mailbox.courier.unique_name(), parcel).into();
        ready.all.push(Piping {
            program,
            arguments: arguments_of(&arguments),
            environment: environment.to_vec(),
            content,
            failure,
            if_not_taken,
            by,
        });
    }
    Ok(ready)
}

/// The letter as it is filed.
fn filed_octets(content: &Content, id: &str, parcel: &Parcel<'_>) -> Vec<u8> {
    let octets = octets(content, parcel);
    let header = Header::read(&octets);
    let mut letter = on_top(id, parcel).encode(header.shape);
    header.kept_of(&octets).for_each(|run| letter.extend_from_slice(run));
    letter
}

fn with_message_id(message: &[u8], parcel: &Parcel<'_>, mailbox: Mailbox<'_>) -> Bytes {
    let id = message_id(&mailbox.courier.unique_name(), parcel.host);
    let mut content = format!("Message-ID: {id}\r\n").into_bytes();
    content.extend_from_slice(message);
    content.into()
}

fn write(
    store: Store,
    parcel: &Parcel<'_>,
    mailbox: Mailbox<'_>,
    notes: &mut Vec<String>,
) -> Result<Draft, StoreError> {
    let Store { spot, content } = store;
    let mut draft = begin(spot, mailbox, notes)?;
    let octets = octets(&content, parcel);
    let header = Header::read(&octets);
    let on_top = on_top(draft.id(), parcel).encode(header.shape);
    header.begin(&mut draft, &on_top, &octets)?;
    Ok(draft)
}

/// Begins a letter there. No letter waits for a keyword, or for what a folder is for.
fn begin(spot: Spot, mailbox: Mailbox<'_>, notes: &mut Vec<String>) -> Result<Draft, StoreError> {
    let (courier, folder) = (mailbox.courier, mailbox.at(spot.place));
    let made_for = missing_for(spot.made_for, &folder, courier)?;
    let mut draft = courier.begin(&folder)?;
    assign(made_for, &folder, courier, notes);
    if let Some(left_out) = draft.set_flags(spot.flags) {
        notes.push(format!("without the keywords {}", Chain(&left_out)));
    }
    Ok(draft)
}

/// What a folder is for that isn't there yet (RFC 8579 §4.1).
pub(super) fn missing_for(
    made_for: Option<String>,
    folder: &Maildir,
    courier: &Courier,
) -> Result<Option<String>, StoreError> {
    Ok(match made_for {
        Some(attribute) if !courier.exists(folder)? => Some(attribute),
        Some(_) | None => None,
    })
}

/// Says so of it, now that it is made.
pub(super) fn assign(
    made_for: Option<String>,
    folder: &Maildir,
    courier: &Courier,
    notes: &mut Vec<String>,
) {
    if let Some(attribute) = made_for
        && let Err(error) = courier.assign_use(folder, &attribute)
    {
        notes.push(format!("it isn't known that the folder is for {attribute}: {}", Chain(&error)));
    }
}

/// What is sent on has our trace fields on top, `Delivered-To` among them: should it come back, that is a loop.
fn compose(sending: Sending, goes: Goes, parcel: &Parcel<'_>, mailbox: Mailbox<'_>) -> Outgoing {
    let Sending { to, content } = sending;
    let octets = octets(&content, parcel);
    let header = Header::read(&octets);
    let id = mailbox.courier.unique_name();
    let mut letter = on_top(&id, parcel).encode_to_send(header.shape);
    header.kept_of(&octets).for_each(|run| letter.extend_from_slice(run));
    // Who failed to get it is told to the sender of the letter; a null reverse-path stays null.
    let envelope = parcel.asked.handed_on(parcel.return_path, to, goes);
    outgoing(envelope, parcel.utf8, Kind::Redirect, letter.into())
}

/// SMTPUTF8 where an address needs it.
fn outgoing(envelope: Envelope, otherwise: Utf8, kind: Kind, content: Bytes) -> Outgoing {
    let utf8 = match envelope.recipients.iter().all(|to| to.address.is_ascii()) {
        true => otherwise,
        false => Utf8::SmtpUtf8,
    };
    Outgoing { envelope: Envelope { utf8, ..envelope }, kind, content }
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
