//! From a connection to a login, and what the server can do.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use postroad_imap::client::{Step, sasl_response};
use postroad_imap::command::{Command, Extension, Literals};
use postroad_imap::response::{Code, Data, Response, Status, StatusResponse};
use postroad_imap::value::{NameEncoding, Secret};
use postroad_protocol::sasl::client::{Client, Peer};
use tokio::time::Instant;

use super::wire::{Ear, Heard, Idled, Next, Wire};
use super::{Hint, ImapError};
use crate::account::{Account, Login, Server, TlsStart, is_loopback};
use crate::connect::{self, Tls};
use crate::limits;
use crate::password::{Password, Terminal};
use crate::safe_text::SafeText;
use crate::sasl::{Proof, Who};

/// A session of a user who is logged in.
#[derive(Debug)]
pub(crate) struct Session {
    pub(super) wire: Wire,
    capabilities: BTreeSet<String>,
    enabled: BTreeSet<Vec<u8>>,
}

/// Whether a password may go without encryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum InClear {
    /// Nothing leaves this host.
    Allowed,
    Never,
}

impl Session {
    /// Connects, encrypts, logs in.
    ///
    /// # Errors
    /// Any [`ImapError`]: nothing was sent then that should be kept from others.
    pub(crate) async fn open(
        account: &Account,
        server: &Server,
        terminal: Terminal,
    ) -> Result<Self, ImapError> {
        let login = account.login.as_ref().ok_or(ImapError::NoLogin)?;
        // A command may ask somebody, and take its time: the server isn't to wait for that.
        let proof = login.proof(account, terminal).await?;
        let refused = match Self::open_with(account, server, login, &proof).await {
            Err(refused @ ImapError::Login { .. }) => refused,
            opened => return opened,
        };
        match login.another(account, &proof).await? {
            Some(proof) => Self::open_with(account, server, login, &proof).await,
            None => Err(refused),
        }
    }

    async fn open_with(
        account: &Account,
        server: &Server,
        login: &Login,
        proof: &Proof,
    ) -> Result<Self, ImapError> {
        let (host, port) = (server.host.as_str(), server.port);
        let at = format!("{host}:{port}");
        let tls = Tls::to(account, host)?;
        let mut io = connect::tcp(host, port).await?;
        if server.tls == TlsStart::AtOnce {
            io = tls.clone().start(&at, io).await?;
        }
        let mut session = Self {
            wire: Wire::new(io, at),
            capabilities: BTreeSet::new(),
            enabled: BTreeSet::new(),
        };
        // A server on this host that nobody vouches for is spoken to as it is: nothing leaves the host.
        let in_clear = match is_loopback(host) && account.trust.is_none() {
            true => InClear::Allowed,
            false => InClear::Never,
        };
        let needs_tls = server.tls == TlsStart::ByCommand && in_clear == InClear::Never;
        let greeting = session.greeting().await?;
        if needs_tls {
            // RFC 9051 §11.3: a session that is open already can't be encrypted (CVE-2020-14093).
            if greeting == Status::PreAuth {
                return Err(session.no_tls());
            }
            session.start_tls(tls).await?;
        }
        if greeting != Status::PreAuth {
            let who = Who { user: &login.user, proof, host, port };
            session.log_in(login, &who).await?;
        }
        session.greet_extensions().await?;
        Ok(session)
    }

    fn no_tls(&self) -> ImapError {
        ImapError::NoTls { at: self.wire.at.clone() }
    }

    /// Host and port.
    pub(crate) fn at(&self) -> &str {
        &self.wire.at
    }

    /// Whether the server says that it can do that.
    pub(crate) fn can(&self, capability: &str) -> bool {
        self.capabilities.contains(capability)
    }

    /// Whether that was switched on.
    pub(crate) fn has(&self, extension: &Extension) -> bool {
        self.enabled.contains(extension.name())
    }

