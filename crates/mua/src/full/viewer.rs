//! A part in a program that mailcap files name for it, by a key alone (row U05): a file of mode 600 in a folder of its own,
//! which goes when the program ends.
//!
//! A program has a window, beside the screen; or it writes what is to be read, which is a page; or it has the terminal
//! meanwhile.

use std::fs::{DirBuilder, File};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;

use postroad_tui::data::{LetterId, PartContent};
use postroad_tui::effect::Job;
use postroad_tui::msg::What;

use super::browser::start;
use super::pipe;
use super::wake::Teller;
use crate::limits;
use crate::mailcap::{self, Command, Display, Input, Shows};
use crate::render::{Part, save};
use crate::safe_line;
use crate::safe_text::SafeText;

/// Starts the program, or has it say what is to be read, for which it is waited for.
///
/// # Errors
/// Where there is none for this type, or it can't be started.
pub(super) fn show(letter: LetterId, part: &Part) -> Result<What, SafeText> {
    show_by(letter, part, &Programs::of_user(), &runtime_folder())
}

/// The same, in a thread of its own.
pub(super) fn show_beside(job: Job, letter: LetterId, part: Part, tell: &Teller) {
    let teller = tell.clone();
    let shown = move || match show(letter, &part) {
        Ok(what) => teller.tell(job, what),
        Err(words) => teller.failed(job, words, ""),
    };
    if let Err(error) = thread::Builder::new().name("viewer".into()).spawn(shown) {
        tell.failed(job, safe_line!("cannot start a thread: {error}"), "");
    }
}

/// Has a program show a part on the terminal, which is its own meanwhile.
///
/// # Errors
/// As [`show`], and where it says that it has failed.
pub(super) fn on_terminal(part: &PartContent) -> Result<(), SafeText> {
    let PartContent { name, media_type, octets } = part;
    let (name, media_type, content) = (name.clone(), media_type.clone(), octets.to_vec());
    let part = Part { name, media_type, content };
    let placed = Placed::new(&part, &Programs::of_user(), &runtime_folder())?;
    let (program, arguments) = placed.words()?;
    let mut command = std::process::Command::new(program);
    if placed.command.input == Input::Standard {
        command.stdin(placed.open()?);
    }
    match command.args(arguments).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(safe_line!("{program} ended with {status}")),
        Err(error) => Err(safe_line!("cannot start {program}: {error}")),
    }
}

/// What mailcap files say.
struct Programs {
    texts: Vec<String>,
    display: Display,
}

impl Programs {
    fn of_user() -> Self {
        let home = std::env::home_dir();
        let mailcaps = std::env::var("MAILCAPS").ok();
        let read = |path: &PathBuf| {
            let octets = postroad_disk::read_whole(path, limits::MAILCAP_OCTETS_MAX).ok()?;
            Some(String::from_utf8_lossy(&octets).into_owned())
        };
        let files = mailcap::files(mailcaps.as_deref(), home.as_deref());
        let is_set = |name: &&str| std::env::var_os(name).is_some();
        let display = match ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(is_set) {
            true => Display::There,
            false => Display::Missing,
        };
        Self { texts: files.iter().filter_map(read).collect(), display }
    }
}

/// Where folders of users are that end with their sessions.
fn runtime_folder() -> PathBuf {
    let folder = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    folder.filter(|folder| folder.is_dir()).unwrap_or_else(std::env::temp_dir)
}

fn show_by(
    letter: LetterId,
    part: &Part,
    programs: &Programs,
    above: &Path,
) -> Result<What, SafeText> {
    let placed = Placed::new(part, programs, above)?;
    match placed.command.shows {
        Shows::Terminal => {
            let (name, media_type) = (part.name.clone(), part.media_type.clone());
            let octets = part.content.as_slice().into();
            Ok(What::NeedsTerminal(PartContent { name, media_type, octets }.into()))
        }
        Shows::Words => {
            let octets = match placed.command.input {
                Input::Standard => part.content.as_slice(),
                Input::File => &[],
            };
            pipe::given_to(letter, octets, &placed.command.words).map(What::Output)
        }
        Shows::Window => {
            let (program, arguments) = placed.words()?;
            let input = match placed.command.input {
                Input::Standard => placed.open()?,
                Input::File => Stdio::null(),
            };
            let child = start(program, arguments, input);
            let mut child = child.map_err(|error| failed(&placed.kind, &error))?;
            let told = safe_line!("Handed to {program}");
            let gone = move || {
                drop(child.wait());
                drop(placed);
            };
            // Who can't be waited for loses the file at once.
            drop(thread::Builder::new().name("viewer".into()).spawn(gone));
            Ok(What::Told(told))
        }
    }
}

/// A part as a file, and what shows it; the file goes with this.
struct Placed {
    /// The part's type, as it is said.
    kind: SafeText,
    file: PathBuf,
    command: Command,
    _folder: PrivateFolder,
}

