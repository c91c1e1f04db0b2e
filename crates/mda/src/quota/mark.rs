//! What has to be remembered of a mailbox's quota: a small file in it, which is gone (or says nothing) as long as
//! there is plenty of room.

use std::time::{Duration, SystemTime};

use postroad_store::StoreError;

use crate::rules::Mailbox;

/// The file.
const FILE: &str = "postroad-quota";

/// What it says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Mark {
    /// Since when the mailbox has been full, in seconds since 1970.
    pub(super) full_since: Option<u64>,
    /// The percentage that the user was last told of; 0: of none.
    pub(super) warned: u64,
}

impl Mark {
    pub(super) fn read(mailbox: Mailbox<'_>) -> Result<Self, StoreError> {
        Ok(Self::parse(&mailbox.courier.mark(mailbox.inbox, FILE)?))
    }

    pub(super) fn write(self, mailbox: Mailbox<'_>) -> Result<(), StoreError> {
        mailbox.courier.set_mark(mailbox.inbox, FILE, self.text().as_bytes())
    }

    /// The same of a mailbox that is full now.
    pub(super) fn full(self, now: SystemTime) -> Self {
        Self { full_since: self.full_since.or_else(|| Some(seconds(now))), ..self }
    }

    /// The same of one that isn't.
    pub(super) fn not_full(self) -> Self {
        Self { full_since: None, ..self }
    }

    /// Whether the mailbox has been full for so long.
    pub(super) fn full_for(self, time: Duration, now: SystemTime) -> bool {
        self.full_since.is_some_and(|since| seconds(now).saturating_sub(since) >= time.as_secs())
    }

    fn parse(text: &[u8]) -> Self {
        let mut mark = Self::default();
        for line in std::str::from_utf8(text).unwrap_or_default().lines() {
            match line.split_once(' ').map(|(key, value)| (key, value.parse())) {
                Some(("full-since", Ok(seconds))) => mark.full_since = Some(seconds),
                Some(("warned", Ok(percent))) => mark.warned = percent,
                _ => {}
            }
        }
        mark
    }

    fn text(self) -> String {
        let full = self.full_since.map(|seconds| format!("full-since {seconds}\n"));
        let warned = (self.warned > 0).then(|| format!("warned {}\n", self.warned));
        full.into_iter().chain(warned).collect()
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for (mark, text) in [
            (Mark::default(), ""),
            (Mark { full_since: Some(5), warned: 0 }, "full-since 5\n"),
            (Mark { full_since: Some(5), warned: 95 }, "full-since 5\nwarned 95\n"),
            (Mark { full_since: None, warned: 80 }, "warned 80\n"),
        ] {
            assert_eq!((mark.text().as_str(), Mark::parse(text.as_bytes())), (text, mark));
        }
        assert_eq!(Mark::parse(b"\0\0full-since x\nwarned -1\n\xff"), Mark::default());
    }

    #[test]
    fn full_since_the_first_time_and_not_any_more() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let mark = Mark::default().full(at(100)).full(at(150));
        assert!(!mark.full_for(Duration::from_secs(60), at(159)));
        assert!(mark.full_for(Duration::from_secs(60), at(160)));
        assert!(!mark.not_full().full_for(Duration::ZERO, at(200)));
        assert!(!mark.not_full().full(at(300)).full_for(Duration::from_secs(1), at(300)));
        // A clock that was set back.
        assert!(!mark.full_for(Duration::from_secs(1), at(50)));
    }
}
