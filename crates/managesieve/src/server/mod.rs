//! The server's side: greeting, login, scripts (RFC 5804 §1.1, §2).
//!
//! A [`Server`] is one connection. The shell moves octets and time, and answers questions:
//!
//! ```text
//! loop {
//!     match server.step(now) {
//!         Step::Send(octets)  => write them all,
//!         Step::NeedInput     => read some: server.push(octets); or drop the connection at its end, or
//!                                once server.deadline() is past,
//!         Step::StartTls      => drop what was read ahead, shake hands, server.tls_started(now),
//!         Step::Ask(question) => server.answer(answer),
//!         Step::LoggedOut     => go on: nobody is logged in,
//!         Step::Close         => drop the connection,
//!     }
//! }
//! ```
//! Where another process serves who is logged in, it goes on with [`Server::logging_in`], and the first one with
//! [`Server::logged_out`].

use std::time::Instant;

use postroad_protocol::sasl::{
    Attempt, Challenge, ClearTextLogin, Exchange, Offer, Progress, SaslError,
};
use postroad_protocol::server::Tls;

use crate::command::{Command, CommandError};
use crate::limits;
use crate::name::ScriptName;
use crate::receive::{Received, Receiver, Word, Wrong};
use crate::response::{Code, Verdict, respond, string};

mod scripts;

#[cfg(test)]
mod tests;

/// How a session is to be held.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whether the connection is encrypted, or can be.
    pub tls: Tls,
    /// Whether a password may come in clear.
    pub clear_text_login: ClearTextLogin,
    /// How to log in, beside PLAIN and LOGIN.
    pub offer: Offer,
    /// Extensions of Sieve that scripts may require (RFC 5804 §1.7).
    pub sieve: Vec<&'static str>,
    /// Methods of notifications that scripts may use (RFC 5435), as `mailto`.
    pub notify: &'static [&'static str],
}

/// What the shell does next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Write these.
    Send(Vec<u8>),
    /// Read, or let [`Server::deadline`] pass.
    NeedInput,
    /// Shake hands; nothing that was read ahead counts.
    StartTls,
    /// Find the answer, then call [`Server::answer`].
    Ask(Question),
    /// The user has left, and may be followed by another one (RFC 5804 §2.14.1).
    LoggedOut,
    /// Drop the connection.
    Close,
}

/// What only the shell can know.
#[derive(Debug, PartialEq, Eq)]
pub enum Question {
    /// Whether that is who it says: [`Answer::Login`], or [`Answer::Challenge`].
    Login(Attempt),
    /// Whether such a script may be put there: [`Answer::Done`].
    HaveSpace {
        /// Its name.
        name: ScriptName,
        /// Its length.
        octets: u32,
    },
    /// To check a script and keep it under that name, durably, in place of one of that name: [`Answer::Checked`].
    Put {
        /// Its name.
        name: ScriptName,
        /// What it says.
        text: Vec<u8>,
    },
    /// To check a script: [`Answer::Checked`].
    Check(Vec<u8>),
    /// All scripts: [`Answer::Scripts`].
    List,
    /// To run that script from now on, or none: [`Answer::Done`].
    SetActive(Option<ScriptName>),
    /// A script: [`Answer::Script`].
    Get(ScriptName),
    /// To remove a script, unless it is the active one: [`Answer::Done`].
    Delete(ScriptName),
    /// To give a script another name, that nothing has; an active one stays it: [`Answer::Done`].
    Rename {
        /// Its name up to now.
        from: ScriptName,
        /// Its name from now on.
        to: ScriptName,
    },
}

/// The answer to a [`Question`].
#[derive(Debug)]
pub enum Answer {
    /// The login goes on with this.
    Challenge(Challenge),
    /// Who it is has a session, or not.
    Login(Result<(), LoginFailure>),
    /// It is done, or why not.
    Done(Result<(), Failure>),
    /// It is right, with these warnings; or what is wrong.
    Checked(Result<Option<String>, Failure>),
    /// Names, and which of them is active.
    Scripts(Result<Vec<(ScriptName, Active)>, Failure>),
    /// What it says.
    Script(Result<Vec<u8>, Failure>),
}

/// Whether a script is the one that is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Active {
    /// It is.
    Yes,
    /// It isn't.
    No,
}

/// Why nobody is logged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginFailure {
    /// Name or password are wrong.
    Wrong,
    /// Too many logins were wrong that came from there.
    Banned,
    /// The user has too many sessions, or something failed here.
    Unavailable,
}

