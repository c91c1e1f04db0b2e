//! `postroad-mda sieve check`, `test` and `format`: what a script is, and what it would do. Nothing is done to
//! any letter.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use jiff::Zoned;
use postroad_protocol::address::{Address, ReversePath};
use postroad_sieve::{
    Call, Facts, Location, Message, Outcome, ProgramError, Programs, Ran, Script, Tracing, Unfit,
};
use postroad_store::FolderName;

use super::plan::{FolderIs, Ground, Place, Plan, PlannedPipe, Recipient, Spot, Store};
use super::script;
use crate::letter::Header;
use crate::limits;
use crate::programs::Program;

/// Why a script is of no use here.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// A file, or standard input.
    #[error("cannot {operation} {}", path.display())]
    File {
        /// The verb.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// One `file:line:column: problem (hint)` a line.
    #[error("{0}")]
    Mistakes(String),
    /// What is no address.
    #[error("\"{0}\" is no address")]
    Address(String),
}

/// Who a test letter comes from, and to whom.
#[derive(Debug, Clone, Default)]
pub struct TestEnvelope {
    /// `None`: as the letter's `Return-Path` has it.
    pub from: Option<String>,
    /// `None`: nobody in particular.
    pub to: Option<String>,
}

/// What is done with canonical text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Formatted {
    /// It is given to the caller.
    Shown,
    /// It takes the script's place.
    Written,
}

/// Looks for mistakes.
///
/// # Errors
/// All that there are, or why the script can't be read.
pub fn check(path: &Path) -> Result<(), ToolError> {
    let script = compile(path)?;
    // In the scripts that it includes, and names of folders.
    let warnings: Vec<String> = script.warnings().iter().map(ToString::to_string).collect();
    match warnings.is_empty() {
        true => Ok(()),
        false => Err(ToolError::Mistakes(warnings.join("\n"))),
    }
}

/// Brings a script into canonical form; gives the text.
///
/// # Errors
/// Where it is no script, or can't be read or written.
pub fn format(path: &Path, what: Formatted) -> Result<Vec<u8>, ToolError> {
    let old = read(path)?;
    let new = postroad_sieve::format(&path.display().to_string(), &old)
        .map_err(|problem| ToolError::Mistakes(problem.to_string()))?;
    if what == Formatted::Written && new != old {
        replace(path, &new).map_err(|source| failed("write", path, source))?;
    }
    Ok(new)
}

/// Says step by step what a script finds in the letter on `input`, and what would be done with it.
///
/// # Errors
/// As [`check`], and where the letter can't be read or an address is none.
pub fn test(
    path: &Path,
    envelope: &TestEnvelope,
    input: impl io::Read,
) -> Result<String, ToolError> {
    let script = compile(path)?;
    let mut message = Vec::new();
    input
        .take(limits::TEST_LETTER_OCTETS_MAX)
        .read_to_end(&mut message)
        .map_err(|source| failed("read", Path::new("standard input"), source))?;
    let header = Header::read(&message);
    let kept = header.kept_of(&message).collect::<Vec<_>>().concat();
    let address = |text: &String| ToolError::Address(text.clone());
    let from = match &envelope.from {
        Some(text) => crate::letter::reverse_path(text).ok_or_else(|| address(text))?,
        None => header.return_path.unwrap_or(ReversePath::Null),
    };
    let to = match &envelope.to {
        Some(text) => Some(Address::parse(text).map_err(|_| address(text))?),
        None => None,
    };
    let outcome = run(&script, &kept, &from, to.as_ref());
    Ok(shown(outcome, &from, to.as_ref()))
}

fn run(script: &Script, message: &[u8], from: &ReversePath, to: Option<&Address>) -> Outcome {
    let (from, to_text) = (from.to_string(), to.map(ToString::to_string));
    let own: Vec<Address> = to.into_iter().cloned().collect();
    let facts = Facts {
        envelope_from: Some(&from),
        envelope_to: to_text.as_deref(),
        own_addresses: &own,
        programs: &Imagined,
        now: Zoned::now(),
        tracing: Tracing::On,
        ..Facts::default()
    };
    script.run(&Message::new(message), &facts)
}

