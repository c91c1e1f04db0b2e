//! Who writes, where letters leave and where they are read: `mua.toml`, the environment, the flags.
//!
//! A flag wins over the environment, the environment over the file, the file over what this host can
//! tell. Nothing has to be there: a caller without an account (cron, a web server) writes as
//! `user@host` and submits over the MTA's unix socket, which knows it by its uid.
//!
//! A password is never in an argument, in the environment or in this file: only the name of a file
//! that nobody else can read, or of a command that prints it (row U17). The same goes for tokens (`[oauth2]`).

use std::path::{Path, PathBuf};

use postroad_config::NextHop;
use postroad_protocol::address::Address;
use postroad_seal::autocrypt::Prefers;
use postroad_seal::{Engine, Places};
use serde::Deserialize;

use crate::identity;
use crate::limits;
use crate::password::PasswordSource;
use crate::safe_text::SafeText;
use crate::trust::check::When;

mod overrides;
mod provider;

pub use overrides::Overrides;
use overrides::{anchor, anchor_inbox};
use provider::ProviderTable;
pub use provider::{Place, Provider};

/// The folder of account files beside `mua.toml`, and of what is remembered of those accounts.
const MORE_ACCOUNTS: &str = "accounts";
/// Where the system keeps its users' mailbox files.
const SYSTEM_MAILBOXES: &str = "/var/mail";

/// `mua.toml` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AccountFile {
    name: Option<String>,
    address: Option<String>,
    submission: Option<String>,
    user: Option<String>,
    password_file: Option<PathBuf>,
    /// A program and its arguments; no shell reads them.
    password_command: Option<Vec<String>>,
    /// Tokens in place of a password.
    oauth2: Option<ProviderTable>,
    trust: Option<PathBuf>,
    inbox: Option<String>,
    /// Hosts whose Authentication-Results count.
    trusted_results: Vec<String>,
    /// When the full screen checks signatures, for which it asks the DNS.
    check_signatures: When,
    sent: Option<String>,
    outbox: Option<PathBuf>,
    trace: Option<PathBuf>,
    /// Whose OpenPGP keys are used.
    openpgp: OpenPgp,
    /// What is written into `Autocrypt` fields.
    autocrypt: Prefers,
    /// A certificate and its private key, for S/MIME.
    smime: Option<PathBuf>,
    /// Certificates that are relied on for S/MIME, where these aren't the system's.
    smime_trust: Option<PathBuf>,
}

/// `openpgp` as it is written.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum OpenPgp {
    /// GnuPG's, where it has any, and those of our own.
    #[default]
    Gnupg,
    /// Those of our own alone.
    Own,
}

impl AccountFile {
    /// Paths in the file are meant from the folder that it is in.
    fn anchored(mut self, folder: &Path) -> Self {
        let paths = [
            &mut self.password_file,
            &mut self.trust,
            &mut self.outbox,
            &mut self.trace,
            &mut self.smime,
            &mut self.smime_trust,
        ];
        for path in paths.into_iter().flatten() {
            anchor(path, folder);
        }
        self.inbox.as_mut().into_iter().for_each(|inbox| anchor_inbox(inbox, folder));
        self.oauth2 = self.oauth2.map(|table| table.anchored(folder));
        self
    }
}

/// An account, ready for use.
#[derive(Debug, Clone)]
pub struct Account {
    /// The display name, where one is known.
    pub name: Option<String>,
    /// The address that letters come from.
    pub address: Address,
    /// What its file is called, if it is one of those beside the first.
    pub label: Option<String>,
    /// Where letters leave.
    pub submission: Submission,
    /// The login, where there is one.
    pub login: Option<Login>,
    /// One more certificate authority.
    pub trust: Option<PathBuf>,
    /// Where letters are read.
    pub inbox: Inbox,
    /// Hosts whose Authentication-Results count wherever they stand: they remove what others wrote in their name (RFC 8601
    /// §5).
    pub trusted_results: Vec<String>,
    /// When the full screen checks signatures by itself.
    pub check_signatures: When,
    /// The Maildir++ folder for sent letters.
    pub sent: Option<String>,
    /// The folder of the outbox; none for a caller who has no home.
    pub outbox: Option<PathBuf>,
    /// The folder of what is remembered: drafts, and what can be taken back; none for a caller who has no home.
    pub state: Option<PathBuf>,
    /// The file of the people whom its user knows, which all accounts share; none for a caller who has no home.
    pub people: Option<PathBuf>,
    /// The folder of the trace records, where one is configured.
    pub trace: Option<PathBuf>,
    /// Where the keys are that letters are sealed and opened with.
    pub keys: Places,
    /// What the author of letters prefers that others do (Autocrypt).
    pub prefers: Prefers,
}

