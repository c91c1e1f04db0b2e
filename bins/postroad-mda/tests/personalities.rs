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

/// Users of the settings, each with a script.
fn with_users(place: &Place, users: &[&str]) {
    let line = std::fs::read_to_string(place.path("users")).unwrap();
    let lines: String = users.iter().map(|user| line.replacen("alice", user, 1)).collect();
    place.write("users", &lines);
}

#[test]
fn several_recipients_of_one_call() {
    let place = Place::new();
    with_users(&place, &["alice", "bob", "carol"]);
    let folder = place.path("sieve");
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    place.write("sieve/carol.sieve", "require \"reject\"; reject \"Not me.\";");
    let call = |users: &[&str]| {
        place.call_as("procmail", &[&["-Y", "-f", "b@x.example", "-a", "l", "-d"], users].concat())
    };
    call(&["alice", "bob"]).ends(0, "");
    for user in ["alice", "bob"] {
        let letter = place.only_letter(&format!("mail/{user}"));
        let on_top = format!("Return-Path: <b@x.example>\nDelivered-To: {user}+l@");
        assert!(letter.starts_with(&on_top) && letter.ends_with(LETTER), "{letter}");
    }
    // The worst, and its words first.
    call(&["alice", "nobody-of-ours"]).ends(67, "5.1.1 No such user here");
    call(&["nobody-of-ours", "alice", "carol"]).ends(77, "5.7.1 Not me.");
    assert_eq!(place.letters("mail/alice").len(), 2);
    // Without anybody's address being taken for a flag.
    call(&["alice", "--help"]).ends(67, "5.1.1 ");
}

#[test]
fn who_has_it_when_another_recipient_is_to_be_tried_again_gets_it_once() {
    let place = Place::new();
    with_users(&place, &["alice", "bob"]);
    std::fs::create_dir(place.path("mail")).unwrap();
    // Where bob's mailbox should be, something else is.
    place.write("mail/bob", "");
    let call = || {
        let mut command = Command::new(BINARY);
        command.args(["--as", "procmail", "-d", "alice", "bob"]).env_clear();
        command.env("POSTROAD_CONFIG", place.path("postroad.toml"));
        let letter =
            format!("Received: by mx.our.example with ESMTP id 0123456789ABC; date\n{LETTER}");
        call_by(&mut command, letter.as_bytes())
    };
    for _ in 0..2 {
        call().ends(75, "4.");
        assert_eq!(place.letters("mail/alice").len(), 1);
    }
    std::fs::remove_file(place.path("mail/bob")).unwrap();
    call().ends(0, "");
    assert_eq!((place.letters("mail/alice").len(), place.letters("mail/bob").len()), (1, 1));
}

/// In a home, as its owner: somebody whom root becomes here, or we are.
#[test]
fn rules_of_the_program_before_are_not_forgotten() {
    use std::os::unix::fs::{PermissionsExt, chown};
    use std::os::unix::process::CommandExt as _;
    let place = Place::new();
    let home = place.path("home");
    std::fs::create_dir(&home).unwrap();
    std::fs::set_permissions(&home, PermissionsExt::from_mode(0o700)).unwrap();
    let uid = rustix::process::geteuid().is_root().then_some(12_345);
    chown(&home, uid, uid).unwrap();
    let write = |name: &str, text: &str| {
        place.write(&format!("home/{name}"), text);
        chown(home.join(name), uid, uid).unwrap();
    };
    // Without one, procmail's users have theirs in a mailbox file.
    for folder in ["Maildir", "Maildir/tmp", "Maildir/new", "Maildir/cur"] {
        std::fs::create_dir(home.join(folder)).unwrap();
        chown(home.join(folder), uid, uid).unwrap();
    }
    let call = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(BINARY);
        if let Some(uid) = uid {
            command.uid(uid).gid(uid);
        }
        command.args(["--as", program]).args(arguments).env_clear();
        call_by(command.env("HOME", &home).env("USER", "me"), LETTER.as_bytes())
    };
    for (program, file, language) in
        [("procmail", ".procmailrc", "procmail"), ("maildrop", ".mailfilter", "mailfilter")]
    {
        let import = format!(
            "4.3.5 the rules in {0}/{file} are not ours: \"postroad-mda import {language} {0}/{file} --output \
             {0}/.postroad.sieve\" writes them as Sieve",
            home.display()
        );
        // An empty one says nothing.
        write(file, "");
        call(program, &[]).ends(0, "");
        write(file, "# rules\n");
        call(program, &[]).ends(75, &import);
        call(program, &["-f", "b@x.example"]).ends(75, &import);
        // They are nobody else's business.
        call("postroad-mda", &[]).ends(0, "");
        call("dovecot-lda", &[]).ends(0, "");
        // Ours beside them count.
        write(".postroad.sieve", "keep;");
        call(program, &[]).ends(0, "");
        std::fs::remove_file(home.join(".postroad.sieve")).unwrap();
        // So do those that the line names.
        write("named.sieve", "keep;");
        call(program, &[home.join("named.sieve").to_str().unwrap()]).ends(0, "");
        // A link counts as what it is.
        std::fs::remove_file(home.join(file)).unwrap();
        std::os::unix::fs::symlink("dotfiles/rules", home.join(file)).unwrap();
        call(program, &[]).ends(75, &import);
        std::fs::remove_file(home.join(file)).unwrap();
    }
    assert_eq!(place.letters("home/Maildir").len(), 10);
}
