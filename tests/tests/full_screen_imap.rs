//! The full screen on an account at an IMAP server: ours with everything that it offers, and Dovecot. A letter is read,
//! marked, answered, thrown away and had back; letters that come are shown; the server goes away and comes back, and what
//! was done meanwhile is done then.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use postroad_tests::cable::{Cable, Carries};
use postroad_tests::peers::{Dovecot, Needs, Packages, Stage};
use postroad_tests::process::{run, until};
use postroad_tests::suite::{Up, new_mail};
use postroad_tests::tmux::Tmux;
use tempfile::{TempDir, tempdir};

const SIZE: (u16, u16) = (80, 24);

const USERS: &[&str] =
    &["--domain", "example.test", "--user", "alice:wonder-land", "--user", "bob"];

/// A suite with alice and bob, and a cable between alice's full screen and the suite's IMAP.
struct Alice {
    up: Up,
    cable: Cable,
    folder: TempDir,
}

impl Alice {
    fn new() -> Result<Self> {
        let folder = tempdir()?;
        let up = Up::start(folder.path(), USERS)?;
        let cable = Cable::to(up.address("imaps")?)?;
        let editor = folder.path().join("editor");
        fs::write(&editor, "#!/bin/sh\nprintf 'words by a script\\n' >> \"$1\"\n")?;
        fs::set_permissions(&editor, fs::Permissions::from_mode(0o755))?;
        Ok(Self { up, cable, folder })
    }

    fn maildir(&self) -> Result<&Path> {
        self.up.maildir("alice")
    }

    fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = self.up.user_agent("alice", arguments)?;
        let inbox = format!("imaps://localhost:{}", self.cable.address.port());
        command
            .env("POSTROAD_MUA_INBOX", inbox)
            .env("XDG_STATE_HOME", self.folder.path().join("state"))
            .env("EDITOR", self.folder.path().join("editor"));
        Ok(command)
    }

    /// Bob writes to alice.
    fn gets(&self, subject: &str) -> Result<()> {
        let to =
            ["send", "--to", "alice@example.test", "--subject", subject, "--body", "How are you?"];
        run(&mut self.up.user_agent("bob", &to)?).map(drop)
    }
}

/// Names of a folder's files, below new/ and cur/.
fn names(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for part in ["new", "cur"] {
        let entries = fs::read_dir(folder.join(part)).into_iter().flatten().flatten();
        names.extend(entries.map(|entry| entry.file_name().to_string_lossy().into_owned()));
    }
    names
}

/// Whether one of the files has this flag (maildir(5)).
fn is_marked(folder: &Path, flag: char) -> bool {
    names(folder)
        .iter()
        .any(|name| name.rsplit_once(":2,").is_some_and(|(_, it)| it.contains(flag)))
}

#[test]
fn a_letter_at_a_server_is_read_answered_thrown_away_and_had_back() -> Result<()> {
    let Some(stage) = Stage::set_up_with(Needs::Tools, Packages::Screens)? else { return Ok(()) };
    let alice = Alice::new()?;
    let maildir = alice.maildir()?.to_owned();
    let tmux = Tmux::start(&stage, SIZE, &alice.command(&[])?)?;
    tmux.until_shown("Msgs:0")?;
    // A letter that comes is shown by itself.
    alice.gets("a question")?;
    tmux.until_shown("a question")?;
    tmux.keys(&["Enter"])?;
    tmux.until_shown("How are you?")?;

    tmux.keys(&["r"])?;
    tmux.until_shown("Subject: Re: a question")?;
    tmux.keys(&["y"])?;
    tmux.until_shown("Queued, goes in")?;
    let bobs = alice.up.maildir("bob")?;
    let is_there = |letters: Vec<Vec<u8>>| {
        letters.iter().any(|it| String::from_utf8_lossy(it).contains("words by a script"))
    };
    until("the answer in bob's mailbox", || new_mail(bobs).is_ok_and(is_there))?;
    until("the copy in Sent", || names(&maildir.join(".Sent")).len() == 1)?;
    until("the letter is marked as answered", || is_marked(&maildir, 'R'))?;

    tmux.keys(&["i"])?;
    tmux.until_shown("<Enter>:Read")?;
    tmux.keys(&["F", "$"])?;
    until("the letter is marked as important", || is_marked(&maildir, 'F'))?;
    until("the letter is marked as read", || is_marked(&maildir, 'S'))?;
    tmux.keys(&["d", "$"])?;
    tmux.until_shown("1 letter moved to Trash")?;
    until("the letter in Trash", || names(&maildir.join(".Trash")).len() == 1)?;
    ensure!(names(&maildir).is_empty());
    tmux.until_shown("Msgs:0")?;
    tmux.keys(&["u"])?;
    tmux.until_shown("Taken back: 1 letter from Trash")?;
    until("the letter is back", || names(&maildir).len() == 1)?;
    tmux.until_shown("a question")?;
    ensure!(is_marked(&maildir, 'F'), "its marks are gone");
    tmux.keys(&["q"])?;
    ensure!(tmux.ended()? == 0);
    Ok(())
}

