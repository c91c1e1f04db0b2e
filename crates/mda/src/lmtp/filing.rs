//! One recipient's letter, into the mailboxes of those behind the address and wherever their rules have it.
//!
//! All of it blocks. All drafts are written first; then it is a job as any other (`job.rs`): what fails leaves
//! nothing, and the reply is "later".

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use postroad_accounts::UserName;
use postroad_observe::trace::Event;
use postroad_protocol::dsn::Action;
use postroad_protocol::reply::{Reply, Severity};
use postroad_protocol::trace_fields::From;
use postroad_store::{Draft, Maildir, StoreError};

use super::Shared;
use super::delivery::{Letter, Progress, Teller};
use super::destination::Destination;
use super::host_users;
use crate::asked::Asked;
use crate::job::{Finished, Job, KnownAgain, NotBegun, Wanted};
use crate::letter::{Came, OnTop};
use crate::quota::Account;
use crate::rules::{Book as _, Busy, Mailbox, NotPrepared, Parcel, Prepared, ProgramTrouble};
use crate::{events, mailbox, replies};

/// Files one recipient's letter.
pub(super) fn file(shared: &Arc<Shared>, letter: &Arc<Letter>, to: Destination, teller: Teller) {
    let teller = Arc::new(teller);
    if let Err(reply) = file_or_refuse(shared, letter, to, &teller) {
        // Who waits for it may have given up on it.
        teller.say(Progress::Done(reply, None));
    }
}

/// Files it, or gives the reply that says why not.
fn file_or_refuse(
    shared: &Arc<Shared>,
    letter: &Arc<Letter>,
    to: Destination,
    teller: &Arc<Teller>,
) -> Result<(), Reply> {
    if letter.header.is_looping(&to.address) {
        return Err(replies::looping());
    }
    let report = Report {
        shared: Arc::clone(shared),
        letter: Arc::clone(letter),
        to,
        teller: Arc::clone(teller),
    };
    // Rules that wait for a program aren't a mailbox that hangs. Who waits for us may have given up.
    let watch = |busy| {
        let step = match busy {
            Busy::WithProgram => Progress::Leaving,
            Busy::WithLetter => Progress::Unwritten,
        };
        teller.say(step);
    };
    // Before users of the host file it for good: a mailbox that is full says so here.
    let job = match report.to.users.is_empty() {
        true => None,
        false => Some(begin(shared, letter, &report.to, teller, &watch)?),
    };
    by_host_users(&report)?;
    let Some(mut job) = job else {
        teller.say(Progress::Done(replies::filed_by_user(), Some(Action::Delivered)));
        return Ok(());
    };
    if !report.to.host_users.is_empty() {
        job.note_filed_elsewhere();
    }
    // The reply "later" is out already: what is written is forgotten, or the letter would come twice.
    if !report.say(Progress::Written) {
        return Ok(());
    }
    let Some(job) = send(&report, job)? else { return Ok(()) };
    let Some(job) = lock(&report, job)? else { return Ok(()) };
    job.deliver(move |finished| report.finished(finished));
    Ok(())
}

/// Has the users of the host file it. One reply speaks for all who are behind an address: as where all of them are users
/// of ours, all have the letter or none, and the first who doesn't take it ends it.
///
/// But each of these files it for good. Once one has it, that another refuses it isn't the whole truth, and the sender would
/// send all of it again: it is "later", and who has it knows it again. Where it can't be known again each try would file
/// one more, so there the refusal is the reply.
fn by_host_users(report: &Report) -> Result<(), Reply> {
    let Report { shared, letter, to, .. } = report;
    let mut is_with_some = false;
    for user in &to.host_users {
        if !report.say(Progress::Leaving) {
            // Nobody hears it.
            return Err(replies::hanging());
        }
        let filed = host_users::file(shared, letter, to, user);
        let what = match &filed {
            Ok(()) => format!("filed as the user {} of the host", user.name),
            Err(reply) => format!("not filed as the user {} of the host: {reply}", user.name),
        };
        report.note([events::ruled_record(&to.address, &what)]);
        filed.map_err(|reply| match reply.severity() {
            Severity::Permanent if is_with_some && letter.key(&to.address).is_some() => {
                replies::not_filed_by_all()
            }
            _ => reply,
        })?;
        is_with_some = true;
    }
    Ok(())
}

