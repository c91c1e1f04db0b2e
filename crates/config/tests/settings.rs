//! The annotated file against the defaults, and wrong files against what is said of them.

use std::path::Path;

use postroad_config::{Config, built_in, parse};

const REFERENCE: &str = include_str!("../../../config/postroad.toml");

/// The annotated file with every line that `comment` recognises as a commented setting made one.
fn uncommented(comment: impl Fn(&str) -> Option<&str>) -> String {
    let line = |line| comment(line).unwrap_or(line).to_owned() + "\n";
    REFERENCE.lines().map(line).collect()
}

/// `#key = value`
fn default_line(line: &str) -> Option<&str> {
    line.strip_prefix('#').filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()))
}

/// `#   key = value` or `#   [[section]]`
fn example_line(line: &str) -> Option<&str> {
    line.strip_prefix("#   ").filter(|rest| rest.contains(" = ") || rest.starts_with('['))
}

fn read(text: &str) -> Config {
    let path = Path::new("postroad.toml");
    parse(path, text).unwrap_or_else(|error| panic!("{error}\n{text}")).config
}

#[test]
fn the_annotated_file_says_the_defaults() {
    let empty = read("");
    assert_eq!(read(REFERENCE), empty);
    assert_eq!(toml::from_str::<Config>(&uncommented(default_line)).unwrap(), Config::default());
}

#[test]
fn a_host_without_the_file_is_as_one_whose_file_says_nothing() {
    assert_eq!(built_in(), read(""));
}

#[test]
fn the_annotated_file_names_every_key() {
    let everything = uncommented(|line| default_line(line).or_else(|| example_line(line)));
    let config = read(&everything);
    assert!(config.tls.certificate.is_some() && config.route.len() == 1);
    // A key that nobody knows makes each section list those that it knows.
    let sections = [
        "",
        "[log]",
        "[trace]",
        "[tls]",
        "[accounts]",
        "[accounts.oauth]",
        "[mta]",
        "[mta.retry]",
        "[mta.dns]",
        "[mda]",
        "[mda.quota]",
        "[maa]",
        "[[route]]",
    ];
    for section in sections {
        let text = format!("{section}\nqqqqqqqq = 1\n");
        let error = toml::from_str::<Config>(&text).unwrap_err();
        let known: Vec<&str> = error.message().split('`').skip(3).step_by(2).collect();
        let body = match section {
            "" => everything.split("\n[").next().unwrap(),
            section => everything.split(&format!("{section}\n")).nth(1).unwrap(),
        };
        let body = body.split("\n[").next().unwrap();
        for key in known {
            let outer = section.trim_matches(['[', ']']);
            let is_section =
                [format!("[{key}]\n"), format!("[[{key}]]\n"), format!("[{outer}.{key}]\n")]
                    .iter()
                    .any(|header| everything.contains(header));
            let is_key = body.lines().any(|line| line.starts_with(&format!("{key} = ")));
            assert!(is_section || is_key, "{section} lacks {key}");
        }
    }
}

#[test]
fn every_key_says_why() {
    let mut before = "";
    for line in REFERENCE.lines() {
        if default_line(line).is_some() {
            assert!(before.starts_with("# "), "no word of why above {line}");
        }
        before = line;
    }
}

/// `bad-configs/NAME.toml` gives exactly `bad-configs/NAME.txt`; `UPDATE=1` writes it.
#[test]
fn wrong_files_are_told_what_is_wrong() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad-configs");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let name = Path::new(path.file_name().unwrap());
        let error = match parse(name, &text) {
            Ok(_) => panic!("{} is accepted", path.display()),
            Err(error) => format!("{error}\n"),
        };
        let expected = path.with_extension("txt");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&expected, &error).unwrap();
        }
        assert_eq!(
            error,
            std::fs::read_to_string(&expected).unwrap_or_default(),
            "{}",
            path.display()
        );
        seen += 1;
    }
    assert!(seen >= 10, "only {seen} files");
}

#[test]
fn paths_are_below_the_data_folder() {
    let config = read(
        "data = \"/srv/mail\"\n[mta]\nqueue = \"/fast/queue\"\n[tls]\ncertificate = \"c.pem\"\nkey = \"k.pem\"\n",
    );
    assert_eq!(config.mta.queue, Path::new("/fast/queue"));
    assert_eq!(config.mta.control, Path::new("/srv/mail/run/mta.sock"));
    assert_eq!(config.tls.key.as_deref(), Some(Path::new("/srv/mail/k.pem")));
    assert_eq!(config.mda.maildir, "/srv/mail/mail/{user}");
}

#[test]
fn the_hosts_name_is_always_a_host_name() {
    let name = read("").hostname;
    assert!(postroad_protocol::address::Domain::parse(&name).is_ok(), "{name}");
}
