//! The program as its callers call it: cron, git, PHP, a person, many at once; and killed.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod home;
#[path = "../../../crates/mua/tests/smtp_peer/mod.rs"]
mod smtp_peer;

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::Output;
use std::time::{Duration, Instant};

use home::{Home, nobody};
use smtp_peer::{Behaviour, SmtpPeer};

#[test]
fn as_cron_git_php_and_people_call_it() {
    let peer = SmtpPeer::start(Behaviour::Accept);
    let home = Home::new(peer.url());
    let git = "From: A <a@x.example>\nTo: b@x.example\nSubject: [PATCH] x\nMessage-Id: <1@x>\n\n---\n x | 1 +\n";
    home.check(
        "sendmail",
        &["-FCronDaemon", "-i", "-B8BITMIME", "-oem", "root"],
        "From: root (Cron)\nTo: root\nSubject: Cron\n\nout\n.\nmore\n",
        0,
    );
    home.check("sendmail", &["-i", "b@x.example"], git, 0);
    home.check(
        "sendmail",
        &["-t", "-i"],
        "To: c@x.example\r\nBcc: hidden@y.example\r\nSubject: php\r\n\r\nhi",
        0,
    );
    home.check(
        "mail",
        &["-s", "subject", "rcpt@x.example", "-f", "sender@x.example"],
        "lecture\n",
        0,
    );
    home.check(
        "mail",
        &["-s", "two\nlines", "e@x.example"],
        "~!touch pwned\n~r /etc/passwd\n.\nend\n",
        0,
    );
    home.check("postroad-mua", &["send", "--to", "f@x.example", "-s", "sub", "-m", "body"], "", 0);
    let letters = peer.wait_for(6).join("\n=====\n");
    for part in [
        "To: root\nSubject: Cron\n\nout\n..\nmore",
        "Message-Id: <1@x>\n\n---\n x | 1 +",
        "To: c@x.example\nSubject: php\n\nhi",
        "From: <sender@x.example>",
        "lecture",
        // U14: nothing in a text from a program is a command.
        "~!touch pwned\n~r /etc/passwd\n..\nend",
        "Subject: two lines",
    ] {
        assert!(letters.contains(part), "{part:?} is not in\n{letters}");
    }
    assert!(!letters.contains("hidden@"), "{letters}");
    assert!(!home.dir.path().join("pwned").exists());
    wait_until_empty(&home, &peer);
    // A copy of what a person sends, seen; of what programs send there is none.
    let copies = home.dir.path().join("Maildir/.Sent/cur");
    let copies: Vec<_> =
        std::fs::read_dir(copies).unwrap().map(|copy| copy.unwrap().path()).collect();
    let [copy] = &copies[..] else { panic!("{copies:?}") };
    assert!(copy.to_str().unwrap().ends_with(":2,S"), "{copy:?}");
    assert!(std::fs::read_to_string(copy).unwrap().contains("Subject: sub\n"));
}

/// Speaks with `sendmail -bs`, a line after each reply; gives the codes of the replies.
fn spoken(home: &Home, lines: &[&str]) -> Vec<String> {
    let mut child = home.command("sendmail", &["-bs"]).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut reply = || {
        let mut line = String::new();
        while line.as_bytes().get(3) != Some(&b' ') {
            line.clear();
            assert!(output.read_line(&mut line).unwrap() > 0, "it has ended");
        }
        line.get(..3).unwrap().to_owned()
    };
    let mut codes = vec![reply()];
    for line in lines {
        input.write_all(format!("{line}\r\n").as_bytes()).unwrap();
        codes.push(reply());
    }
    drop(input);
    assert!(child.wait().unwrap().success());
    codes
}

