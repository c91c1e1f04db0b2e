//! The access agent beside Debian's Dovecot, each on a copy of the same Maildir.
//!
//! Each run has fresh copies. What is asked first is asked of a mailbox that nobody has seen; what is warm is asked again,
//! by a new connection. Figures are milliseconds from a command's first octet to its last one back.
//!
//! | looking for | it is in |
//! |---|---|
//! | the letters | `letters.rs` |
//! | what is asked, in which order | `cases.rs`; of POP3 `pop3.rs` |
//! | a mailbox of a million letters, of ours alone | `million.rs` |
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
pub(super) mod letters;
mod million;
mod pop3;
mod servers;

const DOVECOT: &str = "dovecot";
/// What is measured, unless it is said otherwise.
const LETTERS: u64 = 100_000;
const LETTERS_QUICK: u64 = 2_000;

const COLUMNS: Columns = Columns {
    shown: &["ms", "octets", "peak_mib"],
    ratios: &[("ratio", "ms")],
    bars: &[
        Bar {
            cases: |case| !cases::is_threefold(case) && !case.contains("million"),
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
        Bar {
            cases: |case| case == million::AGAIN,
            figure: "ms",
            over: None,
            limit: Limit::AtMost(100.0),
        },
        Bar {
            cases: |case| case.contains("million"),
            figure: "peak_mib",
            over: None,
            limit: Limit::AtMost(200.0),
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
    let quick = bench.options.quick;
    let default = if quick { LETTERS_QUICK } else { LETTERS };
    let letters = bench.options.messages.unwrap_or(default);
    let letters_of_pop3 = letters.min(pop3::LETTERS);
    let [master, master_of_pop3] = ["letters", "letters-pop3"].map(|name| bench.folder.join(name));
    letters::write(&master, letters)?;
    letters::write(&master_of_pop3, letters_of_pop3)?;
    let servers = [servers::postroad(&bench.folder.join(OURS))?, servers::dovecot()?];
    let bar = progress(bench.runs() as usize * servers.len() + 1)?;
    let mut push = |server: &servers::Server, measured: Vec<(&str, _)>| {
        for (case, figures) in measured {
            rows.push(Row { server: server.name, case: case.to_owned(), figures });
        }
    };
    for number in 0..bench.runs() {
        let user = format!("user{number}");
        for server in &servers {
            let context = || format!("{}, run {number}", server.name);
            bar.set_message(format!("{} of {letters} letters", server.name));
            server.copy(&master, &user)?;
            push(server, cases::run(server, &user, letters).with_context(context)?);
            server.remove(&user)?;
            server.copy(&master_of_pop3, &user)?;
            push(server, pop3::run(server, &user, letters_of_pop3).with_context(context)?);
            server.remove(&user)?;
            bar.inc(1);
        }
    }
    let letters = if quick { million::LETTERS_QUICK } else { million::LETTERS };
    let ours = servers::postroad(&bench.folder.join("million"))?;
    bar.set_message(format!("{} of {letters} letters", ours.name));
    push(&ours, million::run(&ours, &bench.folder.join("letters-million"), letters, bench.runs())?);
    bar.finish_and_clear();
    Ok(COLUMNS)
}
