//! The host's log, through the socket that syslog(3) writes to.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use super::line::{Clock, Lines, Style, Take};

/// Where whoever keeps the host's log listens.
const SOCKET: &str = "/dev/log";

/// The log of a process that mostly has nothing to say, and no spans: until it has, it costs nothing.
pub(super) struct HostsLog(Lines<Syslog>);

impl HostsLog {
    /// Of the program of this name.
    pub(super) fn new(name: &'static str) -> Self {
        Self::at(SOCKET.as_ref(), name, Clock::System)
    }

    fn at(socket: &Path, name: &'static str, clock: Clock) -> Self {
        let syslog = Syslog { path: socket.to_owned(), socket: OnceLock::new() };
        Self(Lines::new(Style::Syslog(name), clock, syslog))
    }
}

impl Subscriber for HostsLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO
    }

    fn event(&self, event: &Event<'_>) {
        self.0.event(event, |_| {});
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// A socket that is connected to it with the first line.
struct Syslog {
    path: PathBuf,
    socket: OnceLock<io::Result<UnixDatagram>>,
}

impl Take for Syslog {
    /// A line is a datagram. Where it can't be had at once, it is lost: no letter waits for a log.
    fn take(&self, line: &[u8]) {
        let connect = || {
            let socket = UnixDatagram::unbound()?;
            socket.set_nonblocking(true)?;
            socket.connect(&self.path)?;
            Ok(socket)
        };
        if let Ok(socket) = self.socket.get_or_init(connect) {
            let _ = socket.send(line.trim_ascii_end());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(path: &Path, work: impl FnOnce()) {
        let log = HostsLog::at(path, "postroad-mda", Clock::Fixed);
        tracing::subscriber::with_default(log, work);
    }

    #[test]
    fn lines_are_datagrams_as_syslog_has_them() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let daemon = UnixDatagram::bind(&path).unwrap();
        with(&path, || {
            tracing::warn!(target: "postroad_mda", to = "a b\n<0>x", "not told");
            tracing::debug!("not for the host's log");
            let _span = tracing::info_span!("nobody's").entered();
            tracing::info!("rules followed");
        });
        let heard = || {
            let mut octets = [0; 4096];
            let count = daemon.recv(&mut octets).unwrap();
            String::from_utf8(octets[..count].to_vec()).unwrap()
        };
        let pid = std::process::id();
        let first = heard();
        // LOG_MAIL with LOG_WARNING and LOG_INFO.
        assert!(first.starts_with("<20>"), "{first}");
        let rest = format!(" postroad-mda[{pid}]: not told to=\"a b\\n<0>x\"");
        assert!(first.ends_with(&rest), "{first}");
        // The time as asctime(3) has it, without the year.
        assert_eq!(first.len(), "<20>Jan  1 00:00:00".len() + rest.len(), "{first}");
        assert!(heard().starts_with("<22>"));
    }

    #[test]
    fn f22_a_daemon_that_reads_nothing_holds_up_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let _daemon = UnixDatagram::bind(&path).unwrap();
        with(&path, || {
            for n in 0..10_000 {
                tracing::warn!(n, "one more");
            }
        });
        with(&dir.path().join("nobody"), || tracing::warn!("lost"));
    }
}
