//! The real binary in the place of procmail, dovecot-lda and maildrop: by its name, or by `--as`.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::process::Command;

use place::{BINARY, Called, LETTER, Place, call_by};

mod place;

const PROGRAMS: [&str; 3] = ["procmail", "dovecot-lda", "maildrop"];

impl Place {
    /// Calls by a link of that name.
    fn call_as(&self, program: &str, arguments: &[&str]) -> Called {
        let link = self.path(program);
        if !link.exists() {
            std::os::unix::fs::symlink(BINARY, &link).unwrap();
        }
        let mut command = Command::new(link);
        command.args(arguments).env_clear().env("POSTROAD_CONFIG", self.path("postroad.toml"));
        call_by(&mut command, LETTER.as_bytes())
    }

    /// The only letter there, which is taken away.
    fn only_letter(&self, maildir: &str) -> String {
        let mut letters = self.letters(maildir);
        assert_eq!(letters.len(), 1);
        let new = self.path(maildir).join("new");
        std::fs::remove_file(std::fs::read_dir(new).unwrap().next().unwrap().unwrap().path())
            .unwrap();
        letters.remove(0)
    }
}

#[test]
fn lines_that_are_there_work_with_the_name_changed() {
    let place = Place::new();
    for (program, arguments, on_top) in [
        // sendmail's local_procmail, Postfix's mailbox_command, Exim's pipe.
        (
            "procmail",
            &["-t", "-Y", "-a", "lists", "-d", "alice"][..],
            "Return-Path: <>\nDelivered-To: alice+lists@",
        ),
        (
            "procmail",
            &["-a", "", "-f", "b@x.example", "-d", "alice"],
            "Return-Path: <b@x.example>\nDelivered-To: alice@",
        ),
        (
            "dovecot-lda",
            &["-f", "b@x.example", "-a", "alice+l@our.example", "-d", "alice"],
            "Return-Path: <b@x.example>\nDelivered-To: alice+l@our.example\n",
        ),
        (
            "dovecot-lda",
            &["-e", "-k", "-m", "", "-a", "alice+l", "-d", "alice"],
            "Return-Path: <>\nDelivered-To: alice+l@",
        ),
        (
            "maildrop",
            &["-w", "90", "-d", "alice@our.example", "l", "alice+l@our.example", "-x@y.example"],
            "Return-Path: <>\nDelivered-To: alice@our.example\n",
        ),
        (
            "maildrop",
            &["-f", "b@x.example", "-d", "alice", "l"],
            "Return-Path: <b@x.example>\nDelivered-To: alice+l@",
        ),
    ] {
        place.call_as(program, arguments).ends(0, "");
        let letter = place.only_letter("mail/alice");
        assert!(letter.starts_with(on_top), "{arguments:?}: {letter}");
        assert!(letter.ends_with(LETTER), "{arguments:?}: {letter}");
    }
}

#[test]
fn what_none_of_them_knows_is_try_later_and_says_who_was_asked() {
    let place = Place::new();
    for program in PROGRAMS {
        let wanted = format!(
            "4.3.5 {program}: unknown flag \"-Z\": take it out, \"postroad-mda --as {program} --help\""
        );
        place.call_as(program, &["-Z", "-d", "alice"]).ends(75, &wanted);
        place.run(&["--as", program, "-Z"], &[], LETTER.as_bytes()).ends(75, &wanted);
        place.run(&["deliver", "--as", program, "-Z"], &[], LETTER.as_bytes()).ends(75, &wanted);
        let help = place.run(&["--as", program, "--help"], &[], b"");
        let help = String::from_utf8(help.0.stdout).unwrap();
        assert!(help.starts_with(&format!("Flags, called as {program}:\n")), "{help}");
    }
    place
        .call_as("procmail", &["/etc/procmailrc"])
        .ends(75, "4.3.5 procmail: \"/etc/procmailrc\" can't");
    place
        .call_as("maildrop", &["/etc/maildroprc"])
        .ends(75, "4.3.5 maildrop: \"/etc/maildroprc\" can't");
    place
        .run(&["--as", "mail.local"], &[], LETTER.as_bytes())
        .ends(75, "4.3.5 postroad-mda: --as ");
}

