//! Which command may come when, and what follows (RFC 5321 §4.1.4).

use super::content::{Chunk, Chunks};
use super::{
    Asked, ClientLimits, Dsn, Hello, HelloKind, LoginRule, Question, Server, Service, State, Taken,
    Tls, Transaction, replies,
};
use crate::command::{Auth, Bdat, ClientName, Command, Last, Mail, Rcpt};
use crate::envelope::{Notify, Utf8};
use crate::limits;
use crate::reply::Reply;
use crate::sasl::{Challenge, Exchange, Progress, SaslError};

impl Server {
    pub(super) fn command(&mut self, command: Command) -> Taken {
        if !matches!(command, Command::Bdat(_)) {
            self.unanswered = 0;
        }
        match command {
            Command::Mail(mail) => return self.mail(mail),
            Command::Rcpt(rcpt) => return self.rcpt(rcpt),
            Command::Data => return self.data(),
            Command::Bdat(bdat) => return self.bdat(bdat),
            Command::Auth(auth) => return self.auth(&auth),
            Command::Helo(name) => self.hello_command(name, HelloKind::Helo),
            Command::Ehlo(name) => self.hello_command(name, HelloKind::Ehlo),
            Command::Lhlo(name) => self.hello_command(name, HelloKind::Lhlo),
            Command::StartTls => self.start_tls(),
            Command::Rset => {
                // RFC 5321 §4.1.1.5: nothing of the transaction is kept.
                self.give_up();
                self.idle(replies::OK);
            }
            Command::Noop => self.idle(replies::OK),
            Command::Help => self.idle(replies::HELP),
            Command::Vrfy => self.idle(replies::WILL_TRY),
            Command::Expn => self.refuse(replies::NO_EXPN),
            Command::Quit => {
                self.give_up();
                self.close(replies::BYE);
            }
        }
        Taken::Line
    }

    /// Ends the transaction that is open, if there is one, and has its content forgotten.
    fn give_up(&mut self) {
        if let State::Chunked(..) = std::mem::replace(&mut self.state, State::Ready) {
            self.discard = Some(None);
        }
    }

    /// A command that does nothing: as many as a client likes between two transactions, up to a limit.
    fn idle(&mut self, canned: replies::Canned) {
        self.say(canned);
        if self.settings.client == ClientLimits::Apply {
            self.session.idle_commands += 1;
            if self.session.idle_commands > limits::IDLE_COMMANDS_MAX {
                self.count_error();
            }
        }
    }

    /// HELO, EHLO, LHLO (RFC 5321 §4.1.1.1, RFC 2033 §4.1).
    fn hello_command(&mut self, name: ClientName, kind: HelloKind) {
        let fits = match kind {
            HelloKind::Helo | HelloKind::Ehlo => self.settings.service != Service::Lmtp,
            HelloKind::Lhlo => self.settings.service == Service::Lmtp,
        };
        if !fits {
            return self.refuse(replies::WRONG_HELLO); // RFC 2033 §4.1: 500
        }
        if self.out_of_turn() {
            return;
        }
        // RFC 5321 §4.1.4: EHLO inside a transaction ends it, as RSET does.
        self.give_up();
        self.session.hello = Some(Hello { name, kind });
        match kind {
            HelloKind::Helo => Reply::bare(250, &*self.settings.hostname).encode(&mut self.output),
            HelloKind::Ehlo | HelloKind::Lhlo => {
                Reply::bare(250, self.extensions()).encode(&mut self.output);
            }
        }
    }

