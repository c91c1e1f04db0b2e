//! A letter for several users, called as procmail.

use std::io::Write as _;

use postroad_mda::oneshot::{self, Call, Exit};

use crate::told::{end, told};
use crate::watched;

/// Runs a delivery for each; gives how they ended.
pub(crate) fn run(call: &Call, users: &[String]) -> Exit {
    match oneshot::for_each(call, users, watched::delivery, std::io::stdin(), end) {
        Ok(ended) => {
            // Nobody reads: nobody misses it.
            let _ = std::io::stderr().write_all(&ended.said);
            ended.exit
        }
        Err(verdict) => told(&verdict),
    }
}
