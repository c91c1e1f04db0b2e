//! Settings for mail programs, as `postroad up` serves them: files that parsers and schemas take, and that are true.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use postroad_tests::peers::{Needs, Packages, Stage};
use postroad_tests::process::run;
use postroad_tests::suite::Up;
use tempfile::tempdir;

#[test]
fn what_mail_programs_are_told_is_well_formed_and_true() -> Result<()> {
    let Some(stage) = Stage::set_up_with(Needs::Tools, Packages::Readers)? else {
        return Ok(());
    };
    stage.write(
        "etc/hosts",
        "127.0.0.1 localhost\n127.0.0.1 mail.example.test autoconfig.example.test autodiscover.example.test\n",
    )?;
    let into = stage.path("told");
    fs::create_dir(&into)?;
    let folder = tempdir()?;
    let up =
        Up::start(folder.path(), &["--domain", "example.test", "--user", "alice:wonder-land"])?;
    let port = |service: &str| Ok::<_, anyhow::Error>(up.address(service)?.port().to_string());
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut command = stage.python("settings.py");
    command.arg("--ca").arg(&up.ready.ca).arg("--schemas").arg(schemas).arg("--into").arg(&into);
    command.args([&port("http")?, &port("https")?]);
    run(command.args(["example.test", "alice", "wonder-land"]))
        .with_context(|| up.process.log())?;
    Ok(())
}
