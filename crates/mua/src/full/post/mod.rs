//! The actor of what is written: drafts, and the outbox that takes their letters.
//!
//! | looking for | it is in |
//! |---|---|
//! | what is asked, and what becomes of it | here |
//! | letters that begin, with another or without; those that are sent on as they are | `begin` |
//! | drafts and letters as the screen has them | `rows` |
//! | files whose names begin as what is typed | `files` |
//! | the address book | `people` |
//!
//! A draft that somebody writes here is held against other programs until its letter is queued or it is thrown away.
//! "Queued" is said once the letter is on disk; its draft stays until the sender takes the letter in.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::thread;
use std::time::SystemTime;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use postroad_store::Letter;
use postroad_tui::data::{
    DraftId as Shown, DraftRow, Fields, FolderId, HeldId, LetterId, Marks, Order,
};
use postroad_tui::effect::{Ask, Job, OutboxAsk, Start};
use postroad_tui::msg::What;
use tokio::runtime::Runtime;

use super::mail::Request;
use super::wake::{Farewell, Incoming, Outgoing, Teller, channel};
use super::{kept, pipe, viewer};
use crate::account::{Account, AccountError, Overrides};
use crate::compose::{AddressList, ComposeError, Mailbox as Person, media_type};
use crate::drafts::{Attached, DraftError, DraftId, Drafts, FORWARDED, OpenDraft, Written};
use crate::error::Error;
use crate::outbox::{Found, Notes, Outbox, start as sender};
use crate::people::book::aliases;
use crate::people::learning::learn;
use crate::render::{self, Part, View};
use crate::safe_text::SafeText;
use crate::sealed::{self, Asks, Protection};
use crate::undo::{Deed, Journal};
use crate::{limits, sent, trace};

mod begin;
mod files;
mod people;
mod rows;

#[cfg(test)]
mod tests;

/// Who hands letters over once they are in the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SendsBy {
    /// A process of ours that goes on by itself.
    Sender,
    /// Nobody: they lie there.
    #[cfg(test)]
    Nobody,
}

/// What the actor is asked.
#[derive(Debug)]
pub(super) enum ToPost {
    /// To do this.
    Ask(Job, Ask),
    /// To begin a letter with another one.
    Begin {
        /// Who asks.
        job: Job,
        /// How it begins.
        start: Start,
        /// The other letter.
        file: Letter,
        /// What stays of the name of its file.
        name: String,
    },
    /// To send a letter on as it is.
    Bounce {
        /// Who asks.
        job: Job,
        /// Its file.
        file: Letter,
        /// To whom, as it was typed.
        to: String,
    },
    /// To give a letter's author a short name.
    CallAuthor {
        /// Who asks.
        job: Job,
        /// The letter's file.
        file: Letter,
        /// The name.
        alias: String,
    },
    /// To have letters that were answered or sent on marked by this actor.
    Mail(Outgoing<Request>),
    /// To keep an order of letters for the next start.
    Keep(Order),
    /// To tell a draft's text, which is changed on the screen.
    Text(Shown),
    /// To make durable what the editor has left.
    Edited(Shown),
    /// To end, once all before it is done.
    End,
}

/// What is no letter of any folder: no account has so many of them.
const NO_LETTER: LetterId =
    LetterId { folder: FolderId(u16::MAX as u32), validity: u32::MAX, uid: 0 };

/// The text of a draft, for the editor.
pub(super) fn text_path(account: &Account, id: &Shown) -> Result<PathBuf, Error> {
    let state = account.state.as_ref().ok_or(DraftError::NoFolder)?;
    let id = DraftId::parse(&id.0).ok_or_else(|| DraftError::Unknown(id.0.to_string()))?;
    Ok(state.join("drafts").join(id.as_str()).join("text"))
}

/// Starts it.
///
/// # Errors
/// Where the system has no threads or sockets left.
pub(super) fn start(
    account: &Account,
    overrides: &Overrides,
    tell: Teller,
    sends_by: SendsBy,
) -> io::Result<Outgoing<ToPost>> {
    let (ask, asked) = channel()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let actor = Actor {
        account: account.clone(),
        overrides: overrides.clone(),
        sends_by,
        open: BTreeMap::new(),
        answered: BTreeMap::new(),
        about: BTreeMap::new(),
        mail: None,
        senders: Vec::new(),
        runtime,
        tell: tell.clone(),
    };
    thread::Builder::new().name("post".into()).spawn(move || {
        let _farewell = Farewell(tell);
        actor.run(&asked);
    })?;
    Ok(ask)
}

/// What goes with a draft.
enum ToView {
    /// It is shown here.
    Here(What),
    /// By another program.
    Beside(Part),
}