/// A login at the servers.
#[derive(Debug, Clone)]
pub struct Login {
    /// The user's name there.
    pub user: String,
    /// What shows who it is.
    pub proof: ProofSource,
}

/// Where comes from what shows who somebody is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProofSource {
    /// A password.
    Password(PasswordSource),
    /// An access token, which a program prints; program and arguments, no shell.
    TokenCommand(Vec<String>),
    /// Access tokens that a provider gives.
    Provider(Box<Provider>),
}

/// Where letters leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Submission {
    /// A submission server (RFC 6409, RFC 8314).
    Server {
        /// Host name or address.
        host: String,
        /// TCP port.
        port: u16,
        /// When TLS starts.
        tls: TlsStart,
    },
    /// The MTA's unix socket; it knows us by our uid.
    Socket(PathBuf),
}

/// When TLS starts on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsStart {
    /// With the first octet (RFC 8314 §3).
    AtOnce,
    /// After STARTTLS or STLS; must be offered but on loopback.
    ByCommand,
}

/// Where letters are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inbox {
    /// A Maildir on this host.
    Maildir(PathBuf),
    /// A POP3 server (RFC 1939).
    Pop3 {
        /// Host name or address.
        host: String,
        /// TCP port.
        port: u16,
        /// When TLS starts.
        tls: TlsStart,
    },
    /// An IMAP server (RFC 9051, RFC 3501).
    Imap(Server),
    /// A mailbox file on this host (mbox(5)), which is only read.
    Mbox(PathBuf),
}

/// Where an IMAP server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// When TLS starts.
    pub tls: TlsStart,
}

/// What is wrong with an account.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The file is there and can't be read.
    #[error("cannot read the account file {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It was named, isn't there, and nothing else says who writes.
    #[error("there is no account file {}; postroad-mua account --write makes one", path.display())]
    NoFile {
        /// The file.
        path: PathBuf,
    },
    /// `mua.toml:3:1: unknown field …`
    #[error("{}:{line}:{column}: {problem}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// What is wrong.
        problem: String,
    },
    /// A value that can't be used.
    #[error("{key} = {value:?}: {problem}")]
    Value {
        /// Which setting.
        key: &'static str,
        /// What was written.
        value: String,
        /// What is wrong, and what to write.
        problem: String,
    },
    /// There is nothing to derive the setting from.
    #[error("no {what} is known; {hint}")]
    Missing {
        /// What is missing.
        what: &'static str,
        /// What to do.
        hint: &'static str,
    },
}

impl AccountError {
    /// There is nowhere to keep letters.
    pub(crate) const NO_OUTBOX: Self = Self::Missing {
        what: "outbox",
        hint: "HOME isn't set; give --outbox DIR or set POSTROAD_MUA_OUTBOX",
    };
}

