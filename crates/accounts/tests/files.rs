//! The files themselves: users and passwords, who may have written them, reloading, and editing.

mod site;

use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::sync::Arc;

use postroad_accounts::{
    Directory, Label, Scheme, Service, UserName, app_passwords, generate_password, users,
};
use site::{Site, answer, name, names};

fn verified<'a>(directory: &'a Directory, login: &str, password: &[u8]) -> Option<&'a UserName> {
    directory.verify(login, password, Service::Imap).map(|login| login.user)
}

#[test]
fn what_is_refused_in_the_file_of_users() {
    const HASH: &str =
        "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$DM2kYUOH8xgvNVm9P9lcSR43JI9eKlTS8Yup1fzbCNo";
    let site = Site::new();
    site.write("users", "alice hunter2");
    assert_eq!(
        site.refusal(),
        "users:1: a line is \"name:{ARGON2ID}hash\": add users with \"postroad user add NAME\""
    );
    for users in [
        format!("../u2:{{ARGON2ID}}{HASH}"),
        format!("a@b.example:{{ARGON2ID}}{HASH}"),
        format!(":{{ARGON2ID}}{HASH}"),
    ] {
        let site = Site::new();
        site.write("users", &users);
        assert!(site.refusal().starts_with("users:1: "), "{}", site.refusal());
        assert!(!site.refusal().contains("hunter2"));
    }
}

#[test]
fn a_wrong_line_locks_its_user_out_and_nobody_else() {
    const HINT: &str = "only {ARGON2ID} and {SCRAM-SHA-256} are read: set it anew with \"postroad user password NAME\"";
    let site = Site::new();
    for (user, password) in [("alice", "alice-secret"), ("bob", "bob-secret")] {
        let set = users::set_password(
            &site.path("users"),
            &name(user),
            password.as_bytes(),
            Scheme::Argon2id,
        );
        set.expect("set");
    }
    let whole = std::fs::read_to_string(site.path("users")).expect("reads");
    let alice = whole.lines().find(|line| line.starts_with("alice:")).expect("alice");
    let others: String =
        whole.lines().filter(|line| *line != alice).map(|line| format!("{line}\n")).collect();
    let label = Label::parse("laptop").expect("a label");
    let app_passwords = site.path("app-passwords");
    let app_password = app_passwords::add(&app_passwords, &name("alice"), &label, &[]);
    let app_password = app_password.expect("made");
    let accounts = site.open().expect("opens");
    assert_eq!(verified(&accounts.directory(), "alice", b"alice-secret"), Some(&name("alice")));
    for (line, problem) in [
        (
            "alice:{PLAIN}hunter2".to_owned(),
            format!("the password of \"alice\" is stored as {{PLAIN}}; {HINT}"),
        ),
        ("alice:hunter2".into(), format!("the password of \"alice\" names no scheme; {HINT}")),
        (
            format!("{alice}\n{}", alice.replacen('a', "A", 1)),
            "there is a user \"Alice\" already".into(),
        ),
        (format!("{alice}:::::: imap_extensions=-NOTIFI"), "of \"alice\", ".into()),
        (format!("{alice}:::::: userdb_quota_rule=*:storage=x"), "of \"alice\", ".into()),
        ("alice:{ARGON2ID}hunter2".into(), "the hash is".into()),
        ("alice:{ARGON2ID}".into(), "the hash is".into()),
    ] {
        site.write("users", &format!("{others}{line}\n"));
        accounts.reload().expect("the others can be read");
        let directory = accounts.directory();
        let [wrong] = directory.wrong_lines() else { panic!("{line}: {directory:?}") };
        let wrong = wrong.to_string();
        assert!(wrong.contains("users:") && wrong.contains(&problem), "{line}: {wrong}");
        assert!(!wrong.contains("hunter2"), "{wrong}");
        assert_eq!(verified(&directory, "alice", b"alice-secret"), None, "{line}");
        assert_eq!(verified(&directory, "alice", app_password.as_bytes()), None, "{line}");
        assert_eq!(directory.login_name("alice@a.example"), None, "{line}");
        // Letters come, and the others log in.
        assert_eq!(answer(&directory, "alice@a.example"), "=alice", "{line}");
        assert_eq!(verified(&directory, "bob", b"bob-secret"), Some(&name("bob")), "{line}");
    }
    // A new password mends such a line.
    let path = site.path("users");
    users::set_password(&path, &name("alice"), b"new", Scheme::Argon2id).expect("set");
    accounts.reload().expect("reads");
    assert!(accounts.directory().wrong_lines().is_empty());
    assert_eq!(verified(&accounts.directory(), "alice", b"new"), Some(&name("alice")));
}

