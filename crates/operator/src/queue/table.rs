//! Messages as rows. Addresses and replies come from strangers: nothing in them reaches the screen raw.

use std::borrow::Cow;

use postroad_observe::control::{Message, Recipient, State};
use postroad_observe::inert;

use crate::screen::{self, shown};

/// What a column of text keeps on a narrow terminal, in characters.
const NARROW: usize = 12;
/// Between two columns.
const GAP: usize = 2;

/// The table of `queue list`: a row for each message and recipient, as wide as the terminal.
pub(super) fn table(messages: &[Message], now: u64, columns: usize) -> String {
    let rows: Vec<[String; 7]> = messages.iter().flat_map(|message| rows(message, now)).collect();
    let head = ["ID", "AGE", "SIZE", "FROM", "TO", "NEXT", "LAST REPLY"];
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).chain([head[column].len()]).max().unwrap_or(0)
    };
    let fixed: usize = [0, 1, 2, 5].into_iter().map(width).sum::<usize>() + 6 * GAP;
    let [from, to, last] = fitted([width(3), width(4), width(6)], columns.saturating_sub(fixed));
    let mut table = screen::table(head);
    for [id, age, size, sender, recipient, next, reply] in rows {
        let (sender, recipient) = (cut(&sender, from), cut(&recipient, to));
        table.add_row([id, age, size, sender, recipient, next, cut(&reply, last)]);
    }
    screen::show(&table)
}

/// Takes from the widest until all fit, or are as narrow as they may be.
fn fitted(mut widths: [usize; 3], room: usize) -> [usize; 3] {
    while widths.iter().sum::<usize>() > room
        && let Some(widest) = widths.iter_mut().max()
        && *widest > NARROW
    {
        *widest -= 1;
    }
    widths
}

fn cut(text: &str, max: usize) -> String {
    // Escaped already: once is enough.
    match text.char_indices().nth(max) {
        None => text.to_owned(),
        Some(_) => text.chars().take(max.saturating_sub(1)).chain(['…']).collect(),
    }
}

fn rows(message: &Message, now: u64) -> Vec<[String; 7]> {
    let age = screen::span(now.saturating_sub(message.arrived));
    let sender = escaped(sender(message));
    let mut head = [message.queue_id.clone(), age, screen::size(message.octets), sender];
    let mut rows = Vec::new();
    for recipient in &message.recipients {
        let [id, age, size, from] = std::mem::take(&mut head);
        let last = reason(recipient).map_or_else(|| "-".to_owned(), escaped);
        rows.push([id, age, size, from, escaped(&recipient.address), next(recipient, now), last]);
    }
    if message.more_recipients > 0 {
        let more = format!("and {} more", screen::grouped(message.more_recipients));
        rows.push([
            String::new(),
            String::new(),
            String::new(),
            String::new(),
            more,
            String::new(),
            String::new(),
        ]);
    }
    rows
}

/// When a recipient is tried next.
pub(super) fn next(recipient: &Recipient, now: u64) -> String {
    match (recipient.state, recipient.due) {
        (State::Held, _) => "held".to_owned(),
        (State::Done, _) => "done".to_owned(),
        (State::Waiting, Some(due)) if due > now => format!("in {}", screen::span(due - now)),
        (State::Waiting, _) => "now".to_owned(),
    }
}

/// Why a recipient waits: what was said to it last, or why its next hop is left alone.
pub(super) fn reason(recipient: &Recipient) -> Option<&str> {
    recipient.last.as_deref().or(recipient.left_alone.as_deref())
}

pub(super) fn sender(message: &Message) -> &str {
    if message.sender.is_empty() { "<>" } else { &message.sender }
}

pub(super) fn escaped(text: &str) -> String {
    inert::escape(text).into_owned()
}

/// The lines of a message where nobody looks: one a recipient, whole, the columns apart by tabs.
pub(super) fn lines(message: &Message) -> String {
    let mut lines = String::new();
    let arrived = screen::moment(message.arrived);
    for recipient in &message.recipients {
        let next = match (recipient.state, recipient.due) {
            (State::Held, _) => Cow::Borrowed("held"),
            (State::Waiting, Some(due)) => Cow::Owned(screen::moment(due)),
            (State::Waiting | State::Done, _) => Cow::Borrowed("-"),
        };
        let columns = [
            message.queue_id.as_str(),
            &arrived,
            &message.octets.to_string(),
            &shown(sender(message), usize::MAX),
            &shown(&recipient.address, usize::MAX),
            &next,
            &shown(reason(recipient).unwrap_or("-"), usize::MAX),
        ];
        lines.push_str(&columns.join("\t"));
        lines.push('\n');
    }
    lines
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn recipient(
        address: &str,
        state: State,
        due: Option<u64>,
        last: Option<&str>,
    ) -> Recipient {
        Recipient {
            address: address.into(),
            state,
            attempts: 1,
            due,
            last: last.map(str::to_owned),
            left_alone: None,
            next_hop: Some("smtp://relay.example.net:25".into()),
            notify: None,
            orcpt: None,
        }
    }

    /// One with all that there may be, and a bounce.
    pub(in super::super) fn examples() -> [Message; 2] {
        let waiting = |due, last| recipient("bob@example.org", State::Waiting, Some(due), last);
        let hostile = "450 4.2.0 \x1b[31mlater, much later than one would like to hear";
        [
            Message {
                queue_id: "0CKZ3V9A0BCDE".into(),
                arrived: 1_000,
                octets: 4_096,
                sender: "alice@example.test".into(),
                recipients: vec![
                    waiting(5_000, Some(hostile)),
                    recipient("dave@example.org", State::Held, None, None),
                ],
                more_recipients: 7_000,
                ..Message::default()
            },
            Message {
                queue_id: "0CKZ3V9A0BCDF".into(),
                arrived: 4_000,
                octets: 10,
                recipients: vec![recipient(
                    "a-long-name-of-somebody@with.a.long.domain.example",
                    State::Waiting,
                    Some(4_000),
                    None,
                )],
                ..Message::default()
            },
        ]
    }

    #[test]
    fn who_waits_for_a_next_hop_says_why() {
        let [_, mut message] = examples();
        message.recipients[0].due = Some(5_000);
        message.recipients[0].left_alone = Some("451 4.4.1 cannot connect".into());
        assert!(table(&[message.clone()], 4_400, 200).contains("in 10m  451 4.4.1 cannot connect"));
        assert!(lines(&message).ends_with("\t1970-01-01T01:23:20Z\t451 4.4.1 cannot connect\n"));
        message.recipients[0].last = Some("450 4.2.0 later".into());
        assert!(lines(&message).ends_with("\t450 4.2.0 later\n"), "its own reply comes first");
    }

    #[test]
    fn the_queue_as_a_table() {
        let wide = table(&examples(), 4_400, 200);
        let narrow = table(&examples(), 4_400, 100);
        assert!(narrow.lines().all(|line| line.chars().count() <= 100), "{narrow}");
        insta::assert_snapshot!(format!("{wide}\n{narrow}"));
        let least = table(&examples(), 4_400, 0);
        assert!(least.contains("0CKZ3V9A0BCDE"), "{least}");
    }

    #[test]
    fn the_queue_as_lines() {
        insta::assert_snapshot!(examples().iter().map(lines).collect::<String>());
    }
}
