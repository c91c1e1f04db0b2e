//! Values with units: `"5m"`, `"50MiB"`, `"10.0.0.0/8"`.

use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use postroad_protocol::address::Domain;
use serde::{Deserialize, Deserializer, de};

/// `"90s"`, `"5m"`, `"4h"`, `"5d"`.
pub(crate) fn duration<'de, D: Deserializer<'de>>(input: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(input)?;
    parse_duration(&text).map_err(de::Error::custom)
}

/// The duration that a text says, or what is wrong with it.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let problem =
        || format!("\"{text}\" is no duration: write a number and s, m, h or d, as in \"5m\"");
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits).ok_or_else(problem)?;
    let seconds = match unit.trim() {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return Err(problem()),
    };
    let number: u64 = number.parse().map_err(|_| problem())?;
    let seconds = number.checked_mul(seconds).ok_or_else(problem)?;
    if seconds > DURATION_SECONDS_MAX {
        return Err(format!("\"{text}\" is for ever: write 3650d or less"));
    }
    Ok(Duration::from_secs(seconds))
}

/// A duration that may be left out.
pub(crate) fn some_duration<'de, D: Deserializer<'de>>(
    input: D,
) -> Result<Option<Duration>, D::Error> {
    duration(input).map(Some)
}

/// The domain of a route as DNS and the wire have it, `.` in front or not. What is no domain stays as it is:
/// it is `*`, or `semantics` says what is wrong with it.
pub(crate) fn route_domain<'de, D: Deserializer<'de>>(input: D) -> Result<String, D::Error> {
    let text = String::deserialize(input)?;
    let (dot, name) = text.strip_prefix('.').map_or(("", text.as_str()), |name| (".", name));
    Ok(match Domain::parse(name) {
        Ok(domain) => format!("{dot}{domain}"),
        Err(_) => text,
    })
}

/// No time that is reckoned with one of ours may leave what the system's clock can say.
const DURATION_SECONDS_MAX: u64 = 3650 * 24 * 60 * 60;

/// `"50MiB"`, `"64KiB"`, `"1GiB"`, `"512B"`.
pub(crate) fn size<'de, D: Deserializer<'de>>(input: D) -> Result<u64, D::Error> {
    let text = String::deserialize(input)?;
    let problem = || {
        de::Error::custom(format!(
            "\"{text}\" is no size: write a number and B, KiB, MiB or GiB, as in \"50MiB\""
        ))
    };
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits).ok_or_else(problem)?;
    let octets: u64 = match unit.trim() {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(problem()),
    };
    let number: u64 = number.parse().map_err(|_| problem())?;
    number.checked_mul(octets).ok_or_else(problem)
}

/// A list of domains.
pub(crate) fn domains<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<Domain>, D::Error> {
    /// One of them, so that an error points at it and not at the list.
    #[derive(Deserialize)]
    #[serde(try_from = "String")]
    struct One(Domain);

    impl TryFrom<String> for One {
        type Error = String;

        fn try_from(text: String) -> Result<Self, String> {
            let problem = |_| format!("\"{text}\" is no domain: write it as in \"example.org\"");
            Domain::parse(&text).map(Self).map_err(problem)
        }
    }

    Ok(Vec::<One>::deserialize(input)?.into_iter().map(|One(domain)| domain).collect())
}

/// An address range, `10.0.0.0/8` or `::1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Whether `ip` is in the range; an IPv4 address mapped into IPv6 counts as what it is.
    pub fn contains(&self, ip: IpAddr) -> bool {
        let bits = |ip: IpAddr| match ip.to_canonical() {
            IpAddr::V4(v4) => (32u8, u128::from(v4.to_bits())),
            IpAddr::V6(v6) => (128, v6.to_bits()),
        };
        let ((width, ours), (their_width, theirs)) = (bits(self.address), bits(ip));
        let host_bits = u32::from(width - self.prefix);
        width == their_width && (ours ^ theirs).checked_shr(host_bits).unwrap_or(0) == 0
    }
}

impl Network {
    /// Whether it is the whole address space: whoever lists it has no list.
    pub fn is_everybody(&self) -> bool {
        self.prefix == 0
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let problem = || {
            format!("\"{text}\" is no network: write an address and a prefix, as in \"10.0.0.0/8\"")
        };
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| problem())?;
        let address = address.to_canonical();
        let width = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) => prefix.parse().ok().filter(|p| *p <= width).ok_or_else(problem)?,
            None => width,
        };
        Ok(Self { address, prefix })
    }
}

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_what_they_say() {
        for (network, ip, expected) in [
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("::1", "::1", true),
            ("::/0", "2001:db8::1", true),
            ("::/0", "1.2.3.4", false),
            ("0.0.0.0/0", "1.2.3.4", true),
        ] {
            let network: Network = network.parse().unwrap();
            assert_eq!(network.contains(ip.parse().unwrap()), expected, "{network:?} {ip}");
        }
        for text in ["", "10.0.0.0/33", "10.0.0/8", "::1/129", "a/8"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }
}
