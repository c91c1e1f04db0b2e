//! Scripts with messages, as the standards have them: a file for each standard, a row for each example.

#![allow(clippy::too_many_lines, reason = "tables have a row for each example")]

use crate::{Action, Content, Create, Facts, Filing, Message, Outcome, compile};

mod lines;
mod printing;
mod programs;
mod regex;
mod rfc3894;
mod rfc5173;
mod rfc5183;
mod rfc5228;
mod rfc5229;
mod rfc5230;
mod rfc5231;
mod rfc5232;
mod rfc5233;
mod rfc5235;
mod rfc5260;
mod rfc5293;
mod rfc5429;
mod rfc5435;
mod rfc5463;
mod rfc5490;
mod rfc5703;
mod rfc6609;
mod rfc7352;
mod rfc8579;
mod rfc8580;
mod trace;

/// RFC 5228 §1.2.
pub(crate) const MESSAGE_A: &str = "\
Date: Tue, 1 Apr 1997 09:06:31 -0800 (PST)
From: coyote@desert.example.org
To: roadrunner@acme.example.com
Subject: I have a present for you

Look, I'm sorry about the whole anvil thing, and I really
didn't mean to try and drop it on you from the top of the
cliff.
";

/// RFC 5228 §1.2.
pub(crate) const MESSAGE_B: &str = "\
From: youcouldberich!@reply-by-postal-mail.invalid
Sender: b1ff@de.res.example.com
To: rube@landru.example.com
Date:  Mon, 31 Mar 1997 18:26:10 -0800
Subject: $$$ YOU, TOO, CAN BE A MILLIONAIRE! $$$

YOU MAY HAVE ALREADY WON TEN MILLION DOLLARS, BUT I DOUBT
IT!
";

/// What tests tell a script.
pub(crate) fn facts() -> Facts<'static> {
    Facts {
        envelope_from: Some("coyote@desert.example.org"),
        envelope_to: Some("roadrunner@acme.example.com"),
        ..Facts::default()
    }
}

#[track_caller]
pub(crate) fn outcome(script: &str, message: &str, facts: &Facts<'_>) -> Outcome {
    let script = match compile("test", script.as_bytes()) {
        Ok(script) => script,
        Err(problems) => panic!("{problems}\n{script}"),
    };
    script.run(&Message::new(message.as_bytes()), facts)
}

/// What a script does, in a line: "fileinto x; keep", "discard", "error: …".
#[track_caller]
pub(crate) fn done(script: &str, message: &str) -> String {
    described(&outcome(script, message, &facts()))
}

/// What is to be done, whatever wants it.
pub(crate) fn actions(outcome: &Outcome) -> Vec<Action> {
    outcome.actions.iter().map(|decision| decision.action.clone()).collect()
}

pub(crate) fn described(outcome: &Outcome) -> String {
    if let Some(error) = &outcome.error {
        assert!(matches!(actions(outcome).as_slice(), [Action::Keep(_)]), "{outcome:?}");
        return format!("error: {error}");
    }
    let described: Vec<String> = actions(outcome).iter().map(describe).collect();
    match described.is_empty() {
        true => "discard".to_owned(),
        false => described.join("; "),
    }
}

/// Flags in parentheses; and whether the letter was changed.
fn how(filing: &Filing) -> String {
    let flags = match filing.flags.as_slice() {
        [] => String::new(),
        flags => format!(" ({})", flags.join(" ")),
    };
    let edited = match filing.content {
        Content::Original => "",
        Content::Edited { .. } => " edited",
    };
    let create = match filing.create {
        Create::AsConfigured => "",
        Create::IfMissing => " created",
    };
    let special_use = filing.special_use.as_ref();
    let special_use =
        special_use.map(|special_use| format!(" or {special_use}")).unwrap_or_default();
    format!("{special_use}{create}{flags}{edited}")
}

pub(crate) fn describe(action: &Action) -> String {
    let edited = |content: &Content| match content {
        Content::Original => "",
        Content::Edited { .. } => " edited",
    };
    match action {
        Action::Keep(filing) => format!("keep{}", how(filing)),
        Action::FileInto { mailbox, filing } => format!("fileinto {mailbox}{}", how(filing)),
        Action::Redirect { to, content } => format!("redirect {to}{}", edited(content)),
        Action::Reject { how, reason } => format!("{how:?}: {}", reason.join(" / ")),
        Action::Pipe(pipe) => {
            let arguments: Vec<_> = pipe.arguments.iter().map(|a| a.escape_ascii()).collect();
            let arguments: String = arguments.iter().map(|a| format!(" [{a}]")).collect();
            let kept = match &pipe.kept {
                None => String::new(),
                Some(filing) => format!(", else keep{}", how(filing)),
            };
            format!("pipe {}{arguments}{}{kept}", pipe.program, edited(&pipe.content))
        }
        Action::Vacation(reply) => format!("vacation to {}", reply.to),
        Action::Notify(notification) => {
            let to: Vec<_> = notification.to.iter().map(ToString::to_string).collect();
            format!("notify {}", to.join(","))
        }
    }
}

/// Whether a test holds.
#[track_caller]
pub(crate) fn holds(requires: &str, test: &str, message: &str) -> bool {
    let script = format!("require [\"fileinto\"{requires}];\nif {test} {{ fileinto \"yes\"; }}");
    match done(&script, message).as_str() {
        "fileinto yes" => true,
        "keep" => false,
        other => panic!("{other}\n{script}"),
    }
}

/// What is wrong with a script.
#[track_caller]
pub(crate) fn refused(script: &str) -> String {
    match compile("test", script.as_bytes()) {
        Ok(_) => panic!("that is no mistake: {script}"),
        Err(problems) => problems.to_string(),
    }
}

/// The tables at the head of these files say which test holds what a standard asks for: all of these tests are there.
#[test]
fn what_the_tables_name_is_there() {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut others = String::new();
    let mut folders = vec![here.join("../mda/src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => others.push_str(&std::fs::read_to_string(path).unwrap()),
            }
        }
    }
    let mut rows = 0;
    for entry in std::fs::read_dir(here.join("src/tests")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        for row in text.lines().filter(|line| line.starts_with("//! | ")) {
            let held_by = row.rsplit(" | ").next().unwrap();
            let (own, theirs) = held_by.split_once("mda:").unwrap_or((held_by, ""));
            for (named, within) in [(own, &text), (theirs, &others)] {
                for name in named.split('`').skip(1).step_by(2) {
                    let is_test = name
                        .bytes()
                        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
                    let is_there = within.contains(&format!("fn {name}("));
                    assert!(!is_test || is_there, "{}: {name}", path.display());
                    rows += usize::from(is_test);
                }
            }
        }
    }
    assert!(rows > 100, "{rows}");
}
