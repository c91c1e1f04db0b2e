//! A connection until somebody is logged in (RFC 9051 §3.1, §6.1, §6.2): the not authenticated state, and nothing else.
//!
//! ```text
//! loop {
//!     match entrance.step(now) {
//!         Step::Send(octets)       => write them all,
//!         Step::NeedInput          => read some: entrance.push(octets); or drop the connection at its end, or
//!                                     once entrance.deadline() is past,
//!         Step::StartTls           => drop what was read ahead, shake hands, entrance.tls_started(now),
//!         Step::LogIn(attempt)     => where it is right, hand over the session, with entrance.tag() and
//!                                     entrance.unread(); where the mechanism goes on, entrance.challenge(challenge);
//!                                     else entrance.refuse(failure),
//!         Step::Close              => drop the connection,
//!     }
//! }
//! ```
//! The OK of a login isn't said here: whoever serves the session says it, with the capabilities that it has then. Of a
//! client that nobody knows no more is kept than [`limits::BEFORE_LOGIN`] allows (row I01); a letter, a mailbox or a
//! search aren't even read.

use std::time::Instant;

use postroad_protocol::sasl::{
    Attempt, Challenge, ClearTextLogin, Credentials, Exchange, Offer, Progress, SaslError,
};
use postroad_protocol::server::Tls;

use crate::SyntaxError;
use crate::command::Command;
use crate::limits;
use crate::receive::{self, Receiver};
use crate::value::{Secret, Tag};

/// How a connection is to be held.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Our name in the greeting.
    pub name: String,
    /// Whether the connection is encrypted, or can be.
    pub tls: Tls,
    /// Whether a password may come in clear.
    pub clear_text_login: ClearTextLogin,
    /// How to log in, beside PLAIN and LOGIN.
    pub offer: Offer,
    /// What is offered whoever logs in: `IMAP4rev2`, and extensions that a client has to know of before.
    pub capabilities: &'static [&'static str],
}

/// What the shell does next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Write these.
    Send(Vec<u8>),
    /// Read, or let [`Entrance::deadline`] pass.
    NeedInput,
    /// Shake hands; nothing that was read ahead counts.
    StartTls,
    /// Find out whether that is who it says; then hand over the session, or call [`Entrance::challenge`] or
    /// [`Entrance::refuse`].
    LogIn(Attempt),
    /// Drop the connection.
    Close,
}

/// Why nobody is logged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Name or password are wrong.
    Wrong,
    /// Too many logins were wrong that came from there.
    Banned,
    /// The user has too many sessions, or there are too many users.
    TooMany,
    /// Something failed here.
    Unavailable,
}

/// One connection, from its greeting to a login.
#[derive(Debug)]
pub struct Entrance {
    settings: Settings,
    input: Receiver,
    output: Vec<u8>,
    state: State,
    /// The step that comes once the output is out.
    held: Option<Step>,
    errors: u32,
    failed_logins: u32,
    /// When the client has said nothing for too long.
    autologout: Instant,
    /// When it should have logged in.
    login_deadline: Instant,
}

#[derive(Debug)]
enum State {
    /// The greeting isn't out.
    Fresh,
    /// Commands are read.
    Waiting,
    /// AUTHENTICATE: the client's next line is awaited.
    Sasl(Tag, Exchange),
    /// STARTTLS was answered OK.
    StartingTls,
    /// The shell was asked for the login.
    LoggingIn(Tag),
    /// All that is left is to send what is in the output.
    Over,
}

/// The state that follows, and what the shell has to do, if anything.
type Next = (State, Option<Step>);

impl Entrance {
    /// A connection that was just accepted, or whose TLS handshake is done where TLS comes first.
    pub fn new(settings: Settings, now: Instant) -> Self {
        Self {
            settings,
            input: Receiver::new(limits::BEFORE_LOGIN),
            output: Vec::new(),
            state: State::Fresh,
            held: None,
            errors: 0,
            failed_logins: 0,
            autologout: now + limits::AUTOLOGOUT_BEFORE_LOGIN,
            login_deadline: now + limits::LOGIN_TIMEOUT,
        }
    }

    /// Takes octets that were read.
    pub fn push(&mut self, octets: &[u8]) {
        self.input.push(octets);
    }

    /// When a client that waits for nothing is dropped.
    pub fn deadline(&self) -> Instant {
        self.autologout.min(self.login_deadline)
    }

    /// What to do next.
    pub fn step(&mut self, now: Instant) -> Step {
        if let Some(step) = self.held.take() {
            return step;
        }
        loop {
            // A client that sends commands and reads nothing waits for itself.
            if self.output.len() >= limits::OUTPUT_OCTETS_BEFORE_LOGIN {
                return Step::Send(std::mem::take(&mut self.output));
            }
            let (state, step) = match std::mem::replace(&mut self.state, State::Over) {
                State::Fresh => self.greet(),
                State::Waiting => self.next(now),
                State::Sasl(tag, exchange) => self.sasl(tag, exchange, now),
                State::StartingTls => (State::StartingTls, Some(Step::StartTls)),
                // The shell wants to go on without having answered.
                State::LoggingIn(_) | State::Over => (State::Over, Some(Step::Close)),
            };
            self.state = state;
            match step {
                None => {}
                Some(step) if self.output.is_empty() => return step,
                Some(step) => {
                    self.held = Some(step);
                    return Step::Send(std::mem::take(&mut self.output));
                }
            }
        }
    }