    /// The lines of the reply to EHLO (RFC 5321 §4.1.1.1).
    fn extensions(&self) -> String {
        use std::fmt::Write as _;
        let dsn = match self.settings.dsn {
            Dsn::Offered => "\nDSN",
            Dsn::Absent => "",
        };
        let mut lines = format!(
            "{}\nPIPELINING\nSIZE {}\n8BITMIME\nSMTPUTF8\nENHANCEDSTATUSCODES\nCHUNKING{dsn}\nLIMITS RCPTMAX={}",
            self.settings.hostname, self.settings.size_max, self.settings.recipients_max
        );
        if self.session.tls == Tls::Offered {
            lines.push_str("\nSTARTTLS");
        }
        if self.may_log_in() {
            lines.push_str("\nAUTH");
            self.settings.offer.names(self.session.tls).for_each(|name| {
                lines.push(' ');
                lines.push_str(name);
            });
        }
        let _ = write!(lines, "\nHELP"); // into a String: can't fail
        lines
    }

    /// Whether AUTH is offered here and now.
    pub(super) fn may_log_in(&self) -> bool {
        match (self.settings.login, self.session.tls) {
            (LoginRule::NotOffered, _) => false,
            (LoginRule::Required, _) | (LoginRule::RequiredInTls, Tls::Active) => {
                self.session.login.is_none()
            }
            (LoginRule::RequiredInTls, Tls::Offered | Tls::Unavailable) => false,
        }
    }

    /// MAIL (RFC 5321 §4.1.1.2).
    fn mail(&mut self, mail: Mail) -> Taken {
        let refusal = match (&self.state, self.settings.login) {
            // RFC 5321 §4.1.4: a nested MAIL is a bad sequence, and changes nothing.
            (State::Open(_), _) => Some(replies::NESTED_MAIL),
            (State::Chunked(..), _) => Some(replies::CHUNKS_STARTED),
            // RFC 5321 §4.1.1.1: hello comes first.
            _ if self.session.hello.is_none() => Some(replies::HELLO_FIRST),
            // RFC 6409 §4.3, RFC 4954 §6
            (_, LoginRule::Required | LoginRule::RequiredInTls) if self.session.login.is_none() => {
                Some(replies::LOGIN_FIRST)
            }
            // RFC 1870 §6.1
            _ if mail.size.is_some_and(|size| size > self.settings.size_max) => {
                Some(replies::TOO_BIG)
            }
            // RFC 5321 §4.1.1.11: 555 for what can't be implemented.
            _ if mail.ret.is_some() || mail.envid.is_some() => self.refuses_dsn(),
            _ => None,
        };
        if let Some(refusal) = refusal {
            self.refuse(refusal);
            return Taken::Line;
        }
        let counted = self.settings.client == ClientLimits::Apply;
        if counted && self.session.transactions >= limits::TRANSACTIONS_MAX {
            self.close(replies::TOO_MANY_TRANSACTIONS);
            return Taken::Line;
        }
        self.state = State::Asked(Asked::Sender(mail.clone()));
        Taken::Question(Question::Sender(mail))
    }

    /// RCPT (RFC 5321 §4.1.1.3).
    fn rcpt(&mut self, rcpt: Rcpt) -> Taken {
        let transaction = match std::mem::replace(&mut self.state, State::Ready) {
            State::Open(transaction) => transaction,
            state @ State::Chunked(..) => return self.stay(state, replies::CHUNKS_STARTED),
            state => return self.stay(state, replies::MAIL_FIRST), // RFC 5321 §3.3
        };
        // RFC 5321 §4.5.3.1.10: MUST be 452; the recipients accepted so far stay accepted.
        if transaction.recipients.len() >= self.settings.recipients_max {
            self.say(replies::TOO_MANY_RECIPIENTS);
            self.state = State::Open(transaction);
            return Taken::Line;
        }
        if (rcpt.notify != Notify::Unsaid || rcpt.orcpt.is_some())
            && let Some(refusal) = self.refuses_dsn()
        {
            return self.stay(State::Open(transaction), refusal);
        }
        // RFC 6531 §3.5
        if transaction.mail.utf8 == Utf8::Ascii && !is_ascii(&rcpt) {
            return self.stay(State::Open(transaction), replies::NEEDS_SMTPUTF8);
        }
        self.state = State::Asked(Asked::Recipient(transaction, rcpt.clone()));
        Taken::Question(Question::Recipient(rcpt))
    }

