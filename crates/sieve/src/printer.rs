//! A tree as canonical text: what `sieve format` writes.
//!
//! Four spaces a level, one command a line, strings in quotes unless they hold whole lines, lists and tests
//! broken where a line would be longer than [`COLUMNS`]. Comments stay: those inside a command go above it.
//! At most one empty line between commands. Reading the result gives the same tree.

use crate::syntax::{Argument, Command, Commands, Comment, CommentForm, Gap, Test, Tests, Value};

const COLUMNS: usize = 100;
const INDENT: usize = 4;

/// The canonical text; its lines end in LF.
pub(crate) fn print(script: &Commands) -> Vec<u8> {
    let mut printer = Printer { text: Vec::new(), depth: 0, lists: Lists::AsFits };
    printer.commands(script);
    printer.text
}

struct Printer {
    text: Vec<u8>,
    depth: usize,
    lists: Lists,
}

/// How lists are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lists {
    AsFits,
    /// Inside one that is tried on one line: trying again at each level would take time without end.
    OneLine,
}

impl Printer {
    fn commands(&mut self, Commands { commands, comments }: &Commands) {
        let mut position = Position::First;
        for command in commands {
            self.comments(&command.comments, &mut position);
            self.gap(command.gap, position);
            position = Position::Later;
            self.command(command);
        }
        self.comments(comments, &mut position);
    }

    fn comments(&mut self, comments: &[Comment], position: &mut Position) {
        for comment in comments {
            self.gap(comment.gap, *position);
            *position = Position::Later;
            self.indent();
            self.comment(comment);
            self.text.push(b'\n');
        }
    }

    fn gap(&mut self, gap: Gap, position: Position) {
        if gap == Gap::Empty && position == Position::Later {
            self.text.push(b'\n');
        }
    }

    fn comment(&mut self, comment: &Comment) {
        match comment.form {
            CommentForm::Hash => {
                self.text.push(b'#');
                self.text.extend_from_slice(&comment.octets);
            }
            CommentForm::Bracket => {
                self.text.extend_from_slice(b"/*");
                self.text.extend_from_slice(&comment.octets);
                self.text.extend_from_slice(b"*/");
            }
        }
    }

    fn command(&mut self, command: &Command) {
        self.indent();
        self.words(&command.name, &command.arguments, &command.tests);
        match &command.block {
            None => self.text.push(b';'),
            Some(block) => {
                self.text.extend_from_slice(b" {\n");
                self.depth += 1;
                self.commands(block);
                self.depth -= 1;
                self.indent();
                self.text.push(b'}');
            }
        }
        for remark in &command.remarks {
            self.text.push(b' ');
            self.comment(remark);
        }
        self.text.push(b'\n');
    }

    /// A name and what follows it: on one line where that is short enough.
    fn words(&mut self, name: &str, arguments: &[Argument], tests: &Tests) {
        self.text.extend_from_slice(name.as_bytes());
        for argument in arguments {
            // What follows "text:" and its dot begins a line.
            self.space();
            self.argument(argument);
        }
        match tests {
            Tests::None => {}
            Tests::One(test) => {
                self.space();
                self.words(&test.name, &test.arguments, &test.tests);
            }
            Tests::List(tests) => {
                self.space();
                self.list(b"()", tests, |printer, Test { name, arguments, tests, .. }| {
                    printer.words(name, arguments, tests);
                });
            }
        }
    }

    fn argument(&mut self, argument: &Argument) {
        match &argument.value {
            Value::Tag(tag) => self.text.extend_from_slice(format!(":{tag}").as_bytes()),
            Value::Number(number) => {
                let factor = number.quantifier.map_or(1, |quantifier| quantifier.factor());
                let shown = (number.value / factor).to_string();
                self.text.extend_from_slice(shown.as_bytes());
                if let Some(quantifier) = number.quantifier {
                    self.text.extend_from_slice(quantifier.letter().to_string().as_bytes());
                }
            }
            Value::Text(octets) => self.string(octets),
            Value::Texts(texts) => {
                self.list(b"[]", texts, |printer, text| printer.string(&text.octets));
            }
        }
    }

    /// Items between brackets, on one line if they fit there.
    fn list<T>(&mut self, brackets: &[u8; 2], items: &[T], print: impl Fn(&mut Self, &T)) {
        let [open, close] = *brackets;
        let start = self.text.len();
        let outer = std::mem::replace(&mut self.lists, Lists::OneLine);
        self.text.push(open);
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.text.extend_from_slice(b", ");
            }
            print(self, item);
        }
        self.text.push(close);
        self.lists = outer;
        let is_whole = !self.text.get(start..).unwrap_or_default().contains(&b'\n');
        if outer == Lists::OneLine || is_whole && self.columns() <= COLUMNS {
            return;
        }
        self.text.truncate(start);
        self.text.push(open);
        self.depth += 1;
        for (index, item) in items.iter().enumerate() {
            self.text.extend_from_slice(if index > 0 { b",\n" } else { b"\n" });
            self.indent();
            print(self, item);
        }
        self.depth -= 1;
        self.text.push(b'\n');
        self.indent();
        self.text.push(close);
    }

    fn string(&mut self, octets: &[u8]) {
        let is_lines = octets.ends_with(b"\r\n") && octets.len() > 2;
        if is_lines {
            return self.multi_line(octets);
        }
        self.text.push(b'"');
        for (index, octet) in octets.iter().enumerate() {
            match octet {
                b'"' | b'\\' => self.text.extend_from_slice(&[b'\\', *octet]),
                // Only as part of a line end (RFC 5228 §2.1); ours are LF.
                b'\r' if octets.get(index + 1) == Some(&b'\n') => {}
                _ => self.text.push(*octet),
            }
        }
        self.text.push(b'"');
    }

    fn multi_line(&mut self, octets: &[u8]) {
        self.text.extend_from_slice(b"text:\n");
        let lines = octets.strip_suffix(b"\r\n").unwrap_or(octets);
        for line in lines.split(|octet| *octet == b'\n') {
            if line.starts_with(b".") {
                self.text.push(b'.');
            }
            self.text.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
            self.text.push(b'\n');
        }
        self.text.extend_from_slice(b".\n");
    }

    fn space(&mut self) {
        if self.text.last() != Some(&b'\n') {
            self.text.push(b' ');
        }
    }

    fn indent(&mut self) {
        self.text.extend(std::iter::repeat_n(b' ', self.depth * INDENT));
    }

    /// Characters on the line so far.
    fn columns(&self) -> usize {
        let line = self.text.rsplit(|octet| *octet == b'\n').next().unwrap_or_default();
        line.iter().filter(|octet| **octet & 0xC0 != 0x80).count()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Position {
    First,
    Later,
}
