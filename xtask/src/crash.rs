//! `cargo xtask crash --hours N`: the long form of the proofs that no letter is lost.
//!
//! `cargo xtask test` runs the same tests in their short form. Here they go on in rounds of ten minutes at
//! most, each round with a seed of its own: simulated disks that fail and lose power at every call,
//! `kill -9` under load, a real file system whose power is cut, the scheduler over simulated days. The first
//! failure stops it, with the command that repeats it. However short it is, it goes on until there were
//! [`KILLS_LEAST`] kills and [`TRIPLES_LEAST`] power cuts of the simulated disk; the end says how many of each.

use std::fmt;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail, ensure};

use crate::step::{self, cargo};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// How long, in hours; a fraction will do, as in 0.1. A round that has begun is finished.
    #[arg(long, value_parser = hours)]
    hours: Duration,
    /// The seed of the first round; each round's is one more [default: drawn]
    #[arg(long)]
    seed: Option<u64>,
}

fn hours(text: &str) -> Result<Duration, String> {
    let hours: f64 = text.parse().map_err(|_| "write a number of hours, as in 0.5".to_owned())?;
    Duration::try_from_secs_f64(hours * 3_600.0).map_err(|error| error.to_string())
}

/// The longest round: whatever seed finds something, it is found within a few of these.
const ROUND_MAX: Duration = Duration::from_secs(10 * 60);
/// Kills under load in a second, each with a restart.
const KILLS_PER_SECOND: f64 = 2.0;
/// Power cuts in a second, each with a new mount and a restart.
const CUTS_PER_SECOND: f64 = 0.5;
/// Rounds of programs at one mailbox in a second.
const ROUNDS_PER_SECOND: f64 = 0.25;
/// Commands of IMAP sessions in a second.
const STEPS_PER_SECOND: f64 = 1_500.0;
/// No test does less than in its short form.
const REPEATS_MIN: f64 = 8.0;

/// Kills in a run, however short.
const KILLS_LEAST: u64 = 200;
/// Power cuts of the simulated disk in a run, no two of a round alike.
const TRIPLES_LEAST: u64 = 10_000;
/// A round's tests play many seeds, one after the other, from the round's own on: the next round begins behind them.
const SEEDS_APART: u64 = 1_000_000;

/// What was done so far, as the tests say it.
#[derive(Debug, Default)]
struct Tally {
    rounds: u64,
    kills: u64,
    cuts: u64,
    triples: u64,
}

impl Tally {
    /// Takes a line of a test's output: `POSTROAD_CRASH_DONE kills=12`.
    fn add(&mut self, line: &str) {
        // The test harness may have begun the line.
        let Some((_, said)) = line.split_once("POSTROAD_CRASH_DONE ") else { return };
        let Some((what, times)) = said.trim().split_once('=') else { return };
        let count = match what {
            "kills" => &mut self.kills,
            "cuts" => &mut self.cuts,
            "triples" => &mut self.triples,
            _ => return,
        };
        *count += times.parse::<u64>().unwrap_or(0);
    }

    fn is_enough(&self) -> bool {
        self.rounds > 0 && self.kills >= KILLS_LEAST && self.triples >= TRIPLES_LEAST
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rounds, kills, cuts, triples } = self;
        write!(
            f,
            "{kills} kills, {cuts} real power cuts, {triples} of the simulated disk \
             (story, call, surviving tree; no two of a round alike), {rounds} rounds"
        )
    }
}

/// Tests of one kind.
struct Proof {
    what: &'static str,
    package: &'static str,
    /// Part of `TARGET::TEST`.
    name: &'static str,
    /// Its part of the time, in percent; those of all are a hundred.
    share: u32,
    seed: &'static str,
    length: Length,
}

