//! `vnd.dovecot.pipe`, `.filter`, `.execute`: Pigeonhole's "Invoking External Programs".

use std::cell::RefCell;

use super::{MESSAGE_A, described, done, facts, outcome, refused};
use crate::{
    Action, Call, Content, Decision, Facts, ProgramError, Programs, Ran, Tracing, Wanted, format,
    limits,
};

/// Programs that do what their names say; and how they were called.
#[derive(Default)]
struct World(RefCell<Vec<String>>);

impl Programs for World {
    fn run(&self, call: &Call<'_>) -> Result<Ran, ProgramError> {
        let arguments: Vec<_> = call.arguments.iter().map(|a| a.escape_ascii()).collect();
        let arguments: String = arguments.iter().map(|a| format!(" [{a}]")).collect();
        let wanted = match call.output {
            Wanted::Nothing => "",
            Wanted::Beginning(_) => " > variable",
            Wanted::Whole => " > message",
        };
        let input = call.input.len();
        let line = format!("{}{arguments} < {input}{wanted}", call.program);
        self.0.borrow_mut().push(line);
        let first = call.arguments.first().cloned().unwrap_or_default();
        match call.program {
            "subject" => Ok(Ran::Output(b"From x y\nSubject: new\n\nbody\n".to_vec())),
            "say" => Ok(Ran::Output([&first, &b"\r\n\n"[..]].concat())),
            "nothing" => Ok(Ran::Output(Vec::new())),
            "only-from" => Ok(Ran::Output(b"From x y".to_vec())),
            "fails" => Err(ProgramError::Failed("exit code 1".to_owned())),
            "imagined" => Ok(Ran::Imagined),
            _ => Err(ProgramError::Unknown("no such program".to_owned())),
        }
    }
}

const REQUIRE: &str = "require [\"vnd.dovecot.pipe\", \"vnd.dovecot.filter\", \"vnd.dovecot.execute\", \
    \"copy\", \"variables\", \"fileinto\", \"reject\", \"editheader\", \"imap4flags\"];\n";

/// What a script does, and which programs it ran.
#[track_caller]
fn ran(script: &str) -> (String, Vec<String>) {
    let world = World::default();
    let facts = Facts { programs: &world, ..facts() };
    let outcome = outcome(&format!("{REQUIRE}{script}"), MESSAGE_A, &facts);
    (described(&outcome), world.0.into_inner())
}

#[test]
fn pipes() {
    for (script, expected) in [
        ("pipe \"x\";", "pipe x, else keep"),
        ("pipe \"x\" \"a\";", "pipe x [a], else keep"),
        ("pipe :copy \"x\" [\"A4\", \"\", \"-f\"];", "pipe x [A4] [] [-f], else keep; keep"),
        // §5: with ":try" it is as if it weren't there: only what is kept without it is kept.
        ("pipe :try \"x\";", "pipe x, else keep"),
        ("pipe :try \"x\"; discard;", "pipe x"),
        ("pipe :try \"x\"; fileinto \"y\";", "pipe x; fileinto y"),
        ("pipe \"x\"; fileinto \"y\";", "pipe x, else keep; fileinto y"),
        ("pipe :copy :try \"x\";", "pipe x, else keep; keep"),
        ("setflag \"\\\\Seen\"; pipe :try \"x\";", "pipe x, else keep (\\Seen)"),
        // §6.1: the message as it is then; what a failure keeps is the message as it came.
        ("addheader \"A\" \"b\"; pipe \"x\";", "pipe x edited, else keep"),
        ("pipe :try \"x\"; addheader \"A\" \"b\";", "pipe x, else keep edited"),
        // §5.1, but for other arguments.
        ("pipe \"x\" \"a\"; pipe \"x\" \"a\";", "pipe x [a], else keep"),
        ("pipe \"x\" \"a\"; pipe \"x\" \"b\";", "pipe x [a], else keep; pipe x [b], else keep"),
    ] {
        assert_eq!(ran(script), (expected.to_owned(), Vec::new()), "{script}");
    }
    for script in ["pipe \"x\"; reject \"no\";", "reject \"no\"; pipe \"x\";"] {
        assert!(ran(script).0.contains("refused can't be filed"), "{script}");
    }
}

