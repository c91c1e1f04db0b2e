//! New settings while sessions are open, and the end of a drain.

use postroad_net::tls::Judge;
use rustls_pki_types::ServerName;

use super::*;
use crate::live::ReloadError;

/// The settings in force, changed.
fn changed(host: &Host, change: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::clone(&host.inbound().config);
    change(&mut config);
    config
}

#[tokio::test]
async fn an_open_session_goes_on_and_a_new_one_sees_the_new_settings() {
    let host = Host::start_with(|config| config.mta.message_size_max = 1_000_000).await;
    let mut old = host.connect(Door::Smtp, "192.0.2.1").await;
    old.send("EHLO client.example").await;
    assert!(old.reply().await.contains("SIZE 1000000"));
    old.play("C: MAIL FROM:<a@b.example>\nS: 250\nC: RCPT TO:<alice@our.example>\nS: 250").await;

    let restart = host.live().apply(changed(&host, |config| {
        config.hostname = "new.our.example".to_owned();
        config.mta.message_size_max = 2_000_000;
        config.domains.push("other.example".parse().unwrap());
        config.mta.connections_per_client_max = 1;
    }));
    assert_eq!(restart.unwrap(), ["hostname"], "next hops still hear the old name");

    old.play("C: DATA\nS: 354\nC: Subject: x\nC: .\nS: 250 2.0.0").await;
    let mut new = host.dial(Door::Smtp, "192.0.2.2").await;
    new.expect("220 new.our.example").await;
    new.send("EHLO client.example").await;
    assert!(new.reply().await.contains("SIZE 2000000"));
    // Users of ours are known in the new domain too.
    new.play("C: MAIL FROM:<a@b.example>\nS: 250\nC: RCPT TO:<bob@other.example>\nS: 250").await;
    host.dial(Door::Smtp, "192.0.2.2").await.expect("421 4.7.0").await;
    assert_eq!(host.queued().await.len(), 1);
}

#[tokio::test]
async fn settings_that_are_wrong_are_refused_whole() {
    let host = Host::start().await;
    let before = host.inbound();
    let nowhere = host.folder.path().join("nowhere");
    std::fs::write(host.folder.path().join("bad-aliases"), "team: alice,,\n: x\n").unwrap();
    type Change<'c> = &'c dyn Fn(&mut Config);
    let wrong: [(&str, Change<'_>); 3] = [
        ("Tls", &|config| config.tls.key = Some(nowhere.clone())),
        ("Log", &|config| config.log.level = "louder==".to_owned()),
        ("Accounts", &|config| config.accounts.aliases = host.folder.path().join("bad-aliases")),
    ];
    for (what, change) in wrong {
        let config = changed(&host, |config| {
            config.mta.message_size_max = 2_000_000;
            config.domains.push("other.example".parse().unwrap());
            change(config);
        });
        let error = host.live().apply(config).unwrap_err();
        assert!(format!("{error:?}").starts_with(what), "{error:?}");
        assert!(Arc::ptr_eq(&before, &host.inbound()), "{what}");
        assert!(!host.inbound().accounts.directory().is_local(&"other.example".parse().unwrap()));
    }
    assert!(matches!(host.live().reload().await, Err(ReloadError::NoFile)));
}

#[tokio::test]
async fn what_counts_only_after_a_restart_is_named_until_then() {
    let host = Host::start().await;
    let config = changed(&host, |config| {
        config.mta.smtp = vec!["127.0.0.1:25".parse().unwrap()];
        config.trace.size_max += 1;
    });
    for _ in 0..2 {
        assert_eq!(host.live().apply(config.clone()).unwrap(), ["mta.smtp", "trace"]);
    }
    assert_eq!(
        host.live().apply(changed(&host, |config| config.mta.smtp = vec![])).unwrap(),
        ["trace"]
    );
}

/// The octets of the certificate that a client is shown on submissions.
async fn shown_certificate(host: &Host) -> (Client, Vec<u8>) {
    let client = host.dial(Door::Submissions, "192.0.2.1").await;
    let judge = Judge::new(host.inbound().config.tls.certificate.as_deref()).unwrap();
    let name = ServerName::try_from("mx.our.example").unwrap();
    let io = client.io.connect_tls(judge.config().unwrap(), name).await.unwrap();
    let mut client = Client { io, read: Vec::new() };
    client.expect("220").await;
    (client, judge.judged().unwrap().chain[0].to_vec())
}

#[tokio::test]
async fn a_new_certificate_is_shown_to_new_clients_and_the_old_ones_stay() {
    let host = Host::start().await;
    let (mut old, first) = shown_certificate(&host).await;
    write_certificate(host.folder.path());
    host.live().apply(changed(&host, |_| {})).unwrap();
    let (_new, second) = shown_certificate(&host).await;
    assert_ne!(first, second);
    old.play("C: EHLO a\nS: 250-\nC: NOOP\nS: 250").await;
}

#[tokio::test] // Tests RFC 5321 §3.8.
async fn who_is_still_in_a_transaction_when_the_drain_ends_is_told_421() {
    let host = Host::start().await;
    let mut in_data = host.connect(Door::Smtp, "192.0.2.1").await;
    in_data
        .play("C: HELO a\nS: 250\nC: MAIL FROM:<>\nS: 250\nC: RCPT TO:<bob@our.example>\nS: 250\nC: DATA\nS: 354\nC: half a letter")
        .await;
    let mut in_handshake = host.dial(Door::Submissions, "192.0.2.2").await;
    host.trigger.stop();
    in_handshake.expect("").await;
    tokio::time::pause();
    in_data.expect("421 4.3.2").await;
    in_data.expect("").await;
    drop(in_data);
    host.sessions.close();
    host.sessions.wait().await;
    assert!(host.queued().await.is_empty());
}
