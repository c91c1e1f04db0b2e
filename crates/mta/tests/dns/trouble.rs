//! Every kind of trouble with every question (rows D01, D06, D07, D08): none of it is ever "no such domain".

use std::net::Ipv6Addr;
use std::time::Duration;

use postroad_testkit::dns::Dns;
use postroad_testkit::dns::scripted::{Over, Question, Record, Reply, Wrong, kind};
use tokio::task::JoinSet;

use crate::{SHORT, ask, resolver, starts, walk};

const V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);

/// `third.example` has one host, with both kinds of address.
fn well(question: &Question) -> Vec<Record> {
    match (question.name.as_str(), question.kind) {
        ("third.example", kind::MX) => vec![Record::mx(10, "one.example")],
        ("one.example", kind::A) => vec![Record::a([192, 0, 2, 1])],
        ("one.example", kind::AAAA) => vec![Record::aaaa(V6)],
        _ => Vec::new(),
    }
}

/// What a name server in trouble says to a question.
type Trouble = fn(&Question) -> Reply;

const TROUBLES: [(&str, Trouble); 13] = [
    ("FORMERR", |_| Reply::Code(1)),
    // What a validating resolver says to a forged signature (D07), and when it gives up counting keys (D08).
    ("SERVFAIL", |_| Reply::Code(2)),
    ("NOTIMP", |_| Reply::Code(4)),
    ("REFUSED", |_| Reply::Code(5)),
    ("a code that nobody knows", |_| Reply::Code(13)),
    ("silence", |_| Reply::Silence),
    ("truncated, and no TCP", |question| match question.over {
        Over::Udp => Reply::Truncated,
        Over::Tcp => Reply::Silence,
    }),
    ("truncated, over TCP too", |_| Reply::Truncated),
    ("a referral", |_| Reply::Referral),
    ("no header", |_| Reply::Octets(vec![0x81])),
    ("noise", |_| Reply::Octets(vec![0xff; 40])),
    ("another's id", |question| Reply::Misdirected(Wrong::Id, well(question))),
    ("another question", |question| Reply::Misdirected(Wrong::Name, well(question))),
];