    /// The handshake that STARTTLS asked for is done. Whatever came before it is forgotten: a third party could have
    /// written it (RFC 9051 §11.1).
    pub fn tls_started(&mut self, now: Instant) {
        self.input = Receiver::new(limits::BEFORE_LOGIN);
        self.settings.tls = Tls::Active;
        self.state = State::Waiting;
        self.autologout = now + limits::AUTOLOGOUT_BEFORE_LOGIN;
    }

    /// The login that was asked about goes on with this.
    pub fn challenge(&mut self, challenge: Challenge) {
        if let State::LoggingIn(tag) = std::mem::replace(&mut self.state, State::Over) {
            self.state = self.send_challenge(tag, challenge);
        }
    }

    /// The login that was asked about is none.
    pub fn refuse(&mut self, failure: Failure) {
        if let State::LoggingIn(tag) = std::mem::replace(&mut self.state, State::Waiting) {
            self.refuse_login(&tag, failure);
        }
    }

    /// The tag of the login that was asked about.
    pub fn tag(&self) -> Option<&Tag> {
        match &self.state {
            State::LoggingIn(tag) => Some(tag),
            State::Fresh | State::Waiting | State::Sasl(..) | State::StartingTls | State::Over => {
                None
            }
        }
    }

    /// What was pushed and not used: commands that the client has sent ahead.
    pub fn unread(&self) -> &[u8] {
        self.input.rest()
    }

    fn greet(&mut self) -> Next {
        // RFC 9051 §7.1.4: never PREAUTH, which would forbid STARTTLS (row I04).
        let greeting = format!("* OK [{}] {} ready\r\n", self.capabilities(), self.settings.name);
        self.say(&greeting);
        (State::Waiting, None)
    }

    fn next(&mut self, now: Instant) -> Next {
        if self.errors >= limits::ERRORS_MAX || self.failed_logins >= limits::FAILED_LOGINS_MAX {
            self.say("* BYE too many errors, good-bye\r\n");
            return (State::Over, None);
        }
        let step = self.input.step();
        if step != receive::Step::NeedInput {
            self.autologout = now + limits::AUTOLOGOUT_BEFORE_LOGIN;
        }
        match step {
            receive::Step::NeedInput => return (State::Waiting, Some(Step::NeedInput)),
            receive::Step::Continue => self.say("+ go ahead\r\n"),
            receive::Step::Command(tag, command) => return self.command(tag, command),
            receive::Step::Bad(tag, error) => self.bad(tag.as_ref(), error),
            receive::Step::Bye(_) => return self.flood(),
            // None of them comes unasked.
            receive::Step::Upload(_) | receive::Step::Idle(_) | receive::Step::Sasl(_) => {}
        }
        (State::Waiting, None)
    }

    /// Refuses what is no command, by its tag where it has one.
    fn bad(&mut self, tag: Option<&Tag>, error: SyntaxError) {
        let tag = tag.map_or("*", Tag::as_str);
        self.errors += 1;
        self.say(&format!("{tag} BAD {error}\r\n"));
    }

    fn flood(&mut self) -> Next {
        self.say("* BYE that is too long, good-bye\r\n");
        (State::Over, None)
    }

    fn command(&mut self, tag: Tag, command: Command) -> Next {
        match command {
            Command::Capability => {
                let text = format!("* {}\r\n{tag} OK done\r\n", self.capabilities());
                self.say(&text);
            }
            Command::Noop => self.say(&format!("{tag} OK nothing done\r\n")),
            Command::Id(_) => {
                // RFC 2971 §4: no version; it would tell a stranger which holes to try.
                self.say(&format!("* ID (\"name\" \"Postroad\")\r\n{tag} OK done\r\n"));
            }
            Command::Logout => {
                self.say(&format!("* BYE good-bye\r\n{tag} OK done\r\n"));
                return (State::Over, None);
            }
            Command::StartTls => return self.start_tls(&tag),
            Command::Login { user, password } => return self.login(tag, &user, &password),
            Command::Authenticate { mechanism, initial } => {
                return self.authenticate(tag, &mechanism, initial);
            }
            _ => self.error(&tag, "BAD log in first"),
        }
        (State::Waiting, None)
    }

    fn start_tls(&mut self, tag: &Tag) -> Next {
        match self.settings.tls {
            Tls::Offered => {
                self.say(&format!("{tag} OK begin TLS\r\n"));
                return (State::StartingTls, None);
            }
            // RFC 9051 §6.2.1: BAD behind a STARTTLS that was done.
            Tls::Active => self.error(tag, "BAD TLS is active already"),
            Tls::Unavailable => self.error(tag, "BAD TLS is not available"),
        }
        (State::Waiting, None)
    }

