//! The settings in force, and how others take their place without ending a session.
//!
//! A reload reads everything first: settings, certificate, users, aliases, an issuer's keys. Where any of it is wrong nothing
//! changes, and the reason goes to the log and to whoever asked. Else connections to come are served with the new settings;
//! those that are there go on as they began. A user's process keeps what it was told: what it alone knows of counts for
//! that user's next one. What is bound to the start of the agent (sockets) needs a restart. Both are named.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use postroad_accounts::{AccountsError, Sources};
use postroad_config::{Config, ConfigError};
use postroad_logins::{Logins, TokensError};
use postroad_net::Slots;
use postroad_net::tls::{ServerTls, TlsError};
use postroad_observe::log::{self, LogError};
use postroad_observe::trace::Journal;
use postroad_protocol::address::Domain;

use super::Site;
use super::workers::{Limits, Workers};
use crate::{Door, events};

/// Why the old settings stay.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReloadError {
    #[error("this agent was started without a file of settings")]
    NoFile,
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("\"{0}\" is no host name: set \"hostname\" in the settings")]
    Hostname(String),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("cannot open the trace folder {}", path.display())]
    Trace { path: PathBuf, source: std::io::Error },
    #[error("cannot read the accounts")]
    Accounts(#[from] AccountsError),
    #[error("cannot take the issuer's tokens")]
    Tokens(#[source] TokensError),
    /// The agent stops, or the attempt panicked, which the log tells.
    #[error("the reload was interrupted")]
    Interrupted,
}

/// What was changed, and doesn't count at once: keys as `maa.imap`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Later {
    /// It counts after a restart.
    pub(crate) restart: Vec<String>,
    /// It counts for a user from the next process on.
    pub(crate) next_process: Vec<String>,
}

/// What there is for as long as the agent runs.
#[derive(Debug, Clone)]
pub(crate) struct Lasting {
    pub(crate) logins: Arc<Logins>,
    pub(crate) slots: Slots,
    pub(crate) workers: Workers,
    /// What listens.
    pub(crate) doors: Vec<(Door, SocketAddr)>,
}

/// What connections to come are served with.
#[derive(Debug)]
pub(crate) struct Live {
    /// The file of settings.
    file: OnceLock<PathBuf>,
    /// The agent's sockets are still those of these.
    started_with: Config,
    lasting: Lasting,
    site: RwLock<Arc<Site>>,
    /// The settings that the site is made of. One reload at a time.
    in_force: Mutex<Config>,
}

impl Live {
    pub(crate) fn new(config: &Config, site: Site, lasting: Lasting) -> Self {
        Self {
            file: OnceLock::new(),
            started_with: config.clone(),
            lasting,
            site: RwLock::new(Arc::new(site)),
            in_force: Mutex::new(config.clone()),
        }
    }

    /// A reload reads this file; the first that is named counts.
    pub(crate) fn read_from(&self, file: PathBuf) {
        self.file.get_or_init(|| file);
    }

    /// Who may log in.
    pub(crate) fn logins(&self) -> &Logins {
        &self.lasting.logins
    }

    /// What a connection that begins now is served with.
    pub(crate) fn site(&self) -> Arc<Site> {
        Arc::clone(&self.site.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the file of settings and all that it names, and puts it in force.
    pub(crate) async fn reload(self: &Arc<Self>) -> Result<Later, ReloadError> {
        let live = Arc::clone(self);
        let reloaded = tokio::task::spawn_blocking(move || {
            let file = live.file.get().ok_or(ReloadError::NoFile)?;
            live.apply(postroad_config::load(file)?.config)
        });
        let reloaded = reloaded.await.unwrap_or(Err(ReloadError::Interrupted));
        match &reloaded {
            Ok(later) => events::reloaded(later),
            Err(error) => events::reload_failed(error),
        }
        reloaded
    }

    /// Puts settings in force, all or nothing.
    pub(crate) fn apply(&self, mut config: Config) -> Result<Later, ReloadError> {
        let mut in_force = self.in_force.lock().unwrap_or_else(PoisonError::into_inner);
        let Lasting { logins, slots, workers, .. } = &self.lasting;
        let later = Later {
            restart: needs_restart(&self.started_with, &config),
            next_process: needs_process(&in_force, &config),
        };
        // First all that can fail …
        let name = Domain::parse(&config.hostname)
            .map_err(|_| ReloadError::Hostname(config.hostname.clone()))?;
        log::check_level(&config.log.level)?;
        let tls = server_tls(&config)?;
        let trace = &config.trace;
        Journal::open(&trace.dir, "maa", trace.size_max)
            .map_err(|source| ReloadError::Trace { path: trace.dir.clone(), source })?;
        let accounts = logins.accounts().prepare(Sources::of(&config))?;
        let tokens = Logins::prepare(&config.accounts).map_err(ReloadError::Tokens)?;
        // … then all that can't.
        log::set_level(&config.log.level)?;
        logins.accounts().adopt(accounts);
        logins.adopt(tokens);
        slots.limit(config.maa.connections_max, config.maa.connections_per_client_max);
        workers.limit(Limits::of(&config));
        // One log has one form.
        config.log.format = self.started_with.log.format;
        let site = Site::of(&config, name, tls, &self.lasting);
        *self.site.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(site);
        *in_force = config;
        Ok(later)
    }
}

/// The certificate of the settings, where they name one.
pub(crate) fn server_tls(config: &Config) -> Result<Option<ServerTls>, TlsError> {
    match (&config.tls.certificate, &config.tls.key) {
        (Some(certificate), Some(key)) => ServerTls::load(certificate, key).map(Some),
        (None, _) | (_, None) => Ok(None),
    }
}

/// What was changed and is bound to the start of the agent.
fn needs_restart(old: &Config, new: &Config) -> Vec<String> {
    let has_tls = |config: &Config| config.tls.certificate.is_some();
    let changed = |door: &Door| {
        let (old_addresses, new_addresses) = (door.addresses(old), door.addresses(new));
        // Without a certificate some are closed.
        let opens = door.needs_certificate() && has_tls(old) != has_tls(new);
        old_addresses != new_addresses || (opens && !new_addresses.is_empty())
    };
    let doors = Door::ALL.iter().filter(|door| changed(door)).map(|door| door.key().to_owned());
    let others = [
        ("maa.control", old.maa.control != new.maa.control),
        ("log.format", old.log.format != new.log.format),
    ];
    doors.chain(named(&others)).collect()
}

/// What was changed and users' processes know.
fn needs_process(old: &Config, new: &Config) -> Vec<String> {
    let changed = [
        ("hostname", old.hostname != new.hostname),
        ("log.level", old.log.level != new.log.level),
        ("trace", old.trace != new.trace),
        ("mda.maildir", old.mda.maildir != new.mda.maildir),
        ("mda.sieve", old.mda.sieve != new.mda.sieve),
        ("mda.quota", old.mda.quota != new.mda.quota),
        ("maa.park_after", old.maa.park_after != new.maa.park_after),
        ("maa.imap_extensions", old.maa.imap_extensions != new.maa.imap_extensions),
        ("maa.full_text", old.maa.full_text != new.maa.full_text),
        ("maa.pop3_deleted", old.maa.pop3_deleted != new.maa.pop3_deleted),
    ];
    named(&changed).collect()
}

fn named(changed: &[(&str, bool)]) -> impl Iterator<Item = String> {
    changed.iter().filter(|(_, changed)| *changed).map(|(key, _)| (*key).to_owned())
}
