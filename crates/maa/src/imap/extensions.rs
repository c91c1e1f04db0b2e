//! Extensions that are switched off for a user: they aren't advertised, and what needs them is refused.
//!
//! Clients get some of them wrong, and then one user is better off without. What the second revision of IMAP holds by itself
//! is refused, too, where it is switched off: whoever does that switches `IMAP4REV2` off as well, or a client may count on it.
//! What only adds to responses, and nobody can ask for (INPROGRESS, the codes of UIDPLUS), is there all the same. Some are
//! the other way round, and there for whom they are switched on (`postroad_config::IMAP_EXTENSIONS_UNLESS_ASKED`).

use std::num::NonZeroU32;

use postroad_config::{IMAP_EXTENSIONS_UNLESS_ASKED, ImapSwitch, SwitchedTo};
use postroad_imap::command::{
    Command, CondStore, Extension, Fetch, FetchAttribute, Form, Head, ListCommand, ListReturn,
    ListSelection, ReturnOption, SearchKey, StatusItem, Vanished,
};
use postroad_imap::value::SequenceSet;

/// What a session may use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Extensions {
    off: Vec<String>,
    /// Of those that are off unless asked for.
    on: Vec<(String, SwitchedTo)>,
}

/// Those that go with another one.
const WITH: [(&str, &str); 12] = [
    ("CHILDREN", "LIST-EXTENDED"),
    ("LIST-MYRIGHTS", "ACL"),
    ("RIGHTS=kxte", "ACL"),
    ("CREATE-SPECIAL-USE", "SPECIAL-USE"),
    ("SORT=DISPLAY", "SORT"),
    ("ESORT", "SORT"),
    ("THREAD=ORDEREDSUBJECT", "THREAD"),
    ("THREAD=REFERENCES", "THREAD"),
    ("QUOTA=RES-STORAGE", "QUOTA"),
    ("QUOTA=RES-MESSAGE", "QUOTA"),
    ("COMPRESS=DEFLATE", "COMPRESS"),
    ("QRESYNC", "CONDSTORE"),
];

impl Extensions {
    pub(crate) fn of(switches: &[ImapSwitch]) -> Self {
        let (mut off, mut on) = (Vec::<String>::new(), Vec::<(String, SwitchedTo)>::new());
        for ImapSwitch { extension, to } in switches {
            off.retain(|other| other != extension);
            on.retain(|(other, _)| other != extension);
            let is_asked = IMAP_EXTENSIONS_UNLESS_ASKED.contains(&extension.as_str());
            match to {
                SwitchedTo::Off if !is_asked => off.push(extension.clone()),
                SwitchedTo::On | SwitchedTo::Limit(_) if is_asked => {
                    on.push((extension.clone(), *to));
                }
                SwitchedTo::Off | SwitchedTo::On | SwitchedTo::Limit(_) => {}
            }
        }
        Self { off, on }
    }

    /// Whether it is there, by the name of its capability.
    pub(super) fn has(&self, name: &str) -> bool {
        if IMAP_EXTENSIONS_UNLESS_ASKED.contains(&name) {
            return self.on.iter().any(|(on, _)| on == name);
        }
        let is_off = |name: &str| self.off.iter().any(|off| off.eq_ignore_ascii_case(name));
        let name = name.split_once("LIMIT=").map_or(name, |_| "APPENDLIMIT");
        let with = WITH.iter().filter(|(one, _)| *one == name);
        !is_off(name) && !with.into_iter().any(|(_, other)| is_off(other))
    }

    /// RFC 9738: letters that a command may take.
    pub(super) fn message_limit(&self) -> Option<NonZeroU32> {
        self.limit("MESSAGELIMIT")
    }

    /// RFC 9738: letters that COPY and APPEND may take: SAVELIMIT is of those two, and MESSAGELIMIT of them, too.
    pub(super) fn save_limit(&self) -> Option<NonZeroU32> {
        self.limit("SAVELIMIT").into_iter().chain(self.message_limit()).min()
    }

