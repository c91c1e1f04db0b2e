//! Recipes that depend on those before them: flags `A a E e`.
//!
//! | what follows a recipe | becomes |
//! |---|---|
//! | only `E` | `elsif` and `else` |
//! | only `A`, `a`, `e` | blocks inside of its own |
//! | both, or assignments between | variables that say which were executed |

use super::program::{EACH_TIME, Fails};
use super::read::{Statement, What};
use super::{Rule, Translator, checked};
use crate::Left;
use crate::script::{Step, Steps, Test, Text, ends, when};

/// How many of these statements belong to the recipe before them.
pub(super) fn members(rest: &[Statement]) -> usize {
    let mut members = 0;
    for (index, statement) in rest.iter().enumerate() {
        match &statement.what {
            What::Recipe(recipe) if "AaEe".chars().any(|flag| recipe.flags.has(flag)) => {
                members = index + 1;
            }
            What::Recipe(_) | What::Nonsense(_) => break,
            What::Comment(_) | What::Assign(..) => {}
        }
    }
    members
}

/// Whether the next recipe asks if the one before it succeeded.
fn fails(behind: &[Statement]) -> Fails {
    let next = behind.iter().find_map(|statement| match &statement.what {
        What::Recipe(recipe) => Some(recipe.flags.has('a') || recipe.flags.has('e')),
        What::Comment(_) | What::Assign(..) | What::Nonsense(_) => None,
    });
    if next == Some(true) { Fails::Asked } else { Fails::Unasked }
}

/// On what a recipe depends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    /// On nothing.
    First,
    /// `A`: the conditions of the first one held.
    AndFirst,
    /// `a`: the one before was executed, with success.
    AndBefore,
    /// `e`: the one before failed.
    Failed,
    /// `E`: the one before wasn't executed, nor those that it is an alternative to.
    Else,
}

struct Member {
    link: Link,
    rule: Rule,
}

