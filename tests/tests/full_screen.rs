//! The user agent's full screen, in a terminal: a letter read, answered, had back, sent, thrown away and had back; what a
//! kill leaves; and what a hostile letter's text does to the terminal, which is nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use postroad_tests::peers::{Needs, Packages, Stage};
use postroad_tests::process::{run, until};
use postroad_tests::suite::{Up, binary, new_mail};
use postroad_tests::tmux::Tmux;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::{TempDir, tempdir};

const SIZE: (u16, u16) = (80, 24);

const USERS: &[&str] =
    &["--domain", "example.test", "--user", "alice:wonder-land", "--user", "bob"];

fn stage() -> Result<Option<Stage>> {
    Stage::set_up_with(Needs::Tools, Packages::Screens)
}

/// A suite with alice and bob, and what alice's full screen is started with.
struct Alice {
    up: Up,
    folder: TempDir,
}

impl Alice {
    fn new() -> Result<Self> {
        let folder = tempdir()?;
        let up = Up::start(folder.path(), USERS)?;
        let editor = folder.path().join("editor");
        fs::write(&editor, "#!/bin/sh\nprintf 'words by a script\\n' >> \"$1\"\n")?;
        fs::set_permissions(&editor, fs::Permissions::from_mode(0o755))?;
        Ok(Self { up, folder })
    }

    fn maildir(&self) -> Result<&Path> {
        self.up.maildir("alice")
    }

    fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = self.up.user_agent("alice", arguments)?;
        command
            .env("POSTROAD_MUA_INBOX", self.maildir()?)
            .env("XDG_STATE_HOME", self.state())
            .env("EDITOR", self.folder.path().join("editor"));
        Ok(command)
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Bob writes to alice.
    fn gets(&self, subject: &str) -> Result<()> {
        let to =
            ["send", "--to", "alice@example.test", "--subject", subject, "--body", "How are you?"];
        run(&mut self.up.user_agent("bob", &to)?)?;
        let maildir = self.maildir()?;
        until("bob's letter", || new_mail(maildir).is_ok_and(|mail| !mail.is_empty()))
    }

    /// Letters that are held before they leave.
    fn held(&self) -> Result<usize> {
        let home = self.up.ready.config.with_file_name("home-alice");
        files(&home.join("outbox/drop/held"))
    }
}

fn files(folder: &Path) -> Result<usize> {
    match fs::read_dir(folder) {
        Ok(entries) => Ok(entries.count()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error).with_context(|| folder.display().to_string()),
    }
}

fn has(letters: &[Vec<u8>], text: &str) -> usize {
    letters.iter().filter(|letter| String::from_utf8_lossy(letter).contains(text)).count()
}

