//! The sending half's own limits; those of the protocol are in `postroad_protocol::limits`, those that an
//! operator may change in the settings.

use std::time::Duration;

/// How long a connection without work is kept for the next message.
pub(crate) const IDLE_CONNECTION: Duration = Duration::from_secs(5);
/// Recipients in one transaction: what every server must take (RFC 5321 §4.5.3.1.8).
pub(crate) const RECIPIENTS_PER_TRANSACTION: usize = 100;
/// Transactions on one connection; some servers close it after a hundred, most after a thousand.
pub(crate) const TRANSACTIONS_PER_CONNECTION: usize = 500;
/// How old a connection gets: the addresses behind a name change, and so may the best host.
pub(crate) const CONNECTION_AGE: Duration = Duration::from_secs(5 * 60);
/// How long a next hop may take to answer before it counts as slow; see `budget.rs`.
pub(crate) const LINGER: Duration = Duration::from_secs(2);
/// How long a next hop rests that lingered while there was no room for such; twice as long each time.
pub(crate) const LINGER_REST: Duration = Duration::from_secs(10);
/// How often it may linger so before it stands in line with those that don't answer.
pub(crate) const LINGERED_MAX: u32 = 4;
/// Of so many connections that are given, one goes to a lane that failed last time, and one to a backlog,
/// though fresh letters wait.
pub(crate) const OTHERS_TURN: usize = 8;
/// A message with more destinations than these waits behind fresh letters of others.
pub(crate) const PROMPT_DESTINATIONS_MAX: usize = 20;
/// Jobs that a worker does while another lane waits for its connection.
pub(crate) const JOBS_IN_A_ROW: usize = 20;
/// Jobs of one destination that are in memory; only destinations with a connection have any.
pub(crate) const LINE_MAX: usize = 500;
/// Letters that are read into a line in one go.
pub(crate) const REFILL: usize = 50;
/// Connections in a row that break before anything went through; then it is about the host.
pub(crate) const BROKEN_CONNECTIONS_MAX: usize = 3;
/// How often a message may make its delivery panic, or be unreadable, before it is kept for the operator (rows
/// Q10 and F12).
pub(crate) const MISHAPS_MAX: u32 = 3;
/// Messages whose mishaps are counted.
pub(crate) const MISHAPS_COUNTED: usize = 10_000;
/// How long a letter waits that is still under way by routes which a reload has replaced.
pub(crate) const UNDER_WAY_ELSEWHERE: Duration = Duration::from_secs(5);
/// Octets of content that active messages keep in memory; beyond that it is read from the queue.
pub(crate) const CONTENT_OCTETS_MAX: usize = 64 * 1024 * 1024;
/// Messages that are read from the queue in one go.
pub(crate) const PAGE: usize = 200;
/// Connections at once to a next hop that nothing is known of; each success earns it more.
pub(crate) const CONNECTIONS_FIRST: usize = 5;
/// How many times `deliveries_per_next_hop_max` an agent of this host may be given at once: nobody has to be
/// polite to it, and letters that it files together share their syncs.
pub(crate) const LOCAL_CONNECTIONS_FACTOR: usize = 3;
/// How long a next hop that can't be reached is left alone at most: fresh letters wait for it as well.
pub(crate) const BACK_OFF_LONGEST: Duration = Duration::from_secs(60 * 60);
/// The same for an agent of this host.
pub(crate) const LOCAL_BACK_OFF_LONGEST: Duration = Duration::from_secs(30);
/// Waiting time before the second try at an agent of this host, which is soon back.
pub(crate) const LOCAL_RETRY_FIRST: Duration = Duration::from_secs(5);
/// How long deliveries under way may take once we are to stop.
pub(crate) const DRAIN: Duration = Duration::from_secs(20);
/// How long no connection is tried once this host had no descriptor or no memory for one.
pub(crate) const SHORTAGE_PAUSE: Duration = Duration::from_secs(1);
/// How often the log says so.
pub(crate) const SHORTAGE_NEWS: Duration = Duration::from_secs(60);
/// How long the delivery agent may take to say whether it takes a recipient.
pub(crate) const PROBE_TIMEOUT: Duration = Duration::from_secs(3);
/// How long an agent that kept silent isn't asked again.
pub(crate) const PROBE_SILENCE: Duration = Duration::from_secs(10);
/// How long "yes" is remembered: a mailbox may go away, and then the agent's refusal becomes a bounce.
pub(crate) const PROBE_ACCEPTED_TTL: Duration = Duration::from_secs(60);
/// How long "no" is remembered: somebody who was just added is soon reached.
pub(crate) const PROBE_REFUSED_TTL: Duration = Duration::from_secs(5);
/// Answers that are remembered.
pub(crate) const PROBE_CACHE_MAX: usize = 10_000;
/// Connections that wait for the next question.
pub(crate) const PROBE_CONNECTIONS_MAX: usize = 8;
/// How old such a connection may be.
pub(crate) const PROBE_IDLE: Duration = Duration::from_secs(30);
/// Jobs whose outcomes are recorded together.
pub(crate) const SETTLED_TOGETHER_MAX: usize = 1_000;
/// How long a notice of success waits that the queue refused, before it is put again.
pub(crate) const NOTICE_RETRY: Duration = Duration::from_secs(60);
/// Octets of notices that are put into the queue together.
pub(crate) const NOTICES_OCTETS_MAX: usize = 4 * 1024 * 1024;
