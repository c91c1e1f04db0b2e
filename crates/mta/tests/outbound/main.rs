//! The sending half against scripted peers on loopback, with a queue in memory and tokio's time paused:
//! days of retries and minutes of silence pass in no time.
#![expect(clippy::unwrap_used, reason = "a test that can't go on says so by panicking")]

mod addresses;
mod bounces;
mod clocks;
mod delivery;
mod memory_shard;
mod misbehaving;
mod peer;
mod probe;
mod reload;
mod retries;
mod routes;
mod schedules;
mod sharing;
mod shortage;
mod simulation;
mod site;
mod tls;
mod unreadable;
