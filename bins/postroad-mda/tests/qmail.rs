//! As qmail's callers have it: who sent it and whom it is for stand in the environment, and exit codes are qmail-command's.
//!
//! notqmail isn't in Debian. What `qmail-command(8)` and `preline(1)` say it gives is given here; `config/swap/qmail.md`
//! has the line that is written for it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::process::Command;

use place::{BINARY, Called, LETTER, Place, call_by};

mod place;

/// What a letter to alice-lists@our.example from bob@x.example has in its environment.
const VARIABLES: [(&str, &str); 8] = [
    // Nobody has a mailbox file under that name.
    ("USER", "postroad-nobody"),
    ("SENDER", "bob@x.example"),
    ("RECIPIENT", "alice-lists@our.example"),
    ("LOCAL", "alice-lists"),
    ("HOST", "our.example"),
    ("EXT", "lists"),
    ("DTLINE", "Delivered-To: alice-lists@our.example\n"),
    ("RPLINE", "Return-Path: <bob@x.example>\n"),
];

/// How qmail-local takes an exit code: qmail-command(8), "EXIT CODES".
fn becomes(code: Option<i32>) -> &'static str {
    match code {
        Some(0 | 99) => "delivered",
        Some(64 | 65 | 70 | 76 | 77 | 78 | 100 | 112) => "given back",
        _ => "tried again",
    }
}

/// What `preline -f` puts on top: RPLINE and DTLINE.
fn preline(variables: &[(&str, &str)], letter: &str) -> String {
    let line = |name| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map_or("", |(_, value)| *value)
    };
    format!("{}{}{letter}", line("RPLINE"), line("DTLINE"))
}

/// A caller, with a home of its own where we may not deliver for whom we are.
struct Caller {
    place: Place,
    uid: Option<u32>,
}

impl Caller {
    /// `None` where the tree is where nobody else may look.
    fn new() -> Option<Self> {
        use std::os::unix::fs::{PermissionsExt, chown};
        let place = Place::new();
        let home = place.path("home");
        std::fs::create_dir(&home).unwrap();
        std::fs::set_permissions(&home, PermissionsExt::from_mode(0o700)).unwrap();
        let uid = rustix::process::geteuid().is_root().then_some(12_345);
        chown(&home, uid, uid).unwrap();
        let caller = Self { place, uid };
        let may_be_run = caller.command().arg("--version").output();
        may_be_run.is_ok().then_some(caller)
    }

    fn command(&self) -> Command {
        use std::os::unix::process::CommandExt as _;
        let mut command = Command::new(BINARY);
        if let Some(uid) = self.uid {
            command.uid(uid).gid(uid);
        }
        command.env_clear().env("HOME", self.place.path("home"));
        command
    }

    fn write(&self, name: &str, text: &str) {
        let name = format!("home/{name}");
        self.place.write(&name, text);
        std::os::unix::fs::chown(self.place.path(&name), self.uid, self.uid).unwrap();
    }

    fn call(&self, variables: &[(&str, &str)], letter: &str) -> Called {
        call_by(self.command().envs(variables.iter().copied()), letter.as_bytes())
    }

    /// The only letter in that folder, which is taken away.
    fn only_letter(&self, maildir: &str) -> String {
        let mut letters = self.place.letters(format!("home/{maildir}"));
        assert_eq!(letters.len(), 1);
        let new = std::fs::read_dir(self.place.path(&format!("home/{maildir}/new"))).unwrap();
        new.for_each(|letter| std::fs::remove_file(letter.unwrap().path()).unwrap());
        letters.remove(0)
    }
}

#[test]
fn who_and_whom_by_the_environment() {
    let Some(caller) = Caller::new() else { return };
    let without = |names: &[&str]| {
        let rest = VARIABLES.into_iter().filter(|(name, _)| !names.contains(name));
        rest.collect::<Vec<_>>()
    };
    let on_top = "Return-Path: <bob@x.example>\nDelivered-To: alice-lists@our.example\n";
    for variables in [
        without(&[]),
        without(&["DTLINE", "RPLINE"]),
        without(&["SENDER", "RECIPIENT"]),
        // As mail.local's callers set it.
        without(&["RECIPIENT", "DTLINE", "EXT"]),
    ] {
        caller.call(&variables, LETTER).ends(0, "");
        let letter = caller.only_letter("Maildir");
        assert!(letter.starts_with(on_top), "{variables:?}: {letter}");
        assert!(letter.ends_with(LETTER));
        // What preline puts there isn't there twice, and is no loop.
        caller.call(&variables, &preline(&variables, LETTER)).ends(0, "");
        let letter = caller.only_letter("Maildir");
        assert_eq!(letter.matches("Return-Path: ").count(), 1, "{letter}");
    }
    // A bounce has an empty sender.
    let mut bounce = without(&["SENDER", "RPLINE"]);
    bounce.extend([("SENDER", ""), ("RPLINE", "Return-Path: <>\n")]);
    caller.call(&bounce, LETTER).ends(0, "");
    assert!(caller.only_letter("Maildir").starts_with("Return-Path: <>\n"));
}

