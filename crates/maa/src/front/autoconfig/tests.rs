//! Questions over sockets, from people and from attackers.

use postroad_net::{Io, Peer, Shutdown};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use super::*;
use crate::{Door, limits};

fn service(protocol: Protocol, encryption: Encryption, address: &str) -> Service {
    Service { protocol, encryption, address: address.parse().unwrap() }
}

fn book() -> Book {
    use Encryption::{AtOnce, Upgrade};
    let services = vec![
        service(Protocol::Imap, AtOnce, "192.0.2.1:993"),
        service(Protocol::Imap, AtOnce, "[2001:db8::1]:993"),
        service(Protocol::Imap, Upgrade, "192.0.2.1:143"),
        service(Protocol::Pop3, AtOnce, "127.0.0.1:995"),
        service(Protocol::Submission, AtOnce, "0.0.0.0:465"),
        service(Protocol::Submission, Upgrade, "127.0.0.1:587"),
    ];
    let domains = ["our.test", "other.test"].map(|name| name.parse().unwrap());
    let https = Some("[::]:443".parse().unwrap());
    Book::new("mail.our.test".parse().unwrap(), domains.into(), services, https)
}

const ELSEWHERE: &str = "192.0.2.99:4711";
const HERE: &str = "127.0.0.1:4711";

/// What comes back for these octets.
async fn ask_of(book: &Book, door: Door, peer: &str, request: &[u8]) -> String {
    let (mut client, server) = UnixStream::pair().unwrap();
    let peer = Peer::Ip(peer.parse().unwrap());
    let (_trigger, shutdown) = Shutdown::manual();
    let asking = async {
        // Who is refused in the middle need not have sent all.
        let _ = client.write_all(request).await;
        let mut reply = Vec::new();
        let _ = client.read_to_end(&mut reply).await;
        String::from_utf8(reply).unwrap()
    };
    let ((), reply) = tokio::join!(serve(book, door, Io::unix(server), peer, shutdown), asking);
    reply
}

async fn ask(door: Door, request: &str) -> String {
    ask_of(&book(), door, ELSEWHERE, request.as_bytes()).await
}

async fn get(door: Door, target: &str) -> String {
    ask(door, &format!("GET {target} HTTP/1.1\r\nHost: autoconfig.other.test:80\r\n\r\n")).await
}

async fn post(body: &str) -> String {
    let length = body.len();
    ask(
        Door::Https,
        &format!(
            "POST /Autodiscover/Autodiscover.XML HTTP/1.1\r\nHost: our.test\r\nContent-Length: {length}\r\n\r\n{body}"
        ),
    )
    .await
}

fn status(reply: &str) -> &str {
    reply.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).unwrap_or(reply)
}

fn between<'a>(text: &'a str, element: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    text.split(&open).skip(1).filter_map(|rest| rest.split(&close).next()).collect()
}

fn question(address: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>
<Autodiscover xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006\">
  <Request>
    <EMailAddress>{address}</EMailAddress>
    <AcceptableResponseSchema>http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a</AcceptableResponseSchema>
  </Request>
</Autodiscover>"
    )
}

#[tokio::test]
async fn thunderbird_is_told_what_it_can_reach() {
    let paths = ["/mail/config-v1.1.xml", "/.well-known/autoconfig/mail/config-v1.1.xml"];
    for (path, door) in paths.iter().flat_map(|path| [(path, Door::Http), (path, Door::Https)]) {
        let reply = get(door, &format!("{path}?emailaddress=alice%40our.test")).await;
        assert_eq!(status(&reply), "200", "{reply}");
        assert_eq!(between(&reply, "domain"), ["our.test"]);
        assert_eq!(between(&reply, "hostname"), ["mail.our.test"; 3]);
        // POP3 and one submission port listen on loopback alone.
        assert_eq!(between(&reply, "port"), ["993", "143", "465"]);
        assert_eq!(between(&reply, "socketType"), ["SSL", "STARTTLS", "SSL"]);
        assert_eq!(between(&reply, "username"), ["%EMAILADDRESS%"; 3]);
    }
    let request = b"GET /mail/config-v1.1.xml HTTP/1.1\r\nHost: x\r\n\r\n";
    let here = ask_of(&book(), Door::Http, HERE, request).await;
    assert_eq!(between(&here, "port"), ["993", "143", "995", "465"], "{here}");
}

