//! The letters of a mailbox at the prompt: which is the current one, which are struck.

use postroad_store::LetterFlags;

use crate::account::Account;
use crate::error::Error;
use crate::front::Usage;
use crate::mailbox::{Edit, Entry, Mailbox, MailboxError, Mark, Remember};
use crate::mailx::selection::{Among, Facts, Selection};
use crate::render::{Summary, page};

/// An open mailbox, and what was done in it so far.
pub(in crate::commands) struct Letters {
    mailbox: Mailbox,
    /// One for each letter.
    facts: Vec<Facts>,
    /// Whether `facts` have authors and subjects.
    has_headers: bool,
    /// The number of the current letter; 0 where there is none.
    current: usize,
    /// Whether the current letter was shown: `next` means the one behind it then.
    is_begun: bool,
}

impl Letters {
    /// Opens the account's inbox. The current letter is the first that wasn't read, else the first.
    pub(super) async fn open(account: &Account) -> Result<Self, Error> {
        let mut mailbox = Mailbox::open(account).await?;
        let facts: Vec<Facts> = (1..=mailbox.len())
            .map(|number| mailbox.entry(number).map(|entry| facts_of(&entry)).unwrap_or_default())
            .collect();
        let unread = facts.iter().position(|facts| !facts.is_seen);
        let current = unread.map_or(usize::from(!facts.is_empty()), |index| index + 1);
        Ok(Self { mailbox, facts, has_headers: false, current, is_begun: false })
    }

    pub(super) fn len(&self) -> usize {
        self.facts.len()
    }

    pub(super) fn unread(&self) -> usize {
        self.facts.iter().filter(|facts| !facts.is_seen).count()
    }

    pub(super) fn current(&self) -> usize {
        self.current
    }

    pub(super) fn mailbox(&mut self) -> &mut Mailbox {
        &mut self.mailbox
    }

    pub(super) fn go_to(&mut self, number: usize) {
        (self.current, self.is_begun) = (number, true);
    }

    /// The letters that a list stands for.
    pub(super) async fn chosen(
        &mut self,
        list: &Selection,
        among: Among,
    ) -> Result<Vec<usize>, Error> {
        if list.wants_headers() && !self.has_headers {
            self.read_headers().await?;
        }
        let chosen = list.of(&self.facts, self.current, among);
        chosen.map_err(|error| Usage(error.to_string()).into())
    }

    /// The next letter: of a list the first one behind the current one, and else its first.
    pub(super) async fn next(&mut self, list: &Selection) -> Result<usize, Error> {
        if list.is_empty() {
            let list = match self.is_begun || self.is_struck(self.current) {
                true => Selection::next(),
                false => Selection::default(),
            };
            let next = self.chosen(&list, Among::Kept).await;
            let next = next.ok().and_then(|chosen| chosen.first().copied());
            return next.ok_or_else(|| Usage("this is the last letter".into()).into());
        }
        let chosen = self.chosen(list, Among::Kept).await?;
        let behind = chosen.iter().find(|number| **number > self.current);
        Ok(behind.or(chosen.first()).copied().unwrap_or(self.current))
    }

    /// The letter before the current one.
    pub(super) async fn previous(&mut self) -> Result<usize, Error> {
        let chosen = self.chosen(&Selection::previous(), Among::Kept).await.ok();
        let number = chosen.and_then(|chosen| chosen.first().copied());
        number.ok_or_else(|| Usage("this is the first letter".into()).into())
    }

    async fn read_headers(&mut self) -> Result<(), Error> {
        for number in 1..=self.len() {
            let entry = self.entry(number)?;
            let summary = Summary::of(&self.mailbox.header(&entry).await?);
            if let Some(facts) = self.facts.get_mut(number - 1) {
                facts.from = page::people(&summary.from);
                facts.subject = summary.subject;
            }
        }
        self.has_headers = true;
        Ok(())
    }