#[test]
fn a_server_that_goes_away_and_comes_back() -> Result<()> {
    let Some(stage) = Stage::set_up_with(Needs::Tools, Packages::Screens)? else { return Ok(()) };
    let alice = Alice::new()?;
    let maildir = alice.maildir()?.to_owned();
    alice.gets("the first")?;
    alice.gets("the second")?;
    until("both letters", || names(&maildir).len() == 2)?;
    let tmux = Tmux::start(&stage, SIZE, &alice.command(&[])?)?;
    tmux.until_shown("the first")?;
    tmux.until_shown("the second")?;
    tmux.keys(&["="])?;
    tmux.keys(&["Enter"])?;
    tmux.until_shown("How are you?")?;
    tmux.keys(&["i"])?;
    tmux.until_shown("<Enter>:Read")?;
    tmux.keys(&["$"])?;
    until("one is marked as read", || is_marked(&maildir, 'S'))?;

    // Cut: it is said, keys work, what was read is there, and marks are kept.
    alice.cable.carry(Carries::Cut);
    tmux.until_shown("not connected")?;
    tmux.keys(&["Enter"])?;
    tmux.until_shown("How are you?")?;
    tmux.keys(&["i"])?;
    tmux.until_shown("<Enter>:Read")?;
    tmux.keys(&["F"])?;
    tmux.until("the mark", |rows| rows.iter().any(|row| row.contains('!')))?;
    alice.gets("meanwhile")?;
    until("the third letter", || names(&maildir).len() == 3)?;
    ensure!(!is_marked(&maildir, 'F'));

    // Whoever ends now loses nothing, and sees at the next start what was known, at once.
    tmux.keys(&["q"])?;
    ensure!(tmux.ended()? == 0);
    let tmux = Tmux::start(&stage, SIZE, &alice.command(&[])?)?;
    tmux.until_shown("the first")?;
    tmux.until_shown("not connected")?;
    ensure!(!is_marked(&maildir, 'F'));

    // And back, by itself.
    alice.cable.carry(Carries::All);
    tmux.until_shown("meanwhile")?;
    until("the mark at the server", || is_marked(&maildir, 'F'))?;

    // Silence isn't an end: keys work, and what is wanted can be given up.
    tmux.keys(&["*"])?;
    alice.cable.carry(Carries::Nothing);
    tmux.keys(&["Enter"])?;
    tmux.keys(&["q"])?;
    tmux.until_shown("<Enter>:Read")?;
    tmux.keys(&["?"])?;
    tmux.until_shown("Find:")?;
    tmux.keys(&["q"])?;
    alice.cable.carry(Carries::All);
    tmux.until_shown("<Enter>:Read")?;
    tmux.keys(&["Enter"])?;
    tmux.until_shown("How are you?")?;
    tmux.keys(&["q"])?;
    tmux.until_shown("<Enter>:Read")?;
    tmux.keys(&["x"])?;
    ensure!(tmux.ended()? == 0);
    Ok(())
}

/// Which subjects the rows of a list have.
fn shows(wanted: &'static [&'static str]) -> impl Fn(&[String]) -> bool {
    move |rows| {
        ["lunch", "supper", "breakfast"]
            .iter()
            .all(|one| rows.iter().any(|row| row.ends_with(one)) == wanted.contains(one))
    }
}

