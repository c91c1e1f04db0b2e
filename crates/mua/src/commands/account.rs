//! `postroad-mua account`

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use super::send::Output;
use super::{Context, login, setup};
use crate::account::{Account, Inbox, ProofSource, Submission, TlsStart, account_file_path};
use crate::error::{Error, Exit};
use crate::front::Usage;
use crate::oauth::login::Way;
use crate::password::PasswordSource;
use crate::safe_line;

/// Show the account that would be used, or write an account file
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Write what the other options say into a new account file
    #[arg(long)]
    write: bool,
    /// Ask for name and address, find the servers, try them, and write the account file
    #[arg(long, conflicts_with = "write")]
    setup: bool,
    /// Log in at the provider that gives tokens ([oauth2] in the account file), also where it has taken them back
    #[arg(long, conflicts_with_all = ["write", "setup"])]
    login: bool,
    /// With --login: by a code that is typed into another device
    #[arg(long, requires = "login")]
    device: bool,
    #[command(flatten)]
    dialog: setup::DialogArguments,
    #[command(flatten)]
    output: Output,
}

/// The account, as JSON; no password is in it.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct AccountJson {
    /// The account file, which may not be there.
    file: String,
    /// Whether it is there.
    exists: bool,
    /// The owner's name.
    name: Option<String>,
    /// Their address.
    address: String,
    /// Where letters leave.
    submission: String,
    /// The name that servers know the owner by.
    login: Option<String>,
    /// What servers are shown, in words.
    shown: Option<String>,
    /// The certificates that are trusted in place of the system's.
    trust: Option<String>,
    /// Where letters are read.
    inbox: String,
    /// The folder for copies of what was sent, where one is named.
    sent: Option<String>,
    /// Where letters wait that are to be sent.
    outbox: Option<String>,
}

impl AccountJson {
    fn of(account: &Account, file: &Path) -> Self {
        let text = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let login = account.login.as_ref();
        Self {
            file: file.display().to_string(),
            exists: file.exists(),
            name: account.name.clone(),
            address: account.address.to_string(),
            submission: submission_url(account),
            login: login.map(|login| login.user.clone()),
            shown: login.map(|login| shown(&login.proof)),
            trust: text(&account.trust),
            inbox: inbox_url(account),
            sent: account.sent.clone(),
            outbox: text(&account.outbox),
        }
    }
}

pub(super) async fn run(
    context: &mut Context<'_, '_>,
    arguments: &Arguments,
) -> Result<Exit, Error> {
    if arguments.setup {
        return setup::run(context, &arguments.dialog).await;
    }
    // What was given is checked before it is written.
    let account = context.account()?;
    if arguments.login {
        let way = if arguments.device { Way::Device } else { login::way() };
        login::log_in(context, &account, way).await?;
        return Ok(Exit::Done);
    }
    let path = account_file_path(&context.overrides)
        .ok_or_else(|| Usage("no home folder; give --account-file FILE".into()))?;
    if arguments.write {
        write(context, &path)?;
        context.screen.say(&safe_line!("Written: {}", path.display()));
    }
    if arguments.output.json {
        context.screen.show_json(&AccountJson::of(&account, &path))?;
        return Ok(Exit::Done);
    }
    let state = if path.exists() { "" } else { " (not there)" };
    context.screen.show(&safe_line!("account file  {}{state}", path.display()))?;
    for (name, value) in lines(&account) {
        context.screen.show(&safe_line!("{name:13} {value}"))?;
    }
    Ok(Exit::Done)
}

/// The account without its password, which nothing here ever reads (row U17).
fn lines(account: &Account) -> Vec<(&'static str, String)> {
    let path = |path: &Option<PathBuf>| {
        path.as_ref().map_or_else(|| "-".to_owned(), |path| path.display().to_string())
    };
    let login = account.login.as_ref();
    vec![
        ("name", account.name.clone().unwrap_or_else(|| "-".to_owned())),
        ("address", account.address.to_string()),
        ("submission", submission_url(account)),
        ("login", login.map_or_else(|| "-".to_owned(), |login| login.user.clone())),
        ("shown", login.map_or_else(|| "-".to_owned(), |login| shown(&login.proof))),
        ("trust", path(&account.trust)),
        ("inbox", inbox_url(account)),
        ("sent copies", account.sent.clone().unwrap_or_else(|| "-".to_owned())),
        ("outbox", path(&account.outbox)),
    ]
}

/// What a server is shown.
fn shown(proof: &ProofSource) -> String {
    match proof {
        ProofSource::Password(PasswordSource::File(path)) => {
            format!("the password in {}", path.display())
        }
        ProofSource::Password(PasswordSource::Command(words)) => {
            format!("the password that {} prints", words.first().map_or("-", String::as_str))
        }
        ProofSource::TokenCommand(words) => {
            format!("the token that {} prints", words.first().map_or("-", String::as_str))
        }
        ProofSource::Provider(provider) => {
            format!("tokens of {}, in {}", provider.at(), provider.tokens.display())
        }
    }
}

/// Where letters leave, as the account file says it.
pub(super) fn submission_url(account: &Account) -> String {
    match &account.submission {
        Submission::Server { host, port, tls: TlsStart::AtOnce } => {
            format!("smtps://{host}:{port}")
        }
        Submission::Server { host, port, tls: TlsStart::ByCommand } => {
            format!("smtp://{host}:{port}")
        }
        Submission::Socket(path) => format!("unix://{}", path.display()),
    }
}

/// Where letters are read, as the account file says it.
pub(super) fn inbox_url(account: &Account) -> String {
    match &account.inbox {
        Inbox::Maildir(path) | Inbox::Mbox(path) => path.display().to_string(),
        Inbox::Pop3 { host, port, tls: TlsStart::AtOnce } => format!("pop3s://{host}:{port}"),
        Inbox::Pop3 { host, port, tls: TlsStart::ByCommand } => format!("pop3://{host}:{port}"),
        Inbox::Imap(server) => match server.tls {
            TlsStart::AtOnce => format!("imaps://{}:{}", server.host, server.port),
            TlsStart::ByCommand => format!("imap://{}:{}", server.host, server.port),
        },
    }
}

/// A new file, for its owner alone; one that is there is never replaced.
fn write(context: &Context<'_, '_>, path: &Path) -> Result<(), Error> {
    let overrides = &context.overrides;
    let text = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
    let settings = [
        ("name", overrides.name.clone()),
        ("address", overrides.address.clone()),
        ("submission", overrides.submission.clone()),
        ("user", overrides.user.clone()),
        ("password_file", text(&overrides.password_file)),
        ("trust", text(&overrides.trust)),
        ("inbox", overrides.inbox.clone()),
        ("sent", overrides.sent.clone()),
        ("outbox", text(&overrides.outbox)),
    ];
    let table: toml::Table = settings
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), toml::Value::String(value?))))
        .collect();
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file =
        file.map_err(|error| Usage(format!("cannot write a new {}: {error}", path.display())))?;
    Ok(file.write_all(table.to_string().as_bytes())?)
}
