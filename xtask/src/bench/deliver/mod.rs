//! The delivery agent alone, beside those that it stands in for: procmail, maildrop, dovecot-lda and Dovecot's LMTP,
//! all from Debian, all filing into Maildirs on the same file system.
//!
//! Peers are as durable as they ship; what each syncs stands beside its figures. Dovecot (`mail_fsync = optimized`)
//! syncs the letter, its `new/` and a list of its own before the reply: what ours promises, ours syncs too.
//!
//! | looking for | it is in |
//! |---|---|
//! | a process for each letter, without and with rules | `one_shot.rs`; what is called there, in `agents.rs` |
//! | LMTP into many mailboxes and into one | `lmtp.rs`; its client, in `client.rs` |
//! | what idle LMTP connections cost | `idle.rs` |

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::UNIX_EPOCH;

use super::bar::{Bar, Limit};
use super::row::{Columns, Rows};
use super::sheet::{Cell, Sheet};
use super::{Bench, OURS, floor};

mod agents;
mod caller;
mod client;
mod idle;
mod lmtp;
mod one_shot;

pub(crate) use caller::run as one_shots;

/// Octets of each letter.
const LETTER_OCTETS: u32 = 4 * 1024;

/// The field that a transfer agent puts on top, with a queue id that no other letter has: what is delivered again is
/// known by it, and to remember it is part of a delivery.
fn received(line_end: &str) -> String {
    static LETTERS: AtomicU64 = AtomicU64::new(0);
    let now = UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
    let letter = LETTERS.fetch_add(1, Ordering::Relaxed);
    format!(
        "Received: from client.example by mx.example with ESMTP id {now:X}{letter:X};{line_end}\tSun, 29 Nov 2026 12:00:00 +0000{line_end}"
    )
}

const COLUMNS: Columns = Columns {
    shown: &[
        "p50_ms",
        "p99_ms",
        "syncs",
        "dir_syncs",
        "per_s",
        "cpu_ms",
        "load_cpu_ms",
        "device_octets",
        "peak_mib",
        "connections",
        "kib_each",
    ],
    ratios: &[("p50 ratio", "p50_ms"), ("rate ratio", "per_s"), ("CPU ratio", "cpu_ms")],
    bars: &[
        Bar {
            cases: |case| case == one_shot::PLAIN,
            figure: "p50_ms",
            over: Some(one_shot::PROCMAIL_AND_SYNC),
            limit: Limit::AtMost(1.0),
        },
        Bar {
            cases: |case| case == one_shot::RULES,
            figure: "p50_ms",
            over: Some(agents::DOVECOT_LDA),
            limit: Limit::AtMost(1.0),
        },
        Bar {
            cases: lmtp::is_crowded,
            figure: "per_s",
            over: Some(lmtp::WANTED),
            limit: Limit::AtLeast(1.0),
        },
        Bar {
            cases: lmtp::is_case,
            figure: "per_s",
            over: Some(floor::FILED),
            limit: Limit::Unset,
        },
        Bar { cases: idle::is_case, figure: "kib_each", over: None, limit: Limit::AtMost(16.0) },
    ],
    sheets: &[
        Sheet {
            head: "a process for each letter, p50 and p99 in ms",
            cases: |case| case == one_shot::PLAIN || case == one_shot::RULES,
            columns: &[
                ("nothing", Cell::Of(agents::NOTHING, "p50_ms")),
                ("Postroad", Cell::Of(OURS, "p50_ms")),
                ("p99", Cell::Of(OURS, "p99_ms")),
                ("procmail", Cell::Of(agents::PROCMAIL, "p50_ms")),
                ("p99", Cell::Of(agents::PROCMAIL, "p99_ms")),
                ("and a directory's sync", Cell::Of(one_shot::PROCMAIL_AND_SYNC, "p50_ms")),
                ("maildrop", Cell::Of(agents::MAILDROP, "p50_ms")),
                ("p99", Cell::Of(agents::MAILDROP, "p99_ms")),
                ("dovecot-lda", Cell::Of(agents::DOVECOT_LDA, "p50_ms")),
                ("p99", Cell::Of(agents::DOVECOT_LDA, "p99_ms")),
            ],
        },
        Sheet {
            head: "syncs a letter, those of directories apart",
            cases: |case| case == one_shot::PLAIN || case == one_shot::RULES,
            columns: &[
                ("Postroad", Cell::Of(OURS, "syncs")),
                ("directories", Cell::Of(OURS, "dir_syncs")),
                ("procmail", Cell::Of(agents::PROCMAIL, "syncs")),
                ("directories", Cell::Of(agents::PROCMAIL, "dir_syncs")),
                ("maildrop", Cell::Of(agents::MAILDROP, "syncs")),
                ("directories", Cell::Of(agents::MAILDROP, "dir_syncs")),
                ("dovecot-lda", Cell::Of(agents::DOVECOT_LDA, "syncs")),
                ("directories", Cell::Of(agents::DOVECOT_LDA, "dir_syncs")),
            ],
        },
        Sheet {
            head: "letters a second",
            cases: lmtp::is_case,
            columns: &[
                ("Postroad", Cell::Of(OURS, "per_s")),
                ("Dovecot", Cell::Of(lmtp::DOVECOT, "per_s")),
                ("times Dovecot", Cell::Over(lmtp::DOVECOT, "per_s")),
                ("of a file and two syncs each", Cell::Over(floor::FILED, "per_s")),
                ("CPU ms a letter (Dovecot's)", Cell::Beside(lmtp::DOVECOT, "cpu_ms")),
                ("syncs a letter (Dovecot's)", Cell::Beside(lmtp::DOVECOT, "syncs")),
                ("peak MiB (Dovecot's)", Cell::Beside(lmtp::DOVECOT, "peak_mib")),
            ],
        },
        Sheet {
            head: "idle LMTP connections",
            cases: idle::is_case,
            columns: &[
                ("Postroad", Cell::Of(OURS, "connections")),
                ("KiB each", Cell::Of(OURS, "kib_each")),
                ("Dovecot", Cell::Of(lmtp::DOVECOT, "connections")),
                ("KiB each", Cell::Of(lmtp::DOVECOT, "kib_each")),
            ],
        },
    ],
};

pub(super) fn run(bench: &Bench<'_>, rows: &mut Rows) -> anyhow::Result<Columns> {
    one_shot::run(bench, rows)?;
    lmtp::run(bench, rows)?;
    idle::run(bench, rows)?;
    Ok(COLUMNS)
}
