//! hickory as a stub resolver in front of the name servers that were configured.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::net::{DnsError as HickoryDnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use postroad_config::Family;
use postroad_net::listen::is_out_of_resources;
use postroad_resolver::{absolute, address, builder, host};
use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::{BoxFuture, DnsError, Mx, Resolver};

/// How long an answer is believed at least: a zone with TTL 0 would make each letter of a busy domain ask.
const TTL_MIN: Duration = Duration::from_secs(1);
/// How long at most, whatever the zone says (row D10): no attempt works with the answers of the one before,
/// and the name servers on this host keep what is worth keeping.
const TTL_MAX: Duration = Duration::from_secs(60);
/// How long an absence is believed where the zone says nothing or less: a message that was just refused is
/// often followed by another.
const NEGATIVE_TTL_MIN: Duration = Duration::from_secs(10);
/// How long one family's answer waits for the other's (RFC 8305 §3 has a shorter delay, for people who wait).
const OTHER_FAMILY_DELAY: Duration = Duration::from_millis(500);

/// How long one server is asked at least, however short the whole may take.
const TRY_TIMEOUT_MIN: Duration = Duration::from_millis(100);
/// How long at most, as in resolv.conf(5): some answers, as one that is truncated over TCP too, are only dropped, and
/// the question is over then (row D06).
const TRY_TIMEOUT_MAX: Duration = Duration::from_secs(5);

/// The resolver of a running MTA.
pub struct Hickory {
    resolver: TokioResolver,
    timeout: Duration,
}

impl Hickory {
    /// Uses these name servers, or those of /etc/resolv.conf where there are none; without that file the
    /// one on this host, as resolv.conf(5) has it.
    ///
    /// # Errors
    /// Where hickory can't be set up.
    pub fn new(settings: &postroad_config::Dns) -> Result<Self, NetError> {
        let mut builder = builder(&settings.servers);
        let options = builder.options_mut();
        options.positive_min_ttl = Some(TTL_MIN);
        options.positive_max_ttl = Some(TTL_MAX);
        options.negative_min_ttl = Some(NEGATIVE_TTL_MIN);
        options.negative_max_ttl = Some(TTL_MAX);
        // Two tries of a third each: one server that is down doesn't use up the deadline.
        options.timeout = (settings.timeout / 3).clamp(TRY_TIMEOUT_MIN, TRY_TIMEOUT_MAX);
        options.attempts = 1;
        Ok(Self { resolver: builder.build()?, timeout: settings.timeout })
    }

    async fn ask(&self, name: &str, kind: RecordType) -> Result<Vec<RData>, DnsError> {
        match timeout(self.timeout, self.ask_in_time(name, kind)).await {
            Err(_) => Err(DnsError::Temporary("the name servers didn't answer in time".into())),
            Ok(Err(DnsError::Temporary(words))) => Err(match shortage().await {
                Some(shortage) => DnsError::Shortage(shortage),
                None => DnsError::Temporary(words),
            }),
            Ok(answer) => answer,
        }
    }

    async fn ask_in_time(&self, name: &str, kind: RecordType) -> Result<Vec<RData>, DnsError> {
        let name = absolute(name)
            .map_err(|_| DnsError::Temporary(format!("{name} is no name that DNS could know")))?;
        match self.resolver.lookup(name.clone(), kind).await {
            Ok(found) => {
                // Other kinds are CNAMEs on the way.
                let fits = |data: &RData| data.record_type() == kind;
                Ok(found.answers().iter().map(|r| r.data.clone()).filter(fits).collect())
            }
            Err(error) => match classify(&error) {
                Absence::Certain(error) => Err(error),
                Absence::Unfounded => self.follow_up(name).await,
            },
        }
    }

    /// "No such record", and nobody vouches for it with a SOA: RFC 2308 §2.2 allows that, but so ends a chain
    /// of aliases that is a loop or too long to be followed (row D04).
    async fn follow_up(&self, name: Name) -> Result<Vec<RData>, DnsError> {
        let words = format!("the aliases of {name} lead nowhere");
        match self.resolver.lookup(name, RecordType::CNAME).await.map_err(|e| classify(&e)) {
            Ok(_) => Err(DnsError::Temporary(words)),
            Err(Absence::Certain(error @ (DnsError::Temporary(_) | DnsError::Shortage(_)))) => {
                Err(error)
            }
            Err(Absence::Certain(DnsError::NoSuchName | DnsError::NoSuchRecord))
            | Err(Absence::Unfounded) => Err(DnsError::NoSuchRecord),
        }
    }
}

/// Why this host couldn't have asked, where it can't: hickory says "no connections available" to that, and to a
/// name server that isn't there. A socket of our own knows.
async fn shortage() -> Option<String> {
    let error = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.err()?;
    is_out_of_resources(&error).then(|| error.to_string())
}

/// What an answer without records says.
enum Absence {
    /// What is meant.
    Certain(DnsError),
    /// There is no such record, as nobody says who would know.
    Unfounded,
}

