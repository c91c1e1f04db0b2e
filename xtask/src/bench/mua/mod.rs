//! The user agent beside NeoMutt and notmuch, each on a copy of the same Maildir, in a terminal of 80×24.
//!
//! Each run has fresh copies. A mailbox that was never seen is shown first, until all of it is known; then it is known, and
//! shown again. Figures are milliseconds from a program's exec to what is seen, and the most anonymous memory meanwhile.
//!
//! | looking for | it is in |
//! |---|---|
//! | the terminal, and what is measured in it | `frames.rs`, `tests/python/frames.py` |
//! | what keeps a mailbox busy meanwhile | `tests/python/busy.py` |
//! | the programs, their settings, and a mailbox for each run | `programs.rs` |
//! | what is searched for, and how long that takes | `searches.rs`, `tests/python/timed.py` |
//! | the letters | `../access/letters.rs` |
//!
//! NeoMutt shows nothing before its cache has all letters: its first frame is its complete one. notmuch has no screen: the
//! first page of a search is its first frame, and with its list come all letters' texts, so what it takes for a mailbox that it
//! never saw is what it takes to index.
//!
//! Searches are commands from their exec to their end: of ours the first one for texts indexes all.

use anyhow::Context as _;
use postroad_tests::peers::{Needs, Packages, Sink, Stage};

use super::access::letters;
use super::bar::{Bar, Limit};
use super::row::{Columns, Row, Rows};
use super::sheet::{Cell, Sheet};
use super::{Bench, OURS, progress};

mod frames;
mod programs;
mod searches;

const NEOMUTT: &str = "neomutt";
const NOTMUCH: &str = "notmuch";
/// What is measured, unless it is said otherwise.
const LETTERS: u64 = 100_000;
const LETTERS_QUICK: u64 = 2_000;

const KNOWN: &str = "known, first frame";
const KNOWN_THREADS: &str = "known, first frame where threads were shown last";
const NEW_FRAME: &str = "never seen, first frame";
const NEW_COMPLETE: &str = "never seen, complete";
const INDEXING: &str = "indexing, and a search";
const HEADERS: &str = "search of headers";
const BODIES: &str = "search of bodies";
const THREADS: &str = "known, from its list to threads";
const KEYS: &str = "key to paint while a mailbox is read for the first time";
const KEYS_BUSY: &str = "key to paint while letters come, are indexed and sent";

const COLUMNS: Columns = Columns {
    shown: &["ms", "p95_ms", "letters_s", "disk_mib", "anon_mib", "max_ms", "keys"],
    ratios: &[("ratio", "ms")],
    bars: &[
        at_most(|case| [KNOWN, KNOWN_THREADS].contains(&case), "ms", 100.0),
        Bar { over: Some(NEOMUTT), ..at_most(|case| case == KNOWN, "ms", 0.2) },
        at_most(|case| case == THREADS, "ms", 250.0),
        at_most(|case| case == NEW_FRAME, "ms", 300.0),
        Bar { over: Some(NEOMUTT), ..at_most(|case| case == NEW_COMPLETE, "ms", 1.0) },
        at_most(|case| ![NEW_FRAME, INDEXING, HEADERS, BODIES].contains(&case), "anon_mib", 60.0),
        at_most(|case| [KEYS, KEYS_BUSY].contains(&case), "ms", 16.0),
        at_most(|case| case == HEADERS, "p95_ms", 20.0),
        at_most(|case| case == BODIES, "p95_ms", 50.0),
        Bar {
            cases: |case| case == INDEXING,
            figure: "letters_s",
            over: None,
            limit: Limit::AtLeast(5_000.0),
        },
        Bar { over: Some(NOTMUCH), ..at_most(|case| case == INDEXING, "ms", 1.0) },
        Bar { over: Some(NOTMUCH), ..at_most(|case| case == INDEXING, "disk_mib", 1.0) },
    ],
    sheets: &[Sheet {
        head: "milliseconds",
        cases: |_| true,
        columns: &[
            ("Postroad", Cell::Of(OURS, "ms")),
            ("NeoMutt", Cell::Of(NEOMUTT, "ms")),
            ("of NeoMutt's", Cell::Over(NEOMUTT, "ms")),
            ("notmuch", Cell::Of(NOTMUCH, "ms")),
            ("MiB (NeoMutt's)", Cell::Beside(NEOMUTT, "anon_mib")),
        ],
    }],
};

