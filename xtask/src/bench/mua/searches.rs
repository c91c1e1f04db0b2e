//! Searches, each a command from its exec to its end, which shows the first 20 letters; and the index that they need.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::letters::{RARE_WORD, SUBJECT_WORD};
use super::programs::{NEWEST, NEWEST_TEXT, Program};

type Figures = BTreeMap<&'static str, f64>;

/// Letters that a page has.
const PAGE: &str = "20";
/// Searches of each kind.
const SEARCHES: usize = 200;

/// What is looked for in headers: persons, subjects, and one letter.
pub(super) fn in_headers() -> Vec<Wanted> {
    let persons = (0..SEARCHES * 3 / 4).map(|number| Wanted::From(format!("person{}", number * 2)));
    let subjects = [SUBJECT_WORD, NEWEST].into_iter().cycle().take(SEARCHES / 4);
    persons.chain(subjects.map(|word| Wanted::Subject(word.to_owned()))).collect()
}

/// What is looked for in texts: words that many letters hold, that few hold, and that one holds.
pub(super) fn in_texts() -> Vec<Wanted> {
    // As they are made up in the letters.
    const SOUNDS: [&str; 10] =
        ["bri", "cla", "dre", "flo", "gru", "pla", "qua", "sto", "tri", "sha"];
    let words = (0..SEARCHES * 3 / 4).map(|number| {
        let sound = |place: usize| SOUNDS[place % SOUNDS.len()];
        Wanted::Text([sound(number), sound(number / 10), sound(number / 100 + 3)].concat())
    });
    let few = [RARE_WORD, NEWEST_TEXT].into_iter().cycle().take(SEARCHES / 4);
    words.chain(few.map(|text| Wanted::Text(text.to_owned()))).collect()
}

/// What is looked for.
#[derive(Debug)]
pub(super) enum Wanted {
    From(String),
    Subject(String),
    Text(String),
}

impl Wanted {
    pub(super) fn of_ours(&self) -> Vec<String> {
        let pattern = match self {
            Self::From(word) => format!("~f {word}@"),
            Self::Subject(word) => format!("~s {word}"),
            Self::Text(text) => format!("~b '{text}'"),
        };
        ["search", "--limit", PAGE, &pattern].map(str::to_owned).into()
    }

    pub(super) fn of_notmuch(&self) -> Vec<String> {
        let query = match self {
            Self::From(word) => format!("from:{word}"),
            Self::Subject(word) => format!("subject:{word}"),
            Self::Text(text) => format!("\"{text}\""),
        };
        let page = format!("--limit={PAGE}");
        ["search".to_owned(), page, query].into()
    }
}

/// Median and 95th percentile of searches.
pub(super) fn figures(
    program: &Program<'_>,
    wanted: &[Wanted],
    spelt: impl Fn(&Wanted) -> Vec<String>,
) -> anyhow::Result<Figures> {
    let mut took = program.timed(&wanted.iter().map(spelt).collect::<Vec<_>>())?;
    took.sort_by(f64::total_cmp);
    let at = |part: usize| took.get(took.len() * part / 100).copied().unwrap_or_default();
    Ok([("ms", at(50)), ("p95_ms", at(95))].into())
}

/// How fast letters were indexed, and what it takes on disk.
pub(super) fn indexed(
    program: &Program<'_>,
    arguments: &[&str],
    letters: u64,
) -> anyhow::Result<Figures> {
    let arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
    let ms = program.timed(&[arguments])?.iter().sum::<f64>();
    let disk = blocks(&program.maildir())? as f64 * 512.0 / f64::from(1 << 20);
    #[expect(clippy::cast_precision_loss, reason = "some hundred thousand")]
    let per_second = letters as f64 / ms * 1e3;
    Ok([("ms", ms), ("letters_s", per_second), ("disk_mib", disk)].into())
}

/// Blocks of all that isn't a letter: what a program has put into a Maildir.
fn blocks(folder: &Path) -> anyhow::Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let about = entry.metadata()?;
        if !about.is_dir() {
            sum += about.blocks();
        } else if !["cur", "new", "tmp"].iter().any(|part| entry.file_name() == *part) {
            sum += blocks(&entry.path())?;
        }
    }
    Ok(sum)
}