#[test]
fn a_letter_is_read_answered_had_back_sent_and_thrown_away() -> Result<()> {
    let Some(stage) = stage()? else { return Ok(()) };
    let alice = Alice::new()?;
    alice.gets("a question")?;
    let maildir = alice.maildir()?.to_owned();
    let tmux = Tmux::start(&stage, SIZE, &alice.command(&[])?)?;
    tmux.until_shown("a question")?;
    tmux.until_shown("Msgs:1 New:1")?;
    tmux.keys(&["Enter"])?;
    tmux.until_shown("How are you?")?;

    // Answered: on disk before it is said, had back, and sent.
    tmux.keys(&["r"])?;
    tmux.until_shown("Subject: Re: a question")?;
    tmux.keys(&["y"])?;
    tmux.until_shown("Queued, goes in")?;
    ensure!(alice.held()? == 1, "{} letters are held", alice.held()?);
    tmux.keys(&["u"])?;
    tmux.until_shown("Taken back")?;
    ensure!(alice.held()? == 0, "it is held still");
    tmux.keys(&["y"])?;
    tmux.until_shown("Queued, goes in")?;
    let bobs = alice.up.maildir("bob")?;
    until("the answer in bob's mailbox", || {
        new_mail(bobs).is_ok_and(|mail| has(&mail, "words by a script") == 1)
    })?;
    let answer = new_mail(bobs)?;
    ensure!(has(&answer, "> How are you?") == 1 && has(&answer, "In-Reply-To:") == 1);
    until("the copy in Sent", || files(&maildir.join(".Sent/cur")).is_ok_and(|count| count == 1))?;

    // The letter and its answer, which is in Sent, as one page.
    tmux.keys(&["E"])?;
    tmux.until("the conversation", |rows| {
        let has = |text: &str| rows.iter().any(|row| row.contains(text));
        has("[1 of 2]") && has("[2 of 2]") && has("words by a script") && has("Sent")
    })?;
    tmux.keys(&["i"])?;
    tmux.until_shown("View Attachm.")?;

    // Thrown away, and had back.
    tmux.keys(&["i"])?;
    tmux.until_shown("<Enter>:Read")?;
    tmux.keys(&["d", "$"])?;
    tmux.until_shown("1 letter moved to Trash")?;
    ensure!(files(&maildir.join(".Trash/cur"))? == 1);
    tmux.keys(&["u"])?;
    tmux.until_shown("Taken back: 1 letter moved to Trash")?;
    ensure!(files(&maildir.join(".Trash/cur"))? == 0);

    // Whom the answer went to is known from then on.
    tmux.keys(&["m"])?;
    tmux.until_shown("To:")?;
    tmux.type_text("bo")?;
    tmux.until_shown("<bob@example.test>")?;
    tmux.keys(&["Tab"])?;
    tmux.until_shown("To: bob <bob@example.test>")?;
    tmux.keys(&["Escape"])?;
    tmux.until_shown("Aborted.")?;
    let size = (40, 10);
    tmux.resize(size)?;
    tmux.until("the small screen", |rows| {
        rows.len() == 10 && rows.iter().any(|row| row.contains("INBOX"))
    })?;

    // A letter that comes is shown by itself.
    alice.gets("another one")?;
    tmux.until_shown("another one")?;

    tmux.keys(&["q"])?;
    ensure!(tmux.ended()? == 0);
    ensure!(!tmux.is_taken()?, "the terminal isn't given back");
    let (before, after) = tmux.modes()?;
    ensure!(before == after, "{before}\n{after}");
    Ok(())
}

#[test]
fn a_letter_that_was_queued_leaves_once_though_the_program_was_killed() -> Result<()> {
    let Some(stage) = stage()? else { return Ok(()) };
    let alice = Alice::new()?;
    let tmux = Tmux::start(&stage, SIZE, &alice.command(&["open"])?)?;
    tmux.until_shown("Msgs:0")?;
    tmux.keys(&["m"])?;
    tmux.until_shown("To:")?;
    tmux.type_text("bob@example.test")?;
    tmux.keys(&["Enter"])?;
    tmux.until("the next question", |rows| {
        rows.last().is_some_and(|row| row.starts_with("Subject:"))
    })?;
    tmux.type_text("before the kill")?;
    tmux.keys(&["Enter"])?;
    tmux.until_shown("e:Edit")?;
    let drafts = alice.state().join("postroad/drafts");
    until("the draft", || {
        let begun = fs::read_dir(&drafts).into_iter().flatten().flatten();
        begun.into_iter().any(|draft| draft.path().join("draft.json").exists())
    })?;
    tmux.keys(&["y"])?;
    tmux.until_shown("Queued, goes in")?;
    let program =
        i32::try_from(tmux.program()?).ok().and_then(Pid::from_raw).context("no process")?;
    kill_process(program, Signal::KILL)?;
    ensure!(tmux.ended()? == 128 + 9);
    let bobs = alice.up.maildir("bob")?;
    until("the letter", || new_mail(bobs).is_ok_and(|mail| has(&mail, "before the kill") > 0))?;
    // Whoever starts next finds nothing to send a second time.
    run(&mut alice.command(&["outbox", "flush"])?)?;
    ensure!(has(&new_mail(bobs)?, "before the kill") == 1);
    ensure!(files(&alice.state().join("postroad/drafts"))? == 0, "the draft is there still");
    Ok(())
}

