//! What most calls ask for: the caller's letter into the caller's Maildir, which is there, with no settings and no
//! rules. A small program does no more than this, and leaves all else to the whole one
//! (`docs/decisions/0005-small-delivery-program.md`).

use std::os::fd::AsFd;
use std::path::Path;

use postroad_observe::log;

use super::recipient::{self, SettingsFrom};
use super::watch::Clock;
use super::{Call, Environment, LOG_NAME, Ready, SETTINGS, Verdict, watched};
use crate::rules::NoRules;

/// As [`super::deliver`] where that is all. Where it may be more, only names were looked at, and `whole` is asked: it
/// is to execute the program that can do it, and says why it can't.
pub fn deliver_plain(
    call: Call,
    environment: Environment,
    input: impl AsFd,
    end: impl FnOnce(&Verdict) + Send + 'static,
    whole: impl FnOnce() -> Verdict,
) -> Verdict {
    // Names are looked at under watch, too: their disk may hang.
    let work = |letter, clock: &Clock| match ready(&call, &environment) {
        Some(ready) => ready.file(&call, &environment, letter, clock),
        None => Ok(whole()),
    };
    watched(&call, input, work, end)
}

fn ready(call: &Call, environment: &Environment) -> Option<Ready<NoRules>> {
    let config = postroad_config::built_in();
    let recipient = recipient::of_plain_call(call, environment, &config)?;
    if call.config.is_some() || Path::new(SETTINGS).exists() {
        return None;
    }
    log::start_with_the_hosts(LOG_NAME);
    Some(Ready { config, settings: SettingsFrom::Nowhere, recipient, rules: NoRules })
}
