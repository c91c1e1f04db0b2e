//! What commands print with `--json` is what `docs/json` says, by Debian's python3-jsonschema.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use postroad_tests::peers::{Needs, Packages, Stage};
use postroad_tests::process::run;
use postroad_tests::suite::binary;
use tempfile::{TempDir, tempdir};

const LETTER: &str = "Received: from a.example (a.example [192.0.2.1]) by b.example with ESMTPS id 1; \
    Thu, 26 Nov 2026 10:00:05 +0000\nFrom: Anna <anna@a.example>\nTo: me@x.example\nSubject: lunch\n\
    Date: Thu, 26 Nov 2026 10:00:00 +0000\nMessage-ID: <1@a.example>\nMIME-Version: 1.0\n\
    Content-Type: multipart/mixed; boundary=b\n\n--b\n\nat noon?\n--b\nContent-Type: text/csv; name=a.csv\n\
    Content-Disposition: attachment\n\n1,2\n--b--\n";

/// Each command, with what is typed; in the order in which they have something to tell.
const COMMANDS: &[(&str, &[&str])] = &[
    ("list", &[]),
    ("threads", &[]),
    ("tag", &["1", "--add", "flagged", "--add", "todo"]),
    ("list", &[]),
    ("read", &["1"]),
    ("save", &["1"]),
    ("search", &["--all", "lunch"]),
    ("verify", &["1"]),
    ("trace", &["1"]),
    ("send", &["bob@x.example", "--subject", "greetings"]),
    ("reply", &["1"]),
    ("forward", &["1", "--to", "bob@x.example"]),
    ("outbox", &[]),
    ("address", &["list"]),
    ("undo", &["--list"]),
    ("move", &["1", "--to", "Saved"]),
    ("undo", &["--list"]),
    ("account", &[]),
    ("folders", &["list"]),
    ("delete", &["--folder", "Saved", "1"]),
    ("doctor", &[]),
];

struct Home(TempDir);

impl Home {
    fn new() -> Result<Self> {
        let home = Self(tempdir()?);
        for folder in ["Maildir", "Maildir/.Saved"] {
            for part in ["tmp", "new", "cur"] {
                fs::create_dir_all(home.path(folder).join(part))?;
            }
        }
        for name in ["1.a.h", "2.b.h"] {
            fs::write(home.path("Maildir/cur").join(format!("{name}:2,S")), LETTER)?;
        }
        Ok(home)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Our user agent, which sends to nobody.
    fn ours(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(binary("postroad-mua")?);
        command
            .env("HOME", self.0.path())
            .env("EDITOR", "true")
            .env("POSTROAD_CONFIG", "/nonexistent")
            .env("POSTROAD_MUA_NAME", "Me")
            .env("POSTROAD_MUA_ADDRESS", "me@x.example")
            .env("POSTROAD_MUA_INBOX", self.path("Maildir"))
            .env("POSTROAD_MUA_SUBMISSION", "smtp://127.0.0.1:1")
            .current_dir(self.0.path())
            .args(arguments);
        Ok(command)
    }

    /// What it prints, given a text; `doctor` finds that nothing can be sent, and says so.
    fn printed(&self, arguments: &[&str]) -> Result<String> {
        let mut child = self
            .ours(arguments)?
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        child.stdin.take().context("no input")?.write_all(b"words\n")?;
        let output = child.wait_with_output()?;
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(!output.stdout.is_empty(), "{arguments:?} printed nothing: {complaint}");
        Ok(String::from_utf8(output.stdout)?)
    }
}

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/json")
}

fn is_allowed(stage: &Stage, schema: &Path, lines: &str) -> Result<()> {
    let mut child = stage.python("valid.py").arg(schema).stdin(Stdio::piped()).spawn()?;
    child.stdin.take().context("no input")?.write_all(lines.as_bytes())?;
    ensure!(child.wait()?.success(), "{} doesn't allow {lines}", schema.display());
    Ok(())
}

#[test]
fn what_is_printed_is_what_the_schemas_say() -> Result<()> {
    let Some(stage) = Stage::set_up_with(Needs::Tools, Packages::Screens)? else { return Ok(()) };
    let home = Home::new()?;
    run(&mut home.ours(&["move", "2", "--to", "Saved"])?)?;
    for (command, arguments) in COMMANDS {
        let lines = home.printed(&[&[*command], *arguments, &["--json"]].concat())?;
        is_allowed(&stage, &docs().join(format!("{command}.json")), &lines)
            .with_context(|| (*command).to_owned())?;
    }
    Ok(())
}

#[test]
fn the_schemas_in_the_docs_are_those_of_the_program() -> Result<()> {
    let home = Home::new()?;
    let named = String::from_utf8(run(&mut home.ours(&["schema"])?)?.stdout)?;
    for command in named.lines() {
        let printed = run(&mut home.ours(&["schema", command])?)?.stdout;
        let file = docs().join(format!("{command}.json"));
        let kept = fs::read(&file).unwrap_or_default();
        ensure!(
            kept == printed,
            "{} is another: write it by `postroad-mua schema {command} > docs/json/{command}.json`",
            file.display(),
        );
    }
    let files = fs::read_dir(docs())?.count();
    ensure!(files == named.lines().count(), "docs/json has {files} files");
    Ok(())
}
