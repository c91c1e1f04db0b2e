//! NOTIFY (RFC 5465): a client says once what it wants to hear of, and hears it without asking.
//!
//! | looking for | it is in |
//! |---|---|
//! | the command: what is asked, and what can't be | here |
//! | which mailboxes that means, and what has changed in them | `watched` |
//! | the selected mailbox | `changes`, by [`SelectedEvents`] |
//!
//! *What isn't told.* Nothing is told of annotations of letters, which we have not. What the client has done itself is told
//! as others' changes are where it is about letters in other mailboxes (§5 says that it should not be): one notice too many
//! is better than one too few, where a delivery comes in the same moment. After NONE, and where SELECTED isn't among what
//! is asked, the selected mailbox is told of when the client asks for news (NOOP, CHECK) or changes it (EXPUNGE and its
//! like) and at no other time: it would count wrongly else.

use postroad_imap::command::{
    Event, EventGroup, Events, Fetch, FetchAttribute, FetchModifiers, MailboxFilter, Notify,
    StatusIndicator,
};
use postroad_imap::response::{Code, Data, Status, StatusResponse};
use postroad_imap::value::{MailboxName, Numbers, SequenceSet, Set};
use postroad_store::SEPARATOR;

use super::changes::{Expunges, FlagNews};
use super::ending::{Done, Ended, Refused};
use super::fetch::FetchWork;
use super::list::Known;
use super::session::{Progress, Session, Work as _};
use crate::limits;

mod watched;

use watched::Watched;

/// What a client wants to hear of.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) selected: SelectedEvents,
    groups: Vec<Group>,
    watched: Watched,
}

/// What it wants to hear of the mailbox that is selected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SelectedEvents {
    None,
    Messages {
        /// What is told of new letters.
        attributes: Vec<FetchAttribute>,
        flags: FlagNews,
        /// When it hears of expunges between commands.
        expunges: Expunges,
    },
}

/// What it wants to hear of some mailboxes.
#[derive(Debug, Clone)]
struct Group {
    mailboxes: MailboxFilter,
    kinds: Vec<Kind>,
}

/// What may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// New letters, and such as go: one isn't to be had without the other.
    Messages,
    Flags,
    Names,
    Subscriptions,
    Annotations,
    /// Of the server itself.
    ServerAnnotations,
}

/// RFC 5465 §3.1: all that are supported.
const EVENTS: [&str; 7] = [
    "MessageNew",
    "MessageExpunge",
    "FlagChange",
    "MailboxName",
    "SubscriptionChange",
    "MailboxMetadataChange",
    "ServerMetadataChange",
];

/// So much was to be told that nothing more is (RFC 5465 §5.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Overflow;

pub(super) fn notify(session: &mut Session, wanted: &Notify, out: &mut Vec<u8>) -> Ended {
    let Notify::Set { status, groups } = wanted else {
        session.notify = Some(Asked::nothing());
        return Ok(Done::new("Nothing is told any more"));
    };
    let (selected, groups) = understood(groups)?;
    let watched = Watched::begin(session, &groups)?.map_err(|Overflow| {
        Refused::no_with(Code::NotificationOverflow, "Those are too many mailboxes")
    })?;
    if *status == StatusIndicator::Asked {
        watched.tell_all(session, out);
    }
    // What has changed up to here is told at the command's end (§3.1).
    session.notify = Some(Asked { selected, groups, watched });
    Ok(Done::new("All that is told from now on"))
}

impl Asked {
    /// After NONE.
    pub(super) fn nothing() -> Self {
        let watched = Watched::default();
        Self { selected: SelectedEvents::None, groups: Vec::new(), watched }
    }

    /// Whether anything is to be told.
    pub(super) fn is_anything(&self) -> bool {
        self.selected != SelectedEvents::None || !self.groups.is_empty()
    }
}

/// Tells what has changed elsewhere than in the selected mailbox. `own` are mailboxes that the client has changed itself,
/// by their names.
pub(super) fn tell(session: &mut Session, own: &[String], out: &mut Vec<u8>) {
    let Some(mut asked) = session.notify.take() else { return };
    let told = asked.watched.tell(session, &asked.groups, own, out);
    session.notify = Some(asked);
    if told == Err(Overflow) {
        overflow(session, out);
    }
}

/// RFC 5465 §5.2: what the client wants to know of each new letter.
pub(super) fn fetch_new(
    session: &mut Session,
    uids: Vec<u32>,
    attributes: Vec<FetchAttribute>,
    out: &mut Vec<u8>,
) {
    let Some(set) = Set::from_numbers(uids.into_iter().rev()) else { return };
    let set = SequenceSet::from(set);
    let fetch = Fetch { set, attributes, modifiers: FetchModifiers::default() };
    let Ok(mut work) = FetchWork::begin(session, Numbers::Uid, fetch, out) else { return };
    let before = out.len();
    // What can't be read now the client asks for itself.
    while let Progress::More = work.step(session, out) {
        if out.len() - before > limits::NOTIFY_OCTETS_MAX {
            return overflow(session, out);
        }
    }
}

