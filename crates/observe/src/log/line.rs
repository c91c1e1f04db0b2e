//! An event as one line.

use std::cell::RefCell;
use std::error::Error;
use std::fmt::{self, Write as _};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::background::Writer;
use crate::inert;

/// Octets of a field's value on the line at most, quotes and escapes included.
const VALUE_OCTETS_MAX: usize = 1024;

/// How a line looks, and who reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Words, with the time.
    Text,
    /// Words for journald, which knows the time.
    Journal,
    /// Words for syslog(3), from a program of this name.
    Syslog(&'static str),
    /// A JSON object.
    Json,
}

/// Where the time comes from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Clock {
    System,
    #[cfg(test)]
    Fixed,
}

impl Clock {
    fn now(self) -> Timestamp {
        match self {
            Self::System => Timestamp::now(),
            #[cfg(test)]
            Self::Fixed => Timestamp::UNIX_EPOCH,
        }
    }
}

/// Who takes lines, and never waits.
pub(super) trait Take: Send + Sync + 'static {
    /// Takes one, its line feed included.
    fn take(&self, line: &[u8]);
}

impl Take for Arc<Writer> {
    fn take(&self, line: &[u8]) {
        self.push(line);
    }
}

/// Turns events into lines.
pub(super) struct Lines<T> {
    style: Style,
    clock: Clock,
    to: T,
}

impl<T: Take> Lines<T> {
    pub(super) fn new(style: Style, clock: Clock, to: T) -> Self {
        Self { style, clock, to }
    }
}

/// A span's fields, rendered once.
struct SpanFields(Fields);

impl<T: Take, S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Lines<T> {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::new(self.style);
        attributes.record(&mut fields);
        span.extensions_mut().insert(SpanFields(fields));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(SpanFields(fields)) = span.extensions_mut().get_mut() {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        self.event(event, |line| {
            for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
                if let Some(SpanFields(outer)) = span.extensions().get() {
                    self.style.fields(line, outer);
                }
            }
        });
    }
}

impl<T: Take> Lines<T> {
    /// Hands an event on; `around` adds what the spans around it say.
    pub(super) fn event(&self, event: &Event<'_>, around: impl FnOnce(&mut String)) {
        thread_local! {
            static LINE: RefCell<String> = const { RefCell::new(String::new()) };
        }
        let mut fields = Fields::new(self.style);
        event.record(&mut fields);
        LINE.with_borrow_mut(|line| {
            line.clear();
            let metadata = event.metadata();
            self.style.begin(line, self.clock.now(), metadata.level(), metadata.target());
            self.style.message(line, &fields.message);
            around(line);
            self.style.fields(line, &fields);
            self.style.end(line);
            self.to.take(line.as_bytes());
        });
    }
}

/// What the reader must know where lines are missing.
pub(super) fn lost_notice(style: Style, clock: Clock, lines: u64) -> String {
    let mut line = String::new();
    style.begin(&mut line, clock.now(), &Level::WARN, "postroad_observe");
    style.message(&mut line, "log lines dropped");
    let mut fields = Fields::new(style);
    fields.set("lines", lines.to_string());
    style.fields(&mut line, &fields);
    style.end(&mut line);
    line
}

/// `postroad_mta::inbound::events` is `mta`.
fn short(target: &str) -> &str {
    let name = target.split("::").next().unwrap_or(target);
    name.strip_prefix("postroad_").unwrap_or(name)
}