struct Actor {
    account: Account,
    overrides: Overrides,
    sends_by: SendsBy,
    /// Drafts that are written here.
    open: BTreeMap<DraftId, OpenDraft>,
    /// The letters that they answer.
    answered: BTreeMap<DraftId, LetterId>,
    /// The marks that letters get once letters about them are queued.
    about: BTreeMap<DraftId, (LetterId, Marks)>,
    /// Who has those letters.
    mail: Option<Outgoing<Request>>,
    /// Senders that were started; each ends by itself.
    senders: Vec<Child>,
    runtime: Runtime,
    tell: Teller,
}

impl Actor {
    fn run(mut self, asked: &Incoming<ToPost>) {
        loop {
            asked.wait(None, None);
            self.senders.retain_mut(|sender| matches!(sender.try_wait(), Ok(None)));
            for request in asked.drain() {
                let (job, done) = match request {
                    ToPost::Ask(job, Ask::ViewDraft(id, place)) => match self.view(&id, place) {
                        Ok(ToView::Here(what)) => (job, Ok(what)),
                        // Programs take their time.
                        Ok(ToView::Beside(part)) => {
                            viewer::show_beside(job, NO_LETTER, part, &self.tell);
                            continue;
                        }
                        Err(error) => (job, Err(error)),
                    },
                    ToPost::Ask(job, ask) => (job, self.answer(ask)),
                    ToPost::Begin { job, start, file, name } => {
                        (job, self.begin(&start, Some((&file, name))))
                    }
                    ToPost::Bounce { job, file, to } => {
                        let done = self.bounce(&file, &to);
                        if done.is_ok() {
                            self.start_sender();
                        }
                        (job, done)
                    }
                    ToPost::CallAuthor { job, file, alias } => {
                        (job, self.call_author(&file, &alias))
                    }
                    ToPost::Edited(id) => (Job::NONE, self.edited(&id)),
                    ToPost::Text(id) => (Job::NONE, self.text(&id)),
                    ToPost::Keep(order) => {
                        kept::keep(&self.account, order);
                        continue;
                    }
                    ToPost::Mail(mail) => {
                        self.mail = Some(mail);
                        continue;
                    }
                    ToPost::End => return,
                };
                match done {
                    Ok(what) => self.tell.tell(job, what),
                    Err(error) => self.tell.failed(job, SafeText::line(&error.words()), ""),
                }
            }
            if asked.is_closed() {
                return;
            }
        }
    }

    fn answer(&mut self, ask: Ask) -> Result<What, Error> {
        match ask {
            Ask::NewDraft(start) => self.begin(&start, None),
            Ask::SaveDraft(id, fields) => {
                let aliases = aliases(&self.account);
                self.change(&id, |written, _| {
                    rows::type_over(written, fields, &aliases);
                    Ok(())
                })
            }
            Ask::SaveText(id, text) => {
                let id = parsed(&id)?;
                self.opened(&id)?.save_text(&text)?;
                Ok(What::Draft(self.shown(&id)?.into()))
            }
            Ask::Attach(id, path) => self.change(&id, |written, _| {
                let path = crate::account::expand_home(&path);
                let file = std::fs::metadata(&path)
                    .and_then(|_| std::fs::File::open(&path))
                    .map_err(|source| ComposeError::Attachment { path: path.clone(), source })?;
                drop(file);
                written.attachments.push(Attached::absolute(&path));
                Ok(())
            }),
            Ask::Files(typed) => {
                let (whole, names) = files::begun(&typed);
                Ok(What::Files { typed, whole, names })
            }
            Ask::Detach(id, place) => self.change(&id, |written, _| {
                if place < written.attachments.len() {
                    written.attachments.remove(place);
                }
                Ok(())
            }),
            Ask::Queue(id, fields) => self.queue(&id, fields),
            Ask::TakeBack(held) => self.take_back(&held),
            Ask::Discard(id) => {
                let id = parsed(&id)?;
                match self.open.remove(&id) {
                    Some(draft) => draft.remove()?,
                    None => self.outbox()?.open_draft(&self.drafts()?, &id)?.remove()?,
                }
                Ok(What::Ended)
            }
            Ask::Drafts => self.list(),
            Ask::Outbox(ask) => self.outbox_asked(ask),
            Ask::People(ask) => self.people_asked(ask),
            _ => Ok(What::Ended),
        }
    }

    fn drafts(&self) -> Result<Drafts, Error> {
        Ok(Drafts::of(&self.account)?)
    }

    fn outbox(&self) -> Result<Outbox, Error> {
        let folder = self.account.outbox.as_ref().ok_or(AccountError::NO_OUTBOX)?;
        Ok(Outbox::open(folder)?)
    }

    fn author(&self) -> Person {
        Person::new(self.account.name.as_deref(), self.account.address.clone())
    }

