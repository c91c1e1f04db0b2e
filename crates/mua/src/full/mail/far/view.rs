//! The folder that is watched, as responses tell of it: which letter has which sequence number, and what has changed.
//!
//! No octet is read here and no clock is looked at. A server that counts wrong makes [`View::is_confused`], and all is asked
//! anew.

use std::num::NonZeroU32;

use postroad_imap::response::{Data, FetchItem, Vanishing};
use postroad_imap::value::MailboxName;
use postroad_tui::data::Marks;

use crate::imap::{Resumed, told};
use crate::limits::IMAP_LETTERS_MAX;

/// A folder.
#[derive(Debug)]
pub(super) struct View {
    pub(super) name: MailboxName,
    /// What its UIDs count for; 0 where it was never seen.
    pub(super) validity: u32,
    /// Up to which mod-sequence all is known; 0 where that isn't known.
    pub(super) mod_seq: u64,
    /// UIDs of its letters in the order of their sequence numbers, which is theirs, too.
    uids: Vec<u32>,
    /// How many the server says that there are.
    exists: usize,
    /// Whether the server has it open for us: what it tells is of this folder.
    pub(super) is_selected: bool,
    /// It said what doesn't fit.
    confused: bool,
    news: News,
}

/// What has changed since it was told last.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct News {
    /// All that was known is void: these letters are all there are.
    pub(super) whole: bool,
    /// Letters with their flags, the later one counts.
    pub(super) letters: Vec<(u32, Marks)>,
    /// Letters that are gone.
    pub(super) gone: Vec<u32>,
}

impl News {
    pub(super) fn is_nothing(&self) -> bool {
        !self.whole && self.letters.is_empty() && self.gone.is_empty()
    }

    /// The letters that there are, where nothing was known before.
    pub(super) fn sorted(self) -> Vec<(u32, Marks)> {
        let mut letters = sorted(self.letters);
        letters.retain(|(uid, _)| !self.gone.contains(uid));
        letters
    }
}

/// By number; of two of the same the later one counts.
pub(super) fn sorted(mut letters: Vec<(u32, Marks)>) -> Vec<(u32, Marks)> {
    letters.sort_by_key(|(uid, _)| *uid);
    letters.dedup_by(|later, earlier| {
        let is_same = later.0 == earlier.0;
        if is_same {
            *earlier = *later;
        }
        is_same
    });
    letters
}

impl View {
    /// As it is remembered; `uids` rise.
    pub(super) fn new(name: MailboxName, validity: u32, mod_seq: u64, uids: Vec<u32>) -> Self {
        let exists = uids.len();
        let news = News::default();
        Self { name, validity, mod_seq, uids, exists, is_selected: false, confused: false, news }
    }

    /// What the server is told of it when it is opened.
    pub(super) fn resumed(&self) -> Option<Resumed> {
        let (validity, mod_seq) = (self.validity, self.mod_seq);
        (validity != 0 && mod_seq != 0).then_some(Resumed { validity, mod_seq })
    }

    /// Nothing of it is known.
    pub(super) fn forget(&mut self, validity: u32) {
        self.validity = validity;
        self.mod_seq = 0;
        self.uids.clear();
        self.confused = false;
        self.news = News { whole: true, ..News::default() };
    }

    /// Its letters.
    pub(super) fn uids(&self) -> &[u32] {
        &self.uids
    }

    /// The UID behind the last one.
    pub(super) fn next_uid(&self) -> u32 {
        self.uids.last().map_or(1, |uid| uid.saturating_add(1))
    }

    /// Whether there are letters that aren't known yet.
    pub(super) fn lacks_some(&self) -> bool {
        self.exists > self.uids.len()
    }

    /// Whether what is known isn't what the server says.
    pub(super) fn is_confused(&self) -> bool {
        self.confused || self.exists < self.uids.len()
    }

    /// That it is known again, however many the server has said.
    pub(super) fn settle(&mut self) {
        self.exists = self.uids.len();
        self.confused = false;
    }

    /// What has changed, once.
    pub(super) fn take_news(&mut self) -> News {
        std::mem::take(&mut self.news)
    }

