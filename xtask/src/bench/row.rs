//! Rows of figures: printed as a table, written as JSON, summed up as medians and ratios.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use serde_json::{Map, Value};

use super::bar::{self, Bar, Outcome, Verdict};
use super::sheet::Sheet;

/// How long a run lasted.
pub(crate) const SECONDS: &str = "seconds";

/// What one run of one case gave; figures are per message unless their name says otherwise.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) server: &'static str,
    pub(crate) case: String,
    pub(crate) figures: BTreeMap<&'static str, f64>,
}

/// What the table shows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Columns {
    /// Figures.
    pub(crate) shown: &'static [&'static str],
    /// Title and figure of each ratio, ours divided by the peer's.
    pub(crate) ratios: &'static [(&'static str, &'static str)],
    /// What our figures have to be.
    pub(crate) bars: &'static [Bar],
    /// What of it the README shows.
    pub(crate) sheets: &'static [Sheet],
}

/// All runs so far, in order.
#[derive(Default)]
pub(crate) struct Rows(Vec<Row>);

impl Rows {
    pub(crate) fn push(&mut self, row: Row) {
        self.0.push(row);
    }

    /// One JSON object a run, then one a verdict.
    pub(crate) fn write_json(
        &self,
        path: &Path,
        ours: &str,
        columns: Columns,
    ) -> anyhow::Result<()> {
        let mut file =
            File::create(path).with_context(|| format!("cannot create {}", path.display()))?;
        for row in &self.0 {
            let mut object = Map::new();
            object.insert("server".into(), row.server.into());
            object.insert("case".into(), row.case.clone().into());
            object.extend(
                row.figures.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))),
            );
            writeln!(file, "{}", Value::Object(object)).context("cannot write the figures")?;
        }
        for verdict in self.cases().iter().flat_map(|case| self.verdicts(ours, case, columns)) {
            writeln!(file, "{}", verdict.json()).context("cannot write the verdicts")?;
        }
        Ok(())
    }

    fn verdicts(&self, ours: &str, case: &str, columns: Columns) -> Vec<Verdict> {
        bar::judge(self, ours, case, columns.bars)
    }

    /// Medians by case and server, our ratio to every peer, and whether our bars are met.
    pub(crate) fn print(&self, ours: &str, columns: Columns) {
        let mut table = comfy_table::Table::new();
        table.load_style(comfy_table::presets::ASCII_MARKDOWN);
        let header = ["case", "server", "runs"].into_iter().chain(columns.shown.iter().copied());
        let header = header.chain(columns.ratios.iter().map(|(title, _)| *title));
        table.set_header(header.chain((!columns.bars.is_empty()).then_some("bars")));
        let mut verdicts = Vec::new();
        for case in self.cases() {
            let of_case = self.verdicts(ours, &case, columns);
            for server in self.servers(&case) {
                let runs =
                    self.0.iter().filter(|row| row.case == case && row.server == server).count();
                let mut cells = vec![case.clone(), server.to_owned(), runs.to_string()];
                cells.extend(
                    columns.shown.iter().map(|name| shown(self.median(&case, server, name))),
                );
                for (_, name) in columns.ratios {
                    let ratio = || {
                        Some(self.median(&case, ours, name)? / self.median(&case, server, name)?)
                    };
                    cells.push(if server == ours { String::new() } else { shown(ratio()) });
                }
                if !columns.bars.is_empty() {
                    cells.push(if server == ours { summed_up(&of_case) } else { "" }.to_owned());
                }
                table.add_row(cells);
            }
            verdicts.extend(of_case);
        }
        println!("{table}");
        println!("Medians of the runs.");
        if let Some((seconds, row)) = self.shortest() {
            println!("The shortest lasted {seconds:.1} s: {}, {}.", row.server, row.case);
        }
        if !columns.ratios.is_empty() {
            println!("The ratios are {ours}'s figure divided by that of the server in the line.");
        }
        if !verdicts.is_empty() {
            bar::print(&verdicts);
        }
    }

    /// Of the runs that say how long they lasted.
    pub(crate) fn shortest(&self) -> Option<(f64, &Row)> {
        let runs = self.0.iter().filter_map(|row| Some((*row.figures.get(SECONDS)?, row)));
        runs.min_by(|one, other| one.0.total_cmp(&other.0))
    }

    /// Runs of a case on a server, where there were most.
    pub(crate) fn runs(&self) -> usize {
        let count = |one: &Row| {
            let same = |row: &&Row| row.case == one.case && row.server == one.server;
            self.0.iter().filter(same).count()
        };
        self.0.iter().map(count).max().unwrap_or_default()
    }

    pub(crate) fn cases(&self) -> Vec<String> {
        let mut cases: Vec<String> = Vec::new();
        for row in &self.0 {
            if !cases.contains(&row.case) {
                cases.push(row.case.clone());
            }
        }
        cases
    }

    fn servers(&self, case: &str) -> Vec<&'static str> {
        let mut servers = Vec::new();
        for row in self.0.iter().filter(|row| row.case == case) {
            if !servers.contains(&row.server) {
                servers.push(row.server);
            }
        }
        servers
    }

    pub(crate) fn median(&self, case: &str, server: &str, name: &str) -> Option<f64> {
        let ours = self.0.iter().filter(|row| row.case == case && row.server == server);
        let mut values: Vec<f64> = ours.filter_map(|row| row.figures.get(name).copied()).collect();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        match values.len() % 2 {
            1 => values.get(middle).copied(),
            _ => Some((values.get(middle.checked_sub(1)?)? + values.get(middle)?) / 2.0),
        }
    }
}

/// All bars of a case in a word.
fn summed_up(verdicts: &[Verdict]) -> &'static str {
    let failed = || verdicts.iter().any(|verdict| verdict.outcome() == Outcome::Fail);
    match verdicts {
        [] => "",
        _ if failed() => Outcome::Fail.in_words(),
        _ => Outcome::Pass.in_words(),
    }
}

/// Three significant digits are more than the machine's noise leaves.
pub(crate) fn shown(value: Option<f64>) -> String {
    match value {
        None => "-".into(),
        Some(value) if value >= 100.0 => format!("{value:.0}"),
        Some(value) if value >= 10.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_of_odd_even_and_no_runs() {
        let mut rows = Rows::default();
        for value in [3.0, 1.0, 2.0] {
            rows.push(Row { server: "a", case: "c".into(), figures: [("per_s", value)].into() });
        }
        assert_eq!(rows.median("c", "a", "per_s"), Some(2.0));
        rows.push(Row { server: "a", case: "c".into(), figures: [("per_s", 10.0)].into() });
        assert_eq!(rows.median("c", "a", "per_s"), Some(2.5));
        assert_eq!(rows.median("c", "b", "per_s"), None);
    }
}
