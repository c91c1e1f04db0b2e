//! Answers that break the format or the rules (rows D05, D09 to D12).

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use postroad_mta::outbound::dns::MX_HOSTS_MAX;
use postroad_protocol::address::Domain;
use postroad_testkit::dns::Dns;
use postroad_testkit::dns::scripted::{Over, Question, Record, Reply, Wrong, kind, name};

use crate::{SHORT, ask, resolver, starts, walk};

/// A response whose header claims these counts, with these octets behind it.
fn response(counts: [u16; 4], behind: &[u8]) -> Reply {
    let mut octets = vec![0x81, 0x80];
    counts.iter().for_each(|count| octets.extend(count.to_be_bytes()));
    octets.extend(behind);
    Reply::Octets(octets)
}

/// The question, and an MX record with this for its data.
fn mx_record(data: &[u8], claimed: u16) -> Vec<u8> {
    let mut octets = [name("third.example"), vec![0, 15, 0, 1, 0xc0, 0x0c, 0, 15, 0, 1]].concat();
    octets.extend([0, 0, 0, 60]);
    octets.extend(claimed.to_be_bytes());
    octets.extend(data);
    octets
}

#[tokio::test]
async fn d05_malformed_answers_are_no_answers() {
    let well = mx_record(&[0, 10, 3, b'o', b'n', b'e', 0], 7);
    for (what, reply) in [
        ("a pointer to itself", response([1, 1, 0, 0], &mx_record(&[0, 10, 0xc0, 45], 4))),
        ("a pointer forward", response([1, 1, 0, 0], &mx_record(&[0, 10, 0xff, 0xff], 4))),
        ("a name without end", response([1, 1, 0, 0], &mx_record(&[0, 10, 63], 3))),
        ("an MX of one octet", response([1, 1, 0, 0], &mx_record(&[0], 1))),
        ("an empty MX", response([1, 1, 0, 0], &mx_record(&[], 0))),
        ("longer than it is", response([1, 1, 0, 0], &mx_record(&[0, 10, 0], 500))),
        ("more than there are", response([1, 200, 0, 0], &well)),
        ("a million questions", response([65_535, 65_535, 65_535, 65_535], &well)),
        ("cut off", response([1, 1, 0, 0], well.get(..20).unwrap())),
        ("a header alone", response([0, 0, 0, 0], &[])),
    ] {
        let server = Dns::scripted(move |_| reply.clone()).await.unwrap();
        let got = ask(&server, "third.example").await;
        assert!(got.len() == 1 && got[0].starts_with("451 4.4.3"), "{what}: {got:?}");
    }
}

/// As many records of many hosts as fit.
fn crowd(hosts: usize) -> Vec<Record> {
    (0..hosts).map(|number| Record::mx(10, &format!("m{number}.example"))).collect()
}

#[tokio::test] // Also D03.
async fn d05_an_answer_of_sixty_four_kilobytes_is_read_and_cut() {
    for hosts in [1_000, 2_000] {
        let server = Dns::scripted(move |question| match (question.kind, question.over) {
            (kind::MX, Over::Udp) => Reply::Truncated,
            (kind::MX, Over::Tcp) => Reply::Records(crowd(hosts)),
            (kind::A, _) => Reply::Records(vec![Record::a([192, 0, 2, 9])]),
            _ => Reply::NoData,
        });
        let server = server.await.unwrap();
        let mut orders = HashSet::new();
        for _ in 0..3 {
            let got = ask(&server, "many.example").await;
            assert_eq!(got.len(), MX_HOSTS_MAX, "{got:?}");
            orders.insert(got);
        }
        // RFC 5321 §5.1: random among equals.
        assert!(orders.len() > 1);
    }
}

#[tokio::test]
async fn d03_hosts_that_were_left_out_are_no_reason_to_bounce() {
    let server = Dns::scripted(|question| match question.kind {
        kind::MX => Reply::Records(crowd(MX_HOSTS_MAX + 1)),
        _ => Reply::NoData,
    });
    starts(&ask(&server.await.unwrap(), "many.example").await, &["451 4.4.3"]);
}