const fn at_most(cases: fn(&str) -> bool, figure: &'static str, most: f64) -> Bar {
    Bar { cases, figure, over: None, limit: Limit::AtMost(most) }
}

pub(super) fn run(bench: &Bench<'_>, rows: &mut Rows) -> anyhow::Result<Columns> {
    let default = if bench.options.quick { LETTERS_QUICK } else { LETTERS };
    let letters = bench.options.messages.unwrap_or(default);
    let stage = Stage::set_up_with(Needs::Tools, Packages::Screens)?;
    let stage = stage.context("no NeoMutt and no notmuch here")?;
    let master = bench.folder.join("letters");
    letters::write(&master, letters)?;
    // Postfix's tools stand on a stage of their own.
    let tools = Stage::set_up(Needs::Tools)?.context("no smtp-sink here")?;
    let sink = Sink::start(&tools)?;
    let ours = programs::postroad(&stage, bench.folder, sink.address)?;
    let neomutt = programs::neomutt(&stage, bench.folder)?;
    let bar = progress(bench.runs() as usize * 3 + 1)?;
    let mut push = |server, case: &str, figures| {
        rows.push(Row { server, case: case.to_owned(), figures });
    };
    for number in 0..bench.runs() {
        for program in [&ours, &neomutt] {
            let context = || format!("{}, run {number}", program.name);
            bar.set_message(format!("{} of {letters} letters", program.name));
            program.copy(&master)?;
            let first = frames::shown(program).with_context(context)?;
            let again = frames::threaded(program).with_context(context)?;
            push(program.name, KNOWN, again.frame());
            if program.has_threads() {
                push(program.name, THREADS, again.order());
                let again = frames::shown(program).with_context(context)?;
                push(program.name, KNOWN_THREADS, again.frame());
            }
            push(program.name, NEW_FRAME, first.frame());
            push(program.name, NEW_COMPLETE, first.complete());
            bar.inc(1);
        }
        ours.copy(&master)?;
        let text = format!("~b '{}'", programs::NEWEST_TEXT);
        push(OURS, INDEXING, searches::indexed(&ours, &["search", &text], letters)?);
        for (case, wanted) in [(HEADERS, searches::in_headers()), (BODIES, searches::in_texts())] {
            push(OURS, case, searches::figures(&ours, &wanted, searches::Wanted::of_ours)?);
        }
        ours.copy(&master)?;
        push(OURS, KEYS, frames::pressed(&ours)?.keys());
        push(OURS, KEYS_BUSY, frames::pressed_while(&ours, &ours.busy())?.keys());
        bar.inc(1);
    }
    bar.set_message(format!("{NOTMUCH} of {letters} letters"));
    let notmuch = programs::notmuch(&stage, bench.folder)?;
    notmuch.copy(&master)?;
    push(NOTMUCH, INDEXING, searches::indexed(&notmuch, &["new", "--quiet"], letters)?);
    for _ in 0..bench.runs() {
        push(NOTMUCH, KNOWN, notmuch.told(&["search", "--limit=20", "*"])?);
        for (case, wanted) in [(HEADERS, searches::in_headers()), (BODIES, searches::in_texts())] {
            push(
                NOTMUCH,
                case,
                searches::figures(&notmuch, &wanted, searches::Wanted::of_notmuch)?,
            );
        }
    }
    bar.finish_and_clear();
    Ok(COLUMNS)
}
