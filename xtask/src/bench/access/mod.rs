//! The access agent beside Debian's Dovecot, each on a copy of the same Maildir.
//!
//! Each run has fresh copies. What is asked first is asked of a mailbox that nobody has seen; what is warm is asked again,
//! by a new connection. Figures are milliseconds from a command's first octet to its last one back.
//!
//! | looking for | it is in |
//! |---|---|
//! | the letters | `letters.rs` |
//! | what is asked, in which order | `cases.rs` |
//! | the servers, and a mailbox for each run | `servers.rs` |
//! | what sessions cost that do nothing (a scenario of its own) | `idle.rs` |
//! | a client that does nothing but ask and read | `client.rs` |

use anyhow::Context as _;

use super::bar::{Bar, Limit};
use super::row::{Columns, Row, Rows};
use super::sheet::{Cell, Sheet};
use super::{Bench, OURS, progress};

mod cases;
mod client;
pub(super) mod idle;
mod letters;
mod servers;

const DOVECOT: &str = "dovecot";
/// What is measured, unless it is said otherwise.
const LETTERS: u64 = 100_000;
const LETTERS_QUICK: u64 = 2_000;

const COLUMNS: Columns = Columns {
    shown: &["ms", "octets"],
    ratios: &[("ratio", "ms")],
    bars: &[
        Bar {
            cases: |case| !cases::is_threefold(case),
            figure: "ms",
            over: Some(DOVECOT),
            limit: Limit::AtMost(1.0),
        },
        Bar {
            cases: cases::is_threefold,
            figure: "ms",
            over: Some(DOVECOT),
            limit: Limit::AtMost(1.0 / 3.0),
        },
    ],
    sheets: &[Sheet {
        head: "milliseconds",
        cases: |_| true,
        columns: &[
            ("Postroad", Cell::Of(OURS, "ms")),
            ("Dovecot", Cell::Of(DOVECOT, "ms")),
            ("of Dovecot's", Cell::Over(DOVECOT, "ms")),
        ],
    }],
};

pub(super) fn run(bench: &Bench<'_>, rows: &mut Rows) -> anyhow::Result<Columns> {
    let default = if bench.options.quick { LETTERS_QUICK } else { LETTERS };
    let letters = bench.options.messages.unwrap_or(default);
    let master = bench.folder.join("letters");
    letters::write(&master, letters)?;
    let servers = [servers::postroad(&bench.folder.join(OURS))?, servers::dovecot()?];
    let bar = progress(bench.runs() as usize * servers.len())?;
    for number in 0..bench.runs() {
        for server in &servers {
            bar.set_message(format!("{} of {letters} letters", server.name));
            let user = format!("user{number}");
            server.copy(&master, &user)?;
            let figures = cases::run(server, &user, letters)
                .with_context(|| format!("{}, run {number}", server.name))?;
            for (case, figures) in figures {
                rows.push(Row { server: server.name, case: case.to_owned(), figures });
            }
            server.remove(&user)?;
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(COLUMNS)
}
