//! sieve-connect at our ManageSieve: rules are written, checked, chosen, fetched and removed, and the delivery agent heeds
//! them.

use std::fs;
use std::path::Path;
use std::process::Output;

use anyhow::{Context, Result, ensure};
use postroad_tests::peers::{Needs, PASSWORD, Packages, Stage, fed};
use postroad_tests::smtp;
use postroad_tests::suite::{Settings, Site};

const RULES: &str = "require \"fileinto\";\nif header :contains \"subject\" \"invoice\" { fileinto \"Archive\"; }\n";

/// sieve-connect, at one site.
struct Client<'a> {
    stage: &'a Stage,
    site: &'a Site,
}

impl Client<'_> {
    /// Does one thing, over STARTTLS with our authority trusted.
    fn run(&self, action: &[&str], password: &str) -> Result<Output> {
        let mut command = self.stage.command("sieve-connect");
        command.env("HOME", self.stage.path("")).args(["--server", "localhost", "--user", "alice"]);
        command.arg("--port").arg(self.site.managesieve.port().to_string());
        command.arg("--tlscafile").arg(&self.site.certificates.ca).args(["--passwordfd", "0"]);
        fed(command.args(action), format!("{password}\n").as_bytes())
    }

    /// The same, where it must go well; gives what it says.
    fn done(&self, action: &[&str]) -> Result<String> {
        let output = self.run(action, PASSWORD)?;
        let said =
            [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        ensure!(output.status.success(), "{action:?}: {said:?}");
        Ok(said.concat())
    }
}

fn deliver(site: &Site, subject: &str) -> Result<()> {
    let mut client = smtp::Client::connect(site.lmtp)?;
    client.expect("LHLO client.test", 250)?;
    let letter = format!("Subject: {subject}\r\n\r\ntext\r\n");
    let reply = client.message("anna@client.test", &["alice@our.test"], letter.as_bytes())?;
    ensure!(reply.code == 250, "{reply:?}");
    Ok(())
}

fn letters(maildir: &Path) -> usize {
    fs::read_dir(maildir.join("new")).map_or(0, Iterator::count)
}

#[test]
fn sieve_connect_goes_through_all() -> Result<()> {
    let Some(stage) = Stage::set_up_with(Needs::Tools, Packages::Readers)? else {
        return Ok(());
    };
    let site =
        Site::new(&Settings { mda: "create_folders = true\n".into(), ..Settings::default() })?;
    let (_mda, maa) = (site.mda()?, site.maa()?);
    let client = Client { stage: &stage, site: &site };
    let local = |name: &str, text: &str| -> Result<String> {
        Ok(stage.write(name, text)?.to_str().context("a path")?.to_owned())
    };
    let (rules, broken) = (local("rules.sieve", RULES)?, local("broken.sieve", "fileinto \"")?);
    let (inbox, archive) = (site.path("mail/alice"), site.path("mail/alice/.Archive"));

    let cycle = || {
        ensure!(!client.run(&["--list"], "wrong")?.status.success(), "a wrong password");
        ensure!(client.done(&["--list"])?.is_empty(), "there are scripts already");
        client.done(&["--checkscript", "--localsieve", &rules])?;
        for (name, text) in [("mine", &rules), ("other", &rules)] {
            client.done(&["--upload", "--localsieve", text, "--remotesieve", name])?;
        }
        let refused = client
            .run(&["--upload", "--localsieve", &broken, "--remotesieve", "mine"], PASSWORD)?;
        ensure!(!refused.status.success(), "a broken script is taken");
        deliver(&site, "invoice 1")?;
        ensure!((letters(&inbox), letters(&archive)) == (1, 0), "nothing is chosen yet");

        client.done(&["--activate", "--remotesieve", "mine"])?;
        ensure!(
            client.done(&["--list"])? == "\"mine\" ACTIVE\n\"other\"\n",
            "{}",
            client.done(&["--list"])?
        );
        deliver(&site, "invoice 2")?;
        ensure!((letters(&inbox), letters(&archive)) == (1, 1), "the rules aren't heeded");

        let fetched = stage.path("fetched.sieve");
        let path = fetched.to_str().context("a path")?;
        client.done(&["--download", "--remotesieve", "mine", "--localsieve", path])?;
        ensure!(fs::read_to_string(&fetched)? == RULES, "another script came back");
        let active = client.run(&["--delete", "--remotesieve", "mine"], PASSWORD)?;
        ensure!(!active.status.success(), "the active script is removed");
        client.done(&["--deactivate"])?;
        client.done(&["--delete", "--remotesieve", "mine"])?;
        ensure!(client.done(&["--list"])? == "\"other\"\n", "{}", client.done(&["--list"])?);
        deliver(&site, "invoice 3")?;
        ensure!((letters(&inbox), letters(&archive)) == (2, 1), "rules that are gone are heeded");
        Ok(())
    };
    cycle().with_context(|| maa.log())
}
