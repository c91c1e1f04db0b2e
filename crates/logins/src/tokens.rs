//! Access tokens: JWTs (RFC 7519, RFC 9068) that a configured issuer has signed with a key of its JWKS (RFC 7517).
//!
//! A key is good for one algorithm, that of its own kind: a token's header only says which key is meant. So `none`, and HMAC with
//! a public key as its secret, name no key. Nothing that was checked is remembered: each token is looked at by itself, and no
//! two users share an entry (CVE-2025-30189). A `kid` is compared, and leads to no file.
//!
//! The keys come from a file, which is read again when it changes; who fetches it from the issuer is the operator's to choose.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use postroad_accounts::{AccountsError, Stamp, read_trusted};
use postroad_config::OAuth;
use postroad_protocol::sasl::bearer::{Bearer, Dialect};
use serde_json::{Map, Value};

use crate::limits;

/// Checks tokens of one issuer.
#[derive(Debug)]
pub(crate) struct Tokens {
    settings: OAuth,
    path: PathBuf,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    keys: Vec<Key>,
    stamp: Stamp,
    looked_at: Instant,
}

struct Key {
    kid: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum TokensError {
    /// The file can't be read, or others could have written it.
    #[error(transparent)]
    File(#[from] AccountsError),
    /// There is no such file.
    #[error("there is no file {}: put the issuer's JWKS there", .0.display())]
    Absent(PathBuf),
    /// It is no JWKS.
    #[error("{} is no JWKS", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// None of its keys can be used.
    #[error("{} has no key for RS256, ES256 or EdDSA", .0.display())]
    NoKeys(PathBuf),
}

/// Why a token lets nobody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Bad {
    /// It was right, and isn't any more: no guess.
    #[error("it has expired")]
    Expired,
    /// It isn't valid yet.
    #[error("it is not valid yet")]
    Early,
    /// It is no JWT of three parts, or not signed by a key that is known.
    #[error("it is not signed by a key of the issuer")]
    Unsigned,
    /// It is another issuer's.
    #[error("it is another issuer's")]
    Issuer,
    /// It is for somebody else.
    #[error("it is for another audience")]
    Audience,
    /// It lacks what it must have.
    #[error("it lacks a claim")]
    Claim,
    /// It is of nobody here, or not of who was named.
    #[error("it is of nobody here, or not of who was named")]
    User,
    /// It is good for other things.
    #[error("it lacks the scope")]
    Scope,
}

impl Tokens {
    /// Reads the keys; `None` where no issuer is configured.
    pub(crate) fn open(settings: &OAuth) -> Result<Option<Self>, TokensError> {
        let (false, Some(path)) = (settings.issuer.is_empty(), settings.keys.clone()) else {
            return Ok(None);
        };
        let stamp = Stamp::now(&path);
        let current = Current { keys: read(&path)?, stamp, looked_at: Instant::now() };
        Ok(Some(Self { settings: settings.clone(), path, current: Mutex::new(current) }))
    }

    /// What the token says who it is of.
    pub(crate) fn check(&self, token: &str) -> Result<String, Bad> {
        let header = decode_header(token).map_err(|_| Bad::Unsigned)?;
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        self.look(&mut current);
        // RFC 7515 §4.1.4: without a name every key may be meant.
        let meant = |key: &&Key| header.kid.is_none() || key.kid == header.kid;
        let mut error = Bad::Unsigned;
        for key in current.keys.iter().filter(meant) {
            match decode::<Map<String, Value>>(token, &key.key, &self.validation(key.algorithm)) {
                Ok(token) => return self.user(&token.claims),
                Err(why) => match bad(why.kind()) {
                    Bad::Unsigned => {}
                    bad => error = bad,
                },
            }
        }
        Err(error)
    }

    /// RFC 9068 §4: who has issued it, for whom, and until when, must all be right.
    fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.leeway = limits::TOKEN_LEEWAY.as_secs();
        validation.validate_nbf = true;
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation.set_issuer(&[&self.settings.issuer]);
        validation.set_audience(&self.settings.audience);
        validation
    }

