//! SCRAM's messages, the server's side (RFC 5802, RFC 7677): syntax and channel binding. Keys and proofs are
//! `postroad_accounts`' business: nothing secret passes through here.
//!
//! ```text
//! C: n,,n=user,r=abc                       ClientFirst ──challenge(salt, …)──▶
//! S: r=abcdef,s=<salt>,i=<iterations>      Pending     ──respond──▶
//! C: c=biws,r=abcdef,p=<proof>             Proof       ──accepted(signature)──▶
//! S: v=<signature>                         Proven      ──respond(nothing)──▶ who has logged in
//! ```

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Attempt, Challenge, Exchange, Progress, SaslError, name};
use crate::limits;

/// Which of the two mechanisms a client has chosen, and what it could have chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// SCRAM-SHA-256-PLUS.
    Plus,
    /// SCRAM-SHA-256, where -PLUS is offered too.
    BesidePlus,
    /// SCRAM-SHA-256, and -PLUS isn't offered.
    Alone,
}

/// What binds an exchange to the TLS connection around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelBinding {
    /// 32 octets that only the two ends of this connection know (RFC 9266).
    TlsExporter,
    /// The hash of our certificate (RFC 5929 §4).
    TlsServerEndPoint,
}

impl ChannelBinding {
    fn parse(name: &str) -> Option<Self> {
        match name {
            "tls-exporter" => Some(Self::TlsExporter),
            "tls-server-end-point" => Some(Self::TlsServerEndPoint),
            _ => None,
        }
    }
}

/// The client's first message: who it wants to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientFirst {
    name: String,
    nonce: String,
    gs2_header: String,
    bare: String,
    binding: Option<ChannelBinding>,
}

/// What was said so far; the client's proof is awaited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    name: String,
    /// The client's and ours.
    nonce: String,
    /// GS2 header and channel binding, as the client has to repeat them.
    bound: Vec<u8>,
    /// `client-first-message-bare "," server-first-message`
    said: String,
}

/// The client's proof, not looked at yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    name: String,
    auth_message: String,
    proof: [u8; 32],
}

/// Somebody whose proof was right, and who has heard ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    name: String,
}

impl ClientFirst {
    /// `client-first-message = gs2-header client-first-message-bare` (RFC 5802 §7).
    pub(super) fn parse(octets: &[u8], variant: Variant) -> Result<Self, SaslError> {
        let text = std::str::from_utf8(octets).map_err(|_| SaslError::Malformed)?;
        let mut parts = text.splitn(3, ',');
        let (Some(flag), Some(authzid), Some(bare)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(SaslError::Malformed);
        };
        let binding = binding(flag, variant)?;
        let mut attributes = bare.split(',');
        // A message that begins with "m=" has extensions that must be understood, and we know none (§5.1).
        let user = attributes.next().and_then(|it| it.strip_prefix("n=")).and_then(sasl_name);
        let nonce =
            attributes.next().and_then(|it| it.strip_prefix("r=")).filter(|it| is_nonce(it));
        let (Some(user), Some(nonce)) = (user, nonce) else { return Err(SaslError::Malformed) };
        let acts_for = match authzid.strip_prefix("a=") {
            // Deviates from RFC 5802 §7, whose saslname has a character: gsasl sends one that has none.
            Some("") => None,
            Some(authzid) => Some(sasl_name(authzid).ok_or(SaslError::Malformed)?),
            None if authzid.is_empty() => None,
            None => return Err(SaslError::Malformed),
        };
        // Nobody here may act for another user.
        if acts_for.is_some_and(|acts_for| acts_for != user) {
            return Err(SaslError::Proxy);
        }
        Ok(Self {
            name: user,
            nonce: nonce.to_owned(),
            gs2_header: format!("{flag},{authzid},"),
            bare: bare.to_owned(),
            binding,
        })
    }

    /// Who the client wants to be.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the client wants to bind the exchange to.
    pub fn binding(&self) -> Option<ChannelBinding> {
        self.binding
    }

    /// `server-first-message` (RFC 5802 §7). `nonce` is ours, printable ASCII without a comma; `bound` the octets of
    /// [`ClientFirst::binding`], or none.
    pub fn challenge(self, salt: &[u8], iterations: u32, nonce: &str, bound: &[u8]) -> Challenge {
        let nonce = self.nonce + nonce;
        let server_first = format!("r={nonce},s={},i={iterations}", STANDARD.encode(salt));
        let text = STANDARD.encode(&server_first);
        let pending = Pending {
            name: self.name,
            nonce,
            bound: [self.gs2_header.as_bytes(), bound].concat(),
            said: format!("{},{server_first}", self.bare),
        };
        Challenge { text: text.into(), exchange: Exchange::ScramFinal(Box::new(pending)) }
    }
}

