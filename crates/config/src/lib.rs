//! The one file of settings, `postroad.toml`: text in, typed settings out.
//!
//! Every field has a default; [`Config::default`] is a host that trusts nobody, relays nothing and
//! offers no clear-text login. Relative paths are under [`Config::data`]. Unknown keys are errors.
//! `config/postroad.toml` shows every key with its default; a test holds the two together.
#![forbid(unsafe_code)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use postroad_protocol::address::Domain;
use serde::Deserialize;

pub mod defaults;
mod deleted;
mod document;
mod explain;
mod extensions;
mod filters;
mod load;
mod next_hop;
mod quota;
mod routes;
mod semantics;
mod source;
mod submit;
mod trust;
mod units;

pub use deleted::{Pop3Deleted, Pop3DeletedError};
pub use document::Place;
pub use extensions::{
    IMAP_EXTENSIONS, IMAP_EXTENSIONS_UNLESS_ASKED, IMAP_LETTERS_LIMIT, ImapSwitch, ImapSwitchError,
    SwitchedTo,
};
pub use filters::Filters;
pub use load::{ConfigError, Loaded, Problem, built_in, load, parse};
pub use next_hop::{NextHop, NextHopError};
pub use quota::{MailboxQuota, OverQuota, OverQuotaError};
pub use source::{Family, Source};
pub use submit::{Submit, SubmitError};
pub use units::Network;

/// All settings of all agents.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The folder that holds everything Postroad keeps: queue, mail, accounts, traces, sockets.
    pub data: PathBuf,
    /// This host's name in greetings, EHLO, `Received` and queue ids; [`load`] puts the system's
    /// where it is empty.
    pub hostname: String,
    /// The domains whose mail is ours.
    #[serde(deserialize_with = "units::domains")]
    pub domains: Vec<Domain>,
    /// What the agents write to standard error.
    pub log: Log,
    /// What is kept for `postroad trace`.
    pub trace: Trace,
    /// Certificate and key for all services.
    pub tls: Tls,
    /// Users, passwords and aliases.
    pub accounts: Accounts,
    /// The transfer agent.
    pub mta: Mta,
    /// Where mail goes that DNS doesn't decide.
    pub route: Vec<Route>,
    /// The delivery agent.
    pub mda: Mda,
    /// The access agent.
    pub maa: Maa,
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// One line of `key=value` words, or one JSON object, per event.
    pub format: LogFormat,
    /// `error`, `warn`, `info`, `debug`, or a filter such as `info,postroad_mta=debug`.
    pub level: String,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// `key=value` words.
    Text,
    /// A JSON object a line.
    Json,
}

/// `[trace]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Trace {
    /// Where each agent appends its records.
    pub dir: PathBuf,
    /// Octets that each agent keeps at most; the older half is dropped.
    #[serde(deserialize_with = "units::size")]
    pub size_max: u64,
}

/// `[tls]`; without a certificate no service offers TLS.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// The certificate chain, PEM.
    pub certificate: Option<PathBuf>,
    /// Its private key, PEM, readable by nobody else.
    pub key: Option<PathBuf>,
    /// More certificate authorities that we trust when we connect to others, PEM.
    pub trust: Option<PathBuf>,
}

/// `[accounts]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Accounts {
    /// The file of users: one `name:{SCHEME}hash` a line (Dovecot's passwd-file).
    pub users: PathBuf,
    /// The file of aliases, in the form of aliases(5).
    pub aliases: PathBuf,
    /// The file of app passwords.
    pub app_passwords: PathBuf,
    /// Parts user and detail: `alice+lists` is Alice's.
    pub detail_separator: char,
    /// Where SCRAM is offered.
    pub scram: ScramOffer,
    /// Whose access tokens are taken in place of passwords.
    pub oauth: OAuth,
}

/// Where SCRAM is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScramOffer {
    /// Where all users have keys: who prefers it gets in.
    All,
    /// Where any user has: who prefers it and has none doesn't get in.
    Any,
    /// Nowhere.
    Off,
}

/// `[accounts.oauth]`; without an issuer no tokens are taken.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OAuth {
    /// Who issues the tokens, as `iss` in them says it; empty for nobody.
    pub issuer: String,
    /// The issuer's public keys: a JWKS.
    pub keys: Option<PathBuf>,
    /// Whom tokens must be for, as `aud` in them says it: one of these.
    pub audience: Vec<String>,
    /// The claim that names the user.
    pub user_claim: String,
    /// A word that must be in a token's scope; empty for none.
    pub scope: String,
    /// Where clients learn how to get a token; empty where they know.
    pub discovery: String,
}

