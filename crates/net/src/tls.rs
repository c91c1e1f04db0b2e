//! Certificates and whom to trust. TLS 1.2 and 1.3 by rustls, cryptography by aws-lc-rs.
//!
//! Servers show a [`ServerTls`], which reads its files again when they have changed. Clients take
//! [`verifying`] where the peer's name must be proven, or [`opportunistic`] where encryption is only
//! better than none (RFC 7435).

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use ::aws_lc_rs::digest;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::{ClientConfig, DigitallySignedStruct, ServerConfig, SignatureScheme};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use x509_parser::oid_registry::{
    OID_PKCS1_MD5WITHRSAENC, OID_PKCS1_SHA1WITHRSA, OID_PKCS1_SHA256WITHRSA,
    OID_PKCS1_SHA384WITHRSA, OID_PKCS1_SHA512WITHRSA, OID_SIG_ECDSA_WITH_SHA256,
    OID_SIG_ECDSA_WITH_SHA384, OID_SIG_ECDSA_WITH_SHA512, Oid,
};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::io::EndPoint;

/// How often the files' times are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be read, or holds no PEM of the kind.
    #[error("cannot read {} as PEM", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: rustls_pki_types::pem::Error,
    },
    /// There is nothing in the file.
    #[error("{} holds no certificate", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// They can't be used.
    #[error("cannot use the certificate in {}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What rustls said.
        source: rustls::Error,
    },
    /// No one to trust.
    #[error("cannot load the certificate authorities that this host trusts")]
    Trust(#[source] rustls::Error),
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// Makes aws-lc-rs the provider for whoever asks rustls for its default. Call it first in `main`.
pub fn install_provider() {
    // It fails only where one is installed already, which is then ours too.
    let _ = aws_lc_rs::default_provider().install_default();
}

/// A server's certificate and key. Cheap to clone; all clones see a reload.
#[derive(Debug, Clone)]
pub struct ServerTls(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    certificate: PathBuf,
    key: PathBuf,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    shown: Shown,
    stamps: [Option<SystemTime>; 2],
    looked: Instant,
}

/// What clients are shown.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    /// What to shake hands with.
    pub(crate) config: Arc<ServerConfig>,
    /// What logins can be bound to.
    pub(crate) end_point: Option<EndPoint>,
}

/// A certificate and a key that fit, not yet in force.
#[derive(Debug)]
pub struct Prepared(Current);

impl ServerTls {
    /// Reads chain and key.
    ///
    /// # Errors
    /// Any [`TlsError`] but [`TlsError::Trust`].
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let stamps = [certificate, key].map(stamp);
        let shown = shown(certificate, key)?;
        let current = Mutex::new(Current { shown, stamps, looked: Instant::now() });
        Ok(Self(Arc::new(Shared {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            current,
        })))
    }

    /// Reads the files now; [`ServerTls::adopt`] puts them in force.
    ///
    /// # Errors
    /// As [`ServerTls::load`].
    pub fn prepare(&self) -> Result<Prepared, TlsError> {
        let Shared { certificate, key, .. } = &*self.0;
        let stamps = [certificate.as_path(), key].map(stamp);
        let shown = shown(certificate, key)?;
        Ok(Prepared(Current { shown, stamps, looked: Instant::now() }))
    }

    /// Puts in force what was prepared. Sessions go on with what they have shaken hands with.
    pub fn adopt(&self, prepared: Prepared) {
        *self.0.current.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = prepared.0;
    }

    /// What to shake hands with. Where the files have changed they are read again; where that fails,
    /// the old ones stay and the log says why.
    pub(crate) fn shown(&self) -> Shown {
        let Shared { certificate, key, current } = &*self.0;
        // A thread that panicked with the lock left whole values behind.
        let mut current = current.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if current.looked.elapsed() < LOOK_EVERY {
            return current.shown.clone();
        }
        current.looked = Instant::now();
        let stamps = [certificate.as_path(), key].map(stamp);
        if stamps != current.stamps {
            current.stamps = stamps;
            match shown(certificate, key) {
                Ok(shown) => {
                    current.shown = shown;
                    tracing::info!(certificate = %certificate.display(), "certificate read again");
                }
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::error!(
                        error,
                        "certificate has changed and cannot be used, the old one stays"
                    );
                }
            }
        }
        current.shown.clone()
    }
}

fn stamp(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

fn shown(certificate: &Path, key: &Path) -> Result<Shown, TlsError> {
    let chain = certificates(certificate)?;
    let end_point = chain.first().and_then(|ours| end_point(ours));
    let key_der = PrivateKeyDer::from_pem_file(key)
        .map_err(|source| TlsError::Pem { path: key.to_owned(), source })?;
    let unusable = |source| TlsError::Unusable { path: certificate.to_owned(), source };
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, key_der)
        .map_err(unusable)?;
    Ok(Shown { config: Arc::new(config), end_point })
}

