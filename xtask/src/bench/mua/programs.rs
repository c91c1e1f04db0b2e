//! The programs, each with a home and a Maildir of its own.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::Context as _;
use postroad_tests::peers::{Stage, python_script};
use postroad_tests::process::run;

use super::{NEOMUTT, NOTMUCH};
use crate::bench::OURS;
use crate::step::target_dir;

/// What the newest letter is about.
pub(super) const NEWEST: &str = "last-zzqx";

/// What it says, and no other letter does.
pub(super) const NEWEST_TEXT: &str = "quaggas of zzqx";

/// As its manual says for large mailboxes; else as it ships.
const NEOMUTT_SETTINGS: &str = "set folder=MAILDIR\nset spoolfile=MAILDIR\nset mbox_type=Maildir\n\
    set header_cache=CACHE\nset sort=date\nset sleep_time=0\nset quit=yes\nset delete=no\nset move=no\n\
    set from=me@local.example\nset sendmail=/bin/false\n";

const NOTMUCH_SETTINGS: &str = "[database]\npath=MAILDIR\n[user]\nname=Me\nprimary_email=me@local.example\n\
    [new]\ntags=new\n[maildir]\nsynchronize_flags=true\n";

/// What is done when a list is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    Leave,
    Threads,
}

/// A program under measurement.
#[derive(Debug)]
pub(super) struct Program<'s> {
    stage: &'s Stage,
    pub(super) name: &'static str,
    /// Its home.
    home: PathBuf,
    /// Where it hands letters to.
    submission: String,
    command: Vec<String>,
    /// What its screen says while its list isn't whole; empty where it shows none before that.
    until: &'static str,
    /// Keys that have it show threads, and what it says then, with `=` between them; empty where that isn't measured.
    threads: &'static str,
}

impl<'s> Program<'s> {
    fn new(stage: &'s Stage, folder: &Path, name: &'static str) -> anyhow::Result<Self> {
        let home = folder.join(name);
        fs::create_dir_all(&home).context("cannot make a home")?;
        let command = vec![name.to_owned()];
        Ok(Self { stage, name, home, submission: String::new(), command, until: "", threads: "" })
    }

    /// Whether it is known how to have it show threads.
    pub(super) fn has_threads(&self) -> bool {
        !self.threads.is_empty()
    }

    pub(super) fn maildir(&self) -> PathBuf {
        self.home.join("Maildir")
    }

    /// Its letters, and nothing that it knew of others: the same files by other names, all seen, and one that has just come.
    pub(super) fn copy(&self, master: &Path) -> anyhow::Result<()> {
        for known in [self.maildir(), self.home.join("cache"), self.home.join("state")] {
            if known.exists() {
                fs::remove_dir_all(&known).context("cannot forget a mailbox")?;
            }
        }
        fs::create_dir(self.home.join("cache"))?;
        let maildir = self.maildir();
        for part in ["tmp", "new", "cur"] {
            fs::create_dir_all(maildir.join(part)).context("cannot make a Maildir")?;
        }
        for letter in fs::read_dir(master)? {
            let letter = letter?;
            let name = letter.file_name().to_string_lossy().into_owned();
            let base = name.split(":2,").next().unwrap_or_default();
            fs::hard_link(letter.path(), maildir.join("cur").join(format!("{base}:2,S")))?;
        }
        let newest = format!(
            "From: Newest <newest@host.example>\nTo: me@local.example\nSubject: {NEWEST}\n\
             Date: Fri, 1 Dec 2023 10:00:00 +0000\nMessage-ID: <newest@host.example>\n\n{NEWEST_TEXT}\n"
        );
        let (octets, wire) = (newest.len(), newest.len() + newest.lines().count());
        let name = format!("1800000000.M0P1.bench,S={octets},W={wire}");
        fs::write(maildir.join("new").join(name), newest).context("cannot write a letter")
    }

    /// The program on a screen, with so many keys pressed while its list isn't whole, or else while a command runs.
    pub(super) fn in_a_terminal(
        &self,
        keys: u32,
        then: Then,
        beside: &[String],
    ) -> anyhow::Result<Command> {
        let order = match then {
            Then::Leave => "",
            Then::Threads => self.threads,
        };
        let beside = match beside {
            [] => String::new(),
            words => serde_json::to_string(words)?,
        };
        let mut command = self.on_stage("/usr/bin/python3");
        command.arg(python_script("frames.py"));
        command.args([NEWEST, self.until, &keys.to_string(), order, &beside]);
        command.args(&self.command);
        Ok(command)
    }

