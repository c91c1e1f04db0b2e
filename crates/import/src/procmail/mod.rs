//! procmail's rcfiles.
//!
//! | variable | here |
//! |---|---|
//! | `MAILDIR`, `DEFAULT`, `INCLUDERC`, `SWITCHRC` | done |
//! | `HOME`, `LOGNAME`, `ORGMAIL`, `SENDMAIL`, … where they are used | their usual values |
//! | any other | put in place where its value is known now, else `set` |
//! | `LOGFILE`, `LOCKFILE`, `SHELL`, `UMASK`, `VERBOSE`, … ([`UNNEEDED`]) | nothing is lost without them |
//! | `TRAP`, `EXITCODE`, `HOST`, `SHIFT`, `DELIVERED` | a finding |
//!
//! Locks and the flags `w W i r` change nothing. A delivery that fails is tried again later: what flags `a` and `e`
//! say of one that fails has no equivalent.
//!
//! What differs: a size counts a line end as two octets (RFC 5228 §5.9) and no `From ` line; a fold is one blank, as
//! it was before it was folded; a field's test doesn't see the blank behind the colon; a letter is filed into a
//! folder once.
//!
//! A file is gone through until it is known which variables change while it runs: those that are set in a block,
//! from another such variable, or from a command.

use std::collections::{BTreeMap, BTreeSet};

use crate::delivery::{Taken, check_addresses, filed, redirects};
use crate::folder::{Destination, Paths, destination};
use crate::script::{Piece, Step, Steps, Test, Text, check, ends, heading, when};
use crate::shell::{Form, Part, Word};
use crate::{Files, Finding, Imported, Kind, Left, Program, Whose, decoded, imported, limits};

mod chain;
mod condition;
mod formail;
mod program;
mod read;

pub(crate) use formail::Formail;
use program::Fails;
pub(crate) use program::{Gives, Takes, words};
use read::{Action, Recipe, Statement, What};

/// Assignments that nothing is lost without.
const UNNEEDED: &[&str] = &[
    "COMSAT",
    "DROPPRIVS",
    "LINEBUF",
    "LOCKEXT",
    "LOCKFILE",
    "LOCKSLEEP",
    "LOCKTIMEOUT",
    "LOG",
    "LOGABSTRACT",
    "LOGFILE",
    "MSGPREFIX",
    "NORESRETRY",
    "ORGMAIL",
    "PATH",
    "PROCMAIL_OVERFLOW",
    "PROCMAIL_VERSION",
    "SENDMAIL",
    "SENDMAILFLAGS",
    "SHELL",
    "SHELLFLAGS",
    "SHELLMETAS",
    "SUSPEND",
    "TIMEOUT",
    "UMASK",
    "VERBOSE",
];

/// Assignments that have no equivalent, and what to do.
const LEFT: &[(&str, &str)] = &[
    ("DELIVERED", "a letter counts as delivered once it is safe"),
    ("EXITCODE", "write reject where a letter is to be refused"),
    ("HOST", "keep a script for each host"),
    ("SHIFT", "use the envelope's \":detail\""),
    ("TRAP", "nothing runs behind a script; pipe :copy at its end is the nearest"),
];

/// What only a running procmail knows.
const UNKNOWN: &[&str] = &[
    "HOST",
    "LASTFOLDER",
    "PROCMAIL_VERSION",
    "PWD",
    "!",
    "#",
    "$",
    "*",
    "-",
    "0",
    "1",
    "2",
    "3",
    "4",
    "5",
    "6",
    "7",
    "8",
    "9",
    "=",
    "?",
    "@",
    "_",
];

/// Rules in an rcfile, as Sieve.
pub fn procmail(whose: Whose<'_>, text: &[u8], files: &dyn Files) -> Imported {
    let mut changing: BTreeSet<String> = ["MATCH".to_owned()].into();
    let mut passes = 0;
    loop {
        let mut translator = Translator::new(whose, files, &changing);
        let mut steps = translator.file(text);
        if !ends(&steps) {
            steps.extend(translator.fall_through());
        }
        let Translator { changes, findings, programs, .. } = translator;
        passes += 1;
        if changes.is_subset(&changing) || passes >= limits::PASSES_MAX {
            return imported(whose.file, &steps, findings, programs);
        }
        changing.extend(changes);
    }
}