#[test] // §6
fn filters() {
    for (script, expected) in [
        ("filter \"subject\"; if header \"subject\" \"new\" { discard; }", "discard"),
        ("if filter \"subject\" [\"a\"] { fileinto \"y\"; }", "fileinto y edited"),
        // It goes on with the message as it was.
        ("filter \"fails\"; fileinto \"y\";", "fileinto y"),
        ("if filter \"fails\" { fileinto \"y\"; }", "keep"),
        ("if filter \"nothing\" { fileinto \"y\"; }", "keep"),
        ("if filter \"only-from\" { fileinto \"y\"; }", "keep"),
        ("if filter \"imagined\" { fileinto \"y\"; }", "fileinto y"),
        // §8.
        ("if filter \"missing\" { fileinto \"y\"; }", "keep"),
        ("fileinto \"y\"; filter \"missing\";", "error: test:2:15: no such program"),
        // §6.1: what came before has the message as it was.
        ("fileinto \"y\"; filter \"subject\"; keep;", "fileinto y; keep edited"),
        ("filter \"subject\"; error;", "error: "),
    ] {
        let script = script.replace("error;", "filter \"missing\";");
        assert!(ran(&script).0.starts_with(expected), "{script}: {}", ran(&script).0);
    }
    let octets = MESSAGE_A.len();
    assert_eq!(
        ran("filter \"subject\" [\"a\", \"\"]; filter \"fails\";").1,
        [format!("subject [a] [] < {octets} > message"), "fails < 19 > message".to_owned()]
    );
}

#[test]
fn a_filters_line_ends_become_the_letters() {
    let world = World::default();
    let facts = Facts { programs: &world, ..facts() };
    let script = format!("{REQUIRE}filter \"subject\";");
    for (letter, expected) in [
        ("A: b\n\nc\n", "Subject: new\n\nbody\n"),
        ("A: b\r\n\r\nc\r\n", "Subject: new\r\n\r\nbody\r\n"),
    ] {
        let outcome = outcome(&script, letter, &facts);
        let [Decision { action: Action::Keep(filing), .. }] = outcome.actions.as_slice() else {
            panic!("{outcome:?}")
        };
        assert_ne!(filing.content, Content::Original);
        let pieces = filing.content.pieces(letter.as_bytes());
        assert_eq!(String::from_utf8_lossy(&pieces.concat()), expected);
    }
}

#[test] // §7
fn executes() {
    let octets = MESSAGE_A.len();
    for (script, expected, called) in [
        ("execute \"say\" \"y\";", "keep", "say [y] < 0".to_owned()),
        ("execute :input \"abc\" \"say\";", "keep", "say < 3".to_owned()),
        ("execute :pipe \"say\";", "keep", format!("say < {octets}")),
        (
            "execute :output \"box\" \"say\" \"y\"; fileinto \"${box}\";",
            "fileinto y",
            "say [y] < 0 > variable".to_owned(),
        ),
        // What fails leaves the variable as it was.
        (
            "set \"box\" \"old\"; execute :output \"box\" \"fails\"; fileinto \"${box}\";",
            "fileinto old",
            "fails < 0 > variable".to_owned(),
        ),
        ("if execute \"fails\" { discard; }", "keep", "fails < 0".to_owned()),
        ("if not execute \"fails\" { discard; }", "discard", "fails < 0".to_owned()),
        ("if execute \"missing\" { discard; }", "keep", "missing < 0".to_owned()),
    ] {
        assert_eq!(ran(script), (expected.to_owned(), vec![called]), "{script}");
    }
    assert!(ran("execute \"missing\";").0.starts_with("error: "));
}

