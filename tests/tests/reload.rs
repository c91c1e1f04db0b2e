//! New settings and certificates while sessions are open: SIGHUP and `postroad reload`.

use std::fs;
use std::net::SocketAddr;

use anyhow::{Context, Result};
use postroad_tests::peers::{Needs, PASSWORD, Stage};
use postroad_tests::process::{outcome, run, until};
use postroad_tests::suite::{Settings, Site};
use postroad_tests::tls::Certificates;
use postroad_tests::{imap, pop3, smtp};
use rustix::process::Signal;

/// What a new session offers.
fn offer(site: &Site) -> Result<String> {
    Ok(smtp::Client::connect(site.smtp)?.expect("EHLO client.test", 250)?.text)
}

/// Changes the file of settings.
fn edit(site: &Site, from: &str, to: &str) -> Result<()> {
    let text = fs::read_to_string(site.config())?;
    assert!(text.contains(from), "{from:?} is not in {text}");
    Ok(fs::write(site.config(), text.replacen(from, to, 1))?)
}

#[test]
fn a_session_lives_through_a_reload_and_the_next_sees_the_new_settings() -> Result<()> {
    let site = Site::new(&Settings::default())?;
    let (mta, _mda) = (site.mta()?, site.mda()?);
    let mut old = smtp::Client::connect(site.smtp)?;
    old.expect("EHLO client.test", 250)?;
    old.expect("MAIL FROM:<a@b.test>", 250)?;

    edit(&site, "[mta]\n", "[mta]\nmessage_size_max = \"1MiB\"\n")?;
    let output = run(site.command("postroad")?.arg("reload"))?;
    assert!(!String::from_utf8_lossy(&output.stdout).contains("systemctl restart"), "{output:?}");
    assert!(offer(&site)?.contains("SIZE 1048576"));

    old.expect("RCPT TO:<alice@our.test>", 250)?;
    old.expect("DATA", 354)?;
    old.expect("Subject: x\r\n\r\nhere\r\n.", 250)?;
    until("the letter", || site.new_mail("alice").is_ok_and(|mail| mail.len() == 1))?;

    // What the process is bound to is named, and the rest counts.
    edit(&site, "message_size_max = \"1MiB\"", "message_size_max = \"2MiB\"")?;
    edit(&site, &format!("smtp = [\"{}\"]", site.smtp), "smtp = []")?;
    let output = run(site.command("postroad")?.arg("reload"))?;
    assert!(String::from_utf8_lossy(&output.stdout).contains("mta.smtp"), "{output:?}");
    assert!(offer(&site)?.contains("SIZE 2097152"));

    // Settings that are wrong change nothing, and the log says why.
    edit(&site, "message_size_max = \"2MiB\"", "message_size_max = \"3MiB\"\nbogus = 1")?;
    mta.signal(Signal::HUP)?;
    until("the reason in the log", || mta.log().contains("unknown key \\\"bogus\\\""))
        .map_err(|error| error.context(mta.log()))?;
    assert!(offer(&site)?.contains("SIZE 2097152"));
    assert!(mta.terminate()?.success());
    Ok(())
}

#[test]
fn a_new_certificate_is_shown_after_a_reload() -> Result<()> {
    let site = Site::new(&Settings::default())?;
    let _mta = site.mta()?;
    let other = Site::new(&Settings::tables(format!(
        "[[route]]\ndomain = \"*\"\nnext_hop = \"smtp://{}\"\n",
        site.smtp
    )))?;
    let shown = || -> Result<String> {
        // Relaying is refused or not: the certificate is all that counts here.
        let output = outcome(other.command("postroad")?.args(["probe", "a@elsewhere.test"]))?;
        let text = String::from_utf8(output.stdout)?;
        let line = text.lines().find(|line| line.contains(", by CN=test authority"));
        Ok(line.with_context(|| text.clone())?.to_owned())
    };
    assert!(shown()?.contains("for mx.our.test"), "{}", shown()?);
    Certificates::make(&site.path("tls"), &["new.our.test"])?;
    run(site.command("postroad")?.arg("reload"))?;
    assert!(shown()?.contains("for new.our.test"), "{}", shown()?);
    Ok(())
}

#[test]
fn readers_are_shown_a_new_certificate_after_a_signal_and_none_is_sent_away() -> Result<()> {
    let Some(stage) = Stage::set_up(Needs::Tools)? else { return Ok(()) };
    let site = Site::new(&Settings::default())?;
    let maa = site.maa()?;
    let certificate = || -> Result<String> {
        Ok(fs::read_to_string(&site.certificates.certificate)?.replace("\r\n", "\n"))
    };
    let shown = |service: &str, address: SocketAddr| -> Result<String> {
        let mut python = stage.python("shown_certificate.py");
        let output = run(python.args([service, &address.port().to_string()]))?;
        Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
    };
    let check = |expected: &str| -> Result<()> {
        assert_eq!(shown("pop3s", site.pop3s)?, expected.trim_end());
        assert_eq!(shown("pop3", site.pop3)?, expected.trim_end());
        Ok(())
    };
    let mut reader = pop3::Client::log_in(site.pop3, "alice", PASSWORD)?;
    let first = certificate()?;
    check(&first)?;

    Certificates::make(&site.path("tls"), &["new.our.test"])?;
    let second = certificate()?;
    assert_ne!(first, second);
    maa.signal(Signal::HUP)?;
    until("the reload", || maa.log().contains("certificate, users and aliases read again"))
        .with_context(|| maa.log())?;
    check(&second)?;

    // A key that doesn't fit: the old ones stay, and the log says why.
    Certificates::make(&site.path("other"), &["other.our.test"])?;
    fs::copy(site.path("other/server.pem"), &site.certificates.certificate)?;
    maa.signal(Signal::HUP)?;
    until("the reload refused", || maa.log().contains("the old ones stay"))
        .with_context(|| maa.log())?;
    check(&second)?;
    reader.command("NOOP")?;
    reader.command("QUIT")?;
    assert!(maa.terminate()?.success());
    Ok(())
}