impl Translator<'_> {
    /// A recipe and those that depend on it.
    pub(super) fn group(&mut self, statements: &[Statement], lines: &[&str]) -> Steps {
        let mut members: Vec<Member> = Vec::new();
        // What comes before the nth of them.
        let mut between: Vec<Steps> = Vec::new();
        let mut out = Steps::new();
        let mut gone: Option<usize> = None;
        let mut waiting = Steps::new();
        for (index, statement) in statements.iter().enumerate() {
            let Statement { line, last_line, what } = statement;
            let recipe = match what {
                What::Recipe(recipe) => recipe,
                What::Assign(name, value) => {
                    match self.assign(name, value.as_ref(), *line) {
                        Ok(steps) => waiting.extend(steps),
                        Err(left) => {
                            self.lost.insert(name.clone());
                            self.leave(*line, left);
                        }
                    }
                    continue;
                }
                What::Comment(_) | What::Nonsense(_) => continue,
            };
            let link = match () {
                () if members.is_empty() && gone.is_none() => Link::First,
                () if recipe.flags.has('E') => Link::Else,
                () if recipe.flags.has('e') => Link::Failed,
                () if recipe.flags.has('a') => Link::AndBefore,
                () => Link::AndFirst,
            };
            let made = match gone {
                Some(other) => Err(Left::new(
                    format!("it depends on line {other}, which is left out"),
                    "write both by hand",
                )),
                None => {
                    if link != Link::First {
                        self.depth += 1;
                    }
                    let behind = statements.get(index + 1..).unwrap_or_default();
                    let made = self.rule(recipe, *line, lines, fails(behind));
                    if link != Link::First {
                        self.depth -= 1;
                    }
                    let can_fail = members.last().is_some_and(|member| member.rule.proof.is_some());
                    made.and_then(|rule| match rule {
                        Some(_) if link == Link::Failed && !can_fail => Err(Left::new(
                            "what is done if the recipe before fails",
                            "none is needed where it files: the letter is tried again later",
                        )),
                        Some(rule) => checked(&rule).map(|()| Some(rule)),
                        None => Ok(None),
                    })
                }
            };
            match made {
                Ok(Some(rule)) => {
                    between.push(std::mem::take(&mut waiting));
                    members.push(Member { link, rule });
                }
                Ok(None) => {
                    out.push(self.heading(*line));
                    out.push(Step::Comment("Not needed here.".to_owned()));
                }
                Err(left) => {
                    out.extend(self.left_out(*line, *last_line, lines, &left));
                    self.leave(*line, left);
                    // Nobody knows then whether those behind it apply.
                    if link != Link::Failed {
                        gone = Some(*line);
                    }
                }
            }
        }
        // What was left out comes first: the others may end the script.
        out.extend(self.together(members, between));
        out.extend(waiting);
        out
    }

    fn together(&mut self, members: Vec<Member>, between: Vec<Steps>) -> Steps {
        let mut steps = Steps::new();
        let Some(first) = members.first() else { return between.concat() };
        if members.len() == 1 {
            steps.extend(between.concat());
            steps.push(self.heading(first.rule.line));
            steps.extend(first.rule.before.clone());
            let inner = proven(&first.rule, first.rule.steps.clone(), Steps::new());
            steps.extend(first.rule.under(inner));
            return steps;
        }
        let behind = members.get(1..).unwrap_or_default();
        let is_plain = between.iter().all(Vec::is_empty);
        let all_else = is_plain
            && behind.iter().all(|member| member.link == Link::Else)
            && members
                .iter()
                .all(|Member { rule, .. }| rule.proof.is_none() && rule.only_test().is_some());
        if all_else {
            return self.alternatives(&members);
        }
        if is_plain && behind.iter().all(|member| member.link != Link::Else) {
            steps.push(self.heading(first.rule.line));
            for member in &members {
                steps.extend(member.rule.before.clone());
            }
            steps.extend(self.nested(&members, 0));
            return steps;
        }
        self.by_variables(&members, between)
    }

    fn alternatives(&mut self, members: &[Member]) -> Steps {
        let mut steps: Steps = Vec::new();
        let lines: Vec<String> =
            members.iter().map(|member| member.rule.line.to_string()).collect();
        if let Some(member) = members.first() {
            steps.push(self.heading(member.rule.line));
            steps.push(Step::Comment(format!(
                "with the alternatives of lines {}",
                lines.join(", ")
            )));
        }
        let mut branches = Vec::new();
        let mut otherwise = Steps::new();
        for (index, Member { rule, .. }) in members.iter().enumerate() {
            steps.extend(rule.before.clone());
            let Some((test, first)) = rule.only_test() else { continue };
            let inner = [first, rule.steps.clone()].concat();
            match test {
                Test::True => {
                    otherwise = inner;
                    self.none_gets_to(members.get(index + 1..).unwrap_or_default(), rule.line);
                    break;
                }
                test => branches.push((test, inner)),
            }
        }
        match branches.is_empty() {
            true => steps.extend(otherwise),
            false => steps.push(Step::If(branches, otherwise)),
        }
        steps
    }

    /// The member with those that depend on it inside.
    fn nested(&mut self, members: &[Member], index: usize) -> Steps {
        let Some(Member { rule, .. }) = members.get(index) else { return Steps::new() };
        let next = members.get(index + 1).map(|member| member.link);
        let mut success = rule.steps.clone();
        let mut failure = Steps::new();
        match next {
            Some(Link::AndBefore) if ends(&success) => {
                self.none_gets_to(with_dependents(members, index + 1), rule.line);
            }
            Some(Link::AndBefore) => success.extend(self.headed(members, index + 1)),
            Some(Link::Failed) => {
                failure = self.headed(members, index + 1);
                // vacation(1)'s own recipe: `vacation` remembers whom it has told.
                if !rule.asks_sender.is_empty() && success.is_empty() && tell_once(&mut failure) {
                    return rule.under(failure);
                }
            }
            _ => {}
        }
        let mut inner = proven(rule, success, failure);
        if index == 0 {
            for (at, member) in members.iter().enumerate() {
                match member.link {
                    Link::AndFirst if ends(&inner) => {
                        self.none_gets_to(with_dependents(members, at), rule.line);
                    }
                    Link::AndFirst => inner.extend(self.headed(members, at)),
                    _ => {}
                }
            }
        }
        rule.under(inner)
    }

    fn none_gets_to(&mut self, members: &[Member], taken_by: usize) {
        for member in members {
            self.unreached(member.rule.line, taken_by);
        }
    }

    fn headed(&mut self, members: &[Member], index: usize) -> Steps {
        let line = members.get(index).map_or(0, |member| member.rule.line);
        [vec![self.heading(line)], self.nested(members, index)].concat()
    }

    fn by_variables(&self, members: &[Member], between: Vec<Steps>) -> Steps {
        let mut steps = Steps::new();
        let mut chain: Vec<Test> = Vec::new();
        for (index, (Member { link, rule }, first)) in members.iter().zip(between).enumerate() {
            steps.extend(first);
            steps.push(self.heading(rule.line));
            steps.extend(rule.before.clone());
            let before = index.checked_sub(1).and_then(|index| members.get(index));
            let ran = |member: Option<&Member>| {
                is_set("ran", member.map_or(0, |member| member.rule.line))
            };
            let succeeded = |member: Option<&Member>| match member {
                Some(member) if member.rule.proof.is_some() => is_set("done", member.rule.line),
                member => ran(member),
            };
            let depends = match link {
                Link::First => Test::True,
                Link::AndFirst => ran(members.first()),
                Link::AndBefore => Test::all(vec![ran(members.first()), succeeded(before)]),
                Link::Failed => Test::all(vec![ran(before), succeeded(before).negated()]),
                Link::Else => Test::all(chain.iter().cloned().map(Test::negated).collect()),
            };
            match link {
                Link::Else => chain.push(is_set("ran", rule.line)),
                _ => chain = vec![is_set("ran", rule.line)],
            }
            let mut success = rule.steps.clone();
            if rule.proof.is_some() {
                success.insert(0, Step::set(&format!("done_{}", rule.line), &Text::plain("1")));
            }
            let mut inner = vec![Step::set(&format!("ran_{}", rule.line), &Text::plain("1"))];
            inner.extend(proven(rule, success, Steps::new()));
            steps.extend(when(depends, rule.under(inner)));
        }
        steps
    }
}

