//! The keys that mutt's users press most: each is pressed in Debian's mutt and in ours, in a terminal, on the same mailbox, and
//! what has become of the mailbox is compared: which letters are in which folder, with which flags.
//!
//! Where a key only goes somewhere, one that marks is pressed there. What differs on purpose: ours marks a letter that was
//! sent on (`P`), which mutt doesn't know; and a letter that was new isn't new any more in the folder
//! that it goes to, or in the trash.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use postroad_tests::peers::{Needs, Packages, Stage};
use postroad_tests::suite::binary;
use postroad_tests::tmux::Tmux;
use tempfile::{TempDir, tempdir};

const SIZE: (u16, u16) = (80, 24);

/// As nearly as it can be what ours does without being told: questions that have one answer aren't asked.
const SETTINGS: &str = "set folder=INBOX\nset spoolfile=INBOX\nset mbox_type=Maildir\nset trash=INBOX/.Trash\n\
    set sort=date\nset mark_old=yes\nset quit=yes\nset delete=yes\nset move=no\nset confirmappend=no\n\
    set confirmcreate=yes\nset wait_key=no\nset fast_reply=yes\nset include=yes\nset abort_nosubject=no\n\
    set edit_headers=no\nset copy=no\nset from=me@x.example\nset realname=Me\nset use_domain=no\n\
    set editor=HOME/editor\nset visual=HOME/editor\nset sendmail=HOME/sendmail\nset sleep_time=0\n\
    set postpone=no\nset forward_format=\"Fwd: %s\"\nset recall=no\nset abort_unmodified=no\nset sort_browser=alpha\n";

/// A letter of the mailbox: the end of its file's name, who wrote it, to whom, its subject, the day, lines.
type Letter = (&'static str, &'static str, &'static str, &'static str, u32, usize);

/// Two are new, one is old and unread.
const LETTERS: [Letter; 8] = [
    ("cur/1.a.h:2,S", "Zoe <zoe@x.example>", "me@x.example", "alpha", 1, 3),
    ("cur/2.b.h:2,", "Bob <bob@x.example>", "me@x.example", "beta", 2, 3),
    ("new/3.c.h", "Carl <carl@x.example>", "me@x.example", "gamma", 3, 3),
    ("cur/4.d.h:2,RS", "Anna <anna@x.example>", "me@x.example", "Re: alpha", 4, 3),
    ("cur/5.e.h:2,FS", "Dora <dora@x.example>", "me@x.example", "delta", 5, 60),
    ("new/6.f.h", "Emil <emil@x.example>", "me@x.example", "epsilon", 6, 3),
    ("cur/7.g.h:2,S", "Fred <fred@x.example>", "me@x.example, you@x.example", "zeta", 7, 3),
    ("cur/8.h.h:2,S", "Gil <gil@x.example>", "list@x.example", "eta", 8, 9),
];

/// A home with a mailbox, and all that is started in it.
struct Home(TempDir);

