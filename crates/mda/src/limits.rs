//! Every limit and timeout of the delivery agent, with its unit and its reason.

use std::time::Duration;

/// One-shot: octets of a header that are looked at; what is behind them is taken for body.
pub const HEADER_OCTETS_MAX: usize = 1024 * 1024;
/// One-shot: octets that are read at once.
pub const INPUT_BLOCK_OCTETS_MAX: usize = 64 * 1024;
/// The same of the first block.
pub const INPUT_BLOCK_OCTETS_MIN: usize = 8 * 1024;
/// One-shot: octets of memory that the caller has to allow. With less, a letter might end us by a signal, which
/// is a bounce with Exim.
pub const ONE_SHOT_MEMORY_MIN: u64 = 128 * 1024 * 1024;
/// One-shot: users that one call names; each has a process.
pub const ONE_SHOT_USERS_MAX: usize = 100;
/// One-shot: how long the trace's records are waited for when the letter is filed.
pub const ONE_SHOT_AFTERWARDS_MAX: Duration = Duration::from_secs(1);
/// One-shot: octets of stack that the caller has to allow.
pub const ONE_SHOT_STACK_MIN: u64 = 2 * 1024 * 1024;
/// One-shot: octets of the watching thread's stack, whatever the environment says (`RUST_MIN_STACK`).
pub const ONE_SHOT_WATCH_STACK_OCTETS: usize = 128 * 1024;

/// LMTP: connections at once. Transfer agents keep a few dozen each.
pub const CONNECTIONS_MAX: usize = 2_000;
/// LMTP: octets of a letter that are kept in memory; what is larger waits in a file. With
/// [`CONNECTIONS_MAX`] this bounds what a crowd of clients can hold.
pub const CONTENT_MEMORY_OCTETS: usize = 256 * 1024;
/// LMTP: octets that are written to or read from that file at once.
pub const SCRATCH_BLOCK_OCTETS: usize = 256 * 1024;
/// LMTP: room for reading commands.
pub const READ_COMMAND_OCTETS: usize = 4 * 1024;
/// LMTP: room for reading content.
pub const READ_CONTENT_OCTETS: usize = 64 * 1024;
/// LMTP: replies to a letter that are written at once.
pub const REPLIES_AT_ONCE: usize = 100;
/// LMTP: recipients of one transaction whose letters are written at the same time.
pub const WRITERS_PER_TRANSACTION: usize = 16;
/// LMTP: how long all others wait for a mailbox that hangs (row M13).
pub const STRAGGLER_WAIT: Duration = Duration::from_secs(1);
/// LMTP: how long all others wait for a letter that is written and waits for its sync.
pub const SLOW_SYNC_WAIT: Duration = Duration::from_secs(10);
/// LMTP: how long letters for a mailbox that hung are put off without trying it, at least: as long as a
/// thread is stuck in it, it isn't tried either.
pub const HANGING_REST: Duration = Duration::from_secs(60);
/// LMTP: how long sessions may go on when the agent is asked to stop. systemd kills after 90 seconds.
pub const DRAIN_TIME_MAX: Duration = Duration::from_secs(30);
/// LMTP: how long a client that is turned away may take to hear it.
pub const TURN_AWAY_TIMEOUT: Duration = Duration::from_secs(5);

/// Users of the host: letters under way to them at once; each holds a thread and two processes. More are put off.
pub const BY_USERS_MAX: usize = 64;
/// Users of the host: how long a letter may take, as sending on may; what has not ended by then may still end well, and
/// comes again as a repeat.
pub const BY_USER_TIME_MAX: Duration = Duration::from_secs(60);
const _: () = assert!(BY_USER_TIME_MAX.as_secs() + PROGRAM_GRACE.as_secs() < SUBMIT_WAIT.as_secs());

/// Quotas: how long RCPT is answered by what a mailbox held, without a look at it. Clients ask often.
pub const QUOTA_AGE_MAX: Duration = Duration::from_secs(5);
/// Quotas: how long RCPT waits for a mailbox; what takes longer is found out when the letter is there.
pub const QUOTA_WAIT: Duration = Duration::from_secs(1);
/// Quotas: letters that are younger are no reason to refuse another one at RCPT: it may be one of them, come again
/// since the reply was lost. Queues try again after some minutes, most of them within an hour.
pub const QUOTA_YOUNG: Duration = Duration::from_secs(60 * 60);
/// Quotas: mailboxes that are looked at for RCPT at the same time; each holds a thread, and threads are for
/// deliveries.
pub const QUOTA_LOOKS_MAX: usize = 32;
/// Quotas: mailboxes that something is remembered of.
pub const QUOTAS_KNOWN_MAX: usize = 16_384;

