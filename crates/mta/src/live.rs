//! The settings in force, and how others take their place without dropping a session.
//!
//! A reload reads everything first: settings, certificate, users, aliases, passwords of routes. Where any of it is
//! wrong nothing changes, and the reason goes to the log and to whoever asked. Else new sessions are held with
//! the new settings; those that are open go on as they began, with the certificate that they shook hands with.
//! What is bound to the start of the process (sockets, folders) needs a restart, and is named.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use postroad_accounts::{AccountsError, Sources};
use postroad_config::{Config, ConfigError, LogFormat};
use postroad_logins::{Logins, TokensError};
use postroad_net::process;
use postroad_net::tls::{ServerTls, TlsError};
use postroad_observe::log::{self, LogError};

use crate::events;
use crate::inbound::Inbound;

/// Files that are neither client connections nor deliveries: queue segments, trace, log, sockets, name servers,
/// and connections that are turned away.
const OTHER_FILES: usize = 200;

/// Why the old settings stay.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReloadError {
    #[error("this agent was started without a file of settings")]
    NoFile,
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("cannot read the accounts")]
    Accounts(#[from] AccountsError),
    #[error("cannot take the issuer's tokens")]
    Tokens(#[source] TokensError),
    #[error("cannot use the routes")]
    Routes(#[source] anyhow::Error),
    /// The agent stops, or the attempt panicked, which the log tells.
    #[error("the reload was interrupted")]
    Interrupted,
}

/// What sessions to come are held with.
pub(crate) struct Live {
    /// The file of settings.
    file: Option<PathBuf>,
    /// What the process started with: its sockets and folders are still those.
    started_with: Arc<Config>,
    inbound: RwLock<Arc<Inbound>>,
    /// One reload at a time.
    reloading: Mutex<()>,
}

impl Live {
    pub(crate) fn new(inbound: Inbound, file: Option<PathBuf>) -> Self {
        Self {
            file,
            started_with: Arc::clone(&inbound.config),
            inbound: RwLock::new(Arc::new(inbound)),
            reloading: Mutex::new(()),
        }
    }

    /// What a session that begins now is held with.
    pub(crate) fn inbound(&self) -> Arc<Inbound> {
        Arc::clone(&self.inbound.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the file of settings and all that it names, and puts it in force; gives the keys that count only
    /// after a restart.
    pub(crate) async fn reload(self: &Arc<Self>) -> Result<Vec<String>, ReloadError> {
        let live = Arc::clone(self);
        let reloaded = tokio::task::spawn_blocking(move || {
            let file = live.file.as_deref().ok_or(ReloadError::NoFile)?;
            live.apply(postroad_config::load(file)?.config)
        });
        let reloaded = reloaded.await.unwrap_or(Err(ReloadError::Interrupted));
        match &reloaded {
            Ok(restart) => events::reloaded(restart),
            Err(error) => events::reload_failed(error),
        }
        reloaded
    }

    /// Puts settings in force, all or nothing.
    pub(crate) fn apply(&self, config: Config) -> Result<Vec<String>, ReloadError> {
        let _one_at_a_time = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.inbound();
        // First all that can fail …
        log::check_level(&config.log.level)?;
        let tls = server_tls(&config)?;
        let accounts = old.accounts.prepare(Sources::of(&config))?;
        let tokens = Logins::prepare(&config.accounts).map_err(ReloadError::Tokens)?;
        old.engine.reload(&config).map_err(ReloadError::Routes)?;
        // … then all that can't.
        log::set_level(&config.log.level)?;
        old.accounts.adopt(accounts);
        old.logins.adopt(tokens);
        // Domains may be ours now that weren't, or no longer.
        old.engine.refresh();
        old.slots.limit(connections_max(&config), config.mta.connections_per_client_max);
        let restart = needs_restart(&self.started_with, &config);
        let hostname = config.hostname.as_str().into();
        let inbound = Inbound { config: Arc::new(config), hostname, tls, ..Inbound::clone(&old) };
        *self.inbound.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(inbound);
        Ok(restart)
    }
}

/// Connections at once: as many as are set, unless too few files can be opened. What is queued is delivered
/// however many clients there are (row F09).
pub(crate) fn connections_max(config: &Config) -> usize {
    let files = process::raise_file_limit();
    let files_max = usize::try_from(files).unwrap_or(usize::MAX);
    let deliveries = config.mta.deliveries_max.saturating_add(OTHER_FILES);
    let left = files_max.saturating_sub(deliveries).max(files_max / 2);
    if left < config.mta.connections_max {
        events::connections_capped(files, left);
    }
    left.min(config.mta.connections_max)
}

/// The certificate of the settings, where they name one.
pub(crate) fn server_tls(config: &Config) -> Result<Option<ServerTls>, TlsError> {
    match (&config.tls.certificate, &config.tls.key) {
        (Some(certificate), Some(key)) => ServerTls::load(certificate, key).map(Some),
        (None, _) | (_, None) => Ok(None),
    }
}

/// What was changed and is bound to the start of the process.
fn needs_restart(old: &Config, new: &Config) -> Vec<String> {
    let has_tls = |config: &Config| config.tls.certificate.is_some();
    let format = |config: &Config| config.log.format == LogFormat::Json;
    let changed = [
        // Clients are greeted by the new name; next hops still hear the old one.
        ("hostname", old.hostname != new.hostname),
        ("tls.trust", old.tls.trust != new.tls.trust),
        ("mta.dns", old.mta.dns != new.mta.dns),
        ("mta.family", old.mta.family != new.mta.family),
        ("mta.source", old.mta.source != new.mta.source),
        ("mta.smtp", old.mta.smtp != new.mta.smtp),
        ("mta.submission", old.mta.submission != new.mta.submission),
        // Without a certificate the port is closed.
        ("mta.submissions", {
            old.mta.submissions != new.mta.submissions || has_tls(old) != has_tls(new)
        }),
        ("mta.socket", old.mta.socket != new.mta.socket),
        ("mta.control", old.mta.control != new.mta.control),
        ("mta.queue", old.mta.queue != new.mta.queue),
        ("trace", old.trace != new.trace),
        ("log.format", format(old) != format(new)),
    ];
    changed.iter().filter(|(_, changed)| *changed).map(|(key, _)| (*key).to_owned()).collect()
}