impl Pending {
    /// `client-final-message = channel-binding "," nonce ["," extensions] "," proof` (RFC 5802 §7).
    pub(super) fn respond(self, octets: &[u8]) -> Progress {
        let text = std::str::from_utf8(octets).ok();
        let parts = text.and_then(|text| text.rsplit_once(",p="));
        let Some((without_proof, proof)) = parts else {
            return Progress::Failed(SaslError::Malformed);
        };
        let mut attributes = without_proof.split(',');
        let bound = attributes.next().and_then(|it| it.strip_prefix("c="));
        let bound = bound.and_then(|bound| STANDARD.decode(bound).ok());
        let nonce = attributes.next().and_then(|it| it.strip_prefix("r="));
        let proof = STANDARD.decode(proof).ok().and_then(|proof| proof.try_into().ok());
        let (Some(bound), Some(nonce), Some(proof)) = (bound, nonce, proof) else {
            return Progress::Failed(SaslError::Malformed);
        };
        // RFC 5802 §5.1: the server MUST verify both.
        if nonce != self.nonce {
            return Progress::Failed(SaslError::Malformed);
        }
        if bound != self.bound {
            return Progress::Failed(SaslError::Channel);
        }
        let auth_message = format!("{},{without_proof}", self.said);
        Progress::Done(Attempt::Proof(Proof { name: self.name, auth_message, proof }))
    }
}

impl Proof {
    /// Who the client wants to be.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `AuthMessage` (RFC 5802 §3).
    pub fn auth_message(&self) -> &[u8] {
        self.auth_message.as_bytes()
    }

    /// `ClientProof` (RFC 5802 §3).
    pub fn client_proof(&self) -> &[u8; 32] {
        &self.proof
    }

    /// The proof was right. `server-final-message` (RFC 5802 §7), with `ServerSignature`: the client sees that we know its
    /// keys, and says nothing to that.
    pub fn accepted(self, signature: &[u8]) -> Challenge {
        let text = STANDARD.encode(format!("v={}", STANDARD.encode(signature)));
        let proven = Proven { name: self.name };
        Challenge { text: text.into(), exchange: Exchange::ScramProven(proven) }
    }
}

impl Proven {
    /// Who it is.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn respond(self, octets: &[u8]) -> Progress {
        match octets.is_empty() {
            true => Progress::Done(Attempt::Proven(self)),
            false => Progress::Failed(SaslError::Malformed),
        }
    }
}

/// `gs2-cbind-flag = ("p=" cb-name) / "n" / "y"` (RFC 5801 §4), and what RFC 5802 §6 makes of it.
fn binding(flag: &str, variant: Variant) -> Result<Option<ChannelBinding>, SaslError> {
    match (flag.strip_prefix("p="), flag, variant) {
        (Some(kind), _, Variant::Plus) => {
            ChannelBinding::parse(kind).map(Some).ok_or(SaslError::Channel)
        }
        // Who binds the exchange has to name the mechanism that does.
        (Some(_), _, Variant::BesidePlus | Variant::Alone) => Err(SaslError::Channel),
        (None, "n", Variant::BesidePlus | Variant::Alone) | (None, "y", Variant::Alone) => Ok(None),
        // "y": the client could, and believes that we can't. We can, and have said so: somebody has taken it out of
        // what we offered.
        (None, "y", Variant::BesidePlus) => Err(SaslError::Channel),
        (None, "n" | "y", Variant::Plus) => Err(SaslError::Channel),
        (None, _, _) => Err(SaslError::Malformed),
    }
}

/// `saslname`: "=2C" is a comma, "=3D" an equals sign, no other may stand there (RFC 5802 §5.1).
fn sasl_name(text: &str) -> Option<String> {
    let mut decoded = String::with_capacity(text.len());
    let mut parts = text.split('=');
    decoded.push_str(parts.next()?);
    for part in parts {
        let (character, rest) = match part.split_at_checked(2)? {
            ("2C", rest) => (',', rest),
            ("3D", rest) => ('=', rest),
            _ => return None,
        };
        decoded.push(character);
        decoded.push_str(rest);
    }
    name(decoded.as_bytes())
}