/// Prepares all that the letter wants in the mailboxes of those behind the address.
fn begin(
    shared: &Shared,
    letter: &Letter,
    to: &Destination,
    teller: &Teller,
    watch: &dyn Fn(Busy),
) -> Result<Job, Reply> {
    let of_user = |user| mailbox::of_user(&shared.config.mda, user);
    let maildirs: Vec<Maildir> = to.users.iter().map(of_user).collect();
    let visits =
        maildirs.iter().map(|maildir| shared.hanging.visit(maildir.root(), Instant::now()));
    let _visits = visits.collect::<Option<Vec<_>>>().ok_or_else(replies::hanging)?;
    let maildirs = maildirs.iter().map(|maildir| shared.courier.resolve(maildir));
    let maildirs =
        maildirs.collect::<Result<Vec<_>, _>>().map_err(|error| not_filed(to, &error))?;
    let directory = shared.accounts.directory();
    let mut wanted: Vec<Wanted<'_>> = Vec::with_capacity(maildirs.len());
    for (user, maildir) in to.users.iter().zip(&maildirs) {
        // An operator's links may have several users share one: it gets the letter once, by the first one's rules.
        if wanted.iter().any(|other| other.inbox == *maildir) {
            continue;
        }
        let prepared = prepare(shared, letter, to, user, maildir, watch)?;
        let account = Account {
            mailbox: Mailbox { courier: &shared.courier, inbox: maildir },
            rule: directory.quota(user.as_str()),
            to: &to.address,
            host: &shared.hostname,
        };
        wanted.push(Wanted { inbox: maildir.clone(), account, prepared });
    }
    // Of a large mailbox it may take a while to read what it holds and what is known of it. That is no mailbox that
    // hangs: it has just been written to.
    if wanted.iter().all(Wanted::is_written) {
        teller.say(Progress::Written);
    }
    Job::begin(wanted, letter.key(&to.address), &shared.quotas).map_err(|why| match why {
        NotBegun::UnderWay => replies::under_way(),
        NotBegun::Full(reply) => reply,
        NotBegun::Store(error) => not_filed(to, &error),
    })
}

fn not_filed(to: &Destination, error: &StoreError) -> Reply {
    events::not_filed(&to.address, error);
    replies::not_filed(error)
}

fn not_piped(to: &Destination, error: &ProgramTrouble) -> Reply {
    events::not_piped(&to.address, error);
    replies::program_busy()
}

fn prepare(
    shared: &Shared,
    letter: &Letter,
    to: &Destination,
    user: &UserName,
    maildir: &Maildir,
    watch: &dyn Fn(Busy),
) -> Result<Prepared, Reply> {
    let not_filed = |error: StoreError| not_filed(to, &error);
    let path = shared.config.mda.sieve_of(user.as_str());
    let script = shared.rules.script(path.as_slice(), maildir.root()).map_err(|error| {
        events::rules_unusable(&to.address, &error);
        replies::rules_unusable()
    })?;
    Ok(match &script {
        None => Prepared::kept(write(shared, letter, to, maildir).map_err(not_filed)?),
        Some(script) => {
            let parcel = Parcel {
                message: letter.whole().map_err(not_filed)?,
                return_path: &letter.return_path,
                to: &to.address,
                user: user.as_str(),
                recipient: to.recipient(),
                came: came(letter),
                utf8: letter.utf8,
                asked: Asked { rcpts: &to.rcpts, ret: letter.ret, envid: letter.envid.as_deref() },
                host: &shared.hostname,
            };
            let mailbox = Mailbox { courier: &shared.courier, inbox: maildir };
            let prepared = shared.rules.prepare(script, &parcel, mailbox, watch);
            let prepared = prepared.map_err(|error| match error {
                NotPrepared::Store(error) => not_filed(error),
                NotPrepared::Program(error) => not_piped(to, &error),
            })?;
            if let Some(mistake) = &prepared.mistake {
                shared.rules.tell(script, mistake, &to.address, &shared.hostname, mailbox);
            }
            prepared
        }
    })
}

