//! Other people's programs send through us: who may do what on which port.

use anyhow::Result;
use postroad_tests::peers::{Account, Needs, PASSWORD, Security, Sink, Stage};
use postroad_tests::process::{tail, until};
use postroad_tests::suite::{Settings, Site};

/// A site that trusts no network, so that only a login may relay.
fn strict_site(sink: &Sink) -> Result<Site> {
    Site::new(&Settings { networks: "[]".into(), ..Settings::smart_host(sink.address) })
}

#[test]
fn swaks_is_answered_as_each_port_demands() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Tools)? else { return Ok(()) };
    let sink = Sink::start(&stage)?;
    let site = strict_site(&sink)?;
    let agents = (site.mta()?, site.mda()?);
    let ca = site.certificates.ca.display().to_string();
    let verified = ["--tls-verify", "--tls-ca-path", &ca];
    let login = ["--auth-user", "alice", "--auth-password", PASSWORD];
    let wrong = ["--auth-user", "alice", "--auth-password", "wrong"];
    let (smtp, submission, submissions) = (site.smtp, site.submission, site.submissions);
    let (alice, anna, away) = ("alice@our.test", "anna@client.test", "bob@sink.test");

    // Exit codes of swaks: 0 sent; 23 MAIL, 24 RCPT refused; 28 AUTH failed or not offered.
    #[rustfmt::skip]
    let cases: &[(&str, _, _, _, &[&[&str]], i32)] = &[
        ("port 25 takes mail for us",           smtp, anna, alice, &[], 0),
        ("and over STARTTLS",                   smtp, anna, alice, &[&["--tls"], &verified], 0),
        ("port 25 relays for nobody",           smtp, anna, away, &[], 24),
        ("not even from ourselves",             smtp, alice, away, &[], 24),
        ("port 25 has no AUTH",                 smtp, alice, away, &[&["--tls", "--auth", "PLAIN"], &login], 28),
        ("port 587 demands a login",            submission, alice, away, &[&["--tls"]], 23),
        ("PLAIN inside TLS",                    submission, alice, away, &[&["--tls", "--auth", "PLAIN"], &verified, &login], 0),
        ("LOGIN inside TLS",                    submission, alice, away, &[&["--tls", "--auth", "LOGIN"], &verified, &login], 0),
        ("loopback may log in in clear text",   submission, alice, away, &[&["--auth", "PLAIN"], &login], 0),
        ("with the right password only",        submission, alice, away, &[&["--tls", "--auth", "PLAIN"], &wrong], 28),
        ("and the sender belongs to the login", submission, "bob@our.test", away, &[&["--tls", "--auth", "PLAIN"], &login], 23),
        ("port 465 is TLS at once",             submissions, alice, away, &[&["--tls-on-connect", "--auth", "PLAIN"], &verified, &login], 0),
        ("port 465 demands a login",            submissions, alice, away, &[&["--tls-on-connect"]], 23),
        ("PIPELINING",                          smtp, anna, alice, &[&["--pipeline"]], 0),
    ];
    let mut wrong = Vec::new();
    for (what, server, from, to, flags, expected) in cases {
        let output = stage.swaks(*server, from, to, &flags.concat())?;
        if output.status.code() != Some(*expected) {
            let said = String::from_utf8_lossy(&output.stdout);
            wrong.push(format!(
                "{what}: {} in place of {expected}\n{}",
                output.status,
                tail(&said)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), agents.0.log());

    until("4 letters in the sink", || sink.messages().len() == 4)?;
    until("3 letters in alice's Maildir", || {
        site.new_mail("alice").is_ok_and(|mail| mail.len() == 3)
    })?;
    Ok(())
}

#[test]
fn msmtp_and_smtplib_submit() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Tools)? else { return Ok(()) };
    let sink = Sink::start(&stage)?;
    let site = strict_site(&sink)?;
    let mta = site.mta()?;
    let ca = site.certificates.ca.as_path();
    let letter = "From: alice@our.test\nTo: bob@sink.test\nBcc: secret@sink.test\nSubject: hello\n\nfrom msmtp\n";
    let file = stage.write("letter.eml", &letter.replace('\n', "\r\n"))?;

    let accounts =
        [(site.submission, Security::Upgrade(ca)), (site.submissions, Security::Implicit(ca))]
            .map(|(server, security)| Account { server, security, user: "alice" });
    for account in &accounts {
        let sent = stage.msmtp(account, "alice@our.test", "bob@sink.test", letter);
        sent.map_err(|error| error.context(mta.log()))?;
        stage.smtplib(account, "alice@our.test", "bob@sink.test", std::slice::from_ref(&file))?;
    }

    until("4 letters in the sink", || sink.messages().len() == 4)?;
    for message in sink.messages() {
        // RFC 6409 §8: the submission server adds what a message must have.
        assert!(message.contains("\nDate: ") && message.contains("\nMessage-ID: <"), "{message}");
        assert!(!message.contains("secret@sink.test"), "Bcc is for nobody to see:\n{message}");
    }
    Ok(())
}
