//! What this agent tells `postroad trace`: that a letter exists, and what the submission server said.

use std::time::SystemTime;

use mail_parser::MessageParser;
use postroad_observe::trace::{Event, Journal, Status};
use postroad_protocol::client::Verdict;
use postroad_queue::QueueRow;

use crate::account::{Account, Submission};
use crate::compose::Letter;

/// Octets that this agent's trace keeps.
const OCTETS_MAX: u64 = 16 * 1024 * 1024;

/// The account's records; where its folder isn't ours to write, nobody is told.
fn journal(account: &Account) -> Option<Journal> {
    let folder = account.trace.as_deref().filter(|folder| folder.is_dir())?;
    Journal::open(folder, "mua", OCTETS_MAX).ok()
}

/// A letter is safe in the outbox, or with the MTA.
pub(crate) fn composed(letter: &Letter, account: &Account) {
    let Some(journal) = journal(account) else { return };
    let recipients = &letter.envelope.recipients;
    let event = Event::Composed {
        from: letter.envelope.reverse_path.to_string(),
        to: recipients.iter().map(|recipient| recipient.address.to_string()).collect(),
        octets: letter.content.len() as u64,
    };
    journal.record(None, Some(letter.message_id.as_str()), event);
    journal.flush();
}

/// What became of a letter's recipients at the submission server.
pub(crate) fn handed_over(
    account: &Account,
    row: &QueueRow,
    content: &[u8],
    verdicts: &[(usize, &Verdict)],
) {
    let Some(journal) = journal(account) else { return };
    let Some(message_id) = message_id(content) else { return };
    let delay = SystemTime::now().duration_since(row.arrived).unwrap_or_default();
    for (index, verdict) in verdicts {
        let Some(recipient) = row.envelope.recipients.get(*index) else { continue };
        let (status, reply) = match verdict {
            Verdict::Accepted(reply) => (Status::Sent, reply),
            Verdict::Deferred(reply) => (Status::Deferred, reply),
            // It stays in the outbox, for its author to decide about.
            Verdict::Refused(reply) => {
                let reply = format!("{}: {reply}", recipient.address);
                journal.record(None, Some(&message_id), Event::Refused { reply });
                continue;
            }
        };
        let event = Event::Outcome {
            to: recipient.address.to_string(),
            status,
            reply: reply.to_string(),
            next_hop: next_hop(account),
            delay_s: delay.as_secs_f64(),
        };
        journal.record(None, Some(&message_id), event);
    }
    journal.flush();
}

fn message_id(content: &[u8]) -> Option<String> {
    let header = MessageParser::new().with_message_ids().parse_headers(content)?;
    header.message_id().map(str::to_owned)
}

fn next_hop(account: &Account) -> String {
    match &account.submission {
        Submission::Server { host, port, .. } => format!("{host}:{port}"),
        Submission::Socket(path) => path.display().to_string(),
    }
}
