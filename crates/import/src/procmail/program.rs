//! Programs: those that Sieve has something for, and those that are run.
//!
//! | command | becomes |
//! |---|---|
//! | `formail -I`, `-i`, `-a`, `-A`, `-R` as a filter | `addheader`, `deleteheader` |
//! | `formail -D size file` | `duplicate` |
//! | `formail -x Field:`, into a variable | `set` |
//! | `(formail -r …; echo …; cat file) \| sendmail -t` | `vacation` |
//! | `sendmail address`, `formail -A … \| sendmail address` | `redirect` |
//! | `rcvstore +folder`, `dovecot-lda -m folder` | `fileinto` |
//! | `mkdir`, and tests for it | nothing: folders are made |
//! | `date +%Y-%m`, as text | `currentdate` |
//! | any other | `pipe`, `filter`, `execute` |
//!
//! What needs a shell, or gets the header or the body alone, becomes a script of the user's
//! ([`Program`](crate::Program)): nothing of ours runs a shell.

use super::formail::Formail;
use super::read::{Condition, Flags};
use super::{Rule, Translator};
use crate::delivery::{Taken, check_addresses, filed, redirects};
use crate::folder::{Destination, destination};
use crate::script::{Step, Steps, Test, Text};
use crate::shell::{Cursor, Line, Stage, Word, line as read_line};
use crate::{Left, Program};

/// To whom a vacation response goes each time.
pub(super) const EACH_TIME: &str = " :seconds 0";

/// What to do about a shell's command line.
const WRITE_A_SCRIPT: &str = "write it as a script into ~/.postroad/programs, and pipe to that";

/// Words up to the end of the line, or a comment.
pub(crate) fn words(text: &str) -> Vec<Word> {
    let mut cursor = Cursor::new(text);
    let mut words = Vec::new();
    loop {
        cursor.take_while(|c| c.is_ascii_whitespace());
        if matches!(cursor.peek(), None | Some('#')) {
            return words;
        }
        words.push(cursor.word(|_| false));
    }
}

/// A folder or an address takes the whole letter.
pub(super) fn check_parts(flags: &Flags) -> Result<(), Left> {
    match flags.has('h') == flags.has('b') {
        true => Ok(()),
        false => Err(Left::new(
            "only the header or only the body goes there",
            "the whole letter can; or pipe it to a program of yours",
        )),
    }
}

/// Whether a recipe only sees to it that a folder is there.
pub(super) fn is_unneeded(command: &str, conditions: &[Condition]) -> bool {
    let is_mkdir = words(command).first().is_some_and(|word| is_text(word, "mkdir"));
    let is_test = |condition: &Condition| {
        let text = condition.text.trim_start_matches(['!', '?', ' ', '\t', '[']).trim_start();
        text.starts_with("test ") || text.starts_with("-d ") || text.starts_with("! -d ")
    };
    is_mkdir && !command.contains([';', '|', '&', '`']) && conditions.iter().all(is_test)
}

fn is_text(word: &Word, text: &str) -> bool {
    matches!(word.as_slice(), [crate::shell::Part::Text(plain)] if plain == text)
}

