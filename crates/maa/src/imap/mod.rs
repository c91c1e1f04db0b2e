//! An IMAP session of a user who is logged in, to its end.
//!
//! [`serve`] gets it from the worker: the user's mailbox and what all of the user's sessions share in the [`Ward`], the
//! connection in the [`worker::Session`]. First [`worker::Session::begin`] tells the front that the connection is ours;
//! then the client gets the OK of its login, whose tag is `about.tag`, and `unread` comes before what `io` gives. Between two commands, and in IDLE, `shutdown` ends it.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use crate::worker::{self, Ward};
use crate::{events, limits};

/// What a client has to know of before it logs in; what a login or TLS adds isn't here.
pub(crate) const BEFORE_LOGIN: &[&str] = &["IMAP4rev1", "LITERAL-", "ID"];
/// What is offered to who is logged in.
const AFTER_LOGIN: &[&str] = &["IMAP4rev1"];

/// Serves a session to its end.
pub(crate) async fn serve(ward: Arc<Ward>, session: worker::Session) {
    if session.begin().await.is_err() {
        return;
    }
    events::logged_in(&session.about, &ward.user, None);
    let (door, peer) = (session.about.door, session.about.peer.clone());
    if let Err(error) = run(session).await {
        events::connection_lost(door, &peer, &error);
    }
}

/// CAPABILITY, NOOP and LOGOUT, a line each.
async fn run(session: worker::Session) -> io::Result<()> {
    let worker::Session { about, unread: mut input, mut io, shutdown, .. } = session;
    let mut output =
        format!("{} OK [CAPABILITY {}] logged in\r\n", about.tag, AFTER_LOGIN.join(" "))
            .into_bytes();
    let mut buffer = vec![0; limits::READ_OCTETS];
    loop {
        let mut is_over = false;
        while let Some(end) = input.iter().position(|octet| *octet == b'\n') {
            let line: Vec<u8> = input.drain(..=end).collect();
            is_over = answer(&String::from_utf8_lossy(&line), &mut output);
            if is_over {
                break;
            }
        }
        let sending = async {
            io.write_all(&output).await?;
            io.flush().await
        };
        timeout(limits::RELAY_TIMEOUT, sending).await??;
        output.clear();
        if is_over || input.len() > limits::READ_OCTETS {
            return timeout(limits::RELAY_TIMEOUT, io.shutdown()).await?;
        }
        tokio::select! {
            read = io.read(&mut buffer) => match read? {
                0 => return Ok(()),
                octets => input.extend_from_slice(buffer.get(..octets).unwrap_or_default()),
            },
            () = shutdown.requested() => {
                io.write_all(b"* BYE the server stops\r\n").await?;
                return io.shutdown().await;
            }
        }
    }
}

/// Whether it was LOGOUT.
fn answer(line: &str, output: &mut Vec<u8>) -> bool {
    let mut words = line.split_ascii_whitespace();
    let tag = words.next().unwrap_or("*").to_owned();
    let command = words.next().unwrap_or_default().to_ascii_uppercase();
    let text = match command.as_str() {
        "CAPABILITY" => format!("* CAPABILITY {}\r\n{tag} OK done\r\n", AFTER_LOGIN.join(" ")),
        "NOOP" => format!("{tag} OK nothing done\r\n"),
        "LOGOUT" => format!("* BYE good-bye\r\n{tag} OK done\r\n"),
        _ => format!("{tag} BAD unknown command\r\n"),
    };
    output.extend_from_slice(text.as_bytes());
    command == "LOGOUT"
}
