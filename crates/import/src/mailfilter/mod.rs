//! maildrop's filter files.
//!
//! | statement | becomes |
//! |---|---|
//! | `if`, `elsif`, `else`, `&&`, `\|\|`, `!` | the same |
//! | `/pattern/`, `:h`, `:b`, `:D` | `header`, `lines`, `body :text`; all of them decoded, but for `lines` |
//! | `text =~ /pattern/`, `eq`, `ne`, `==`, `<`, … | `string` |
//! | `$SIZE > 1000` | `size` |
//! | `hasaddr`, `lookup`, `tolower`, `toupper`, `length` | `address`, `string`, `set` |
//! | `to`, `cc` | `fileinto`, `redirect`, `pipe`; with `:copy` |
//! | `xfilter`, `system`, backquotes | `filter`, `execute` |
//! | `exit` | `discard`; `keep` where an exit code was to be returned, which has no equivalent |
//! | `include` | what the file holds |
//! | `exception`, `dotlock`, `flock` | what they hold |
//! | `log`, `logfile`, `echo`, `VERBOSE`, `UMASK`, locks | nothing is lost without them |
//! | `foreach`, `while`, weights, sums, `getaddr`, `gdbm…`, `$LINES`, `import` | findings |
//!
//! `MATCH` and its likes are set where the file asks for them; patterns are looked for in `lines` then, so that they
//! find what maildrop finds.

use std::collections::BTreeSet;

use crate::delivery::{Taken, check_addresses, filed, redirects};
use crate::folder::{Destination, destination};
use crate::pattern::{
    Case, Dialect, Found, header_test, parse, regex_test, text_test, variable_test,
};
use crate::procmail::{Formail, Gives, Takes, Translator};
use crate::script::{Step, Steps, Test, Text, check, ends, when};
use crate::shell::{Part, Word};
use crate::{Files, Imported, Left, Whose, decoded, imported, limits};

mod read;

use read::{Expression, Pattern, Statement, What};

/// Assignments that nothing is lost without.
const UNNEEDED: &[&str] = &[
    "LOCKEXT",
    "LOCKREFRESH",
    "LOCKSLEEP",
    "LOCKTIMEOUT",
    "MAILDIRQUOTA",
    "PATH",
    "SENDMAIL",
    "SHELL",
    "UMASK",
    "VERBOSE",
];
/// What only a running maildrop knows.
const LOST: &[&str] = &["HOSTNAME", "LINES", "SIZE", "EXITCODE", "MAILFILTER"];

/// Rules in a filter file, as Sieve.
pub fn mailfilter(whose: Whose<'_>, text: &[u8], files: &dyn Files) -> Imported {
    let mut changing: BTreeSet<String> = ["FROM", "RETURNCODE"].map(str::to_owned).into();
    changing.extend(["MATCH".to_owned()]);
    changing.extend((1..=9).map(|group| format!("MATCH{group}")));
    let text = decoded(text);
    let mut passes = 0;
    loop {
        let mut common = Translator::new(whose, files, &changing);
        common.lost.extend(LOST.iter().map(|name| (*name).to_owned()));
        let mut filter = Filter {
            common,
            keeps: text.contains("MATCH"),
            asks_returncode: text.contains("RETURNCODE"),
            exit_code: false,
            before: Steps::new(),
            live: false,
        };
        let mut steps = filter.file(&text);
        if !ends(&steps) {
            steps.extend(filter.common.fall_through());
        }
        passes += 1;
        if !filter.common.changes.is_subset(&changing) && passes < limits::PASSES_MAX {
            changing.extend(filter.common.changes);
            continue;
        }
        if format!("{steps:?}").contains("${FROM}") {
            let taken = vec![Step::set("FROM", &Text::variable("1"))];
            let test = Test::Is("envelope :matches \"from\" \"*\"".to_owned());
            steps.insert(0, Step::If(vec![(test, taken)], Vec::new()));
        }
        let (findings, programs) = filter.common.ended();
        return imported(whose.file, &steps, findings, programs);
    }
}

struct Filter<'a> {
    common: Translator<'a>,
    /// Whether anything asks for what a pattern matched.
    keeps: bool,
    asks_returncode: bool,
    /// Whether an exit code was set, which an `exit` would return.
    exit_code: bool,
    /// What the statement that is translated needs before it.
    before: Steps,
    /// Whether what a pattern matched is still in match variables.
    live: bool,
}

