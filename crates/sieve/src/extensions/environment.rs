//! `environment`: tests on where a script runs (RFC 5183).
//!
//! Items come from [`Facts::environment`](crate::Facts); what is the same wherever we run is known here.

use std::borrow::Cow;

use crate::check::{Extension, Kind, Signature, TakesTests, TestKind};
use crate::matching::{self, Matcher, Value};
use crate::run::{Failure, Run};
use crate::script::Condition;
use crate::text::Text;

pub(super) const EXTENSION: Extension = Extension {
    tests: &[TestKind {
        name: "environment",
        signature: Signature {
            tags: &[matching::TAGS],
            positional: &[&[Kind::Text, Kind::Texts]],
            tests: TakesTests::None,
        },
        check: |args, checker| {
            let name = args.text(0, checker)?;
            Ok(Box::new(Environment { name, matcher: Matcher::of(args, 1, checker)? }))
        },
    }],
    ..Extension::named("environment")
};

/// What is true of each of our runs (RFC 5183 §4.1), unless the caller says otherwise.
const OURS: &[(&str, &str)] = &[
    ("location", "MDA"),
    ("name", "Postroad"),
    ("phase", "during"),
    ("version", env!("CARGO_PKG_VERSION")),
];

struct Environment {
    name: Text,
    matcher: Matcher,
}

impl Condition for Environment {
    fn holds(&self, run: &mut Run<'_>) -> Result<bool, Failure> {
        let name = String::from_utf8_lossy(&self.name.value(run)?).to_ascii_lowercase();
        let items = run.facts.environment.iter().chain(OURS);
        let found = items.into_iter().find(|(item, _)| *item == name);
        // RFC 5183 §4: what isn't known matches nothing, and is no error; what is empty counts for nothing.
        let value = found.map(|(_, value)| *value);
        let value = value.filter(|value| !(self.matcher.counts() && value.is_empty()));
        let values: Vec<Value<'_>> =
            value.map(|value| (name, Cow::Borrowed(value.as_bytes()))).into_iter().collect();
        if found.is_none() {
            run.note(|| "there is no such item".to_owned());
            return Ok(false);
        }
        self.matcher.any(run, &values)
    }
}
