//! A certificate authority for this machine alone, and the servers' certificate.
//!
//! `tls/ca.pem` is made once and kept, so that clients go on trusting it; it may sign for the names and
//! addresses of this machine only, so that trusting it gives nothing else away. The servers' certificate is
//! made anew at each start: it can't run out while nobody looks.

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    NameConstraints,
};

use super::folder::Folder;

/// How long a certificate of the servers holds; clients refuse more than 398 days.
const SERVER_DAYS: i64 = 397;
/// How long the authority holds.
const AUTHORITY_DAYS: i64 = 3_650;
/// The authority is made anew when it is older than this: a server's certificate never outlives it.
const AUTHORITY_AGE_MAX: Duration = Duration::from_secs(3_250 * 24 * 60 * 60);

/// Makes what is missing; `names` are the host names that the servers answer to.
pub(crate) fn provide(folder: &Folder, names: &[String]) -> Result<()> {
    let authority = match kept(folder, names)? {
        Some(key) => Issuer::new(authority_params(names)?, key),
        None => make_authority(folder, names)?,
    };
    let key = KeyPair::generate().context("cannot make a key")?;
    let alternatives = [names, &["127.0.0.1".to_owned(), "::1".to_owned()]].concat();
    let mut params = CertificateParams::new(alternatives).context("cannot name the certificate")?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "postroad");
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    holds_for(&mut params, SERVER_DAYS)?;
    let certificate = params.signed_by(&key, &authority).context("cannot sign the certificate")?;
    folder.write("tls/key.pem", 0o600, &key.serialize_pem())?;
    folder.write("tls/cert.pem", 0o644, &certificate.pem())
}

/// The authority's key, where it is there, young enough and made for these names.
fn kept(folder: &Folder, names: &[String]) -> Result<Option<KeyPair>> {
    let (Some(key), Some(made_for)) =
        (folder.read("tls/ca-key.pem")?, folder.read("tls/ca-names")?)
    else {
        return Ok(None);
    };
    let made = folder.path("tls/ca.pem").metadata().and_then(|metadata| metadata.modified());
    let is_young = made.is_ok_and(|made| {
        SystemTime::now().duration_since(made).is_ok_and(|age| age <= AUTHORITY_AGE_MAX)
    });
    if made_for != names.join("\n") || !is_young {
        return Ok(None);
    }
    let path = folder.path("tls/ca-key.pem");
    let advice =
        || format!("cannot read the key in {}: remove the file for a new one", path.display());
    KeyPair::from_pem(&key).with_context(advice).map(Some)
}

fn make_authority(folder: &Folder, names: &[String]) -> Result<Issuer<'static, KeyPair>> {
    let key = KeyPair::generate().context("cannot make a key")?;
    let params = authority_params(names)?;
    let certificate = params.self_signed(&key).context("cannot make the certificate authority")?;
    folder.write("tls/ca-key.pem", 0o600, &key.serialize_pem())?;
    folder.write("tls/ca-names", 0o644, &names.join("\n"))?;
    folder.write("tls/ca.pem", 0o644, &certificate.pem())?;
    Ok(Issuer::new(params, key))
}

fn authority_params(names: &[String]) -> Result<CertificateParams> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "Postroad");
    params.distinguished_name.push(DnType::CommonName, "local authority of postroad up");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let dns = names.iter().cloned().map(GeneralSubtree::DnsName);
    let loopback = [
        GeneralSubtree::IpAddress(CidrSubnet::V4([127, 0, 0, 0], [255, 0, 0, 0])),
        GeneralSubtree::IpAddress(CidrSubnet::V6(
            std::net::Ipv6Addr::LOCALHOST.octets(),
            [255; 16],
        )),
    ];
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: dns.chain(loopback).collect(),
        excluded_subtrees: Vec::new(),
    });
    holds_for(&mut params, AUTHORITY_DAYS)?;
    Ok(params)
}

/// From yesterday (clocks differ) for `days`.
fn holds_for(params: &mut CertificateParams, days: i64) -> Result<()> {
    let today = jiff::Zoned::now().with_time_zone(jiff::tz::TimeZone::UTC).date();
    let day = |days: i64| -> Result<_> {
        let date = today.checked_add(jiff::Span::new().try_days(days)?)?;
        let (month, day) = (u8::try_from(date.month())?, u8::try_from(date.day())?);
        Ok(rcgen::date_time_ymd(i32::from(date.year()), month, day))
    };
    params.not_before = day(-1).context("the clock is off")?;
    params.not_after = day(days - 1).context("the clock is off")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authority_stays_and_the_certificate_is_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        let names = ["localhost".to_owned(), "mail.example.test".to_owned()];
        let read = |inner| folder.read(inner).unwrap().unwrap();
        provide(&folder, &names).unwrap();
        let (ca, cert) = (read("tls/ca.pem"), read("tls/cert.pem"));
        provide(&folder, &names).unwrap();
        assert_eq!(read("tls/ca.pem"), ca);
        assert_ne!(read("tls/cert.pem"), cert);
        provide(&folder, &names[..1]).unwrap();
        assert_ne!(read("tls/ca.pem"), ca, "other names need another authority");
    }
}