pub(crate) struct Translator<'a> {
    pub(crate) whose: Whose<'a>,
    files: &'a dyn Files,
    /// Variables whose values aren't known now, from the passes before.
    changing: &'a BTreeSet<String>,
    /// The same, as this pass finds it.
    pub(crate) changes: BTreeSet<String>,
    pub(crate) constants: BTreeMap<String, String>,
    maildir: String,
    pub(crate) default: Destination,
    /// Variables whose values have no equivalent.
    pub(crate) lost: BTreeSet<String>,
    findings: Vec<Finding>,
    programs: Vec<Program>,
    /// What the file is called that is read now; `None` for the first one.
    pub(crate) included: Option<String>,
    pub(crate) include_depth: usize,
    pub(crate) includes: usize,
    /// Blocks around what is read now.
    pub(crate) depth: usize,
    /// Blocks with the flag `c` among them: the variables that say that one was left.
    copies: Vec<String>,
}

impl<'a> Translator<'a> {
    pub(crate) fn new(
        whose: Whose<'a>,
        files: &'a dyn Files,
        changing: &'a BTreeSet<String>,
    ) -> Self {
        let spool = format!("/var/mail/{}", whose.user);
        let usual = [
            ("HOME", whose.home),
            ("LOGNAME", whose.user),
            ("USER", whose.user),
            ("ORGMAIL", &spool),
            ("DEFAULT", &spool),
            ("MAILDIR", whose.home),
            ("SENDMAIL", "/usr/sbin/sendmail"),
            ("SENDMAILFLAGS", "-oi"),
            ("SHELL", "/bin/sh"),
            ("LOCKEXT", ".lock"),
            ("MSGPREFIX", "msg."),
        ];
        Self {
            whose,
            files,
            changing,
            changes: BTreeSet::new(),
            constants: usual.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            maildir: whose.home.to_owned(),
            default: Destination::Inbox,
            lost: BTreeSet::new(),
            findings: Vec::new(),
            programs: Vec::new(),
            included: None,
            include_depth: 0,
            includes: 0,
            depth: 0,
            copies: Vec::new(),
        }
    }

    /// What there is to say, and to put in place.
    pub(crate) fn ended(self) -> (Vec<Finding>, Vec<Program>) {
        (self.findings, self.programs)
    }

    /// The text of another file; from the folder that relative paths begin at.
    pub(crate) fn read(&self, path: &str) -> Option<Vec<u8>> {
        match path.starts_with('/') {
            true => self.files.read(path),
            false => self.files.read(&format!("{}/{path}", self.maildir.trim_end_matches('/'))),
        }
    }

    fn file(&mut self, text: &[u8]) -> Steps {
        let text = decoded(text);
        let lines: Vec<&str> = text.lines().collect();
        self.statements(&read::read(&text), &lines)
    }

    fn file_name(&self) -> String {
        self.included.clone().unwrap_or_else(|| self.whose.file.to_owned())
    }

    /// Where something comes from.
    pub(crate) fn heading(&self, line: usize) -> Step {
        match &self.included {
            None => heading(&format!("line {line}")),
            Some(file) => heading(&format!("{file}, line {line}")),
        }
    }

    pub(crate) fn leave(&mut self, line: usize, left: Left) {
        let file = self.file_name();
        self.findings.push(left.at(&file, line));
    }

    pub(crate) fn needs(&mut self, line: usize, what: String, todo: &str) {
        let file = self.file_name();
        let finding = Finding { file, line, kind: Kind::Needs, what, todo: todo.to_owned() };
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }

    /// What no letter gets to, because another line of the file takes each.
    pub(crate) fn unreached(&mut self, line: usize, taken_by: usize) {
        let file = self.file_name();
        let what = format!("never reached: line {taken_by} takes each letter that comes so far");
        let todo = format!("take it out, or give line {taken_by} a condition");
        self.findings.push(Finding { file, line, kind: Kind::Unreached, what, todo });
    }

    /// What becomes of a letter that no recipe delivered.
    pub(crate) fn fall_through(&self) -> Steps {
        match &self.default {
            Destination::Inbox => Vec::new(),
            Destination::Nowhere => vec![Step::Do("discard;".to_owned())],
            Destination::Folder(name) => {
                vec![Step::Do(format!("fileinto :create {};", name.quoted()))]
            }
        }
    }

