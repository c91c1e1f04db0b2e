//! A host's two files in a temporary folder, and questions about them.

use std::path::PathBuf;

use postroad_accounts::{Accounts, AccountsError, Directory, Resolution, Sources, UserName, users};
use postroad_protocol::address::{Address, Domain};

pub(crate) struct Site {
    pub(crate) folder: tempfile::TempDir,
}

/// A cheap hash of a password that nobody knows: tests that log in add a user of their own.
const CHEAP: &str =
    "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$DM2kYUOH8xgvNVm9P9lcSR43JI9eKlTS8Yup1fzbCNo";

impl Site {
    /// Users alice, bob and carol, and no aliases.
    pub(crate) fn new() -> Self {
        let site = Self { folder: tempfile::tempdir().expect("a folder") };
        let users: String =
            ["alice", "bob", "carol"].map(|name| format!("{name}:{{ARGON2ID}}{CHEAP}\n")).concat();
        site.write("users", &users);
        site
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("writes");
    }

    pub(crate) fn sources(&self) -> Sources {
        Sources {
            users: self.path("users"),
            aliases: self.path("aliases"),
            app_passwords: self.path("app-passwords"),
            domains: ["a.example", "b.example"].map(|d| Domain::parse(d).expect("a domain")).into(),
            detail_separator: '+',
        }
    }

    pub(crate) fn open(&self) -> Result<Accounts, AccountsError> {
        Accounts::open(self.sources())
    }

    /// The error on opening, without the folder's name.
    #[track_caller]
    pub(crate) fn refusal(&self) -> String {
        let error = self.open().expect_err("the files are refused").to_string();
        error.replace(&format!("{}/", self.folder.path().display()), "")
    }
}

/// `=alice`, `=alice+detail`, `a@a.example b@b.example`, `unknown` or `not local`.
pub(crate) fn answer(directory: &Directory, asked: &str) -> String {
    match directory.resolve(&address(asked)) {
        Resolution::Mailbox { user, detail: None } => format!("={user}"),
        Resolution::Mailbox { user, detail: Some(detail) } => format!("={user}+{detail}"),
        Resolution::Alias(to) => to.iter().map(Address::to_string).collect::<Vec<_>>().join(" "),
        Resolution::Unknown => "unknown".into(),
        Resolution::NotLocal => "not local".into(),
    }
}

#[track_caller]
pub(crate) fn address(text: &str) -> Address {
    Address::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[track_caller]
pub(crate) fn name(text: &str) -> UserName {
    UserName::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[allow(dead_code, reason = "not every test file lists users")]
pub(crate) fn names(site: &Site) -> Vec<String> {
    let list = users::list(&site.path("users")).expect("lists");
    list.iter().map(UserName::to_string).collect()
}
