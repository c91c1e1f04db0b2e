//! Patterns of procmail (its own egrep) and of maildrop (PCRE): as a tree, and as Sieve's tests.
//!
//! Both look at lines: `^` and `$` are a line's ends, and `.` is anything within one. Sieve's tests look at one
//! field's value. [`fields`] finds out which fields a pattern names, so that `^Subject:.*x` becomes
//! `header :contains "Subject" "x"`; what names none becomes `lines` (`vnd.postroad.lines`), on the same lines.
//!
//! What a field's test sees is trimmed, and encoded words in it are decoded: `^Subject:x` holds of `Subject: x`
//! as well.

use crate::limits;
use crate::script::{Piece, Text};

mod fields;
mod print;

pub(crate) use fields::{Case, Found, header_test};
pub(crate) use print::{regex_test, text_test, variable_test};

/// Whose patterns they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Procmail,
    Pcre,
}

/// Alternatives, each of which is a sequence.
pub(crate) type Branches = Vec<Vec<Node>>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    Literal(char),
    Any,
    Set {
        negated: bool,
        items: Vec<Item>,
    },
    /// `^`
    Start,
    /// `$`
    End,
    /// `^^`: an end of all that is looked at.
    Edge,
    /// `\<`, `\>`: what is no part of a word, or a line's end.
    NoWord,
    /// `\b`
    Boundary,
    Group(Branches),
    Repeat(Box<Node>, String),
    /// `\/`: what follows is kept.
    Split,
    Variable(String),
}

/// A part of a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Item {
    One(char),
    Range(char, char),
    /// As in `[:space:]`.
    Class(&'static str),
}

impl Node {
    pub(crate) fn any_number() -> Self {
        Self::Repeat(Box::new(Self::Any), "*".to_owned())
    }

    pub(crate) fn is_any_number(&self) -> bool {
        matches!(self, Self::Repeat(inner, times) if **inner == Self::Any
            && matches!(times.as_str(), "*" | "*?"))
    }

    /// White space, any number of times or once.
    pub(crate) fn is_space(&self) -> bool {
        match self {
            Self::Literal(' ' | '\t') => true,
            Self::Set { negated: false, items } => items
                .iter()
                .all(|item| matches!(item, Item::One(' ' | '\t') | Item::Class("space" | "blank"))),
            Self::Repeat(inner, times) => {
                inner.is_space() && matches!(times.as_str(), "*" | "+" | "?" | "*?" | "+?")
            }
            _ => false,
        }
    }
}

/// What a pattern's text is put in place of (procmailrc(5), "Miscellaneous"). Of the last two, what looks at the
/// line that follows is left out: it only says that no `>From ` line does.
const MACROS: [(&str, &str); 4] = [
    (
        "^TO_",
        "(^((Original-)?(Resent-)?(To|Cc|Bcc)|(X-Envelope|Apparently(-Resent)?)-To):(.*[^-a-zA-Z0-9_.])?)",
    ),
    (
        "^TO",
        "(^((Original-)?(Resent-)?(To|Cc|Bcc)|(X-Envelope|Apparently(-Resent)?)-To):(.*[^a-zA-Z])?)",
    ),
    (
        "^FROM_DAEMON",
        "(^(Mailing-List:|Precedence:.*(junk|bulk|list)|To: Multiple recipients of |(((Resent-)?(From|Sender)\
         |X-Envelope-From):|>?From )([^>]*[^(.%@a-z0-9])?(Post(ma?(st(e?r)?|n)|office)|(send)?Mail(er)?|daemon\
         |m(mdf|ajordomo)|n?uucp|LIST(SERV|proc)|NETSERV|o(wner|ps)|r(e(quest|sponse)|oot)|b(ounce|bs\\.smtp)\
         |echo|mirror|s(erv(ices?|er)|mtp(error)?|ystem)|A(dmin(istrator)?|MMGR|utoanswer))\
         (([^).!:a-z0-9][-_a-z0-9]*)?[%@>\t ][^<)]*(\\(.*\\).*)?)?$))",
    ),
    (
        "^FROM_MAILER",
        "(^(((Resent-)?(From|Sender)|X-Envelope-From):|>?From )([^>]*[^(.%@a-z0-9])?(Post(ma(st(er)?|n)|office)\
         |(send)?Mail(er)?|daemon|mmdf|n?uucp|ops|r(esponse|oot)|(bbs\\.)?smtp(error)?|s(erv(ices?|er)|ystem)\
         |A(dmin(istrator)?|MMGR))(([^).!:a-z0-9][-_a-z0-9]*)?[%@>\t ][^<)]*(\\(.*\\).*)?)?$)",
    ),
];

