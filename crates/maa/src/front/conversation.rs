//! A connection until somebody is logged in. Every protocol decision is in the protocols' crates; this moves octets and
//! time, checks logins, and hands the session to its user's worker.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use postroad_accounts::{Service, UserName};
use postroad_logins::{Client, LoggedIn, Refusal as LoginRefusal, Verdict};
use postroad_net::{Io, Peer, Shutdown};
use postroad_protocol::sasl::{Attempt, Challenge};
use postroad_protocol::server::Tls;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use super::live::Live;
use super::served::Served;
use super::{Site, autoconfig, imap, managesieve, pop3};
use crate::handover::{Handover, Refusal};
use crate::worker::Whose;
use crate::{Door, events, limits};

/// A protocol as far as it goes without a user.
pub(super) trait Entrance: Send {
    /// What to do next.
    fn step(&mut self, now: Instant) -> Step;
    /// Takes octets that were read.
    fn push(&mut self, octets: &[u8]);
    /// When a client that says nothing is dropped.
    fn deadline(&self) -> Instant;
    /// The handshake that was asked for is done; nothing that came before counts.
    fn tls_started(&mut self, now: Instant);
    /// The login that was asked about goes on with this.
    fn challenge(&mut self, challenge: Challenge);
    /// The login that was asked about failed.
    fn refuse(&mut self, failure: Failure);
    /// The tag of the login that was asked about, for whoever serves the session from here on.
    fn tag(&self) -> String;
    /// What was pushed and not used.
    fn unread(&mut self) -> Vec<u8>;
    /// How long a client may take to read what was sent.
    fn write_timeout(&self) -> Duration;
}

/// What the shell does next.
pub(super) enum Step {
    /// Write these.
    Send(Vec<u8>),
    /// Read, or let the deadline pass.
    NeedInput,
    /// Shake hands.
    StartTls,
    /// Say whether that is who it says.
    LogIn(Attempt),
    /// Drop the connection.
    Close,
}

/// Why nobody is logged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// Name or password are wrong.
    Wrong,
    /// Too many were wrong that came from there.
    Banned,
    /// They could not be checked.
    Unavailable,
    /// They are right, and there is no session.
    Refused(Refusal),
}

/// Serves a connection to its end.
pub(crate) async fn serve(live: &Arc<Live>, door: Door, io: Io, peer: Peer, shutdown: Shutdown) {
    let site = &live.site();
    let io = match door.is_inside_tls() {
        false => io,
        true => match handshake(site, io).await {
            Ok(io) => io,
            Err(error) => return events::handshake_failed(door, peer, &error),
        },
    };
    let entrance = match door {
        Door::Imap | Door::Imaps => imap::entrance(site, door, peer),
        Door::ManageSieve => managesieve::entrance(site, door, peer),
        Door::Pop3 | Door::Pop3s => pop3::entrance(site, door, peer),
        Door::Http | Door::Https => {
            return autoconfig::serve(&site.book, door, io, peer, shutdown).await;
        }
    };
    let mut conversation = Conversation { live, site, door, peer, is_given_away: false };
    if let Err(error) = conversation.run(io, entrance, shutdown).await {
        events::connection_lost(door, peer, &error);
    }
}

/// Tells a client that there is no place for it. Inside TLS it is told by the closed connection.
pub(crate) async fn turn_away(door: Door, mut io: Io) {
    let words = match door {
        Door::Imap => imap::NO_PLACE,
        Door::ManageSieve => managesieve::NO_PLACE,
        Door::Pop3 => pop3::NO_PLACE,
        Door::Imaps | Door::Pop3s | Door::Http | Door::Https => return,
    };
    let told = async {
        io.write_all(words.as_bytes()).await?;
        io.shutdown().await
    };
    // Whoever doesn't listen isn't waited for.
    let _ = timeout(limits::TURN_AWAY_TIMEOUT, told).await;
}

async fn handshake(site: &Site, io: Io) -> io::Result<Io> {
    let tls = site.tls.as_ref().ok_or(io::ErrorKind::Unsupported)?;
    timeout(limits::HANDSHAKE_TIMEOUT, io.accept_tls(tls)).await?
}

struct Conversation<'a> {
    live: &'a Arc<Live>,
    site: &'a Site,
    door: Door,
    peer: Peer,
    /// A process of a user of the host had it in clear, also where that refused it, and may hear what comes. So nothing does.
    is_given_away: bool,
}

