//! Logging in at a provider: by a browser that comes back to this host, or by a code that is typed elsewhere.

use std::net::Ipv4Addr;
use std::sync::Arc;

use aws_lc_rs::rand;
use postroad_discovery::http::Question;
use postroad_oauth::device::{self, Next, Waiting};
use postroad_oauth::grant::{self, Refusal, Tokens};
use postroad_oauth::loopback::{Brought, Login, page};
use postroad_oauth::{Program, Server};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use url::Url;

use super::keep::{Drawer, Kept};
use super::{TokenError, now, program, server, web};
use crate::account::{Account, Provider};
use crate::limits;

/// How somebody logs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// By a browser on this host, where the provider has a page for that; else by another device.
    Browser,
    /// By another device, where the provider has codes for that; else by a browser.
    Elsewhere,
    /// By another device.
    Device,
}

/// What the user is to do.
#[derive(Debug)]
pub(crate) enum Wanted<'a> {
    /// To open a page on this host.
    Page(&'a Url),
    /// To open a page somewhere, and to type a code there.
    Code {
        /// The page.
        page: &'a Url,
        /// The code.
        code: &'a str,
        /// The same with the code in it.
        whole: Option<&'a Url>,
    },
}

/// Logs in, and keeps the tokens; `tell` hears what the user is to do.
///
/// # Errors
/// Where the provider or the user says no, or nobody says anything in time.
pub(crate) async fn log_in(
    account: &Account,
    user: &str,
    provider: &Provider,
    way: Way,
    tell: impl FnMut(&Wanted<'_>),
) -> Result<(), TokenError> {
    let server = server(account, provider).await?;
    let program = program(provider)?;
    let (has_page, has_codes) = (server.authorization.is_some(), server.device.is_some());
    let errand = Errand { account, user, provider, server, program };
    let is_here = match way {
        Way::Browser => has_page || !has_codes,
        Way::Elsewhere => !has_codes,
        Way::Device => false,
    };
    let tokens = match is_here {
        true => errand.by_browser(tell).await?,
        false => errand.by_device(tell).await?,
    };
    let drawer = Drawer::at(&provider.tokens);
    let _turn = drawer.turn().await?;
    let endpoint = errand.server.token.as_str();
    drawer.write(&Kept::of(&tokens, user, provider, endpoint, now()))
}

struct Errand<'a> {
    account: &'a Account,
    user: &'a str,
    provider: &'a Provider,
    server: Server,
    program: Program,
}

impl Errand<'_> {
    fn refused(&self, refusal: Refusal) -> TokenError {
        TokenError::Refused { at: self.provider.at(), refusal }
    }

    async fn by_browser(&self, mut tell: impl FnMut(&Wanted<'_>)) -> Result<Tokens, TokenError> {
        // RFC 8252 §7.3, §8.3: the loopback address, any free port, open for as long as this takes.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.map_err(TokenError::Loopback)?;
        let at = listener.local_addr().map_err(TokenError::Loopback)?;
        let mut random = [[0; 32]; 2];
        for octets in &mut random {
            rand::fill(octets)
                .map_err(|_| TokenError::Loopback(std::io::Error::other("no randomness")))?;
        }
        let scope = &self.provider.scope;
        let login = Login::begin(&self.server, &self.program, scope, self.user, at, random);
        let login = Arc::new(login.ok_or_else(|| self.no_way("page to log in"))?);
        tell(&Wanted::Page(&login.url));
        let brought = timeout(limits::LOGIN_PATIENCE, brought(&listener, &login)).await;
        // Nobody else is heard from here on.
        drop(listener);
        match brought.map_err(|_| TokenError::Late)? {
            Brought::Code(code) => {
                let form = login.form(&self.program, &code);
                let question = Question::Form(form.expose());
                let answer = web::ask(self.account, &self.server.token, question).await?;
                grant::read(answer.status, &answer.body).map_err(|it| self.refused(it))
            }
            Brought::Refused(refusal) => Err(self.refused(refusal)),
            Brought::Nothing => Err(TokenError::Late),
        }
    }

    async fn by_device(&self, mut tell: impl FnMut(&Wanted<'_>)) -> Result<Tokens, TokenError> {
        let place = self.server.device.as_ref();
        let place = place.ok_or_else(|| self.no_way("codes for other devices"))?;
        let form = device::begin(&self.program, &self.provider.scope);
        let answer = web::ask(self.account, place, Question::Form(form.expose())).await?;
        let given = device::read(answer.status, &answer.body).map_err(|it| self.refused(it))?;
        let begun = Instant::now();
        let whole = given.whole_page.as_ref();
        tell(&Wanted::Code { page: &given.page, code: &given.user_code, whole });
        let mut waiting = Waiting::new(&given);
        loop {
            let Next::AskAt(time) = waiting.next() else { return Err(TokenError::Late) };
            sleep_until(begun + time).await;
            let form = waiting.form(&self.program);
            let question = Question::Form(form.expose());
            match web::ask(self.account, &self.server.token, question).await {
                Ok(answer) => {
                    let answered = waiting.answered(answer.status, &answer.body, begun.elapsed());
                    if let Some(tokens) = answered.map_err(|refusal| self.refused(refusal))? {
                        return Ok(tokens);
                    }
                }
                Err(_) => waiting.not_answered(begun.elapsed()),
            }
        }
    }

    fn no_way(&self, what: &'static str) -> TokenError {
        let hint = match self.server.authorization {
            Some(_) => "log in by a browser on this host, without --device",
            None => "set its authorization or device endpoint in the account file",
        };
        TokenError::NoWay { at: self.provider.at(), what, hint }
    }
}

/// What a browser brings. Browsers open connections ahead and ask for pictures; anybody on this host may ask, too: each is
/// answered, and only what was waited for ends it.
async fn brought(listener: &TcpListener, login: &Arc<Login>) -> Brought {
    let mut visitors = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if visitors.len() < limits::LOOPBACK_CONNECTIONS_MAX => {
                match accepted {
                    // Nothing is left of the system's: the next try waits for some of it.
                    Err(_) => tokio::time::sleep(limits::LOOPBACK_PAUSE).await,
                    Ok((stream, _)) => {
                    let login = Arc::clone(login);
                    visitors.spawn(async move {
                        let heard = timeout(limits::LOOPBACK_PATIENCE, heard(stream, &login)).await;
                        heard.unwrap_or(Brought::Nothing)
                    });
                    }
                }
            }
            Some(heard) = visitors.join_next() => match heard {
                Ok(Brought::Nothing) | Err(_) => {}
                Ok(brought) => return brought,
            }
        }
    }
}

/// One request, and the answer to it.
async fn heard(mut stream: TcpStream, login: &Login) -> Brought {
    let mut head = Vec::new();
    let mut piece = [0; 1_024];
    while !head.windows(4).any(|octets| octets == b"\r\n\r\n") {
        match stream.read(&mut piece).await {
            Ok(read @ 1..) if head.len() < postroad_oauth::limits::REQUEST_OCTETS_MAX => {
                head.extend_from_slice(piece.get(..read).unwrap_or_default());
            }
            _ => return Brought::Nothing,
        }
    }
    let brought = login.read(&head);
    // Who doesn't wait for the page has brought it all the same.
    let _ = stream.write_all(&page(&brought)).await;
    let _ = stream.shutdown().await;
    brought
}