#[test]
fn files_that_are_not_utf8_are_refused_with_the_line() {
    let site = Site::new();
    std::fs::write(site.path("aliases"), b"a: bob\nb: \xff\n").expect("writes");
    assert_eq!(site.refusal(), "aliases:2: the line is not UTF-8");
}

#[test]
fn absent_files_are_empty() {
    let site = Site::new();
    std::fs::remove_file(site.path("users")).expect("removes");
    let directory = site.open().expect("opens").directory();
    assert_eq!(answer(&directory, "alice@a.example"), "unknown");
    assert_eq!(answer(&directory, "postmaster@a.example"), "unknown");
    assert_eq!(verified(&directory, "alice", b"x"), None);
}

#[test]
fn o03_files_that_others_could_have_written_are_refused() {
    let site = Site::new();
    let mode = |path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("chmod");
    };
    mode(site.path("users"), 0o666);
    assert!(site.refusal().starts_with("users: anybody may write it: run \"chmod o-w"));
    mode(site.path("users"), 0o600);
    mode(site.path(""), 0o777);
    assert!(site.refusal().starts_with("users: anybody may replace it: run \"chmod o-w"));
    mode(site.path(""), 0o700);
    std::fs::rename(site.path("users"), site.path("real")).expect("renames");
    symlink(site.path("real"), site.path("users")).expect("links");
    assert!(site.refusal().starts_with("users: it is a symbolic link"), "{}", site.refusal());
    std::fs::remove_file(site.path("users")).expect("removes");
    std::fs::create_dir(site.path("users")).expect("creates");
    assert_eq!(site.refusal(), "users: it is not a regular file");
}

#[test]
fn o03_files_of_a_foreign_owner_are_refused() {
    let site = Site::new();
    site.write("aliases", "a: :include:list");
    site.write("list", "bob");
    for file in ["users", "aliases", "list"] {
        // Only root can give files away; who isn't root has none that this test could be about.
        if chown(site.path(file), Some(12_345), None).is_err() {
            return;
        }
        assert!(
            site.refusal().starts_with(&format!("{file}: it belongs to uid 12345: run \"chown"))
        );
        // The folder's owner could replace the file anyway: then it is nobody foreign.
        chown(site.path(""), Some(12_345), None).expect("chown");
        assert!(site.open().is_ok());
        chown(site.path(""), Some(0), None).expect("chown");
        chown(site.path(file), Some(0), None).expect("chown");
    }
}

#[test]
fn passwords_are_checked_and_names_are_literal() {
    let site = Site::new();
    users::add(&site.path("users"), &name("dave"), b"right", Scheme::Argon2id).expect("adds");
    let directory = site.open().expect("opens").directory();
    let dave = name("dave");
    for (login, password, user) in [
        ("dave", "right", Some(&dave)),
        ("DAVE", "right", Some(&dave)),
        ("dave@a.example", "right", Some(&dave)),
        ("dave", "wrong", None),
        ("dave", "", None),
        ("dave", "right\0", None),
        ("dave@elsewhere.example", "right", None),
        ("dave+x", "right", None),
        ("dave ", "right", None),
        ("postmaster", "right", None),
    ] {
        assert_eq!(verified(&directory, login, password.as_bytes()), user, "{login} {password}");
    }
    assert_eq!(verified(&directory, "dave", "x".repeat(10_000).as_bytes()), None);
}

#[test]
fn i16_odd_login_names_are_taken_literally() {
    let site = Site::new();
    let directory = site.open().expect("opens").directory();
    let long = "a".repeat(10_000);
    for login in [
        "%{user}",
        "' OR 1=1--",
        "*)(uid=*",
        "*",
        "../alice",
        "/alice",
        "alice\n",
        "alice\0",
        "",
        "\u{ff41}lice",
        "ali\u{301}ce",
        "@",
        "@a.example",
        "alice@",
        long.as_str(),
    ] {
        assert_eq!(verified(&directory, login, b"alice-secret"), None, "{login}");
        assert_eq!(directory.user(login), None, "{login}");
    }
}

#[test]
fn changed_files_are_read_again() {
    let site = Site::new();
    let accounts = site.open().expect("opens");
    let before = accounts.directory();
    assert!(Arc::ptr_eq(&before, &accounts.directory()));
    site.write("aliases", "new: alice, :include:list");
    assert!(accounts.reload().is_err(), "the list isn't there");
    assert!(Arc::ptr_eq(&before, &accounts.directory()));
    site.write("list", "bob");
    accounts.reload().expect("reloads");
    assert_eq!(answer(&accounts.directory(), "new@a.example"), "alice@a.example bob@a.example");
    // By itself, within a second or so.
    site.write("list", "carol");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while answer(&accounts.directory(), "new@a.example") != "alice@a.example carol@a.example" {
        assert!(std::time::Instant::now() < deadline, "the list was not read again");
        std::thread::yield_now();
    }
}

