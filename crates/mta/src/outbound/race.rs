//! One connection to a host of several addresses: the next one is begun when the one before has failed, or
//! when it has been silent for a while; the first that answers wins (RFC 8305 §5).

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::task::Poll;

use postroad_protocol::limits::CLIENT_CONNECT_DELAY;
use tokio::time::timeout;

use super::dns::BoxFuture;

/// How it ended.
pub(crate) struct Finish<T, E> {
    /// The connection, or the last of the errors; none without an address.
    pub(crate) won: Result<(SocketAddr, T), Option<E>>,
    /// The addresses that nothing speaks against so far, the slow ones last.
    pub(crate) left: VecDeque<SocketAddr>,
}

/// Connects to each address when its turn comes, the first one in front.
pub(crate) async fn race<'a, T, E>(
    mut waiting: VecDeque<SocketAddr>,
    mut connect: impl FnMut(SocketAddr) -> BoxFuture<'a, Result<T, E>>,
) -> Finish<T, E> {
    let mut last = None;
    let mut running = Vec::new();
    loop {
        if let Some(address) = waiting.pop_front() {
            running.push((address, connect(address)));
        } else if running.is_empty() {
            return Finish { won: Err(last), left: waiting };
        }
        let ended = match waiting.is_empty() {
            true => Some(first(&mut running).await),
            false => timeout(CLIENT_CONNECT_DELAY, first(&mut running)).await.ok(),
        };
        match ended {
            Some((address, Ok(connection))) => {
                waiting.extend(running.iter().map(|(slow, _)| *slow));
                return Finish { won: Ok((address, connection)), left: waiting };
            }
            Some((_, Err(error))) => last = Some(error),
            None => {} // Silence: the next one joins in.
        }
    }
}

/// Waits for the first to end, and takes it out.
async fn first<T>(running: &mut Vec<(SocketAddr, BoxFuture<'_, T>)>) -> (SocketAddr, T) {
    std::future::poll_fn(|context| {
        for at in 0..running.len() {
            if let Some((address, future)) = running.get_mut(at)
                && let Poll::Ready(ended) = future.as_mut().poll(context)
            {
                let address = *address;
                drop(running.swap_remove(at));
                return Poll::Ready((address, ended));
            }
        }
        Poll::Pending
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{Instant, sleep};

    use super::*;

    /// Addresses that answer well, badly or never, each after so many milliseconds: who wins, when, and who
    /// is left, by place.
    async fn check(
        answers: &[Option<(u64, bool)>],
        won: Option<usize>,
        after: u64,
        left: &[usize],
    ) {
        let address = |n: usize| SocketAddr::from(([192, 0, 2, n as u8], 25));
        let started = Instant::now();
        let finish = race((0..answers.len()).map(address).collect(), |at| {
            let SocketAddr::V4(v4) = at else { unreachable!() };
            let answer = answers[usize::from(v4.ip().octets()[3])];
            let answering: BoxFuture<'_, Result<(), ()>> = Box::pin(async move {
                let Some((after, well)) = answer else { return std::future::pending().await };
                sleep(Duration::from_millis(after)).await;
                well.then_some(()).ok_or(())
            });
            answering
        })
        .await;
        assert_eq!(finish.won.ok().map(|(at, ())| at), won.map(address), "{answers:?}");
        assert_eq!(started.elapsed(), Duration::from_millis(after), "{answers:?}");
        assert_eq!(
            finish.left,
            left.iter().map(|n| address(*n)).collect::<Vec<_>>(),
            "{answers:?}"
        );
    }

    #[tokio::test(start_paused = true)] // Tests RFC 8305 §5.
    async fn silence_is_waited_out_by_nobody() {
        let (good, bad, silent) = (Some((20, true)), Some((20, false)), None);
        check(&[], None, 0, &[]).await;
        check(&[good], Some(0), 20, &[]).await;
        check(&[good, good], Some(0), 20, &[1]).await;
        check(&[silent, good], Some(1), 520, &[0]).await;
        check(&[bad, good, good], Some(1), 40, &[2]).await;
        check(&[silent, bad, silent, good, good], Some(3), 1040, &[4, 0, 2]).await;
        check(&[bad, bad], None, 40, &[]).await;
        check(&[Some((700, true)), silent], Some(0), 700, &[1]).await;
        check(&[Some((700, false)), Some((900, true))], Some(1), 1400, &[]).await;
    }
}
