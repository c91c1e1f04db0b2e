//! `mail` at a terminal: the `&` prompt, and a letter that is written line by line.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod home;
#[path = "../../../crates/mua/tests/smtp_peer/mod.rs"]
mod smtp_peer;

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use home::{Home, nobody};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use smtp_peer::{Behaviour, SmtpPeer};

/// Six letters; the first and the third were read.
fn mailbox(home: &Home) -> PathBuf {
    let maildir = home.dir.path().join("Maildir");
    for (name, from, subject) in [
        ("cur/100.M1P1.h:2,S", "Ann <ann@x.example>", "lunch"),
        ("new/200.M1P1.h", "bob@x.example", "plan"),
        ("cur/300.M1P1.h:2,S", "Ann <ann@x.example>", "Re: plan"),
        ("new/400.M1P1.h", "carl@x.example", "picture"),
        ("new/500.M1P1.h", "Ann <ann@x.example>", "dinner"),
        ("new/600.M1P1.h", "dora@x.example", "last"),
    ] {
        let (kind, body) = match subject {
            "picture" => (
                "multipart/mixed; boundary=b",
                "--b\n\nsee it\n--b\nContent-Disposition: attachment; filename=cat.txt\n\nmeow\n--b--\n",
            ),
            _ => ("text/plain", "the text\n"),
        };
        let letter = format!(
            "From: {from}\nSubject: {subject}\nX-Seen-By: all\nContent-Type: {kind}\n\n{body}"
        );
        fs::write(maildir.join(name), letter).unwrap();
    }
    maildir
}

/// The subjects of the letters in a folder.
fn subjects(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for part in ["new", "cur"] {
        for entry in fs::read_dir(folder.join(part)).into_iter().flatten() {
            let letter = fs::read_to_string(entry.unwrap().path()).unwrap();
            let subject = letter.lines().find_map(|line| line.strip_prefix("Subject: "));
            found.push(subject.unwrap().to_owned());
        }
    }
    found.sort();
    found
}

/// What `mail` writes to whoever types these lines, who sits at a terminal.
#[track_caller]
fn typed(home: &Home, arguments: &[&str], lines: &str, status: i32) -> String {
    typed_with("true", home, arguments, lines, status)
}

/// The same, with an editor.
#[track_caller]
fn typed_with(editor: &str, home: &Home, arguments: &[&str], lines: &str, status: i32) -> String {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap();
    let seat = || File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    let mut child = home
        .command("mail", arguments)
        .env("PATH", "/usr/bin:/bin")
        .env("EDITOR", editor)
        .stdin(seat())
        .stdout(seat())
        .stderr(Stdio::from(seat()))
        .spawn()
        .unwrap();
    let mut terminal = File::from(terminal);
    terminal.write_all(lines.as_bytes()).unwrap();
    let reader = std::thread::spawn(move || {
        let mut shown = Vec::new();
        // It ends with an error when nobody has the other end any more.
        let _ = terminal.read_to_end(&mut shown);
        String::from_utf8(shown).unwrap().replace('\r', "")
    });
    let ended = child.wait().unwrap();
    let shown = reader.join().unwrap();
    assert_eq!(ended.code(), Some(status), "{shown}");
    shown
}

#[test]
fn lists_choose_letters_and_q_deletes_what_was_struck() {
    let home = Home::new(nobody());
    let maildir = mailbox(&home);
    let shown = typed(&home, &[], "d 1-2 /dinner\nu 2\nd $\nx\n", 0);
    assert!(shown.contains("& "), "{shown}");
    assert_eq!(subjects(&maildir).len(), 6, "x deletes nothing");

    let shown = typed(&home, &[], "f ann\nd ann\nu /lunch\n=\nfrobnicate\nd 9\nq\n", 0);
    assert!(
        shown.contains("no command \"frobnicate\"") && shown.contains("no letter 9"),
        "{shown}"
    );
    assert!(shown.contains("2 letters deleted"), "{shown}");
    assert_eq!(subjects(&maildir), ["last", "lunch", "picture", "plan"]);
    assert_eq!(subjects(&maildir.join(".Trash")), ["Re: plan", "dinner"]);
}

