//! What was promised, and when: what a queue that comes back is measured by.
//!
//! Time is counted in disk calls: whatever was promised when so many calls had been begun holds for a power
//! cut before the next one.

use std::collections::BTreeMap;

use bytes::Bytes;
use postroad_protocol::envelope::Envelope;
use postroad_queue::{ContentError, Cursor, Filter, OwnedShard, QueueId, QueueRow, RecipientState};

/// All letters that were ever offered to a queue.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    letters: BTreeMap<QueueId, Letter>,
}

#[derive(Debug, Clone)]
struct Letter {
    content: Bytes,
    envelope: Envelope,
    offered: usize,
    answer: Option<(Answer, usize)>,
    /// By recipient, in the order in which it was asked for.
    recipients: Vec<Vec<Claim>>,
}

/// What was said of a letter that was offered; where it isn't known, nothing was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Stored,
    /// It was refused, or it is gone: it must not be there.
    Absent,
}

/// Somebody asked for a recipient to stand like this.
#[derive(Debug, Clone)]
struct Claim {
    standing: Standing,
    asked: usize,
    /// When it was said to be durable.
    promised: Option<usize>,
}

/// A recipient's state, as far as it is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Waiting { attempts: u32 },
    Held,
    Done,
}

impl Standing {
    fn of(state: &RecipientState) -> Self {
        match state {
            RecipientState::Waiting { attempts, .. } => Self::Waiting { attempts: *attempts },
            RecipientState::Held { .. } => Self::Held,
            RecipientState::Done => Self::Done,
        }
    }
}

const FRESH: Standing = Standing::Waiting { attempts: 0 };

impl History {
    /// A letter is about to be offered.
    pub(crate) fn offered(&mut self, id: QueueId, content: Bytes, envelope: Envelope, now: usize) {
        let fresh = vec![Claim { standing: FRESH, asked: now, promised: Some(now) }];
        let recipients = vec![fresh; envelope.recipients.len()];
        let letter = Letter { content, envelope, offered: now, answer: None, recipients };
        let before = self.letters.insert(id, letter);
        assert!(before.is_none(), "id {id} was given twice");
    }

    pub(crate) fn answered(&mut self, id: QueueId, answer: Answer, now: usize) {
        if let Some(letter) = self.letters.get_mut(&id) {
            letter.answer = Some((answer, now));
        }
    }

    /// A recipient's state is about to be changed.
    pub(crate) fn asked(&mut self, id: QueueId, recipient: usize, standing: Standing, now: usize) {
        let claims = self.letters.get_mut(&id).and_then(|l| l.recipients.get_mut(recipient));
        if let Some(claims) = claims {
            claims.push(Claim { standing, asked: now, promised: None });
        }
    }

    /// The change that was asked for last is said to be durable.
    pub(crate) fn promised(&mut self, id: QueueId, recipient: usize, now: usize) {
        let claims = self.letters.get_mut(&id).and_then(|l| l.recipients.get_mut(recipient));
        if let Some(claim) = claims.and_then(|claims| claims.last_mut()) {
            claim.promised = Some(now);
        }
    }

    pub(crate) fn answer(&self, id: QueueId) -> Option<Answer> {
        self.letters.get(&id)?.answer.map(|(answer, _)| answer)
    }

    /// Letters that the next hop had taken by then.
    pub(crate) fn delivered_by(&self, now: usize) -> impl Iterator<Item = &QueueId> {
        let asked = move |claim: &Claim| claim.standing == Standing::Done && claim.asked <= now;
        let is_delivered = move |letter: &Letter| letter.recipients.iter().flatten().any(asked);
        self.letters.iter().filter(move |(_, letter)| is_delivered(letter)).map(|(id, _)| id)
    }

    /// Whether envelope and content are those of the letter that was offered.
    pub(crate) fn is_what_was_offered(&self, row: &QueueRow, content: &Bytes) -> bool {
        let letter = self.letters.get(&row.id);
        letter.is_some_and(|l| l.content == content && l.envelope == *row.envelope)
    }

    pub(crate) fn recipients(&self, id: QueueId) -> usize {
        self.letters.get(&id).map_or(0, |letter| letter.recipients.len())
    }