/// The certificate's hash, by the algorithm of its signature; SHA-256 in place of MD5 and SHA-1 (RFC 5929 §4.1). Signatures
/// without a hash of their own (Ed25519) have none.
fn end_point(certificate: &CertificateDer<'_>) -> Option<EndPoint> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let oid = &parsed.signature_algorithm.algorithm;
    let [sha256, sha384, sha512]: [&[Oid<'_>]; 3] = [
        &[
            OID_PKCS1_SHA256WITHRSA,
            OID_SIG_ECDSA_WITH_SHA256,
            OID_PKCS1_SHA1WITHRSA,
            OID_PKCS1_MD5WITHRSAENC,
        ],
        &[OID_PKCS1_SHA384WITHRSA, OID_SIG_ECDSA_WITH_SHA384],
        &[OID_PKCS1_SHA512WITHRSA, OID_SIG_ECDSA_WITH_SHA512],
    ];
    let algorithm = match oid {
        oid if sha256.contains(oid) => &digest::SHA256,
        oid if sha384.contains(oid) => &digest::SHA384,
        oid if sha512.contains(oid) => &digest::SHA512,
        _ => return None,
    };
    Some(digest::digest(algorithm, certificate).as_ref().into())
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = |source| TlsError::Pem { path: path.to_owned(), source };
    let chain: Vec<_> =
        CertificateDer::pem_file_iter(path).map_err(pem)?.collect::<Result<_, _>>().map_err(pem)?;
    match chain.is_empty() {
        true => Err(TlsError::Empty { path: path.to_owned() }),
        false => Ok(chain),
    }
}

/// For clients: the peer's certificate must be valid for its name, by the authorities that this host
/// trusts and those in the PEM file `trust`.
///
/// # Errors
/// Where `trust` can't be read, or there is nobody to trust.
pub fn verifying(trust: Option<&Path>) -> Result<Arc<ClientConfig>, TlsError> {
    client_config(verifier(trust)?).map_err(TlsError::Trust)
}

fn verifier(trust: Option<&Path>) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    let extra = trust.map(certificates).transpose()?.unwrap_or_default();
    let verifier = rustls_platform_verifier::Verifier::new_with_extra_roots(extra, provider())
        .map_err(TlsError::Trust)?;
    Ok(Arc::new(verifier))
}

/// For clients: encrypted to whoever it is (RFC 7435). Never use it where a password is sent.
///
/// # Errors
/// Where rustls can't be set up, which does not happen with our provider.
pub fn opportunistic() -> Result<Arc<ClientConfig>, TlsError> {
    client_config(Arc::new(AnyCertificate(provider()))).map_err(TlsError::Trust)
}

