//! From Dovecot to our store and back: mailboxes keep their numbers, so that clients download nothing again.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, ensure};
use postroad_disk::OsDisk;
use postroad_store::neighbours::{self, Numbers};
use postroad_store::{FolderName, Maildir};
use postroad_tests::imap::Client;
use postroad_tests::peers::{Dovecot, Needs, PASSWORD, Stage};

const FOLDERS: [&str; 3] = ["INBOX", "Lists.rust", "Entw&APw-rfe"];

/// What a client knows of a mailbox: UIDVALIDITY, and each letter's UID with its subject.
type Known = (u32, BTreeMap<u32, String>);

fn fetch(client: &mut Client, mailbox: &str) -> Result<Known> {
    let responses = client.command(&format!("SELECT {mailbox}"))?;
    let validity = responses.iter().find_map(|line| number_behind(line, "UIDVALIDITY "));
    let validity = validity.with_context(|| format!("no UIDVALIDITY in {responses:?}"))?;
    let responses = client.command("FETCH 1:* (UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])")?;
    let mut letters = BTreeMap::new();
    for response in responses.iter().filter(|response| response.contains("FETCH (")) {
        let uid = number_behind(response, "UID ").context("no UID")?;
        let subject = response.split("Subject: ").nth(1).and_then(|rest| rest.lines().next());
        letters.insert(uid, subject.context("no subject")?.to_owned());
    }
    Ok((validity, letters))
}

fn number_behind(text: &str, word: &str) -> Option<u32> {
    let rest = text.split(word).nth(1)?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// A user's mailboxes with letters, some of them gone, as a client leaves them.
fn fill(client: &mut Client) -> Result<()> {
    for mailbox in FOLDERS.iter().skip(1) {
        client.command(&format!("CREATE {mailbox}"))?;
        client.command(&format!("SUBSCRIBE {mailbox}"))?;
    }
    for mailbox in FOLDERS {
        for n in 1..=9 {
            let flags = ["", "\\Seen", "\\Flagged work", "$Label1"][n % 4];
            client.append(mailbox, flags, &format!("Subject: {mailbox} {n}\r\n\r\nhello\r\n"))?;
        }
        client.command(&format!("SELECT {mailbox}"))?;
        client.command("STORE 3,9 +FLAGS (\\Deleted)")?;
        client.command("EXPUNGE")?;
        client.command("CLOSE")?;
    }
    Ok(())
}

fn folder(inbox: &Maildir, mailbox: &str) -> Maildir {
    match FolderName::parse(mailbox) {
        Ok(name) if mailbox != "INBOX" => inbox.folder(&name),
        _ => inbox.clone(),
    }
}

/// The subjects of letters that are there, by the UIDs that these numbers give them.
fn subjects(folder: &Maildir, numbers: &Numbers) -> Result<BTreeMap<u32, String>> {
    let mut files = Vec::new();
    for part in ["new", "cur"] {
        for entry in fs::read_dir(folder.root().join(part))? {
            files.push(entry?.path());
        }
    }
    let mut subjects = BTreeMap::new();
    for letter in &numbers.letters {
        let name = String::from_utf8_lossy(&letter.name);
        let base = name.split(':').next().unwrap_or_default();
        let is_it = |path: &&std::path::PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.split(':').next() == Some(base)
        };
        if let Some(file) = files.iter().find(is_it) {
            let text = fs::read_to_string(file)?;
            let subject = text.lines().find_map(|line| line.strip_prefix("Subject: "));
            subjects.insert(letter.uid, subject.context("no subject")?.to_owned());
        }
    }
    Ok(subjects)
}

#[test]
fn numbers_of_dovecot_are_taken_over_and_given_back() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Servers)? else { return Ok(()) };
    let inbox = Maildir::at(stage.path("home/alice/Maildir"));
    let mut before = Vec::new();
    {
        let dovecot = Dovecot::start(&stage)?;
        let mut client = Client::log_in(dovecot.imap, "alice", PASSWORD)?;
        fill(&mut client)?;
        for mailbox in FOLDERS {
            before.push(fetch(&mut client, mailbox)?);
        }
    }
    ensure!(before.iter().all(|(_, letters)| letters.len() == 7), "{before:?}");

    let mut numbers = Vec::new();
    for (mailbox, (validity, letters)) in FOLDERS.iter().zip(&before) {
        let folder = folder(&inbox, mailbox);
        let found = neighbours::first_numbers(&OsDisk, &folder)?.context("no numbers")?;
        ensure!(found.uid_validity == *validity && found.uid_next >= 10, "{found:?}");
        ensure!(subjects(&folder, &found)? == *letters, "{found:?} {letters:?}");
        numbers.push((folder, found));
    }
    Ok(())
}
