//! What a mailbox may hold: letters for a full one are refused, and its owner is told in time.
//!
//! Who says what it may hold: the file of users for one of them, else the settings, else the `maildirsize` that is
//! there ([`postroad_store::Quota`]). It is asked twice: at RCPT ([`Quotas::remembered`], [`Quotas::look`]), where a
//! refusal costs nobody a bounce, and when the letter is written ([`Quotas::take`]).
//!
//! At RCPT nobody knows yet which letter it is, and it may be the one that has filled the mailbox, come again since the
//! reply was lost: refused, it would be given back to its sender, although it was delivered. So what was delivered a
//! short time ago doesn't count there; when the letter is written all does, but for one that is recognised.
//!
//! A quota that can't be read or written is no reason to refuse a letter: it is filed and not counted.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use postroad_accounts::QuotaRule;
use postroad_config::{MailboxQuota, OverQuota};
use postroad_protocol::address::Address;
use postroad_protocol::reply::Reply;
use postroad_store::{Counted, Draft, Limits, Quota, Standing, StoreError, Usage};

use crate::rules::Mailbox;
use crate::{events, limits, replies};

mod mark;
mod warning;

use mark::Mark;

/// The quotas of all mailboxes.
#[derive(Debug)]
pub(crate) struct Quotas {
    settings: MailboxQuota,
    known: Mutex<HashMap<PathBuf, Arc<Known>>>,
}

/// Whose mailbox it is.
#[derive(Debug)]
pub(crate) struct Account<'a> {
    pub(crate) mailbox: Mailbox<'a>,
    /// What the file of users says.
    pub(crate) rule: QuotaRule,
    pub(crate) to: &'a Address,
    /// This host.
    pub(crate) host: &'a str,
}

/// What this process knows of a mailbox.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// One letter at a time is weighed against what is there.
    turn: Mutex<()>,
    sight: Mutex<Option<(Sight, Instant)>>,
    /// Who looks at it for RCPT; a thread holds it for as long as it is stuck there.
    pub(crate) looking: Arc<tokio::sync::Mutex<()>>,
    /// That has taken too long.
    pub(crate) hangs: AtomicBool,
}

/// What was seen of a mailbox.
#[derive(Debug, Clone, Copy)]
enum Sight {
    /// It may hold anything.
    Unlimited,
    Limited(Standing, Mark, Young),
}

/// What was delivered within [`limits::QUOTA_YOUNG`].
#[derive(Debug, Clone, Copy)]
enum Young {
    Unknown,
    Is(Usage),
}

/// What all drafts of a letter add.
pub(crate) fn weigh(drafts: &mut [Draft]) -> Result<Usage, StoreError> {
    drafts.iter_mut().try_fold(Usage::default(), |sum, draft| Ok(sum.and(draft.usage()?)))
}

impl Quotas {
    pub(crate) fn new(settings: MailboxQuota) -> Self {
        Self { settings, known: Mutex::default() }
    }

    /// What is known of a mailbox.
    pub(crate) fn known(&self, mailbox: &Path) -> Arc<Known> {
        let mut known = lock(&self.known);
        if known.len() >= limits::QUOTAS_KNOWN_MAX && !known.contains_key(mailbox) {
            // Not those that somebody is in.
            known.retain(|_, known| Arc::strong_count(known) > 1);
        }
        Arc::clone(known.entry(mailbox.to_owned()).or_default())
    }

    /// The answer to RCPT where it is known without a look at the mailbox.
    pub(crate) fn remembered(&self, known: &Known, adding: Usage) -> Option<Result<(), Reply>> {
        let (sight, at) = (*lock(&known.sight))?;
        if at.elapsed() > limits::QUOTA_AGE_MAX {
            return None;
        }
        let answer = self.answer(sight, adding);
        // A sum says yes; for a no, letters have to be counted.
        let is_certain = match sight {
            Sight::Unlimited => true,
            Sight::Limited(.., Young::Unknown) => false,
            Sight::Limited(standing, ..) => standing.is_confirmed(),
        };
        (answer.is_ok() || is_certain).then_some(answer)
    }

    /// The answer to RCPT; blocks.
    pub(crate) fn look(&self, account: &Account<'_>, adding: Usage) -> Result<(), Reply> {
        let known = self.known(account.mailbox.inbox.root());
        let seen = self.see(account, adding).and_then(|sight| match sight {
            Sight::Limited(standing, mark, _) if self.answer(sight, adding).is_err() => {
                let moment = SystemTime::now() - limits::QUOTA_YOUNG;
                let young = self.quota(account).since(moment)?;
                Ok(Sight::Limited(standing, mark, Young::Is(young)))
            }
            sight => Ok(sight),
        });
        match seen {
            Ok(sight) => {
                known.saw(sight);
                self.answer(sight, adding)
            }
            Err(error) => {
                events::quota_unknown(account.mailbox.inbox.root(), &error);
                Ok(())
            }
        }
    }

