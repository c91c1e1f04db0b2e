//! What `~/.mailrc` and the commands `alias`, `set`, `ignore` and their like have set up (POSIX mailx, "Internal Variables
//! in mailx").
//!
//! | variable | what it does |
//! |---|---|
//! | `ask`, `asksub`, `askcc`, `askbcc` | a subject is asked for (it is anyway, until `unset ask`), others who are told |
//! | `autoprint` | behind `delete` the next letter is shown |
//! | `crt` | letters with more lines than it says, or than the terminal has, go through `PAGER` |
//! | `dot` | a lone dot ends a letter; it does anyway, until `unset dot` |
//! | `escape` | the sign in front of what isn't text, in a letter; none at all where it is empty |
//! | `flipr` | `r` answers the author, and `R` everybody |
//! | `folder` | what `+` stands for in names of files |
//! | `header` | the list at the beginning, which is shown until `unset header` |
//! | `indentprefix` | what stands before lines that `~m` quotes |
//! | `keepsave` | letters that were saved stay |
//! | `MBOX`, `PAGER` | as in the environment, before which they go; other programs are named there alone |
//! | `prompt`, `screen`, `toplines` | the prompt, rows of the list, lines that `top` shows |
//! | `sign`, `Sign` | what `~a` and `~A` put into a letter |
//!
//! Others are kept, and have no use here: `record` (Sent has all that is sent), `sendmail`, which never is a program that
//! this one runs, and what other programs have invented.

use std::collections::{BTreeMap, BTreeSet};

use crate::compose::Aliases;
use crate::limits;

/// What is to be set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting {
    /// `alias`, `group`: a short name and what is added to what it stands for; nothing shows it.
    Alias(Option<String>, Vec<String>),
    /// `unalias`
    Unalias(Vec<String>),
    /// `set`: names and values, where they have some; nothing shows all.
    Set(Vec<(String, String)>),
    /// `unset`, and `set noNAME`.
    Unset(Vec<String>),
    /// `ignore`, `discard`: fields that aren't shown; nothing shows them.
    Ignore(Vec<String>),
    /// `retain`: fields that alone are shown.
    Retain(Vec<String>),
}

/// All that was set up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Short names.
    pub aliases: Aliases,
    /// By name; without a value where they were unset.
    variables: BTreeMap<String, Option<String>>,
    /// Fields, in lower case.
    ignored: BTreeSet<String>,
    retained: BTreeSet<String>,
}

impl Setting {
    /// `set name name=value noname`: what is set, and what isn't.
    pub fn set(words: &[String]) -> Vec<Self> {
        let (mut set, mut unset) = (Vec::new(), Vec::new());
        for word in words {
            match (word.split_once('='), word.strip_prefix("no")) {
                (Some((name, value)), _) => set.push((name.to_owned(), value.to_owned())),
                (None, Some(name)) if !name.is_empty() => unset.push(name.to_owned()),
                (None, _) => set.push((word.clone(), String::new())),
            }
        }
        let mut settings = Vec::new();
        if !set.is_empty() || unset.is_empty() {
            settings.push(Self::Set(set));
        }
        if !unset.is_empty() {
            settings.push(Self::Unset(unset));
        }
        settings
    }
}

impl Settings {
    /// Does it; gives lines for who has asked to see something.
    pub fn obey(&mut self, setting: &Setting) -> Vec<String> {
        match setting {
            Setting::Alias(None, _) => return self.all_aliases(),
            Setting::Alias(Some(name), list) if list.is_empty() => {
                return match self.aliases.of(name) {
                    Some(list) => vec![format!("{name}\t{list}")],
                    None => vec![format!("{name}: no such alias")],
                };
            }
            Setting::Alias(Some(name), more) => {
                let known = self.aliases.of(name).map(str::to_owned);
                let list = known.into_iter().chain(more.iter().cloned()).collect::<Vec<_>>();
                if self.aliases.len() < limits::PEOPLE_MAX {
                    self.aliases.set(name, &list.join(", "));
                }
            }
            Setting::Unalias(names) => names.iter().for_each(|name| self.aliases.unset(name)),
            Setting::Set(set) if set.is_empty() => return self.all_variables(),
            Setting::Set(set) => {
                for (name, value) in set.iter().take(limits::MAILRC_VARIABLES_MAX) {
                    self.variables.insert(name.clone(), Some(value.clone()));
                }
            }
            Setting::Unset(names) => {
                for name in names.iter().take(limits::MAILRC_VARIABLES_MAX) {
                    self.variables.insert(name.clone(), None);
                }
            }
            Setting::Ignore(fields) if fields.is_empty() => {
                return self.ignored.iter().cloned().collect();
            }
            Setting::Ignore(fields) => self.ignored.extend(lower(fields)),
            Setting::Retain(fields) if fields.is_empty() => {
                return self.retained.iter().cloned().collect();
            }
            Setting::Retain(fields) => self.retained.extend(lower(fields)),
        }
        Vec::new()
    }

