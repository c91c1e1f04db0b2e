//! The figures as the README shows them (`--markdown`): a line a case, servers side by side, the machine below.

use std::process::Command;

use super::row::{Rows, shown};

/// A table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sheet {
    /// What the first column says.
    pub(crate) head: &'static str,
    /// Which cases have a line.
    pub(crate) cases: fn(&str) -> bool,
    pub(crate) columns: &'static [(&'static str, Cell)],
}

/// What stands in a column.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cell {
    /// A server's figure.
    Of(&'static str, &'static str),
    /// Our figure divided by a server's.
    Over(&'static str, &'static str),
    /// Our figure, and a server's in brackets.
    Beside(&'static str, &'static str),
}

/// Prints them; `machine` in a sentence below, with the month and how much was run.
pub(crate) fn print(rows: &Rows, ours: &str, sheets: &[Sheet], machine: &str) {
    for sheet in sheets {
        println!("{}\n", table(rows, ours, sheet));
    }
    println!("{}; {}medians of {}.", machine, month(), runs(rows));
}

fn table(rows: &Rows, ours: &str, sheet: &Sheet) -> String {
    let titles = sheet.columns.iter().map(|(title, _)| *title);
    let mut lines = vec![line(std::iter::once(sheet.head).chain(titles))];
    lines.push(format!("|---|{}", "--:|".repeat(sheet.columns.len())));
    for case in rows.cases().iter().filter(|case| (sheet.cases)(case)) {
        let cells = sheet.columns.iter().map(|(_, cell)| filled(rows, ours, case, *cell));
        lines.push(line(std::iter::once(case.clone()).chain(cells)));
    }
    lines.join("\n")
}

fn line(cells: impl Iterator<Item = impl Into<String>>) -> String {
    let cells: Vec<String> = cells.map(Into::into).collect();
    format!("| {} |", cells.join(" | "))
}

fn filled(rows: &Rows, ours: &str, case: &str, cell: Cell) -> String {
    let of = |server: &str, figure: &str| rows.median(case, server, figure);
    match cell {
        Cell::Of(server, figure) => shown(of(server, figure)),
        Cell::Over(peer, figure) => {
            shown(of(ours, figure).zip(of(peer, figure)).map(|(our, their)| our / their))
        }
        Cell::Beside(peer, figure) => {
            format!("{} ({})", shown(of(ours, figure)), shown(of(peer, figure)))
        }
    }
}

/// As `November 2026, `; nothing where the system can't tell.
fn month() -> String {
    let date = Command::new("date").arg("+%B %Y").env("LC_ALL", "C").output();
    let month = date.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    month.ok().filter(|month| !month.is_empty()).map_or_else(String::new, |month| month + ", ")
}

/// As `5 runs of 5.1 s and more`.
fn runs(rows: &Rows) -> String {
    let count = rows.runs();
    let runs = if count == 1 { "one run".into() } else { format!("{count} runs") };
    match rows.shortest() {
        Some((seconds, _)) => format!("{runs} of {seconds:.1} s and more"),
        None => runs,
    }
}

#[cfg(test)]
mod tests {
    use super::super::row::Row;
    use super::*;

    #[test]
    fn servers_stand_side_by_side() {
        const SHEET: Sheet = Sheet {
            head: "letters",
            cases: |case| case != "not this",
            columns: &[
                ("ours", Cell::Of("postroad", "per_s")),
                ("times", Cell::Over("peer", "per_s")),
                ("syncs", Cell::Beside("peer", "syncs")),
            ],
        };
        let mut rows = Rows::default();
        for (server, case, per_s) in
            [("postroad", "4 KiB", 200.0), ("peer", "4 KiB", 20.0), ("peer", "not this", 1.0)]
        {
            rows.push(Row { server, case: case.into(), figures: [("per_s", per_s)].into() });
        }
        let expected =
            "| letters | ours | times | syncs |\n|---|--:|--:|--:|\n| 4 KiB | 200 | 10.0 | - (-) |";
        assert_eq!(table(&rows, "postroad", &SHEET), expected);
    }
}
