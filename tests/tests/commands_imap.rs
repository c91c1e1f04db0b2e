//! Commands on an account at an IMAP server: ours, with everything that it offers, and Dovecot; and on a Maildir. Letters are listed, found,
//! marked and moved, in the inbox and in folders, and what was done is taken back.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context as _, Result, ensure};
use postroad_tests::peers::{Dovecot, Needs, Stage};
use postroad_tests::suite::{Up, binary};
use serde_json::Value;
use tempfile::tempdir;

const USERS: &[&str] = &["--domain", "example.test", "--user", "alice:wonder-land"];

/// The letters that are there at the beginning, the first one first: author, subject, text.
const LETTERS: [(&str, &str, &str); 4] = [
    ("Anna <anna@x.example>", "lunch", "at noon?"),
    ("Bert <bert@x.example>", "supper", "the Gr\u{fc}ne Bar, at eight"),
    ("Anna <anna@x.example>", "breakfast", "not me"),
    ("List <list@x.example>", "news", "nothing new"),
];

fn letter((from, subject, text): (&str, &str, &str), number: usize) -> String {
    format!(
        "From: {from}\nTo: alice@example.test\nSubject: {subject}\nDate: Mon, 1 Jan 2024 00:00:0{number} +0000\n\
         Message-ID: <{number}@x.example>\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\
         Content-Transfer-Encoding: 8bit\n\n{text}\n"
    )
}

fn fill(maildir: &Path) -> Result<()> {
    for part in ["tmp", "new", "cur", ".Lists/tmp", ".Lists/new", ".Lists/cur"] {
        fs::create_dir_all(maildir.join(part))?;
    }
    for (number, one) in LETTERS.into_iter().enumerate() {
        let name = format!("new/{}.a{number}.x", 1_700_000_000 + number);
        fs::write(maildir.join(name), letter(one, number))?;
    }
    Ok(())
}

/// Names of a folder's files, below new/ and cur/.
fn names(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for part in ["new", "cur"] {
        let entries = fs::read_dir(folder.join(part)).into_iter().flatten().flatten();
        names.extend(entries.map(|entry| entry.file_name().to_string_lossy().into_owned()));
    }
    names
}

/// A user agent, whose letters are at a server.
type Ours<'a> = &'a dyn Fn(&[&str]) -> Result<Command>;

fn printed(ours: Ours<'_>, arguments: &[&str]) -> Result<String> {
    let output = ran(ours, arguments)?;
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{arguments:?}: {complaint}");
    Ok(String::from_utf8(output.stdout)?)
}

fn ran(ours: Ours<'_>, arguments: &[&str]) -> Result<Output> {
    Ok(ours(arguments)?.output()?)
}

/// A field of each line of JSON.
fn each(ours: Ours<'_>, arguments: &[&str], field: &str) -> Result<Vec<String>> {
    let lines = printed(ours, &[arguments, &["--json"]].concat())?;
    let value = |line: &str| -> Result<String> {
        let line: Value = serde_json::from_str(line)?;
        Ok(line.get(field).and_then(Value::as_str).context("no such field")?.to_owned())
    };
    lines.lines().map(value).collect()
}

fn subjects(ours: Ours<'_>, arguments: &[&str]) -> Result<Vec<String>> {
    each(ours, arguments, "subject")
}