impl Account {
    /// Puts flags, environment, file and host together.
    ///
    /// # Errors
    /// Where the file can't be read or understood, or a value is no address, URL or login.
    pub fn load(overrides: &Overrides) -> Result<Self, AccountError> {
        let file = match account_file_path(overrides) {
            Some(path) => {
                let is_needed = overrides.account_file.is_some() && overrides.address.is_none();
                if is_needed && !path.exists() {
                    return Err(AccountError::NoFile { path });
                }
                read_account_file(&path)?.anchored(path.parent().unwrap_or(Path::new("")))
            }
            None => AccountFile::default(),
        };
        let here = identity::Here::look();
        let is_configured = overrides.address.is_some() || file.address.is_some();
        let here_name = here.full_name.clone().filter(|_| !is_configured);
        let address = match overrides.address.as_ref().or(file.address.as_ref()) {
            Some(text) => parse_address(text)?,
            None => here.address().ok_or(AccountError::Missing {
                what: "sender address",
                hint: "set address in the account file, or give --address",
            })?,
        };
        let submission = match overrides.submission.as_ref().or(file.submission.as_ref()) {
            Some(url) => parse_submission(url)?,
            None => Submission::Socket(here.submit_socket.clone()),
        };
        let inbox = match overrides.inbox.as_ref().or(file.inbox.as_ref()) {
            Some(text) => parse_inbox(text)?,
            // A caller without a home never reads: what isn't there is said when it does.
            None => default_inbox(&here.user),
        };
        let outbox = overrides.outbox.clone().or(file.outbox);
        let label = account_file_path(overrides).and_then(|path| label_of(&path));
        // Accounts beside the first one keep what is theirs apart.
        let state = state_folder().map(|state| match &label {
            Some(label) => state.join(MORE_ACCOUNTS).join(label),
            None => state,
        });
        let tokens = match file.oauth2 {
            Some(table) => Some(table.source(state.as_deref())?),
            None => None,
        };
        let password = (file.password_file, file.password_command);
        let login = login(overrides, file.user, password, tokens, &address)?;
        Ok(Self {
            // The name of this host's passwd goes with this host's address, not with another.
            name: overrides.name.clone().or(file.name).or(here_name),
            login,
            trust: overrides.trust.clone().or(file.trust),
            trusted_results: file.trusted_results,
            keys: Places {
                own: data_folder().map(|data| data.join("keys")),
                gnupg: None,
                engine: match file.openpgp {
                    OpenPgp::Gnupg => Engine::Both,
                    OpenPgp::Own => Engine::Own,
                },
                smime: file.smime,
                roots: file.smime_trust,
            },
            prefers: file.autocrypt,
            check_signatures: file.check_signatures,
            sent: overrides.sent.clone().or(file.sent),
            outbox: outbox.or_else(|| state.as_ref().map(|state| state.join("outbox"))),
            state,
            people: data_folder().map(|data| data.join("addresses")),
            trace: std::env::var_os("POSTROAD_TRACE_DIR")
                .map(PathBuf::from)
                .or(file.trace)
                .or(here.trace),
            address,
            label,
            submission,
            inbox,
        })
    }

    /// What it is called among others: its file's name, or the beginning of its address's domain.
    pub(crate) fn label(&self) -> SafeText {
        let address = self.address.to_string();
        let domain = address.rsplit_once('@').map_or(address.as_str(), |(_, domain)| domain);
        let domain = domain.split('.').next().unwrap_or_default();
        SafeText::line(self.label.as_deref().unwrap_or(domain))
    }
}

/// The name of an account's file, if it is one of those beside the first.
fn label_of(path: &Path) -> Option<String> {
    let folder = path.parent()?.file_name()?;
    let name = path.file_stem()?.to_str()?;
    (folder == MORE_ACCOUNTS).then(|| name.to_owned())
}

/// Files of accounts beside `mua.toml`, in the order of their names.
pub(crate) fn more_account_files(first: &Path) -> Vec<PathBuf> {
    let Some(folder) = first.parent().map(|folder| folder.join(MORE_ACCOUNTS)) else {
        return Vec::new();
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|it| it == "toml"));
    files.sort();
    files.truncate(limits::ACCOUNTS_MAX);
    files
}

/// `~/Maildir`; where there is none, the system's mailbox file, if that is there.
fn default_inbox(user: &str) -> Inbox {
    let maildir = home_path("Maildir").unwrap_or_else(|| "Maildir".into());
    if maildir.exists() {
        return Inbox::Maildir(maildir);
    }
    // mail(1): MAIL says where it is.
    let named = std::env::var_os("MAIL").map(PathBuf::from).filter(|path| path.is_absolute());
    let of_user = Path::new(SYSTEM_MAILBOXES).join(user);
    match [named, Some(of_user)].into_iter().flatten().find(|path| path.is_file()) {
        Some(file) => Inbox::Mbox(file),
        None => Inbox::Maildir(maildir),
    }
}