/// `[mta]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mta {
    /// SMTP from other hosts (port 25).
    pub smtp: Vec<SocketAddr>,
    /// Submission with STARTTLS (port 587).
    pub submission: Vec<SocketAddr>,
    /// Submission inside TLS (port 465).
    pub submissions: Vec<SocketAddr>,
    /// The unix socket where local callers without an account submit, known by their uid.
    pub socket: PathBuf,
    /// The unix socket of `postroad queue` and `postroad status`.
    pub control: PathBuf,
    /// The folder of the queue.
    pub queue: PathBuf,
    /// Hosts that may relay without a login, and that per-client limits spare.
    pub networks: Vec<Network>,
    /// Where AUTH is offered outside TLS.
    pub clear_text_login: ClearTextLogin,
    /// Octets of a message at most.
    #[serde(deserialize_with = "units::size")]
    pub message_size_max: u64,
    /// Recipients of a transaction at most; 100 at least (RFC 5321 §4.5.3.1.8).
    pub recipients_max: usize,
    /// Connections at once from all clients together.
    pub connections_max: usize,
    /// Connections at once from one client (IPv4 address or IPv6 /64).
    pub connections_per_client_max: usize,
    /// Messages that one user may submit in an hour, by login or by uid; 0: no limit.
    pub messages_per_user_max: u64,
    /// Recipients that one user may name in an hour; 0: no limit.
    pub recipients_per_user_max: u64,
    /// Octets that one user may submit in an hour; 0: no limit.
    #[serde(deserialize_with = "units::size")]
    pub octets_per_user_max: u64,
    /// Deliveries under way at once, and to one next hop.
    pub deliveries_max: usize,
    /// Connections at once to one next hop; three times as many to an agent on a unix socket.
    pub deliveries_per_next_hop_max: usize,
    /// Which addresses of other hosts are connected to.
    pub family: Family,
    /// Our own addresses towards other hosts.
    pub source: Source,
    /// Retries.
    pub retry: Retry,
    /// Name servers.
    pub dns: Dns,
}

/// Where AUTH is offered outside TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClearTextLogin {
    /// Nowhere.
    Never,
    /// To clients on this host.
    Loopback,
}

/// `[mta.retry]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retry {
    /// Wait before the second try; each later wait is twice as long, give or take a fifth.
    #[serde(deserialize_with = "units::duration")]
    pub first: Duration,
    /// Longest wait.
    #[serde(deserialize_with = "units::duration")]
    pub longest: Duration,
    /// The sender is told of the delay after this long.
    #[serde(deserialize_with = "units::duration")]
    pub warn_after: Duration,
    /// The message is given up and bounced after this long (RFC 5321 §4.5.4.1: 4 to 5 days).
    #[serde(deserialize_with = "units::duration")]
    pub give_up_after: Duration,
}

/// `[mta.dns]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Dns {
    /// Name servers; those of /etc/resolv.conf where it is empty.
    pub servers: Vec<SocketAddr>,
    /// How long one look-up may take in all.
    #[serde(deserialize_with = "units::duration")]
    pub timeout: Duration,
    /// The port of SMTP at hosts found by DNS: 25 but in tests.
    pub smtp_port: u16,
    /// Whether hosts that DNS puts at a loopback address are delivered to.
    pub loopback: LoopbackHosts,
}

/// Hosts that DNS puts at a loopback address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LoopbackHosts {
    /// Refused: whoever owns the domain could make us talk to ourselves.
    Refused,
    /// Delivered to, as in tests.
    Allowed,
}

/// `[[route]]`: mail for these domains goes there, whatever DNS says.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// `example.org`, `.example.org` (all below it), `local` (all of ours), or `*` (all others: a smart host);
    /// [`load`] gives it in lower case A-labels.
    #[serde(deserialize_with = "units::route_domain")]
    pub domain: String,
    /// `smtp://host:port`, `smtps://host:port`, `lmtp://host:port` or `lmtp+unix:///path`.
    pub next_hop: NextHop,
    /// Whether the connection must be encrypted, and to whom.
    #[serde(default)]
    pub tls: RouteTls,
    /// As `mta.retry.first`, for this route.
    #[serde(default, deserialize_with = "units::some_duration")]
    pub retry_first: Option<Duration>,
    /// As `mta.retry.longest`, for this route.
    #[serde(default, deserialize_with = "units::some_duration")]
    pub retry_longest: Option<Duration>,
    /// As `mta.retry.warn_after`, for this route.
    #[serde(default, deserialize_with = "units::some_duration")]
    pub warn_after: Option<Duration>,
    /// As `mta.retry.give_up_after`, for this route.
    #[serde(default, deserialize_with = "units::some_duration")]
    pub give_up_after: Option<Duration>,
    /// As `mta.deliveries_per_next_hop_max`, for this route.
    #[serde(default)]
    pub connections_max: Option<usize>,
    /// As `mta.family`, for this route.
    #[serde(default)]
    pub family: Option<Family>,
    /// As `mta.source`, for this route.
    #[serde(default)]
    pub source: Option<Source>,
    /// User name for AUTH.
    #[serde(default)]
    pub user: Option<String>,
    /// A file that holds the password, readable by nobody else.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
}

/// Encryption towards a next hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RouteTls {
    /// STARTTLS where offered, whatever the certificate says (RFC 7435).
    #[default]
    Opportunistic,
    /// A valid certificate for the host's name, or no delivery.
    Required,
    /// Clear text.
    Never,
}