    fn statements(&mut self, statements: &[Statement], lines: &[&str]) -> Steps {
        let mut steps = Steps::new();
        let mut at = 0;
        while let Some(statement) = statements.get(at) {
            at += 1;
            let Statement { line, last_line, what } = statement;
            match what {
                What::Comment(text) => steps.push(Step::Comment(text.trim().to_owned())),
                What::Nonsense(text) => {
                    let what = format!("\"{}\" means nothing", text.trim());
                    self.leave(*line, Left::new(what, "see procmailrc(5)"));
                }
                What::Assign(name, value) => match self.assign(name, value.as_ref(), *line) {
                    Ok(more) => steps.extend(more),
                    Err(left) => {
                        self.lost.insert(name.clone());
                        steps.extend(self.left_out(*line, *last_line, lines, &left));
                        self.leave(*line, left);
                    }
                },
                What::Recipe(_) => {
                    let rest = statements.get(at..).unwrap_or_default();
                    let members = chain::members(rest);
                    let group = statements.get(at - 1..at + members).unwrap_or_default();
                    steps.extend(self.group(group, lines));
                    at += members;
                }
            }
            if ends(&steps) {
                let rest = statements.get(at..).unwrap_or_default();
                for other in rest.iter().filter(|other| matches!(other.what, What::Recipe(_))) {
                    self.unreached(other.line, *line);
                }
                break;
            }
            // In a copy's block, what follows is only for those who are still in it.
            if let Some(flag) = self.copies.last().cloned()
                && marks(&steps, &flag)
                && let Some(rest) = statements.get(at..).filter(|rest| !rest.is_empty())
            {
                let still = Test::Is(format!("string :is \"${{{flag}}}\" \"\""));
                let rest = self.statements(rest, lines);
                if !rest.is_empty() {
                    steps.push(Step::If(vec![(still, rest)], Vec::new()));
                }
                return steps;
            }
        }
        steps
    }

    /// What was left out, to be seen.
    pub(crate) fn left_out(&self, first: usize, last: usize, lines: &[&str], left: &Left) -> Steps {
        let mut steps =
            vec![self.heading(first), Step::Comment(format!("Left out: {}.", left.what))];
        let shown = lines.get(first.saturating_sub(1)..last.min(lines.len())).unwrap_or_default();
        for line in shown.iter().take(limits::SHOWN_LINES_MAX) {
            steps.push(Step::Comment(format!("    {line}")));
        }
        steps
    }

    fn assign(&mut self, name: &str, value: Option<&Word>, line: usize) -> Result<Steps, Left> {
        if UNNEEDED.contains(&name) {
            // Known where it is used.
            if let Some(Ok(value)) = value.map(|value| self.expand(value, &mut Steps::new()))
                && let Some(constant) = value.constant()
            {
                self.constants.insert(name.to_owned(), constant.to_owned());
            }
            return Ok(Vec::new());
        }
        if let Some((name, todo)) = LEFT.iter().find(|(left, _)| *left == name) {
            return Err(Left::new(format!("{name} has no equivalent"), *todo));
        }
        let Some(value) = value else {
            if name == "SWITCHRC" {
                return Ok([self.fall_through(), vec![Step::stop()]].concat());
            }
            return self.set(name, Text::default(), Steps::new());
        };
        match name {
            "INCLUDERC" | "SWITCHRC" => self.include(name, value, line),
            "MAILDIR" => {
                let value = self.known(value, name)?;
                self.maildir = match value.starts_with('/') {
                    true => value,
                    false => format!("{}/{value}", self.maildir.trim_end_matches('/')),
                };
                self.constants.insert(name.to_owned(), self.maildir.clone());
                Ok(Vec::new())
            }
            "DEFAULT" => {
                let path = self.known(value, name)?;
                if path.starts_with('|') {
                    return Err(Left::new("the letter goes to standard output", ""));
                }
                if self.depth > 0 {
                    return Err(Left::new(
                        "DEFAULT changes within a block",
                        "write fileinto there",
                    ));
                }
                self.default = destination(&Text::plain(&path), self.paths())?;
                self.constants.insert(name.to_owned(), path);
                Ok(Vec::new())
            }
            _ => {
                if let [Part::Output(command)] = value.as_slice() {
                    return self.output_into(name, command, line);
                }
                let mut steps = Steps::new();
                let value = self.expand(value, &mut steps)?;
                self.set(name, value, steps)
            }
        }
    }

