//! One recipient's letter, into the mailboxes of those behind the address and wherever their rules have it.
//!
//! All of it blocks. All drafts are written first, then what is sent on is handed over, then the drafts are
//! delivered: what fails leaves nothing, and the reply is "later".

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use postroad_accounts::UserName;
use postroad_protocol::reply::Reply;
use postroad_protocol::trace_fields::From;
use postroad_sieve::Memo;
use postroad_store::{Draft, Filed, Maildir, StoreError};

use super::Shared;
use super::delivery::{Letter, Progress, Tell};
use super::destination::Destination;
use crate::letter::{Came, OnTop};
use crate::rules::{Mailbox, Parcel, Prepared, Recipient};
use crate::submit::Outgoing;
use crate::{events, mailbox, replies};

/// Files one recipient's letter.
pub(super) fn file(
    shared: &Arc<Shared>,
    letter: &Arc<Letter>,
    to: Destination,
    index: usize,
    tell: &Tell,
) {
    // Who waits for it may have given up on it.
    let say = |step| tell.send((index, step)).is_ok();
    match file_or_refuse(shared, letter, to, index, tell) {
        Ok(()) => {}
        Err(reply) => {
            say(Progress::Done(reply));
        }
    }
}

/// Files it, or gives the reply that says why not.
fn file_or_refuse(
    shared: &Arc<Shared>,
    letter: &Arc<Letter>,
    to: Destination,
    index: usize,
    tell: &Tell,
) -> Result<(), Reply> {
    if letter.header.is_looping(&to.address) {
        return Err(replies::looping());
    }
    let mut parts = Vec::with_capacity(to.users.len());
    for user in &to.users {
        let maildir = mailbox::of_user(&shared.config.mda.maildir, user);
        let visit = shared.hanging.visit(maildir.root(), Instant::now());
        let _visit = visit.ok_or_else(replies::hanging)?;
        parts.push(prepare(shared, letter, &to, user, &maildir)?);
    }
    let mut report = Report {
        shared: Arc::clone(shared),
        letter: Arc::clone(letter),
        to,
        index,
        tell: tell.clone(),
        notes: Vec::new(),
        memos: Vec::new(),
    };
    let (mut drafts, mut sendings) = (Vec::new(), Vec::new());
    let mut refusal = None;
    // An alias leads to somebody.
    let no_user = parts.is_empty().then(replies::unknown_user);
    for Part { maildir, prepared } in parts {
        drafts.extend(prepared.drafts);
        sendings.extend(prepared.sendings);
        refusal = refusal.or(prepared.refusal);
        report.notes.extend(prepared.notes);
        if !prepared.memos.is_empty() {
            report.memos.push((maildir, prepared.memos));
        }
    }
    if let Some(reply) = no_user.or(refusal) {
        report.note_all();
        return Err(reply);
    }
    // The reply "later" is out already: what is written is forgotten, or the letter would come twice.
    let say = |step| tell.send((index, step)).is_ok();
    if !say(Progress::Written) || !send(&report, &sendings)? {
        return Ok(());
    }
    deliver(report, drafts);
    Ok(())
}

/// One user's part of it.
struct Part {
    maildir: Maildir,
    prepared: Prepared,
}

fn prepare(
    shared: &Shared,
    letter: &Letter,
    to: &Destination,
    user: &UserName,
    maildir: &Maildir,
) -> Result<Part, Reply> {
    let not_filed = |error: StoreError| {
        events::not_filed(&to.address, &error);
        replies::not_filed(&error)
    };
    let path = shared.config.mda.sieve_of(user.as_str());
    let script = shared.rules.script(path.as_slice(), maildir.root()).map_err(|error| {
        events::rules_unusable(&to.address, &error);
        replies::rules_unusable()
    })?;
    let prepared = match &script {
        None => Prepared::kept(write(shared, letter, to, maildir).map_err(not_filed)?),
        Some(script) => {
            let parcel = Parcel {
                message: letter.whole().map_err(not_filed)?,
                return_path: &letter.return_path,
                to: &to.address,
                user: user.as_str(),
                recipient: match to.users.len() {
                    1 => Recipient::Alone,
                    _ => Recipient::OneOfSeveral,
                },
                came: came(letter),
                utf8: letter.utf8,
                host: &shared.hostname,
            };
            let mailbox = Mailbox { courier: &shared.courier, inbox: maildir };
            let prepared = shared.rules.prepare(script, &parcel, mailbox).map_err(not_filed)?;
            if let Some(mistake) = &prepared.mistake {
                shared.rules.tell(script, mistake, &to.address, &shared.hostname, mailbox);
            }
            prepared
        }
    };
    Ok(Part { maildir: maildir.clone(), prepared })
}

