//! LIST, LSUB and NAMESPACE (RFC 9051 §6.3.9, RFC 5258, RFC 3501 §6.3.9, RFC 6154, RFC 5819, RFC 8440).

use std::collections::{BTreeMap, BTreeSet};

use postroad_imap::command::{ListCommand, ListReturn, ListSelection, SpecialUse, StatusItem};
use postroad_imap::response::{Data, ListExtended, ListItem, MailboxAttribute, NamespaceItem};
use postroad_imap::value::{MailboxName, NameEncoding, Pattern};
use postroad_store::{Children, Existence, FolderError, SEPARATOR};

use super::ending::{Done, Ended, Refused};
use super::session::Session;
use super::{acl, status};

/// A mailbox, or a name that is above some.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) exists: bool,
    pub(super) has_children: bool,
    pub(super) subscribed: bool,
    /// Whether one below it is.
    subscribed_below: bool,
    uses: Vec<SpecialUse>,
}

pub(super) type Tree = BTreeMap<postroad_store::MailboxName, Known>;

pub(super) fn list(session: &Session, wanted: &ListCommand, out: &mut Vec<u8>) -> Ended {
    // RFC 3501 §6.3.8: an empty pattern asks for the separator.
    if let [pattern] = wanted.patterns.as_slice()
        && pattern.as_str().is_empty()
        && wanted.selection.is_empty()
    {
        session.say(&Data::List(root()), out);
        return Ok(Done::new("Listed"));
    }
    let tree = tree(session)?;
    let patterns: Vec<Pattern> =
        wanted.patterns.iter().map(|pattern| pattern.below(wanted.reference.as_str())).collect();
    for (name, known) in &tree {
        let text = name.to_utf8();
        let is_wanted = patterns.iter().any(|pattern| pattern.matches(&text, SEPARATOR));
        if !is_wanted {
            continue;
        }
        if let Some(item) = item(&text, known, wanted) {
            session.say(&Data::List(item), out);
            tell_more(session, name, known, &wanted.returns, out);
        }
    }
    session.shared.statuses.keep();
    Ok(Done::new("Listed"))
}

/// One line, where the options select it.
fn item(text: &str, known: &Known, wanted: &ListCommand) -> Option<ListItem> {
    let selects = |option| wanted.selection.contains(&option);
    let returns = |option: &ListReturn| wanted.returns.contains(option);
    let (by_subscription, by_use) =
        (selects(ListSelection::Subscribed), selects(ListSelection::SpecialUse));
    // RFC 5258 §3.1: without that option, what is only subscribed, or above such, isn't listed.
    let is_there = known.exists || known.has_children;
    let is_selected = match by_subscription {
        true => known.subscribed,
        false => is_there,
    } && (!by_use || !known.uses.is_empty());
    // RFC 5258 §3.5: for one below it.
    let for_children =
        selects(ListSelection::RecursiveMatch) && by_subscription && known.subscribed_below;
    // Without options, a name that isn't there stands for those below it.
    if !is_selected && !for_children {
        return None;
    }
    let mut attributes = Vec::new();
    if !known.exists {
        // RFC 9051 §7.3.1: says \Noselect, too; the first revision knows that alone.
        attributes.extend([MailboxAttribute::NonExistent, MailboxAttribute::NoSelect]);
    }
    attributes.push(match known.has_children {
        true => MailboxAttribute::HasChildren,
        false => MailboxAttribute::HasNoChildren,
    });
    if known.subscribed && (by_subscription || returns(&ListReturn::Subscribed)) {
        attributes.push(MailboxAttribute::Subscribed);
    }
    // RFC 6154 §2: may be told whether they are asked for or not.
    attributes.extend(known.uses.iter().copied().map(MailboxAttribute::Use));
    let extended = match for_children {
        true => vec![ListExtended::ChildInfo(vec![ListSelection::Subscribed])],
        false => Vec::new(),
    };
    let mailbox = named(text)?;
    Some(ListItem { attributes, separator: Some(SEPARATOR), mailbox, extended })
}

/// One line that nobody has asked for (RFC 5465 §5.4, §5.5): with all that is known.
pub(super) fn told(text: &str, known: &Known) -> Option<ListItem> {
    let mut attributes = Vec::new();
    if !known.exists {
        attributes.push(MailboxAttribute::NonExistent);
    }
    attributes.push(match known.has_children {
        true => MailboxAttribute::HasChildren,
        false => MailboxAttribute::HasNoChildren,
    });
    if known.subscribed {
        attributes.push(MailboxAttribute::Subscribed);
    }
    attributes.extend(known.uses.iter().copied().map(MailboxAttribute::Use));
    let (mailbox, extended) = (named(text)?, Vec::new());
    Some(ListItem { attributes, separator: Some(SEPARATOR), mailbox, extended })
}

