//! Finding servers, with a DNS and web servers on loopback.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use postroad_discovery::{Found, Tried, Ways, find};
use postroad_net::Io;
use postroad_net::tls::ServerTls;
use postroad_protocol::address::Address;
use postroad_testkit::dns::Dns;
use postroad_testkit::dns::scripted::{Record, Reply, kind, name};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// What web servers answer, by host and path.
type Pages = HashMap<String, String>;

/// Web servers of all names at one port, and whoever asks DNS is sent there.
struct World {
    dns: Dns,
    port: u16,
    folder: TempDir,
    /// What was asked for: host and path with its query.
    asked: Arc<Mutex<Vec<String>>>,
}

const FILE: &str = "<clientConfig version=\"1.1\"><emailProvider id=\"x\">\
<incomingServer type=\"imap\"><hostname>imap.our.example</hostname><port>993</port><socketType>SSL</socketType>\
<authentication>password-cleartext</authentication><username>%EMAILADDRESS%</username></incomingServer>\
<outgoingServer type=\"smtp\"><hostname>smtp.our.example</hostname><port>465</port><socketType>SSL</socketType>\
<authentication>password-cleartext</authentication><username>%EMAILADDRESS%</username></outgoingServer>\
</emailProvider></clientConfig>";

fn srv(priority: u16, port: u16, target: &str) -> Record {
    let numbers = [priority, 0, port].map(u16::to_be_bytes).concat();
    Record::new(33, [numbers, name(target)].concat())
}

impl World {
    /// `records` are of DNS, beside the addresses of whichever host has a page.
    async fn new(pages: &[(&str, &str)], records: &[(&str, Record)]) -> Self {
        let hosts = pages.iter().map(|(url, _)| url.split('/').next().unwrap().to_owned());
        let hosts: Vec<String> = hosts.collect();
        let certified =
            ["autoconfig.our.example", "our.example", "autoconfig.mx.example", "elsewhere.example"];
        let certified = certified.map(str::to_owned).to_vec();
        let certificate = rcgen::generate_simple_self_signed(certified).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let at = |file: &str| folder.path().join(file);
        std::fs::write(at("cert.pem"), certificate.cert.pem()).unwrap();
        std::fs::write(at("key.pem"), certificate.signing_key.serialize_pem()).unwrap();
        let tls = ServerTls::load(&at("cert.pem"), &at("key.pem")).unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let pages: Pages = pages
            .iter()
            .map(|(url, page)| ((*url).to_owned(), page.replace("PORT", &port.to_string())))
            .collect();
        tokio::spawn(serve(listener, tls, pages, Arc::clone(&asked)));
        let records: Vec<(String, Record)> =
            records.iter().map(|(name, record)| ((*name).to_owned(), record.clone())).collect();
        let dns = Dns::scripted(move |question| {
            let mut found: Vec<Record> = records
                .iter()
                .filter(|(name, record)| *name == question.name && record.kind == question.kind)
                .map(|(_, record)| record.clone())
                .collect();
            if question.kind == kind::A && hosts.contains(&question.name) {
                found.push(Record::a([127, 0, 0, 1]));
            }
            match found.is_empty() {
                true => Reply::Code(3),
                false => Reply::Records(found),
            }
        });
        Self { dns: dns.await.unwrap(), port, folder, asked }
    }

    async fn find(&self) -> (Found, Vec<Tried>) {
        postroad_net::tls::install_provider();
        let servers: [SocketAddr; 1] = [self.dns.address];
        let ways =
            Ways::by(&servers, self.port, Some(&self.folder.path().join("cert.pem"))).unwrap();
        let mut tried = Vec::new();
        let us = Address::parse("ann@our.example").unwrap();
        let found = find(&us, &ways, |one| tried.push(one.clone())).await;
        (found, tried)
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn serve(
    listener: TcpListener,
    tls: ServerTls,
    pages: Pages,
    asked: Arc<Mutex<Vec<String>>>,
) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let Ok(mut io) = Io::tcp(stream).accept_tls(&tls).await else { continue };
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            match io.read_u8().await {
                Ok(octet) => request.push(octet),
                Err(_) => break,
            }
        }
        let request = String::from_utf8(request).unwrap();
        let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
        let host = request
            .lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("host: ").map(str::to_owned));
        let host = host.unwrap_or_default().split(':').next().unwrap_or_default().to_owned();
        asked.lock().unwrap().push(format!("{host}{path}"));
        let page = pages.get(&format!("{host}{}", path.split('?').next().unwrap()));
        let answer = match page.map(String::as_str) {
            None => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned(),
            Some(there) if there.starts_with("http") => {
                format!("HTTP/1.1 302 Found\r\nLocation: {there}\r\nContent-Length: 0\r\n\r\n")
            }
            Some("endless") => format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(100_000)),
            Some(page) => {
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{page}", page.len())
            }
        };
        // Whoever has read enough hangs up.
        let _ = io.write_all(answer.as_bytes()).await;
        let _ = io.shutdown().await;
    }
}

