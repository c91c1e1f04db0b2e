//! Telling senders of success, where they have asked for it (RFC 3461 §5.2.3): who is told what is `asked`'s.
//!
//! A notice leaves as what rules send on does, from threads of its own, when the letter is safe: nobody waits for it. What
//! isn't taken is tried again each minute for an hour; what isn't taken by then, or when we stop, or is too much at
//! once, is lost, and the log says so. A letter that is delivered twice for want of its notice would be worse.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use postroad_config::Config;
use postroad_protocol::address::{Address, Domain, ReversePath};
use postroad_protocol::dsn::{self, Reader, Report};
use postroad_protocol::envelope::{Envelope, Recipient, Ret};

use crate::notice::unique_part;
use crate::submit::{Kind, Outgoing, Submitter};
use crate::{events, limits};

/// The notices of a server.
#[derive(Debug)]
pub(crate) struct SuccessNotices {
    /// Who says so; `None` where our name is no domain.
    host: Option<Domain>,
    outbox: Arc<Outbox>,
}

/// A letter that there is something to tell of.
#[derive(Debug)]
pub(crate) struct About<'a> {
    /// Its sender.
    pub(crate) to: &'a Address,
    /// Its queue id.
    pub(crate) message: Option<&'a str>,
    pub(crate) arrived: SystemTime,
    pub(crate) envid: Option<&'a str>,
    pub(crate) ret: Option<Ret>,
    /// The letter, or as much of it as holds its header.
    pub(crate) content: &'a [u8],
}

impl SuccessNotices {
    pub(crate) fn new(config: &Config, submitter: Arc<Submitter>) -> Self {
        let outbox = Outbox { submitter, state: Mutex::default(), changed: Condvar::new() };
        Self { host: Domain::parse(&config.hostname).ok(), outbox: Arc::new(outbox) }
    }

    /// Whether senders can be told. Where letters can't leave, whoever hands them over has to tell.
    pub(crate) fn can_leave(&self) -> bool {
        self.host.is_some() && self.outbox.submitter.is_there()
    }

    /// Tells a sender; `name` is one that no other letter of ours has.
    pub(crate) fn tell(&self, about: &About<'_>, name: &str, reports: Vec<Report<'_>>) {
        let Some(host) = &self.host else { return };
        let id = unique_part(name);
        let message = about.message.unwrap_or(&id);
        let notice = dsn::Notice {
            kind: dsn::Kind::Success,
            reader: Reader::Sender,
            to: about.to,
            reporting_mta: host,
            id: &id,
            now: SystemTime::now(),
            message,
            arrived: about.arrived,
            envid: about.envid,
            ret: about.ret,
            content: about.content,
            reports,
        };
        // RFC 5321 §4.5.5, RFC 3461 §6.1: the null reverse-path, and no RET.
        let recipients = vec![Recipient::new(about.to.clone())];
        let mut envelope = Envelope::new(ReversePath::Null, recipients);
        envelope.utf8 = notice.utf8();
        let letter = Outgoing { envelope, kind: Kind::Answer, content: notice.build().into() };
        let about = message.to_owned();
        self.outbox.put(Waiting { letter, about, tries: 0, due: Instant::now() });
    }

    /// Has what waits tried once more, and waits for that.
    pub(crate) fn finish(&self, time_max: Duration) {
        let mut state = self.outbox.lock();
        state.stopping = Stopping::Yes;
        self.outbox.changed.notify_all();
        // How it ended is in the log.
        let at_work = |state: &mut State| state.workers > 0;
        drop(self.outbox.changed.wait_timeout_while(state, time_max, at_work));
    }
}

#[cfg(test)]
impl SuccessNotices {
    /// How many have been tried and wait, and how many octets are counted.
    pub(crate) fn put_off(&self) -> (usize, usize) {
        let state = self.outbox.lock();
        (state.waiting.iter().filter(|waiting| waiting.tries > 0).count(), state.octets)
    }
}

/// A notice that hasn't left.
#[derive(Debug)]
struct Waiting {
    letter: Outgoing,
    /// The letter that it is about.
    about: String,
    tries: usize,
    due: Instant,
}

impl Waiting {
    fn to(&self) -> String {
        let recipients = self.letter.envelope.recipients.iter();
        recipients.map(|to| to.address.to_string()).collect()
    }
}

#[derive(Debug)]
struct Outbox {
    submitter: Arc<Submitter>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Waiting>,
    octets: usize,
    /// Threads. Where nothing waits, there is none.
    workers: usize,
    stopping: Stopping,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Stopping {
    #[default]
    No,
    Yes,
}

impl Outbox {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(self: &Arc<Self>, waiting: Waiting) {
        let mut state = self.lock();
        let octets = state.octets + waiting.letter.content.len();
        if octets > limits::SUCCESS_NOTICES_OCTETS_MAX {
            return events::success_not_told(&waiting.about, &waiting.to(), "too many wait");
        }
        state.octets = octets;
        state.waiting.push_back(waiting);
        if state.workers < limits::SUCCESS_NOTICES_AT_ONCE {
            let outbox = Arc::clone(self);
            // Where the system has no thread to spare, the next notice has another chance.
            if std::thread::Builder::new().spawn(move || outbox.work()).is_ok() {
                state.workers += 1;
            }
        }
        drop(state);
        self.changed.notify_all();
    }

    fn work(&self) {
        while let Some(waiting) = self.next() {
            match self.submitter.send(std::slice::from_ref(&waiting.letter)) {
                Ok(_) => {
                    events::success_told(&waiting.about, &waiting.to());
                    self.lock().octets -= waiting.letter.content.len();
                }
                Err(error) => self.put_off(waiting, &events::Chain(&error).to_string()),
            }
        }
    }

    /// The next one whose time has come; `None` where nobody is needed any more.
    fn next(&self) -> Option<Waiting> {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            let is_due = |waiting: &Waiting| state.stopping == Stopping::Yes || waiting.due <= now;
            if let Some(at) = state.waiting.iter().position(is_due) {
                return state.waiting.remove(at);
            }
            let first = state.waiting.iter().map(|waiting| waiting.due).min();
            match first {
                Some(due) if state.workers == 1 => {
                    let wait = due.saturating_duration_since(now);
                    let waited = self.changed.wait_timeout(state, wait);
                    state = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
                // One is enough to wait.
                Some(_) | None => {
                    state.workers -= 1;
                    self.changed.notify_all();
                    return None;
                }
            }
        }
    }

    fn put_off(&self, waiting: Waiting, why: &str) {
        let tries = waiting.tries + 1;
        let mut state = self.lock();
        if tries >= limits::SUCCESS_NOTICE_TRIES_MAX || state.stopping == Stopping::Yes {
            state.octets -= waiting.letter.content.len();
            return events::success_not_told(&waiting.about, &waiting.to(), why);
        }
        let due = Instant::now() + limits::SUCCESS_NOTICE_RETRY;
        state.waiting.push_back(Waiting { tries, due, ..waiting });
    }
}
