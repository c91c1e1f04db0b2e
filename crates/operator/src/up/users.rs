//! The users of `postroad up`, each with an account file for `postroad-mua`.
//!
//! What a newcomer needs is shown at every start, so the generated passwords are kept readable, in
//! `mua/NAME.password` with mode 0600: where the user agent reads them too. One that was changed
//! since (`postroad user password`) is not known here any more and not shown.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context as _, Result};
use postroad_accounts::{Accounts, Scheme, Service, Sources, UserName, generate_password, users};
use postroad_config::Config;

use super::folder::{Folder, private_dir, sync_way_to};
use super::ports::Listener;

/// `alice` or `alice:secret`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WantedUser {
    name: UserName,
    password: Option<String>,
}

impl FromStr for WantedUser {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, password) = match text.split_once(':') {
            Some((_, "")) => return Err("there is nothing behind the colon".into()),
            Some((name, password)) => (name, Some(password.to_owned())),
            None => (text, None),
        };
        let name = UserName::parse(name).map_err(|error| error.to_string())?;
        Ok(Self { name, password })
    }
}

/// Who there is, with the passwords that are known.
pub(crate) type Known = BTreeMap<String, Option<String>>;

/// The users of a first start where none are named: two, who can write to each other.
const FIRST_USERS: [&str; 2] = ["alice", "bob"];

/// Adds the users that are wanted and not there, and says who there is.
pub(crate) fn provide(folder: &Folder, config: &Config, wanted: &[WantedUser]) -> Result<Known> {
    let file = &config.accounts.users;
    let there = users::list(file)?;
    let mut wanted = wanted.to_vec();
    if wanted.is_empty() && there.is_empty() {
        wanted = FIRST_USERS.iter().filter_map(|name| name.parse().ok()).collect();
    }
    for WantedUser { name, password } in wanted {
        let known = there.iter().any(|user| user == &name);
        let password = match password {
            Some(password) => password,
            None if known => continue,
            None => generate_password().context("cannot make a password")?,
        };
        if known {
            users::set_password(file, &name, password.as_bytes(), Scheme::Argon2id)?;
        } else {
            users::add(file, &name, password.as_bytes(), Scheme::Argon2id)?;
        }
        folder.write(&password_file(&name), 0o600, &format!("{password}\n"))?;
    }
    known(folder, config)
}

fn password_file(name: &UserName) -> String {
    format!("mua/{name}.password")
}

/// All users, with the passwords that still hold.
fn known(folder: &Folder, config: &Config) -> Result<Known> {
    let accounts = Accounts::open(Sources::of(config))?;
    let directory = accounts.directory();
    users::list(&config.accounts.users)?
        .into_iter()
        .map(|name| {
            let kept = folder.read(&password_file(&name))?;
            let password =
                kept.map(|text| text.trim_end_matches('\n').to_owned()).filter(|password| {
                    directory.verify(name.as_str(), password.as_bytes(), Service::Imap).is_some()
                });
            Ok((name.to_string(), password))
        })
        .collect()
}

/// Writes each user's account file for `postroad-mua`, and makes the Maildirs; gives their paths.
pub(crate) fn equip(
    folder: &Folder,
    config: &Config,
    listeners: &[Listener],
    known: &Known,
) -> Result<BTreeMap<String, PathBuf>> {
    let mut maildirs = BTreeMap::new();
    for name in known.keys() {
        let maildir = PathBuf::from(config.mda.maildir.replace("{user}", name));
        for inner in ["tmp", "new", "cur"] {
            private_dir(&maildir.join(inner))?;
        }
        // The delivery agent takes a Maildir that it finds to be durable.
        sync_way_to(&maildir)?;
        maildirs.insert(name.clone(), maildir);
        folder.write(
            &format!("mua/{name}.toml"),
            0o600,
            &account_file(folder, config, listeners, name),
        )?;
    }
    Ok(maildirs)
}

fn account_file(folder: &Folder, config: &Config, listeners: &[Listener], name: &str) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let path = |inner: &str| quoted(&folder.path(inner).to_string_lossy());
    let domain = config.domains.first().map_or("localhost", |domain| domain.as_str());
    let url = |scheme: &str, service: &str| {
        let port = listeners.iter().find(|(name, _)| *name == service).map(|(_, at)| at.port());
        port.map_or_else(String::new, |port| format!("\"{scheme}://localhost:{port}\""))
    };
    let line = |key: &str, value: String| match value.is_empty() {
        true => String::new(),
        false => format!("{key} = {value}\n"),
    };
    [
        "# Written by `postroad up`, for: postroad-mua --account-file THIS-FILE\n".to_owned(),
        line("name", quoted(name)),
        line("address", quoted(&format!("{name}@{domain}"))),
        line("submission", url("smtps", "submissions")),
        line("inbox", url("pop3s", "pop3s")),
        line("user", quoted(name)),
        line("password_file", path(&format!("mua/{name}.password"))),
        line("trust", path("tls/ca.pem")),
        line("outbox", path(&format!("mua/{name}.outbox"))),
        line("trace", quoted(&config.trace.dir.to_string_lossy())),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wanted_users() {
        let alice: WantedUser = "alice:se:cret".parse().unwrap();
        assert_eq!((alice.name.as_str(), alice.password.as_deref()), ("alice", Some("se:cret")));
        for text in ["", "alice:", "../x", ":x", "a b"] {
            assert!(text.parse::<WantedUser>().is_err(), "{text}");
        }
    }

    #[test]
    fn users_are_kept_and_their_passwords_known_until_they_are_changed() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        let mut config =
            Config { domains: vec!["example.test".parse().unwrap()], ..Config::default() };
        config.accounts.users = folder.path("users");
        config.accounts.aliases = folder.path("aliases");

        let first = provide(&folder, &config, &[]).unwrap();
        assert_eq!(first.keys().collect::<Vec<_>>(), ["alice", "bob"]);
        assert!(first.values().all(Option::is_some));
        assert_eq!(provide(&folder, &config, &[]).unwrap(), first);

        let carol = ["carol:secret".parse().unwrap(), "alice".parse().unwrap()];
        let second = provide(&folder, &config, &carol).unwrap();
        assert_eq!(second["carol"].as_deref(), Some("secret"));
        assert_eq!(second["alice"], first["alice"]);

        users::set_password(
            &folder.path("users"),
            &UserName::parse("bob").unwrap(),
            b"new",
            Scheme::Argon2id,
        )
        .unwrap();
        assert_eq!(provide(&folder, &config, &[]).unwrap()["bob"], None);
    }
}
