//! A connection: octets, time, and who waits for whom. What octets mean is in `postroad_imap::receive`, what commands do
//! in [`Session`].

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use postroad_imap::command::Command;
use postroad_imap::limits as imap_limits;
use postroad_imap::receive::{IdleEnd, Receiver, Step};
use postroad_imap::response::{Code, Status, StatusResponse};
use postroad_imap::value::Tag;
use postroad_net::Shutdown;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::changes::Expunges;
use super::ending::{Done, Ended, Refused};
use super::parked::{Parked, Resumed};
use super::session::{Begun, PIECE_OCTETS, Progress, Session, expunges_after};
use super::wire::Wire;
use crate::worker::{self, Ward};
use crate::{events, handover, limits};

/// Serves a session to its end, or until it rests: then it is given back.
pub(crate) async fn serve(ward: Arc<Ward>, session: worker::Session) -> Option<handover::Parked> {
    if session.begin().await.is_err() {
        return None;
    }
    let worker::Session { about, unread, io, shutdown, .. } = session;
    let mut receiver = Receiver::new(imap_limits::AFTER_LOGIN);
    receiver.push(&unread);
    let (wire, session) = (Wire::new(io), Some(Session::new(&ward)));
    let mut conversation = Conversation {
        ward: Arc::clone(&ward),
        wire,
        shutdown,
        receiver,
        session,
        out: Vec::new(),
        mistakes: 0,
        news: None,
        heard: Instant::now(),
        idling: None,
        stays: false,
    };
    let served = match &about.parked {
        Some(parked) => conversation.resume(parked).await,
        None => {
            events::logged_in(&about, &ward.user, None);
            conversation.welcome(&about.tag);
            conversation.run(Then::GoOn).await
        }
    };
    match served {
        Ok(Some(parked)) => return Some(parked),
        Ok(None) => {}
        Err(error) => events::connection_lost(about.door, &about.peer, &error),
    }
    events::imap_logged_out(&about.peer, &ward.user);
    None
}

struct Conversation {
    ward: Arc<Ward>,
    wire: Wire,
    shutdown: Shutdown,
    receiver: Receiver,
    /// None while a thread has it.
    session: Option<Session>,
    /// What is to be sent.
    out: Vec<u8>,
    /// Commands that were none, one behind the other.
    mistakes: usize,
    /// What the client wants to hear between its commands (RFC 5465).
    news: Option<watch::Receiver<u64>>,
    /// When it said something.
    heard: Instant,
    /// The tag of the IDLE that goes on.
    idling: Option<Tag>,
    /// It can't be parked.
    stays: bool,
}

/// Whether there is more to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    GoOn,
    Over,
    /// The session has rested for a while.
    Park,
}

/// What came while a client was waited for.
enum Came {
    Octets,
    News,
    /// Nothing, and nothing is needed here for more to come.
    Park,
    /// The client is gone, or has said nothing for too long, or we are to stop.
    End,
}

impl Conversation {
    /// Ends the command that was a login, and says what there is now (RFC 9051 §6.2.2): clients need not ask.
    fn welcome(&mut self, tag: &str) {
        if let Some(tag) = Tag::parse(tag.as_bytes()) {
            let extensions = self.session.as_ref().map(|session| session.extensions.clone());
            let advertised = super::capability::advertised(&extensions.unwrap_or_default());
            let welcome = StatusResponse::tagged(tag, Status::Ok, "Logged in");
            welcome
                .with(Code::Capability(advertised))
                .write(&mut self.out, postroad_imap::NameEncoding::Utf7);
        }
    }

    /// Goes on with a session that another process has had.
    async fn resume(&mut self, parked: &str) -> io::Result<Option<handover::Parked>> {
        if let Some(said) = Parked::said(parked) {
            self.wire.go_on_deflating(said)?;
        }
        let parked = parked.to_owned();
        let resumed = self.with(move |session, _| Parked::resume(&parked, session)).await?;
        let then = match resumed {
            Err(refused) => {
                events::not_resumed(&self.ward.user, &refused);
                self.bye("The mailbox isn't what it was: come again")
            }
            Ok(Resumed { idling, silent, mistakes }) => {
                if let Some(session) = &self.session {
                    self.receiver.set_names(session.names());
                }
                self.heard = self.heard.checked_sub(silent).unwrap_or(self.heard);
                self.mistakes = mistakes;
                match idling {
                    Some(tag) => self.idle_on(tag).await?,
                    None => Then::GoOn,
                }
            }
        };
        self.run(then).await
    }

