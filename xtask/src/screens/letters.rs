//! A small mailbox, as old as the pictures are new: dates are counted back from now.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};

/// Minutes ago, who wrote it, what about, the letter that it answers, flags, and its text.
type Letter = (u32, &'static str, &'static str, Option<usize>, &'static str, &'static str);

const LETTERS: [Letter; 9] = [
    (9_000, "Bob Baker <bob@far.example>", "Lunch?", None, "RS", "Are you in town next week?\n"),
    (
        8_000,
        "Carol <carol@far.example>",
        "Re: Lunch?",
        Some(0),
        "S",
        "On Monday Bob wrote:\n> Are you in town next week?\n\nI am. Shall we say Thursday, at one?\n\n-- \nCarol\n",
    ),
    (7_500, "Bob Baker <bob@far.example>", "Re: Lunch?", Some(1), "S", "Thursday it is.\n"),
    (7_000, "Dave <dave@our.example>", "Re: Lunch?", Some(0), "S", "Without me, I fear.\n"),
    (4_000, "rust-dev <list@lists.example>", "[ANN] 1.95", None, "S", "It is out.\n"),
    (3_900, "Eve Example <eve@far.example>", "Minutes of Tuesday", None, "FS", "As promised.\n"),
    (1_900, "山田太郎 <taro@far.example>", "見積書の件", None, "S", "よろしくお願いします。\n"),
    (90, "Carol <carol@far.example>", "Quarter plan", None, "", "Draft, comments welcome.\n"),
    (20, "Dave <dave@our.example>", "Re: Quarter plan", Some(7), "", "Looks fine to me.\n"),
];

/// Writes them into a Maildir; those without flags are new.
pub(super) fn write(maildir: &Path) -> anyhow::Result<()> {
    for part in ["tmp", "new", "cur"] {
        fs::create_dir_all(maildir.join(part)).context("cannot make a Maildir")?;
    }
    for (number, (minutes, from, subject, answers, flags, text)) in LETTERS.into_iter().enumerate()
    {
        let date = date(minutes)?;
        let references =
            answers.map(|to| format!("References: <{to}@far.example>\n")).unwrap_or_default();
        let letter = format!(
            "From: {from}\nTo: anna@our.example\nSubject: {subject}\nDate: {date}\n\
             Message-ID: <{number}@far.example>\n{references}MIME-Version: 1.0\n\
             Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{text}"
        );
        let name = format!("{}.M{number}.host", 1_700_000_000 + number);
        let name =
            if flags.is_empty() { format!("new/{name}") } else { format!("cur/{name}:2,{flags}") };
        fs::write(maildir.join(name), letter).context("cannot write a letter")?;
    }
    Ok(())
}

/// As RFC 5322 §3.3 has it.
fn date(minutes_ago: u32) -> anyhow::Result<String> {
    let mut command = Command::new("date");
    command.args(["-u", "-R", "-d"]).arg(format!("{minutes_ago} minutes ago")).env("LC_ALL", "C");
    let output = command.output().context("cannot start date")?;
    ensure!(output.status.success(), "date doesn't know {minutes_ago} minutes ago");
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