impl Placed {
    fn new(part: &Part, programs: &Programs, above: &Path) -> Result<Self, SafeText> {
        let kind = SafeText::line(&part.media_type).cut(80);
        let folder = PrivateFolder::new(above).map_err(|error| failed(&kind, &error))?;
        let file = save::save(part, &folder.0).map_err(|error| failed(&kind, &error))?;
        let Programs { texts, display } = programs;
        let command = mailcap::command(texts, &part.media_type, &file, *display);
        let command = command.ok_or_else(|| no_program(&kind))?;
        Ok(Self { kind, file, command, _folder: folder })
    }

    /// The program, and its arguments.
    fn words(&self) -> Result<(&String, &[String]), SafeText> {
        self.command.words.split_first().ok_or_else(|| no_program(&self.kind))
    }

    fn open(&self) -> Result<Stdio, SafeText> {
        File::open(&self.file).map(Stdio::from).map_err(|error| failed(&self.kind, &error))
    }
}

fn no_program(kind: &SafeText) -> SafeText {
    safe_line!("no mailcap file names a program for {} that needs no shell", kind.as_str())
}

fn failed(kind: &SafeText, error: &dyn std::fmt::Display) -> SafeText {
    safe_line!("cannot show {}: {error}", kind.as_str())
}

/// A new folder that nobody else can look into; it goes with this.
struct PrivateFolder(PathBuf);

impl PrivateFolder {
    fn new(above: &Path) -> std::io::Result<Self> {
        let mut random = [0; 8];
        rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())?;
        let folder = above.join(format!("postroad-{:016x}", u64::from_le_bytes(random)));
        DirBuilder::new().mode(0o700).create(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for PrivateFolder {
    fn drop(&mut self) {
        // What can't be removed goes with the session.
        drop(std::fs::remove_dir_all(&self.0));
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::{Duration, Instant};

    use super::*;

    const LETTER: LetterId =
        LetterId { folder: postroad_tui::data::FolderId(0), validity: 1, uid: 1 };

    fn programs(text: &str) -> Programs {
        Programs { texts: vec![text.to_owned()], display: Display::Missing }
    }

    #[test]
    fn what_a_program_writes_is_a_page_and_one_on_the_terminal_waits_for_it() {
        let above = tempfile::tempdir().unwrap();
        let part = Part {
            name: Some("n".into()),
            media_type: "text/x-notes".into(),
            content: b"one\n\x1b[2Jtwo\n".to_vec(),
        };
        let show = |mailcap: &str| show_by(LETTER, &part, &programs(mailcap), above.path());
        for mailcap in ["text/x-notes; tac; copiousoutput", "text/*; tac '%s'; copiousoutput"] {
            let What::Output(page) = show(mailcap).unwrap() else { panic!("{mailcap}") };
            let lines: Vec<&str> = page.lines.iter().map(|line| line.text.as_str()).collect();
            assert_eq!(lines, ["\\x1b[2Jtwo", "one"], "{mailcap}");
        }
        let What::NeedsTerminal(here) = show("text; less '%s'; needsterminal").unwrap() else {
            panic!("it needs the terminal");
        };
        assert_eq!((&*here.octets, here.name.as_deref()), (&*part.content, Some("n")));
        assert!(show("text; false; copiousoutput").unwrap_err().as_str().contains("failed"));
        assert_eq!(std::fs::read_dir(above.path()).unwrap().count(), 0, "nothing is left behind");
    }

    #[test]
    fn u05_a_part_is_a_private_file_and_its_name_no_command() {
        let above = tempfile::tempdir().unwrap();
        let told = above.path().join("told");
        // It writes down the mode and the path of what it was given, and ends when told to.
        let script = above.path().join("viewer");
        std::fs::write(
            &script,
            format!(
                "#!/bin/sh\nstat -c '%a %n' \"$1\" > {0}.tmp\nmv {0}.tmp {0}\n",
                told.display()
            ),
        )
        .unwrap();
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700)).unwrap();
        let part = Part {
            name: Some("$(touch x);`id`.png".into()),
            media_type: "image/png".into(),
            content: b"x".to_vec(),
        };
        let programs = programs(&format!("image/*; {} '%s'", script.display()));
        let What::Told(words) = show_by(LETTER, &part, &programs, above.path()).unwrap() else {
            panic!("it has a window");
        };
        assert!(words.as_str().starts_with("Handed to "), "{words}");
        let until = Instant::now() + Duration::from_secs(60);
        let folders = || {
            let entries = std::fs::read_dir(above.path()).unwrap();
            entries.filter(|entry| entry.as_ref().unwrap().path().is_dir()).count()
        };
        while (!told.exists() || folders() > 0) && Instant::now() < until {
            thread::yield_now();
        }
        let told = std::fs::read_to_string(told).unwrap();
        assert!(
            told.starts_with("600 ") && told.trim_end().ends_with("/_(touch x)__id_.png"),
            "{told}"
        );
        assert_eq!(folders(), 0, "the file goes with the program");
        // What no entry fits leaves nothing behind.
        let wrong = Part { media_type: "image/`id`".into(), ..part };
        assert!(show_by(LETTER, &wrong, &programs, above.path()).is_err());
        assert_eq!(folders(), 0);
    }
}