/// Rules: scripts that are kept compiled.
pub const SCRIPTS_KEPT_MAX: usize = 1_000;
/// Rules: octets of their texts together; compiled they take some twenty times as much.
pub const SCRIPT_OCTETS_KEPT_MAX: usize = 8 * 1024 * 1024;
/// Rules: a script that was changed a shorter time ago isn't kept: file systems count time in ticks, and a
/// second change in the same one looks like none.
pub const SCRIPT_SETTLES_AFTER: Duration = Duration::from_secs(2);
/// Rules: octets of a letter that `sieve test` reads; the rest doesn't count.
pub const TEST_LETTER_OCTETS_MAX: u64 = 50 * 1024 * 1024;
/// Rules: things that one user's rules remember: a thousand new ones a day for a week, say.
pub const MEMOS_KEPT_MAX: usize = 10_000;
/// Rules: characters of a line of a refusal; four octets each and the code fit into 512 (RFC 5321 §4.5.3.1.5).
pub const REASON_LINE_CHARACTERS_MAX: usize = 100;
/// Rules: lines of a refusal.
pub const REASON_LINES_MAX: usize = 30;
/// Rules: octets of what a user is told of a mistake.
pub const MISTAKE_OCTETS_MAX: usize = 4 * 1024;

/// Sending on, programs: what part of the time of a delivery each of them may take. The rest is for the disk: a
/// delivery that was ended when a letter had left would send it twice.
pub const PARTS_OF_DELIVERY_TIME: u32 = 3;
/// Sending on: how long it may take in all. What is not taken by then comes again.
pub const SUBMIT_TIME_MAX: Duration = Duration::from_secs(60);
/// Sending on: how long others wait for it, at most: longer than it takes, a program's last words included.
pub const SUBMIT_WAIT: Duration = Duration::from_secs(90);
/// Sending on: letters at once; each holds a thread. More are put off.
pub const SUBMITS_MAX: usize = 64;

/// Notices of success: at once; each holds a thread.
pub const SUCCESS_NOTICES_AT_ONCE: usize = 4;
/// Notices of success: octets that wait to leave. More are lost.
pub const SUCCESS_NOTICES_OCTETS_MAX: usize = 8 * 1024 * 1024;
/// Notices of success: when one that wasn't taken is tried again.
pub const SUCCESS_NOTICE_RETRY: Duration = Duration::from_secs(60);
/// Notices of success: tries; then it is lost.
pub const SUCCESS_NOTICE_TRIES_MAX: usize = 60;
/// Notices of success: how long what waits may take when the agent is asked to stop.
pub const SUCCESS_NOTICES_DRAIN: Duration = Duration::from_secs(20);

/// Programs: how long those of one delivery may take together, as sending on may; what has not ended is ended.
pub const PROGRAMS_TIME_MAX: Duration = Duration::from_secs(60);
/// Programs: how long what watches over one may take to end all of it and to say so.
pub const PROGRAM_GRACE: Duration = Duration::from_secs(10);
const _: () = assert!(
    PROGRAMS_TIME_MAX.as_secs() + PROGRAM_GRACE.as_secs() < SUBMIT_WAIT.as_secs()
        && SUBMIT_TIME_MAX.as_secs() + PROGRAM_GRACE.as_secs() < SUBMIT_WAIT.as_secs()
);
/// Programs: how long it goes on killing what doesn't die.
pub const PROGRAM_ENDING_TIME_MAX: Duration = Duration::from_secs(5);
const _: () = assert!(PROGRAM_ENDING_TIME_MAX.as_secs() < PROGRAM_GRACE.as_secs());
/// How long the program that takes dot locks may take.
pub const DOT_LOCK_PROGRAM_TIME_MAX: Duration = Duration::from_secs(10);
/// Programs: how many run at once. More are put off.
pub const PROGRAMS_MAX: usize = 64;
/// Programs: octets of an answer that are kept for people (row M09).
pub const PROGRAM_OUTPUT_OCTETS_MAX: usize = 4 * 1024;
/// Programs: octets of an answer that are read at once.
pub const PROGRAM_BLOCK_OCTETS: usize = 16 * 1024;
/// Programs: such blocks that the largest pipe holds.
pub const PROGRAM_PIPE_BLOCKS_MAX: usize = 64;

/// Characters of a subject, or of what would be done, in a line of `refilter`.
pub(crate) const REFILTER_LINE_CHARS_MAX: usize = 300;

/// How long sending on or programs may take where a delivery may take `delivery_time_max`.
pub(crate) fn part_of(delivery_time_max: Duration, most: Duration) -> Duration {
    most.min(delivery_time_max / PARTS_OF_DELIVERY_TIME)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_time_for_the_disk_behind_all_else() {
        let default = postroad_config::Mda::default().delivery_time_max;
        assert_eq!(part_of(default, SUBMIT_TIME_MAX), SUBMIT_TIME_MAX);
        for seconds in [1, 3, 60, 90, 180, 1_000] {
            let all = Duration::from_secs(seconds);
            let parts = part_of(all, SUBMIT_TIME_MAX) + part_of(all, PROGRAMS_TIME_MAX);
            assert!(parts <= all * 2 / 3, "{seconds}");
        }
    }
}
