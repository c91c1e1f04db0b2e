//! The real binary, called as MTAs call it: every way in ends with 0, 67, 75 or 77.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use place::{Called, LETTER, Place, UnderWay};

mod place;

#[test]
fn a_letter_for_a_user_of_ours() {
    let place = Place::new();
    place.call(&["-d", "alice", "-f", "bob@x.example", "-a", "lists"]).ends(0, "");
    let letters = place.letters("mail/alice");
    let (first, rest) = letters[0].split_once("\n\tfor").unwrap();
    assert!(
        first.starts_with("Return-Path: <bob@x.example>\nDelivered-To: alice+lists@"),
        "{first}"
    );
    assert!(first.contains("\nReceived: by "), "{first}");
    assert!(rest.ends_with(LETTER), "{rest}");
}

#[test]
fn users_by_name_and_by_address() {
    let place = Place::new();
    for (call, code) in [
        (&["deliver", "-d", "alice"][..], 0),
        (&["-d", "alice@our.example"], 0),
        (&["-d", "alice+lists@our.example"], 0),
        (&["-d", "postmaster@our.example"], 0),
        (&["-Y", "-a", "host", "-d", "alice"], 0),
        (&["-t", "-o", "-k", "-d", "alice", "-m", "none"], 0),
        (&["-d", "alice", "-m", "../../x"], 0),
        (&["-d", "alice", "-f", ""], 0),
        (&["-d", "alice", "-f", "-x@y.example; id\n"], 0),
        (&["-d", "alice@elsewhere.example"], 67),
        (&["-d", "nobody-of-ours"], 67),
        (&["-d", ""], 67),
    ] {
        let config = place.path("postroad.toml");
        let config = ["--config", config.to_str().unwrap()];
        let call = match call {
            ["deliver", rest @ ..] => [&["deliver"], &config[..], rest].concat(),
            rest => [&config[..], rest].concat(),
        };
        place.run(&call, &[], LETTER.as_bytes()).ends(code, if code == 0 { "" } else { "5.1.1 " });
    }
    assert_eq!(place.letters("mail/alice").len(), 9);
    assert!(!place.path("x").exists());
}

#[test]
fn m03_nobody_becomes_root_or_somebody_elsewhere() {
    let place = Place::new();
    for user in ["root", "../root", "-d", "alice\n", "/etc/passwd", "аlice", "..", "daemon"] {
        place.call(&["-d", user]).ends(67, "5.1.1 ");
    }
    // Without settings, users are those of the host.
    for user in ["root", "../root", "-d", "no-such-user-at-all", "root@our.example", "root\n"] {
        place.run(&["-d", user], &[], LETTER.as_bytes()).ends(67, "5.1.1 ");
    }
}

#[test]
fn wrong_calls_and_wrong_settings_are_try_later() {
    let place = Place::new();
    place.write("wrong.toml", "lisen = 3\n");
    place.write("users-wrong", "alice\n");
    place.write(
        "wrong-users.toml",
        &format!(
            "data = {:?}\ndomains = [\"our.example\"]\naccounts.users = \"users-wrong\"\n",
            place.dir.path()
        ),
    );
    let wrong = place.path("wrong.toml");
    let wrong_users = place.path("wrong-users.toml");
    for call in [
        &["--no-such-flag"][..],
        &["-d"],
        &["no-such-command"],
        &["-q", "-d", "alice"],
        &["serve", "--config", "/nowhere/at/all"],
        &["--config", "/nowhere/at/all", "-d", "alice"],
        &["--config", wrong.to_str().unwrap(), "-d", "alice"],
        &["--config", wrong_users.to_str().unwrap(), "-d", "alice"],
        &["--config", "/dev/null/x"],
    ] {
        place.run(call, &[("HOME", "/nowhere")], LETTER.as_bytes()).ends(75, "4.3.5 ");
    }
}

#[test]
fn a_letter_that_has_been_here_is_refused() {
    let place = Place::new();
    let config = place.path("postroad.toml");
    let call = ["--config", config.to_str().unwrap(), "-d", "alice@our.example"];
    for (letter, code) in [
        ("Delivered-To: alice@our.example\nReceived: x\n\n", 0),
        ("Received: x\nDelivered-To: alice@our.example\n\n", 77),
    ] {
        let first_line = if code == 0 { "" } else { "5.4.6 " };
        place.run(&call, &[], letter.as_bytes()).ends(code, first_line);
    }
}

