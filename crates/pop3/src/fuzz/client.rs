//! A POP3 client against whatever a server sends. The first octet says how long the pieces are, the lowest
//! bit of the second whether TLS is required, the next one whether a token is shown in place of a password, the next one
//! whether who holds the session chooses how to log in.
//!
//! It never panics, always ends, takes no more than it was allowed to, and never says its password before
//! TLS where that is required.

use std::time::Instant;

use crate::client::{ClearTextLogin, Encryption, Login, Request, Session, Settings, Step, Stls};
use crate::command::MessageNumber;
use postroad_protocol::sasl::Credentials;
use postroad_protocol::sasl::client::{Client, Plain, Token};

const OCTETS_MAX: u64 = 500;

/// Feeds `data` to a client; panics where a promise is broken.
pub fn run(data: &[u8]) {
    let [length, flags, input @ ..] = data else { return };
    let stls = if flags & 1 == 0 { Stls::Never } else { Stls::Required };
    let settings = Settings {
        encryption: Encryption::Clear,
        stls,
        login: match flags & 6 {
            0 => Login::Password(Credentials {
                name: "alice".into(),
                password: b"PASSWORD".to_vec(),
            }),
            4.. => Login::Chosen(Some(Credentials {
                name: "alice".into(),
                password: b"PASSWORD".to_vec(),
            })),
            _ => Login::Token(Token {
                user: "alice".into(),
                host: "mx".into(),
                port: 110,
                access: "TOKEN".into(),
            }),
        },
        clear_text_login: match stls {
            Stls::Never => ClearTextLogin::Allowed,
            Stls::Required => ClearTextLogin::Refused,
        },
        message_octets_max: OCTETS_MAX,
    };
    let now = Instant::now();
    let mut session = Session::new(settings, now);
    let mut pieces = input.chunks(usize::from(*length).max(1));
    let number = MessageNumber::from_index(0);
    let mut requests = [Request::Stat, Request::Sizes, Request::UniqueIds].into_iter().chain(
        number.into_iter().flat_map(|number| {
            [Request::Retrieve(number), Request::Top(number, 1), Request::Delete(number)]
        }),
    );
    let plain = Plain(Credentials { name: "alice".into(), password: b"PASSWORD".to_vec() });
    let mut ways = [Box::new(plain) as Box<dyn Client>].into_iter();
    let (mut octets, mut encrypted) = (0, false);
    loop {
        match session.step(now) {
            Step::Send(said) => {
                let login = said.starts_with(b"AUTH")
                    || said.starts_with(b"PASS")
                    || said.starts_with(b"USER");
                assert!(!login || encrypted || stls == Stls::Never, "a login in clear");
            }
            Step::NeedInput => match pieces.next() {
                Some(piece) => session.push(piece, now),
                None => session.closed(),
            },
            Step::StartTls => {
                encrypted = true;
                session.tls_started(now);
            }
            // Whatever is offered, and nothing once that is refused.
            Step::LogIn => session.log_in(ways.next(), now),
            Step::Idle => {
                octets = 0;
                session.request(requests.next().unwrap_or(Request::Quit), now);
            }
            Step::Content(piece) => {
                octets += piece.len() as u64;
                assert!(octets <= OCTETS_MAX, "a message is longer than allowed");
            }
            Step::Done(_) => {}
            Step::Close(_) => return,
        }
    }
}