/// `[mda]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mda {
    /// LMTP over a unix socket.
    pub socket: PathBuf,
    /// LMTP over TCP (loopback only unless you know why).
    pub lmtp: Vec<SocketAddr>,
    /// Where users' Maildirs are; `{user}` stands for the user's name.
    pub maildir: String,
    /// The mailbox files (mbox) that letters go into for which rules name no folder; `{user}` stands for the user's
    /// name. Empty, those letters are in the Maildirs, too.
    pub mbox: String,
    /// Where users' Sieve scripts are; `{user}` stands for the user's name. Empty, nobody has one.
    pub sieve: String,
    /// Whether users of the host get letters by LMTP, too, in their homes and as themselves.
    pub host_users: bool,
    /// Whether a script's `fileinto` makes a folder that isn't there; else the letter goes to the inbox.
    pub create_folders: bool,
    /// The folder of programs that scripts may run. Empty, they run none.
    pub programs: PathBuf,
    /// How letters leave that a script sends on.
    pub submit: Submit,
    /// What a mailbox may hold.
    pub quota: MailboxQuota,
    /// What filters before us have found.
    pub filters: Filters,
    /// Octets of a message at most.
    #[serde(deserialize_with = "units::size")]
    pub message_size_max: u64,
    /// How long one delivery may take; then it is "try later".
    #[serde(deserialize_with = "units::duration")]
    pub delivery_time_max: Duration,
}

impl Mda {
    /// The Maildir of a user, by the template. The name is safe as a file name: whoever gives it has
    /// checked that.
    pub fn maildir_of(&self, user: &str) -> PathBuf {
        PathBuf::from(self.maildir.replace("{user}", user))
    }

    /// The folder that all Maildirs are in: the template, as far as it doesn't depend on the user.
    pub fn mailboxes(&self) -> PathBuf {
        before_user(&self.maildir)
    }

    /// The same of the scripts; `None` where nobody has one.
    pub fn scripts(&self) -> Option<PathBuf> {
        (!self.sieve.is_empty()).then(|| before_user(&self.sieve))
    }

    /// The Sieve script of a user, by its template; `None` where nobody has one.
    pub fn sieve_of(&self, user: &str) -> Option<PathBuf> {
        (!self.sieve.is_empty()).then(|| PathBuf::from(self.sieve.replace("{user}", user)))
    }
}

/// The folder of personal scripts that belongs to a user's script (RFC 6609 §3.2), which is also where ManageSieve keeps
/// them. That of `alice.sieve` is the folder `alice` beside it, that of a script in a home directory `~/sieve`.
pub fn personal_scripts(main: &Path) -> Option<PathBuf> {
    let name = main.file_name()?.to_str()?;
    let folder = match name.strip_suffix(".sieve") {
        _ if name.starts_with('.') => "sieve".to_owned(),
        Some(user) => user.to_owned(),
        None => format!("{name}.d"),
    };
    Some(main.with_file_name(folder))
}

fn before_user(template: &str) -> PathBuf {
    let is_users = |part: &Component<'_>| part.as_os_str().to_string_lossy().contains("{user}");
    Path::new(template).components().take_while(|part| !is_users(part)).collect()
}

/// `[maa]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Maa {
    /// IMAP with STARTTLS (port 143).
    pub imap: Vec<SocketAddr>,
    /// IMAP inside TLS (port 993).
    pub imaps: Vec<SocketAddr>,
    /// POP3 with STLS (port 110).
    pub pop3: Vec<SocketAddr>,
    /// POP3 inside TLS (port 995).
    pub pop3s: Vec<SocketAddr>,
    /// ManageSieve with STARTTLS (port 4190).
    pub managesieve: Vec<SocketAddr>,
    /// The unix socket where `postroad reload` asks.
    pub control: PathBuf,
    /// Where passwords are taken outside TLS.
    pub clear_text_login: ClearTextLogin,
    /// Connections at once from all clients together.
    pub connections_max: usize,
    /// Connections at once from one client.
    pub connections_per_client_max: usize,
    /// Users at once: each has a process.
    pub users_max: usize,
    /// Sessions of one user at once.
    pub sessions_per_user_max: usize,
    /// How long an IMAP client says nothing before its session needs no process; zero for ever.
    #[serde(deserialize_with = "units::duration")]
    pub park_after: Duration,
    /// Extensions of IMAP that are switched off, or on again; later ones count.
    pub imap_extensions: Vec<ImapSwitch>,
    /// Whether texts of letters are indexed for IMAP's SEARCH.
    pub full_text: bool,
    /// What becomes of letters that a POP3 client deletes.
    pub pop3_deleted: Pop3Deleted,
    /// Where mail programs get their settings.
    pub autoconfig: Autoconfig,
}

/// `[maa.autoconfig]`; empty, nobody is told anything.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Autoconfig {
    /// HTTP (port 80).
    pub http: Vec<SocketAddr>,
    /// HTTPS (port 443).
    pub https: Vec<SocketAddr>,
}
