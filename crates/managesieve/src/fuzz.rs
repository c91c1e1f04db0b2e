//! What the fuzz target runs: any octets, cut anywhere, before and after a login.

use std::time::Instant;

use postroad_protocol::sasl::bearer::Bearer;
use postroad_protocol::sasl::{Attempt, ClearTextLogin, Offer, Offered};
use postroad_protocol::server::Tls;

use crate::server::{Active, Answer, Failure, Question, Server, Settings, Step};

/// Plays a session; panics where something is wrong.
pub fn server(data: &[u8]) {
    let now = Instant::now();
    let settings = Settings {
        tls: Tls::Offered,
        clear_text_login: ClearTextLogin::Allowed,
        offer: Offer { scram: Offered::Yes, tokens: Offered::Yes },
        sieve: vec!["fileinto"],
        notify: &["mailto"],
    };
    let mut server = Server::new(settings, now);
    for piece in data.split(|octet| *octet == 0xff) {
        server.push(piece);
        loop {
            match server.step(now) {
                Step::Send(octets) => assert!(!octets.is_empty()),
                Step::NeedInput => break,
                Step::StartTls => server.tls_started(now),
                Step::Ask(question) => server.answer(answer(question)),
                Step::LoggedOut => {}
                Step::Close => return,
            }
        }
    }
}

fn answer(question: Question) -> Answer {
    match question {
        Question::Login(Attempt::Scram(first)) => {
            Answer::Challenge(first.challenge(b"salt", 4_096, "n", b""))
        }
        Question::Login(Attempt::Proof(proof)) => Answer::Challenge(proof.accepted(b"signature")),
        Question::Login(Attempt::Token(_)) => Answer::Challenge(Bearer::refused("{}")),
        Question::Login(Attempt::Password(_) | Attempt::Proven(_)) => Answer::Login(Ok(())),
        Question::HaveSpace { .. } | Question::SetActive(_) => Answer::Done(Ok(())),
        Question::Put { .. } => Answer::Checked(Ok(None)),
        Question::Check(_) => Answer::Checked(Err(Failure::Wrong("1:1: \"no\"\r\nscript".into()))),
        Question::List => Answer::Scripts(Ok(Vec::new())),
        Question::Get(name) => Answer::Script(Ok(name.as_str().as_bytes().to_vec())),
        Question::Delete(_) => Answer::Done(Err(Failure::Active)),
        Question::Rename { from, .. } => Answer::Scripts(Ok(vec![(from, Active::Yes)])),
    }
}
