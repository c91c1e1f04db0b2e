//! `envelope`: tests on sender and recipient of the transport (RFC 5228 §5.4).

use std::borrow::Cow;

use crate::address::{self, AddressPart, without_route};
use crate::check::{Extension, Kind, Signature, TakesTests, TestKind};
use crate::matching::{self, Matcher, Value};
use crate::run::{Failure, Run};
use crate::script::Condition;
use crate::text::{Text, check_constant};

pub(super) const EXTENSION: Extension = Extension {
    tests: &[TestKind {
        name: "envelope",
        signature: Signature {
            tags: &[matching::TAGS, address::TAGS],
            positional: &[&[Kind::Texts, Kind::Texts]],
            tests: TakesTests::None,
        },
        check: |args, checker| {
            let parts = args.texts(0, checker)?;
            parts
                .iter()
                .try_for_each(|part| check_constant(part, |part| Part::named(part).map(drop)))?;
            let address_part = AddressPart::of(args);
            Ok(Box::new(Envelope { parts, address_part, matcher: Matcher::of(args, 1, checker)? }))
        },
    }],
    ..Extension::named("envelope")
};

enum Part {
    From,
    To,
}

impl Part {
    /// In any case; another one is an error (RFC 5228 §5.4).
    fn named(name: &str) -> Result<Self, String> {
        match name.to_ascii_lowercase().as_str() {
            "from" => Ok(Self::From),
            "to" => Ok(Self::To),
            _ => {
                Err(format!("an envelope has \"from\" and \"to\", no \"{}\"", name.escape_debug()))
            }
        }
    }
}

struct Envelope {
    parts: Vec<Text>,
    address_part: AddressPart,
    matcher: Matcher,
}

impl Condition for Envelope {
    fn holds(&self, run: &mut Run<'_>) -> Result<bool, Failure> {
        let mut values: Vec<Value<'_>> = Vec::new();
        for part in &self.parts {
            let name = part.characters(run)?;
            let address = match Part::named(&name).map_err(Failure::new)? {
                Part::From => run.facts.envelope_from,
                Part::To => run.facts.envelope_to,
            };
            let value = match address.map(without_route) {
                // The null reverse-path is the empty string, whatever part is asked for.
                // Nobody is counted there (RFC 5231 §4.2).
                Some("") if self.matcher.counts() => None,
                Some("") => Some(""),
                Some(address) => self.address_part.within(address, run.facts.detail_separator),
                None => None,
            };
            values.extend(value.map(|value| (name, Cow::Borrowed(value.as_bytes()))));
        }
        self.matcher.any(run, &values)
    }
}
