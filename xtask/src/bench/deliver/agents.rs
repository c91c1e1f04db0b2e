//! How each delivery agent is called, and the mailbox that it files into.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use postroad_tests::peers::Stage;

use super::caller::Call;
use crate::bench::OURS;
use crate::bench::peers::program;

pub(super) const NOTHING: &str = "nothing";
pub(super) const PROCMAIL: &str = "procmail";
pub(super) const MAILDROP: &str = "maildrop";
pub(super) const DOVECOT_LDA: &str = "dovecot-lda";

/// Who calls them, and whose mail it is: a user of the stage.
pub(super) const OWNER: &str = "alice";
const SENDER: &str = "sender@client.example";
/// Where the last rule files.
const FOLDER: &str = "Fifty";
const RULES: usize = 50;

/// An agent and the folder that its letters arrive in.
pub(super) struct Agent {
    pub(super) name: &'static str,
    pub(super) call: Call,
    /// `None`: it files nothing.
    pub(super) new: Option<PathBuf>,
}

/// Starting a process that does nothing, and all agents, each with a home of its own.
pub(super) fn plain(stage: &Stage) -> anyhow::Result<Vec<Agent>> {
    let nothing = Agent {
        name: NOTHING,
        call: call(NOTHING, "/usr/bin/true", &[], &stage.path("home").join(OWNER)),
        new: None,
    };
    let inbox = "Maildir/new";
    let home = home(stage, PROCMAIL)?;
    // Settings of all kinds are as their manual pages have them for a Maildir.
    let maildir = home.join("Maildir");
    let rules = format!("DEFAULT={}/\nLOGFILE=/dev/null\n", maildir.display());
    let rules = write(stage, &home.join("procmailrc"), &rules)?;
    let procmail = Agent {
        name: PROCMAIL,
        call: call(PROCMAIL, "/usr/bin/procmail", &["-f", SENDER, &rules], &home),
        new: Some(home.join(inbox)),
    };
    let home = self::home(stage, MAILDROP)?;
    let rules = format!("to \"{}\"\n", home.join("Maildir").display());
    let rules = write(stage, &home.join(".mailfilter"), &rules)?;
    let maildrop = Agent {
        name: MAILDROP,
        call: call(MAILDROP, "/usr/bin/maildrop", &["-f", SENDER, &rules], &home),
        new: Some(home.join(inbox)),
    };
    let ours = ours(stage, &self::home(stage, OURS)?, inbox)?;
    let dovecot = dovecot_lda(stage, &self::home(stage, DOVECOT_LDA)?, inbox)?;
    Ok(vec![nothing, ours, procmail, maildrop, dovecot])
}

/// Those that know Sieve, with fifty rules; the last of them files the letter.
pub(super) fn with_rules(stage: &Stage) -> anyhow::Result<Vec<Agent>> {
    let prepared = |name: &str| {
        let home = home(stage, &format!("{name}-rules"))?;
        make_maildir(stage, &home.join("Maildir").join(format!(".{FOLDER}")))?;
        // Ours looks there too.
        write(stage, &home.join(".dovecot.sieve"), &script())?;
        Ok::<_, anyhow::Error>(home)
    };
    let new = format!("Maildir/.{FOLDER}/new");
    Ok(vec![
        ours(stage, &prepared(OURS)?, &new)?,
        dovecot_lda(stage, &prepared(DOVECOT_LDA)?, &new)?,
    ])
}

/// Without settings, as its user calls it.
fn ours(stage: &Stage, home: &Path, new: &str) -> anyhow::Result<Agent> {
    // Beside all others, so that nobody's file system is a faster one.
    for name in ["postroad-mda", "postroad-mda-whole"] {
        let path = stage.path("usr/bin").join(name);
        fs::copy(program(name), path)
            .with_context(|| format!("cannot copy {name} to the stage"))?;
    }
    let call = call(OURS, "/usr/bin/postroad-mda", &["-f", SENDER], home);
    Ok(Agent { name: OURS, call, new: Some(home.join(new)) })
}

