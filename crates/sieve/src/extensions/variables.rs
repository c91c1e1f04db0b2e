//! `variables`: named values, match variables, `set` and `string` (RFC 5229).
//!
//! Strings are taken apart once, by [`pieces`], and put together whenever they are evaluated
//! ([`Text::value`]). Match variables are set by [`Matcher`](crate::matching::Matcher).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::check::{
    Args, Checker, CommandKind, Extension, Kind, Signature, Tag, TakesBlock, TakesTests, TestKind,
};
use crate::limits;
use crate::matching::{self, Matcher, Value};
use crate::problem::{Fault, Place};
use crate::run::{Failure, Run, shown};
use crate::script::{Condition, Flow, Instruction};
use crate::syntax::Literal;
use crate::text::{Piece, Text};

pub(super) const EXTENSION: Extension = Extension {
    commands: &[CommandKind {
        name: "set",
        signature: Signature {
            tags: &[MODIFIERS],
            positional: &[&[Kind::Text, Kind::Text]],
            tests: TakesTests::None,
        },
        block: TakesBlock::No,
        check: check_set,
    }],
    tests: &[TestKind {
        name: "string",
        signature: Signature {
            tags: &[matching::TAGS],
            positional: &[&[Kind::Texts, Kind::Texts]],
            tests: TakesTests::None,
        },
        check: |args, checker| {
            let sources = args.texts(0, checker)?;
            Ok(Box::new(StringTest { sources, matcher: Matcher::of(args, 1, checker)? }))
        },
    }],
    ..Extension::named("variables")
};

/// RFC 5229 §4.1: one of each precedence; those of higher precedence are applied first.
pub(crate) const MODIFIERS: &[Tag] = &[
    Tag::one_of("precedence 40", "lower"),
    Tag::one_of("precedence 40", "upper"),
    Tag::one_of("precedence 30", "lowerfirst"),
    Tag::one_of("precedence 30", "upperfirst"),
    Tag::one_of("precedence 20", "quotewildcard"),
    Tag::one_of("precedence 10", "length"),
];
const PRECEDENCES: [&str; 5] =
    ["precedence 40", "precedence 30", "precedence 20", "precedence 15", "precedence 10"];

/// What `${…}` refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reference {
    /// A variable.
    Named(Name),
    /// A match variable (RFC 5229 §3.2).
    Matched(usize),
}

/// A variable's name, in lower case, and who can see it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name {
    scope: Scope,
    name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Scope {
    /// This script alone.
    Script,
    /// All scripts that say so (RFC 6609 §3.4).
    Global,
}

impl Name {
    /// What a plain name means in the script that is checked.
    fn resolve(name: &str, checker: &Checker<'_>) -> Self {
        let name = name.to_ascii_lowercase();
        let scope = if checker.is_global(&name) { Scope::Global } else { Scope::Script };
        Self { scope, name }
    }

    /// RFC 6609 §3.4.2: the name behind "global.", if that may be used here.
    fn global(name: &str, checker: &Checker<'_>) -> Option<Self> {
        Self::behind_global(name).filter(|_| checker.has("include"))
    }

    fn behind_global(name: &str) -> Option<Self> {
        let (namespace, name) = name.split_once('.')?;
        let is_one = namespace.eq_ignore_ascii_case("global") && is_identifier(name);
        is_one.then(|| Self { scope: Scope::Global, name: name.to_ascii_lowercase() })
    }
}

/// What names mean at one place of a script, for those that are only known while it runs.
#[derive(Debug)]
pub(crate) struct Names {
    globals: BTreeSet<String>,
    has_namespace: bool,
}

impl Names {
    pub(crate) fn at(checker: &Checker<'_>) -> Self {
        let has_namespace = checker.is_required("include");
        Self { globals: checker.globals().clone(), has_namespace }
    }

