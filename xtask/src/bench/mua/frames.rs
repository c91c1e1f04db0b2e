//! What `tests/python/frames.py` says of a program in a terminal.

use std::collections::BTreeMap;

use anyhow::Context as _;
use postroad_tests::process::run;
use serde::Deserialize;

use super::programs::{Program, Then};

type Figures = BTreeMap<&'static str, f64>;

/// Keys that are pressed at most while a mailbox is read.
const KEYS: u32 = 10_000;

/// The words of that script.
#[derive(Debug, Deserialize)]
pub(super) struct Frames {
    frame_ms: f64,
    complete_ms: f64,
    anon_mib: f64,
    #[serde(default)]
    keys: u32,
    key_ms: Option<f64>,
    key_max_ms: Option<f64>,
    order_ms: Option<f64>,
}

impl Frames {
    /// To the first frame.
    pub(super) fn frame(&self) -> Figures {
        [("ms", self.frame_ms), ("anon_mib", self.anon_mib)].into()
    }

    /// To the first one that has all.
    pub(super) fn complete(&self) -> Figures {
        [("ms", self.complete_ms), ("anon_mib", self.anon_mib)].into()
    }

    /// To another order.
    pub(super) fn order(&self) -> Figures {
        let order = self.order_ms.map(|ms| ("ms", ms));
        order.into_iter().chain([("anon_mib", self.anon_mib)]).collect()
    }

    /// Of keys that were pressed meanwhile; too few letters are read before there is a key.
    pub(super) fn keys(&self) -> Figures {
        let times = [("ms", self.key_ms), ("max_ms", self.key_max_ms)];
        let times = times.into_iter().filter_map(|(name, ms)| Some((name, ms?)));
        times.chain([("keys", f64::from(self.keys)), ("anon_mib", self.anon_mib)]).collect()
    }
}

/// Shows the newest letter, and waits until the list is whole.
pub(super) fn shown(program: &Program<'_>) -> anyhow::Result<Frames> {
    told(program, 0, Then::Leave, &[])
}

/// The same, and has it show threads then, in which it begins from then on.
pub(super) fn threaded(program: &Program<'_>) -> anyhow::Result<Frames> {
    told(program, 0, Then::Threads, &[])
}

/// The same as [`shown`], and presses keys meanwhile.
pub(super) fn pressed(program: &Program<'_>) -> anyhow::Result<Frames> {
    told(program, KEYS, Then::Leave, &[])
}

/// Waits until the list is whole, and presses keys while a command keeps the mailbox busy.
pub(super) fn pressed_while(program: &Program<'_>, busy: &[String]) -> anyhow::Result<Frames> {
    told(program, KEYS, Then::Leave, busy)
}

fn told(
    program: &Program<'_>,
    keys: u32,
    then: Then,
    meanwhile: &[String],
) -> anyhow::Result<Frames> {
    let output = run(&mut program.in_a_terminal(keys, then, meanwhile)?)?;
    let words = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&words).with_context(|| format!("frames.py said: {words}"))
}
