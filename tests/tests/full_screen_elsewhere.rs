//! The full screen on letters that are in no Maildir and at no IMAP server: at a POP3 server, and in a mailbox file. Marks are
//! the program's own there; what is thrown away at a POP3 server is gone; a mailbox file is only read. And on several accounts.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};
use postroad_tests::peers::{Needs, Packages, Stage};
use postroad_tests::process::{run, until};
use postroad_tests::suite::{Up, binary};
use postroad_tests::tmux::Tmux;
use tempfile::tempdir;

const SIZE: (u16, u16) = (80, 24);

const USERS: &[&str] =
    &["--domain", "example.test", "--user", "alice:wonder-land", "--user", "bob"];

fn files(folder: &Path) -> usize {
    let count = |part| fs::read_dir(folder.join(part)).map_or(0, Iterator::count);
    count("new") + count("cur")
}

#[test]
fn letters_at_a_pop3_server_are_read_marked_and_removed() -> Result<()> {
    let Some(stage) = Stage::set_up_with(Needs::Tools, Packages::Screens)? else { return Ok(()) };
    let folder = tempdir()?;
    let up = Up::start(folder.path(), USERS)?;
    let gets = |subject: &str| {
        let to =
            ["send", "--to", "alice@example.test", "--subject", subject, "--body", "How are you?"];
        run(&mut up.user_agent("bob", &to)?)
    };
    let maildir = up.maildir("alice")?.to_owned();
    gets("the first")?;
    gets("the second")?;
    until("both letters", || files(&maildir) == 2)?;
    // Its account reads by POP3.
    let command = || -> Result<Command> {
        let mut command = up.user_agent("alice", &[])?;
        command.env("XDG_STATE_HOME", folder.path().join("state"));
        Ok(command)
    };
    let tmux = Tmux::start(&stage, SIZE, &command()?)?;
    tmux.until_shown("the first")?;
    tmux.until_shown("Msgs:2 New:2")?;
    tmux.keys(&["=", "Enter"])?;
    tmux.until_shown("How are you?")?;
    tmux.keys(&["i"])?;
    tmux.until_shown("<Enter>:Read")?;
    tmux.keys(&["$"])?;
    tmux.until_shown("Msgs:2 Old:1")?;
    // A letter that comes is there when somebody looks.
    gets("the third")?;
    until("the third letter", || files(&maildir) == 3)?;
    tmux.keys(&["$"])?;
    tmux.keys(&["q"])?;
    ensure!(tmux.ended()? == 0);

    // What was known is shown at once, with its marks; and what is thrown away is gone from the server.
    let tmux = Tmux::start(&stage, SIZE, &command()?)?;
    tmux.until_shown("the third")?;
    tmux.until_shown("Msgs:3")?;
    tmux.keys(&["=", "d", "$"])?;
    tmux.until_shown("Msgs:2")?;
    until("the letter is gone", || files(&maildir) == 2)?;
    tmux.keys(&["q"])?;
    ensure!(tmux.ended()? == 0);
    Ok(())
}