#[test]
fn the_first_unread_letter_comes_first_and_enter_goes_on() {
    let home = Home::new(nobody());
    let maildir = mailbox(&home);
    let shown = typed(&home, &[], "\n\nP\nto 1\n-\nn :u\ntou 6\nU 1\nfl 5\nsi 1 2\nx\n", 0);
    let order: Vec<&str> = shown
        .lines()
        .map(|line| line.trim_start_matches("& "))
        .filter(|line| line.starts_with("Message "))
        .collect();
    let expected = ["Message 2:", "Message 3:", "Message 3:", "Message 1:", "Message 4:"];
    assert_eq!(order, expected, "{shown}");
    assert!(shown.contains("X-Seen-By: all"), "P shows all of the header: {shown}");
    assert!(shown.contains("& this is the first letter"), "{shown}");
    let flags = |begin: &str| {
        let names = ["cur", "new"].map(|part| fs::read_dir(maildir.join(part)).unwrap());
        let names = names.into_iter().flatten().map(|entry| entry.unwrap().file_name());
        let name =
            names.map(|name| name.into_string().unwrap()).find(|name| name.starts_with(begin));
        let name = name.unwrap();
        name.split_once(":2,").map_or("", |(_, flags)| flags).to_owned()
    };
    assert_eq!(["100", "200", "500", "600"].map(flags), ["", "S", "F", "S"]);
}

#[test]
fn letters_go_into_files_and_commands() {
    let home = Home::new(nobody());
    let maildir = mailbox(&home);
    let at = |name: &str| fs::read_to_string(home.dir.path().join(name)).unwrap_or_default();
    let shown = typed(
        &home,
        &[],
        "c 1-2 kept\ns 3 kept\nS 6\nw 4 text\nmb 5\n| 1 \"grep -c Subject\"\n!echo from-the-$((40 + 2))\nfi\nq\n",
        0,
    );
    assert!(
        shown.contains("\"kept\" [New file]") && shown.contains("\"kept\" [Appended]"),
        "{shown}"
    );
    assert!(shown.contains("& from-the-42\n") && shown.contains("& 1\n"), "{shown}");
    assert!(shown.contains("6 letters"), "{shown}");
    let froms = |text: &str| text.lines().filter(|line| line.starts_with("From ")).count();
    assert_eq!((froms(&at("kept")), froms(&at("dora")), froms(&at("mbox"))), (3, 1, 1));
    assert_eq!((at("text").trim(), at("cat.txt").trim()), ("see it", "meow"));
    // What was saved is struck, what was copied stays.
    assert_eq!(subjects(&maildir), ["lunch", "picture", "plan"]);
}

#[test]
fn u14_whoever_has_no_terminal_runs_no_command() {
    let home = Home::new(nobody());
    mailbox(&home);
    let output = home.check("mail", &[], "!touch made\n| 1 \"touch made\"\nx\n", 0);
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(words.contains("only for who sits at a terminal"), "{words}");
    assert!(!home.dir.path().join("made").exists());
}

#[test]
fn answers_are_written_line_by_line() {
    let peer = SmtpPeer::start(Behaviour::Accept);
    let home = Home::new(peer.url());
    let maildir = mailbox(&home);
    let shown = typed(
        &home,
        &[],
        "R 2\nFirst.\n~m\n~c eve@x.example\n~s Re: plan, changed\n~r note\n~~ tilde\n~p\n~k\n.\nx\n",
        0,
    );
    assert!(shown.contains("To: bob@x.example") && shown.contains("cannot read note"), "{shown}");
    assert!(shown.contains("~. "), "~k shows what there is: {shown}");
    let letter = peer.wait_for(1).remove(0);
    assert!(
        letter.contains("Subject: Re: plan, changed") && letter.contains("eve@x.example"),
        "{letter}"
    );
    assert!(letter.ends_with("First.\nbob@x.example wrote:\n> the text\n~ tilde"), "{letter}");
    let answered = fs::read_dir(maildir.join("cur")).unwrap().any(|entry| {
        let name = entry.unwrap().file_name().into_string().unwrap();
        name.starts_with("200") && name.ends_with('R')
    });
    assert!(answered, "the letter is marked as answered");

    // Sent on, and a filter over what was typed.
    typed(&home, &[], "fwd 4 fay@x.example\nlower\n~| tr a-z A-Z\n.\nx\n", 0);
    let letter = peer.wait_for(2).remove(1);
    assert!(letter.contains("LOWER") && letter.contains("cat.txt"), "{letter}");
}