#[tokio::test]
async fn a_domain_is_taken_from_the_address_or_from_the_hosts_name() {
    let path = "/mail/config-v1.1.xml";
    assert_eq!(between(&get(Door::Http, path).await, "domain"), ["other.test"]);
    let named = get(Door::Http, &format!("{path}?x=y&emailaddress=a+b@OUR.test")).await;
    assert_eq!(between(&named, "domain"), ["our.test"]);
    let nobody = ask(Door::Http, &format!("GET {path} HTTP/1.0\r\n\r\n")).await;
    assert_eq!(between(&nobody, "domain"), ["our.test"]);
    for address in ["alice@elsewhere.test", "alice", "", "%ff@our.test", "a%0d%0a@our.test"] {
        let reply = get(Door::Http, &format!("{path}?emailaddress={address}")).await;
        assert_eq!(status(&reply), "404", "{address}: {reply}");
    }
}

#[tokio::test]
async fn outlook_is_told_one_of_each() {
    let reply = post(&question("alice@our.test")).await;
    assert_eq!(status(&reply), "200", "{reply}");
    assert_eq!(between(&reply, "Type"), ["IMAP", "SMTP"]);
    assert_eq!(between(&reply, "Port"), ["993", "465"]);
    assert_eq!(between(&reply, "Encryption"), ["SSL", "SSL"]);
    assert_eq!(between(&reply, "LoginName"), ["alice@our.test"; 2]);
    // CDATA and references are XML, too.
    let reply = post(&question("<![CDATA[alice]]>&#64;our&#x2e;test")).await;
    assert_eq!(between(&reply, "LoginName"), ["alice@our.test"; 2]);
}

#[tokio::test]
async fn outlooks_wrong_questions_are_told_what_is_wrong() {
    let active_sync = question("alice@our.test")
        .replace("outlook/responseschema/2006a", "mobilesync/responseschema/2006");
    let twice = question("alice@our.test</EMailAddress><EMailAddress>bob@our.test");
    for (body, code) in [
        (question("alice@elsewhere.test"), "500"),
        (active_sync, "601"),
        (String::new(), "600"),
        ("<Autodiscover/>".into(), "600"),
        ("\u{feff}no XML".into(), "600"),
        (question("alice@our.test").replace("</Request>", ""), "600"),
        (twice, "600"),
        ("<a>".repeat(limits::AUTODISCOVER_DEPTH_MAX + 1), "600"),
    ] {
        let reply = post(&body).await;
        assert_eq!((status(&reply), between(&reply, "ErrorCode")), ("200", vec![code]), "{body}");
    }
}

#[tokio::test]
async fn nobody_learns_who_is_a_user() {
    // There are no accounts behind this at all: only the domain counts.
    let replies =
        [post(&question("alice@our.test")).await, post(&question("n0b0dy@our.test")).await];
    let [alice, nobody] = replies.map(|reply| {
        let body = reply.split_once("\r\n\r\n").unwrap().1.to_owned();
        body.replace("n0b0dy", "alice")
    });
    assert_eq!(alice, nobody);
}

#[tokio::test]
async fn xml_from_outside_opens_no_file_and_grows_nothing() {
    let file = "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>";
    let bomb = "<!DOCTYPE a [<!ENTITY x \"alice\"><!ENTITY y \"&x;&x;&x;&x;\">]>";
    let outside = "<!DOCTYPE a PUBLIC \"x\" \"http://192.0.2.1/x.dtd\">";
    for (start, address) in [
        (file, "&x;@our.test"),
        (bomb, "&y;@our.test"),
        (outside, "alice@our.test"),
        ("", "&x;@our.test"),
    ] {
        let body = question(address).replace("?>", &format!("?>{start}"));
        let reply = post(&body).await;
        assert_eq!(between(&reply, "ErrorCode"), ["600"], "{body}: {reply}");
        assert!(!reply.contains("root:"), "{reply}");
    }
}