impl Home {
    fn new() -> Result<Self> {
        let home = Self(tempdir()?);
        for folder in ["", ".Saved", ".Trash"] {
            for part in ["tmp", "new", "cur"] {
                fs::create_dir_all(home.inbox().join(folder).join(part))?;
            }
        }
        for (number, letter) in (1..).zip(LETTERS) {
            write(&home.inbox().join(letter.0), number, letter)?;
        }
        let saved = ("", "Hans <hans@x.example>", "me@x.example", "theta", 9, 3);
        write(&home.inbox().join(".Saved/cur/9.i.h:2,S"), 9, saved)?;
        home.script("editor", "echo words by a script >> \"$1\"")?;
        home.script("sendmail", &format!("cat > {}", home.path("sent").display()))?;
        let settings = SETTINGS.replace("INBOX", &home.inbox().display().to_string());
        let settings = settings.replace("HOME", &home.0.path().display().to_string());
        fs::write(home.path("muttrc"), settings)?;
        Ok(home)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn inbox(&self) -> PathBuf {
        self.path("Maildir")
    }

    fn script(&self, name: &str, text: &str) -> Result<()> {
        fs::write(self.path(name), format!("#!/bin/sh\n{text}\n"))?;
        Ok(fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o755))?)
    }

    fn mutt(&self) -> Command {
        let mut command = Command::new("mutt");
        command.env("HOME", self.0.path()).arg("-n").arg("-F").arg(self.path("muttrc"));
        command
    }

    fn ours(&self) -> Result<Command> {
        let mut command = Command::new(binary("postroad-mua")?);
        command
            .env("HOME", self.0.path())
            .env("POSTROAD_MUA_ADDRESS", "me@x.example")
            .env("POSTROAD_MUA_NAME", "Me")
            .env("POSTROAD_MUA_INBOX", self.inbox())
            .env("POSTROAD_MUA_OUTBOX", self.path("outbox"))
            .env("XDG_STATE_HOME", self.path("state"))
            .env("EDITOR", self.path("editor"))
            .arg("open");
        Ok(command)
    }

    /// Letters by their folders: their subjects and flags, and whether they are new; and what a program was given.
    fn state(&self) -> Result<BTreeMap<String, Vec<String>>> {
        let mut state = BTreeMap::new();
        for folder in fs::read_dir(self.inbox())? {
            let name = folder?.file_name().to_string_lossy().into_owned();
            if name.starts_with('.') {
                state.insert(name.clone(), letters(&self.inbox().join(name))?);
            }
        }
        state.insert("inbox".into(), letters(&self.inbox())?);
        if let Ok(piped) = fs::read_to_string(self.path("piped")) {
            state.insert("piped".into(), vec![piped]);
        }
        Ok(state)
    }

    /// The letter that leaves: who it is for, and what it is about.
    fn sent(&self) -> Result<Vec<String>> {
        let mut text = fs::read_to_string(self.path("sent")).unwrap_or_default();
        let held = self.path("outbox/drop/held");
        for entry in fs::read_dir(held).into_iter().flatten() {
            text.push_str(&String::from_utf8_lossy(&fs::read(entry?.path())?));
        }
        let has = |line: &&str| ["To: ", "Cc: ", "Subject: "].iter().any(|it| line.starts_with(it));
        // Of its own header, and without signs that say nothing.
        let header = text.lines().skip_while(|line| !has(line)).take_while(|line| !line.is_empty());
        let fields = header.filter(has).map(|line| line.replace(['"', '<', '>'], ""));
        let mut fields: Vec<String> = fields.collect();
        fields.sort();
        Ok(fields)
    }
}

fn write(path: &Path, number: u32, (_, from, to, subject, day, lines): Letter) -> Result<()> {
    let text: String = (1..=lines).map(|line| format!("line {line} of {number}.\n")).collect();
    // One long thread, in which two letters answer the first, and one of these is answered.
    let references = match number {
        4 | 6 => "References: <1@x.example>\n",
        7 => "References: <1@x.example> <4@x.example>\n",
        _ => "",
    };
    let letter = format!(
        "From: {from}\nTo: {to}\nSubject: {subject}\nDate: {day} Nov 2026 12:00:00 +0000\n\
         Message-ID: <{number}@x.example>\n{references}X-Test: {number}\n\n{text}"
    );
    fs::write(path, letter).with_context(|| path.display().to_string())
}

fn letters(folder: &Path) -> Result<Vec<String>> {
    let mut letters = Vec::new();
    for part in ["new", "cur"] {
        for entry in fs::read_dir(folder.join(part))? {
            let path = entry?.path();
            let text = fs::read_to_string(&path)?;
            let subject =
                text.lines().find(|line| line.starts_with("Subject: ")).unwrap_or_default();
            let name = path.to_string_lossy().into_owned();
            let flags: String = match name.split_once(":2,") {
                Some((_, flags)) => flags.chars().filter(|flag| *flag != 'P').collect(),
                None => String::new(),
            };
            let part = if folder.ends_with("Maildir") { part } else { "" };
            letters.push(format!("{subject} {part} [{flags}]"));
        }
    }
    letters.sort();
    Ok(letters)
}

/// Presses keys, until the program has ended: `~` and words until something is shown (one of several, with `|` between them),
/// `>` and words what is typed before Enter, else a key as tmux calls it.
fn press(tmux: &Tmux<'_>, keys: &[&str], folder: &str) -> Result<()> {
    tmux.until("the list", |rows| {
        let has = |text: &str| rows.iter().any(|row| row.contains(text));
        has("Msgs:8") && !has("(checking)")
    })?;
    for key in keys {
        let context = || format!("at {key}");
        if let Some(words) = key.strip_prefix('~') {
            let is_shown = |rows: &[String]| {
                words.split('|').any(|words| rows.iter().any(|row| row.contains(words)))
            };
            tmux.until(words, is_shown).with_context(context)?;
        } else if let Some(words) = key.strip_prefix('>') {
            tmux.type_text(&words.replace("=.", folder))?;
            tmux.keys(&["Enter"])?;
        } else {
            tmux.keys(&[if *key == ";" { "\\;" } else { key }])?;
        }
    }
    let code = tmux.ended()?;
    ensure!(code == 0, "exit {code}");
    Ok(())
}

