//! What the fuzz targets run, so that plain `cargo test` can replay their seeds.
//!
//! Each body takes any octets and panics where something that must hold doesn't. The targets under
//! `tests/fuzz` hand them libFuzzer's octets; `tests/fuzz_seeds.rs` hands them the files in the tree.

use postroad_protocol::address::Address;

use crate::{
    Action, Call, Facts, Library, Location, Mailboxes, MemoKind, Message, Outcome, Past,
    ProgramError, Programs, Ran, Tracing, Virus, compile_with, format, limits,
};

/// What one target runs.
pub type Body = fn(&[u8]);

/// Every target, by the name of its file and its folder of seeds.
pub const TARGETS: [(&str, Body); 1] = [("sieve", sieve)];

/// What parts script and message in a seed.
const PARTS: &[u8] = b"\n=====\n";

/// A world where everything is there whose name has an even number of octets.
struct World<'s> {
    script: &'s [u8],
}

impl Past for World<'_> {
    fn remembers(&self, _: MemoKind, key: &[u8]) -> bool {
        key.len().is_multiple_of(2)
    }
}

impl Mailboxes for World<'_> {
    fn exists(&self, mailbox: &str) -> bool {
        mailbox.len().is_multiple_of(2)
    }

    fn metadata(&self, _: Option<&str>, annotation: &str) -> Option<Vec<u8>> {
        annotation.len().is_multiple_of(2).then(|| annotation.as_bytes().to_vec())
    }

    fn has_special_use(&self, _: Option<&str>, attribute: &str) -> bool {
        attribute.len().is_multiple_of(2)
    }
}

impl Programs for World<'_> {
    /// They give what they are given, behind a field of their own.
    fn run(&self, call: &Call<'_>) -> Result<Ran, ProgramError> {
        match call.program.len() % 3 {
            0 => Ok(Ran::Output([b"X-Filter: yes\n", call.input].concat())),
            1 => Err(ProgramError::Unknown(call.program.to_owned())),
            _ => Err(ProgramError::Failed(call.program.to_owned())),
        }
    }
}

impl Library for World<'_> {
    /// Each script is the same, so that includes go round.
    fn script(&self, _: Location, name: &str) -> Option<Vec<u8>> {
        name.len().is_multiple_of(2).then(|| self.script.to_vec())
    }
}

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
    let world = World { script };
    let Ok(compiled) = compile_with("fuzz", script, &world) else { return };
    let Ok(canonical) = canonical else { panic!("a script that can't be printed") };
    let Ok(reprinted) = compile_with("fuzz", &canonical, &world) else {
        panic!("canonical text is refused")
    };
    let own: Vec<Address> = Address::parse("to@our.example").into_iter().collect();
    let facts = Facts {
        envelope_from: Some("from@there.example"),
        envelope_to: Some("to+detail@our.example"),
        own_addresses: &own,
        past: &world,
        mailboxes: &world,
        programs: &world,
        environment: &[("host", "mx.our.example")],
        spam_percent: Some(50),
        virus: Some(Virus::Possible),
        tracing: Tracing::On,
        ..Facts::default()
    };
    let outcome = compiled.run(&Message::new(message), &facts);
    check(&outcome, message);
    let again = reprinted.run(&Message::new(message), &facts);
    // Not where they stand.
    let actions = |outcome: Outcome| {
        outcome.actions.into_iter().map(|decision| decision.action).collect::<Vec<_>>()
    };
    assert_eq!(actions(again), actions(outcome), "canonical text does something else");
}

fn check(outcome: &Outcome, message: &[u8]) {
    assert!(outcome.actions.len() <= limits::ACTIONS_MAX + 1);
    assert!(outcome.memos.len() <= limits::MEMOS_MAX);
    assert!(outcome.trace.len() <= limits::TRACE_STEPS_MAX);
    let is_obeyed = |text: &str| text.contains(char::is_control);
    assert!(
        !outcome.trace.iter().any(|step| is_obeyed(&step.what)),
        "a trace that a terminal obeys"
    );
    if let Some(error) = &outcome.error {
        assert_eq!(outcome.actions.len(), 1, "a failed script does nothing but keep");
        assert!(!error.problem.contains("broke down"), "{error}");
    }
    for decision in &outcome.actions {
        match &decision.action {
            Action::Reject { reason, .. } => assert!(!reason.iter().any(|line| is_obeyed(line))),
            Action::Vacation(reply) => check_sent(&reply.message),
            Action::Notify(notification) => check_sent(&notification.message),
            Action::Keep(filing) | Action::FileInto { filing, .. } => {
                let octets: usize = filing.content.pieces(message).iter().map(|p| p.len()).sum();
                assert!(octets <= message.len() + limits::MEMORY_OCTETS_MAX);
            }
            Action::Redirect { .. } => {}
            Action::Pipe(pipe) => {
                assert!(!pipe.program.contains('/') && !pipe.program.starts_with('.'));
                assert!(!pipe.arguments.iter().any(|argument| argument.contains(&0)));
            }
        }
    }
}

/// What we send has one sender, one subject, and no recipients that nobody sees (row M12).
fn check_sent(message: &[u8]) {
    let count = |name| postroad_protocol::header::count(message, name);
    assert_eq!([count("From"), count("Subject"), count("Auto-Submitted")], [1, 1, 1]);
    assert_eq!(count("Bcc"), 0);
}
