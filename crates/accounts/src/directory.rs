//! A snapshot of users and aliases, and the questions that agents ask it.

use std::collections::HashSet;
use std::path::PathBuf;

use postroad_config::ImapSwitch;
use postroad_protocol::address::{Address, Domain, LocalPart};

use crate::aliases::{AliasIndex, Aliases, graph};
use crate::app_passwords::{AppPassword, AppPasswords, Label, Service};
use crate::error::AccountsError;
use crate::file::{self, Stamp};
use crate::limits;
use crate::name::{UserName, fold};
use crate::password::{Argon2Hash, Scheme, Stored};
use crate::scram::ScramKeys;
use crate::users::{QuotaRule, User, Users};
use crate::{Resolution, Sources, scram};

/// A snapshot of users and aliases. Looking things up in it touches no disk.
///
/// A local part is looked for in this order: an alias of the address, an alias of the name, a user;
/// then, where it has a detail, the same without the detail; then the catch-all of the domain. Last,
/// `postmaster` is the first user's (RFC 5321 §4.5.1).
#[derive(Debug)]
pub struct Directory {
    users: Users,
    aliases: Aliases,
    domains: Vec<Domain>,
    domains_set: HashSet<Domain>,
    detail_separator: char,
    app_passwords: AppPasswords,
    nobody: Nobody,
}

/// What a password for nobody is checked against: so many things, and as dear ones, as there are of users.
#[derive(Debug)]
struct Nobody {
    hash: Option<Argon2Hash>,
    keys: Option<ScramKeys>,
    /// What nobody's salts are made of.
    secret: [u8; 32],
}

/// What somebody logged in with.
#[derive(Debug, PartialEq, Eq)]
pub struct Login<'a> {
    /// Who it is.
    pub user: &'a UserName,
    /// With which of their app passwords; `None`: with their own.
    pub app_password: Option<&'a AppPassword>,
}

impl Nobody {
    fn among(users: &Users) -> Self {
        let keys = users.first_keys();
        let secret = match (users.secret(), keys) {
            (Some(secret), _) => scram::sha256(secret.as_bytes()),
            // A file that Dovecot's tools have written: what one user alone could find out.
            (None, Some(keys)) => keys.fingerprint(),
            (None, None) => [0; 32],
        };
        let keys = keys.map(|keys| keys.lookalike(&secret, ""));
        let hash = users.first_hash().map(Argon2Hash::lookalike);
        // With no user at all a password takes as long as it would with one.
        let hash = hash.or_else(|| keys.is_none().then(Argon2Hash::nobody));
        Self { hash, keys, secret }
    }
}

/// What a local part in a domain of ours is.
#[derive(Debug)]
pub(crate) enum Found<'a> {
    Alias(AliasIndex),
    CatchAll(AliasIndex),
    User {
        user: &'a UserName,
        detail: Option<&'a str>,
    },
    /// `postmaster`, of whom no file says anything.
    FirstUser(&'a UserName),
    Nobody,
}

impl Directory {
    /// Reads the files. A file that isn't there is empty. `read` gets the files that were looked at,
    /// with what tells when they change, after an error too.
    pub(crate) fn read(
        sources: &Sources,
        read: &mut Vec<(PathBuf, Stamp)>,
    ) -> Result<Self, AccountsError> {
        // The stamps come first: a file that changes while we read it is read again.
        *read = [&sources.users, &sources.aliases, &sources.app_passwords]
            .map(|path| (path.clone(), Stamp::now(path)))
            .to_vec();
        let users = match file::read(&sources.users)? {
            Some(contents) => Users::parse(&sources.users, &contents.text)?,
            None => Users::default(),
        };
        let aliases = match file::read(&sources.aliases)? {
            Some(contents) => {
                Aliases::parse(&sources.aliases, &contents.text, &sources.domains, read)?
            }
            None => Aliases::default(),
        };
        let app_passwords = match file::read(&sources.app_passwords)? {
            Some(contents) => AppPasswords::parse(&sources.app_passwords, &contents.text)?,
            None => AppPasswords::default(),
        };
        let nobody = Nobody::among(&users);
        let directory = Self {
            users,
            aliases,
            domains: sources.domains.clone(),
            domains_set: sources.domains.iter().cloned().collect(),
            detail_separator: sources.detail_separator,
            app_passwords,
            nobody,
        };
        graph::check(&directory, &directory.aliases)
            .map_err(|(line, problem)| AccountsError::line(&sources.aliases, line, problem))?;
        Ok(directory)
    }

    /// Whose `address` is. `postmaster` of every local domain is always known: without an alias it is
    /// the first user's (and with no user at all there is nobody to read it).
    pub fn resolve(&self, address: &Address) -> Resolution {
        if !self.is_local(&address.domain) {
            return Resolution::NotLocal;
        }
        match self.find(&address.local_part, &address.domain) {
            Found::Alias(_) | Found::CatchAll(_) => {
                let addresses = self.alias(address).unwrap_or_default();
                // A sender is told at once when nobody at all would get it.
                match addresses.iter().any(|address| self.has_recipient(address)) {
                    true => Resolution::Alias(addresses),
                    false => Resolution::Unknown,
                }
            }
            Found::User { user, detail } => {
                Resolution::Mailbox { user: user.clone(), detail: detail.map(str::to_owned) }
            }
            Found::FirstUser(user) => Resolution::Mailbox { user: user.clone(), detail: None },
            Found::Nobody => Resolution::Unknown,
        }
    }

