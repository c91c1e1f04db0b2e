//! Tokens to a tree (RFC 5228 §8.2). Stops at the first thing that is wrong.

use crate::lexer::{Lexeme, Lexer, Token};
use crate::limits;
use crate::problem::{Fault, Place};
use crate::syntax::{Argument, Command, Commands, Comment, Gap, Literal, Test, Tests, Value};

/// Reads a whole script.
pub(crate) fn parse(script: &[u8]) -> Result<Commands, Fault> {
    if script.len() > limits::SCRIPT_OCTETS_MAX {
        let problem = format!("a script may have {} octets", limits::SCRIPT_OCTETS_MAX);
        return Err(Fault::new(Place { line: 1, column: 1 }, problem));
    }
    let mut lexer = Lexer::new(script);
    let next = lexer.next()?;
    let mut parser = Parser { lexer, next, depth: 0 };
    let commands = parser.commands()?;
    match parser.next.token {
        Token::End => Ok(commands),
        _ => Err(parser.unexpected("a command").hint("is there a \"}\" too many?")),
    }
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    next: Lexeme,
    depth: usize,
}

impl Parser<'_> {
    /// Commands up to the end or a closing brace, which stays.
    fn commands(&mut self) -> Result<Commands, Fault> {
        let mut commands = Vec::new();
        loop {
            match &mut self.next.token {
                Token::Word(name) => {
                    let name = std::mem::take(name);
                    commands.push(self.command(name)?);
                }
                Token::Mark(b'}') | Token::End => {
                    let comments = std::mem::take(&mut self.next.comments);
                    return Ok(Commands { commands, comments });
                }
                _ => return Err(self.unexpected("a command")),
            }
        }
    }

    fn command(&mut self, name: String) -> Result<Command, Fault> {
        let Lexeme { place, gap, mut comments, .. } = self.take()?;
        let arguments = self.arguments(&mut comments)?;
        let tests = self.tests(&mut comments)?;
        comments.append(&mut self.next.comments);
        let block = match self.next.token {
            Token::Mark(b';') => None,
            Token::Mark(b'{') => {
                self.enter()?;
                self.take()?;
                let block = self.commands()?;
                self.depth -= 1;
                match self.next.token {
                    Token::Mark(b'}') => Some(block),
                    _ => {
                        return Err(Fault::new(
                            place,
                            format!("the block of \"{name}\" has no end"),
                        )
                        .hint("a \"}\" is missing"));
                    }
                }
            }
            _ => {
                let hint = format!("\";\" or a block ends \"{name}\"");
                return Err(self.unexpected("\";\"").hint(hint));
            }
        };
        self.take()?;
        let remarks = self.same_line_comments();
        Ok(Command { place, gap, comments, name, arguments, tests, block, remarks })
    }

    /// Comments that stand on the line of what was just taken.
    fn same_line_comments(&mut self) -> Vec<Comment> {
        let comments = &mut self.next.comments;
        let count = comments.iter().take_while(|comment| comment.gap == Gap::None).count();
        comments.drain(..count).collect()
    }

    fn arguments(&mut self, comments: &mut Vec<Comment>) -> Result<Vec<Argument>, Fault> {
        let mut arguments = Vec::new();
        loop {
            let place = self.next.place;
            let value = match &mut self.next.token {
                Token::Tag(name) => Value::Tag(std::mem::take(name)),
                Token::Number(number) => Value::Number(*number),
                Token::Text(octets) => Value::Text(std::mem::take(octets)),
                Token::Mark(b'[') => Value::Texts(self.list(comments)?),
                Token::Word(_) | Token::Mark(_) | Token::End => return Ok(arguments),
            };
            arguments.push(Argument { place, value });
            comments.append(&mut self.take()?.comments);
        }
    }

    /// `"[" string *("," string) "]"`, of which the closing bracket stays.
    fn list(&mut self, comments: &mut Vec<Comment>) -> Result<Vec<Literal>, Fault> {
        let mut texts = Vec::new();
        loop {
            comments.append(&mut self.take()?.comments);
            let place = self.next.place;
            let Token::Text(octets) = &mut self.next.token else {
                return Err(self.unexpected("a string"));
            };
            texts.push(Literal { place, octets: std::mem::take(octets) });
            comments.append(&mut self.take()?.comments);
            match self.next.token {
                Token::Mark(b',') => {}
                Token::Mark(b']') => return Ok(texts),
                _ => return Err(self.unexpected("\",\" or \"]\"")),
            }
        }
    }

    fn tests(&mut self, comments: &mut Vec<Comment>) -> Result<Tests, Fault> {
        match &mut self.next.token {
            Token::Word(name) => {
                let name = std::mem::take(name);
                Ok(Tests::One(Box::new(self.test(name, comments)?)))
            }
            Token::Mark(b'(') => self.test_list(comments).map(Tests::List),
            Token::Tag(_) | Token::Number(_) | Token::Text(_) | Token::Mark(_) | Token::End => {
                Ok(Tests::None)
            }
        }
    }

    fn test(&mut self, name: String, comments: &mut Vec<Comment>) -> Result<Test, Fault> {
        self.enter()?;
        let lexeme = self.take()?;
        comments.extend(lexeme.comments);
        let arguments = self.arguments(comments)?;
        let tests = self.tests(comments)?;
        self.depth -= 1;
        Ok(Test { place: lexeme.place, name, arguments, tests })
    }

    fn test_list(&mut self, comments: &mut Vec<Comment>) -> Result<Vec<Test>, Fault> {
        let mut tests = Vec::new();
        loop {
            comments.append(&mut self.take()?.comments);
            let Token::Word(name) = &mut self.next.token else {
                return Err(self.unexpected("a test"));
            };
            let name = std::mem::take(name);
            tests.push(self.test(name, comments)?);
            match self.next.token {
                Token::Mark(b',') => {}
                Token::Mark(b')') => {
                    comments.append(&mut self.take()?.comments);
                    return Ok(tests);
                }
                _ => return Err(self.unexpected("\",\" or \")\"")),
            }
        }
    }

    fn enter(&mut self) -> Result<(), Fault> {
        self.depth += 1;
        match self.depth > limits::NESTING_MAX {
            true => Err(Fault::new(
                self.next.place,
                format!("more than {} blocks and tests inside each other", limits::NESTING_MAX),
            )),
            false => Ok(()),
        }
    }

    /// Gives the token that was next, and reads another.
    fn take(&mut self) -> Result<Lexeme, Fault> {
        let next = self.lexer.next()?;
        Ok(std::mem::replace(&mut self.next, next))
    }

    fn unexpected(&self, wanted: &str) -> Fault {
        let found = match &self.next.token {
            Token::Word(word) => format!("\"{word}\""),
            Token::Tag(tag) => format!("\":{tag}\""),
            Token::Number(_) => "a number".to_owned(),
            Token::Text(_) => "a string".to_owned(),
            Token::Mark(mark) => format!("\"{}\"", char::from(*mark)),
            Token::End => "the end of the script".to_owned(),
        };
        Fault::new(self.next.place, format!("{found} stands where {wanted} should"))
    }
}