    async fn greeting(&mut self) -> Result<Status, ImapError> {
        let until = Instant::now() + limits::IMAP_SILENCE;
        match self.wire.step_until(until).await? {
            Step::Response(Response::Status(status)) if status.tag.is_none() => {
                match status.status {
                    Status::Ok | Status::PreAuth => {
                        self.learn_of(&status);
                        Ok(status.status)
                    }
                    Status::Bye => {
                        let text = SafeText::line_of_octets(&status.text);
                        Err(ImapError::Bye { at: self.wire.at.clone(), text })
                    }
                    Status::No | Status::Bad => Err(self.wire.broken("its greeting")),
                }
            }
            _ => Err(self.wire.broken("its greeting; is this an IMAP port?")),
        }
    }

    /// Takes what the server says that it can do.
    fn learn(&mut self, capabilities: &[String]) {
        self.capabilities =
            capabilities.iter().take(200).map(|name| name.to_ascii_uppercase()).collect();
        self.wire.literals = if self.can("LITERAL+") {
            Literals::Plus
        } else if self.can("LITERAL-") || self.can("IMAP4REV2") {
            Literals::Minus
        } else {
            Literals::Awaited
        };
    }

    fn learn_of(&mut self, status: &StatusResponse) -> bool {
        let Some(Code::Capability(capabilities)) = &status.code else { return false };
        self.learn(&capabilities.clone());
        true
    }

    async fn ask_capabilities(&mut self) -> Result<(), ImapError> {
        let mut told = Vec::new();
        self.run(&Command::Capability, &mut |heard| {
            if let Heard::Data(Data::Capability(capabilities)) = heard {
                told = capabilities;
            }
            Ok(())
        })
        .await?;
        self.learn(&told);
        Ok(())
    }

    async fn start_tls(&mut self, tls: Tls) -> Result<(), ImapError> {
        // Whatever else is told here, anybody may have said it: it is dropped (row U11). That it can't be done, too, is
        // said by somebody, and believed: then nothing is sent.
        match self.run(&Command::StartTls, &mut |_| Ok(())).await {
            Ok(_) => {}
            Err(ImapError::Refused { .. }) => return Err(self.no_tls()),
            Err(error) => return Err(error),
        }
        self.wire.start_tls(tls).await?;
        // RFC 9051 §6.2.1: what was known before counts no more.
        self.capabilities.clear();
        self.wire.literals = Literals::Awaited;
        Ok(())
    }

    async fn log_in(&mut self, login: &Login, who: &Who<'_>) -> Result<(), ImapError> {
        if self.capabilities.is_empty() {
            self.ask_capabilities().await?;
        }
        let mut ended = Err(ImapError::NoMechanism { at: self.wire.at.clone() });
        let exporter = self.wire.io().and_then(|io| io.channel_bindings().exporter);
        // LOGIN of SASL is older than the command, and no better.
        let offers = |name: &str| name != "LOGIN" && self.can(&format!("AUTH={name}"));
        for mut way in who.ways(offers, exporter) {
            ended = self.authenticate(way.as_mut()).await;
            match (&ended, way.peer()) {
                // Who cheats isn't told the password in another way.
                (Ok(_), Peer::Unproven) | (_, Peer::Wrong) => {
                    return Err(ImapError::Unproven { at: self.wire.at.clone() });
                }
                // It may have no keys for the one, and know the other: nobody else listens.
                (Err(ImapError::Refused { .. }), _) => {}
                _ => break,
            }
        }
        let is_open =
            matches!(ended, Err(ImapError::Refused { .. } | ImapError::NoMechanism { .. }));
        if let Proof::Password(password) = who.proof
            && is_open
            && !self.can("AUTH=PLAIN")
            && !self.can("LOGINDISABLED")
        {
            // RFC 9051 §6.2.3
            ended = self.login(who.user, password).await;
        }
        let status = ended.map_err(|error| match error {
            ImapError::Refused { at, text, .. } => {
                let (user, hint) = (who.user.to_owned(), login.hint());
                ImapError::Login { at, user, text, hint }
            }
            error => error,
        })?;
        if !self.learn_of(&status) {
            self.ask_capabilities().await?;
        }
        Ok(())
    }

    async fn login(
        &mut self,
        user: &str,
        password: &Password,
    ) -> Result<StatusResponse, ImapError> {
        let password = Secret(password.expose().as_bytes().to_vec());
        let command = Command::Login { user: user.as_bytes().to_vec(), password };
        self.run(&command, &mut |_| Ok(())).await
    }