    /// A draft that nobody else writes to.
    fn opened(&mut self, id: &DraftId) -> Result<&OpenDraft, Error> {
        if !self.open.contains_key(id) {
            let draft = self.outbox()?.open_draft(&self.drafts()?, id)?;
            self.open.insert(id.clone(), draft);
        }
        self.open.get(id).ok_or_else(|| DraftError::Unknown(id.to_string()).into())
    }

    fn shown(&mut self, id: &DraftId) -> Result<DraftRow, Error> {
        let from = SafeText::line(&self.author().to_string());
        let answers = self.answered.get(id).copied();
        let draft = self.opened(id)?;
        let (written, text) = (draft.written()?, draft.text()?);
        let saved = (answers, SystemTime::now());
        let row = rows::draft(id, &written, &text, (&draft.folder(), &from), saved);
        Ok(DraftRow { doubt: self.doubt(written), ..row })
    }

    /// What speaks against the keys that a draft is to be encrypted to.
    fn doubt(&self, written: Written) -> Option<SafeText> {
        if written.protection != Protection::Encrypt {
            return None;
        }
        let written = written.expanded(&aliases(&self.account));
        let domain = &self.account.address.domain;
        let fields = [&written.to, &written.cc, &written.bcc];
        // A field that is wrong is said when the letter is sent.
        let lists =
            fields.into_iter().filter_map(|text| AddressList::parse(text, Some(domain)).ok());
        let to: Vec<String> =
            lists.flat_map(|list| list.0).map(|to| to.address.to_string()).collect();
        match sealed::check(Protection::Encrypt, &to, &self.account, Asks::NotHere) {
            Ok(doubts) => sealed::doubts(&doubts),
            Err(error) => Some(SafeText::line(&error.to_string())),
        }
    }

    /// Changes what is written beside the text.
    fn change(
        &mut self,
        id: &Shown,
        change: impl FnOnce(&mut Written, &Path) -> Result<(), Error>,
    ) -> Result<What, Error> {
        let id = parsed(id)?;
        let draft = self.opened(&id)?;
        let mut written = draft.written()?;
        change(&mut written, &draft.folder())?;
        draft.save(&written)?;
        Ok(What::Draft(self.shown(&id)?.into()))
    }

    /// What goes with a letter, as it would be read: 0 is its text.
    fn view(&mut self, id: &Shown, place: usize) -> Result<ToView, Error> {
        let id = parsed(id)?;
        let draft = self.opened(&id)?;
        let page = |octets: &[u8]| ToView::Here(What::Output(pipe::page(NO_LETTER, octets).into()));
        let Some(place) = place.checked_sub(1) else { return Ok(page(draft.text()?.as_bytes())) };
        let (written, folder) = (draft.written()?, draft.folder());
        let (path, media_type) = match written.attachments.get(place) {
            Some(Attached::File(path)) => {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                (path.clone(), media_type::by_name(&name))
            }
            Some(Attached::Forwarded) => (folder.join(FORWARDED), "message/rfc822"),
            None => return Ok(ToView::Here(What::Ended)),
        };
        let content =
            postroad_disk::read_whole(&path, limits::LETTER_OCTETS_MAX).map_err(|error| {
                ComposeError::Attachment { path: path.clone(), source: error.source }
            })?;
        if media_type == "message/rfc822" {
            let text = render::page::page(&View::of(&content), &TimeZone::system());
            return Ok(page(text.as_str().as_bytes()));
        }
        if media_type.starts_with("text/") {
            return Ok(page(&content));
        }
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        Ok(ToView::Beside(Part { name, media_type: media_type.to_owned(), content }))
    }

    fn text(&mut self, id: &Shown) -> Result<What, Error> {
        let text = self.opened(&parsed(id)?)?.text()?;
        Ok(What::Text { draft: id.clone(), text: text.into() })
    }

    /// The editor has returned.
    fn edited(&mut self, id: &Shown) -> Result<What, Error> {
        let id = parsed(id)?;
        self.opened(&id)?.keep_text()?;
        Ok(What::Draft(self.shown(&id)?.into()))
    }

    fn queue(&mut self, shown: &Shown, fields: Fields) -> Result<What, Error> {
        let id = parsed(shown)?;
        let (author, outbox, account) = (self.author(), self.outbox()?, self.account.clone());
        let notes = Notes { draft: Some(id.clone()), ..sent::notes(&self.account) };
        let aliases = aliases(&self.account);
        let draft = self.opened(&id)?;
        let mut written = draft.written()?;
        rows::type_over(&mut written, fields, &aliases);
        draft.save(&written)?;
        draft.keep_text()?;
        let made = match written.draft(&draft.folder(), author, draft.text()?) {
            Ok(made) => made,
            Err(wrong) => {
                let words = SafeText::line(&Error::from(wrong.problem).words());
                return Ok(match rows::field(wrong.field) {
                    Some(field) => What::DraftWrong { draft: shown.clone(), field, words },
                    None => What::Failed { words, hint: "D: leave it out".into() },
                });
            }
        };
        let letter = made.into_letter()?;
        let letter = sealed::seal(letter, written.protection, &account, Asks::NotHere)?;
        let until = SystemTime::now() + limits::HOLD;
        let name = outbox.hold(&letter, &notes, until)?;
        // From here on it leaves, whatever becomes of us. Others may have the draft, to take the letter back.
        self.open.remove(&id);
        trace::composed(&letter, &self.account);
        learn(&letter, &self.account);
        self.tell_people();
        self.remember(&name);
        if let (Some(mail), Some((letter, marks))) = (&self.mail, self.about.get(&id)) {
            mail.send(Request::Mark(*letter, *marks));
        }
        self.start_sender();
        Ok(What::Queued { letter: HeldId(name.into()), until: timestamp(until) })
    }

