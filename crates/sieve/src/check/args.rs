//! Arguments, held against a signature: tags known and given once, values of the right kind.

use super::signature::{Extension, Kind, On, Signature, Tag, TakesTests};
use super::{Checker, Requirement, nearest};
use crate::extensions;
use crate::problem::{Fault, Place};
use crate::syntax::{Argument, Commands, Literal, Test, Tests, Value};
use crate::text::Text;

/// What a command or test was given, as its signature wants it.
pub(crate) struct Args<'t> {
    pub(crate) place: Place,
    tags: Vec<Given<'t>>,
    positional: &'t [Argument],
    pub(crate) tests: &'t [Test],
    pub(crate) block: Option<&'t Commands>,
}

struct Given<'t> {
    tag: &'static Tag,
    place: Place,
    value: Option<&'t Argument>,
}

impl<'t> Args<'t> {
    /// Holds what stands there against `signature`.
    pub(super) fn bind(
        checker: &Checker<'_>,
        name: &'static str,
        signature: &Signature,
        (place, arguments, tests): (Place, &'t [Argument], &'t Tests),
    ) -> Result<Self, Fault> {
        let mut tags: Vec<Given<'t>> = Vec::new();
        let mut rest = arguments;
        while let [Argument { place, value: Value::Tag(tag) }, behind @ ..] = rest {
            rest = behind;
            let tag = find_tag(checker, name, signature, tag, *place)?;
            if let Some(earlier) = tags.iter().find(|given| given.tag.group == tag.group) {
                let problem = match earlier.tag.name == tag.name {
                    true => format!("\":{}\" is given twice", tag.name),
                    false => format!(
                        "\":{}\" and \":{}\" exclude each other",
                        earlier.tag.name, tag.name
                    ),
                };
                return Err(Fault::new(*place, problem)); // RFC 5228 §2.6
            }
            let value = match tag.value {
                None => None,
                Some(kind) => {
                    let wanted = || format!("\":{}\" is followed by {}", tag.name, kind.describe());
                    let (value, behind) =
                        rest.split_first().ok_or_else(|| Fault::new(*place, wanted()))?;
                    is_of(value, kind)
                        .then_some(())
                        .ok_or_else(|| Fault::new(value.place, wanted()))?;
                    rest = behind;
                    Some(value)
                }
            };
            tags.push(Given { tag, place: *place, value });
        }
        check_positional(name, signature, place, rest)?;
        check_tests(name, signature.tests, place, tests)?;
        Ok(Self { place, tags, positional: rest, tests: tests.as_slice(), block: None })
    }

    pub(super) fn with_block(self, block: Option<&'t Commands>) -> Self {
        Self { block, ..self }
    }

    pub(crate) fn has(&self, tag: &str) -> bool {
        self.given(tag).is_some()
    }

    /// Which tag of a group was given.
    pub(crate) fn of_group(&self, group: &str) -> Option<&'static str> {
        self.tags.iter().find(|given| given.tag.group == group).map(|given| given.tag.name)
    }

    /// Where a tag stands; where the command does, if it isn't there.
    pub(crate) fn place_of(&self, tag: &str) -> Place {
        self.given(tag).map_or(self.place, |given| given.place)
    }

    fn given(&self, tag: &str) -> Option<&Given<'t>> {
        self.tags.iter().find(|given| given.tag.name == tag)
    }

    fn tag_value(&self, tag: &str) -> Option<&'t Argument> {
        self.given(tag).and_then(|given| given.value)
    }

    pub(crate) fn tag_number(&self, tag: &str) -> Option<u64> {
        self.tag_value(tag).and_then(number_of)
    }

    pub(crate) fn tag_text(&self, tag: &str, checker: &Checker<'_>) -> Result<Option<Text>, Fault> {
        self.tag_value(tag).map(|value| text_of(value, checker)).transpose()
    }

    pub(crate) fn tag_texts(
        &self,
        tag: &str,
        checker: &Checker<'_>,
    ) -> Result<Option<Vec<Text>>, Fault> {
        self.tag_value(tag).map(|value| texts_of(value, checker)).transpose()
    }

    /// As [`Args::literals`], for the value of a tag.
    pub(crate) fn tag_literals(&self, tag: &str) -> Option<Vec<Literal>> {
        self.tag_value(tag).map(literals_of)
    }

    /// How many positional arguments there are.
    pub(crate) fn count(&self) -> usize {
        self.positional.len()
    }

    /// Where a positional argument stands.
    pub(crate) fn place_at(&self, index: usize) -> Place {
        self.positional.get(index).map_or(self.place, |argument| argument.place)
    }

    fn at(&self, index: usize) -> Result<&'t Argument, Fault> {
        // The signature was checked: an index beyond it is a mistake of ours, and no reason to panic.
        self.positional.get(index).ok_or_else(|| Fault::new(self.place, "an argument is missing"))
    }

    pub(crate) fn number(&self, index: usize) -> Result<u64, Fault> {
        let argument = self.at(index)?;
        number_of(argument).ok_or_else(|| Fault::new(argument.place, "a number belongs here"))
    }

    pub(crate) fn text(&self, index: usize, checker: &Checker<'_>) -> Result<Text, Fault> {
        text_of(self.at(index)?, checker)
    }

    pub(crate) fn texts(&self, index: usize, checker: &Checker<'_>) -> Result<Vec<Text>, Fault> {
        texts_of(self.at(index)?, checker)
    }

    /// A positional argument that may hold no variable: its octets as they stand.
    pub(crate) fn literals(&self, index: usize) -> Result<Vec<Literal>, Fault> {
        Ok(literals_of(self.at(index)?))
    }
}

