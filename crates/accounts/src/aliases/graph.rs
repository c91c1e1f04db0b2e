//! Where aliases lead: aliases of aliases as a graph, in which every path ends at an address.
//!
//! A node is an alias in a domain (a name on its right side means another mailbox in each domain).
//! [`check`] walks every path once when the files are read, so that [`expand`] never meets a loop and
//! never goes deeper than [`limits::ALIAS_DEPTH_MAX`].

use std::collections::{HashMap, HashSet};

use postroad_protocol::address::{Address, Domain, LocalPart};

use super::{AliasIndex, Aliases, Member};
use crate::directory::{Directory, Found};
use crate::limits;
use crate::name::fold;

/// What is wrong with an alias: its line, and the problem.
pub(crate) type Problem = (usize, String);

/// Where a member leads.
enum Target<'a> {
    /// To an address that is the end.
    End(Address),
    /// To another alias.
    Alias(AliasIndex, &'a Domain),
}

/// Refuses aliases that lead to themselves through others, and chains that are too long.
pub(crate) fn check(directory: &Directory, aliases: &Aliases) -> Result<(), Problem> {
    let mut walk = Walk { directory, aliases, depths: HashMap::new() };
    for (alias, domain) in aliases.places(directory.domains()) {
        walk.depth_below(alias, domain, 1)?;
    }
    Ok(())
}

/// A walk that visits each node once.
struct Walk<'a> {
    directory: &'a Directory,
    aliases: &'a Aliases,
    /// How many aliases the longest path from a node has; `None` while the walk is inside it.
    depths: HashMap<(AliasIndex, &'a Domain), Option<usize>>,
}

impl<'a> Walk<'a> {
    /// Recursion ends at [`limits::ALIAS_DEPTH_MAX`]: `above` counts the aliases above and this.
    fn depth_below(
        &mut self,
        index: AliasIndex,
        domain: &'a Domain,
        above: usize,
    ) -> Result<usize, Problem> {
        let Some(alias) = self.aliases.alias(index) else { return Ok(0) };
        let too_deep = || {
            let most = limits::ALIAS_DEPTH_MAX;
            (alias.line, format!("aliases lead to \"{}\" more than {most} deep", alias.shown))
        };
        if above > limits::ALIAS_DEPTH_MAX {
            return Err(too_deep());
        }
        match self.depths.get(&(index, domain)) {
            Some(None) => {
                let problem = format!("the alias \"{}\" leads to itself", alias.shown);
                return Err((alias.line, problem));
            }
            Some(Some(depth)) if above + depth > limits::ALIAS_DEPTH_MAX + 1 => {
                return Err(too_deep());
            }
            Some(Some(depth)) => return Ok(*depth),
            None => {}
        }
        self.depths.insert((index, domain), None);
        let mut deepest = 0;
        for member in &alias.members {
            if let Target::Alias(next, domain) = target(self.directory, member, index, domain, None)
            {
                deepest = deepest.max(self.depth_below(next, domain, above + 1)?);
            }
        }
        self.depths.insert((index, domain), Some(deepest + 1));
        Ok(deepest + 1)
    }
}

/// The addresses that `asked` stands for, each once, in the order of the file. Aliases that were
/// expanded already add nothing, so the work is bounded by the members of the file.
pub(crate) fn expand(
    directory: &Directory,
    aliases: &Aliases,
    alias: AliasIndex,
    asked: &Address,
) -> Vec<Address> {
    let Some(domain) = directory.own_domain(&asked.domain) else { return Vec::new() };
    let mut addresses = Vec::new();
    let mut seen = HashSet::new();
    let mut visited = HashSet::from([(alias, domain)]);
    let mut stack = vec![(alias, domain, members(aliases, alias).iter())];
    while let Some((index, domain, rest)) = stack.last_mut() {
        let (index, domain) = (*index, *domain);
        let Some(member) = rest.next() else {
            stack.pop();
            continue;
        };
        match target(directory, member, index, domain, Some((alias, asked))) {
            Target::End(address) => {
                let local = directory.own_domain(&address.domain).is_some();
                let name = address.local_part.as_str();
                let name = if local { fold(name) } else { name.to_owned() };
                if seen.insert((name, address.domain.clone())) {
                    addresses.push(address);
                }
            }
            Target::Alias(next, domain) if visited.insert((next, domain)) => {
                stack.push((next, domain, members(aliases, next).iter()));
            }
            Target::Alias(..) => {}
        }
    }
    addresses
}

fn members(aliases: &Aliases, index: AliasIndex) -> &[Member] {
    aliases.alias(index).map_or(&[], |alias| &alias.members)
}

/// Where `member` of the alias `of` leads when that is asked for in `domain`. `asked` is the address
/// that it all began with, and its alias.
fn target<'a>(
    directory: &'a Directory,
    member: &Member,
    of: AliasIndex,
    domain: &'a Domain,
    asked: Option<(AliasIndex, &Address)>,
) -> Target<'a> {
    let at = |name: &LocalPart| Address { local_part: name.clone(), domain: domain.clone() };
    let address = match member {
        Member::Mailbox(name) => return Target::End(at(name)),
        Member::Name(name) => at(name),
        Member::Address(address) => address.clone(),
    };
    let Some(domain) = directory.own_domain(&address.domain) else { return Target::End(address) };
    match directory.find(&address.local_part, domain) {
        // An alias's own name in its own list is the mailbox (`alice: alice, bob`); so is a name in a
        // catch-all's list that nobody has, lest it be caught again.
        Found::Alias(index) | Found::CatchAll(index) if index == of => match asked {
            // The detail that was asked for reaches the mailbox.
            Some((alias, asked)) if alias == of && is_detailed(directory, asked, &address) => {
                Target::End(asked.clone())
            }
            Some(_) | None => Target::End(address),
        },
        Found::Alias(index) | Found::CatchAll(index) => Target::Alias(index, domain),
        Found::User { .. } | Found::Nobody => Target::End(address),
        Found::FirstUser(user) => Target::End(user.at(domain)),
    }
}

/// Whether `asked` is `address` with a detail.
fn is_detailed(directory: &Directory, asked: &Address, address: &Address) -> bool {
    let (base, detail) = directory.split_detail(asked.local_part.as_str());
    detail.is_some()
        && asked.domain == address.domain
        && fold(base) == fold(address.local_part.as_str())
}