#[test]
fn a_text_that_is_typed_here_is_on_disk_though_the_program_was_killed() -> Result<()> {
    let Some(stage) = stage()? else { return Ok(()) };
    let alice = Alice::new()?;
    let without_editor = || -> Result<Command> {
        let own = alice.command(&[])?;
        let mut command = Command::new("env");
        command.args(["-u", "VISUAL", "-u", "EDITOR"]).arg(own.get_program());
        let set = own.get_envs().filter_map(|(name, value)| Some((name, value?)));
        command.envs(set);
        Ok(command)
    };
    let tmux = Tmux::start(&stage, SIZE, &without_editor()?)?;
    tmux.until_shown("Msgs:0")?;
    // The order that is chosen is that of the next start.
    tmux.keys(&["o", "s"])?;
    tmux.until_shown("(subject)")?;
    tmux.keys(&["m"])?;
    tmux.until_shown("To:")?;
    tmux.type_text("bob@example.test")?;
    tmux.keys(&["Enter"])?;
    tmux.until("the next question", |rows| {
        rows.last().is_some_and(|row| row.starts_with("Subject:"))
    })?;
    tmux.type_text("typed here")?;
    tmux.keys(&["Enter"])?;
    tmux.until_shown("^X:Done")?;
    tmux.type_text("What I say.")?;
    tmux.keys(&["Enter"])?;
    tmux.type_text("q: is no key here")?;
    let drafts = alice.state().join("postroad/drafts");
    until("the text on disk", || {
        let begun = fs::read_dir(&drafts).into_iter().flatten().flatten();
        let texts = begun.filter_map(|draft| fs::read_to_string(draft.path().join("text")).ok());
        texts.into_iter().any(|text| text == "What I say.\nq: is no key here\n")
    })?;
    let program =
        i32::try_from(tmux.program()?).ok().and_then(Pid::from_raw).context("no process")?;
    kill_process(program, Signal::KILL)?;
    ensure!(tmux.ended()? == 128 + 9);

    let tmux = Tmux::start(&stage, SIZE, &without_editor()?)?;
    tmux.until_shown("1 being written (B)")?;
    tmux.until_shown("(subject)")?;
    tmux.keys(&["B"])?;
    tmux.until_shown("typed here")?;
    tmux.keys(&["Enter"])?;
    tmux.until_shown("2 lines")?;
    tmux.keys(&["e"])?;
    tmux.until_shown("q: is no key here")?;
    tmux.keys(&["Down", "C-k", "C-x"])?;
    tmux.until_shown("1 lines")?;
    tmux.keys(&["y"])?;
    tmux.until_shown("Queued, goes in")?;
    let bobs = alice.up.maildir("bob")?;
    until("the letter", || new_mail(bobs).is_ok_and(|mail| has(&mail, "What I say.") == 1))?;
    ensure!(has(&new_mail(bobs)?, "is no key") == 0, "the line that was cut is there");
    tmux.keys(&["q"])?;
    ensure!(tmux.ended()? == 0);
    Ok(())
}

/// An empty Maildir of nobody's.
fn maildir() -> Result<TempDir> {
    let maildir = tempdir()?;
    for folder in ["new", "cur", "tmp"] {
        fs::create_dir(maildir.path().join(folder))?;
    }
    Ok(maildir)
}

/// The user agent on a Maildir, with no server anywhere.
fn alone(maildir: &Path, arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(binary("postroad-mua")?);
    command
        .env("HOME", maildir)
        .env("POSTROAD_MUA_ADDRESS", "me@x.example")
        .env("POSTROAD_MUA_OUTBOX", maildir.join("outbox"))
        .env("POSTROAD_MUA_INBOX", maildir)
        .args(arguments);
    Ok(command)
}