/// A member, and those behind it that depend on it.
fn with_dependents(members: &[Member], index: usize) -> &[Member] {
    let from = members.get(index..).unwrap_or_default();
    let behind = from.iter().skip(1).take_while(|member| member.link != Link::AndFirst);
    from.get(..=behind.count()).unwrap_or_default()
}

/// Lets a vacation response go to each sender once; whether there was one.
fn tell_once(steps: &mut Steps) -> bool {
    let mut found = false;
    for step in steps {
        match step {
            Step::Do(command) if command.starts_with("vacation") => {
                *command = command.replacen(EACH_TIME, "", 1);
                found = true;
            }
            Step::If(branches, _) => {
                for (_, steps) in branches {
                    found |= tell_once(steps);
                }
            }
            Step::Do(_) | Step::Comment(_) => {}
        }
    }
    found
}

fn is_set(what: &str, line: usize) -> Test {
    Test::Is(format!("string :is \"${{{what}_{line}}}\" \"1\""))
}

/// What follows success, and what failure.
fn proven(rule: &Rule, success: Steps, failure: Steps) -> Steps {
    match &rule.proof {
        None => success,
        Some(proof) => {
            let steps = match success.is_empty() {
                true if failure.is_empty() => {
                    vec![Step::If(vec![(proof.clone(), success)], failure)]
                }
                true => when(proof.clone().negated(), failure),
                false => vec![Step::If(vec![(proof.clone(), success)], failure)],
            };
            [rule.asks_sender.clone(), steps].concat()
        }
    }
}
