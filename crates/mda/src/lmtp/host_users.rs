//! Users of the host (`mda.host_users`): each letter is given to `postroad-as`, beside us, which becomes the user and
//! executes `postroad-mda`; how that ends is the reply.
//!
//! What it is told of the letter stands in its environment: no word of an envelope is taken for a flag (row M07). Where
//! rules of ours would have a letter come again once it was filed, so would this: a repeat is known again by its queue id,
//! in the user's mailbox.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use postroad_host::HostUser;
use postroad_protocol::reply::Reply;
use tokio::time::timeout;

use super::Shared;
use super::delivery::Letter;
use super::destination::{Destination, HostUserName};
use crate::line_ends::with_lf;
use crate::programs::{self, How, Job, Output, Permit, Program};
use crate::rules::Recipient;
use crate::{events, limits, replies};

const PROGRAM: &str = "postroad-as";

/// Whether there is such a user who gets letters. In doubt it is yes: `postroad-as` looks again.
pub(super) async fn ask(shared: &Arc<Shared>, name: &str) -> Result<(), Reply> {
    let Ok(permit) = Arc::clone(&shared.looks).try_acquire_owned() else { return Ok(()) };
    let name = name.to_owned();
    let looking = tokio::task::spawn_blocking(move || {
        let found = postroad_host::by_name(&name);
        drop(permit);
        found
    });
    match timeout(limits::QUOTA_WAIT, looking).await {
        Ok(Ok(Ok(found))) => {
            found.filter(HostUser::gets_mail).map(drop).ok_or_else(replies::unknown_user)
        }
        Ok(Ok(Err(_)) | Err(_)) | Err(_) => Ok(()),
    }
}

/// Files one letter; blocks.
pub(super) fn file(
    shared: &Shared,
    letter: &Letter,
    to: &Destination,
    HostUserName { name, detail }: &HostUserName,
) -> Result<(), Reply> {
    let is_shared = match to.recipient() {
        Recipient::Alone => "",
        Recipient::OneOfSeveral => "yes",
    };
    let to = &to.address;
    let later = |why: &dyn std::fmt::Display| {
        events::not_filed_by_user(to, name, why);
        replies::not_filed_by_user(None, "", letter.utf8)
    };
    let _permit = Permit::take(&shared.by_users, limits::BY_USERS_MAX)
        .map_err(|others| later(&format!("{others} letters are under way to users of the host")))?;
    let message = letter.whole().map_err(|error| later(&events::Chain(&error)))?;
    let program = beside_us().map_err(|error| later(&error))?;
    let (sender, recipient) = (letter.return_path.to_string(), to.to_string());
    let domain = to.domain.to_string();
    let envelope = [
        ("SENDER", sender.as_str()),
        ("RECIPIENT", &recipient),
        ("LOCAL", to.local_part.as_str()),
        ("DOMAIN", &domain),
        ("EXTENSION", detail.as_deref().unwrap_or_default()),
        ("ONE_OF_SEVERAL", is_shared),
    ];
    let job = Job {
        program: &Program::at(&program),
        arguments: vec![OsStr::new(name)],
        environment: &envelope.map(|(name, value)| (name, OsStr::new(value))),
        folder: Path::new("/"),
        input: &with_lf(&message),
        output: Output::Beginning(limits::PROGRAM_OUTPUT_OCTETS_MAX),
        deadline: Instant::now() + limits::BY_USER_TIME_MAX,
    };
    let ended = programs::run(&job).map_err(|error| later(&error))?;
    let exit = match ended.how {
        How::Exited(0) => return Ok(()),
        How::Exited(code) => Some(code),
        How::Signal(_) | How::TooLong | How::TooMuch | How::NotStarted(_) => None,
    };
    events::not_filed_by_user(to, name, &ended);
    let said = String::from_utf8_lossy(&ended.said);
    Err(replies::not_filed_by_user(exit, &said, letter.utf8))
}

fn beside_us() -> std::io::Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name(PROGRAM))
}
