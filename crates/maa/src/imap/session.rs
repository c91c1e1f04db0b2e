//! What a session knows, and which command is carried out where.

use std::sync::Arc;

use postroad_imap::NameEncoding;
use postroad_imap::command::Command;
use postroad_imap::response::{Code, Data, Status, StatusResponse};
use postroad_imap::value::{MailboxName, Numbers, Tag};
use postroad_store::{Courier, Folders, Maildir};
use tokio::sync::watch;

use super::append::Upload;
use super::capability::{self, Enabled};
use super::changes::{Expunges, Untold};
use super::copy::Originals;
use super::ending::{Done, Ended, Refused, tagged};
use super::fetch::FetchWork;
use super::search::SearchWork;
use super::selected::Selected;
use super::shared::Shared;
use super::{acl, copy, expunge, folders, list, metadata, quota, select, status, store};
use crate::worker::Ward;

/// Octets of responses after which a client is waited for.
pub(super) const PIECE_OCTETS: usize = 256 * 1024;

/// What a session knows; a thread at a time has it.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) user: String,
    pub(super) shared: Arc<Shared>,
    pub(super) enabled: Enabled,
    pub(super) selected: Option<Selected>,
    /// Letters that are coming.
    pub(super) upload: Option<Upload>,
    /// Whether the client was told to go.
    pub(super) is_over: bool,
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
            enabled: Enabled::default(),
            selected: None,
            upload: None,
            is_over: false,
        }
    }

    /// How names of mailboxes are written.
    pub(super) fn names(&self) -> NameEncoding {
        self.enabled.names()
    }

    /// Begins a command. What is said of it, and before its end, comes into `out`.
    pub(super) fn begin(&mut self, tag: Tag, command: Command, out: &mut Vec<u8>) -> Begun {
        match command {
            Command::Capability => {
                self.say(&Data::Capability(capability::advertised()), out);
                Ok(Done::new("Those are they")).into()
            }
            Command::Noop | Command::Check => Ok(Done::new("Done")).into(),
            Command::Logout => Begun::Logout,
            Command::Id(_) => {
                self.say(&Data::Id(capability::id()), out);
                Ok(Done::new("Pleased to meet you")).into()
            }
            Command::Enable(extensions) => capability::enable(self, &extensions, out).into(),
            Command::Select(wanted) => select::select(self, &wanted, out).into(),
            Command::Close => select::close(self).into(),
            Command::Unselect => select::unselect(self).into(),
            Command::Fetch(numbers, fetch) => FetchWork::begin(self, numbers, fetch, out).into(),
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
            Command::Idle => Begun::Idle,
            Command::Compress => Begun::Compress,
            // The front has seen to those.
            Command::StartTls | Command::Authenticate { .. } | Command::Login { .. } => {
                Begun::Ended(Err(Refused::bad("You are logged in already")))
            }
            command => self.begin_with_mailboxes(command, out),
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
        self.tell_with(expunges, out);
        self.say_status(&tagged(tag, ended), out);
    }

    /// Tells what has changed, to a client that waits for it.
    pub(super) fn tell(&mut self, out: &mut Vec<u8>) {
        self.tell_with(Expunges::Now, out);
    }

    fn tell_with(&mut self, expunges: Expunges, out: &mut Vec<u8>) {
        let Some(selected) = &mut self.selected else { return };
        match selected.tell_changes(&self.enabled, expunges, out) {
            Ok(()) | Err(Untold::Unavailable) => {}
            // Its numbers mean nothing any more (RFC 9051 §2.3.1.1): the client has to come again.
            Err(Untold::NumbersLost) => {
                self.selected = None;
                let bye = StatusResponse::untagged(Status::Bye, "The mailbox's numbers were lost");
                self.say_status(&bye, out);
                self.is_over = true;
            }
        }
    }

    /// Where news of the mailbox comes from that is open.
    pub(super) fn news(&self) -> Option<watch::Receiver<u64>> {
        self.selected.as_ref().map(|selected| selected.open.news())
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
