//! Short names in lists of addresses: each is put in the place of what it stands for, before the list is read.

use std::borrow::Cow;
use std::collections::BTreeMap;

use postroad_protocol::limits::RECIPIENTS_MAX;

use super::address_list::items;
use crate::limits;

/// Short names, and what they stand for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Aliases(BTreeMap<String, String>);

impl Aliases {
    /// Has a name stand for a list of addresses, and for nothing else.
    pub fn set(&mut self, name: &str, list: &str) {
        self.0.insert(name.to_lowercase(), list.to_owned());
    }

    /// Has it stand for nothing.
    pub fn unset(&mut self, name: &str) {
        self.0.remove(&name.to_lowercase());
    }

    /// What a name stands for.
    pub fn of(&self, name: &str) -> Option<&str> {
        self.0.get(&name.to_lowercase()).map(String::as_str)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// With another's, which win.
    #[must_use]
    pub fn with(mut self, other: &Self) -> Self {
        self.0.extend(other.0.clone());
        self
    }

    /// All names, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, list)| (name.as_str(), list.as_str()))
    }

    /// A list with each short name in it replaced. A word in quotes stays as it is, and so does whatever has an `@`, a name
    /// or brackets. A list without short names is given back as it was typed.
    pub fn expanded<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let has_some =
            items(text).iter().any(|item| item.bare().is_some_and(|it| self.of(it).is_some()));
        if !has_some {
            return Cow::Borrowed(text);
        }
        let mut expansion =
            Expansion { aliases: self, open: Vec::new(), left: limits::ALIASES_EXPANDED_MAX };
        let mut all = Vec::new();
        expansion.add(text, &mut all);
        Cow::Owned(all.join(", "))
    }
}

struct Expansion<'a> {
    aliases: &'a Aliases,
    /// Names whose lists are being read: one that stands in its own is an address there.
    open: Vec<String>,
    /// Names that may be looked up yet: lists that name each other may have no end that anybody would live to see.
    left: usize,
}

impl Expansion<'_> {
    fn add(&mut self, text: &str, all: &mut Vec<String>) {
        for item in items(text) {
            // More than a letter may have is too many, however many more.
            if all.len() > RECIPIENTS_MAX {
                return;
            }
            let name = item.bare().map(str::to_lowercase);
            let list = name.as_deref().and_then(|name| self.aliases.of(name));
            match (name, list) {
                (Some(name), Some(list))
                    if self.left > 0
                        && self.open.len() < limits::ALIAS_DEPTH_MAX
                        && !self.open.contains(&name) =>
                {
                    self.left -= 1;
                    self.open.push(name);
                    self.add(list, all);
                    self.open.pop();
                }
                _ => all.push(item.written.trim_end_matches([',', ';', ' ']).trim().to_owned()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn aliases(known: &[(&str, &str)]) -> Aliases {
        let mut aliases = Aliases::default();
        known.iter().for_each(|(name, list)| aliases.set(name, list));
        aliases
    }

    #[test]
    fn short_names_are_replaced_and_nothing_else() {
        let aliases = aliases(&[
            ("ann", "\"Lee, Ann\" <ann@x.example>"),
            ("team", "ann, bob, carol@x.example"),
            ("bob", "bob"),
            ("loop", "pool"),
            ("pool", "loop, ann"),
            ("none", ""),
        ]);
        for (text, expanded) in [
            ("ann", "\"Lee, Ann\" <ann@x.example>"),
            ("ANN", "\"Lee, Ann\" <ann@x.example>"),
            ("x@y.example,  ann,", "x@y.example, \"Lee, Ann\" <ann@x.example>"),
            ("team", "\"Lee, Ann\" <ann@x.example>, bob, carol@x.example"),
            ("loop", "loop, \"Lee, Ann\" <ann@x.example>"),
            ("none", ""),
            // No short name is in these.
            ("\"ann\"", "\"ann\""),
            ("<ann>", "<ann>"),
            ("ann@x.example , dave", "ann@x.example , dave"),
            ("ann <a@x.example>", "ann <a@x.example>"),
            ("half an addr<", "half an addr<"),
            ("", ""),
        ] {
            assert_eq!(aliases.expanded(text), expanded, "{text}");
        }
    }

    #[test]
    fn lists_that_name_each_other_end() {
        let mut known = Aliases::default();
        for depth in 0..60 {
            let next = depth + 1;
            known.set(&format!("a{depth}"), &format!("a{next}, a{next}, a{next}"));
        }
        let count = known.expanded("a0").split(", ").count();
        assert!(count <= limits::ALIASES_EXPANDED_MAX * 3, "{count}");
    }

    proptest! {
        #[test]
        fn whatever_is_typed_stays_without_short_names(text in ".{0,60}") {
            prop_assert_eq!(aliases(&[]).expanded(&text), text.as_str());
        }

        #[test]
        fn whatever_a_name_stands_for_nothing_panics(text in "[a-c ,<>\"();:@]{0,30}", list in ".{0,30}") {
            let _ = aliases(&[("a", &list), ("b", &text), ("c", "a,b,c")]).expanded(&text);
        }
    }
}