    /// A value that is known now.
    fn known(&mut self, value: &Word, name: &str) -> Result<String, Left> {
        let value = self.expand(value, &mut Steps::new())?;
        value.constant().map(str::to_owned).ok_or_else(|| {
            Left::new(format!("{name} is known only when a letter comes"), "write it out")
        })
    }

    pub(crate) fn paths(&self) -> Paths<'_> {
        Paths { folder: &self.maildir, home: self.whose.home, user: self.whose.user }
    }

    pub(crate) fn set(&mut self, name: &str, value: Text, mut steps: Steps) -> Result<Steps, Left> {
        let is_name = name.len() <= postroad_sieve::limits::VARIABLE_NAME_OCTETS_MAX;
        if !is_name {
            return Err(Left::new("a variable's name is too long", "choose another"));
        }
        self.lost.remove(name);
        if self.depth > 0 || value.constant().is_none() {
            self.changes.insert(name.to_owned());
        }
        match (self.changing.contains(name), value.constant()) {
            (false, Some(constant)) => {
                self.constants.insert(name.to_owned(), constant.to_owned());
            }
            (true, _) | (false, None) => steps.push(Step::set(name, &value)),
        }
        Ok(steps)
    }

    fn include(&mut self, name: &str, value: &Word, line: usize) -> Result<Steps, Left> {
        let path = self.known(value, name)?;
        let mut path = match path.starts_with('/') {
            true => path,
            false => format!("{}/{path}", self.maildir.trim_end_matches('/')),
        };
        if path.ends_with("/dev/null") {
            path.clear();
        }
        let too_many = self.includes >= limits::INCLUDED_MAX
            || self.include_depth >= limits::INCLUDE_DEPTH_MAX;
        if too_many {
            return Err(Left::new("too many files include each other", "include each once"));
        }
        let text = match path.is_empty() {
            true => Some(Vec::new()),
            false => self.files.read(&path),
        };
        let Some(text) = text else {
            let what = format!("{path} can't be read");
            return Err(Left::new(what, "import it where it is, then this file once more"));
        };
        let short = path.rsplit('/').next().unwrap_or_default().to_owned();
        let mut steps = vec![self.heading(line), Step::Comment(format!("{name}={path}"))];
        let outer = self.included.replace(short);
        self.include_depth += 1;
        self.includes += 1;
        steps.extend(self.file(&text));
        self.include_depth -= 1;
        self.included = outer;
        if name == "SWITCHRC" && !ends(&steps) {
            steps.extend(self.fall_through());
            steps.push(Step::stop());
        }
        Ok(steps)
    }

    /// A word with all in its place; `steps` come before what it is used in.
    pub(crate) fn expand(&mut self, word: &Word, steps: &mut Steps) -> Result<Text, Left> {
        let mut text = Text::default();
        for part in word {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Output(command) => text.push(self.output(command, steps)?),
                Part::Variable { name, otherwise, form } => {
                    let value = self.value(name)?;
                    let value = match (otherwise, value.constant()) {
                        (None, _) => value,
                        (Some(_), None) => {
                            let what = format!("${{{name}-…}} of a variable that changes");
                            return Err(Left::new(what, "write if and set"));
                        }
                        (Some(otherwise), Some(constant)) => {
                            let is_set = self.constants.contains_key(name)
                                && !(otherwise.empty_is_none && constant.is_empty());
                            match (is_set, otherwise.for_set) {
                                (true, false) => value,
                                (false, true) => Text::default(),
                                (true, true) | (false, false) => Text::plain(&otherwise.text),
                            }
                        }
                    };
                    text.push(match form {
                        Form::Plain => value,
                        Form::Disarmed => disarmed(value, steps),
                    });
                }
            }
            if text.len() > limits::TEXT_OCTETS_MAX {
                return Err(Left::new("a text becomes too long", "write less"));
            }
        }
        Ok(text)
    }

    fn value(&mut self, name: &str) -> Result<Text, Left> {
        if self.lost.contains(name) {
            let what = format!("it needs ${name}, which has no equivalent");
            return Err(Left::new(what, "set it by hand"));
        }
        if self.changing.contains(name) {
            return Ok(Text::variable(name));
        }
        match self.constants.get(name) {
            Some(value) => Ok(Text::plain(value)),
            None if UNKNOWN.contains(&name) => {
                Err(Left::new(format!("${name} isn't known here"), "write what it is"))
            }
            // procmail puts nothing there either.
            None => Ok(Text::default()),
        }
    }

    /// What a recipe does, and when. `Ok(None)`: nothing, because nothing is needed.
    fn rule(
        &mut self,
        recipe: &Recipe,
        line: usize,
        lines: &[&str],
        fails: Fails,
    ) -> Result<Option<Rule>, Left> {
        let Recipe { flags, conditions, action } = recipe;
        if let Action::Program { command, .. } = action
            && program::is_unneeded(command, conditions)
        {
            return Ok(None);
        }
        let mut before = Steps::new();
        let stages = self.conditions(conditions, flags, &mut before)?;
        let mut rule = Rule {
            line,
            before,
            stages,
            steps: Steps::new(),
            proof: None,
            asks_sender: Steps::new(),
        };
        match action {
            Action::Missing => return Ok(None),
            Action::Block(inner) => rule.steps = self.block(inner, flags.taken(), line, lines)?,
            Action::Folders(folders) => {
                program::check_parts(flags)?;
                let places = self.folders(folders, &mut rule.before)?;
                rule.steps = self.delivery(flags.taken(), |taken| {
                    places.iter().filter_map(|place| filed(place, taken)).collect()
                });
            }
            Action::Forward(words) => {
                program::check_parts(flags)?;
                let to = self.addresses(words, &mut rule.before)?;
                rule.steps = self.delivery(flags.taken(), |taken| redirects(&to, taken));
            }
            Action::Program { variable: Some(name), command } => {
                let name = name.clone();
                self.depth += 1;
                let steps = self.output_into(&name, command, line);
                self.depth -= 1;
                if steps.is_err() {
                    self.lost.insert(name);
                }
                rule.steps = steps?;
            }
            Action::Program { variable: None, command } => {
                self.program(command, flags, line, fails, &mut rule)?;
            }
        }
        Ok(Some(rule))
    }

    fn block(
        &mut self,
        inner: &[Statement],
        taken: Taken,
        line: usize,
        lines: &[&str],
    ) -> Result<Steps, Left> {
        let copy = taken == Taken::Copy;
        if copy && changes_the_letter(inner) {
            return Err(Left::new(
                "a filter in a copy's block would change what stays as well",
                "write it by hand",
            ));
        }
        let flag = format!("left_{line}");
        if copy {
            self.copies.push(flag.clone());
        }
        self.depth += 1;
        let maildir = self.maildir.clone();
        let mut steps = self.statements(inner, lines);
        self.constants.insert("MAILDIR".to_owned(), maildir.clone());
        self.maildir = maildir;
        self.depth -= 1;
        if copy {
            self.copies.pop();
            match asks(&steps, &flag) {
                true => steps.insert(0, Step::set(&flag, &Text::default())),
                false => unmark(&mut steps, &flag),
            }
        }
        Ok(steps)
    }

    /// Commands that take the letter, or a copy of it; `made` is told whether they have to say so.
    fn delivery(&mut self, taken: Taken, made: impl Fn(Taken) -> Vec<String>) -> Steps {
        let copy = taken == Taken::Copy;
        let leaves = self.copies.last().filter(|_| !copy);
        let said = if leaves.is_some() { Taken::Copy } else { taken };
        let mut steps: Steps = made(said).into_iter().map(Step::Do).collect();
        match leaves {
            Some(flag) => steps.push(mark(flag)),
            None if copy => {}
            None => steps.push(Step::stop()),
        }
        steps
    }

    fn folders(&mut self, text: &str, before: &mut Steps) -> Result<Vec<Destination>, Left> {
        let mut places = Vec::new();
        for word in words(text) {
            let path = self.expand(&word, before)?;
            if path.start().starts_with('|') {
                return Err(Left::new("the letter goes to standard output", ""));
            }
            places.push(destination(&path, self.paths())?);
        }
        match places.is_empty() {
            true => Err(Left::new("there is no folder", "")),
            false => Ok(places),
        }
    }

    fn addresses(&mut self, text: &str, before: &mut Steps) -> Result<Vec<Text>, Left> {
        let mut to = Vec::new();
        for word in words(text) {
            let word = self.expand(&word, before)?;
            // A variable may hold several.
            match word.constant() {
                Some(constant) => {
                    to.extend(constant.split([' ', '\t', '\n', ',']).map(Text::plain));
                }
                None => to.push(word),
            }
        }
        to.retain(|address| !address.is_empty() && address.constant() != Some("-oi"));
        check_addresses(&to)?;
        Ok(to)
    }
}

