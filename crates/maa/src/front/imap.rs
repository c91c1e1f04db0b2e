//! IMAP until somebody is logged in: `postroad_imap::server::entrance` as an [`Entrance`].

use std::time::{Duration, Instant};

use postroad_imap::limits;
use postroad_imap::server::entrance::{self, Settings};
use postroad_net::Peer;
use postroad_protocol::sasl::Challenge;

use super::Site;
use super::conversation::{Entrance, Failure, Step};
use crate::handover::Refusal;
use crate::{Door, imap};

/// What a client is told for whom there is no place.
pub(super) const NO_PLACE: &str = "* BYE [UNAVAILABLE] too many connections, try later\r\n";

pub(super) fn entrance(site: &Site, door: Door, peer: Peer) -> Box<dyn Entrance> {
    let settings = Settings {
        name: site.name.to_string(),
        tls: site.tls_at(door),
        clear_text_login: site.clear_text_login_from(peer),
        offer: site.logins.offer(),
        capabilities: imap::BEFORE_LOGIN,
    };
    Box::new(entrance::Entrance::new(settings, Instant::now()))
}

impl Entrance for entrance::Entrance {
    fn step(&mut self, now: Instant) -> Step {
        match Self::step(self, now) {
            entrance::Step::Send(octets) => Step::Send(octets),
            entrance::Step::NeedInput => Step::NeedInput,
            entrance::Step::StartTls => Step::StartTls,
            entrance::Step::LogIn(attempt) => Step::LogIn(attempt),
            entrance::Step::Close => Step::Close,
        }
    }

    fn push(&mut self, octets: &[u8]) {
        Self::push(self, octets);
    }

    fn deadline(&self) -> Instant {
        Self::deadline(self)
    }

    fn tls_started(&mut self, now: Instant) {
        Self::tls_started(self, now);
    }

    fn challenge(&mut self, challenge: Challenge) {
        Self::challenge(self, challenge);
    }

    fn refuse(&mut self, failure: Failure) {
        Self::refuse(
            self,
            match failure {
                Failure::Wrong => entrance::Failure::Wrong,
                Failure::Banned => entrance::Failure::Banned,
                Failure::Refused(Refusal::TooMany) => entrance::Failure::TooMany,
                Failure::Refused(Refusal::InUse | Refusal::Unavailable | Refusal::Replaced)
                | Failure::Unavailable => entrance::Failure::Unavailable,
            },
        );
    }

    fn tag(&self) -> String {
        Self::tag(self).map(ToString::to_string).unwrap_or_default()
    }

    fn unread(&mut self) -> Vec<u8> {
        Self::unread(self).to_vec()
    }

    fn write_timeout(&self) -> Duration {
        limits::WRITE_TIMEOUT
    }
}
