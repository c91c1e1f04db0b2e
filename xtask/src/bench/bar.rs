//! The bars that were set for our figures, and whether a run meets them.
//!
//! Nothing is decided by a verdict: it stands in the table, in a list of its own and in the JSON, and the bench
//! ends well all the same. Bars are held against medians.

use serde_json::{Value, json};

use super::row::{Rows, shown};

/// What a figure has to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bar {
    /// The cases that it is set for, by their names.
    pub(crate) cases: fn(&str) -> bool,
    /// Which figure of ours.
    pub(crate) figure: &'static str,
    /// Whose same figure ours is divided by.
    pub(crate) over: Option<&'static str>,
    pub(crate) limit: Limit,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Limit {
    AtMost(f64),
    AtLeast(f64),
    /// It is told, that's all.
    Unset,
}

impl Limit {
    fn judge(self, value: f64) -> Outcome {
        let met = match self {
            Self::AtMost(most) => value <= most,
            Self::AtLeast(least) => value >= least,
            Self::Unset => return Outcome::Told,
        };
        if met { Outcome::Pass } else { Outcome::Fail }
    }

    fn in_words(self) -> String {
        match self {
            Self::AtMost(most) => format!("at most {most}"),
            Self::AtLeast(least) => format!("at least {least}"),
            Self::Unset => "-".into(),
        }
    }
}

/// Whether a bar is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Pass,
    Fail,
    /// There is no bar.
    Told,
}

impl Outcome {
    pub(crate) fn in_words(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Fail => "FAIL",
            Self::Told => "-",
        }
    }
}

/// What became of one bar in one case.
#[derive(Debug, Clone)]
pub(crate) struct Verdict {
    case: String,
    bar: Bar,
    got: f64,
}

impl Verdict {
    pub(crate) fn outcome(&self) -> Outcome {
        self.bar.limit.judge(self.got)
    }

    fn figure(&self) -> String {
        match self.bar.over {
            Some(peer) => format!("{} over {peer}'s", self.bar.figure),
            None => self.bar.figure.to_owned(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "case": self.case,
            "bar": self.figure(),
            "wanted": self.bar.limit.in_words(),
            "got": self.got,
            "verdict": self.outcome().in_words(),
        })
    }
}

/// The verdicts on a case; a figure that wasn't measured has none.
pub(crate) fn judge(rows: &Rows, ours: &str, case: &str, bars: &[Bar]) -> Vec<Verdict> {
    let judged = bars.iter().filter(|bar| (bar.cases)(case)).filter_map(|bar| {
        let value = rows.median(case, ours, bar.figure)?;
        let got = match bar.over {
            Some(peer) => value / rows.median(case, peer, bar.figure)?,
            None => value,
        };
        Some(Verdict { case: case.to_owned(), bar: *bar, got })
    });
    judged.collect()
}

/// All of them, one a line.
pub(crate) fn print(verdicts: &[Verdict]) {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header(["case", "bar", "wanted", "got", "verdict"]);
    for verdict in verdicts {
        table.add_row([
            verdict.case.clone(),
            verdict.figure(),
            verdict.bar.limit.in_words(),
            shown(Some(verdict.got)),
            verdict.outcome().in_words().to_owned(),
        ]);
    }
    println!("{table}");
}

#[cfg(test)]
mod tests {
    use super::super::row::Row;
    use super::*;

    #[test]
    fn bars_are_held_against_figures_and_ratios() {
        let mut rows = Rows::default();
        for (server, value) in [("postroad", 10.0), ("peer", 2.0)] {
            rows.push(Row { server, case: "4 KiB".into(), figures: [("per_s", value)].into() });
        }
        let bar = |over, limit| Bar { cases: |case| case == "4 KiB", figure: "per_s", over, limit };
        let bars = [
            bar(None, Limit::AtLeast(10.0)),
            bar(None, Limit::AtMost(9.9)),
            bar(Some("peer"), Limit::AtLeast(5.0)),
            bar(Some("peer"), Limit::AtLeast(5.1)),
            bar(Some("peer"), Limit::Unset),
            bar(Some("nobody"), Limit::AtLeast(0.0)),
            Bar { cases: |_| false, ..bar(None, Limit::AtLeast(0.0)) },
        ];
        let outcomes: Vec<_> =
            judge(&rows, "postroad", "4 KiB", &bars).iter().map(Verdict::outcome).collect();
        use Outcome::{Fail, Pass, Told};
        assert_eq!(outcomes, [Pass, Fail, Pass, Fail, Told]);
    }
}
