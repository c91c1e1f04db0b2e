//! Conditions: the lines that begin with `*`.

use super::program::{Gives, Takes, words};
use super::read::{Condition, Flags};
use super::{Stage, Translator};
use crate::pattern::{Case, Dialect, Found, Node, header_test, parse, text_test, variable_test};
use crate::script::{Piece, Steps, Test, Text};
use crate::shell::{Cursor, is_name_part};
use crate::{Left, folder};

/// What a pattern is looked for in.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Area {
    Header,
    Body,
    Both,
    Variable(String),
}

/// One condition.
struct Read {
    test: Test,
    kept: Option<usize>,
    /// Whether it counts, in place of being needed.
    weight: Option<f64>,
    /// Whether it looks at what another one kept.
    asks_for_match: bool,
}

impl Translator<'_> {
    /// All of them: in one stage, unless one looks at what another one keeps.
    pub(super) fn conditions(
        &mut self,
        conditions: &[Condition],
        flags: &Flags,
        before: &mut Steps,
    ) -> Result<Vec<Stage>, Left> {
        let area = match (flags.has('H'), flags.has('B')) {
            (false, true) => Area::Body,
            (true, true) => Area::Both,
            (_, false) => Area::Header,
        };
        let case = if flags.has('D') { Case::Differs } else { Case::Same };
        let mut stages = Vec::new();
        let mut tests: Vec<Test> = Vec::new();
        let mut keeper: Option<(Test, usize)> = None;
        let mut counted: Vec<Test> = Vec::new();
        for condition in conditions {
            let text = Text::plain(&condition.text);
            let read = self.condition(&text, (&area, case), condition.line, before)?;
            if read.asks_for_match
                && let Some((test, kept)) = keeper.take()
            {
                tests.push(test);
                stages
                    .push(Stage { test: Test::all(std::mem::take(&mut tests)), kept: Some(kept) });
            }
            match (read.weight, read.kept) {
                (Some(weight), None) if weight > 0.0 => counted.push(read.test),
                (Some(_), _) => {
                    return Err(Left::new(
                        "scores that are weighed against each other",
                        "say with anyof and allof what is meant",
                    ));
                }
                (None, Some(kept)) => tests.extend(
                    // The last one that keeps something wins.
                    keeper.replace((read.test, kept)).map(|(test, _)| test),
                ),
                (None, None) => tests.push(read.test),
            }
        }
        // A score is above nothing as soon as one of those that add to it holds.
        if !counted.is_empty() {
            tests.push(Test::any(counted));
        }
        let (last, kept) = keeper.map_or((Test::True, None), |(test, kept)| (test, Some(kept)));
        // It comes last: others would leave match variables of their own.
        tests.push(last);
        stages.push(Stage { test: Test::all(tests), kept });
        Ok(stages)
    }

    fn condition(
        &mut self,
        text: &Text,
        (area, case): (&Area, Case),
        line: usize,
        before: &mut Steps,
    ) -> Result<Read, Left> {
        let mut text = text.clone();
        let mut negated = false;
        let mut weight = None;
        let mut area = area.clone();
        let asks_for_match;
        let found = loop {
            text = trimmed(text);
            let start = text.start().to_owned();
            if let Some((given, octets)) = score(&start) {
                weight = Some(given);
                text = text.without_start(octets);
                continue;
            }
            if let Some((name, octets)) = searched(&start) {
                area = match name {
                    "H" => Area::Header,
                    "B" => Area::Body,
                    "HB" | "BH" => Area::Both,
                    name => Area::Variable(name.to_owned()),
                };
                text = text.without_start(octets);
                continue;
            }
            match start.chars().next() {
                Some('!') => {
                    negated = !negated;
                    text = text.without_start(1);
                }
                Some('$') if text.constant().is_some_and(is_substituted) => {
                    let mut word = Vec::new();
                    let inner = start.get(1..).unwrap_or_default().trim_start().to_owned();
                    // Quotes have no meaning in there.
                    Cursor::new(&inner.replace('"', "\\\"")).in_quotes(&mut word);
                    text = self.expand(&word, before)?;
                    let asks = text.0.contains(&Piece::Variable("MATCH".to_owned()));
                    // What comes out is read again.
                    let read = self.substituted(&text, (&area, case), line, before)?;
                    return Ok(Read {
                        test: if negated { read.test.negated() } else { read.test },
                        kept: read.kept.filter(|_| !negated),
                        weight: weight.or(read.weight),
                        asks_for_match: asks || read.asks_for_match,
                    });
                }
                Some('?') => {
                    // It is a shell's line, whatever was put in place: that stays the shell's.
                    let command = folder::shown(&text).trim_start_matches('?').trim().to_owned();
                    let takes = if area == Area::Body { Takes::Body } else { Takes::Whole };
                    let call = self.call(&command, (takes, Gives::Nothing), line, before)?;
                    asks_for_match = command.contains("$MATCH");
                    break Found { test: Test::Is(format!("execute :pipe {call}")), kept: None };
                }
                Some('<' | '>') if matches!(area, Area::Variable(_)) => {
                    return Err(Left::new("the length of a variable", "write it by hand"));
                }
                Some(sign @ ('<' | '>')) => {
                    asks_for_match = false;
                    break Found { test: size(sign, &text)?, kept: None };
                }
                _ => {
                    let quoted = start
                        .strip_prefix('\\')
                        .is_some_and(|rest| rest.starts_with(['!', '$', '?', '<', '>', '\\']));
                    text = if quoted { text.without_start(1) } else { text };
                    asks_for_match = area == Area::Variable("MATCH".to_owned());
                    break self.looked_for(&text, &area, case)?;
                }
            }
        };
        let test = if negated { found.test.negated() } else { found.test };
        Ok(Read { test, kept: found.kept.filter(|_| !negated), weight, asks_for_match })
    }

    fn substituted(
        &mut self,
        text: &Text,
        (area, case): (&Area, Case),
        line: usize,
        before: &mut Steps,
    ) -> Result<Read, Left> {
        match text.start().trim_start().starts_with('$') {
            // Once is enough.
            true => {
                let found = self.looked_for(&trimmed(text.clone()), area, case)?;
                Ok(Read { test: found.test, kept: found.kept, weight: None, asks_for_match: false })
            }
            false => self.condition(text, (area, case), line, before),
        }
    }

    fn looked_for(&mut self, pattern: &Text, area: &Area, case: Case) -> Result<Found, Left> {
        let left = |what: String| Left::new(what, "write it as a test of Sieve");
        let branches = parse(pattern, Dialect::Procmail).map_err(left)?;
        let keeps = branches.iter().flatten().any(|node| *node == Node::Split);
        let many_lines = || left("the pattern is about more than a test can say".to_owned());
        let always = branches.iter().any(Vec::is_empty);
        let found = match area {
            _ if always => Some(Found { test: Test::True, kept: None }),
            Area::Variable(name) => {
                let value = self.value(name)?;
                variable_test(&branches, &value, case)
            }
            Area::Header => header_test(&branches, case)
                .or_else(|| text_test(&branches, "lines :header {}", case)),
            Area::Body if keeps => text_test(&branches, "lines :body {}", case),
            Area::Body => text_test(&branches, "body :raw {}", case),
            Area::Both => text_test(&branches, "lines {}", case),
        };
        let mut found = found.ok_or_else(many_lines)?;
        let constant = pattern.constant().unwrap_or_default();
        let is_of_daemons = constant.contains("^FROM_DAEMON") || constant.contains("^FROM_MAILER");
        // Where nobody is the sender, an mbox says MAILER-DAEMON.
        if is_of_daemons && *area != Area::Body && found.kept.is_none() {
            let nobody = Test::Is("envelope :is \"from\" \"\"".to_owned());
            found.test = Test::any(vec![found.test, nobody]);
        }
        Ok(found)
    }
}

