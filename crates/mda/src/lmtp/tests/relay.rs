//! A transfer agent that takes what rules send on: the protocol's server machine on a unix socket.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use postroad_protocol::server::{Answer, Question, Step};

use super::*;

/// One letter that it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) from: String,
    pub(super) to: Vec<String>,
    pub(super) content: String,
}

/// The agent. Refuses recipients whose address begins with `refused`, and puts off `later`.
pub(super) struct Relay {
    taken: Arc<Mutex<Vec<Taken>>>,
}

impl Relay {
    pub(super) fn start(socket: &Path) -> Self {
        std::fs::create_dir_all(socket.parent().unwrap()).unwrap();
        let listener = UnixListener::bind(socket).unwrap();
        Self::serve(move || listener.accept().unwrap().0)
    }

    /// The same over TCP, and where.
    pub(super) fn start_tcp() -> (Self, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        (Self::serve(move || listener.accept().unwrap().0), address)
    }

    fn serve<S: Read + Write>(mut accept: impl FnMut() -> S + Send + 'static) -> Self {
        let taken = Arc::new(Mutex::new(Vec::new()));
        let relay = Self { taken: Arc::clone(&taken) };
        // Ends with the test's process.
        std::thread::spawn(move || {
            loop {
                serve(accept(), &taken);
            }
        });
        relay
    }

    pub(super) fn taken(&self) -> MutexGuard<'_, Vec<Taken>> {
        self.taken.lock().unwrap()
    }
}

fn serve(mut stream: impl Read + Write, taken: &Mutex<Vec<Taken>>) {
    let settings = Settings {
        hostname: "relay.our.example".into(),
        service: Service::Smtp,
        tls: Tls::Unavailable,
        login: LoginRule::NotOffered,
        size_max: 1 << 20,
        recipients_max: 100,
        client: ClientLimits::Exempt,
        bare_recipients: None,
    };
    let mut server = Server::new(settings, Instant::now());
    let mut content = Vec::new();
    loop {
        match server.step(Instant::now()) {
            Step::Ask(Question::Recipient(rcpt)) => {
                let to = rcpt.forward_path.to_string();
                server.answer(match to.split('@').next() {
                    Some("refused") => Answer::No(Reply::new(550, (5, 1, 1), "not me")),
                    Some("later") => Answer::No(Reply::new(450, (4, 2, 1), "not now")),
                    _ => Answer::Yes,
                });
            }
            Step::Ask(Question::Message(transaction)) => {
                let recipients = transaction.recipients.iter();
                taken.lock().unwrap().push(Taken {
                    from: transaction.mail.reverse_path.to_string(),
                    to: recipients.map(|rcpt| rcpt.forward_path.to_string()).collect(),
                    content: String::from_utf8(std::mem::take(&mut content)).unwrap(),
                });
                server.answer(Answer::Stored(Reply::new(250, (2, 0, 0), "taken")));
            }
            Step::Ask(_) => server.answer(Answer::Yes),
            Step::Content(octets) => content.extend_from_slice(octets),
            Step::Discard(_) => content.clear(),
            Step::Pause(_) => {}
            Step::NeedInput => {
                stream.write_all(server.output()).unwrap();
                server.output().clear();
                let mut block = [0; 4096];
                match stream.read(&mut block) {
                    Ok(0) | Err(_) => return,
                    Ok(octets) => server.input().extend_from_slice(&block[..octets]),
                }
            }
            Step::StartTls | Step::Close => {
                let _ = stream.write_all(server.output());
                return;
            }
        }
    }
}
