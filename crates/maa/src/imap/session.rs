//! What a session knows, and which command is carried out where.

use std::sync::Arc;

use postroad_imap::NameEncoding;
use postroad_imap::command::{Command, Extension, StatusItem};
use postroad_imap::response::{Code, Data, Status, StatusResponse};
use postroad_imap::value::{MailboxName, Numbers, Tag};
use postroad_store::{Courier, Folders, Maildir};
use tokio::sync::watch;

use super::append::Upload;
use super::capability::{self, Enabled};
use super::changes::{Expunges, FlagNews, Untold};
use super::copy::Originals;
use super::ending::{Done, Ended, Refused, tagged};
use super::extensions::Extensions;
use super::fetch::FetchWork;
use super::notify::SelectedEvents;
use super::search::SearchWork;
use super::selected::Selected;
use super::shared::Shared;
use super::{acl, copy, expunge, folders, list, message_limit, metadata, notify, quota, select};
use super::{status, store, uid_only};
use crate::events;
use crate::worker::Ward;

/// Octets of responses after which a client is waited for.
pub(super) const PIECE_OCTETS: usize = 256 * 1024;

/// What a session knows; a thread at a time has it.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) user: String,
    pub(super) shared: Arc<Shared>,
    pub(super) extensions: Extensions,
    pub(super) enabled: Enabled,
    pub(super) selected: Option<Selected>,
    /// What the client wants to hear of without asking; none where it has never said so.
    pub(super) notify: Option<notify::Asked>,
    /// Mailboxes that the command changes, by their names; the server's is empty.
    own: Vec<String>,
    asks: Asks,
    /// Letters that are coming.
    pub(super) upload: Option<Upload>,
    /// What is to be said of the command that has not taken all letters (RFC 9738).
    pub(super) limited: Option<Code>,
    /// Whether the client knows of mod-sequences in the mailbox that is open; where it has just asked for them, not yet.
    pub(super) knows_mod_seqs: bool,
    /// Whether the client was told to go.
    pub(super) is_over: bool,
}

/// Whether a command asks for news of the mailbox that is open, or changes what the client counts by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asks {
    ForNews,
    ForItself,
}

/// A command whose responses may be long: they are written piece by piece.
pub(super) trait Work: Send {
    /// Writes a piece; ends when there are no more.
    fn step(&mut self, session: &mut Session, out: &mut Vec<u8>) -> Progress;
}

/// How far a command is.
pub(super) enum Progress {
    More,
    Ended(Ended),
}

/// What a command begins.
pub(super) enum Begun {
    /// It has ended already.
    Ended(Ended),
    /// There is more to do.
    Work(Box<dyn Work>),
    /// The client wants to be told of what happens, until it says DONE.
    Idle,
    /// Letters follow.
    Upload,
    /// The connection is to be deflated from here on.
    Compress,
    /// The client wants to go.
    Logout,
}

impl From<Ended> for Begun {
    fn from(ended: Ended) -> Self {
        Self::Ended(ended)
    }
}

impl<W: Work + 'static> From<Result<W, Refused>> for Begun {
    fn from(begun: Result<W, Refused>) -> Self {
        match begun {
            Ok(work) => Self::Work(Box::new(work)),
            Err(refused) => Self::Ended(Err(refused)),
        }
    }
}

impl Session {
    pub(super) fn new(ward: &Ward) -> Self {
        Self {
            user: ward.user.clone(),
            shared: Arc::clone(&ward.shared),
            extensions: ward.extensions.clone(),
            enabled: Enabled::default(),
            selected: None,
            notify: None,
            own: Vec::new(),
            asks: Asks::ForItself,
            upload: None,
            limited: None,
            knows_mod_seqs: false,
            is_over: false,
        }
    }

    /// Whether the next process could go on with it. Mailboxes that NOTIFY watches have to be watched.
    pub(super) fn may_rest(&self) -> bool {
        self.notify.is_none() && self.upload.is_none() && !self.is_over
    }

    /// How names of mailboxes are written.
    pub(super) fn names(&self) -> NameEncoding {
        self.enabled.names()
    }