#[test]
fn what_callers_put_on_top_is_replaced() {
    let place = Place::new();
    let config = place.path("postroad.toml");
    let call = ["--config", config.to_str().unwrap(), "-d", "alice"];
    let letter = b"From bob@x.example Sat Jan  1 00:00:00 2000\r\nReturn-Path: <eve@x.example>\r\nA: b\r\n\r\nc\r\n";
    place
        .run(&call, &[("SENDER", "carol@x.example"), ("RECIPIENT", "a.l@our.example")], letter)
        .ends(0, "");
    place.run(&call, &[], letter).ends(0, "");
    place.run(&call, &[], b"no header at all\n").ends(0, "");
    let letters = place.letters("mail/alice").concat();
    assert!(
        letters.contains("Return-Path: <carol@x.example>\nDelivered-To: a.l@our.example\n"),
        "{letters}"
    );
    assert!(letters.contains("Return-Path: <bob@x.example>\n"), "{letters}");
    assert_eq!(letters.matches("+0000\nA: b\n\nc\n").count(), 2, "{letters}");
    assert!(letters.contains("Return-Path: <>\n"), "{letters}");
    assert!(letters.contains("+0000\n\nno header at all\n"), "{letters}");
    assert!(!letters.contains('\r') && !letters.contains("eve@"), "{letters}");
}

#[test]
fn the_caller_s_own_mailbox_or_none_for_root() {
    let place = Place::new();
    let home = place.path("home");
    let called = place.run(
        &[],
        &[
            ("HOME", home.to_str().unwrap()),
            ("USER", "me"),
            ("EXTENSION", "x"),
            ("DOMAIN", "our.example"),
        ],
        LETTER.as_bytes(),
    );
    match rustix::process::geteuid().is_root() {
        true => {
            called.ends(67, "5.1.1 No mail is filed for root");
            assert!(!home.exists());
        }
        false => {
            called.ends(0, "");
            assert_eq!(place.letters("home/Maildir").len(), 1);
        }
    }
}

#[test] // As Postfix's `mailbox_command` names the user that it becomes.
fn the_caller_s_own_name_is_known_beside_our_users() {
    use std::os::unix::fs::chown;
    use std::os::unix::process::CommandExt as _;
    let place = Place::new();
    let home = place.path("home");
    // It is there: what this host has in /var/mail for the caller doesn't count.
    std::fs::create_dir_all(home.join("Maildir")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_postroad-mda"));
    let caller = match rustix::process::geteuid().is_root() {
        true => {
            for path in
                ["", "home", "home/Maildir", "postroad.toml", "users"].map(|name| place.path(name))
            {
                chown(path, Some(65_534), Some(65_534)).unwrap();
            }
            command.uid(65_534).gid(65_534);
            "nobody".to_owned()
        }
        false => String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap(),
    };
    command.env_clear().env("HOME", &home).arg("--config").arg(place.path("postroad.toml"));
    command.args(["-d", caller.trim()]).stdin(Stdio::null());
    match command.output() {
        Ok(output) => {
            Called(output).ends(0, "");
            assert_eq!(place.letters("home/Maildir").len(), 1);
        }
        // The tree is where nobody else may look.
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied),
    }
    Place::new().call(&["-d", "nobody-at-all"]).ends(67, "5.1.1");
}

#[test] // As Postfix calls for root's mail: as `default_privs`, with root's variables.
fn for_root_as_nobody_it_waits() {
    use std::os::unix::process::CommandExt as _;
    let mut command = Command::new(env!("CARGO_BIN_EXE_postroad-mda"));
    command.stdin(Stdio::null()).env_clear().envs([("HOME", "/root"), ("USER", "root")]);
    if rustix::process::geteuid().is_root() {
        command.uid(65_534).gid(65_534);
    }
    match command.output() {
        Ok(output) => Called(output).ends(75, "4.3.5 No mail is filed for root"),
        // The tree is where nobody else may look.
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied),
    }
}

#[test]
fn m04_where_there_are_no_users_at_all_nobody_is_unknown() {
    let place = Place::new();
    std::fs::remove_file(place.path("users")).unwrap();
    place.call(&["-d", "alice"]).ends(75, "4.3.5 There are no users");
}

