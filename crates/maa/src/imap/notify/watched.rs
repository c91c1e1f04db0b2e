//! Mailboxes that are watched: how the client knows them, and what is told when they have changed (RFC 5465 §5).
//!
//! A mailbox that is watched is open, so that the system tells us of it. Which mailboxes there are, what is subscribed and
//! annotated is looked at when a session of the same user has changed that, and from time to time, since other programs
//! may have.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use postroad_imap::command::StatusItem;
use postroad_imap::response::{Annotations, Data, ListExtended, StatusValue};
use postroad_imap::value::MailboxName;
use postroad_store::{Annotated, LetterFlags, MailboxError, Metadata, SEPARATOR};

use super::{Group, Kind, Overflow, asked_of, named, say};
use crate::imap::changes::count;
use crate::imap::ending::Refused;
use crate::imap::list::{self, Tree};
use crate::imap::session::Session;
use crate::imap::shared::Open;
use crate::limits;

/// All that is watched.
#[derive(Debug, Default)]
pub(super) struct Watched {
    tree: Tree,
    mailboxes: BTreeMap<String, Mailbox>,
    server: Option<Metadata>,
    /// Which change of mailboxes and annotations was looked at last, and when; none where nothing is watched.
    looked: Option<(u64, Instant)>,
}

/// One mailbox.
#[derive(Debug)]
struct Mailbox {
    kinds: Vec<Kind>,
    open: Arc<Open>,
    /// News up to this one were looked at.
    seen: u64,
    state: State,
    annotations: Option<Metadata>,
}

/// How the client knows a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    uid_validity: u32,
    uid_next: u32,
    exists: u32,
    modseq: u64,
    unseen: u64,
}

/// Why a look is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    /// Something was heard of.
    Heard,
    /// It was time: whatever nobody has told us of is found.
    Timely,
}

impl Watched {
    /// Watches what groups are about, as it is now.
    pub(super) fn begin(
        session: &Session,
        groups: &[Group],
    ) -> Result<Result<Self, Overflow>, Refused> {
        let mut watched = Self::default();
        if groups.is_empty() {
            return Ok(Ok(watched));
        }
        let change = session.shared.structure();
        watched.tree = list::tree(session)?;
        if watched.open_all(session, groups).is_err() {
            return Ok(Err(Overflow));
        }
        if groups.iter().any(|group| group.kinds.contains(&Kind::ServerAnnotations)) {
            watched.server = server(session);
        }
        watched.looked = Some((change, Instant::now()));
        Ok(Ok(watched))
    }

    /// RFC 5465 §3.1: how each mailbox stands of whose letters anything is to be told.
    pub(super) fn tell_all(&self, session: &Session, out: &mut Vec<u8>) {
        for (name, mailbox) in self.mailboxes.iter().filter(|(_, it)| !it.is_selected(session)) {
            let mut items = Vec::new();
            if mailbox.kinds.contains(&Kind::Messages) {
                items.extend([StatusItem::Messages, StatusItem::UidNext, StatusItem::UidValidity]);
            }
            if mailbox.kinds.contains(&Kind::Flags) {
                items.push(StatusItem::HighestModSeq);
            }
            tell_status(session, name, &mailbox.state, &items, out);
        }
    }

    /// Tells what has changed.
    pub(super) fn tell(
        &mut self,
        session: &Session,
        groups: &[Group],
        own: &[String],
        out: &mut Vec<u8>,
    ) -> Result<(), Overflow> {
        let Some((change, at)) = self.looked else { return Ok(()) };
        let look = match at.elapsed() >= limits::NOTIFY_INTERVAL {
            true => Look::Timely,
            false => Look::Heard,
        };
        let now = session.shared.structure();
        if change != now || look == Look::Timely {
            self.looked = Some((now, Instant::now()));
            // Where they can't be listed, the next look tells.
            if let Ok(tree) = list::tree(session) {
                let before = std::mem::replace(&mut self.tree, tree);
                self.tell_names(session, groups, &before, own, out);
                self.open_all(session, groups)?;
            }
            self.tell_annotations(session, own, out);
        }
        for (name, mailbox) in &mut self.mailboxes {
            mailbox.tell(session, name, look, out);
        }
        Ok(())
    }