impl Translator<'_> {
    /// What a recipe's program does to the letter.
    pub(super) fn program(
        &mut self,
        command: &str,
        flags: &Flags,
        line: usize,
        fails: Fails,
        rule: &mut Rule,
    ) -> Result<(), Left> {
        let Line::Pipeline(stages) = read_line(command) else {
            return self.run(command, flags, line, fails, rule);
        };
        if !flags.has('f')
            && let Some((sendmail, before)) = stages.split_last()
            && let Stage::Command(words) = sendmail
            && let Some(to) = self.sent_to(words, &mut rule.before)?
        {
            rule.steps = self.sent(&to, before, flags.taken(), &mut rule.before)?;
            return Ok(());
        }
        let [Stage::Command(words)] = stages.as_slice() else {
            return self.run(command, flags, line, fails, rule);
        };
        let words = self.texts(words, &mut rule.before)?;
        if let Some(formail) = Formail::read(&words) {
            if formail.only_edits() && flags.has('f') && !flags.has('b') {
                rule.steps = formail.edits()?;
                return Ok(());
            }
            if formail.cache.is_some() && !flags.has('f') {
                self.remember(&formail, flags, rule);
                return Ok(());
            }
        }
        let name = words.first().and_then(Text::constant).unwrap_or_default();
        let name = name.rsplit('/').next().unwrap_or_default();
        if !flags.has('f')
            && let Some(folder) = stored_in(name, &words)
        {
            let place = destination(&folder, self.paths())?;
            rule.steps =
                self.delivery(flags.taken(), |taken| filed(&place, taken).into_iter().collect());
            return Ok(());
        }
        self.run(command, flags, line, fails, rule)
    }

    /// A program of the user's.
    fn run(
        &mut self,
        command: &str,
        flags: &Flags,
        line: usize,
        fails: Fails,
        rule: &mut Rule,
    ) -> Result<(), Left> {
        let part = match (flags.has('h'), flags.has('b')) {
            (true, false) => Takes::Header,
            (false, true) => Takes::Body,
            _ => Takes::Whole,
        };
        let gives = if flags.has('f') { Gives::Letter } else { Gives::Nothing };
        let call = self.call(command, (part, gives), line, &mut rule.before)?;
        let taken = flags.taken();
        match (flags.has('f'), fails) {
            (true, Fails::Unasked) => rule.steps = vec![Step::Do(format!("filter {call};"))],
            (true, Fails::Asked) => rule.proof = Some(Test::Is(format!("filter {call}"))),
            (false, Fails::Unasked) => {
                rule.steps =
                    self.delivery(taken, |taken| vec![format!("pipe{} {call};", taken.tag())]);
            }
            (false, Fails::Asked) => {
                rule.proof = Some(Test::Is(format!("execute :pipe {call}")));
                rule.steps = self.swallowed(taken);
            }
        }
        Ok(())
    }

    /// The letter was taken by a program that was run already.
    fn swallowed(&mut self, taken: Taken) -> Steps {
        if taken == Taken::Copy {
            return Vec::new();
        }
        self.delivery(taken, |taken| filed(&Destination::Nowhere, taken).into_iter().collect())
    }

    /// Name and arguments of a program that does what a command line does.
    pub(crate) fn call(
        &mut self,
        command: &str,
        (takes, gives): (Takes, Gives),
        line: usize,
        before: &mut Steps,
    ) -> Result<String, Left> {
        if let Line::Pipeline(stages) = read_line(command)
            && let [Stage::Command(words)] = stages.as_slice()
            && takes == Takes::Whole
        {
            let words = self.texts(words, before)?;
            let name = words.first().and_then(Text::constant).unwrap_or_default().to_owned();
            let name = name.rsplit('/').next().unwrap_or_default();
            if !name.is_empty() && !name.starts_with('.') {
                let todo = "put it, or a link to it, into ~/.postroad/programs";
                self.needs(line, format!("runs {name}"), todo);
                return Ok(called(name, words.get(1..).unwrap_or_default()));
            }
        }
        let file = self.file_name();
        let file = file.rsplit('/').next().unwrap_or_default().trim_start_matches('.');
        let file: String =
            file.chars().filter(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
        let name = format!("{}-{line}", if file.is_empty() { "rules" } else { &file });
        let (text, arguments) = self.shell_script(command, (takes, gives), line)?;
        let todo = format!("put the script {name} into ~/.postroad/programs");
        let what = match takes {
            Takes::Whole => format!("this needs a shell: {command}"),
            Takes::Header => format!("this gets the header alone: {command}"),
            Takes::Body => format!("this gets the body alone: {command}"),
        };
        self.needs(line, what, &todo);
        let call = called(&name, &arguments);
        self.programs.retain(|program| program.name != name);
        self.programs.push(Program { name, text });
        Ok(call)
    }

    /// A shell's command line as a script: variables that are known are in it, others are its arguments.
    fn shell_script(
        &mut self,
        command: &str,
        (takes, gives): (Takes, Gives),
        line: usize,
    ) -> Result<(String, Vec<Text>), Left> {
        let mut script = format!("#!/bin/sh\n# Made of {}, line {line}.\n", self.file_name());
        script.push_str(&format!("cd {} || exit 75\n", in_single_quotes(&self.maildir)));
        let mut arguments: Vec<Text> = Vec::new();
        for name in variables(command) {
            let value = self.value(&name)?;
            let value = match value.constant() {
                Some(constant) if self.constants.contains_key(&name) => in_single_quotes(constant),
                // The shell knows it, or nobody does.
                Some(_) => continue,
                None => {
                    arguments.push(value);
                    format!("${{{}}}", arguments.len())
                }
            };
            script.push_str(&format!("{name}={value}\n"));
        }
        script.push_str(&match (takes, gives) {
            (Takes::Whole, _) => format!("{command}\n"),
            (Takes::Header, Gives::Nothing) => format!("sed '/^\\r*$/q' | (\n{command}\n)\n"),
            (Takes::Body, Gives::Nothing) => format!("sed '1,/^\\r*$/d' | (\n{command}\n)\n"),
            (part, Gives::Letter) => {
                let (header, body) = ("sed '/^\\r*$/q' \"$letter\"", "sed '1,/^\\r*$/d' \"$letter\"");
                let parts = match part {
                    Takes::Header | Takes::Whole => format!("{header} | (\n{command}\n) && {body}"),
                    Takes::Body => format!("{header} && {body} | (\n{command}\n)"),
                };
                format!(
                    "letter=$(mktemp) || exit 75\ntrap 'rm -f \"$letter\"' EXIT\ncat >\"$letter\"\n{parts}\n"
                )
            }
        });
        Ok((script, arguments))
    }

    /// `formail -D`: it succeeds where it has seen the like.
    fn remember(&mut self, formail: &Formail, flags: &Flags, rule: &mut Rule) {
        let handle = formail.cache.clone().unwrap_or_default().quoted();
        let id = match (formail.reply, formail.trusts) {
            (false, _) => String::new(),
            (true, trusts) => {
                let test = match trusts {
                    true => "address :matches [\"Reply-To\", \"From\"] \"*\"",
                    false => "envelope :matches \"from\" \"*\"",
                };
                let taken = vec![Step::set("sender", &Text::variable("1"))];
                rule.asks_sender =
                    vec![Step::If(vec![(Test::Is(test.to_owned()), taken)], Vec::new())];
                " :uniqueid \"${sender}\"".to_owned()
            }
        };
        rule.proof = Some(Test::Is(format!("duplicate{id} :handle {handle}")));
        // It swallows the letter, if it succeeds.
        rule.steps = self.swallowed(flags.taken());
    }

    fn texts(&mut self, words: &[Word], before: &mut Steps) -> Result<Vec<Text>, Left> {
        words.iter().map(|word| self.expand(word, before)).collect()
    }

    /// Whom sendmail would send to; `None` where it is another program.
    fn sent_to(&mut self, words: &[Word], before: &mut Steps) -> Result<Option<Recipients>, Left> {
        let texts = self.texts(words, before)?;
        let is_sendmail = texts.first().and_then(Text::constant).is_some_and(|name| {
            name.split(' ').next().is_some_and(|name| name.rsplit('/').next() == Some("sendmail"))
        });
        if !is_sendmail {
            return Ok(None);
        }
        let mut to = Vec::new();
        let mut from_header = false;
        for text in texts.into_iter().skip(1) {
            match text.start() {
                "-t" | "-oit" => from_header = true,
                "-oi" | "-i" | "-oem" | "-om" | "-oee" => {}
                start if start.starts_with('-') => {
                    let what = format!("sendmail's option {start}");
                    return Err(Left::new(what, "leave it out, or write it by hand"));
                }
                _ => to.push(text),
            }
        }
        Ok(Some(match from_header {
            true => Recipients::OfItsHeader,
            false => Recipients::These(to),
        }))
    }

    /// A letter that sendmail sends: this one, or an answer to it.
    fn sent(
        &mut self,
        to: &Recipients,
        stages: &[Stage],
        taken: Taken,
        before: &mut Steps,
    ) -> Result<Steps, Left> {
        let shell = || Left::new("what is sent is put together by a shell", WRITE_A_SCRIPT);
        match (to, stages) {
            (Recipients::These(to), []) => {
                check_addresses(to)?;
                Ok(self.delivery(taken, |taken| redirects(to, taken)))
            }
            (Recipients::These(to), [Stage::Command(words)]) => {
                check_addresses(to)?;
                let words = self.texts(words, before)?;
                let formail =
                    Formail::read(&words).filter(Formail::only_edits).ok_or_else(shell)?;
                let stays = taken == Taken::Copy || !self.copies.is_empty();
                if stays && !formail.only_adds() {
                    return Err(Left::new(
                        "what is sent on has another header than what stays",
                        "write it by hand",
                    ));
                }
                let mut steps = formail.edits()?;
                let sending = self.delivery(taken, |taken| redirects(to, taken));
                let at = sending.len() - usize::from(sending.last() == Some(&Step::stop()));
                steps.extend(sending.get(..at).unwrap_or_default().to_vec());
                if stays {
                    // What stays is as it came.
                    for (_, field) in &formail.fields {
                        let name = field.start().split(':').next().unwrap_or_default();
                        let command = format!("deleteheader :index 1 :last \"{name}\";");
                        steps.push(Step::Do(command));
                    }
                }
                steps.extend(sending.get(at..).unwrap_or_default().to_vec());
                Ok(steps)
            }
            (Recipients::OfItsHeader, [Stage::Together(commands)]) => {
                self.answer(commands, taken, before)
            }
            (Recipients::OfItsHeader, [Stage::Command(words)]) => {
                self.answer(std::slice::from_ref(words), taken, before)
            }
            _ => Err(shell()),
        }
    }

    /// `formail -r`, then the answer's text.
    fn answer(
        &mut self,
        commands: &[Vec<Word>],
        taken: Taken,
        before: &mut Steps,
    ) -> Result<Steps, Left> {
        let shell = || Left::new("the answer is put together by a shell", WRITE_A_SCRIPT);
        let (first, rest) = commands.split_first().ok_or_else(shell)?;
        let first = self.texts(first, before)?;
        let formail = Formail::read(&first)
            .filter(|formail| {
                formail.reply && formail.cache.is_none() && formail.renamed.is_empty()
            })
            .ok_or_else(shell)?;
        let mut text = Text::default();
        for command in rest {
            let words = self.texts(command, before)?;
            let name = words.first().and_then(Text::constant);
            let arguments = words.get(1..).unwrap_or_default();
            match name {
                Some("echo") => {
                    for (index, argument) in arguments.iter().enumerate() {
                        text.push_str(if index > 0 { " " } else { "" });
                        text.push(argument.clone());
                    }
                    text.push_str("\n");
                }
                Some("cat") => {
                    for argument in arguments {
                        text.push_str(&self.contents(argument)?);
                    }
                }
                _ => return Err(shell()),
            }
        }
        let mut command = "vacation".to_owned();
        // Each letter is answered; where a cache was asked before, see `chain.rs`.
        command.push_str(EACH_TIME);
        for (tag, name) in [("subject", "Subject"), ("from", "From")] {
            if let Some(value) = formail.value_of(name) {
                command.push_str(&format!(" :{tag} {}", value.quoted()));
            }
        }
        command.push_str(&format!(" {};", text.quoted()));
        let mut steps = vec![Step::Do(command)];
        // The program took the letter.
        steps.extend(self.swallowed(taken));
        Ok(steps)
    }

    /// What stands in a file now.
    fn contents(&self, path: &Text) -> Result<String, Left> {
        let left = |path: &str| {
            Left::new(
                format!("{path} can't be read, which the answer quotes"),
                "write its text there",
            )
        };
        let path = path.constant().ok_or_else(|| left("a file"))?;
        let text = self.read(path).ok_or_else(|| left(path))?;
        Ok(crate::decoded(&text))
    }

    /// A variable that takes what a command writes.
    pub(crate) fn output_into(
        &mut self,
        variable: &str,
        command: &str,
        line: usize,
    ) -> Result<Steps, Left> {
        if is_folder_making(command) {
            return Ok(Vec::new());
        }
        let mut steps = Steps::new();
        if let Line::Pipeline(stages) = read_line(command)
            && let [Stage::Command(words)] = stages.as_slice()
        {
            let words = self.texts(words, &mut steps)?;
            if let Some(formail) = Formail::read(&words).filter(|formail| formail.cache.is_none()) {
                self.changes.insert(variable.to_owned());
                steps.extend(formail.extract_into(variable)?);
                return Ok(steps);
            }
        }
        if let Ok(value) = self.output(command, &mut steps) {
            return self.set(variable, value, steps);
        }
        if let Some(value) = self.file_now(command, line) {
            return self.set(variable, Text::plain(value), Steps::new());
        }
        let mut steps = Steps::new();
        let call = self.call(command, (Takes::Whole, Gives::Nothing), line, &mut steps)?;
        self.changes.insert(variable.to_owned());
        steps.push(Step::Do(format!("execute :pipe :output \"{variable}\" {call};")));
        Ok(steps)
    }

    /// `cat file`: what stands there now.
    fn file_now(&mut self, command: &str, line: usize) -> Option<String> {
        let Line::Pipeline(stages) = read_line(command) else { return None };
        let [Stage::Command(words)] = stages.as_slice() else { return None };
        let words = self.texts(words, &mut Steps::new()).ok()?;
        let [cat, path] = words.as_slice() else { return None };
        if cat.constant() != Some("cat") {
            return None;
        }
        let text = self.contents(path).ok()?;
        let what = format!("what {} says now stands in the script", crate::folder::shown(path));
        self.needs(line, what, "import again when it changes");
        Some(text.trim_end_matches('\n').to_owned())
    }

    /// What a command writes, where Sieve knows it too.
    pub(super) fn output(&mut self, command: &str, steps: &mut Steps) -> Result<Text, Left> {
        let left =
            || Left::new(format!("what a program writes: {command}"), "set the variable by hand");
        let Line::Pipeline(stages) = read_line(command) else { return Err(left()) };
        let [Stage::Command(words)] = stages.as_slice() else { return Err(left()) };
        let words = self.texts(words, steps)?;
        let constants: Option<Vec<&str>> = words.iter().map(Text::constant).collect();
        match constants.as_deref() {
            Some(["date", format]) => {
                let format = format.strip_prefix('+').ok_or_else(left)?;
                date(format, steps).ok_or_else(left)
            }
            Some(["echo", words @ ..]) => Ok(Text::plain(words.join(" "))),
            _ => Err(left()),
        }
    }
}