#[test]
fn m01_as_root_a_letter_is_filed_as_the_mailboxes_owner() {
    use std::os::unix::fs::{MetadataExt as _, chown, symlink};
    let place = Place::new();
    let (theirs, roots) = (place.path("mail"), place.path("roots"));
    for folder in [&theirs, &roots] {
        std::fs::create_dir(folder).unwrap();
        std::fs::set_permissions(folder, PermissionsExt::from_mode(0o700)).unwrap();
    }
    // Only root can give files away, and only root becomes somebody else.
    if chown(&theirs, Some(12_345), Some(12_345)).is_err() {
        return;
    }
    place.call(&["-d", "alice"]).ends(0, "");
    assert_eq!(std::fs::metadata(place.path("mail/alice/new")).unwrap().uid(), 12_345);
    // The owner of a folder leads us to one of root's: not with root's rights.
    std::fs::remove_dir_all(place.path("mail/alice")).unwrap();
    symlink(&roots, place.path("mail/alice")).unwrap();
    place.call(&["-d", "alice"]).ends(75, "4.");
    assert_eq!(std::fs::read_dir(roots).unwrap().count(), 0);
}

#[test]
fn m06_m13_what_can_t_be_written_is_try_later() {
    let place = Place::new();
    // In place of the mailbox there is a file, and then a link in place of one of its folders.
    std::fs::create_dir(place.path("mail")).unwrap();
    place.write("mail/alice", "");
    place.call(&["-d", "alice"]).ends(75, "4.");
    std::fs::remove_file(place.path("mail/alice")).unwrap();
    std::fs::create_dir(place.path("mail/alice")).unwrap();
    std::os::unix::fs::symlink("/etc", place.path("mail/alice/new")).unwrap();
    place.call(&["-d", "alice"]).ends(75, "4.2.0 ");
}

#[test]
fn too_big_is_refused_and_leaves_nothing() {
    let place = Place::new();
    let config = place.path("postroad.toml");
    place.write(
        "postroad.toml",
        &format!(
            "data = {:?}\ndomains = [\"our.example\"]\nmda.message_size_max = \"64KiB\"\n",
            place.dir.path()
        ),
    );
    let call = ["--config", config.to_str().unwrap(), "-d", "alice"];
    let letter = |octets: usize| format!("A: b\n\n{}", "x".repeat(octets - 6));
    place.run(&call, &[], letter(65_536).as_bytes()).ends(0, "");
    place.run(&call, &[], letter(65_537).as_bytes()).ends(77, "5.3.4 ");
    place.run(&call, &[], letter(1_000_000).as_bytes()).ends(77, "5.3.4 ");
    assert_eq!(place.letters("mail/alice").len(), 1);
    assert_eq!(std::fs::read_dir(place.path("mail/alice/tmp")).unwrap().count(), 0);
}

#[test]
fn help_and_version_are_no_failure_and_lose_no_letter() {
    let place = Place::new();
    for call in ["--help", "--version"] {
        let mut asked = Command::new(env!("CARGO_BIN_EXE_postroad-mda"));
        assert_eq!(asked.arg(call).stdin(Stdio::null()).output().unwrap().status.code(), Some(0));
        assert_eq!(place.run(&[call], &[], LETTER.as_bytes()).0.status.code(), Some(75));
    }
}

#[test]
fn nobody_who_listens_changes_no_exit_code() {
    let place = Place::new();
    place.write("letter", LETTER);
    for (arguments, code) in
        [(&["-d", "nobody"][..], 67), (&["--nonsense"], 75), (&["-d", "alice"], 0)]
    {
        let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
        let called = Command::new(env!("CARGO_BIN_EXE_postroad-mda"))
            .env("POSTROAD_CONFIG", place.path("postroad.toml"))
            .args(arguments)
            .stdin(std::fs::File::open(place.path("letter")).unwrap())
            .stdout(full())
            .stderr(full())
            .status()
            .unwrap();
        assert_eq!(called.code(), Some(code), "{called}");
    }
}

#[test]
fn a_signal_is_try_later() {
    use rustix::process::{Pid, Signal, kill_process};
    let place = Place::new();
    for signal in [
        Signal::TERM,
        Signal::HUP,
        Signal::INT,
        Signal::QUIT,
        Signal::XCPU,
        Signal::ALARM,
        Signal::VTALARM,
        Signal::PROF,
    ] {
        let under_way = UnderWay::begin(&place);
        kill_process(Pid::from_child(&under_way.child), signal).unwrap();
        under_way.wait_for_end().ends(75, "4.3.0 ");
    }
    assert!(place.letters("mail/alice").is_empty());
}

