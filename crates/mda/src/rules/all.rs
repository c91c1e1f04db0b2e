//! `postroad-mda check`: the rules of all users, as a letter would find them; nothing is run.

use std::path::Path;

use postroad_accounts::{Accounts, AccountsError, Sources, UserName};
use postroad_config::Config;

use super::script::Scripts;
use super::trust::{Owners, Unusable};
use crate::events::Chain;
use crate::mailbox;

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The setting that leads there.
    pub key: &'static str,
    /// What, on one line.
    pub text: String,
}

/// Looks at the script of each user of the settings' file, and at the programs that scripts may run.
///
/// # Errors
/// Where the users can't be read.
pub fn check_all(config: &Config) -> Result<Vec<Finding>, AccountsError> {
    let accounts = Accounts::open(Sources::of(config))?;
    let mut findings = programs(config);
    let directory = accounts.directory();
    // Those of users of the host are theirs alone to read.
    for user in directory.users().filter(|user| !directory.is_of_host(user.as_str())) {
        let found = script(config, user).into_iter();
        findings.extend(found.map(|text| Finding { key: "mda.sieve", text }));
    }
    Ok(findings)
}

/// What is wrong with one user's script.
fn script(config: &Config, user: &UserName) -> Vec<String> {
    let Some(path) = config.mda.sieve_of(user.as_str()) else { return Vec::new() };
    let maildir = mailbox::of_user(&config.mda, user);
    match Scripts::default().find(&[path], owner_of(config, maildir.root())) {
        Ok(None) => Vec::new(),
        Err(error) => vec![format!("letters to {user} wait: {}", Chain(&error))],
        Ok(Some(script)) => {
            let problems = match &script.compiled {
                Ok(script) => script.warnings().iter().map(ToString::to_string).collect(),
                Err(problems) => problems.to_string(),
            };
            let folder = script.path.parent().unwrap_or(Path::new("")).display();
            problems.lines().map(|problem| format!("in {folder}, {problem}")).collect()
        }
    }
}

/// Whose a mailbox is: where there is none yet, it will be theirs whose folder it is made in.
fn owner_of<'a>(config: &'a Config, mailbox: &'a Path) -> &'a Path {
    mailbox.ancestors().find(|folder| folder.exists()).unwrap_or(&config.data)
}

fn programs(config: &Config) -> Vec<Finding> {
    let folder = &config.mda.programs;
    if folder.as_os_str().is_empty() {
        return Vec::new();
    }
    let owners = Owners::of(owner_of(config, &config.mda.mailboxes()));
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(source) => {
            let error = Unusable::Read { path: folder.clone(), source };
            return vec![Finding { key: "mda.programs", text: not_run(&error) }];
        }
    };
    let mut wrong: Vec<String> = entries
        .flatten()
        .filter_map(|entry| owners.program(&entry.path()).err())
        .map(|error| not_run(&error))
        .collect();
    wrong.sort();
    // What is wrong with the folder is so for each.
    wrong.dedup();
    wrong.into_iter().map(|text| Finding { key: "mda.programs", text }).collect()
}

fn not_run(error: &Unusable) -> String {
    match error {
        Unusable::Read { path, source } => {
            format!("no rule can run what is in {}: {source}", path.display())
        }
        Unusable::Unsafe { path, why } => format!("no rule can run {}: {why}", path.display()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn m04_what_is_wrong_is_found_before_a_letter_finds_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let write = |name: &str, mode: u32, text: &str| {
            std::fs::write(path(name), text).unwrap();
            std::fs::set_permissions(path(name), PermissionsExt::from_mode(mode)).unwrap();
        };
        let hash = "{ARGON2ID}$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g";
        let users = ["alice", "bob", "carol", "dave"];
        let lines: String = users.iter().map(|user| format!("{user}:{hash}\n")).collect();
        write("users", 0o600, &lines);
        write("aliases", 0o600, "");
        for folder in ["sieve", "programs"] {
            std::fs::create_dir(path(folder)).unwrap();
            std::fs::set_permissions(path(folder), PermissionsExt::from_mode(0o755)).unwrap();
        }
        write("sieve/alice.sieve", 0o600, "keep;");
        write("sieve/bob.sieve", 0o666, "keep;");
        write("sieve/carol.sieve", 0o600, "kep;\nfileinto \"x\";");
        write("programs/good", 0o755, "");
        write("programs/data", 0o644, "");
        let text = format!(
            "data = {:?}\nhostname = \"mx.our.example\"\ndomains = [\"our.example\"]\n\
             [mda]\nprograms = \"programs\"\n",
            dir.path()
        );
        let config = postroad_config::parse(Path::new("t.toml"), &text).unwrap().config;
        let folder = dir.path().display().to_string();
        let found = || -> Vec<String> {
            let findings = check_all(&config).unwrap().into_iter();
            let line = |Finding { key, text }| format!("{key}: {text}").replace(&folder, "");
            findings.map(line).collect()
        };
        let got = found();
        assert_eq!(
            got[0],
            "mda.programs: no rule can run /programs/data: it can't be executed; chmod +x it"
        );
        assert_eq!(
            got[1],
            "mda.sieve: letters to bob wait: the rules in /sieve/bob.sieve are not followed: \
             others can write to it; chmod go-w it"
        );
        assert!(got[2].starts_with("mda.sieve: in /sieve, carol.sieve:1:1: "), "{got:?}");
        assert!(got.iter().skip(2).all(|line| line.contains("carol.sieve:")), "{got:?}");
        std::fs::remove_dir_all(path("programs")).unwrap();
        assert!(found()[0].starts_with("mda.programs: no rule can run what is in /programs: "));
    }
}