    /// `postroad-mua undo` takes it back, too.
    fn remember(&self, held: &str) {
        let (Some(journal), Some(outbox)) = (Journal::of(&self.account), &self.account.outbox)
        else {
            return;
        };
        let deed = Deed::Held { outbox: outbox.clone(), letter: held.to_owned() };
        if let Err(error) = journal.push(deed) {
            tracing::warn!(%error, "undo doesn't know of a letter that is held");
        }
    }

    fn start_sender(&mut self) {
        if self.sends_by != SendsBy::Sender {
            return;
        }
        match sender::start(&self.overrides) {
            Ok(child) => self.senders.push(child),
            // The letter is safe, and goes with the next start of anything of ours.
            Err(error) => tracing::warn!(%error, "cannot start the sender"),
        }
    }

    fn take_back(&mut self, held: &HeldId) -> Result<What, Error> {
        let outbox = self.outbox()?;
        match outbox.take_back(&held.0)? {
            Found::Letter(letter) if letter.is_resent() => {
                outbox.forget_taken_back(&held.0);
                Ok(What::Undone("a letter that was sent on as it is".into()))
            }
            Found::Letter(letter) => {
                // Where its draft has gone, a new one is made of the letter: it is nowhere else now.
                let id = self.drafts()?.home_for(&letter)?;
                let row = self.shown(&id)?;
                outbox.forget_taken_back(&held.0);
                Ok(What::Draft(row.into()))
            }
            Found::Unreadable(why) => Err(Error::Editor(format!("the letter is damaged: {why}"))),
        }
    }

    fn list(&mut self) -> Result<What, Error> {
        let from = SafeText::line(&self.author().to_string());
        let drafts = self.drafts()?;
        let listed = self.outbox()?.unsent(&drafts)?;
        let row = |draft: crate::drafts::Listed| {
            let answers = self.answered.get(&draft.id).copied();
            let text = text_path(&self.account, &Shown(draft.id.as_str().into())).ok();
            let text = text.and_then(|path| {
                let octets = postroad_disk::read_whole(&path, limits::LETTER_OCTETS_MAX).ok()?;
                Some(crate::compose::as_text(octets))
            });
            let folder = self.account.state.as_deref().unwrap_or(Path::new(""));
            let folder = folder.join("drafts").join(draft.id.as_str());
            let place = (folder.as_path(), &from);
            let text = text.unwrap_or_default();
            rows::draft(&draft.id, &draft.written, &text, place, (answers, draft.changed))
        };
        Ok(What::Drafts(listed.into_iter().map(row).collect()))
    }

    fn outbox_asked(&mut self, ask: OutboxAsk) -> Result<What, Error> {
        let outbox = self.outbox()?;
        match ask {
            OutboxAsk::List => {}
            OutboxAsk::Retry(id) => {
                self.runtime.block_on(outbox.retry(&[id.0.to_string()]))?;
                self.start_sender();
            }
            OutboxAsk::Discard(id) => {
                self.runtime.block_on(outbox.discard(&[id.0.to_string()]))?;
            }
        }
        // The queue is the sender's: what it has listed last will do.
        let letters = outbox.glance()?;
        Ok(What::Outbox(letters.iter().map(rows::waiting).collect()))
    }
}

fn timestamp(time: SystemTime) -> Timestamp {
    Timestamp::try_from(time).unwrap_or_else(|_| Timestamp::now())
}

fn parsed(id: &Shown) -> Result<DraftId, DraftError> {
    DraftId::parse(&id.0).ok_or_else(|| DraftError::Unknown(id.0.to_string()))
}

fn raw(file: &Letter) -> Result<Vec<u8>, Error> {
    if file.octets() > limits::LETTER_OCTETS_MAX {
        let max = limits::LETTER_OCTETS_MAX;
        return Err(ComposeError::TooLarge { max }.into());
    }
    let whole = postroad_catalog::read::whole(file);
    whole.map_err(|error| Error::Io(io::Error::other(error.to_string())))
}