    pub(crate) fn resolve(&self, name: &str) -> Name {
        let global = Name::behind_global(name).filter(|_| self.has_namespace);
        let name = name.to_ascii_lowercase();
        let scope = if self.globals.contains(&name) { Scope::Global } else { Scope::Script };
        global.unwrap_or(Name { scope, name })
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

/// The variables of a run.
#[derive(Debug, Default)]
pub(crate) struct Variables {
    named: BTreeMap<Name, Vec<u8>>,
    pub(crate) matched: Matched,
}

impl Variables {
    /// RFC 5229 §3: unknown variables are empty.
    pub(crate) fn value_of(&self, name: &Name) -> &[u8] {
        self.named.get(name).map_or(b"", Vec::as_slice)
    }

    /// Sets a variable to as much of `value` as one holds.
    pub(crate) fn set(&mut self, name: &Name, value: Vec<u8>) -> Result<(), Failure> {
        self.named.insert(name.clone(), kept(&value).to_vec());
        match self.named.len() > 2 * limits::VARIABLES_MAX {
            true => Err(Failure::new("the scripts share too many variables")),
            false => Ok(()),
        }
    }

    /// Leaves only what all scripts share; gives the rest, for [`Variables::leave_scope`].
    pub(crate) fn enter_scope(&mut self) -> (BTreeMap<Name, Vec<u8>>, Matched) {
        let is_shared = |name: &Name| name.scope == Scope::Global;
        let (shared, own) =
            std::mem::take(&mut self.named).into_iter().partition(|(name, _)| is_shared(name));
        self.named = shared;
        (own, std::mem::take(&mut self.matched))
    }

    pub(crate) fn leave_scope(&mut self, (own, matched): (BTreeMap<Name, Vec<u8>>, Matched)) {
        self.named.retain(|name, _| name.scope == Scope::Global);
        self.named.extend(own);
        self.matched = matched;
    }

    pub(crate) fn value(&self, reference: &Reference) -> &[u8] {
        match reference {
            Reference::Named(name) => self.value_of(name),
            Reference::Matched(index) => self.matched.0.get(*index).map_or(b"", Vec::as_slice),
        }
    }
}

/// What the last successful `:matches` found: all of it, then what each wildcard stands for.
#[derive(Debug, Default, Clone)]
pub(crate) struct Matched(Vec<Vec<u8>>);

impl Matched {
    pub(crate) fn of(value: &[u8], captures: &[Range<usize>]) -> Self {
        let whole = 0..value.len();
        Self::of_groups(value, &[&[whole], captures].concat())
    }

    /// Of ranges, the first of which is all that matched.
    pub(crate) fn of_groups(value: &[u8], groups: &[Range<usize>]) -> Self {
        let octets =
            |range: &Range<usize>| kept(value.get(range.clone()).unwrap_or_default()).to_vec();
        Self(groups.iter().take(limits::MATCH_VARIABLES_MAX + 1).map(octets).collect())
    }
}

/// As much of a value as a variable holds (RFC 5229 §6: cut, and no error).
fn kept(value: &[u8]) -> &[u8] {
    match value.get(..limits::VARIABLE_OCTETS_MAX) {
        None => value,
        Some(cut) => {
            // Not within a character.
            let is_whole = |end: &usize| value.get(*end).is_none_or(|octet| *octet & 0xC0 != 0x80);
            let end = (0..=cut.len()).rev().take(4).find(is_whole).unwrap_or(cut.len());
            value.get(..end).unwrap_or(cut)
        }
    }
}

/// A string as constant parts and references to variables (RFC 5229 §3).
///
/// ```text
/// variable-ref = "${" [namespace] variable-name "}"
/// namespace    = identifier "." *sub-namespace
/// ```
/// What isn't one stays as it is. A namespace of no extension is an error.
pub(crate) fn pieces(octets: &[u8], checker: &Checker<'_>) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut plain = Vec::new();
    let mut rest = octets;
    while let Some(start) = memchr::memmem::find(rest, b"${") {
        let (before, reference) = rest.split_at(start);
        plain.extend_from_slice(before);
        match reference_at(reference, checker)? {
            Some((found, length)) => {
                if !plain.is_empty() {
                    pieces.push(Piece::Plain(std::mem::take(&mut plain)));
                }
                pieces.push(Piece::Variable(found));
                rest = reference.get(length..).unwrap_or_default();
            }
            None => {
                plain.extend_from_slice(b"${");
                rest = reference.get(2..).unwrap_or_default();
            }
        }
    }
    plain.extend_from_slice(rest);
    if !plain.is_empty() {
        pieces.push(Piece::Plain(plain));
    }
    Ok(pieces)
}

/// The reference that `text`, which begins with `${`, begins with; and its length.
fn reference_at(text: &[u8], checker: &Checker<'_>) -> Result<Option<(Reference, usize)>, String> {
    let inner = text.get(2..).unwrap_or_default();
    let is_part = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'_' | b'.');
    let length = inner.iter().take_while(|octet| is_part(octet)).count();
    let (name, end) = inner.split_at(length);
    let (Ok(name), Some(b'}')) = (std::str::from_utf8(name), end.first()) else { return Ok(None) };
    let is_number = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit());
    let reference = match name.rsplit_once('.') {
        None if is_number(name) => Reference::Matched(match_index(name)?),
        None if is_identifier(name) => {
            check_length(name)?;
            Reference::Named(Name::resolve(name, checker))
        }
        None => return Ok(None),
        Some((namespace, last)) => {
            let mut parts = namespace.split('.');
            let is_namespace = parts.next().is_some_and(is_identifier)
                && parts.all(|part| is_identifier(part) || is_number(part))
                && (is_identifier(last) || is_number(last));
            if !is_namespace {
                return Ok(None);
            }
            let global = Name::global(name, checker);
            let no_variables = || format!("there are no variables in \"{namespace}\"");
            Reference::Named(global.ok_or_else(no_variables)?)
        }
    };
    Ok(Some((reference, length + 3)))
}

