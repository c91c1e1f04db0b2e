//! `postroad-mda` and `postroad-mda-whole` are one delivery agent: whatever is asked for, both come to the same. The
//! small one does alone what most calls are, and has nothing in it of the rest.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use place::{BINARY, LETTER, Place, WHOLE, call_by};

mod place;

/// Which program does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Small,
    Whole,
}

/// A home, and a call of its owner's.
struct Case {
    by: By,
    /// What the program is called by.
    name: &'static str,
    arguments: &'static [&'static str],
    variables: &'static [(&'static str, &'static str)],
    letter: &'static str,
    furnish: fn(&Path),
    /// How it ends.
    code: i32,
}

const QUEUED: &str = "Received: by mx id ABC; the other day\nSubject: once\n\nhello\n";
const LOOPING: &str = "Received: by a; x\nDelivered-To: me@here.example\nA: b\n\nc\n";
const CASE: Case = Case {
    by: By::Small,
    name: "postroad-mda",
    arguments: &[],
    variables: &[],
    letter: LETTER,
    furnish: |_| {},
    code: 0,
};

const CASES: &[Case] = &[
    CASE,
    Case { letter: "", ..CASE },
    Case { letter: "no header\n", ..CASE },
    Case { arguments: &["-f", "a@b.example", "-a", "lists"], letter: QUEUED, ..CASE },
    Case { arguments: &["-a", "me@here.example"], letter: LOOPING, code: 77, ..CASE },
    Case { arguments: &["-m", "Lists"], furnish: |home| make(home, "Maildir/.Lists"), ..CASE },
    Case { arguments: &["-m", "Lists"], ..CASE },
    Case { arguments: &["-m", "../x"], ..CASE },
    Case { arguments: &["--again"], letter: QUEUED, ..CASE },
    Case { variables: &[("SENDER", ""), ("RECIPIENT", "me+x@here.example")], ..CASE },
    Case { name: "procmail", arguments: &["-t", "-Y", "-a", "x"], ..CASE },
    Case { name: "maildrop", arguments: &["-A", "X-A: b"], ..CASE },
    Case { name: "dovecot-lda", arguments: &["-e", "-f", "a@b.example"], ..CASE },
    Case { arguments: &["--as", "procmail", "-f", "-"], ..CASE },
    Case { furnish: |home| write(home, ".procmailrc", ":0\nx\n"), ..CASE },
    Case { furnish: |home| write(home, "Maildir/maildirsize", "100S\n"), ..CASE },
    Case { furnish: full, code: 75, ..CASE },
    Case { furnish: out_of_order, code: 75, ..CASE },
    // All else.
    Case { by: By::Whole, furnish: |home| write(home, ".postroad.sieve", FILE_INTO), ..CASE },
    Case { by: By::Whole, furnish: |home| write(home, ".dovecot.sieve", FILE_INTO), ..CASE },
    Case { by: By::Whole, furnish: |home| write(home, ".postroad.sieve", "keep"), ..CASE },
    Case { by: By::Whole, furnish: dangling, code: 75, ..CASE },
    Case { by: By::Whole, arguments: &["-f", "a@b.example"], furnish: rejecting, code: 77, ..CASE },
    Case { by: By::Whole, furnish: |home| chmod(home, 0o1700), code: 75, ..CASE },
    Case { by: By::Whole, furnish: |home| remove(home, "Maildir"), ..CASE },
    Case { by: By::Whole, furnish: mailbox_file, variables: IN_FILE, ..CASE },
    Case {
        by: By::Whole,
        name: "procmail",
        furnish: |home| write(home, ".procmailrc", ":0\nx\n"),
        code: 75,
        ..CASE
    },
    Case {
        by: By::Whole,
        name: "maildrop",
        furnish: |home| write(home, ".mailfilter", ""),
        ..CASE
    },
    Case { by: By::Whole, arguments: &["-d", "nobody-at-all"], code: 67, ..CASE },
    Case { by: By::Whole, arguments: &["--config", "/nowhere/at/all.toml"], code: 75, ..CASE },
    Case { by: By::Whole, variables: &[("POSTROAD_CONFIG", "/nowhere")], code: 75, ..CASE },
    Case { by: By::Whole, variables: &[("USER", "root")], code: 75, ..CASE },
    Case { by: By::Whole, variables: &[("HOME", "/nowhere/at/all")], code: 75, ..CASE },
    Case { by: By::Whole, variables: &[("HOME", "")], code: 75, ..CASE },
    Case { by: By::Whole, name: "dovecot-lda", arguments: &["-p", "/dev/null"], ..CASE },
    Case { by: By::Whole, name: "procmail", arguments: &["/nowhere.sieve"], code: 75, ..CASE },
    Case { by: By::Whole, name: "procmail", arguments: &["-d", "a", "b"], code: 67, ..CASE },
    Case { by: By::Whole, arguments: &["--no-such-flag"], code: 75, ..CASE },
    Case { by: By::Whole, arguments: &["no-such-command"], code: 75, ..CASE },
    Case { by: By::Whole, arguments: &["deliver", "-f", "a@b.example"], ..CASE },
    Case { by: By::Whole, arguments: &["watched"], ..CASE },
    // Whoever asks and brings a letter keeps it.
    Case { by: By::Whole, arguments: &["-h"], code: 75, ..CASE },
    Case { by: By::Whole, name: "procmail", arguments: &["-v"], code: 75, ..CASE },
    Case { by: By::Whole, arguments: &["sieve", "check", "/nowhere"], code: 2, ..CASE },
];