#[test]
fn what_cannot_be_shown_is_said_and_the_screen_is_not_taken() -> Result<()> {
    let Some(stage) = stage()? else { return Ok(()) };
    let maildir = maildir()?;
    for (arguments, words, exit) in [
        (&["open", "Nope"][..], "has no folder Nope", 66),
        (&["--inbox", "/nonexistent/Maildir"], "is no Maildir", 66),
        (&["open", "Nope", "--inbox", "pop3://localhost"], "has no folder Nope", 66),
    ] {
        let tmux = Tmux::start(&stage, (120, 10), &alone(maildir.path(), arguments)?)?;
        let code = tmux.ended()?;
        ensure!(code == exit, "{arguments:?}: exit {code}");
        tmux.until_shown(words)?;
        let raw = tmux.raw()?;
        ensure!(!raw.contains(&0x1b), "{arguments:?}: {}", String::from_utf8_lossy(&raw));
    }
    Ok(())
}

#[test]
fn letters_are_found_as_it_is_typed() -> Result<()> {
    let Some(stage) = stage()? else { return Ok(()) };
    let maildir = maildir()?;
    for (number, subject) in (1..).zip(["lunch", "supper", "breakfast", "tea"]) {
        let letter =
            format!("From: Anna <a@x.example>\nSubject: {subject}\n\nthe {subject} of {number}\n");
        fs::write(maildir.path().join(format!("cur/{number}.a.host:2,S")), letter)?;
    }
    let tmux = Tmux::start(&stage, SIZE, &alone(maildir.path(), &[])?)?;
    tmux.until_shown("Msgs:4")?;
    let shown = |wanted: &'static [&'static str]| {
        move |rows: &[String]| {
            let has = |subject: &&str| rows.iter().any(|row| row.contains(*subject));
            ["lunch", "supper", "breakfast", "tea"].iter().all(|it| has(it) == wanted.contains(it))
        }
    };
    // Before Enter; and by what is in the texts.
    tmux.keys(&["l"])?;
    tmux.type_text("~s supp")?;
    tmux.until("one letter", shown(&["supper"]))?;
    tmux.keys(&["Escape"])?;
    tmux.until("all letters", shown(&["lunch", "supper", "breakfast", "tea"]))?;
    tmux.keys(&["l"])?;
    tmux.type_text("~b 'of 3' | ~b 'tea of'")?;
    tmux.until("two letters", shown(&["breakfast", "tea"]))?;
    tmux.keys(&["Enter"])?;
    tmux.until_shown("2 letters of 4")?;
    tmux.keys(&["=", "Enter"])?;
    tmux.until_shown("the breakfast of 3")?;
    tmux.keys(&["i"])?;
    tmux.until_shown("<Enter>:Read")?;
    tmux.keys(&["x"])?;
    ensure!(tmux.ended()? == 0);
    Ok(())
}

#[test]
fn an_attachment_is_saved_and_nothing_is_written_over() -> Result<()> {
    let Some(stage) = stage()? else { return Ok(()) };
    let (maildir, into) = (maildir()?, tempdir()?);
    let letter = "From: Anna <a@x.example>\nSubject: figures\nMIME-Version: 1.0\n\
        Content-Type: multipart/mixed; boundary=b\n\n--b\n\nHere they are.\n--b\nContent-Type: text/csv\n\
        Content-Disposition: attachment; filename=\"../figures.csv\"\n\n1,2\n--b--\n";
    fs::write(maildir.path().join("cur/1.a.host:2,S"), letter)?;
    let tmux = Tmux::start(&stage, (120, 24), &alone(maildir.path(), &[])?)?;
    tmux.until_shown("figures")?;
    tmux.keys(&["Enter"])?;
    tmux.until_shown("Here they are.")?;
    tmux.keys(&["v"])?;
    tmux.until_shown("s:Save")?;
    for time in 1..=2 {
        tmux.keys(&["s"])?;
        tmux.until_shown("in folder: ")?;
        tmux.keys(&["BSpace"])?;
        tmux.type_text(&into.path().to_string_lossy())?;
        tmux.keys(&["Enter"])?;
        until("the file", || files(into.path()).is_ok_and(|count| count == time))?;
        tmux.until_shown("Saved as")?;
    }
    ensure!(fs::read(into.path().join("figures.csv"))? == b"1,2");
    ensure!(!into.path().with_file_name("figures.csv").exists(), "it went where its author wanted");
    tmux.keys(&["q"])?;
    tmux.until_shown("View Attachm.")?;
    tmux.keys(&["i"])?;
    tmux.until_shown("<Enter>:Read")?;
    tmux.keys(&["x"])?;
    ensure!(tmux.ended()? == 0);
    Ok(())
}