#[test]
fn m04_a_file_of_users_that_vanishes_bounces_nobodys_mail() {
    let site = Site::new();
    let accounts = site.open().expect("opens");
    // As where the file system it is on is unmounted.
    std::fs::remove_file(site.path("users")).expect("removes");
    let error = accounts.reload().expect_err("is told").to_string();
    assert!(error.ends_with("users: it is gone, and with it all users"), "{error}");
    assert_eq!(answer(&accounts.directory(), "alice@a.example"), "=alice");
    // That there are no users any more can be said, by a file without users.
    site.write("users", "");
    accounts.reload().expect("reloads");
    assert_eq!(answer(&accounts.directory(), "alice@a.example"), "unknown");
}

#[test]
fn users_are_added_changed_listed_and_removed() {
    let site = Site::new();
    let path = site.path("users");
    let before = std::fs::read_to_string(&path).expect("reads");
    std::fs::write(&path, format!("# ours\n\n{}", before.replacen('\n', ":1000::\n", 1)))
        .expect("writes");
    users::add(&path, &name("dave"), b"one", Scheme::Argon2id).expect("adds");
    assert_eq!(names(&site), ["alice", "bob", "carol", "dave"]);
    let again = users::add(&path, &name("Dave"), b"one", Scheme::Argon2id).expect_err("is there");
    assert_eq!(again.to_string(), "there is a user \"dave\" already");
    users::set_password(&path, &name("DAVE"), b"two", Scheme::Argon2id).expect("sets");
    users::set_password(&path, &name("alice"), b"three", Scheme::Argon2id).expect("sets");
    users::remove(&path, &name("bob")).expect("removes");
    let gone = users::remove(&path, &name("bob")).expect_err("is gone");
    assert!(gone.to_string().starts_with("there is no user \"bob\""));
    assert_eq!(names(&site), ["alice", "carol", "dave"]);
    let directory = site.open().expect("opens").directory();
    assert_eq!(verified(&directory, "dave", b"one"), None);
    assert_eq!(verified(&directory, "dave", b"two"), Some(&name("dave")));
    assert_eq!(verified(&directory, "alice", b"three"), Some(&name("alice")));
    // Comments, and what stands behind a hash, are as they were.
    let text = std::fs::read_to_string(&path).expect("reads");
    assert!(text.starts_with("# ours\n\nalice:{ARGON2ID}$argon2id$") && text.contains(":1000::\n"));
    assert!(users::set_password(&path, &name("alice"), b"", Scheme::Argon2id).is_err());
}

#[test]
fn a_new_file_is_nobody_elses() {
    let site = Site::new();
    let path = site.path("fresh");
    users::add(&path, &name("alice"), b"x", Scheme::Argon2id).expect("adds");
    let mode = std::fs::metadata(&path).expect("is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(!site.path("fresh.new").exists());
}

#[test]
fn two_writers_lose_nothing() {
    let site = Site::new();
    let path = site.path("users");
    let add = |writer: usize| {
        let path = path.clone();
        std::thread::spawn(move || {
            for n in 0..5 {
                let user = UserName::parse(&format!("w{writer}n{n}")).expect("a name");
                users::add(&path, &user, b"x", Scheme::Argon2id).expect("adds");
            }
        })
    };
    let writers: Vec<_> = (0..4).map(add).collect();
    for writer in writers {
        writer.join().expect("ends");
    }
    assert_eq!(names(&site).len(), 3 + 4 * 5);
}

#[test]
fn a_writer_that_died_is_in_nobodys_way() {
    let site = Site::new();
    site.write("users.new", "half a li");
    site.write("users.lock", "");
    users::add(&site.path("users"), &name("dave"), b"x", Scheme::Argon2id).expect("adds");
    assert_eq!(names(&site), ["alice", "bob", "carol", "dave"]);
}

#[test]
fn generated_passwords_open_the_door() {
    let site = Site::new();
    let password = generate_password().expect("random");
    users::add(&site.path("users"), &name("dave"), password.as_bytes(), Scheme::Argon2id)
        .expect("adds");
    let directory = site.open().expect("opens").directory();
    assert_eq!(verified(&directory, "dave", password.as_bytes()), Some(&name("dave")));
}
