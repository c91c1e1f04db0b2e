//! Our user agent logs in by tokens: an authorization server gives them, our own agents take them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use postroad_tests::peers::{Needs, Packages, Stage};
use postroad_tests::process::{Ending, Process, outcome, run, until};
use postroad_tests::suite::{Settings, Site, binary};
use tempfile::TempDir;

/// Our agents, the authorization server whose tokens they take, and alice's home with an account that wants tokens.
struct Place {
    stage: Stage,
    site: Site,
    agents: [Process; 2],
    provider: Process,
    folder: TempDir,
}

impl Place {
    fn set_up() -> Result<Option<Self>> {
        let Some(stage) = Stage::set_up_with(Needs::Tools, Packages::Logins)? else {
            return Ok(None);
        };
        let tables = "[accounts.oauth]\nissuer = \"https://id.our.test\"\naudience = [\"mail.our.test\"]\nkeys = \"jwks.json\"\nscope = \"mail\"\n";
        let site = Site::new(&Settings { networks: "[]".into(), ..Settings::tables(tables) })?;
        let key = stage.path("key.pem");
        run(stage.python("tokens.py").arg("make").arg(&key).arg(site.path("jwks.json")))?;
        let folder = tempfile::tempdir()?;
        fs::create_dir(folder.path().join("moods"))?;
        let mut server = stage.python("authorization_server.py");
        let tls = &site.certificates;
        server.arg(&tls.certificate).arg(&tls.key).arg(&key).arg(folder.path().join("moods"));
        let provider = Process::spawn("provider", server, folder.path(), Ending::Gentle)?;
        let asked = folder.path().join("provider.out");
        until("the provider", || fs::read_to_string(&asked).is_ok_and(|it| it.contains('\n')))
            .with_context(|| provider.log())?;
        let port = fs::read_to_string(&asked)?.trim().to_owned();
        let secret = folder.path().join("secret");
        fs::write(&secret, "not a secret\n")?;
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o600))?;
        let account = format!(
            "address = \"alice@our.test\"\ninbox = \"imap://localhost:{}\"\nsubmission = \"smtp://localhost:{}\"\ntrust = \"{}\"\n\
             [oauth2]\nissuer = \"https://localhost:{port}\"\nclient_id = \"postroad\"\nclient_secret_file = \"secret\"\nscope = \"openid mail\"\n",
            site.imap.port(),
            site.submission.port(),
            tls.ca.display()
        );
        fs::write(folder.path().join("mua.toml"), account)?;
        let agents = [site.mta()?, site.maa()?];
        Ok(Some(Self { stage, site, agents, provider, folder }))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn user_agent(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(binary("postroad-mua")?);
        command
            .args(arguments)
            .env("HOME", self.folder.path())
            .env("POSTROAD_CONFIG", "/nonexistent")
            .env("POSTROAD_MUA_ACCOUNT", self.path("mua.toml"))
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY");
        Ok(command)
    }

    fn said(&self, arguments: &[&str]) -> Result<(Output, String)> {
        let output = outcome(&mut self.user_agent(arguments)?)?;
        let said = [output.stdout.as_slice(), &output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        Ok((output, said))
    }

    /// What becomes of a command that has to end well.
    fn done(&self, arguments: &[&str]) -> Result<String> {
        let (output, said) = self.said(arguments)?;
        let context = || format!("{arguments:?}: {said}\n{}\n{}", self.asked(), self.log());
        ensure!(output.status.success(), "{}", context());
        Ok(said)
    }

    fn log(&self) -> String {
        [&self.agents[0], &self.agents[1], &self.provider].map(Process::log).join("\n")
    }

    /// What the provider was asked so far.
    fn asked(&self) -> String {
        fs::read_to_string(self.path("provider.out")).unwrap_or_default()
    }

    fn mood(&self, mood: &str) -> Result<()> {
        Ok(fs::write(self.path("moods").join(mood), "")?)
    }

    fn tokens(&self) -> Result<String> {
        Ok(fs::read_to_string(self.path(".local/state/postroad/tokens"))?)
    }

    /// Logs in by a browser, which is curl: it follows the page back to our program. `name` is what this login is called.
    fn log_in_by_browser(&self, name: &str) -> Result<(i32, String)> {
        let mut command = self.user_agent(&["account", "--login"])?;
        // There is a desktop, and its browser does nothing: curl is told by this test.
        command.env("DISPLAY", ":9").env("BROWSER", "true");
        let mut login = Process::spawn(name, command, self.folder.path(), Ending::Gentle)?;
        let log = self.path(&format!("{name}.log"));
        login.until("the page", || login_page(&log).is_some())?;
        let page = login_page(&log).context("no page")?;
        let mut curl = self.stage.command("curl");
        curl.args(["--silent", "--show-error", "--location"]);
        let output = run(curl.arg("--cacert").arg(&self.site.certificates.ca).arg(page))?;
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(shown.contains("mail program"), "{shown}");
        let status = login.wait()?.code().unwrap_or(-1);
        Ok((status, login.log()))
    }
}