/// `c-nonce = printable`, without a comma.
fn is_nonce(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= limits::SCRAM_NONCE_OCTETS_MAX
        && text.bytes().all(|octet| octet.is_ascii_graphic() && octet != b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(text: &str, variant: Variant) -> Result<ClientFirst, SaslError> {
        ClientFirst::parse(text.as_bytes(), variant)
    }

    /// RFC 7677 §3
    #[test]
    fn the_exchange_of_the_rfc() {
        let client_first = first("n,,n=user,r=rOprNGfwEbeRWgbNEkqO", Variant::Alone).unwrap();
        assert_eq!((client_first.name(), client_first.binding()), ("user", None));
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let nonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let Challenge { text, exchange } = client_first.challenge(&salt, 4_096, nonce, b"");
        let server_first = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        assert_eq!(text, STANDARD.encode(server_first));
        let client_final = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
        let done = exchange.respond(STANDARD.encode(client_final).as_bytes());
        let Progress::Done(Attempt::Proof(proof)) = done else { panic!("{done:?}") };
        assert_eq!(
            proof.auth_message(),
            format!("n=user,r=rOprNGfwEbeRWgbNEkqO,{server_first},c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0").as_bytes()
        );
        let signature = STANDARD.decode("6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=").unwrap();
        let Challenge { text, exchange } = proof.accepted(&signature);
        assert_eq!(text, STANDARD.encode("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="));
        let done = exchange.respond(b"");
        let Progress::Done(Attempt::Proven(proven)) = done else { panic!("{done:?}") };
        assert_eq!(proven.name(), "user");
    }

    #[test]
    fn which_binding_goes_with_which_mechanism() {
        use ChannelBinding::{TlsExporter, TlsServerEndPoint};
        use Variant::{Alone, BesidePlus, Plus};
        let channel = Err(SaslError::Channel);
        for (flag, variant, expected) in [
            ("p=tls-exporter", Plus, Ok(Some(TlsExporter))),
            ("p=tls-server-end-point", Plus, Ok(Some(TlsServerEndPoint))),
            ("p=tls-unique", Plus, channel),
            ("p=", Plus, channel),
            ("n", Plus, channel),
            ("y", Plus, channel),
            ("n", BesidePlus, Ok(None)),
            ("y", BesidePlus, channel),
            ("p=tls-exporter", BesidePlus, channel),
            ("n", Alone, Ok(None)),
            ("y", Alone, Ok(None)),
            ("p=tls-exporter", Alone, channel),
            ("x", Alone, Err(SaslError::Malformed)),
            ("", Alone, Err(SaslError::Malformed)),
        ] {
            let got = first(&format!("{flag},,n=a,r=b"), variant).map(|first| first.binding());
            assert_eq!(got, expected, "{flag} {variant:?}");
        }
    }

    #[test]
    fn names_and_messages_that_are_none() {
        for (text, expected) in [
            ("n,,n=a=2Cb=3Dc,r=x", Ok("a,b=c")),
            ("n,a=alice,n=alice,r=x", Ok("alice")),
            ("n,a=,n=alice,r=x", Ok("alice")),
            ("n,,n=alice,r=x,ext=1", Ok("alice")),
            ("n,a=admin,n=mallory,r=x", Err(SaslError::Proxy)),
            ("n,,n=a=2cb,r=x", Err(SaslError::Malformed)),
            ("n,,n=a=,r=x", Err(SaslError::Malformed)),
            ("n,,n=a=é,r=x", Err(SaslError::Malformed)),
            ("n,,n=,r=x", Err(SaslError::Malformed)),
            ("n,,n=a\r\nb,r=x", Err(SaslError::Malformed)),
            ("n,,m=1,n=a,r=x", Err(SaslError::Malformed)),
            ("n,,n=a,r=", Err(SaslError::Malformed)),
            ("n,,n=a,r=x y", Err(SaslError::Malformed)),
            ("n,,n=a", Err(SaslError::Malformed)),
            ("n,b,n=a,r=x", Err(SaslError::Malformed)),
            ("n,", Err(SaslError::Malformed)),
            ("", Err(SaslError::Malformed)),
        ] {
            let got = first(text, Variant::Alone);
            assert_eq!(
                got.as_ref().map(ClientFirst::name).map_err(|error| *error),
                expected,
                "{text}"
            );
        }
        let longest = "x".repeat(limits::SCRAM_NONCE_OCTETS_MAX);
        assert!(first(&format!("n,,n=a,r={longest}"), Variant::Alone).is_ok());
        assert!(first(&format!("n,,n=a,r={longest}x"), Variant::Alone).is_err());
    }

    #[test]
    fn final_messages_that_are_none() {
        let proof = STANDARD.encode([7; 32]);
        let bound = STANDARD.encode("p=tls-exporter,,0123");
        let respond = |text: String| {
            let first = first("p=tls-exporter,,n=a,r=b", Variant::Plus).unwrap();
            let exchange = first.challenge(b"salt", 4_096, "c", b"0123").exchange;
            match exchange.respond(STANDARD.encode(text).as_bytes()) {
                Progress::Done(Attempt::Proof(proof)) => Ok(proof.client_proof().to_vec()),
                Progress::Failed(error) => Err(error),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(respond(format!("c={bound},r=bc,p={proof}")), Ok(vec![7; 32]));
        assert_eq!(respond(format!("c={bound},r=bc,x=1,p={proof}")), Ok(vec![7; 32]));
        let other = STANDARD.encode("p=tls-exporter,,0124");
        for (text, error) in [
            (format!("c={other},r=bc,p={proof}"), SaslError::Channel),
            (format!("c=biws,r=bc,p={proof}"), SaslError::Channel),
            (format!("c={bound},r=b,p={proof}"), SaslError::Malformed),
            (format!("c={bound},r=bc,p=AAAA"), SaslError::Malformed),
            (format!("c={bound},r=bc"), SaslError::Malformed),
            (format!("c=!,r=bc,p={proof}"), SaslError::Malformed),
            (String::new(), SaslError::Malformed),
        ] {
            assert_eq!(respond(text.clone()), Err(error), "{text}");
        }
    }
}
