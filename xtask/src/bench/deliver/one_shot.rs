//! A process for each letter: from its start to its end, one after the other.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, ensure};
use postroad_tests::peers::Stage;

use super::LETTER_OCTETS;
use super::agents::{self, Agent, OWNER, PROCMAIL};
use super::caller::{Plan, Times};
use crate::bench::latency::{body, percentile};
use crate::bench::measure::SYNC_CALLS;
use crate::bench::row::{Row, Rows};
use crate::bench::{Bench, progress};

pub(super) const PLAIN: &str = "one-shot, 4 KiB";
pub(super) const RULES: &str = "one-shot, 4 KiB, 50 rules";

/// What procmail took and a sync of the directory, which it leaves out and ours doesn't.
pub(super) const PROCMAIL_AND_SYNC: &str = "procmail + directory sync";
const DIRECTORY_SYNC: &str = "directory sync";

/// Letters of a run to each agent: enough that the slowest of them isn't p99.
const LETTERS: usize = 300;
const LETTERS_QUICK: usize = 20;

pub(super) fn run(bench: &Bench<'_>, rows: &mut Rows) -> anyhow::Result<()> {
    let stage = bench.tools.stage();
    let letters = if bench.options.quick { LETTERS_QUICK } else { LETTERS };
    let letter = stage.write("home/letter", &letter())?;
    let maildir = agents::home(stage, DIRECTORY_SYNC)?.join("Maildir");
    let runs = bench.runs();
    let bar = progress(2 * runs as usize)?;
    for (case, agents) in [(PLAIN, agents::plain(stage)?), (RULES, agents::with_rules(stage)?)] {
        bar.set_message(case);
        let synced = agents.iter().map(|agent| synced(stage, agent, &letter));
        let synced = synced.collect::<anyhow::Result<Vec<_>>>()?;
        let calls = agents.iter().map(|agent| agent.call.clone()).collect();
        let mut plan =
            Plan { letter: letter.clone(), rounds: 1, maildir: maildir.clone(), agents: calls };
        // Programs are read from the disk, and Sieve is compiled.
        timed(stage, &plan)?;
        plan.rounds = letters;
        for _ in 0..runs {
            let times = timed(stage, &plan)?;
            push(rows, case, &agents, &synced, times);
            bar.inc(1);
        }
        agents::all_arrived(&agents, letters * runs as usize + 2)?;
    }
    bar.finish_and_clear();
    Ok(())
}

fn push(rows: &mut Rows, case: &str, agents: &[Agent], synced: &[Synced], mut times: Times) {
    let mut push = |server, figures| rows.push(Row { server, case: case.to_owned(), figures });
    let sync = percentile(&mut times.directory_sync, 50);
    for (agent, synced) in agents.iter().zip(synced) {
        let mut times = times.agents.remove(agent.name).unwrap_or_default();
        let p50 = percentile(&mut times, 50);
        let figures = BTreeMap::from([
            ("p50_ms", p50),
            ("p99_ms", percentile(&mut times, 99)),
            ("syncs", synced.all as f64),
            ("dir_syncs", synced.directories as f64),
            ("letters", times.len() as f64),
        ]);
        push(agent.name, figures);
        if agent.name == PROCMAIL {
            push(PROCMAIL_AND_SYNC, [("p50_ms", p50 + sync)].into());
        }
    }
    let p99 = percentile(&mut times.directory_sync, 99);
    push(DIRECTORY_SYNC, [("p50_ms", sync), ("p99_ms", p99), ("dir_syncs", 1.0)].into());
}

/// As Postfix hands it to a program: with LF line ends.
fn letter() -> String {
    let on_the_wire = String::from_utf8_lossy(&body(LETTER_OCTETS)).replace("\r\n", "\n");
    on_the_wire.strip_suffix(".\n").unwrap_or(&on_the_wire).to_owned()
}

/// Has the caller do what the plan says, on the stage.
fn timed(stage: &Stage, plan: &Plan) -> anyhow::Result<Times> {
    // Our own programs are there (`postroad_tests::peers`).
    let mut command = stage.command_as(OWNER, "/mnt/xtask")?;
    command.arg("one-shots").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().context("cannot start the caller")?;
    let input = child.stdin.take().context("the caller has no standard input")?;
    serde_json::to_writer(input, plan).context("cannot tell the caller what to call")?;
    let output = child.wait_with_output().context("cannot wait for the caller")?;
    ensure!(output.status.success(), "the caller failed: {}", output.status);
    serde_json::from_slice(&output.stdout).context("cannot read the caller's times")
}

/// Sync calls of one delivery.
#[derive(Debug, Clone, Copy, Default)]
struct Synced {
    all: usize,
    /// Those of a directory.
    directories: usize,
}

/// Has strace count the sync calls of one delivery.
fn synced(stage: &Stage, agent: &Agent, letter: &Path) -> anyhow::Result<Synced> {
    let call = &agent.call;
    let calls = format!("trace={}", SYNC_CALLS.join(","));
    let trace = stage.path("home").join(OWNER).join("trace");
    let output = stage
        .command_as(OWNER, "strace")?
        .args(["-f", "-y", "-qq", "-e", "signal=none", "-e", &calls, "-o"])
        .arg(&trace)
        .arg(&call.program)
        .args(&call.arguments)
        .envs(&call.environment)
        .stdin(fs::File::open(letter)?)
        .output()
        .context("cannot start strace")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{} under strace failed: {}", agent.name, said.trim());
    let trace = fs::read_to_string(&trace).context("cannot read what strace wrote")?;
    // As `123 fsync(4</a/path>) = 0`; where threads cross there is another line for the call's end.
    let calls = trace.lines().filter(|line| line.contains('(') && !line.contains("resumed>"));
    let mut synced = Synced::default();
    for call in calls {
        synced.all += 1;
        let path = call.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
        synced.directories += usize::from(path.is_some_and(|(path, _)| Path::new(path).is_dir()));
    }
    Ok(synced)
}
