//! Thunderbird: a person types an address and a password, and has a mailbox, at the same time as mutt.

use std::fs;

use anyhow::{Context, Result};
use postroad_tests::peers::{Needs, Packages, Stage, python_script};
use postroad_tests::process::run;
use postroad_tests::suite;

#[test]
fn thunderbird_finds_its_settings_and_shares_a_mailbox_with_mutt() -> Result<()> {
    let Some(stage) = Stage::set_up_with(Needs::Tools, Packages::Thunderbird)? else {
        return Ok(());
    };
    let folder = stage.path("t");
    fs::create_dir(&folder)?;
    // The names that a site has in DNS for us. That of the domain itself is a web server's elsewhere.
    stage.write(
        "etc/hosts",
        "127.0.0.1 localhost\n127.0.0.1 mail.example.test autoconfig.example.test autodiscover.example.test\n",
    )?;
    let trusted = folder.join("up/tls/ca.pem");
    stage.write(
        "etc/thunderbird/policies/policies.json",
        &serde_json::json!({"policies": {"Certificates": {"Install": [trusted]}}}).to_string(),
    )?;
    // Kept for whoever wants to look.
    let picture = suite::target_dir().join("peers/thunderbird.png");
    let mut command = stage.alone("/usr/bin/python3");
    command.arg(python_script("thunderbird.py")).arg(&folder).arg(&picture);
    run(&mut command).with_context(|| {
        let log = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
        format!("{}{}", log("up.log"), log("thunderbird.log"))
    })?;
    Ok(())
}