#[test]
fn smtp_on_standard_input_ends_in_the_outbox() {
    let peer = SmtpPeer::start(Behaviour::Accept);
    let home = Home::new(peer.url());
    let lines = [
        "EHLO caller.example",
        "MAIL FROM:<a@x.example>",
        "RCPT TO:<b@x.example> NOTIFY=NEVER",
        "RCPT TO:<Postmaster>",
        "DATA",
        "From: A <a@x.example>\r\nSubject: one\r\n\r\n..dots\r\n.",
        "RCPT TO:<c@x.example>",
        "MAIL FROM:<>",
        "RCPT TO:<c@x.example>",
        "DATA",
        "Subject: two\r\n\r\nx\r\n.",
        "QUIT",
    ];
    let codes = spoken(&home, &lines);
    let expected =
        ["220", "250", "250", "250", "250", "354", "250", "503", "250", "250", "354", "250", "221"];
    assert_eq!(codes, expected);
    let letters = peer.wait_for(2).join("\n=====\n");
    for part in ["Subject: one\n\n..dots", "Subject: two\n\nx"] {
        assert!(letters.contains(part), "{part:?} is not in\n{letters}");
    }
    wait_until_empty(&home, &peer);
    // A caller that goes away in the middle was told nothing of it, and nothing is sent.
    let cut = ["EHLO x", "MAIL FROM:<a@x.example>", "RCPT TO:<b@x.example>", "DATA"];
    assert_eq!(spoken(&home, &cut).last().unwrap(), "354");
    assert_eq!(wait_until_empty(&home, &peer).len(), 2);
}

#[test]
fn u15_what_callers_pass_on_opens_no_file_and_starts_nothing() {
    let home = Home::new(nobody());
    let log = home.dir.path().join("log");
    let log = log.to_str().unwrap();
    for (arguments, status) in [
        (&["-fx -X/tmp/l", "a@x.example"][..], 64),
        (&["-be", "a@x.example"], 64),
        (&["-f"], 64),
        (&["-Z", "a@x.example"], 64),
        (&["a@x.example\n-X"], 64),
        (&[], 64),
        (&["a b@x.example"], 67),
        (&["-X", log, "-C", log, "-O", "QueueDirectory=/x", "|id"], 0),
        (&["--", "-Xlog@x.example"], 0),
    ] {
        home.check("sendmail", arguments, "Subject: s\n\nx\n", status);
    }
    assert!(!std::path::Path::new(log).exists());
    assert!(!home.dir.path().join("log@x.example").exists());
    home.check("mail", &["-s", "s", "a b@x.example"], "x", 67);
    home.check("mail", &["-a", "/nonexistent/file", "a@x.example"], "x", 66);
}