/// Folders are made, subscribed to, renamed and removed.
fn folders(ours: Ours<'_>, maildir: &Path) -> Result<()> {
    let known = |name: &str| -> Result<Option<(u64, bool)>> {
        let lines = printed(ours, &["folders", "list", "--json"])?;
        let lines: Vec<Value> =
            lines.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        let found = lines.iter().find(|line| line.get("name").is_some_and(|it| it == name));
        Ok(found.map(|line| {
            let letters = line.get("letters").and_then(Value::as_u64).unwrap_or(u64::MAX);
            (letters, line.get("subscribed").is_some_and(|it| it == true))
        }))
    };
    printed(ours, &["folders", "make", "Plans"])?;
    ensure!(known("Plans")? == Some((0, true)), "{:?}", known("Plans")?);
    let again = ran(ours, &["folder", "make", "Plans"])?;
    ensure!(!again.status.success());
    printed(ours, &["folders", "unsubscribe", "Plans"])?;
    ensure!(known("Plans")? == Some((0, false)));
    printed(ours, &["folders", "subscribe", "Plans"])?;
    printed(ours, &["move", "1", "--to", "Plans"])?;
    printed(ours, &["folders", "rename", "Plans", "Pl\u{e4}ne"])?;
    ensure!(known("Plans")?.is_none());
    ensure!(known("Pl\u{e4}ne")?.is_some_and(|(letters, _)| letters == 1));
    ensure!(subjects(ours, &["list", "--folder", "Pl\u{e4}ne"])?.len() == 1);
    // Nobody is there to be asked.
    let refused = ran(ours, &["folders", "remove", "Pl\u{e4}ne"])?;
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    ensure!(refused.status.code() == Some(64) && words.contains("and 1 letter in it"), "{words}");
    printed(ours, &["folders", "remove", "Pl\u{e4}ne", "--yes"])?;
    ensure!(known("Pl\u{e4}ne")?.is_none());
    let there = fs::read_dir(maildir)?.flatten().map(|entry| entry.file_name());
    ensure!(there.into_iter().all(|name| !name.to_string_lossy().starts_with(".Pl")));
    ensure!(!ran(ours, &["folders", "remove", "INBOX", "--yes"])?.status.success());
    Ok(())
}