/// The keys in both; `{}` in what is typed is the home.
fn check(stage: &Stage, keys: &[&str]) -> Result<()> {
    let mut outcomes = Vec::new();
    for is_ours in [false, true] {
        let home = Home::new()?;
        let place = home.0.path().display().to_string();
        let keys: Vec<String> = keys.iter().map(|key| key.replace("{}", &place)).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let command = if is_ours { home.ours()? } else { home.mutt() };
        let tmux = Tmux::start(stage, SIZE, &command)?;
        let (who, folder) = if is_ours { ("ours", "=") } else { ("mutt", "=.") };
        press(&tmux, &keys, folder).with_context(|| format!("{keys:?} in {who}"))?;
        outcomes.push((home.state()?, home.sent()?));
    }
    let [mutts, ours] = outcomes.try_into().ok().context("two outcomes")?;
    ensure!(mutts == ours, "{keys:?}\nmutt: {mutts:#?}\nours: {ours:#?}");
    Ok(())
}

fn check_all(rows: &[&[&str]]) -> Result<()> {
    let Some(stage) = Stage::set_up_with(Needs::Tools, Packages::Screens)? else { return Ok(()) };
    let wrong: Vec<String> = rows
        .iter()
        .filter_map(|keys| check(&stage, keys).err().map(|error| format!("{error:#}")))
        .collect();
    ensure!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), rows.len(), wrong.join("\n\n"));
    Ok(())
}

#[test]
fn moving_about() -> Result<()> {
    check_all(&[
        // Where it begins.
        &["F", "q"],
        &["=", "F", "q"],
        &["*", "F", "q"],
        &["=", "j", "F", "q"],
        &["=", "Down", "F", "q"],
        &["*", "k", "F", "q"],
        &["*", "Up", "F", "q"],
        // Over what is struck, and onto it.
        &["2", "Enter", "d", "=", "j", "F", "q"],
        &["2", "Enter", "d", "=", "J", "F", "q"],
        &["2", "Enter", "d", "k", "F", "q"],
        &["2", "Enter", "d", "K", "F", "q"],
        &["5", "Enter", "F", "q"],
        &["=", "Tab", "F", "q"],
        &["=", "Tab", "Tab", "Tab", "F", "q"],
        &["*", "Escape", "Tab", "F", "q"],
        &["5", "Enter", "H", "F", "q"],
        &["5", "Enter", "M", "F", "q"],
        &["=", "z", "F", "q"],
        &["*", "Z", "F", "q"],
    ])
}

#[test]
fn marking_and_throwing_away() -> Result<()> {
    check_all(&[
        &["q"],
        &["x"],
        &["=", "d", "q"],
        &["=", "d", "x"],
        &["=", "d", "F", "x"],
        &["=", "d", "$", "F", "q"],
        &["=", "d", "d", "K", "u", "q"],
        &["*", "d", "F", "q"],
        // What is read, was looked at, and is new.
        &["=", "N", "q"],
        &["2", "Enter", "N", "q"],
        &["2", "Enter", "N", "k", "N", "q"],
        &["3", "Enter", "N", "q"],
        &["=", "F", "q"],
        &["5", "Enter", "F", "q"],
        &["=", "w", "!", "q"],
        &["=", "w", "r", "q"],
        &["=", "w", "n", "q"],
        &["=", "w", "o", "q"],
        &["=", "w", "d", "q"],
        &["4", "Enter", "W", "r", "q"],
        &["5", "Enter", "W", "!", "q"],
        &["2", "Enter", "W", "n", "q"],
        &["3", "Enter", "W", "o", "q"],
        &["=", "d", "K", "W", "d", "q"],
    ])
}

#[test]
fn several_letters() -> Result<()> {
    check_all(&[
        &["=", "t", "t", ";", "d", "q"],
        &["=", "t", "t", ";", "F", "q"],
        &["=", "t", "t", ";", "N", "q"],
        &["=", "t", "J", "t", ";", "w", "!", "q"],
        &["=", "t", "t", ";", "d", "=", "u", "q"],
        &["=", "w", "*", "8", "Enter", "t", ";", "s", ">=.Saved", "q"],
        &["=", "t", "t", ";", "t", "F", "q"],
        &["=", "t", ";", "C", ">=.Saved", "q"],
    ])
}