/// Reads a pattern.
///
/// # Errors
/// What of it has no equivalent.
pub(crate) fn parse(text: &Text, dialect: Dialect) -> Result<Branches, String> {
    let mut atoms = Vec::new();
    for piece in &text.0 {
        match piece {
            Piece::Variable(name) => atoms.push(Atom::Variable(name.clone())),
            Piece::Plain(plain) if dialect == Dialect::Procmail => {
                atoms.extend(with_macros(plain).chars().map(Atom::Character));
            }
            Piece::Plain(plain) => atoms.extend(plain.chars().map(Atom::Character)),
        }
    }
    let mut parser = Parser { atoms, at: 0, depth: 0, dialect };
    let branches = parser.branches()?;
    match parser.atoms.get(parser.at) {
        None => Ok(branches),
        Some(_) => Err("the pattern has a \")\" too many".to_owned()),
    }
}

fn with_macros(text: &str) -> String {
    let mut rest = text;
    let mut whole = String::new();
    while let Some(at) = rest.find('^') {
        let (before, from) = rest.split_at(at);
        whole.push_str(before);
        match MACROS.iter().find(|(name, _)| from.starts_with(name)) {
            Some((name, pattern)) => {
                whole.push_str(pattern);
                rest = from.get(name.len()..).unwrap_or_default();
            }
            None => {
                whole.push('^');
                rest = from.get(1..).unwrap_or_default();
            }
        }
    }
    whole.push_str(rest);
    whole
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Atom {
    Character(char),
    Variable(String),
}

struct Parser {
    atoms: Vec<Atom>,
    at: usize,
    depth: usize,
    dialect: Dialect,
}

impl Parser {
    fn peek(&self) -> Option<char> {
        match self.atoms.get(self.at) {
            Some(Atom::Character(character)) => Some(*character),
            Some(Atom::Variable(_)) | None => None,
        }
    }

    fn next_if(&mut self, wanted: char) -> bool {
        let is_next = self.peek() == Some(wanted);
        self.at += usize::from(is_next);
        is_next
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += 1;
        Some(next)
    }

    fn branches(&mut self) -> Result<Branches, String> {
        self.depth += 1;
        if self.depth > limits::NESTING_MAX {
            return Err("the pattern has too many groups inside each other".to_owned());
        }
        let mut branches = vec![Vec::new()];
        loop {
            let node = match self.atoms.get(self.at) {
                None | Some(Atom::Character(')')) => break,
                Some(Atom::Character('|')) => {
                    self.at += 1;
                    branches.push(Vec::new());
                    continue;
                }
                Some(Atom::Variable(name)) => {
                    let node = Node::Variable(name.clone());
                    self.at += 1;
                    node
                }
                Some(Atom::Character(_)) => self.node()?,
            };
            let node = self.repeated(node)?;
            branches.last_mut().into_iter().for_each(|branch| branch.push(node.clone()));
        }
        self.depth -= 1;
        Ok(branches)
    }

    fn repeated(&mut self, mut node: Node) -> Result<Node, String> {
        loop {
            let mut times = match self.peek() {
                Some(sign @ ('*' | '+' | '?')) => {
                    self.at += 1;
                    sign.to_string()
                }
                Some('{') if self.dialect == Dialect::Pcre => match self.counted() {
                    Some(times) => times,
                    None => return Ok(node),
                },
                _ => return Ok(node),
            };
            if self.dialect == Dialect::Pcre {
                if self.next_if('+') {
                    return Err("the pattern has a possessive \"+\"".to_owned());
                }
                if self.next_if('?') {
                    times.push('?');
                }
            }
            // What matches nothing needs no repetition.
            if !matches!(node, Node::Split | Node::Edge | Node::Boundary) {
                // Engines take only so much of it.
                if depth(&node) > limits::NESTING_MAX {
                    return Err("the pattern has too many repetitions of repetitions".to_owned());
                }
                node = Node::Repeat(Box::new(node), times);
            }
        }
    }

    /// `{2,5}`; nothing where it stands for itself.
    fn counted(&mut self) -> Option<String> {
        let rest = self.atoms.get(self.at..)?;
        let end = rest.iter().position(|atom| *atom == Atom::Character('}'))?;
        let character = |atom: &Atom| match atom {
            Atom::Character(character) => Some(*character),
            Atom::Variable(_) => None,
        };
        let text: Option<String> = rest.get(..=end)?.iter().map(character).collect();
        let text = text?;
        let inner = text.trim_start_matches('{').trim_end_matches('}');
        let (least, most) = inner.split_once(',').unwrap_or((inner, "0"));
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !is_number(least) || !(most.is_empty() || is_number(most)) {
            return None;
        }
        self.at += end + 1;
        Some(text)
    }

    fn node(&mut self) -> Result<Node, String> {
        let Some(character) = self.next() else { return Ok(Node::Group(vec![Vec::new()])) };
        Ok(match character {
            '.' => Node::Any,
            '^' if self.dialect == Dialect::Procmail && self.next_if('^') => Node::Edge,
            '^' => Node::Start,
            '$' => Node::End,
            '[' => self.set()?,
            '(' => {
                if self.dialect == Dialect::Pcre && self.next_if('?') && !self.next_if(':') {
                    return Err("the pattern looks ahead or behind, or sets options".to_owned());
                }
                let branches = self.branches()?;
                if !self.next_if(')') {
                    return Err("the pattern lacks a \")\"".to_owned());
                }
                Node::Group(branches)
            }
            '\\' => self.escape()?,
            character => Node::Literal(character),
        })
    }

    fn escape(&mut self) -> Result<Node, String> {
        let Some(character) = self.next() else { return Ok(Node::Literal('\\')) };
        if self.dialect == Dialect::Procmail {
            return Ok(match character {
                '/' => Node::Split,
                '<' | '>' => Node::NoWord,
                character => Node::Literal(character),
            });
        }
        let set = |negated, items: Vec<Item>| Node::Set { negated, items };
        Ok(match character {
            'b' => Node::Boundary,
            's' | 'S' => set(character == 'S', vec![Item::Class("space")]),
            'd' | 'D' => set(character == 'D', vec![Item::Range('0', '9')]),
            'w' | 'W' => set(character == 'W', vec![Item::Class("alnum"), Item::One('_')]),
            't' => Node::Literal('\t'),
            'A' | 'z' => Node::Edge,
            character if character.is_ascii_alphanumeric() => {
                return Err(format!("the pattern has a \"\\{character}\""));
            }
            character => Node::Literal(character),
        })
    }

    fn set(&mut self) -> Result<Node, String> {
        let negated = self.next_if('^');
        let mut items = Vec::new();
        loop {
            let Some(character) = self.next() else {
                return Err("the pattern lacks a \"]\"".to_owned());
            };
            let first = match character {
                ']' if !items.is_empty() => return Ok(Node::Set { negated, items }),
                '[' if self.dialect == Dialect::Pcre && self.peek() == Some(':') => {
                    items.push(self.class()?);
                    continue;
                }
                '\\' if self.dialect == Dialect::Pcre => match self.next() {
                    Some('s') => {
                        items.push(Item::Class("space"));
                        continue;
                    }
                    Some('d') => {
                        items.push(Item::Class("digit"));
                        continue;
                    }
                    Some('w') => {
                        items.extend([Item::Class("alnum"), Item::One('_')]);
                        continue;
                    }
                    Some('t') => '\t',
                    Some(character) if !character.is_ascii_alphanumeric() => character,
                    _ => return Err("the pattern has an escape in brackets".to_owned()),
                },
                character => character,
            };
            // `a-z`, and `-` where it stands for itself.
            let is_range = self.peek() == Some('-')
                && matches!(self.atoms.get(self.at + 1), Some(Atom::Character(c)) if *c != ']');
            match is_range {
                true => {
                    self.at += 1;
                    let Some(last) = self.next() else { continue };
                    if first > last || last == '\\' && self.dialect == Dialect::Pcre {
                        return Err("the pattern has a range that isn't one".to_owned());
                    }
                    items.push(Item::Range(first, last));
                }
                false => items.push(Item::One(first)),
            }
        }
    }

    fn class(&mut self) -> Result<Item, String> {
        const CLASSES: [&str; 12] = [
            "alnum", "alpha", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
            "space", "upper", "xdigit",
        ];
        for class in CLASSES {
            let text: Vec<Atom> = format!(":{class}:]").chars().map(Atom::Character).collect();
            if self.atoms.get(self.at..).unwrap_or_default().starts_with(&text) {
                self.at += text.len();
                return Ok(Item::Class(class));
            }
        }
        Err("the pattern has a class that there isn't".to_owned())
    }
}

/// Repetitions around what a node repeats.
fn depth(node: &Node) -> usize {
    match node {
        Node::Repeat(inner, _) => depth(inner) + 1,
        _ => 0,
    }
}

/// A literal text, where a pattern is nothing else.
pub(crate) fn literal(nodes: &[Node]) -> Option<Text> {
    let mut text = Text::default();
    for node in nodes {
        match node {
            Node::Literal(character) => text.push_str(character.encode_utf8(&mut [0; 4])),
            // Its text isn't a pattern then only by luck.
            _ => return None,
        }
    }
    Some(text)
}