    /// Begins a command. What is said of it, and before its end, comes into `out`.
    pub(super) fn begin(&mut self, tag: Tag, command: Command, out: &mut Vec<u8>) -> Begun {
        (self.own, self.asks) = (changed_by(&command), Asks::of(&command));
        self.knows_mod_seqs = self.enabled.mod_seqs();
        if let Err(refused) = self.may_begin(&command) {
            return match command {
                // Its letter is on its way.
                Command::Replace(..) => {
                    self.refuse_upload(tag, refused);
                    Begun::Upload
                }
                _ => Begun::Ended(Err(refused)),
            };
        }
        match command {
            Command::Capability => {
                self.say(&Data::Capability(capability::advertised(&self.extensions)), out);
                Ok(Done::new("Those are they")).into()
            }
            Command::Noop | Command::Check => Ok(Done::new("Done")).into(),
            Command::Logout => {
                // Behind BYE nothing is told.
                (self.selected, self.notify) = (None, None);
                Begun::Logout
            }
            Command::Id(_) => {
                self.say(&Data::Id(capability::id()), out);
                Ok(Done::new("Pleased to meet you")).into()
            }
            Command::Enable(extensions) => capability::enable(self, &extensions, out).into(),
            Command::Select(wanted) => select::select(self, &wanted, out).into(),
            Command::Close => select::close(self).into(),
            Command::Unselect => select::unselect(self).into(),
            Command::Fetch(numbers, fetch) => {
                FetchWork::begin(self, numbers, fetch, out).map(|work| work.limited(self)).into()
            }
            Command::Search(numbers, search) => {
                SearchWork::search(self, tag, numbers, search).into()
            }
            Command::Sort(numbers, sort) => SearchWork::sort(self, tag, numbers, sort).into(),
            Command::Thread(numbers, thread) => {
                SearchWork::thread(self, tag, numbers, thread).into()
            }
            Command::Store(numbers, wanted) => store::store(self, numbers, &wanted, out).into(),
            Command::Expunge(set) => expunge::expunge(self, set.as_ref()).into(),
            Command::Copy(numbers, set, to) => {
                copy::copy(self, numbers, &set, &to, Originals::Stay, out).into()
            }
            Command::Move(numbers, set, to) => {
                copy::copy(self, numbers, &set, &to, Originals::Go, out).into()
            }
            Command::Append(mailbox) => {
                self.begin_upload(tag, &mailbox);
                Begun::Upload
            }
            Command::Replace(numbers, replace) => {
                self.begin_replacing(tag, numbers, &replace);
                Begun::Upload
            }
            Command::Notify(wanted) => notify::notify(self, &wanted, out).into(),
            Command::Idle => Begun::Idle,
            Command::Compress => Begun::Compress,
            // The front has seen to those.
            Command::StartTls | Command::Authenticate { .. } | Command::Login { .. } => {
                Begun::Ended(Err(Refused::bad("You are logged in already")))
            }
            command => self.begin_with_mailboxes(command, out),
        }
    }

    /// Whether what it needs is there.
    fn may_begin(&self, command: &Command) -> Result<(), Refused> {
        match self.extensions.missing(command) {
            Some(name) => Err(Refused::bad(format!("{name} is switched off here"))),
            None if self.enabled.uid_only() => uid_only::check(command),
            None => Ok(()),
        }
    }

    /// The same for commands about mailboxes by their names, and about what is kept beside letters.
    fn begin_with_mailboxes(&mut self, command: Command, out: &mut Vec<u8>) -> Begun {
        match command {
            Command::Create { mailbox, uses } => folders::create(self, &mailbox, &uses).into(),
            Command::Delete(mailbox) => folders::delete(self, &mailbox).into(),
            Command::Rename { from, to } => folders::rename(self, &from, &to).into(),
            Command::Subscribe(mailbox) => folders::subscribe(self, &mailbox).into(),
            Command::Unsubscribe(mailbox) => folders::unsubscribe(self, &mailbox).into(),
            Command::List(wanted) => list::list(self, &wanted, out).into(),
            Command::Lsub { reference, pattern } => {
                list::lsub(self, &reference, &pattern, out).into()
            }
            Command::Namespace => list::namespace(self, out).into(),
            Command::Status { mailbox, items } => {
                // RFC 7162 §3.1: that asks for mod-sequences, too.
                if items.contains(&StatusItem::HighestModSeq) {
                    self.enabled.add(Extension::CondStore);
                }
                status::status(self, &mailbox, &items, out).into()
            }
            Command::GetMetadata(wanted) => metadata::get(self, &wanted, out).into(),
            Command::SetMetadata { mailbox, entries } => {
                metadata::set(self, &mailbox, &entries).into()
            }
            Command::GetQuota(root) => quota::get(self, &root, out).into(),
            Command::GetQuotaRoot(mailbox) => quota::root_of(self, &mailbox, out).into(),
            Command::SetQuota { .. } => {
                let refused = Refused::no_with(Code::NoPerm, "Quotas are the operator's to set");
                Begun::Ended(Err(refused))
            }
            Command::SetAcl { mailbox, identifier, change, rights } => {
                acl::set(self, &mailbox, &identifier, change, &rights).into()
            }
            Command::DeleteAcl { mailbox, identifier } => {
                acl::delete(self, &mailbox, &identifier).into()
            }
            Command::GetAcl(mailbox) => acl::get(self, &mailbox, out).into(),
            Command::ListRights { mailbox, identifier } => {
                acl::list(self, &mailbox, &identifier, out).into()
            }
            Command::MyRights(mailbox) => acl::mine(self, &mailbox, out).into(),
            command => {
                let refused = Refused::bad(format!("{} isn't known here", command.name()));
                Begun::Ended(Err(refused))
            }
        }
    }

