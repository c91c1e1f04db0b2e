//! The file of aliases, in the grammar of aliases(5), with addresses and catch-alls beside names.
//!
//! ```text
//! # comment
//! postmaster: alice
//! staff:      alice, bob,
//!             carol@elsewhere.example
//! everybody:  :include:/etc/postroad/everybody
//! "odd name": alice
//! sales@shop.example: bob
//! @shop.example:      alice
//! bob:        bob, archive@elsewhere.example
//! dave:       \dave, bob
//! ```
//! - A name on the left counts in every local domain, an address in its own; `@domain` (or
//!   `*@domain`) is the catch-all of that domain, for names that are neither alias nor user.
//! - A name on the right is in the domain that was asked for. `\name` is the mailbox of that name
//!   whatever its alias says, and so is an alias's own name in its own list (`bob: bob, …`).
//! - A line that begins with white space continues the one before; blank lines and lines whose first
//!   character is `#` count for nothing. Case doesn't matter in names of ours.
//! - `:include:FILE` is a list of members, separated by commas or line ends; a relative FILE is
//!   beside the file that names it.
//! - `|command` and `/file` are refused: mail is delivered into mailboxes, and a line in a file must
//!   not run a program. Names may be aliases of aliases; [`graph`] refuses those that never end.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use postroad_protocol::address::{Address, Domain, LocalPart};

use crate::error::AccountsError;
use crate::file::{self, Stamp, folder_of};
use crate::limits;
use crate::name::fold;

pub(crate) mod graph;
mod lines;

use lines::{Item, logical_lines};

/// One of those that an alias stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Member {
    /// A name, in the domain that was asked for.
    Name(LocalPart),
    /// A mailbox by its user's name, past all aliases.
    Mailbox(LocalPart),
    /// An address, ours or not.
    Address(Address),
}

/// A line of the file.
#[derive(Debug)]
pub(crate) struct Alias {
    /// The left side as an operator knows it.
    pub(crate) shown: String,
    pub(crate) line: usize,
    pub(crate) members: Vec<Member>,
}

/// Which alias: the place of its line.
pub(crate) type AliasIndex = usize;

/// All aliases.
#[derive(Debug, Default)]
pub(crate) struct Aliases {
    lines: Vec<Alias>,
    by_name: HashMap<String, AliasIndex>,
    by_address: HashMap<(Domain, String), AliasIndex>,
    catch_all: HashMap<Domain, AliasIndex>,
}

/// The left side of a line.
enum Key {
    Name(LocalPart),
    Address(Address),
    CatchAll(Domain),
}

impl Aliases {
    /// Reads the file's text, and the lists that it includes, whose paths and stamps are added to
    /// `read`. `domains` are ours: an alias in another is never asked for, so it is a mistake.
    pub(crate) fn parse(
        path: &Path,
        text: &str,
        domains: &[Domain],
        read: &mut Vec<(PathBuf, Stamp)>,
    ) -> Result<Self, AccountsError> {
        let mut aliases = Self::default();
        let mut reader = MemberReader { read, members_left: limits::ALIAS_MEMBERS_MAX };
        for line in logical_lines(text) {
            let wrong = |problem: String| AccountsError::line(path, line.number, problem);
            let (left, right) = line.split_at_colon().ok_or_else(|| {
                wrong("an alias is \"name: member, member\": the colon is missing".into())
            })?;
            let key = parse_key(left, domains).map_err(wrong)?;
            let mut members = Vec::new();
            reader.members(path, line.number, right, &mut Vec::new(), &mut members)?;
            if members.is_empty() {
                return Err(wrong(format!("the alias \"{left}\" has no members")));
            }
            let alias = Alias { shown: left.to_owned(), line: line.number, members };
            aliases.insert(key, alias).map_err(|first| {
                wrong(format!("the alias \"{left}\" stands in line {first} already"))
            })?;
        }
        Ok(aliases)
    }

    /// Adds an alias; an error is the line where it stands already.
    fn insert(&mut self, key: Key, alias: Alias) -> Result<(), usize> {
        let index = self.lines.len();
        let old = match key {
            Key::Name(name) => self.by_name.insert(fold(name.as_str()), index),
            Key::Address(Address { local_part, domain }) => {
                self.by_address.insert((domain, fold(local_part.as_str())), index)
            }
            Key::CatchAll(domain) => self.catch_all.insert(domain, index),
        };
        self.lines.push(alias);
        match old {
            Some(old) => Err(self.lines.get(old).map_or(0, |alias| alias.line)),
            None => Ok(()),
        }
    }