/// The login from whatever names one; half a login is an error that says which half is missing.
fn login(
    overrides: &Overrides,
    user: Option<String>,
    (password_file, password_command): (Option<PathBuf>, Option<Vec<String>>),
    tokens: Option<ProofSource>,
    address: &Address,
) -> Result<Option<Login>, AccountError> {
    let user = overrides.user.clone().or(user);
    let password = match (&overrides.password_file, password_file, password_command) {
        (Some(path), _, _) => Some(PasswordSource::File(path.clone())),
        (None, Some(path), None) => Some(PasswordSource::File(path)),
        (None, None, Some(command)) => Some(PasswordSource::Command(command)),
        (None, Some(_), Some(command)) => {
            return Err(AccountError::Value {
                key: "password_command",
                value: command.join(" "),
                problem: "password_file is set too; keep one of them".into(),
            });
        }
        (None, None, None) => None,
    };
    let proof = match (password, tokens) {
        (Some(_), Some(_)) if overrides.password_file.is_none() => {
            return Err(AccountError::Value {
                key: "oauth2",
                value: "[oauth2]".into(),
                problem: "a password is set too; keep one of them".into(),
            });
        }
        // Providers that give tokens know their users by their addresses.
        (None, Some(proof)) => {
            let user = user.unwrap_or_else(|| address.to_string());
            return Ok(Some(Login { user, proof }));
        }
        (password, _) => password.map(ProofSource::Password),
    };
    match (user, proof) {
        (Some(user), Some(proof)) => Ok(Some(Login { user, proof })),
        (None, None) => Ok(None),
        (Some(_), None) => Err(AccountError::Missing {
            what: "password",
            hint: "user is set: set password_file, password_command or [oauth2] too",
        }),
        (None, Some(_)) => {
            Err(AccountError::Missing { what: "user", hint: "a password is set: set user too" })
        }
    }
}

/// The account file that would be read.
pub(crate) fn account_file_path(overrides: &Overrides) -> Option<PathBuf> {
    if let Some(path) = &overrides.account_file {
        return Some(path.clone());
    }
    let config = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|p| p.is_absolute());
    config.or_else(|| home_path(".config")).map(|dir| dir.join("postroad/mua.toml"))
}

/// No file is no account; a web server's user often may not even look into what HOME names.
fn read_account_file(path: &Path) -> Result<AccountFile, AccountError> {
    use std::io::ErrorKind::{NotFound, PermissionDenied};
    let text = match postroad_disk::read_whole(path, limits::SETTINGS_OCTETS_MAX) {
        Ok(octets) => String::from_utf8_lossy(&octets).into_owned(),
        Err(error) if matches!(error.kind(), NotFound | PermissionDenied) => {
            return Ok(AccountFile::default());
        }
        Err(error) => {
            return Err(AccountError::Read { path: path.to_owned(), source: error.source });
        }
    };
    toml::from_str(&text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        let before = text.get(..start).unwrap_or_default();
        AccountError::Invalid {
            path: path.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before.chars().rev().take_while(|c| *c != '\n').count() + 1,
            problem: error.message().to_owned(),
        }
    })
}

fn state_folder() -> Option<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|p| p.is_absolute());
    state.or_else(|| home_path(".local/state")).map(|dir| dir.join("postroad"))
}

/// The folder of what lasts: people, keys.
fn data_folder() -> Option<PathBuf> {
    let data = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).filter(|p| p.is_absolute());
    // `postroad up` has a folder of its own beside it.
    data.or_else(|| home_path(".local/share")).map(|dir| dir.join("postroad-mua"))
}

/// A path below the home folder; of the passwd entry where HOME isn't set, as for cron.
fn home_path(rest: &str) -> Option<PathBuf> {
    std::env::home_dir().filter(|home| home.is_absolute()).map(|home| home.join(rest))
}