    fn all_aliases(&self) -> Vec<String> {
        self.aliases.iter().map(|(name, list)| format!("{name}\t{list}")).collect()
    }

    fn all_variables(&self) -> Vec<String> {
        let set = self.variables.iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
        set.map(
            |(name, value)| if value.is_empty() { name.clone() } else { format!("{name}={value}") },
        )
        .collect()
    }

    /// Whether a variable is set.
    pub fn is_set(&self, name: &str) -> bool {
        matches!(self.variables.get(name), Some(Some(_)))
    }

    /// Whether it was unset: what is done anyway isn't then.
    pub fn is_unset(&self, name: &str) -> bool {
        matches!(self.variables.get(name), Some(None))
    }

    /// Its value, where it is set.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.variables.get(name)?.as_deref()
    }

    /// Its value, or else that of the environment, where one of them isn't empty.
    pub fn or_environment(&self, name: &str) -> Option<String> {
        let own = self.value(name).map(str::to_owned).or_else(|| std::env::var(name).ok());
        own.filter(|value| !value.trim().is_empty())
    }

    /// Its value, if that is a number.
    pub fn number(&self, name: &str) -> Option<usize> {
        self.value(name)?.parse().ok().filter(|number| *number > 0)
    }

    /// Whether any field was named that is to be shown, or not.
    pub fn has_fields(&self) -> bool {
        !self.retained.is_empty() || !self.ignored.is_empty()
    }

    /// Whether a field of a header is shown: those that are retained alone, if there are some.
    pub fn shows(&self, field: &str) -> bool {
        let field = field.to_ascii_lowercase();
        match self.retained.is_empty() {
            true => !self.ignored.contains(&field),
            false => self.retained.contains(&field),
        }
    }
}

fn lower(fields: &[String]) -> impl Iterator<Item = String> {
    fields.iter().map(|field| field.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn variables_are_set_and_unset() {
        let mut settings = Settings::default();
        assert!(!settings.is_set("crt") && !settings.is_unset("dot"));
        for setting in Setting::set(&owned(&["crt=24", "nodot", "askcc", "prompt=", "no=3"])) {
            assert_eq!(settings.obey(&setting), [""; 0]);
        }
        assert_eq!(settings.number("crt"), Some(24));
        assert!(settings.is_unset("dot") && settings.is_set("askcc"));
        assert_eq!((settings.value("prompt"), settings.value("no")), (Some(""), Some("3")));
        assert_eq!(settings.obey(&Setting::Set(vec![])), ["askcc", "crt=24", "no=3", "prompt"]);
        settings.obey(&Setting::Unset(owned(&["crt"])));
        assert_eq!(settings.number("crt"), None);
    }

    #[test]
    fn short_names_grow() {
        let mut settings = Settings::default();
        let alias = |name: &str, list: &[&str]| Setting::Alias(Some(name.into()), owned(list));
        settings.obey(&alias("team", &["ann", "Bob <b@x.example>"]));
        settings.obey(&alias("team", &["carl@x.example"]));
        let all = "team\tann, Bob <b@x.example>, carl@x.example";
        assert_eq!(settings.obey(&Setting::Alias(None, vec![])), [all]);
        assert_eq!(settings.obey(&alias("TEAM", &[]))[0].to_lowercase(), all.to_lowercase());
        settings.obey(&Setting::Unalias(owned(&["team"])));
        assert_eq!(settings.obey(&alias("team", &[])), ["team: no such alias"]);
    }

    #[test]
    fn fields_are_ignored_unless_some_are_retained() {
        let mut settings = Settings::default();
        assert!(!settings.has_fields() && settings.shows("Received"));
        settings.obey(&Setting::Ignore(owned(&["Received", "message-id"])));
        assert!(!settings.shows("RECEIVED") && settings.shows("Subject"));
        settings.obey(&Setting::Retain(owned(&["Subject"])));
        assert!(settings.shows("subject") && !settings.shows("From") && settings.has_fields());
    }
}