/// RFC 5229 §6: an index that is never set is an error.
fn match_index(digits: &str) -> Result<usize, String> {
    let index = match digits.trim_start_matches('0') {
        "" => Some(0),
        digits => digits.parse().ok(),
    };
    index
        .filter(|index| *index <= limits::MATCH_VARIABLES_MAX)
        .ok_or_else(|| format!("match variables end at ${{{}}}", limits::MATCH_VARIABLES_MAX))
}

/// `identifier` of RFC 5228 §8.1.
pub(crate) fn is_identifier(name: &str) -> bool {
    let is_part = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'_';
    name.bytes().next().is_some_and(|first| !first.is_ascii_digit()) && name.bytes().all(is_part)
}

fn check_length(name: &str) -> Result<(), String> {
    match name.len() > limits::VARIABLE_NAME_OCTETS_MAX {
        true => Err(format!(
            "a variable's name has at most {} letters",
            limits::VARIABLE_NAME_OCTETS_MAX
        )),
        false => Ok(()),
    }
}

/// The variable that a constant names, for commands that set one (RFC 5229 §4).
pub(crate) fn settable(
    args: &Args<'_>,
    index: usize,
    checker: &mut Checker<'_>,
) -> Result<Name, Fault> {
    settable_named(&args.literals(index)?, args.place_at(index), checker)
}

/// As [`settable`], for the value of a tag.
pub(crate) fn settable_of_tag(
    args: &Args<'_>,
    tag: &str,
    checker: &mut Checker<'_>,
) -> Result<Option<Name>, Fault> {
    let literals = args.tag_literals(tag);
    literals.map(|literals| settable_named(&literals, args.place_of(tag), checker)).transpose()
}

fn settable_named(
    literals: &[Literal],
    place: Place,
    checker: &mut Checker<'_>,
) -> Result<Name, Fault> {
    let [literal] = literals else {
        return Err(Fault::new(place, "one variable's name belongs here"));
    };
    let name = String::from_utf8_lossy(&literal.octets);
    if let Some(global) = Name::global(&name, checker) {
        return Ok(global);
    }
    if !is_identifier(&name) {
        let problem = format!("\"{}\" is no variable's name", name.escape_debug());
        return Err(Fault::new(literal.place, problem)
            .hint("letters, digits and \"_\", no digit first; without ${ }"));
    }
    check_length(&name).map_err(|what| Fault::new(literal.place, what))?;
    let name = Name::resolve(&name, checker);
    if name.scope == Scope::Script {
        checker.count_variable(&name.name).map_err(|what| Fault::new(literal.place, what))?;
    }
    Ok(name)
}

