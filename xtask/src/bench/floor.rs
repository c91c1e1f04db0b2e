//! What the disk could do at best. How near a server comes says what its other work costs.
//!
//! - For a queue: a group of letters appended with one write and one sync, again and again. No server that syncs
//!   before it answers can be faster with as many sessions.
//! - For Maildirs: new file, sync, rename, sync of the directory, by as many threads as there are sessions. Who shares
//!   syncs can be faster.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};

use super::load::Case;
use super::row::SECONDS;

/// Its name in the table.
pub(super) const NAME: &str = "append+sync";
/// The name of that for Maildirs.
pub(super) const FILED: &str = "file+2 syncs";

/// Letters a second, over so long a time: one of each session in each group.
pub(super) fn synced(
    folder: &Path,
    case: Case,
    run: Duration,
) -> anyhow::Result<BTreeMap<&'static str, f64>> {
    let path = folder.join("floor");
    let mut file = File::create(&path).context("cannot create the file for the floor")?;
    let group = vec![b'X'; case.octets as usize * case.sessions as usize];
    let (start, mut groups) = (Instant::now(), 0u32);
    while start.elapsed() < run {
        file.write_all(&group).context("cannot write for the floor")?;
        file.sync_data().context("cannot sync for the floor")?;
        groups += 1;
    }
    let letters = f64::from(groups) * f64::from(case.sessions);
    let seconds = start.elapsed().as_secs_f64();
    fs::remove_file(&path).context("cannot remove the file for the floor")?;
    Ok(BTreeMap::from([("per_s", letters / seconds), (SECONDS, seconds)]))
}

/// Letters a second into so many Maildirs, in turn, by so many threads.
pub(super) fn filed(
    folder: &Path,
    threads: u32,
    mailboxes: usize,
    letter: &[u8],
    run: Duration,
) -> anyhow::Result<BTreeMap<&'static str, f64>> {
    let maildirs: Vec<PathBuf> =
        (0..mailboxes).map(|number| folder.join(number.to_string())).collect();
    for maildir in &maildirs {
        for name in ["tmp", "new"] {
            fs::create_dir_all(maildir.join(name))
                .context("cannot make a Maildir for the floor")?;
        }
    }
    sync_all(folder)?;
    let (turn, start) = (AtomicUsize::new(0), Instant::now());
    let letters = thread::scope(|scope| {
        let work = || {
            let mut letters = 0u32;
            while start.elapsed() < run {
                let number = turn.fetch_add(1, Ordering::Relaxed);
                if let Some(maildir) = maildirs.get(number % mailboxes) {
                    file(maildir, number, letter).context("cannot file a letter for the floor")?;
                }
                letters += 1;
            }
            Ok::<_, anyhow::Error>(letters)
        };
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let joined = threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| anyhow!("a thread of the floor panicked"))?);
        joined.sum::<anyhow::Result<u32>>()
    })?;
    let seconds = start.elapsed().as_secs_f64();
    fs::remove_dir_all(folder).context("cannot remove the floor's Maildirs")?;
    sync_all(folder.parent().unwrap_or(folder))?;
    Ok(BTreeMap::from([("per_s", f64::from(letters) / seconds), (SECONDS, seconds)]))
}

fn file(maildir: &Path, number: usize, letter: &[u8]) -> std::io::Result<()> {
    let (name, new) = (number.to_string(), maildir.join("new"));
    let tmp = maildir.join("tmp").join(&name);
    let mut file = File::create_new(&tmp)?;
    file.write_all(letter)?;
    file.sync_all()?;
    fs::rename(&tmp, new.join(&name))?;
    File::open(&new)?.sync_all()
}

/// Syncs the file system that holds `path`: what was removed shall not be the next run's work.
pub(super) fn sync_all(path: &Path) -> anyhow::Result<()> {
    let folder = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    rustix::fs::syncfs(&folder).context("cannot sync the file system")
}
