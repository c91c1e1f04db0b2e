//! What is in front of a login: sockets, TLS, places, passwords, and each protocol as far as it goes without a user. What
//! comes behind it is a worker's.
//!
//! | looking for | it is in |
//! |---|---|
//! | a connection, until somebody is logged in | `conversation` |
//! | IMAP, POP3, ManageSieve until then | `imap`, `pop3`, `managesieve` |
//! | who may log in, and how guessing is slowed | `postroad_logins` |
//! | a process for each user; how it is started | `workers`; `launch` |
//! | a session that a worker has; those that rest, and no worker has | `served`; `nap` |
//! | the settings in force, and others in their place | `live` |
//! | octets between TLS and a worker | `relay` |
//! | settings for mail programs, over HTTP | `autoconfig` |

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use postroad_accounts::{QuotaRule, UserName};
use postroad_config::{ClearTextLogin, Config, ImapSwitch, Mda, Pop3Deleted, personal_scripts};
use postroad_logins::Logins;
use postroad_net::slots::Client;
use postroad_net::tls::ServerTls;
use postroad_net::{Io, Listener, Peer, Shutdown, Slots};
use postroad_protocol::address::Domain;
use postroad_protocol::sasl;
use postroad_protocol::server::Tls;
use tokio_util::task::TaskTracker;

use crate::handover::{Assignment, Log, Places};
use crate::worker::{Part, Whose};
use crate::{Door, events};

mod autoconfig;
pub(crate) mod conversation;
mod imap;
mod launch;
pub(crate) mod live;
mod managesieve;
mod nap;
mod pop3;
mod relay;
mod served;
pub(crate) mod workers;

use autoconfig::{Book, Encryption, Protocol, Service};
use launch::Charge;
use live::{Lasting, Live};
use workers::Workers;

/// What connections share that began under the same settings.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) name: Domain,
    pub(crate) tls: Option<ServerTls>,
    pub(crate) clear_text_login: ClearTextLogin,
    pub(crate) full_text: bool,
    /// How long a client says nothing before its session rests; `None` for ever.
    pub(crate) park_after: Option<Duration>,
    pub(crate) logins: Arc<Logins>,
    pub(crate) mda: Mda,
    /// Of all users.
    pub(crate) imap_extensions: Vec<ImapSwitch>,
    pub(crate) trace: postroad_config::Trace,
    pub(crate) log: Log,
    pub(crate) pop3_deleted: Pop3Deleted,
    pub(crate) slots: Slots,
    pub(crate) workers: Workers,
    pub(crate) book: Book,
}

/// What mail programs may be told: what listens, here and at the transfer agent, which has the same certificate.
fn book(config: &Config, name: &Domain, doors: &[(Door, SocketAddr)]) -> Book {
    let at = |wanted: Door| {
        let of_door = doors.iter().filter(move |(door, _)| *door == wanted);
        of_door.map(|(_, address)| *address)
    };
    let mta = &config.mta;
    let ours = [
        (Protocol::Imap, Encryption::AtOnce, Door::Imaps),
        (Protocol::Imap, Encryption::Upgrade, Door::Imap),
        (Protocol::Pop3, Encryption::AtOnce, Door::Pop3s),
        (Protocol::Pop3, Encryption::Upgrade, Door::Pop3),
    ]
    .into_iter()
    .flat_map(|(protocol, encryption, door)| {
        at(door).map(move |address| Service { protocol, encryption, address })
    });
    let submission =
        [(Encryption::AtOnce, &mta.submissions), (Encryption::Upgrade, &mta.submission)]
            .into_iter()
            .flat_map(|(encryption, addresses)| {
                addresses.iter().map(move |address| Service {
                    protocol: Protocol::Submission,
                    encryption,
                    address: *address,
                })
            });
    let https = at(Door::Https).next();
    Book::new(name.clone(), config.domains.clone(), ours.chain(submission).collect(), https)
}

impl Site {
    /// As the settings have it.
    pub(crate) fn of(
        config: &Config,
        name: Domain,
        tls: Option<ServerTls>,
        lasting: &Lasting,
    ) -> Self {
        let maa = &config.maa;
        let Lasting { logins, slots, workers, doors } = lasting.clone();
        Self {
            book: book(config, &name, &doors),
            name,
            tls,
            clear_text_login: maa.clear_text_login,
            full_text: maa.full_text,
            park_after: Some(maa.park_after).filter(|after| !after.is_zero()),
            logins,
            mda: config.mda.clone(),
            imap_extensions: maa.imap_extensions.clone(),
            trace: config.trace.clone(),
            log: Log { format: config.log.format.into(), level: config.log.level.clone() },
            pop3_deleted: maa.pop3_deleted,
            slots,
            workers,
        }
    }

