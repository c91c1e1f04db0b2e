//! One letter into one mailbox, or wherever its owner's rules have it.

use std::error::Error;
use std::io::Read;
use std::path::PathBuf;
use std::time::SystemTime;

use postroad_config::{Config, Submit};
use postroad_observe::trace::{Event, Journal};
use postroad_protocol::address::ReversePath;
use postroad_protocol::envelope::Utf8;
use postroad_protocol::reply::Reply;
use postroad_store::{Courier, Draft, Maildir, StoreError};

use super::recipient::{Recipient, SettingsFrom};
use super::watch::Clock;
use super::{Input, Repeated, Verdict};
use crate::asked::Asked;
use crate::events::{self, Chain};
use crate::job::{Job, NotBegun, Wanted};
use crate::letter::{Came, Header, OnTop};
use crate::quota::{Account, Quotas};
use crate::repeat::Reading;
use crate::replies;
use crate::rules::{self, Book, Mailbox, NotPrepared, Parcel, Prepared, ProgramFolder, Rules};
use crate::submit::Submitter;

/// The program that letters leave by where nothing says how.
const SENDMAIL: &str = "/usr/sbin/sendmail";

/// All that is known before the letter is read.
pub(super) struct Delivery<'a, B> {
    pub(super) config: Config,
    pub(super) settings: SettingsFrom,
    pub(super) courier: Courier,
    pub(super) recipient: Recipient,
    pub(super) rules: B,
    /// Where it goes if nothing else is said.
    pub(super) maildir: Maildir,
    pub(super) return_path: ReversePath,
    pub(super) uid: u32,
    pub(super) header: Header,
    /// [`Call::aim`](super::Call).
    pub(super) aim: String,
    pub(super) repeated: Repeated,
    pub(super) speaks_for: rules::Recipient,
    pub(super) clock: &'a Clock,
}