    /// The alias of exactly that (folded) name in that domain.
    pub(crate) fn find(&self, folded: &str, domain: &Domain) -> Option<AliasIndex> {
        // An address says more than a name.
        let by_address = || self.by_address.get(&(domain.clone(), folded.to_owned()));
        let found = if self.by_address.is_empty() { None } else { by_address() };
        found.or_else(|| self.by_name.get(folded)).copied()
    }

    pub(crate) fn catch_all(&self, domain: &Domain) -> Option<AliasIndex> {
        self.catch_all.get(domain).copied()
    }

    pub(crate) fn alias(&self, index: AliasIndex) -> Option<&Alias> {
        self.lines.get(index)
    }

    /// Every alias, with the domains in which it can be reached.
    fn places<'a>(
        &'a self,
        domains: &'a [Domain],
    ) -> impl Iterator<Item = (AliasIndex, &'a Domain)> {
        // Domains with no alias of their own are all alike: one stands for the others.
        let has_own = |domain: &&Domain| {
            self.catch_all.contains_key(*domain) || self.by_address.keys().any(|k| k.0 == **domain)
        };
        let mut distinct: Vec<&Domain> = domains.iter().filter(has_own).collect();
        distinct.extend(domains.iter().find(|domain| !has_own(domain)));
        let names = self
            .by_name
            .values()
            .flat_map(move |index| distinct.clone().into_iter().map(|domain| (*index, domain)));
        let addresses = self.by_address.iter().map(|((domain, _), index)| (*index, domain));
        let catch_alls = self.catch_all.iter().map(|(domain, index)| (*index, domain));
        names.chain(addresses).chain(catch_alls)
    }
}

/// Reads the left side.
fn parse_key(left: &str, domains: &[Domain]) -> Result<Key, String> {
    let ours = |domain: Domain| match domains.contains(&domain) {
        true => Ok(domain),
        false => {
            Err(format!("\"{domain}\" is not one of the local domains: add it to \"domains\""))
        }
    };
    let malformed = |error| format!("\"{left}\" can't be an alias: {error}");
    if let Some(domain) = left.strip_prefix("*@").or_else(|| left.strip_prefix('@')) {
        return Ok(Key::CatchAll(ours(Domain::parse(domain).map_err(malformed)?)?));
    }
    if left == "*" {
        return Err("a catch-all names its domain: write \"@example.org: …\"".into());
    }
    if let Ok(name) = LocalPart::parse(left) {
        return Ok(Key::Name(name));
    }
    let Address { local_part, domain } = Address::parse(left).map_err(malformed)?;
    Ok(Key::Address(Address { local_part, domain: ours(domain)? }))
}

/// Reads members, those of included lists too.
struct MemberReader<'a> {
    read: &'a mut Vec<(PathBuf, Stamp)>,
    members_left: usize,
}

impl MemberReader<'_> {
    /// Adds the members in `text` to `members`. `chain` holds the lists that we are inside of.
    fn members(
        &mut self,
        path: &Path,
        first_line: usize,
        text: &str,
        chain: &mut Vec<PathBuf>,
        members: &mut Vec<Member>,
    ) -> Result<(), AccountsError> {
        for item in lines::items(text) {
            let line = first_line + item.line_offset;
            let wrong = |problem: String| AccountsError::line(path, line, problem);
            match item.parse().map_err(wrong)? {
                Item::Include(list) => {
                    let list = folder_of(path).join(list);
                    self.include(&list, &wrong, chain, members)?;
                }
                Item::Member(member) => {
                    self.members_left = self.members_left.checked_sub(1).ok_or_else(|| {
                        let most = limits::ALIAS_MEMBERS_MAX;
                        wrong(format!("the aliases have more than {most} members in all"))
                    })?;
                    members.push(member);
                }
            }
        }
        Ok(())
    }

    /// Adds the members of an included list; `wrong` makes errors at the line that includes it.
    fn include(
        &mut self,
        list: &Path,
        wrong: &dyn Fn(String) -> AccountsError,
        chain: &mut Vec<PathBuf>,
        members: &mut Vec<Member>,
    ) -> Result<(), AccountsError> {
        let shown = list.display();
        if chain.iter().any(|outer| outer == list) {
            return Err(wrong(format!("the list {shown} includes itself")));
        }
        if chain.len() >= limits::ALIAS_DEPTH_MAX {
            let most = limits::ALIAS_DEPTH_MAX;
            return Err(wrong(format!("lists include lists more than {most} deep")));
        }
        let Some(contents) = file::read(list)? else {
            return Err(wrong(format!("there is no list {shown}")));
        };
        self.read.push((list.to_owned(), contents.stamp));
        chain.push(list.to_owned());
        let text = lines::as_list(&contents.text);
        self.members(list, 1, &text, chain, members)?;
        chain.pop();
        Ok(())
    }
}