/// A recipe, ready to be put together with others.
struct Rule {
    line: usize,
    /// What has to be done first, whether it applies or not.
    before: Steps,
    /// Conditions; what each but the last keeps, the next ones look at.
    stages: Vec<Stage>,
    steps: Steps,
    /// Whether its program succeeds, where that is a test; the steps are for when it does.
    proof: Option<Test>,
    /// What finds the sender for that, where it says that they have written before.
    asks_sender: Steps,
}

/// Tests, and the match variable that the last of them leaves for `MATCH`.
struct Stage {
    test: Test,
    kept: Option<usize>,
}

impl Rule {
    /// The test, and what is done first; only where there is no second stage.
    fn only_test(&self) -> Option<(Test, Steps)> {
        match self.stages.as_slice() {
            [] => Some((Test::True, Steps::new())),
            [stage] => Some((stage.test.clone(), keep(stage.kept))),
            _ => None,
        }
    }

    /// Steps under all of its conditions.
    fn under(&self, steps: Steps) -> Steps {
        self.stages.iter().rev().fold(steps, |inner, stage| {
            when(stage.test.clone(), [keep(stage.kept), inner].concat())
        })
    }
}

fn keep(kept: Option<usize>) -> Steps {
    let set = |group: usize| Step::set("MATCH", &Text::variable(group.to_string()));
    kept.map(set).into_iter().collect()
}

