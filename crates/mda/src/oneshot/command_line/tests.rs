use super::*;

fn read_as(personality: Personality, words: &[&str]) -> Result<Wanted, Misuse> {
    read(personality, words.iter().map(OsString::from))
}

/// What of a call isn't as without flags, one word each.
fn shown(wanted: &Wanted) -> String {
    let call = match wanted {
        Wanted::Delivery(call) => call,
        Wanted::Deliveries(_, users) => return format!("users={}", users.join(" ")),
        Wanted::Lmtp(None) => return "lmtp".to_owned(),
        Wanted::Lmtp(Some(config)) => return format!("lmtp config={}", config.display()),
        Wanted::Help(personality) => return format!("help={}", personality.name()),
        Wanted::Version => return "version".to_owned(),
    };
    let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
    let fields = call.fields.iter().map(|_| "field".to_owned());
    let words = [
        ("config", path(&call.config)),
        ("user", call.user.clone()),
        ("original", call.original_recipient.clone()),
        ("extension", call.extension.clone()),
        ("final", call.final_recipient.clone()),
        ("sender", call.sender.clone()),
        ("folder", call.folder.clone()),
        ("rules", path(&call.rules)),
        ("letter", path(&call.letter)),
    ];
    let created = (call.missing_folder == MissingFolder::Created).then(|| "created".to_owned());
    let words = words.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value?)));
    let again = (call.repeated == Repeated::Stored).then(|| "again".to_owned());
    words.chain(created).chain(again).chain(fields).collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn check(personality: Personality, cases: &[(&[&str], &str)]) {
    for (words, wanted) in cases {
        let read = read_as(personality, words).map(|wanted| shown(&wanted));
        assert_eq!(read.as_deref(), Ok(*wanted), "{words:?}");
    }
}

#[test]
fn our_own() {
    check(
        Personality::Postroad,
        &[
            (&[], ""),
            (
                &["-d", "alice", "-a", "lists", "-f", "b@x.example"],
                "user=alice extension=lists sender=b@x.example",
            ),
            (&["-d", "alice", "-a", "a@b.example"], "user=alice original=a@b.example"),
            // sendmail's line, and that of its manual for procmail.
            (&["-Y", "-a", "host", "-d", "alice"], "user=alice extension=host"),
            (&["-tokeY", "-dalice", "-m", "none"], "user=alice folder=none"),
            (&["-r", "s@x.example", "-d", "alice"], "user=alice sender=s@x.example"),
            (
                &["-r", "a@b.example", "-f", "", "-d", "alice"],
                "user=alice final=a@b.example sender=",
            ),
            (&["-f", "-x@y.example; id\n"], "sender=-x@y.example; id\n"),
            (&["-d", "-d", "-f", "--help"], "user=-d sender=--help"),
            (&["-d", "", "-d", "bob"], "user=bob"),
            (&["--config", "/x", "-z"], "lmtp config=/x"),
            (&["-l"], "lmtp"),
            (&["--config=/x"], "config=/x"),
            (&["--again", "-d", "alice"], "user=alice again"),
            (&["-h"], "help=postroad-mda"),
            (&["--version"], "version"),
            (&["--as", "procmail", "-t", "-f", "-"], ""),
            (&["--as=maildrop", "--help"], "help=maildrop"),
        ],
    );
}

#[test]
fn procmails() {
    check(
        Personality::Procmail,
        &[
            (&["-a", "lists", "-d", "alice"], "user=alice extension=lists"),
            (&["-t", "-Y", "-a", "", "-a", "two", "-d", "alice"], "user=alice extension="),
            (&["-a", "a@b.example", "-a", "two"], "original=a@b.example"),
            (&["-f", "b@x.example", "-f", "-"], ""),
            (&["-poYt", "-fb@x.example"], "sender=b@x.example"),
            (&["VERBOSE=on", "x=y z"], ""),
            (&["-Y", "-d", "alice", "bob", "-t"], "users=alice bob -t"),
            (&["/etc/one.sieve", "A=b", "/etc/two"], "rules=/etc/one.sieve"),
            (&["-z"], "lmtp"),
            (&["-v"], "version"),
            (&["--config", "/x.toml", "-d", "alice"], "config=/x.toml user=alice"),
            (&["--as", "dovecot-lda", "-m", "Lists"], "folder=Lists"),
        ],
    );
}

