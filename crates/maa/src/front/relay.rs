//! Octets from one connection to another, both ways, as they come: TLS on one side, a worker on the other.
//!
//! What one side doesn't take isn't read from the other, but for one piece each way. Where nothing moves nothing is kept:
//! a session that idles costs no buffer.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, sleep_until};

use crate::limits;

thread_local! {
    static PIECE: RefCell<Box<[u8]>> = RefCell::new(vec![0; limits::RELAY_OCTETS].into());
}

/// Passes octets on until the worker has closed its side, or either is gone, or doesn't take what it is sent. The client's
/// side stays open; gives what was read from it and not passed on.
pub(crate) async fn relay<C, W>(client: &mut C, worker: &mut W) -> io::Result<Vec<u8>>
where
    C: AsyncRead + AsyncWrite + Unpin,
    W: AsyncRead + AsyncWrite + Unpin,
{
    let (mut up, mut down) = (Way::default(), Way { end: End::Told, ..Way::default() });
    let mut patience = pin!(sleep_until(Instant::now()));
    let mut seen = None;
    poll_fn(|context| {
        // A client that says no more may still read: it is the worker who ends it.
        let upwards = up.poll(context, client, worker);
        if let Poll::Ready(Err(error)) = upwards {
            return Poll::Ready(Err(error));
        }
        if let Poll::Ready(ended) = down.poll(context, worker, client) {
            return Poll::Ready(ended);
        }
        let moved = (up.moved, down.moved);
        if !up.is_stuck() && !down.is_stuck() {
            seen = None;
            return Poll::Pending;
        }
        if seen != Some(moved) {
            seen = Some(moved);
            patience.as_mut().reset(Instant::now() + limits::RELAY_TIMEOUT);
        }
        match patience.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    })
    .await?;
    Ok(up.left.split_off(up.taken.min(up.left.len())))
}

/// One way.
#[derive(Debug, Default)]
struct Way {
    /// What was read and not taken.
    left: Vec<u8>,
    taken: usize,
    stage: Stage,
    end: End,
    /// Octets so far.
    moved: u64,
}

/// What becomes of an end that was read.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum End {
    /// It is passed on.
    #[default]
    PassedOn,
    /// Whoever relays is told.
    Told,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Stage {
    #[default]
    Open,
    /// All was written, and may be in the writer's own buffer.
    Flushing,
    /// The end was read.
    Closing,
    Closed,
}

impl Way {
    /// Whether somebody has to take something.
    fn is_stuck(&self) -> bool {
        !self.left.is_empty() || matches!(self.stage, Stage::Flushing | Stage::Closing)
    }

    fn poll<R, W>(
        &mut self,
        context: &mut Context<'_>,
        from: &mut R,
        to: &mut W,
    ) -> Poll<io::Result<()>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        loop {
            if !self.left.is_empty() {
                let rest = self.left.get(self.taken..).unwrap_or_default();
                let written = ready!(Pin::new(&mut *to).poll_write(context, rest))?;
                self.written(written)?;
                self.taken += written;
                if self.taken >= self.left.len() {
                    (self.left, self.taken) = (Vec::new(), 0);
                }
                continue;
            }
            match self.stage {
                Stage::Open | Stage::Flushing => match self.read(context, from, to)? {
                    Poll::Ready(()) => {}
                    Poll::Pending if self.stage == Stage::Open => return Poll::Pending,
                    Poll::Pending => {
                        ready!(Pin::new(&mut *to).poll_flush(context))?;
                        self.stage = Stage::Open;
                        return Poll::Pending;
                    }
                },
                Stage::Closing => {
                    ready!(Pin::new(&mut *to).poll_shutdown(context))?;
                    self.stage = Stage::Closed;
                }
                Stage::Closed => return Poll::Ready(Ok(())),
            }
        }
    }

    /// Reads a piece and writes what of it is taken at once.
    fn read<R, W>(
        &mut self,
        context: &mut Context<'_>,
        from: &mut R,
        to: &mut W,
    ) -> io::Result<Poll<()>>
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        PIECE.with_borrow_mut(|piece| {
            let mut buffer = ReadBuf::new(piece);
            if Pin::new(from).poll_read(context, &mut buffer)?.is_pending() {
                return Ok(Poll::Pending);
            }
            let octets = buffer.filled();
            if octets.is_empty() {
                self.stage = match self.end {
                    End::PassedOn => Stage::Closing,
                    End::Told => Stage::Closed,
                };
                return Ok(Poll::Ready(()));
            }
            self.stage = Stage::Flushing;
            let written = match Pin::new(to).poll_write(context, octets)? {
                Poll::Ready(written) => {
                    self.written(written)?;
                    written
                }
                Poll::Pending => 0,
            };
            self.left = octets.get(written..).unwrap_or_default().to_vec();
            Ok(Poll::Ready(()))
        })
    }

    fn written(&mut self, octets: usize) -> io::Result<()> {
        self.moved += octets as u64;
        if octets == 0 { Err(io::ErrorKind::WriteZero.into()) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    #[tokio::test]
    async fn all_comes_through_both_ways_and_the_worker_ends_it() {
        let (mut client, mut client_side) = duplex(7);
        let (mut worker, mut worker_side) = duplex(11);
        let octets: Vec<u8> = (0..100_000u32).map(|n| n.to_le_bytes()[0]).collect();
        let expected = octets.clone();
        let answering = tokio::spawn(async move {
            let mut got = Vec::new();
            worker.read_to_end(&mut got).await.unwrap();
            worker.write_all(&got).await.unwrap();
        });
        let asking = tokio::spawn(async move {
            client.write_all(&octets).await.unwrap();
            client.shutdown().await.unwrap();
            let mut got = Vec::new();
            client.read_to_end(&mut got).await.unwrap();
            got
        });
        assert!(relay(&mut client_side, &mut worker_side).await.unwrap().is_empty());
        answering.await.unwrap();
        // It was left open.
        drop(client_side);
        assert_eq!(asking.await.unwrap(), expected);
    }

    #[tokio::test(start_paused = true)]
    async fn i11_who_does_not_read_is_given_up_and_costs_one_piece() {
        let (_client, mut client_side) = duplex(64);
        let (mut worker, mut worker_side) = duplex(64);
        let flood = tokio::spawn(async move {
            let mut sent = 0u64;
            while worker.write_all(&[0; 64]).await.is_ok() {
                sent += 64;
            }
            sent
        });
        let error = relay(&mut client_side, &mut worker_side).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(worker_side);
        assert!(flood.await.unwrap() <= 64 + 64 + limits::RELAY_OCTETS as u64);
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_that_idles_is_left_alone() {
        let (_client, mut client_side) = duplex(64);
        let (worker, mut worker_side) = duplex(64);
        let relaying = tokio::spawn(async move { relay(&mut client_side, &mut worker_side).await });
        tokio::time::sleep(10 * limits::RELAY_TIMEOUT).await;
        assert!(!relaying.is_finished());
        drop(worker);
        relaying.await.unwrap().unwrap();
    }
}
