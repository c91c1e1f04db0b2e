//! Letters are written in the full screen, in a terminal, and others are read and answered meanwhile; what a kill leaves of them.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use postroad_tests::peers::{Needs, Packages, Stage};
use postroad_tests::process::until;
use postroad_tests::suite::binary;
use postroad_tests::tmux::Tmux;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::{TempDir, tempdir};

const SIZE: (u16, u16) = (80, 24);

/// Somebody with two letters, no server and no editor.
struct Anna {
    home: TempDir,
}

impl Anna {
    fn new() -> Result<Self> {
        let home = tempdir()?;
        for folder in ["new", "cur", "tmp"] {
            fs::create_dir(home.path().join(folder))?;
        }
        for (number, name) in (1..).zip(["bob", "carol"]) {
            let letter = format!(
                "From: {name} <{name}@x.example>\nTo: me@x.example\nSubject: of {name}\n\nWords by {name}.\n"
            );
            fs::write(home.path().join(format!("cur/{number}.a.host:2,S")), letter)?;
        }
        Ok(Self { home })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn command(&self) -> Result<Command> {
        let mut command = Command::new("env");
        command
            .args(["-u", "VISUAL", "-u", "EDITOR"])
            .arg(binary("postroad-mua")?)
            .env("HOME", self.home.path())
            .env("XDG_STATE_HOME", self.path("state"))
            .env("POSTROAD_MUA_ADDRESS", "me@x.example")
            .env("POSTROAD_MUA_OUTBOX", self.path("outbox"))
            .env("POSTROAD_MUA_INBOX", self.home.path());
        Ok(command)
    }

    /// The texts of all drafts that are on disk.
    fn texts(&self) -> Vec<String> {
        let begun =
            fs::read_dir(self.path("state/postroad/drafts")).into_iter().flatten().flatten();
        begun.filter_map(|draft| fs::read_to_string(draft.path().join("text")).ok()).collect()
    }

    /// Waits until as many drafts have these words.
    fn until_on_disk(&self, words: &[&str]) -> Result<()> {
        until("the texts on disk", || {
            let texts = self.texts();
            let has = |word: &&str| texts.iter().any(|text| text.contains(*word));
            texts.len() == words.len() && words.iter().all(has)
        })
        .with_context(|| format!("{:?}", self.texts()))
    }

    /// Letters that are held before they leave.
    fn held(&self) -> Result<Vec<String>> {
        let held = fs::read_dir(self.path("outbox/drop/held"))?;
        held.map(|entry| Ok(String::from_utf8_lossy(&fs::read(entry?.path())?).into_owned()))
            .collect()
    }
}

fn kill(tmux: &Tmux<'_>) -> Result<()> {
    let program = i32::try_from(tmux.program()?).ok().and_then(Pid::from_raw);
    kill_process(program.context("no process")?, Signal::KILL)?;
    ensure!(tmux.ended()? == 128 + 9);
    Ok(())
}

fn has(letters: &[String], words: &[&str]) -> bool {
    letters.iter().filter(|letter| words.iter().all(|word| letter.contains(word))).count() == 1
}

fn stage() -> Result<Option<Stage>> {
    Stage::set_up_with(Needs::Tools, Packages::Screens)
}

#[test]
fn a_letter_is_read_and_answered_while_another_is_typed_and_a_kill_keeps_both() -> Result<()> {
    let Some(stage) = stage()? else { return Ok(()) };
    let anna = Anna::new()?;
    let tmux = Tmux::start(&stage, SIZE, &anna.command()?)?;
    tmux.until_shown("Msgs:2")?;

    // Bob's is answered, and left in the middle of a word.
    tmux.keys(&["=", "r"])?;
    tmux.until_shown("^X:Done")?;
    tmux.type_text("To bob, hal")?;
    tmux.keys(&["C-]"])?;
    tmux.until_shown("The letter waits.")?;
    tmux.until_shown("Writing:  1 Re: of bob")?;

    // Carol's is read and answered meanwhile.
    tmux.keys(&["*", "Enter"])?;
    tmux.until_shown("Words by carol.")?;
    tmux.keys(&["r"])?;
    tmux.until_shown("[2 Re: of carol]")?;
    tmux.until_shown("^X:Done")?;
    tmux.type_text("To carol.")?;
    anna.until_on_disk(&["To bob, hal", "To carol."])?;

    // Back to the first, whose caret is where it was, and to the second.
    tmux.keys(&["M-1"])?;
    tmux.until_shown("[1 Re: of bob]")?;
    tmux.type_text("f a word")?;
    tmux.until_shown("To bob, half a word")?;
    anna.until_on_disk(&["To bob, half a word", "To carol."])?;
    kill(&tmux)?;

    // Both are there, and are sent.
    let tmux = Tmux::start(&stage, SIZE, &anna.command()?)?;
    tmux.until_shown("2 being written (B)")?;
    tmux.keys(&["B"])?;
    tmux.until_shown("Being written:2")?;
    tmux.keys(&["Enter"])?;
    tmux.until_shown("y:Send")?;
    tmux.keys(&["C-]"])?;
    tmux.until_shown("The letter waits.")?;
    tmux.keys(&["B"])?;
    tmux.until_shown("Being written:2")?;
    tmux.keys(&["*", "Enter"])?;
    tmux.until_shown("[2 Re: of")?;
    tmux.keys(&["y"])?;
    tmux.until_shown("Queued, goes in")?;
    tmux.keys(&["C-]"])?;
    tmux.until_shown("y:Send")?;
    tmux.keys(&["y"])?;
    until("both letters", || anna.held().is_ok_and(|held| held.len() == 2))?;
    let held = anna.held()?;
    ensure!(has(&held, &["To: \"bob\" <bob@x.example>", "half a word"]), "{held:?}");
    ensure!(has(&held, &["<carol@x.example>", "To carol."]), "{held:?}");
    tmux.until("no letter is written", |rows| !rows.iter().any(|row| row.contains("Writing:")))?;
    tmux.keys(&["q"])?;
    ensure!(tmux.ended()? == 0);
    Ok(())
}

#[test]
fn who_leaves_with_a_letter_open_is_asked_and_finds_it_again() -> Result<()> {
    let Some(stage) = stage()? else { return Ok(()) };
    let anna = Anna::new()?;
    let tmux = Tmux::start(&stage, SIZE, &anna.command()?)?;
    tmux.until_shown("Msgs:2")?;
    tmux.keys(&["=", "r"])?;
    tmux.until_shown("^X:Done")?;
    tmux.type_text("said and left at once")?;
    tmux.keys(&["C-]", "q"])?;
    tmux.until_shown("1 letter is being written: keep it, and leave?")?;
    tmux.keys(&["y"])?;
    ensure!(tmux.ended()? == 0);
    anna.until_on_disk(&["said and left at once"])
}