impl Filter<'_> {
    fn file(&mut self, text: &str) -> Steps {
        let lines: Vec<&str> = text.lines().collect();
        self.statements(&read::read(text), &lines)
    }

    fn statements(&mut self, statements: &[Statement], lines: &[&str]) -> Steps {
        let mut steps = Steps::new();
        for (index, statement) in statements.iter().enumerate() {
            let Statement { line, last_line, what } = statement;
            if let What::Comment(text) = what {
                steps.push(Step::Comment(text.trim().to_owned()));
                continue;
            }
            let outer = std::mem::take(&mut self.before);
            self.live = false;
            let made = self.statement(what, *line, lines).and_then(|made| {
                let made = [std::mem::take(&mut self.before), made].concat();
                check(&made).map_err(|problem| Left::new(problem, "write it by hand"))?;
                Ok(made)
            });
            self.before = outer;
            match made {
                Ok(made) if made.is_empty() => {}
                Ok(made) => {
                    // A block has headings inside.
                    if !matches!(what, What::Block(_)) {
                        steps.push(self.common.heading(*line));
                    }
                    steps.extend(made);
                }
                Err(left) => {
                    if let What::Assign(name, _) = what {
                        self.common.lost.insert(name.clone());
                        self.exit_code |= name == "EXITCODE";
                    }
                    steps.extend(self.common.left_out(*line, *last_line, lines, &left));
                    self.common.leave(*line, left);
                }
            }
            if ends(&steps) {
                let rest = statements.get(index + 1..).unwrap_or_default();
                let says_nothing =
                    |what: &What| matches!(what, What::Comment(_) | What::Assign(..));
                for other in rest.iter().filter(|other| !says_nothing(&other.what)) {
                    self.common.unreached(other.line, *line);
                }
                break;
            }
        }
        steps
    }

    fn statement(&mut self, what: &What, line: usize, lines: &[&str]) -> Result<Steps, Left> {
        match what {
            What::Comment(_) => Ok(Vec::new()),
            What::Nonsense(text) => Err(Left::new(
                format!("\"{}\" is no statement", text.trim()),
                "see maildropfilter(7)",
            )),
            What::Loop(word) => {
                Err(Left::new(format!("{word} repeats itself"), "write it by hand"))
            }
            What::Block(inner) => {
                self.common.depth += 1;
                let steps = self.statements(inner, lines);
                self.common.depth -= 1;
                Ok(steps)
            }
            What::Assign(name, value) => self.assign(name, value, line),
            What::Command(word, value) => self.command(word, value.as_ref(), line),
            What::If(branches, otherwise) => self.conditional(branches, otherwise, line, lines),
            What::Expression(Expression::Text(word)) => match word.as_slice() {
                [Part::Output(command)] => self.run(command, " :pipe", line),
                _ => Ok(Vec::new()),
            },
            // It says what it matched.
            What::Expression(expression) => {
                let test = self.test(expression, line)?;
                Ok(when(test, self.kept(expression)))
            }
        }
    }

    fn conditional(
        &mut self,
        branches: &[(Expression, Vec<Statement>)],
        otherwise: &[Statement],
        line: usize,
        lines: &[&str],
    ) -> Result<Steps, Left> {
        let mut made = Vec::new();
        for (test, inner) in branches {
            self.live = false;
            let kept = self.kept(test);
            let test = self.test(test, line)?;
            self.common.depth += 1;
            let inner = self.statements(inner, lines);
            self.common.depth -= 1;
            made.push((test, [kept, inner].concat()));
        }
        self.common.depth += 1;
        let otherwise = self.statements(otherwise, lines);
        self.common.depth -= 1;
        Ok(vec![Step::If(made, otherwise)])
    }

    /// What a test that holds leaves in `MATCH` and its likes.
    fn kept(&self, expression: &Expression) -> Steps {
        if !self.keeps {
            return Vec::new();
        }
        let Some(groups) = groups(expression) else { return Vec::new() };
        let set = |group: usize| {
            let name = if group == 0 { "MATCH".to_owned() } else { format!("MATCH{group}") };
            Step::set(&name, &Text::variable(group.to_string()))
        };
        (0..=groups.min(9)).map(set).collect()
    }

    fn assign(&mut self, name: &str, value: &Expression, line: usize) -> Result<Steps, Left> {
        if UNNEEDED.contains(&name) {
            return Ok(Vec::new());
        }
        if matches!(name, "EXITCODE" | "FLAGS" | "KEYWORDS" | "MAILDROP_OLD_REGEXP") {
            if name == "EXITCODE" && matches!(value, Expression::Text(word) if raw(word) == "0") {
                return Ok(Vec::new());
            }
            let todo = match name {
                "EXITCODE" => "write reject where a letter is to be refused",
                "MAILDROP_OLD_REGEXP" => "write the patterns as version 2 has them",
                _ => "write fileinto with \":flags\"",
            };
            return Err(Left::new(format!("{name} has no equivalent"), todo));
        }
        if let Expression::Text(word) = value
            && let [Part::Output(command)] = word.as_slice()
        {
            return self.common.output_into(name, command, line);
        }
        let value = self.value(value)?;
        if name == "DEFAULT" {
            let path = value.constant().map(str::to_owned).filter(|_| self.common.depth == 0);
            let Some(path) = path else {
                return Err(Left::new("DEFAULT changes", "write fileinto where it does"));
            };
            self.common.default = destination(&Text::plain(&path), self.common.paths())?;
            self.common.constants.insert(name.to_owned(), path);
            return Ok(Vec::new());
        }
        self.common.set(name, value, Steps::new())
    }

    fn command(
        &mut self,
        word: &str,
        value: Option<&Expression>,
        line: usize,
    ) -> Result<Steps, Left> {
        let missing = || Left::new(format!("{word} of what?"), "see maildropfilter(7)");
        match (word, value) {
            ("log" | "logfile" | "echo", _) => Ok(Vec::new()),
            ("exit", _) if self.exit_code => {
                let left = Left::new("the exit code that is to be returned", "write reject");
                self.common.leave(line, left);
                Ok(vec![Step::Do("keep;".to_owned()), Step::stop()])
            }
            ("exit", _) => Ok(vec![Step::Do("discard;".to_owned()), Step::stop()]),
            ("import", _) => Err(Left::new("a variable of the environment", "write what it is")),
            ("to", Some(Expression::Text(to))) => self.deliver(to, Taken::Letter, line),
            ("cc", Some(Expression::Text(to))) => self.deliver(to, Taken::Copy, line),
            ("xfilter", Some(Expression::Text(command))) => self.filter(&raw(command), line),
            ("system", Some(Expression::Text(command))) => self.run(&raw(command), "", line),
            ("include", Some(Expression::Text(path))) => self.include(path),
            (_, Some(_)) => Err(Left::new(format!("{word} of an expression"), "write it out")),
            (_, None) => Err(missing()),
        }
    }

    fn deliver(&mut self, to: &Word, taken: Taken, line: usize) -> Result<Steps, Left> {
        let text = raw(to);
        let commands = if let Some(command) = text.strip_prefix('|') {
            let part = (Takes::Whole, Gives::Nothing);
            let call = self.common.call(command.trim(), part, line, &mut self.before)?;
            vec![format!("pipe{} {call};", taken.tag())]
        } else {
            let to = self.expand(to)?;
            match to.start().strip_prefix('!') {
                Some(_) => {
                    let to = to.without_start(1);
                    let to: Vec<Text> = match to.constant() {
                        Some(to) => to.split_ascii_whitespace().map(Text::plain).collect(),
                        None => vec![to],
                    };
                    check_addresses(&to)?;
                    redirects(&to, taken)
                }
                None => {
                    let place = self.place(&to)?;
                    filed(&place, taken).into_iter().collect()
                }
            }
        };
        let mut steps: Steps = commands.into_iter().map(Step::Do).collect();
        if taken == Taken::Letter {
            steps.push(Step::stop());
        }
        Ok(steps)
    }

    fn place(&self, path: &Text) -> Result<Destination, Left> {
        destination(path, self.common.paths())
    }

    fn filter(&mut self, command: &str, line: usize) -> Result<Steps, Left> {
        // What reformail edits needs no program.
        let words: Result<Vec<Text>, Left> = crate::procmail::words(command)
            .iter()
            .map(|word| self.common.expand(word, &mut self.before))
            .collect();
        if !command.contains(['|', ';', '&', '<', '>'])
            && let Some(reformail) = Formail::read(&words?).filter(Formail::only_edits)
        {
            return reformail.edits();
        }
        let call =
            self.common.call(command, (Takes::Whole, Gives::Letter), line, &mut self.before)?;
        Ok(match self.asks_returncode {
            false => vec![Step::Do(format!("filter {call};"))],
            true => returning(Test::Is(format!("filter {call}"))),
        })
    }

    /// A program that gets the letter (`input` says so), or nothing; its exit code counts.
    fn run(&mut self, command: &str, input: &str, line: usize) -> Result<Steps, Left> {
        let words: Result<Vec<Text>, Left> = crate::procmail::words(command)
            .iter()
            .map(|word| self.common.expand(word, &mut self.before))
            .collect();
        if let Ok(words) = words
            && let Some(reformail) = Formail::read(&words)
            && let Some(cache) = &reformail.cache
            && !reformail.reply
        {
            let handle = cache.quoted();
            return Ok(returning(Test::Is(format!("duplicate :handle {handle}"))));
        }
        let call =
            self.common.call(command, (Takes::Whole, Gives::Nothing), line, &mut self.before)?;
        Ok(match self.asks_returncode {
            false => vec![Step::Do(format!("execute{input} {call};"))],
            true => returning(Test::Is(format!("execute{input} {call}"))),
        })
    }

    fn include(&mut self, path: &Word) -> Result<Steps, Left> {
        let path = self.expand(path)?;
        let text = path.constant().and_then(|path| {
            (self.common.include_depth < limits::INCLUDE_DEPTH_MAX
                && self.common.includes < limits::INCLUDED_MAX)
                .then(|| self.common.read(path))?
        });
        let Some(text) = text else {
            let what = format!("{} can't be read", crate::folder::shown(&path));
            return Err(Left::new(what, "import it where it is, then this file once more"));
        };
        let short = path.constant().unwrap_or_default().rsplit('/').next().map(str::to_owned);
        let outer = std::mem::replace(&mut self.common.included, short);
        self.common.include_depth += 1;
        self.common.includes += 1;
        let text = decoded(&text);
        self.keeps |= text.contains("MATCH");
        self.asks_returncode |= text.contains("RETURNCODE");
        let steps = self.file(&text);
        self.common.include_depth -= 1;
        self.common.included = outer;
        Ok(steps)
    }

    fn expand(&mut self, word: &Word) -> Result<Text, Left> {
        // A pattern's groups, while its test is at work.
        let live: Word = word
            .iter()
            .map(|part| match part {
                Part::Variable { name, .. } if self.live => match group(name) {
                    Some(group) => Part::Variable {
                        name: group.to_string(),
                        otherwise: None,
                        form: crate::shell::Form::Plain,
                    },
                    None => part.clone(),
                },
                part => part.clone(),
            })
            .collect();
        let mut text = Text::default();
        for part in &live {
            match part {
                Part::Variable { name, .. } if self.live && name.parse::<usize>().is_ok() => {
                    text.push(Text::variable(name));
                }
                part => {
                    text.push(self.common.expand(&vec![part.clone()], &mut self.before)?);
                }
            }
        }
        Ok(text)
    }

    fn value(&mut self, expression: &Expression) -> Result<Text, Left> {
        match expression {
            Expression::Text(word) => self.expand(word),
            Expression::Call(name, arguments) => {
                let tag = match name.as_str() {
                    "tolower" => "lower",
                    "toupper" => "upper",
                    "length" => "length",
                    _ => {
                        let what = format!("{name}() has no equivalent");
                        return Err(Left::new(what, "write it by hand"));
                    }
                };
                let [argument] = arguments.as_slice() else {
                    return Err(Left::new(format!("{name}() takes one text"), ""));
                };
                let value = self.value(argument)?.quoted();
                let variable = format!("made_{tag}");
                self.before.push(Step::Do(format!("set :{tag} \"{variable}\" {value};")));
                Ok(Text::variable(variable))
            }
            _ => Err(Left::new("a value that is reckoned out", "write what it comes to")),
        }
    }

    fn test(&mut self, expression: &Expression, line: usize) -> Result<Test, Left> {
        let is_size =
            |side: &Expression| matches!(side, Expression::Text(word) if raw(word) == "${SIZE}");
        match expression {
            Expression::Not(inner) => Ok(self.test(inner, line)?.negated()),
            Expression::And(a, b) => {
                let first = self.test(a, line)?;
                self.live = self.keeps && groups(a).is_some();
                let both = Test::all(vec![first, self.test(b, line)?]);
                Ok(both)
            }
            Expression::Or(a, b) => {
                let first = self.test(a, line)?;
                self.live = false;
                Ok(Test::any(vec![first, self.test(b, line)?]))
            }
            Expression::Pattern(pattern) => self.pattern(pattern),
            Expression::Matches(value, pattern) => {
                let value = self.value(value)?;
                self.variable(&value, pattern)
            }
            Expression::Compare(sign, a, b) if is_size(a) => self.size(sign, b),
            Expression::Compare(sign, a, b) => {
                let (a, b) = (self.value(a)?, self.value(b)?);
                compare(sign, &a, &b)
            }
            Expression::Sum => Err(Left::new("a value that is reckoned out", "write it by hand")),
            Expression::Call(name, arguments) => self.call(name, arguments, line),
            Expression::Text(_) => {
                let value = self.value(expression)?;
                match value.constant() {
                    Some("" | "0") => Ok(Test::False),
                    Some(_) => Ok(Test::True),
                    None => {
                        let none = format!("string :is {} [\"\", \"0\"]", value.quoted());
                        Ok(Test::Is(none).negated())
                    }
                }
            }
        }
    }

    fn size(&mut self, sign: &str, other: &Expression) -> Result<Test, Left> {
        let number = self.value(other)?;
        let left = || Left::new("a size that isn't a number", "write the number");
        let number: u32 = number.constant().and_then(|n| n.parse().ok()).ok_or_else(left)?;
        let test = match sign {
            ">" => format!("size :over {number}"),
            "<" => format!("size :under {number}"),
            ">=" => format!("not size :under {number}"),
            "<=" => format!("not size :over {number}"),
            _ => return Err(left()),
        };
        Ok(Test::Is(test))
    }

    fn pattern(&mut self, pattern: &Pattern) -> Result<Test, Left> {
        let no_test = |what: String| Left::new(what, "write it as a test of Sieve");
        let options = &pattern.options;
        if options.contains(',') || options.contains('w') {
            return Err(no_test("a pattern that is weighed".to_owned()));
        }
        let branches = parse(&Text::plain(&pattern.text), Dialect::Pcre).map_err(no_test)?;
        let case = case(options);
        let in_body = options.contains('b');
        let in_header = options.contains('h') || !in_body;
        let mut tests = Vec::new();
        if in_header {
            let found = match self.keeps {
                true => regex_test(&branches, "lines :header {}", case),
                false => header_test(&branches, case)
                    .or_else(|| text_test(&branches, "lines :header {}", case)),
            };
            tests.push(found);
        }
        if in_body {
            tests.push(match self.keeps {
                true => regex_test(&branches, "lines :body {}", case),
                false => text_test(&branches, "body :text {}", case),
            });
        }
        let tests: Option<Vec<Test>> =
            tests.into_iter().map(|found| found.map(|found| found.test)).collect();
        let many = || no_test("the pattern is about more than a test can say".to_owned());
        tests.map(Test::any).ok_or_else(many)
    }

    fn variable(&mut self, value: &Text, pattern: &Pattern) -> Result<Test, Left> {
        let no_test = |what: String| Left::new(what, "write it as a test of Sieve");
        if pattern.options.contains(',') {
            return Err(no_test("a pattern that is weighed".to_owned()));
        }
        let branches = parse(&Text::plain(&pattern.text), Dialect::Pcre).map_err(no_test)?;
        let head = format!("string {{}} {}", value.quoted());
        let found: Option<Found> = match self.keeps {
            true => regex_test(&branches, &head, case(&pattern.options)),
            false => variable_test(&branches, value, case(&pattern.options)),
        };
        let found = found.ok_or_else(|| no_test("the pattern has no equivalent".to_owned()))?;
        Ok(found.test)
    }

    fn call(&mut self, name: &str, arguments: &[Expression], line: usize) -> Result<Test, Left> {
        match (name, arguments) {
            ("hasaddr", [address]) => {
                let address = self.value(address)?.quoted();
                let fields = "[\"To\", \"Cc\", \"Resent-To\", \"Resent-Cc\"]";
                Ok(Test::Is(format!("address :is {fields} {address}")))
            }
            ("lookup", [value, file, rest @ ..]) => {
                let value = self.value(value)?;
                let path = self.value(file)?;
                let text = path.constant().and_then(|path| self.common.read(path));
                let shown = crate::folder::shown(&path);
                let Some(text) = text else {
                    return Err(Left::new(
                        format!("{shown} can't be read"),
                        "write its patterns here",
                    ));
                };
                let options = match rest {
                    [Expression::Text(options)] => raw(options),
                    _ => String::new(),
                };
                let text = decoded(&text);
                let patterns = text.lines().map(str::trim_start);
                let mut tests = Vec::new();
                for line in patterns.filter(|line| !line.is_empty() && !line.starts_with('#')) {
                    let pattern = Pattern { text: line.to_owned(), options: options.clone() };
                    tests.push(self.variable(&value, &pattern)?);
                }
                let what = format!("what {shown} says now stands in the script");
                self.common.needs(line, what, "import again when it changes");
                Ok(Test::any(tests))
            }
            _ => {
                let value = self.value(&Expression::Call(name.to_owned(), arguments.to_vec()))?;
                let none = format!("string :is {} [\"\", \"0\"]", value.quoted());
                Ok(Test::Is(none).negated())
            }
        }
    }
}

