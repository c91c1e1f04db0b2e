//! What is asked of each server, in this order.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use postroad_disk::OsDisk;
use postroad_fulltext::Index;
use postroad_store::Maildir;

use super::client::{Answer, Client};
use super::letters::{RARE_WORD, SUBJECT_WORD};
use super::servers::Server;
use crate::bench::OURS;

type Figures = BTreeMap<&'static str, f64>;

const SELECT_NEW: &str = "SELECT, never seen";
const SELECT_CHANGED: &str = "SELECT, just changed";
const ENVELOPE_FIRST: &str = "FETCH ENVELOPE, first";
const ENVELOPE: &str = "FETCH ENVELOPE, again";
const THREAD: &str = "THREAD";
const TEXT: &str = "SEARCH TEXT";
const TEXT_INDEXED: &str = "SEARCH TEXT, indexed";

/// Where three times Dovecot's speed is wanted.
pub(super) fn is_threefold(case: &str) -> bool {
    [SELECT_NEW, SELECT_CHANGED, ENVELOPE_FIRST, ENVELOPE, THREAD, TEXT, TEXT_INDEXED]
        .contains(&case)
}

/// Letters of APPEND, one by one, and together (RFC 3502).
const APPENDED: u32 = 200;
/// Letters that the agent leaves unindexed at most (its `limits.rs`).
const INDEXED_TOGETHER: usize = 256;
const INDEX_TIMEOUT: Duration = Duration::from_secs(600);
const INDEX_POLL: Duration = Duration::from_millis(50);
/// Deliveries whose notice is awaited.
const DELIVERED: u32 = 20;

pub(super) fn run(
    server: &Server,
    user: &str,
    letters: u64,
) -> anyhow::Result<Vec<(&'static str, Figures)>> {
    let mut run = Run { server, user, figures: Vec::new() };
    let mut client = run.connect()?;
    run.ask(SELECT_NEW, &mut client, "SELECT INBOX")?;
    run.ask(ENVELOPE_FIRST, &mut client, "FETCH 1:* (UID FLAGS ENVELOPE)")?;
    run.ask(ENVELOPE, &mut client, "FETCH 1:* (UID FLAGS ENVELOPE)")?;
    client.command("LOGOUT")?;
    let mut client = run.connect()?;
    run.ask("SELECT, warm", &mut client, "SELECT INBOX")?;
    run.ask("FETCH FLAGS", &mut client, "FETCH 1:* (UID FLAGS)")?;
    run.ask("FETCH list", &mut client, "FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE)")?;
    run.ask("FETCH BODYSTRUCTURE", &mut client, "FETCH 1:* (UID BODYSTRUCTURE)")?;
    run.ask("SEARCH subject", &mut client, &format!("SEARCH SUBJECT {SUBJECT_WORD}"))?;
    run.forget_index()?;
    run.ask(TEXT, &mut client, &format!("SEARCH TEXT {RARE_WORD}"))?;
    client.command("LOGOUT")?;
    let mut client = run.connect()?;
    client.command("SELECT INBOX")?;
    run.index_is_there(letters)?;
    run.ask(TEXT_INDEXED, &mut client, &format!("SEARCH TEXT {RARE_WORD}"))?;
    run.ask("SORT", &mut client, "SORT (DATE) US-ASCII ALL")?;
    run.ask(THREAD, &mut client, "THREAD REFERENCES US-ASCII ALL")?;
    run.ask("FETCH all bodies", &mut client, "FETCH 1:* BODY.PEEK[]")?;
    // The system's renames of so many files take as long as they like: more than one look at them.
    for sign in ["+", "-", "+"] {
        let store = format!("STORE 1:* {sign}FLAGS.SILENT (\\Flagged)");
        run.ask("STORE on all", &mut client, &store)?;
    }
    client.command("LOGOUT")?;
    run.changed_outside(letters)?;
    let mut client = run.connect()?;
    run.ask(SELECT_CHANGED, &mut client, "SELECT INBOX")?;
    run.append(&mut client)?;
    run.idle(&mut client)?;
    client.command("LOGOUT")?;
    Ok(run.figures)
}