#[test]
fn letters_at_a_server_are_found_in_a_folder_and_in_all() -> Result<()> {
    let Some(stage) = Stage::set_up_with(Needs::Tools, Packages::Screens)? else { return Ok(()) };
    let alice = Alice::new()?;
    let maildir = alice.maildir()?.to_owned();
    for part in ["tmp", "new", "cur", ".Lists/tmp", ".Lists/new", ".Lists/cur"] {
        fs::create_dir_all(maildir.join(part))?;
    }
    for (place, number, subject) in [
        ("new", 1, "lunch"),
        ("new", 2, "supper"),
        ("new", 3, "breakfast"),
        (".Lists/new", 4, "tea"),
    ] {
        let letter = format!(
            "From: Anna <anna@x.example>\nTo: alice@example.test\nSubject: {subject}\n\
             Date: Mon, 1 Jan 2024 00:00:0{number} +0000\n\nwords of {number}\n"
        );
        fs::write(maildir.join(format!("{place}/{}.a{number}.x", 1_700_000_000 + number)), letter)?;
    }
    let tmux = Tmux::start(&stage, SIZE, &alice.command(&[])?)?;
    tmux.until_shown("Msgs:3")?;
    tmux.until("all letters", shows(&["lunch", "supper", "breakfast"]))?;

    // By what is known of them, and by what the server finds in their texts.
    tmux.keys(&["l"])?;
    tmux.type_text("~s supp")?;
    tmux.until("one letter", shows(&["supper"]))?;
    tmux.keys(&["Escape"])?;
    tmux.until("all letters", shows(&["lunch", "supper", "breakfast"]))?;
    tmux.keys(&["l"])?;
    tmux.type_text("~b 'of 1' | !~b words | ~s break")?;
    tmux.until("two letters", shows(&["lunch", "breakfast"]))?;
    tmux.keys(&["Enter"])?;
    tmux.until_shown("2 letters of 3")?;
    tmux.keys(&["l"])?;
    tmux.type_text("~A")?;
    tmux.keys(&["Enter"])?;
    tmux.until("all letters", shows(&["lunch", "supper", "breakfast"]))?;
    tmux.keys(&["*", "/"])?;
    tmux.type_text("=b 'words of 2'")?;
    tmux.keys(&["Enter"])?;
    tmux.keys(&["Enter"])?;
    tmux.until_shown("Subject: supper")?;
    tmux.keys(&["i"])?;
    tmux.until_shown("<Enter>:Read")?;

    // In all folders, and read in its own.
    tmux.keys(&["S"])?;
    tmux.type_text("~f anna")?;
    tmux.keys(&["Enter"])?;
    tmux.until_shown("All folders: ~f anna [4]")?;
    tmux.keys(&["q"])?;
    tmux.until_shown("<Enter>:Read")?;
    tmux.keys(&["S"])?;
    tmux.type_text("=b 'words of 4'")?;
    tmux.keys(&["Enter"])?;
    tmux.until_shown("All folders: =b 'words of 4' [1]")?;
    tmux.until_shown("Lists")?;
    tmux.keys(&["Enter"])?;
    tmux.until_shown("Subject: tea")?;
    tmux.keys(&["q"])?;
    tmux.until_shown("All folders:")?;
    tmux.keys(&["q"])?;
    tmux.until_shown("<Enter>:Read")?;

    // What is known is found without a network; texts aren't, and that is said.
    alice.cable.carry(Carries::Cut);
    tmux.until_shown("not connected")?;
    tmux.keys(&["l"])?;
    tmux.type_text("~s tea")?;
    tmux.keys(&["Enter"])?;
    tmux.until("the one that is there", |rows| rows.iter().any(|row| row.ends_with("tea")))?;
    tmux.keys(&["x"])?;
    ensure!(tmux.ended()? == 0);
    Ok(())
}

