//! The header fields that a test looks at: what `header`, `address` and `date` have in common.

use crate::check::{Args, Checker};
use crate::extensions::index::Selection;
use crate::extensions::mime::Scope;
use crate::matching::Value;
use crate::problem::Fault;
use crate::run::{Failure, Run};
use crate::text::Text;

/// Names, and which of the fields of these names.
pub(crate) struct Fields {
    names: Vec<Text>,
    selection: Selection,
    scope: Scope,
}

impl Fields {
    /// From the positional argument `names` and the tags that extensions add.
    pub(crate) fn of(args: &Args<'_>, names: usize, checker: &Checker<'_>) -> Result<Self, Fault> {
        Ok(Self {
            names: args.texts(names, checker)?,
            selection: Selection::of(args)?,
            scope: Scope::of(args)?,
        })
    }

    /// Only the first, unless the script says which (RFC 5260 §4).
    pub(crate) fn first_by_default(self) -> Self {
        Self { selection: self.selection.or_first(), ..self }
    }

    /// Names and raw values, in the order of the list, then of the message.
    pub(crate) fn raw<'a>(&self, run: &mut Run<'a>) -> Result<Vec<Value<'a>>, Failure> {
        let mut found = Vec::new();
        for name in &self.names {
            let name = name.value(run)?;
            let shown = String::from_utf8_lossy(&name).into_owned();
            for value in self.scope.raw_values(run, &name)? {
                run.spend(value.len())?;
                found.push((shown.clone(), value));
            }
        }
        Ok(self.selection.of_all(found))
    }
}