/// A program that a mailcap file names writes what is to be read, or has the terminal until it ends.
#[test]
fn a_part_is_shown_by_the_program_that_is_named_for_it() -> Result<()> {
    let Some(stage) = stage()? else { return Ok(()) };
    let (maildir, place) = (maildir()?, tempdir()?);
    let letter = "From: Anna <a@x.example>\nSubject: figures\nMIME-Version: 1.0\n\
        Content-Type: multipart/mixed; boundary=b\n\n--b\n\nHere they are.\n--b\n\
        Content-Type: text/csv; name=f.csv\nContent-Disposition: attachment\n\none\ntwo\n--b\n\
        Content-Type: application/x-slides; name=s\nContent-Disposition: attachment\n\nthe slides\n--b--\n";
    fs::write(maildir.path().join("cur/1.a.host:2,S"), letter)?;
    let (program, told) = (place.path().join("slides"), place.path().join("told"));
    let script = format!(
        "#!/bin/sh\nclear\ncat \"$1\"\nprintf 'more? '\nread answer\necho \"$answer\" >{}\n",
        told.display()
    );
    fs::write(&program, script)?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700))?;
    let mailcap = place.path().join("mailcap");
    let programs = format!(
        "text/csv; sort -r; copiousoutput\napplication/x-slides; {} '%s'; needsterminal\n",
        program.display()
    );
    fs::write(&mailcap, programs)?;
    let mut command = alone(maildir.path(), &[])?;
    command.env("MAILCAPS", &mailcap);
    let tmux = Tmux::start(&stage, SIZE, &command)?;
    tmux.until_shown("figures")?;
    tmux.keys(&["Enter"])?;
    tmux.until_shown("Here they are.")?;
    tmux.keys(&["v"])?;
    tmux.until_shown("s:Save")?;
    tmux.keys(&["m"])?;
    let is_upside_down = |rows: &[String]| {
        let row = |text: &str| rows.iter().position(|row| row.trim() == text);
        row("two").zip(row("one")).is_some_and(|(two, one)| two < one)
    };
    tmux.until("the lines, the last one first", is_upside_down)?;
    tmux.keys(&["q"])?;
    tmux.until_shown("s:Save")?;
    tmux.keys(&["j", "m"])?;
    tmux.until_shown("more?")?;
    tmux.until_shown("the slides")?;
    tmux.type_text("no")?;
    tmux.keys(&["Enter"])?;
    tmux.until_shown("s:Save")?;
    ensure!(fs::read_to_string(&told)? == "no\n");
    tmux.keys(&["q"])?;
    tmux.until_shown("View Attachm.")?;
    tmux.keys(&["i"])?;
    tmux.until_shown("<Enter>:Read")?;
    tmux.keys(&["x"])?;
    ensure!(tmux.ended()? == 0);
    Ok(())
}