#[test]
fn u16_what_is_given_up_or_fails_is_a_draft() {
    let peer = SmtpPeer::start(Behaviour::Accept);
    let home = Home::new(peer.url());
    let drafts = || {
        let listed = home.check("postroad-mua", &["drafts", "list", "--json"], "", 0).stdout;
        String::from_utf8(listed).unwrap().lines().count()
    };
    typed(&home, &["a@x.example"], "subject\nwords\n~q\n", 1);
    assert_eq!(drafts(), 1);
    typed(&home, &["a@x.example"], "subject\nother words\n~x\n", 1);
    assert_eq!(drafts(), 1);
    // An address that is none keeps what was typed.
    typed(&home, &["-s", "s", "a@x.example"], "words\n~t a@b@c\n.\n", 67);
    assert_eq!(drafts(), 2);
    let shown = typed(&home, &["-s", "dead", "-E", "a@x.example"], "~d\n.\n", 0);
    assert!(shown.contains("Queued"), "{shown}");
    assert!(peer.wait_for(1)[0].ends_with("words"));
    typed(&home, &["-s", "none", "-E", "a@x.example"], ".\n", 0);
    assert_eq!((peer.letters().len(), drafts()), (1, 2));
}

/// A program of the user's, in their home.
fn program(home: &Home, name: &str, script: &str) -> String {
    let path = home.dir.path().join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    path.to_str().unwrap().to_owned()
}

fn mailrc(home: &Home, lines: &str) {
    fs::write(home.dir.path().join(".mailrc"), lines).unwrap();
}

#[test]
fn a_start_up_file_says_how_letters_are_read() {
    let home = Home::new(nobody());
    mailbox(&home);
    let pager = program(&home, "pager", "echo FROM-THE-PAGER; cat");
    mailrc(
        &home,
        &format!(
            "if r\nset prompt=\"mail> \" noheader crt=2 PAGER={pager} toplines=1\nelse\nset prompt=no\nendif\n\
             retain subject\nsource more\nshell\n"
        ),
    );
    fs::write(home.dir.path().join("more"), "set screen=2\n").unwrap();
    let shown = typed(&home, &[], "p 1\nto 1\nh 1\nset\nunset crt\nret from\np 1\nx\n", 0);
    assert!(shown.contains("mail> ") && !shown.contains("& "), "{shown}");
    assert!(shown.contains("shell: that isn't done by a file"), "{shown}");
    assert_eq!(shown.matches("FROM-THE-PAGER").count(), 1, "{shown}");
    assert_eq!(shown.matches("Subject: lunch").count(), 3, "{shown}");
    assert_eq!(shown.matches("From: Ann <ann@x.example>").count(), 1, "{shown}");
    assert!(!shown.contains("X-Seen-By"), "{shown}");
    // Two rows of the list.
    assert!(shown.contains("plan") && !shown.contains("dinner"), "{shown}");
    assert!(shown.contains("toplines=1\n"), "{shown}");
}