impl Conversation<'_> {
    async fn run(
        &mut self,
        mut io: Io,
        mut entrance: Box<dyn Entrance>,
        shutdown: Shutdown,
    ) -> io::Result<()> {
        let mut buffer = Vec::new();
        loop {
            match entrance.step(Instant::now()) {
                Step::Send(octets) => {
                    timeout(entrance.write_timeout(), send(&mut io, &octets)).await??;
                }
                Step::NeedInput | Step::LogIn(_) | Step::StartTls if self.is_given_away => {
                    return timeout(entrance.write_timeout(), io.shutdown()).await?;
                }
                Step::LogIn(attempt) => match self.log_in(attempt, &mut *entrance, &io).await {
                    Ok(Some(served)) => {
                        buffer = Vec::new();
                        let served = Box::pin(served.until_it_ends(io, shutdown.clone()));
                        let Some(left) = served.await? else { return Ok(()) };
                        let tls =
                            left.io.tls().map_or(self.site.tls_at(self.door), |_| Tls::Active);
                        let (site, peer) = (self.site, self.peer);
                        entrance = managesieve::again(site, tls, peer, &left.unread);
                        io = left.io;
                    }
                    Ok(None) => {}
                    Err(failure) => entrance.refuse(failure),
                },
                Step::NeedInput => {
                    buffer.resize(limits::READ_OCTETS, 0);
                    let deadline = tokio::time::Instant::from_std(entrance.deadline());
                    tokio::select! {
                        read = io.read(&mut buffer) => match read? {
                            0 => return Ok(()),
                            octets => entrance.push(buffer.get(..octets).unwrap_or_default()),
                        },
                        () = tokio::time::sleep_until(deadline) => return Ok(()),
                        () = shutdown.requested() => return Ok(()),
                    }
                }
                Step::StartTls => {
                    io = match handshake(self.site, io).await {
                        Ok(io) => io,
                        Err(error) => {
                            events::handshake_failed(self.door, self.peer, &error);
                            return Ok(());
                        }
                    };
                    entrance.tls_started(Instant::now());
                }
                Step::Close => return timeout(entrance.write_timeout(), io.shutdown()).await?,
            }
        }
    }

    /// Judges an attempt; nobody is served where the mechanism goes on.
    async fn log_in(
        &mut self,
        attempt: Attempt,
        entrance: &mut dyn Entrance,
        io: &Io,
    ) -> Result<Option<Served>, Failure> {
        let name = attempt.name().unwrap_or_default().to_owned();
        let bindings = io.channel_bindings();
        let service = match self.door {
            Door::Imap | Door::Imaps => Service::Imap,
            Door::Pop3 | Door::Pop3s => Service::Pop3,
            Door::ManageSieve => Service::Sieve,
            // Nobody logs in there.
            Door::Http | Door::Https => return Err(Failure::Unavailable),
        };
        let client = Client { ip: self.peer.ip(), service, bindings: &bindings };
        match self.site.logins.judge(attempt, client).await {
            Verdict::Right(LoggedIn { user, by }) => {
                events::let_in(self.door, self.peer, &user, &by);
                let served = self.hand_over(&user, entrance, io).await;
                served.map(Some).map_err(Failure::Refused)
            }
            Verdict::GoOn(challenge) => {
                entrance.challenge(challenge);
                Ok(None)
            }
            Verdict::No(refusal) => {
                events::login_refused(self.door, self.peer, &name, refusal);
                Err(match refusal {
                    LoginRefusal::Wrong => Failure::Wrong,
                    LoginRefusal::Banned => Failure::Banned,
                    LoginRefusal::Unavailable => Failure::Unavailable,
                })
            }
        }
    }

    async fn hand_over(
        &mut self,
        user: &UserName,
        entrance: &mut dyn Entrance,
        io: &Io,
    ) -> Result<Served, Refusal> {
        let charge = self.site.charge(user, self.door);
        self.is_given_away = charge.whose != Whose::Ours && io.socket().is_some();
        // What is in a home is the user's own to prepare.
        if self.door == Door::ManageSieve && charge.whose == Whose::Ours {
            managesieve::prepare(self.site, user).await?;
        }
        let about = Handover {
            session: 0,
            door: self.door,
            peer: self.peer.to_string(),
            tls: io.tls().as_ref().map(ToString::to_string),
            tag: entrance.tag(),
            parked: None,
        };
        Served::begin(self.live, charge, about, &entrance.unread(), io).await
    }
}

async fn send(io: &mut Io, octets: &[u8]) -> io::Result<()> {
    io.write_all(octets).await?;
    io.flush().await
}