#[test]
fn exit_codes_as_qmail_takes_them() {
    let Some(caller) = Caller::new() else { return };
    for (script, variables, taken) in [
        ("keep;", &VARIABLES[..], "delivered"),
        ("discard;", &VARIABLES, "delivered"),
        ("require \"reject\"; reject \"Write to Bob.\";", &VARIABLES, "given back"),
        // The user is told.
        ("no such command", &VARIABLES, "delivered"),
    ] {
        caller.write(".postroad.sieve", script);
        let called = caller.call(variables, LETTER);
        assert_eq!(becomes(called.0.status.code()), taken, "{script}");
    }
    // EXT is the detail of the address.
    caller.write(
        ".postroad.sieve",
        "require [\"fileinto\", \"mailbox\", \"envelope\"];\n\
         if envelope :localpart \"to\" \"alice-lists\" { fileinto :create \"Lists\"; }",
    );
    caller.call(&VARIABLES, LETTER).ends(0, "");
    assert!(caller.only_letter("Maildir/.Lists").ends_with(LETTER));

    // A user that we don't know is one that qmail knows: nothing is given back.
    let user = ["-d", "nobody-of-that-name"];
    let called = call_by(caller.command().args(user), LETTER.as_bytes());
    assert_eq!(becomes(called.0.status.code()), "tried again");
    // A line that is wrong, and rules that others may have written.
    let called = call_by(caller.command().arg("--no-such"), LETTER.as_bytes());
    assert_eq!(becomes(called.0.status.code()), "tried again");
    std::fs::set_permissions(
        caller.place.path("home/.postroad.sieve"),
        std::os::unix::fs::PermissionsExt::from_mode(0o666),
    )
    .unwrap();
    let called = caller.call(&VARIABLES, LETTER);
    assert_eq!(becomes(called.0.status.code()), "tried again");
}

/// qmail-local's rules for a home, which hold for every caller.
#[test]
fn m04_a_home_that_is_not_in_order_is_try_later() {
    let Some(caller) = Caller::new() else { return };
    let home = caller.place.path("home");
    let mode = |mode| {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(&home, mode).unwrap();
    };
    for (odd, said) in [(0o702, "chmod o-w it"), (0o777, "chmod o-w it"), (0o1700, "chmod -t it")] {
        mode(odd);
        let called = caller.call(&VARIABLES, LETTER);
        called.ends(75, &format!("4.3.5 the home {} is not in order: ", home.display()));
        assert!(String::from_utf8_lossy(&called.0.stderr).contains(said));
        assert!(!home.join("Maildir").exists());
    }
    // Rules in a folder that a group can write to are somebody's; letters without rules are filed.
    mode(0o770);
    caller.call(&VARIABLES, LETTER).ends(0, "");
    caller.write(".postroad.sieve", "discard;");
    caller.call(&VARIABLES, LETTER).ends(75, "4.3.5 the rules in ");
    mode(0o700);
    // Not mounted: it isn't made.
    std::fs::rename(&home, caller.place.path("mounted")).unwrap();
    for there in ["nothing", "a file"] {
        caller.call(&VARIABLES, LETTER).ends(75, "4.3.5 the home ");
        assert!(!home.is_dir(), "{there}");
        std::fs::write(&home, "").unwrap();
    }
    std::fs::remove_file(&home).unwrap();
    // Below the mount is root's, and holds no mailbox.
    std::fs::create_dir(&home).unwrap();
    if rustix::process::geteuid().is_root() {
        caller.call(&VARIABLES, LETTER).ends(75, "4.3.0 ");
    }
    std::fs::remove_dir(&home).unwrap();
    std::fs::rename(caller.place.path("mounted"), &home).unwrap();
    std::fs::remove_file(home.join(".postroad.sieve")).unwrap();
    caller.call(&VARIABLES, LETTER).ends(0, "");
    assert_eq!(caller.place.letters("home/Maildir").len(), 2);
}

/// What is documented is what is called here: preline's letter, no flag, all by the environment.
#[test]
fn the_line_that_is_documented() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/swap/qmail.md");
    let page = std::fs::read_to_string(page).unwrap();
    let line = page.split_once("```qmail default\n").and_then(|(_, rest)| rest.split_once("\n```"));
    assert_eq!(line.map(|(line, _)| line), Some("|preline -f /usr/bin/postroad-mda"));
    for (name, _) in VARIABLES.iter().filter(|(name, _)| ["SENDER", "EXT", "HOST"].contains(name)) {
        assert!(page.contains(&format!("`{name}`")), "{name}");
    }
    assert!(page.contains("exits with 77") && page.contains("an unknown user, too"));
    assert_eq!(
        (becomes(Some(77)), becomes(Some(67)), becomes(Some(75))),
        ("given back", "tried again", "tried again")
    );
}
