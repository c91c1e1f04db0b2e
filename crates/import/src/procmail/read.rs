//! An rcfile as statements (procmailrc(5)).

use crate::delivery::Taken;
use crate::limits;
use crate::shell::{Cursor, Indents, Word, is_name_part};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statement {
    /// Where it begins and ends; from one.
    pub(crate) line: usize,
    pub(crate) last_line: usize,
    pub(crate) what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    /// Without its mark.
    Comment(String),
    /// `None`: it is taken out of the environment.
    Assign(String, Option<Word>),
    Recipe(Recipe),
    /// What is none of these.
    Nonsense(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recipe {
    pub(crate) flags: Flags,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) action: Action,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) line: usize,
    /// Without the `*`.
    pub(crate) text: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    Block(Vec<Statement>),
    /// What follows `!`.
    Forward(String),
    /// What follows `|`, and the variable that takes its output.
    Program {
        variable: Option<String>,
        command: String,
    },
    Folders(String),
    /// The file ended, or a block.
    Missing,
}

/// The letters behind `:0`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Flags(pub(crate) String);

impl Flags {
    pub(crate) fn has(&self, flag: char) -> bool {
        self.0.contains(flag)
    }

    /// `c`
    pub(crate) fn taken(&self) -> Taken {
        if self.has('c') { Taken::Copy } else { Taken::Letter }
    }
}

/// Reads a whole file; nothing is wrong enough to stop at.
pub(crate) fn read(text: &str) -> Vec<Statement> {
    let text = text.replace("\r\n", "\n");
    let mut cursor = Cursor::new(&text);
    let mut statements = Vec::new();
    loop {
        statements.extend(block(&mut cursor, 0));
        // A brace too many.
        let line = cursor.line();
        match cursor.next() {
            None => return statements,
            Some(brace) => statements.push(Statement {
                line,
                last_line: line,
                what: What::Nonsense(brace.to_string()),
            }),
        }
    }
}

/// Up to the brace that closes it, or the end.
fn block(cursor: &mut Cursor<'_>, depth: usize) -> Vec<Statement> {
    let mut statements = Vec::new();
    loop {
        cursor.skip_blanks();
        let line = cursor.line();
        let what = match cursor.peek() {
            None | Some('}') => return statements,
            Some('\n') => {
                cursor.next();
                continue;
            }
            Some('#') => {
                cursor.next();
                What::Comment(cursor.logical_line(Indents::Kept))
            }
            Some(':') => What::Recipe(recipe(cursor, depth)),
            Some(character) if character.is_ascii_alphabetic() || character == '_' => {
                assignment(cursor)
            }
            Some(_) => What::Nonsense(cursor.logical_line(Indents::Kept)),
        };
        // A line end that was taken belongs to it.
        let at_line_start = usize::from(cursor.line() > line && is_line_start(&what));
        let last_line = (cursor.line() - at_line_start).max(line);
        statements.push(Statement { line, last_line, what });
    }
}

/// Whether what was read ends with a line's end.
fn is_line_start(what: &What) -> bool {
    match what {
        What::Comment(_) | What::Nonsense(_) => true,
        What::Assign(..) => false,
        What::Recipe(recipe) => !matches!(recipe.action, Action::Block(_) | Action::Missing),
    }
}

fn assignment(cursor: &mut Cursor<'_>) -> What {
    let name = cursor.take_while(is_name_part).to_owned();
    cursor.skip_blanks();
    if !cursor.next_if('=') {
        return What::Assign(name, None);
    }
    cursor.skip_blanks();
    let value = cursor.word(|_| false);
    What::Assign(name, Some(value))
}

fn recipe(cursor: &mut Cursor<'_>, depth: usize) -> Recipe {
    cursor.next();
    let first = cursor.logical_line(Indents::Kept);
    // In the old days a number of conditions stood in the place of the 0.
    let flags = first.trim_start_matches(|c: char| c.is_ascii_digit());
    // The second colon begins a lock; a comment may follow.
    let flags = flags.split([':', '#']).next().unwrap_or_default();
    let flags = Flags(flags.chars().filter(|c| !c.is_whitespace()).collect());
    let mut conditions = Vec::new();
    loop {
        cursor.skip_blanks();
        let line = cursor.line();
        match cursor.peek() {
            Some('\n') => drop(cursor.next()),
            Some('#') => drop(cursor.logical_line(Indents::Kept)),
            Some('*') => {
                cursor.next();
                let text = cursor.logical_line(Indents::Dropped).trim().to_owned();
                conditions.push(Condition { line, text });
            }
            _ => break,
        }
    }
    Recipe { flags, conditions, action: action(cursor, depth) }
}

fn action(cursor: &mut Cursor<'_>, depth: usize) -> Action {
    match cursor.peek() {
        None | Some('}' | ':') => Action::Missing,
        Some('{') if depth < limits::NESTING_MAX => {
            cursor.next();
            let inner = block(cursor, depth + 1);
            cursor.next_if('}');
            Action::Block(inner)
        }
        Some('!') => {
            cursor.next();
            Action::Forward(cursor.logical_line(Indents::Kept).trim().to_owned())
        }
        Some('|') => {
            cursor.next();
            let command = program(cursor);
            Action::Program { variable: None, command }
        }
        Some(_) => {
            // `NAME=| program`
            let mut ahead = cursor.clone();
            let name = ahead.take_while(is_name_part).to_owned();
            ahead.skip_blanks();
            if ahead.next_if('=') {
                ahead.skip_blanks();
                if ahead.next_if('|') {
                    *cursor = ahead;
                    let command = program(cursor);
                    return Action::Program { variable: Some(name), command };
                }
            }
            Action::Folders(cursor.logical_line(Indents::Kept).trim().to_owned())
        }
    }
}

fn program(cursor: &mut Cursor<'_>) -> String {
    cursor.logical_line(Indents::Kept).trim().to_owned()
}