#[tokio::test]
async fn d09_a_forged_answer_has_to_guess_port_and_id() {
    let server = Dns::scripted(|question| match question.kind {
        kind::A => Reply::Records(vec![Record::a([192, 0, 2, 1])]),
        _ => Reply::NoData,
    });
    let server = server.await.unwrap();
    let resolver = resolver(&server, Duration::from_secs(5));
    for number in 0..20 {
        walk(&resolver, &format!("d{number}.example"), &mut Vec::new()).await;
    }
    let asked = server.asked();
    let ids: HashSet<u16> = asked.iter().map(|question| question.id).collect();
    let ports: HashSet<u16> = asked.iter().map(|question| question.from.port()).collect();
    // Of 60 random numbers out of 65,536 a few may be the same.
    assert!(asked.len() >= 40, "{}", asked.len());
    assert!(ids.len() + 5 > asked.len(), "{} ids for {}", ids.len(), asked.len());
    assert!(ports.len() + 5 > asked.len(), "{} ports for {}", ports.len(), asked.len());
}

#[tokio::test]
async fn d09_a_forged_answer_ahead_of_the_right_one_is_dropped() {
    let forger = Dns::scripted(|question| match question.kind {
        kind::MX => Reply::Misdirected(Wrong::Id, vec![Record::mx(1, "evil.example")]),
        _ => Reply::Records(vec![Record::a([203, 0, 113, 66])]),
    });
    starts(&ask(&forger.await.unwrap(), "third.example").await, &["451 4.4.3"]);
}

#[tokio::test]
async fn d10_answers_that_change_count_when_they_are_asked_for_anew() {
    let moved = Arc::new(AtomicBool::new(false));
    let script = {
        let moved = Arc::clone(&moved);
        move |question: &Question| {
            let host = if moved.load(Ordering::Relaxed) { [192, 0, 2, 2] } else { [192, 0, 2, 1] };
            match question.kind {
                kind::A => Reply::Records(vec![Record { ttl: 0, ..Record::a(host) }]),
                _ => Reply::NoData,
            }
        }
    };
    let server = Dns::scripted(script).await.unwrap();
    let resolver = resolver(&server, Duration::from_secs(5));
    let asking = async || walk(&resolver, "bare.example", &mut Vec::new()).await;
    starts(&asking().await, &["implicit MX bare.example 192.0.2.1"]);
    moved.store(true, Ordering::Relaxed);
    let changed = async {
        while asking().await != ["implicit MX bare.example 192.0.2.2"] {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), changed).await.unwrap();
}

#[tokio::test] // PTR is never asked for: what a host calls itself, or others call it, decides nothing here.
async fn d11_names_with_anything_in_them_are_shown_escaped() {
    let long = format!("{0}.{0}.{0}.{1}", "x".repeat(63), "y".repeat(61));
    for host in ["a\u{1}b\nc\"d.example", "\u{1b}[2J.example", "a b;c.example", &long] {
        let owned = host.to_owned();
        let server = Dns::scripted(move |question| match question.kind {
            kind::MX => Reply::Records(vec![Record::mx(10, &owned)]),
            _ => Reply::Records(vec![Record::a([192, 0, 2, 1])]),
        });
        let server = server.await.unwrap();
        let (resolver, mut asked) = (resolver(&server, SHORT), Vec::new());
        let got = walk(&resolver, "third.example", &mut asked).await;
        let shown = format!("{got:?}");
        let words = asked.iter().flat_map(|asked| [&asked.question, &asked.answer]).chain(&got);
        for text in words {
            assert!(!text.chars().any(char::is_control), "{host:?}: {text:?}");
        }
        assert!(got.len() == 1 && !got[0].starts_with('5'), "{host:?}: {shown}");
    }
}

#[tokio::test] // Tests RFC 5891 §4 and §5: A-labels on the wire.
async fn d12_only_checked_a_labels_are_asked_for() {
    let server = Dns::scripted(|question| match question.kind {
        kind::A => Reply::Records(vec![Record::a([192, 0, 2, 1])]),
        _ => Reply::NoData,
    });
    let server = server.await.unwrap();
    for (domain, wire) in [
        ("B\u{fc}cher.example", "xn--bcher-kva.example"),
        // Two scripts in one label: legal, and not what it looks like. The A-label shows it.
        ("\u{440}aypal.example", "xn--aypal-uye.example"),
    ] {
        let before = server.asked().len();
        ask(&server, domain).await;
        let asked = server.asked();
        let names = asked.iter().skip(before).map(|question| question.name.as_str());
        assert!(names.clone().count() > 0 && names.clone().all(|name| name == wire), "{domain}");
    }
    // A joiner where none belongs, and what would be mapped to a dot.
    for bad in ["a\u{200d}b.example", "a\u{3002}example", "\u{301}a.example", "a\u{2028}b.example"]
    {
        assert!(Domain::parse(bad).is_err(), "{bad:?}");
    }
}
