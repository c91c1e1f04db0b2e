//! The script that is written: a tree, so that parts of it can be taken apart again, and its text.

use std::collections::BTreeSet;

/// A text of a script: what is known now, and variables that are known when it runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Text(pub(crate) Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Plain(String),
    Variable(String),
}

impl Text {
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        let mut made = Self::default();
        made.push_str(&text.into());
        made
    }

    pub(crate) fn variable(name: impl Into<String>) -> Self {
        Self(vec![Piece::Variable(name.into())])
    }

    pub(crate) fn push_str(&mut self, text: &str) {
        match self.0.last_mut() {
            _ if text.is_empty() => {}
            Some(Piece::Plain(last)) => last.push_str(text),
            Some(Piece::Variable(_)) | None => self.0.push(Piece::Plain(text.to_owned())),
        }
    }

    pub(crate) fn push(&mut self, other: Self) {
        for piece in other.0 {
            match piece {
                Piece::Plain(text) => self.push_str(&text),
                Piece::Variable(_) => self.0.push(piece),
            }
        }
    }

    /// The text, where it is known now.
    pub(crate) fn constant(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Piece::Plain(text)] => Some(text),
            _ => None,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        let octets = |piece: &Piece| match piece {
            Piece::Plain(text) => text.len(),
            Piece::Variable(name) => name.len(),
        };
        self.0.iter().map(octets).sum()
    }

    /// What it begins with, as far as that is known.
    pub(crate) fn start(&self) -> &str {
        match self.0.first() {
            Some(Piece::Plain(text)) => text,
            Some(Piece::Variable(_)) | None => "",
        }
    }

    /// Without so many octets at the start, which are all in its first piece.
    pub(crate) fn without_start(mut self, octets: usize) -> Self {
        if let Some(Piece::Plain(text)) = self.0.first_mut() {
            *text = text.get(octets..).unwrap_or_default().to_owned();
            if text.is_empty() {
                self.0.remove(0);
            }
        }
        self
    }

    /// Changes what is known.
    pub(crate) fn map(self, change: impl Fn(&str) -> String) -> Self {
        let mut mapped = Self::default();
        for piece in self.0 {
            match piece {
                Piece::Plain(text) => mapped.push_str(&change(&text)),
                Piece::Variable(_) => mapped.0.push(piece),
            }
        }
        mapped
    }

    /// In quotes.
    pub(crate) fn quoted(&self) -> String {
        let mut quoted = String::from("\"");
        for piece in &self.0 {
            match piece {
                // A variable's text begins like that: the dollar comes out of one (RFC 5229 §3).
                Piece::Plain(text) => {
                    quoted.push_str(&escaped(text).replace("${", &format!("${{{DOLLAR}}}{{")));
                }
                Piece::Variable(name) => quoted.push_str(&format!("${{{name}}}")),
            }
        }
        quoted.push('"');
        quoted
    }
}

/// The variable that holds a dollar.
const DOLLAR: &str = "dollar";

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// One string, or a list of them.
pub(crate) fn list(texts: &[Text]) -> String {
    match texts {
        [text] => text.quoted(),
        _ => format!("[{}]", texts.iter().map(Text::quoted).collect::<Vec<_>>().join(", ")),
    }
}

