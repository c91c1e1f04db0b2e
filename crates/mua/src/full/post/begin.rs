//! Letters that begin: with nothing, with another letter, with a link; and those that are sent on as they are.

use std::time::SystemTime;

use jiff::Timestamp;
use postroad_calendar::answer::Answer;
use postroad_store::Letter;
use postroad_tui::data::{HeldId, Marks};
use postroad_tui::effect::{Attendance, Audience, Start};
use postroad_tui::msg::What;

use super::{Actor, parsed, raw, timestamp};
use crate::compose::answer::{self, forward, quoted, reply};
use crate::compose::attend::attend;
use crate::compose::resend::resend;
use crate::compose::{AddressList, Attachment, ComposeError};
use crate::drafts::{Answers, Attached, Written};
use crate::error::Error;
use crate::mailto::Mailto;
use crate::outbox::Notes;
use crate::people::book::aliases;
use crate::people::learning::learn;
use crate::render::{View, save};
use crate::sealed::{self, Asks};
use crate::{limits, trace};

impl Actor {
    pub(super) fn begin(
        &mut self,
        start: &Start,
        other: Option<(&Letter, String)>,
    ) -> Result<What, Error> {
        if let Start::Recall(id) = start {
            return Ok(What::Draft(self.shown(&parsed(id)?)?.into()));
        }
        let mut answered = None;
        let mut forwarded = None;
        let mut parts = Vec::new();
        let (written, text) = match (start, other) {
            (Start::Reply(letter, audience), Some((file, name))) => {
                let view = sealed::view(&raw(file)?, &self.account.keys, Asks::NotHere);
                let audience = match audience {
                    Audience::Sender => answer::Audience::Author,
                    Audience::All => answer::Audience::Everybody,
                    Audience::List => answer::Audience::List,
                };
                answered = Some(*letter);
                let written = Written::of(&reply(&view, self.author(), audience)?);
                let answers = Some(Answers { letter: name, flag: 'R', folder: None });
                let protection = sealed::for_answer(&view);
                (Written { answers, protection, ..written }, quoted(&view))
            }
            (Start::Forward(_), Some((file, name))) => {
                let raw = raw(file)?;
                let written = Written::of(&forward(&View::of(&raw), Vec::new(), self.author()));
                forwarded = Some(raw);
                let answers = Some(Answers { letter: name, flag: 'P', folder: None });
                let attachments = vec![Attached::Forwarded];
                (Written { answers, attachments, ..written }, String::new())
            }
            (Start::Attend(letter, attendance), Some((file, name))) => {
                let how = match attendance {
                    Attendance::Accepted => Answer::Accept,
                    Attendance::Declined => Answer::Decline,
                    Attendance::Tentative => Answer::Tentative,
                };
                let draft = attend(&View::of(&raw(file)?), self.author(), how, Timestamp::now())?;
                answered = Some(*letter);
                parts.extend(draft.attachments.iter().filter_map(Attachment::to_part));
                let answers = Some(Answers { letter: name, flag: 'R', folder: None });
                (Written { answers, ..Written::of(&draft) }, draft.body)
            }
            (Start::Resend(_), Some((file, _))) => {
                let view = sealed::view(&raw(file)?, &self.account.keys, Asks::NotHere);
                parts = view.attachments.clone();
                (Written::again(&view), view.text())
            }
            (Start::To(link), _) => match Mailto::parse(link.as_str()) {
                Some(link) => (link.written(), link.body),
                None => return Err(Error::Editor("the link names nobody to write to".into())),
            },
            _ => (Written::default(), String::new()),
        };
        let draft = self.drafts()?.begin(&written, &text)?;
        if !parts.is_empty() {
            // They are the draft's own, and go when it goes.
            let mut written = written;
            for part in &parts {
                let path = save::save(part, &draft.folder())?;
                written.attachments.push(Attached::File(path));
            }
            draft.save(&written)?;
        }
        if let Some(raw) = forwarded {
            draft.save_forwarded(&raw)?;
        }
        let id = draft.id().clone();
        self.open.insert(id.clone(), draft);
        self.answered.extend(answered.map(|letter| (id.clone(), letter)));
        let about = match start {
            Start::Reply(letter, _) | Start::Attend(letter, _) => Some((*letter, Marks::ANSWERED)),
            Start::Forward(letter) => Some((*letter, Marks::FORWARDED)),
            Start::Empty | Start::Resend(_) | Start::Recall(_) | Start::To(_) => None,
        };
        self.about.extend(about.map(|about| (id.clone(), about)));
        Ok(What::Draft(self.shown(&id)?.into()))
    }

    /// Sends a letter on as it is.
    pub(super) fn bounce(&self, file: &Letter, to: &str) -> Result<What, Error> {
        let us = self.author();
        let to = aliases(&self.account).expanded(to).into_owned();
        let to = AddressList::parse(&to, Some(&us.address.domain));
        let letter = resend(&raw(file)?, &us, &to.map_err(ComposeError::from)?.0)?;
        // No copy is filed: it is in the folder that it came from.
        let until = SystemTime::now() + limits::HOLD;
        let name = self.outbox()?.hold(&letter, &Notes::default(), until)?;
        trace::composed(&letter, &self.account);
        learn(&letter, &self.account);
        self.remember(&name);
        Ok(What::Queued { letter: HeldId(name.into()), until: timestamp(until) })
    }
}