    /// Gives back what the next process needs; `None` where the session has to stay.
    async fn park(&mut self) -> io::Result<Option<handover::Parked>> {
        if self.idling.is_some() {
            // What came before anybody else listened.
            self.with(Session::tell).await?;
            self.flush().await?;
        }
        let silent = self.heard.elapsed();
        let (idling, mistakes) = (self.idling.as_ref(), self.mistakes);
        let (may_rest, said) = (self.wire.may_rest(), self.wire.said());
        let parked = self.session.as_ref().filter(|_| may_rest);
        let parked = parked.and_then(|s| Parked::of(s, idling, silent, mistakes, said));
        self.stays = parked.is_none();
        let seconds = imap_limits::AUTOLOGOUT.saturating_sub(silent).as_secs();
        let form = match said {
            Some(_) => handover::Form::Deflated,
            None => handover::Form::Plain,
        };
        Ok(parked.map(|state| handover::Parked { state, seconds, form }))
    }

    /// Goes on behind what came `first`.
    async fn run(&mut self, first: Then) -> io::Result<Option<handover::Parked>> {
        let mut first = Some(first);
        loop {
            let then = match first.take() {
                Some(first) => first,
                None => self.next().await?,
            };
            if then == Then::Park {
                match self.park().await? {
                    Some(parked) => return Ok(Some(parked)),
                    None => {
                        first = match self.idling.take() {
                            Some(tag) => Some(self.idle_on(tag).await?),
                            None => None,
                        };
                        continue;
                    }
                }
            }
            if then == Then::Over || self.session.as_ref().is_none_or(|session| session.is_over) {
                self.flush().await?;
                timeout(limits::IMAP_WRITE_TIMEOUT, self.wire.shut_down()).await??;
                return Ok(None);
            }
            if self.out.len() >= PIECE_OCTETS {
                self.flush().await?;
            }
        }
    }

    async fn next(&mut self) -> io::Result<Then> {
        Ok(match self.receiver.step() {
            Step::NeedInput => {
                let mut news = self.news.take();
                let came = self.wait(news.as_mut()).await?;
                self.news = news;
                match came {
                    Came::Octets => Then::GoOn,
                    Came::News => {
                        self.with(Session::tell_unasked).await?;
                        Then::GoOn
                    }
                    Came::Park => Then::Park,
                    Came::End => Then::Over,
                }
            }
            Step::Continue => self.say(b"+ Go on\r\n"),
            Step::Command(tag, command) => self.carry_out(tag, command).await?,
            Step::Upload(step) => self.upload(step).await?,
            Step::Bad(tag, error) => {
                if let Some(session) = &mut self.session {
                    // Nothing of it counts.
                    session.upload = None;
                }
                let (status, code) = Code::of(error);
                self.mistaken(tag, status, code, &error.to_string())
            }
            Step::Bye(why) => self.bye(why),
            // Neither was begun.
            Step::Idle(_) | Step::Sasl(_) => Then::GoOn,
        })
    }

    async fn carry_out(&mut self, tag: Tag, command: Command) -> io::Result<Then> {
        self.mistakes = 0;
        let expunges = expunges_after(&command);
        let (of, mut early) = (tag.clone(), 0);
        let begun = self.with(move |session, out| session.begin(of, command, out)).await?;
        let ended = match begun {
            Begun::Ended(ended) => ended,
            Begun::Work(mut work) => loop {
                let stepped = self.with(move |session, out| {
                    let progress = work.step(session, out);
                    (work, progress)
                });
                let (same, progress) = stepped.await?;
                work = same;
                match progress {
                    Progress::Ended(ended) => break ended,
                    Progress::More if self.out.is_empty() => {
                        if !self.is_there(&mut early).await? {
                            return Ok(Then::Over);
                        }
                    }
                    Progress::More => self.flush().await?,
                }
            },
            Begun::Idle => return self.idle(tag).await,
            // The letters follow.
            Begun::Upload => return Ok(Then::GoOn),
            Begun::Compress if self.wire.is_deflated() => {
                // RFC 4978 §3.
                let text = "DEFLATE is active already, by COMPRESS";
                Err(Refused::no_with(Code::CompressionActive, text))
            }
            Begun::Compress => return self.compress(tag).await,
            Begun::Logout => {
                self.bye("Until next time");
                self.end(tag, expunges, Ok(Done::new("Logged out"))).await?;
                return Ok(Then::Over);
            }
        };
        self.end(tag, expunges, ended).await?;
        Ok(Then::GoOn)
    }

