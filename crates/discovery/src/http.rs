//! One question to a web server, over TLS whose certificate is right.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST, LOCATION};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use postroad_net::Io;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::time::timeout;
use url::Url;

use crate::dns::Dns;
use crate::limits::{FILE_OCTETS_MAX, PATIENCE, REDIRECTS_MAX};

/// What is asked.
#[derive(Clone, Copy)]
pub enum Question<'a> {
    /// For a file of this media type.
    Get(&'a str),
    /// What becomes of a form (`application/x-www-form-urlencoded`), in JSON.
    Form(&'a str),
}

/// What comes back.
pub struct Answer {
    /// Of HTTP.
    pub status: u16,
    /// Where it is instead, if it says so.
    pub location: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// Its body may hold tokens.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, body, .. } = self;
        f.debug_struct("Answer").field("status", status).field("octets", &body.len()).finish()
    }
}

/// Asks on a connection to the URL's host; nobody is asked anything else on it. `octets_max` bounds the body.
///
/// # Errors
/// Where it isn't HTTP, or the body is too long; in words.
pub async fn ask(
    io: Io,
    url: &Url,
    question: Question<'_>,
    octets_max: usize,
) -> Result<Answer, String> {
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(io)).await.map_err(|error| error.to_string())?;
    let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
    let request = match question {
        Question::Get(accept) => Request::get(path).header(ACCEPT, accept),
        Question::Form(_) => Request::post(path)
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded"),
    };
    let body = match question {
        Question::Get(_) => Bytes::new(),
        Question::Form(form) => Bytes::from(form.to_owned()),
    };
    let request = request.header(HOST, host).body(Full::new(body)).map_err(|it| it.to_string())?;
    // The connection is driven until nobody has its sender any more, which is when the answer is there.
    let answer = async move {
        let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
        let status = response.status().as_u16();
        let location = response.headers().get(LOCATION).and_then(|there| there.to_str().ok());
        let location = location.map(str::to_owned);
        let body = Limited::new(response.into_body(), octets_max).collect().await;
        let body = body.map_err(|error| error.to_string())?.to_bytes().to_vec();
        Ok(Answer { status, location, body })
    };
    let (answer, _) = tokio::join!(answer, connection);
    answer
}

/// What answers `url`, which is of https.
pub(crate) async fn get(url: &Url, dns: &Dns, tls: &Arc<ClientConfig>) -> Result<Vec<u8>, String> {
    let mut url = url.clone();
    for _ in 0..=REDIRECTS_MAX {
        let answer = timeout(PATIENCE, get_once(&url, dns, tls)).await;
        let answer = answer.map_err(|_| "it doesn't answer".to_owned())??;
        match StatusCode::from_u16(answer.status) {
            Ok(StatusCode::OK) => return Ok(answer.body),
            Ok(status) if status.is_redirection() => {
                let there = answer.location.ok_or("it sends us nowhere")?;
                url = url.join(&there).map_err(|error| error.to_string())?;
            }
            _ => return Err(format!("it answers {}", answer.status)),
        }
    }
    Err("it sends us in circles".to_owned())
}

async fn get_once(url: &Url, dns: &Dns, tls: &Arc<ClientConfig>) -> Result<Answer, String> {
    if url.scheme() != "https" {
        return Err(format!("it sends us to {}, which isn't https", url.scheme()));
    }
    let host = url.host_str().ok_or("it has no host")?;
    let port = url.port_or_known_default().unwrap_or(443);
    let io = connect(host, port, dns, tls).await?;
    ask(io, url, Question::Get("text/xml"), FILE_OCTETS_MAX).await
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
