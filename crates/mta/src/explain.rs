//! What would become of a letter, without one: the answer to `postroad explain`.
//!
//! A session is rehearsed with the machine that real ones run on, and its questions are answered by the same
//! policy; so what is told is what a client would see. Nothing is sent, queued or logged; the delivery agent is
//! asked about the recipient, as it is at RCPT.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Instant;

use postroad_accounts::UserName;
use postroad_net::Peer;
use postroad_observe::control::{Case, Explanation, RECIPIENTS_MAX, Ruling as RulingWords};
use postroad_protocol::address::{ForwardPath, ReversePath};
use postroad_protocol::sasl::{Credentials, plain_initial_response};
use postroad_protocol::server::{Answer, Question, Server, Step, Tls};

use crate::inbound::allowance::Submitter;
use crate::inbound::policy::{Client, Ruling};
use crate::inbound::{Door, Inbound, service};

/// A client that nobody knows: an address that documents alone use (RFC 5737).
const STRANGER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// A session without a connection.
struct Rehearsal<'i> {
    inbound: &'i Inbound,
    door: Door,
    peer: Peer,
    user: Option<UserName>,
    smtp: Server,
}

/// What would become of that letter.
///
/// # Errors
/// What of the question makes no sense, for the operator.
pub(crate) async fn explain(inbound: &Inbound, case: &Case) -> Result<Explanation, String> {
    let (from, to) = paths(case)?;
    let mut rehearsal = Rehearsal::new(inbound, case)?;
    rehearsal.say("EHLO client.invalid").await;
    if let Some(user) = &rehearsal.user {
        let login = Credentials { name: user.as_str().to_owned(), password: b"-".to_vec() };
        rehearsal.say(&format!("AUTH PLAIN {}", plain_initial_response(&login))).await;
    }
    let size = case.size.map(|size| format!(" SIZE={size}")).unwrap_or_default();
    let utf8 = if from.is_ascii() && to.is_ascii() { "" } else { " SMTPUTF8" };
    let mail = rehearsal.say(&format!("MAIL FROM:{from}{size}{utf8}")).await;
    let rcpt = match mail.accepted {
        true => Some(rehearsal.say(&format!("RCPT TO:{to}")).await),
        false => None,
    };
    let taken =
        rehearsal.smtp.transaction().filter(|transaction| !transaction.recipients.is_empty());
    let recipients = taken
        .map(|transaction| inbound.expand(transaction.clone()).envelope.recipients)
        .unwrap_or_default();
    let submitter = Submitter::of(rehearsal.client());
    let left = |who| inbound.allowances.left(&who, &inbound.config.mta);
    Ok(Explanation {
        allowance: submitter.map(left).unwrap_or_default(),
        service: rehearsal.door.name().to_owned(),
        client: rehearsal.peer.ip().map(|ip| ip.to_string()).unwrap_or_default(),
        mail,
        rcpt,
        destinations: recipients
            .iter()
            .take(RECIPIENTS_MAX)
            .map(|recipient| inbound.engine.way(&recipient.address))
            .collect(),
        more_destinations: recipients.len().saturating_sub(RECIPIENTS_MAX) as u64,
    })
}

/// Both paths as they stand in commands. What isn't an address never gets there.
fn paths(case: &Case) -> Result<(String, String), String> {
    let from = match case.from.trim_matches(['<', '>']) {
        "" => ReversePath::Null,
        address => {
            let address = address.parse().map_err(|error| format!("--from {address}: {error}"))?;
            ReversePath::Address(address)
        }
    };
    let to = match case.to.trim_matches(['<', '>']) {
        to if to.eq_ignore_ascii_case("postmaster") => ForwardPath::Postmaster,
        address => {
            let address = address.parse().map_err(|error| format!("--to {address}: {error}"))?;
            ForwardPath::Address(address)
        }
    };
    Ok((format!("<{from}>"), format!("<{to}>")))
}

