//! APPEND (RFC 9051 §6.3.12, RFC 3502): letters that come piece by piece, and are all there or none.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use postroad_imap::command::Head;
use postroad_imap::receive::UploadStep;
use postroad_imap::response::Code;
use postroad_imap::value::{MailboxName, Set, Tag};
use postroad_store::{MailboxError, NewLetter};

use super::ending::{Done, Ended, Refused};
use super::session::Session;
use super::shared::Open;
use crate::limits;

/// Letters that are coming.
#[derive(Debug)]
pub(super) struct Upload {
    tag: Tag,
    /// Where they go, or why they don't.
    to: Result<Arc<Open>, Refused>,
    letters: Vec<NewLetter>,
    current: Option<NewLetter>,
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
        self.upload = Some(Upload { tag, to, letters: Vec::new(), current: None });
    }

    pub(super) fn upload(&mut self, step: UploadStep) -> Reply {
        let Some(upload) = &mut self.upload else { return Reply::Refuse };
        match (upload.step(step), &upload.to) {
            (Ok(Some(reply)), _) => reply,
            (Ok(None), _) => {
                let (tag, ended) = match self.upload.take() {
                    Some(upload) => (upload.tag.clone(), upload.end()),
                    None => return Reply::Refuse,
                };
                Reply::Ended(tag, ended)
            }
            (Err(refused), _) => {
                // What has come of it goes.
                (upload.letters, upload.current) = (Vec::new(), None);
                upload.to = Err(refused);
                Reply::Refuse
            }
        }
    }
}

impl Upload {
    /// `None` at the end.
    fn step(&mut self, step: UploadStep) -> Result<Option<Reply>, Refused> {
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
                let before = self.current.as_ref().map_or(0, NewLetter::octets);
                match before.saturating_add(literal.octets) > limits::APPEND_OCTETS_MAX {
                    true => return Err(Refused::no_with(Code::TooBig, "The letter is too long")),
                    false => Reply::Accept,
                }
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
                    // Here, where nobody is kept from the mailbox by it.
                    letter.finish()?;
                    self.letters.push(letter);
                }
                Reply::Next
            }
            UploadStep::Url(url) => {
                return Err(Refused::no_with(
                    Code::BadUrl(url),
                    "Parts of other letters aren't taken",
                ));
            }
            UploadStep::End | UploadStep::Refused => return Ok(None),
        }))
    }

    fn end(self) -> Ended {
        let open = self.to?;
        let mut inside = open.inside();
        let uids = inside.mailbox.append(self.letters)?;
        let uid_validity = inside.mailbox.uid_validity();
        drop(inside);
        open.tell();
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