#[test]
fn a_list_is_left_by_a_letter_that_is_shown_before_it_is_sent() -> Result<()> {
    let Some(stage) = stage()? else { return Ok(()) };
    let maildir = maildir()?;
    let letter = "From: List <list@x.example>\nSubject: news\nList-Id: <news.x.example>\n\
        List-Unsubscribe: <mailto:leave@x.example?subject=unsubscribe%20me>\n\nNothing new.\n";
    fs::write(maildir.path().join("cur/1.a.host:2,S"), letter)?;
    let tmux = Tmux::start(&stage, SIZE, &alone(maildir.path(), &[])?)?;
    tmux.until_shown("news")?;
    tmux.keys(&["Enter"])?;
    tmux.until_shown("Nothing new.")?;
    tmux.keys(&["Escape", "L"])?;
    tmux.until_shown("leave@x.example")?;
    tmux.until_shown("unsubscribe me")?;
    tmux.keys(&["y"])?;
    tmux.until_shown("Queued, goes in")?;
    let held = maildir.path().join("outbox/drop/held");
    let held: Vec<PathBuf> =
        fs::read_dir(held)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    let [held] = held.as_slice() else { anyhow::bail!("{held:?} are held") };
    let letter = String::from_utf8_lossy(&fs::read(held)?).into_owned();
    let has = |field: &str| letter.contains(field);
    ensure!(has("Subject: unsubscribe me") && has("To: <leave@x.example>"), "{letter}");
    Ok(())
}

/// What others write is shown, and never obeyed.
#[test]
fn u01_nothing_in_a_letter_reaches_the_terminal_as_a_command() -> Result<()> {
    let Some(stage) = stage()? else { return Ok(()) };
    let maildir = maildir()?;
    let hostile = [
        "\x1b]0;title\x07",
        "\x1b]52;c;aGk=\x07",
        "\x1bP+q544e\x1b\\",
        "\x1b[6n",
        "\x1b[?1049l\x1bc",
        "\u{9b}2J\u{9d}0;x\u{9c}",
        "\x1b[21t\x1b[>c",
        "\u{202e}gnp.exe",
        "\x1b_Gf=100;\x1b\\",
        "\x0e\x0f\x05",
    ];
    for (number, text) in hostile.iter().enumerate() {
        let letter = format!(
            "From: {text} <e@x.example>\nSubject: letter {number} {text}\nX-{text}: {text}\n\nbody {number} {text}\n"
        );
        fs::write(maildir.path().join(format!("cur/{}.a.host:2,", number + 1)), letter)?;
    }
    let tmux = Tmux::start(&stage, (120, 40), &alone(maildir.path(), &[])?)?;
    tmux.until_shown("letter 9")?;
    tmux.keys(&["="])?;
    for number in 0..hostile.len() {
        tmux.keys(&[if number == 0 { "h" } else { "j" }])?;
        tmux.until_shown(&format!("body {number}"))?;
    }
    tmux.keys(&["q"])?;
    tmux.until_shown("<Enter>:Read")?;
    tmux.keys(&["x"])?;
    ensure!(tmux.ended()? == 0);
    let raw = tmux.raw()?;
    // Cells that are as they were aren't written again: no whole line is sure to be there.
    ensure!(raw.windows(8).any(|octets| octets == b"\x1b[?1049h"), "nothing of it was kept");
    harmless(&raw)
}

/// A letter that would have whoever shows it ask its author's hosts for something; and a receipt.
const CURIOUS: &str = "From: Eve <e@x.example>\nTo: me@x.example\nSubject: curious\nMIME-Version: 1.0\n\
    Disposition-Notification-To: <e@x.example>\nReturn-Receipt-To: <e@x.example>\n\
    List-Unsubscribe: <https://127.0.0.1:9/u>\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\n\
    Content-Type: text/html; charset=utf-8\n\n<html><head><base href='http://127.0.0.1:9/'>\
    <link rel=stylesheet href=a.css><link rel=prefetch href=b><link rel=dns-prefetch href='//x.example'>\
    <meta http-equiv=refresh content='0;url=http://127.0.0.1:9/c'><style>@import url(http://127.0.0.1:9/d);\
    @font-face{font-family:f;src:url(http://127.0.0.1:9/e)} p{background:url(http://127.0.0.1:9/f)}</style></head>\
    <body background=g onload=\"fetch('/h')\"><p>the text</p><img src=i><img srcset='j 2x'>\
    <iframe src=k></iframe><object data=l></object><embed src=m><video poster=n src=o></video>\
    <audio src=p autoplay></audio><form action=q><input type=image src=r></form><svg><image href=s /></svg>\
    <script src=t></script><a href=u ping=v>w</a></body></html>\n";

