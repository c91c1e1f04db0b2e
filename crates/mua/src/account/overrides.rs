//! What flags and environment say of the account, and from where their paths are meant.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::{account_file_path, expand_home, more_account_files};

/// What flags and environment say; each wins over the account file.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Overrides {
    /// The account file [default: ~/.config/postroad/mua.toml]
    #[arg(
        long,
        global = true,
        env = "POSTROAD_MUA_ACCOUNT",
        value_name = "FILE",
        help_heading = "Account"
    )]
    pub account_file: Option<PathBuf>,
    /// Your name, as in From
    #[arg(
        long,
        global = true,
        env = "POSTROAD_MUA_NAME",
        help_heading = "Account",
        hide_short_help = true
    )]
    pub name: Option<String>,
    /// Your address
    #[arg(
        long,
        global = true,
        env = "POSTROAD_MUA_ADDRESS",
        help_heading = "Account",
        hide_short_help = true
    )]
    pub address: Option<String>,
    /// Where letters leave: smtp://HOST:587, smtps://HOST:465 or unix:///SOCKET
    #[arg(
        long,
        global = true,
        env = "POSTROAD_MUA_SUBMISSION",
        value_name = "URL",
        help_heading = "Account",
        hide_short_help = true
    )]
    pub submission: Option<String>,
    /// Your login at the servers
    #[arg(
        long,
        global = true,
        env = "POSTROAD_MUA_USER",
        help_heading = "Account",
        hide_short_help = true
    )]
    pub user: Option<String>,
    /// A file with the password that only you can read
    #[arg(
        long,
        global = true,
        env = "POSTROAD_MUA_PASSWORD_FILE",
        value_name = "FILE",
        help_heading = "Account",
        hide_short_help = true
    )]
    pub password_file: Option<PathBuf>,
    /// A certificate authority to trust beside the system's (PEM)
    #[arg(
        long,
        global = true,
        env = "POSTROAD_MUA_TRUST",
        value_name = "PEM",
        help_heading = "Account",
        hide_short_help = true
    )]
    pub trust: Option<PathBuf>,
    /// Where letters are read: a Maildir, imaps://HOST, imap://HOST, pop3s://HOST or pop3://HOST
    #[arg(
        long,
        global = true,
        env = "POSTROAD_MUA_INBOX",
        value_name = "MAILDIR|URL",
        help_heading = "Account",
        hide_short_help = true
    )]
    pub inbox: Option<String>,
    /// The folder of the Maildir that keeps what you sent, as in "Sent"
    #[arg(
        long,
        global = true,
        env = "POSTROAD_MUA_SENT",
        value_name = "FOLDER",
        help_heading = "Account",
        hide_short_help = true
    )]
    pub sent: Option<String>,
    /// Where letters wait until they have left [default: ~/.local/state/postroad/outbox]
    #[arg(
        long,
        global = true,
        env = "POSTROAD_MUA_OUTBOX",
        value_name = "DIR",
        help_heading = "Account",
        hide_short_help = true
    )]
    pub outbox: Option<PathBuf>,
}

impl Overrides {
    /// What the environment alone says: for the front doors, whose flags are not ours.
    pub fn from_environment() -> Self {
        let text = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let path = |name: &str| text(name).map(PathBuf::from);
        Self {
            account_file: path("POSTROAD_MUA_ACCOUNT"),
            name: text("POSTROAD_MUA_NAME"),
            address: text("POSTROAD_MUA_ADDRESS"),
            submission: text("POSTROAD_MUA_SUBMISSION"),
            user: text("POSTROAD_MUA_USER"),
            password_file: path("POSTROAD_MUA_PASSWORD_FILE"),
            trust: path("POSTROAD_MUA_TRUST"),
            inbox: text("POSTROAD_MUA_INBOX"),
            sent: text("POSTROAD_MUA_SENT"),
            outbox: path("POSTROAD_MUA_OUTBOX"),
        }
        .anchored()
    }

    /// The same, with whole paths: the detached sender works in another folder than its caller.
    #[must_use]
    pub fn anchored(mut self) -> Self {
        let here = std::env::current_dir().unwrap_or_default();
        let paths =
            [&mut self.account_file, &mut self.password_file, &mut self.trust, &mut self.outbox];
        for path in paths.into_iter().flatten() {
            anchor(path, &here);
        }
        self.inbox.as_mut().into_iter().for_each(|inbox| anchor_inbox(inbox, &here));
        self
    }

    /// The same for each account that there is: where nothing says which one, all of them.
    #[must_use]
    pub fn of_each(&self) -> Vec<Self> {
        let says_which = self.account_file.is_some()
            || self.inbox.is_some()
            || self.address.is_some()
            || self.user.is_some()
            || self.password_file.is_some()
            || self.submission.is_some()
            || self.outbox.is_some();
        let first = account_file_path(self).filter(|_| !says_which);
        let Some(first) = first else { return vec![self.clone()] };
        let more = more_account_files(&first);
        let mut all = Vec::new();
        if first.exists() || more.is_empty() {
            all.push(self.clone());
        }
        all.extend(more.into_iter().map(|file| Self { account_file: Some(file), ..self.clone() }));
        all
    }

    /// The same as variables: how the detached sender is told.
    pub fn to_environment(&self) -> Vec<(&'static str, OsString)> {
        let text = |value: &Option<String>| value.clone().map(OsString::from);
        let path = |value: &Option<PathBuf>| value.clone().map(PathBuf::into_os_string);
        [
            ("POSTROAD_MUA_ACCOUNT", path(&self.account_file)),
            ("POSTROAD_MUA_NAME", text(&self.name)),
            ("POSTROAD_MUA_ADDRESS", text(&self.address)),
            ("POSTROAD_MUA_SUBMISSION", text(&self.submission)),
            ("POSTROAD_MUA_USER", text(&self.user)),
            ("POSTROAD_MUA_PASSWORD_FILE", path(&self.password_file)),
            ("POSTROAD_MUA_TRUST", path(&self.trust)),
            ("POSTROAD_MUA_INBOX", text(&self.inbox)),
            ("POSTROAD_MUA_SENT", text(&self.sent)),
            ("POSTROAD_MUA_OUTBOX", path(&self.outbox)),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
    }
}

/// Makes a path whole that is meant from `folder`, or from the home folder (`~/x`).
pub(super) fn anchor(path: &mut PathBuf, folder: &Path) {
    *path = folder.join(expand_home(path));
}

/// The same for an inbox that is a Maildir; what is no UTF-8 then stays as it was written.
pub(super) fn anchor_inbox(inbox: &mut String, folder: &Path) {
    if inbox.is_empty() || inbox.contains("://") {
        return;
    }
    if let Some(whole) = folder.join(expand_home(Path::new(inbox))).to_str() {
        *inbox = whole.to_owned();
    }
}
