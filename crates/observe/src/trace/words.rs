//! A record in words, for a person: `postroad trace`, and what a user agent shows of its own host's agents.

use super::{Event, Speaker, Status};

/// How a piece of a line is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// It went well.
    Good,
    /// It has to wait.
    Late,
    /// It went wrong.
    Bad,
    /// It matters less.
    Faint,
}

/// Characters of a text from outside at most, and of one of several.
const TEXT_MAX: usize = 160;
const LISTED_MAX: usize = 60;

/// One record in words. `safe` makes a text from outside, of so many characters at most, fit to be shown; `paint` colours a
/// piece, where there are colours.
pub fn words(
    event: &Event,
    safe: &dyn Fn(&str, usize) -> String,
    paint: &dyn Fn(Tone, String) -> String,
) -> String {
    let shown = |text: &str| safe(text, TEXT_MAX);
    match event {
        Event::Composed { from, to, octets } => format!(
            "composed, safe in the outbox: {} → {}, {}",
            path(from, safe),
            list(to, safe),
            size(*octets)
        ),
        Event::Session { service, client, helo, tls, login } => {
            let named = if helo.is_empty() { String::new() } else { format!(" ({})", shown(helo)) };
            let tls = tls.as_deref().map_or_else(|| "in clear".to_owned(), shown);
            let login = login.as_deref().map(|login| format!(", login {}", shown(login)));
            let login = login.unwrap_or_default();
            format!("{} from {}{named}, {tls}{login}", shown(service), shown(client))
        }
        Event::Accepted { from, to, octets, sync_us } => format!(
            "accepted: {} → {}, {}; synced to disk in {}, then 250",
            path(from, safe),
            list(to, safe),
            size(*octets),
            span(*sync_us)
        ),
        Event::Refused { reply } => paint(Tone::Bad, format!("refused: {}", shown(reply))),
        Event::Dns { question, answer, took_us } => {
            let took = paint(Tone::Faint, span(*took_us));
            format!("DNS {} → {}  {took}", shown(question), shown(answer))
        }
        Event::NextHop { next_hop, why } => {
            format!("next hop {} ({})", shown(next_hop), shown(why))
        }
        Event::Dialogue { speaker: Speaker::Us, line } => format!("  → {}", shown(line)),
        Event::Dialogue { speaker: Speaker::Them, line } => format!("  ← {}", shown(line)),
        Event::Outcome { to, status, reply, next_hop, delay_s } => {
            let (tone, status) = match status {
                Status::Sent => (Tone::Good, "sent"),
                Status::Deferred => (Tone::Late, "deferred"),
                Status::Bounced => (Tone::Bad, "bounced"),
            };
            let status = paint(tone, format!("status={status}"));
            format!(
                "{status} to {} by {}: {} (delay {delay_s:.2} s)",
                shown(to),
                shown(next_hop),
                shown(reply)
            )
        }
        Event::Filed { to, file, sync_us } => {
            format!("filed for {} as {}; synced in {}", shown(to), shown(file), span(*sync_us))
        }
        Event::Fetched { user, service } => {
            format!("read by {} over {}", shown(user), shown(service))
        }
        Event::Note { text } => shown(text),
    }
}

/// `0 µs`, `850 µs`, `12.3 ms`, `4.25 s`, `12:05 min`, `3:20 h`, `5 d 2 h`
pub fn span(microseconds: u64) -> String {
    let seconds = microseconds / 1_000_000;
    match microseconds {
        0..=999 => format!("{microseconds} µs"),
        1_000..=999_999 => format!("{}.{} ms", microseconds / 1_000, microseconds % 1_000 / 100),
        1_000_000..=59_999_999 => format!("{seconds}.{:02} s", microseconds % 1_000_000 / 10_000),
        60_000_000..=3_599_999_999 => format!("{}:{:02} min", seconds / 60, seconds % 60),
        3_600_000_000..=86_399_999_999 => {
            format!("{}:{:02} h", seconds / 3_600, seconds % 3_600 / 60)
        }
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

/// `950 B`, `12.3 KiB`, `4.0 MiB`
pub fn size(octets: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a tenth of a unit is all that is shown")]
    let octets_f = octets as f64;
    match octets {
        0..=1_023 => format!("{octets} B"),
        1_024..=1_048_575 => format!("{:.1} KiB", octets_f / 1_024.0),
        1_048_576..=1_073_741_823 => format!("{:.1} MiB", octets_f / 1_048_576.0),
        _ => format!("{:.1} GiB", octets_f / 1_073_741_824.0),
    }
}

/// A reverse-path: empty is the null one.
fn path(from: &str, safe: &dyn Fn(&str, usize) -> String) -> String {
    if from.is_empty() { "<>".to_owned() } else { safe(from, TEXT_MAX) }
}

fn list(to: &[String], safe: &dyn Fn(&str, usize) -> String) -> String {
    match to {
        [one] => safe(one, TEXT_MAX),
        [first, second, third, .., _] if to.len() > 4 => {
            let shown = [first, second, third].map(|to| safe(to, LISTED_MAX)).join(", ");
            format!("{shown} and {} more", to.len() - 3)
        }
        several => several.iter().map(|to| safe(to, LISTED_MAX)).collect::<Vec<_>>().join(", "),
    }
}