#[test]
fn dovecot_ldas() {
    check(
        Personality::DovecotLda,
        &[
            (
                &["-f", "b@x.example", "-a", "alice+l@our.example", "-d", "alice"],
                "user=alice original=alice+l@our.example sender=b@x.example",
            ),
            (&["-a", "alice+l"], "original=alice+l"),
            (&["-ek", "-m", "", "-r", "a@b.example"], "final=a@b.example folder="),
            (&["-p", "/letter", "-c", "/x.toml"], "config=/x.toml letter=/letter"),
            (
                &["-o", "mail_debug=yes", "-o", "lda_mailbox_autocreate=yes", "-m", "L"],
                "folder=L created",
            ),
            (&["-o", "plugin/sieve=/a.sieve"], "rules=/a.sieve"),
        ],
    );
}

#[test]
fn maildrops() {
    check(
        Personality::Maildrop,
        &[
            (&["-d", "alice"], "user=alice"),
            (
                &["-w", "90", "-V", "4", "-a", "-d", "alice", "-f", "b@x.example"],
                "user=alice sender=b@x.example",
            ),
            // Postfix's MAILDROP_README and Debian's master.cf.
            (
                &["-d", "alice@our.example", "lists", "alice@our.example", "alice"],
                "user=alice@our.example extension=lists",
            ),
            (&["-d", "alice", "", "-x@y.example"], "user=alice extension="),
            (&["-d", "alice", "--", "-x"], "user=alice extension=-x"),
            (&["-A", "X: y", "-AZ: 1"], "field field"),
            (&["/a.sieve", "lists"], "extension=lists rules=/a.sieve"),
        ],
    );
}

#[test]
fn m07_words_that_are_parts_of_an_address_name_no_settings() {
    check(
        Personality::Maildrop,
        &[(&["-d", "alice", "--config=/tmp/x.toml"], "user=alice extension=--config=/tmp/x.toml")],
    );
}

#[test]
fn our_own_words_that_can_t_be_followed() {
    use Personality::Postroad;
    refused(&[
        (
            Postroad,
            &["-q"][..],
            "postroad-mda: unknown flag \"-q\": take it out, \"postroad-mda --help\" lists",
        ),
        (Postroad, &["--no-such"], "postroad-mda: unknown flag \"--no-such\": take it out"),
        (Postroad, &["-Yx\u{1b}"], "postroad-mda: unknown flag \"-x\""),
        (Postroad, &["-\u{1b}"], "postroad-mda: unknown flag \"-\\u{1b}\""),
        (Postroad, &["-d"], "postroad-mda: -d has no value: it takes USER"),
        (Postroad, &["-d", "alice", "bob"], "postroad-mda: \"bob\" belongs to no flag"),
        (Postroad, &["-"], "postroad-mda: \"-\" belongs to no flag"),
        (Postroad, &["-t", "--as", "procmail"], "postroad-mda: --as has to come before"),
        (
            Postroad,
            &["--as", "mail.local"],
            "postroad-mda: --as \"mail.local\": known are postroad-mda, procmail",
        ),
        (Postroad, &["--config"], "postroad-mda: --config has no value"),
    ]);
}

