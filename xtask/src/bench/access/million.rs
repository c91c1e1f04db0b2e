//! A mailbox of a million letters: how long it takes to open, and what memory. Ours alone: what is wanted is a number.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use super::client::Client;
use super::servers::Server;

pub(super) const LETTERS: u64 = 1_000_000;
pub(super) const LETTERS_QUICK: u64 = 20_000;
/// A file system lets a file have so many names, with room to spare.
const NAMES_OF_A_FILE: u64 = 50_000;
const USER: &str = "user99";

const FIRST: &str = "a million letters, SELECT never seen";
pub(super) const AGAIN: &str = "a million letters, SELECT warm";

type Rows = Vec<(&'static str, BTreeMap<&'static str, f64>)>;

/// How long the user's process may stay when its last session has gone.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);

/// Opens it, and again, as often as there are runs, when the user's process has ended and all is read from the disk's
/// cache.
pub(super) fn run(server: &Server, master: &Path, letters: u64, runs: u32) -> anyhow::Result<Rows> {
    write(master, &server.inbox(USER), letters)?;
    let processes = server.group.processes();
    let has_ended = || {
        let begun = Instant::now();
        while server.group.processes() > processes {
            ensure!(begun.elapsed() < PATIENCE, "the user's process doesn't end");
            std::thread::sleep(POLL);
        }
        Ok(())
    };
    let select = || {
        let mut client = Client::log_in(server.imap, USER)?;
        let answer = client.command("SELECT INBOX").context("SELECT of a million letters")?;
        let memory = server.group.peak_rss_kib() as f64 / 1024.0;
        client.command("LOGOUT")?;
        let figures = [("ms", answer.took.as_secs_f64() * 1e3), ("peak_mib", memory)];
        anyhow::Ok(BTreeMap::from(figures))
    };
    let mut rows = vec![(FIRST, select()?)];
    for _ in 0..runs {
        has_ended()?;
        rows.push((AGAIN, select()?));
    }
    server.remove(USER)?;
    Ok(rows)
}

/// Names of a few files.
fn write(master: &Path, inbox: &Path, letters: u64) -> anyhow::Result<()> {
    fs::create_dir_all(master).context("cannot make a folder for letters")?;
    for part in ["tmp", "new", "cur"] {
        fs::create_dir_all(inbox.join(part)).context("cannot make a Maildir")?;
    }
    for number in 0..letters {
        let file = master.join((number / NAMES_OF_A_FILE).to_string());
        let letter = format!("Subject: {}\n\nx\n", number / NAMES_OF_A_FILE);
        if number % NAMES_OF_A_FILE == 0 {
            fs::write(&file, &letter).context("cannot write a letter")?;
        }
        let at = 1_600_000_000 + number * 60;
        let flags = if number % 10 < 8 { "S" } else { "" };
        let (octets, wire) = (letter.len(), letter.len() + 3);
        let name = format!("{at}.M{number}P1.bench,S={octets},W={wire}:2,{flags}");
        fs::hard_link(&file, inbox.join("cur").join(name)).context("cannot name a letter")?;
    }
    Ok(())
}