/// `RETURNCODE` by whether something succeeded.
fn returning(test: Test) -> Steps {
    let set = |code: &str| vec![Step::set("RETURNCODE", &Text::plain(code))];
    vec![Step::If(vec![(test, set("0"))], set("1"))]
}

fn case(options: &str) -> Case {
    if options.contains('D') { Case::Differs } else { Case::Same }
}

fn compare(sign: &str, a: &Text, b: &Text) -> Result<Test, Left> {
    let octets = ":comparator \"i;octet\"";
    let number = |text: &Text| text.constant().is_none_or(|text| text.parse::<u32>().is_ok());
    let (a_text, b_text) = (a.quoted(), b.quoted());
    let numbers = |relation: &str| {
        format!("string :value \"{relation}\" :comparator \"i;ascii-numeric\" {a_text} {b_text}")
    };
    let test = match sign {
        "eq" => format!("string :is {octets} {a_text} {b_text}"),
        "ne" => format!("not string :is {octets} {a_text} {b_text}"),
        _ if !(number(a) && number(b)) => {
            return Err(Left::new("what isn't a number is compared as one", "write it by hand"));
        }
        "==" => numbers("eq"),
        "!=" => numbers("ne"),
        "<" => numbers("lt"),
        "<=" => numbers("le"),
        ">" => numbers("gt"),
        ">=" => numbers("ge"),
        _ => return Err(Left::new("texts in their order", "write it by hand")),
    };
    Ok(Test::Is(test))
}

/// How many groups the pattern has that holds last, if one is sure to.
fn groups(expression: &Expression) -> Option<usize> {
    match expression {
        Expression::Pattern(pattern) | Expression::Matches(_, pattern) => {
            let open = pattern.text.replace("\\(", "").replace("(?:", "");
            Some(open.matches('(').count())
        }
        Expression::And(a, b) => groups(b).or_else(|| groups(a)),
        Expression::Or(a, b) => groups(a).zip(groups(b)).map(|(a, b)| a.max(b)),
        Expression::Not(_)
        | Expression::Compare(..)
        | Expression::Call(..)
        | Expression::Text(_)
        | Expression::Sum => None,
    }
}

/// `MATCH` is the whole of it, `MATCH1` the first group.
fn group(name: &str) -> Option<usize> {
    match name.strip_prefix("MATCH")? {
        "" => Some(0),
        digits => digits.parse().ok().filter(|group| *group <= 9),
    }
}

/// A word as a shell would read it.
fn raw(word: &Word) -> String {
    let part = |part: &Part| match part {
        Part::Text(text) => text.clone(),
        Part::Variable { name, .. } => format!("${{{name}}}"),
        Part::Output(command) => format!("`{command}`"),
    };
    word.iter().map(part).collect()
}