    /// AUTHENTICATE (RFC 9051 §6.2.2): the first message at once where the server takes it so (RFC 4959).
    async fn authenticate(&mut self, client: &mut dyn Client) -> Result<StatusResponse, ImapError> {
        let until = Instant::now() + limits::IMAP_SILENCE;
        let tag = self.wire.next_tag()?;
        let mut first = client.first();
        let initial = if self.can("SASL-IR") { first.take().map(Secret) } else { None };
        let command = Command::Authenticate { mechanism: client.mechanism().to_owned(), initial };
        let outgoing = command.to_outgoing(&tag, self.wire.literals, NameEncoding::Utf7);
        self.wire.send(outgoing.octets()).await?;
        let mut capabilities = None;
        loop {
            let mut ear = |heard: Heard| {
                if let Heard::Data(Data::Capability(told)) = heard {
                    capabilities = Some(told);
                }
                Ok(())
            };
            match self.wire.next(&tag, until, &mut ear).await? {
                Next::Ended(status) => {
                    let mut status = self.wire.ended(status, "the login")?;
                    // Some tell what they can do before the end, not in it.
                    if let (None, Some(told)) = (&status.code, capabilities) {
                        status.code = Some(Code::Capability(told));
                    }
                    return Ok(status);
                }
                Next::GoOn(text) => {
                    let line = match first.take() {
                        Some(first) => sasl_response(&first),
                        None => {
                            let challenge = STANDARD.decode(text.trim_ascii()).unwrap_or_default();
                            match client.answer(&challenge) {
                                Some(octets) => sasl_response(&octets),
                                // RFC 9051 §6.2.2: it is given up.
                                None => b"*\r\n".to_vec(),
                            }
                        }
                    };
                    self.wire.send(&line).await?;
                }
            }
        }
    }

    /// Switches on what tells of changes (RFC 7162, RFC 5161).
    async fn greet_extensions(&mut self) -> Result<(), ImapError> {
        let wanted = if self.can("QRESYNC") {
            Extension::QResync
        } else if self.can("CONDSTORE") {
            Extension::CondStore
        } else {
            return Ok(());
        };
        if !self.can("ENABLE") && !self.can("IMAP4REV2") {
            return Ok(());
        }
        let mut enabled = BTreeSet::new();
        let command = Command::Enable(vec![wanted]);
        let done = self
            .run(&command, &mut |heard| {
                if let Heard::Data(Data::Enabled(extensions)) = heard {
                    enabled.extend(extensions.iter().map(|extension| extension.name().to_vec()));
                }
                Ok(())
            })
            .await;
        match done {
            Ok(_) => self.enabled = enabled,
            // It goes without.
            Err(ImapError::Refused { .. }) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Carries out a command.
    ///
    /// # Errors
    /// Where the server refuses, or the connection is of use no more ([`ImapError::is_over`]).
    pub(crate) async fn run(
        &mut self,
        command: &Command,
        ear: Ear<'_>,
    ) -> Result<StatusResponse, ImapError> {
        self.wire.run(command, ear).await
    }

    /// Waits for news, by IDLE; to be asked only where the server [can](Self::can) do that.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub(crate) async fn idle(
        &mut self,
        calls: impl Future<Output = ()>,
        ear: Ear<'_>,
    ) -> Result<Idled, ImapError> {
        self.wire.idle(calls, ear).await
    }

    /// Makes a folder, unless it is there.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub(crate) async fn make(
        &mut self,
        mailbox: &postroad_imap::value::MailboxName,
    ) -> Result<(), ImapError> {
        let command = Command::Create { mailbox: mailbox.clone(), uses: Vec::new() };
        match self.run(&command, &mut |_| Ok(())).await {
            Err(ImapError::Refused { hint: Hint::Exists, .. }) => Ok(()),
            made => made.map(drop),
        }
    }

    /// Says goodbye. What the server says to that is of no use.
    pub(crate) async fn log_out(mut self) {
        let wait = limits::IMAP_ALIVE;
        let _ = tokio::time::timeout(wait, self.run(&Command::Logout, &mut |_| Ok(()))).await;
    }
}
