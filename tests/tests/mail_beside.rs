//! The front door `mail` beside bsd-mailx and s-nail: the same words and the same standard input to all three, and what
//! each of them hands on. Where ours differs, the table says why.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use mail_parser::{Address, MessageParser, MimeHeaders as _};
use postroad_tests::peers::{Needs, Packages, Sink, Stage, fed, python_script};
use postroad_tests::process::until;
use postroad_tests::suite::binary;
use serde::Deserialize;
use tempfile::{TempDir, tempdir};

/// What a peer does with a case.
enum Peer {
    /// The same as ours.
    Same,
    /// Something else, for this reason.
    Differs(&'static str),
}

use Peer::{Differs, Same};

struct Case {
    argv: &'static [&'static str],
    input: &'static str,
    bsd: Peer,
    snail: Peer,
}

const A: &str = "a@x.example";

#[rustfmt::skip]
const CASES: &[Case] = &[
    Case { argv: &["-s", "hi", A], input: "text\n", bsd: Same, snail: Same },
    Case { argv: &["-shi", A], input: "text\n", bsd: Same, snail: Same },
    Case { argv: &["-s", "two", A, "b@x.example"], input: "text\n", bsd: Same, snail: Same },
    Case { argv: &["-s", "copies", "-c", "c@x.example", "-b", "b@x.example", A], input: "text\n", bsd: Same, snail: Same },
    Case { argv: &["-s", "", A], input: "text\n", bsd: Same, snail: Same },
    Case { argv: &[A], input: "text\n", bsd: Same, snail: Same },
    Case { argv: &["-s", "empty", A], input: "", bsd: Same, snail: Same },
    Case { argv: &["-E", "-s", "empty", A], input: "", bsd: Same, snail: Same },
    Case { argv: &["-s", "dot", A], input: "one\n.\ntwo\n", bsd: Same, snail: Same },
    Case { argv: &["-s", "tildes", A], input: "~!touch made\n~s other\n~r note.txt\n~x\n", bsd: Same, snail: Same },
    Case { argv: &["-s", "From", A], input: "From here\n>From there\n", bsd: Same, snail: Same },
    Case { argv: &["-s", "no end", A], input: "no end of line", bsd: Same, snail: Same },
    Case { argv: &["-s", "Grüße", A], input: "Grüße\n", bsd: Same, snail: Same },
    Case { argv: &["-s", "two\nBcc: b@x.example", A], input: "text\n", bsd: Same, snail: Same },
    Case { argv: &["-s", "name", "Ann <a@x.example>"], input: "text\n", bsd: Same, snail: Same },
    Case { argv: &["-s", "author", "-r", "me@y.example", A], input: "text\n", bsd: Same, snail: Same },
    Case { argv: &["-i", "-s", "flags", A], input: "text\n", bsd: Same, snail: Same },
    Case { argv: &["-s", "comma", "a@x.example,b@x.example"], input: "text\n", bsd: Same,
        snail: Differs("it wants each address as a word of its own") },
    Case { argv: &["-s", "file", "-a", "note.txt", A], input: "text\n",
        bsd: Differs("-a takes a header field there, and it writes any word as one"), snail: Same },
    Case { argv: &["-s", "field", "-a", "X-Mark: 1", A], input: "text\n", bsd: Same,
        snail: Differs("-a takes a file there, and there is none") },
    Case { argv: &["-s", "field", "-C", "X-Mark: 1", A], input: "text\n",
        bsd: Differs("it has no -C"), snail: Same },
    Case { argv: &["-s", "begin", "-q", "note.txt", A], input: "text\n",
        bsd: Differs("it has no -q"), snail: Same },
    Case { argv: &["-s", "subject", A, "-f", "me@y.example"], input: "text\n",
        bsd: Differs("-f always opens a mailbox there"), snail: Differs("it sends to the sender too, and fails") },
    Case { argv: &["-s", "pipe", "|touch made"], input: "text\n",
        bsd: Differs("it leaves that to its sendmail"), snail: Same },
    Case { argv: &["-s", "path", "/tmp/made"], input: "text\n",
        bsd: Differs("it leaves that to its sendmail"),
        snail: Differs("it knows a file by its slash; ours takes it for a local part, as sendmail does") },
    Case { argv: &["-s", "blank", "a b@x.example"], input: "text\n",
        bsd: Differs("it takes two addresses for one word"), snail: Same },
];