impl<'i> Rehearsal<'i> {
    fn new(inbound: &'i Inbound, case: &Case) -> Result<Self, String> {
        let ip = match &case.client {
            Some(ip) => ip.parse().map_err(|_| format!("--client {ip}: write an IP address"))?,
            None => STRANGER,
        };
        let peer = Peer::Ip(SocketAddr::new(ip, 0));
        let directory = inbound.accounts.directory();
        let user = match &case.login {
            Some(name) => {
                let known = directory.users().find(|user| user.as_str() == name).cloned();
                Some(known.ok_or_else(|| format!("--login {name}: there is no such user"))?)
            }
            None => None,
        };
        let door = if user.is_some() { Door::Submission } else { Door::Smtp };
        let mut settings = service::settings(inbound, door, &peer);
        if user.is_some() {
            settings.tls = Tls::Active; // whoever has logged in, did so inside TLS
        }
        let smtp = Server::new(settings, Instant::now());
        Ok(Self { inbound, door, peer, user, smtp })
    }

    /// Says a command as the client, and gives what is answered, and why.
    async fn say(&mut self, command: &str) -> RulingWords {
        self.run().await; // the greeting is no answer
        self.smtp.output().clear();
        self.smtp.push(format!("{command}\r\n").as_bytes());
        let rule = match self.run().await {
            Some(Ruling { rule, .. }) => rule.to_string(),
            None => "the protocol itself".to_owned(),
        };
        let reply = String::from_utf8_lossy(self.smtp.output()).trim_end().replace("\r\n", "\n");
        RulingWords { accepted: reply.starts_with('2'), reply, rule }
    }

    /// Runs the machine until it wants the next command; gives what policy was asked.
    async fn run(&mut self) -> Option<Ruling> {
        let mut last = None;
        loop {
            let question = match self.smtp.step(Instant::now()) {
                Step::Ask(question) => question,
                Step::Pause(_) | Step::Content(_) | Step::Discard(_) => continue,
                Step::NeedInput | Step::StartTls | Step::Close => return last,
            };
            let ruling = self.judge(question).await;
            let answer = match &ruling {
                Some(Ruling { verdict: Err(reply), .. }) => Answer::No(reply.clone()),
                Some(Ruling { verdict: Ok(()), .. }) | None => Answer::Yes,
            };
            self.smtp.answer(answer);
            last = ruling.or(last);
        }
    }