    /// Ends a command: what has changed meanwhile is told first (RFC 9051 §5.2).
    pub(super) fn end(&mut self, tag: Tag, expunges: Expunges, ended: Ended, out: &mut Vec<u8>) {
        self.tell_with(expunges, &stored_by(&ended, self.selected.as_ref()), out);
        self.tell_mod_seq(out);
        let ended = message_limit::ended(self, ended, out);
        self.say_status(&tagged(tag, ended), out);
    }

    /// RFC 7162 §3.1: the first command by which a client asks for mod-sequences tells where they are.
    fn tell_mod_seq(&mut self, out: &mut Vec<u8>) {
        if self.knows_mod_seqs || !self.enabled.mod_seqs() {
            return;
        }
        self.knows_mod_seqs = true;
        if let Some(selected) = &self.selected {
            let highest = StatusResponse::untagged(Status::Ok, "The last change's");
            self.say_status(&highest.with(Code::HighestModSeq(selected.told)), out);
        }
    }

    /// Tells what has changed, to a client that idles.
    pub(super) fn tell(&mut self, out: &mut Vec<u8>) {
        self.asks = Asks::ForItself;
        self.tell_with(Expunges::Now, &[], out);
    }

    /// The same between commands, to a client that has asked for it.
    pub(super) fn tell_unasked(&mut self, out: &mut Vec<u8>) {
        // It has sent a part of a command that may count by what it knows.
        if self.upload.is_some() {
            return;
        }
        self.asks = Asks::ForItself;
        let expunges = match self.notify.as_ref().map(|asked| &asked.selected) {
            Some(SelectedEvents::Messages { expunges, .. }) => *expunges,
            Some(SelectedEvents::None) | None => Expunges::Later,
        };
        self.tell_with(expunges, &[], out);
    }

    /// `own` are UIDs of letters that the client has stored itself.
    fn tell_with(&mut self, expunges: Expunges, own: &[u32], out: &mut Vec<u8>) {
        self.tell_selected(expunges, own, out);
        let changed = std::mem::take(&mut self.own);
        notify::tell(self, &changed, out);
    }

    fn tell_selected(&mut self, expunges: Expunges, own: &[u32], out: &mut Vec<u8>) {
        let (flags, attributes) = match self.notify.as_ref().map(|asked| &asked.selected) {
            None => (FlagNews::Told, Vec::new()),
            Some(SelectedEvents::Messages { flags, attributes, .. }) => {
                (*flags, attributes.clone())
            }
            Some(SelectedEvents::None) if self.asks == Asks::ForNews => {
                (FlagNews::Told, Vec::new())
            }
            Some(SelectedEvents::None) => return,
        };
        let Some(selected) = &mut self.selected else { return };
        match selected.tell_changes(&self.enabled, expunges, flags, out) {
            Ok(mut new) if !attributes.is_empty() => {
                new.retain(|uid| !own.contains(uid));
                notify::fetch_new(self, new, attributes, out);
            }
            Ok(_) | Err(Untold::Unavailable) => {}
            // Its numbers mean nothing any more (RFC 9051 §2.3.1.1): the client has to come again.
            Err(Untold::NumbersLost) => {
                let inside = selected.open.inside();
                events::numbers_lost(&self.user, inside.mailbox.folder().root());
                drop(inside);
                self.selected = None;
                let bye = StatusResponse::untagged(Status::Bye, "The mailbox's numbers were lost");
                self.say_status(&bye, out);
                self.is_over = true;
            }
        }
    }