#[test]
fn folders_orders_and_programs() -> Result<()> {
    check_all(&[
        &["c", ">=.Saved", "~theta", "F", "q"],
        &["=", "d", "c", ">=.Saved", "~theta", "d", "q"],
        &["=", "s", ">=.Saved", "q"],
        &["2", "Enter", "s", ">=.Saved", "F", "q"],
        &["3", "Enter", "s", ">=.Saved", "q"],
        &["=", "s", ">=.Fresh", "y", "q"],
        &["=", "s", ">=.Fresh", "n", "q"],
        &["5", "Enter", "C", ">=.Saved", "F", "q"],
        &["=", "C", ">=.Fresh", "y", "q"],
        &["o", "f", "~(from", "=", "F", "q"],
        &["o", "s", "~(subject", "=", "F", "j", "d", "q"],
        &["o", "o", "~(to", "=", "F", "q"],
        &["o", "z", "~(size", "*", "F", "q"],
        &["O", "d", "~(reverse-date", "=", "F", "q"],
        &["O", "f", "~(reverse-from", "=", "F", "q"],
        &["o", "r", "~(date-received", "=", "F", "q"],
        &["=", "|", ">grep ^X-Test > {}/piped", "F", "q"],
        &["=", "t", "t", ";", "|", ">grep -c ^X-Test > {}/piped", "q"],
        // What was typed before.
        &["=", "|", ">grep ^X-Test >> {}/piped", "j", "|", "Up", "Enter", "F", "q"],
        // Ours waits for Enter, which opens a letter in mutt.
        &["=", "!", ">echo 1 > {}/piped", "~Enter to go on|Msgs:8", "Enter", "i", "F", "q"],
        &["=", ":", ">exec flag-message", "q"],
        &["=", ":", ">exec delete-message", "q"],
    ])
}

#[test]
fn reading() -> Result<()> {
    check_all(&[
        &["2", "Enter", "Enter", "~line 1 of 2", "i", "q"],
        &["2", "Enter", "Space", "~line 1 of 2", "Space", "~line 1 of 3", "i", "q"],
        &[
            "5",
            "Enter",
            "Enter",
            "~line 1 of 5",
            "Space",
            "~line 30 of 5",
            "-",
            "~line 1 of 5",
            "i",
            "q",
        ],
        &["2", "Enter", "Enter", "~line 1 of 2", "j", "~line 1 of 3", "i", "q"],
        &["4", "Enter", "Enter", "~line 1 of 4", "k", "~line 1 of 3", "i", "q"],
        &["2", "Enter", "d", "=", "Enter", "~line 1 of 1", "J", "~line 1 of 2", "i", "q"],
        &["2", "Enter", "d", "Enter", "~line 1 of 3", "K", "~line 1 of 2", "i", "q"],
        &["2", "Enter", "Enter", "~line 1 of 2", "d", "~line 1 of 3", "i", "q"],
        &["2", "Enter", "Enter", "~line 1 of 2", "F", "i", "q"],
        &["2", "Enter", "Enter", "~line 1 of 2", "Tab", "~line 1 of 3", "i", "q"],
        &["2", "Enter", "h", "~X-Test: 2", "i", "q"],
        // Another one by its number, and who wrote it without its being read.
        &["2", "Enter", "Enter", "~line 1 of 2", "5", "Enter", "~line 1 of 5", "F", "i", "q"],
        &["3", "Enter", "@", "~carl@x.example", "q"],
        // Within a letter, and what of one is shown without its being read.
        &["5", "Enter", "Enter", "~line 1 of 5", "/", ">line 4[05]", "~line 40 of", "i", "q"],
        &["5", "Enter", "Enter", "~line 1 of 5", "/", ">LINE", "~ot found", "i", "q"],
        &[
            "5",
            "Enter",
            "Enter",
            "~line 1 of 5",
            "End",
            "~line 60 of",
            "Escape",
            "/",
            ">line 7 of",
            "~line 7 of",
            "i",
            "q",
        ],
        &["3", "Enter", "v", "~text/plain|no parts", "q", "q"],
        &["2", "Enter", "Enter", "~line 1 of 2", "s", ">=.Saved", "~line 1 of 3", "i", "q"],
        &["2", "Enter", "Enter", "~line 1 of 2", "N", "i", "q"],
        &[
            "2",
            "Enter",
            "Enter",
            "~line 1 of 2",
            "d",
            "~line 1 of 3",
            "K",
            "~line 1 of 2",
            "u",
            "i",
            "q",
        ],
    ])
}

