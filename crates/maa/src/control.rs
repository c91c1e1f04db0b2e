//! The control socket: what the operator's commands ask.
//!
//! The words are in `postroad_observe::control`. The socket has mode 0600, so that only our own user (and root) can
//! connect. A request that can't be read ends its connection, and nothing else (row O02).

use std::io;
use std::sync::Arc;
use std::time::Duration;

use postroad_net::{Io, Lines, Listener, Shutdown};
use postroad_observe::control::{Answer, FRAME_OCTETS_MAX, FrameError, Request, decode, encode};

use crate::events;
use crate::front::live::{Later, Live};

/// Connections at once; an operator needs one.
const CONNECTIONS_MAX: usize = 16;
/// How long an operator's command may be silent, or not read what it is told.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// Why a connection ends.
#[derive(Debug, thiserror::Error)]
enum ControlError {
    #[error("cannot talk to the operator's command")]
    Io(#[from] io::Error),
    #[error(transparent)]
    Frame(#[from] FrameError),
}

/// Serves the socket until the agent stops.
pub(crate) async fn listen(live: Arc<Live>, listener: Listener, shutdown: Shutdown) {
    let places = Arc::new(tokio::sync::Semaphore::new(CONNECTIONS_MAX));
    loop {
        let (io, _) = tokio::select! {
            connection = listener.accept() => connection,
            () = shutdown.requested() => return,
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        let live = Arc::clone(&live);
        tokio::spawn(async move {
            if let Err(error) = serve(&live, io).await {
                events::control_failed(&error);
            }
            drop(place);
        });
    }
}

async fn serve(live: &Arc<Live>, io: Io) -> Result<(), ControlError> {
    let mut lines = Lines::new(io, FRAME_OCTETS_MAX, IDLE_TIMEOUT);
    while let Some(line) = lines.next().await? {
        let request = match decode(&line) {
            Ok(request) => request,
            Err(error) => {
                lines.send(&encode(&Answer::Failed { reason: error.to_string() })?).await?;
                return Err(error.into());
            }
        };
        match answer(live, request).await {
            Ok(answers) => {
                for answer in answers {
                    lines.send(&encode(&answer)?).await?;
                }
                lines.send(&encode(&Answer::Done { messages: 0 })?).await?;
            }
            Err(reason) => lines.send(&encode(&Answer::Failed { reason })?).await?,
        }
    }
    Ok(())
}

async fn answer(live: &Arc<Live>, request: Request) -> Result<Vec<Answer>, String> {
    match request {
        Request::Reload => match live.reload().await {
            Ok(Later { restart, next_process }) => {
                Ok(vec![Answer::Reloaded { restart, next_process }])
            }
            Err(error) => Err(events::chain(&error)),
        },
        Request::Bans => {
            let bans = live.logins().bans().into_iter();
            let ban = bans.map(|(network, left)| Answer::Ban {
                network: network.to_string(),
                seconds: left.as_secs(),
            });
            Ok(ban.collect())
        }
        Request::LiftBan { address } => {
            Ok(vec![Answer::Lifted { was_banned: live.logins().lift_ban(address) }])
        }
        _ => Err("that is the transfer agent's: the access agent has no queue".to_owned()),
    }
}
