//! Patterns as Sieve's match types.

use super::fields::Case;
use super::{Branches, Found, Item, Node, literal};
use crate::script::{Test, Text, list};

/// A pattern as a test on a field's value; `head` has `{}` where match type and comparator stand. `None` where it
/// is about more than one line.
pub(crate) fn value_test(nodes: &[Node], head: &str, case: Case) -> Option<Found> {
    let is_raw = |nodes: &[Node]| literal(nodes).is_some_and(|text| text.start().contains("=?"));
    let is_envelope = head.starts_with("envelope");
    let mut nodes = nodes.to_vec();
    while nodes.len() > 1 && nodes.last().is_some_and(|last| last.is_any_number() && !keeps(&nodes))
    {
        nodes.pop();
    }
    // An encoded word is looked for as it stands there.
    if nodes.windows(2).any(|pair| is_raw(pair) && !is_envelope) {
        return None;
    }
    let unanchored = nodes.first().is_some_and(Node::is_any_number);
    let mut start = usize::from(unanchored);
    if !unanchored {
        // What is compared has no white space around it.
        start = nodes.iter().take_while(|node| node.is_space()).count();
    }
    // `: *.*x`
    let loose = nodes.get(start).is_some_and(Node::is_any_number);
    let unanchored = unanchored || loose;
    let start = start + usize::from(loose);
    let inner = nodes.get(start..).unwrap_or_default();
    let ends = inner.last() == Some(&Node::End);
    let inner = inner.get(..inner.len() - usize::from(ends)).unwrap_or_default();
    let fixed = Edges { first: !unanchored, last: ends };
    let inner_text = literal(inner);
    let is_spaced = inner.first().is_some_and(Node::is_space);
    if let Some(text) = inner_text.filter(|_| !is_spaced) {
        return Some(Found { test: Test::Is(plain(&text, fixed, head, case)), kept: None });
    }
    if let Some(texts) = alternatives(inner).filter(|_| unanchored && !ends) {
        return Some(Found { test: Test::Is(said(head, ":contains", case, &texts)), kept: None });
    }
    if let Some(glob) = glob(inner).filter(|_| !is_spaced) {
        let glob = with_ends(glob, fixed);
        return Some(Found { test: Test::Is(said(head, ":matches", case, &[glob])), kept: None });
    }
    let mut printer = Printer::new(Within::Value);
    // A word's edge is looked for at the start as well; what begins with white space isn't there.
    match (unanchored, is_spaced) {
        (false, _) => printer.text.push_str("^"),
        (true, true) => {
            let white = inner.iter().take_while(|node| node.is_space()).count();
            printer.text.push_str("(^|");
            printer.groups += 1;
            let only: Vec<Node> = inner.get(..white).unwrap_or_default().to_vec();
            printer.sequence(&only, Edges::NEITHER)?;
            printer.text.push_str(")");
            return printer.rest(inner.get(white..).unwrap_or_default(), fixed, head, case);
        }
        (true, false) => {}
    }
    printer.rest(inner, fixed, head, case)
}

/// A pattern as a test on a text with lines: `head` as above. With `\/`, what it keeps.
pub(crate) fn text_test(branches: &Branches, head: &str, case: Case) -> Option<Found> {
    if let [branch] = branches.as_slice()
        && let Some(text) = literal(branch)
        && !text.is_empty()
    {
        return Some(Found { test: Test::Is(said(head, ":contains", case, &[text])), kept: None });
    }
    regex_test(branches, head, case)
}

/// As [`text_test`], always with what it matched.
pub(crate) fn regex_test(branches: &Branches, head: &str, case: Case) -> Option<Found> {
    let mut printer = Printer::new(Within::Lines);
    printer.text.push_str("(?mR-s)");
    let kept = match branches.as_slice() {
        [branch] => printer.split(branch)?,
        branches => {
            printer.branches(branches, Edges::BOTH)?;
            None
        }
    };
    Some(Found { test: Test::Is(said(head, ":regex", case, &[printer.text])), kept })
}

/// A pattern as a test on a variable's value, which is one line.
pub(crate) fn variable_test(branches: &Branches, value: &Text, case: Case) -> Option<Found> {
    // `${…}` of a value with braces would be another.
    let head = format!("string {{}} {}", value.quoted());
    let [branch] = branches.as_slice() else { return text_test(branches, &head, case) };
    let mut nodes = branch.clone();
    match nodes.first() {
        Some(Node::Edge | Node::Start) => drop(nodes.remove(0)),
        _ => nodes.insert(0, Node::any_number()),
    }
    if nodes.last() == Some(&Node::Edge) {
        nodes.pop();
        nodes.push(Node::End);
    }
    value_test(&nodes, &head, case).or_else(|| text_test(branches, &head, case))
}

