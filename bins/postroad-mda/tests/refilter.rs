//! `postroad-mda refilter`: said first, done when asked, and nothing left to do the second time.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
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

#[test]
fn letters_are_moved_flagged_and_never_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
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
    write(
        "sieve/alice.sieve",
        "require [\"fileinto\", \"imap4flags\", \"mailbox\", \"copy\"];\n\
        if header :is \"Subject\" \"list\" { fileinto :create \"Lists\"; }\n\
        elsif header :is \"Subject\" \"bad\" { discard; }\n\
        elsif header :is \"Subject\" \"mark\" { keep :flags \"work\"; }\n\
        elsif header :is \"Subject\" \"send\" { redirect \"eve@x.example\"; }\n",
    );
    fs::set_permissions(dir.join("sieve"), fs::Permissions::from_mode(0o700)).unwrap();
    for part in ["tmp", "new", "cur"] {
        fs::create_dir_all(dir.join("mail/alice").join(part)).unwrap();
    }
    for (name, subject) in [
        ("new/1.a", "list"),
        ("cur/2.a:2,S", "bad"),
        ("cur/3.a:2,F", "mark"),
        ("new/4.a", "send"),
        ("new/5.\u{1b}a", "else\u{1b}[2J"),
    ] {
        write(&format!("mail/alice/{name}"), &format!("Subject: {subject}\n\nx\n"));
    }
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
