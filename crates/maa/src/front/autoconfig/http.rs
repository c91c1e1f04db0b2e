//! HTTP/1.1 as far as three files need it (RFC 9110, 9112): one request on a connection, bounded in octets and time.

use std::borrow::Cow;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::str::Utf8Error;
use std::time::{SystemTime, UNIX_EPOCH};

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use postroad_net::{Io, Peer, Shutdown};
use postroad_protocol::address::{Address, Domain};

use super::{Book, apple, mozilla, outlook};
use crate::{Door, events, limits};

type Answer = Response<Full<Bytes>>;

/// Answers one request. A client that is slower than [`limits::HTTP_TIMEOUT`] is dropped.
pub(crate) async fn serve(book: &Book, door: Door, io: Io, peer: Peer, shutdown: Shutdown) {
    let service =
        service_fn(async |request| Ok::<_, Infallible>(answer(book, door, peer, request).await));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits::HTTP_HEADER_TIMEOUT)
        .max_buf_size(limits::HTTP_OCTETS_MAX)
        .max_headers(limits::HTTP_FIELDS_MAX)
        .keep_alive(false)
        .serve_connection(TokioIo::new(io), service);
    tokio::select! {
        served = tokio::time::timeout(limits::HTTP_TIMEOUT, served) => match served {
            Ok(Ok(())) => {}
            Ok(Err(error)) => events::request_failed(door, peer, &error),
            Err(_) => events::request_too_slow(door, peer),
        },
        () = shutdown.requested() => {}
    }
}

/// What there is, by its path. Outlook spells the path in several ways, so case doesn't matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Page {
    Autoconfig,
    Autodiscover,
    Profile,
}

impl Page {
    fn at(path: &str) -> Option<Self> {
        match path.to_ascii_lowercase().as_str() {
            // draft-ietf-mailmaint-autoconfig §5.2: the first is asked of autoconfig.DOMAIN, the second of DOMAIN itself.
            "/mail/config-v1.1.xml" | "/.well-known/autoconfig/mail/config-v1.1.xml" => {
                Some(Self::Autoconfig)
            }
            "/autodiscover/autodiscover.xml" => Some(Self::Autodiscover),
            "/mobileconfig" => Some(Self::Profile),
            _ => None,
        }
    }

    fn methods(self) -> &'static str {
        match self {
            Self::Autoconfig | Self::Profile => "GET, HEAD",
            Self::Autodiscover => "POST",
        }
    }

    fn takes(self, method: &Method) -> bool {
        self.methods().split(", ").any(|name| name == method.as_str())
    }
}

async fn answer(book: &Book, door: Door, peer: Peer, request: Request<Incoming>) -> Answer {
    let Some(page) = Page::at(request.uri().path()) else { return nothing(StatusCode::NOT_FOUND) };
    // Whoever reads along could put another server into the answer: that is for TLS, where there is one. Else a web server
    // of this host may have it.
    if door == Door::Http && page != Page::Autoconfig {
        if let Some(https) = book.https {
            return sent_on(book, https, page, address_of(book, &request));
        }
        if !peer.is_this_host() {
            return nothing(StatusCode::NOT_FOUND);
        }
    }
    if !page.takes(request.method()) {
        let mut response = nothing(StatusCode::METHOD_NOT_ALLOWED);
        let allowed = HeaderValue::from_static(page.methods());
        response.headers_mut().insert(header::ALLOW, allowed);
        return response;
    }
    let offer = book.offer(peer);
    match page {
        Page::Autoconfig => match domain_of(book, &request) {
            Some(domain) => file(mozilla::CONTENT_TYPE, mozilla::file(&offer, &domain)),
            None => nothing(StatusCode::NOT_FOUND),
        },
        Page::Autodiscover => {
            let body = Limited::new(request.into_body(), limits::AUTODISCOVER_OCTETS_MAX);
            match body.collect().await {
                Ok(question) => {
                    let question = question.to_bytes();
                    let text = outlook::answer(book, &offer, &question, &clock(SystemTime::now()));
                    file(outlook::CONTENT_TYPE, text)
                }
                Err(error) if error.is::<LengthLimitError>() => {
                    nothing(StatusCode::PAYLOAD_TOO_LARGE)
                }
                Err(_) => nothing(StatusCode::BAD_REQUEST),
            }
        }
        Page::Profile => {
            let address = match address_of(book, &request) {
                Asked::Nothing => None,
                Asked::Ours(address) => Some(address),
                Asked::NotOurs => return nothing(StatusCode::NOT_FOUND),
            };
            let Some(profile) = apple::profile(&offer, address.as_ref()) else {
                return nothing(StatusCode::NOT_FOUND);
            };
            let mut response = file(apple::CONTENT_TYPE, profile);
            let name = HeaderValue::from_static("attachment; filename=\"mail.mobileconfig\"");
            response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
            response
        }
    }
}