impl<B: Book> Delivery<'_, B> {
    /// Delivers the letter that begins with `start`.
    pub(super) fn run(&self, start: &[u8], input: Input<impl Read>) -> Result<Verdict, Reply> {
        let mailbox = self.recipient.maildir.root();
        let script = self
            .rules
            .script(&self.recipient.scripts, mailbox)
            // A caller of ours is no stranger: it is told what is wrong.
            .map_err(|error| replies::misconfigured(&Chain(&error).to_string()))?;
        let mut reading = match self.repeated {
            Repeated::LeftOut => Reading::of(&self.header, SystemTime::now()),
            Repeated::Stored => None,
        };
        if let Some(reading) = &mut reading {
            reading.push(start);
        }
        let prepared = match script {
            None => self.keep(start, input, &mut reading)?,
            Some(script) => self.follow(&script, start, input, &mut reading)?,
        };
        let to = &self.recipient.address;
        let key = reading.map(|reading| reading.finish().key(to, &self.aim));
        let account = Account {
            mailbox: Mailbox { courier: &self.courier, inbox: &self.recipient.maildir },
            rule: self.recipient.quota,
            to,
            host: &self.config.hostname,
        };
        let wanted = Wanted { inbox: self.maildir.clone(), account, prepared };
        let quotas = Quotas::new(self.config.mda.quota.clone());
        let job = Job::begin(vec![wanted], key, &quotas);
        self.finish(job.map_err(|why| match why {
            NotBegun::UnderWay => replies::under_way(),
            NotBegun::Full(reply) => reply,
            NotBegun::Store(error) => not_filed(error),
        })?)
    }

    /// Writes a letter for whose recipient there are no rules, as it comes.
    fn keep(
        &self,
        start: &[u8],
        mut input: Input<impl Read>,
        reading: &mut Option<Reading>,
    ) -> Result<Prepared, Reply> {
        let mut draft = self.courier.begin(&self.maildir).map_err(not_filed)?;
        let on_top = self.on_top(&draft).encode(self.header.shape);
        self.header.begin(&mut draft, &on_top, start).map_err(not_filed)?;
        while let Some(block) = input.block()? {
            reading.iter_mut().for_each(|reading| reading.push(block));
            draft.write(block).map_err(not_filed)?;
        }
        Ok(Prepared::kept(draft))
    }

    fn follow(
        &self,
        script: &B::Script,
        start: &[u8],
        mut input: Input<impl Read>,
        reading: &mut Option<Reading>,
    ) -> Result<Prepared, Reply> {
        let mut message = self.header.kept_of(start).collect::<Vec<_>>().concat();
        while let Some(block) = input.block()? {
            reading.iter_mut().for_each(|reading| reading.push(block));
            message.extend_from_slice(block);
        }
        let to = &self.recipient.address;
        let parcel = Parcel {
            message: message.into(),
            return_path: &self.return_path,
            to,
            user: &self.recipient.user,
            recipient: self.speaks_for,
            came: Came::Piped { uid: self.uid },
            utf8: Utf8::Ascii,
            asked: Asked::default(),
            host: &self.config.hostname,
        };
        let mailbox = Mailbox { courier: &self.courier, inbox: &self.maildir };
        let prepared = self.rules.prepare(script, &parcel, mailbox, &|_| {});
        let prepared = prepared.map_err(|error| match error {
            NotPrepared::Store(error) => not_filed(error),
            NotPrepared::Program(error) => later(&error),
        })?;
        if let Some(mistake) = &prepared.mistake {
            self.rules.tell(script, mistake, to, &self.config.hostname, mailbox);
        }
        Ok(prepared)
    }

    fn finish(&self, mut job: Job) -> Result<Verdict, Reply> {
        let to = &self.recipient.address;
        job.pipe(&self.rules).map_err(|error| later(&error))?;
        job.send(&self.rules).map_err(|error| later(&error))?;
        let (tell, hear) = std::sync::mpsc::sync_channel(1);
        job.deliver(move |finished| {
            // Whoever waits below has not gone away.
            let _ = tell.send(finished);
        });
        let broken_off = |_| replies::try_later("The delivery was broken off");
        let mut finished = hear.recv().map_err(broken_off)?;
        if let Some(error) = finished.error.take() {
            finished.take_back(to, &self.courier);
            return Err(not_filed(error));
        }
        finished.remember(to, &self.rules, &self.courier);
        let mut records: Vec<Event> =
            finished.filed.iter().map(|filed| events::filed_record(to, filed)).collect();
        for note in &finished.notes {
            events::ruled(&self.header, to, note);
            records.push(events::ruled_record(to, note));
        }
        let is_repeat = finished.is_repeat();
        if is_repeat {
            events::repeated(&self.header, to);
            records.push(events::repeated_record(to));
        }
        self.trace(&records);
        match finished.refusal.take() {
            Some(refusal) => Err(refusal),
            None if is_repeat => {
                Ok(Verdict::known_already(finished.reply(), finished.repeats_since()))
            }
            None => Ok(finished.reply().into()),
        }
    }

    fn on_top<'a>(&'a self, draft: &'a Draft) -> OnTop<'a> {
        OnTop {
            return_path: &self.return_path,
            delivered_to: &self.recipient.address,
            came: Came::Piped { uid: self.uid },
            host: &self.config.hostname,
            id: draft.id(),
            at: SystemTime::now(),
        }
    }

    /// Tells `postroad trace`, where the folder of traces is ours to write: afterwards, so that no letter waits for
    /// it.
    fn trace(&self, records: &[Event]) {
        if self.settings == SettingsFrom::Nowhere {
            return;
        }
        let (trace, records) = (self.config.trace.clone(), records.to_vec());
        let (queue_id, message_id) = (self.header.queue_id.clone(), self.header.message_id.clone());
        self.clock.afterwards(move || {
            // Who can't write there (a user called by somebody's MTA) has filed the letter all the same.
            if let Ok(journal) = Journal::open_at_once(&trace.dir, "mda", trace.size_max) {
                for record in records {
                    journal.record(queue_id.as_deref(), message_id.as_deref(), record);
                }
            }
        });
    }
}

/// What rules may do. Without settings and without a transfer agent of ours, another one's program will be there.
pub(super) fn rules(recipient: &Recipient, config: &Config, settings: SettingsFrom) -> Rules {
    let submitter = match (settings, &config.mda.submit) {
        (SettingsFrom::Nowhere, Submit::Mta) if !config.mta.socket.exists() => {
            Submitter::program(PathBuf::from(SENDMAIL), config)
        }
        _ => Submitter::new(config),
    };
    let programs = match &recipient.home {
        Some(home) => ProgramFolder::in_home(home, config),
        None => ProgramFolder::of_settings(config),
    };
    Rules::new(config, submitter, programs)
}

fn later(error: &dyn Error) -> Reply {
    replies::try_later(&Chain(error).to_string())
}

/// A caller of ours is no stranger: it is told what the disk said.
pub(super) fn not_filed(error: StoreError) -> Reply {
    let reply = replies::not_filed(&error);
    Reply::from_parts(reply.code(), reply.status(), &Chain(&error).to_string())
}
