//! What an authorization server and a browser say, for fuzzing. The first octet says who speaks.
//!
//! Nothing panics, and nothing that was read holds what would be a line of its own.

use std::time::Duration;

use crate::loopback::{Brought, Login};
use crate::{Program, Server, device, endpoint, grant, metadata};

/// Hands `input` to one reader.
pub fn answers(input: &[u8]) {
    let Some((&who, said)) = input.split_first() else { return };
    let refused = |refusal: &grant::Refusal| {
        assert!(!refusal.to_string().chars().any(char::is_control), "a line of its own");
    };
    match who % 4 {
        0 => drop(metadata::read(said, "https://id.example")),
        1 => match grant::read(200, said) {
            Ok(tokens) => assert!(tokens.access.expose().is_ascii()),
            Err(refusal) => refused(&refusal),
        },
        2 => match device::read(200, said) {
            Ok(read) => {
                assert!(!read.user_code.chars().any(char::is_control), "a line of its own");
                let mut waiting = device::Waiting::new(&read);
                let _ = waiting.answered(400, said, Duration::from_secs(1));
            }
            Err(refusal) => refused(&refusal),
        },
        _ => {
            let Some(token) = endpoint("https://id.example/token") else { return };
            let authorization = endpoint("https://id.example/auth");
            let server =
                Server { issuer: None, names_itself: false, authorization, token, device: None };
            let program = Program { id: "us".into(), secret: None };
            let at = std::net::SocketAddr::from(([127, 0, 0, 1], 4321));
            let login = Login::begin(&server, &program, "", "", at, [[0; 32], [1; 32]]);
            if let Some(Brought::Refused(refusal)) = login.map(|login| login.read(said)) {
                refused(&refusal);
            }
        }
    }
}