fn shown(outcome: Outcome, from: &ReversePath, to: Option<&Address>) -> String {
    let mut text = String::new();
    for step in &outcome.trace {
        // Writing into a String can't fail.
        let _ = writeln!(text, "{step}");
    }
    // Which folders there are isn't known here: all are taken to be there.
    let folder = |_: &_| Ok(FolderIs::Usable);
    let nobody = Address::parse("nobody@localhost");
    let (Some(to), recipient) = (to.or(nobody.as_ref().ok()), Recipient::Alone) else {
        return text;
    };
    // It fails where a folder can't be looked up.
    // The same goes for programs.
    let program = |name: &str| Ok(Program::at(name.as_ref()));
    // What folders are for isn't known either: the named ones they are.
    let folder_for = |_: &str, _: Option<&FolderName>| Ok(None);
    let ground =
        Ground { to, from, recipient, folder: &folder, folder_for: &folder_for, program: &program };
    let Ok(plan) = Plan::of(outcome, &ground) else {
        return text;
    };
    text.push_str(&would(&plan));
    text
}

/// What a plan comes to, a line each.
fn would(plan: &Plan) -> String {
    let mut lines: Vec<String> = plan.stores.iter().map(would_store).collect();
    for sending in &plan.sendings {
        let to: Vec<String> = sending.to.iter().map(ToString::to_string).collect();
        lines.push(format!("would send on to {}", to.join(", ")));
    }
    for answer in &plan.answers {
        let to: Vec<String> = answer.to.iter().map(ToString::to_string).collect();
        lines.push(format!("would write to {}", to.join(", ")));
    }
    for PlannedPipe { pipe, .. } in &plan.pipes {
        let arguments = pipe.arguments.iter();
        let arguments =
            arguments.map(|argument| format!(" {:?}", String::from_utf8_lossy(argument)));
        let arguments = arguments.collect::<String>();
        let kept = if pipe.kept.is_some() { ", and keep it if that fails" } else { "" };
        lines.push(format!("would run the program {}{arguments}{kept}", pipe.program));
    }
    if let Some(reason) = &plan.refusal {
        lines.push(format!("would refuse: {}", reason.join(" / ")));
    } else if lines.is_empty() {
        lines.push("would discard".to_owned());
    }
    lines.extend(plan.mistake.iter().map(|mistake| format!("and tell the user: {mistake}")));
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// Programs that all succeed, and are not run.
struct Imagined;

impl Programs for Imagined {
    fn run(&self, _: &Call<'_>) -> Result<Ran, ProgramError> {
        Ok(Ran::Imagined)
    }
}

fn would_store(store: &Store) -> String {
    let Store { spot: Spot { place, flags, made_for: _ }, content } = store;
    let place = match place {
        Place::Inbox => "the inbox".to_owned(),
        Place::Folder(name) => format!("the folder {name}"),
    };
    let flags = if flags.is_empty() { String::new() } else { format!(" with flags {flags}") };
    let content = match content {
        postroad_sieve::Content::Original => "",
        postroad_sieve::Content::Edited { .. } => ", changed",
    };
    format!("would file into {place}{flags}{content}")
}

fn compile(path: &Path) -> Result<Script, ToolError> {
    let library = Library(path);
    postroad_sieve::compile_with(&path.display().to_string(), &read(path)?, &library)
        .map_err(|problems| ToolError::Mistakes(problems.to_string()))
}

/// The scripts beside one, whoever may have written them: nothing is done.
struct Library<'a>(&'a Path);

