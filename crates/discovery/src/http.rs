//! One file from a provider's web server, over TLS whose certificate is right.

use std::net::SocketAddr;
use std::sync::Arc;

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, HOST, LOCATION};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use postroad_net::Io;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::time::timeout;
use url::Url;

use crate::dns::Dns;
use crate::limits::{FILE_OCTETS_MAX, PATIENCE, REDIRECTS_MAX};

/// What answers `url`, which is of https.
pub(crate) async fn get(url: &Url, dns: &Dns, tls: &Arc<ClientConfig>) -> Result<Vec<u8>, String> {
    let mut url = url.clone();
    for _ in 0..=REDIRECTS_MAX {
        let answer = timeout(PATIENCE, ask(&url, dns, tls)).await;
        match answer.map_err(|_| "it doesn't answer".to_owned())?? {
            Answer::File(file) => return Ok(file),
            Answer::Elsewhere(there) => {
                url = url.join(&there).map_err(|error| error.to_string())?
            }
        }
    }
    Err("it sends us in circles".to_owned())
}

enum Answer {
    File(Vec<u8>),
    Elsewhere(String),
}

async fn ask(url: &Url, dns: &Dns, tls: &Arc<ClientConfig>) -> Result<Answer, String> {
    if url.scheme() != "https" {
        return Err(format!("it sends us to {}, which isn't https", url.scheme()));
    }
    let host = url.host_str().ok_or("it has no host")?;
    let port = url.port_or_known_default().unwrap_or(443);
    let io = connect(host, port, dns, tls).await?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(io)).await.map_err(|error| error.to_string())?;
    let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let request = Request::get(path)
        .header(HOST, &url[url::Position::BeforeHost..url::Position::AfterPort])
        .header(ACCEPT, "text/xml")
        .body(Empty::<Bytes>::new())
        .map_err(|error| error.to_string())?;
    // The connection is driven until nobody has its sender any more, which is when the answer is there.
    let answer = async move {
        let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
        let status = response.status();
        if status.is_redirection() {
            let there = response.headers().get(LOCATION).and_then(|there| there.to_str().ok());
            return there
                .map(|there| Answer::Elsewhere(there.to_owned()))
                .ok_or("it sends us nowhere".to_owned());
        }
        if status != StatusCode::OK {
            return Err(format!("it answers {}", status.as_u16()));
        }
        let body = Limited::new(response.into_body(), FILE_OCTETS_MAX).collect().await;
        body.map(|body| Answer::File(body.to_bytes().to_vec())).map_err(|error| error.to_string())
    };
    let (answer, _) = tokio::join!(answer, connection);
    answer
}

async fn connect(host: &str, port: u16, dns: &Dns, tls: &Arc<ClientConfig>) -> Result<Io, String> {
    let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
    let addresses = dns.addresses(host).await?;
    let mut last = "there is no such host".to_owned();
    for address in addresses {
        match Io::connect_tcp(SocketAddr::new(address, port)).await {
            Ok(io) => {
                let shaken = io.connect_tls(Arc::clone(tls), name).await;
                return shaken.map_err(|error| format!("no TLS with it: {error}"));
            }
            Err(error) => last = error.to_string(),
        }
    }
    Err(last)
}
