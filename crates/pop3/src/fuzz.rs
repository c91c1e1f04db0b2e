//! What the fuzz targets in `tests/fuzz` run, and plain tests over the seeds.

mod client;
mod server;

pub use client::run as client;
pub use server::run as server;