#[test]
fn words_of_others_that_can_t_be_followed() {
    use Personality::{DovecotLda, Maildrop, Procmail};
    refused(&[
        (
            Procmail,
            &["-q"],
            "procmail: unknown flag \"-q\": take it out, \"postroad-mda --as procmail --help\"",
        ),
        (
            Procmail,
            &["-m", "/etc/rc"],
            "procmail: -m can't be followed: as a filter of its own rcfile",
        ),
        (
            Procmail,
            &["/etc/procmailrc"],
            "procmail: \"/etc/procmailrc\" can't be followed: \"postroad-mda import",
        ),
        (Procmail, &["x.sieve"], "procmail: \"x.sieve\": rules are given by their whole path"),
        (
            Procmail,
            &["DEFAULT=/x/"],
            "procmail: \"DEFAULT\" can't be set here: mailboxes are where `mda.maildir`",
        ),
        (
            Procmail,
            &[&["-d"][..], &["x"; limits::ONE_SHOT_USERS_MAX + 1]].concat(),
            "procmail: more than 100 recipients behind -d: use LMTP",
        ),
        (
            DovecotLda,
            &["-c", "/etc/dovecot/dovecot.conf"],
            "dovecot-lda: -c \"/etc/dovecot/dovecot.conf\" can't be",
        ),
        (
            DovecotLda,
            &["-o", "mail_location=mbox:x"],
            "dovecot-lda: \"mail_location\" can't be set here",
        ),
        (
            DovecotLda,
            &["-o", "plugin/quota=maildir"],
            "dovecot-lda: \"plugin/quota\" can't be set here: quotas",
        ),
        (DovecotLda, &["-o", "x"], "dovecot-lda: \"x\" has no value: NAME=VALUE is wanted"),
        (DovecotLda, &["-o", "plugin/sieve=~/x"], "dovecot-lda: \"~/x\" can't be followed"),
        (DovecotLda, &["-n"], "dovecot-lda: unknown flag \"-n\""),
        (DovecotLda, &["alice"], "dovecot-lda: \"alice\" belongs to no flag"),
        (Maildrop, &["-M", "x"], "maildrop: -M can't be followed: embedded mode"),
        (Maildrop, &["-D", "1/2"], "maildrop: -D can't be followed: that is Courier's own call"),
        (
            Maildrop,
            &["filter"],
            "maildrop: \"filter\" can't be followed: \"postroad-mda import mailfilter",
        ),
        (Maildrop, &["-A", "X: y\nZ: 1"], "maildrop: -A \"X: y\\nZ: 1\" is no header field"),
    ]);
}

/// Each with the flag, whose it is, and a way out.
#[track_caller]
fn refused(cases: &[(Personality, &[&str], &str)]) {
    for (personality, words, said) in cases {
        let misuse = read_as(*personality, words).unwrap_err().to_string();
        assert!(misuse.starts_with(said), "{words:?}: {misuse}");
        assert!(!misuse.contains(char::is_control), "{words:?}: {misuse}");
    }
}

#[test]
fn every_flag_of_the_tables_is_read_as_they_say() {
    for personality in Personality::ALL {
        let without = read_as(personality, &[]);
        for flag in personality.flags() {
            let letter = format!("-{}", char::from(flag.letter));
            let words: &[&str] = match flag.value {
                Some(_) => &[&letter, "A: b=c.toml"],
                None => &[&letter],
            };
            let read = read_as(personality, words);
            match flag.what {
                // Dovecot's are told apart by their names.
                What::Done(Meaning::Named) => assert!(read.is_err()),
                What::Done(_) => {
                    assert_ne!(read, without, "{words:?}");
                    assert!(read.is_ok(), "{words:?}");
                }
                What::NoEffect => assert_eq!(read, without, "{words:?}"),
                What::Refused => {
                    let said = read.unwrap_err().to_string();
                    assert!(said.ends_with(flag.says), "{words:?}: {said}");
                }
            }
            if flag.value.is_some() {
                assert!(read_as(personality, &[&letter]).is_err(), "{letter}");
            }
        }
    }
}

/// Any words: an answer, and no control characters in it.
#[test]
fn m07_any_words_are_read() {
    let pieces: [&[u8]; 16] = [
        b"-",
        b"d",
        b"a",
        b"-f",
        b"--",
        b"--config",
        b"=",
        b"o",
        b"A: b",
        b"/x.sieve",
        b"\xff",
        b"\n",
        b"\x1b[2J",
        b"-m",
        b"--as",
        b"maildrop",
    ];
    let mut state = 1_u64;
    let mut next = |below: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    for _ in 0..20_000 {
        let words: Vec<OsString> = (0..next(6))
            .map(|_| (0..next(4)).flat_map(|_| pieces[next(pieces.len())]).copied().collect())
            .map(OsString::from_vec)
            .collect();
        let personality = Personality::ALL[next(4)];
        if let Err(misuse) = read(personality, words.clone()) {
            assert!(!misuse.to_string().contains(char::is_control), "{words:?}: {misuse}");
        }
    }
}