fn client_config(
    verifier: Arc<dyn ServerCertVerifier>,
) -> Result<Arc<ClientConfig>, rustls::Error> {
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// For a client that only looks: goes on whatever the certificate is, and keeps what it was and what
/// [`verifying`] would have said. One for each connection.
#[derive(Debug)]
pub struct Judge {
    strict: Arc<dyn ServerCertVerifier>,
    lax: AnyCertificate,
    judged: Mutex<Option<Judged>>,
}

/// A certificate that a peer showed.
#[derive(Debug, Clone)]
pub struct Judged {
    /// Its chain, the peer's own first.
    pub chain: Vec<CertificateDer<'static>>,
    /// Whether this host trusts it for the peer's name; else why not.
    pub verdict: Result<(), String>,
}

impl Judge {
    /// Trusts as [`verifying`] does.
    ///
    /// # Errors
    /// As [`verifying`].
    pub fn new(trust: Option<&Path>) -> Result<Arc<Self>, TlsError> {
        let (strict, lax) = (verifier(trust)?, AnyCertificate(provider()));
        Ok(Arc::new(Self { strict, lax, judged: Mutex::new(None) }))
    }

    /// What to shake hands with.
    ///
    /// # Errors
    /// As [`opportunistic`].
    pub fn config(self: &Arc<Self>) -> Result<Arc<ClientConfig>, TlsError> {
        client_config(Arc::clone(self) as Arc<dyn ServerCertVerifier>).map_err(TlsError::Trust)
    }

    /// What was seen; nothing before the handshake.
    pub fn judged(&self) -> Option<Judged> {
        self.judged.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verdict = self.strict.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        let chain = std::iter::once(end_entity).chain(intermediates);
        let judged = Judged {
            chain: chain.map(|certificate| certificate.clone().into_owned()).collect(),
            verdict: verdict.map(drop).map_err(|error| error.to_string()),
        };
        *self.judged.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(judged);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.lax.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.lax.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.lax.supported_verify_schemes()
    }
}

/// Takes any certificate, but checks that the peer has its key.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::UnixStream;

    use super::*;
    use crate::Io;

    /// A certificate for `name` that signs itself, in the two files.
    fn write_certificate(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
        let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        (certificate, key)
    }

    /// Shakes hands with a server that calls itself `mx.our.example`.
    async fn shake(client: Arc<ClientConfig>, tls: &ServerTls) -> std::io::Result<Io> {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let name = ServerName::try_from("mx.our.example").unwrap();
        let (_, client) = tokio::join!(
            Io::unix(ours).accept_tls(tls),
            Io::unix(theirs).connect_tls(client, name)
        );
        client
    }

    #[tokio::test]
    async fn who_is_trusted() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = write_certificate(folder.path(), "mx.our.example");
        let tls = ServerTls::load(&certificate, &key).unwrap();
        let client = shake(opportunistic().unwrap(), &tls).await.unwrap();
        assert_eq!(client.tls().map(|tls| tls.version), Some("TLSv1.3"));
        assert!(shake(verifying(Some(&certificate)).unwrap(), &tls).await.is_ok());

        let other = tempfile::tempdir().unwrap();
        let (other_certificate, _) = write_certificate(other.path(), "mx.our.example");
        assert!(shake(verifying(Some(&other_certificate)).unwrap(), &tls).await.is_err());
        let (certificate, key) = write_certificate(other.path(), "mx.other.example");
        let tls = ServerTls::load(&certificate, &key).unwrap();
        assert!(shake(verifying(Some(&certificate)).unwrap(), &tls).await.is_err(), "another name");
    }

    #[tokio::test]
    async fn both_ends_have_the_same_to_bind_a_login_to() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = write_certificate(folder.path(), "mx.our.example");
        let tls = ServerTls::load(&certificate, &key).unwrap();
        let mut exporters = Vec::new();
        for _ in 0..2 {
            let (ours, theirs) = UnixStream::pair().unwrap();
            let name = ServerName::try_from("mx.our.example").unwrap();
            let (server, client) = tokio::join!(
                Io::unix(ours).accept_tls(&tls),
                Io::unix(theirs).connect_tls(opportunistic().unwrap(), name)
            );
            let (server, client) = (server.unwrap(), client.unwrap());
            let (server, client) = (server.channel_bindings(), client.channel_bindings());
            assert_eq!(server.exporter, client.exporter);
            // rcgen's certificates are signed with ECDSA and SHA-256.
            let der = &certificates(&certificate).unwrap()[0];
            let hash = digest::digest(&digest::SHA256, der).as_ref().to_vec();
            assert_eq!(server.server_end_point, Some(hash));
            exporters.push(server.exporter.unwrap());
        }
        assert_ne!(exporters[0], exporters[1], "each connection has its own");
        let (clear, _) = UnixStream::pair().unwrap();
        assert_eq!(Io::unix(clear).channel_bindings(), crate::io::ChannelBindings::default());
    }

    #[tokio::test]
    async fn a_changed_certificate_is_read_again_and_a_broken_one_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = write_certificate(folder.path(), "mx.our.example");
        let tls = ServerTls::load(&certificate, &key).unwrap();
        let look_again = || tls.0.current.lock().unwrap().looked -= LOOK_EVERY;
        let (first, later) = (tls.shown().config, SystemTime::now() + Duration::from_secs(60));
        std::fs::write(&certificate, "no certificate").unwrap();
        std::fs::File::open(&certificate).unwrap().set_modified(later).unwrap();
        look_again();
        assert!(Arc::ptr_eq(&first, &tls.shown().config));
        write_certificate(folder.path(), "mx.our.example");
        std::fs::File::open(&certificate)
            .unwrap()
            .set_modified(later + Duration::from_secs(1))
            .unwrap();
        look_again();
        assert!(!Arc::ptr_eq(&first, &tls.shown().config));
    }

    #[test]
    fn files_that_are_none_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, _) = write_certificate(folder.path(), "mx.our.example");
        let missing = folder.path().join("missing.pem");
        for (certificate, key) in
            [(&missing, &missing), (&certificate, &missing), (&certificate, &certificate)]
        {
            let error = ServerTls::load(certificate, key).unwrap_err().to_string();
            assert!(error.contains(".pem as PEM"), "{error}");
        }
    }
}