#[test]
fn m06_a_limit_on_file_sizes_is_try_later_and_leaves_nothing() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let place = Place::new();
    // Postfix's local sets mailbox_size_limit for what it calls. A thread's limits are its process's, and
    // tests are processes of their own under nextest alone: so the limit is above what others write.
    let limit = Rlimit { current: Some(8 << 20), maximum: None };
    setrlimit(Resource::Fsize, limit).unwrap();
    let letter = format!("A: b\n\n{}", "x".repeat(9 << 20));
    let config = place.path("postroad.toml");
    let called =
        place.run(&["--config", config.to_str().unwrap(), "-d", "alice"], &[], letter.as_bytes());
    setrlimit(Resource::Fsize, Rlimit { current: None, maximum: None }).unwrap();
    called.ends(75, "4.3.0 ");
    assert_eq!(std::fs::read_dir(place.path("mail/alice/tmp")).unwrap().count(), 0);
}

impl Place {
    fn sieve(&self, arguments: &[&str], letter: &str) -> (i32, String, String) {
        let Called(output) = self.run(&[&["sieve"], arguments].concat(), &[], letter.as_bytes());
        let text = |octets| String::from_utf8(octets).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }
}

#[test]
fn rules_decide_where_a_letter_goes() {
    let place = Place::new();
    place.script("require [\"fileinto\", \"mailbox\"]; fileinto :create \"Lists\";");
    place.call(&["-d", "alice"]).ends(0, "");
    assert!(place.letters("mail/alice/.Lists")[0].ends_with(LETTER));
    place.script("discard; # and nothing else");
    place.call(&["-d", "alice"]).ends(0, "");
    assert_eq!(place.letters("mail/alice/.Lists").len() + place.letters("mail/alice").len(), 1);
    place.script("require \"reject\"; reject \"Write to Bob.\";");
    place.call(&["-d", "alice", "-f", "bob@x.example"]).ends(77, "5.7.1 Write to Bob.");
    let trace = std::fs::read_to_string(place.path("trace/mda.jsonl")).unwrap();
    for note in ["filed into \\\"Lists\\\" by alice.sieve line 1", "discarded by", "refused by"] {
        assert!(trace.contains(note), "{note}: {trace}");
    }
}

#[test]
fn m04_rules_that_others_can_write_are_try_later() {
    let place = Place::new();
    place.script("discard;");
    let mode = PermissionsExt::from_mode(0o622);
    std::fs::set_permissions(place.path("sieve/alice.sieve"), mode).unwrap();
    place.call(&["-d", "alice"]).ends(75, "4.3.5 the rules in ");
    assert!(place.letters("mail/alice").is_empty());
}

#[test]
fn a_broken_script_files_the_letter_and_tells_its_user_once() {
    let place = Place::new();
    place.script("require \"fileinto\"; fileint \"x\";");
    place.call(&["-d", "alice"]).ends(0, "");
    place.call(&["-d", "alice"]).ends(0, "");
    let letters = place.letters("mail/alice");
    let notices = letters.iter().filter(|letter| letter.contains("alice.sieve:1:")).count();
    assert_eq!((letters.len(), notices), (3, 1));
}

#[test]
fn what_is_sent_on_leaves_through_a_program() {
    let place = Place::new();
    place.leave_by("printf '%s\\n' \"$@\" > $D/args; cat > $D/sent");
    place.script("redirect \"far@away.example\";");
    place.call(&["-d", "alice", "-f", "bob@x.example"]).ends(0, "");
    let read = |name: &str| std::fs::read_to_string(place.path(name)).unwrap();
    assert_eq!(read("args"), "-i\n-f\nbob@x.example\n--\nfar@away.example\n");
    assert!(read("sent").starts_with("Delivered-To: alice@"), "{}", read("sent"));
    assert!(read("sent").ends_with(LETTER));
    place.call(&["-d", "alice", "-f", ""]).ends(0, "");
    assert!(read("args").starts_with("-i\n-f\n<>\n"));
    place.leave_by("cat > /dev/null; echo 'no way' >&2; exit 69");
    place.call(&["-d", "alice"]).ends(75, "4.3.0 ");
    assert!(place.letters("mail/alice").is_empty());
}

