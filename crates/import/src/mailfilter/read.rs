//! A filter file as statements (maildropfilter(7)).

use crate::limits;
use crate::shell::{Cursor, Form, Part, Word, is_name_part};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) line: usize,
    pub(super) last_line: usize,
    pub(super) what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    Comment(String),
    Assign(String, Expression),
    /// `to`, `cc`, `xfilter`, `include`, …: a word and what follows it.
    Command(String, Option<Expression>),
    If(Vec<(Expression, Vec<Statement>)>, Vec<Statement>),
    /// `exception`, `dotlock x`, `flock x`: what they hold is done.
    Block(Vec<Statement>),
    /// `while`, `foreach`
    Loop(String),
    Expression(Expression),
    Nonsense(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expression {
    Text(Word),
    Pattern(Pattern),
    /// `text =~ /pattern/`
    Matches(Box<Expression>, Pattern),
    Not(Box<Expression>),
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
    Compare(String, Box<Expression>, Box<Expression>),
    /// `+ - * / & |`
    Sum,
    Call(String, Vec<Expression>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    pub(super) text: String,
    pub(super) options: String,
}

/// Words that begin a statement, and take an expression.
const COMMANDS: &[&str] =
    &["to", "cc", "xfilter", "system", "log", "logfile", "echo", "include", "import", "exit"];
const FUNCTIONS: &[&str] = &[
    "escape",
    "gdbmclose",
    "gdbmfetch",
    "gdbmopen",
    "gdbmstore",
    "getaddr",
    "hasaddr",
    "length",
    "lookup",
    "substr",
    "time",
    "tolower",
    "toupper",
];

pub(super) fn read(text: &str) -> Vec<Statement> {
    let text = text.replace("\r\n", "\n");
    let mut reader = Reader { cursor: Cursor::new(&text), depth: 0 };
    let mut statements = Vec::new();
    loop {
        statements.extend(reader.statements());
        // A brace too many.
        let line = reader.cursor.line();
        match reader.cursor.next() {
            None => return statements,
            Some(brace) => {
                let what = What::Nonsense(brace.to_string());
                statements.push(Statement { line, last_line: line, what });
            }
        }
    }
}

struct Reader<'t> {
    cursor: Cursor<'t>,
    depth: usize,
}

impl Reader<'_> {
    fn statements(&mut self) -> Vec<Statement> {
        let mut statements = Vec::new();
        loop {
            self.cursor.skip_blanks();
            match self.cursor.peek() {
                None | Some('}') => return statements,
                Some('\n' | ';') => drop(self.cursor.next()),
                Some(_) => statements.push(self.statement()),
            }
        }
    }

    fn statement(&mut self) -> Statement {
        let line = self.cursor.line();
        let start = self.cursor.clone();
        let depth = self.depth;
        let what = match self.cursor.next_if('#') {
            true => What::Comment(self.cursor.take_while(|c| c != '\n').to_owned()),
            false => self.what().unwrap_or_else(|| {
                // A line of it; what follows may be one.
                (self.cursor, self.depth) = (start, depth);
                What::Nonsense(self.cursor.take_while(|c| c != '\n').to_owned())
            }),
        };
        Statement { line, last_line: self.cursor.line(), what }
    }

    /// `None`: it isn't one.
    fn what(&mut self) -> Option<What> {
        let mut ahead = self.cursor.clone();
        let word = ahead.take_while(|c| is_name_part(c) || c == '-').to_owned();
        ahead.skip_blanks();
        if !word.is_empty()
            && ahead.peek() == Some('=')
            && !ahead.rest().starts_with("=~")
            && !ahead.rest().starts_with("==")
        {
            ahead.next();
            ahead.skip_blanks();
            self.cursor = ahead;
            // A value may begin with a slash: it is no pattern there.
            let value = match self.cursor.peek() {
                Some('/') => Expression::Text(self.word()?),
                None | Some('\n' | ';') => Expression::Text(Word::new()),
                Some(_) => self.expression()?,
            };
            return Some(What::Assign(word, value));
        }
        match word.as_str() {
            "if" => {
                self.cursor = ahead;
                self.conditional()
            }
            "exception" => {
                self.cursor = ahead;
                self.block().map(What::Block)
            }
            "dotlock" | "flock" => {
                self.cursor = ahead;
                self.word()?;
                self.block().map(What::Block)
            }
            "while" | "foreach" => {
                self.cursor = ahead;
                self.cursor.take_while(|c| !matches!(c, '\n' | '{'));
                self.block()?;
                Some(What::Loop(word))
            }
            command if COMMANDS.contains(&command) => {
                self.cursor = ahead;
                let value = match self.cursor.peek() {
                    None | Some('\n' | ';' | '}' | '#') => None,
                    // A folder may begin with a slash.
                    Some('/') => Some(Expression::Text(self.word()?)),
                    Some(_) => Some(self.expression()?),
                };
                Some(What::Command(word, value))
            }
            _ => self.expression().map(What::Expression),
        }
    }

    fn skip_lines(&mut self) {
        loop {
            self.cursor.skip_blanks();
            match self.cursor.peek() {
                Some('\n') => drop(self.cursor.next()),
                Some('#') => drop(self.cursor.take_while(|c| c != '\n')),
                _ => return,
            }
        }
    }

    /// In braces, or one statement.
    fn block(&mut self) -> Option<Vec<Statement>> {
        self.skip_lines();
        self.depth += 1;
        if self.depth > limits::NESTING_MAX {
            return None;
        }
        let block = match self.cursor.next_if('{') {
            true => {
                let statements = self.statements();
                // The file's end ends it, too: reading all of it once more would help nobody.
                self.cursor.next_if('}');
                Some(statements)
            }
            false => self.cursor.peek().map(|_| vec![self.statement()]),
        };
        self.depth -= 1;
        block
    }

    fn conditional(&mut self) -> Option<What> {
        let mut branches = vec![self.branch()?];
        loop {
            let after = self.cursor.clone();
            self.skip_lines();
            self.cursor.next_if(';');
            self.skip_lines();
            let word = self.cursor.clone().take_while(is_name_part).to_owned();
            match word.as_str() {
                "elsif" => {
                    self.cursor.skip(5);
                    if let Some(branch) = self.branch() {
                        branches.push(branch);
                        continue;
                    }
                }
                "else" => {
                    self.cursor.skip(4);
                    if let Some(otherwise) = self.block() {
                        return Some(What::If(branches, otherwise));
                    }
                }
                _ => {}
            }
            // What follows is another statement, or none.
            self.cursor = after;
            return Some(What::If(branches, Vec::new()));
        }
    }

    /// `(expression) block`
    fn branch(&mut self) -> Option<(Expression, Vec<Statement>)> {
        self.cursor.skip_blanks();
        if !self.cursor.next_if('(') {
            return None;
        }
        let test = self.expression()?;
        self.skip_lines();
        let block = self.cursor.next_if(')').then(|| self.block())??;
        Some((test, block))
    }

    fn expression(&mut self) -> Option<Expression> {
        self.depth += 1;
        if self.depth > limits::NESTING_MAX * 4 {
            return None;
        }
        let expression = self.level(0);
        self.depth -= 1;
        expression
    }

    /// From `||`, which binds least, to `*`.
    fn level(&mut self, level: usize) -> Option<Expression> {
        const LEVELS: &[&[&str]] = &[
            &["||"],
            &["&&"],
            &["<=", ">=", "==", "!=", "<", ">", "lt", "le", "gt", "ge", "eq", "ne"],
            &["|", "&"],
            &["+", "-"],
            &["*", "/"],
        ];
        let Some(signs) = LEVELS.get(level) else { return self.matched() };
        let mut left = self.level(level + 1)?;
        loop {
            self.cursor.skip_blanks();
            let rest = self.cursor.rest();
            let is_sign = |sign: &&&str| {
                rest.strip_prefix(**sign).is_some_and(|behind| match **sign {
                    "|" => !behind.starts_with('|'),
                    "&" => !behind.starts_with('&'),
                    sign if sign.starts_with(char::is_alphabetic) => {
                        !behind.starts_with(is_name_part)
                    }
                    _ => true,
                })
            };
            let Some(sign) = signs.iter().find(is_sign) else { return Some(left) };
            self.cursor.skip(sign.len());
            self.skip_lines();
            let right = self.level(level + 1)?;
            let (a, b) = (Box::new(left), Box::new(right));
            left = match level {
                0 => Expression::Or(a, b),
                1 => Expression::And(a, b),
                2 => Expression::Compare((*sign).to_owned(), a, b),
                _ => Expression::Sum,
            };
        }
    }

    fn matched(&mut self) -> Option<Expression> {
        let left = self.one()?;
        self.cursor.skip_blanks();
        if !self.cursor.rest().starts_with("=~") {
            return Some(left);
        }
        self.cursor.skip(2);
        self.cursor.skip_blanks();
        Some(Expression::Matches(Box::new(left), self.pattern()?))
    }

    fn one(&mut self) -> Option<Expression> {
        self.cursor.skip_blanks();
        match self.cursor.peek()? {
            '!' => {
                self.cursor.next();
                self.depth += 1;
                let inner = (self.depth <= limits::NESTING_MAX * 4).then(|| self.one())??;
                self.depth -= 1;
                Some(Expression::Not(Box::new(inner)))
            }
            '(' => {
                self.cursor.next();
                self.skip_lines();
                let inner = self.expression()?;
                self.skip_lines();
                self.cursor.next_if(')').then_some(inner)
            }
            '/' => self.pattern().map(Expression::Pattern),
            character => {
                let mut ahead = self.cursor.clone();
                let name = ahead.take_while(is_name_part).to_owned();
                if character.is_ascii_alphabetic() && FUNCTIONS.contains(&name.as_str()) {
                    self.cursor = ahead;
                    return self.arguments().map(|arguments| Expression::Call(name, arguments));
                }
                self.word().map(Expression::Text)
            }
        }
    }

    fn arguments(&mut self) -> Option<Vec<Expression>> {
        let mut arguments = Vec::new();
        self.cursor.skip_blanks();
        // `time` stands alone.
        if !self.cursor.next_if('(') {
            return Some(arguments);
        }
        loop {
            self.cursor.skip_blanks();
            if self.cursor.next_if(')') {
                return Some(arguments);
            }
            arguments.push(self.expression()?);
            self.cursor.skip_blanks();
            if !self.cursor.next_if(',') && self.cursor.peek() != Some(')') {
                return None;
            }
        }
    }

    fn pattern(&mut self) -> Option<Pattern> {
        if !self.cursor.next_if('/') {
            return None;
        }
        let mut text = String::new();
        loop {
            match self.cursor.next()? {
                '/' => break,
                '\n' => return None,
                // A slash in a pattern; other escapes are the pattern's.
                '\\' => match self.cursor.next()? {
                    '/' => text.push('/'),
                    character => text.extend(['\\', character]),
                },
                character => text.push(character),
            }
        }
        let mut options = String::new();
        if self.cursor.next_if(':') {
            let is_option = |c: char| c.is_ascii_alphanumeric() || matches!(c, ',' | '.' | '-');
            options = self.cursor.take_while(is_option).to_owned();
        }
        Some(Pattern { text, options })
    }

    /// Texts in a row are one.
    fn word(&mut self) -> Option<Word> {
        let mut word = Word::new();
        let mut some = false;
        loop {
            let mut ahead = self.cursor.clone();
            ahead.skip_blanks();
            let part = match ahead.peek() {
                Some('"') => {
                    ahead.next();
                    quoted(&mut ahead, '"')
                }
                Some('\'') => {
                    ahead.next();
                    quoted(&mut ahead, '\'')
                }
                Some('`') => {
                    ahead.next();
                    let mut command = String::new();
                    loop {
                        match ahead.next()? {
                            '`' => break,
                            '\\' => match ahead.next()? {
                                '\n' => {}
                                '`' => command.push('`'),
                                character => command.extend(['\\', character]),
                            },
                            character => command.push(character),
                        }
                    }
                    vec![Part::Output(command)]
                }
                // Not quoted: only once, and in one piece.
                Some(character) if !some && is_unquoted(character) => {
                    let text = ahead.take_while(is_unquoted).to_owned();
                    substituted(&text)
                }
                _ => return some.then_some(word),
            };
            some = true;
            word.extend(part);
            self.cursor = ahead;
        }
    }
}