/// A value that no pattern takes for more than it is.
fn disarmed(value: Text, steps: &mut Steps) -> Text {
    let mut text = Text::default();
    for piece in value.0 {
        match piece {
            Piece::Plain(plain) => {
                for character in plain.chars() {
                    if "\\^$.[]|()?*+{}".contains(character) {
                        text.push_str("\\");
                    }
                    text.push_str(character.encode_utf8(&mut [0; 4]));
                }
            }
            Piece::Variable(name) => {
                let quoted = format!("quoted_{name}");
                let value = Text::variable(name).quoted();
                steps.push(Step::Do(format!("set :quoteregex \"{quoted}\" {value};")));
                text.push(Text::variable(quoted));
            }
        }
    }
    text
}

/// Whether a filter is somewhere in it.
fn changes_the_letter(statements: &[Statement]) -> bool {
    statements.iter().any(|statement| match &statement.what {
        What::Recipe(Recipe { flags, action, .. }) => {
            flags.has('f')
                || match action {
                    Action::Block(inner) => changes_the_letter(inner),
                    Action::Forward(_)
                    | Action::Program { .. }
                    | Action::Folders(_)
                    | Action::Missing => false,
                }
        }
        What::Comment(_) | What::Assign(..) | What::Nonsense(_) => false,
    })
}

fn mark(flag: &str) -> Step {
    Step::set(flag, &Text::plain("1"))
}

/// Whether steps may leave the block that the flag is of.
fn marks(steps: &[Step], flag: &str) -> bool {
    steps.iter().any(|step| match step {
        Step::If(branches, otherwise) => {
            marks(otherwise, flag) || branches.iter().any(|(_, steps)| marks(steps, flag))
        }
        step => *step == mark(flag),
    })
}

/// Whether anything depends on the flag.
fn asks(steps: &[Step], flag: &str) -> bool {
    steps.iter().any(|step| match step {
        Step::If(branches, otherwise) => {
            asks(otherwise, flag)
                || branches.iter().any(|(test, steps)| {
                    matches!(test, Test::Is(test) if test.contains(&format!("${{{flag}}}")))
                        || asks(steps, flag)
                })
        }
        Step::Comment(_) | Step::Do(_) => false,
    })
}

fn unmark(steps: &mut Steps, flag: &str) {
    steps.retain(|step| *step != mark(flag));
    for step in steps {
        if let Step::If(branches, otherwise) = step {
            unmark(otherwise, flag);
            branches.iter_mut().for_each(|(_, steps)| unmark(steps, flag));
        }
    }
}

/// Whether a rule is sayable by itself.
fn checked(rule: &Rule) -> Result<(), Left> {
    let steps = [rule.before.clone(), rule.under(rule.steps.clone())].concat();
    check(&steps).map_err(|problem| Left::new(problem, "write it by hand"))
}
