//! A ManageSieve session of a user who is logged in, to its end. Every protocol decision is in
//! `postroad_managesieve::server`, what is a script in `postroad_sieve`; where they lie is in [`store`].

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use postroad_managesieve::limits as managesieve_limits;
use postroad_managesieve::server::{Answer, Failure, Question, Server, Settings, Step};
use postroad_net::{Io, Shutdown};
use postroad_protocol::sasl::{ClearTextLogin, Offer};
use postroad_protocol::server::Tls;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use crate::handover::Refusal;
use crate::worker::{self, Ward};
use crate::{events, limits};

mod checker;
pub(crate) mod store;

use store::{Store, StoreError};

/// How sessions are held, before and behind a login.
pub(crate) fn settings(tls: Tls, clear_text_login: ClearTextLogin, offer: Offer) -> Settings {
    Settings {
        tls,
        clear_text_login,
        offer,
        sieve: postroad_sieve::capabilities(),
        // RFC 5435: what `enotify` knows.
        notify: &["mailto"],
    }
}

/// Serves a session to its end.
pub(crate) async fn serve(ward: Arc<Ward>, session: worker::Session) {
    let Some(folder) = ward.scripts.clone() else {
        return session.refuse(Refusal::Unavailable).await;
    };
    if session.begin().await.is_err() {
        return;
    }
    events::logged_in(&session.about, &ward.user, None);
    let (door, peer) = (session.about.door, session.about.peer.clone());
    if let Err(error) = run(&ward.user, folder, session).await {
        events::connection_lost(door, &peer, &error);
    }
}

async fn run(user: &str, folder: PathBuf, mut session: worker::Session) -> io::Result<()> {
    let tls = if session.about.tls.is_some() { Tls::Active } else { Tls::Unavailable };
    let settings = settings(tls, ClearTextLogin::Allowed, Offer::default());
    let mut server = Server::logging_in(settings, &session.unread, Instant::now());
    server.answer(Answer::Login(Ok(())));
    let mut buffer = vec![0; limits::READ_OCTETS];
    loop {
        match server.step(Instant::now()) {
            Step::Send(octets) => send(&mut session.io, &octets).await?,
            Step::NeedInput => {
                let worker::Session { io, shutdown, .. } = &mut session;
                let Some(octets) = read(io, &mut buffer, &server, shutdown).await? else {
                    return Ok(());
                };
                server.push(buffer.get(..octets).unwrap_or_default());
            }
            Step::Ask(question) => {
                let folder = folder.clone();
                let answered = tokio::task::spawn_blocking(move || answer(&folder, question));
                let Ok((answer, error)) = answered.await else { return Ok(()) };
                if let Some(error) = error {
                    events::rules_failed(user, &error);
                }
                server.answer(answer);
            }
            Step::LoggedOut => {
                let left = session.leave(server.unread());
                return timeout(limits::LEAVE_TIMEOUT, left).await?;
            }
            // TLS is the front's: it is not offered any more.
            Step::StartTls | Step::Close => {
                return timeout(managesieve_limits::WRITE_TIMEOUT, session.io.shutdown()).await?;
            }
        }
    }
}

/// Octets that came; none where the session ends.
async fn read(
    io: &mut Io,
    buffer: &mut [u8],
    server: &Server,
    shutdown: &Shutdown,
) -> io::Result<Option<usize>> {
    let deadline = tokio::time::Instant::from_std(server.deadline());
    tokio::select! {
        read = io.read(buffer) => read.map(|octets| (octets > 0).then_some(octets)),
        () = tokio::time::sleep_until(deadline) => Ok(None),
        () = shutdown.requested() => {
            send(io, b"BYE (TRYLATER) \"the server stops\"\r\n").await?;
            Ok(None)
        }
    }
}

async fn send(io: &mut Io, octets: &[u8]) -> io::Result<()> {
    let sending = async {
        io.write_all(octets).await?;
        io.flush().await
    };
    timeout(managesieve_limits::WRITE_TIMEOUT, sending).await?
}

/// Answers a question, and gives what an operator has to know.
fn answer(folder: &std::path::Path, question: Question) -> (Answer, Option<StoreError>) {
    let store = Store::at(folder);
    match question {
        // There was one.
        Question::Login(_) => (Answer::Login(Ok(())), None),
        Question::HaveSpace { name, .. } => done(store.have_space(&name), Answer::Done),
        Question::Put { name, text } => match checker::check(&store, name.as_str(), &text) {
            Ok(warnings) => done(store.put(&name, &text).map(|()| warnings), Answer::Checked),
            Err(problems) => (Answer::Checked(Err(Failure::Wrong(problems))), None),
        },
        Question::Check(text) => {
            // RFC 5804 §2.12: it has no name.
            let checked = checker::check(&store, "script", &text);
            (Answer::Checked(checked.map_err(Failure::Wrong)), None)
        }
        Question::List => done(store.list(), Answer::Scripts),
        Question::SetActive(name) => done(store.set_active(name.as_ref()), Answer::Done),
        Question::Get(name) => done(store.get(&name), Answer::Script),
        Question::Delete(name) => done(store.delete(&name), Answer::Done),
        Question::Rename { from, to } => done(store.rename(&from, &to), Answer::Done),
    }
}

fn done<T>(
    result: Result<T, StoreError>,
    answer: impl FnOnce(Result<T, Failure>) -> Answer,
) -> (Answer, Option<StoreError>) {
    match result {
        Ok(value) => (answer(Ok(value)), None),
        Err(StoreError::Not(failure)) => (answer(Err(failure)), None),
        Err(error) => (answer(Err(Failure::Unavailable)), Some(error)),
    }
}