#[test]
fn a_start_up_file_says_how_letters_are_written() {
    let peer = SmtpPeer::start(Behaviour::Accept);
    let home = Home::new(peer.url());
    mailrc(
        &home,
        "alias ann \"Ann Lee <ann@x.example>\"\ngroup team ann bob@y.example\nset askcc nodot escape=! sign=\"me\\nmyself\"\n",
    );
    let shown = typed(
        &home,
        &["-s", "one", "team"],
        "hello\n.\n~s no command\n!a\n!.\ncarl@z.example\n",
        0,
    );
    assert!(shown.contains("Cc: "), "{shown}");
    let letter = peer.wait_for(1).remove(0);
    for part in [
        "To: \"Ann Lee\" <ann@x.example>, <bob@y.example>",
        "Cc: <carl@z.example>",
        "hello\n..\n~s no command\nme\nmyself",
    ] {
        assert!(letter.contains(part), "{part} in {letter}");
    }
    // Scripts have short names, and no questions.
    home.check("mail", &["-s", "two", "ann"], "hi\n", 0);
    let letter = peer.wait_for(2).remove(1);
    assert!(letter.contains("To: \"Ann Lee\" <ann@x.example>"), "{letter}");
}

#[test]
fn u14_a_start_up_file_runs_nothing_and_somebody_elses_is_passed_over() {
    let home = Home::new(nobody());
    mailbox(&home);
    mailrc(
        &home,
        "!touch made\nshell touch made\n| 1 \"touch made\"\nsource \"touch made |\"\nset sendmail=\"touch made\"\n\
         set PAGER=\"touch made\" EDITOR=\"touch made\"\nmail a@x.example\nsave 1 made\n",
    );
    typed(&home, &[], "p 1\ne 1\nx\n", 0);
    home.check("mail", &["-s", "s", "b@x.example"], "text\n", 0);
    assert!(!home.dir.path().join("made").exists());
    // Read by nobody but its owner; /dev/null is how others are told to read nothing.
    let output = home.command("mail", &["-H"]).env("MAILRC", "/dev/null").output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn folders_are_listed_and_gone_to() {
    let home = Home::new(nobody());
    let maildir = mailbox(&home);
    for part in ["cur", "new", "tmp"] {
        fs::create_dir_all(maildir.join(".Lists").join(part)).unwrap();
    }
    fs::write(maildir.join(".Lists/maildirfolder"), "").unwrap();
    fs::write(maildir.join(".Lists/new/1.M1.h"), "Subject: in the list\n\nhi\n").unwrap();
    let shown = typed(&home, &[], "folders\nfi +Lists\nfi #\nfi +Lists\nfi %\nfi\nx\n", 0);
    assert!(shown.contains("Lists\n"), "{shown}");
    assert_eq!(shown.matches("in the list").count(), 2, "{shown}");
    assert!(shown.contains("Maildir: 6 letters"), "{shown}");
    // A directory of mailbox files, as others have it.
    fs::create_dir(home.dir.path().join("Mail")).unwrap();
    mailrc(&home, "set folder=Mail\n");
    let shown = typed(&home, &[], "c 1 +old\nfolders\nfi +old\nx\n", 0);
    assert!(shown.contains("& old\n"), "{shown}");
    assert!(shown.contains("old: ") || shown.matches("lunch").count() > 1, "{shown}");
    let shown = typed(&home, &["-f", "+old"], "fi\nx\n", 0);
    assert!(shown.contains("Mail/old: 1 letter"), "{shown}");
}

#[test]
fn answers_are_recorded_and_letters_changed() {
    let peer = SmtpPeer::start(Behaviour::Accept);
    let home = Home::new(peer.url());
    let maildir = mailbox(&home);
    mailrc(&home, "set flipr\n");
    typed(&home, &[], "F 2\nagreed\n.\nx\n", 0);
    let recorded = fs::read_to_string(home.dir.path().join("bob")).unwrap();
    assert!(recorded.starts_with("From ") && recorded.contains("\n\nagreed\n"), "{recorded}");
    assert!(peer.wait_for(1).remove(0).contains("bob@x.example"));
    let editor = program(&home, "editor", "sed -i 's/^Subject: lunch/Subject: supper/' \"$1\"");
    let shown = typed_with(&editor, &home, &[], "e 1 2\nq\n", 0);
    assert!(shown.contains("1: changed") && shown.contains("2: unchanged"), "{shown}");
    let kept = ["Re: plan", "dinner", "last", "picture", "plan", "supper"];
    assert_eq!(subjects(&maildir), kept);
    assert_eq!(subjects(&maildir.join(".Trash")), ["lunch"]);
}
