//! What TLS reads from: so many octets, and then something has to come of them.
//!
//! rustls keeps a handshake message until it is whole, be it 64 KiB, and whoever connects may leave it so.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Octets that a server takes before the handshake is done, or before anything comes of them inside TLS: a record has
/// 16.3 KiB at most (RFC 8446 §5.2), a client's handshake some 2 KiB.
pub(crate) const UNUSED_OCTETS_MAX: usize = 32 * 1024;

/// A connection below TLS.
#[derive(Debug)]
pub(crate) struct BelowTls<S> {
    stream: S,
    /// Octets that may be read before anything comes of them; `None` where the peer is trusted not to send in vain.
    left: Option<usize>,
}

impl<S> BelowTls<S> {
    /// Of a client, who may be anybody.
    pub(crate) fn of_client(stream: S) -> Self {
        Self { stream, left: Some(UNUSED_OCTETS_MAX) }
    }

    /// Of a server that we have chosen.
    pub(crate) fn of_server(stream: S) -> Self {
        Self { stream, left: None }
    }

    pub(crate) fn get_ref(&self) -> &S {
        &self.stream
    }

    /// Something has come of what was read.
    pub(crate) fn used(&mut self) {
        self.left = self.left.map(|_| UNUSED_OCTETS_MAX);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for BelowTls<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.left == Some(0) {
            let why = "too much was sent inside TLS, or for it, that nothing comes of";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, why)));
        }
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        let read = buffer.filled().len() - before;
        self.left = self.left.map(|left| left.saturating_sub(read));
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for BelowTls<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, buffer)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[tokio::test]
    async fn what_nothing_comes_of_ends_the_connection() {
        let sent = vec![0; 3 * UNUSED_OCTETS_MAX];
        let mut buffer = vec![0; UNUSED_OCTETS_MAX / 2];
        let mut client = BelowTls::of_client(sent.as_slice());
        for read in 0..4 {
            client.read_exact(&mut buffer).await.unwrap();
            if read < 2 {
                client.used();
            }
        }
        let error = client.read(&mut buffer).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        let mut server = BelowTls::of_server(sent.as_slice());
        assert_eq!(server.read_to_end(&mut Vec::new()).await.unwrap(), sent.len());
    }
}
