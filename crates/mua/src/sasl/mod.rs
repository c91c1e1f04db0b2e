//! Ways to log in, for all protocols: what somebody has to show, and the mechanisms that show it, the best one first.

use postroad_oauth::Secret;
use postroad_protocol::sasl::Credentials;
use postroad_protocol::sasl::bearer::Dialect;
use postroad_protocol::sasl::client::{Bearer, Client, Login as LoginClient, Plain, Token};

use crate::account::{Account, Login, ProofSource};
use crate::connect::ConnectError;
use crate::oauth::{self, Freshness};
use crate::password::{Password, PasswordError, PasswordSource, Terminal};

mod scram;

use scram::{Binding, ScramClient};

/// What somebody shows to be let in.
#[derive(Debug, Clone)]
pub(crate) enum Proof {
    /// A password.
    Password(Password),
    /// An access token.
    Token(Secret),
}

impl Login {
    /// What is shown, from wherever it comes. A program may ask somebody and take its time: no server is to wait for that.
    ///
    /// # Errors
    /// Where it can't be had.
    pub(crate) async fn proof(
        &self,
        account: &Account,
        terminal: Terminal,
    ) -> Result<Proof, ConnectError> {
        match &self.proof {
            ProofSource::Password(source) => Ok(Proof::Password(read(source, terminal).await?)),
            ProofSource::TokenCommand(command) => {
                let printed = read(&PasswordSource::Command(command.clone()), terminal).await?;
                Ok(Proof::Token(Secret::new(printed.expose())))
            }
            ProofSource::Provider(provider) => {
                let token = oauth::access(account, &self.user, provider, Freshness::Kept).await?;
                Ok(Proof::Token(token))
            }
        }
    }

    /// What to show in place of a token that the server didn't take although it should be good still; `None` where that is
    /// all that there is.
    ///
    /// # Errors
    /// As [`Self::proof`].
    pub(crate) async fn another(
        &self,
        account: &Account,
        refused: &Proof,
    ) -> Result<Option<Proof>, ConnectError> {
        let (ProofSource::Provider(provider), Proof::Token(token)) = (&self.proof, refused) else {
            return Ok(None);
        };
        let token = oauth::access(account, &self.user, provider, Freshness::NotThis(token)).await?;
        Ok(Some(Proof::Token(token)))
    }

    /// What to do where a server says no.
    pub(crate) fn hint(&self) -> &'static str {
        match &self.proof {
            ProofSource::Password(_) => "look at user and password",
            ProofSource::TokenCommand(_) => "look at user and at the program that prints the token",
            ProofSource::Provider(_) => "log in again: postroad-mua account --login",
        }
    }
}

async fn read(source: &PasswordSource, terminal: Terminal) -> Result<Password, PasswordError> {
    let source = source.clone();
    let read = tokio::task::spawn_blocking(move || source.read_beside(terminal)).await;
    let lost = |_| PasswordError::Empty { source_name: "the password's source".into() };
    read.map_err(lost).flatten()
}

/// Who logs in where.
pub(crate) struct Who<'a> {
    /// The user's name there.
    pub(crate) user: &'a str,
    /// What is shown.
    pub(crate) proof: &'a Proof,
    /// The server's name.
    pub(crate) host: &'a str,
    /// Its TCP port.
    pub(crate) port: u16,
}

impl Who<'_> {
    /// A token, as it is shown to a server.
    pub(crate) fn token(&self, access: &Secret) -> Token {
        let (user, host) = (self.user.to_owned(), self.host.to_owned());
        Token { user, host, port: self.port, access: access.expose().to_owned() }
    }

    /// A password, as it is told to a server.
    pub(crate) fn credentials(&self, password: &Password) -> Credentials {
        Credentials { name: self.user.to_owned(), password: password.expose().into() }
    }

    /// The mechanisms to try, the best one first; `exporter` binds them to the TLS around (RFC 9266).
    pub(crate) fn ways(
        &self,
        offers: impl Fn(&str) -> bool,
        exporter: Option<Vec<u8>>,
    ) -> Vec<Box<dyn Client>> {
        let mut ways: Vec<Box<dyn Client>> = Vec::new();
        match self.proof {
            Proof::Password(password) => {
                let bound = exporter.filter(|_| offers("SCRAM-SHA-256-PLUS"));
                let binding = match bound {
                    Some(octets) => Some(Binding::Exporter(octets)),
                    None => offers("SCRAM-SHA-256").then_some(Binding::None),
                };
                let scram = |binding| ScramClient::new(self.user, password.clone(), binding);
                ways.extend(
                    binding.and_then(scram).map(|scram| Box::new(scram) as Box<dyn Client>),
                );
                let credentials = self.credentials(password);
                if offers("PLAIN") {
                    ways.push(Box::new(Plain(credentials)));
                } else if offers("LOGIN") {
                    ways.push(Box::new(LoginClient::new(credentials)));
                }
            }
            Proof::Token(access) => {
                let token = self.token(access);
                let known = [("OAUTHBEARER", Dialect::OAuthBearer), ("XOAUTH2", Dialect::XOAuth2)];
                let known = known.into_iter().find(|(name, _)| offers(name));
                if let Some((_, dialect)) = known.filter(|_| token.is_sayable()) {
                    ways.push(Box::new(Bearer::new(token, dialect)));
                }
            }
        }
        ways
    }
}

/// Who logs in, and how else it can be tried.
pub(crate) struct Ways {
    login: Login,
    proof: Proof,
    host: String,
    port: u16,
    /// None before the server has said what it offers.
    left: Option<std::vec::IntoIter<Box<dyn Client>>>,
}

impl Ways {
    pub(crate) fn new(login: Login, proof: Proof, (host, port): (&str, u16)) -> Self {
        Self { login, proof, host: host.to_owned(), port, left: None }
    }

    /// The best that wasn't tried yet.
    pub(crate) fn next(
        &mut self,
        offers: impl Fn(&str) -> bool,
        exporter: Option<Vec<u8>>,
    ) -> Option<Box<dyn Client>> {
        let Self { login, proof, host, port, left } = self;
        let who = Who { user: &login.user, proof, host, port: *port };
        left.get_or_insert_with(|| who.ways(offers, exporter).into_iter()).next()
    }

    /// What to do where the server says no.
    pub(crate) fn hint(&self) -> &'static str {
        self.login.hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_way_comes_first() {
        let password = Proof::Password(Password::for_tests("secret"));
        let token = Proof::Token(Secret::new("abc"));
        let odd = Proof::Token(Secret::new("a b"));
        let all = "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN OAUTHBEARER XOAUTH2";
        for (proof, offered, exporter, ways) in [
            (&password, all, true, "SCRAM-SHA-256-PLUS PLAIN"),
            (&password, all, false, "SCRAM-SHA-256 PLAIN"),
            (&password, "SCRAM-SHA-256-PLUS LOGIN", false, "LOGIN"),
            (&password, "OAUTHBEARER", true, ""),
            (&token, all, true, "OAUTHBEARER"),
            (&token, "PLAIN XOAUTH2", true, "XOAUTH2"),
            // A token is never told as a password.
            (&token, "PLAIN LOGIN SCRAM-SHA-256", true, ""),
            (&odd, all, true, ""),
        ] {
            let who = Who { user: "us", proof, host: "mx.example", port: 993 };
            let offers = |name: &str| offered.split(' ').any(|offered| offered == name);
            let found = who.ways(offers, exporter.then(|| vec![1; 32]));
            let found: Vec<&str> = found.iter().map(|way| way.mechanism()).collect();
            assert_eq!(found.join(" "), ways, "{offered}");
        }
    }
}