    /// Takes a response. Those of nobody's business change nothing (row U13).
    pub(super) fn hear(&mut self, data: &Data) {
        match data {
            Data::Exists(exists) => {
                self.exists = usize::try_from(*exists).unwrap_or(usize::MAX).min(IMAP_LETTERS_MAX);
            }
            Data::Expunge(number) => match place(*number).filter(|at| *at < self.uids.len()) {
                Some(at) => {
                    let uid = self.uids.remove(at);
                    self.news.gone.push(uid);
                    self.exists = self.exists.saturating_sub(1);
                }
                // One that wasn't told yet.
                None if self.lacks_some() => self.exists = self.exists.saturating_sub(1),
                None => self.confused = true,
            },
            Data::Vanished { when, uids } => {
                let before = self.uids.len();
                let ranges = uids.resolve(u32::MAX);
                let is_gone = |uid: &u32| {
                    let at = ranges.partition_point(|range| range.end() < uid);
                    ranges.get(at).is_some_and(|range| range.contains(uid))
                };
                self.news.gone.extend(self.uids.iter().copied().filter(is_gone));
                self.uids.retain(|uid| !is_gone(uid));
                if *when == Vanishing::Now {
                    self.exists = self.exists.saturating_sub(before - self.uids.len());
                    // Those that weren't told yet count, too (RFC 7162 §3.2.10): EXISTS comes again.
                }
            }
            Data::Fetch { number, items } => self.fetched(*number, items),
            _ => {}
        }
    }

    fn fetched(&mut self, number: NonZeroU32, items: &[FetchItem]) {
        let (uid, marks) = told(items);
        let Some(at) = place(number) else { return };
        let Some(uid) = uid.or_else(|| self.uids.get(at).copied()) else { return };
        if self.uids.get(at) != Some(&uid) && self.uids.binary_search(&uid).is_err() {
            // Only what comes behind all others is new.
            if self.uids.last().is_some_and(|last| *last > uid)
                || self.uids.len() >= IMAP_LETTERS_MAX
            {
                self.confused = true;
                return;
            }
            self.uids.push(uid);
            self.exists = self.exists.max(self.uids.len());
        }
        if let Some(marks) = marks {
            self.news.letters.push((uid, marks));
        }
    }
}

fn place(number: NonZeroU32) -> Option<usize> {
    usize::try_from(number.get() - 1).ok()
}

#[cfg(test)]
mod tests {
    use postroad_imap::NameEncoding;
    use postroad_imap::response::Response;

    use super::*;

    fn view(uids: &[u32]) -> View {
        View::new(MailboxName::inbox(), 7, 3, uids.to_vec())
    }

    fn hear(view: &mut View, lines: &[&str]) {
        for line in lines {
            match Response::parse(line.as_bytes(), NameEncoding::Utf7).unwrap() {
                Response::Data(data) => view.hear(&data),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn what_others_change_is_told() {
        for (before, lines, uids, gone, letters, lacks) in [
            (&[5, 9][..], &["* 3 EXISTS"][..], &[5, 9][..], &[][..], 0, true),
            (&[5, 9], &["* 3 EXISTS", "* 3 FETCH (UID 12 FLAGS ())"], &[5, 9, 12], &[], 1, false),
            (&[5, 9, 12], &["* 2 EXPUNGE", "* 2 EXPUNGE"], &[5], &[9, 12], 0, false),
            (&[5, 9, 12], &["* VANISHED 1:9,100:4294967295"], &[12], &[5, 9], 0, false),
            (&[5, 9], &["* 1 EXISTS", "* VANISHED (EARLIER) 5"], &[9], &[5], 0, false),
            (&[5, 9], &["* 1 FETCH (FLAGS (\\Seen))"], &[5, 9], &[], 1, false),
            // One that is gone before it was told.
            (&[5], &["* 2 EXISTS", "* 2 EXPUNGE"], &[5], &[], 0, false),
            // A letter that no UID is known of, and one of nothing else.
            (&[5], &["* 2 FETCH (FLAGS ())", "* 1 FETCH (UID 5)"], &[5], &[], 0, false),
        ] {
            let mut view = view(before);
            hear(&mut view, lines);
            let news = view.take_news();
            assert_eq!((view.uids.as_slice(), news.gone.as_slice()), (uids, gone), "{lines:?}");
            assert_eq!((news.letters.len(), view.lacks_some()), (letters, lacks), "{lines:?}");
            assert!(view.take_news().is_nothing());
        }
    }

    #[test]
    fn u13_numbers_that_do_not_fit_are_noticed_and_cost_nothing() {
        for lines in [
            &["* 3 EXPUNGE"][..],
            &["* 4294967295 EXPUNGE"],
            &["* 1 FETCH (UID 7 FLAGS ())"],
            &["* 1 EXISTS"],
        ] {
            let mut view = view(&[5, 9]);
            hear(&mut view, lines);
            assert!(view.is_confused(), "{lines:?}");
        }
        let mut view = view(&[5, 9]);
        hear(&mut view, &["* 4294967295 EXISTS", "* 4294967295 FETCH (UID 4294967295 FLAGS ())"]);
        assert!(view.exists <= IMAP_LETTERS_MAX && view.uids.len() == 3);
    }
}
