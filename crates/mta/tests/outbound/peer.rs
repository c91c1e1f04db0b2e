//! A server that says what its script says, whatever the client does, and writes down what it hears.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// How a peer answers a command; `None` says nothing and waits.
type Script = dyn Fn(&str, usize) -> Option<String> + Send + Sync;

/// A listening peer. The task ends with the runtime.
pub struct Peer {
    pub address: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Peer {
    /// `script(command, connection)`: the reply with its CRLF, or nothing. The command is `CONNECT` for the
    /// greeting and `.` at the end of data; a reply that ends in `CLOSE` closes the connection after it.
    pub async fn start(
        script: impl Fn(&str, usize) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), script).await
    }

    pub async fn at(
        address: SocketAddr,
        script: impl Fn(&str, usize) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (script, log): (Arc<Script>, _) = (Arc::new(script), Arc::clone(&heard));
        tokio::spawn(async move {
            let mut connections = 0;
            while let Ok((stream, _)) = listener.accept().await {
                let (script, log) = (Arc::clone(&script), Arc::clone(&log));
                tokio::spawn(async move { talk(stream, connections, &*script, &log).await });
                connections += 1;
            }
        });
        Self { address, heard }
    }

    /// Answers everything well, and accepts everybody.
    pub async fn good() -> Self {
        Self::start(|command, _| Some(good(command))).await
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// All lines so far, content included.
    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    pub fn count(&self, prefix: &str) -> usize {
        self.heard().iter().filter(|line| line.starts_with(prefix)).count()
    }
}

/// The answers of a server with PIPELINING that likes everything.
pub fn good(command: &str) -> String {
    let verb = command.split([' ', ':']).next().unwrap_or_default();
    match verb {
        "CONNECT" => "220 mx.third.example ready\r\n".into(),
        "EHLO" | "LHLO" => "250-mx.third.example\r\n250 PIPELINING\r\n".into(),
        "DATA" => "354 go\r\n".into(),
        "QUIT" => "221 bye\r\nCLOSE".into(),
        "." => "250 2.0.0 queued\r\n".into(),
        _ => "250 2.0.0 Ok\r\n".into(),
    }
}

async fn talk(stream: TcpStream, connection: usize, script: &Script, log: &Mutex<Vec<String>>) {
    let mut stream = BufReader::new(stream);
    let mut in_data = false;
    let mut command = "CONNECT".to_owned();
    loop {
        log.lock().unwrap().push(command.clone());
        let is_content = in_data && command != ".";
        if !is_content {
            let Some(reply) = script(&command, connection) else {
                // Silence: until the client gives up.
                let _ = stream.read_to_end(&mut Vec::new()).await;
                return;
            };
            let text = reply.strip_suffix("CLOSE").unwrap_or(&reply);
            if stream.write_all(text.as_bytes()).await.is_err() || reply.ends_with("CLOSE") {
                return;
            }
            in_data = command == "DATA" && reply.starts_with("354");
        }
        let mut line = Vec::new();
        match stream.read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {
                command = String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned()
            }
        }
    }
}