/// `~/x` below the home folder.
pub(crate) fn expand_home(path: &Path) -> PathBuf {
    match path.strip_prefix("~").ok().and_then(|rest| home_path(&rest.to_string_lossy())) {
        Some(expanded) => expanded,
        None => path.to_owned(),
    }
}

fn parse_address(text: &str) -> Result<Address, AccountError> {
    Address::parse(text).map_err(|error| AccountError::Value {
        key: "address",
        value: text.to_owned(),
        problem: error.to_string(),
    })
}

fn parse_submission(url: &str) -> Result<Submission, AccountError> {
    let wrong = || AccountError::Value {
        key: "submission",
        value: url.to_owned(),
        problem: "write smtp://HOST[:587], smtps://HOST[:465] or unix:///SOCKET".into(),
    };
    let server = |tls, (host, port)| Submission::Server { host, port, tls };
    match url.split_once("://").ok_or_else(wrong)? {
        ("smtp", rest) => host_port(rest, 587).map(|at| server(TlsStart::ByCommand, at)),
        ("smtps", rest) => host_port(rest, 465).map(|at| server(TlsStart::AtOnce, at)),
        ("unix", path) if path.starts_with('/') => Some(Submission::Socket(path.into())),
        _ => None,
    }
    .ok_or_else(wrong)
}

fn parse_inbox(text: &str) -> Result<Inbox, AccountError> {
    let wrong = || {
        AccountError::Value {
        key: "inbox",
        value: text.to_owned(),
        problem: "write the path of a Maildir or a mailbox file, imaps://HOST[:993], imap://HOST[:143], pop3s://HOST[:995] or \
                  pop3://HOST[:110]"
            .into(),
    }
    };
    let server = |tls, (host, port)| Inbox::Pop3 { host, port, tls };
    let imap = |tls, (host, port)| Inbox::Imap(Server { host, port, tls });
    match text.split_once("://") {
        Some(("pop3", rest)) => host_port(rest, 110).map(|at| server(TlsStart::ByCommand, at)),
        Some(("pop3s", rest)) => host_port(rest, 995).map(|at| server(TlsStart::AtOnce, at)),
        Some(("imap", rest)) => host_port(rest, 143).map(|at| imap(TlsStart::ByCommand, at)),
        Some(("imaps", rest)) => host_port(rest, 993).map(|at| imap(TlsStart::AtOnce, at)),
        Some(_) => None,
        None if text.is_empty() => None,
        None => Some(match expand_home(Path::new(text)) {
            path if path.is_file() => Inbox::Mbox(path),
            path => Inbox::Maildir(path),
        }),
    }
    .ok_or_else(wrong)
}

/// `host`, `host:port`, `[v6]`, `[v6]:port`, checked as every next hop is.
fn host_port(text: &str, default: u16) -> Option<(String, u16)> {
    let says_port = text.rsplit_once(']').map_or(text, |(_, behind)| behind).contains(':');
    match format!("smtp://{text}").parse().ok()? {
        NextHop::Smtp { host, port } => Some((host, if says_port { port } else { default })),
        NextHop::Smtps { .. } | NextHop::Lmtp { .. } | NextHop::LmtpUnix { .. } => None,
    }
}

