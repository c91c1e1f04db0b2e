//! What an authorization server publishes of itself (RFC 8414; OpenID Connect Discovery 1.0 has the same fields at another
//! place).

use serde::Deserialize;
use url::Url;

use crate::{Server, endpoint, limits};

/// Why what was published is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// Not JSON, or not these fields.
    #[error("it is no description of an authorization server")]
    NotMetadata,
    /// It describes somebody else (RFC 8414 §3.3).
    #[error("it describes another issuer")]
    OtherIssuer,
    /// A place is missing, or isn't of https.
    #[error("it names no token endpoint of https")]
    NoToken,
    /// It doesn't know PKCE with SHA-256 (RFC 7636 §4.2).
    #[error("it doesn't protect codes on their way (PKCE with S256)")]
    NoPkce,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: Option<String>,
    token_endpoint: Option<String>,
    device_authorization_endpoint: Option<String>,
    code_challenge_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// An issuer, as it is compared and asked: https, without query and fragment (RFC 8414 §2).
pub fn issuer(text: &str) -> Option<Url> {
    endpoint(text).filter(|url| url.query().is_none())
}

/// Where it may be published, in the order in which to ask: RFC 8414 §3.1, then OpenID's place (§5).
pub fn places(issuer: &Url) -> [Url; 2] {
    let path = issuer.path().trim_end_matches('/').to_owned();
    let [mut ours, mut theirs] = [issuer.clone(), issuer.clone()];
    ours.set_path(&format!("/.well-known/oauth-authorization-server{path}"));
    theirs.set_path(&format!("{path}/.well-known/openid-configuration"));
    [ours, theirs]
}

/// Reads it; `issuer` is whom it was asked of.
///
/// # Errors
/// Where it is another's, or names no places of use.
pub fn read(document: &[u8], issuer: &str) -> Result<Server, MetadataError> {
    let fits = document.len() <= limits::ANSWER_OCTETS_MAX;
    let read = serde_json::from_slice(document).ok().filter(|_| fits);
    let document: Document = read.ok_or(MetadataError::NotMetadata)?;
    // RFC 8414 §3.3: identical. Only the slash at the end, which people leave out, is none of its words.
    if document.issuer.trim_end_matches('/') != issuer.trim_end_matches('/') {
        return Err(MetadataError::OtherIssuer);
    }
    // Where nothing is said of it, servers know it all the same: nearly all do, and others ignore it.
    if document
        .code_challenge_methods_supported
        .is_some_and(|methods| !methods.iter().any(|method| method == "S256"))
    {
        return Err(MetadataError::NoPkce);
    }
    let place = |text: &Option<String>| text.as_deref().and_then(endpoint);
    Ok(Server {
        token: place(&document.token_endpoint).ok_or(MetadataError::NoToken)?,
        authorization: place(&document.authorization_endpoint),
        device: place(&document.device_authorization_endpoint),
        issuer: Some(document.issuer),
        names_itself: document.authorization_response_iss_parameter_supported,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test] // Tests RFC 8414 §3.1 and §5.
    fn where_it_is_published() {
        for (text, ours, theirs) in [
            (
                "https://id.example",
                "https://id.example/.well-known/oauth-authorization-server",
                "https://id.example/.well-known/openid-configuration",
            ),
            (
                "https://id.example:444/tenant/v2/",
                "https://id.example:444/.well-known/oauth-authorization-server/tenant/v2",
                "https://id.example:444/tenant/v2/.well-known/openid-configuration",
            ),
        ] {
            let [first, second] = places(&issuer(text).unwrap());
            assert_eq!((first.as_str(), second.as_str()), (ours, theirs));
        }
        for none in
            ["http://id.example", "https://id.example/?x", "https://a@id.example", "id.example"]
        {
            assert_eq!(issuer(none), None, "{none}");
        }
    }

    fn read_of(more: &str) -> Result<Server, MetadataError> {
        let document = format!("{{\"issuer\": \"https://id.example\", \"other\": [1] {more}}}");
        read(document.as_bytes(), "https://id.example/")
    }

    #[test] // Tests RFC 8414 §3.3.
    fn what_is_published_is_looked_at() {
        let token = ", \"token_endpoint\": \"https://id.example/token\"";
        let server = read_of(&format!(
            "{token}, \"authorization_endpoint\": \"http://id.example/auth\", \
             \"device_authorization_endpoint\": \"https://id.example/device\""
        ))
        .unwrap();
        assert_eq!(server.token.as_str(), "https://id.example/token");
        assert_eq!(server.authorization, None, "nothing goes over http");
        assert_eq!(server.device.unwrap().path(), "/device");
        assert!(!server.names_itself);
        // Tests RFC 9207 §3.
        let names = format!("{token}, \"authorization_response_iss_parameter_supported\": true");
        assert!(read_of(&names).unwrap().names_itself);
        assert_eq!(read_of(""), Err(MetadataError::NoToken));
        assert_eq!(
            read_of(", \"token_endpoint\": \"http://id.example/\""),
            Err(MetadataError::NoToken)
        );
        let methods = format!("{token}, \"code_challenge_methods_supported\": [\"plain\"]");
        assert_eq!(read_of(&methods), Err(MetadataError::NoPkce));
        assert_eq!(
            read(b"{\"issuer\": \"https://evil.example\"}", "https://id.example"),
            Err(MetadataError::OtherIssuer)
        );
        for none in ["", "[]", "{}", "{\"issuer\": 1}", "<html>"] {
            assert_eq!(read(none.as_bytes(), "x"), Err(MetadataError::NotMetadata), "{none}");
        }
    }
}
