//! The user agent. All it does is in `postroad-mua`'s library; the name that it is called by decides
//! whether it is `mail`, `sendmail`, `mailq` or itself.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(postroad_mua::run(std::env::args_os()))
}