    /// The script that the delivery agent runs for a user.
    fn main_script(&self, user: &UserName) -> Option<PathBuf> {
        self.mda.sieve_of(user.as_str())
    }

    /// Whose process serves a session of the user's.
    fn charge(&self, user: &UserName, door: Door) -> Charge {
        let part = match door {
            Door::ManageSieve => Part::Rules,
            Door::Imap | Door::Imaps | Door::Pop3 | Door::Pop3s | Door::Http | Door::Https => {
                Part::Mail
            }
        };
        let whose = match self.logins.accounts().directory().is_of_host(user.as_str()) {
            true => Whose::OfHost(part),
            false => Whose::Ours,
        };
        Charge { user: user.clone(), whose }
    }

    /// What the user's mailbox may hold, as the delivery agent has it: one that files as a user of the host can't read the
    /// file of users.
    fn quota(&self, Charge { user, whose }: &Charge) -> Option<(u64, u64)> {
        let rule = match whose {
            Whose::Ours => self.logins.accounts().directory().quota(user.as_str()),
            Whose::OfHost(_) => QuotaRule::default(),
        };
        self.mda.quota.of(rule.octets, rule.letters)
    }

    /// Where a user of ours has what.
    fn places(&self, Charge { user, whose }: &Charge) -> Option<Places> {
        (*whose == Whose::Ours).then(|| Places {
            maildir: self.mda.maildir_of(user.as_str()),
            scripts: self.main_script(user).and_then(|main| personal_scripts(&main)),
            trace: self.trace.dir.clone(),
            trace_octets_max: self.trace.size_max,
        })
    }

    /// What the settings say, and then what the file of users does.
    fn imap_extensions(&self, user: &UserName) -> Vec<ImapSwitch> {
        let own = self.logins.accounts().directory().imap_extensions(user.as_str());
        self.imap_extensions.iter().cloned().chain(own).collect()
    }

    /// What a user's worker is told.
    fn assignment(&self, charge: &Charge) -> Assignment {
        Assignment {
            user: charge.user.to_string(),
            places: self.places(charge),
            quota: self.quota(charge),
            imap_extensions: self.imap_extensions(&charge.user),
            host: self.name.to_string(),
            log: self.log.clone(),
            full_text: self.full_text,
            pop3_deleted: self.pop3_deleted.into(),
            park_after: self.park_after,
        }
    }

    /// Whether a password may come in clear from there (RFC 2595 §2.3).
    fn clear_text_login_from(&self, peer: Peer) -> sasl::ClearTextLogin {
        match self.clear_text_login {
            ClearTextLogin::Loopback if peer.is_this_host() => sasl::ClearTextLogin::Allowed,
            ClearTextLogin::Loopback | ClearTextLogin::Never => sasl::ClearTextLogin::Refused,
        }
    }

    /// Whether connections there are encrypted, or can be.
    fn tls_at(&self, door: Door) -> Tls {
        match self.tls {
            _ if door.is_inside_tls() => Tls::Active,
            Some(_) => Tls::Offered,
            None => Tls::Unavailable,
        }
    }
}

/// Takes connections of one service until the stop is asked for.
pub(crate) async fn accept(
    live: Arc<Live>,
    door: Door,
    listener: Listener,
    sessions: TaskTracker,
    shutdown: Shutdown,
) {
    loop {
        let (io, peer) = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.requested() => return,
        };
        sessions.spawn(admit(Arc::clone(&live), door, io, peer, shutdown.clone()));
    }
}

/// Serves a connection, where there is a place for it.
async fn admit(live: Arc<Live>, door: Door, io: Io, peer: Peer, shutdown: Shutdown) {
    let client = match peer.ip() {
        Some(ip) if !peer.is_this_host() => Client::Counted(ip),
        Some(_) | None => Client::Exempt,
    };
    match live.site().slots.take(client) {
        Ok(slot) => {
            conversation::serve(&live, door, io, peer, shutdown).await;
            drop(slot);
        }
        Err(full) => {
            events::no_place(door, peer, full);
            conversation::turn_away(door, io).await;
        }
    }
}
