//! The inboxes of all accounts as one folder.
//!
//! Each letter gets a number of its own there, for as long as the program runs; lists come from the accounts as they always do,
//! and are put together by the time when letters were written. Conversations stay together, each in its account.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use postroad_tui::data::{By, FolderId, Found, Head, LetterId, Listing, Order, Row, Stage, Way};
use postroad_tui::effect::{Job, Search};

use crate::safe_line;
use crate::safe_text::SafeText;

/// Its number on the screen: of an account that isn't there.
pub(super) const ALL: FolderId = FolderId(0xff << super::OWN_BITS);
/// Its name.
pub(super) const NAME: &str = "All inboxes";
/// Its UIDVALIDITY: an account's folder that is numbered anew gives its letters other numbers here.
const VALIDITY: u32 = 1;

/// A letter of an account's inbox, as the account calls it.
type Own = (usize, LetterId);

/// The folder of all inboxes.
#[derive(Debug, Default)]
pub(super) struct Combined {
    is_open: bool,
    /// Who waits until all of them are known.
    job: Option<Job>,
    generation: u64,
    order: Order,
    /// The last list of each account's inbox.
    listings: HashMap<usize, Arc<Listing>>,
    numbers: HashMap<Own, u32>,
    letters: Vec<Own>,
    searches: HashMap<Job, Hunt>,
}

/// A search that several accounts are at.
#[derive(Debug)]
struct Hunt {
    /// The letters' places in the order in which they are to be found, by their numbers here.
    places: HashMap<u32, usize>,
    /// Accounts that have found nothing yet and may still.
    silent: Vec<usize>,
    /// Accounts that go on.
    going: Vec<usize>,
    kept: Vec<LetterId>,
}

impl Combined {
    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    /// It is shown from now on.
    pub(super) fn open(&mut self, job: Job) {
        self.is_open = true;
        self.job = Some(job);
        self.listings.clear();
    }

    /// It isn't shown any more. Numbers stay, so that none ever means two letters.
    pub(super) fn close(&mut self) {
        self.is_open = false;
        self.job = None;
        self.searches.clear();
        self.listings.clear();
    }

    pub(super) fn arrange(&mut self, order: Order) {
        self.order = order;
    }

    /// The letter that is called so here, as its account calls it.
    pub(super) fn own(&self, uid: u32) -> Option<Own> {
        self.letters.get(usize::try_from(uid.checked_sub(1)?).ok()?).copied()
    }

    /// What an account's letter is called here.
    pub(super) fn here(&mut self, account: usize, letter: LetterId) -> LetterId {
        let next = u32::try_from(self.letters.len() + 1).unwrap_or(u32::MAX);
        let uid = *self.numbers.entry((account, letter)).or_insert(next);
        if uid == next {
            self.letters.push((account, letter));
        }
        LetterId { folder: ALL, validity: VALIDITY, uid }
    }

    /// Who waits until all of them are known.
    pub(super) fn job(&self) -> Option<Job> {
        self.job
    }

    /// An account's inbox, and with it all; and who has waited for that.
    pub(super) fn listed(
        &mut self,
        account: usize,
        listing: Arc<Listing>,
        accounts: usize,
    ) -> (Job, Listing) {
        self.listings.insert(account, listing);
        let mut places: Vec<usize> = self.listings.keys().copied().collect();
        places.sort_unstable();
        let mut threads: Vec<Vec<Head>> = Vec::new();
        for place in places {
            let Some(listing) = self.listings.get(&place).cloned() else { continue };
            for thread in listing.heads.chunk_by(|_, below| below.depth > 0) {
                let here = |head: &Head| {
                    let LetterId { folder, validity, .. } = of(&listing);
                    let letter = LetterId { folder, validity, uid: head.uid };
                    Head { uid: self.here(place, letter).uid, ..*head }
                };
                threads.push(thread.iter().map(here).collect());
            }
        }
        threads.sort_by_key(|thread| thread.first().map(|head| head.sent));
        if self.order.way == Way::Down {
            threads.reverse();
        }
        self.generation += 1;
        let is_whole = self.listings.len() >= accounts
            && self.listings.values().all(|listing| listing.stage == Stage::Complete);
        let stage = if is_whole { Stage::Complete } else { Stage::Named };
        let by = if self.order.by == By::Threads { By::Threads } else { By::Sent };
        let listing = Listing {
            folder: ALL,
            validity: VALIDITY,
            generation: self.generation,
            stage,
            order: Order { by, ..self.order },
            heads: threads.concat(),
        };
        let job = self.job.take_if(|_| is_whole).unwrap_or(Job::NONE);
        (job, listing)
    }

