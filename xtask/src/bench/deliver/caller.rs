//! `cargo xtask one-shots`: calls delivery agents in turn, one letter each, and says how long each took.
//!
//! It runs on the stage as the mailboxes' owner, where nothing but the agent stands between its call and its end.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};

use super::received;

/// What is to be done: JSON on standard input.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Plan {
    /// What each agent finds on its standard input, below a `Received`.
    pub(super) letter: PathBuf,
    /// How often each is called.
    pub(super) rounds: usize,
    /// A Maildir for the directory's sync that is timed beside them.
    pub(super) maildir: PathBuf,
    pub(super) agents: Vec<Call>,
}

/// How an agent is called.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Call {
    pub(super) name: String,
    pub(super) program: String,
    pub(super) arguments: Vec<String>,
    pub(super) environment: BTreeMap<String, String>,
}

/// How long each took, in order: JSON on standard output.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Times {
    pub(super) agents: BTreeMap<String, Vec<Duration>>,
    /// One sync of new/, with one new name in it.
    pub(super) directory_sync: Vec<Duration>,
}

/// Does what the plan says.
pub(crate) fn run() -> anyhow::Result<()> {
    let plan: Plan =
        serde_json::from_reader(std::io::stdin()).context("cannot read the plan of calls")?;
    let letter = fs::read(&plan.letter).context("cannot read the letter")?;
    // Each gets one of its own, and the file that they are read from is not theirs to wait for.
    let handed = plan.maildir.join("handed");
    let mut times = Times::default();
    for round in 0..plan.rounds {
        for call in &plan.agents {
            fs::write(&handed, [received("\n").as_bytes(), &letter].concat())
                .context("cannot write the letter to hand over")?;
            settle(&plan.maildir)?;
            let took = called(call, &handed)?;
            times.agents.entry(call.name.clone()).or_default().push(took);
        }
        settle(&plan.maildir)?;
        times.directory_sync.push(directory_sync(&plan.maildir, &letter, round)?);
    }
    serde_json::to_writer(std::io::stdout(), &times).context("cannot write the times")
}

/// Commits what the one before left in the file system's journal: the next one shall not pay for it.
fn settle(maildir: &Path) -> anyhow::Result<()> {
    let file = File::create(maildir.join("settle")).context("cannot make a file to sync")?;
    (&file).write_all(b"settled")?;
    file.sync_all().context("cannot sync between two letters")
}

fn called(call: &Call, letter: &Path) -> anyhow::Result<Duration> {
    let Call { name, program, arguments, environment } = call;
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(environment);
    command.stdin(File::open(letter).context("cannot open the letter")?);
    command.stdout(Stdio::null());
    let start = Instant::now();
    let mut child = command.spawn().with_context(|| format!("cannot start {name}: {program}"))?;
    let status = child.wait().with_context(|| format!("cannot wait for {name}"))?;
    let took = start.elapsed();
    ensure!(status.success(), "{name} did not file the letter: {status}");
    Ok(took)
}

fn directory_sync(maildir: &Path, letter: &[u8], round: usize) -> anyhow::Result<Duration> {
    let (tmp, new) = (maildir.join("tmp/letter"), maildir.join("new"));
    let directory = File::open(&new).context("cannot open new/")?;
    let mut file = File::create(&tmp).context("cannot make a letter")?;
    file.write_all(letter)?;
    file.sync_all().context("cannot sync a letter")?;
    fs::rename(&tmp, new.join(format!("{}-{round}", std::process::id())))?;
    let start = Instant::now();
    directory.sync_all().context("cannot sync new/")?;
    Ok(start.elapsed())
}
