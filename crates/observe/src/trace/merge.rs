//! Reading back: all agents' records of one message.
//!
//! Records are tied by the ids that they name. One that names both a queue id and a Message-ID ties all
//! records of either, so a user agent's outbox id, our queue id and the delivery agent's are found from
//! any of them. The files are read again until no new id turns up: mostly twice.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use memchr::memmem::Finder;

use super::{Record, VERSION, without_brackets};

/// Octets of a line at most; what is longer is damage.
const LINE_OCTETS_MAX: u64 = 1024 * 1024;
/// Ids that are tied together at most: one Message-ID may have been sent any number of times.
const IDS_MAX: usize = 256;

/// All records tied to `id` (a queue id or a Message-ID, with or without brackets), from all agents'
/// files below `dir`, in order of time. Damaged lines are skipped.
///
/// # Errors
/// Where the folder or a file in it can't be read.
pub fn merge(dir: &Path, id: &str) -> io::Result<Vec<Record>> {
    merge_all(&[dir.to_owned()], id)
}

/// As [`merge`], from several folders: the host's, and those of users.
///
/// # Errors
/// Where a folder or a file in it can't be read.
pub fn merge_all(dirs: &[PathBuf], id: &str) -> io::Result<Vec<Record>> {
    let files = files(dirs)?;
    let mut ids = BTreeSet::from([without_brackets(id).to_owned()]);
    loop {
        let known = ids.len();
        let mut records = Vec::new();
        for file in &files {
            collect(file, &mut ids, &mut records)?;
        }
        if ids.len() == known || ids.len() >= IDS_MAX {
            // Stable: what one agent wrote in the same microsecond stays in its order.
            records.sort_by_key(|record| record.at);
            return Ok(records);
        }
    }
}

/// The files, older halves before newer ones.
fn files(dirs: &[PathBuf]) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for dir in dirs {
        for entry in std::fs::read_dir(dir)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "jsonl") {
                files.push(path);
            }
        }
    }
    let is_newer = |path: &Path| !path.to_string_lossy().ends_with(".old.jsonl");
    files.sort_by_key(|path| (is_newer(path), path.clone()));
    Ok(files)
}

/// Adds the records in `path` that name one of `ids`, and the ids that they name.
fn collect(path: &Path, ids: &mut BTreeSet<String>, records: &mut Vec<Record>) -> io::Result<()> {
    let file = match File::open(path) {
        Ok(file) => file,
        // Became the older half just now.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut reader = BufReader::with_capacity(256 * 1024, file);
    let mut needles = needles(ids);
    let mut line = Vec::new();
    loop {
        line.clear();
        if reader.by_ref().take(LINE_OCTETS_MAX).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        // Nearly all lines are other messages': look before reading JSON.
        if !needles.iter().any(|needle| needle.find(&line).is_some()) {
            continue;
        }
        let Some(record) = parse(&line) else { continue };
        let names = [&record.queue_id, &record.message_id];
        if !names.into_iter().flatten().any(|id| ids.contains(id)) {
            continue;
        }
        for id in names.into_iter().flatten() {
            if ids.len() < IDS_MAX && ids.insert(id.clone()) {
                needles.push(needle(id));
            }
        }
        records.push(record);
    }
}

/// One line; `None` where it is damaged or written by a later version.
fn parse(line: &[u8]) -> Option<Record> {
    let record: Record = serde_json::from_slice(line).ok()?;
    (1..=VERSION).contains(&record.v).then_some(record)
}

fn needles(ids: &BTreeSet<String>) -> Vec<Finder<'static>> {
    ids.iter().map(|id| needle(id)).collect()
}

/// The id as it stands in a JSON line, quotes included.
fn needle(id: &str) -> Finder<'static> {
    Finder::new(serde_json::Value::from(id).to_string().as_bytes()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{Event, Journal};
    use std::time::{Duration, UNIX_EPOCH};

    /// Writes `(agent, second, queue id, message id)` and gives the notes that `merge` finds for `id`.
    fn check(rows: &[(&'static str, u64, &str, &str)], id: &str, expected: &[&str]) {
        let dir = tempfile::tempdir().unwrap();
        for (agent, second, queue_id, message_id) in rows {
            let journal = Journal::open(dir.path(), agent, 1 << 20).unwrap();
            let [queue_id, message_id] =
                [queue_id, message_id].map(|id| (!id.is_empty()).then_some(*id));
            let text = format!("{agent}@{second}");
            let at = UNIX_EPOCH + Duration::from_secs(*second);
            journal.record_at(at, queue_id, message_id, Event::Note { text });
        }
        let notes: Vec<String> = merge(dir.path(), id)
            .unwrap()
            .into_iter()
            .map(|record| match record.event {
                Event::Note { text } => text,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(notes, expected, "{id}");
    }

    #[test]
    fn ids_tie_records_of_all_agents_in_order_of_time() {
        let rows = [
            ("mda", 40, "D9", "m1@example"),
            ("mta", 20, "Q1", "m1@example"),
            ("mta", 21, "Q1", ""),
            ("mua", 10, "U5", "m1@example"),
            ("mua", 11, "U5", ""),
            ("maa", 50, "", "m1@example"),
            ("mta", 22, "Q2", "m2@example"),
            ("mta", 23, "Q11", ""),
        ];
        let all = ["mua@10", "mua@11", "mta@20", "mta@21", "mda@40", "maa@50"];
        for id in ["Q1", "U5", "D9", "m1@example", "<m1@example>"] {
            check(&rows, id, &all);
        }
        check(&rows, "Q2", &["mta@22"]);
        check(&rows, "nothing", &[]);
        check(&rows, "", &[]);
    }

    #[test]
    fn an_id_may_hold_what_json_escapes() {
        check(&[("mta", 1, "Q1", "a\"b\\c@x")], "<a\"b\\c@x>", &["mta@1"]);
    }

    #[test]
    fn damage_is_skipped() {
        let dir = tempfile::tempdir().unwrap();
        let good = r#"{"v":1,"at":5,"agent":"mta","queue_id":"Q1","event":"note","text":"good"}"#;
        let mut octets = Vec::new();
        octets.extend_from_slice(b"{\"v\":1,\"at\":5,\"queue_id\":\"Q1\"\n");
        octets.extend_from_slice(b"\xff\xfe \"Q1\"\n\n");
        octets.extend_from_slice(good.replace("\"v\":1", "\"v\":200").as_bytes());
        octets.extend_from_slice(b"\n");
        octets.extend_from_slice(good.as_bytes());
        octets.extend_from_slice(b"\n");
        octets.extend_from_slice(&vec![b'"'; 3 * 1024 * 1024]);
        octets.extend_from_slice(&good.as_bytes()[..40]);
        std::fs::write(dir.path().join("mta.jsonl"), octets).unwrap();
        assert_eq!(merge(dir.path(), "Q1").unwrap().len(), 1);
    }
}
