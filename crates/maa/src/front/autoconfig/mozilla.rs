//! Thunderbird's `config-v1.1.xml` (draft-ietf-mailmaint-autoconfig §4), which K-9, Evolution, KMail and others read, too.
//!
//! Names of users aren't written into it: clients put their own address in place of `%EMAILADDRESS%`.

use postroad_protocol::address::Domain;
use quick_xml::escape::escape;

use super::{Encryption, Offer, Protocol, Told};

pub(super) const CONTENT_TYPE: &str = "text/xml; charset=utf-8";

/// The file for a domain of ours.
pub(super) fn file(offer: &Offer<'_>, domain: &Domain) -> String {
    let domain = escape(domain.as_str());
    let servers: String = offer.services.iter().map(|service| server(offer, service)).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<clientConfig version=\"1.1\">
  <emailProvider id=\"{domain}\">
    <domain>{domain}</domain>
    <displayName>{domain}</displayName>
    <displayShortName>{domain}</displayShortName>
{servers}  </emailProvider>
</clientConfig>
"
    )
}

fn server(offer: &Offer<'_>, service: &Told) -> String {
    let (element, kind) = match service.protocol {
        Protocol::Imap => ("incomingServer", "imap"),
        Protocol::Pop3 => ("incomingServer", "pop3"),
        Protocol::Submission => ("outgoingServer", "smtp"),
    };
    let socket = match service.encryption {
        Encryption::AtOnce => "SSL",
        Encryption::Upgrade => "STARTTLS",
    };
    let (host, port) = (escape(offer.host.as_str()), service.port);
    format!(
        "    <{element} type=\"{kind}\">
      <hostname>{host}</hostname>
      <port>{port}</port>
      <socketType>{socket}</socketType>
      <authentication>password-cleartext</authentication>
      <username>%EMAILADDRESS%</username>
    </{element}>
"
    )
}
