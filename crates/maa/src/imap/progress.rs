//! Telling a client that a long command goes on (RFC 9585).

use std::time::Instant;

use postroad_imap::response::{Code, Status, StatusResponse};
use postroad_imap::value::Tag;

use super::changes::count;
use crate::limits::IMAP_PROGRESS_INTERVAL;

/// When a client was last told.
#[derive(Debug)]
pub(super) struct Reports {
    tag: Tag,
    last: Instant,
}

impl Reports {
    /// Of a command that begins.
    pub(super) fn new(tag: Tag, now: Instant) -> Self {
        Self { tag, last: now }
    }

    /// What is to be said now, if anything is.
    pub(super) fn report(
        &mut self,
        now: Instant,
        done: usize,
        goal: usize,
    ) -> Option<StatusResponse> {
        if now.saturating_duration_since(self.last) < IMAP_PROGRESS_INTERVAL {
            return None;
        }
        self.last = now;
        let progress = Some((count(done), Some(count(goal))));
        let code = Code::InProgress { tag: Some(self.tag.clone()), progress };
        Some(StatusResponse::untagged(Status::Ok, "Still at it").with(code))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test] // Tests RFC 9585 §4.
    fn a_report_now_and_then() {
        let begun = Instant::now();
        let mut reports = Reports::new(Tag::parse(b"a1").unwrap(), begun);
        assert!(reports.report(begun + Duration::from_secs(9), 1, 10).is_none());
        let report = reports.report(begun + Duration::from_secs(10), 2, 10).unwrap();
        let mut line = Vec::new();
        report.write(&mut line, postroad_imap::NameEncoding::Utf8);
        assert_eq!(line, b"* OK [INPROGRESS (\"a1\" 2 10)] Still at it\r\n");
        assert!(reports.report(begun + Duration::from_secs(19), 3, 10).is_none());
        assert!(reports.report(begun + Duration::from_secs(20), 4, 10).is_some());
    }
}