impl postroad_sieve::Library for Library<'_> {
    fn script(&self, location: Location, name: &str) -> Option<Vec<u8>> {
        read(&script::included(self.0, location, name)?).ok()
    }

    fn unfit(&self, mailbox: &str) -> Option<Unfit> {
        script::unfit(mailbox)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, ToolError> {
    let limit = postroad_sieve::limits::SCRIPT_OCTETS_MAX as u64 + 1;
    let mut text = Vec::new();
    File::open(path)
        .and_then(|file| file.take(limit).read_to_end(&mut text))
        .map_err(|source| failed("read", path, source))?;
    Ok(text)
}

fn failed(operation: &'static str, path: &Path, source: io::Error) -> ToolError {
    ToolError::File { operation, path: path.to_owned(), source }
}

/// Writes a file anew, whole or not at all, with the modes it has.
fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    // Where it is a link, its target is written.
    let path = path.canonicalize()?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let beside = path.with_file_name(name);
    let written = File::create_new(&beside).and_then(|mut file| {
        file.set_permissions(path.metadata()?.permissions())?;
        file.write_all(text)?;
        file.sync_all()?;
        std::fs::rename(&beside, &path)
    });
    if written.is_err() {
        // The error that counts is the first one.
        let _ = std::fs::remove_file(&beside);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.sieve");
        std::fs::write(&path, text).unwrap();
        (dir, path)
    }

    #[test]
    fn what_a_script_would_do() {
        let script = "require [\"fileinto\", \"envelope\", \"imap4flags\"];\n\
            if envelope \"from\" \"bob@x.example\" {\n\
            fileinto :flags \"\\\\Seen\" \"Bob\"; redirect \"eve@x.example\";\n\
            } elsif header :is \"Subject\" \"no\" { discard; }\n";
        let (_dir, path) = place(script);
        let test = |from: Option<&str>, letter: &str| {
            let envelope = TestEnvelope {
                from: from.map(str::to_owned),
                to: Some("alice@our.example".to_owned()),
            };
            test(&path, &envelope, letter.as_bytes()).unwrap()
        };
        let said = test(Some("bob@x.example"), "Subject: no\n\n");
        assert!(said.contains("a.sieve:2:4:"), "{said}");
        assert!(
            said.ends_with(
                "would file into the folder Bob with flags \\Seen\nwould send on to eve@x.example\n"
            ),
            "{said}"
        );
        assert!(test(None, "Return-Path: <bob@x.example>\nSubject: no\n\n").contains("Bob"));
        assert!(test(Some(""), "Subject: no\n\n").ends_with("would discard\n"));
        assert!(test(None, "Subject: yes\n\n").ends_with("would file into the inbox\n"));
    }

    #[test]
    fn programs_that_would_be_run_are_named_and_not_run() {
        let script = "require [\"vnd.dovecot.pipe\", \"vnd.dovecot.filter\", \"copy\"];\n\
            filter \"spam\" \"-x\"; pipe :copy :try \"print\" [\"A4\", \"\"]; pipe \"mine\";";
        let (_dir, path) = place(script);
        let said = test(&path, &TestEnvelope::default(), &b"Subject: no\n\n"[..]).unwrap();
        assert!(said.contains("program \"spam\" with \"-x\" would run"), "{said}");
        assert!(
            said.ends_with(
                "would run the program print \"A4\" \"\", and keep it if that fails\n\
                 would run the program mine, and keep it if that fails\n"
            ),
            "{said}"
        );
    }

    #[test]
    fn mistakes_have_a_place_and_canonical_text_takes_its_place_when_asked() {
        let (_dir, path) = place("require \"fileinto\";\nfileint \"x\";\n");
        let said = check(&path).unwrap_err().to_string();
        assert!(said.starts_with(&format!("{}:2:1: ", path.display())), "{said}");
        let (_dir, path) = place(
            "require [\"fileinto\", \"variables\", \"vacation\", \"fcc\"];\n\
             fileinto \"Lists.x\"; fileinto \"inbox\"; fileinto \"${unknown}\";\n\
             fileinto\n  \"Lists/x\";\nvacation :fcc \"cur\" \"gone\";\n",
        );
        let said = check(&path).unwrap_err().to_string();
        let lines: Vec<&str> = said.lines().collect();
        let [slash, dot] = lines.as_slice() else { panic!("{said}") };
        let file = path.display().to_string();
        assert!(
            slash.starts_with(&format!("{file}:4:3: \"Lists/x\" can't be a folder: ")),
            "{said}"
        );
        assert!(slash.ends_with(" (write \"Lists.x\")"), "{said}");
        assert!(dot.starts_with(&format!("{file}:5:15: \"cur\" can't be a folder: ")), "{said}");
        let (dir, path) = place("keep ;");
        assert_eq!(format(&path, Formatted::Shown).unwrap(), b"keep;\n");
        assert_eq!(std::fs::read(&path).unwrap(), b"keep ;");
        format(&path, Formatted::Written).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"keep;\n");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        assert!(check(Path::new("/nowhere/at/all")).is_err());
    }
}
