//! Answering what `postroad queue` asks while the agent is stopped, as Postfix's `postqueue` runs `showq` then.
//!
//! It has the queue's lock, so that the agent can't start meanwhile, and delivers nothing.

use std::sync::Arc;

use postroad_accounts::Accounts;
use postroad_config::Config;
use postroad_disk::OsDisk;
use postroad_net::Io;
use postroad_observe::control::Answer;
use postroad_queue::{Embedded, ShardId, Spool as _};
use tokio::net::UnixStream;

use super::frames::Frames;
use super::queue::{Deliveries, Desk};
use crate::outbound::Router;
use crate::{events, sources};

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
    let desk = open(config).await;
    while let Some(request) = frames.request().await.map_err(StandInError)? {
        let answered = match &desk {
            Ok(desk) => desk.answer(&mut frames, request).await,
            Err(reason) => frames.send(&Answer::Failed { reason: reason.clone() }).await,
        };
        answered.map_err(StandInError)?;
    }
    if let Ok(desk) = desk {
        desk.shard.release().await;
    }
    Ok(())
}

async fn open(config: &Config) -> Result<Desk, String> {
    let spool = Embedded::new(Arc::new(OsDisk), config.mta.queue.clone());
    let shard = spool.open(ShardId(0)).await.map_err(|error| events::chain(&error))?;
    // Without accounts or a route's password all but the next hops can be told.
    let accounts = Accounts::open(sources(config)).map_err(|error| events::chain(&error));
    let router = accounts.and_then(|accounts| {
        Router::new(config, Arc::new(accounts)).map_err(|error| format!("{error:#}"))
    });
    Ok(Desk { shard, deliveries: Deliveries::Stopped(router.map(Arc::new)) })
}