const FILE_INTO: &str = "require [\"fileinto\", \"mailbox\"]; fileinto :create \"Lists\";";
const IN_FILE: &[(&str, &str)] = &[("MAIL", "mbox")];

fn make(home: &Path, folder: &str) {
    for part in ["", "tmp", "new", "cur"] {
        std::fs::create_dir_all(home.join(folder).join(part)).unwrap();
    }
}

fn write(home: &Path, name: &str, text: &str) {
    std::fs::write(home.join(name), text).unwrap();
    chmod(&home.join(name), 0o600);
}

fn chmod(path: &Path, mode: u32) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

fn remove(home: &Path, folder: &str) {
    std::fs::remove_dir_all(home.join(folder)).unwrap();
}

fn dangling(home: &Path) {
    symlink("nowhere", home.join(".postroad.sieve")).unwrap();
}

fn rejecting(home: &Path) {
    write(home, ".postroad.sieve", "require \"reject\"; reject \"No.\";");
}

fn out_of_order(home: &Path) {
    remove(home, "Maildir/tmp");
    write(home, "Maildir/tmp", "");
}

fn full(home: &Path) {
    write(home, "Maildir/cur/1.a.host,S=16384:2,S", "x");
    write(home, "Maildir/maildirsize", "100S\n16384 1\n");
}

fn mailbox_file(home: &Path) {
    remove(home, "Maildir");
    write(home, "mbox", "");
}

/// Whom root becomes here; else we are ourselves.
fn somebody() -> Option<u32> {
    rustix::process::geteuid().is_root().then_some(12_345)
}

fn give(path: &Path) {
    chown(path, somebody(), somebody()).unwrap();
    if path.is_dir() && !path.is_symlink() {
        std::fs::read_dir(path).unwrap().for_each(|entry| give(&entry.unwrap().path()));
    }
}

/// What a call came to: exit code, standard output and error, and each file of the home.
#[derive(Debug, PartialEq, Eq)]
struct State {
    code: Option<i32>,
    said: String,
    files: Vec<(PathBuf, String)>,
}

/// Calls `program` by the case's name, in a home of its own.
fn called(case: &Case, program: &Path) -> State {
    let place = Place::new();
    // Each has the same path, so that what is said is the same.
    let home = place.path("home");
    make(&home, "Maildir");
    chmod(&home, 0o700);
    (case.furnish)(&home);
    if !home.join(".postroad.sieve").is_symlink() {
        give(&home);
    }
    chown(&home, somebody(), somebody()).unwrap();
    let link = place.path(case.name);
    symlink(program, &link).unwrap();
    let mut command = Command::new(&link);
    if let Some(uid) = somebody() {
        command.uid(uid).gid(uid);
    }
    command.env_clear().env("HOME", &home).env("USER", "me").args(case.arguments);
    for (name, value) in case.variables {
        match *name {
            "MAIL" => command.env(name, home.join(value)),
            _ => command.env(name, value),
        };
    }
    let output = call_by(&mut command, case.letter.as_bytes()).0;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).unwrap().replace(home.to_str().unwrap(), "HOME");
    let mut files = Vec::new();
    chmod(&home, 0o700);
    walk(&home, &mut |path| {
        let text = String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
        let name = path.strip_prefix(&home).unwrap();
        files.push((without_its_own_part(name), without_trace(&text)));
    });
    files.sort();
    State { code: output.status.code(), said, files }
}

