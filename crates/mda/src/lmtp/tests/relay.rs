//! A transfer agent that takes what rules send on: the protocol's server machine on a unix socket.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use postroad_protocol::envelope::{Notify, Ret};
use postroad_protocol::server::{Answer, Question, Step, Transaction};

use super::*;

/// One letter that it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) from: String,
    pub(super) to: Vec<String>,
    pub(super) content: String,
    /// What was asked of each, and of all.
    pub(super) notify: Vec<Notify>,
    pub(super) orcpt: Vec<Option<String>>,
    pub(super) ret: Option<Ret>,
    pub(super) envid: Option<String>,
}

/// The agent. Refuses recipients whose address begins with `refused`, and puts off `later`.
pub(super) struct Relay {
    taken: Arc<Mutex<Vec<Taken>>>,
}

impl Relay {
    pub(super) fn start(socket: &Path) -> Self {
        Self::on(Self::listen(socket))
    }

    /// The socket of an agent that isn't there yet: who connects waits for its greeting.
    pub(super) fn listen(socket: &Path) -> UnixListener {
        std::fs::create_dir_all(socket.parent().unwrap()).unwrap();
        UnixListener::bind(socket).unwrap()
    }

    pub(super) fn on(listener: UnixListener) -> Self {
        Self::serve(Dsn::Offered, move || listener.accept().unwrap().0)
    }

    pub(super) fn without_dsn(listener: UnixListener) -> Self {
        Self::serve(Dsn::Absent, move || listener.accept().unwrap().0)
    }

    /// The same over TCP, and where.
    pub(super) fn start_tcp() -> (Self, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        (Self::serve(Dsn::Offered, move || listener.accept().unwrap().0), address)
    }

    fn serve<S: Read + Write>(dsn: Dsn, mut accept: impl FnMut() -> S + Send + 'static) -> Self {
        let taken = Arc::new(Mutex::new(Vec::new()));
        let relay = Self { taken: Arc::clone(&taken) };
        // Ends with the test's process.
        std::thread::spawn(move || {
            loop {
                serve(accept(), dsn, &taken);
            }
        });
        relay
    }

    pub(super) fn taken(&self) -> MutexGuard<'_, Vec<Taken>> {
        self.taken.lock().unwrap()
    }
}

fn serve(mut stream: impl Read + Write, dsn: Dsn, taken: &Mutex<Vec<Taken>>) {
    let settings = Settings {
        hostname: "relay.our.example".into(),
        service: Service::Smtp,
        tls: Tls::Unavailable,
        login: LoginRule::NotOffered,
        offer: postroad_protocol::sasl::Offer::default(),
        size_max: 1 << 20,
        recipients_max: 100,
        client: ClientLimits::Exempt,
        dsn,
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
                let Transaction { mail, recipients } = transaction;
                taken.lock().unwrap().push(Taken {
                    from: mail.reverse_path.to_string(),
                    to: recipients.iter().map(|rcpt| rcpt.forward_path.to_string()).collect(),
                    content: String::from_utf8(std::mem::take(&mut content)).unwrap(),
                    notify: recipients.iter().map(|rcpt| rcpt.notify).collect(),
                    orcpt: recipients.into_iter().map(|rcpt| rcpt.orcpt).collect(),
                    ret: mail.ret,
                    envid: mail.envid,
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