    /// Counts a letter that is about to be delivered; blocks. Where it is too much, that is the reply.
    pub(crate) fn take(
        &self,
        account: &Account<'_>,
        adding: Usage,
    ) -> Result<Option<Counted>, Reply> {
        if adding == Usage::default() {
            return Ok(None);
        }
        let known = self.known(account.mailbox.inbox.root());
        let _turn = lock(&known.turn);
        let unknown = |error| {
            events::quota_unknown(account.mailbox.inbox.root(), &error);
            Ok(None)
        };
        let (standing, mark) = match self.see(account, adding) {
            Ok(Sight::Limited(standing, mark, _)) => (standing, mark),
            Ok(Sight::Unlimited) => return Ok(None),
            Err(error) => return unknown(error),
        };
        self.answer(Sight::Limited(standing, mark, Young::Unknown), adding)?;
        match self.count(account, standing, mark, adding) {
            Ok((counted, sight)) => {
                known.saw(sight);
                Ok(Some(counted))
            }
            Err(error) => unknown(error),
        }
    }

    /// Looks at a mailbox, and counts its letters where it would else be refused by a sum.
    fn see(&self, account: &Account<'_>, adding: Usage) -> Result<Sight, StoreError> {
        let quota = self.quota(account);
        let Some(mut standing) = quota.standing()? else { return Ok(Sight::Unlimited) };
        if !standing.fits(adding, self.settings.last_letter) {
            standing = quota.confirmed(standing)?;
        }
        let mark = Mark::read(account.mailbox)?;
        let seen = match standing.is_full() {
            true => mark.full(SystemTime::now()),
            false => mark.not_full(),
        };
        if seen != mark {
            seen.write(account.mailbox)?;
        }
        Ok(Sight::Limited(standing, seen, Young::Unknown))
    }

    fn count(
        &self,
        account: &Account<'_>,
        standing: Standing,
        mark: Mark,
        adding: Usage,
    ) -> Result<(Counted, Sight), StoreError> {
        let quota = self.quota(account);
        // Nobody is warned by a sum either.
        let standing = match self.threshold(standing.with(adding)) > mark.warned {
            true => quota.confirmed(standing)?,
            false => standing,
        };
        let counted = quota.count(adding)?;
        let mark = self.warn(account, &quota, standing, adding, mark);
        Ok((counted, Sight::Limited(standing.with(adding), mark, Young::Unknown)))
    }

    /// Tells the owner of a mailbox that has just got fuller than one of the thresholds; once, until it is less
    /// full again.
    fn warn(
        &self,
        account: &Account<'_>,
        quota: &Quota<'_>,
        before: Standing,
        adding: Usage,
        mark: Mark,
    ) -> Mark {
        let after = before.with(adding);
        let (told, reached) = (mark.warned.min(self.threshold(before)), self.threshold(after));
        let new = Mark { warned: told.max(reached), ..mark };
        if new == mark {
            return mark;
        }
        // First the mark: where it can't be written, nobody is told with each letter.
        let warned = new.write(account.mailbox).and_then(|()| match reached > told {
            true => warning::deliver(account, quota, after),
            false => Ok(()),
        });
        match warned {
            Ok(()) if reached > told => events::quota_warned(account.to, after.percent()),
            Ok(()) => {}
            Err(error) => events::quota_not_warned(account.to, &error),
        }
        new
    }

    /// The highest threshold that is reached; 0 for none.
    fn threshold(&self, standing: Standing) -> u64 {
        let reached = self.settings.warn_at.iter().filter(|at| **at <= standing.percent());
        reached.max().copied().unwrap_or(0)
    }

    fn answer(&self, sight: Sight, adding: Usage) -> Result<(), Reply> {
        let Sight::Limited(standing, mark, young) = sight else { return Ok(()) };
        let standing = match young {
            Young::Unknown => standing,
            Young::Is(young) => standing.without(young),
        };
        if standing.fits(adding, self.settings.last_letter) {
            return Ok(());
        }
        Err(match self.settings.over {
            OverQuota::Temporary => replies::full_for_now(),
            OverQuota::Permanent => replies::full_for_good(),
            OverQuota::TemporaryFor(time) => match mark.full_for(time, SystemTime::now()) {
                true => replies::full_for_good(),
                false => replies::full_for_now(),
            },
        })
    }

    fn quota<'a>(&self, account: &Account<'a>) -> Quota<'a> {
        let Mailbox { courier, inbox } = account.mailbox;
        Quota::of(courier, inbox, self.limits(account.rule))
    }

    /// What a mailbox may hold, where anybody says so.
    fn limits(&self, rule: QuotaRule) -> Option<Limits> {
        let said = self.settings.of(rule.octets, rule.letters);
        said.map(|(octets, letters)| Limits::of(octets, letters))
    }
}

impl Known {
    fn saw(&self, sight: Sight) {
        *lock(&self.sight) = Some((sight, Instant::now()));
    }
}

/// Nothing in here is left half changed by a panic: the next one may go on.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
