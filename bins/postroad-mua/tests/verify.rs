//! Who has signed a letter, checked with keys from the DNS, and only where that was asked for.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod home;

use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, channel};

use home::{Home, nobody};

/// RFC 8463, appendix A, without the signature that a short key made.
const LETTER: &str = "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\n d=football.example.com; i=@football.example.com;\n\
    \x20q=dns/txt; s=brisbane; t=1528637909; h=from : to :\n subject : date : message-id : from : subject : date;\n\
    \x20bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\n b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\n\
    \x20Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\nFrom: Joe SixPack <joe@football.example.com>\nTo: Suzie Q <suzie@shopping.example.net>\n\
    Subject: Is dinner ready?\nDate: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\nMessage-ID: <20030712040037.46341.5F8J@football.example.com>\n\n\
    Hi.\n\nWe lost the game.  Are you hungry yet?\n\nJoe.\n";
const KEY: &str = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

/// A name server that has this key under each name; tells the names that it was asked for.
fn name_server() -> (SocketAddr, Receiver<String>) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let (sender, asked) = channel();
    std::thread::spawn(move || {
        let mut octets = [0; 1_500];
        while let Ok((length, from)) = socket.recv_from(&mut octets) {
            let query = &octets[..length];
            let (mut at, mut labels) = (12, Vec::new());
            while query[at] != 0 {
                let end = at + 1 + usize::from(query[at]);
                labels.push(String::from_utf8_lossy(&query[at + 1..end]).into_owned());
                at = end;
            }
            // RFC 1035 §4.1: an answer with the question in it, and one TXT record.
            let question = &query[12..at + 5];
            let mut reply = [&query[..2], &[0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0], question].concat();
            let length = u8::try_from(KEY.len()).unwrap();
            reply.extend([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60, 0, length + 1, length]);
            reply.extend(KEY.as_bytes());
            if socket.send_to(&reply, from).is_err() || sender.send(labels.join(".")).is_err() {
                return;
            }
        }
    });
    (address, asked)
}

#[test]
fn a_signature_is_checked_where_somebody_asks_for_it() {
    let home = Home::new(nobody());
    let inbox = home.dir.path().join("Maildir/new");
    std::fs::write(inbox.join("1.M1.h"), LETTER).unwrap();
    std::fs::write(inbox.join("2.M2.h"), LETTER.replace("lost", "won")).unwrap();
    let (dns, asked) = name_server();
    let dns = dns.to_string();
    let words = |arguments: &[&str], exit| {
        let output = home.check("postroad-mua", arguments, "", exit);
        String::from_utf8(output.stdout).unwrap()
    };
    // Reading, listing and what others have found ask nobody.
    words(&["read", "1"], 0);
    words(&["list"], 0);
    let told = words(&["verify", "--no-dns", "1"], 0);
    assert!(told.contains("claims to have signed it"), "{told}");
    assert!(asked.try_recv().is_err(), "the signer was told that the letter is read");

    let told = words(&["verify", "--dns", &dns, "1"], 0);
    let first = told.lines().next().unwrap();
    assert_eq!(first, "+ Signed by football.example.com (checked here)");
    assert!(told.contains(" holds; it stands for football.example.com"), "{told}");
    assert!(asked.iter().next().unwrap().starts_with("brisbane._domainkey.football.example.com"));
    let changed = words(&["verify", "--dns", &dns, "2"], 1);
    assert!(changed.starts_with("! Changed on its way"), "{changed}");
    let json = words(&["verify", "--dns", &dns, "--json", "1"], 0);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let signature = &json["signatures"][0];
    assert_eq!(
        (signature["outcome"].as_str(), signature["aligned"].as_bool()),
        (Some("holds"), Some(true))
    );
}