    /// COMPRESS (RFC 4978 §3): its answer is the last that isn't deflated, and what came behind it is.
    async fn compress(&mut self, tag: Tag) -> io::Result<Then> {
        self.end(tag, Expunges::Now, Ok(Done::new("DEFLATE is active"))).await?;
        self.flush().await?;
        self.wire.begin_deflating(self.receiver.take_rest());
        Ok(Then::GoOn)
    }

    async fn end(&mut self, tag: Tag, expunges: Expunges, ended: Ended) -> io::Result<()> {
        self.with(move |session, out| session.end(tag, expunges, ended, out)).await?;
        if let Some(session) = &self.session {
            self.receiver.set_names(session.names());
            let wanted = session.unasked_news();
            // One that is there knows what was told since it was made.
            match (wanted, &self.news) {
                (Some(mut news), None) => {
                    // What came between the last look and here.
                    news.mark_changed();
                    self.news = Some(news);
                }
                (None, Some(_)) => self.news = None,
                (Some(_), Some(_)) | (None, None) => {}
            }
        }
        Ok(())
    }

    /// What follows APPEND, piece by piece.
    async fn upload(&mut self, step: postroad_imap::receive::UploadStep) -> io::Result<Then> {
        use super::append::Reply;
        match self.with(move |session, out| session.upload(step, out)).await? {
            Reply::Next => {}
            Reply::Accept => self.receiver.accept(),
            Reply::Refuse => self.receiver.refuse(),
            Reply::Ended(tag, ended) => self.end(tag, Expunges::Now, ended).await?,
        }
        Ok(Then::GoOn)
    }

    /// IDLE (RFC 9051 §6.3.13): until the client says DONE.
    async fn idle(&mut self, tag: Tag) -> io::Result<Then> {
        self.say(b"+ idling\r\n");
        self.idle_on(tag).await
    }

    async fn idle_on(&mut self, tag: Tag) -> io::Result<Then> {
        let mut news = self.session.as_ref().and_then(Session::news);
        self.receiver.await_done();
        self.idling = Some(tag.clone());
        // What came before anybody listened.
        self.with(Session::tell).await?;
        self.flush().await?;
        self.wire.rest();
        loop {
            match self.receiver.step() {
                Step::Idle(IdleEnd::Done) => {
                    self.idling = None;
                    self.end(tag, Expunges::Now, Ok(Done::new("Idled"))).await?;
                    return Ok(Then::GoOn);
                }
                Step::Idle(IdleEnd::Other) => {
                    self.idling = None;
                    self.end(tag, Expunges::Now, Err(Refused::bad("DONE ends IDLE"))).await?;
                    return Ok(Then::GoOn);
                }
                Step::Bye(why) => return Ok(self.bye(why)),
                Step::NeedInput => match self.wait(news.as_mut()).await? {
                    Came::Octets => {}
                    Came::News => self.with(Session::tell).await?,
                    Came::Park => return Ok(Then::Park),
                    Came::End => return Ok(Then::Over),
                },
                // Nothing else comes while that is awaited.
                _ => {}
            }
        }
    }