    fn client(&self) -> Client<'_> {
        Client { door: self.door, peer: &self.peer, user: self.user.as_ref() }
    }

    async fn judge(&self, question: Question) -> Option<Ruling> {
        let client = self.client();
        match question {
            Question::Sender(mail) => Some(self.inbound.judge_sender(client, &mail)),
            Question::Recipient(rcpt) => {
                let mail = self.smtp.transaction().map(|transaction| &transaction.mail)?;
                Some(self.inbound.judge_recipient(client, mail, &rcpt).await)
            }
            // The operator vouches for the user; content is never said.
            Question::Login(_) | Question::Data | Question::Message(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inbound::tests::Host;

    /// `from to client login` and what is to come of it: reply, rule, and where it goes.
    async fn check(host: &Host, case: [&str; 4], reply: &str, rule: &str, ways: &[&str]) {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let [from, to, client, login] = case;
        let case = Case {
            from: from.to_owned(),
            to: to.to_owned(),
            client: some(client),
            login: some(login),
            size: None,
        };
        let told = explain(&host.inbound(), &case).await.unwrap();
        let last = told.rcpt.as_ref().unwrap_or(&told.mail);
        assert!(last.reply.starts_with(reply), "{case:?}: {last:?}");
        assert!(last.rule.contains(rule), "{case:?}: {last:?}");
        let got: Vec<String> = told
            .destinations
            .iter()
            .map(|way| format!("{} {} {}", way.address, way.route, way.next_hop))
            .collect();
        assert_eq!(got.len(), ways.len(), "{case:?}: {got:?}");
        for (got, expected) in got.iter().zip(ways) {
            assert!(got.starts_with(expected), "{case:?}: {got}, not {expected}");
        }
    }

    #[tokio::test]
    async fn what_a_client_would_see_and_why() {
        let host = Host::start().await;
        let (stranger, listed) = ("", "198.51.100.7");
        let alice = "alice@our.example [[route]] \"local\" lmtp+unix:///";
        let third = "x@third.example DNS the MX hosts of third.example";
        for (case, reply, rule, ways) in [
            (
                ["a@b.example", "alice@our.example", stranger, ""],
                "250 2.1.5",
                "own word",
                &[alice][..],
            ),
            (["", "nobody@our.example", stranger, ""], "550 5.1.1", "nobody here", &[]),
            (["", "postmaster", stranger, ""], "250 2.1.5", "a mailbox", &[alice]),
            (["", "x@third.example", stranger, ""], "550 5.7.1", "neither logged in", &[]),
            (["", "x@third.example", listed, ""], "250 2.1.5", "mta.networks", &[third]),
            (
                ["alice@our.example", "x@third.example", stranger, "alice"],
                "250 2.1.5",
                "logged in",
                &[third],
            ),
            (
                ["bob@our.example", "x@third.example", stranger, "alice"],
                "553 5.7.1",
                "nobody else",
                &[],
            ),
            (
                ["a@b.example", "team@our.example", stranger, ""],
                "250 2.1.5",
                "an alias",
                &[alice, "eve@third.example DNS"],
            ),
        ] {
            check(&host, case, reply, rule, ways).await;
        }
        assert!(host.queued().await.is_empty());
    }

    #[tokio::test] // Row Q09.
    async fn what_a_user_may_still_send_is_told_and_nothing_of_it_taken() {
        let host = Host::start().await;
        let case = Case {
            from: "alice@our.example".to_owned(),
            to: "x@third.example".to_owned(),
            login: Some("alice".to_owned()),
            ..Case::default()
        };
        for _ in 0..3 {
            let told = explain(&host.inbound(), &case).await.unwrap();
            let left: Vec<(&str, u64)> =
                told.allowance.iter().map(|one| (one.what.as_str(), one.left)).collect();
            assert_eq!(left, [("messages", 1_000), ("recipients", 10_000), ("octets", 2 << 30)]);
        }
        let stranger = Case { login: None, from: String::new(), ..case };
        assert!(explain(&host.inbound(), &stranger).await.unwrap().allowance.is_empty());
    }

    #[tokio::test] // Tests RFC 1870 §6.1.
    async fn a_size_that_is_too_much_is_refused_by_the_protocol() {
        let host = Host::start().await;
        let to = "alice@our.example".to_owned();
        let case = Case { to, size: Some(1 << 40), ..Case::default() };
        let told = explain(&host.inbound(), &case).await.unwrap();
        assert!(!told.mail.accepted && told.rcpt.is_none(), "{told:?}");
        assert!(told.mail.reply.starts_with("552 5.3.4"), "{told:?}");
    }

    #[tokio::test]
    async fn questions_that_make_no_sense_say_which_part() {
        let host = Host::start().await;
        let case = |from: &str, to: &str, client: &str, login: Option<&str>| Case {
            from: from.to_owned(),
            to: to.to_owned(),
            client: Some(client.to_owned()),
            login: login.map(str::to_owned),
            size: None,
        };
        for (case, part) in [
            (case("a b@c", "alice@our.example", "::1", None), "--from"),
            (case("", "nowhere", "::1", None), "--to"),
            (case("", "x@y.example>\r\nDATA", "::1", None), "--to"),
            (case("", "alice@our.example", "everybody", None), "--client"),
            (case("", "alice@our.example", "::1", Some("mallory")), "--login"),
        ] {
            let error = explain(&host.inbound(), &case).await.unwrap_err();
            assert!(error.starts_with(part), "{error}");
        }
    }
}