fn keeps(nodes: &[Node]) -> bool {
    nodes.contains(&Node::Split)
}

/// `header :contains "Subject" "x"`.
fn said(head: &str, match_type: &str, case: Case, keys: &[Text]) -> String {
    let tags = match case {
        Case::Same => match_type.to_owned(),
        Case::Differs => format!("{match_type} :comparator \"i;octet\""),
    };
    format!("{} {}", head.replacen("{}", &tags, 1), list(keys))
}

fn plain(text: &Text, fixed: Edges, head: &str, case: Case) -> String {
    let Edges { first: starts, last: ends } = fixed;
    match (!starts, ends) {
        _ if text.is_empty() && !(starts && ends) => match head.strip_prefix("header {} ") {
            // Whatever it says, it is there.
            Some(names) => format!("exists {names}"),
            None => said(head, ":matches", case, &[Text::plain("*")]),
        },
        (true, false) => said(head, ":contains", case, std::slice::from_ref(text)),
        (false, true) => said(head, ":is", case, std::slice::from_ref(text)),
        (true, true) | (false, false) => {
            let quoted = text.clone().map(quote_glob);
            said(head, ":matches", case, &[with_ends(quoted, fixed)])
        }
    }
}

fn with_ends(glob: Text, fixed: Edges) -> Text {
    let mut whole = Text::plain(if fixed.first { "" } else { "*" });
    whole.push(glob);
    whole.push_str(if fixed.last { "" } else { "*" });
    whole
}

fn quote_glob(text: &str) -> String {
    let mut quoted = String::new();
    for character in text.chars() {
        if matches!(character, '*' | '?' | '\\') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted
}

/// `(a|b)`, where all of them are plain.
fn alternatives(nodes: &[Node]) -> Option<Vec<Text>> {
    let [Node::Group(branches)] = nodes else { return None };
    let texts: Option<Vec<Text>> = branches.iter().map(|branch| literal(branch)).collect();
    let is_plain = |text: &Text| !text.is_empty() && !text.start().starts_with([' ', '\t']);
    texts.filter(|texts| texts.iter().all(is_plain))
}

/// Plain texts with `.` and `.*` between them.
fn glob(nodes: &[Node]) -> Option<Text> {
    let mut glob = Text::default();
    for node in nodes {
        match node {
            Node::Literal(character) => glob.push_str(&quote_glob(&character.to_string())),
            Node::Any => glob.push_str("?"),
            node if node.is_any_number() => glob.push_str("*"),
            _ => return None,
        }
    }
    Some(glob)
}

/// What a regular expression is looked for in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    /// One line.
    Value,
    /// Lines that end in CRLF; `^`, `$` and `.` know lines.
    Lines,
}

/// Whether a part may be the first, and the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Edges {
    first: bool,
    last: bool,
}

impl Edges {
    const BOTH: Self = Self { first: true, last: true };
    const NEITHER: Self = Self { first: false, last: false };
}

/// Whether repetitions take as much as they can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Greed {
    Much,
    /// On the left of `\/`.
    Little,
}

struct Printer {
    text: Text,
    within: Within,
    groups: usize,
    greed: Greed,
}

impl Printer {
    fn new(within: Within) -> Self {
        Self { text: Text::default(), within, groups: 0, greed: Greed::Much }
    }

    fn rest(mut self, nodes: &[Node], fixed: Edges, head: &str, case: Case) -> Option<Found> {
        let kept = self.split(nodes)?;
        if fixed.last {
            self.text.push_str("$");
        }
        Some(Found { test: Test::Is(said(head, ":regex", case, &[self.text])), kept })
    }

    /// With what follows `\/` as a group.
    fn split(&mut self, nodes: &[Node]) -> Option<Option<usize>> {
        let Some(at) = nodes.iter().position(|node| *node == Node::Split) else {
            self.sequence(nodes, Edges::BOTH)?;
            return Some(None);
        };
        let (left, right) = nodes.split_at(at);
        self.greed = Greed::Little;
        self.sequence(left, Edges { first: true, last: false })?;
        self.greed = Greed::Much;
        self.text.push_str("(");
        self.groups += 1;
        let kept = self.groups;
        self.sequence(right.get(1..).unwrap_or_default(), Edges { first: false, last: true })?;
        self.text.push_str(")");
        Some(Some(kept))
    }