fn number_of(argument: &Argument) -> Option<u64> {
    match &argument.value {
        Value::Number(number) => Some(number.value),
        Value::Tag(_) | Value::Text(_) | Value::Texts(_) => None,
    }
}

fn text_of(argument: &Argument, checker: &Checker<'_>) -> Result<Text, Fault> {
    match &argument.value {
        Value::Text(octets) => Text::parse(octets, argument.place, checker),
        Value::Tag(_) | Value::Number(_) | Value::Texts(_) => {
            Err(Fault::new(argument.place, "a string belongs here"))
        }
    }
}

fn texts_of(argument: &Argument, checker: &Checker<'_>) -> Result<Vec<Text>, Fault> {
    let text = |literal: &Literal| Text::parse(&literal.octets, literal.place, checker);
    literals_of(argument).iter().map(text).collect()
}

fn literals_of(argument: &Argument) -> Vec<Literal> {
    match &argument.value {
        Value::Text(octets) => vec![Literal { place: argument.place, octets: octets.clone() }],
        Value::Texts(texts) => texts.clone(),
        Value::Tag(_) | Value::Number(_) => Vec::new(),
    }
}

fn is_of(argument: &Argument, kind: Kind) -> bool {
    match (&argument.value, kind) {
        (Value::Number(_), Kind::Number)
        | (Value::Text(_), Kind::Text | Kind::Texts)
        | (Value::Texts(_), Kind::Texts) => true,
        (Value::Tag(_) | Value::Number(_) | Value::Text(_) | Value::Texts(_), _) => false,
    }
}

/// The tag of this name: one of the command's own, or one that an extension adds to it.
fn find_tag(
    checker: &Checker<'_>,
    command: &'static str,
    signature: &Signature,
    tag: &str,
    place: Place,
) -> Result<&'static Tag, Fault> {
    let own = || signature.tags.iter().copied().flatten();
    if let Some(found) = own().find(|own| own.name == tag) {
        return Ok(found);
    }
    let adds = |extension: &'static Extension| {
        let on_this = |on: &On| match on {
            On::Named(names) => names.contains(&command),
            On::Group(group) => own().any(|own| own.group == *group),
        };
        let added = extension.tags.iter().filter(move |added| on_this(&added.on));
        added.flat_map(|added| added.tags)
    };
    let mut missing = None;
    for extension in extensions::all() {
        if let Some(found) = adds(extension).find(|added| added.name == tag) {
            match checker.requirement(extension.name) {
                Requirement::Met => return Ok(found),
                Requirement::Missing => missing = Some(extension.name),
            }
        }
    }
    let problem = format!("\"{command}\" takes no \":{tag}\"");
    let fault = Fault::unknown(place, problem);
    if let Some(extension) = missing {
        // RFC 5228 §2.10.5: as if it were unknown; but people forget the line.
        return Err(fault.hint(format!("unless \"require\" lists \"{extension}\"")));
    }
    match nearest(tag, own().map(|own| own.name)) {
        Some(meant) => Err(fault.hint(format!("did you mean \":{meant}\"?"))),
        None => Err(fault),
    }
}

fn check_positional(
    name: &str,
    signature: &Signature,
    place: Place,
    given: &[Argument],
) -> Result<(), Fault> {
    // RFC 5228 §2.6.2: tags come first.
    if let Some(tag) = given.iter().find(|argument| matches!(argument.value, Value::Tag(_))) {
        return Err(Fault::new(tag.place, "a tag behind other arguments")
            .hint("arguments that begin with \":\" come first"));
    }
    let shape = signature.positional.iter().find(|shape| shape.len() == given.len());
    let Some(shape) = shape else {
        let described = |shape: &&[Kind]| match shape {
            [] => "no argument".to_owned(),
            shape => shape.iter().map(|kind| kind.describe()).collect::<Vec<_>>().join(", then "),
        };
        let wanted: Vec<String> = signature.positional.iter().map(described).collect();
        let problem = format!("\"{name}\" takes {}", wanted.join("; or "));
        let at = given.last().map_or(place, |argument| argument.place);
        return Err(Fault::new(at, problem));
    };
    for (argument, kind) in given.iter().zip(*shape) {
        if !is_of(argument, *kind) {
            let problem = format!("\"{name}\" takes {} here", kind.describe());
            return Err(Fault::new(argument.place, problem));
        }
    }
    Ok(())
}

fn check_tests(name: &str, wanted: TakesTests, place: Place, given: &Tests) -> Result<(), Fault> {
    let problem = match (wanted, given) {
        (TakesTests::None, Tests::None)
        | (TakesTests::One, Tests::One(_))
        | (TakesTests::List, Tests::List(_)) => return Ok(()),
        (TakesTests::None, _) => format!("\"{name}\" takes no test"),
        (TakesTests::One, _) => format!("\"{name}\" takes one test"),
        (TakesTests::List, _) => format!("\"{name}\" takes tests in parentheses"),
    };
    let at = given.as_slice().first().map_or(place, |test| test.place);
    Err(Fault::new(at, problem))
}
