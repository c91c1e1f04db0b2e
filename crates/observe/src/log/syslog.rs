//! The host's log, through the socket that syslog(3) writes to.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use super::line::Take;

/// Where whoever keeps the host's log listens.
pub(super) const SOCKET: &str = "/dev/log";

/// A socket that is connected to it.
pub(super) struct Syslog(UnixDatagram);

impl Syslog {
    /// Connects.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        socket.connect(path)?;
        Ok(Self(socket))
    }
}

impl Take for Syslog {
    /// A line is a datagram. Where it can't be had at once, it is lost: no letter waits for a log.
    fn take(&self, line: &[u8]) {
        let _ = self.0.send(line.trim_ascii_end());
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::super::line::{Clock, Lines, Style};
    use super::*;

    fn with(path: &Path, work: impl FnOnce()) {
        let syslog = Syslog::open(path).unwrap();
        let lines = Lines::new(Style::Syslog("postroad-mda"), Clock::Fixed, syslog);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), work);
    }

    #[test]
    fn lines_are_datagrams_as_syslog_has_them() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let daemon = UnixDatagram::bind(&path).unwrap();
        with(&path, || {
            tracing::warn!(target: "postroad_mda", to = "a b\n<0>x", "not told");
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
        assert!(Syslog::open(&dir.path().join("nobody")).is_err());
    }
}
