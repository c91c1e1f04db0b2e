//! Folders on the full screen: made, renamed, subscribed to and removed, in a Maildir and at an IMAP server.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};
use postroad_tests::peers::{Needs, Packages, Stage};
use postroad_tests::process::until;
use postroad_tests::suite::Up;
use postroad_tests::tmux::Tmux;
use tempfile::tempdir;

const SIZE: (u16, u16) = (80, 24);

const USERS: &[&str] = &["--domain", "example.test", "--user", "alice:wonder-land"];

fn is_subscribed(maildir: &Path, name: &str) -> bool {
    fs::read_to_string(maildir.join("subscriptions"))
        .is_ok_and(|file| file.lines().any(|line| line == name))
}

/// The list of folders, and what is done in it.
fn all_of_it(stage: &Stage, command: &Command, maildir: &Path) -> Result<()> {
    let there = |name: &str| maildir.join(name).join("cur").is_dir();
    let tmux = Tmux::start(stage, SIZE, command)?;
    tmux.until_shown("Msgs:0")?;
    tmux.keys(&["y"])?;
    tmux.until("the list", |rows| rows.iter().any(|row| row.ends_with("  INBOX")))?;
    tmux.keys(&["C"])?;
    tmux.until_shown("Create mailbox:")?;
    tmux.type_text("zebra")?;
    tmux.keys(&["Enter"])?;
    tmux.until_shown("zebra made")?;
    ensure!(there(".zebra") && is_subscribed(maildir, "zebra"));
    tmux.until("the folder in the list", |rows| rows.iter().any(|row| row.ends_with("  zebra")))?;

    // It is the last one.
    tmux.keys(&["*", "r"])?;
    tmux.until_shown("Rename zebra to: zebra")?;
    tmux.type_text("-old")?;
    tmux.keys(&["Enter"])?;
    tmux.until_shown("zebra is zebra-old now")?;
    ensure!(there(".zebra-old") && !there(".zebra"));
    tmux.until("its name in the list", |rows| rows.iter().any(|row| row.ends_with("zebra-old")))?;
    tmux.keys(&["*", "u"])?;
    tmux.until_shown("zebra-old subscribed to no more")?;
    ensure!(!is_subscribed(maildir, "zebra-old"));
    tmux.keys(&["s"])?;
    until("it is subscribed to", || is_subscribed(maildir, "zebra-old"))?;
    tmux.until_shown("zebra-old subscribed to")?;

    // Asked, and kept; asked, and removed.
    tmux.keys(&["d"])?;
    tmux.until_shown("Remove zebra-old with")?;
    tmux.keys(&["n"])?;
    tmux.until_shown("Kept.")?;
    tmux.keys(&["d"])?;
    tmux.until_shown("Remove zebra-old with")?;
    tmux.keys(&["y"])?;
    tmux.until_shown("zebra-old removed")?;
    ensure!(!there(".zebra-old"));
    tmux.until("it isn't listed", |rows| !rows.iter().any(|row| row.ends_with("  zebra-old")))?;
    // What is open stays, and so does the inbox.
    tmux.keys(&["=", "d"])?;
    tmux.until_shown("The inbox stays what it is.")?;
    tmux.keys(&["q"])?;
    tmux.until_shown("<Enter>:Read")?;
    tmux.keys(&["q"])?;
    ensure!(tmux.ended()? == 0);
    Ok(())
}

#[test]
fn in_a_maildir() -> Result<()> {
    let Some(stage) = Stage::set_up_with(Needs::Tools, Packages::Screens)? else { return Ok(()) };
    let folder = tempdir()?;
    let up = Up::start(folder.path(), USERS)?;
    let maildir = up.maildir("alice")?.to_owned();
    let mut command = up.user_agent("alice", &[])?;
    command.env("POSTROAD_MUA_INBOX", &maildir).env("XDG_STATE_HOME", folder.path().join("state"));
    all_of_it(&stage, &command, &maildir)
}

#[test]
fn at_an_imap_server() -> Result<()> {
    let Some(stage) = Stage::set_up_with(Needs::Tools, Packages::Screens)? else { return Ok(()) };
    let folder = tempdir()?;
    let up = Up::start(folder.path(), USERS)?;
    let maildir = up.maildir("alice")?.to_owned();
    let port = up.address("imaps")?.port();
    let mut command = up.user_agent("alice", &[])?;
    command
        .env("POSTROAD_MUA_INBOX", format!("imaps://localhost:{port}"))
        .env("XDG_STATE_HOME", folder.path().join("state"));
    all_of_it(&stage, &command, &maildir)
}