    /// What keeps its mailbox busy: letters that come, that others mark, that are indexed, and that are sent.
    pub(super) fn busy(&self) -> Vec<String> {
        let script = python_script("busy.py").display().to_string();
        let maildir = self.maildir().display().to_string();
        let program = self.command.first().cloned().unwrap_or_default();
        vec!["/usr/bin/python3".to_owned(), script, maildir, program]
    }

    fn on_stage(&self, program: &str) -> Command {
        let mut command = self.stage.command(program);
        command
            .env("HOME", &self.home)
            .env("MAIL", self.maildir())
            .env("NOTMUCH_CONFIG", self.home.join("settings"))
            .env("POSTROAD_MUA_ADDRESS", "me@local.example")
            .env("POSTROAD_MUA_INBOX", self.maildir())
            .env("POSTROAD_MUA_OUTBOX", self.home.join("outbox"))
            .env("POSTROAD_MUA_SUBMISSION", &self.submission)
            .env("XDG_STATE_HOME", self.home.join("state"));
        command
    }

    /// The program with no screen, to its end.
    pub(super) fn told(&self, arguments: &[&str]) -> anyhow::Result<BTreeMap<&'static str, f64>> {
        let program = self.command.first().map_or(self.name, String::as_str);
        let mut command = self.on_stage(program);
        let began = Instant::now();
        run(command.args(arguments))?;
        Ok([("ms", began.elapsed().as_secs_f64() * 1e3)].into())
    }

    /// Commands of it, one after the other: milliseconds of each.
    pub(super) fn timed(&self, commands: &[Vec<String>]) -> anyhow::Result<Vec<f64>> {
        let program = self.command.first().map_or(self.name, String::as_str);
        let commands: Vec<Vec<&str>> = commands
            .iter()
            .map(|words| std::iter::once(program).chain(words.iter().map(String::as_str)).collect())
            .collect();
        let file = self.home.join("commands");
        fs::write(&file, serde_json::to_vec(&commands)?).context("cannot write commands")?;
        let mut python = self.on_stage("/usr/bin/python3");
        let output = run(python.arg(python_script("timed.py")).stdin(File::open(&file)?))?;
        serde_json::from_slice(&output.stdout).context("timed.py said no times")
    }

    fn with_settings(self, settings: &str) -> anyhow::Result<Self> {
        let [maildir, cache] =
            [self.maildir(), self.home.join("cache")].map(|path| path.display().to_string());
        let settings = settings.replace("MAILDIR", &maildir).replace("CACHE", &cache);
        fs::write(self.home.join("settings"), settings).context("cannot write settings")?;
        Ok(self)
    }
}

/// Ours, as it is without any settings.
pub(super) fn postroad<'s>(
    stage: &'s Stage,
    folder: &Path,
    sink: SocketAddr,
) -> anyhow::Result<Program<'s>> {
    let binary = target_dir().join("release/postroad-mua");
    let command = vec![binary.display().to_string(), "open".to_owned()];
    let (until, threads) = ("(checking)", "ot=(threads");
    let submission = format!("smtp://{sink}");
    Ok(Program { submission, command, until, threads, ..Program::new(stage, folder, OURS)? })
}

/// Debian's NeoMutt, with its cache of headers, in the order in which ours shows letters.
pub(super) fn neomutt<'s>(stage: &'s Stage, folder: &Path) -> anyhow::Result<Program<'s>> {
    let program = Program::new(stage, folder, NEOMUTT)?.with_settings(NEOMUTT_SETTINGS)?;
    let settings = program.home.join("settings").display().to_string();
    let command = ["neomutt", "-n", "-F", &settings].map(str::to_owned).into();
    Ok(Program { command, ..program })
}

/// Debian's notmuch.
pub(super) fn notmuch<'s>(stage: &'s Stage, folder: &Path) -> anyhow::Result<Program<'s>> {
    Program::new(stage, folder, NOTMUCH)?.with_settings(NOTMUCH_SETTINGS)
}