/// Whether the host is this one for certain: a loopback address, or `localhost` (RFC 6761 §6.3).
pub(crate) fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    #[test]
    fn submission_urls() {
        let server = |host: &str, port, tls| Submission::Server { host: host.into(), port, tls };
        for (url, expected) in [
            ("smtp://mail.example", Some(server("mail.example", 587, TlsStart::ByCommand))),
            ("smtp://mail.example:10587", Some(server("mail.example", 10587, TlsStart::ByCommand))),
            ("smtps://[::1]", Some(server("::1", 465, TlsStart::AtOnce))),
            ("smtps://[::1]:4465", Some(server("::1", 4465, TlsStart::AtOnce))),
            ("unix:///run/submit.sock", Some(Submission::Socket("/run/submit.sock".into()))),
            ("unix://run/submit.sock", None),
            ("mail.example", None),
            ("http://mail.example", None),
            ("smtp://a b", None),
            ("smtp://user@mail.example", None),
        ] {
            assert_eq!(parse_submission(url).ok(), expected, "{url}");
        }
    }

    #[test]
    fn inboxes() {
        let pop3 = |host: &str, port, tls| Inbox::Pop3 { host: host.into(), port, tls };
        let imap = |host: &str, port, tls| Inbox::Imap(Server { host: host.into(), port, tls });
        for (text, expected) in [
            ("/home/a/Maildir", Some(Inbox::Maildir("/home/a/Maildir".into()))),
            ("pop3s://mail.example", Some(pop3("mail.example", 995, TlsStart::AtOnce))),
            ("pop3://127.0.0.1:10110", Some(pop3("127.0.0.1", 10110, TlsStart::ByCommand))),
            ("imap://mail.example", Some(imap("mail.example", 143, TlsStart::ByCommand))),
            ("imaps://[::1]", Some(imap("::1", 993, TlsStart::AtOnce))),
            ("jmap://mail.example", None),
            ("", None),
        ] {
            assert_eq!(parse_inbox(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mua.toml");
        std::fs::write(&path, "name = \"A\"\nadress = \"a@b.example\"\n").unwrap();
        let error = read_account_file(&path).unwrap_err().to_string();
        assert!(error.contains("mua.toml:2:1: unknown field `adress`"), "{error}");
    }

    #[test]
    fn paths_are_meant_from_where_they_were_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mua.toml");
        let text =
            "address = \"a@b.example\"\ninbox = \"Mail\"\noutbox = \"../out\"\ntrust = \"/ca\"\n";
        std::fs::write(&path, text).unwrap();
        let overrides = Overrides { account_file: Some(path), ..Overrides::default() };
        let account = Account::load(&overrides).unwrap();
        assert_eq!(account.inbox, Inbox::Maildir(dir.path().join("Mail")));
        assert_eq!(account.outbox, Some(dir.path().join("../out")));
        assert_eq!(account.trust, Some("/ca".into()));

        let overrides = Overrides {
            outbox: Some("out".into()),
            inbox: Some("pop3://localhost".into()),
            ..Overrides::default()
        };
        let here = std::env::current_dir().unwrap();
        let anchored = overrides.anchored();
        assert_eq!(anchored.outbox, Some(here.join("out")));
        assert_eq!(anchored.inbox.as_deref(), Some("pop3://localhost"));
    }

    #[test]
    fn an_account_file_that_was_named_has_to_be_there() {
        let dir = tempfile::tempdir().unwrap();
        let account_file = Some(dir.path().join("mua.toml"));
        let named = Overrides { account_file, ..Overrides::default() };
        assert!(matches!(Account::load(&named), Err(AccountError::NoFile { .. })));
        // All that it could say is said: nothing is missing.
        assert!(Account::load(&Overrides { address: Some("a@b.example".into()), ..named }).is_ok());
    }

    #[test]
    fn half_a_login_says_which_half_is_missing() {
        let overrides = Overrides { user: Some("alice".into()), ..Overrides::default() };
        let us = parse_address("us@our.example").unwrap();
        let error = login(&overrides, None, (None, None), None, &us).unwrap_err();
        assert!(error.to_string().starts_with("no password is known"), "{error}");
        let tokens = || Some(ProofSource::TokenCommand(vec!["x".into()]));
        let both = login(&overrides, None, (Some("/p".into()), None), tokens(), &us).unwrap_err();
        assert!(both.to_string().contains("keep one of them"), "{both}");
        let user =
            login(&Overrides::default(), None, (None, None), tokens(), &us).unwrap().unwrap().user;
        assert_eq!(user, "us@our.example");
    }

    #[test]
    fn u17_no_flag_and_no_variable_takes_a_password_itself() {
        let variables =
            Overrides { password_file: Some("/f".into()), ..Overrides::default() }.to_environment();
        assert_eq!(variables, [("POSTROAD_MUA_PASSWORD_FILE", OsString::from("/f"))]);
    }
}