fn login_page(log: &std::path::Path) -> Option<String> {
    let log = fs::read_to_string(log).ok()?;
    let line =
        log.lines().find(|line| log.ends_with('\n') && line.starts_with("Log in on this page"))?;
    line.split_once(": ").map(|(_, url)| url.to_owned())
}

#[test]
fn a_browser_lets_us_in_and_letters_go_both_ways() -> Result<()> {
    let Some(place) = Place::set_up()? else { return Ok(()) };
    let (output, said) = place.said(&["list"])?;
    ensure!(!output.status.success() && said.contains("postroad-mua account --login"), "{said}");

    place.mood("deny")?;
    let (status, said) = place.log_in_by_browser("denied")?;
    ensure!(status != 0 && said.contains("access_denied (The user said no)"), "{status} {said}");
    // Tests RFC 9207 §2.4.
    for mood in ["another", "nobody"] {
        place.mood(mood)?;
        let (status, said) = place.log_in_by_browser(mood)?;
        ensure!(status != 0 && said.contains("another server has answered"), "{status} {said}");
    }
    let (status, said) = place.log_in_by_browser("allowed")?;
    ensure!(status == 0 && said.contains("Logged in at localhost as alice@our.test"), "{said}");

    let file = place.path(".local/state/postroad/tokens");
    assert_eq!(fs::metadata(&file)?.permissions().mode() & 0o777, 0o600);
    let send = ["send", "--to", "alice@our.test", "-s", "to myself", "-m", "by a token"];
    let sent = place.done(&send)?;
    until("the letter leaves", || place.agents[0].log().contains("by=token"))
        .with_context(|| place.log())?;
    let listed = place.done(&["list"])?;
    let shown = place.done(&["account"])?;
    ensure!(shown.contains("tokens of localhost"), "{shown}");
    // What is kept is nowhere else.
    let kept: serde_json::Value = serde_json::from_str(&place.tokens()?)?;
    let everything = [sent, listed, shown, said, place.log(), place.asked()].join("\n");
    for secret in ["access_token", "refresh_token"] {
        let secret = kept[secret].as_str().context(secret)?;
        ensure!(!everything.contains(secret), "u17: a token is shown");
    }
    ensure!(!everything.contains("not a secret"), "u17: the program's secret is shown");
    Ok(())
}

#[test]
fn another_device_lets_us_in_and_tokens_are_renewed() -> Result<()> {
    let Some(place) = Place::set_up()? else { return Ok(()) };
    // A token that no server takes, although it should be good still: it is renewed at once, and once.
    place.mood("stale")?;
    let said = place.done(&["account", "--login", "--device"])?;
    ensure!(said.contains("/type-it on any device, and type WDJB-MJHT"), "{said}");
    let first = place.tokens()?;
    place.done(&["list"])?;
    let second = place.tokens()?;
    ensure!(first != second, "it was renewed");
    assert_eq!(place.asked().matches("POST /token refresh_token").count(), 1);
    place.done(&["list"])?;
    assert_eq!(place.tokens()?, second, "it is shown while it is good");

    // It has expired, and the provider takes back what it allowed: words say what to do.
    let mut kept: serde_json::Value = serde_json::from_str(&second)?;
    kept["good_until"] = 1.into();
    let file = place.path(".local/state/postroad/tokens");
    let expired = kept.to_string();
    fs::write(&file, &expired)?;
    place.mood("revoked")?;
    for command in ["list", "doctor"] {
        let (output, said) = place.said(&[command])?;
        ensure!(!output.status.success() && said.contains("takes back what it allowed"), "{said}");
        ensure!(said.contains("run: postroad-mua account --login"), "{said}");
    }
    fs::remove_file(place.path("moods").join("revoked"))?;
    place.done(&["list"])?;
    ensure!(place.tokens()? != expired, "it was renewed");
    Ok(())
}