/// Hands over what is sent on; whether anybody still waits for that.
fn send(report: &Report, sendings: &[Outgoing]) -> Result<bool, Reply> {
    if sendings.is_empty() {
        return Ok(true);
    }
    let say = |step| report.tell.send((report.index, step)).is_ok();
    if !say(Progress::Leaving) {
        return Ok(false);
    }
    report.shared.rules.send(sendings).map_err(|error| {
        events::not_sent(&report.to.address, &error);
        replies::not_sent()
    })?;
    Ok(say(Progress::Written))
}

fn deliver(report: Report, mut drafts: Vec<Draft>) {
    match (drafts.pop(), drafts) {
        // One letter, as most: it joins those of others, and this thread is free.
        (Some(draft), rest) if rest.is_empty() && report.memos.is_empty() => {
            draft.deliver_then(move |result| match result {
                Ok(filed) => report.filed(&[filed]),
                Err(error) => report.not_filed(&error, &[]),
            });
        }
        (last, rest) => {
            // All or "later".
            let mut filed = Vec::new();
            let mut drafts = rest.into_iter().chain(last);
            while let Some(draft) = drafts.next() {
                match draft.deliver() {
                    Ok(letter) => filed.push(letter),
                    Err(error) => {
                        // Before anybody hears of it: the rest leaves nothing in tmp/.
                        drop(drafts);
                        return report.not_filed(&error, &filed);
                    }
                }
            }
            report.filed(&filed);
        }
    }
}

/// Tells trace, log and client what became of one recipient's letter.
struct Report {
    shared: Arc<Shared>,
    letter: Arc<Letter>,
    to: Destination,
    index: usize,
    tell: Tell,
    /// What rules decided.
    notes: Vec<String>,
    /// What they want remembered, and in which mailbox.
    memos: Vec<(Maildir, Vec<Memo>)>,
}

impl Report {
    /// The letter is in all the recipient's mailboxes. Where nobody waits for that any more, "later" was
    /// answered, or nothing: the letter comes again.
    fn filed(&self, filed: &[Filed]) {
        let reply = filed.last().map_or_else(replies::dealt_with, replies::filed);
        if self.tell.is_closed() {
            return self.take_back(filed);
        }
        let header = &self.letter.header;
        let (queue_id, message_id) = (header.queue_id.as_deref(), header.message_id.as_deref());
        for filed in filed {
            let record = events::filed_record(&self.to.address, filed);
            self.shared.journal.record(queue_id, message_id, record);
        }
        self.note_all();
        for (maildir, memos) in &self.memos {
            let mailbox = Mailbox { courier: &self.shared.courier, inbox: maildir };
            self.shared.rules.remember(memos, mailbox);
        }
        if self.tell.send((self.index, Progress::Done(reply))).is_err() {
            self.take_back(filed);
        }
    }

    /// The letter isn't in all of them: it leaves those that it is in.
    fn not_filed(&self, error: &StoreError, filed: &[Filed]) {
        events::not_filed(&self.to.address, error);
        self.take_back(filed);
        // Who waited for it may have given up on it, which was "later" too.
        let _ = self.tell.send((self.index, Progress::Done(replies::not_filed(error))));
    }

    /// Says which rule did what.
    fn note_all(&self) {
        let header = &self.letter.header;
        let (queue_id, message_id) = (header.queue_id.as_deref(), header.message_id.as_deref());
        for note in &self.notes {
            events::ruled(header, &self.to.address, note);
            let record = events::ruled_record(&self.to.address, note);
            self.shared.journal.record(queue_id, message_id, record);
        }
    }

    fn take_back(&self, filed: &[Filed]) {
        for filed in filed {
            events::taken_back(&self.to.address, filed);
            self.shared.courier.take_back(filed);
        }
    }
}

fn came(letter: &Letter) -> Came<'_> {
    let from = From::Client { name: &letter.client, address: letter.address };
    Came::Lmtp(from, letter.with, letter.utf8)
}

/// Writes a letter for whose recipient there are no rules, as it came.
fn write(
    shared: &Shared,
    letter: &Letter,
    to: &Destination,
    maildir: &Maildir,
) -> Result<Draft, StoreError> {
    let mut draft = shared.courier.begin(maildir)?;
    let on_top = OnTop {
        return_path: &letter.return_path,
        delivered_to: &to.address,
        came: came(letter),
        host: &shared.hostname,
        id: draft.id(),
        at: SystemTime::now(),
    };
    let on_top = on_top.encode(letter.header.shape);
    draft.write(&on_top)?;
    for run in &letter.header.kept {
        draft.write(letter.start.get(run.clone()).unwrap_or_default())?;
    }
    if let Some(rest) = &letter.rest {
        rest.read(|block| draft.write(block))?;
    }
    Ok(draft)
}
