//! What an agent inherits (row M08): a user's environment and nothing of whoever called us.
//!
//! Signals that are ignored stay so; `postroad-mda` sees to them. Limits stay, for a caller may mean them (Postfix's
//! for the size of files), but for that on core files.

use std::ffi::OsString;

use nix::sys::signal::SigSet;
use postroad_host::HostUser;
use rustix::process::{Resource, Rlimit};

/// What programs find others by.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// What transfer agents say of the letter, and our LMTP server: whether one reply speaks for others, too.
const ENVELOPE: [&str; 7] =
    ["SENDER", "RECIPIENT", "ORIGINAL_RECIPIENT", "EXTENSION", "LOCAL", "DOMAIN", "ONE_OF_SEVERAL"];

/// All that is in the delivery agent's environment.
pub(crate) fn of_letter(user: &HostUser) -> Vec<(&'static str, OsString)> {
    let of_envelope = ENVELOPE.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
    of_user(user).into_iter().chain(of_envelope).collect()
}

/// All that is in the access agent's.
pub(crate) fn of_user(user: &HostUser) -> Vec<(&'static str, OsString)> {
    vec![
        ("HOME", user.home.clone().into_os_string()),
        ("USER", user.name.clone().into()),
        ("LOGNAME", user.name.clone().into()),
        ("SHELL", "/bin/sh".into()),
        ("PATH", PATH.into()),
    ]
}

/// Descriptors, umask, core files, signals.
pub(crate) fn put_in_order() -> Result<(), String> {
    close_all_but_three()?;
    rustix::process::umask(0o077.into());
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    rustix::process::setrlimit(Resource::Core, none)
        .map_err(|error| format!("cannot forbid core files: {error}"))?;
    SigSet::empty().thread_set_mask().map_err(|error| format!("cannot let signals in: {error}"))
}

fn close_all_but_three() -> Result<(), String> {
    let failed = |error: std::io::Error| format!("cannot tell what is open, by /proc: {error}");
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir("/proc/self/fd").map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        numbers.extend(name.to_str().and_then(|name| name.parse::<i32>().ok()));
    }
    for number in numbers.into_iter().filter(|number| *number > 2) {
        // The folder's own is among them, and closed by now.
        let _ = nix::unistd::close(number);
    }
    Ok(())
}