fn shown(found: &Found) -> Vec<String> {
    let one = |found: Option<&(postroad_discovery::Service, String)>| {
        found.map(|(service, source)| format!("{service} by {source}"))
    };
    [one(found.reading()), one(found.sending())].into_iter().flatten().collect()
}

const OWN: &str = "autoconfig.our.example/mail/config-v1.1.xml";
const WELL_KNOWN: &str = "our.example/.well-known/autoconfig/mail/config-v1.1.xml";

#[tokio::test]
async fn the_own_provider_knows() {
    let world =
        World::new(&[(OWN, FILE)], &[("_imaps._tcp.our.example", srv(1, 993, "other.example"))])
            .await;
    let (found, tried) = world.find().await;
    assert_eq!(
        shown(&found),
        [
            "imaps://imap.our.example:993 by https://autoconfig.our.example",
            "smtps://smtp.our.example:465 by https://autoconfig.our.example",
        ]
    );
    assert_eq!(world.asked(), [format!("{OWN}?emailaddress=ann%40our%2Eexample")]);
    assert_eq!(tried.len(), 1, "nobody else is asked: {tried:?}");
}

#[tokio::test]
async fn the_well_known_place_may_be_elsewhere() {
    let there = "https://elsewhere.example:PORT/file.xml";
    let world = World::new(
        &[
            (OWN, "<html>not found</html>"),
            (WELL_KNOWN, there),
            ("elsewhere.example/file.xml", FILE),
        ],
        &[],
    )
    .await;
    let (found, tried) = world.find().await;
    assert_eq!(shown(&found).len(), 2, "{tried:?}");
    assert!(tried[0].to_string().contains("no file of mail servers"), "{tried:?}");
}

#[tokio::test]
async fn dns_knows_where_the_provider_says_nothing() {
    let world = World::new(
        &[],
        &[
            ("_imaps._tcp.our.example", srv(20, 993, "second.our.example")),
            ("_imaps._tcp.our.example", srv(10, 1993, "first.our.example")),
            ("_submission._tcp.our.example", srv(0, 587, "mail.our.example")),
            ("_submissions._tcp.our.example", srv(0, 0, ".")),
        ],
    )
    .await;
    let (found, tried) = world.find().await;
    assert_eq!(
        shown(&found),
        [
            "imaps://first.our.example:1993 by _imaps._tcp.our.example",
            "smtp://mail.our.example:587 by _submission._tcp.our.example",
        ],
        "{tried:?}"
    );
    assert!(tried[0].to_string().contains("there is no such host"), "{tried:?}");
}

#[tokio::test]
async fn the_provider_of_the_mail_server_knows_and_isnt_told_who_asks() {
    let world = World::new(
        &[("autoconfig.mx.example/mail/config-v1.1.xml", FILE)],
        &[
            ("our.example", Record::mx(5, "in1.mx.example")),
            ("our.example", Record::mx(9, "far.example")),
        ],
    )
    .await;
    let (found, tried) = world.find().await;
    assert_eq!(shown(&found).len(), 2, "{tried:?}");
    assert_eq!(world.asked(), ["autoconfig.mx.example/mail/config-v1.1.xml"]);
}

#[tokio::test]
async fn nobody_is_believed_without_a_right_certificate_nor_forever() {
    // Its certificate is for other names.
    let world = World::new(
        &[
            ("autoconfig.in.test.example/mail/config-v1.1.xml", FILE),
            (OWN, "http://our.example/x"),
            (WELL_KNOWN, "endless"),
        ],
        &[("our.example", Record::mx(5, "a.in.test.example"))],
    )
    .await;
    let (found, tried) = world.find().await;
    assert_eq!(shown(&found), Vec::<String>::new());
    let words: Vec<String> = tried.iter().map(ToString::to_string).collect();
    assert!(words[0].contains("which isn't https"), "{words:?}");
    assert!(words[1].contains("length limit"), "{words:?}");
    assert!(words.iter().any(|words| words.contains("no TLS with it")), "{words:?}");
}

#[tokio::test]
async fn a_circle_ends() {
    let world =
        World::new(&[(OWN, "https://autoconfig.our.example:PORT/mail/config-v1.1.xml")], &[]).await;
    let (_, tried) = world.find().await;
    assert!(tried[0].to_string().contains("in circles"), "{tried:?}");
    assert_eq!(world.asked().len(), 4);
}