    /// Where the alias that `address` is leads, whether anybody is there or not; `None` where it is none.
    pub fn alias(&self, address: &Address) -> Option<Vec<Address>> {
        let domain = self.own_domain(&address.domain)?;
        match self.find(&address.local_part, domain) {
            Found::Alias(alias) | Found::CatchAll(alias) => {
                Some(graph::expand(self, &self.aliases, alias, address))
            }
            Found::User { .. } | Found::FirstUser(_) | Found::Nobody => None,
        }
    }

    /// The mailbox that `address` names, past all aliases: what a delivery agent files by, once the
    /// aliases were expanded.
    pub fn mailbox(&self, address: &Address) -> Option<(&UserName, Option<String>)> {
        if !self.is_local(&address.domain) {
            return None;
        }
        let name = address.local_part.as_str();
        if let Some(user) = self.user(name) {
            return Some((user, None));
        }
        let (base, detail) = self.split_detail(name);
        self.user(base).map(|user| (user, detail.map(str::to_owned)))
    }

    /// Whether the domain is ours.
    pub fn is_local(&self, domain: &Domain) -> bool {
        self.domains_set.contains(domain)
    }

    /// The user of that name; the case of ASCII letters doesn't matter.
    pub fn user(&self, name: &str) -> Option<&UserName> {
        self.users.find(name).map(|user| &user.name)
    }

    /// What the mailbox of the user of that name may hold, where the file of users says something of it.
    pub fn quota(&self, name: &str) -> QuotaRule {
        self.users.find(name).map_or_else(QuotaRule::default, |user| user.quota)
    }

    /// Which extensions of IMAP are switched for the user of that name.
    pub fn imap_extensions(&self, name: &str) -> Vec<ImapSwitch> {
        self.users.find(name).map(|user| user.imap_extensions.clone()).unwrap_or_default()
    }

    /// Whether the user of that name is one of the host, with a home and rights there: what is theirs is touched by a process
    /// of theirs alone.
    pub fn is_of_host(&self, name: &str) -> bool {
        self.users.find(name).is_some_and(|user| user.is_of_host)
    }

    /// All users, in the order of the file.
    pub fn users(&self) -> impl Iterator<Item = &UserName> {
        self.users.names()
    }

