//! Each way to call us.

use anyhow::Result;
use postroad_tests::peers::{
    Exim, EximSetup, OpenSmtpd, OpenSmtpdSetup, Packages, Postfix, PostfixSetup, Sendmail,
};

use crate::host::{DOMAIN, FILE_OCTETS_MAX, Host, Mailboxes};
use crate::{Stranger, Way, check, lines};

/// Postfix with the lines of a way, and what a host of its own has.
fn postfix(host: &Host, way: &str, more: &str) -> Result<Postfix> {
    let lines = |file: &str| lines::of(host, "postfix.md", &format!("{file} {way}"));
    let main = format!("{}{more}", lines("main.cf")?);
    let master = if way == "pipe" { lines("master.cf")? } else { String::new() };
    Postfix::start(&host.stage, &PostfixSetup { main, master })
}

/// What its own users' domain is.
fn local() -> String {
    format!("mydestination = {DOMAIN}\nrecipient_delimiter = +\n")
}

#[test]
fn postfix_by_mailbox_command() -> Result<()> {
    let Some(mut host) = Host::set_up(Packages::Most, Mailboxes::Theirs)? else { return Ok(()) };
    let postfix = postfix(&host, "mailbox_command", &local())?;
    let stranger = Stranger::Theirs("5.1.1", "unknown user: \"stranger\"");
    check(&mut host, &postfix, Way { stranger, ..Way::default() })
}

#[test]
fn m14_postfix_by_mailbox_command_into_files_in_var_mail() -> Result<()> {
    let Some(mut host) = Host::set_up(Packages::Most, Mailboxes::TheirFiles)? else {
        return Ok(());
    };
    let lines = lines::of(&host, "mbox.md", "main.cf")?;
    let limits =
        format!("mailbox_size_limit = {FILE_OCTETS_MAX}\nmessage_size_limit = {FILE_OCTETS_MAX}\n");
    let main = format!("{lines}{}{limits}", local());
    let postfix = Postfix::start(&host.stage, &PostfixSetup { main, ..PostfixSetup::default() })?;
    let stranger = Stranger::Theirs("5.1.1", "unknown user: \"stranger\"");
    check(&mut host, &postfix, Way { stranger, ..Way::default() })
}

#[test]
fn postfix_by_lmtp_over_a_unix_socket() -> Result<()> {
    let Some(mut host) = Host::set_up(Packages::Most, Mailboxes::Agents)? else { return Ok(()) };
    host.serve()?;
    let postfix = postfix(&host, "mailbox_transport", &local())?;
    check(&mut host, &postfix, Way { is_lmtp: true, ..Way::default() })
}

#[test]
fn postfix_by_lmtp_over_tcp() -> Result<()> {
    let Some(mut host) = Host::set_up(Packages::Most, Mailboxes::Agents)? else { return Ok(()) };
    host.serve()?;
    let postfix = postfix(&host, "virtual_transport", "")?;
    check(&mut host, &postfix, Way { is_lmtp: true, ..Way::default() })
}

#[test]
fn postfix_by_pipe() -> Result<()> {
    let Some(mut host) = Host::set_up(Packages::Most, Mailboxes::Agents)? else { return Ok(()) };
    let postfix = postfix(&host, "pipe", "")?;
    check(&mut host, &postfix, Way::default())
}

fn exim(host: &Host, way: &str) -> Result<Exim> {
    let lines = |part: &str| lines::of(host, "exim.md", &format!("{part} {way}"));
    let setup = EximSetup {
        main: format!("domainlist local_domains = {DOMAIN}\n"),
        routers: lines("routers")?,
        transports: lines("transports")?,
    };
    Exim::start(&host.stage, &setup)
}

#[test]
fn exim_by_pipe() -> Result<()> {
    let Some(mut host) = Host::set_up(Packages::Exim, Mailboxes::Theirs)? else { return Ok(()) };
    let exim = exim(&host, "pipe")?;
    let stranger = Stranger::Theirs("5.0.0", "Unknown user");
    check(&mut host, &exim, Way { stranger, ..Way::default() })
}

#[test]
fn exim_by_lmtp() -> Result<()> {
    let Some(mut host) = Host::set_up(Packages::Exim, Mailboxes::Agents)? else { return Ok(()) };
    host.serve()?;
    let exim = exim(&host, "lmtp")?;
    check(&mut host, &exim, Way { is_lmtp: true, ..Way::default() })
}

fn opensmtpd(host: &Host, way: &str) -> Result<OpenSmtpd> {
    let rules = lines::of(host, "opensmtpd.md", &format!("smtpd.conf {way}"))?;
    OpenSmtpd::start(&host.stage, &OpenSmtpdSetup { rules })
}

#[test]
fn opensmtpd_by_mda() -> Result<()> {
    let Some(mut host) = Host::set_up(Packages::OpenSmtpd, Mailboxes::Theirs)? else {
        return Ok(());
    };
    let opensmtpd = opensmtpd(&host, "mda")?;
    check(&mut host, &opensmtpd, Way { stranger: Stranger::TurnedAway, ..Way::default() })
}

#[test]
fn opensmtpd_by_lmtp() -> Result<()> {
    let Some(mut host) = Host::set_up(Packages::OpenSmtpd, Mailboxes::Agents)? else {
        return Ok(());
    };
    host.serve()?;
    let opensmtpd = opensmtpd(&host, "lmtp")?;
    let stranger = Stranger::TurnedAway;
    let way = Way { is_lmtp: true, never_refuses: true, stranger, ..Way::default() };
    check(&mut host, &opensmtpd, way)
}

#[test]
fn sendmail_by_a_program() -> Result<()> {
    let Some(mut host) = Host::set_up(Packages::Sendmail, Mailboxes::Theirs)? else {
        return Ok(());
    };
    by_sendmail(&mut host, "program")
}

#[test]
fn sendmail_by_a_program_that_becomes_the_user() -> Result<()> {
    let Some(mut host) = Host::set_up(Packages::Sendmail, Mailboxes::Theirs)? else {
        return Ok(());
    };
    // It looks at both of the agent's programs.
    for name in ["postroad-as", "postroad-mda-whole"] {
        let program = host.stage.path("usr/bin").join(name);
        std::fs::copy(postroad_tests::suite::binary(name)?, program)?;
    }
    by_sendmail(&mut host, "as-user")
}

#[test]
fn sendmail_by_lmtp_on_standard_input() -> Result<()> {
    let Some(mut host) = Host::set_up(Packages::Sendmail, Mailboxes::Agents)? else {
        return Ok(());
    };
    host.belongs_to_agent()?;
    by_sendmail_so(&mut host, "lmtp", Way { never_panics: true, ..Way::default() })
}

fn by_sendmail(host: &mut Host, way: &str) -> Result<()> {
    by_sendmail_so(host, way, Way::default())
}

fn by_sendmail_so(host: &mut Host, name: &str, way: Way) -> Result<()> {
    let lines = lines::of(host, "sendmail.md", &format!("sendmail.mc {name}"))?;
    let sendmail = Sendmail::start(&host.stage, DOMAIN, &lines)?;
    check(host, &sendmail, Way { stranger: Stranger::TurnedAway, is_tacit: true, ..way })
}
