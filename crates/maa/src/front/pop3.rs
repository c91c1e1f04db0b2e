//! POP3 until somebody is logged in: `postroad_pop3::server` as an [`Entrance`].

use std::time::{Duration, Instant};

use postroad_net::Peer;
use postroad_pop3::limits;
use postroad_pop3::server::{
    self, Answer, Encryption, LoginFailure, Question, Server, Settings, Stls,
};
use postroad_protocol::sasl::Challenge;

use super::Site;
use super::conversation::{Entrance, Failure, Step};
use crate::Door;
use crate::handover::Refusal;

/// What a client is told for whom there is no place.
pub(super) const NO_PLACE: &str = "-ERR [SYS/TEMP] too many connections, try later\r\n";

pub(super) fn entrance(site: &Site, door: Door, peer: Peer) -> Box<dyn Entrance> {
    let settings = Settings {
        name: site.name.clone(),
        encryption: if door.is_inside_tls() { Encryption::Tls } else { Encryption::Clear },
        stls: if site.tls.is_some() { Stls::Offered } else { Stls::Unavailable },
        clear_text_login: site.clear_text_login_from(peer),
        offer: site.logins.offer(),
    };
    Box::new(Server::new(settings, Instant::now()))
}

impl Entrance for Server {
    fn step(&mut self, now: Instant) -> Step {
        match Self::step(self, now) {
            server::Step::Send(octets) => Step::Send(octets),
            server::Step::NeedInput => Step::NeedInput,
            server::Step::StartTls => Step::StartTls,
            server::Step::Ask(Question::Login(attempt)) => Step::LogIn(attempt),
            // Without a user there is nothing to be asked about.
            server::Step::Ask(Question::Open { .. } | Question::Content | Question::Update(_))
            | server::Step::Close => Step::Close,
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
        self.answer(Answer::Challenge(challenge));
    }

    fn refuse(&mut self, failure: Failure) {
        self.answer(Answer::Login(Err(match failure {
            Failure::Wrong => LoginFailure::Wrong,
            Failure::Banned => LoginFailure::Banned,
            Failure::Refused(Refusal::InUse) => LoginFailure::InUse,
            Failure::Refused(Refusal::TooMany | Refusal::Unavailable | Refusal::Replaced)
            | Failure::Unavailable => LoginFailure::Unavailable,
        })));
    }

    fn tag(&self) -> String {
        String::new()
    }

    fn unread(&mut self) -> Vec<u8> {
        Self::unread(self).to_vec()
    }

    fn write_timeout(&self) -> Duration {
        limits::WRITE_TIMEOUT
    }
}