    fn login(&mut self, tag: Tag, user: &[u8], password: &Secret) -> Next {
        if !self.may_log_in() {
            return self.no_clear_text(&tag);
        }
        match Credentials::new(user, &password.0) {
            Some(credentials) => log_in(tag, Attempt::Password(credentials)),
            // Nobody's; that is all that a stranger is told.
            None => {
                self.refuse_login(&tag, Failure::Wrong);
                (State::Waiting, None)
            }
        }
    }

    fn authenticate(&mut self, tag: Tag, mechanism: &str, initial: Option<Secret>) -> Next {
        let Some(mechanism) = self.settings.offer.find(mechanism, self.settings.tls) else {
            self.error(&tag, "NO [CANNOT] that mechanism is not offered");
            return (State::Waiting, None);
        };
        if !self.may_log_in() {
            return self.no_clear_text(&tag);
        }
        let initial = initial.as_ref().map(|Secret(octets)| octets.as_slice());
        self.progress(tag, Exchange::start_decoded(mechanism, initial))
    }

    /// Takes the client's line of an AUTHENTICATE exchange.
    fn sasl(&mut self, tag: Tag, exchange: Exchange, now: Instant) -> Next {
        match self.input.step() {
            receive::Step::Sasl(Secret(line)) => {
                self.autologout = now + limits::AUTOLOGOUT_BEFORE_LOGIN;
                self.progress(tag, exchange.respond(&line))
            }
            receive::Step::NeedInput => (State::Sasl(tag, exchange), Some(Step::NeedInput)),
            _ => self.flood(),
        }
    }

    fn progress(&mut self, tag: Tag, progress: Progress) -> Next {
        let refusal = match progress {
            Progress::Challenge(challenge) => return (self.send_challenge(tag, challenge), None),
            Progress::Done(attempt) => return log_in(tag, attempt),
            Progress::Failed(SaslError::Refused) => {
                self.refuse_login(&tag, Failure::Wrong);
                return (State::Waiting, None);
            }
            // RFC 9051 §6.2.2: a client that cancels, or sends what is no base64, is told BAD.
            Progress::Failed(SaslError::Malformed) => "BAD the response cannot be decoded",
            Progress::Failed(SaslError::Cancelled) => "BAD cancelled",
            Progress::Failed(SaslError::Proxy) => {
                "NO [AUTHORIZATIONFAILED] acting for another user is not allowed"
            }
            Progress::Failed(SaslError::Channel) => {
                "NO [AUTHENTICATIONFAILED] the login is not bound to this connection, somebody may be in between"
            }
        };
        self.error(&tag, refusal);
        (State::Waiting, None)
    }

    fn send_challenge(&mut self, tag: Tag, challenge: Challenge) -> State {
        let Challenge { text, exchange } = challenge;
        self.input.await_response();
        self.say(&format!("+ {text}\r\n"));
        State::Sasl(tag, exchange)
    }

    fn may_log_in(&self) -> bool {
        self.settings.tls == Tls::Active
            || self.settings.clear_text_login == ClearTextLogin::Allowed
    }

    fn no_clear_text(&mut self, tag: &Tag) -> Next {
        // RFC 9051 §6.2.3: LOGINDISABLED was said, and a client that sends its password all the same has to learn it.
        self.error(
            tag,
            "NO [PRIVACYREQUIRED] no passwords in clear: say STARTTLS first, or use port 993",
        );
        (State::Waiting, None)
    }

    fn refuse_login(&mut self, tag: &Tag, failure: Failure) {
        let refusal = match failure {
            Failure::Wrong => {
                self.failed_logins += 1;
                "NO [AUTHENTICATIONFAILED] name or password is wrong"
            }
            Failure::Banned => {
                self.failed_logins += 1;
                "NO [LIMIT] too many wrong logins came from your network, try again in a quarter of an hour"
            }
            Failure::TooMany => "NO [LIMIT] too many sessions, try later",
            Failure::Unavailable => "NO [UNAVAILABLE] the mailbox can't be opened, try later",
        };
        self.say(&format!("{tag} {refusal}\r\n"));
    }

    /// What is offered in this state (RFC 9051 §6.1.1).
    fn capabilities(&self) -> String {
        let login = match self.may_log_in() {
            true => self
                .settings
                .offer
                .names(self.settings.tls)
                .fold("SASL-IR".to_owned(), |words, name| words + " AUTH=" + name),
            false => "LOGINDISABLED".to_owned(),
        };
        let tls: &[&str] = if self.settings.tls == Tls::Offered { &["STARTTLS"] } else { &[] };
        let login = [login.as_str()];
        let words = self.settings.capabilities.iter().chain(tls).chain(&login);
        words.fold("CAPABILITY".to_owned(), |text, word| text + " " + word)
    }

    /// Refuses what a sane client doesn't do; too much of that ends the connection.
    fn error(&mut self, tag: &Tag, text: &str) {
        self.errors += 1;
        self.say(&format!("{tag} {text}\r\n"));
    }

    fn say(&mut self, text: &str) {
        self.output.extend_from_slice(text.as_bytes());
    }
}

fn log_in(tag: Tag, attempt: Attempt) -> Next {
    (State::LoggingIn(tag), Some(Step::LogIn(attempt)))
}
