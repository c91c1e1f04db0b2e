//! Where a recipient stands, small enough to keep for a million messages.

use super::codec::{decode_reply, encode_reply, micros, time_of};
use crate::spool::{Edit, RecipientState, Standing};

/// [`RecipientState`], with times as microseconds since 1970 and the reply as it stands in a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    Waiting { attempts: u32, due: u64, last: Option<Box<[u8]>> },
    Held { attempts: u32 },
    Done,
}

impl State {
    /// A recipient that nothing was done about yet.
    pub(crate) fn fresh(arrived: u64) -> Self {
        Self::Waiting { attempts: 0, due: arrived, last: None }
    }

    pub(crate) fn of(state: &RecipientState) -> Self {
        match state {
            RecipientState::Waiting { attempts, due, last } => Self::Waiting {
                attempts: *attempts,
                due: micros(*due),
                last: last.as_ref().map(encode_reply),
            },
            RecipientState::Held { attempts } => Self::Held { attempts: *attempts },
            RecipientState::Done => Self::Done,
        }
    }

    /// Where it stands; `None` where it is done.
    pub(crate) fn standing(&self) -> Option<Standing> {
        match self {
            Self::Waiting { .. } => Some(Standing::Waiting),
            Self::Held { .. } => Some(Standing::Held),
            Self::Done => None,
        }
    }

    /// What was said last time, as it stands in a record.
    pub(crate) fn last(&self) -> Option<&[u8]> {
        match self {
            Self::Waiting { last, .. } => last.as_deref(),
            Self::Held { .. } | Self::Done => None,
        }
    }

    pub(crate) fn shown(&self) -> RecipientState {
        match self {
            Self::Waiting { attempts, due, last } => RecipientState::Waiting {
                attempts: *attempts,
                due: time_of(*due),
                last: last.as_deref().and_then(|reply| decode_reply(reply).ok()),
            },
            Self::Held { attempts } => RecipientState::Held { attempts: *attempts },
            Self::Done => RecipientState::Done,
        }
    }

    /// What an attempt's outcome makes of it. Done is final, and what the operator holds back stays
    /// held although an attempt was under way (row Q08).
    pub(crate) fn settle(&mut self, outcome: &Self) {
        match (&mut *self, outcome) {
            (Self::Done, _) => {}
            (Self::Held { attempts }, Self::Waiting { attempts: tried, .. }) => *attempts = *tried,
            (Self::Held { .. } | Self::Waiting { .. }, _) => *self = outcome.clone(),
        }
    }

    /// What an operator's edit makes of it; `at` is when it was done.
    pub(crate) fn edit(&mut self, edit: Edit, at: u64) {
        match (edit, &mut *self) {
            (Edit::Hold, Self::Waiting { attempts, .. }) => {
                *self = Self::Held { attempts: *attempts }
            }
            (Edit::Release, Self::Held { attempts }) => {
                *self = Self::Waiting { attempts: *attempts, due: at, last: None };
            }
            (Edit::Retry, Self::Waiting { due, .. }) => *due = at,
            (Edit::Delete, _) => *self = Self::Done,
            (Edit::Hold, Self::Held { .. } | Self::Done)
            | (Edit::Release, Self::Waiting { .. } | Self::Done)
            | (Edit::Retry, Self::Held { .. } | Self::Done)
            | (Edit::DelayNoticeSent, _) => {}
        }
    }
}
