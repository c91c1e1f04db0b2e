//! The question that agents ask, and what it takes to answer it.

use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use postroad_accounts::{Accounts, Label, Login, Service, UserName};
use postroad_config::ScramOffer;
use postroad_net::io::ChannelBindings;
use postroad_protocol::sasl::bearer::Bearer;
use postroad_protocol::sasl::scram::{ChannelBinding, ClientFirst, Proof, Proven};
use postroad_protocol::sasl::{Attempt, Challenge, Credentials, Offer, Offered};
use tokio::sync::Semaphore;

use crate::guessing::{Guess, Guesses, Network, Turn};
use crate::limits;
use crate::tokens::{Bad, Tokens, TokensError};

/// Checks logins. All that share one wait for each other.
#[derive(Debug)]
pub struct Logins {
    accounts: Arc<Accounts>,
    guesses: Guesses,
    checks: Arc<Semaphore>,
    ways: RwLock<Ways>,
}

/// By what somebody may log in, beside passwords.
#[derive(Debug, Clone)]
struct Ways {
    scram: ScramOffer,
    tokens: Option<Arc<Tokens>>,
}

/// Settings and keys of an issuer that were read and aren't in force yet.
#[derive(Debug)]
#[must_use = "they count only once they are adopted"]
pub struct Prepared(Ways);

/// Who wants to log in, to what.
#[derive(Debug, Clone, Copy)]
pub struct Client<'a> {
    /// Where it is; a client that isn't an IP address is on this host and waits for nothing.
    pub ip: Option<IpAddr>,
    /// What it wants.
    pub service: Service,
    /// What a login can be bound to.
    pub bindings: &'a ChannelBindings,
}

/// What became of an attempt.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They are who they say.
    Right(LoggedIn),
    /// The mechanism goes on with this.
    GoOn(Challenge),
    /// They aren't.
    No(Refusal),
}

/// Somebody who is let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedIn {
    /// Who it is.
    pub user: UserName,
    /// How they have shown it.
    pub by: By,
}

/// How somebody has shown who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// By the user's own password.
    Password,
    /// By that app password.
    AppPassword(Label),
    /// By SCRAM.
    Scram,
    /// By an access token.
    Token,
}

/// For the log.
impl std::fmt::Display for By {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Password => f.write_str("password"),
            Self::AppPassword(label) => write!(f, "app password \"{label}\""),
            Self::Scram => f.write_str("SCRAM"),
            Self::Token => f.write_str("token"),
        }
    }
}

/// What became of a password.
enum Checked {
    Right(LoggedIn),
    Wrong {
        /// The app password that it is, for protocols other than this one.
        elsewhere: Option<Label>,
    },
}

/// Why nobody is logged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Name or password is wrong; which of them is not told.
    Wrong,
    /// Too many were wrong that came from there; nothing was checked.
    Banned,
    /// They could not be checked.
    Unavailable,
}

impl Logins {
    /// Of these users, by passwords alone.
    pub fn new(accounts: Arc<Accounts>) -> Self {
        let checks = Arc::new(Semaphore::new(limits::PASSWORD_CHECKS_MAX));
        let ways = RwLock::new(Ways { scram: ScramOffer::Off, tokens: None });
        Self { accounts, guesses: Guesses::default(), checks, ways }
    }

    /// Reads the keys of the issuer whose tokens are to be taken, if any; [`Logins::adopt`] puts them in force.
    ///
    /// # Errors
    /// Where there are none that can be used.
    pub fn prepare(settings: &postroad_config::Accounts) -> Result<Prepared, TokensError> {
        let tokens = Tokens::open(&settings.oauth)?.map(Arc::new);
        Ok(Prepared(Ways { scram: settings.scram, tokens }))
    }

    /// Puts in force what was prepared, for logins to come.
    pub fn adopt(&self, Prepared(ways): Prepared) {
        *self.ways.write().unwrap_or_else(PoisonError::into_inner) = ways;
    }

