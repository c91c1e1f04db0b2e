//! A connection in lines, as an operator's command and an agent talk: short ones, and neither side is waited for for long.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::time::timeout;

use crate::Io;

/// Octets that are to be read by the other side within its time.
const WRITE_OCTETS: usize = 64 * 1024;

/// A connection, in lines.
#[derive(Debug)]
pub struct Lines {
    io: BufReader<Io>,
    octets_max: usize,
    patience: Duration,
}

impl Lines {
    /// Lines of so many octets at most, line feed included. The other side is silent, or doesn't read, for so long at most.
    pub fn new(io: Io, octets_max: usize, patience: Duration) -> Self {
        Self { io: BufReader::new(io), octets_max, patience }
    }

    /// The next line with its line feed; `None` at the end. One that is too long comes with one octet too many.
    ///
    /// # Errors
    /// [`io::ErrorKind::TimedOut`] where nothing comes; what the system says.
    pub async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let mut bounded = (&mut self.io).take(self.octets_max as u64 + 1);
        let read = timeout(self.patience, bounded.read_until(b'\n', &mut line)).await??;
        Ok((read > 0).then_some(line))
    }

    /// Sends octets as they are.
    ///
    /// # Errors
    /// [`io::ErrorKind::TimedOut`] where nobody reads; what the system says.
    pub async fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        for part in octets.chunks(WRITE_OCTETS) {
            let write = async {
                self.io.write_all(part).await?;
                self.io.flush().await
            };
            timeout(self.patience, write).await??;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_line_that_is_too_long_is_not_read_to_its_end() {
        let (ours, theirs) = tokio::net::UnixStream::pair().unwrap();
        let mut lines = Lines::new(Io::unix(ours), 4, Duration::from_secs(60));
        let mut peer = Lines::new(Io::unix(theirs), 4, Duration::from_secs(60));
        peer.send(b"abc\nabcdefgh\n").await.unwrap();
        assert_eq!(lines.next().await.unwrap().unwrap(), b"abc\n");
        assert_eq!(lines.next().await.unwrap().unwrap(), b"abcde");
        drop(lines);
        assert!(peer.next().await.unwrap_or(None).is_none());
    }

    #[tokio::test]
    async fn a_side_that_is_silent_is_not_waited_for() {
        let (ours, _theirs) = tokio::net::UnixStream::pair().unwrap();
        let mut lines = Lines::new(Io::unix(ours), 4, Duration::from_millis(10));
        assert_eq!(lines.next().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