    fn user(&self, claims: &Map<String, Value>) -> Result<String, Bad> {
        // RFC 7519 §4.1.1: one string; the library takes a list, too.
        if claims.get("iss").and_then(Value::as_str) != Some(&self.settings.issuer) {
            return Err(Bad::Issuer);
        }
        let scope = &self.settings.scope;
        if !scope.is_empty() && !scopes(claims).any(|word| word == scope) {
            return Err(Bad::Scope);
        }
        // Whoever may write any address into a profile isn't its owner.
        if claims.get("email_verified") == Some(&Value::Bool(false)) {
            return Err(Bad::Claim);
        }
        let user = claims.get(&self.settings.user_claim).and_then(Value::as_str);
        user.map(str::to_owned).ok_or(Bad::Claim)
    }

    fn look(&self, current: &mut Current) {
        if current.looked_at.elapsed() < limits::KEYS_LOOK_INTERVAL {
            return;
        }
        current.looked_at = Instant::now();
        let stamp = Stamp::now(&self.path);
        if stamp == current.stamp {
            return;
        }
        current.stamp = stamp;
        match read(&self.path) {
            Ok(keys) => {
                current.keys = keys;
                tracing::info!(keys = %self.path.display(), "the issuer's keys read again");
            }
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::error!(error, "the issuer's keys can't be read again, the old ones stay");
            }
        }
    }

    /// What a client is told whose token is wrong (RFC 7628 §3.2.2; XOAUTH2's has other words).
    pub(crate) fn error_json(&self, bearer: &Bearer) -> String {
        let OAuth { scope, discovery, .. } = &self.settings;
        let mut json = Map::new();
        match bearer.dialect() {
            Dialect::OAuthBearer => {
                json.insert("status".into(), "invalid_token".into());
                if !discovery.is_empty() {
                    json.insert("openid-configuration".into(), discovery.as_str().into());
                }
            }
            Dialect::XOAuth2 => {
                json.insert("status".into(), "401".into());
                json.insert("schemes".into(), "bearer".into());
            }
        }
        if !scope.is_empty() {
            json.insert("scope".into(), scope.as_str().into());
        }
        Value::Object(json).to_string()
    }
}

fn read(path: &std::path::Path) -> Result<Vec<Key>, TokensError> {
    let text = read_trusted(path)?.ok_or_else(|| TokensError::Absent(path.to_owned()))?;
    let set: JwkSet = serde_json::from_str(&text)
        .map_err(|source| TokensError::Json { path: path.to_owned(), source })?;
    let keys: Vec<Key> = set.keys.iter().take(limits::ISSUER_KEYS_MAX).filter_map(key).collect();
    match keys.is_empty() {
        true => Err(TokensError::NoKeys(path.to_owned())),
        false => Ok(keys),
    }
}

/// A key, with the algorithm of its kind; those of other kinds are left out.
fn key(jwk: &Jwk) -> Option<Key> {
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => Algorithm::RS256,
        AlgorithmParameters::EllipticCurve(it) if it.curve == EllipticCurve::P256 => {
            Algorithm::ES256
        }
        AlgorithmParameters::OctetKeyPair(it) if it.curve == EllipticCurve::Ed25519 => {
            Algorithm::EdDSA
        }
        _ => return None,
    };
    // RFC 7517 §4.2: a key that is for encryption signs nothing.
    let signs = jwk.common.public_key_use.as_ref();
    let signs = signs.is_none_or(|it| *it == jsonwebtoken::jwk::PublicKeyUse::Signature);
    let fits = jwk.common.key_algorithm.is_none_or(|it| it.to_string() == format!("{algorithm:?}"));
    let key = DecodingKey::from_jwk(jwk).ok().filter(|_| signs && fits)?;
    Some(Key { kid: jwk.common.key_id.clone(), algorithm, key })
}

fn bad(kind: &ErrorKind) -> Bad {
    match kind {
        ErrorKind::ExpiredSignature => Bad::Expired,
        ErrorKind::ImmatureSignature => Bad::Early,
        ErrorKind::InvalidIssuer => Bad::Issuer,
        ErrorKind::InvalidAudience => Bad::Audience,
        ErrorKind::MissingRequiredClaim(_)
        | ErrorKind::InvalidClaimFormat(_)
        | ErrorKind::Json(_) => Bad::Claim,
        _ => Bad::Unsigned,
    }
}

