//! Who writes a letter at a terminal is asked before it leaves without a subject, or without what its text speaks of; a
//! program never is. What isn't sent is kept.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use anyhow::{Result, ensure};
use postroad_tests::peers::{Needs, Packages, Stage};
use postroad_tests::suite::binary;
use postroad_tests::tmux::Tmux;
use tempfile::{TempDir, tempdir};

const SIZE: (u16, u16) = (80, 24);

struct Home(TempDir);

impl Home {
    /// A home with an editor that writes a text.
    fn new() -> Result<Self> {
        let home = Self(tempdir()?);
        let editor = home.0.path().join("editor");
        fs::write(&editor, "#!/bin/sh\nprintf 'see what is attached\\n' >> \"$1\"\n")?;
        fs::set_permissions(&editor, fs::Permissions::from_mode(0o755))?;
        for part in ["tmp", "new", "cur"] {
            fs::create_dir_all(home.0.path().join("Maildir").join(part))?;
        }
        Ok(home)
    }

    /// Our user agent, which sends to nobody.
    fn ours(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(binary("postroad-mua")?);
        command
            .env("HOME", self.0.path())
            .env("XDG_STATE_HOME", self.0.path().join("state"))
            .env("EDITOR", self.0.path().join("editor"))
            .env("POSTROAD_CONFIG", "/nonexistent")
            .env("POSTROAD_MUA_ADDRESS", "me@x.example")
            .env("POSTROAD_MUA_INBOX", self.0.path().join("Maildir"))
            .env("POSTROAD_MUA_SUBMISSION", "smtp://127.0.0.1:1")
            .args(arguments);
        Ok(command)
    }

    /// Lines of JSON that a command prints.
    fn count(&self, command: &str) -> Result<usize> {
        let words = &[command, "list", "--json"][..];
        let words = if command == "drafts" { words } else { &[command, "--json"] };
        let output = self.ours(words)?.output()?;
        Ok(String::from_utf8(output.stdout)?.lines().count())
    }
}

#[test]
fn who_forgets_something_is_asked_and_what_is_not_sent_is_kept() -> Result<()> {
    let Some(stage) = Stage::set_up_with(Needs::Tools, Packages::Screens)? else { return Ok(()) };
    let home = Home::new()?;
    let write = |subject: &str| home.ours(&["send", "--to", "a@x.example", "--subject", subject]);

    let tmux = Tmux::start(&stage, SIZE, &write("")?)?;
    tmux.until_shown("There is no subject. Send it all the same?")?;
    tmux.keys(&["n", "Enter"])?;
    ensure!(tmux.ended()? == 1);
    ensure!((home.count("outbox")?, home.count("drafts")?) == (0, 1));

    let tmux = Tmux::start(&stage, SIZE, &write("plans")?)?;
    tmux.until_shown("You wrote \"attached\", nothing is attached.")?;
    tmux.keys(&["n", "Enter"])?;
    ensure!(tmux.ended()? == 1);
    ensure!((home.count("outbox")?, home.count("drafts")?) == (0, 2));

    let tmux = Tmux::start(&stage, SIZE, &write("")?)?;
    tmux.until_shown("There is no subject. Send it all the same?")?;
    tmux.keys(&["y", "Enter"])?;
    tmux.until_shown("You wrote \"attached\", nothing is attached.")?;
    tmux.keys(&["y", "Enter"])?;
    ensure!(tmux.ended()? == 0);
    ensure!((home.count("outbox")?, home.count("drafts")?) == (1, 2));

    // mail asks for the subject before, as it always does.
    let tmux = Tmux::start(&stage, SIZE, &home.ours(&["mail", "a@x.example"])?)?;
    tmux.until_shown("Subject:")?;
    tmux.keys(&["Enter"])?;
    tmux.type_text("see the enclosed plan")?;
    tmux.keys(&["Enter", ".", "Enter"])?;
    tmux.until_shown("You wrote \"enclosed\", nothing is attached.")?;
    tmux.keys(&["n", "Enter"])?;
    ensure!(tmux.ended()? == 1);
    ensure!((home.count("outbox")?, home.count("drafts")?) == (1, 3));
    Ok(())
}

#[test]
fn a_program_is_never_asked() -> Result<()> {
    let home = Home::new()?;
    for arguments in [&["send", "--to", "a@x.example"][..], &["mail", "a@x.example"]] {
        let mut child =
            home.ours(arguments)?.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        if let Some(mut input) = child.stdin.take() {
            Write::write_all(&mut input, b"see what is attached\n")?;
        }
        ensure!(child.wait()?.success(), "{arguments:?}");
    }
    ensure!((home.count("outbox")?, home.count("drafts")?) == (2, 0));
    Ok(())
}