/// A list of plain texts.
pub(crate) fn names(texts: &[String]) -> String {
    list(&texts.iter().map(Text::plain).collect::<Vec<_>>())
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Test {
    /// As a script has it.
    Is(String),
    Not(Box<Test>),
    All(Vec<Test>),
    Any(Vec<Test>),
    True,
    False,
}

impl Test {
    pub(crate) fn negated(self) -> Self {
        match self {
            Self::Not(inner) => *inner,
            Self::True => Self::False,
            Self::False => Self::True,
            other => Self::Not(Box::new(other)),
        }
    }

    pub(crate) fn all(tests: Vec<Self>) -> Self {
        let mut flat = Vec::new();
        for test in tests {
            match test {
                Self::True => {}
                Self::All(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        if flat.contains(&Self::False) {
            return Self::False;
        }
        match flat.len() {
            0 => Self::True,
            1 => flat.remove(0),
            _ => Self::All(flat),
        }
    }

    pub(crate) fn any(tests: Vec<Self>) -> Self {
        let mut flat = Vec::new();
        for test in tests {
            match test {
                Self::False => {}
                Self::Any(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        if flat.contains(&Self::True) {
            return Self::True;
        }
        match flat.len() {
            0 => Self::False,
            1 => flat.remove(0),
            _ => Self::Any(flat),
        }
    }

    fn print(&self, text: &mut String) {
        match self {
            Self::Is(test) => text.push_str(test),
            Self::True => text.push_str("true"),
            Self::False => text.push_str("false"),
            Self::Not(inner) => {
                text.push_str("not ");
                inner.print(text);
            }
            Self::All(tests) => print_list("allof", tests, text),
            Self::Any(tests) => print_list("anyof", tests, text),
        }
    }
}

fn print_list(name: &str, tests: &[Test], text: &mut String) {
    text.push_str(name);
    for (index, test) in tests.iter().enumerate() {
        text.push_str(if index == 0 { "(" } else { ", " });
        test.print(text);
    }
    text.push(')');
}

/// What is done one after the other.
pub(crate) type Steps = Vec<Step>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// A line, without the mark.
    Comment(String),
    /// As a script has it, with the semicolon.
    Do(String),
    /// Branches of which the first that holds is taken, and what is done if none does.
    If(Vec<(Test, Steps)>, Steps),
}

impl Step {
    pub(crate) fn stop() -> Self {
        Self::Do("stop;".to_owned())
    }

    pub(crate) fn set(name: &str, value: &Text) -> Self {
        Self::Do(format!("set \"{name}\" {};", value.quoted()))
    }
}

/// What is done if a test holds; nothing is wrapped where it always does.
pub(crate) fn when(test: Test, steps: Steps) -> Steps {
    match test {
        Test::True => steps,
        Test::False => Vec::new(),
        test => vec![Step::If(vec![(test, steps)], Vec::new())],
    }
}

/// Whether nothing behind these steps is ever reached.
pub(crate) fn ends(steps: &[Step]) -> bool {
    match steps.last() {
        Some(Step::Do(text)) => text == "stop;",
        Some(Step::If(branches, otherwise)) => {
            !otherwise.is_empty()
                && ends(otherwise)
                && branches.iter().all(|(_, steps)| ends(steps))
        }
        Some(Step::Comment(_)) | None => false,
    }
}

/// The whole script: in canonical form, with what it requires.
///
/// # Errors
/// Where it is no script: it is too large, or something in it isn't sayable.
pub(crate) fn text(title: &str, steps: &[Step]) -> Result<String, String> {
    let mut body = String::new();
    print(steps, &mut body);
    let mut text = String::new();
    comment(title, &mut text);
    let mut used = extensions(&body);
    if body.contains(NUMBERS) {
        used.insert("comparator-i;ascii-numeric");
    }
    if !used.is_empty() {
        let used: Vec<String> = used.into_iter().map(str::to_owned).collect();
        text.push_str(&format!("require [{}];\n", quoted_names(&used)));
    }
    if body.contains(&format!("${{{DOLLAR}}}")) {
        text.push_str(&format!("set \"{DOLLAR}\" \"$\";\n"));
    }
    text.push_str(&body);
    let told = |error: postroad_sieve::Problem| error.to_string();
    let text = postroad_sieve::format("import", text.as_bytes()).map_err(told)?;
    postroad_sieve::compile("import", &text).map_err(|problems| problems.to_string())?;
    String::from_utf8(text).map_err(|error| error.to_string())
}

/// Whether steps are a script by themselves; else why not.
pub(crate) fn check(steps: &[Step]) -> Result<(), String> {
    text("", steps).map(drop).map_err(|problems| {
        // `import:3:5: what is wrong`: that place is nowhere.
        let first = problems.lines().next().unwrap_or_default();
        first.splitn(4, ':').last().unwrap_or_default().trim().to_owned()
    })
}

fn quoted_names(names: &[String]) -> String {
    names.iter().map(|name| Text::plain(name).quoted()).collect::<Vec<_>>().join(", ")
}

fn print(steps: &[Step], text: &mut String) {
    for step in steps {
        match step {
            Step::Comment(line) => comment(line, text),
            Step::Do(command) => {
                text.push_str(command);
                text.push('\n');
            }
            Step::If(branches, otherwise) => {
                for (index, (test, steps)) in branches.iter().enumerate() {
                    text.push_str(if index == 0 { "if " } else { "elsif " });
                    test.print(text);
                    text.push_str(" {\n");
                    print(steps, text);
                    text.push_str("}\n");
                }
                if !otherwise.is_empty() {
                    text.push_str("else {\n");
                    print(otherwise, text);
                    text.push_str("}\n");
                }
            }
        }
    }
}

/// Empty lines come before what begins with a line's number: there a recipe begins.
fn comment(text: &str, script: &mut String) {
    for line in text.lines() {
        if line.starts_with('\u{1}') && !script.ends_with("{\n") {
            script.push('\n');
        }
        let line: String = line.chars().filter(|c| !c.is_control() || *c == '\t').collect();
        script.push_str(format!("# {line}").trim_end());
        script.push('\n');
    }
}

/// A comment that says where what follows comes from.
pub(crate) fn heading(text: &str) -> Step {
    Step::Comment(format!("\u{1}{text}"))
}

/// A comparator that needs to be required.
const NUMBERS: &str = ":comparator \"i;ascii-numeric\"";

/// Words of a script, and the extension that each is from.
const EXTENSIONS: &[(&str, &str)] = &[
    (":copy", "copy"),
    (":create", "mailbox"),
    (":detail", "subaddress"),
    (":flags", "imap4flags"),
    (":mime", "mime"),
    (":quoteregex", "regex"),
    (":regex", "regex"),
    (":value", "relational"),
    ("addheader", "editheader"),
    ("body", "body"),
    ("currentdate", "date"),
    ("deleteheader", "editheader"),
    ("duplicate", "duplicate"),
    ("envelope", "envelope"),
    ("execute", "vnd.dovecot.execute"),
    ("fileinto", "fileinto"),
    ("filter", "vnd.dovecot.filter"),
    ("lines", "vnd.postroad.lines"),
    ("pipe", "vnd.dovecot.pipe"),
    (":output", "variables"),
    ("set", "variables"),
    ("string", "variables"),
    ("vacation", "vacation"),
];

/// What a script that holds these words has to require.
fn extensions(script: &str) -> BTreeSet<&'static str> {
    let mut used = BTreeSet::new();
    let mut in_string = false;
    let mut command = String::new();
    for line in script.lines() {
        if !in_string && line.starts_with('#') {
            continue;
        }
        let mut word = String::new();
        let mut characters = line.chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '"' => in_string = !in_string,
                '\\' if in_string => drop(characters.next()),
                '$' if in_string && characters.peek() == Some(&'{') => {
                    let name: String = characters.clone().skip(1).take(4).collect();
                    used.insert(if name == "hex:" { "encoded-character" } else { "variables" });
                }
                _ if in_string => {}
                ':' | '_' | 'a'..='z' => {
                    word.push(character);
                    continue;
                }
                _ => {}
            }
            note(&std::mem::take(&mut word), &mut command, &mut used);
        }
        note(&word, &mut command, &mut used);
    }
    used
}

fn note(word: &str, command: &mut String, used: &mut BTreeSet<&'static str>) {
    if word == ":seconds" && command == "vacation" {
        used.insert("vacation-seconds");
    }
    let known = EXTENSIONS.iter().find(|(name, _)| *name == word);
    used.extend(known.map(|(_, extension)| *extension));
    if !word.is_empty() && !word.starts_with(':') {
        word.clone_into(command);
    }
}
