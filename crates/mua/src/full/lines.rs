//! Lines in place of a screen: the terminal stays as it is, with its own echo and its own editing of lines.
//!
//! What is told unasked comes on lines of its own, and the prompt behind it once more.

use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use postroad_tui::Effect;
use postroad_tui::model::Model;
use postroad_tui::plain::Session;

use super::limits::{LINE_OCTETS_MAX, READ_OCTETS};
use crate::commands::text_input;
use crate::error::Error;
use crate::limits::LETTER_OCTETS_MAX;
use crate::safe_text::SafeText;

/// Whether `^C` is ours: lines are read, and nobody else has the terminal.
static READS: AtomicBool = AtomicBool::new(false);

/// Whether `^C` is for the lines.
pub(super) fn are_read() -> bool {
    READS.load(Ordering::Relaxed)
}

/// One thing that was typed.
enum Typed {
    Line(String),
    /// `^D`.
    End,
    /// `^C`.
    Interrupt,
}

/// What has been told, and what was typed and not looked at yet.
pub(super) struct Lines {
    session: Session,
    /// A line whose end hasn't come.
    begun: Vec<u8>,
    typed: VecDeque<Typed>,
    /// The prompt that stands in the last line.
    prompt: Option<SafeText>,
}

impl Lines {
    pub(super) fn begin() -> Self {
        READS.store(true, Ordering::Relaxed);
        Self {
            session: Session::default(),
            begun: Vec::new(),
            typed: VecDeque::new(),
            prompt: None,
        }
    }

    /// Says what hasn't been said, and asks for a line.
    pub(super) fn show(&mut self, model: &Model) -> io::Result<()> {
        let told = self.session.tell(model);
        let prompt = self.session.prompt(model);
        if told.is_empty() && prompt == self.prompt {
            return Ok(());
        }
        let mut text = String::new();
        if self.prompt.is_some() {
            text.push('\n');
        }
        for line in &told {
            text.push_str(line.as_str());
            text.push('\n');
        }
        text.push_str(prompt.as_ref().map_or("", SafeText::as_str));
        self.prompt = prompt;
        let mut output = io::stdout().lock();
        output.write_all(text.as_bytes())?;
        output.flush()
    }

    /// Reads once.
    pub(super) fn read(&mut self, octets: &mut [u8; READ_OCTETS]) -> io::Result<()> {
        let read = match rustix::io::read(io::stdin().as_fd(), octets.as_mut_slice()) {
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => return Ok(()),
            read => read?,
        };
        if read == 0 {
            self.typed.push_back(Typed::End);
        }
        for octet in octets.get(..read).unwrap_or_default() {
            match octet {
                b'\n' => {
                    let line = std::mem::take(&mut self.begun);
                    self.typed.push_back(Typed::Line(String::from_utf8_lossy(&line).into_owned()));
                }
                octet if self.begun.len() < LINE_OCTETS_MAX => self.begun.push(*octet),
                _ => {}
            }
        }
        Ok(())
    }

    /// `^C` was pressed.
    pub(super) fn interrupted(&mut self) {
        self.begun.clear();
        self.typed.clear();
        self.typed.push_back(Typed::Interrupt);
    }

    /// Does what was typed next, if anything was and it is read now.
    pub(super) fn take(&mut self, model: &mut Model) -> Option<Vec<Effect>> {
        self.session.prompt(model)?;
        let typed = self.typed.pop_front()?;
        // Its end has been echoed, or else the line is begun anew.
        let had_prompt = self.prompt.take();
        Some(match typed {
            Typed::Line(line) => self.session.typed(model, &line),
            Typed::End => {
                self.prompt = had_prompt;
                self.session.end(model)
            }
            Typed::Interrupt => {
                self.prompt = had_prompt;
                self.session.interrupt(model)
            }
        })
    }

    /// When something is to be told without anything having happened.
    pub(super) fn next_wake(&self) -> Option<Duration> {
        self.session.next_wake()
    }

    /// All is told anew.
    pub(super) fn forget(&mut self) {
        self.session.forget();
    }

    pub(super) fn lend<T>(&mut self, to: impl FnOnce() -> T) -> T {
        READS.store(false, Ordering::Relaxed);
        let done = to();
        READS.store(true, Ordering::Relaxed);
        done
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        READS.store(false, Ordering::Relaxed);
        if self.prompt.is_some() {
            // Where nobody reads it, nobody misses it.
            let _ = io::stdout().write_all(b"\n");
        }
    }
}

/// Lets the author's editor work on a text; where none is named, lines are typed behind what is there.
///
/// # Errors
/// Where it can't be started, or the text can't be written.
pub(super) fn edit(path: &Path) -> Result<(), Error> {
    if text_input::named_editor().is_some() {
        return text_input::edit(path);
    }
    let text = std::fs::read_to_string(path)?;
    let mut output = io::stdout();
    let there = text.lines().count();
    if there > 0 {
        writeln!(output, "{there} lines are there already; what you type comes behind them.")?;
    }
    writeln!(output, "Type the text. A line of one dot ends it; ~p shows it all, ~r begins anew.")?;
    let begun = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    append(path, begun)?;
    while let Some(line) = text_input::line()? {
        match line.as_str() {
            "." => break,
            "~p" => {
                let text = std::fs::read_to_string(path)?;
                writeln!(output, "{}", SafeText::block(text.trim_end()).as_str())?;
            }
            "~r" => OpenOptions::new().write(true).open(path)?.set_len(0)?,
            // Each line is on its way to the disk as it is typed.
            line => append(path, &format!("{line}\n"))?,
        }
    }
    Ok(())
}

fn append(path: &Path, text: &str) -> Result<(), Error> {
    let mut file = OpenOptions::new().append(true).open(path)?;
    if file.metadata()?.len() + text.len() as u64 > LETTER_OCTETS_MAX {
        return Err(Error::Editor("the text is larger than any letter".into()));
    }
    Ok(file.write_all(text.as_bytes())?)
}