    /// Rows of an account's inbox, with its name; none of a letter that isn't known here.
    pub(super) fn rows(
        &mut self,
        account: usize,
        folder: FolderId,
        name: &SafeText,
        rows: Vec<(u32, Row)>,
    ) -> Vec<(u32, Row)> {
        let Some(listing) = self.listings.get(&account).filter(|it| it.folder == folder) else {
            return Vec::new();
        };
        let validity = listing.validity;
        rows.into_iter()
            .map(|(uid, row)| {
                let from = safe_line!("{}: {}", name.as_str(), row.from.as_str());
                (self.here(account, LetterId { folder, validity, uid }).uid, Row { from, ..row })
            })
            .collect()
    }

    /// What each account is to look for. `empty`: who is asked where there is no letter.
    pub(super) fn hunt(
        &mut self,
        job: Job,
        search: &Search,
        empty: Option<(usize, FolderId)>,
    ) -> Vec<(usize, Search)> {
        let mut letters: BTreeMap<usize, (FolderId, Vec<u32>)> = BTreeMap::new();
        for uid in search.letters.iter() {
            if let Some((account, letter)) = self.own(*uid) {
                let (_, uids) = letters.entry(account).or_insert((letter.folder, Vec::new()));
                uids.push(letter.uid);
            }
        }
        if letters.is_empty() {
            letters.extend(empty.map(|(account, inbox)| (account, (inbox, Vec::new()))));
        }
        let mut parts = Vec::new();
        for (account, (folder, uids)) in letters {
            let own = |uid: u32| Some(self.own(uid).filter(|(place, _)| *place == account)?.1.uid);
            let marks = search.marks.iter();
            let mut tagged: Vec<u32> = search.tagged.iter().filter_map(|uid| own(*uid)).collect();
            tagged.sort_unstable();
            let part = Search {
                folder: Some(folder),
                letters: uids.into(),
                marks: marks.filter_map(|(uid, marks)| Some((own(*uid)?, *marks))).collect(),
                tagged,
                ..search.clone()
            };
            parts.push((account, part));
        }
        let accounts: Vec<usize> = parts.iter().map(|(account, _)| *account).collect();
        let hunt = Hunt {
            places: search.letters.iter().copied().zip(0..).collect(),
            silent: accounts.clone(),
            going: accounts,
            kept: Vec::new(),
        };
        self.searches.insert(job, hunt);
        parts
    }

    /// Nobody waits for that search any more, or it can't be looked for; whether there was one.
    pub(super) fn end_hunt(&mut self, job: Job) -> bool {
        self.searches.remove(&job).is_some()
    }

    /// What an account has found, or that it has found all; what is told of it, and whether that is all of it. The next letter
    /// is the next of all accounts': nothing is told before each has found one, or nothing.
    pub(super) fn found(&mut self, job: Job, account: usize, found: Found) -> Option<Found> {
        let Found { letters, complete } = found;
        let letters: Vec<LetterId> =
            letters.into_iter().map(|letter| self.here(account, letter)).collect();
        let hunt = self.searches.get_mut(&job)?;
        if complete || !letters.is_empty() {
            hunt.silent.retain(|place| *place != account);
        }
        if complete {
            hunt.going.retain(|place| *place != account);
        }
        hunt.kept.extend(letters);
        if !hunt.silent.is_empty() {
            return None;
        }
        let mut letters = std::mem::take(&mut hunt.kept);
        letters.sort_by_key(|letter| hunt.places.get(&letter.uid).copied().unwrap_or(usize::MAX));
        let complete = hunt.going.is_empty();
        if complete {
            self.searches.remove(&job);
        }
        Some(Found { letters, complete })
    }
}

fn of(listing: &Listing) -> LetterId {
    LetterId { folder: listing.folder, validity: listing.validity, uid: 0 }
}
