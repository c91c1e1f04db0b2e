//! What is told of a result, and what is kept of it as `$` (RFC 9051 §7.3.4, RFC 5182, RFC 5267, RFC 9394).

use std::num::NonZeroU32;

use postroad_imap::command::ReturnOption;
use postroad_imap::response::{Data, ESearch, SearchResult};
use postroad_imap::value::{Numbers, Set, Tag};

use super::Found;
use crate::imap::changes::count;
use crate::imap::ending::Refused;
use crate::imap::selected::number;

/// Which command has asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Search,
    Sort,
}

/// How an answer is to look.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) tag: Tag,
    pub(super) numbers: Numbers,
    pub(super) asked: Asked,
    /// None: SEARCH or SORT, as in RFC 3501 and RFC 5256.
    pub(super) returns: Option<Vec<ReturnOption>>,
    pub(super) asks_mod_seq: bool,
}

/// What may be asked for together.
///
/// # Errors
/// RFC 9394 §3.1: one range, or ALL, or neither.
pub(super) fn check(returns: Option<&[ReturnOption]>) -> Result<(), Refused> {
    let is_list =
        |option: &&ReturnOption| matches!(option, ReturnOption::All | ReturnOption::Partial(_));
    let mut lists = returns.unwrap_or_default().iter().filter(is_list);
    let first = lists.next();
    match lists.all(|option| Some(option) == first) {
        true => Ok(()),
        false => Err(Refused::bad("Only one of PARTIAL and ALL can be asked for, and once")),
    }
}

impl Answer {
    /// The line with the results, which are in their order; none where only `$` was to be set (RFC 5182 §2.2, example 1).
    pub(super) fn data(&self, found: &[Found]) -> Option<Data> {
        let mod_seq = |found: &[Found]| {
            let all = found.iter().map(|found| found.mod_seq);
            all.max().filter(|_| self.asks_mod_seq)
        };
        let Some(returns) = &self.returns else {
            let numbers = found.iter().map(|found| self.number(found)).collect();
            let mod_seq = mod_seq(found);
            return Some(match self.asked {
                Asked::Search => Data::Search { numbers, mod_seq },
                Asked::Sort => Data::Sort { numbers, mod_seq },
            });
        };
        if returns.iter().all(|option| *option == ReturnOption::Save) {
            return None;
        }
        let mut results: Vec<SearchResult> = Vec::new();
        for option in returns {
            let result = self.result(*option, found);
            if let Some(result) = result.filter(|result| !results.contains(result)) {
                results.push(result);
            }
        }
        // RFC 4731 §3.2: the highest of what is told.
        let highest = mod_seq(told(returns, found).as_deref().unwrap_or(found));
        results.extend(highest.map(SearchResult::ModSeq));
        Some(Data::ESearch(ESearch { tag: Some(self.tag.clone()), numbers: self.numbers, results }))
    }

    /// What a letter is called that stands there.
    pub(super) fn shown(&self, place: usize, found: &[Found]) -> u32 {
        let at = found.binary_search_by_key(&place, |found| found.place).ok();
        at.and_then(|at| found.get(at)).map_or(0, |found| self.number(found))
    }

    fn number(&self, found: &Found) -> u32 {
        match self.numbers {
            Numbers::Uid => found.uid,
            Numbers::Sequence => number(found.place),
        }
    }

    fn result(&self, option: ReturnOption, found: &[Found]) -> Option<SearchResult> {
        let one = |found: Option<&Found>| NonZeroU32::new(self.number(found?));
        match option {
            ReturnOption::Min => one(found.first()).map(SearchResult::Min),
            ReturnOption::Max => one(found.last()).map(SearchResult::Max),
            ReturnOption::All => self.set(found).map(SearchResult::All),
            ReturnOption::Count => Some(SearchResult::Count(count(found.len()))),
            ReturnOption::Save => None,
            ReturnOption::Partial(range) => {
                let some = found.get(range.within(found.len())).unwrap_or_default();
                Some(SearchResult::Partial(range, self.set(some)))
            }
        }
    }

    /// In the order of the results; ranges rise (RFC 5267 §3.2).
    fn set(&self, found: &[Found]) -> Option<Set> {
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for number in found.iter().map(|found| self.number(found)) {
            match ranges.last_mut() {
                Some((_, end)) if end.checked_add(1) == Some(number) => *end = number,
                _ => ranges.push((number, number)),
            }
        }
        Set::from_ranges(ranges)
    }

    /// The UIDs that are to be kept as `$`; none where what is kept stays.
    pub(super) fn saved(&self, found: &[Found]) -> Option<Vec<u32>> {
        let returns = self.returns.as_deref().filter(|returns| saves(Some(returns)))?;
        let mut kept = told(returns, found).unwrap_or_else(|| found.to_vec());
        kept.sort_unstable_by_key(|found| found.uid);
        kept.dedup_by_key(|found| found.uid);
        Some(kept.into_iter().map(|found| found.uid).collect())
    }
}

/// Whether a result is to be kept.
pub(super) fn saves(returns: Option<&[ReturnOption]>) -> bool {
    returns.is_some_and(|returns| returns.contains(&ReturnOption::Save))
}

/// What is told, where that is less than all (the tables of RFC 5182 §2.4 and RFC 9394 §3.2).
fn told(returns: &[ReturnOption], found: &[Found]) -> Option<Vec<Found>> {
    let (mut some, mut is_some) = (Vec::new(), false);
    for option in returns {
        let part = match option {
            ReturnOption::Min => found.get(..1),
            ReturnOption::Max => found.get(found.len().saturating_sub(1)..),
            ReturnOption::Partial(range) => found.get(range.within(found.len())),
            ReturnOption::Save => continue,
            ReturnOption::All | ReturnOption::Count => return None,
        };
        is_some = true;
        some.extend_from_slice(part.unwrap_or_default());
    }
    is_some.then_some(some)
}
