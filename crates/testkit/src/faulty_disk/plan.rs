//! What goes wrong, and when.

/// What goes wrong, and when. Calls count from 0, from the moment the plan is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// Nothing.
    Sound,
    /// This one call fails with this error; a write gets half of its octets written, or all, or none: calls take
    /// turns.
    Fail {
        /// Which one.
        call: u64,
        /// As the system numbers it: 5 is EIO, 28 is ENOSPC.
        errno: i32,
    },
    /// The next call of this kind fails, as `sync` or `sync_dir`, and no other.
    FailNext {
        /// The operation, as [`super::FaultyDisk::calls`] has it.
        operation: &'static str,
        /// The error's number.
        errno: i32,
    },
    /// Whoever makes the next call of this kind panics, as if by a fault of its own.
    PanicNext {
        /// The operation, as [`super::FaultyDisk::calls`] has it.
        operation: &'static str,
    },
    /// This call and all after it fail.
    FailFrom {
        /// The first one.
        call: u64,
        /// The error's number.
        errno: i32,
    },
    /// From this call on all that changes the disk fails, and all else works: a full disk, a used-up
    /// quota, a file system that was remounted read-only.
    FailChanges {
        /// The first one.
        call: u64,
        /// The error's number.
        errno: i32,
    },
    /// No space is left: whatever needs some fails with ENOSPC.
    Full,
    /// The power fails at this call: it and all after it do nothing, and what wasn't synced is lost.
    Cut {
        /// The first one that isn't made.
        call: u64,
    },
    /// The process is killed at this call: what was written stays.
    Kill {
        /// The first one that isn't made.
        call: u64,
    },
}

/// EIO.
pub(super) const IO_ERROR: i32 = 5;
/// ENOSPC.
pub(super) const FULL: i32 = 28;
/// EROFS.
const READ_ONLY: i32 = 30;

/// What the plan says of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Made,
    Fails(i32),
    Panics,
    /// Neither this call nor any later one is made.
    Ends,
}

impl Plan {
    /// What becomes of the call with this number.
    pub(super) fn fate(self, number: u64, operation: &str) -> Fate {
        match self {
            Self::Fail { call, errno } if number == call => Fate::Fails(errno),
            Self::FailNext { operation: wanted, errno } if operation == wanted => {
                Fate::Fails(errno)
            }
            Self::PanicNext { operation: wanted } if operation == wanted => Fate::Panics,
            Self::FailFrom { call, errno } if number >= call => Fate::Fails(errno),
            Self::FailChanges { call, errno } if number >= call && changes(operation, errno) => {
                Fate::Fails(errno)
            }
            Self::Full if takes_space(operation) => Fate::Fails(FULL),
            Self::Cut { call } | Self::Kill { call } if number >= call => Fate::Ends,
            Self::Sound
            | Self::Full
            | Self::Fail { .. }
            | Self::FailNext { .. }
            | Self::PanicNext { .. }
            | Self::FailFrom { .. }
            | Self::FailChanges { .. }
            | Self::Cut { .. }
            | Self::Kill { .. } => Fate::Made,
        }
    }
}

fn takes_space(operation: &str) -> bool {
    matches!(operation, "write" | "create" | "create_dir" | "link")
}

/// Whether the call needs what the error says is missing: only a read-only disk keeps what is there from
/// being removed or cut off.
fn changes(operation: &str, errno: i32) -> bool {
    takes_space(operation)
        || operation == "rename"
        || errno == READ_ONLY && matches!(operation, "remove" | "truncate" | "lock")
}
