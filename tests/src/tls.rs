//! Certificates for agents and peers that a test starts by itself.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A certificate authority, and a certificate of its for one server.
#[derive(Debug, Clone)]
pub struct Certificates {
    /// The authority's certificate, PEM.
    pub ca: PathBuf,
    /// The server's certificate, PEM.
    pub certificate: PathBuf,
    /// The server's key, PEM.
    pub key: PathBuf,
}

impl Certificates {
    /// Makes new ones for these names and addresses, in `folder`.
    ///
    /// # Errors
    ///
    /// When they can't be written.
    pub fn make(folder: &Path, names: &[&str]) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let ca_key = rcgen::KeyPair::generate()?;
        let mut ca = rcgen::CertificateParams::default();
        ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        ca.distinguished_name.push(rcgen::DnType::CommonName, "test authority");
        let ca_certificate = ca.self_signed(&ca_key)?;
        let issuer = rcgen::Issuer::new(ca, ca_key);

        let key = rcgen::KeyPair::generate()?;
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let certificate = rcgen::CertificateParams::new(names)?.signed_by(&key, &issuer)?;

        let write = |name: &str, pem: String, mode| {
            let path = folder.join(name);
            fs::write(&path, pem).with_context(|| format!("cannot write {}", path.display()))?;
            fs::set_permissions(&path, Permissions::from_mode(mode))?;
            anyhow::Ok(path)
        };
        Ok(Self {
            ca: write("ca.pem", ca_certificate.pem(), 0o644)?,
            certificate: write("server.pem", certificate.pem(), 0o644)?,
            key: write("server.key", key.serialize_pem(), 0o600)?,
        })
    }
}