fn check_set(args: &Args<'_>, checker: &mut Checker<'_>) -> Result<Box<dyn Instruction>, Fault> {
    let name = settable(args, 0, checker)?;
    let value = args.text(1, checker)?;
    // RFC 5229 §6: reported while checking, where that is possible.
    let octets = value.constant().map_or(0, <[u8]>::len);
    if octets > limits::VARIABLE_OCTETS_MAX {
        let problem = format!("a variable holds {} octets", limits::VARIABLE_OCTETS_MAX);
        return Err(Fault::new(value.place, problem));
    }
    let modifiers = Modifier::given(args);
    Ok(Box::new(Set { name, value, modifiers }))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Modifier {
    Lower,
    Upper,
    LowerFirst,
    UpperFirst,
    QuoteWildcard,
    /// draft-ietf-sieve-regex.
    QuoteRegex,
    /// RFC 5435 §6.
    EncodeUrl,
    Length,
}

impl Modifier {
    /// Those that a command was given, in the order they are applied in.
    pub(crate) fn given(args: &Args<'_>) -> Vec<Self> {
        let given = PRECEDENCES.iter().filter_map(|precedence| args.of_group(precedence));
        given.filter_map(Self::named).collect()
    }

    fn named(tag: &str) -> Option<Self> {
        Some(match tag {
            "lower" => Self::Lower,
            "upper" => Self::Upper,
            "lowerfirst" => Self::LowerFirst,
            "upperfirst" => Self::UpperFirst,
            "quotewildcard" => Self::QuoteWildcard,
            "quoteregex" => Self::QuoteRegex,
            "encodeurl" => Self::EncodeUrl,
            "length" => Self::Length,
            _ => return None,
        })
    }

    /// Applies some, one after the other.
    pub(crate) fn apply_all(
        modifiers: &[Self],
        mut value: Vec<u8>,
        run: &mut Run<'_>,
    ) -> Result<Vec<u8>, Failure> {
        for modifier in modifiers {
            run.spend_steps(value.len() / limits::MODIFIED_PER_STEP)?;
            value = modifier.apply(value);
        }
        Ok(value)
    }

    /// RFC 5229 §4.1.1 to §4.1.3; only ASCII letters have a case here.
    fn apply(self, mut value: Vec<u8>) -> Vec<u8> {
        match self {
            Self::Lower => value.make_ascii_lowercase(),
            Self::Upper => value.make_ascii_uppercase(),
            Self::LowerFirst => {
                value.first_mut().into_iter().for_each(|first| first.make_ascii_lowercase());
            }
            Self::UpperFirst => {
                value.first_mut().into_iter().for_each(|first| first.make_ascii_uppercase());
            }
            Self::QuoteWildcard => return quote(&value, b"*?\\"),
            Self::QuoteRegex => return quote(&value, super::regex::SPECIAL),
            Self::EncodeUrl => return super::enotify::encode_url(&value),
            Self::Length => {
                return String::from_utf8_lossy(&value).chars().count().to_string().into();
            }
        }
        value
    }
}

/// Puts a backslash before each of `special`.
fn quote(value: &[u8], special: &[u8]) -> Vec<u8> {
    let mut quoted = Vec::with_capacity(value.len());
    for octet in value {
        if special.contains(octet) {
            quoted.push(b'\\');
        }
        quoted.push(*octet);
    }
    quoted
}

struct Set {
    name: Name,
    value: Text,
    modifiers: Vec<Modifier>,
}

impl Instruction for Set {
    fn run(&self, run: &mut Run<'_>) -> Result<Flow, Failure> {
        let value = self.value.value(run)?.into_owned();
        let value = Modifier::apply_all(&self.modifiers, value, run)?;
        run.note(|| format!("set {} to {}", self.name, shown(&value)));
        run.variables.set(&self.name, value)?;
        Ok(Flow::Next)
    }
}

/// RFC 5229 §5: sources are compared as they are, white space and all.
struct StringTest {
    sources: Vec<Text>,
    matcher: Matcher,
}

impl Condition for StringTest {
    fn holds(&self, run: &mut Run<'_>) -> Result<bool, Failure> {
        let mut values: Vec<Value<'_>> = Vec::new();
        for source in &self.sources {
            let value = source.value(run)?;
            // An empty string counts for nothing.
            if !(self.matcher.counts() && value.is_empty()) {
                values.push(("string".to_owned(), value));
            }
        }
        self.matcher.any(run, &values)
    }
}