#[test]
fn a_letter_in_a_file() {
    let place = Place::new();
    place.write("letter", LETTER);
    std::fs::set_permissions(
        place.path("letter"),
        std::os::unix::fs::PermissionsExt::from_mode(0o644),
    )
    .unwrap();
    let letter = place.path("letter");
    place.call_as("dovecot-lda", &["-p", letter.to_str().unwrap(), "-d", "alice"]).ends(0, "");
    assert!(place.only_letter("mail/alice").ends_with(LETTER));
    for path in ["/nowhere/at/all", "/", ""] {
        place.call_as("dovecot-lda", &["-p", path, "-d", "alice"]).ends(75, "4.3.");
    }
    assert!(place.letters("mail/alice").is_empty());
}

#[test]
fn a_folder_that_is_made_and_rules_that_are_named() {
    let place = Place::new();
    let folder = ["-m", "Lists", "-d", "alice"];
    place.call_as("dovecot-lda", &folder).ends(0, "");
    place.only_letter("mail/alice");
    let create = ["-o", "lda_mailbox_autocreate=yes"];
    place.call_as("dovecot-lda", &[&create[..], &folder].concat()).ends(0, "");
    place.only_letter("mail/alice/.Lists");

    place.write("rules.sieve", "require [\"fileinto\", \"mailbox\"]; fileinto :create \"Ruled\";");
    let rules = format!("plugin/sieve={}", place.path("rules.sieve").display());
    let rules = ["-o", &rules, "-d", "alice"];
    // Who owns the mailbox has to be able to read them, and only root or that user to write.
    std::fs::set_permissions(
        place.path("rules.sieve"),
        std::os::unix::fs::PermissionsExt::from_mode(0o644),
    )
    .unwrap();
    place.call_as("dovecot-lda", &rules).ends(0, "");
    place.only_letter("mail/alice/.Ruled");
    std::fs::remove_file(place.path("rules.sieve")).unwrap();
    place.call_as("dovecot-lda", &rules).ends(75, "4.3.5 there are no rules in ");
}

#[test]
fn m12_a_field_is_added_and_stays_one() {
    let place = Place::new();
    let fields = ["-A", "X-One: 1", "-AReturn-Path: <b@x.example>", "-d", "alice"];
    place.call_as("maildrop", &fields).ends(0, "");
    let letter = place.only_letter("mail/alice");
    assert!(letter.starts_with("Return-Path: <b@x.example>\n"), "{letter}");
    assert_eq!(letter.matches("Return-Path:").count(), 1);
    assert!(letter.ends_with(&format!("X-One: 1\n{LETTER}")), "{letter}");
    place.call_as("maildrop", &["-A", "X: 1\nY: 2", "-d", "alice"]).ends(75, "4.3.5 maildrop: -A ");
}

#[test]
fn m03_nobody_becomes_root_by_another_ones_flags() {
    let place = Place::new();
    for program in PROGRAMS {
        for user in ["root", "../root", "-d", "alice\n", "аlice", "daemon", ""] {
            place.call_as(program, &["-d", user]).ends(67, "5.1.1 ");
            // Without settings, users are those of the host.
            place.run(&["--as", program, "-d", user], &[], LETTER.as_bytes()).ends(67, "5.1.1 ");
        }
    }
    assert!(!place.path("mail").exists());
}

#[test]
fn m07_what_an_address_says_stays_a_value() {
    let place = Place::new();
    let marks =
        ["x; id", "-f", "a\nb@x.example", "$(id)@x.example", "`id`", "--config=/nowhere", ""];
    for mark in marks {
        for (program, arguments) in [
            ("procmail", ["-f", mark, "-a", mark, "-d", "alice"]),
            ("dovecot-lda", ["-f", mark, "-a", mark, "-d", "alice"]),
            ("maildrop", ["-f", mark, "-d", "alice", "--", mark]),
        ] {
            place.call_as(program, &arguments).ends(0, "");
            assert!(place.only_letter("mail/alice").ends_with(LETTER), "{arguments:?}");
        }
    }
}