    /// Opens what is to be watched and isn't, and lets go what isn't any more.
    fn open_all(&mut self, session: &Session, groups: &[Group]) -> Result<(), Overflow> {
        let mut before = std::mem::take(&mut self.mailboxes);
        let known = self.tree.iter().filter(|(_, known)| known.exists);
        for (name, known) in known {
            let text = name.to_utf8();
            let kinds = asked_of(groups, &text, known);
            let is_watched =
                |kind: &Kind| matches!(kind, Kind::Messages | Kind::Flags | Kind::Annotations);
            if !kinds.iter().any(is_watched) {
                continue;
            }
            if self.mailboxes.len() >= limits::NOTIFY_MAILBOXES_MAX {
                return Err(Overflow);
            }
            let mailbox = match before.remove(&text) {
                Some(mailbox) => Some(Mailbox { kinds, ..mailbox }),
                // One that can't be looked at now is there at the next look.
                None => Mailbox::open(session, &text, kinds).ok(),
            };
            self.mailboxes.extend(mailbox.map(|mailbox| (text, mailbox)));
        }
        Ok(())
    }

    /// §5.4, §5.5: mailboxes that came, went, got another name, or are or aren't subscribed any more.
    fn tell_names(
        &self,
        session: &Session,
        groups: &[Group],
        before: &Tree,
        own: &[String],
        out: &mut Vec<u8>,
    ) {
        let is = |tree: &Tree, name: &postroad_store::MailboxName| {
            tree.get(name).is_some_and(|known| known.exists)
        };
        let renamed = session.shared.renamed();
        let mut moved: Vec<(String, String)> = Vec::new();
        for (from, to) in renamed {
            let (Ok(old), Ok(new)) = (stored(&from), stored(&to)) else { continue };
            let is_news = is(before, &old) && !is(&self.tree, &old);
            if is_news && !is(before, &new) && is(&self.tree, &new) {
                moved.push((from, to));
            }
        }
        let mut names: Vec<_> = before.keys().chain(self.tree.keys()).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            let text = name.to_utf8();
            let (old, new) = (before.get(name), self.tree.get(name));
            let (was, known) = (old.cloned().unwrap_or_default(), new.cloned().unwrap_or_default());
            if was == known || own.iter().any(|own| touches(own, &text)) {
                continue;
            }
            let mut either = known.clone();
            either.subscribed |= was.subscribed;
            let kinds = asked_of(groups, &text, &either);
            let old_name = moved.iter().find(|(_, to)| *to == text).map(|(from, _)| from.as_str());
            // Children of one that got another name have it, too, and aren't told (§5.4).
            let goes_along = moved
                .iter()
                .any(|(from, to)| (touches(from, &text) || below(to, &text)) && old_name.is_none());
            let other_name = (was.exists, was.has_children) != (known.exists, known.has_children);
            let is_told = kinds.contains(&Kind::Names) && other_name
                || kinds.contains(&Kind::Subscriptions) && was.subscribed != known.subscribed;
            let item = list::told(&text, &known).filter(|_| is_told && !goes_along);
            let Some(mut item) = item else { continue };
            item.extended.extend(old_name.and_then(named).map(ListExtended::OldName));
            say(session, &Data::List(item), out);
        }
    }

    /// §5.6, §5.7.
    fn tell_annotations(&mut self, session: &Session, own: &[String], out: &mut Vec<u8>) {
        if let Some(before) = &mut self.server
            && let Some(now) = server(session)
        {
            let mailbox = MailboxName::parse(b"", postroad_imap::NameEncoding::Utf8);
            // §5: what the client has done itself isn't told.
            let mailbox = mailbox.filter(|_| !own.iter().any(String::is_empty));
            tell_changed(session, mailbox, before, now, out);
        }
        for (name, mailbox) in &mut self.mailboxes {
            if let Some(before) = &mut mailbox.annotations
                && let Some(now) = annotations(session, name)
            {
                let mailbox = named(name).filter(|_| !own.contains(name));
                tell_changed(session, mailbox, before, now, out);
            }
        }
    }
}

impl Mailbox {
    fn open(session: &Session, name: &str, kinds: Vec<Kind>) -> Result<Self, Refused> {
        let mailbox = named(name).ok_or_else(|| Refused::no("There is no such mailbox"))?;
        let open = session.shared.open(&session.find(&mailbox)?)?;
        let seen = open.told();
        let annotations = match kinds.contains(&Kind::Annotations) {
            true => annotations(session, name),
            false => None,
        };
        let state = State::of(&open)?;
        Ok(Self { kinds, open, seen, state, annotations })
    }

    fn is_selected(&self, session: &Session) -> bool {
        let selected = session.selected.as_ref();
        selected.is_some_and(|selected| Arc::ptr_eq(&selected.open, &self.open))
    }