/// `scope` (RFC 9068 §2.2.3), or `scp` as others write it.
fn scopes(claims: &Map<String, Value>) -> impl Iterator<Item = &str> {
    let values = ["scope", "scp"].into_iter().filter_map(|name| claims.get(name));
    values.flat_map(|value| match value {
        Value::Array(words) => words.iter().filter_map(Value::as_str).collect::<Vec<_>>(),
        value => value.as_str().unwrap_or_default().split(' ').collect(),
    })
}

#[cfg(test)]
mod tests {
    use std::time::{SystemTime, UNIX_EPOCH};

    use aws_lc_rs::encoding::AsDer as _;
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair,
    };
    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::json;

    use super::*;

    /// An issuer with a key of each kind, and what it is trusted for.
    struct Issuer {
        folder: tempfile::TempDir,
        keys: Vec<(&'static str, Algorithm, EncodingKey)>,
        tokens: Tokens,
    }

    fn made() -> Vec<(&'static str, Algorithm, EncodingKey)> {
        let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        let ec = ec.to_pkcs8v1().expect("a document");
        let random = aws_lc_rs::rand::SystemRandom::new();
        let ed = Ed25519KeyPair::generate_pkcs8v1(&random).expect("a key");
        let rsa = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
        let rsa = rsa.as_der().expect("a document");
        vec![
            ("ec", Algorithm::ES256, EncodingKey::from_ec_der(ec.as_ref())),
            ("ed", Algorithm::EdDSA, EncodingKey::from_ed_der(ed.as_ref())),
            ("rsa", Algorithm::RS256, EncodingKey::from_rsa_der(pkcs1(rsa.as_ref()))),
        ]
    }

    /// The RSAPrivateKey inside a PKCS#8 document: behind version, algorithm and the head of the octet string.
    fn pkcs1(pkcs8: &[u8]) -> &[u8] {
        pkcs8.get(26..).expect("a document of 2048 bits")
    }

    fn jwks(keys: &[(&'static str, Algorithm, EncodingKey)]) -> String {
        let jwk = |(kid, algorithm, key): &(&str, Algorithm, EncodingKey)| {
            let mut jwk = Jwk::from_encoding_key(key, *algorithm).expect("a public key");
            jwk.common.key_id = Some((*kid).to_owned());
            jwk
        };
        json!({ "keys": keys.iter().map(jwk).collect::<Vec<_>>() }).to_string()
    }

    fn settings(keys: PathBuf) -> OAuth {
        OAuth {
            issuer: "https://id.example".into(),
            keys: Some(keys),
            audience: vec!["mail.example".into()],
            user_claim: "email".into(),
            scope: "mail".into(),
            discovery: "https://id.example/.well-known/openid-configuration".into(),
        }
    }

    fn now() -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
    }

    fn claims() -> Value {
        json!({
            "iss": "https://id.example", "aud": "mail.example", "exp": now() + 300,
            "scope": "openid mail", "email": "alice@our.example"
        })
    }

    impl Issuer {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let (path, keys) = (folder.path().join("jwks.json"), made());
            std::fs::write(&path, jwks(&keys)).expect("written");
            let tokens = Tokens::open(&settings(path)).expect("read").expect("configured");
            Self { folder, keys, tokens }
        }

        fn sign(&self, kid: &str, claims: &Value) -> String {
            let (kid, algorithm, key) =
                self.keys.iter().find(|(name, ..)| *name == kid).expect("a key");
            let mut header = Header::new(*algorithm);
            header.kid = Some((*kid).to_owned());
            encode(&header, claims, key).expect("signed")
        }

        fn check(&self, change: impl FnOnce(&mut Value)) -> Result<String, Bad> {
            let mut claims = claims();
            change(&mut claims);
            self.tokens.check(&self.sign("ec", &claims))
        }
    }

    #[test]
    fn tokens_by_each_kind_of_key() {
        let issuer = Issuer::new();
        for (kid, algorithm, key) in &issuer.keys {
            let token = issuer.sign(kid, &claims());
            assert_eq!(issuer.tokens.check(&token), Ok("alice@our.example".into()), "{kid}");
            // Without the name of its key.
            let token = encode(&Header::new(*algorithm), &claims(), key).expect("signed");
            assert_eq!(issuer.tokens.check(&token), Ok("alice@our.example".into()), "{kid}");
        }
        assert_eq!(
            issuer.check(|it| it["aud"] = json!(["other", "mail.example"])),
            Ok("alice@our.example".into())
        );
        assert_eq!(issuer.check(|it| it["scope"] = json!("mail")), Ok("alice@our.example".into()));
        assert_eq!(
            issuer.check(|it| {
                it["scp"] = json!(["mail"]);
                it.as_object_mut().expect("an object").remove("scope");
            }),
            Ok("alice@our.example".into())
        );
        // Clocks differ by some seconds.
        assert_eq!(
            issuer.check(|it| it["exp"] = json!(now() - 10)),
            Ok("alice@our.example".into())
        );
        assert_eq!(
            issuer.check(|it| it["nbf"] = json!(now() + 10)),
            Ok("alice@our.example".into())
        );
    }

    #[test]
    fn i15_tokens_that_are_not_for_us() {
        let issuer = Issuer::new();
        let minute = 60 + limits::TOKEN_LEEWAY.as_secs();
        let without = |claim: &str| {
            issuer.check(|it| drop(it.as_object_mut().expect("an object").remove(claim)))
        };
        assert_eq!(issuer.check(|it| it["aud"] = json!("other")), Err(Bad::Audience));
        assert_eq!(issuer.check(|it| it["iss"] = json!("https://evil.example")), Err(Bad::Issuer));
        assert_eq!(issuer.check(|it| it["exp"] = json!(now() - minute)), Err(Bad::Expired));
        assert_eq!(issuer.check(|it| it["nbf"] = json!(now() + minute)), Err(Bad::Early));
        assert_eq!(issuer.check(|it| it["scope"] = json!("openid email")), Err(Bad::Scope));
        assert_eq!(issuer.check(|it| it["email_verified"] = json!(false)), Err(Bad::Claim));
        assert_eq!(issuer.check(|it| it["email"] = json!(["alice@our.example"])), Err(Bad::Claim));
        for claim in ["aud", "iss", "exp", "email"] {
            assert_eq!(without(claim), Err(Bad::Claim), "{claim}");
        }
        for (claim, value) in
            [("exp", json!("never")), ("aud", json!(1)), ("iss", json!(["https://id.example"]))]
        {
            let bad = issuer.check(|it| it[claim] = value);
            assert!(bad.is_err(), "{claim}: {bad:?}");
        }
    }

    #[test]
    fn i15_tokens_that_nobody_we_trust_has_signed() {
        use base64::Engine as _;
        let issuer = Issuer::new();
        let b64 = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
        let payload = b64(&claims().to_string());
        for header in [
            r#"{"alg":"none"}"#,
            r#"{"alg":"None","kid":"ec"}"#,
            r#"{"alg":"none","kid":"ec"}"#,
            r#"{"alg":"ES256","kid":"../../etc/passwd"}"#,
            r#"{"alg":"ES256","kid":"ec' OR 1=1--"}"#,
            r#"{"alg":"ES256","kid":"ec","crit":["x"],"x":1}"#,
            r#"{"alg":"RS256","kid":"ec"}"#,
            "{}",
        ] {
            for signature in ["", "AAAA"] {
                let token = format!("{}.{payload}.{signature}", b64(header));
                assert_eq!(issuer.tokens.check(&token), Err(Bad::Unsigned), "{header}");
            }
        }
        // HMAC whose secret is what everybody can read: the public key, in each form that it has.
        let text = std::fs::read_to_string(issuer.folder.path().join("jwks.json")).expect("read");
        let set: JwkSet = serde_json::from_str(&text).expect("a JWKS");
        let AlgorithmParameters::RSA(rsa) = &set.find("rsa").expect("a key").algorithm else {
            panic!("no RSA key")
        };
        for secret in [rsa.n.as_bytes(), text.as_bytes()] {
            for kid in [None, Some("rsa".to_owned()), Some("ec".to_owned())] {
                let mut header = Header::new(Algorithm::HS256);
                header.kid = kid;
                let key = EncodingKey::from_secret(secret).expect("a secret");
                let token = encode(&header, &claims(), &key).expect("signed");
                assert_eq!(issuer.tokens.check(&token), Err(Bad::Unsigned));
            }
        }
        // Another issuer's key, under a name of ours; a signature of other claims; one cut short.
        let other = Issuer::new();
        assert_eq!(issuer.tokens.check(&other.sign("ec", &claims())), Err(Bad::Unsigned));
        let token = issuer.sign("ec", &claims());
        let mut parts = token.split('.');
        let (head, signature) = (parts.next().expect("a part"), parts.nth(1).expect("a part"));
        let mut forged = claims();
        forged["email"] = json!("bob@our.example");
        let forged = format!("{head}.{}.{signature}", b64(&forged.to_string()));
        assert_eq!(issuer.tokens.check(&forged), Err(Bad::Unsigned));
        for cut in ["", ".", "..", "a.b", &token[..token.len() - 2], &format!("{token}.x")] {
            assert_eq!(issuer.tokens.check(cut), Err(Bad::Unsigned), "{cut}");
        }
    }

    #[test]
    fn i15_two_users_share_nothing() {
        let issuer = Issuer::new();
        for _ in 0..3 {
            for user in ["alice@our.example", "bob@our.example"] {
                assert_eq!(issuer.check(|it| it["email"] = json!(user)), Ok(user.into()));
            }
        }
    }

    #[test]
    fn keys_that_change_are_read_again_and_bad_ones_are_not_used() {
        let issuer = Issuer::new();
        let path = issuer.folder.path().join("jwks.json");
        let look_again = || {
            let mut current = issuer.tokens.current.lock().expect("no panic");
            current.looked_at -= limits::KEYS_LOOK_INTERVAL;
        };
        std::fs::write(&path, "{}").expect("written");
        look_again();
        assert!(issuer.check(|_| {}).is_ok());
        std::fs::write(&path, jwks(&made())).expect("written");
        look_again();
        assert_eq!(issuer.check(|_| {}), Err(Bad::Unsigned));
    }

    #[test]
    fn keys_that_are_none_stop_the_start() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("jwks.json");
        let error = || Tokens::open(&settings(path.clone())).expect_err("no keys").to_string();
        assert!(error().contains("put the issuer's JWKS there"), "{}", error());
        for (text, problem) in [
            ("", "is no JWKS"),
            ("{\"keys\":[]}", "has no key for RS256, ES256 or EdDSA"),
            ("{\"keys\":[{\"kty\":\"oct\",\"k\":\"c2VjcmV0\"}]}", "has no key for"),
            (
                "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\",\"use\":\"enc\"}]}",
                "has no key for",
            ),
        ] {
            std::fs::write(&path, text).expect("written");
            assert!(error().contains(problem), "{text}: {}", error());
        }
        let off = OAuth { issuer: String::new(), ..settings(path.clone()) };
        assert!(Tokens::open(&off).expect("nothing to read").is_none());
    }

    #[test]
    fn what_clients_are_told() {
        let issuer = Issuer::new();
        let told = |mechanism, text: &str| {
            use postroad_protocol::sasl::{Attempt, Exchange, Mechanism, Progress};
            let start = Exchange::start_decoded(Mechanism::Token(mechanism), Some(text.as_bytes()));
            let Progress::Done(Attempt::Token(bearer)) = start else { panic!("{start:?}") };
            serde_json::from_str::<Value>(&issuer.tokens.error_json(&bearer)).expect("JSON")
        };
        // RFC 7628 §3.2.2
        assert_eq!(
            told(Dialect::OAuthBearer, "n,,\x01auth=Bearer t\x01\x01"),
            json!({
                "status": "invalid_token", "scope": "mail",
                "openid-configuration": "https://id.example/.well-known/openid-configuration"
            })
        );
        assert_eq!(
            told(Dialect::XOAuth2, "user=a\x01auth=Bearer t\x01\x01"),
            json!({ "status": "401", "schemes": "bearer", "scope": "mail" })
        );
    }
}
