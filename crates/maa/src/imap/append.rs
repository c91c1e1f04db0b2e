//! APPEND (RFC 9051 §6.3.12, RFC 3502, RFC 4469) and REPLACE (RFC 8508): letters that come piece by piece, and are all there or
//! none.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use postroad_imap::command::{Access, Head, Replace};
use postroad_imap::receive::UploadStep;
use postroad_imap::response::{Code, Status, StatusResponse};
use postroad_imap::value::{MailboxName, Numbers, SequenceSet, Set, Tag};
use postroad_store::{CacheKey, Mailbox, MailboxError, Moving, NewLetter, Usage};

use super::catenate;
use super::ending::{ANOTHER_MAILBOX, Done, Ended, Refused};
use super::session::Session;
use super::shared::{Open, Shared};
use super::{message_limit, quota};
use crate::limits;

/// Letters that are coming.
#[derive(Debug)]
pub(super) struct Upload {
    tag: Tag,
    /// Where they go, or why they don't.
    to: Result<Arc<Open>, Refused>,
    /// Which one goes when they are there.
    replaced: Option<Replaced>,
    letters: Vec<NewLetter>,
    current: Option<NewLetter>,
    /// Parts of other letters that were taken.
    urls: usize,
}

/// A letter that another one takes the place of.
#[derive(Debug)]
struct Replaced {
    open: Arc<Open>,
    uid: u32,
    /// The mailbox in which it has that UID.
    key: CacheKey,
}

impl Replaced {
    /// Whether what is in view is the mailbox that it is in: it wasn't held while the new letter came.
    fn is_in(&self, mailbox: &Mailbox) -> bool {
        mailbox.cache_key() == self.key
    }

    /// Says that the letter goes for these, where it is there still.
    fn begin(
        &self,
        to: &Open,
        letters: &[NewLetter],
        shared: &Shared,
    ) -> Result<Option<Moving>, MailboxError> {
        let (from, old) = {
            let mailbox = &self.open.inside().mailbox;
            let entry = mailbox.entry(self.uid).filter(|_| self.is_in(mailbox));
            let Some(entry) = entry else { return Ok(None) };
            (mailbox.folder().clone(), entry.identity().to_owned())
        };
        let to = to.inside().mailbox.folder().clone();
        shared.mailboxes.begin_replacing(&from, &old, &to, letters).map(Some)
    }
}

/// What is to be done about a piece.
#[derive(Debug)]
pub(super) enum Reply {
    /// The next one.
    Next,
    /// The literal may come.
    Accept,
    /// Nothing more of it is wanted.
    Refuse,
    Ended(Tag, Ended),
}

impl Session {
    /// Begins to take letters.
    pub(super) fn begin_upload(&mut self, tag: Tag, mailbox: &MailboxName) {
        let to = self.find(mailbox).and_then(|folder| Ok(self.shared.open(&folder)?));
        // RFC 9051 §6.3.12: the client may make it, and try again.
        let to = to.map_err(|refused| refused.or_create());
        self.upload =
            Some(Upload { tag, to, replaced: None, letters: Vec::new(), current: None, urls: 0 });
    }

    /// The same where nothing will be taken.
    pub(super) fn refuse_upload(&mut self, tag: Tag, refused: Refused) {
        let (letters, current) = (Vec::new(), None);
        self.upload =
            Some(Upload { tag, to: Err(refused), replaced: None, letters, current, urls: 0 });
    }

    /// The same for one that takes another's place.
    pub(super) fn begin_replacing(&mut self, tag: Tag, numbers: Numbers, replace: &Replace) {
        let replaced = self.replaced(numbers, replace);
        self.begin_upload(tag, &replace.mailbox);
        let Some(upload) = &mut self.upload else { return };
        match replaced {
            Ok(replaced) => upload.replaced = Some(replaced),
            Err(refused) => upload.to = Err(refused),
        }
    }

    fn replaced(&self, numbers: Numbers, replace: &Replace) -> Result<Replaced, Refused> {
        let selected = self.selected()?;
        if selected.access == Access::ReadOnly {
            return Err(Refused::no_with(Code::ReadOnly, "The mailbox is open for reading"));
        }
        let set = SequenceSet::from(Set::range(replace.number, replace.number));
        selected.check_numbers(&mut selected.open.inside().mailbox)?;
        let places = selected.places(numbers, &set)?;
        let uid = selected.uids_at(&places).next();
        let gone = || Refused::no_with(Code::NonExistent, "There is no such letter");
        let (open, key) = (Arc::clone(&selected.open), selected.key);
        Ok(Replaced { open, uid: uid.ok_or_else(gone)?, key })
    }