fn walk(folder: &Path, file: &mut impl FnMut(&Path)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.symlink_metadata().unwrap().file_type() {
            kind if kind.is_dir() => walk(&path, file),
            kind if kind.is_file() => file(&path),
            _ => {}
        }
    }
}

/// A letter's name without what is drawn for each: the sizes stay.
fn without_its_own_part(name: &Path) -> PathBuf {
    let file = name.file_name().unwrap().to_str().unwrap();
    match file.split_once(",S=") {
        Some((_, sizes)) => name.with_file_name(format!("letter,S={}", sizes.len() > 1)),
        None => name.to_owned(),
    }
}

/// A file without what no two of them have in common: our `Received`, and lines that begin with the time.
fn without_trace(text: &str) -> String {
    let is_its_own = |line: &&str| {
        let is_received = line.starts_with("Received: by ") && line.contains("(Postroad, ");
        let is_date = line.starts_with('\t') && line.contains(" 20") && line.contains(':');
        let is_noted = line.starts_with(|c: char| c.is_ascii_digit());
        // `Message-ID` and `Date` of notices, and the line between letters of a mailbox file.
        let is_ours = ["Message-ID: <1", "Date: ", "From "].iter().any(|own| line.starts_with(own));
        !is_received && !is_date && !is_noted && !is_ours
    };
    text.lines().filter(is_its_own).collect::<Vec<_>>().join("\n")
}

#[test]
fn both_programs_come_to_the_same() {
    let (place, alone) = (Place::new(), Place::new());
    let small = place.program();
    let whole = place.path("postroad-mda-whole");
    let small_alone = alone.path("postroad-mda");
    std::fs::copy(BINARY, &small_alone).unwrap();
    for (number, case) in CASES.iter().enumerate() {
        let Case { by, name, arguments, code, .. } = case;
        let which = format!("{number}: {name} {arguments:?}");
        let wanted = called(case, &whole);
        assert_eq!(wanted.code, Some(*code), "{which}: {wanted:?}");
        assert_eq!(called(case, &small), wanted, "{which}");
        let without = called(case, &small_alone);
        match by {
            By::Small => assert_eq!(without, wanted, "{which}"),
            By::Whole => {
                assert_eq!(without.code, Some(75), "{which}: {without:?}");
                let said = "4.3.5 cannot execute postroad-mda-whole, which belongs beside us: ";
                assert!(without.said.starts_with(said), "{which}: {without:?}");
                assert_eq!(without.said.lines().count(), 1, "{which}: {without:?}");
            }
        }
    }
}

#[test]
fn a_closed_standard_input_is_no_letter_for_either() {
    let place = Place::new();
    let (home, small) = (place.path("home"), place.program());
    make(&home, "Maildir");
    give(&home);
    for program in [small, place.path("postroad-mda-whole")] {
        let mut command = Command::new("/bin/sh");
        if let Some(uid) = somebody() {
            command.uid(uid).gid(uid);
        }
        command.args(["-c", "exec \"$0\" <&-"]).arg(program).env_clear().env("HOME", &home);
        command.env("USER", "me").stdin(Stdio::null());
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(75), "{said}");
        assert_eq!(said, "4.3.5 standard input is closed: there is no letter\n");
    }
}

#[test]
fn the_small_program_has_nothing_in_it_of_the_rest() {
    let holds = |program: &str, mark: &str| {
        let octets = std::fs::read(program).unwrap();
        memchr::memmem::find(&octets, mark.as_bytes()).is_some()
    };
    // Words of the interpreter, of patterns, of the server and of commands.
    for mark in [
        "letters behind a number",
        "regex parse error",
        "tokio-rt-worker",
        "unrecognized subcommand",
    ] {
        assert!(holds(WHOLE, mark), "nothing shows that the other one has no {mark:?}");
        assert!(!holds(BINARY, mark), "{mark:?}");
    }
}