    fn branches(&mut self, branches: &[Vec<Node>], edges: Edges) -> Option<()> {
        for (index, branch) in branches.iter().enumerate() {
            if index > 0 {
                self.text.push_str("|");
            }
            self.sequence(branch, edges)?;
        }
        Some(())
    }

    fn sequence(&mut self, nodes: &[Node], edges: Edges) -> Option<()> {
        for (index, node) in nodes.iter().enumerate() {
            let first = edges.first && index == 0;
            let last = edges.last && index + 1 == nodes.len();
            self.node(node, Edges { first, last })?;
        }
        Some(())
    }

    fn node(&mut self, node: &Node, edges: Edges) -> Option<()> {
        match node {
            Node::Literal(character) => self.literal(*character),
            Node::Any => self.text.push_str("."),
            Node::Set { negated, items } => self.set(if *negated { "[^" } else { "[" }, items),
            // In the middle, the end of a line and the start of the next one are one and the same.
            Node::Start | Node::End => match self.within {
                Within::Value => return None,
                Within::Lines => self.text.push_str(match (node, edges) {
                    (Node::Start, Edges { first: true, .. }) => "^",
                    (Node::End, Edges { last: true, .. }) => "$",
                    _ => r"\r?\n",
                }),
            },
            Node::Edge => match (self.within, edges) {
                (Within::Lines, Edges { first: true, .. }) => self.text.push_str(r"\A"),
                (Within::Lines, Edges { last: true, .. }) => self.text.push_str(r"\z"),
                _ => return None,
            },
            Node::NoWord => {
                self.groups += 1;
                self.text.push_str(match (self.within, edges) {
                    (Within::Value, _) if edges.first => "(^|[^a-zA-Z0-9_])",
                    (Within::Value, _) => "([^a-zA-Z0-9_]|$)",
                    (Within::Lines, _) if edges.first => "(^|[^a-zA-Z0-9_])",
                    (Within::Lines, _) => "([^a-zA-Z0-9_]|$)",
                });
            }
            Node::Boundary => self.text.push_str(r"\b"),
            Node::Group(branches) => {
                self.groups += 1;
                self.text.push_str("(");
                self.branches(branches, edges)?;
                self.text.push_str(")");
            }
            Node::Repeat(inner, times) => {
                let wrapped = matches!(**inner, Node::Repeat(..) | Node::Start | Node::End);
                self.groups += usize::from(wrapped);
                self.text.push_str(if wrapped { "(" } else { "" });
                self.node(inner, Edges::NEITHER)?;
                self.text.push_str(if wrapped { ")" } else { "" });
                self.text.push_str(times);
                if self.greed == Greed::Little && (times == "?" || !times.ends_with('?')) {
                    self.text.push_str("?");
                }
            }
            // Deeper than where it has a meaning.
            Node::Split => return None,
            Node::Variable(name) => self.text.push(Text::variable(name)),
        }
        Some(())
    }

    fn literal(&mut self, character: char) {
        if "\\^$.[]|()?*+{}".contains(character) {
            self.text.push_str("\\");
        }
        self.text.push_str(character.encode_utf8(&mut [0; 4]));
    }

    /// As POSIX has it: `]` first and `-` last stand for themselves, and so does `\`.
    fn set(&mut self, open: &str, items: &[Item]) {
        let negated = open.ends_with('^');
        let mut set = String::new();
        let (mut first, mut last) = ("", "");
        for item in items {
            match item {
                Item::One(']') => first = "]",
                Item::One('-') => last = "-",
                // Not at the start, where it negates.
                Item::One('^') if last.is_empty() => last = "^",
                Item::One(character) => set.push(*character),
                Item::Range(from, to) => set.push_str(&format!("{from}-{to}")),
                Item::Class(class) => set.push_str(&format!("[:{class}:]")),
            }
        }
        if items.contains(&Item::One('-')) && items.contains(&Item::One('^')) {
            last = "^-";
        }
        if set.is_empty() && first.is_empty() && last == "^" {
            // `[^]` would be nothing at all.
            return self.text.push_str(if negated { "[^^]" } else { r"\^" });
        }
        if set.is_empty() && first.is_empty() && last == "^-" && !negated {
            (set, last) = ("-".to_owned(), "^");
        }
        self.text.push_str(open);
        self.text.push_str(first);
        self.text.push_str(&set);
        if negated && self.within == Within::Lines {
            // Said as RFC 5228 §2.4.2.4 has it, to be read.
            self.text.0.push(crate::script::Piece::Variable("hex:0d 0a".to_owned()));
        }
        self.text.push_str(last);
        self.text.push_str("]");
    }
}
