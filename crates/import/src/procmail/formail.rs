//! What `formail` is asked for (formail(1)); maildrop's `reformail` has the same letters for the most part.

use crate::Left;
use crate::script::{Step, Steps, Test, Text};

/// Its options.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Formail {
    /// `-r`
    pub(crate) reply: bool,
    /// `-t`
    pub(crate) trusts: bool,
    /// `-x`, `-a`, `-A`, `-i`, `-I`, `-u`, `-U` with their fields, in order.
    pub(crate) fields: Vec<(char, Text)>,
    /// `-R old new`
    pub(crate) renamed: Vec<(Text, Text)>,
    /// `-D`: the file.
    pub(crate) cache: Option<Text>,
}

impl Formail {
    /// Reads its arguments; `None` where there is an option that has no equivalent.
    pub(crate) fn read(words: &[Text]) -> Option<Self> {
        let (name, words) = words.split_first()?;
        let name = name.constant()?.rsplit('/').next()?;
        if !matches!(name, "formail" | "reformail") {
            return None;
        }
        let mut read = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut letters = word.start().strip_prefix('-')?.to_owned();
            let mut used = 1;
            while !letters.is_empty() {
                let letter = letters.remove(0);
                used += 1;
                if "bcdfkqtrYz".contains(letter) {
                    read.reply |= letter == 'r';
                    read.trusts |= letter == 't';
                    // It keeps the body, splits, or takes other formats.
                    if matches!(letter, 'k' | 'd') {
                        return None;
                    }
                    continue;
                }
                let attached = word.clone().without_start(used);
                let value = match attached.is_empty() {
                    true => words.next()?.clone(),
                    false => attached,
                };
                match letter {
                    'x' | 'a' | 'A' | 'i' | 'I' => read.fields.push((letter, value)),
                    'R' => read.renamed.push((value, words.next()?.clone())),
                    'D' => read.cache = Some(words.next()?.clone()),
                    _ => return None,
                }
                break;
            }
        }
        Some(read)
    }

    /// Whether it changes the header, and does nothing else.
    pub(crate) fn only_edits(&self) -> bool {
        !self.reply && self.cache.is_none() && !self.fields.iter().any(|(letter, _)| *letter == 'x')
    }

    /// The header, edited.
    pub(crate) fn edits(&self) -> Result<Steps, Left> {
        let mut steps = Steps::new();
        for (old, new) in &self.renamed {
            steps.extend(rename(&field_name(old)?, &field_name(new)?));
        }
        for (letter, field) in &self.fields {
            let (name, value) = split(field)?;
            // An mbox's `From ` line: there is none.
            if name == "From " {
                continue;
            }
            let add = value
                .map(|value| Step::Do(format!("addheader :last \"{name}\" {};", value.quoted())));
            match letter {
                // A Message-ID, say, is made by `formail`.
                'a' if add.is_none() => {
                    return Err(Left::new(format!("a new {name}"), "whoever sends it adds one"));
                }
                'a' => {
                    let absent = Test::Is(format!("exists \"{name}\"")).negated();
                    steps.push(Step::If(vec![(absent, add.into_iter().collect())], Vec::new()));
                }
                'i' => {
                    steps.extend(rename(&name, &format!("Old-{name}")));
                    steps.extend(add);
                }
                'I' => {
                    steps.push(Step::Do(format!("deleteheader \"{name}\";")));
                    steps.extend(add);
                }
                _ => steps.extend(add),
            }
        }
        Ok(steps)
    }

    /// What it adds, if it adds and does nothing else.
    pub(crate) fn only_adds(&self) -> bool {
        self.only_edits()
            && self.renamed.is_empty()
            && self.fields.iter().all(|(letter, _)| *letter == 'A')
    }

    /// The value that `-A`, `-I` and the like give a field.
    pub(crate) fn value_of(&self, wanted: &str) -> Option<Text> {
        self.fields.iter().rev().find_map(|(letter, field)| {
            let (name, value) = split(field).ok()?;
            (*letter != 'x' && name.eq_ignore_ascii_case(wanted)).then_some(value)?
        })
    }

    /// A variable that takes what `-x` extracts.
    pub(crate) fn extract_into(&self, variable: &str) -> Result<Steps, Left> {
        let [('x', field)] = self.fields.as_slice() else {
            return Err(Left::new("more than one field in a variable", "set one for each"));
        };
        let name = field_name(field)?;
        let test = match (self.reply, self.trusts) {
            (false, _) => format!("header :matches \"{name}\" \"*\""),
            (true, _) if !name.eq_ignore_ascii_case("to") => {
                return Err(Left::new(format!("{name} of a reply"), "write it by hand"));
            }
            // Whom a reply would go to.
            (true, true) => {
                "address :matches [\"Reply-To\", \"From\", \"Sender\"] \"*\"".to_owned()
            }
            (true, false) => "envelope :matches \"from\" \"*\"".to_owned(),
        };
        let taken = vec![Step::set(variable, &Text::variable("1"))];
        Ok(vec![
            Step::set(variable, &Text::default()),
            Step::If(vec![(Test::Is(test), taken)], Vec::new()),
        ])
    }
}

/// One field with another name; its value stays.
fn rename(old: &str, new: &str) -> Steps {
    vec![Step::If(
        vec![(
            Test::Is(format!("header :matches \"{old}\" \"*\"")),
            vec![
                Step::Do(format!("addheader :last \"{new}\" \"${{1}}\";")),
                Step::Do(format!("deleteheader \"{old}\";")),
            ],
        )],
        Vec::new(),
    )]
}

fn field_name(field: &Text) -> Result<String, Left> {
    split(field).map(|(name, _)| name)
}

/// `Name: value`.
fn split(field: &Text) -> Result<(String, Option<Text>), Left> {
    let start = field.start();
    if start.starts_with("From ") {
        return Ok(("From ".to_owned(), None));
    }
    let end = start.find(':');
    let name = start.get(..end.unwrap_or(start.len())).unwrap_or_default().trim();
    let is_name = !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b':' | b'"' | b'\\' | b'$'));
    // Part of a name means all that begin with it.
    if !is_name || name.ends_with('-') || end.is_none() && field.constant().is_none() {
        return Err(Left::new("fields whose names aren't written out", "name each of them"));
    }
    let Some(end) = end else { return Ok((name.to_owned(), None)) };
    let value = field.clone().without_start(end + 1);
    let blanks = value.start().len() - value.start().trim_start().len();
    let value = value.without_start(blanks);
    Ok((name.to_owned(), (!value.is_empty()).then_some(value)))
}