#[test]
fn dovecots_letters_are_read_marked_moved_and_come_by_themselves() -> Result<()> {
    let Some(screens) = Stage::set_up_with(Needs::Tools, Packages::Screens)? else {
        return Ok(());
    };
    let Some(stage) = Stage::set_up(Needs::Servers)? else { return Ok(()) };
    let maildir: PathBuf = stage.path("home/alice/Maildir");
    for part in ["tmp", "new", "cur", ".Trash/tmp", ".Trash/new", ".Trash/cur"] {
        fs::create_dir_all(maildir.join(part))?;
    }
    let user = Stage::user("alice")?.id;
    let arrives = |number: u32, subject: &str| -> Result<()> {
        let letter = format!(
            "From: e{number}@x.example\nSubject: {subject}\nDate: Mon, 1 Jan 2024 00:{:02}:{:02} +0000\n\nbody {number}\n",
            number / 60,
            number % 60
        );
        let tmp = maildir.join(format!("tmp/{}.a{number}.x", 1_700_000_000 + number));
        fs::write(&tmp, letter)?;
        Stage::give(&tmp, user)?;
        let name = tmp.file_name().context("a name")?;
        Ok(fs::rename(&tmp, maildir.join("new").join(name))?)
    };
    for number in 0..250 {
        arrives(number, &format!("letter {number}"))?;
    }
    Stage::give(&maildir, user)?;
    let dovecot = Dovecot::start(&stage)?;
    let folder = tempdir()?;
    let cable = Cable::to(dovecot.imap)?;
    let command = |arguments: &[&str]| Dovecot::our_agent(folder.path(), cable.address, arguments);
    let listed = run(&mut command(&["list", "--json"])?);
    ensure!(String::from_utf8_lossy(&listed?.stdout).contains("letter 249"));

    let tmux = Tmux::start(&screens, SIZE, &command(&[])?)?;
    tmux.until_shown("Msgs:250")?;
    tmux.until_shown("letter ")?;
    arrives(300, "by itself")?;
    tmux.until_shown("Msgs:251")?;
    tmux.keys(&["*"])?;
    tmux.until_shown("by itself")?;
    tmux.keys(&["="])?;
    tmux.keys(&["Enter"])?;
    tmux.until_shown("body ")?;
    tmux.keys(&["i"])?;
    tmux.until_shown("<Enter>:Read")?;
    tmux.keys(&["$"])?;
    until("it is marked as read", || is_marked(&maildir, 'S'))?;
    tmux.keys(&["d", "$"])?;
    tmux.until_shown("1 letter moved to Trash")?;
    until("it is in Trash", || names(&maildir.join(".Trash")).len() == 1)?;
    tmux.until_shown("Msgs:250")?;
    tmux.keys(&["u"])?;
    tmux.until_shown("Taken back")?;
    until("it is back", || names(&maildir.join(".Trash")).is_empty())?;
    tmux.until_shown("Msgs:251")?;
    // Another program throws one away.
    let gone = names(&maildir).into_iter().find(|name| name.contains("a7.x")).context("no name")?;
    let part = if gone.contains(":2,") { "cur" } else { "new" };
    fs::remove_file(maildir.join(part).join(&gone))?;
    tmux.until_shown("Msgs:250")?;
    tmux.keys(&["q"])?;
    ensure!(tmux.ended()? == 0);

    // The folder is made anew: other numbers, and nothing that was known is shown for another letter.
    drop(dovecot);
    for name in ["dovecot-uidlist", "dovecot.index", "dovecot.index.log", "dovecot.index.cache"] {
        let _ = fs::remove_file(maildir.join(name));
    }
    let dovecot = Dovecot::start(&stage)?;
    cable.lead_to(dovecot.imap);
    let tmux = Tmux::start(&screens, SIZE, &command(&[])?)?;
    arrives(301, "the numbers are others")?;
    tmux.until("the whole list", |rows| {
        rows.iter().any(|row| row.contains("Msgs:251") && !row.contains("checking"))
    })?;
    tmux.keys(&["*"])?;
    tmux.until_shown("the numbers are others")?;
    tmux.keys(&["Enter"])?;
    tmux.until_shown("body 301")?;
    tmux.keys(&["q"])?;
    tmux.until_shown("<Enter>:Read")?;
    tmux.keys(&["q"])?;
    ensure!(tmux.ended()? == 0);
    Ok(())
}