#[test]
fn mail_reads_a_maildir_and_ids_stay() {
    let home = Home::new(nobody());
    let new = home.dir.path().join("Maildir/new");
    for (name, letter) in [
        ("100.M1P1.h", "From: A <a@x.example>\nSubject: first \u{1b}[2J\n\none\n"),
        ("200.M1P1.h", "From: b@x.example\nSubject: second\n\ntwo: pearl\n"),
    ] {
        std::fs::write(new.join(name), letter).unwrap();
    }
    let out = |output: Output| String::from_utf8(output.stdout).unwrap();
    let ids = |home: &Home| -> Vec<String> {
        let lines = out(home.check("postroad-mua", &["list", "--json"], "", 0));
        lines
            .lines()
            .map(|line| {
                serde_json::from_str::<serde_json::Value>(line).unwrap()["id"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            .collect()
    };
    let before = ids(&home);
    assert_eq!(before.len(), 2);
    let page = out(home.check("postroad-mua", &["read", &before[0]], "", 0));
    assert!(page.contains("Subject: first \\x1b[2J\n") && page.ends_with("one\n"), "{page}");
    assert_eq!(ids(&home), before);
    let found = out(home.check("postroad-mua", &["search", "PEARL"], "", 0));
    assert!(found.contains("second") && !found.contains("first"), "{found}");
    home.check("postroad-mua", &["search", "nothing like it"], "", 1);
    let newest_first = out(home.check("postroad-mua", &["search", "~U", "|", "~R"], "", 0));
    let subjects: Vec<&str> =
        newest_first.lines().filter_map(|line| line.split("  ").last()).collect();
    assert!(subjects[0].contains("second") && subjects[1].contains("first"), "{newest_first}");
    let asked = ["search", "--all", "--json", "~s second ~b pearl !~m 1"];
    let json: serde_json::Value =
        serde_json::from_str(&out(home.check("postroad-mua", &asked, "", 0))).unwrap();
    assert_eq!((&json["folder"], &json["number"]), (&"INBOX".into(), &2.into()));
    home.check("postroad-mua", &["search", "~T"], "", 64);
    let session = out(home.check("mail", &[], "1\nd\n\nq\n", 0));
    assert!(session.contains("& ") && session.contains("two: pearl"), "{session}");
    assert_eq!(ids(&home), before[1..]);
    home.check("postroad-mua", &["delete", &before[1]], "", 0);
    home.check("mail", &["-e"], "", 1);
    home.check("postroad-mua", &["read", "7"], "", 66);
    assert_eq!(std::fs::read_dir(home.dir.path().join("Maildir/.Trash/cur")).unwrap().count(), 2);
}

#[test]
fn many_at_once_and_a_sender_that_is_killed_lose_nothing() {
    const LETTERS: usize = 24;
    let peer = SmtpPeer::start(Behaviour::Stall);
    let home = Home::new(peer.url());
    // The first letter's sender holds the outbox and waits for a reply that doesn't come.
    home.check("mail", &["-s", "letter 0", "a@x.example"], "x", 0);
    peer.wait_until_stalled();
    let children: Vec<_> = (1..LETTERS)
        .map(|n| {
            let subject = format!("letter {n}");
            let mut child = home.command("mail", &["-s", &subject, "a@x.example"]).spawn().unwrap();
            child.stdin.take().unwrap().write_all(b"x").unwrap();
            child
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    kill_senders(&home);
    peer.behave(Behaviour::Accept);
    home.check("postroad-mua", &["outbox", "flush"], "", 0);
    let letters = wait_until_empty(&home, &peer);
    for n in 0..LETTERS {
        let subject = format!("Subject: letter {n}\n");
        let copies = letters.iter().filter(|letter| letter.contains(&subject)).count();
        // U16: a second copy only of what was in flight.
        assert!(copies == 1 || (n == 0 && copies == 2), "letter {n}: {copies} copies");
    }
}

fn wait_until_empty(home: &Home, peer: &SmtpPeer) -> Vec<String> {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let listed = home.check("postroad-mua", &["outbox", "list", "--json"], "", 0);
        if listed.stdout.is_empty() {
            return peer.letters();
        }
        assert!(Instant::now() < end, "{}", String::from_utf8_lossy(&listed.stdout));
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Kills the processes whose environment names this home: those that our commands started. Gone is a process, and
/// what it had locked, only some time after it was killed.
fn kill_senders(home: &Home) {
    let killed = kill_once(home);
    assert!(killed > 0, "no sender was running");
    let end = Instant::now() + Duration::from_secs(60);
    while kill_once(home) > 0 {
        assert!(Instant::now() < end, "a sender lives on");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// How many there were.
fn kill_once(home: &Home) -> usize {
    let mark = format!("HOME={}", home.dir.path().display());
    let mut found = 0;
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        if !environment.split(|b| *b == 0).any(|variable| variable == mark.as_bytes()) {
            continue;
        }
        found += 1;
        let pid = entry
            .file_name()
            .to_string_lossy()
            .parse()
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        // One that has ended in this moment is as good.
        let _ = rustix::process::kill_process(pid.unwrap(), rustix::process::Signal::KILL);
    }
    found
}

#[test]
fn a_caller_without_a_home_hands_the_letter_to_the_mta_or_is_told_to_try_later() {
    let home = Home::new("unix:///nonexistent/submit.sock");
    let mut command = home.command("sendmail", &["-t"]);
    command.env("HOME", "/proc/nowhere");
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"To: a@x.example\n\nx\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(75), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!home.outbox().exists());
}

#[test]
fn the_queue_is_shown_with_the_servers_words() {
    let peer = SmtpPeer::start(Behaviour::RefuseSome);
    let home = Home::new(peer.url());
    home.check("mail", &["-s", "s", "no@x.example"], "x", 0);
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let shown = home.check("mailq", &[], "", 0);
        let shown = String::from_utf8(shown.stdout).unwrap();
        if shown.contains("REFUSED") {
            assert!(shown.contains("550 5.1.1 nobody") && !shown.contains('\u{1b}'), "{shown}");
            return;
        }
        assert!(Instant::now() < end, "{shown}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Runs a command of somebody at a terminal, whose editor does what a line of shell says about the file `$1`.
#[track_caller]
fn at_terminal(home: &Home, editor: &str, arguments: &[&str], status: i32) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    let script = home.dir.path().join("editor");
    std::fs::write(&script, format!("#!/bin/sh\n{editor}\n")).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700)).unwrap();
    let terminal =
        rustix::pty::openpt(rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY)
            .unwrap();
    rustix::pty::grantpt(&terminal).unwrap();
    rustix::pty::unlockpt(&terminal).unwrap();
    let name = rustix::pty::ptsname(&terminal, Vec::new()).unwrap();
    let seat =
        std::fs::File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    let output = home
        .command("postroad-mua", arguments)
        .env("EDITOR", &script)
        .env("PATH", "/usr/bin:/bin")
        .stdin(seat)
        .output()
        .unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {words}");
    words
}

fn drafts(home: &Home) -> Vec<serde_json::Value> {
    let lines = home.check("postroad-mua", &["drafts", "list", "--json"], "", 0).stdout;
    String::from_utf8(lines)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn u16_what_was_written_is_kept_until_its_letter_is_safe() {
    let peer = SmtpPeer::start(Behaviour::Accept);
    let home = Home::new(peer.url());
    let send = &["send", "-t", "a@x.example", "-s", "plan"][..];
    at_terminal(&home, "echo one >>\"$1\"", send, 0);
    assert!(peer.wait_for(1)[0].ends_with("\n\none"));
    assert_eq!(drafts(&home), Vec::<serde_json::Value>::new());

    // An editor that fails and has written nothing leaves nothing; one that has written leaves that.
    at_terminal(&home, "exit 1", send, 74);
    assert_eq!(drafts(&home), Vec::<serde_json::Value>::new());
    let words = at_terminal(&home, "echo two >\"$1\"; exit 1", send, 74);
    let kept = drafts(&home);
    let id = kept[0]["id"].as_str().unwrap();
    assert!(words.contains(&format!("drafts send {id}")), "{words}");
    assert_eq!((kept.len(), kept[0]["subject"].as_str()), (1, Some("plan")));
    // An editor that writes a new file in place of the old one, as many do.
    at_terminal(
        &home,
        "cat \"$1\" >n; echo three >>n; mv n \"$1\"",
        &["drafts", "edit", &id[..4]],
        0,
    );
    home.check("postroad-mua", &["drafts", "send", id], "", 0);
    assert!(peer.wait_for(2)[1].ends_with("\n\ntwo\nthree"));
    assert_eq!(drafts(&home), Vec::<serde_json::Value>::new());
    home.check("postroad-mua", &["drafts", "send", id], "", 66);

    // A file that has gone meanwhile.
    let file = home.dir.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let send = [send, &["-a", "file"]].concat();
    let words = at_terminal(&home, "echo four >\"$1\"; rm file", &send, 66);
    assert!(words.contains("file") && words.contains("kept"), "{words}");
    let id = drafts(&home)[0]["id"].as_str().unwrap().to_owned();
    std::fs::write(&file, "back again").unwrap();
    home.check("postroad-mua", &["drafts", "send", &id], "", 0);
    assert!(peer.wait_for(3)[2].contains("filename=\"file\""));

    // Nobody sends it twice, or throws it away, while it is being written.
    at_terminal(&home, "echo five >\"$1\"; exit 1", &send, 74);
    let id = drafts(&home)[0]["id"].as_str().unwrap().to_owned();
    let mua = env!("CARGO_BIN_EXE_postroad-mua");
    let busy =
        format!("for c in send discard; do {mua} drafts $c {id}; [ $? = 75 ] || exit 1; done");
    at_terminal(&home, &busy, &["drafts", "edit", &id], 0);
    home.check("postroad-mua", &["drafts", "discard", &id], "", 0);
    assert_eq!(drafts(&home), Vec::<serde_json::Value>::new());
    assert_eq!(peer.letters().len(), 3);
}

#[test]
fn an_answer_that_was_kept_marks_the_letter_once_it_is_sent() {
    let peer = SmtpPeer::start(Behaviour::Accept);
    let home = Home::new(peer.url());
    let inbox = home.dir.path().join("Maildir");
    let letter = "From: \"B, C\" <b@x.example>\nSubject: second\nMessage-ID: <m@x>\n\ntwo\n";
    std::fs::write(inbox.join("new/200.M1P1.h"), letter).unwrap();
    at_terminal(&home, "echo mine >>\"$1\"; exit 1", &["reply", "latest"], 74);
    assert!(inbox.join("new/200.M1P1.h").exists());
    let id = drafts(&home)[0]["id"].as_str().unwrap().to_owned();
    home.check("postroad-mua", &["drafts", "send", &id], "", 0);
    let sent = &peer.wait_for(1)[0];
    for part in ["Subject: Re: second", "In-Reply-To: <m@x>", "<b@x.example>", "> two\nmine"] {
        assert!(sent.contains(part), "{part:?} is not in {sent}");
    }
    assert!(inbox.join("cur/200.M1P1.h:2,R").exists());
}

#[test]
fn what_was_done_is_taken_back_in_turn() {
    let home = Home::new(nobody());
    let inbox = home.dir.path().join("Maildir");
    for (name, subject) in [("new/100.M1P1.h", "one"), ("cur/200.M1P1.h,S=40:2,F", "two")] {
        let letter = format!("From: a@x.example\nSubject: {subject}\n\nx\n");
        std::fs::write(inbox.join(name), letter).unwrap();
    }
    let files = |folder: &str| -> Vec<PathBuf> {
        let files = std::fs::read_dir(inbox.join(folder).join("cur"));
        files.into_iter().flatten().map(|file| file.unwrap().path()).collect()
    };
    // By their subjects, with their flags: a letter that is moved gets another name.
    let shown = |folder: &str| -> Vec<(String, String)> {
        let letter = |file: PathBuf| {
            let text = std::fs::read_to_string(&file).unwrap();
            let subject = text.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap();
            let flags = file.to_str().unwrap().rsplit_once(":2,").unwrap().1.to_owned();
            (subject.to_owned(), flags)
        };
        let mut shown: Vec<_> = files(folder).into_iter().map(letter).collect();
        shown.sort();
        shown
    };
    let letters = |some: &[(&str, &str)]| -> Vec<(String, String)> {
        some.iter().map(|(subject, flags)| ((*subject).into(), (*flags).into())).collect()
    };
    let run = |arguments: &[&str], status| {
        let output = home.check("postroad-mua", arguments, "", status);
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    run(&["undo"], 1);
    run(&["tag", "latest", "1", "--add", "seen", "--remove", "flagged"], 0);
    assert_eq!(shown(""), letters(&[("one", "S"), ("two", "S")]));
    run(&["move", "latest", "--to", "Lists.Rust"], 64);
    run(&["move", "latest", "--to", "Lists.Rust", "--make"], 0);
    assert_eq!(shown(".Lists.Rust"), letters(&[("two", "S")]));
    run(&["delete", "1"], 0);
    assert_eq!((shown(""), shown(".Trash")), (vec![], letters(&[("one", "S")])));
    let listed = run(&["undo", "--list"], 0);
    assert_eq!(
        listed,
        "flags of 2 letters changed\n1 letter moved to Lists.Rust\n1 letter moved to Trash\n"
    );
    assert!(run(&["undo"], 0).contains("1 letter moved to Trash"));
    // Another program marks it, and names its size no more, meanwhile.
    let moved = files(".Lists.Rust").pop().unwrap();
    let name = moved.file_name().unwrap().to_str().unwrap();
    let plain = format!("{}:2,RS", name.split_once(',').unwrap().0);
    std::fs::rename(&moved, moved.with_file_name(plain)).unwrap();
    run(&["undo"], 0);
    assert_eq!(shown(""), letters(&[("one", "S"), ("two", "S")]));
    // Their flags are taken back whatever they are called by now.
    run(&["undo"], 0);
    assert_eq!(shown(""), letters(&[("one", ""), ("two", "F")]));
    run(&["undo"], 1);
    // What was removed for good can't come back, and says so.
    run(&["delete", "1"], 0);
    std::fs::remove_file(files(".Trash").pop().unwrap()).unwrap();
    assert!(run(&["undo"], 0).contains("1 letter of them"));
    for folder in ["../x", "a/b", "INBOX"] {
        run(&["move", "1", "--to", folder, "--make"], 64);
    }
}