#[tokio::test]
async fn markup_in_an_address_stays_text() {
    let reply = post(&question("&quot;&lt;/LoginName&gt;&amp;x&quot;@our.test")).await;
    let login = "&quot;&lt;/LoginName&gt;&amp;x&quot;@our.test";
    assert_eq!(between(&reply, "LoginName"), [login; 2], "{reply}");
    let target = "/mobileconfig?emailaddress=%22%3C/string%3E%3Cx%3E%22@our.test";
    let reply = get(Door::Https, target).await;
    assert_eq!(status(&reply), "200");
    assert!(
        reply.contains("<string>&quot;&lt;/string&gt;&lt;x&gt;&quot;@our.test</string>"),
        "{reply}"
    );
    let reply = get(Door::Https, "/mobileconfig?emailaddress=%EF%BF%BF@our.test").await;
    assert_eq!(status(&reply), "404");
    // Neither in what is sent back with a redirection.
    let reply = get(Door::Http, "/mobileconfig?emailaddress=%22%0d%0aX:y%22@our.test").await;
    assert!(status(&reply) == "404" && !reply.contains("X:y"), "{reply}");
}

#[tokio::test]
async fn a_profile_is_the_same_for_the_same_account() {
    let target = "/mobileconfig?emailaddress=alice@our.test";
    let profile = |reply: String| reply.split_once("\r\n\r\n").unwrap().1.to_owned();
    let first = profile(get(Door::Https, target).await);
    assert_eq!(first, profile(get(Door::Https, target).await));
    assert_ne!(first, profile(get(Door::Https, "/mobileconfig").await));
    let nameless = get(Door::Https, "/mobileconfig").await;
    assert!(!nameless.contains("EmailAddress<") && !nameless.contains("Username"), "{nameless}");
}

#[tokio::test]
async fn what_could_be_changed_on_the_way_is_sent_on_to_https() {
    for (target, place) in [
        ("/autodiscover/autodiscover.xml", "https://mail.our.test/autodiscover/autodiscover.xml"),
        ("/mobileconfig", "https://mail.our.test/mobileconfig"),
        (
            "/mobileconfig?emailaddress=a+b@our.test",
            "https://mail.our.test/mobileconfig?emailaddress=a%2Bb%40our%2Etest",
        ),
    ] {
        let reply = get(Door::Http, target).await;
        assert_eq!(status(&reply), "302");
        assert!(reply.contains(&format!("location: {place}\r\n")), "{reply}");
    }
    // Behind a web server of this host that does TLS; and without one nobody else.
    let book = Book { https: None, ..book() };
    let request = b"GET /mobileconfig HTTP/1.1\r\nHost: x\r\n\r\n";
    assert_eq!(status(&ask_of(&book, Door::Http, HERE, request).await), "200");
    assert_eq!(status(&ask_of(&book, Door::Http, ELSEWHERE, request).await), "404");
}