#[test]
fn the_access_agent_takes_new_settings_while_sessions_go_on() -> Result<()> {
    let site = Site::new(&Settings::default())?;
    let (mta, maa) = (site.mta()?, site.maa()?);
    let reload = || -> Result<(String, bool)> {
        let output = outcome(site.command("postroad")?.arg("reload"))?;
        Ok((String::from_utf8(output.stdout)?, output.status.success()))
    };
    let offers_notify = |client: &mut imap::Client| -> Result<bool> {
        Ok(client.command("CAPABILITY")?.concat().contains(" NOTIFY"))
    };
    let mut old = imap::Client::log_in(site.imap, "alice", PASSWORD)?;
    old.command("SELECT INBOX")?;
    assert!(offers_notify(&mut old)?);

    edit(
        &site,
        "[maa]\n",
        "[maa]\nimap_extensions = [\"-NOTIFY\"]\nsessions_per_user_max = 1\nclear_text_login = \"never\"\n",
    )?;
    let text = fs::read_to_string(site.config())?;
    // In [mta] it stays.
    let (before, maa_table) = text.split_once("[maa]\n").context("no [maa]")?;
    let maa_table = maa_table.replacen("clear_text_login = \"loopback\"\n", "", 1);
    fs::write(site.config(), format!("{before}[maa]\n{maa_table}"))?;
    let (text, well) = reload()?;
    assert!(well && text.contains("The access agent has read"), "{text}");
    assert!(text.contains("last session: maa.imap_extensions\n"), "{text}");
    assert!(!text.contains("systemctl restart"), "{text}");
    // Who is there goes on, as it was.
    assert!(offers_notify(&mut old)?);
    old.command("NOOP")?;
    // Who comes now is told of no login in clear.
    let mut new = imap::Client::connect(site.imap)?;
    assert!(new.command("CAPABILITY")?.concat().contains("LOGINDISABLED"));

    edit(&site, "clear_text_login = \"never\"", "clear_text_login = \"loopback\"")?;
    assert!(reload()?.1);
    let mut bob = imap::Client::log_in(site.imap, "bob", PASSWORD)?;
    assert!(!offers_notify(&mut bob)?);
    let second = imap::Client::log_in(site.imap, "bob", PASSWORD);
    assert!(format!("{:?}", second.err()).contains("LIMIT"), "a second session of bob's");

    // A key that doesn't fit: neither agent takes anything, and says why.
    Certificates::make(&site.path("other"), &["other.our.test"])?;
    fs::copy(site.path("other/server.pem"), &site.certificates.certificate)?;
    edit(&site, "sessions_per_user_max = 1", "sessions_per_user_max = 5")?;
    let (text, well) = reload()?;
    assert!(!well && text.contains("The access agent goes on as it was: "), "{text}");
    assert!(text.contains("cannot use the certificate"), "{text}");
    assert!(imap::Client::log_in(site.imap, "bob", PASSWORD).is_err(), "the old limit holds");

    Certificates::make(&site.path("tls"), &["mx.our.test"])?;
    edit(&site, &format!("imap = [\"{}\"]", site.imap), "imap = []")?;
    let (text, well) = reload()?;
    assert!(well && text.contains("systemctl restart postroad-maa"), "{text}");
    assert!(text.contains("start it again): maa.imap\n"), "{text}");
    imap::Client::log_in(site.imap, "bob", PASSWORD)?;

    // Both agents are asked who is banned; this host never is.
    let bans = |arguments: &[&str]| outcome(site.command("postroad")?.arg("bans").args(arguments));
    let output = bans(&[])?;
    assert_eq!(String::from_utf8(output.stdout)?, "Nobody is banned.\n");
    let output = bans(&["lift", "2001:db8::/64"])?;
    let error = String::from_utf8(output.stderr)?;
    assert!(!output.status.success() && error.contains("isn't banned"), "{error}");

    assert!(maa.terminate()?.success());
    let (text, well) = reload()?;
    assert!(well && text.contains("The access agent isn't running, and reads all"), "{text}");
    assert!(mta.terminate()?.success());
    let output = outcome(site.command("postroad")?.arg("reload"))?;
    assert!(!output.status.success());
    let error = String::from_utf8(output.stderr)?;
    assert!(error.contains("nothing was reloaded") && error.contains("postroad-maa"), "{error}");
    Ok(())
}

#[test]
fn explain_says_what_a_client_would_see() -> Result<()> {
    let site = Site::new(&Settings::default())?;
    let _mta = site.mta()?;
    let explain = |arguments: &[&str]| {
        let mut command = site.command("postroad")?;
        let output = outcome(command.arg("explain").args(arguments))?;
        anyhow::Ok((String::from_utf8(output.stdout)?, output.status.success()))
    };
    let (text, taken) = explain(&["--from", "a@b.test", "--to", "x@elsewhere.test"])?;
    assert!(!taken && text.contains("550 5.7.1"), "{text}");
    let listed = ["--from", "a@b.test", "--to", "x@elsewhere.test", "--client", "127.0.0.1"];
    let (text, taken) = explain(&listed)?;
    assert!(taken && text.contains("mta.networks") && text.contains("DNS"), "{text}");
    let (text, taken) = explain(&["--to", "postmaster@our.test", "--json"])?;
    assert!(taken, "{text}");
    let told: serde_json::Value = serde_json::from_str(&text)?;
    assert_eq!(told["destinations"][0]["address"], "alice@our.test", "{told}");
    Ok(())
}
