//! Questions to a provider: https, to the host of the URL alone, no redirections.

use postroad_discovery::http::{self, Answer, Question};
use url::Url;

use super::ANSWER_OCTETS_MAX;
use crate::account::Account;
use crate::connect::{self, ConnectError, Tls};
use crate::error::words;
use crate::limits;

/// Why a provider can't be asked.
#[derive(Debug, thiserror::Error)]
#[error("cannot ask {at}: {problem}")]
pub struct WebError {
    /// Host and port.
    pub at: String,
    /// What went wrong.
    pub problem: String,
}

/// Asks, and takes what comes back.
///
/// # Errors
/// Where there is no way there, no TLS, or no answer in time.
pub(super) async fn ask(
    account: &Account,
    url: &Url,
    question: Question<'_>,
) -> Result<Answer, WebError> {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let port = url.port_or_known_default().unwrap_or(443);
    let at = format!("{host}:{port}");
    let failed = |problem: String| WebError { at: at.clone(), problem };
    if url.scheme() != "https" {
        return Err(failed("its address isn't one of https".to_owned()));
    }
    let asked = async {
        let way = async {
            let tls = Tls::to(account, host)?;
            let io = connect::tcp(host, port).await?;
            tls.start(&at, io).await
        };
        let io = way.await.map_err(|error: ConnectError| failed(words(&error)))?;
        http::ask(io, url, question, ANSWER_OCTETS_MAX).await.map_err(failed)
    };
    let answer = tokio::time::timeout(limits::PROVIDER_TIMEOUT, asked).await;
    answer.unwrap_or_else(|_| Err(failed("it doesn't answer".to_owned())))
}