struct Run<'a> {
    server: &'a Server,
    user: &'a str,
    figures: Vec<(&'static str, Figures)>,
}

impl Run<'_> {
    fn connect(&self) -> anyhow::Result<Client> {
        Client::log_in(self.server.imap, self.user)
    }

    fn ask(
        &mut self,
        case: &'static str,
        client: &mut Client,
        command: &str,
    ) -> anyhow::Result<()> {
        let Answer { took, octets, .. } = client.command(command).context(case)?;
        let figures = [("ms", took.as_secs_f64() * 1e3), ("octets", octets as f64)];
        self.figures.push((case, figures.into()));
        Ok(())
    }

    /// Removes our index of the texts, which is made in the background since the mailbox was opened.
    fn forget_index(&self) -> anyhow::Result<()> {
        match fs::remove_file(self.server.inbox(self.user).join(postroad_fulltext::FILE)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Waits for our index of the texts; Dovecot has none here, and is asked the same again.
    fn index_is_there(&self, letters: u64) -> anyhow::Result<()> {
        if self.server.name != OURS {
            return Ok(());
        }
        let folder = Maildir::at(self.server.inbox(self.user));
        let deadline = Instant::now() + INDEX_TIMEOUT;
        // Fewer than a batch are left to be read.
        let wanted = usize::try_from(letters)?.saturating_sub(INDEXED_TOGETHER);
        loop {
            let known = Index::found(Arc::new(OsDisk), &folder)?.map_or(0, |index| index.len());
            if known >= wanted {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "{known} of {letters} letters were indexed in time");
            std::thread::sleep(INDEX_POLL);
        }
    }

    /// Another program takes a flag from a letter.
    fn changed_outside(&self, letters: u64) -> anyhow::Result<()> {
        let cur = self.server.inbox(self.user).join("cur");
        let wanted = format!(".M{}P1.", letters / 2);
        for entry in fs::read_dir(&cur)? {
            let name = entry?.file_name().into_string().unwrap_or_default();
            if name.contains(&wanted) {
                let base = name.split(":2,").next().unwrap_or_default();
                fs::rename(cur.join(&name), cur.join(format!("{base}:2,R")))?;
            }
        }
        Ok(())
    }

    fn append(&mut self, client: &mut Client) -> anyhow::Result<()> {
        let letter = format!("Subject: appended\r\n\r\n{}", "x".repeat(70).repeat(50));
        let begun = Instant::now();
        for _ in 0..APPENDED {
            let command = format!("APPEND INBOX (\\Seen) {{{}+}}\r\n{letter}", letter.len());
            client.command(&command).context("APPEND")?;
        }
        let each = begun.elapsed().as_secs_f64() * 1e3 / f64::from(APPENDED);
        self.figures.push(("APPEND, each", [("ms", each)].into()));
        let one = format!(" (\\Seen) {{{}+}}\r\n{letter}", letter.len());
        let many = format!("APPEND INBOX{}", one.repeat(APPENDED as usize));
        self.ask("APPEND, many at once", client, &many)
    }

    /// From a letter's rename into new/ to the notice.
    fn idle(&mut self, client: &mut Client) -> anyhow::Result<()> {
        let inbox = self.server.inbox(self.user);
        client.say("i IDLE")?;
        client.until(b"+ ")?;
        let mut took = Vec::new();
        for number in 0..DELIVERED {
            let tmp = inbox.join("tmp").join(format!("delivered{number}"));
            fs::write(&tmp, "Subject: new\n\nx\n")?;
            let begun = Instant::now();
            let name = format!("1900000000.M{number}P2.bench,S=17,W=20");
            fs::rename(&tmp, inbox.join("new").join(name))?;
            let told = client.until(b"EXISTS")?;
            took.push(told.duration_since(begun).as_secs_f64() * 1e3);
        }
        client.say("DONE")?;
        client.until(b"i OK")?;
        took.sort_by(f64::total_cmp);
        let median = took.get(took.len() / 2).copied().unwrap_or_default();
        self.figures.push(("IDLE, notice of a delivery", [("ms", median)].into()));
        Ok(())
    }
}