/// The same with a start-up file (`~/.mailrc`): its lines, and who is written to.
#[rustfmt::skip]
const WITH_FILE: &[(&str, Case)] = &[
    ("alias ann a@x.example\n", Case { argv: &["-s", "one", "ann"], input: "text\n", bsd: Same, snail: Same }),
    ("# mine\n\n  alias ann   a@x.example\n", Case { argv: &["-s", "blanks", "ann"], input: "text\n", bsd: Same, snail: Same }),
    ("alias all a@x.example b@x.example\n", Case { argv: &["-s", "two", "all"], input: "text\n", bsd: Same, snail: Same }),
    ("group all a@x.example b@x.example\n", Case { argv: &["-s", "group", "all"], input: "text\n",
        bsd: Same, snail: Same }),
    ("alias ann a@x.example\nalias all ann b@x.example\n",
        Case { argv: &["-s", "nested", "all"], input: "text\n", bsd: Same, snail: Same }),
    ("alias ann \"Ann Lee <a@x.example>\"\n", Case { argv: &["-s", "named", "ann"], input: "text\n", bsd: Same, snail: Same }),
    ("alias ann a@x.example\nalias ann b@x.example\n",
        Case { argv: &["-s", "grows", "ann"], input: "text\n", bsd: Same, snail: Same }),
    ("alias ann a@x.example\n", Case { argv: &["-s", "copy", "-c", "ann", "b@x.example"], input: "text\n", bsd: Same, snail: Same }),
    ("if s\nalias ann a@x.example\nelse\nalias ann b@x.example\nendif\n",
        Case { argv: &["-s", "sending", "ann"], input: "text\n", bsd: Same, snail: Same }),
    ("if r\nalias ann a@x.example\nelse\nalias ann b@x.example\nendif\n",
        Case { argv: &["-s", "not reading", "ann"], input: "text\n", bsd: Same, snail: Same }),
    ("alias ann a@x.example\nset ask askcc dot escape=!\n",
        Case { argv: &["-s", "variables", "ann"], input: "!x\n~x\n.\nmore\n", bsd: Same, snail: Same }),
    ("alias ann a@x.example\nsource more\n", Case { argv: &["-s", "source", "bob"], input: "text\n", bsd: Same, snail: Same }),
    ("alias ann a@x.example\nunalias ann\nalias ann b@x.example\n",
        Case { argv: &["-s", "unalias", "ann"], input: "text\n",
            bsd: Differs("it has no unalias, and reads its file no further"), snail: Same }),
    ("alias ann a@x.example\n", Case { argv: &["-s", "upper case", "ANN", "a@x.example"], input: "text\n",
        bsd: Differs("names differ by case there"), snail: Differs("names differ by case there") }),
];

/// What was handed on.
#[derive(Debug, PartialEq, Eq)]
struct Handed {
    recipients: BTreeSet<String>,
    to: Vec<String>,
    cc: Vec<String>,
    subject: String,
    text: String,
    attachments: Vec<String>,
    mark: Option<String>,
    /// Only where it was asked for: each has an author of its own else.
    author: Vec<String>,
}

impl Handed {
    fn of(message: &[u8], recipients: BTreeSet<String>, argv: &[&str]) -> Result<Self> {
        let message = MessageParser::default().parse(message).context("it is a message")?;
        let text = message.body_text(0).unwrap_or_default().replace('\r', "");
        let attachments = message
            .attachments()
            .map(|part| part.attachment_name().unwrap_or_default().to_owned())
            .collect();
        let author = if argv.contains(&"-r") { addresses(message.from()) } else { Vec::new() };
        Ok(Self {
            recipients,
            to: addresses(message.to()),
            cc: addresses(message.cc()),
            subject: message.subject().unwrap_or_default().to_owned(),
            text: text.trim_end_matches('\n').to_owned(),
            attachments,
            mark: message.header_raw("X-Mark").map(|mark| mark.trim().to_owned()),
            author,
        })
    }
}

fn addresses(field: Option<&Address<'_>>) -> Vec<String> {
    let all = field.map(Address::iter).into_iter().flatten();
    all.filter_map(|address| address.address().map(str::to_owned)).collect()
}

/// A home folder with a file in it, which nothing else is made in.
fn home() -> Result<TempDir> {
    let home = tempdir()?;
    fs::write(home.path().join("note.txt"), "attached\n")?;
    fs::write(home.path().join("more"), "alias bob b@x.example\n")?;
    Ok(home)
}

/// What the recording sendmail was given.
#[derive(Deserialize)]
struct Given {
    argv: Vec<String>,
    input: String,
}

impl Given {
    fn handed(&self, argv: &[&str]) -> Result<Handed> {
        let octets: Vec<u8> =
            self.input.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect();
        let message = MessageParser::default().parse(&octets).context("it is a message")?;
        let recipients = match self.argv.iter().any(|word| word == "-t") {
            true => [message.to(), message.cc(), message.bcc()]
                .into_iter()
                .flat_map(addresses)
                .collect(),
            false => {
                let operands = self.argv.iter().skip_while(|word| *word != "--").skip(1);
                operands.cloned().collect()
            }
        };
        Handed::of(&octets, recipients, argv)
    }
}

