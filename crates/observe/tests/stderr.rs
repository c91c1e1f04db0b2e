//! The log of a whole process, whose standard error is a pipe of the test's.

use std::io::Read as _;
use std::process::{Child, Command, Stdio};

use postroad_observe::log::{Format, start};

/// Says what the child is to do.
const ROLE: &str = "POSTROAD_OBSERVE_TEST_ROLE";

/// Runs this very program again, as a child with `role`.
fn child(role: &str) -> std::io::Result<Child> {
    Command::new(std::env::current_exe()?)
        .args(["--exact", "child_only", "--nocapture"])
        .env(ROLE, role)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
}

/// Does nothing but in the child.
#[test]
fn child_only() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let _log = start(Format::Text, "info").unwrap();
    match role.as_str() {
        "flood" => {
            // More than the pipe and the buffer hold together.
            for number in 0..100_000 {
                tracing::info!(number, filler = "x".repeat(80), "flood");
            }
            println!("mail went on, {} lines lost", postroad_observe::log::dropped());
        }
        "panic" => {
            let task = std::thread::spawn(|| panic!("what a peer sent:\nstatus=sent \x1b[31m"));
            assert!(task.join().is_err());
        }
        other => panic!("{other} is no role"),
    }
}

#[test]
fn f22_a_process_whose_standard_error_nobody_reads_goes_on() {
    let mut child = child("flood").unwrap();
    // Kept open and not read: the pipe is full after 64 KiB.
    let _unread = child.stderr.take().unwrap();
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(said.contains("mail went on, ") && !said.contains(" 0 lines lost"), "{said}");
}

#[test]
fn o05_a_panic_is_one_line() {
    let output = child("panic").unwrap().wait_with_output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 1, "{text}");
    let expected = r#"text="what a peer sent:\nstatus=sent \u{1b}[31m""#;
    assert!(lines[0].contains(" ERROR ") && lines[0].ends_with(expected), "{text}");
}
