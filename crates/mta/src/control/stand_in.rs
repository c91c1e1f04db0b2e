//! Answering what `postroad queue` asks while the agent is stopped, as Postfix's `postqueue` runs `showq` then.
//!
//! To look at the queue its files are read, which works where they are damaged or can't be written, too. To
//! change it, it is opened as the agent opens it: with its lock, so that the agent can't start meanwhile.
//! Nothing is delivered.

use std::path::Path;
use std::sync::Arc;

use postroad_accounts::{Accounts, Sources};
use postroad_config::Config;
use postroad_disk::OsDisk;
use postroad_net::Io;
use postroad_observe::control::{Answer, Request};
use postroad_queue::{Embedded, ShardId, Spool as _};
use tokio::net::UnixStream;

use super::frames::Frames;
use super::queue::{Deliveries, Desk, Shelf};
use crate::events;
use crate::outbound::Router;

/// What ended the conversation before its time.
#[derive(Debug, thiserror::Error)]
#[error("cannot answer the operator's command")]
pub struct StandInError(#[source] super::frames::ControlError);

/// Answers on this connection until the other side has had enough.
///
/// # Errors
/// Where the connection fails. That the queue can't be opened is an answer.
pub async fn stand_in(config: &Config, connection: UnixStream) -> Result<(), StandInError> {
    let mut frames = Frames::new(Io::unix(connection));
    let mut desk: Option<Desk> = None;
    while let Some(request) = frames.request().await.map_err(StandInError)? {
        let answered = match desk_for(&request, desk.take(), config).await {
            Ok(suitable) => desk.insert(suitable).answer(&mut frames, request).await,
            Err(reason) => frames.send(&Answer::Failed { reason }).await,
        };
        answered.map_err(StandInError)?;
    }
    if let Some(Desk { shelf: Shelf::Open(shard), .. }) = desk {
        shard.release().await;
    }
    Ok(())
}

/// The desk that there is, where it can answer this; else a new one.
async fn desk_for(request: &Request, desk: Option<Desk>, config: &Config) -> Result<Desk, String> {
    let folder = &config.mta.queue;
    match (request, desk) {
        (Request::Edit { .. }, Some(desk @ Desk { shelf: Shelf::Files(_), .. })) => {
            Ok(Desk { shelf: open(folder).await?, ..desk })
        }
        (_, Some(desk)) => Ok(desk),
        (Request::Edit { .. }, None) => Ok(new_desk(config, open(folder).await?)),
        (_, None) => Ok(new_desk(config, read(folder)?)),
    }
}

fn new_desk(config: &Config, shelf: Shelf) -> Desk {
    // Without accounts or a route's password all but the next hops can be told.
    let accounts = Accounts::open(Sources::of(config)).map_err(|error| events::chain(&error));
    let router = accounts.and_then(|accounts| {
        Router::new(config, Arc::new(accounts)).map_err(|error| format!("{error:#}"))
    });
    let deliveries = Deliveries::Stopped(router.map(Arc::new));
    Desk { shelf, deliveries, folder: config.mta.queue.clone() }
}

fn read(folder: &Path) -> Result<Shelf, String> {
    let survey = postroad_queue::survey(&OsDisk, folder).map_err(|error| events::chain(&error))?;
    if let Some(error) = &survey.unread {
        events::partly_unread(error);
    }
    Ok(Shelf::Files(survey))
}

async fn open(folder: &Path) -> Result<Shelf, String> {
    let spool = Embedded::new(Arc::new(OsDisk), folder.to_owned());
    let shard = spool.open(ShardId(0)).await.map_err(|error| events::chain(&error))?;
    Ok(Shelf::Open(shard))
}