/// How a test is told to go on for so long.
#[derive(Clone, Copy)]
enum Length {
    /// By seconds, in this variable.
    Seconds(&'static str),
    /// By repeats, in this variable; so many fit into a second.
    Repeats(&'static str, f64),
}

const PROOFS: &[Proof] = &[
    Proof {
        what: "every disk call of the queue",
        package: "postroad-queue",
        name: "power_cuts_lose_no_letter",
        share: 15,
        seed: "POSTROAD_CRASH_SEED",
        length: Length::Seconds("POSTROAD_CRASH_SECONDS"),
    },
    Proof {
        what: "every disk call of the Maildir writer",
        package: "postroad-store",
        name: "power_cuts_lose_no_letter",
        share: 5,
        seed: "POSTROAD_CRASH_SEED",
        length: Length::Seconds("POSTROAD_CRASH_SECONDS"),
    },
    Proof {
        what: "every disk call of an open mailbox",
        package: "postroad-store",
        name: "power_cuts_lose_no_uid_and_no_letter",
        share: 5,
        seed: "POSTROAD_CRASH_SEED",
        length: Length::Seconds("POSTROAD_CRASH_SECONDS"),
    },
    Proof {
        what: "sessions beside a model",
        package: "postroad-maa",
        name: "i12_what_clients_are_told_is_what_is_there",
        share: 5,
        seed: "POSTROAD_CRASH_SEED",
        length: Length::Repeats("POSTROAD_MODEL_STEPS", STEPS_PER_SECOND),
    },
    Proof {
        what: "every disk call of a letter into a mailbox file",
        package: "postroad-store",
        name: "mailbox_file_keeps_all_through_power_cuts",
        share: 5,
        seed: "POSTROAD_CRASH_SEED",
        length: Length::Seconds("POSTROAD_CRASH_SECONDS"),
    },
    Proof {
        what: "every disk call of the delivery agent",
        package: "postroad-mda",
        name: "f02_ten_thousand_power_cuts_in_the_delivery_agent",
        share: 10,
        seed: "POSTROAD_CRASH_SEED",
        length: Length::Seconds("POSTROAD_CRASH_SECONDS"),
    },
    Proof {
        what: "schedules",
        package: "postroad-mta",
        name: "simulation",
        share: 15,
        seed: "POSTROAD_SIMULATION_SEED",
        length: Length::Seconds("POSTROAD_SIMULATION_SECONDS"),
    },
    Proof {
        what: "kill -9",
        package: "postroad-tests",
        name: "crash::",
        share: 20,
        seed: "POSTROAD_CRASH_SEED",
        length: Length::Repeats("POSTROAD_CRASH_KILLS", KILLS_PER_SECOND),
    },
    Proof {
        what: "programs at one mailbox",
        package: "postroad-tests",
        name: "imap_clients::programs_at_once",
        share: 10,
        seed: "POSTROAD_CRASH_SEED",
        length: Length::Repeats("POSTROAD_CRASH_ROUNDS", ROUNDS_PER_SECOND),
    },
    Proof {
        what: "a real power cut",
        package: "postroad-tests",
        name: "power_cut::",
        share: 10,
        seed: "POSTROAD_CRASH_SEED",
        length: Length::Repeats("POSTROAD_CRASH_CUTS", CUTS_PER_SECOND),
    },
];

/// One test, and how to run it alone.
struct Test {
    program: PathBuf,
    /// Where cargo would run it.
    folder: PathBuf,
    /// As in `--test crash` or `--lib`.
    target: String,
    name: String,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    // The end-to-end tests start these by path.
    step::run("build the agents", cargo().args(["build", "--workspace", "--bins", "--locked"]))?;
    let proofs: Vec<(&Proof, Vec<Test>)> = step::done("build the proofs", || {
        PROOFS.iter().map(|proof| Ok((proof, tests(proof)?))).collect()
    })?;
    let drawn = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let mut seed = options.seed.unwrap_or_else(drawn);
    let (start, round) = (Instant::now(), options.hours.min(ROUND_MAX));
    let mut tally = Tally::default();
    while !tally.is_enough() || start.elapsed() < options.hours {
        tally.rounds += 1;
        let kills = tally.kills;
        let left = options.hours.saturating_sub(start.elapsed()).as_secs() / 60;
        eprintln!("\n==> round {}, seed {seed}, {left} minutes left", tally.rounds);
        for (proof, tests) in &proofs {
            for test in tests {
                let length = round / u32::try_from(tests.len()).unwrap_or(1);
                prove(proof, test, seed, length, &mut tally)?;
            }
        }
        ensure!(tally.kills > kills, "nothing was killed: see above why the tests left that out");
        seed = seed.wrapping_add(SEEDS_APART);
    }
    eprintln!("\nNothing was lost in {} minutes: {tally}.", start.elapsed().as_secs() / 60);
    Ok(())
}

/// Runs one test for its part of a round.
fn prove(
    proof: &Proof,
    test: &Test,
    seed: u64,
    round: Duration,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    let seconds = round.mul_f64(f64::from(proof.share) / 100.0).as_secs_f64().ceil();
    let (variable, amount) = match proof.length {
        Length::Seconds(variable) => (variable, seconds),
        Length::Repeats(variable, in_a_second) => {
            (variable, (seconds * in_a_second).max(REPEATS_MIN).ceil())
        }
    };
    let (seed, amount) = (seed.to_string(), amount.to_string());
    step::done(&format!("{}: {}", proof.what, test.name), || {
        let (output, input) = std::io::pipe().context("cannot make a pipe")?;
        let mut child = Command::new(&test.program)
            .current_dir(&test.folder)
            .args(["--exact", &test.name, "--nocapture"])
            .envs([(proof.seed, &seed), (variable, &amount)])
            .stdout(input.try_clone()?)
            .stderr(input)
            .spawn()
            .with_context(|| format!("cannot start {}", test.program.display()))?;
        for line in BufReader::new(output).split(b'\n') {
            let line = line.context("cannot read what the test says")?;
            let line = String::from_utf8_lossy(&line);
            eprintln!("{line}");
            tally.add(&line);
        }
        let status = child.wait()?;
        ensure!(
            status.success(),
            "{} failed ({status}). To repeat it:\n\n  {}={seed} {variable}={amount} cargo test -p {} {} -- --exact {} --nocapture\n",
            test.name,
            proof.seed,
            proof.package,
            test.target,
            test.name
        );
        Ok(())
    })
}

/// Builds a proof's tests and finds them; that there are none is an error, for it would prove nothing.
fn tests(proof: &Proof) -> anyhow::Result<Vec<Test>> {
    let output = cargo()
        .args(["test", "--no-run", "--locked", "--message-format=json-render-diagnostics"])
        .args(["--package", proof.package])
        .stderr(Stdio::inherit())
        .output()
        .context("cannot run cargo test")?;
    ensure!(output.status.success(), "{} doesn't build", proof.package);
    let mut tests = Vec::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let message: serde_json::Value = serde_json::from_str(line)
            .with_context(|| format!("cargo said {line:?}, which is no JSON"))?;
        // Examples are built as well, and are no tests.
        let is_test = message["profile"]["test"].as_bool().unwrap_or(false);
        if let Some(program) = message["executable"].as_str().filter(|_| is_test) {
            tests.extend(tests_in(proof, Path::new(program), &message)?);
        }
    }
    if tests.is_empty() {
        bail!("no test of {} has \"{}\" in its name", proof.package, proof.name);
    }
    Ok(tests)
}

/// The proof's tests in one program, of which cargo said `message`.
fn tests_in(
    proof: &Proof,
    program: &Path,
    message: &serde_json::Value,
) -> anyhow::Result<Vec<Test>> {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let (kind, target) = (text(&message["target"]["kind"][0]), text(&message["target"]["name"]));
    let manifest = PathBuf::from(text(&message["manifest_path"]));
    let list = Command::new(program)
        .args(["--list", "--format", "terse"])
        .output()
        .with_context(|| format!("cannot list the tests in {}", program.display()))?;
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    let names = list.lines().filter_map(|line| line.strip_suffix(": test"));
    let wanted = names.filter(|name| format!("{target}::{name}").contains(proof.name));
    let test = |name: &str| Test {
        program: program.to_owned(),
        folder: manifest.parent().unwrap_or(step::root()).to_owned(),
        target: match kind.as_str() {
            "test" => format!("--test {target}"),
            "bin" => format!("--bin {target}"),
            _ => "--lib".to_owned(),
        },
        name: name.to_owned(),
    };
    Ok(wanted.map(test).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_proof_has_its_part_of_the_time() {
        assert_eq!(PROOFS.iter().map(|proof| proof.share).sum::<u32>(), 100);
    }

    #[test]
    fn what_tests_say_is_added_up() {
        let mut tally = Tally { rounds: 1, ..Tally::default() };
        for line in [
            "POSTROAD_CRASH_DONE kills=60",
            "test a ... POSTROAD_CRASH_DONE kills=139\r",
            "POSTROAD_CRASH_DONE cuts=3",
            "POSTROAD_CRASH_DONE triples=10000",
            "POSTROAD_CRASH_DONE kills=many",
            "nothing",
        ] {
            tally.add(line);
        }
        assert_eq!((tally.kills, tally.cuts, tally.triples), (199, 3, 10_000));
        assert!(!tally.is_enough());
        tally.add("POSTROAD_CRASH_DONE kills=1");
        assert!(tally.is_enough());
        let text = "200 kills, 3 real power cuts, 10000 of the simulated disk";
        assert!(tally.to_string().starts_with(text), "{tally}");
    }
}