/// Why something isn't done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// There is no such script.
    Nonexistent,
    /// There is one of that name already.
    Exists,
    /// It is the one that is run.
    Active,
    /// There are too many.
    TooMany,
    /// It is too long.
    TooLong,
    /// It is none: what is wrong, and where.
    Wrong(String),
    /// Something failed here.
    Unavailable,
}

/// One connection, from its greeting to its end.
#[derive(Debug)]
pub struct Server {
    settings: Settings,
    input: Receiver,
    output: Vec<u8>,
    state: State,
    /// The step that comes once the output is out.
    held: Option<Step>,
    errors: u32,
    failed_logins: u32,
    autologout: Instant,
    login_deadline: Instant,
}

#[derive(Debug)]
enum State {
    /// The greeting isn't out.
    Fresh,
    /// Nobody is logged in.
    Stranger,
    /// AUTHENTICATE: the client's next string is awaited.
    Sasl(Exchange),
    /// STARTTLS was answered OK.
    StartingTls,
    /// The shell was asked for the login.
    LoggingIn,
    /// Somebody is logged in.
    User,
    /// The shell was asked for something of theirs.
    Asking,
    /// All that is left is to send what is in the output.
    Over,
}

/// The state that follows, and what the shell has to do, if anything.
type Next = (State, Option<Step>);

impl Server {
    /// A connection that was just accepted, or whose TLS handshake is done where TLS comes first.
    pub fn new(settings: Settings, now: Instant) -> Self {
        Self {
            settings,
            input: Receiver::new(limits::LITERAL_BEFORE_LOGIN_OCTETS_MAX),
            output: Vec::new(),
            state: State::Fresh,
            held: None,
            errors: 0,
            failed_logins: 0,
            autologout: now + limits::AUTOLOGOUT,
            login_deadline: now + limits::LOGIN_TIMEOUT,
        }
    }

    /// A session that another process has begun, which knows its user by now: [`Answer::Login`] comes next. `unread` is
    /// what that process has read and not used ([`Server::unread`]).
    pub fn logging_in(settings: Settings, unread: &[u8], now: Instant) -> Self {
        let mut server = Self::new(settings, now);
        server.state = State::LoggingIn;
        server.push(unread);
        server
    }

    /// A connection whose user another process has served up to [`Step::LoggedOut`]. `unread` is what that process has
    /// read and not used.
    pub fn logged_out(settings: Settings, unread: &[u8], now: Instant) -> Self {
        let mut server = Self::new(settings, now);
        server.state = State::Stranger;
        server.push(unread);
        server
    }

    /// What was pushed and not used: commands that the client has sent ahead.
    pub fn unread(&self) -> &[u8] {
        self.input.unread()
    }

    /// Takes octets that were read.
    pub fn push(&mut self, octets: &[u8]) {
        self.input.push(octets);
    }

    /// When a session that waits for input is to be dropped.
    pub fn deadline(&self) -> Instant {
        match self.state {
            State::User | State::Asking | State::Over => self.autologout,
            State::Fresh
            | State::Stranger
            | State::Sasl(_)
            | State::StartingTls
            | State::LoggingIn => self.autologout.min(self.login_deadline),
        }
    }