    fn ways(&self) -> Ways {
        self.ways.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The users.
    pub fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// What is offered beside PLAIN and LOGIN. Who has no keys of SCRAM only fails with a program that prefers it.
    pub fn offer(&self) -> Offer {
        let Ways { scram, tokens } = self.ways();
        let offered = |yes: bool| if yes { Offered::Yes } else { Offered::No };
        let directory = self.accounts.directory();
        let scram = match scram {
            ScramOffer::All => directory.all_have_scram_keys(),
            ScramOffer::Any => directory.has_scram_keys(),
            ScramOffer::Off => false,
        };
        Offer { scram: offered(scram), tokens: offered(tokens.is_some()) }
    }

    /// What becomes of an attempt. Unknown names take as long as wrong passwords, and are answered alike.
    pub async fn judge(&self, attempt: Attempt, client: Client<'_>) -> Verdict {
        match attempt {
            Attempt::Password(credentials) => self.password(credentials, client).await,
            Attempt::Scram(first) => self.scram(first, client).await,
            Attempt::Proof(proof) => self.proof(proof, client),
            Attempt::Proven(proven) => self.proven(&proven, client),
            Attempt::Token(bearer) => self.token(bearer, client).await,
        }
    }

    async fn password(&self, credentials: Credentials, client: Client<'_>) -> Verdict {
        let Credentials { name, password } = credentials;
        let service = client.service;
        let guess = self.guess(&name, &password, client);
        // The wait comes before the check, so that parallel connections of one guesser wait too.
        if let Err(refusal) = self.wait(guess).await {
            return Verdict::No(refusal);
        }
        let (directory, asked) = (self.accounts.directory(), name.clone());
        // Costs nothing, so it waits for nobody's check.
        if let Some(login) = directory.verify_app_password(&name, &password, service) {
            return self.right(guess, LoggedIn::from(login));
        }
        // In the order of their coming: a thousand guessers delay the owner and don't starve them.
        let Ok(permit) = Arc::clone(&self.checks).acquire_owned().await else {
            return Verdict::No(Refusal::Unavailable);
        };
        let check = tokio::task::spawn_blocking(move || {
            let checked = match directory.verify(&name, &password, service) {
                Some(login) => Checked::Right(login.into()),
                None => {
                    let elsewhere = directory.app_password_for_others(&name, &password);
                    Checked::Wrong { elsewhere: elsewhere.cloned() }
                }
            };
            // A client that has gone meanwhile doesn't free the place of a check that still runs.
            drop(permit);
            checked
        });
        match check.await {
            Ok(Checked::Right(login)) => self.right(guess, login),
            Ok(Checked::Wrong { elsewhere }) => {
                if let Some(label) = elsewhere {
                    let ip = client.ip.map(|ip| ip.to_string());
                    // Here alone: who tries it hears what everybody hears whose password is wrong.
                    tracing::warn!(
                        service = service.name(),
                        client = ip,
                        name = asked,
                        app_password = label.as_str(),
                        "an app password was tried that is for other protocols"
                    );
                }
                self.wrong(guess, client)
            }
            Err(_) => Verdict::No(Refusal::Unavailable),
        }
    }

    /// RFC 5802 §5: the client learns its salt; or one that looks like it (RFC 5802 §9).
    async fn scram(&self, first: ClientFirst, client: Client<'_>) -> Verdict {
        // Here, where a login begins, guessing is slowed; the proof is judged at once.
        if let Err(refusal) = self.wait(self.guess(first.name(), b"", client)).await {
            return Verdict::No(refusal);
        }
        let bound = match first.binding() {
            None => Some(&[][..]),
            Some(ChannelBinding::TlsExporter) => client.bindings.exporter.as_deref(),
            Some(ChannelBinding::TlsServerEndPoint) => client.bindings.server_end_point.as_deref(),
        };
        let keys = self.accounts.directory().scram_keys(first.name());
        match (keys, bound, nonce()) {
            (Some(keys), Some(bound), Some(nonce)) => {
                Verdict::GoOn(first.challenge(keys.salt(), keys.iterations(), &nonce, bound))
            }
            // This connection has nothing of that kind.
            (Some(_), None, Some(_)) => Verdict::No(Refusal::Wrong),
            // Nobody has keys any more, or there are no random numbers.
            (None, ..) | (_, _, None) => Verdict::No(Refusal::Unavailable),
        }
    }

    fn proof(&self, proof: Proof, client: Client<'_>) -> Verdict {
        let directory = self.accounts.directory();
        let guess = self.guess(proof.name(), proof.client_proof(), client);
        let right =
            directory.verify_scram(proof.name(), proof.auth_message(), proof.client_proof());
        match right {
            Some((_, signature)) => Verdict::GoOn(proof.accepted(&signature)),
            None => self.wrong(guess, client),
        }
    }

    fn proven(&self, proven: &Proven, client: Client<'_>) -> Verdict {
        let guess = self.guess(proven.name(), b"", client);
        match self.accounts.directory().login_name(proven.name()) {
            Some(user) => self.right(guess, LoggedIn { user: user.clone(), by: By::Scram }),
            // Was removed between two lines.
            None => self.wrong(guess, client),
        }
    }

    /// RFC 7628 §3.2
    async fn token(&self, bearer: Bearer, client: Client<'_>) -> Verdict {
        let name = bearer.name().unwrap_or_default();
        let guess = self.guess(name, bearer.token().as_bytes(), client);
        if let Err(refusal) = self.wait(guess).await {
            return Verdict::No(refusal);
        }
        // Was offered, and isn't any more.
        let Some(tokens) = self.ways().tokens else { return Verdict::No(Refusal::Unavailable) };
        let directory = self.accounts.directory();
        let bad = match tokens.check(bearer.token()) {
            Ok(claimed) => match directory.login_name(&claimed) {
                // Nobody is somebody else by a token of their own.
                Some(user)
                    if bearer
                        .name()
                        .is_none_or(|name| directory.login_name(name) == Some(user)) =>
                {
                    let user = user.clone();
                    let own = self.guess(user.as_str(), b"", client);
                    return self.right(own, LoggedIn { user, by: By::Token });
                }
                Some(_) | None => Bad::User,
            },
            Err(bad) => bad,
        };
        let ip = client.ip.map(|ip| ip.to_string());
        tracing::warn!(service = client.service.name(), client = ip, name, reason = %bad, "token refused");
        // An old token was a right one: programs try it before they fetch another.
        if bad != Bad::Expired {
            self.count(guess, client);
        }
        Verdict::GoOn(Bearer::refused(&tokens.error_json(&bearer)))
    }

    fn guess(&self, name: &str, secret: &[u8], client: Client<'_>) -> Option<Guess> {
        let directory = self.accounts.directory();
        // However the name is spelt: an address, capitals.
        let name = directory.login_name(name).map_or(name, UserName::as_str);
        client.ip.map(|ip| self.guesses.guess(ip, name, secret))
    }

    async fn wait(&self, guess: Option<Guess>) -> Result<(), Refusal> {
        match guess.map(|guess| self.guesses.turn(guess, Instant::now())) {
            Some(Turn::Banned) => Err(Refusal::Banned),
            Some(Turn::After(delay)) => {
                tokio::time::sleep(delay).await;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn right(&self, guess: Option<Guess>, login: LoggedIn) -> Verdict {
        if let Some(guess) = guess {
            self.guesses.was_right(guess, Instant::now());
        }
        Verdict::Right(login)
    }

    fn wrong(&self, guess: Option<Guess>, client: Client<'_>) -> Verdict {
        self.count(guess, client);
        Verdict::No(Refusal::Wrong)
    }

    /// Counts a wrong one, and tells where a ban begins.
    fn count(&self, guess: Option<Guess>, client: Client<'_>) {
        let banned = guess.and_then(|guess| self.guesses.was_wrong(guess, Instant::now()));
        if let Some(network) = banned {
            let (service, minutes) = (client.service.name(), limits::BAN_TIME.as_secs() / 60);
            tracing::warn!(service, %network, minutes, "a network is banned: too many different wrong passwords came from it (postroad bans)");
        }
    }

    /// Networks that are banned now, and for how long still.
    pub fn bans(&self) -> Vec<(Network, Duration)> {
        self.guesses.bans(Instant::now())
    }

    /// Lifts the ban of the network of that address, and forgets its guesses; whether it was banned.
    pub fn lift_ban(&self, ip: IpAddr) -> bool {
        let was_banned = self.guesses.lift(ip, Instant::now());
        if was_banned {
            tracing::info!(client = %ip, "an operator has lifted the ban of this network");
        }
        was_banned
    }
}

impl From<Login<'_>> for LoggedIn {
    fn from(login: Login<'_>) -> Self {
        let by = match login.app_password {
            Some(app_password) => By::AppPassword(app_password.label.clone()),
            None => By::Password,
        };
        Self { user: login.user.clone(), by }
    }
}

/// RFC 5802 §5.1: what nobody can foresee, in printable characters.
fn nonce() -> Option<String> {
    let mut octets = [0; 18];
    aws_lc_rs::rand::fill(&mut octets).ok()?;
    Some(STANDARD.encode(octets))
}

#[cfg(test)]
mod tests {
    use postroad_accounts::{Scheme, Sources, app_passwords, users};
    use postroad_config::Config;
    use postroad_protocol::sasl::{Exchange, Mechanism, Progress, scram};

    use super::*;

    struct Site {
        folder: tempfile::TempDir,
        logins: Logins,
        bindings: ChannelBindings,
    }

    fn name(text: &str) -> UserName {
        UserName::parse(text).expect("a name")
    }

    impl Site {
        /// alice and bob have hashes, carol has keys.
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("users");
            for (user, scheme) in
                [("alice", Scheme::Argon2id), ("bob", Scheme::Argon2id), ("carol", Scheme::Scram)]
            {
                users::add(&path, &name(user), b"right", scheme).expect("added");
            }
            let sources = Sources {
                users: path,
                aliases: folder.path().join("aliases"),
                app_passwords: folder.path().join("app-passwords"),
                domains: vec!["our.example".parse().expect("a domain")],
                detail_separator: '+',
            };
            let logins = Logins::new(Arc::new(Accounts::open(sources).expect("opened")));
            let bindings = ChannelBindings { exporter: Some(vec![7; 32]), server_end_point: None };
            Self { folder, logins, bindings }
        }

        async fn judge(&self, attempt: Attempt, from: &str) -> Verdict {
            let ip = Some(from.parse().expect("an address"));
            let client = Client { ip, service: Service::Imap, bindings: &self.bindings };
            self.logins.judge(attempt, client).await
        }

        async fn password(
            &self,
            from: &str,
            name: &str,
            password: &str,
        ) -> Result<String, Refusal> {
            let password = password.as_bytes().to_vec();
            let attempt = Attempt::Password(Credentials { name: name.to_owned(), password });
            match self.judge(attempt, from).await {
                Verdict::Right(LoggedIn { user, by }) => Ok(format!("{user} by {by}")),
                Verdict::No(refusal) => Err(refusal),
                Verdict::GoOn(challenge) => panic!("{challenge:?}"),
            }
        }

        /// What the server says to a client's first message.
        async fn first(&self, from: &str, variant: scram::Variant, text: &str) -> Verdict {
            let mechanism = Mechanism::Scram(variant);
            let progress = Exchange::start_decoded(mechanism, Some(text.as_bytes()));
            let Progress::Done(attempt) = progress else { panic!("{progress:?}") };
            self.judge(attempt, from).await
        }

        async fn salt(&self, name: &str) -> String {
            let text = format!("n,,n={name},r=x");
            match self.first("192.0.2.1", scram::Variant::Alone, &text).await {
                Verdict::GoOn(challenge) => {
                    let octets = STANDARD.decode(&*challenge.text);
                    let text = String::from_utf8(octets.expect("base64")).expect("UTF-8");
                    text.split_once(",s=").expect("a salt").1.to_owned()
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn s35_who_guesses_is_banned_and_the_owner_is_not() {
        let site = Site::new();
        let (home, elsewhere) = ("192.0.2.1", "192.0.2.2");
        let (alice, bob) = (Ok("alice by password".to_owned()), Ok("bob by password".to_owned()));
        assert_eq!(site.password(home, "Alice@our.example", "right").await, alice);
        for n in 0..limits::GUESSES_BEFORE_BAN {
            let wrong = site.password(home, "bob", &n.to_string()).await;
            assert_eq!(wrong, Err(Refusal::Wrong), "{n}");
        }
        assert_eq!(site.password(home, "bob", "right").await, Err(Refusal::Banned));
        assert_eq!(site.password(home, "nobody", "right").await, Err(Refusal::Banned));
        let bans: Vec<String> =
            site.logins.bans().iter().map(|(network, _)| network.to_string()).collect();
        assert_eq!(bans, [home]);
        let banned = site.first(home, scram::Variant::Alone, "n,,n=carol,r=x").await;
        assert_eq!(banned, Verdict::No(Refusal::Banned));
        // However she spells her name.
        assert_eq!(site.password(home, "alice", "right").await, alice);
        assert_eq!(site.password(elsewhere, "bob", "right").await, bob);
        assert!(site.logins.lift_ban(home.parse().expect("an address")));
        assert_eq!(site.password(home, "bob", "right").await, bob);
    }

    #[tokio::test(start_paused = true)]
    async fn s35_proofs_of_scram_are_guesses() {
        let site = Site::new();
        for n in 0..limits::GUESSES_BEFORE_BAN {
            let proof = STANDARD.encode([n as u8; 32]);
            let first = site.first("192.0.2.1", scram::Variant::Alone, "n,,n=carol,r=x").await;
            let Verdict::GoOn(challenge) = first else { panic!("{n}: {first:?}") };
            let said = STANDARD.decode(&*challenge.text);
            let said = String::from_utf8(said.expect("base64")).expect("UTF-8");
            let nonce = said.split(',').next().expect("a nonce");
            let text = format!("c=biws,{nonce},p={proof}");
            let line = STANDARD.encode(text);
            let progress = challenge.exchange.respond(line.as_bytes());
            let Progress::Done(attempt) = progress else { panic!("{progress:?}") };
            let verdict = site.judge(attempt, "192.0.2.1").await;
            assert_eq!(verdict, Verdict::No(Refusal::Wrong), "{n}");
        }
        let banned = site.first("192.0.2.1", scram::Variant::Alone, "n,,n=carol,r=x").await;
        assert_eq!(banned, Verdict::No(Refusal::Banned));
    }

    #[tokio::test(start_paused = true)]
    async fn s34_nobody_can_tell_by_a_salt_who_exists() {
        let site = Site::new();
        // Real, without keys, not there: each has a salt of its own, of the same form, that stays.
        let mut salts = std::collections::BTreeSet::new();
        for name in ["carol", "alice", "nobody"] {
            let salt = site.salt(name).await;
            assert!(salt.ends_with(",i=65536") && salt.len() == 24 + 8, "{name}: {salt}");
            assert_eq!(site.salt(name).await, salt, "{name}");
            assert_eq!(site.salt(&format!("{name}@our.example")).await, salt, "{name}");
            assert_eq!(site.salt(&name.to_uppercase()).await, salt, "{name}");
            salts.insert(salt);
        }
        assert_eq!(salts.len(), 3, "{salts:?}");
        // The other agents, and we after a restart, say the same; and other hosts don't.
        let other = Site::new();
        assert_ne!(other.salt("nobody").await, site.salt("nobody").await);
        std::fs::copy(site.folder.path().join("users"), other.folder.path().join("users"))
            .expect("copied");
        other.logins.accounts().reload().expect("read");
        assert_eq!(other.salt("nobody").await, site.salt("nobody").await);
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_keys_can_send_the_password_too() {
        let site = Site::new();
        assert_eq!(
            site.password("192.0.2.1", "carol", "right").await,
            Ok("carol by password".into())
        );
        assert_eq!(site.password("192.0.2.1", "carol", "wrong").await, Err(Refusal::Wrong));
    }

    #[tokio::test]
    async fn scram_is_offered_where_nobody_is_locked_out_by_it() {
        let site = Site::new();
        let users = site.folder.path().join("users");
        let offered = |scram| {
            let settings = postroad_config::Accounts { scram, ..Config::default().accounts };
            site.logins.adopt(Logins::prepare(&settings).expect("prepared"));
            site.logins.accounts().reload().expect("read");
            site.logins.offer().scram == Offered::Yes
        };
        let all = [ScramOffer::All, ScramOffer::Any, ScramOffer::Off];
        assert_eq!(Config::default().accounts.scram, ScramOffer::All);
        // carol alone has keys.
        assert_eq!(all.map(offered), [false, true, false]);
        let mut without = Vec::new();
        without.extend(site.logins.accounts().directory().without_scram_keys().cloned());
        assert_eq!(without, [name("alice"), name("bob")]);
        for user in ["alice", "bob"] {
            users::set_password(&users, &name(user), b"right", Scheme::Scram).expect("set");
        }
        assert_eq!(all.map(offered), [true, true, false]);
        for user in ["alice", "bob", "carol"] {
            users::set_password(&users, &name(user), b"right", Scheme::Argon2id).expect("set");
        }
        assert_eq!(all.map(offered), [false; 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_login_is_bound_to_what_its_connection_has() {
        let site = Site::new();
        let plus = scram::Variant::Plus;
        let bound = site.first("192.0.2.1", plus, "p=tls-exporter,,n=carol,r=x").await;
        assert!(matches!(bound, Verdict::GoOn(_)), "{bound:?}");
        let unbound = site.first("192.0.2.1", plus, "p=tls-server-end-point,,n=carol,r=x").await;
        assert_eq!(unbound, Verdict::No(Refusal::Wrong));
    }

    #[tokio::test(start_paused = true)]
    async fn an_app_password_waits_for_no_check_and_is_good_for_what_it_says() {
        let site = Site::new();
        let path = site.folder.path().join("app-passwords");
        let label = |text| Label::parse(text).expect("a label");
        let phone = app_passwords::add(&path, &name("alice"), &label("phone"), &[Service::Imap]);
        let mail =
            app_passwords::add(&path, &name("alice"), &label("mail"), &[Service::Submission]);
        let (phone, mail) = (phone.expect("made"), mail.expect("made"));
        site.logins.accounts().reload().expect("read");
        // All places for checks are taken, for good.
        let places = Arc::clone(&site.logins.checks);
        let taken = places.acquire_many_owned(limits::PASSWORD_CHECKS_MAX as u32).await;
        let by_phone = Ok("alice by app password \"phone\"".to_owned());
        assert_eq!(site.password("192.0.2.1", "alice", &phone).await, by_phone);
        drop(taken);
        assert_eq!(site.password("192.0.2.1", "alice", &mail).await, Err(Refusal::Wrong));
        assert_eq!(site.password("192.0.2.1", "bob", &phone).await, Err(Refusal::Wrong));
        app_passwords::remove(&path, &name("alice"), &label("phone")).expect("removed");
        site.logins.accounts().reload().expect("read");
        assert_eq!(site.password("192.0.2.1", "alice", &phone).await, Err(Refusal::Wrong));
    }
}