    /// Checks a password, the user's own or an app password that is good for that. `name` is a user's name or address
    /// (`alice`, `alice@example.org`), taken literally: no aliases, no detail, no patterns.
    ///
    /// An app password that is right takes microseconds. All else takes tens of milliseconds and tens of MiB, for unknown
    /// users too (so that time doesn't tell who exists): run it where blocking is allowed, few at a time.
    pub fn verify(&self, name: &str, password: &[u8], service: Service) -> Option<Login<'_>> {
        if let Some(login) = self.verify_app_password(name, password, service) {
            return Some(login);
        }
        let user = self.login(name).filter(|_| password.len() <= limits::PASSWORD_OCTETS_MAX);
        let password = password.get(..limits::PASSWORD_OCTETS_MAX).unwrap_or(password);
        // One check of each kind that there is, whoever it is: time doesn't tell how a user's password is kept, either.
        let Nobody { hash: no_hash, keys: no_keys, .. } = &self.nobody;
        let (hash, keys) = match user.and_then(|user| user.password.as_ref()) {
            Some(Stored::Argon2id(hash)) => (Some(hash), no_keys.as_ref()),
            Some(Stored::Scram(keys)) => (no_hash.as_ref(), Some(keys)),
            None => (no_hash.as_ref(), no_keys.as_ref()),
        };
        let by_hash = hash.is_some_and(|hash| hash.matches(password));
        let by_keys = keys.is_some_and(|keys| keys.match_password(password));
        let user = user.filter(|_| by_hash || by_keys)?;
        Some(Login { user: &user.name, app_password: None })
    }

    /// Checks an app password alone. Takes microseconds.
    pub fn verify_app_password(
        &self,
        name: &str,
        password: &[u8],
        service: Service,
    ) -> Option<Login<'_>> {
        let user = &self.login(name)?.name;
        let app_password = self.app_passwords.find(user, password, service)?;
        Some(Login { user, app_password: Some(app_password) })
    }

    /// What an app password is called that isn't for what it was tried at. For the log alone: clients aren't told.
    pub fn app_password_for_others(&self, name: &str, password: &[u8]) -> Option<&Label> {
        let user = &self.login(name)?.name;
        self.app_passwords.find_for_any(user, password).map(|found| &found.label)
    }

    /// Whether any user has keys of SCRAM.
    pub fn has_scram_keys(&self) -> bool {
        self.nobody.keys.is_some()
    }

    /// Whether all users have.
    pub fn all_have_scram_keys(&self) -> bool {
        self.has_scram_keys() && self.nobody.hash.is_none()
    }

    /// Those who have none.
    pub fn without_scram_keys(&self) -> impl Iterator<Item = &UserName> {
        let has_none = |(_, scheme): &(&UserName, _)| *scheme == Some(Scheme::Argon2id);
        self.users.schemes().filter(has_none).map(|(name, _)| name)
    }

    /// The SCRAM keys of that name; of who has none, or isn't there, some that look like others' and stay the same. `None`
    /// where no user has any.
    pub fn scram_keys(&self, name: &str) -> Option<ScramKeys> {
        // Both, whoever it is: time doesn't tell.
        let made_up = self.nobody.keys.as_ref()?.lookalike(&self.nobody.secret, &self.plain(name));
        Some(match self.login(name).and_then(|user| user.password.as_ref()) {
            Some(Stored::Scram(keys)) => keys.clone(),
            Some(Stored::Argon2id(_)) | None => made_up,
        })
    }

    /// Checks a proof of SCRAM (RFC 5802 §3): the user who made it, and the server's own proof.
    pub fn verify_scram(
        &self,
        name: &str,
        auth_message: &[u8],
        proof: &[u8; 32],
    ) -> Option<(&UserName, [u8; 32])> {
        let signature = self.scram_keys(name)?.check(auth_message, proof)?;
        // Nobody has a password with the keys that are made up.
        self.login(name).map(|user| (&user.name, signature))
    }

    /// A name of no user, as it is compared: however it is spelt it gets the same salt.
    fn plain(&self, name: &str) -> String {
        let address = Address::parse(name).ok().filter(|address| self.is_local(&address.domain));
        fold(address.as_ref().map_or(name, |address| address.local_part.as_str()))
    }

    /// The user who logs in by that name: their own, or an address of theirs.
    pub fn login_name(&self, name: &str) -> Option<&UserName> {
        self.login(name).map(|user| &user.name)
    }

    /// Whether `user` may send as `address`: one that resolves to the user, alone or with others.
    pub fn owns(&self, user: &UserName, address: &Address) -> bool {
        match self.resolve(address) {
            Resolution::Mailbox { user: owner, .. } => owner == *user,
            Resolution::Alias(addresses) => addresses
                .iter()
                .any(|address| self.mailbox(address).is_some_and(|(owner, _)| owner == user)),
            Resolution::Unknown | Resolution::NotLocal => false,
        }
    }

    /// The user who logs in by that name, by whatever means; nobody whose line is wrong.
    fn login(&self, name: &str) -> Option<&User> {
        let user = match self.users.find(name) {
            Some(user) => Some(user),
            None => {
                let address = Address::parse(name).ok()?;
                let user = self.users.find(address.local_part.as_str());
                user.filter(|_| self.is_local(&address.domain))
            }
        };
        user.filter(|user| user.password.is_some())
    }

    /// Lines of the file of users that are wrong, the first [`limits::WRONG_LINES_MAX`]: nobody logs in as their users.
    pub fn wrong_lines(&self) -> &[AccountsError] {
        self.users.wrong()
    }

    /// Whether somebody may get what is sent there: somebody elsewhere, or a user of ours.
    fn has_recipient(&self, address: &Address) -> bool {
        !self.is_local(&address.domain) || self.mailbox(address).is_some()
    }

    pub(crate) fn domains(&self) -> &[Domain] {
        &self.domains
    }

    /// The domain as we hold it, where it is ours.
    pub(crate) fn own_domain(&self, domain: &Domain) -> Option<&Domain> {
        self.domains_set.get(domain)
    }

    /// What the local part is in a domain of ours.
    pub(crate) fn find<'a>(&'a self, local_part: &'a LocalPart, domain: &Domain) -> Found<'a> {
        let name = local_part.as_str();
        let exact = |name: &'a str, detail| match self.aliases.find(&fold(name), domain) {
            Some(alias) => Some(Found::Alias(alias)),
            None => self.user(name).map(|user| Found::User { user, detail }),
        };
        let (base, detail) = self.split_detail(name);
        let found = exact(name, None).or_else(|| match detail {
            Some(_) => exact(base, detail),
            None => None,
        });
        if let Some(found) = found {
            return found;
        }
        if let Some(alias) = self.aliases.catch_all(domain) {
            return Found::CatchAll(alias);
        }
        // RFC 5321 §4.5.1: mail to postmaster must be deliverable in every domain that we serve.
        match self.users.first() {
            Some(user) if base.eq_ignore_ascii_case("postmaster") => Found::FirstUser(&user.name),
            Some(_) | None => Found::Nobody,
        }
    }

    /// Parts `alice+lists` at the first separator that has something before it.
    pub fn split_detail<'a>(&self, name: &'a str) -> (&'a str, Option<&'a str>) {
        match name.split_once(self.detail_separator) {
            Some((base, detail)) if !base.is_empty() => (base, Some(detail)),
            Some(_) | None => (name, None),
        }
    }
}