#[test]
fn letters_of_a_mailbox_file_are_listed_and_read_while_others_deliver() -> Result<()> {
    let Some(stage) = Stage::set_up_with(Needs::Tools, Packages::Screens)? else { return Ok(()) };
    let home = tempdir()?;
    let file = home.path().join("mbox");
    let letter = |number: u32| {
        format!(
            "From e@x.example Mon Jan  1 00:00:00 2024\nFrom: e@x.example\nSubject: letter {number}\nDate: Mon, 1 Jan 2024 00:00:{number:02} +0000\n\n>From body {number}\n\n"
        )
    };
    fs::write(&file, format!("{}{}", letter(1), letter(2)))?;
    // No account, no ~/Maildir: MAIL says where the system's mailbox is.
    let command = |arguments: &[&str]| -> Result<Command> {
        let mut command = Command::new(binary("postroad-mua")?);
        command
            .env("HOME", home.path())
            .env("XDG_STATE_HOME", home.path().join("state"))
            .env("POSTROAD_MUA_ADDRESS", "me@x.example")
            .env("POSTROAD_MUA_OUTBOX", home.path().join("outbox"))
            .env("MAIL", &file)
            .args(arguments);
        Ok(command)
    };
    let listed = run(&mut command(&["list"])?)?;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    ensure!(listed.contains("letter 1") && listed.contains("letter 2"), "{listed}");
    let read = run(&mut command(&["read", "latest"])?)?;
    ensure!(String::from_utf8_lossy(&read.stdout).contains("From body 2"));

    let tmux = Tmux::start(&stage, SIZE, &command(&[])?)?;
    tmux.until_shown("letter 1")?;
    tmux.until_shown("Msgs:2")?;
    fs::File::options().append(true).open(&file)?.write_all(letter(3).as_bytes())?;
    tmux.until_shown("letter 3")?;
    tmux.keys(&["*", "Enter"])?;
    tmux.until_shown("From body 3")?;
    tmux.keys(&["i"])?;
    tmux.until_shown("<Enter>:Read")?;
    tmux.keys(&["d", "$"])?;
    tmux.until_shown("only read")?;
    tmux.until_shown("Msgs:3")?;
    ensure!(fs::read_to_string(&file)? == format!("{}{}{}", letter(1), letter(2), letter(3)));
    tmux.keys(&["x"])?;
    ensure!(tmux.ended()? == 0);
    Ok(())
}

/// All accounts' letters by date, and each thing done where the letter is.
fn all_inboxes(
    tmux: &Tmux<'_>,
    home: &Path,
    arrives: &dyn Fn(&str, u32, &str) -> Result<()>,
) -> Result<()> {
    tmux.keys(&["c", "C-u"])?;
    tmux.type_text("All inboxes")?;
    tmux.keys(&["Enter"])?;
    tmux.until_shown("All inboxes [Msgs:3")?;
    tmux.until("all letters", |rows| {
        let place = |text: &str| rows.iter().position(|row| row.contains(text));
        let home = place("home: e@x.example");
        home.is_some() && home < place("for work") && place("for work") < place("more for work")
    })?;
    tmux.keys(&["=", "Enter"])?;
    tmux.until_shown("body of for home")?;
    tmux.keys(&["i"])?;
    tmux.until_shown("<Enter>:Read")?;
    tmux.keys(&["=", "d", "*", "d", "$"])?;
    for (account, folder) in [("home", "home/.Trash"), ("work", "work/.Trash")] {
        until(account, || files(&home.join(folder)) == 1)?;
    }
    tmux.until_shown("All inboxes [Msgs:1")?;
    arrives("home", 9, "news for home")?;
    tmux.until_shown("news for home")?;
    tmux.keys(&["u"])?;
    tmux.until_shown("All inboxes [Msgs:3")?;
    tmux.keys(&["u"])?;
    tmux.until_shown("All inboxes [Msgs:4")?;
    ensure!(files(&home.join("home/.Trash")) == 0, "it is in the Trash still");

    // A letter goes to another account, whole and with what was marked on it.
    tmux.keys(&["=", "F", "=", "s"])?;
    tmux.type_text("work: Lists")?;
    tmux.keys(&["Enter"])?;
    tmux.until_shown("1 letter moved to work: Lists")?;
    tmux.until_shown("All inboxes [Msgs:3")?;
    let moved = home.join("work/.Lists/cur");
    let names: Vec<String> = fs::read_dir(&moved)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_>>()?;
    ensure!(names.len() == 1 && names.iter().all(|name| name.ends_with(":2,FS")), "{names:?}");
    ensure!(fs::read_to_string(moved.join(&names[0]))?.contains("body of for home"));

    // All folders of all accounts, the newest letter first.
    tmux.keys(&["S"])?;
    tmux.type_text("~s for")?;
    tmux.keys(&["Enter"])?;
    tmux.until_shown("All folders: ~s for [4]")?;
    tmux.until_shown("work: Lists")?;
    tmux.keys(&["Enter"])?;
    tmux.until_shown("body of news for home")?;
    tmux.keys(&["i"])?;
    tmux.until_shown("All folders: ~s for [4]")?;
    tmux.keys(&["q"])?;
    tmux.until_shown("home: INBOX [Msgs:")?;
    Ok(())
}