/// Only NXDOMAIN and an empty answer say that there is nothing.
fn classify(error: &NetError) -> Absence {
    if let NetError::Dns(HickoryDnsError::NoRecordsFound(nothing)) = error {
        match (nothing.response_code, &nothing.soa, &nothing.ns) {
            (ResponseCode::NXDomain, _, _) => return Absence::Certain(DnsError::NoSuchName),
            (ResponseCode::NoError, Some(_), _) => {
                return Absence::Certain(DnsError::NoSuchRecord);
            }
            // RFC 2308 §2.2: NS records without a SOA are a referral, from a server that doesn't resolve for
            // us. It knows nothing.
            (ResponseCode::NoError, None, Some(_)) => {
                let words = "the name server only refers to others".to_owned();
                return Absence::Certain(DnsError::Temporary(words));
            }
            (ResponseCode::NoError, None, None) => return Absence::Unfounded,
            _ => {}
        }
    }
    Absence::Certain(DnsError::Temporary(error.to_string()))
}

impl Resolver for Hickory {
    fn mx<'a>(&'a self, domain: &'a str) -> BoxFuture<'a, Result<Vec<Mx>, DnsError>> {
        Box::pin(async move {
            let found = self.ask(domain, RecordType::MX).await?;
            let records = found.into_iter().filter_map(|data| match data {
                RData::MX(mx) => Some(Mx { preference: mx.preference, host: host(&mx.exchange) }),
                _ => None,
            });
            let records: Vec<Mx> = records.collect();
            if records.is_empty() { Err(DnsError::NoSuchRecord) } else { Ok(records) }
        })
    }

    fn addresses<'a>(
        &'a self,
        host: &'a str,
        family: Family,
    ) -> BoxFuture<'a, Result<Vec<IpAddr>, DnsError>> {
        Box::pin(async move {
            let (v6, v4) = match family {
                Family::Any => {
                    let v6 = self.ask(host, RecordType::AAAA);
                    both(v6, self.ask(host, RecordType::A)).await
                }
                Family::Ipv4 => (Ok(Vec::new()), self.ask(host, RecordType::A).await),
                Family::Ipv6 => (self.ask(host, RecordType::AAAA).await, Ok(Vec::new())),
            };
            let found: Vec<IpAddr> =
                [&v6, &v4].into_iter().flatten().flatten().filter_map(address).collect();
            match (found.is_empty(), v6, v4) {
                (false, _, _) => Ok(found),
                (true, Err(error @ DnsError::Shortage(_)), _)
                | (true, _, Err(error @ DnsError::Shortage(_)))
                | (true, Err(error @ DnsError::Temporary(_)), _)
                | (true, _, Err(error @ DnsError::Temporary(_)))
                | (true, Err(error @ DnsError::NoSuchName), _)
                | (true, _, Err(error @ DnsError::NoSuchName)) => Err(error),
                (true, _, _) => Err(DnsError::NoSuchRecord),
            }
        })
    }
}

type Answer = Result<Vec<RData>, DnsError>;

/// Both answers; once one of them has addresses, the other is waited for a moment only (row D01: a server
/// that drops what it doesn't know, as AAAA, must not hold up the mail).
async fn both(
    v6: impl Future<Output = Answer>,
    v4: impl Future<Output = Answer>,
) -> (Answer, Answer) {
    let (mut v6, mut v4) = (std::pin::pin!(v6), std::pin::pin!(v4));
    let late = || Err(DnsError::Temporary("no answer in time".into()));
    tokio::select! {
        first = &mut v6 => {
            let second = match is_address(&first) {
                true => timeout(OTHER_FAMILY_DELAY, v4).await.unwrap_or_else(|_| late()),
                false => v4.await,
            };
            (first, second)
        }
        first = &mut v4 => {
            let second = match is_address(&first) {
                true => timeout(OTHER_FAMILY_DELAY, v6).await.unwrap_or_else(|_| late()),
                false => v6.await,
            };
            (second, first)
        }
    }
}

fn is_address(answer: &Answer) -> bool {
    answer.as_ref().is_ok_and(|found| !found.is_empty())
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use postroad_testkit::dns::Dns;
    use postroad_testkit::dns::scripted::{Record, Reply};

    use super::*;

    #[tokio::test]
    async fn d10_times_to_live_are_clamped() {
        for ttl in [0, 1, 86_400, 0x7fff_ffff, 0x8000_0000, u32::MAX] {
            let record = Record { ttl, ..Record::mx(10, "one.example") };
            let server =
                Dns::scripted(move |_| Reply::Records(vec![record.clone()])).await.unwrap();
            let servers = vec![server.address];
            let settings = postroad_config::Dns { servers, ..postroad_config::Dns::default() };
            let resolver = Hickory::new(&settings).unwrap();
            let begun = Instant::now();
            let name = Name::from_ascii("third.example.").unwrap();
            let found = resolver.resolver.lookup(name, RecordType::MX).await.unwrap();
            let until = found.valid_until();
            assert!(until >= begun + TTL_MIN, "{ttl}");
            assert!(until <= Instant::now() + TTL_MAX, "{ttl}");
        }
    }
}