impl Style {
    fn begin(self, line: &mut String, now: Timestamp, level: &Level, target: &str) {
        let target = short(target);
        // Writing to a String doesn't fail.
        let _ = match self {
            Self::Text => write!(line, "{now:.6} {level} {target}"),
            Self::Journal => write!(line, "<{}>{target}", syslog_priority(level)),
            Self::Syslog(name) => {
                let priority = LOG_MAIL | syslog_priority(level);
                // As the C library writes it: local time, without the year.
                let time = now.to_zoned(TimeZone::system()).strftime("%b %e %H:%M:%S").to_string();
                write!(line, "<{priority}>{time} {name}[{}]:", std::process::id())
            }
            Self::Json => {
                write!(line, r#"{{"time":"{now:.6}","level":"{level}","target":"{target}""#)
            }
        };
    }

    /// Our messages are constant; those of other crates may quote a peer.
    fn message(self, line: &mut String, message: &str) {
        match self {
            Self::Text | Self::Journal | Self::Syslog(_) => {
                line.push(' ');
                let plain = |b: u8| (b.is_ascii_graphic() || b == b' ') && !b"=\"\\".contains(&b);
                match message.len() <= VALUE_OCTETS_MAX && message.bytes().all(plain) {
                    true => line.push_str(message),
                    false => push_quoted(line, message),
                }
            }
            Self::Json => {
                line.push_str(r#","message":"#);
                push_json(line, message);
            }
        }
    }

    fn fields(self, line: &mut String, fields: &Fields) {
        for (name, value) in &fields.rendered {
            let _ = match self {
                Self::Text | Self::Journal | Self::Syslog(_) => write!(line, " {name}={value}"),
                Self::Json => write!(line, ",\"{name}\":{value}"),
            };
        }
    }

    fn end(self, line: &mut String) {
        line.push_str(match self {
            Self::Text | Self::Journal | Self::Syslog(_) => "\n",
            Self::Json => "}\n",
        });
    }

    fn render(self, text: &str) -> String {
        let mut out = String::with_capacity(text.len().min(VALUE_OCTETS_MAX) + 2);
        match self {
            Self::Text | Self::Journal | Self::Syslog(_) if is_word(text) => out.push_str(text),
            Self::Text | Self::Journal | Self::Syslog(_) => push_quoted(&mut out, text),
            Self::Json => push_json(&mut out, text),
        }
        out
    }
}

/// syslog(3): the mail system's lines.
const LOG_MAIL: u8 = 2 << 3;

/// sd-daemon(3): what stands between `<` and `>`.
fn syslog_priority(level: &Level) -> u8 {
    match *level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

/// Needs no quotes: no reader can take it for anything but one value.
fn is_word(text: &str) -> bool {
    (1..=VALUE_OCTETS_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_graphic() && !b"=\"\\".contains(&b))
}

fn push_quoted(out: &mut String, text: &str) {
    push_bounded(out, text, |out, c| match c {
        '"' => out.push_str("\\\""),
        c => inert::push_escaped(out, c),
    });
}

/// A JSON string in which only inert characters stand for themselves (RFC 8259 §7).
fn push_json(out: &mut String, text: &str) {
    push_bounded(out, text, |out, c| match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c if inert::is_inert(c) => out.push(c),
        c => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| {
            let _ = write!(out, "\\u{unit:04x}");
        }),
    });
}

fn push_bounded(out: &mut String, text: &str, push: impl Fn(&mut String, char)) {
    // Room for the longest escape of one character, the ellipsis and the quotes.
    let full = out.len() + VALUE_OCTETS_MAX - 16;
    out.push('"');
    for c in text.chars() {
        if out.len() >= full {
            out.push('…');
            break;
        }
        push(out, c);
    }
    out.push('"');
}

/// The fields of an event or a span, rendered, each name once.
struct Fields {
    style: Style,
    message: String,
    rendered: Vec<(&'static str, String)>,
}

impl Fields {
    fn new(style: Style) -> Self {
        Self { style, message: String::new(), rendered: Vec::new() }
    }

    fn set(&mut self, name: &'static str, value: String) {
        match self.rendered.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.rendered.push((name, value)),
        }
    }

    fn text(&mut self, field: &Field, text: &str) {
        match field.name() {
            "message" => text.clone_into(&mut self.message),
            name => self.set(name, self.style.render(text)),
        }
    }

