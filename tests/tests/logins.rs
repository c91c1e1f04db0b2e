//! Other people's programs log in: SCRAM with and without channel binding, and app passwords.

use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use postroad_tests::imap;
use postroad_tests::peers::{Needs, PASSWORD, Packages, Stage, feed};
use postroad_tests::process::{Process, outcome, run, until};
use postroad_tests::suite::{Settings, Site, binary};

/// How a login ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ends {
    Well,
    Badly,
}

/// alice has keys of SCRAM, bob hasn't.
struct Place {
    stage: Stage,
    site: Site,
    agents: [Process; 2],
}

impl Place {
    fn set_up() -> Result<Option<Self>> {
        let Some(stage) = Stage::set_up_with(Needs::Tools, Packages::Logins)? else {
            return Ok(None);
        };
        let tables = "[accounts]\nscram = \"any\"\n".to_owned();
        let site = Site::new(&Settings { networks: "[]".into(), tables, ..Settings::default() })?;
        let mut command = site.command("postroad")?;
        feed(command.args(["user", "password", "alice", "--scram"]), &format!("{PASSWORD}\n"))?;
        let agents = [site.mta()?, site.maa()?];
        Ok(Some(Self { stage, site, agents }))
    }

    /// Waits for what an agent logs: the line comes after the answer.
    fn logs(&self, agent: usize, text: &str) -> Result<()> {
        until(text, || self.agents[agent].log().contains(text)).with_context(|| self.log())
    }

    fn log(&self) -> String {
        self.agents.each_ref().map(Process::log).join("\n")
    }

    /// gsasl logs in over STARTTLS, by `--imap` or `--smtp`.
    fn gsasl(
        &self,
        protocol: &str,
        mechanism: &str,
        user: &str,
        secret: &str,
        more: &[&str],
    ) -> Result<Output> {
        let port = match protocol {
            "--imap" => self.site.imap.port(),
            _ => self.site.submission.port(),
        };
        let ca = format!("--x509-ca-file={}", self.site.certificates.ca.display());
        let mut command = self.stage.command("gsasl");
        command.args(["--client", protocol, &ca, "--mechanism", mechanism]);
        command.args(["--authentication-id", user, "--password", secret]);
        outcome(command.args(more).args(["--connect", &format!("localhost:{port}")]))
    }

