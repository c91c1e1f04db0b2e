//! What a process inherits from whoever calls it, put in order before anything else is done (row M08).

use std::fs::File;
use std::os::fd::AsFd;

use postroad_protocol::reply::Reply;
use rustix::fs::{FileType, Mode, OFlags};
use rustix::process::Resource;

use crate::{limits, replies};

/// The caller's mask for modes gives way to one that leaves all to us and nothing to others, and a limit on memory
/// that would end us by a signal in the midst of a letter is refused now.
pub(super) fn put_in_order() -> Result<(), Reply> {
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    let needed = [
        (Resource::As, "address space", limits::ONE_SHOT_MEMORY_MIN),
        (Resource::Data, "data", limits::ONE_SHOT_MEMORY_MIN),
        (Resource::Stack, "stack", limits::ONE_SHOT_STACK_MIN),
    ];
    for (resource, name, octets_min) in needed {
        let limit = rustix::process::getrlimit(resource).current;
        if let Some(octets) = limit.filter(|octets| *octets < octets_min) {
            return Err(replies::misconfigured(&format!(
                "the caller's limit on {name}, {octets} octets, is too small: raise it to {octets_min} at least"
            )));
        }
    }
    Ok(())
}

/// The letter's file, read as it is: std's standard input takes one that can't be read for one that is empty.
pub(super) fn letter_on(input: impl AsFd) -> Result<File, Reply> {
    let wrong =
        |error: std::io::Error| replies::try_later(&format!("cannot use standard input: {error}"));
    let input = File::from(input.as_fd().try_clone_to_owned().map_err(wrong)?);
    match was_closed(&input).map_err(wrong)? {
        true => Err(replies::misconfigured("standard input is closed: there is no letter")),
        false => Ok(input),
    }
}

/// Where standard input was closed, std has put /dev/null there before `main`, for reading and writing. A shell's
/// `< /dev/null` is for reading alone: that is an empty letter.
fn was_closed(input: &File) -> std::io::Result<bool> {
    let stat = rustix::fs::fstat(input)?;
    let mode = rustix::fs::fcntl_getfl(input)?;
    let null = rustix::fs::makedev(1, 3);
    Ok(FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice
        && stat.st_rdev == null
        && mode.contains(OFlags::RDWR))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m08_a_closed_standard_input_is_no_empty_letter() {
        let null = File::open("/dev/null").unwrap();
        assert!(letter_on(&null).is_ok());
        let put_there_by_std = File::options().read(true).write(true).open("/dev/null").unwrap();
        assert!(letter_on(&put_there_by_std).is_err());
        let zero = File::options().read(true).write(true).open("/dev/zero").unwrap();
        assert!(letter_on(&zero).is_ok());
    }
}