    /// Where news come from while the client idles.
    pub(super) fn news(&self) -> Option<watch::Receiver<u64>> {
        match self.notify {
            Some(_) => self.unasked_news(),
            None => self.selected.as_ref().map(|selected| selected.open.news()),
        }
    }

    /// The same of those that it wants at any time.
    pub(super) fn unasked_news(&self) -> Option<watch::Receiver<u64>> {
        self.is_notified().then(|| self.shared.news())
    }

    /// Whether there are any.
    pub(super) fn is_notified(&self) -> bool {
        self.notify.as_ref().is_some_and(notify::Asked::is_anything)
    }

    pub(super) fn say(&self, data: &Data, out: &mut Vec<u8>) {
        data.write(out, self.names());
    }

    pub(super) fn say_status(&self, response: &StatusResponse, out: &mut Vec<u8>) {
        response.write(out, self.names());
    }

    /// The mailbox that is open.
    ///
    /// # Errors
    /// RFC 9051 §6.4: BAD where none is.
    pub(super) fn selected(&self) -> Result<&Selected, Refused> {
        self.selected.as_ref().ok_or_else(|| Refused::bad("No mailbox is selected"))
    }

    /// The same, to be changed.
    pub(super) fn selected_mut(&mut self) -> Result<&mut Selected, Refused> {
        self.selected.as_mut().ok_or_else(|| Refused::bad("No mailbox is selected"))
    }

    /// Folders, and what is done with them.
    pub(super) fn folders(&self) -> Folders<'_> {
        Folders::of(self.courier(), &self.shared.inbox)
    }

    pub(super) fn courier(&self) -> &Courier {
        &self.shared.courier
    }

    /// Where a mailbox is.
    ///
    /// # Errors
    /// Where there is none.
    pub(super) fn find(&self, name: &MailboxName) -> Result<Maildir, Refused> {
        Ok(self.folders().find(&folders::stored(name.as_str())?)?)
    }
}

impl Asks {
    fn of(command: &Command) -> Self {
        match command {
            Command::Noop
            | Command::Check
            | Command::Expunge(_)
            | Command::Move(..)
            | Command::Copy(..)
            | Command::Append(_)
            | Command::Replace(..) => Self::ForNews,
            _ => Self::ForItself,
        }
    }
}

/// Mailboxes that a command makes, removes, names, subscribes or annotates.
fn changed_by(command: &Command) -> Vec<String> {
    let name = |mailbox: &MailboxName| {
        let text = mailbox.as_str();
        text.strip_suffix(postroad_store::SEPARATOR).unwrap_or(text).to_owned()
    };
    match command {
        Command::Create { mailbox, .. }
        | Command::Delete(mailbox)
        | Command::Subscribe(mailbox)
        | Command::Unsubscribe(mailbox)
        | Command::SetMetadata { mailbox, .. } => vec![name(mailbox)],
        Command::Rename { from, to } => vec![name(from), name(to)],
        _ => Vec::new(),
    }
}

/// UIDs of letters that a command has stored in the mailbox that is open.
fn stored_by(ended: &Ended, selected: Option<&Selected>) -> Vec<u32> {
    let (Ok(Done { code: Some(code), .. }), Some(selected)) = (ended, selected) else {
        return Vec::new();
    };
    match code {
        Code::AppendUid { uid_validity, uids: set }
        | Code::CopyUid { uid_validity, to: set, .. }
            if *uid_validity == selected.uid_validity =>
        {
            set.resolve(u32::MAX).into_iter().flatten().collect()
        }
        _ => Vec::new(),
    }
}

/// Whether expunges may be told at a command's end (RFC 9051 §7.5.1): while it runs, the client counts by what it knew.
pub(super) fn expunges_after(command: &Command) -> Expunges {
    match command {
        Command::Fetch(Numbers::Sequence, _)
        | Command::Store(Numbers::Sequence, _)
        | Command::Search(Numbers::Sequence, _)
        | Command::Sort(Numbers::Sequence, _)
        | Command::Thread(Numbers::Sequence, _) => Expunges::Later,
        _ => Expunges::Now,
    }
}
