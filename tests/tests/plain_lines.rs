//! The user agent in lines, on a terminal that can't place anything (TERM=dumb) and by `--plain`: a letter read, answered without
//! an editor, had back, sent, moved, thrown away, and had back. Nothing but text and line ends reaches the terminal.

use std::fs;
use std::process::Command;

use anyhow::{Result, ensure};
use postroad_tests::peers::{Needs, Packages, Stage};
use postroad_tests::process::{run, until};
use postroad_tests::suite::{Up, new_mail};
use postroad_tests::tmux::Tmux;
use tempfile::tempdir;

const SIZE: (u16, u16) = (80, 50);

const USERS: &[&str] =
    &["--domain", "example.test", "--user", "alice:wonder-land", "--user", "bob"];

/// Types a line, and waits for what comes of it.
fn say(tmux: &Tmux<'_>, line: &str, heard: &str) -> Result<()> {
    tmux.type_text(line)?;
    tmux.keys(&["Enter"])?;
    tmux.until_shown(heard)
}

#[test]
fn letters_are_read_and_written_in_lines() -> Result<()> {
    let Some(stage) = Stage::set_up_with(Needs::Tools, Packages::Screens)? else { return Ok(()) };
    let folder = tempdir()?;
    let up = Up::start(folder.path(), USERS)?;
    let maildir = up.maildir("alice")?.to_owned();
    let to = ["send", "--to", "alice@example.test", "--subject", "a question", "--body", "Well?"];
    run(&mut up.user_agent("bob", &to)?)?;
    until("bob's letter", || new_mail(&maildir).is_ok_and(|mail| mail.len() == 1))?;

    let own = up.user_agent("alice", &[])?;
    // tmux says itself what terminal it is.
    let mut command = Command::new("env");
    command.args(["-u", "VISUAL", "-u", "EDITOR", "TERM=dumb"]).arg(own.get_program());
    for (name, value) in own.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    command.env("POSTROAD_MUA_INBOX", &maildir).env("XDG_STATE_HOME", folder.path().join("state"));
    let tmux = Tmux::start(&stage, SIZE, &command)?;
    tmux.until_shown("a question")?;
    tmux.until_shown("letters (all)>")?;
    say(&tmux, "1", "Well?")?;
    tmux.until_shown("letter (all)>")?;
    say(&tmux, "r", "A line of one dot ends it")?;
    say(&tmux, "Very well.", "Very well.")?;
    say(&tmux, ".", "writing (all)>")?;
    tmux.until_shown("Subject: Re: a question")?;
    say(&tmux, "y", "Queued, goes in")?;
    say(&tmux, "u", "Taken back")?;
    say(&tmux, "s Re: all questions", "Subject: Re: all questions")?;
    say(&tmux, "y", "Re: all questions")?;
    let bobs = up.maildir("bob")?;
    until("the answer in bob's mailbox", || {
        new_mail(bobs).is_ok_and(|mail| {
            mail.iter().any(|letter| {
                let letter = String::from_utf8_lossy(letter);
                letter.contains("> Well?") && letter.contains("\nVery well.")
            })
        })
    })?;
    let count = |name: &str| fs::read_dir(maildir.join(name)).map_or(0, Iterator::count);
    // A page on, behind the end of the last letter, is the list.
    say(&tmux, "q", "letters (all)>")?;
    say(&tmux, "d 1", "D")?;
    say(&tmux, "$", "1 letter moved to Trash")?;
    until("it is in the Trash", || count(".Trash/cur") == 1)?;
    say(&tmux, "undo-delete", "means nothing here")?;
    say(&tmux, "u", "Taken back: 1 letter moved to Trash")?;
    until("it is back", || count(".Trash/cur") == 0)?;
    // Out of a question, and of the program.
    say(&tmux, "c", "Open folder")?;
    tmux.keys(&["C-d"])?;
    say(&tmux, "limit", "Limit to messages matching")?;
    tmux.keys(&["C-d"])?;
    say(&tmux, "? strike", "strike the thread")?;
    tmux.keys(&["C-d"])?;
    ensure!(tmux.ended()? == 0);
    let raw = tmux.raw()?;
    ensure!(!raw.contains(&0x1b), "it has placed something: {}", String::from_utf8_lossy(&raw));
    let (before, after) = tmux.modes()?;
    ensure!(before == after, "{before}\n{after}");
    Ok(())
}
