//! A session behind its login: a worker has it, or while it rests nobody.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use postroad_net::{Io, Shutdown};
use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixStream;
use tokio::time::{sleep, timeout};

use super::launch::Charge;
use super::live::Live;
use super::relay;
use super::workers::{After, Asleep, Session};
use crate::handover::{Form, Handover, Refusal};
use crate::worker::Whose;
use crate::{Door, events, limits};

/// A session that a worker has.
pub(super) struct Served {
    live: Arc<Live>,
    charge: Charge,
    about: Handover,
    session: Session,
    /// Our end of what it has, inside TLS.
    inside: Option<UnixStream>,
    /// What it has, where it may be given to another worker: nobody reads from it here.
    connection: Option<OwnedFd>,
}

/// A connection whose user has left.
pub(super) struct Left {
    pub(super) io: Io,
    /// What the client has sent ahead.
    pub(super) unread: Vec<u8>,
}

/// What ends a rest.
enum Wake {
    /// A worker is needed.
    Up,
    /// The client is gone.
    Gone,
    /// We are to stop.
    Stop,
}

impl Served {
    /// Hands a session to its user's worker. Where that refuses it the connection is as it was.
    pub(super) async fn begin(
        live: &Arc<Live>,
        charge: Charge,
        about: Handover,
        unread: &[u8],
        io: &Io,
    ) -> Result<Self, Refusal> {
        let unusable = |error: io::Error| {
            events::worker_unreachable(&charge.user, &error);
            Refusal::Unavailable
        };
        let (inside, connection) = match io.socket() {
            Some(socket) => (None, socket.try_clone_to_owned().map_err(unusable)?),
            None => pair().map(|(ours, theirs)| (Some(ours), theirs)).map_err(unusable)?,
        };
        let session = hand(live, &charge, &about, unread, &connection).await?;
        let parks = matches!(about.door, Door::Imap | Door::Imaps);
        let (live, connection) = (Arc::clone(live), parks.then_some(connection));
        Ok(Self { live, charge, about, session, inside, connection })
    }

    /// Gives the connection where its user has left it for another one.
    pub(super) async fn until_it_ends(
        mut self,
        mut io: Io,
        shutdown: Shutdown,
    ) -> io::Result<Option<Left>> {
        // Who is a user of the host may keep a connection, and hear the password of whoever comes next in it. Inside TLS
        // the worker hasn't got it.
        let may_leave = self.about.door == Door::ManageSieve
            && (self.inside.is_some() || self.charge.whose == Whose::Ours);
        let Some(mut inside) = self.inside.take() else {
            // The worker has the connection itself, and closes it unless the user has left.
            let io = may_leave.then_some(io);
            let unread = self.follow(shutdown).await;
            return Ok(unread.zip(io).map(|(unread, io)| Left { io, unread }));
        };
        let relaying = async move {
            let on_its_way = relay::relay(&mut io, &mut inside).await?;
            // Now the worker has all that there is for it. One that is gone needs no telling.
            let _ = inside.shutdown().await;
            if may_leave {
                return Ok(Some((io, on_its_way)));
            }
            // Nobody leaves there: the client is told at once.
            let told = timeout(limits::TURN_AWAY_TIMEOUT, io.shutdown()).await;
            told.unwrap_or(Ok(())).map(|()| None)
        };
        let (relayed, left) = tokio::join!(relaying, self.follow(shutdown));
        match (relayed?, left) {
            (Some((io, on_its_way)), Some(mut unread)) => {
                unread.extend(on_its_way);
                Ok(Some(Left { io, unread }))
            }
            (Some((mut io, _)), None) => {
                timeout(limits::TURN_AWAY_TIMEOUT, io.shutdown()).await?.map(|()| None)
            }
            (None, _) => Ok(None),
        }
    }

    /// From worker to worker. What is kept of the connection is closed in the end, and so the other side sees it. Gives
    /// what the client has sent ahead where its user has left.
    async fn follow(self, shutdown: Shutdown) -> Option<Vec<u8>> {
        let Self { live, charge, about, mut session, connection, .. } = self;
        loop {
            let Asleep { parked, sleeping } = match session.left().await? {
                After::Left(unread) => return Some(unread),
                After::Asleep(asleep) => asleep,
            };
            let connection = connection.as_ref()?;
            let io = connection.try_clone().and_then(Io::handed).ok()?;
            let wake = tokio::select! {
                // Where it can't be said a worker will see.
                more = io.has_more() => if more.unwrap_or(true) { Wake::Up } else { Wake::Gone },
                () = sleeping.woken() => Wake::Up,
                () = sleep(Duration::from_secs(parked.seconds).max(limits::REST_MIN)) => Wake::Up,
                () = shutdown.requested() => Wake::Stop,
            };
            drop(sleeping);
            match wake {
                Wake::Up => {}
                Wake::Gone => {
                    events::imap_logged_out(&about.peer, charge.user.as_str());
                    return None;
                }
                Wake::Stop => {
                    good_bye(io, "The server is shutting down", parked.form).await;
                    return None;
                }
            }
            let form = parked.form;
            let about = Handover { parked: Some(parked.state), ..about.clone() };
            session = match hand(&live, &charge, &about, &[], connection).await {
                Ok(session) => session,
                Err(_) => {
                    good_bye(io, "Nobody can go on with it: come again", form).await;
                    return None;
                }
            };
        }
    }
}

async fn hand(
    live: &Live,
    charge: &Charge,
    about: &Handover,
    unread: &[u8],
    connection: &OwnedFd,
) -> Result<Session, Refusal> {
    // The settings of now: it may have rested for weeks.
    let site = live.site();
    let assignment = || site.assignment(charge);
    site.workers.hand(charge, assignment, about.clone(), unread, connection.as_fd()).await
}

/// Ends a session that rests: nothing was said since its last whole line.
async fn good_bye(mut io: Io, why: &str, form: Form) {
    let mut line = format!("* BYE {why}\r\n").into_bytes();
    if form == Form::Deflated {
        // A block that is stored as it is (RFC 1951 §3.2.4).
        let octets = u16::try_from(line.len()).unwrap_or_default();
        let head = [&[0][..], &octets.to_le_bytes(), &(!octets).to_le_bytes()].concat();
        line.splice(..0, head);
    }
    let told = async {
        io.write_all(&line).await?;
        io.shutdown().await
    };
    // Whoever doesn't listen isn't waited for.
    let _ = timeout(limits::TURN_AWAY_TIMEOUT, told).await;
}

fn pair() -> io::Result<(UnixStream, OwnedFd)> {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    Ok((UnixStream::from_std(ours)?, theirs.into()))
}