/// What one of the peers hands on.
fn theirs(stage: &Stage, program: &str, file: &str, case: &Case) -> Result<Option<Handed>> {
    let (home, record) = (home()?, tempdir()?);
    let settings = home.path().join("settings");
    let sendmail = python_script("recording_sendmail.py");
    // It waits for its sendmail only where it is to be verbose.
    let mut lines = format!("set sendmail={}\nset verbose\n", sendmail.display());
    if program == "s-nail" {
        lines.clear();
    }
    fs::write(&settings, lines + file)?;
    let mut command = stage.command(program);
    if program == "s-nail" {
        // Its own file, and not the system's.
        command
            .args([if file.is_empty() { "-:/" } else { "-:u" }, "-S", "sendwait", "-S"])
            .arg(format!("mta={}", sendmail.display()));
    }
    command
        .args(case.argv)
        .env("HOME", home.path())
        .env("MAILRC", &settings)
        .env("RECORD", record.path())
        .env("LC_ALL", "C.UTF-8")
        .current_dir(home.path());
    let output = fed(&mut command, case.input.as_bytes())?;
    ensure!(!home.path().join("made").exists(), "{program} {:?} made a file", case.argv);
    let files: Vec<PathBuf> =
        fs::read_dir(record.path())?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    match files.as_slice() {
        [] => Ok(None),
        [one] => {
            let given: Given = serde_json::from_slice(&fs::read(one)?)?;
            Ok(Some(given.handed(case.argv)?))
        }
        _ => anyhow::bail!("{program} sent more than once: {output:?}"),
    }
}

/// Our user agent, with a server that takes its letters.
struct Ours {
    sink: Sink,
    home: TempDir,
}

impl Ours {
    fn command(&self, name: &str) -> Result<Command> {
        let link = self.home.path().join(name);
        if !link.exists() {
            symlink(binary("postroad-mua")?, &link)?;
        }
        let mut command = Command::new(&link);
        command
            .env_clear()
            .env("HOME", self.home.path())
            .env("POSTROAD_CONFIG", "/nonexistent")
            .env("POSTROAD_MUA_ADDRESS", "us@our.example")
            .env("POSTROAD_MUA_SUBMISSION", format!("smtp://{}", self.sink.address))
            .current_dir(self.home.path());
        Ok(command)
    }

    fn outbox(&self) -> Result<Vec<u8>> {
        let output = fed(self.command("postroad-mua")?.args(["outbox", "--json"]), b"")?;
        ensure!(output.status.success(), "{output:?}");
        Ok(output.stdout)
    }

    fn hands(&self, file: &str, case: &Case) -> Result<Option<Handed>> {
        let before: BTreeSet<String> = self.sink.messages().into_iter().collect();
        fs::write(self.home.path().join(".mailrc"), file)?;
        let output = fed(self.command("mail")?.args(case.argv), case.input.as_bytes())?;
        ensure!(!self.home.path().join("made").exists(), "{:?} made a file", case.argv);
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success() || !words.is_empty(), "{:?}: no words", case.argv);
        until("all have left", || self.outbox().is_ok_and(|listed| listed.is_empty()))?;
        let new: Vec<String> =
            self.sink.messages().into_iter().filter(|message| !before.contains(message)).collect();
        match new.as_slice() {
            [] => Ok(None),
            [one] => {
                let recipients = one.lines().filter_map(|line| line.strip_prefix("X-Rcpt-Args: "));
                let recipients =
                    recipients.map(|to| to.trim_matches(['<', '>']).to_owned()).collect();
                Ok(Some(Handed::of(one.as_bytes(), recipients, case.argv)?))
            }
            _ => anyhow::bail!("{:?}: sent more than once", case.argv),
        }
    }
}

#[test]
fn what_is_handed_on_is_what_others_hand_on() -> Result<()> {
    let Some(servers) = Stage::set_up(Needs::Servers)? else { return Ok(()) };
    let Some(stage) = Stage::set_up_with(Needs::Tools, Packages::Screens)? else { return Ok(()) };
    let ours = Ours { sink: Sink::start(&servers)?, home: home()? };
    let without = CASES.iter().map(|case| ("", case));
    for (file, case) in without.chain(WITH_FILE.iter().map(|(file, case)| (*file, case))) {
        let handed = ours.hands(file, case)?;
        for (program, peer) in [("bsd-mailx", &case.bsd), ("s-nail", &case.snail)] {
            let theirs = theirs(&stage, program, file, case)
                .with_context(|| format!("{program} {:?}", case.argv))?;
            match peer {
                Same => assert_eq!(handed, theirs, "{program} {:?}", case.argv),
                Differs(why) => {
                    assert_ne!(handed, theirs, "{program} {:?}: no longer so: {why}", case.argv);
                }
            }
        }
    }
    assert!(Path::new(&ours.home.path().join("note.txt")).exists());
    Ok(())
}