fn trimmed(text: Text) -> Text {
    let blanks = text.start().len() - text.start().trim_start().len();
    text.without_start(blanks)
}

/// Whether what follows the dollar is to be put in place; else it is the end of a line.
fn is_substituted(text: &str) -> bool {
    !text.is_empty()
}

/// `2^0 `, and how long it is.
fn score(text: &str) -> Option<(f64, usize)> {
    let end = text.find([' ', '\t']).unwrap_or(text.len());
    let (weight, exponent) = text.get(..end)?.split_once('^')?;
    let is_number = |text: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || "+-.".contains(c))
    };
    if !is_number(weight) || !is_number(exponent) {
        return None;
    }
    Some((weight.parse().ok()?, end))
}

/// `B ?? `, and how long it is.
fn searched(text: &str) -> Option<(&str, usize)> {
    let end = text.find(|c| !is_name_part(c))?;
    let name = text.get(..end).filter(|name| !name.is_empty())?;
    let behind = text.get(end..)?;
    let blanks = behind.len() - behind.trim_start_matches([' ', '\t']).len();
    behind.trim_start_matches([' ', '\t']).starts_with("??").then_some((name, end + blanks + 2))
}

fn size(sign: char, text: &Text) -> Result<Test, Left> {
    let shown = text.constant().map(|text| text.get(1..).unwrap_or_default().trim());
    let number = shown.and_then(|text| words(text).len().eq(&1).then_some(text));
    match number.and_then(|number| number.parse::<u32>().ok()) {
        Some(octets) => {
            let tag = if sign == '<' { "under" } else { "over" };
            Ok(Test::Is(format!("size :{tag} {octets}")))
        }
        None => Err(Left::new("a size that is known only when a letter comes", "write the number")),
    }
}