/// Gives to programs and hands over what is sent on; `None` where nobody waits for it any more.
fn send(report: &Report, mut job: Job) -> Result<Option<Job>, Reply> {
    if !job.sends() {
        return Ok(Some(job));
    }
    if !report.say(Progress::Leaving) {
        return Ok(None);
    }
    job.pipe(&report.shared.rules).map_err(|error| not_piped(&report.to, &error))?;
    // The time for what follows begins.
    if !report.say(Progress::Leaving) {
        return Ok(None);
    }
    job.send(&report.shared.rules).map_err(|error| {
        events::not_sent(&report.to.address, &error);
        replies::not_sent()
    })?;
    Ok(report.say(Progress::Written).then_some(job))
}

/// Waits for the locks of a mailbox file; `None` where nobody waits for it any more.
fn lock(report: &Report, mut job: Job) -> Result<Option<Job>, Reply> {
    if !job.has_to_lock() {
        return Ok(Some(job));
    }
    // While another program has it, it is a mailbox that hangs: others don't wait for it (row M13).
    if !report.say(Progress::Unwritten) {
        return Ok(None);
    }
    job.lock().map_err(|error| {
        if let StoreError::Locked { .. } = error {
            report.to.put_off(&report.shared);
        }
        not_filed(&report.to, &error)
    })?;
    Ok(report.say(Progress::Written).then_some(job))
}

/// Tells trace, log and client what became of one recipient's letter.
struct Report {
    shared: Arc<Shared>,
    letter: Arc<Letter>,
    to: Destination,
    teller: Arc<Teller>,
}

impl Report {
    /// Whether anybody still waits for it.
    fn say(&self, step: Progress) -> bool {
        self.teller.say(step)
    }

    fn finished(&self, mut finished: Finished) {
        let to = &self.to.address;
        if let Some(error) = finished.error.take() {
            // It isn't in all of its mailboxes: it leaves those that it is in.
            finished.take_back(to, &self.shared.courier);
            // Who waited for it may have given up on it, which was "later" too.
            self.say(Progress::Done(not_filed(&self.to, &error), None));
            return;
        }
        // Where nobody waits any more, "later" was answered, or nothing: the letter comes again.
        if self.teller.is_alone() {
            return finished.take_back(to, &self.shared.courier);
        }
        self.note(finished.filed.iter().map(|filed| events::filed_record(to, filed)));
        self.note_all(&finished.notes);
        if finished.is_repeat() {
            events::repeated(&self.letter.header, to);
            self.note([events::repeated_record(to)]);
        }
        let known = finished.remember(to, &self.shared.rules, &self.shared.courier);
        let (reply, success) = (finished.reply(), finished.success());
        if self.say(Progress::Done(reply.clone(), success)) {
            return;
        }
        match known {
            KnownAgain::No => finished.take_back(to, &self.shared.courier),
            // It is filed for good, and nobody else says so.
            KnownAgain::Yes => {
                let outcomes = [(&self.to, &reply, success)];
                self.letter.tell_sender(&self.shared, outcomes);
            }
        }
    }

    /// Says which rule did what.
    fn note_all(&self, notes: &[String]) {
        for note in notes {
            events::ruled(&self.letter.header, &self.to.address, note);
        }
        self.note(notes.iter().map(|note| events::ruled_record(&self.to.address, note)));
    }

    fn note(&self, records: impl IntoIterator<Item = Event>) {
        let header = &self.letter.header;
        let (queue_id, message_id) = (header.queue_id.as_deref(), header.message_id.as_deref());
        for record in records {
            self.shared.journal.record(queue_id, message_id, record);
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
    letter.header.begin(&mut draft, &on_top, &letter.start)?;
    if let Some(rest) = &letter.rest {
        rest.read(|block| draft.write(block))?;
    }
    Ok(draft)
}