    /// The oldest letter that is in the queue.
    pub(crate) fn oldest(&self) -> Option<QueueId> {
        let stored = |letter: &Letter| matches!(letter.answer, Some((Answer::Stored, _)));
        self.letters.iter().find(|(_, letter)| stored(letter)).map(|(id, _)| *id)
    }

    fn last_id(&self) -> Option<QueueId> {
        self.letters.last_key_value().map(|(id, _)| *id)
    }

    /// Whether a queue that came back after a power cut at `now` holds what was promised by then, and nothing
    /// else. What it shows is a promise in turn: the history that goes on from here.
    pub(crate) async fn check(&self, now: usize, queue: &dyn OwnedShard) -> Result<Self, String> {
        let page = queue.find(&Filter::default(), Cursor::default(), usize::MAX).await;
        let mut there: BTreeMap<QueueId, QueueRow> =
            page.rows.into_iter().map(|row| (row.id, row)).collect();
        let mut known = Self::default();
        for (id, letter) in self.letters.iter().filter(|(_, letter)| letter.offered <= now) {
            let row = there.remove(id);
            match &row {
                Some(row) => {
                    letter.check_row(now, row)?;
                    letter.check_content(*id, queue.content(*id).await)?;
                }
                None => letter.check_absent(*id, now)?,
            }
            known.letters.insert(*id, letter.as_shown(row.as_ref()));
        }
        if let Some(id) = there.keys().next() {
            return Err(format!("{id} is there and was never offered"));
        }
        if known.last_id().is_some_and(|last| queue.new_id() <= last) {
            return Err("an id was given a second time".to_owned());
        }
        Ok(known)
    }
}

impl Letter {
    fn said(&self, now: usize) -> Option<Answer> {
        self.answer.filter(|(_, when)| *when <= now).map(|(answer, _)| answer)
    }

    /// How a recipient may stand: as promised last, or as it was asked for since.
    fn allowed(claims: &[Claim], now: usize) -> Vec<Standing> {
        let asked: Vec<&Claim> = claims.iter().filter(|claim| claim.asked <= now).collect();
        let sure = |claim: &&Claim| claim.promised.is_some_and(|when| when <= now);
        let from = asked.iter().rposition(sure).unwrap_or(0);
        asked.iter().skip(from).map(|claim| claim.standing).collect()
    }

    fn check_row(&self, now: usize, row: &QueueRow) -> Result<(), String> {
        let id = row.id;
        if self.said(now) == Some(Answer::Absent) {
            return Err(format!("{id} is there and was refused, or gone already"));
        }
        if *row.envelope != self.envelope {
            return Err(format!("the envelope of {id} is not the one that was accepted"));
        }
        for (recipient, (state, claims)) in row.states.iter().zip(&self.recipients).enumerate() {
            let (found, allowed) = (Standing::of(state), Self::allowed(claims, now));
            if !allowed.contains(&found) {
                return Err(format!(
                    "recipient {recipient} of {id} is {found:?}; promised was one of {allowed:?}"
                ));
            }
        }
        Ok(())
    }

    fn check_content(
        &self,
        id: QueueId,
        content: Result<Bytes, ContentError>,
    ) -> Result<(), String> {
        match content {
            Ok(content) if content == self.content => Ok(()),
            Ok(_) => Err(format!("the content of {id} is not the one that was accepted")),
            Err(error) => Err(format!("the content of {id} cannot be had: {error}")),
        }
    }

    fn check_absent(&self, id: QueueId, now: usize) -> Result<(), String> {
        let may_be_done =
            |claims: &Vec<Claim>| Self::allowed(claims, now).contains(&Standing::Done);
        match self.said(now) {
            Some(Answer::Stored) if !self.recipients.iter().all(may_be_done) => {
                Err(format!("{id} was stored and is lost"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The letter as a queue that came back has shown it.
    fn as_shown(&self, row: Option<&QueueRow>) -> Self {
        let claim = |standing| vec![Claim { standing, asked: 0, promised: Some(0) }];
        let (answer, recipients) = match row {
            Some(row) => {
                let states = row.states.iter().map(|state| claim(Standing::of(state))).collect();
                (Answer::Stored, states)
            }
            None => (Answer::Absent, vec![claim(Standing::Done); self.recipients.len()]),
        };
        Self { offered: 0, answer: Some((answer, 0)), recipients, ..self.clone() }
    }
}
