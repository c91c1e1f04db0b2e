//! One letter for a user of the host whose mail is in a mailbox file.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use place::{Called, LETTER, Place, call_by};

mod place;

/// Whom root becomes here; else we are ourselves.
fn somebody() -> Option<u32> {
    rustix::process::geteuid().is_root().then_some(12_345)
}

fn give(path: &Path) {
    if let Some(uid) = somebody() {
        chown(path, Some(uid), Some(uid)).unwrap();
    }
}

fn call(place: &Place, arguments: &[&str], mail: &Path) -> Called {
    let mut command = Command::new(place.program());
    if let Some(uid) = somebody() {
        command.uid(uid).gid(uid);
    }
    command.args(arguments).env_clear().env("HOME", place.path("home")).env("USER", "me");
    call_by(command.env("MAIL", mail), LETTER.as_bytes())
}

#[test]
fn m14_by_what_a_user_of_the_host_has() {
    let place = Place::new();
    let home = place.path("home");
    std::fs::create_dir(&home).unwrap();
    give(&home);
    let mail = home.join("mbox");
    let letters = || {
        let text = std::fs::read_to_string(&mail).unwrap_or_default();
        text.matches("\n>From here on\n\n").count()
    };
    // Called as procmail it is made, else it has to be there.
    call(&place, &["--as", "procmail"], &mail).ends(0, "");
    assert_eq!(letters(), 1);
    assert_eq!(std::fs::metadata(&mail).unwrap().permissions().mode() & 0o7777, 0o600);
    call(&place, &[], &mail).ends(0, "");
    assert_eq!(letters(), 2);
    // What rules remember and file is elsewhere, and changes nothing of it.
    place.write(
        "home/.postroad.sieve",
        "require [\"fileinto\", \"mailbox\", \"copy\"]; fileinto :copy :create \"Lists\";",
    );
    give(&place.path("home/.postroad.sieve"));
    call(&place, &[], &mail).ends(0, "");
    call(&place, &[], &mail).ends(0, "");
    assert_eq!(letters(), 4);
    assert_eq!(place.letters("home/.postroad/Maildir/.Lists").len(), 2);
    // Who has a Maildir has mail there.
    std::fs::create_dir(place.path("home/Maildir")).unwrap();
    give(&place.path("home/Maildir"));
    call(&place, &["--as", "procmail"], &mail).ends(0, "");
    assert_eq!((letters(), place.letters("home/Maildir").len()), (4, 1));
    assert!(!home.join("mbox.lock").exists());
}

#[test]
fn m14_a_mailbox_file_that_grows_beyond_what_the_caller_allows_is_try_later() {
    let place = Place::new();
    let home = place.path("home");
    std::fs::create_dir(&home).unwrap();
    let mail = home.join("mbox");
    std::fs::write(&mail, "x".repeat(4_000)).unwrap();
    give(&home);
    give(&mail);
    let program = place.program();
    let mut command = Command::new("/bin/sh");
    if let Some(uid) = somebody() {
        command.uid(uid).gid(uid);
    }
    // In units of 512 octets: Postfix's mailbox_size_limit is such a limit.
    command.args(["-c", "ulimit -f 8; exec \"$0\""]).arg(program);
    command.env_clear().env("HOME", &home).env("USER", "me").env("MAIL", &mail);
    call_by(&mut command, LETTER.as_bytes()).ends(75, "4.2.2 ");
    assert_eq!(std::fs::read(&mail).unwrap(), "x".repeat(4_000).into_bytes());
}