fn dovecot_lda(stage: &Stage, home: &Path, new: &str) -> anyhow::Result<Agent> {
    let settings = format!(
        "mail_location = maildir:~/Maildir\nbase_dir = {}/run\nlog_path = /dev/null\nssl = no\n\
         first_valid_uid = 1\nfirst_valid_gid = 1\npostmaster_address = postmaster@bench.example\n\
         hostname = bench.example\nprotocol lda {{\n  mail_plugins = sieve\n}}\n",
        home.display()
    );
    let settings = write(stage, &home.join("dovecot.conf"), &settings)?;
    let arguments = ["-c", settings.as_str(), "-f", SENDER];
    let call = call(DOVECOT_LDA, "/usr/lib/dovecot/dovecot-lda", &arguments, home);
    Ok(Agent { name: DOVECOT_LDA, call, new: Some(home.join(new)) })
}

fn call(name: &str, program: &str, arguments: &[&str], home: &Path) -> Call {
    let home = home.display().to_string();
    let environment = [
        ("HOME", home.as_str()),
        ("USER", OWNER),
        ("LOGNAME", OWNER),
        ("PATH", "/usr/bin:/bin"),
        ("SHELL", "/bin/sh"),
    ];
    Call {
        name: name.to_owned(),
        program: program.to_owned(),
        arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
        environment: BTreeMap::from(
            environment.map(|(name, value)| (name.to_owned(), value.to_owned())),
        ),
    }
}

/// A home with an empty Maildir.
pub(super) fn home(stage: &Stage, name: &str) -> anyhow::Result<PathBuf> {
    let home = stage.path("home").join(OWNER).join(name);
    fs::create_dir(&home).with_context(|| format!("cannot make {}", home.display()))?;
    stage.own(&home, OWNER)?;
    make_maildir(stage, &home.join("Maildir"))?;
    Ok(home)
}

fn make_maildir(stage: &Stage, path: &Path) -> anyhow::Result<()> {
    let folders = ["", "cur", "new", "tmp"].map(|name| path.join(name));
    for folder in folders {
        fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        stage.own(&folder, OWNER)?;
    }
    Ok(())
}

/// Writes a file of the owner's that nobody else may read, as maildrop insists; gives its path.
fn write(stage: &Stage, path: &Path, text: &str) -> anyhow::Result<String> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    stage.lock_away(path)?;
    stage.own(path, OWNER)?;
    Ok(path.display().to_string())
}

/// Fifty rules of the kinds that people have.
fn script() -> String {
    let test = |number: usize| match number % 5 {
        _ if number == RULES => "header :is \"subject\" \"one\"".to_owned(),
        0 => format!("header :contains \"list-id\" \"<list-{number}.example>\""),
        1 => format!("address :is :domain [\"from\", \"sender\"] \"host-{number}.example\""),
        2 => {
            format!("header :matches \"subject\" [\"[project-{number}]*\", \"*ticket #{number}*\"]")
        }
        3 => format!("allof (header :contains \"x-spam-flag\" \"{number}\", size :over {number}M)"),
        _ => format!("envelope :is \"from\" \"person-{number}@client.example\""),
    };
    let folder = |number| if number == RULES { FOLDER } else { "Elsewhere" };
    let rule = |number| {
        format!("if {} {{\n  fileinto \"{}\";\n  stop;\n}}\n", test(number), folder(number))
    };
    let rules: String = (1..=RULES).map(rule).collect();
    format!("require [\"envelope\", \"fileinto\"];\n{rules}")
}

/// As many letters as calls have arrived.
pub(super) fn all_arrived(agents: &[Agent], calls: usize) -> anyhow::Result<()> {
    for Agent { name, new, .. } in agents {
        let Some(new) = new else { continue };
        let arrived = fs::read_dir(new)?.count();
        ensure!(
            arrived == calls,
            "{name} was called {calls} times, and {arrived} letters are there"
        );
    }
    Ok(())
}
