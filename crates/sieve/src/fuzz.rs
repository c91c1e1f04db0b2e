//! What the fuzz targets run, so that plain `cargo test` can replay their seeds.
//!
//! Each body takes any octets and panics where something that must hold doesn't. The targets under
//! `tests/fuzz` hand them libFuzzer's octets; `tests/fuzz_seeds.rs` hands them the files in the tree.

use crate::{Facts, Message, Tracing, compile, format, limits};

/// What one target runs.
pub type Body = fn(&[u8]);

/// Every target, by the name of its file and its folder of seeds.
pub const TARGETS: [(&str, Body); 1] = [("sieve", sieve)];

/// What parts script and message in a seed.
const PARTS: &[u8] = b"\n=====\n";

/// A script, a line of five `=`, and a message. Canonical text is canonical, and means the same; a run ends, within
/// its bounds, with the letter somewhere or a decision to drop it.
pub fn sieve(octets: &[u8]) {
    let at = memchr::memmem::find(octets, PARTS);
    let (script, rest) = octets.split_at(at.map_or(octets.len(), |at| at + 1));
    let message = rest.get(PARTS.len() - 1..).unwrap_or_default();
    let canonical = format("fuzz", script);
    if let Ok(canonical) = &canonical {
        let again = format("fuzz", canonical);
        assert_eq!(again.as_ref(), Ok(canonical), "canonical text that is not canonical");
    }
    let Ok(compiled) = compile("fuzz", script) else { return };
    let Ok(canonical) = canonical else { panic!("a script that can't be printed") };
    let Ok(reprinted) = compile("fuzz", &canonical) else { panic!("canonical text is refused") };
    let facts = Facts {
        envelope_from: Some("from@there.example"),
        envelope_to: Some("to+detail@our.example"),
        tracing: Tracing::On,
        ..Facts::default()
    };
    let outcome = compiled.run(&Message::new(message), &facts);
    assert!(outcome.actions.len() <= limits::ACTIONS_MAX + 1);
    assert!(outcome.trace.len() <= limits::TRACE_STEPS_MAX);
    let unprintable = outcome.trace.iter().any(|step| step.what.contains(char::is_control));
    assert!(!unprintable, "a trace that a terminal obeys");
    if outcome.error.is_some() {
        assert_eq!(outcome.actions.len(), 1, "a failed script does nothing but keep");
    }
    let again = reprinted.run(&Message::new(message), &facts);
    assert_eq!(again.actions, outcome.actions, "canonical text does something else");
}
