//! A process for each user: what it can reach, what its end ends, how many there may be.
//!
//! These tests need a kernel with Landlock (5.19, and `landlock` among its security modules), and fail without.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::host::{Host, PASSWORD, PROGRAM, patiently};
use rustix::process::{Pid, Signal, kill_process};

/// The processes of ours that have something of this user's open: tests beside this one have others.
pub(crate) fn workers(mailbox: &Path) -> Vec<Pid> {
    let tasks = std::fs::read_dir("/proc/self/task").expect("lists").flatten();
    let children = tasks.flat_map(|task| {
        let ids = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        ids.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<i32>>()
    });
    let has_open = |id: &i32| {
        let files = std::fs::read_dir(format!("/proc/{id}/fd")).into_iter().flatten().flatten();
        let mut targets = files.filter_map(|file| std::fs::read_link(file.path()).ok());
        targets.any(|target: PathBuf| target.starts_with(mailbox))
    };
    children.filter(has_open).filter_map(Pid::from_raw).collect()
}

fn status(worker: Pid, word: &str) -> String {
    let path = format!("/proc/{}/status", worker.as_raw_nonzero());
    let status = std::fs::read_to_string(path).expect("reads");
    let line = status.lines().find_map(|line| line.strip_prefix(word)).expect("a line");
    line.trim().to_owned()
}

#[tokio::test]
async fn i17_each_user_has_a_process_and_all_sessions_of_one_are_in_it() {
    let host = Host::start();
    let alice = host.log_in("alice").await;
    let bob = host.log_in("bob").await;
    let (of_alice, of_bob) = (workers(&host.maildir("alice")), workers(&host.maildir("bob")));
    assert_eq!((of_alice.len(), of_bob.len()), (1, 1));
    assert_ne!(of_alice, of_bob);
    // Neither new privileges nor anybody's environment.
    assert_eq!(status(of_alice[0], "NoNewPrivs:"), "1");
    let environment = format!("/proc/{}/environ", of_alice[0].as_raw_nonzero());
    assert_eq!(std::fs::read(environment).expect("reads"), b"");
    alice.quit().await;
    bob.quit().await;
    host.log_in("alice").await.quit().await;
    host.stop().await;
}

#[tokio::test]
async fn i17_a_worker_sees_no_other_mailbox_whatever_a_name_leads_to() {
    let host = Host::start();
    host.put("bob", "cur/1.secret", b"A: bob\n\n");
    host.log_in("alice").await.quit().await;
    // Alice's process is there. Now her folder leads to Bob's.
    let cur = host.maildir("alice").join("cur");
    std::fs::remove_dir(&cur).expect("removes");
    symlink(host.maildir("bob").join("cur"), &cur).expect("links");
    let mut client = host.connect().await;
    let answer = client.log_in("alice", PASSWORD).await;
    assert_eq!(answer, "-ERR [SYS/TEMP] the maildrop can't be opened, try later");
}

#[tokio::test]
async fn a_mailbox_that_was_restored_is_served_at_the_next_login() {
    let host = Host::start();
    let before = host.log_in("alice").await;
    let maildir = host.maildir("alice");
    std::fs::rename(&maildir, maildir.with_extension("away")).expect("moves");
    for folder in ["tmp", "new", "cur"] {
        std::fs::create_dir_all(maildir.join(folder)).expect("makes");
    }
    host.put("alice", "cur/1.restored", b"A: b\n\n");
    let mut client = host.connect().await;
    assert_eq!(client.log_in("alice", PASSWORD).await, "+OK 1 messages (8 octets)");
    // Who is in the old one would see nothing any more.
    before.closed().await;
    client.quit().await;
    host.stop().await;
}

#[tokio::test]
async fn a_worker_that_dies_ends_its_own_sessions_alone() {
    let host = Host::start_with_tls(|_| {});
    let mut bob = host.log_in("bob").await;
    // One of hers goes through the front, inside TLS.
    let alice = host.log_in("alice").await;
    let [worker] = workers(&host.maildir("alice"))[..] else { panic!("one process") };
    kill_process(worker, Signal::KILL).expect("kills");
    assert_eq!(alice.closed().await, b"");
    assert_eq!(bob.ask("NOOP").await, "+OK nothing done");
    // The next login starts another.
    let mut client = host.connect().await;
    assert_eq!(client.ask("STLS").await, "+OK begin TLS");
    let mut client = client.start_tls().await;
    let again = patiently(async {
        loop {
            let answer = client.log_in("alice", PASSWORD).await;
            // In the moment of its death there may be neither the old one nor the new.
            if !answer.starts_with("-ERR [SYS/TEMP]") {
                return answer;
            }
        }
    });
    assert_eq!(again.await, "+OK 0 messages (0 octets)");
    let [worker] = workers(&host.maildir("alice"))[..] else { panic!("one process") };
    kill_process(worker, Signal::KILL).expect("kills");
    assert_eq!(client.closed().await, b"");
    assert_eq!(bob.ask("NOOP").await, "+OK nothing done");
    bob.quit().await;
    host.stop().await;
}

#[tokio::test]
async fn users_and_their_sessions_have_a_bound() {
    let host = Host::start_with(|config| config.maa.users_max = 1);
    let alice = host.log_in("alice").await;
    let mut client = host.connect().await;
    let refusal = "-ERR [SYS/TEMP] the maildrop can't be opened, try later";
    assert_eq!(client.log_in("bob", PASSWORD).await, refusal);
    alice.quit().await;
    host.stop().await;

    let host = Host::start_with(|config| config.maa.sessions_per_user_max = 1);
    let alice = host.log_in("alice").await;
    let mut client = host.connect().await;
    // Not [IN-USE]: it isn't asked that far.
    assert_eq!(client.log_in("alice", PASSWORD).await, refusal);
    host.log_in("bob").await.quit().await;
    alice.quit().await;
    host.stop().await;
}

#[tokio::test]
async fn a_worker_that_nobody_of_ours_has_started_does_nothing() {
    let mut command = std::process::Command::new(PROGRAM);
    let output = command.arg("worker").stdin(std::process::Stdio::null()).output().expect("runs");
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("a worker is started by postroad-maa itself"), "{text}");
}