    pub(super) fn entry(&mut self, number: usize) -> Result<Entry, Error> {
        let unknown = || MailboxError::Unknown { key: number.to_string() };
        Ok(self.mailbox.entry(number).ok_or_else(unknown)?)
    }

    /// A whole letter.
    pub(in crate::commands) async fn message(&mut self, number: usize) -> Result<Vec<u8>, Error> {
        let entry = self.entry(number)?;
        Ok(self.mailbox.message(&entry).await?)
    }

    /// The letters of a list as it was typed, whole.
    pub(in crate::commands) async fn messages(
        &mut self,
        list: &str,
    ) -> Result<Vec<Vec<u8>>, Error> {
        let list = Selection::parse(list).map_err(|error| Usage(error.to_string()))?;
        let mut messages = Vec::new();
        for number in self.chosen(&list, Among::Kept).await? {
            messages.push(self.message(number).await?);
        }
        Ok(messages)
    }

    /// A letter was shown.
    pub(super) async fn read(&mut self, number: usize) -> Result<(), Error> {
        let entry = self.entry(number)?;
        self.mailbox.mark(&entry, Mark::Seen).await?;
        self.change(number, |facts| facts.is_seen = true);
        Ok(())
    }

    pub(super) async fn tag(
        &mut self,
        numbers: &[usize],
        edit: &Edit,
        remember: Remember<'_>,
    ) -> Result<(), Error> {
        let entries: Result<Vec<Entry>, Error> =
            numbers.iter().map(|number| self.entry(*number)).collect();
        self.mailbox.tag(&entries?, edit, remember).await?;
        let is_then = |was: bool, flag: LetterFlags| {
            was && !edit.remove.contains(flag) || edit.add.contains(flag)
        };
        for number in numbers {
            self.change(*number, |facts| {
                facts.is_seen = is_then(facts.is_seen, LetterFlags::SEEN);
                facts.is_flagged = is_then(facts.is_flagged, LetterFlags::FLAGGED);
            });
        }
        Ok(())
    }

    fn change(&mut self, number: usize, change: impl FnOnce(&mut Facts)) {
        let facts = number.checked_sub(1).and_then(|index| self.facts.get_mut(index));
        if let Some(facts) = facts {
            change(facts);
        }
    }

    pub(super) fn is_struck(&self, number: usize) -> bool {
        let facts = number.checked_sub(1).and_then(|index| self.facts.get(index));
        facts.is_some_and(|facts| facts.is_struck)
    }

    /// Strikes a letter: it goes when the mailbox is left.
    pub(super) fn strike(&mut self, number: usize) {
        self.change(number, |facts| facts.is_struck = true);
    }

    /// Takes that back.
    pub(super) fn keep(&mut self, number: usize) {
        self.change(number, |facts| facts.is_struck = false);
    }

    pub(super) fn strike_none(&mut self) {
        self.facts.iter_mut().for_each(|facts| facts.is_struck = false);
    }

    /// Deletes what was struck; gives how many those were.
    pub(super) async fn delete_struck(&mut self, remember: Remember<'_>) -> Result<usize, Error> {
        let struck: Vec<usize> =
            (1..=self.len()).filter(|number| self.is_struck(*number)).collect();
        let struck: Vec<Entry> =
            struck.into_iter().filter_map(|number| self.mailbox.entry(number)).collect();
        // A mailbox that is only read has nothing against that.
        if !struck.is_empty() {
            self.mailbox.delete(&struck, remember).await?;
        }
        Ok(struck.len())
    }

    pub(super) async fn close(self) -> Result<(), Error> {
        Ok(self.mailbox.close().await?)
    }
}

fn facts_of(entry: &Entry) -> Facts {
    let has = |flag| entry.flags.contains(flag);
    Facts { is_seen: has('S'), is_answered: has('R'), is_flagged: has('F'), ..Facts::default() }
}