fn is_unquoted(character: char) -> bool {
    character.is_ascii_alphanumeric() || "_-.:/${}@".contains(character)
}

fn quoted(cursor: &mut Cursor<'_>, mark: char) -> Word {
    let mut text = String::new();
    while let Some(character) = cursor.next() {
        match character {
            _ if character == mark => break,
            '\\' => match cursor.next() {
                Some('\n') => drop(cursor.take_while(|c| matches!(c, ' ' | '\t'))),
                Some(character) if character == '\\' || character == mark => text.push(character),
                // Kept for what follows.
                Some('$') if mark == '"' => text.push_str("\\$"),
                Some(character) => text.extend(['\\', character]),
                None => {}
            },
            character => text.push(character),
        }
    }
    match mark {
        '"' => substituted(&text),
        _ => vec![Part::Text(text)],
    }
}

/// `$NAME` and `${NAME}` in a text.
fn substituted(text: &str) -> Word {
    let mut word = vec![Part::Text(String::new())];
    let mut cursor = Cursor::new(text);
    let mut plain = String::new();
    while let Some(character) = cursor.next() {
        let mut ahead = cursor.clone();
        let in_braces = character == '$' && ahead.next_if('{');
        let name = match (character, in_braces) {
            ('\\', _) if cursor.peek() == Some('$') => {
                plain.extend(cursor.next());
                continue;
            }
            ('$', true) => ahead.take_while(|c| c != '}').to_owned(),
            ('$', false) => ahead.take_while(is_name_part).to_owned(),
            _ => String::new(),
        };
        if name.is_empty() || in_braces && !ahead.next_if('}') {
            plain.push(character);
            continue;
        }
        cursor = ahead;
        word.push(Part::Text(std::mem::take(&mut plain)));
        word.push(Part::Variable { name, otherwise: None, form: Form::Plain });
    }
    word.push(Part::Text(plain));
    word
}