    /// Whether a letter may come behind so many.
    fn may_come(&self, head: &Head, before: usize) -> Result<(), Refused> {
        if self.extensions.missing_for(head, before).is_some() {
            return Err(Refused::bad("That form of APPEND is switched off here"));
        }
        match self.extensions.save_limit() {
            // RFC 9738; RFC 3502 §6.3.11: all are stored, or none.
            Some(limit) if before >= message_limit::count(limit) => {
                let code = Code::MessageLimit(limit.get(), None);
                Err(Refused::no_with(code, "Those are too many letters at once"))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn upload(&mut self, step: UploadStep, out: &mut Vec<u8>) -> Reply {
        let Some(mut upload) = self.upload.take() else { return Reply::Refuse };
        let shared = Arc::clone(&self.shared);
        let stepped = match step {
            UploadStep::Message(head) if upload.to.is_ok() => self
                .may_come(&head, upload.letters.len())
                .and_then(|()| upload.step(UploadStep::Message(head), &shared)),
            UploadStep::Url(url) if upload.to.is_ok() => {
                catenate::add(self, &mut upload, &url).map(|()| Some(Reply::Next))
            }
            step => upload.step(step, &shared),
        };
        match stepped {
            Ok(Some(reply)) => {
                self.upload = Some(upload);
                reply
            }
            Ok(None) => {
                let (tag, replaces) = (upload.tag.clone(), upload.replaced.is_some());
                let mut ended = upload.end(&shared);
                // RFC 8508 §3.3: in a line of its own, before it is told that the other one is gone.
                if let (true, Ok(Done { code, .. })) = (replaces, &mut ended)
                    && let Some(code) = code.take()
                {
                    let stored = StatusResponse::untagged(Status::Ok, "Stored").with(code);
                    self.say_status(&stored, out);
                }
                Reply::Ended(tag, ended)
            }
            Err(refused) => {
                // What has come of it goes.
                (upload.letters, upload.current) = (Vec::new(), None);
                upload.to = Err(refused);
                self.upload = Some(upload);
                Reply::Refuse
            }
        }
    }
}

impl Upload {
    /// Counts a part of another letter.
    ///
    /// # Errors
    /// Where there were too many.
    pub(super) fn count_url(&mut self) -> Result<(), Refused> {
        self.urls += 1;
        match self.urls > limits::CATENATE_URLS_MAX {
            true => Err(Refused::no_with(Code::Limit, "Too many parts of other letters at once")),
            false => Ok(()),
        }
    }

    /// Adds a piece that is here.
    pub(super) fn write(&mut self, octets: &[u8], shared: &Shared) -> Result<(), Refused> {
        let open = Arc::clone(self.to.as_ref().map_err(Clone::clone)?);
        self.make_room(&open, octets.len() as u64, shared)?;
        if let Some(letter) = &mut self.current {
            letter.write(octets)?;
        }
        Ok(())
    }

    /// `None` at the end.
    fn step(&mut self, step: UploadStep, shared: &Shared) -> Result<Option<Reply>, Refused> {
        let open = match (&self.to, &step) {
            (_, UploadStep::Refused) => return Ok(None),
            (Ok(open), _) => Arc::clone(open),
            (Err(refused), _) => return Err(refused.clone()),
        };
        Ok(Some(match step {
            UploadStep::Message(head) => {
                if self.letters.len() >= limits::APPEND_LETTERS_MAX {
                    return Err(Refused::no_with(Code::Limit, "Too many letters at once"));
                }
                self.current = Some(begin(&open, &head)?);
                Reply::Next
            }
            UploadStep::Literal(literal) => {
                self.make_room(&open, literal.octets, shared)?;
                Reply::Accept
            }
            UploadStep::Content(octets) => {
                if let Some(letter) = &mut self.current {
                    letter.write(&octets)?;
                }
                Reply::Next
            }
            UploadStep::LiteralEnd => Reply::Next,
            UploadStep::MessageEnd => {
                if let Some(mut letter) = self.current.take() {
                    letter.finish()?;
                    self.letters.push(letter);
                }
                Reply::Next
            }
            // Seen to before, as it takes the session.
            UploadStep::Url(_) => Reply::Next,
            UploadStep::End | UploadStep::Refused => return Ok(None),
        }))
    }

    /// Whether a piece of so many octets may come.
    fn make_room(&self, open: &Open, octets: u64, shared: &Shared) -> Result<(), Refused> {
        let before = self.current.as_ref().map_or(0, NewLetter::octets);
        if before.saturating_add(octets) > limits::APPEND_OCTETS_MAX {
            return Err(Refused::no_with(Code::TooBig, "The letter is too long"));
        }
        // Its line ends get shorter: no piece to less than half of its octets.
        self.ask(open, octets / 2, shared)
    }

    /// Whether there is room for what has come, and these octets.
    fn ask(&self, open: &Open, octets: u64, shared: &Shared) -> Result<(), Refused> {
        let more = Usage { octets, letters: 0 };
        let coming = {
            let inside = open.inside();
            let letters = self.letters.iter().chain(&self.current);
            letters
                .map(|letter| inside.mailbox.will_count(letter))
                .fold(Usage::default(), Usage::and)
        };
        match coming == Usage::default() {
            // In Trash, or deleted already.
            true => Ok(()),
            false => quota::ask(shared, coming.and(more), self.going()?),
        }
    }

    /// What the letter counts for that is replaced.
    fn going(&self) -> Result<Usage, Refused> {
        let Some(replaced) = &self.replaced else { return Ok(Usage::default()) };
        let mailbox = &replaced.open.inside().mailbox;
        match replaced.is_in(mailbox) {
            true => Ok(mailbox.counted(&[replaced.uid], mailbox.folder())?),
            false => Err(Refused::no_with(Code::NonExistent, ANOTHER_MAILBOX)),
        }
    }

    fn end(mut self, shared: &Shared) -> Ended {
        let going = self.going()?;
        let open = self.to?;
        // All at once, and here, where nobody is kept from the mailbox by it.
        self.letters.iter_mut().try_for_each(NewLetter::sync)?;
        let coming = self.letters.iter().map(|letter| open.inside().mailbox.will_count(letter));
        let coming = coming.fold(Usage::default(), Usage::and);
        let counted = quota::take(shared, coming, going)?;
        // Before a mailbox is held that another session moves letters of.
        let moving = match &self.replaced {
            Some(replaced) => replaced.begin(&open, &self.letters, shared)?,
            None => None,
        };
        let here = self.replaced.as_ref().filter(|replaced| Arc::ptr_eq(&replaced.open, &open));
        let mut inside = open.inside();
        if here.is_some_and(|replaced| !replaced.is_in(&inside.mailbox)) {
            return Err(Refused::no_with(Code::NonExistent, ANOTHER_MAILBOX));
        }
        let uids = inside.mailbox.append_in_place(self.letters, moving.as_ref())?;
        let uid_validity = inside.mailbox.uid_validity();
        drop(inside);
        open.tell();
        quota::settle(shared, counted, coming, going);
        if let (Some(Replaced { open, .. }), Some(moving)) = (&self.replaced, moving) {
            // The new letter is there, and that the old one goes is written down: a client that heard NO would store it again.
            if let Err(error) = open.inside().mailbox.end_move(moving) {
                crate::events::mailbox_failed(&error);
            }
            open.tell();
        }
        // RFC 4315 §3.
        Ok(match Set::from_numbers(uids) {
            Some(uids) => Done::with(Code::AppendUid { uid_validity, uids }, "Stored"),
            None => Done::new("There was nothing to store"),
        })
    }
}

fn begin(open: &Open, head: &Head) -> Result<NewLetter, MailboxError> {
    let mut inside = open.inside();
    let names: Vec<&str> = head.flags.iter().map(|flag| flag.as_str()).collect();
    let flags = inside.mailbox.flags_of(&names)?;
    let mut letter = inside.mailbox.new_letter()?;
    letter.set_flags(flags);
    if let Some(date) = head.date {
        letter.set_received(time(date.seconds()));
    }
    Ok(letter)
}

/// Seconds since 1970 as a time.
fn time(seconds: i64) -> SystemTime {
    let since = Duration::from_secs(seconds.unsigned_abs());
    let time = match seconds < 0 {
        true => SystemTime::UNIX_EPOCH.checked_sub(since),
        false => SystemTime::UNIX_EPOCH.checked_add(since),
    };
    time.unwrap_or(SystemTime::UNIX_EPOCH)
}