    fn limit(&self, name: &str) -> Option<NonZeroU32> {
        self.on.iter().find_map(|(on, to)| match to {
            SwitchedTo::Limit(letters) if on == name => Some(*letters),
            SwitchedTo::Limit(_) | SwitchedTo::On | SwitchedTo::Off => None,
        })
    }

    /// What capabilities say with a number.
    pub(super) fn advertised_limits(&self) -> impl Iterator<Item = String> {
        let limits = ["MESSAGELIMIT", "SAVELIMIT"].into_iter();
        limits.filter_map(|name| Some(format!("{name}={}", self.limit(name)?)))
    }

    /// The first one that a command needs and that isn't there.
    pub(super) fn missing(&self, command: &Command) -> Option<&'static str> {
        needed_by(command).into_iter().find(|name| !self.has(name))
    }

    /// The same for a letter of APPEND; `before` are those that have come with it.
    pub(super) fn missing_for(&self, head: &Head, before: usize) -> Option<&'static str> {
        let needed = [
            (head.form == Form::Catenate, "CATENATE"),
            (head.form == Form::Utf8, "UTF8=ACCEPT"),
            (before > 0, "MULTIAPPEND"),
        ];
        needed
            .into_iter()
            .find(|(is_needed, name)| *is_needed && !self.has(name))
            .map(|(_, name)| name)
    }
}

fn needed_by(command: &Command) -> Vec<&'static str> {
    let one = match command {
        Command::Id(_) => "ID",
        Command::Enable(_) => "ENABLE",
        Command::Idle => "IDLE",
        Command::Namespace => "NAMESPACE",
        Command::Unselect => "UNSELECT",
        Command::Expunge(Some(_)) => "UIDPLUS",
        Command::Move(..) => "MOVE",
        Command::Replace(..) => "REPLACE",
        Command::Compress => "COMPRESS",
        Command::Notify(_) => "NOTIFY",
        Command::GetQuota(_) | Command::GetQuotaRoot(_) | Command::SetQuota { .. } => "QUOTA",
        Command::GetMetadata(_) | Command::SetMetadata { .. } => "METADATA",
        Command::SetAcl { .. }
        | Command::DeleteAcl { .. }
        | Command::GetAcl(_)
        | Command::ListRights { .. }
        | Command::MyRights(_) => "ACL",
        Command::Create { uses, .. } if !uses.is_empty() => "SPECIAL-USE",
        Command::Select(select) if select.qresync.is_some() => "QRESYNC",
        Command::Select(select) if select.condstore == CondStore::Asked => "CONDSTORE",
        Command::Store(_, store) if store.unchanged_since.is_some() => "CONDSTORE",
        Command::List(list) => return of_list(list),
        Command::Status { items, .. } => return of_status(items).collect(),
        Command::Fetch(_, fetch) => return of_fetch(fetch),
        Command::Search(_, search) => {
            return of_search(search.returns.as_deref(), "ESEARCH", &search.key);
        }
        Command::Sort(_, sort) => {
            let mut needed = vec!["SORT"];
            needed.extend(of_search(sort.returns.as_deref(), "SORT", &sort.key));
            return needed;
        }
        Command::Thread(_, thread) => {
            let mut needed = vec!["THREAD"];
            needed.extend(of_search(None, "THREAD", &thread.key));
            return needed;
        }
        _ => return Vec::new(),
    };
    vec![one]
}

fn of_status(items: &[StatusItem]) -> impl Iterator<Item = &'static str> {
    items.iter().filter_map(|item| match item {
        StatusItem::Size => Some("STATUS=SIZE"),
        StatusItem::HighestModSeq => Some("CONDSTORE"),
        StatusItem::AppendLimit => Some("APPENDLIMIT"),
        StatusItem::MailboxId => Some("OBJECTID"),
        StatusItem::DeletedStorage => Some("QUOTA"),
        _ => None,
    })
}