#[test]
fn the_tools_end_with_0_1_or_2_and_do_nothing() {
    let place = Place::new();
    place.script("require \"fileinto\"; if header \"Subject\" \"hello\" {fileinto \"Lists\";}");
    let script = place.path("sieve/alice.sieve");
    let script = script.to_str().unwrap();
    assert_eq!(place.sieve(&["check", script], ""), (0, String::new(), String::new()));
    let (code, said, _) = place.sieve(&["test", script, "-f", "bob@x.example"], LETTER);
    assert_eq!(code, 0);
    assert!(said.ends_with("would file into the folder Lists\n"), "{said}");
    assert!(!place.path("mail").exists());
    let (code, formatted, _) = place.sieve(&["format", script], "");
    assert_eq!(code, 0);
    assert!(formatted.contains("{\n    fileinto \"Lists\";\n}\n"), "{formatted}");
    assert_eq!(place.sieve(&["format", "--write", script], "").0, 0);
    assert_eq!(std::fs::read_to_string(script).unwrap(), formatted);
    place.script("kep;");
    let (code, _, problems) = place.sieve(&["check", script], "");
    assert_eq!(code, 1);
    assert!(problems.starts_with(&format!("{script}:1:1: ")), "{problems}");
    assert_eq!(place.sieve(&["check", "/nowhere/at/all"], "").0, 2);
    // For people, on lines of their own; who brings a letter keeps it.
    let (code, _, said) = place.sieve(&["chek", script], "");
    assert_eq!(code, 75);
    assert!(said.starts_with("error: unrecognized subcommand 'chek'\n"), "{said}");
    let mut typed = Command::new(env!("CARGO_BIN_EXE_postroad-mda"));
    assert_eq!(typed.arg("sieve").stdin(Stdio::null()).output().unwrap().status.code(), Some(2));
    assert_eq!(place.sieve(&["test", script, "-a", "x"], "").0, 1);
}

/// In a home, as its owner: somebody whom root becomes here, or we are.
#[test]
fn rules_in_a_home_ours_before_dovecots() {
    use std::os::unix::fs::chown;
    use std::os::unix::process::CommandExt as _;
    let place = Place::new();
    let home = place.path("home");
    std::fs::create_dir(&home).unwrap();
    std::fs::set_permissions(&home, PermissionsExt::from_mode(0o700)).unwrap();
    let uid = if rustix::process::geteuid().is_root() { Some(12_345) } else { None };
    let give = |path: &Path| {
        if let Some(uid) = uid {
            chown(path, Some(uid), Some(uid)).unwrap();
        }
    };
    let write = |name: &str, text: &str| {
        place.write(&format!("home/{name}"), text);
        give(&home.join(name));
    };
    give(&home);
    let call = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_postroad-mda"));
        if let Some(uid) = uid {
            command.uid(uid).gid(uid);
        }
        command.env_clear().env("HOME", &home).env("USER", "me").stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).output()
    };
    let folders = |home: &Path| {
        let names = std::fs::read_dir(home.join("Maildir")).unwrap();
        let mut names: Vec<String> =
            names.map(|name| name.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.retain(|name| name.starts_with('.'));
        names.sort();
        names
    };
    write(".dovecot.sieve", "require [\"fileinto\", \"mailbox\"]; fileinto :create \"Theirs\";");
    match call() {
        Ok(output) => Called(output).ends(0, ""),
        // The tree is where nobody else may look.
        Err(error) => return assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied),
    }
    assert_eq!(folders(&home), [".Theirs"]);
    write(".postroad.sieve", "require [\"fileinto\", \"mailbox\"]; fileinto :create \"Ours\";");
    Called(call().unwrap()).ends(0, "");
    assert_eq!(folders(&home), [".Ours", ".Theirs"]);
}

/// OpenSMTPD gives a letter back whose delivery was killed.
#[test]
fn a_watched_delivery_that_is_killed_is_try_later() {
    use rustix::process::{Pid, Signal, kill_process};
    let place = Place::new();
    let config = place.path("postroad.toml");
    let call = ["watched", "--config", config.to_str().unwrap(), "-d"];
    place.run(&[&call[..], &["alice"]].concat(), &[], LETTER.as_bytes()).ends(0, "");
    place.run(&[&call[..], &["nobody-of-ours"]].concat(), &[], b"A: b\n").ends(67, "5.1.1 ");
    for (who, signal) in [("delivery", Signal::KILL), ("watcher", Signal::TERM)] {
        let mut watcher = Command::new(env!("CARGO_BIN_EXE_postroad-mda"))
            .args(call)
            .arg("alice")
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Longer than a pipe holds: when it is written, the letter is being read.
        let mut letter = watcher.stdin.take().unwrap();
        letter.write_all(b"A: b\n\n").unwrap();
        letter.write_all(&vec![b'x'; 1 << 20]).unwrap();
        let id = watcher.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
        let delivery = Pid::from_raw(children.trim().parse().unwrap()).unwrap();
        let whom = if who == "watcher" { Pid::from_child(&watcher) } else { delivery };
        kill_process(whom, signal).unwrap();
        let called = Called(watcher.wait_with_output().unwrap());
        drop(letter);
        called.ends(75, "4.3.0 The delivery was ended by ");
    }
    assert_eq!(place.letters("mail/alice").len(), 1);
}