    fn expect(&self, output: &Output, ends: Ends, what: &str) -> Result<()> {
        let said = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success() == (ends == Ends::Well),
            "{what}: {}\n{said}\n{errors}\n{}",
            output.status,
            self.log()
        );
        Ok(())
    }

    fn postroad(&self, arguments: &[&str]) -> Result<String> {
        let output = run(self.site.command("postroad")?.args(arguments))?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

#[test]
fn gsasl_logs_in_by_scram_bound_to_tls_and_not_bound() -> Result<()> {
    let Some(place) = Place::set_up()? else { return Ok(()) };
    for protocol in ["--imap", "--smtp"] {
        let try_it = |mechanism, user, secret, more: &[&str], ends| {
            let output = place.gsasl(protocol, mechanism, user, secret, more)?;
            place.expect(&output, ends, &format!("{protocol} {mechanism} {user} {secret} {more:?}"))
        };
        let (plus, plain) = ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256");
        try_it(plus, "alice", PASSWORD, &[], Ends::Well)?;
        try_it(plus, "alice@our.test", PASSWORD, &[], Ends::Well)?;
        try_it(plain, "alice", PASSWORD, &["--no-cb"], Ends::Well)?;
        // A password in the client's hands is as good as ever.
        try_it("PLAIN", "alice", PASSWORD, &[], Ends::Well)?;
        try_it("PLAIN", "bob", PASSWORD, &[], Ends::Well)?;
        try_it(plus, "alice", "wrong", &[], Ends::Badly)?;
        // bob has no keys, and nobody can tell.
        try_it(plus, "bob", PASSWORD, &[], Ends::Badly)?;
        try_it(plus, "nobody", PASSWORD, &[], Ends::Badly)?;
    }
    Ok(())
}

#[test]
fn our_user_agent_logs_in_by_scram_where_it_can() -> Result<()> {
    let Some(place) = Place::set_up()? else { return Ok(()) };
    let home = tempfile::tempdir()?;
    let password = place.stage.write("mua-password", PASSWORD)?;
    place.stage.lock_away(&password)?;
    let sends = |user: &str| -> Result<()> {
        let address = format!("{user}@our.test");
        let mut command = Command::new(binary("postroad-mua")?);
        command
            .args(["send", "-s", "s", "-m", "m", "--to", &address, "--address", &address])
            .args(["--user", user, "--inbox", "/nonexistent"])
            .args(["--submission", &format!("smtp://localhost:{}", place.site.submission.port())])
            .arg("--password-file")
            .arg(&password)
            .arg("--trust")
            .arg(&place.site.certificates.ca)
            .env("HOME", home.path().join(user))
            .env("POSTROAD_CONFIG", "/nonexistent");
        run(&mut command)?;
        Ok(())
    };
    sends("alice")?;
    place.logs(0, "by=SCRAM")?;
    ensure!(!place.log().contains("by=password"), "{}", place.log());
    // bob has no keys: his proof is refused, and his password taken.
    sends("bob")?;
    place.logs(0, "by=password")?;
    let lists = |user: &str| {
        let mut command = Command::new(binary("postroad-mua")?);
        command
            .args(["list", "--address", &format!("{user}@our.test"), "--user", user])
            .args(["--inbox", &format!("pop3://localhost:{}", place.site.pop3.port())])
            .arg("--password-file")
            .arg(&password)
            .arg("--trust")
            .arg(&place.site.certificates.ca)
            .env("HOME", home.path().join(user))
            .env("POSTROAD_CONFIG", "/nonexistent");
        // Nobody brings letters there: it is let in, and told so.
        outcome(&mut command)
    };
    let output = lists("alice")?;
    ensure!(output.stderr == b"0 letters\n", "{}", String::from_utf8_lossy(&output.stderr));
    place.logs(1, "by=SCRAM")?;
    ensure!(!place.agents[1].log().contains("by=password"), "{}", place.log());
    let output = lists("bob")?;
    ensure!(output.stderr == b"0 letters\n", "{}", String::from_utf8_lossy(&output.stderr));
    place.logs(1, "by=password")
}

#[test]
fn msmtp_and_mpop_log_in_by_scram() -> Result<()> {
    let Some(place) = Place::set_up()? else { return Ok(()) };
    let (stage, site) = (&place.stage, &place.site);
    let ca = site.certificates.ca.display();
    let sends = format!(
        "account default\nhost localhost\nport {}\nfrom alice@our.test\nauth scram-sha-256\nuser alice\npassword {PASSWORD}\ntls on\ntls_starttls on\ntls_trust_file {ca}\n",
        site.submission.port()
    );
    let sends = stage.write("msmtprc", &sends)?;
    stage.lock_away(&sends)?;
    let letter = "From: alice@our.test\nTo: postmaster@our.test\nSubject: a\n\nb\n";
    let mut msmtp = stage.command("msmtp");
    msmtp.arg("--file").arg(&sends).args(["--", "alice@our.test"]);
    feed(&mut msmtp, letter).with_context(|| place.log())?;
    place.logs(0, "by=SCRAM")?;

    let mailbox = stage.path("fetched");
    let fetches = format!(
        "account default\nhost localhost\nport {}\nauth scram-sha-256\nuser alice\npassword {PASSWORD}\ntls on\ntls_starttls on\ntls_trust_file {ca}\ndelivery mbox {}\nuidls_file {}\n",
        site.pop3.port(),
        mailbox.display(),
        stage.path("uidls").display()
    );
    let fetches = stage.write("mpoprc", &fetches)?;
    stage.lock_away(&fetches)?;
    run(stage.command("mpop").arg("--file").arg(&fetches)).with_context(|| place.log())?;
    place.logs(1, "by=SCRAM")?;
    Ok(())
}

#[test]
fn gsasl_speaks_scram_for_a_client_of_managesieve() -> Result<()> {
    let Some(place) = Place::set_up()? else { return Ok(()) };
    let sieve = |user: &str, secret: &str| {
        let mut command: Command = place.stage.python("sieve_scram.py");
        let port = place.site.managesieve.port().to_string();
        outcome(command.args(["localhost", &port, user, secret]))
    };
    place.expect(&sieve("alice", PASSWORD)?, Ends::Well, "the right password")?;
    place.expect(&sieve("alice", "wrong")?, Ends::Badly, "a wrong one")
}

#[test]
fn app_passwords_open_what_they_are_for_until_they_are_taken_back() -> Result<()> {
    let Some(place) = Place::set_up()? else { return Ok(()) };
    let made = place.postroad(&[
        "user",
        "app-password",
        "add",
        "bob",
        "old laptop",
        "--for",
        "imap,pop3",
    ])?;
    let password = made.lines().find_map(|line| line.strip_prefix("password: "));
    let password = password.with_context(|| made.clone())?;
    let listed = place.postroad(&["user", "app-password", "list", "bob"])?;
    ensure!(
        listed.contains("old laptop, made on") && listed.contains("for imap, pop3"),
        "{listed}"
    );
    ensure!(!listed.contains(password));

    // The agents look at the file once a second.
    until("it opens the mailbox", || {
        imap::Client::log_in(place.site.imap, "bob", password).is_ok()
    })
    .with_context(|| place.log())?;
    place.logs(1, "app password")?;
    let submits = |secret: &str| -> Result<bool> {
        let output = place.gsasl("--smtp", "PLAIN", "bob", secret, &[])?;
        Ok(output.status.success())
    };
    ensure!(!submits(password)?, "it isn't for submission");
    ensure!(submits(PASSWORD)?, "{}", place.log());

    place.postroad(&["user", "app-password", "remove", "bob", "old laptop"])?;
    until("it opens nothing any more", || {
        imap::Client::log_in(place.site.imap, "bob", password).is_err()
    })
    .with_context(|| place.log())?;
    imap::Client::log_in(place.site.imap, "bob", PASSWORD)?;
    // Whoever gets the name later doesn't get what its owner left behind.
    let made = place.postroad(&["user", "app-password", "add", "bob", "phone"])?;
    place.postroad(&["user", "remove", "bob"])?;
    feed(place.site.command("postroad")?.args(["user", "add", "bob"]), "another\n")?;
    ensure!(place.postroad(&["user", "app-password", "list", "bob"])?.is_empty(), "{made}");
    Ok(())
}

/// What an issuer's tokens are taken for, and its key.
struct Issuer {
    place: Place,
    key: std::path::PathBuf,
}

impl Issuer {
    fn set_up() -> Result<Option<Self>> {
        let Some(stage) = Stage::set_up_with(Needs::Tools, Packages::Logins)? else {
            return Ok(None);
        };
        let tables = "[accounts.oauth]\nissuer = \"https://id.our.test\"\naudience = [\"mail.our.test\"]\nkeys = \"jwks.json\"\nscope = \"mail\"\n";
        let site = Site::new(&Settings { networks: "[]".into(), ..Settings::tables(tables) })?;
        // Debian's Python makes the key, and signs with it.
        let key = stage.path("key.pem");
        let mut command = stage.python("tokens.py");
        run(command.arg("make").arg(&key).arg(site.path("jwks.json")))?;
        let agents = [site.mta()?, site.maa()?];
        Ok(Some(Self { place: Place { stage, site, agents }, key }))
    }

    /// A token of alice's, with these claims instead.
    fn token(&self, claims: &str) -> Result<String> {
        let mut command = self.place.stage.python("tokens.py");
        let output = run(command.arg("sign").arg(&self.key).arg(claims))?;
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    fn curl(&self, url: &str, token: &str, more: &[&str]) -> Result<Output> {
        let mut command = self.place.stage.command("curl");
        command.args(["--silent", "--show-error", "--ssl-reqd", "--user", "alice:"]);
        command.arg("--cacert").arg(&self.place.site.certificates.ca);
        outcome(command.args(["--oauth2-bearer", token]).args(more).arg(url))
    }
}

#[test]
fn curl_and_imaplib_log_in_by_tokens() -> Result<()> {
    let Some(issuer) = Issuer::set_up()? else { return Ok(()) };
    let (place, site) = (&issuer.place, &issuer.place.site);
    let good = issuer.token("{}")?;
    let imap = format!("imap://localhost:{}/", site.imap.port());
    let pop3 = format!("pop3://localhost:{}/", site.pop3.port());
    let smtp = format!("smtp://localhost:{}/", site.submission.port());
    let letter = place.stage.write("letter", "From: alice@our.test\r\n\r\nb\r\n")?;
    let sends = ["--mail-from", "alice@our.test", "--mail-rcpt", "alice@our.test", "--upload-file"];
    let sends = [&sends[..], &[letter.to_str().context("a path")?]].concat();
    for (url, more) in [(&imap, &[][..]), (&pop3, &[]), (&smtp, &sends)] {
        for (token, ends) in [
            (good.clone(), Ends::Well),
            (issuer.token("{\"aud\": \"other\"}")?, Ends::Badly),
            (issuer.token("{\"exp\": 1000000000}")?, Ends::Badly),
            (issuer.token("{\"email\": \"bob@our.test\"}")?, Ends::Badly),
        ] {
            let output = issuer.curl(url, &token, more)?;
            place.expect(&output, ends, &format!("curl {url}"))?;
        }
    }
    let port = site.imap.port().to_string();
    for mechanism in ["XOAUTH2", "OAUTHBEARER"] {
        let imaplib = |token: &str| {
            let mut command = place.stage.python("imap_token.py");
            command.arg(&site.certificates.ca).args([&port, mechanism, "alice@our.test", token]);
            outcome(&mut command)
        };
        place.expect(&imaplib(&good)?, Ends::Well, mechanism)?;
        let refused = imaplib(&issuer.token("{\"scope\": \"openid\"}")?)?;
        place.expect(&refused, Ends::Badly, mechanism)?;
        let told = String::from_utf8_lossy(&refused.stdout).into_owned();
        ensure!(told.contains("\"scope\":\"mail\""), "{told}");
    }
    place.logs(1, "by=token")?;
    ensure!(!place.log().contains(&good), "no token is in a log");
    Ok(())
}
