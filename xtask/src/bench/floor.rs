//! What the disk could do at best: a group of letters appended with one write and one sync, again and again.
//!
//! No server that syncs before it answers can be faster with as many sessions; how near it comes says what its
//! other work costs.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::load::Case;
use super::row::SECONDS;

/// Its name in the table.
pub(super) const NAME: &str = "append+sync";

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
    std::fs::remove_file(&path).context("cannot remove the file for the floor")?;
    Ok(BTreeMap::from([("per_s", letters / seconds), (SECONDS, seconds)]))
}