    /// §5.1 to §5.3: letters that came or went, or have other flags.
    fn tell(&mut self, session: &Session, name: &str, look: Look, out: &mut Vec<u8>) {
        let told = self.open.told();
        if told == self.seen && look == Look::Heard {
            return;
        }
        // One that is gone, or can't be looked at, is as it was.
        let Ok(now) = State::of(&self.open) else { return };
        let before = std::mem::replace(&mut self.state, now);
        self.seen = told;
        // §3.1: of that one the client hears as it has asked for SELECTED.
        if now == before || self.is_selected(session) {
            return;
        }
        let has_mod_seqs = session.enabled.mod_seqs();
        let mut items = Vec::new();
        let is_about = |kind| self.kinds.contains(&kind);
        let came_or_went = (now.uid_next, now.exists) != (before.uid_next, before.exists);
        if is_about(Kind::Messages) && came_or_went {
            items.extend([StatusItem::Messages, StatusItem::UidNext]);
        }
        if is_about(Kind::Flags) && now.unseen != before.unseen {
            items.push(StatusItem::Unseen);
        }
        let has_changed = is_about(Kind::Flags) && now.modseq != before.modseq;
        if has_mod_seqs && (has_changed || !items.is_empty()) {
            items.push(StatusItem::HighestModSeq);
        }
        if !items.is_empty() || is_about(Kind::Flags) && now.uid_validity != before.uid_validity {
            items.push(StatusItem::UidValidity);
        }
        tell_status(session, name, &now, &items, out);
    }
}

impl State {
    fn of(open: &Open) -> Result<Self, MailboxError> {
        let mailbox = &mut open.inside().mailbox;
        mailbox.refresh()?;
        let unseen = |entry: &postroad_store::Entry<'_>| !entry.flags().contains(LetterFlags::SEEN);
        Ok(Self {
            uid_validity: mailbox.uid_validity(),
            uid_next: mailbox.uid_next(),
            exists: count(mailbox.exists()),
            modseq: mailbox.highest_modseq(),
            unseen: mailbox.entries().filter(unseen).count() as u64,
        })
    }

    fn value(&self, item: StatusItem) -> Option<u64> {
        Some(match item {
            StatusItem::Messages => self.exists.into(),
            StatusItem::UidNext => self.uid_next.into(),
            StatusItem::UidValidity => self.uid_validity.into(),
            StatusItem::HighestModSeq => self.modseq,
            StatusItem::Unseen => self.unseen,
            _ => return None,
        })
    }
}

fn tell_status(
    session: &Session,
    name: &str,
    state: &State,
    items: &[StatusItem],
    out: &mut Vec<u8>,
) {
    let value = |item: &StatusItem| Some(StatusValue::Number(*item, state.value(*item)?));
    let values: Vec<StatusValue> = items.iter().filter_map(value).collect();
    if let Some(mailbox) = named(name).filter(|_| !values.is_empty()) {
        say(session, &Data::Status { mailbox, values }, out);
    }
}

/// Names of annotations that have changed; without a mailbox's name nothing is told.
fn tell_changed(
    session: &Session,
    mailbox: Option<MailboxName>,
    before: &mut Metadata,
    now: Metadata,
    out: &mut Vec<u8>,
) {
    let mut changed: Vec<Vec<u8>> = Vec::new();
    for (entry, _) in before.entries().chain(now.entries()) {
        let name = entry.to_string().into_bytes();
        if before.get(entry) != now.get(entry) && !changed.contains(&name) {
            changed.push(name);
        }
    }
    *before = now;
    if let Some(mailbox) = mailbox.filter(|_| !changed.is_empty()) {
        let annotations = Annotations::Changed(changed);
        say(session, &Data::Metadata { mailbox, annotations }, out);
    }
}

fn server(session: &Session) -> Option<Metadata> {
    session.courier().metadata(Annotated::Server(&session.shared.inbox)).ok()
}

fn annotations(session: &Session, name: &str) -> Option<Metadata> {
    let folder = session.find(&named(name)?).ok()?;
    session.courier().metadata(Annotated::Folder(&folder)).ok()
}

fn stored(text: &str) -> Result<postroad_store::MailboxName, postroad_store::FolderNameError> {
    postroad_store::MailboxName::from_utf8(text)
}

fn below(above: &str, name: &str) -> bool {
    name.strip_prefix(above).is_some_and(|rest| rest.starts_with(SEPARATOR))
}

/// Whether a change of `own` changes `name` with it: it is the same, below it, or what it is directly in.
fn touches(own: &str, name: &str) -> bool {
    let parent = own.rsplit_once(SEPARATOR).map(|(parent, _)| parent);
    own == name || below(own, name) || parent == Some(name)
}