/// What is done at each server; the folder is where it keeps the letters.
fn all_of_it(ours: Ours<'_>, maildir: &Path) -> Result<()> {
    ensure!(subjects(ours, &["list"])? == ["lunch", "supper", "breakfast", "news"]);

    // Found by the server, or by it and by a look at what it has found; the newest first.
    for (words, found) in [
        (&["~f anna"][..], &["breakfast", "lunch"][..]),
        (&["gr\u{fc}ne"], &["supper"]),
        (&["~b", "not.*me"], &["breakfast"]),
        (&["~s", "^lun"], &["lunch"]),
        (&["!~f anna ~d 1/1/2024"], &["news", "supper"]),
        (&["~m 2-3"], &["breakfast", "supper"]),
        (&["nobody says that"], &[]),
    ] {
        let output = ran(ours, &[&["search", "--json"], words].concat())?;
        let text = String::from_utf8(output.stdout)?;
        let lines: Result<Vec<Value>, _> = text.lines().map(serde_json::from_str).collect();
        let subjects: Vec<String> = lines?
            .iter()
            .filter_map(|line| line.get("subject").and_then(Value::as_str).map(str::to_owned))
            .collect();
        let words = format!("{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        ensure!(subjects == found, "{words}: {subjects:?}");
        ensure!(output.status.code() == Some(i32::from(found.is_empty())), "{words}");
    }

    // Marked, and as it was before.
    printed(ours, &["tag", "1", "2", "--add", "flagged", "--add", "seen"])?;
    ensure!(each(ours, &["list"], "flags")? == ["FS", "FS", "", ""]);
    printed(ours, &["tag", "1", "--remove", "flagged"])?;
    ensure!(subjects(ours, &["search", "~F"])? == ["supper"]);
    printed(ours, &["undo"])?;
    printed(ours, &["undo"])?;
    ensure!(each(ours, &["list"], "flags")? == ["", "", "", ""]);

    // The same with keywords, which any word is that is no flag.
    printed(ours, &["tag", "2", "--add", "todo", "--add", "flagged"])?;
    printed(ours, &["tag", "2", "--add", "later", "--remove", "TODO"])?;
    let keywords = |expected: &[&str]| -> Result<()> {
        let lines = printed(ours, &["list", "--json"])?;
        let line: Value = serde_json::from_str(lines.lines().nth(1).context("no line")?)?;
        let known = line.get("keywords").and_then(Value::as_array).cloned().unwrap_or_default();
        ensure!(known == expected, "{line}");
        Ok(())
    };
    keywords(&["later"])?;
    printed(ours, &["undo"])?;
    keywords(&["todo"])?;
    printed(ours, &["undo"])?;
    keywords(&[])?;
    let refused = ran(ours, &["tag", "2", "--add", "two words"])?;
    ensure!(refused.status.code() == Some(64), "{}", String::from_utf8_lossy(&refused.stderr));

    // Moved to a folder that is there, to one that isn't, and back.
    printed(ours, &["move", "latest", "--to", "Lists"])?;
    ensure!(subjects(ours, &["list", "--folder", "Lists"])? == ["news"]);
    ensure!(names(&maildir.join(".Lists")).len() == 1);
    let refused = ran(ours, &["move", "1", "--to", "Nowhere"])?;
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    ensure!(refused.status.code() == Some(64) && words.contains("--make makes it"), "{words}");
    printed(ours, &["move", "1", "--to", "Nowhere", "--make"])?;
    ensure!(subjects(ours, &["list"])? == ["supper", "breakfast"]);
    ensure!(subjects(ours, &["search", "--all", "~s e"])? == ["breakfast", "supper", "news"]);
    ensure!(each(ours, &["search", "--all", "~s news"], "folder")? == ["Lists"]);
    ensure!(printed(ours, &["read", "--folder", "Nowhere", "1"])?.contains("at noon?"));
    let listed = printed(ours, &["undo", "--list"])?;
    ensure!(listed.lines().count() == 2, "{listed}");
    printed(ours, &["undo"])?;
    printed(ours, &["undo"])?;
    ensure!(names(&maildir.join(".Lists")).is_empty());
    let mut all = subjects(ours, &["list"])?;
    all.sort();
    ensure!(all == ["breakfast", "lunch", "news", "supper"], "{all:?}");

    // Thrown away, had back, thrown away for good.
    printed(ours, &["delete", "1"])?;
    ensure!(names(&maildir.join(".Trash")).len() == 1);
    printed(ours, &["undo"])?;
    ensure!(names(&maildir.join(".Trash")).is_empty() && names(maildir).len() == 4);
    printed(ours, &["delete", "1"])?;
    printed(ours, &["delete", "--folder", "Trash", "1"])?;
    ensure!(names(&maildir.join(".Trash")).is_empty() && names(maildir).len() == 3);

    folders(ours, maildir)?;

    // A folder that isn't there.
    let missing = ran(ours, &["list", "--folder", "Nothing.Here"])?;
    let words = String::from_utf8_lossy(&missing.stderr).into_owned();
    ensure!(missing.status.code() == Some(66), "{words}");
    Ok(())
}

#[test]
fn in_a_maildir() -> Result<()> {
    let folder = tempdir()?;
    let maildir = folder.path().join("Maildir");
    fill(&maildir)?;
    let ours = |arguments: &[&str]| -> Result<Command> {
        let mut command = Command::new(binary("postroad-mua")?);
        command
            .env("HOME", folder.path())
            .env("POSTROAD_CONFIG", "/nonexistent")
            .env("POSTROAD_MUA_ADDRESS", "alice@x.example")
            .env("POSTROAD_MUA_INBOX", &maildir)
            .env("XDG_STATE_HOME", folder.path().join("state"))
            .args(arguments);
        Ok(command)
    };
    all_of_it(&ours, &maildir)
}

#[test]
fn at_our_own_server() -> Result<()> {
    let folder = tempdir()?;
    let up = Up::start(folder.path(), USERS)?;
    let maildir = up.maildir("alice")?.to_owned();
    fill(&maildir)?;
    let port = up.address("imaps")?.port();
    let state = folder.path().join("state");
    let ours = |arguments: &[&str]| -> Result<Command> {
        let mut command = up.user_agent("alice", arguments)?;
        command
            .env("POSTROAD_MUA_INBOX", format!("imaps://localhost:{port}"))
            .env("XDG_STATE_HOME", &state);
        Ok(command)
    };
    all_of_it(&ours, &maildir)
}

#[test]
fn at_a_dovecot() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Servers)? else { return Ok(()) };
    let maildir: PathBuf = stage.path("home/alice/Maildir");
    fill(&maildir)?;
    Stage::give(&maildir, Stage::user("alice")?.id)?;
    let dovecot = Dovecot::start(&stage)?;
    let folder = tempdir()?;
    let ours = |arguments: &[&str]| Dovecot::our_agent(folder.path(), dovecot.imap, arguments);
    all_of_it(&ours, &maildir)
}