    fn number(&mut self, field: &Field, number: impl fmt::Display) {
        self.set(field.name(), number.to_string());
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.number(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.number(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.number(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        match value.is_finite() {
            true => self.number(field, value),
            false => self.text(field, &value.to_string()),
        }
    }

    /// The error with its causes: `cannot rename 12.tmp into new/: permission denied`.
    fn record_error(&mut self, field: &Field, error: &(dyn Error + 'static)) {
        let mut text = Bounded::default();
        let _ = write!(text, "{error}");
        let mut cause = error.source();
        while let Some(error) = cause {
            if write!(text, ": {error}").is_err() {
                break;
            }
            cause = error.source();
        }
        self.text(field, &text.0);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = Bounded::default();
        let _ = write!(text, "{value:?}");
        self.text(field, &text.0);
    }
}

/// A String that refuses more than a line shows, which stops the formatting of a huge value.
#[derive(Default)]
struct Bounded(String);

impl fmt::Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let left = 2 * VALUE_OCTETS_MAX - self.0.len().min(2 * VALUE_OCTETS_MAX);
        self.0.push_str(text.get(..text.floor_char_boundary(left)).unwrap_or_default());
        if text.len() > left { Err(fmt::Error) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::background::{Bounds, Sink};
    use proptest::prelude::*;
    use std::io;
    use std::sync::Mutex;
    use std::time::Duration;
    use tracing_subscriber::layer::SubscriberExt as _;

    struct Collect(Arc<Mutex<Vec<u8>>>);

    impl Sink for Collect {
        fn write(&mut self, batch: &[u8]) -> io::Result<()> {
            self.0.lock().unwrap().extend_from_slice(batch);
            Ok(())
        }
    }

    /// What is written while `log` runs.
    fn written(style: Style, log: impl FnOnce()) -> String {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let bounds = Bounds { octets_max: 1 << 20, gather: Duration::from_millis(1) };
        let sink = Collect(Arc::clone(&seen));
        let writer = Arc::new(Writer::start("test", bounds, sink).unwrap());
        let lines = Lines::new(style, Clock::Fixed, Arc::clone(&writer));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), log);
        writer.flush(Duration::from_secs(60));
        let octets = seen.lock().unwrap().clone();
        String::from_utf8(octets).unwrap()
    }

    fn one_delivery() {
        let session =
            tracing::info_span!("session", queue_id = "4Fx2", peer = tracing::field::Empty);
        let _entered = session.enter();
        session.record("peer", "mx 1");
        let refused = io::Error::other("connection \"refused\"");
        let error: &dyn Error = &refused;
        tracing::info!(target: "postroad_mta::events", to = %"bob@example.org", status = "deferred",
            delay_s = 0.5, tries = 3, tls = true, error, "delivery");
    }

    #[test]
    fn a_line_of_words() {
        insta::assert_snapshot!(written(Style::Text, one_delivery), @r#"1970-01-01T00:00:00.000000Z INFO mta delivery queue_id=4Fx2 peer="mx 1" to=bob@example.org status=deferred delay_s=0.5 tries=3 tls=true error="connection \"refused\"""#);
    }

    #[test]
    fn a_line_for_journald() {
        insta::assert_snapshot!(written(Style::Journal, || tracing::error!(target: "postroad_mda", "no room")), @"<3>mda no room");
    }

    #[test]
    fn a_line_of_json() {
        insta::assert_snapshot!(written(Style::Json, one_delivery), @r#"{"time":"1970-01-01T00:00:00.000000Z","level":"INFO","target":"mta","message":"delivery","queue_id":"4Fx2","peer":"mx 1","to":"bob@example.org","status":"deferred","delay_s":0.5,"tries":3,"tls":true,"error":"connection \"refused\""}"#);
    }

    #[test]
    fn the_notice_of_lost_lines() {
        insta::assert_snapshot!(lost_notice(Style::Text, Clock::Fixed, 7), @"1970-01-01T00:00:00.000000Z WARN observe log lines dropped lines=7");
    }

    #[test]
    fn o01_a_field_is_one_field_of_one_line_and_bounded() {
        for text in
            ["a\nb", "a\r\n", "x status=sent", "\"", "\x1b[31m", "\u{2028}", "\u{9b}m", "=", ""]
        {
            for style in [Style::Text, Style::Journal, Style::Json] {
                let line = written(style, || tracing::info!(helo = text, "hello"));
                assert_eq!(line.lines().count(), 1, "{text:?}");
                assert!(!line.contains(" status=sent ") && !line.contains("o=x status"), "{line}");
                assert!(line.trim_end_matches('\n').chars().all(inert::is_inert), "{line:?}");
            }
        }
        let long = "\x1b".repeat(64 * 1024);
        for style in [Style::Text, Style::Json] {
            let line =
                written(style, || tracing::info!(a = long, b = %long, c = ?long, "hello {long}"));
            assert!(line.len() < 4 * VALUE_OCTETS_MAX + 200, "{}", line.len());
        }
    }

    proptest! {
        /// O01: any text, as a value and inside a message, is one line, and JSON reads it back.
        #[test]
        fn o01_any_text_is_one_inert_line(text in any::<String>()) {
            for style in [Style::Text, Style::Journal, Style::Json] {
                let line = written(style, || tracing::info!(text, after = 1, "said {text}"));
                let body = line.strip_suffix('\n').unwrap();
                prop_assert!(body.chars().all(inert::is_inert), "{:?}", body);
                if style == Style::Json {
                    let object: serde_json::Value = serde_json::from_str(body).unwrap();
                    prop_assert_eq!(object.get("after"), Some(&1.into()));
                    if text.len() < 100 {
                        prop_assert_eq!(object.get("text"), Some(&text.as_str().into()));
                    }
                }
            }
        }
    }
}