#[test]
fn several_accounts_are_on_one_screen_and_each_writes_as_itself() -> Result<()> {
    let Some(stage) = Stage::set_up_with(Needs::Tools, Packages::Screens)? else { return Ok(()) };
    let home = tempdir()?;
    let settings = home.path().join(".config/postroad");
    fs::create_dir_all(settings.join("accounts"))?;
    for (file, name) in [("mua.toml", "home"), ("accounts/work.toml", "work")] {
        for part in ["tmp", "new", "cur", ".Lists/tmp", ".Lists/new", ".Lists/cur"] {
            fs::create_dir_all(home.path().join(name).join(part))?;
        }
        let inbox = home.path().join(name);
        let account = format!("address = \"me@{name}.example\"\ninbox = \"{}\"\n", inbox.display());
        fs::write(settings.join(file), account)?;
    }
    let arrives = |account: &str, number: u32, subject: &str| -> Result<()> {
        let letter = format!(
            "From: e@x.example\nTo: me@{account}.example\nSubject: {subject}\nDate: Mon, 1 Jan 2024 00:00:{number:02} +0000\n\nbody of {subject}\n"
        );
        // As letters are delivered: whole, once they are seen.
        let (maildir, name) = (home.path().join(account), format!("{number}.a.x"));
        fs::write(maildir.join("tmp").join(&name), letter)?;
        Ok(fs::rename(maildir.join("tmp").join(&name), maildir.join("new").join(&name))?)
    };
    arrives("home", 1, "for home")?;
    arrives("work", 2, "for work")?;
    let editor = home.path().join("editor");
    fs::write(&editor, "#!/bin/sh\nprintf 'words\\n' >> \"$1\"\n")?;
    fs::set_permissions(&editor, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    let mut command = Command::new(binary("postroad-mua")?);
    command
        .env("HOME", home.path())
        .env("XDG_CONFIG_HOME", home.path().join(".config"))
        .env("XDG_STATE_HOME", home.path().join("state"))
        .env("EDITOR", &editor);
    let tmux = Tmux::start(&stage, (120, 30), &command)?;
    tmux.until_shown("for home")?;
    tmux.until_shown("work: INBOX")?;
    tmux.until_shown("home: Lists")?;
    // What comes to the other one is seen beside these.
    arrives("work", 3, "more for work")?;
    tmux.until("two unread at work", |rows| {
        rows.iter().any(|row| row.contains("work: INBOX") && row.contains('2'))
    })?;
    tmux.keys(&["c"])?;
    // The folder with new letters is proposed.
    tmux.until("the question", |rows| rows.last().is_some_and(|row| row.contains("work: INBOX")))?;
    tmux.keys(&["Enter"])?;
    tmux.until_shown("more for work")?;
    tmux.keys(&["=", "Enter"])?;
    tmux.until_shown("body of for work")?;
    tmux.keys(&["r"])?;
    tmux.until_shown("From: me@work.example")?;
    tmux.keys(&["P"])?;
    tmux.until_shown("body of for work")?;
    tmux.keys(&["i"])?;
    tmux.until_shown("<Enter>:Read")?;
    tmux.keys(&["d", "$"])?;
    tmux.until_shown("1 letter moved to Trash")?;
    until("it is in the Trash of work", || files(&home.path().join("work/.Trash")) == 1)?;
    tmux.keys(&["u"])?;
    tmux.until_shown("Taken back")?;
    until("it is back", || files(&home.path().join("work/.Trash")) == 0)?;

    all_inboxes(&tmux, home.path(), &arrives)?;
    tmux.keys(&["q"])?;
    ensure!(tmux.ended()? == 0);
    let drafts = home.path().join("state/postroad/accounts/work/drafts");
    ensure!(fs::read_dir(&drafts)?.count() >= 1, "no draft of work's in {}", drafts.display());
    Ok(())
}
