//! A terminal that a test looks at and types into: tmux, on a socket of its own.
//!
//! What is shown is waited for, never a time: a program that is slow makes a test slow, and nothing else.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::peers::Stage;
use crate::process::{run, until};

/// Keys reach the program at once; a program that has ended leaves what it has shown.
const SETTINGS: &str = "set -s escape-time 0\nset -s exit-empty off\nset -g status off\n\
    set -g default-terminal screen-256color\nset -g remain-on-exit on\nset -g default-shell /bin/sh\n";

/// One program in a terminal.
#[derive(Debug)]
pub struct Tmux<'s> {
    stage: &'s Stage,
    folder: PathBuf,
}

impl<'s> Tmux<'s> {
    /// Starts a command, with its arguments and what it has in its environment, in a terminal of so many columns and rows.
    /// All that it writes is kept ([`Tmux::raw`]), and the terminal's modes before and after it.
    ///
    /// # Errors
    ///
    /// When it can't be started.
    pub fn start(stage: &'s Stage, size: (u16, u16), command: &Command) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("tmux-").tempdir_in(stage.path("log"))?.keep();
        let tmux = Self { stage, folder };
        fs::write(tmux.path("settings"), SETTINGS)?;
        fs::write(tmux.path("raw"), "")?;
        let here = tmux.folder.display();
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let words: Vec<String> = words.map(|word| quoted(&word.to_string_lossy())).collect();
        let script = format!(
            "read go; stty -g > {here}/before; {}; echo $? > {here}/code.next; \
             stty -g > {here}/after; mv {here}/code.next {here}/code",
            words.join(" ")
        );
        let (columns, rows) = (size.0.to_string(), size.1.to_string());
        let mut start = tmux.command();
        start.args(["new-session", "-d", "-x", &columns, "-y", &rows]);
        for (name, value) in command.get_envs() {
            // The terminal's environment is a fresh one: there is nothing to be removed.
            let Some(value) = value.map(|value| value.to_string_lossy()) else { continue };
            start.arg("-e").arg(format!("{}={value}", name.to_string_lossy()));
        }
        run(start.args(["sh", "-c", &script]))?;
        run(tmux.command().args(["pipe-pane", "-O", &format!("cat >> {here}/raw")]))?;
        tmux.keys(&["Enter"])?;
        Ok(tmux)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn command(&self) -> Command {
        let mut command = self.stage.command("tmux");
        command.arg("-S").arg(self.path("socket")).arg("-f").arg(self.path("settings"));
        command
    }

    fn asked(&self, arguments: &[&str]) -> Result<String> {
        let output = run(self.command().args(arguments))?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Presses keys, as tmux calls them.
    ///
    /// # Errors
    ///
    /// When the terminal is gone.
    pub fn keys(&self, keys: &[&str]) -> Result<()> {
        self.asked(&[&["send-keys"], keys].concat()).map(drop)
    }

    /// Types letters.
    ///
    /// # Errors
    ///
    /// When the terminal is gone.
    pub fn type_text(&self, text: &str) -> Result<()> {
        self.asked(&["send-keys", "-l", "--", text]).map(drop)
    }

    /// Gives the terminal another size.
    ///
    /// # Errors
    ///
    /// When the terminal is gone.
    pub fn resize(&self, (columns, rows): (u16, u16)) -> Result<()> {
        let (columns, rows) = (columns.to_string(), rows.to_string());
        self.asked(&["resize-window", "-x", &columns, "-y", &rows]).map(drop)
    }

    /// What is shown, row by row, blanks at the ends left out.
    ///
    /// # Errors
    ///
    /// When the terminal is gone.
    pub fn screen(&self) -> Result<Vec<String>> {
        Ok(self.asked(&["capture-pane", "-p"])?.lines().map(str::to_owned).collect())
    }

    /// The same with its colours, as escape sequences.
    ///
    /// # Errors
    ///
    /// When the terminal is gone.
    pub fn styled(&self) -> Result<Vec<String>> {
        Ok(self.asked(&["capture-pane", "-p", "-e"])?.lines().map(str::to_owned).collect())
    }

    /// The cursor: columns to its left, rows above it.
    ///
    /// # Errors
    ///
    /// When the terminal is gone.
    pub fn cursor(&self) -> Result<(u16, u16)> {
        let told = self.asked(&["display-message", "-p", "#{cursor_x} #{cursor_y}"])?;
        let mut numbers = told.split_whitespace().map(str::parse);
        let mut next = || numbers.next().context("no cursor")?.context("no number");
        Ok((next()?, next()?))
    }

    /// Whether the program has the other screen, or a mouse.
    ///
    /// # Errors
    ///
    /// When the terminal is gone.
    pub fn is_taken(&self) -> Result<bool> {
        let told = self.asked(&["display-message", "-p", "#{alternate_on}#{mouse_any_flag}"])?;
        Ok(told.trim() != "00")
    }

    /// Waits until a row has the text in it.
    ///
    /// # Errors
    ///
    /// When it never comes; with what is shown.
    pub fn until_shown(&self, text: &str) -> Result<()> {
        self.until(text, |rows| rows.iter().any(|row| row.contains(text)))
    }

    /// Waits until the screen is as it should be.
    ///
    /// # Errors
    ///
    /// When it never is; with what is shown.
    pub fn until(&self, what: &str, mut is_it: impl FnMut(&[String]) -> bool) -> Result<()> {
        until(what, || self.screen().is_ok_and(|rows| is_it(&rows)))
            .with_context(|| self.screen().unwrap_or_default().join("\n"))
    }

    /// Waits until the program has ended; its exit status.
    ///
    /// # Errors
    ///
    /// When it never does.
    pub fn ended(&self) -> Result<i32> {
        until("the program's end", || self.path("code").exists())
            .with_context(|| self.screen().unwrap_or_default().join("\n"))?;
        let code = fs::read_to_string(self.path("code"))?;
        code.trim().parse().with_context(|| format!("{code:?} is no exit status"))
    }

    /// The terminal's modes, as `stty -g` says them, before the program and after it.
    ///
    /// # Errors
    ///
    /// When it hasn't ended.
    pub fn modes(&self) -> Result<(String, String)> {
        let read = |name| fs::read_to_string(self.path(name)).context("the program goes on");
        Ok((read("before")?, read("after")?))
    }

    /// All octets that were written to the terminal.
    ///
    /// # Errors
    ///
    /// When they can't be read.
    pub fn raw(&self) -> Result<Vec<u8>> {
        Ok(fs::read(self.path("raw"))?)
    }

    /// The process that the terminal's shell has started.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn program(&self) -> Result<u32> {
        let shell = self.asked(&["display-message", "-p", "#{pane_pid}"])?;
        let children = format!("/proc/{0}/task/{0}/children", shell.trim());
        let child = fs::read_to_string(Path::new(&children))?;
        child.split_whitespace().next().context("it has ended")?.parse().context("no process id")
    }
}

impl Drop for Tmux<'_> {
    fn drop(&mut self) {
        // With the stage's folder goes its socket.
        let _ = self.command().arg("kill-server").output();
    }
}

fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}