/// The address that a request asks about.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Asked {
    Nothing,
    Ours(Address),
    NotOurs,
}

fn address_of(book: &Book, request: &Request<Incoming>) -> Asked {
    match parameter(request.uri().query().unwrap_or_default()) {
        None => Asked::Nothing,
        Some(text) => {
            let address = text.ok().and_then(|text| book.address(&text));
            address.map_or(Asked::NotOurs, Asked::Ours)
        }
    }
}

/// The value of `emailaddress`. A `+` stays one: in addresses it is more frequent than a space.
fn parameter(query: &str) -> Option<Result<Cow<'_, str>, Utf8Error>> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let mut values = pairs.filter(|(name, _)| *name == "emailaddress").map(|(_, value)| value);
    values.next().map(|value| percent_decode_str(value).decode_utf8())
}

/// The domain whose file is wanted: that of the address; else that of the host that is asked; else our first.
fn domain_of(book: &Book, request: &Request<Incoming>) -> Option<Domain> {
    match address_of(book, request) {
        Asked::Ours(address) => return Some(address.domain),
        Asked::NotOurs => return None,
        Asked::Nothing => {}
    }
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.and_then(|host| host.split(':').next()).unwrap_or_default();
    let host = host.strip_prefix("autoconfig.").unwrap_or(host);
    let named = Domain::parse(host).ok().filter(|domain| book.is_ours(domain));
    named.or_else(|| book.domains.first().cloned())
}

/// To the same page over HTTPS, under the name that our certificate has.
fn sent_on(book: &Book, https: SocketAddr, page: Page, asked: Asked) -> Answer {
    let path = match page {
        Page::Autoconfig | Page::Profile => "/mobileconfig",
        Page::Autodiscover => "/autodiscover/autodiscover.xml",
    };
    let query = match asked {
        Asked::Ours(address) if page == Page::Profile => {
            let address = address.to_string();
            format!("?emailaddress={}", utf8_percent_encode(&address, NON_ALPHANUMERIC))
        }
        Asked::Ours(_) | Asked::Nothing => String::new(),
        Asked::NotOurs => return nothing(StatusCode::NOT_FOUND),
    };
    let port = match https.port() {
        443 => String::new(),
        port => format!(":{port}"),
    };
    let place = format!("https://{}{port}{path}{query}", book.host);
    let Ok(place) = HeaderValue::from_str(&place) else { return nothing(StatusCode::NOT_FOUND) };
    let mut response = nothing(StatusCode::FOUND);
    response.headers_mut().insert(header::LOCATION, place);
    response
}

fn file(content_type: &'static str, text: String) -> Answer {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    // No browser takes it for a page of ours, and no proxy gives one's answer to another.
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn nothing(status: StatusCode) -> Answer {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}

/// The time of the day in UTC, as [MS-OXDSCLI] §2.2.4.1.1.1 wants it beside an error.
fn clock(now: SystemTime) -> String {
    let seconds = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()) % 86_400;
    format!("{:02}:{:02}:{:02}.0000000", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}
