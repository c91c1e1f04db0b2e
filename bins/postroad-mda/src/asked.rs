//! Whether somebody who asks (for help, for the version) brings a letter all the same.

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt as _;

use postroad_mda::oneshot::Exit;

/// Whoever asks has no letter. Who hands one over and asks all the same keeps it.
pub(crate) fn asked() -> Exit {
    match may_bring_a_letter(std::io::stdin()) {
        true => Exit::TryLater,
        false => Exit::Filed,
    }
}

/// Whether a letter may stand there: MTAs give a pipe, a socket or a file, people a terminal or /dev/null.
fn may_bring_a_letter(input: impl AsFd) -> bool {
    let opened = input.as_fd().try_clone_to_owned().map(File::from);
    let metadata = opened.and_then(|file| file.metadata());
    metadata.is_ok_and(|metadata| !metadata.file_type().is_char_device())
}