#[tokio::test]
async fn other_pages_and_methods_are_refused() {
    for target in ["/", "/mail/../mail/config-v1.1.xml", "/etc/passwd", "/mail/config-v1.1.xml/"] {
        assert_eq!(status(&get(Door::Https, target).await), "404", "{target}");
    }
    for (method, path, allowed) in [
        ("POST", "/mail/config-v1.1.xml", "GET, HEAD"),
        ("GET", "/autodiscover/autodiscover.xml", "POST"),
        ("DELETE", "/mobileconfig", "GET, HEAD"),
    ] {
        let reply = ask(Door::Https, &format!("{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
        assert_eq!(status(&reply), "405");
        assert!(reply.contains(&format!("allow: {allowed}\r\n")), "{reply}");
    }
    let head = ask(Door::Https, "HEAD /mail/config-v1.1.xml HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(status(&head) == "200" && head.ends_with("\r\n\r\n"), "{head}");
}

#[tokio::test]
async fn floods_are_cut_off() {
    let many = "X: y\r\n".repeat(limits::HTTP_FIELDS_MAX + 1);
    let long = format!("X: {}\r\n", "y".repeat(2 * limits::HTTP_OCTETS_MAX));
    for fields in [many, long] {
        let request = format!("GET /mobileconfig HTTP/1.1\r\n{fields}\r\n");
        let reply = ask(Door::Https, &request).await;
        assert_eq!(status(&reply), "431", "{reply}");
    }
    let target = format!("GET /{} HTTP/1.1\r\n\r\n", "y".repeat(2 * limits::HTTP_OCTETS_MAX));
    let reply = ask(Door::Https, &target).await;
    assert!(["414", "431"].contains(&status(&reply)), "{reply}");
    let body = "<a>".repeat(limits::AUTODISCOVER_OCTETS_MAX);
    assert_eq!(status(&post(&body).await), "413");
    // Whose length nobody knows before.
    let chunk = format!("{:x}\r\n{}\r\n", 1024, "x".repeat(1024)).repeat(9);
    let request = format!(
        "POST /autodiscover/autodiscover.xml HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}0\r\n\r\n"
    );
    assert_eq!(status(&ask(Door::Https, &request).await), "413");
}

#[tokio::test]
async fn there_is_one_request_on_a_connection() {
    let request = "GET /mobileconfig HTTP/1.1\r\nHost: x\r\n\r\n".repeat(3);
    let reply = ask(Door::Https, &request).await;
    assert_eq!(reply.matches("HTTP/1.1 ").count(), 1, "{reply}");
}

/// Sends octets, each after a pause; gives how long the connection lasted.
async fn slowly(octets: &[u8], pause: std::time::Duration) -> std::time::Duration {
    let (mut client, server) = UnixStream::pair().unwrap();
    let peer = Peer::Ip(ELSEWHERE.parse().unwrap());
    let (_trigger, shutdown) = Shutdown::manual();
    let began = tokio::time::Instant::now();
    let dripping = async {
        for octet in octets {
            tokio::time::sleep(pause).await;
            if client.write_all(&[*octet]).await.is_err() {
                return;
            }
        }
        std::future::pending::<()>().await;
    };
    let book = book();
    tokio::select! {
        () = serve(&book, Door::Https, Io::unix(server), peer, shutdown) => {}
        () = dripping => {}
    }
    began.elapsed()
}

#[tokio::test(start_paused = true)]
async fn who_is_slow_is_dropped() {
    let second = std::time::Duration::from_secs(1);
    assert!(slowly(b"", second).await <= limits::HTTP_HEADER_TIMEOUT + second);
    let fields =
        b"GET /mobileconfig HTTP/1.1\r\nX: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy";
    assert!(slowly(fields, second).await <= limits::HTTP_HEADER_TIMEOUT + second);
    let body = b"POST /autodiscover/autodiscover.xml HTTP/1.1\r\nContent-Length: 9\r\n\r\n<a>";
    assert!(slowly(body, second / 10).await <= limits::HTTP_TIMEOUT + second);
}

proptest! {
    #[test]
    fn no_question_panics_and_none_is_answered_with_more_than_it_may(
        body in prop_oneof![
            any::<Vec<u8>>(),
            "(<[/!?]?[a-zA-Z]{0,12}/?>|&[a-z#0-9x]{0,6};|<!\\[CDATA\\[|\\]\\]>|alice@our.test|\\PC){0,40}"
                .prop_map(String::into_bytes),
        ],
    ) {
        let book = book();
        let offer = book.offer(Peer::Ip(ELSEWHERE.parse().unwrap()));
        let text = outlook::answer(&book, &offer, &body, "00:00:00");
        // Well-formed, whatever came.
        let mut reader = quick_xml::Reader::from_str(&text);
        while !matches!(reader.read_event().unwrap(), quick_xml::events::Event::Eof) {}
        prop_assert!(text.len() < 4096);
    }
}
