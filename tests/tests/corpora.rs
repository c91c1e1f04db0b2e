//! Every letter of the corpora is listed, indexed, read and laid out by the user agent, and no octet of any reaches a terminal
//! that the terminal obeys.
//!
//! | corpus | where it is |
//! |---|---|
//! | ours | `tests/corpus` |
//! | mail-parser's | `resources` of the crate, as the registry has it |
//! | Python's | `test/test_email/data` of Debian's libpython3.11-testsuite |
//! | Debian's | 2,403 letters of lists and newsletters, of 2002, in golang-github-gatherstars-com-jwz-dev |

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context as _, Result, ensure};
use postroad_tests::peers::{Needs, Packages, Stage};
use postroad_tests::process::run;
use postroad_tests::suite::binary;
use tempfile::{TempDir, tempdir};

const PYTHONS: &str = "usr/lib/python3.11/test/test_email/data";
const DEBIANS: &str = "usr/share/gocode/src/github.com/gatherstars-com/jwz/test/testdata/ham";
/// Letters that one command is asked for.
const AT_ONCE: usize = 250;

#[derive(Default)]
struct Corpora {
    letters: Vec<(PathBuf, Vec<u8>)>,
}

impl Corpora {
    fn all(stage: &Stage) -> Result<Self> {
        let mut corpora = Self::default();
        let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
        let parser = mail_parser()?.join("resources");
        for (folder, at_least) in [
            (ours, 60),
            (parser, 100),
            (stage.unpacked(PYTHONS), 40),
            (stage.unpacked(DEBIANS), 2_400),
        ] {
            let before = corpora.letters.len();
            corpora.add(&folder).with_context(|| folder.display().to_string())?;
            let added = corpora.letters.len() - before;
            ensure!(added >= at_least, "{} has {added} letters", folder.display());
        }
        corpora.letters.sort();
        Ok(corpora)
    }

    fn add(&mut self, folder: &Path) -> Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let ending = path.extension().unwrap_or_default();
            if path.is_dir() {
                self.add(&path)?;
            // What else there is says how a letter is to be understood, or is a picture or sound.
            } else if ["", "eml", "txt"].iter().any(|it| ending == *it) {
                let octets = fs::read(&path)?;
                self.letters.push((path, octets));
            }
        }
        Ok(())
    }
}

/// Where the registry's copy of mail-parser is.
fn mail_parser() -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let workspace = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let metadata = run(Command::new(cargo)
        .args(["metadata", "--offline", "--format-version=1", "--manifest-path"])
        .arg(workspace))?;
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout)?;
    let packages = metadata["packages"].as_array().context("no packages")?;
    let parser = packages.iter().find(|package| package["name"] == "mail-parser");
    let manifest = parser.and_then(|parser| parser["manifest_path"].as_str());
    let manifest = Path::new(manifest.context("mail-parser isn't among the packages")?);
    Ok(manifest.parent().context("a file has a folder")?.to_owned())
}

/// A home whose inbox has them all.
struct Home {
    folder: TempDir,
    letters: usize,
}

impl Home {
    fn with(corpora: &Corpora) -> Result<Self> {
        let folder = tempdir()?;
        let inbox = folder.path().join("Maildir");
        for part in ["tmp", "new", "cur"] {
            fs::create_dir_all(inbox.join(part))?;
        }
        for (number, (_, octets)) in corpora.letters.iter().enumerate() {
            fs::write(inbox.join(format!("cur/{}.corpus.here:2,S", 1_000_000 + number)), octets)?;
        }
        Ok(Self { folder, letters: corpora.letters.len() })
    }

    /// What our user agent says; it is to end well.
    fn ours(&self, arguments: &[&str]) -> Result<Output> {
        run(Command::new(binary("postroad-mua")?)
            .env("HOME", self.folder.path())
            .env("TZ", "UTC")
            .env("POSTROAD_MUA_ADDRESS", "me@x.example")
            .env("POSTROAD_MUA_INBOX", self.folder.path().join("Maildir"))
            .args(arguments))
    }

    /// The same with all letters' numbers, some at a time; lines that are JSON.
    fn ours_of_all(
        &self,
        arguments: &[&str],
        mut look: impl FnMut(&str) -> Result<()>,
    ) -> Result<()> {
        let numbers: Vec<String> = (1..=self.letters).map(|number| number.to_string()).collect();
        for some in numbers.chunks(AT_ONCE) {
            let some: Vec<&str> = some.iter().map(String::as_str).collect();
            let said = self.ours(&[arguments, &some].concat())?;
            let said = String::from_utf8(said.stdout)?;
            look(&said).with_context(|| format!("letters {some:?}"))?;
        }
        Ok(())
    }
}

/// Nothing in it is obeyed by a terminal, nor leads an eye astray.
fn check_inert(text: &str) -> Result<()> {
    for line in text.lines() {
        let obeyed = |c: char| c.is_control() || "\u{202e}\u{2066}\u{200b}\u{feff}".contains(c);
        ensure!(!line.contains(obeyed), "{line:?}");
    }
    Ok(())
}

#[test]
fn every_letter_is_listed_read_and_found() -> Result<()> {
    let Some(stage) = Stage::set_up_with(Needs::Tools, Packages::Screens)? else { return Ok(()) };
    let corpora = Corpora::all(&stage)?;
    let home = Home::with(&corpora)?;

    let list = String::from_utf8(home.ours(&["list", "--all"])?.stdout)?;
    check_inert(&list)?;
    let listed = list.lines().count();
    ensure!(listed >= home.letters, "{listed} of {} are listed", home.letters);

    home.ours_of_all(&["read"], check_inert)?;
    let mut ids = BTreeSet::new();
    home.ours_of_all(&["read", "--json"], |lines| {
        check_inert(lines)?;
        for line in lines.lines() {
            let letter: serde_json::Value = serde_json::from_str(line)?;
            ids.insert(letter["id"].as_str().context("no id")?.to_owned());
        }
        Ok(())
    })?;
    ensure!(ids.len() == home.letters, "{} of {} are read", ids.len(), home.letters);

    // By what stands in its text, which has all of them indexed: as many as are found by reading all.
    let found = |pattern: &str| -> Result<usize> {
        let found = String::from_utf8(home.ours(&["search", "--json", pattern])?.stdout)?;
        check_inert(&found)?;
        Ok(found.lines().count())
    };
    let indexed = found("~b spamassassin")?;
    // An expression can't be looked up.
    let by_reading = found("~b spa[m]assassin")?;
    ensure!(indexed == by_reading && indexed > 100, "{indexed} of {by_reading}");
    Ok(())
}

#[test]
fn every_letter_is_laid_out_for_the_screen() -> Result<()> {
    let Some(stage) = Stage::set_up_with(Needs::Tools, Packages::Screens)? else { return Ok(()) };
    for (path, octets) in Corpora::all(&stage)?.letters {
        let shown = std::panic::catch_unwind(|| postroad_mua::fuzz::render(&octets));
        ensure!(shown.is_ok(), "{}", path.display());
    }
    Ok(())
}