#[tokio::test] // Tests RFC 5321 §5.1: temporary trouble is never "no domain".
async fn d01_d07_d08_every_trouble_with_every_question() {
    let mut tasks = JoinSet::new();
    for (name, trouble) in TROUBLES {
        for (kinds, expected) in [
            (&[kind::MX][..], "451 4.4.3"),
            (&[kind::A, kind::AAAA], "451 4.4.3"),
            (&[kind::A], "MX 10 one.example 2001:db8::1"),
            (&[kind::AAAA], "MX 10 one.example 192.0.2.1"),
        ] {
            tasks.spawn(async move {
                let script = move |question: &Question| match kinds.contains(&question.kind) {
                    true => trouble(question),
                    false => Reply::Records(well(question)),
                };
                let server = Dns::scripted(script).await.unwrap();
                // Where an address is to be had it is waited for, however busy this machine is: fifty resolvers share a thread.
                let patience = match expected.starts_with("451") {
                    true => SHORT,
                    false => Duration::from_secs(60),
                };
                let resolver = resolver(&server, patience);
                let got = walk(&resolver, "third.example", &mut Vec::new()).await;
                assert_eq!(got.len(), 1, "{name} to {kinds:?}: {got:?}");
                assert!(got[0].starts_with(expected), "{name} to {kinds:?}: {got:?}");
            });
        }
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
}

#[tokio::test]
async fn d01_a_truncated_answer_comes_whole_over_tcp() {
    let server = Dns::scripted(|question| match question.over {
        Over::Udp => Reply::Truncated,
        Over::Tcp => Reply::Records(well(question)),
    });
    let server = server.await.unwrap();
    let both = ["MX 10 one.example 2001:db8::1", "MX 10 one.example 192.0.2.1"];
    starts(&ask(&server, "third.example").await, &both);
}

#[tokio::test] // Tests RFC 8305 §3: whoever has one kind of address doesn't wait for the other without end.
async fn d01_a_server_that_drops_aaaa_holds_up_nobody() {
    for (dropped, expected) in
        [(kind::AAAA, "MX 10 one.example 192.0.2.1"), (kind::A, "MX 10 one.example 2001:db8::1")]
    {
        let server = Dns::scripted(move |question| match question.kind == dropped {
            true => Reply::Silence,
            false => Reply::Records(well(question)),
        });
        let server = server.await.unwrap();
        // Whoever waits until the question is given up waits for an hour.
        let patient = resolver(&server, Duration::from_secs(60 * 60));
        let mut asked = Vec::new();
        let asking = walk(&patient, "third.example", &mut asked);
        let got = tokio::time::timeout(Duration::from_secs(30), asking).await.unwrap();
        starts(&got, &[expected]);
    }
}

#[tokio::test] // Tests RFC 2308 §2.2.
async fn d02_no_data_with_and_without_a_soa_leads_to_the_domain_itself() {
    for nothing in [Reply::NoData, Reply::Records(Vec::new())] {
        let server = Dns::scripted(move |question| match question.kind {
            kind::A => Reply::Records(vec![Record::a([192, 0, 2, 3])]),
            _ => nothing.clone(),
        });
        let server = server.await.unwrap();
        starts(&ask(&server, "bare.example").await, &["implicit MX bare.example 192.0.2.3"]);
    }
    let server = Dns::scripted(|_| Reply::NoData).await.unwrap();
    starts(&ask(&server, "bare.example").await, &["550 5.4.4"]);
    let server = Dns::scripted(|_| Reply::Code(3)).await.unwrap();
    starts(&ask(&server, "bare.example").await, &["550 5.1.2"]);
}

#[tokio::test]
async fn d03_one_of_several_hosts_in_trouble_is_passed_over() {
    let server = Dns::scripted(|question| match (question.name.as_str(), question.kind) {
        ("third.example", kind::MX) => {
            Reply::Records(vec![Record::mx(1, "bad.example"), Record::mx(2, "one.example")])
        }
        ("bad.example", _) => Reply::Code(2),
        _ => Reply::Records(well(question)),
    });
    let server = server.await.unwrap();
    let both = ["MX 2 one.example 2001:db8::1", "MX 2 one.example 192.0.2.1"];
    starts(&ask(&server, "third.example").await, &both);
}

/// `n0.example` is an alias of `n1.example` and so on, one to an answer; the last has what was asked for.
async fn chain(length: usize) -> Dns {
    let script = move |question: &Question| {
        let number = question.name.strip_prefix('n').and_then(|rest| rest.strip_suffix(".example"));
        match number.and_then(|number| number.parse::<usize>().ok()) {
            Some(number) if number < length => {
                Reply::Records(vec![Record::cname(&format!("n{}.example", number + 1))])
            }
            Some(_) if question.kind == kind::MX => {
                Reply::Records(vec![Record::mx(10, "one.example")])
            }
            Some(_) => Reply::NoData,
            None => Reply::Records(well(question)),
        }
    };
    Dns::scripted(script).await.unwrap()
}

#[tokio::test]
async fn d04_chains_of_aliases_are_followed_for_a_few_steps() {
    let both = ["MX 10 one.example 2001:db8::1", "MX 10 one.example 192.0.2.1"];
    for length in [1, 2, 5] {
        starts(&ask(&chain(length).await, "n0.example").await, &both);
    }
    // Longer ones are a mistake that somebody will correct: no reason to give the letter back.
    for length in [20, 500] {
        let server = chain(length).await;
        starts(&ask(&server, "n0.example").await, &["451 4.4.3"]);
        assert!(server.asked().len() < 60, "{} questions", server.asked().len());
    }
}

#[tokio::test]
async fn d04_aliases_that_bite_their_tail() {
    for (one, other) in [("n0.example", "n0.example"), ("n1.example", "n0.example")] {
        let server = Dns::scripted(move |question| match question.name.as_str() {
            "n0.example" => Reply::Records(vec![Record::cname(one)]),
            _ => Reply::Records(vec![Record::cname(other)]),
        });
        let server = server.await.unwrap();
        starts(&ask(&server, "n0.example").await, &["451 4.4.3"]);
        assert!(server.asked().len() < 60, "{} questions", server.asked().len());
    }
}

/// By tokio's own clock, which moves on as soon as everybody waits.
#[tokio::test(start_paused = true)]
async fn d06_whatever_is_answered_is_judged_in_five_seconds_and_silence_in_the_time_set_for_it() {
    let settings = postroad_config::Dns::default();
    for (name, trouble) in TROUBLES {
        let server = Dns::scripted(trouble).await.unwrap();
        let resolver = resolver(&server, settings.timeout);
        let begun = tokio::time::Instant::now();
        let got = walk(&resolver, "third.example", &mut Vec::new()).await;
        starts(&got, &["451 4.4.3"]);
        // Nothing that is an answer to our question has come.
        let unanswered = ["silence", "truncated, and no TCP", "no header", "noise"];
        let misdirected = ["another's id", "another question"];
        let most = match unanswered.contains(&name) || misdirected.contains(&name) {
            true => settings.timeout,
            false => Duration::from_secs(5),
        };
        assert!(begun.elapsed() <= most, "{name}: {:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn d06_who_never_answers_well_is_asked_a_few_times_only() {
    for (name, trouble) in TROUBLES {
        let server = Dns::scripted(trouble).await.unwrap();
        starts(&ask(&server, "third.example").await, &["451 4.4.3"]);
        assert!(server.asked().len() < 20, "{name}: {} questions", server.asked().len());
    }
}