    /// What to do next.
    pub fn step(&mut self, now: Instant) -> Step {
        if let Some(step) = self.held.take() {
            return step;
        }
        loop {
            if self.output.len() >= limits::OUTPUT_OCTETS {
                return Step::Send(std::mem::take(&mut self.output));
            }
            let (state, step) = match std::mem::replace(&mut self.state, State::Over) {
                State::Fresh => {
                    self.greet();
                    (State::Stranger, None)
                }
                State::Stranger => self.stranger(now),
                State::Sasl(exchange) => self.sasl(exchange, now),
                State::StartingTls => (State::StartingTls, Some(Step::StartTls)),
                State::User => self.user(now),
                // The shell wants to go on without having answered.
                State::LoggingIn | State::Asking | State::Over => (State::Over, Some(Step::Close)),
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

    /// Takes the answer to the question that was asked. One to another question ends the session.
    pub fn answer(&mut self, answer: Answer) {
        self.state = match (std::mem::replace(&mut self.state, State::Over), answer) {
            (State::LoggingIn, Answer::Challenge(challenge)) => self.challenge(challenge),
            (State::LoggingIn, Answer::Login(Ok(()))) => {
                self.input.limit(limits::SCRIPT_OCTETS_MAX);
                self.ok("logged in");
                State::User
            }
            (State::LoggingIn, Answer::Login(Err(failure))) => {
                match failure {
                    LoginFailure::Wrong => {
                        self.failed_logins += 1;
                        self.no(None, "name or password is wrong");
                    }
                    LoginFailure::Banned => {
                        self.failed_logins += 1;
                        self.no(
                            Some(&Code::TryLater),
                            "too many wrong logins came from your network, try again in a quarter of an hour",
                        );
                    }
                    LoginFailure::Unavailable => {
                        self.no(Some(&Code::TryLater), "there is no place for you, try later");
                    }
                }
                State::Stranger
            }
            (State::Asking, answer) => self.answered(answer),
            _ => State::Over,
        };
    }

    /// The handshake that STARTTLS asked for is done. Whatever came before it is forgotten, and the client is told anew
    /// what is offered (RFC 5804 §2.2).
    pub fn tls_started(&mut self, now: Instant) {
        self.input = Receiver::new(limits::LITERAL_BEFORE_LOGIN_OCTETS_MAX);
        self.settings.tls = Tls::Active;
        self.state = State::Stranger;
        self.autologout = now + limits::AUTOLOGOUT;
        self.greet();
    }

    /// RFC 5804 §1.7: the capabilities, and OK.
    fn greet(&mut self) {
        let is_stranger = !matches!(self.state, State::User);
        let mechanisms = match self.may_log_in() {
            true => self.settings.offer.names(self.settings.tls).collect::<Vec<_>>().join(" "),
            false => String::new(),
        };
        let extensions = self.settings.sieve.join(" ");
        let notify = self.settings.notify.join(" ");
        let mut capabilities = vec![
            ("IMPLEMENTATION", Some("Postroad")),
            ("SIEVE", Some(extensions.as_str())),
            ("VERSION", Some("1.0")),
            ("UNAUTHENTICATE", None),
        ];
        if !notify.is_empty() {
            capabilities.push(("NOTIFY", Some(&notify)));
        }
        // RFC 5804 §1.7: STARTTLS not inside TLS; nothing to log in with for who is.
        if is_stranger {
            capabilities.push(("SASL", Some(&mechanisms)));
            if self.settings.tls == Tls::Offered {
                capabilities.push(("STARTTLS", None));
            }
        }
        for (name, value) in capabilities {
            string(&mut self.output, name.as_bytes());
            if let Some(value) = value {
                self.output.push(b' ');
                string(&mut self.output, value.as_bytes());
            }
            self.output.extend_from_slice(b"\r\n");
        }
        self.ok("");
    }

    /// The next command. What isn't one is refused, and the one after it is read.
    fn command(&mut self, now: Instant) -> Input {
        loop {
            let words = match self.words(now) {
                Ok(words) => words,
                Err(input) => return input,
            };
            match Command::of(words) {
                Ok(command) => return Input::Command(command),
                Err(CommandError::Unknown) => self.error(None, "unknown command"),
                Err(CommandError::Arguments) => self.error(None, "wrong arguments"),
                Err(CommandError::Name) => self.error(None, "no script can have that name here"),
            }
        }
    }

    fn words(&mut self, now: Instant) -> Result<Vec<Word>, Input> {
        loop {
            if self.errors >= limits::ERRORS_MAX || self.failed_logins >= limits::FAILED_LOGINS_MAX
            {
                self.bye("too many errors, good-bye");
                return Err(Input::HadEnough);
            }
            let received = self.input.next();
            if received != Received::Incomplete {
                self.autologout = now + limits::AUTOLOGOUT;
            }
            match received {
                Received::Incomplete => return Err(Input::None),
                Received::Command(words) => return Ok(words),
                Received::Wrong(Wrong::Syntax) => self.error(None, "that is no command"),
                // RFC 5804 §2.6: the client has to learn that it was the script's size.
                Received::Wrong(Wrong::TooLong) => {
                    self.error(Some(&Code::QuotaMaxSize), "that is too long");
                }
                Received::Flood => {
                    self.bye("that is too long, good-bye");
                    return Err(Input::HadEnough);
                }
            }
        }
    }

    fn stranger(&mut self, now: Instant) -> Next {
        let command = match self.command(now) {
            Input::Command(command) => command,
            Input::None => return (State::Stranger, Some(Step::NeedInput)),
            Input::HadEnough => return (State::Over, None),
        };
        match command {
            Command::Capability => self.greet(),
            Command::Noop(tag) => self.noop(tag),
            Command::Logout => {
                self.ok("good-bye");
                return (State::Over, None);
            }
            Command::StartTls => match self.settings.tls {
                Tls::Offered => {
                    self.ok("begin TLS");
                    return (State::StartingTls, None);
                }
                Tls::Active => self.error(None, "TLS is active already"),
                Tls::Unavailable => self.error(None, "TLS is not available"),
            },
            Command::Authenticate { mechanism, initial } => {
                return self.authenticate(&mechanism, initial);
            }
            // RFC 5804 §2, §2.14.1: all others MUST be rejected.
            Command::Unauthenticate
            | Command::HaveSpace { .. }
            | Command::PutScript { .. }
            | Command::ListScripts
            | Command::SetActive(_)
            | Command::GetScript(_)
            | Command::DeleteScript(_)
            | Command::RenameScript { .. }
            | Command::CheckScript(_) => self.error(None, "log in first"),
        }
        (State::Stranger, None)
    }

    fn authenticate(&mut self, mechanism: &str, initial: Option<Vec<u8>>) -> Next {
        let Some(mechanism) = self.settings.offer.find(mechanism, self.settings.tls) else {
            self.error(None, "that mechanism is not offered");
            return (State::Stranger, None);
        };
        if !self.may_log_in() {
            self.error(Some(&Code::EncryptNeeded), "no passwords in clear: say STARTTLS first");
            return (State::Stranger, None);
        }
        let exchange = match initial {
            None => Exchange::start(mechanism, None),
            // RFC 5804 §2.1: an empty one is an empty string, no "=".
            Some(initial) => Exchange::of(mechanism).respond(&initial),
        };
        self.progress(exchange)
    }

    /// Takes the client's string of an AUTHENTICATE exchange.
    fn sasl(&mut self, exchange: Exchange, now: Instant) -> Next {
        let words = match self.words(now) {
            Ok(words) => words,
            Err(Input::None) => return (State::Sasl(exchange), Some(Step::NeedInput)),
            Err(Input::Command(_) | Input::HadEnough) => return (State::Over, None),
        };
        match words.as_slice() {
            [Word::String(string)] => self.progress(exchange.respond(string)),
            _ => self.progress(Progress::Failed(SaslError::Malformed)),
        }
    }

    fn progress(&mut self, progress: Progress) -> Next {
        let refusal = match progress {
            Progress::Challenge(challenge) => return (self.challenge(challenge), None),
            Progress::Done(attempt) => {
                return (State::LoggingIn, Some(Step::Ask(Question::Login(attempt))));
            }
            Progress::Failed(SaslError::Refused) => {
                self.failed_logins += 1;
                "name or password is wrong"
            }
            Progress::Failed(SaslError::Channel) => {
                "the login is not bound to this connection, somebody may be in between"
            }
            Progress::Failed(SaslError::Malformed) => "the response cannot be decoded",
            Progress::Failed(SaslError::Cancelled) => "cancelled",
            Progress::Failed(SaslError::Proxy) => "acting for another user is not allowed",
        };
        self.error(None, refusal);
        (State::Stranger, None)
    }

    /// RFC 5804 §2.1: a challenge is a string with base64 in it.
    fn challenge(&mut self, challenge: Challenge) -> State {
        let Challenge { text, exchange } = challenge;
        string(&mut self.output, text.as_bytes());
        self.output.extend_from_slice(b"\r\n");
        State::Sasl(exchange)
    }

    fn may_log_in(&self) -> bool {
        self.settings.tls == Tls::Active
            || self.settings.clear_text_login == ClearTextLogin::Allowed
    }

    fn noop(&mut self, tag: Option<Vec<u8>>) {
        let code = tag.map(Code::Tag);
        respond(&mut self.output, Verdict::Ok, code.as_ref(), "nothing done");
    }

    fn ok(&mut self, text: &str) {
        respond(&mut self.output, Verdict::Ok, None, text);
    }

    fn no(&mut self, code: Option<&Code>, text: &str) {
        respond(&mut self.output, Verdict::No, code, text);
    }

    fn bye(&mut self, text: &str) {
        respond(&mut self.output, Verdict::Bye, None, text);
    }

    /// Refuses what a sane client doesn't do; too much of that ends the session.
    fn error(&mut self, code: Option<&Code>, text: &str) {
        self.errors += 1;
        self.no(code, text);
    }
}

/// What the input holds.
enum Input {
    Command(Command),
    /// No whole command.
    None,
    /// The session ends.
    HadEnough,
}
