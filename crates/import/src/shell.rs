//! Words as a shell reads them, and command lines as far as they have a meaning without one.
//!
//! procmail reads assignments, folders and addresses like that; commands are read like that by it or by a shell.

use crate::limits;

/// A word, before anything in it is put in its place.
pub(crate) type Word = Vec<Part>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    Text(String),
    /// `$NAME`, `${NAME:-text}`
    Variable {
        name: String,
        otherwise: Option<Otherwise>,
        form: Form,
    },
    /// `` `command` ``
    Output(String),
}

/// How a variable is put in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Plain,
    /// `$\NAME`: what has a meaning in patterns has none.
    Disarmed,
}

/// What stands for a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Otherwise {
    /// Whether an empty one counts as none.
    pub(crate) empty_is_none: bool,
    /// Whether the text stands for one that is there, not for one that isn't.
    pub(crate) for_set: bool,
    pub(crate) text: String,
}

/// A text that is read character by character.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'t> {
    rest: &'t str,
    line: usize,
}

impl<'t> Cursor<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { rest: text, line: 1 }
    }

    pub(crate) fn line(&self) -> usize {
        self.line
    }

    pub(crate) fn rest(&self) -> &'t str {
        self.rest
    }

    pub(crate) fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    pub(crate) fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.line += usize::from(next == '\n');
        self.rest = self.rest.get(next.len_utf8()..).unwrap_or_default();
        Some(next)
    }

    pub(crate) fn next_if(&mut self, wanted: char) -> bool {
        let is_next = self.peek() == Some(wanted);
        if is_next {
            self.next();
        }
        is_next
    }

    pub(crate) fn take_while(&mut self, is_wanted: impl Fn(char) -> bool) -> &'t str {
        let end = self.rest.find(|c| !is_wanted(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }

    /// Blanks, and line ends behind a backslash.
    pub(crate) fn skip_blanks(&mut self) {
        loop {
            self.take_while(|c| matches!(c, ' ' | '\t' | '\r'));
            match self.rest.strip_prefix("\\\n") {
                Some(_) => self.skip(2),
                None => return,
            }
        }
    }

    pub(crate) fn skip(&mut self, characters: usize) {
        for _ in 0..characters {
            self.next();
        }
    }

    /// The rest of the line, with the lines that a backslash joins to it; the line end is taken.
    pub(crate) fn logical_line(&mut self, indents: Indents) -> String {
        let mut line = String::new();
        loop {
            line.push_str(self.take_while(|c| c != '\n'));
            let is_end = self.next().is_none();
            match line.strip_suffix('\\') {
                Some(joined) if !is_end => {
                    line.truncate(joined.len());
                    if indents == Indents::Dropped {
                        self.take_while(|c| matches!(c, ' ' | '\t'));
                    }
                }
                _ => return line.trim_end_matches('\r').to_owned(),
            }
        }
    }

    /// A word; blanks, line ends and what `is_end` says end it outside of quotes.
    pub(crate) fn word(&mut self, is_end: impl Fn(char) -> bool) -> Word {
        let mut word = Word::new();
        while let Some(character) = self.peek() {
            match character {
                _ if character.is_ascii_whitespace() || is_end(character) => break,
                '\'' => {
                    self.next();
                    push(&mut word, self.take_while(|c| c != '\''));
                    self.next();
                }
                '"' => {
                    self.next();
                    self.in_quotes(&mut word);
                }
                '\\' => {
                    self.next();
                    match self.next() {
                        Some('\n') | None => {}
                        Some(character) => push(&mut word, character.encode_utf8(&mut [0; 4])),
                    }
                }
                '$' => self.variable(&mut word),
                '`' => self.output(&mut word),
                _ => {
                    self.next();
                    push(&mut word, character.encode_utf8(&mut [0; 4]));
                }
            }
        }
        word
    }

    /// What stands between double quotes, up to the second one.
    pub(crate) fn in_quotes(&mut self, word: &mut Word) {
        // A word that is empty is one.
        push(word, "");
        while let Some(character) = self.peek() {
            match character {
                '"' => {
                    self.next();
                    return;
                }
                '\\' => {
                    self.next();
                    match self.next() {
                        Some('\n') | None => {}
                        Some(character @ ('"' | '\\' | '$' | '`')) => {
                            push(word, character.encode_utf8(&mut [0; 4]));
                        }
                        Some(character) => {
                            push(word, "\\");
                            push(word, character.encode_utf8(&mut [0; 4]));
                        }
                    }
                }
                '$' => self.variable(word),
                '`' => self.output(word),
                _ => {
                    self.next();
                    push(word, character.encode_utf8(&mut [0; 4]));
                }
            }
        }
    }

    fn variable(&mut self, word: &mut Word) {
        self.next();
        if self.rest.starts_with('(') {
            self.next();
            let command = self.take_while(|c| c != ')').to_owned();
            self.next();
            return word.push(Part::Output(command));
        }
        let form = match self.rest.starts_with('\\') {
            true => Form::Disarmed,
            false => Form::Plain,
        };
        let in_braces = self.rest.starts_with('{');
        let mut ahead = self.clone();
        ahead.skip(usize::from(in_braces || form == Form::Disarmed));
        let mut name = ahead.take_while(is_name_part).to_owned();
        if name.is_empty() && ahead.peek().is_some_and(|c| "#$?_-=@*!".contains(c)) && !in_braces {
            name.extend(ahead.next());
        } else if name.starts_with(|c: char| c.is_ascii_digit()) && !in_braces {
            // `$12` is `$1` and a 2.
            ahead = self.clone();
            name = ahead.next().into_iter().collect();
        }
        if name.is_empty() {
            return push(word, "$");
        }
        let mut otherwise = None;
        if in_braces {
            let empty_is_none = ahead.next_if(':');
            let sign = ahead.peek();
            if let Some('-' | '+') = sign {
                ahead.next();
                let text = ahead.take_while(|c| c != '}').to_owned();
                otherwise = Some(Otherwise { empty_is_none, for_set: sign == Some('+'), text });
            }
            if !ahead.next_if('}') {
                return push(word, "$");
            }
        }
        *self = ahead;
        word.push(Part::Variable { name, otherwise, form });
    }

    fn output(&mut self, word: &mut Word) {
        self.next();
        let mut command = String::new();
        while let Some(character) = self.next() {
            match character {
                '`' => break,
                '\\' => command.extend(self.next()),
                _ => command.push(character),
            }
        }
        word.push(Part::Output(command));
    }
}

