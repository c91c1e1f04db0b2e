//! Letters that begin: with nothing, with another letter, with a link; and those that are sent on as they are.

use std::time::SystemTime;

use jiff::Timestamp;
use postroad_calendar::answer::Answer;
use postroad_store::Letter;
use postroad_tui::data::{HeldId, LetterId, Marks};
use postroad_tui::effect::{Attendance, Audience, Inside, Start};
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
use crate::render::{Part, View, save};
use crate::sealed::{self, Asks, Protection};
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
        let other = match other {
            Some((file, name)) => Some((raw(file)?, name)),
            None => None,
        };
        match (start, other) {
            (Start::Inside(letter, part, how), Some((raw, name))) => {
                self.begin_inside(*letter, (raw, name), *part, *how)
            }
            (start, other) => self.begin_with(start, other, Vec::new(), Protection::None),
        }
    }

    /// Begins with a part of another letter. What was encrypted with it is encrypted again.
    fn begin_inside(
        &mut self,
        letter: LetterId,
        (whole, name): (Vec<u8>, String),
        part: usize,
        how: Inside,
    ) -> Result<What, Error> {
        let view = sealed::view(&whole, &self.account.keys, Asks::NotHere);
        let found = part.checked_sub(1).and_then(|place| view.attachments.get(place)).cloned();
        let Some(found) = found else {
            return Err(Error::Editor(format!("the letter has no part {part}")));
        };
        let protection = sealed::for_answer(&view);
        let is_letter = found.media_type.eq_ignore_ascii_case("message/rfc822");
        let (start, raw, parts) = match (how, is_letter) {
            (Inside::Reply(to), true) => (Start::Reply(letter, to), found.content, Vec::new()),
            (Inside::Reply(to), false) => (Start::Reply(letter, to), whole, Vec::new()),
            (Inside::Forward, true) => (Start::Forward(letter), found.content, Vec::new()),
            (Inside::Forward, false) => (Start::Inside(letter, part, how), whole, vec![found]),
            (Inside::Resend, true) => (Start::Resend(letter), found.content, Vec::new()),
            (Inside::Resend, false) => {
                let words = "the part is no letter that could be written again";
                return Err(Error::Editor(words.into()));
            }
        };
        self.begin_with(&start, Some((raw, name)), parts, protection)
    }

    /// Begins with another letter, or without one, and these parts.
    fn begin_with(
        &mut self,
        start: &Start,
        other: Option<(Vec<u8>, String)>,
        mut parts: Vec<Part>,
        least: Protection,
    ) -> Result<What, Error> {
        let mut answered = None;
        let mut forwarded = None;
        let (written, text) = match (start, other) {
            (Start::Reply(letter, audience), Some((raw, name))) => {
                let view = sealed::view(&raw, &self.account.keys, Asks::NotHere);
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
            (Start::Inside(..), Some((raw, _))) => {
                let draft = forward(&View::of(&raw), Vec::new(), self.author());
                (Written::of(&draft), String::new())
            }
            (Start::Forward(_), Some((raw, name))) => {
                let (view, opened) = sealed::look(&raw, &self.account.keys, Asks::NotHere);
                let written = Written::of(&forward(&view, Vec::new(), self.author()));
                // What was encrypted to us, others can't open: it goes on as it was before, encrypted to them.
                forwarded = Some(opened.unwrap_or(raw));
                let answers = Some(Answers { letter: name, flag: 'P', folder: None });
                let attachments = vec![Attached::Forwarded];
                let protection = sealed::for_answer(&view);
                (Written { answers, attachments, protection, ..written }, String::new())
            }
            (Start::Attend(letter, attendance), Some((raw, name))) => {
                let how = match attendance {
                    Attendance::Accepted => Answer::Accept,
                    Attendance::Declined => Answer::Decline,
                    Attendance::Tentative => Answer::Tentative,
                };
                let view = sealed::view(&raw, &self.account.keys, Asks::NotHere);
                let draft = attend(&view, self.author(), how, Timestamp::now())?;
                answered = Some(*letter);
                parts.extend(draft.attachments.iter().filter_map(Attachment::to_part));
                let answers = Some(Answers { letter: name, flag: 'R', folder: None });
                let protection = sealed::for_answer(&view);
                (Written { answers, protection, ..Written::of(&draft) }, draft.body)
            }
            (Start::Resend(_), Some((raw, _))) => {
                let view = sealed::view(&raw, &self.account.keys, Asks::NotHere);
                parts = view.attachments.clone();
                (Written::again(&view), view.text())
            }
            (Start::To(link), _) => match Mailto::parse(link.as_str()) {
                Some(link) => (link.written(), link.body),
                None => return Err(Error::Editor("the link names nobody to write to".into())),
            },
            _ => (Written::default(), String::new()),
        };
        let written = match least {
            Protection::None => written,
            protection => Written { protection, ..written },
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
            Start::Forward(letter) | Start::Inside(letter, ..) => Some((*letter, Marks::FORWARDED)),
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
