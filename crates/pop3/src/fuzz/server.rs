//! A POP3 server against whatever a client sends. The first octet says where the rest is cut in two.
//!
//! It never panics, deletes nothing without QUIT, says nothing but whole lines, and gives the same
//! answers however its input is cut (but for what comes in one piece with STLS, which is dropped).

use std::time::Instant;

use crate::server::{
    Answer, ClearTextLogin, Encryption, LoginFailure, Maildrop, Message, Question, Server,
    Settings, Step, Stls,
};
use crate::unique_id::UniqueId;
use postroad_protocol::address::Domain;
use postroad_protocol::sasl::bearer::Bearer;
use postroad_protocol::sasl::{Attempt, Offer, Offered};

const LETTER: &[u8] = b"A: 1\n.B: 2\n\n.\nbody\r\nno end";

/// What a client gets, and what is deleted.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    sent: Vec<u8>,
    updated: Option<Vec<usize>>,
}

/// Feeds `data` to a server; panics where a promise is broken.
pub fn run(data: &[u8]) {
    let Some((cut, input)) = data.split_first() else { return };
    let whole = play(&[input]);
    assert!(whole.sent.is_empty() || whole.sent.ends_with(b"\r\n"), "half a line is sent");
    let says = |word: &[u8]| input.to_ascii_uppercase().windows(word.len()).any(|w| w == word);
    assert!(whole.updated.is_none() || says(b"QUIT"), "updated without QUIT");
    if !says(b"STLS") {
        let (head, tail) = input.split_at(usize::from(*cut).min(input.len()));
        assert_eq!(play(&[head, tail]), whole);
    }
}

fn play(reads: &[&[u8]]) -> Outcome {
    let now = Instant::now();
    let (Ok(name), Some(unique_id)) = (Domain::parse("pop.example"), UniqueId::parse(b"id")) else {
        return Outcome { sent: Vec::new(), updated: None };
    };
    let settings = Settings {
        name,
        encryption: Encryption::Clear,
        stls: Stls::Offered,
        clear_text_login: ClearTextLogin::Allowed,
        offer: Offer { scram: Offered::Yes, tokens: Offered::Yes },
    };
    let message = Message { octets: 30, unique_id };
    let mut server = Server::new(settings, now);
    let (mut reads, mut rest) = (reads.iter(), LETTER);
    let mut outcome = Outcome { sent: Vec::new(), updated: None };
    loop {
        match server.step(now) {
            Step::Send(octets) => outcome.sent.extend(octets),
            Step::NeedInput => match reads.next() {
                Some(octets) => server.push(octets),
                None => return outcome,
            },
            Step::StartTls => server.tls_started(now),
            Step::Ask(Question::Login(attempt)) => {
                server.answer(match (attempt, message.clone()) {
                    (Attempt::Scram(first), _) => {
                        Answer::Challenge(first.challenge(b"salt", 4_096, "n", b""))
                    }
                    (Attempt::Proof(proof), _) => Answer::Challenge(proof.accepted(b"signature")),
                    (Attempt::Token(_), _) => Answer::Challenge(Bearer::refused("{}")),
                    (Attempt::Password(it), _) if it.password.first() == Some(&b'x') => {
                        Answer::Login(Err(LoginFailure::Wrong))
                    }
                    (Attempt::Password(_) | Attempt::Proven(_), message) => {
                        Answer::Login(Ok(Maildrop::new(vec![message; 3])))
                    }
                });
            }
            Step::Ask(Question::Open { .. }) => {
                rest = LETTER;
                server.answer(Answer::Opened(Ok(())));
            }
            Step::Ask(Question::Content) => {
                let (piece, tail) = rest.split_at(rest.len().min(7));
                rest = tail;
                server.answer(Answer::Content(piece.to_vec()));
            }
            Step::Ask(Question::Update(marked)) => {
                outcome.updated = Some(marked);
                server.answer(Answer::Updated(Ok(())));
            }
            Step::Close => return outcome,
        }
    }
}
