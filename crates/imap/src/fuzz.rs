//! What the fuzz targets run. Plain tests run the same over the seeds.

mod client;
mod server;

pub use client::run as client;
pub use server::run as server;