/// In a network that has nothing, watched: a letter is shown, its header, its parts and its links, and it is had as text, too.
#[test]
fn u07_showing_a_letter_asks_nobody_for_anything() -> Result<()> {
    let Some(stage) = stage()? else { return Ok(()) };
    let maildir = maildir()?;
    fs::write(maildir.path().join("cur/1.a.host:2,"), CURIOUS)?;
    let calls = stage.path("calls");
    let watched = |arguments: &[&str]| -> Result<Command> {
        let ours = alone(maildir.path(), arguments)?;
        let mut command = Command::new("unshare");
        command.args(["--net", "strace", "-f", "-A", "-e", "trace=%network", "-o"]).arg(&calls);
        command.arg(ours.get_program()).args(ours.get_args());
        for (name, value) in ours.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        Ok(command)
    };
    let tmux = Tmux::start(&stage, SIZE, &watched(&["open"])?)?;
    tmux.until_shown("curious")?;
    for (keys, shown) in [
        (&["Enter"][..], "the text"),
        (&["h"], "Disposition-Notification-To"),
        (&["v"], "no parts"),
        (&["q", "X"], "How it travelled"),
        (&["q", "i"], "<Enter>:Read"),
    ] {
        tmux.keys(keys)?;
        tmux.until_shown(shown)?;
    }
    tmux.keys(&["q"])?;
    ensure!(tmux.ended()? == 0);
    let tmux = Tmux::start(&stage, SIZE, &watched(&["read", "1"])?)?;
    tmux.until_shown("the text")?;
    ensure!(tmux.ended()? == 0);

    let calls = fs::read_to_string(&calls)?;
    ensure!(calls.matches("exited with 0").count() >= 2, "nothing was watched: {calls}");
    // Pairs of sockets wake its own threads.
    let asked = ["AF_INET", "AF_NETLINK", "connect("];
    let asked: Vec<&str> =
        calls.lines().filter(|call| asked.iter().any(|it| call.contains(it))).collect();
    ensure!(asked.is_empty(), "{}", asked.join("\n"));
    Ok(())
}

/// Only what we have to write: colours, places, erasing, the cursor, the other screen, pasting, the mouse.
fn harmless(raw: &[u8]) -> Result<()> {
    let text = String::from_utf8_lossy(raw);
    let mut rest = text.as_ref();
    while let Some(at) = rest.find(|c: char| c.is_control() && !matches!(c, '\r' | '\n')) {
        let command = rest.get(at..).unwrap_or_default();
        let told: String = command.chars().take(20).collect();
        let inside = command.strip_prefix("\x1b[").with_context(|| format!("{told:?}"))?;
        let end = inside.find(|c: char| !matches!(c, '0'..='9' | ';' | '?')).context("no end")?;
        let (parameters, behind) = inside.split_at(end);
        let may = match (behind.chars().next(), parameters.strip_prefix('?')) {
            (Some('h' | 'l'), Some(mode)) => ["25", "1000", "1006", "1049", "2004"].contains(&mode),
            (Some('m' | 'H' | 'J' | 'K'), None) => true,
            _ => false,
        };
        ensure!(may, "{told:?}");
        rest = behind.get(1..).unwrap_or_default();
    }
    ensure!(!text.contains('\u{202e}'), "text that runs backwards");
    Ok(())
}