fn of_list(list: &ListCommand) -> Vec<&'static str> {
    let mut needed = Vec::new();
    let has_options = !list.selection.is_empty() || !list.returns.is_empty();
    if has_options || list.patterns.len() > 1 {
        needed.push("LIST-EXTENDED");
    }
    if list.selection.contains(&ListSelection::SpecialUse) {
        needed.push("SPECIAL-USE");
    }
    for wanted in &list.returns {
        match wanted {
            ListReturn::MyRights => needed.push("ACL"),
            ListReturn::SpecialUse => needed.push("SPECIAL-USE"),
            ListReturn::Status(items) => {
                needed.push("LIST-STATUS");
                needed.extend(of_status(items));
            }
            ListReturn::Subscribed | ListReturn::Children => {}
        }
    }
    needed
}

fn of_fetch(fetch: &Fetch) -> Vec<&'static str> {
    let of = |attribute: &FetchAttribute| match attribute {
        FetchAttribute::Binary { .. } | FetchAttribute::BinarySize(_) => Some("BINARY"),
        FetchAttribute::EmailId | FetchAttribute::ThreadId => Some("OBJECTID"),
        FetchAttribute::SaveDate => Some("SAVEDATE"),
        FetchAttribute::Preview(_) => Some("PREVIEW"),
        FetchAttribute::ModSeq => Some("CONDSTORE"),
        _ => None,
    };
    let mut needed: Vec<&str> = fetch.attributes.iter().filter_map(of).collect();
    let modifiers = [
        (fetch.modifiers.changed_since.is_some(), "CONDSTORE"),
        (fetch.modifiers.vanished == Vanished::Asked, "QRESYNC"),
        (fetch.modifiers.partial.is_some(), "PARTIAL"),
        (fetch.set == SequenceSet::Saved, "SEARCHRES"),
    ];
    needed.extend(modifiers.iter().filter(|(is_needed, _)| *is_needed).map(|(_, name)| name));
    needed
}

fn of_search(
    returns: Option<&[ReturnOption]>,
    returning: &'static str,
    key: &SearchKey,
) -> Vec<&'static str> {
    let mut needed = Vec::new();
    for option in returns.unwrap_or_default() {
        needed.push(match option {
            ReturnOption::Save => "SEARCHRES",
            ReturnOption::Partial(_) => "PARTIAL",
            _ => returning,
        });
    }
    if returns.is_some() {
        needed.push(returning);
    }
    of_key(key, &mut needed);
    needed
}

fn of_key(key: &SearchKey, needed: &mut Vec<&'static str>) {
    match key {
        SearchKey::And(keys) => keys.iter().for_each(|key| of_key(key, needed)),
        SearchKey::Or(keys) => {
            of_key(&keys.0, needed);
            of_key(&keys.1, needed);
        }
        SearchKey::Not(key) | SearchKey::Fuzzy(key) => of_key(key, needed),
        SearchKey::Older(_) | SearchKey::Younger(_) => needed.push("WITHIN"),
        SearchKey::ModSeq { .. } => needed.push("CONDSTORE"),
        SearchKey::EmailId(_) | SearchKey::ThreadId(_) => needed.push("OBJECTID"),
        SearchKey::SavedBefore(_)
        | SearchKey::SavedOn(_)
        | SearchKey::SavedSince(_)
        | SearchKey::SaveDateSupported => needed.push("SAVEDATE"),
        SearchKey::Sequence(SequenceSet::Saved) => needed.push("SEARCHRES"),
        // RFC 9738.
        SearchKey::UidAfter(_) | SearchKey::UidBefore(_) => needed.push("MESSAGELIMIT"),
        _ => {}
    }
}

/// Whether ENABLE may name it.
pub(super) fn of_enabled(extension: &Extension) -> Option<&'static str> {
    match extension {
        Extension::CondStore => Some("CONDSTORE"),
        Extension::QResync => Some("QRESYNC"),
        Extension::Utf8Accept => Some("UTF8=ACCEPT"),
        Extension::Imap4Rev2 => Some("IMAP4REV2"),
        Extension::UidOnly => Some("UIDONLY"),
        _ => None,
    }
}