/// What of a letter a program gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    Whole,
    Header,
    Body,
}

/// What is made of a program's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gives {
    /// Nothing, or a variable.
    Nothing,
    /// The letter as it goes on.
    Letter,
}

/// Whether a recipe that follows asks if a program succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fails {
    Asked,
    Unasked,
}

/// A program's name and arguments, as a script has them.
fn called(name: &str, arguments: &[Text]) -> String {
    let arguments: Vec<String> = arguments.iter().map(Text::quoted).collect();
    let name = Text::plain(name).quoted();
    match arguments.is_empty() {
        true => name,
        false => format!("{name} [{}]", arguments.join(", ")),
    }
}

/// Names behind a `$`, each once.
fn variables(command: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for behind in command.split('$').skip(1) {
        let behind = behind.strip_prefix('{').unwrap_or(behind);
        let end = behind.find(|c| !crate::shell::is_name_part(c)).unwrap_or(behind.len());
        let name = behind.get(..end).unwrap_or_default();
        let is_name = name.starts_with(|c: char| !c.is_ascii_digit());
        if is_name && !names.iter().any(|other| other == name) {
            names.push(name.to_owned());
        }
    }
    names
}

fn in_single_quotes(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Whom sendmail sends to.
enum Recipients {
    OfItsHeader,
    These(Vec<Text>),
}

/// The folder that other agents' programs store in.
fn stored_in(program: &str, words: &[Text]) -> Option<Text> {
    match (program, words) {
        ("rcvstore", [_, folder]) if folder.start().starts_with('+') => {
            Some(folder.clone().without_start(1))
        }
        ("dovecot-lda" | "deliver", [_, options @ ..]) => {
            let at = options.iter().position(|option| option.constant() == Some("-m"))?;
            options.get(at + 1).cloned()
        }
        _ => None,
    }
}

/// `test -d x || mkdir x`
fn is_folder_making(command: &str) -> bool {
    let Some((test, make)) = command.split_once("||") else { return false };
    let simple = |text: &str| !text.contains([';', '|', '&', '`', '>', '<']);
    (test.trim_start().starts_with("test -d ") || test.trim_start().starts_with("[ -d "))
        && make.trim_start().starts_with("mkdir ")
        && simple(test)
        && simple(make)
}

/// date(1)'s output (RFC 5260 §4.2 has the parts).
fn date(format: &str, steps: &mut Steps) -> Option<Text> {
    let mut text = Text::default();
    let mut characters = format.chars();
    while let Some(character) = characters.next() {
        if character != '%' {
            text.push_str(character.encode_utf8(&mut [0; 4]));
            continue;
        }
        let letters = match characters.next()? {
            'F' => "Y-m-d".to_owned(),
            letter => letter.to_string(),
        };
        for letter in letters.chars() {
            // Names of variables have no case.
            let (variable, part, pattern, group) = match letter {
                'Y' => ("date_year", "year", "*", 1),
                'y' => ("date_short_year", "year", "??*", 3),
                'm' => ("date_month", "month", "*", 1),
                'd' => ("date_day", "day", "*", 1),
                'H' => ("date_hour", "hour", "*", 1),
                'M' => ("date_minute", "minute", "*", 1),
                '%' | '-' => {
                    text.push_str(letter.encode_utf8(&mut [0; 4]));
                    continue;
                }
                _ => return None,
            };
            let test = Test::Is(format!("currentdate :matches \"{part}\" \"{pattern}\""));
            let taken = vec![Step::set(variable, &Text::variable(group.to_string()))];
            let step = Step::If(vec![(test, taken)], Vec::new());
            if !steps.contains(&step) {
                steps.push(step);
            }
            text.push(Text::variable(variable));
        }
    }
    Some(text)
}
