//! `postroad-mda watched`: a delivery by a second process.

use std::ffi::OsString;
use std::process::Command;

use postroad_mda::oneshot::{self, Exit};

use crate::told::told;

/// One delivery, without its flags.
pub(crate) fn delivery() -> Command {
    let mut delivery = Command::new("/proc/self/exe");
    delivery.arg("deliver");
    delivery
}

/// Runs it; gives how it ended.
pub(crate) fn run(flags: &[OsString]) -> Exit {
    let mut delivery = delivery();
    delivery.args(flags);
    oneshot::by_second_process(delivery).unwrap_or_else(|verdict| told(&verdict))
}
