//! The log on standard error: `tracing`, one line per event, with every field escaped and bounded.
//!
//! ```text
//! 2026-01-02T03:04:05.678901Z INFO mta delivered queue_id=4Fx2 to=bob@example.org status=sent reply="250 2.0.0 Ok"
//! {"time":"2026-01-02T03:04:05.678901Z","level":"INFO","target":"mta","message":"delivered","queue_id":"4Fx2",…}
//! ```
//! A value that could be mistaken for more than one word is quoted; in quotes `"` and `\` are escaped,
//! and control characters everywhere ([`crate::inert`]). Fields of the spans around an event come before
//! its own. Under journald the time is left to it, and the level goes in front as `<6>` (sd-daemon(3)).
//!
//! A process without settings has the host's log ([`start_with_the_hosts`]).
//!
//! Lines are written by a thread of their own: where standard error blocks, lines are dropped, counted,
//! and the number logged when it moves again. A panic is logged as one line too.

mod line;
mod syslog;

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{EnvFilter, Registry, reload};

use crate::background::{Bounds, FLUSH_AT_END, Sink, Writer};
use line::{Clock, Lines, Style};
use syslog::HostsLog;

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `key=value` words.
    Text,
    /// A JSON object a line.
    Json,
}

/// Why no log could be started.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct LogError(pub String);

/// The process's log; waits for its last lines (a second at most) when it is dropped, so keep it until
/// `main` ends.
#[derive(Debug)]
pub struct Log(());

impl Drop for Log {
    fn drop(&mut self) {
        flush();
    }
}

static WRITER: OnceLock<Arc<Writer>> = OnceLock::new();
static FILTER: OnceLock<reload::Handle<EnvFilter, Registry>> = OnceLock::new();

/// A second of lines of a very busy agent.
const BOUNDS: Bounds = Bounds { octets_max: 4 * 1024 * 1024, gather: Duration::from_millis(10) };

/// Starts the log of this process; `level` is as in `info,postroad_mta=debug`.
///
/// # Errors
/// Where `level` can't be read, or a log was started already.
pub fn start(format: Format, level: &str) -> Result<Log, LogError> {
    let (filter, handle) = reload::Layer::new(filter(level)?);
    let stderr =
        Stderr::open(format).map_err(|error| LogError(format!("cannot start the log: {error}")))?;
    let style = stderr.style;
    let writer = Writer::start("log", BOUNDS, stderr)
        .map_err(|error| LogError(format!("cannot start the log: {error}")))?;
    let writer = Arc::clone(WRITER.get_or_init(|| Arc::new(writer)));
    let subscriber =
        tracing_subscriber::registry().with(filter).with(Lines::new(style, Clock::System, writer));
    tracing::subscriber::set_global_default(subscriber)
        .map_err(|_| LogError("the log was started already".into()))?;
    // Only whoever came first gets here.
    let _ = FILTER.set(handle);
    log_panics();
    Ok(Log(()))
}

/// Starts the log of a process that has no settings, and so nowhere else to write to: with the host's log, as syslog(3)
/// does, under this name and for the mail system. Nothing happens where nobody listens there. Lines go out at once; those
/// that would have to wait are lost.
pub fn start_with_the_hosts(name: &'static str) {
    // Where there is a log already, that is the better one.
    let _ = tracing::subscriber::set_global_default(HostsLog::new(name));
}

/// Says whether [`start`] would take `level`.
///
/// # Errors
/// What is wrong with it.
pub fn check_level(level: &str) -> Result<(), LogError> {
    filter(level).map(drop)
}

/// Changes the level of the log that [`start`] started; nothing happens where there is none.
///
/// # Errors
/// As [`check_level`]; the old level stays.
pub fn set_level(level: &str) -> Result<(), LogError> {
    let filter = filter(level)?;
    let Some(handle) = FILTER.get() else { return Ok(()) };
    handle.reload(filter).map_err(|error| LogError(format!("cannot change the level: {error}")))
}

fn filter(level: &str) -> Result<EnvFilter, LogError> {
    let wrong = |error| {
        LogError(format!(
            "\"{level}\" is no log level: write error, warn, info, debug, or a filter such as \"info,postroad_mta=debug\" ({error})"
        ))
    };
    EnvFilter::builder().parse(level).map_err(wrong)
}

/// Waits until all lines so far are written, a second at most.
pub fn flush() {
    if let Some(writer) = WRITER.get() {
        writer.flush(FLUSH_AT_END);
    }
}

/// Lines lost so far.
pub fn dropped() -> u64 {
    WRITER.get().map_or(0, |writer| writer.dropped())
}

/// One line for a panic, in place of the standard several.
fn log_panics() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let text = info.payload_as_str().unwrap_or("no text");
        tracing::error!(place, text, "panicked");
        flush();
    }));
}

/// Standard error through a descriptor of our own: its lock in the standard library must not be held
/// while a write blocks, or every `eprintln!` would block too.
struct Stderr {
    file: File,
    style: Style,
}

impl Stderr {
    fn open(format: Format) -> io::Result<Self> {
        let file = File::from(io::stderr().as_fd().try_clone_to_owned()?);
        let style = match format {
            Format::Json => Style::Json,
            Format::Text if is_journal(&file, std::env::var("JOURNAL_STREAM").ok()) => {
                Style::Journal
            }
            Format::Text => Style::Text,
        };
        Ok(Self { file, style })
    }
}

/// Whether systemd's journal reads the other end (`$JOURNAL_STREAM` in systemd.exec(5)).
fn is_journal(file: &File, journal_stream: Option<String>) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let ours = file.metadata().map(|m| format!("{}:{}", m.dev(), m.ino()));
    journal_stream.is_some_and(|theirs| ours.is_ok_and(|ours| ours == theirs))
}

impl Sink for Stderr {
    fn write(&mut self, batch: &[u8]) -> io::Result<()> {
        self.file.write_all(batch)
    }

    fn lost(&mut self, lines: u64) {
        let notice = line::lost_notice(self.style, Clock::System, lines);
        // The next write fails too, and is counted.
        let _ = self.file.write_all(notice.as_bytes());
    }
}