/// What becomes of blanks at the start of a line that is joined to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Indents {
    Kept,
    Dropped,
}

pub(crate) fn is_name_part(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

fn push(word: &mut Word, text: &str) {
    match word.last_mut() {
        Some(Part::Text(last)) => last.push_str(text),
        _ => word.push(Part::Text(text.to_owned())),
    }
}

/// A command line without loops and conditions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    /// Commands of which each reads what the one before it writes.
    Pipeline(Vec<Stage>),
    /// It needs a shell.
    Shell,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stage {
    Command(Vec<Word>),
    /// `( a ; b )`
    Together(Vec<Vec<Word>>),
}

/// Reads a command line; `separators` are there where it is a shell's.
pub(crate) fn line(text: &str) -> Line {
    let mut cursor = Cursor::new(text);
    let mut stages = Vec::new();
    let mut budget = limits::FILE_OCTETS_MAX;
    loop {
        let Some(stage) = stage(&mut cursor, &mut budget) else { return Line::Shell };
        stages.push(stage);
        match (cursor.peek(), cursor.rest().starts_with("||")) {
            (None, _) => return Line::Pipeline(stages),
            (Some('|'), false) => cursor.skip(1),
            _ => return Line::Shell,
        }
    }
}

fn stage(cursor: &mut Cursor<'_>, budget: &mut usize) -> Option<Stage> {
    skip_space(cursor);
    if !cursor.next_if('(') {
        return Some(Stage::Command(command(cursor, budget)?));
    }
    let mut commands = Vec::new();
    loop {
        skip_space(cursor);
        if cursor.next_if(')') {
            skip_space(cursor);
            return Some(Stage::Together(commands));
        }
        commands.push(command(cursor, budget)?);
        if !cursor.next_if(';') && cursor.peek() != Some(')') {
            return None;
        }
    }
}

fn skip_space(cursor: &mut Cursor<'_>) {
    cursor.skip_blanks();
    cursor.take_while(|c| c.is_ascii_whitespace());
}

/// A command's words; `None` where it has none, or something in it needs a shell.
fn command(cursor: &mut Cursor<'_>, budget: &mut usize) -> Option<Vec<Word>> {
    let mut words = Vec::new();
    loop {
        skip_space(cursor);
        match cursor.peek() {
            None | Some(';' | '|' | ')') => break,
            Some('#') => {
                cursor.take_while(|c| c != '\n');
            }
            Some('&' | '<' | '>' | '(' | '`' | '~') => return None,
            Some(_) => {
                *budget = budget.checked_sub(1)?;
                let word = cursor.word(|c| ";|)&<>(".contains(c));
                // What a shell would put other words in the place of.
                let globs = |part: &Part| match part {
                    Part::Text(_) | Part::Variable { .. } => false,
                    Part::Output(_) => true,
                };
                if word.iter().any(globs) || word.is_empty() {
                    return None;
                }
                words.push(word);
            }
        }
    }
    (!words.is_empty()).then_some(words)
}