/// RFC 5465 §5.8: as if NOTIFY NONE had come.
fn overflow(session: &mut Session, out: &mut Vec<u8>) {
    let why = "Too much happens, nothing is told any more";
    let remark = StatusResponse::untagged(Status::Ok, why).with(Code::NotificationOverflow);
    session.say_status(&remark, out);
    session.notify = Some(Asked::nothing());
}

/// What is asked, where it can be.
fn understood(asked: &[EventGroup]) -> Result<(SelectedEvents, Vec<Group>), Refused> {
    let (mut selected, mut groups) = (None, Vec::new());
    for group in asked {
        let events = match &group.events {
            Events::None => &[],
            Events::These(events) => events.as_slice(),
        };
        let kinds = kinds(events)?;
        let expunges = match group.mailboxes {
            MailboxFilter::Selected => Expunges::Now,
            // §6.1.2.
            MailboxFilter::SelectedDelayed => Expunges::Later,
            _ => {
                // §8: the list is for the selected mailbox alone.
                if !attributes(events).is_empty() {
                    return Err(Refused::bad("What is fetched is said for SELECTED alone"));
                }
                groups.push(Group { mailboxes: group.mailboxes.clone(), kinds });
                continue;
            }
        };
        // §6.1.
        if selected.is_some() {
            return Err(Refused::bad("There is one SELECTED, or SELECTED-DELAYED, and no other"));
        }
        if !kinds.iter().all(|kind| matches!(kind, Kind::Messages | Kind::Flags)) {
            return Err(Refused::bad("SELECTED takes events of messages alone"));
        }
        selected = Some(match kinds.contains(&Kind::Messages) {
            false => SelectedEvents::None,
            true => SelectedEvents::Messages {
                attributes: attributes(events).to_vec(),
                flags: match kinds.contains(&Kind::Flags) {
                    true => FlagNews::Told,
                    false => FlagNews::Untold,
                },
                expunges,
            },
        });
    }
    Ok((selected.unwrap_or(SelectedEvents::None), groups))
}

fn attributes(events: &[Event]) -> &[FetchAttribute] {
    for event in events {
        if let Event::MessageNew(attributes) = event {
            return attributes;
        }
    }
    &[]
}

fn kinds(events: &[Event]) -> Result<Vec<Kind>, Refused> {
    let has = |wanted: fn(&Event) -> bool| events.iter().any(wanted);
    let new = has(|event| matches!(event, Event::MessageNew(_)));
    let expunged = has(|event| *event == Event::MessageExpunge);
    let flags = has(|event| *event == Event::FlagChange);
    // §3.1: NO, and not BAD.
    if has(|event| matches!(event, Event::AnnotationChange | Event::Other(_))) {
        let known = EVENTS.iter().map(|name| (*name).to_owned()).collect();
        return Err(Refused::no_with(Code::BadEvent(known), "There is no such event here"));
    }
    // §5.
    if new != expunged || flags && !new {
        return Err(Refused::bad(
            "MessageNew and MessageExpunge go together, FlagChange with both",
        ));
    }
    let kinds = [
        (new, Kind::Messages),
        (flags, Kind::Flags),
        (has(|event| *event == Event::MailboxName), Kind::Names),
        (has(|event| *event == Event::SubscriptionChange), Kind::Subscriptions),
        (has(|event| *event == Event::MailboxMetadataChange), Kind::Annotations),
        (has(|event| *event == Event::ServerMetadataChange), Kind::ServerAnnotations),
    ];
    Ok(kinds.into_iter().filter(|(is_asked, _)| *is_asked).map(|(_, kind)| kind).collect())
}

impl Group {
    /// Whether it is about a mailbox. §6.2 to §6.6.
    fn covers(&self, name: &str, known: &Known) -> bool {
        let is_in = |root: &MailboxName| {
            let below = name.strip_prefix(root.as_str());
            below.is_some_and(|rest| rest.is_empty() || rest.starts_with(SEPARATOR))
        };
        match &self.mailboxes {
            MailboxFilter::Selected | MailboxFilter::SelectedDelayed => false,
            // Rules may file letters anywhere.
            MailboxFilter::Inboxes | MailboxFilter::Personal => true,
            MailboxFilter::Subscribed => known.subscribed,
            MailboxFilter::Subtree(roots) => roots.iter().any(is_in),
            MailboxFilter::Mailboxes(names) => names.iter().any(|one| one.as_str() == name),
        }
    }
}

/// What is to be told of a mailbox, by all groups that are about it (§6).
fn asked_of(groups: &[Group], name: &str, known: &Known) -> Vec<Kind> {
    let about = groups.iter().filter(|group| group.covers(name, known));
    about.flat_map(|group| group.kinds.iter().copied()).collect()
}

/// An answer about a mailbox, as text.
fn named(name: &str) -> Option<MailboxName> {
    MailboxName::parse(name.as_bytes(), postroad_imap::NameEncoding::Utf8)
}

fn say(session: &Session, data: &Data, out: &mut Vec<u8>) {
    session.say(data, out);
}
