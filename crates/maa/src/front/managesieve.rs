//! ManageSieve until somebody is logged in: `postroad_managesieve::server` as an [`Entrance`].

use std::time::{Duration, Instant};

use postroad_accounts::UserName;
use postroad_managesieve::limits;
use postroad_managesieve::server::{self, Answer, LoginFailure, Question, Server};
use postroad_net::Peer;
use postroad_protocol::sasl::Challenge;
use postroad_protocol::server::Tls;

use super::Site;
use super::conversation::{Entrance, Failure, Step};
use crate::handover::Refusal;
use crate::{Door, events, rules};

/// What a client is told for whom there is no place.
pub(super) const NO_PLACE: &str = "BYE (TRYLATER) \"too many connections, try later\"\r\n";

pub(super) fn entrance(site: &Site, door: Door, peer: Peer) -> Box<dyn Entrance> {
    let settings =
        rules::settings(site.tls_at(door), site.clear_text_login_from(peer), site.logins.offer());
    Box::new(Server::new(settings, Instant::now()))
}

/// Goes on behind UNAUTHENTICATE; `unread` is what the client has sent ahead.
pub(super) fn again(site: &Site, tls: Tls, peer: Peer, unread: &[u8]) -> Box<dyn Entrance> {
    let settings = rules::settings(tls, site.clear_text_login_from(peer), site.logins.offer());
    Box::new(Server::logged_out(settings, unread, Instant::now()))
}

/// Has the delivery agent run the script that the user chooses: the worker has no rights to the folder of all users'.
pub(super) async fn prepare(site: &Site, user: &UserName) -> Result<(), Refusal> {
    let main = site.main_script(user).ok_or(Refusal::Unavailable)?;
    let prepared = tokio::task::spawn_blocking(move || rules::store::prepare(&main)).await;
    match prepared {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => {
            events::rules_not_prepared(user, &error);
            Err(Refusal::Unavailable)
        }
        Err(_) => Err(Refusal::Unavailable),
    }
}

impl Entrance for Server {
    fn step(&mut self, now: Instant) -> Step {
        match Self::step(self, now) {
            server::Step::Send(octets) => Step::Send(octets),
            server::Step::NeedInput => Step::NeedInput,
            server::Step::StartTls => Step::StartTls,
            server::Step::Ask(Question::Login(attempt)) => Step::LogIn(attempt),
            // Without a user there is nothing to be asked about.
            server::Step::Ask(_) | server::Step::LoggedOut | server::Step::Close => Step::Close,
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
            Failure::Refused(_) | Failure::Unavailable => LoginFailure::Unavailable,
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