#[test]
fn m07_arguments_stay_what_they_are() {
    let message = "From: \"x; id\" <a@b.example>\nSubject: -f\nX-Empty:\n\n";
    let world = World::default();
    let facts = Facts { programs: &world, ..facts() };
    let script = format!(
        "{REQUIRE}if header :matches \"from\" \"*\" {{ set \"from\" \"${{1}}\"; }}\n\
         if header :matches \"subject\" \"*\" {{ set \"subject\" \"${{1}}\"; }}\n\
         execute \"say\" [\"${{from}}\", \"${{subject}}\", \"${{nothing}}\", \"a\nb\", \"$(id)\"];"
    );
    outcome(&script, message, &facts);
    assert_eq!(
        world.0.into_inner(),
        [r#"say [\"x; id\" <a@b.example>] [-f] [] [a\r\nb] [$(id)] < 0"#]
    );
    let nul = "require [\"vnd.dovecot.pipe\", \"encoded-character\"]; pipe \"x\" \"a${hex:00}b\";";
    assert!(done(nul, MESSAGE_A).contains("an argument with NUL"));
}

#[test]
fn what_is_no_program_is_refused() {
    for name in ["", "../x", "/bin/sh", "a/b", ".hidden", ".", "a\u{7}", "a\u{2028}b"] {
        for command in ["pipe", "filter", "execute", "if filter", "if execute"] {
            let end = if command.starts_with("if") { " {}" } else { ";" };
            let script = format!("{REQUIRE}{command} \"{name}\"{end}");
            assert!(refused(&script).starts_with("test:2:"), "{script}");
        }
    }
    let long = "x".repeat(limits::PROGRAM_NAME_OCTETS_MAX);
    assert_eq!(ran(&format!("pipe \"{long}\";")).0, format!("pipe {long}, else keep"));
    for (script, expected) in [
        (format!("{REQUIRE}pipe \"{long}x\";"), "a name of more than"),
        // §3: no letter says which.
        (format!("{REQUIRE}pipe \"${{x}}\";"), "takes no variables"),
        (format!("{REQUIRE}execute :pipe :input \"x\" \"y\";"), "exclude each other"),
        (format!("{REQUIRE}execute :output \"1\" \"y\";"), "no variable's name"),
        (
            "require \"vnd.dovecot.execute\"; execute :output \"x\" \"y\";".to_owned(),
            "\"variables\"",
        ),
        ("require \"vnd.dovecot.pipe\"; pipe :copy \"y\";".to_owned(), "no \":copy\""),
        ("pipe \"y\";".to_owned(), "this needs \"vnd.dovecot.pipe\""),
        (format!("{REQUIRE}pipe \"x\" \"a\" \"b\";"), "\"pipe\" takes"),
        (format!("{REQUIRE}if pipe \"x\" {{}}"), "that is a command"),
    ] {
        assert!(refused(&script).contains(expected), "{script}: {}", refused(&script));
    }
}

#[test]
fn ihave_finds_them() {
    let script =
        "require [\"ihave\"]; if ihave \"vnd.dovecot.pipe\" { pipe \"x\"; } else { discard; }";
    assert_eq!(done(script, MESSAGE_A), "pipe x, else keep");
    let script = "require [\"ihave\"]; pipe \"x\";";
    assert!(done(script, MESSAGE_A).contains("this needs \"vnd.dovecot.pipe\""));
}

#[test]
fn no_more_programs_than_so_many() {
    let pipes =
        |count: usize| (0..count).map(|n| format!("pipe \"x\" \"{n}\";")).collect::<String>();
    assert!(!ran(&pipes(limits::PROGRAMS_MAX)).0.contains("error"));
    assert!(ran(&pipes(limits::PROGRAMS_MAX + 1)).0.contains("more than 16 programs"));
    let executes = "execute \"say\";".repeat(limits::PROGRAMS_MAX + 1);
    assert_eq!(ran(&executes).1.len(), limits::PROGRAMS_MAX);
}

#[test]
fn printed_and_read_again_it_is_the_same() {
    let script = "require [\"vnd.dovecot.filter\", \"vnd.dovecot.execute\", \"variables\"];\n\
        if anyof (filter \"x\" [\"a\", \"\"], execute :pipe :output \"v\" \"y\") {\n    discard;\n}\n";
    assert_eq!(String::from_utf8_lossy(&format("x", script.as_bytes()).unwrap()), script);
}

#[test]
fn the_trace_names_programs_and_how_they_ended() {
    let world = World::default();
    let facts = Facts { programs: &world, tracing: Tracing::On, ..facts() };
    let script = format!("{REQUIRE}filter \"fails\" \"a\"; pipe :copy \"x\" [\"\", \"b\"];");
    let trace = outcome(&script, MESSAGE_A, &facts).trace;
    let steps: Vec<_> = trace.iter().map(|step| step.what.as_str()).collect();
    assert_eq!(
        steps,
        [
            "program \"fails\" with \"a\" failed: exit code 1",
            "pipe to program \"x\" with \"\" \"b\"",
            "implicit keep"
        ]
    );
    let script = format!("{REQUIRE}filter \"imagined\";");
    let trace = outcome(&script, MESSAGE_A, &facts).trace;
    assert!(trace[0].what.contains("would run"), "{trace:?}");
}
