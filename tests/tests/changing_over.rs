//! From Dovecot to our store and back: mailboxes keep their numbers, so that clients download nothing again.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use postroad_disk::OsDisk;
use postroad_store::neighbours::{self, Numbers};
use postroad_store::{FlagChange, FolderName, LetterFlags, Mailboxes, Maildir};
use postroad_tests::imap::Client;
use postroad_tests::peers::{Dovecot, Needs, PASSWORD, Stage};
use postroad_tests::pop3;

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

    for (mailbox, (validity, letters)) in FOLDERS.iter().zip(&before) {
        let folder = folder(&inbox, mailbox);
        let found = neighbours::first_numbers(&OsDisk, &folder)?.context("no numbers")?;
        ensure!(found.uid_validity == *validity && found.uid_next >= 10, "{found:?}");
        ensure!(subjects(&folder, &found)? == *letters, "{found:?} {letters:?}");
    }

    let after = serve_and_export(&inbox, &before)?;
    let ours = make_and_export(&inbox, "Ours")?;
    own_all(&stage, inbox.root())?;
    let dovecot = Dovecot::start(&stage)?;
    let mut client = Client::log_in(dovecot.imap, "alice", PASSWORD)?;
    for ((mailbox, expected), (validity, _)) in FOLDERS.iter().zip(&after).zip(&before) {
        let (again, letters) = fetch(&mut client, mailbox)?;
        ensure!(again == *validity && letters == *expected, "{mailbox}: {letters:?} {expected:?}");
        let seen = client.command("SEARCH SEEN")?;
        ensure!(seen.iter().any(|line| line.starts_with("* SEARCH 1")), "{mailbox}: {seen:?}");
    }
    let subscribed = client.command("LSUB \"\" *")?;
    ensure!(subscribed.len() == FOLDERS.len() - 1, "{subscribed:?}");
    drop(client);
    // POP3's, too.
    let mut pop3 = pop3::Client::log_in(dovecot.pop3, "alice", PASSWORD)?;
    let list = String::from_utf8(pop3.lines("UIDL")?)?;
    let validity = before[0].0;
    ensure!(list.lines().count() == after[0].len(), "{list}");
    for (line, uid) in list.lines().zip(after[0].keys()) {
        ensure!(line.ends_with(&format!(" {uid:08x}{validity:08x}")), "{uid}: {line}");
    }
    drop(pop3);

    // Dovecot goes on: letters come, others go. Then we do, and then it does.
    let mut client = Client::log_in(dovecot.imap, "alice", PASSWORD)?;
    let went_on = go_on(&stage, &mut client)?;
    let new = fetch(&mut client, "New")?.0;
    ensure!(before.iter().all(|(validity, _)| *validity < new), "{new} was there before");
    ensure!(ours < new, "{new} is not greater than what we gave: {ours}");
    drop((client, dovecot));
    let after = serve_and_export(&inbox, &went_on)?;
    own_all(&stage, inbox.root())?;
    let dovecot = Dovecot::start(&stage)?;
    let mut client = Client::log_in(dovecot.imap, "alice", PASSWORD)?;
    for ((mailbox, expected), (validity, _)) in FOLDERS.iter().zip(&after).zip(&went_on) {
        let (again, letters) = fetch(&mut client, mailbox)?;
        ensure!(again == *validity && letters == *expected, "{mailbox}: {letters:?} {expected:?}");
    }
    Ok(())
}

/// Letters come to Dovecot by IMAP and as files, and others go. What its clients know then.
fn go_on(stage: &Stage, client: &mut Client) -> Result<Vec<Known>> {
    let inbox = Maildir::at(stage.path("home/alice/Maildir"));
    client.command("CREATE New")?;
    client.append("New", "", "Subject: new\r\n\r\nhello\r\n")?;
    FOLDERS
        .iter()
        .map(|mailbox| {
            // Those that go leave a gap behind the last one that we have numbered.
            for n in 10..14 {
                client.append(mailbox, "", &format!("Subject: {mailbox} {n}\r\n\r\nhello\r\n"))?;
            }
            client.command(&format!("SELECT {mailbox}"))?;
            client.command("STORE 2,* +FLAGS (\\Deleted)")?;
            client.command("EXPUNGE")?;
            // In another order than that of their names.
            for (second, n) in [(2, 14), (1, 15)] {
                let name = format!("new/179600000{second}.M1P1.host");
                let file = folder(&inbox, mailbox).root().join(name);
                fs::write(&file, format!("Subject: {mailbox} {n}\n\nhello\n"))?;
                stage.own(&file, "alice")?;
                client.command("NOOP")?;
            }
            fetch(client, mailbox)
        })
        .collect()
}

/// Opens the mailboxes as our agent does, changes something in each, and gives them back. What clients are to find.
fn serve_and_export(inbox: &Maildir, before: &[Known]) -> Result<Vec<BTreeMap<u32, String>>> {
    let all = Arc::new(Mailboxes::new(Arc::new(OsDisk), "host.test"));
    let mut after = Vec::new();
    for (mailbox, (validity, letters)) in FOLDERS.iter().zip(before) {
        let mut open = all.open(&folder(inbox, mailbox))?;
        open.refresh()?;
        let uids: Vec<u32> = open.entries().map(|entry| entry.uid()).collect();
        ensure!(open.uid_validity() == *validity, "{mailbox}");
        ensure!(uids == letters.keys().copied().collect::<Vec<_>>(), "{mailbox}: {uids:?}");
        let mut expected = letters.clone();
        open.set_flags(&uids[..1], FlagChange::Add(LetterFlags::SEEN), None)?;
        open.expunge(&uids[1..2])?;
        expected.remove(&uids[1]);
        let mut letter = open.new_letter()?;
        letter.write(b"Subject: ours\n\nhello\n")?;
        let given = open.append(vec![letter])?;
        ensure!(given.iter().all(|uid| uids.iter().all(|old| old < uid)), "{given:?}");
        expected.extend(given.into_iter().map(|uid| (uid, "ours".to_owned())));
        ensure!(open.export_to_dovecot()?.letters == expected.len());
        after.push(expected);
    }
    Ok(after)
}

/// A folder that is new, and what its UIDs are valid with.
fn make_and_export(inbox: &Maildir, name: &str) -> Result<u32> {
    let folder = folder(inbox, name);
    for part in ["new", "tmp", "cur"] {
        fs::create_dir_all(folder.root().join(part))?;
    }
    let mut open = Arc::new(Mailboxes::new(Arc::new(OsDisk), "host.test")).open(&folder)?;
    open.export_to_dovecot()?;
    Ok(open.uid_validity())
}

/// What we have made as root is the user's.
fn own_all(stage: &Stage, directory: &Path) -> Result<()> {
    stage.own(directory, "alice")?;
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        match path.is_dir() {
            true => own_all(stage, &path)?,
            false => stage.own(&path, "alice")?,
        }
    }
    Ok(())
}
