//! A list that is left by one request, at a host of ours (RFC 8058).
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;
use std::sync::mpsc::{Receiver, channel};

use postroad_mua::account::{Account, Overrides};
use postroad_mua::unsubscribe::{UnsubscribeError, request};
use postroad_net::Io;
use postroad_net::tls::{ServerTls, install_provider};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// A host that answers one request like this; its port, and what it heard.
fn host(folder: &Path, answer: &'static str) -> (u16, Receiver<String>) {
    let signed = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (certificate, key) = (folder.join("ca.pem"), folder.join("key.pem"));
    std::fs::write(&certificate, signed.cert.pem()).unwrap();
    std::fs::write(&key, signed.signing_key.serialize_pem()).unwrap();
    let tls = ServerTls::load(&certificate, &key).unwrap();
    let (port, ready) = channel();
    let (tell, heard) = channel();
    std::thread::spawn(move || {
        runtime().block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            port.send(listener.local_addr().unwrap().port()).unwrap();
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut io) = Io::tcp(stream).accept_tls(&tls).await else { return };
            let mut request = Vec::new();
            let mut piece = [0; 512];
            while !request.ends_with(b"One-Click") {
                let read = io.read(&mut piece).await.unwrap();
                assert!(read > 0, "the request ended early");
                request.extend_from_slice(piece.get(..read).unwrap());
            }
            tell.send(String::from_utf8(request).unwrap()).unwrap();
            io.write_all(answer.as_bytes()).await.unwrap();
            io.flush().await.unwrap();
        });
    });
    (ready.recv().unwrap(), heard)
}

fn account(trust: Option<&Path>) -> Account {
    let overrides = Overrides {
        account_file: Some("/dev/null".into()),
        address: Some("us@our.example".into()),
        trust: trust.map(Into::into),
        ..Overrides::default()
    };
    Account::load(&overrides).unwrap()
}

#[test]
fn the_request_is_made_once_and_says_nothing_of_who_asks() {
    install_provider();
    for (answer, is_done) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true),
        ("HTTP/1.1 202 Accepted\r\n\r\n", true),
        // Nothing is followed.
        ("HTTP/1.1 302 Found\r\nLocation: https://localhost/other\r\n\r\n", false),
        ("HTTP/1.1 404 Not Found\r\n\r\n", false),
        ("2 200\r\n", false),
        ("", false),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (port, heard) = host(folder.path(), answer);
        let account = account(Some(&folder.path().join("ca.pem")));
        let link = format!("https://localhost:{port}/u?id=1");
        let done = runtime().block_on(request(&account, &link));
        assert_eq!(done.is_ok(), is_done, "{answer:?}: {done:?}");
        assert_eq!(
            heard.recv().unwrap(),
            format!(
                "POST /u?id=1 HTTP/1.1\r\nHost: localhost:{port}\r\n\
                 Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 26\r\n\
                 Connection: close\r\n\r\nList-Unsubscribe=One-Click"
            )
        );
    }
}

#[test]
fn nobody_is_asked_without_tls_or_who_cannot_prove_who_they_are() {
    install_provider();
    let folder = tempfile::tempdir().unwrap();
    for link in ["http://localhost/u", "file:///etc/passwd", "x"] {
        let done = runtime().block_on(request(&account(None), link));
        assert!(matches!(done, Err(UnsubscribeError::Link)), "{link}: {done:?}");
    }
    let (port, heard) = host(folder.path(), "HTTP/1.1 200 OK\r\n\r\n");
    let link = format!("https://localhost:{port}/u");
    let done = runtime().block_on(request(&account(None), &link));
    assert!(matches!(done, Err(UnsubscribeError::Connect(_))), "{done:?}");
    assert!(heard.recv().is_err(), "nothing was said");
}
