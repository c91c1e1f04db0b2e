//! Letters of the delivery agent's own, into a user's inbox: nothing answers them, and no rule sees them.

use std::time::SystemTime;

use postroad_protocol::address::{Address, ReversePath};
use postroad_protocol::trace_fields;
use postroad_store::{Draft, StoreError};

/// What a user is told.
#[derive(Debug)]
pub(crate) struct Notice<'a> {
    pub(crate) to: &'a Address,
    /// This host.
    pub(crate) host: &'a str,
    pub(crate) subject: &'a str,
    /// Lines that end in CRLF, without anything that a terminal obeys.
    pub(crate) body: &'a str,
}

impl Notice<'_> {
    /// Writes it.
    pub(crate) fn write(&self, draft: &mut Draft) -> Result<(), StoreError> {
        let letter = self.letter(draft.id());
        draft.write(letter.as_bytes())
    }

    fn letter(&self, id: &str) -> String {
        let Self { to, host, subject, body } = self;
        let mut top = Vec::new();
        trace_fields::write_return_path(&ReversePath::Null, &mut top);
        trace_fields::write_delivered_to(to, &mut top);
        let top = String::from_utf8_lossy(&top);
        let date = trace_fields::date(SystemTime::now());
        let message_id = message_id(id, host);
        format!(
            "{top}From: Mail delivery <postmaster@{host}>\r\n\
             To: <{to}>\r\n\
             Subject: {subject}\r\n\
             Date: {date}\r\n\
             Message-ID: {message_id}\r\n\
             Auto-Submitted: auto-generated\r\n\
             MIME-Version: 1.0\r\n\
             Content-Type: text/plain; charset=utf-8\r\n\
             Content-Transfer-Encoding: 8bit\r\n\
             \r\n\
             {body}"
        )
    }
}

/// A Message-ID from a letter's name.
pub(crate) fn message_id(name: &str, host: &str) -> String {
    format!("<{}@{host}>", unique_part(name))
}

/// The part of a letter's name that is drawn: what follows may be no Message-ID's.
pub(crate) fn unique_part(name: &str) -> String {
    name.split('.').take(2).collect::<Vec<_>>().join(".")
}