    /// What is said to a DSN parameter where it can't be obeyed.
    fn refuses_dsn(&self) -> Option<replies::Canned> {
        match self.settings.dsn {
            Dsn::Offered => None,
            Dsn::Absent => Some(replies::NO_DSN),
        }
    }

    /// DATA (RFC 5321 §4.1.1.4).
    fn data(&mut self) -> Taken {
        let transaction = match std::mem::replace(&mut self.state, State::Ready) {
            State::Open(transaction) if transaction.recipients.is_empty() => {
                // RFC 5321 §3.3: 503 or 554; RFC 2033 §4.2: MUST be 503.
                return self.stay(State::Open(transaction), replies::RCPT_FIRST);
            }
            State::Open(transaction) => transaction,
            // RFC 3030 §2: DATA and BDAT don't mix. What is left is indeterminate there; here nothing is.
            State::Chunked(..) => {
                self.discard = Some(Some(replies::CHUNKS_STARTED.reply()));
                self.refuse(replies::CHUNKS_STARTED);
                return Taken::Line;
            }
            state => return self.stay(state, replies::MAIL_FIRST),
        };
        if self.out_of_turn() {
            return Taken::Line;
        }
        self.state = State::Asked(Asked::Data(transaction));
        Taken::Question(Question::Data)
    }

    /// BDAT (RFC 3030 §2). Its octets follow whatever is said, so a refusal stands behind them.
    fn bdat(&mut self, bdat: Bdat) -> Taken {
        let (refusal, recipients) = match std::mem::replace(&mut self.state, State::Ready) {
            State::Open(transaction) if !transaction.recipients.is_empty() => {
                if bdat.octets <= self.settings.size_max {
                    self.state = State::Asked(Asked::FirstChunk(transaction, bdat));
                    return Taken::Question(Question::Data);
                }
                (replies::TOO_BIG, transaction.recipients.len())
            }
            State::Chunked(transaction, chunks) => {
                self.state = self.next_chunk(transaction, chunks, bdat);
                return Taken::Line;
            }
            State::Open(_) => (replies::RCPT_FIRST, 0),
            _ => (replies::MAIL_FIRST, self.unanswered),
        };
        self.state = self.skip_chunk(refusal.reply(), recipients, bdat);
        Taken::Line
    }

    fn next_chunk(&mut self, transaction: Transaction, chunks: Chunks, bdat: Bdat) -> State {
        // RFC 1870 §6.1: what is announced counts, nothing is allocated for it.
        match chunks.octets.checked_add(bdat.octets) {
            Some(octets) if octets <= self.settings.size_max => {
                State::Chunk(Chunk::keep(transaction, chunks, bdat))
            }
            Some(_) | None => {
                let reply = replies::TOO_BIG.reply();
                self.discard = Some(Some(reply.clone()));
                self.skip_chunk(reply, transaction.recipients.len(), bdat)
            }
        }
    }

    /// A chunk that is read and refused. So many recipients wait for the last one's replies.
    pub(super) fn skip_chunk(&mut self, reply: Reply, recipients: usize, bdat: Bdat) -> State {
        let copies = self.replies_to(bdat.last, recipients);
        self.unanswered = match bdat.last {
            Last::Yes => 0,
            Last::No => recipients,
        };
        State::Chunk(Chunk::skip(reply, copies, bdat))
    }