    /// Sends what is to be sent, and waits for the client, or for news.
    async fn wait(&mut self, news: Option<&mut watch::Receiver<u64>>) -> io::Result<Came> {
        self.flush().await?;
        let every = match self.session.as_ref().is_some_and(Session::is_notified) {
            true => limits::NOTIFY_INTERVAL,
            false => imap_limits::AUTOLOGOUT,
        };
        let told = async {
            match news {
                Some(news) => match timeout(every, news.changed()).await {
                    Ok(told) => told.is_ok(),
                    // It is time to look for what nobody tells of.
                    Err(_) => true,
                },
                None => std::future::pending().await,
            }
        };
        let (ward, watched) = (Arc::clone(&self.ward), self.watched_at_rest());
        let rested = async {
            match watched {
                Some(watched) => ward.rest.until_asked(watched).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            read = self.wire.read() => {
                let octets = read?;
                self.receiver.push(&octets);
                self.heard = Instant::now();
                Ok(if octets.is_empty() { Came::End } else { Came::Octets })
            }
            told = told => Ok(if told { Came::News } else { Came::End }),
            () = rested => Ok(Came::Park),
            // RFC 9051 §5.4.
            () = tokio::time::sleep_until(self.heard + imap_limits::AUTOLOGOUT) => {
                self.bye("Nothing was said for too long");
                self.flush().await?;
                Ok(Came::End)
            }
            () = self.shutdown.requested() => {
                self.bye("The server is shutting down");
                self.flush().await?;
                Ok(Came::End)
            }
        }
    }

    /// Where a client waits for news, if it does; nothing where the session can't rest.
    fn watched_at_rest(&self) -> Option<Option<PathBuf>> {
        let session = self.session.as_ref().filter(|session| session.may_rest())?;
        let may_rest = self.receiver.is_at_rest() && self.wire.may_rest() && !self.stays;
        let selected = session.selected.as_ref().filter(|_| self.idling.is_some());
        may_rest.then(|| selected.map(|selected| selected.open.root.clone()))
    }

    /// Whether a client still waits that isn't told anything for long. What it says meanwhile is kept; `early` counts
    /// that.
    async fn is_there(&mut self, early: &mut usize) -> io::Result<bool> {
        if *early >= limits::EARLY_OCTETS_MAX {
            return Ok(true);
        }
        tokio::select! {
            biased;
            read = self.wire.read_early() => {
                let (octets, kept) = read?;
                *early += octets;
                self.receiver.push(&kept);
                Ok(octets > 0)
            }
            () = std::future::ready(()) => Ok(true),
        }
    }

    fn say(&mut self, line: &[u8]) -> Then {
        self.out.extend_from_slice(line);
        Then::GoOn
    }

    fn bye(&mut self, why: &str) -> Then {
        let bye = StatusResponse::untagged(Status::Bye, why);
        bye.write(&mut self.out, postroad_imap::NameEncoding::Utf7);
        Then::Over
    }

    /// Answers what is no command.
    fn mistaken(
        &mut self,
        tag: Option<Tag>,
        status: Status,
        code: Option<Code>,
        text: &str,
    ) -> Then {
        self.mistakes += 1;
        if self.mistakes > limits::MISTAKES_MAX {
            return self.bye("Too many commands that are none");
        }
        let mut response = StatusResponse::untagged(status, text);
        response.tag = tag;
        response.code = code;
        response.write(&mut self.out, postroad_imap::NameEncoding::Utf7);
        Then::GoOn
    }

    async fn flush(&mut self) -> io::Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        timeout(limits::IMAP_WRITE_TIMEOUT, self.wire.send(&self.out)).await??;
        self.out.clear();
        // Whoever idles for hours keeps no long answer in memory.
        self.out.shrink_to(limits::READ_OCTETS);
        Ok(())
    }

    /// Does something with the session where blocking is allowed.
    async fn with<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Session, &mut Vec<u8>) -> T + Send + 'static,
    ) -> io::Result<T> {
        let broken = || io::Error::other("the session has broken down");
        let mut session = self.session.take().ok_or_else(broken)?;
        let mut out = std::mem::take(&mut self.out);
        let worked = tokio::task::spawn_blocking(move || {
            let result = work(&mut session, &mut out);
            (session, out, result)
        });
        let (session, out, result) = worked.await.map_err(|_| broken())?;
        (self.session, self.out) = (Some(session), out);
        Ok(result)
    }
}
