//! `postroad-mda refilter`: said first, done when asked, and nothing left to do the second time.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

fn run(dir: &Path, more: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_postroad-mda"));
    command.args(["refilter", "-d", "alice", "--config"]).arg(dir.join("postroad.toml")).args(more);
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(said).unwrap())
}

/// The files of a directory, and the subject in each.
fn letters(directory: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let mut letters: Vec<String> = entries
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            format!("{name} {}", fs::read_to_string(path).unwrap().lines().next().unwrap())
        })
        .collect();
    letters.sort();
    letters
}

/// Settings, alice's rules, and her mailbox with these letters' files and subjects.
fn furnish(dir: &Path, rules: &str, letters: &[(&str, &str)]) {
    let write = |name: &str, text: &str| {
        fs::create_dir_all(dir.join(name).parent().unwrap()).unwrap();
        fs::write(dir.join(name), text).unwrap();
        fs::set_permissions(dir.join(name), fs::Permissions::from_mode(0o600)).unwrap();
    };
    write(
        "postroad.toml",
        &format!(
            "hostname = \"our.example\"\ndomains = [\"our.example\"]\ndata = \"{}\"\n\
        [accounts]\nusers = \"{}\"\n[mda]\nmaildir = \"{}/{{user}}\"\nsieve = \"{}/{{user}}.sieve\"\n",
            dir.display(),
            dir.join("users").display(),
            dir.join("mail").display(),
            dir.join("sieve").display()
        ),
    );
    write(
        "users",
        "alice:{ARGON2ID}$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g\n",
    );
    write("sieve/alice.sieve", rules);
    fs::set_permissions(dir.join("sieve"), fs::Permissions::from_mode(0o700)).unwrap();
    for part in ["tmp", "new", "cur"] {
        fs::create_dir_all(dir.join("mail/alice").join(part)).unwrap();
    }
    for (name, subject) in letters {
        write(&format!("mail/alice/{name}"), &format!("Subject: {subject}\n\nx\n"));
    }
}

#[test]
fn letters_are_moved_flagged_and_never_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    furnish(
        dir,
        "require [\"fileinto\", \"imap4flags\", \"mailbox\", \"copy\"];\n\
        if header :is \"Subject\" \"list\" { fileinto :create \"Lists\"; }\n\
        elsif header :is \"Subject\" \"bad\" { discard; }\n\
        elsif header :is \"Subject\" \"mark\" { keep :flags \"work\"; }\n\
        elsif header :is \"Subject\" \"send\" { redirect \"eve@x.example\"; }\n",
        &[
            ("new/1.a", "list"),
            ("cur/2.a:2,S", "bad"),
            ("cur/3.a:2,F", "mark"),
            ("new/4.a", "send"),
            ("new/5.\u{1b}a", "else\u{1b}[2J"),
        ],
    );
    let inbox = dir.join("mail/alice");
    let all = || [letters(&inbox.join("new")), letters(&inbox.join("cur"))].concat();
    let before = all();
    let (code, said) = run(dir, &[]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(said.lines().count(), 5, "{said}");
    for line in [
        "new/1.a: \"list\" moves into Lists: filed into \"Lists\" by alice.sieve line 2",
        "cur/2.a:2,S: \"bad\" moves into Trash: discarded by alice.sieve line 3",
        "cur/3.a:2,F: \"mark\" gets work: kept in the inbox by alice.sieve line 4",
        "new/4.a: \"send\" stays: sent on to eve@x.example by alice.sieve line 5; not sent, run or refused again",
        "new/5.\\u{1b}a: \"else\u{fffd}[2J\" stays: ",
    ] {
        assert!(said.contains(line), "{line}\n{said}");
    }
    assert_eq!(all(), before);

    let (code, said) = run(dir, &["--apply"]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(letters(&inbox.join(".Lists/new")), ["1.a Subject: list"]);
    assert_eq!(letters(&inbox.join(".Trash/cur")), ["2.a:2,S Subject: bad"]);
    assert_eq!(letters(&inbox.join("cur")), ["3.a:2,Fa Subject: mark"]);
    assert_eq!(letters(&inbox.join("new")).len(), 2);
    let after = all();
    assert_eq!(
        run(dir, &["--apply", "--folder", "INBOX", "--folder", "Lists", "--folder", "Trash"]).0,
        0
    );
    assert_eq!((all(), letters(&inbox.join(".Lists/new")).len()), (after, 1));
    assert_eq!(run(dir, &["--folder", "../x"]).0, 2);
    assert_eq!(run(dir, &["--script", "/nowhere.sieve"]).0, 2);
}

#[test]
fn a_folder_that_is_made_for_something_is_known_as_that() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let rules = |name: &str| {
        format!(
            "require [\"fileinto\", \"mailbox\", \"special-use\"];\n\
             fileinto :specialuse \"\\\\Junk\" :create \"{name}\";\n"
        )
    };
    furnish(dir, &rules("Spam"), &[("new/1.a", "one")]);
    let (code, said) = run(dir, &["--apply"]);
    assert!(code == 0 && said.contains("moves into Spam: filed into \"Spam\" by"), "{said}");
    assert_eq!(letters(&dir.join("mail/alice/.Spam/new")), ["1.a Subject: one"]);
    // By any other name it is found.
    furnish(dir, &rules("Other"), &[("new/2.a", "two")]);
    let (code, said) = run(dir, &["--apply"]);
    assert!(code == 0 && said.contains("filed into \"Spam\", which is for \\Junk"), "{said}");
    assert_eq!(letters(&dir.join("mail/alice/.Spam/new")).len(), 2);
}

/// As many letters as fill a pipe that nobody reads.
fn furnish_with_many(dir: &Path) {
    let subject = "a subject ".repeat(20);
    let names: Vec<String> = (0..800).map(|number| format!("new/{number}.a")).collect();
    let letters: Vec<_> = names.iter().map(|name| (name.as_str(), subject.as_str())).collect();
    furnish(dir, "keep;", &letters);
}

#[test]
fn on_a_terminal_it_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    furnish_with_many(dir);
    let command = format!(
        "{} refilter -d alice --config {}",
        env!("CARGO_BIN_EXE_postroad-mda"),
        dir.join("postroad.toml").display()
    );
    // script(1) has a terminal.
    let output = Command::new("script")
        .args(["--quiet", "--return", "--command", &command, "/dev/null"])
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains(" of 800 letters (about "), "{said}");
    assert!(said.contains("800 letters, 0 would be changed"), "{said}");
    // Elsewhere it isn't.
    assert!(!run(dir, &[]).1.contains(" of 800"));
}

#[test]
fn m01_it_works_behind_a_wall() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    furnish_with_many(dir);
    let mut child = Command::new(env!("CARGO_BIN_EXE_postroad-mda"))
        .args(["refilter", "-d", "alice", "--config"])
        .arg(dir.join("postroad.toml"))
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = child.stdout.take().unwrap();
    // It can't end before the rest is read.
    said.read_exact(&mut [0]).unwrap();
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    assert!(status.contains("NoNewPrivs:\t1\n"), "{status}");
    said.read_to_end(&mut Vec::new()).unwrap();
    assert!(child.wait().unwrap().success());
}