/// What else is told of each (RFC 5819, RFC 8440).
fn tell_more(
    session: &Session,
    name: &postroad_store::MailboxName,
    known: &Known,
    returns: &[ListReturn],
    out: &mut Vec<u8>,
) {
    let Some(mailbox) = named(&name.to_utf8()).filter(|_| known.exists) else { return };
    for wanted in returns {
        match wanted {
            ListReturn::MyRights => acl::tell_mine(session, &mailbox, out),
            ListReturn::Status(items) => tell_status(session, &mailbox, items, out),
            ListReturn::Subscribed | ListReturn::Children | ListReturn::SpecialUse => {}
        }
    }
}

/// RFC 5819 §2: one that can't be looked at is left out, and the rest is told.
fn tell_status(session: &Session, mailbox: &MailboxName, items: &[StatusItem], out: &mut Vec<u8>) {
    if let Ok(values) = status::values(session, mailbox, items) {
        session.say(&Data::Status { mailbox: mailbox.clone(), values }, out);
    }
}

/// RFC 3501 §6.3.9: what is subscribed, whether it is there or not.
pub(super) fn lsub(
    session: &Session,
    reference: &MailboxName,
    pattern: &Pattern,
    out: &mut Vec<u8>,
) -> Ended {
    let pattern = pattern.below(reference.as_str());
    let tree = tree(session)?;
    for (name, known) in &tree {
        let text = name.to_utf8();
        if !pattern.matches(&text, SEPARATOR) || !(known.subscribed || known.subscribed_below) {
            continue;
        }
        let Some(mailbox) = named(&text) else { continue };
        // One that stands for those below it, which the pattern doesn't match.
        let is_parent = !known.subscribed;
        if is_parent && !pattern.as_str().ends_with('%') {
            continue;
        }
        let attributes = if is_parent { vec![MailboxAttribute::NoSelect] } else { Vec::new() };
        let extended = Vec::new();
        let item = ListItem { attributes, separator: Some(SEPARATOR), mailbox, extended };
        session.say(&Data::Lsub(item), out);
    }
    Ok(Done::new("Listed"))
}

pub(super) fn namespace(session: &Session, out: &mut Vec<u8>) -> Ended {
    let Some(prefix) = named("") else { return Err(Refused::no("There is no namespace")) };
    let personal = vec![NamespaceItem { prefix, separator: Some(SEPARATOR) }];
    session.say(&Data::Namespace { personal, other: Vec::new(), shared: Vec::new() }, out);
    Ok(Done::new("That is it"))
}

fn root() -> ListItem {
    ListItem {
        attributes: vec![MailboxAttribute::NoSelect],
        separator: Some(SEPARATOR),
        mailbox: named("").unwrap_or_else(MailboxName::inbox),
        extended: Vec::new(),
    }
}

fn named(text: &str) -> Option<MailboxName> {
    MailboxName::parse(text.as_bytes(), NameEncoding::Utf8)
}

/// All mailboxes, those that are only subscribed, and the names above them.
pub(super) fn tree(session: &Session) -> Result<Tree, Refused> {
    let folders = session.folders();
    let mut tree = Tree::new();
    for listed in folders.list()? {
        let known = Known {
            exists: listed.existence == Existence::Exists,
            has_children: listed.children == Children::Has,
            ..Known::default()
        };
        tree.insert(listed.name, known);
    }
    let uses = session.courier().uses(&session.shared.inbox).map_err(FolderError::from)?;
    for (name, attributes) in uses {
        let name = postroad_store::MailboxName::Folder(name);
        if let Some(known) = tree.get_mut(&name) {
            let uses = attributes.iter().filter_map(|text| SpecialUse::parse(text.as_bytes()));
            known.uses = uses.collect();
        }
    }
    let subscribed: BTreeSet<_> = folders.subscribed().map_err(FolderError::from)?;
    for name in subscribed {
        let above = name.folder().cloned();
        let above =
            std::iter::successors(above.and_then(|name| name.parent()), |name| name.parent());
        for parent in above {
            let parent = postroad_store::MailboxName::Folder(parent);
            tree.entry(parent).or_default().subscribed_below = true;
        }
        tree.entry(name).or_default().subscribed = true;
    }
    Ok(tree)
}