    /// STARTTLS (RFC 3207 §4).
    fn start_tls(&mut self) {
        match (self.session.tls, &self.state) {
            (Tls::Unavailable, _) => self.refuse(replies::NO_TLS),
            (Tls::Active, _) => self.refuse(replies::NOT_NOW),
            // RFC 3207 §4.2 would have the transaction forgotten; no client means that.
            (Tls::Offered, State::Open(_) | State::Chunked(..)) => self.refuse(replies::NOT_NOW),
            (Tls::Offered, _) if self.session.hello.is_none() => self.refuse(replies::HELLO_FIRST),
            // Commands that came before the handshake may be an attacker's (CVE-2011-0411): they are
            // neither run nor answered, and the connection is dropped.
            (Tls::Offered, _) if !self.input.is_empty() => self.close(replies::TOO_EARLY),
            (Tls::Offered, _) => {
                self.say(replies::START_TLS);
                self.state = State::Handshake;
            }
        }
    }

    /// AUTH (RFC 4954 §4).
    fn auth(&mut self, auth: &Auth) -> Taken {
        let refusal = match (&self.state, self.settings.login, self.session.tls) {
            (_, LoginRule::NotOffered, _) => Some(replies::NO_AUTH),
            _ if self.session.hello.is_none() => Some(replies::HELLO_FIRST),
            // RFC 4954 §4: neither twice nor inside a transaction.
            _ if self.session.login.is_some() => Some(replies::NOT_NOW),
            (State::Open(_) | State::Chunked(..), ..) => Some(replies::NOT_NOW),
            (_, LoginRule::RequiredInTls, Tls::Offered | Tls::Unavailable) => {
                Some(replies::ENCRYPT_FIRST)
            }
            _ => None,
        };
        if let Some(refusal) = refusal {
            self.refuse(refusal);
            return Taken::Line;
        }
        let Some(mechanism) = self.settings.offer.find(&auth.mechanism, self.session.tls) else {
            self.refuse(replies::UNKNOWN_MECHANISM);
            return Taken::Line;
        };
        if self.out_of_turn() {
            return Taken::Line;
        }
        let progress = Exchange::start(mechanism, auth.initial.as_deref());
        self.login_progress(progress)
    }

    pub(super) fn login_progress(&mut self, progress: Progress) -> Taken {
        self.state = State::Ready;
        match progress {
            Progress::Challenge(challenge) => self.challenge(challenge),
            Progress::Done(attempt) => {
                let name = attempt.name().unwrap_or_default().to_owned();
                self.state = State::Asked(Asked::Login(name));
                return Taken::Question(Question::Login(attempt));
            }
            Progress::Failed(SaslError::Malformed) => self.refuse(replies::LOGIN_MALFORMED),
            Progress::Failed(SaslError::Cancelled) => self.refuse(replies::LOGIN_CANCELLED),
            Progress::Failed(SaslError::Proxy) => self.refuse(replies::LOGIN_PROXY),
            Progress::Failed(SaslError::Channel) => self.refuse(replies::LOGIN_CHANNEL),
            Progress::Failed(SaslError::Refused) => self.refuse(replies::LOGIN_REFUSED),
        }
        Taken::Line
    }

    pub(super) fn challenge(&mut self, challenge: Challenge) {
        let Challenge { text, exchange } = challenge;
        Reply::bare(334, text).encode(&mut self.output);
        self.state = State::Login(exchange);
    }

    /// Refuses a command and stays where we were.
    fn stay(&mut self, state: State, canned: replies::Canned) -> Taken {
        self.state = state;
        self.refuse(canned);
        Taken::Line
    }

    /// Whether more input stands behind a command that must be the last of its group (RFC 2920 §3.1);
    /// then the connection ends. Users who have logged in are trusted to have poor software.
    fn out_of_turn(&mut self) -> bool {
        let early = !self.input.is_empty() && self.session.login.is_none();
        if early {
            self.close(replies::TOO_EARLY);
        }
        early
    }
}

fn is_ascii(rcpt: &Rcpt) -> bool {
    use crate::address::ForwardPath;
    match &rcpt.forward_path {
        ForwardPath::Postmaster => true,
        ForwardPath::Address(address) => address.is_ascii(),
    }
}
