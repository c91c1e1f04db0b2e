//! The server's side.
//!
//! | looking for | it is in |
//! |---|---|
//! | a connection until somebody is logged in | [`entrance`] |

pub mod entrance;
#[cfg(test)]
mod tests;