#[test]
fn threads() -> Result<()> {
    check_all(&[
        &["o", "t", "~(threads", "F", "q"],
        &["o", "t", "~(threads", "=", "j", "F", "j", "d", "q"],
        &["o", "t", "~(threads", "=", "C-d", "F", "q"],
        &["o", "t", "~(threads", "3", "Enter", "C-d", "F", "q"],
        &["o", "t", "~(threads", "=", "C-d", "=", "C-u", "F", "q"],
        &["o", "t", "~(threads", "4", "Enter", "C-r", "F", "q"],
        &["o", "t", "~(threads", "2", "Enter", "Escape", "d", "F", "q"],
        &["o", "t", "~(threads", "=", "C-d", "2", "Enter", "Escape", "u", "F", "q"],
        &["o", "t", "~(threads", "4", "Enter", "Escape", "r", "F", "q"],
        &["o", "t", "~(threads", "=", "C-n", "F", "q"],
        &["o", "t", "~(threads", "*", "C-p", "F", "q"],
        &["o", "t", "~(threads", "3", "Enter", "C-p", "F", "q"],
        &["o", "t", "~(threads", "3", "Enter", "P", "F", "q"],
        &["o", "t", "~(threads", "2", "Enter", "Escape", "n", "F", "q"],
        &["o", "t", "~(threads", "4", "Enter", "Escape", "p", "F", "q"],
        &["o", "t", "~(threads", "3", "Enter", "Escape", "t", ";", "N", "q"],
        &["o", "t", "~(threads", "3", "Enter", "Escape", "v", "j", "F", "q"],
        &["o", "t", "~(threads", "3", "Enter", "Escape", "v", "F", "q"],
        &["o", "t", "~(threads", "3", "Enter", "Escape", "v", "Escape", "v", "j", "F", "q"],
        &["o", "t", "~(threads", "*", "Escape", "V", "=", "j", "F", "q"],
        &["O", "t", "~(reverse-threads", "=", "F", "q"],
    ])
}

#[test]
fn patterns() -> Result<()> {
    check_all(&[
        &["=", "/", ">~s alpha", "F", "q"],
        &["=", "/", ">~s alpha", "n", "F", "q"],
        &["=", "/", ">~f anna", "n", "F", "q"],
        &["=", "/", ">gil", "F", "q"],
        &["*", "Escape", "/", ">~s alpha", "F", "q"],
        &["*", "Escape", "/", ">~s alpha", "n", "F", "q"],
        &["*", "/", ">~f anna", "F", "q"],
        &["l", ">~s alpha", "*", "F", "q"],
        &["l", ">~s alpha", "=", "d", "q"],
        &["l", ">~s alpha", "l", ">all", "*", "F", "q"],
        &["l", ">~f bob", "D", ">~A", "q"],
        &["D", ">~f bob", "q"],
        &["D", ">~s alpha", "x"],
        &["D", ">~A", "U", ">~s eta", "q"],
        &["=", "d", "D", ">~N", "U", ">~D ~f zoe", "q"],
        &["T", ">~s alpha", ";", "F", "q"],
        &["T", ">~A", "C-t", ">~f zoe | ~f bob", ";", "F", "q"],
        &["T", ">!~s a", ";", "s", ">=.Saved", "q"],
        &["T", ">~F", ";", "N", "q"],
        &["T", ">~b 'line 9'", ";", "d", "q"],
        &["T", ">~d 3/11/2026-5/11/2026", ";", "d", "q"],
        &["T", ">~t you@", ";", "d", "q"],
    ])
}

#[test]
fn writing() -> Result<()> {
    check_all(&[
        &["7", "Enter", "r", "~text/plain", "y", "~Queued|Mail sent", "q"],
        &["7", "Enter", "g", "~text/plain", "y", "~Queued|Mail sent", "q"],
        &[
            "2",
            "Enter",
            "Enter",
            "~line 1 of 2",
            "r",
            "~text/plain",
            "y",
            "~Queued|Mail sent",
            "i",
            "q",
        ],
        &["7", "Enter", "f", ">bob@x.example", "~text/plain", "y", "~Queued|Mail sent", "q"],
        &["7", "Enter", "b", ">bob@x.example", "y", "~Queued|bounced", "q"],
        &["m", ">bob@x.example", ">greetings", "~text/plain", "y", "~Queued|Mail sent", "q"],
    ])
}
