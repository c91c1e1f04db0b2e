//! Whose an address is: users, aliases, lists, catch-alls, details, loops.

mod site;

use std::fmt::Write as _;

use postroad_accounts::limits;
use site::{Site, address, answer, name};

/// Opens a site with these aliases and compares each answer, as [`answer`] shows it.
#[track_caller]
fn check(aliases: &str, answers: &[(&str, &str)]) {
    let site = Site::new();
    site.write("aliases", aliases);
    let accounts = site.open().unwrap_or_else(|error| panic!("{error}\n{aliases}"));
    for (asked, expected) in answers {
        assert_eq!(answer(&accounts.directory(), asked), *expected, "{asked} in\n{aliases}");
    }
}

#[test]
fn users_without_aliases() {
    check(
        "",
        &[
            ("alice@a.example", "=alice"),
            ("alice@b.example", "=alice"),
            ("ALICE@A.Example", "=alice"),
            ("\"alice\"@a.example", "=alice"),
            ("alice+lists@a.example", "=alice+lists"),
            ("alice+a+b@a.example", "=alice+a+b"),
            ("alice+@a.example", "=alice+"),
            ("+alice@a.example", "unknown"),
            ("dave@a.example", "unknown"),
            ("dave+x@a.example", "unknown"),
            ("alice@c.example", "not local"),
            ("alice@sub.a.example", "not local"),
        ],
    );
}

#[test] // Tests RFC 5321 §4.5.1.
fn postmaster_is_always_known() {
    let asked = ["postmaster@a.example", "PostMaster@b.example", "postmaster+x@a.example"];
    check("", &asked.map(|asked| (asked, "=alice")));
    check("postmaster: bob", &[(asked[0], "bob@a.example"), (asked[1], "bob@b.example")]);
    check("@a.example: carol", &[(asked[0], "carol@a.example"), (asked[1], "=alice")]);
    check("root: postmaster", &[("root@b.example", "alice@b.example")]);
}

#[test]
fn the_grammar_of_aliases() {
    let aliases = "\
# a comment, then a blank line

staff:alice,bob
 # a comment inside
\t, carol@elsewhere.example,
friends : \"odd name\"@elsewhere.example, \\alice
  bob
\"two words\": alice
Sales@B.example: bob
";
    // A blank is no comma.
    let site = Site::new();
    site.write("aliases", aliases);
    assert_eq!(
        site.refusal(),
        "aliases:6: \"\\\\alice\\n  bob\" is no member: the local part is malformed"
    );
    check(
        &aliases.replace("\n  bob", ",\n  bob"),
        &[
            ("staff@a.example", "alice@a.example bob@a.example carol@elsewhere.example"),
            ("STAFF@b.example", "alice@b.example bob@b.example carol@elsewhere.example"),
            ("friends@a.example", "\"odd name\"@elsewhere.example alice@a.example bob@a.example"),
            ("\"two words\"@a.example", "alice@a.example"),
            ("sales@b.example", "bob@b.example"),
            ("sales@a.example", "unknown"),
            ("staff+detail@a.example", "alice@a.example bob@a.example carol@elsewhere.example"),
        ],
    );
}

#[test]
fn aliases_of_aliases_name_each_address_once() {
    check(
        "all: staff, alice, Bob, staff, x@y.example, x@y.example, X@y.example\nstaff: bob, alice",
        &[("all@a.example", "bob@a.example alice@a.example x@y.example X@y.example")],
    );
}

#[test]
fn an_aliass_own_name_is_the_mailbox() {
    check(
        "alice: alice, copy@elsewhere.example\nbob: \\bob\ncarol: alice",
        &[
            ("alice@a.example", "alice@a.example copy@elsewhere.example"),
            ("alice+d@a.example", "alice+d@a.example copy@elsewhere.example"),
            ("carol@a.example", "alice@a.example copy@elsewhere.example"),
            ("bob@a.example", "bob@a.example"),
        ],
    );
}

#[test]
fn details_may_have_aliases_of_their_own() {
    check(
        "alice+bills: bob",
        &[("alice+bills@a.example", "bob@a.example"), ("alice+x@a.example", "=alice+x")],
    );
}

#[test]
fn catch_alls_catch_what_nobody_has() {
    check(
        "@a.example: bob\n*@b.example: x@elsewhere.example\nlist@b.example: nobody, alice",
        &[
            ("any@a.example", "bob@a.example"),
            ("alice@a.example", "=alice"),
            ("any@b.example", "x@elsewhere.example"),
            ("list@b.example", "x@elsewhere.example alice@b.example"),
        ],
    );
    check("@a.example: nobody, bob", &[("any@a.example", "nobody@a.example bob@a.example")]);
}

#[test]
fn aliases_that_reach_nobody_are_unknown() {
    check(
        "a: b\nb: nobody\nc: c\nd: nobody, alice",
        &[
            ("a@a.example", "unknown"),
            ("b@a.example", "unknown"),
            ("c@a.example", "unknown"),
            ("d@a.example", "nobody@a.example alice@a.example"),
        ],
    );
}

#[test]
fn who_owns_an_address() {
    let site = Site::new();
    site.write("aliases", "sales: bob, carol\n@b.example: bob\nremote: x@elsewhere.example");
    let directory = site.open().expect("opens").directory();
    for (user, asked, owns) in [
        ("alice", "alice@a.example", true),
        ("alice", "Alice+x@b.example", true),
        ("alice", "bob@a.example", false),
        ("bob", "sales@a.example", true),
        ("alice", "sales@a.example", false),
        ("bob", "anything@b.example", true),
        ("carol", "anything@b.example", false),
        ("alice", "alice@elsewhere.example", false),
        ("alice", "remote@a.example", false),
        ("alice", "nobody@a.example", false),
    ] {
        assert_eq!(directory.owns(&name(user), &address(asked)), owns, "{user} as {asked}");
    }
}

#[test]
fn mailboxes_are_found_past_aliases() {
    let site = Site::new();
    site.write("aliases", "alice: bob");
    let directory = site.open().expect("opens").directory();
    assert_eq!(answer(&directory, "alice@a.example"), "bob@a.example");
    assert_eq!(directory.mailbox(&address("alice@a.example")), Some((&name("alice"), None)));
    let detailed = directory.mailbox(&address("alice+d@a.example"));
    assert_eq!(detailed, Some((&name("alice"), Some("d".into()))));
    assert_eq!(directory.mailbox(&address("alice@elsewhere.example")), None);
}

#[test]
fn lists_are_included() {
    let site = Site::new();
    site.write("aliases", "all: :include:lists/all, bob");
    std::fs::create_dir(site.path("lists")).expect("creates");
    site.write("lists/all", "# everybody\nalice\n:include:more, x@elsewhere.example\n\n");
    site.write("lists/more", "carol");
    let directory = site.open().expect("opens").directory();
    assert_eq!(
        answer(&directory, "all@a.example"),
        "alice@a.example carol@a.example x@elsewhere.example bob@a.example"
    );
}

#[test]
fn what_is_refused_names_file_and_line() {
    for (aliases, refusal) in [
        ("a", "aliases:1: an alias is \"name: member, member\": the colon is missing"),
        ("\n\na:", "aliases:3: the alias \"a\" has no members"),
        ("a: ,,", "aliases:1: the alias \"a\" has no members"),
        ("a: bob\nA: bob", "aliases:2: the alias \"A\" stands in line 1 already"),
        (
            "a: bob,\n \"|/bin/sh -c 'x'\"",
            "aliases:2: a member can't be a command: deliver to a mailbox and read it from there",
        ),
        (
            "a: |cat",
            "aliases:1: a member can't be a command: deliver to a mailbox and read it from there",
        ),
        ("a: /dev/null", "aliases:1: a member can't be a file: deliver to a mailbox"),
        ("a: \"/var/mail/x\"", "aliases:1: a member can't be a file: deliver to a mailbox"),
        ("a: bob carol", "aliases:1: \"bob carol\": a comma is missing between members"),
        ("a: b@c@d", "aliases:1: \"b@c@d\" is no member: the domain is malformed"),
        (
            "x@elsewhere.example: bob",
            "aliases:1: \"elsewhere.example\" is not one of the local domains: add it to \"domains\"",
        ),
        ("*: bob", "aliases:1: a catch-all names its domain: write \"@example.org: …\""),
        ("a: :include:", "aliases:1: \":include:\" needs the path of a list"),
        ("a: :include:none", "aliases:1: there is no list none"),
        ("a b: bob", "aliases:1: \"a b\" can't be an alias: an address is local-part@domain"),
    ] {
        let site = Site::new();
        site.write("aliases", aliases);
        assert_eq!(site.refusal(), refusal, "{aliases}");
    }
}

#[test]
fn q05_alias_loops_are_refused() {
    for (aliases, refusal) in [
        ("a: b\nb: a", "leads to itself"),
        ("a: b\nb: c@a.example\nc@a.example: a", "leads to itself"),
        ("a: x\n@b.example: a", "leads to itself"),
        ("b: a, bob\na: b+detail", "leads to itself"),
    ] {
        let site = Site::new();
        site.write("aliases", aliases);
        assert!(site.refusal().contains(refusal), "{aliases}: {}", site.refusal());
    }
    // An alias's own name is its mailbox, and nobody has this one.
    check("a: a", &[("a@a.example", "unknown")]);
}

#[test]
fn q05_lists_that_include_themselves_are_refused() {
    let site = Site::new();
    site.write("aliases", "all: :include:list");
    site.write("list", "alice\n:include:list");
    assert!(site.refusal().ends_with("includes itself"), "{}", site.refusal());
    site.write("list", ":include:other");
    site.write("other", "bob,\n\n:include:list");
    assert!(site.refusal().starts_with("other:3: the list"), "{}", site.refusal());
    assert!(site.refusal().ends_with("includes itself"), "{}", site.refusal());
}

#[test]
fn q05_chains_have_a_depth() {
    let chain = |aliases: usize| {
        let mut text = format!("a{aliases}: alice\n");
        for n in 1..aliases {
            let _ = writeln!(text, "a{n}: a{}", n + 1);
        }
        text
    };
    check(&chain(limits::ALIAS_DEPTH_MAX), &[("a1@a.example", "alice@a.example")]);
    let site = Site::new();
    for depth in [limits::ALIAS_DEPTH_MAX + 1, 1_000] {
        site.write("aliases", &chain(depth));
        assert!(site.refusal().ends_with("more than 50 deep"), "{}", site.refusal());
    }
    for depth in 1..=1_000 {
        site.write(&format!("list{depth}"), &format!(":include:list{}", depth + 1));
    }
    site.write("aliases", "all: :include:list1");
    let last = format!("list{}", limits::ALIAS_DEPTH_MAX);
    assert!(site.refusal().ends_with("more than 50 deep"), "{}", site.refusal());
    site.write(&last, "alice");
    assert!(site.open().is_ok());
}

#[test]
fn q05_members_are_bounded() {
    let site = Site::new();
    let members = |count: usize| {
        (0..count).fold(String::new(), |mut text, n| {
            let _ = writeln!(text, "u{n}@elsewhere.example");
            text
        })
    };
    site.write("aliases", "all: :include:list");
    site.write("list", &members(limits::ALIAS_MEMBERS_MAX));
    let directory = site.open().expect("opens").directory();
    let resolved = directory.resolve(&address("all@a.example"));
    assert!(
        matches!(resolved, postroad_accounts::Resolution::Alias(to) if to.len() == limits::ALIAS_MEMBERS_MAX)
    );
    site.write("list", &members(1_000_000));
    assert_eq!(site.refusal(), "list:100001: the aliases have more than 100000 members in all");
}

#[test]
fn q05_wide_and_deep_is_still_quick() {
    // Every alias holds the next one many times: 20^40 paths, 40 nodes.
    let mut text = String::from("a40: alice\n");
    for n in 0..40 {
        let _ = writeln!(text, "a{n}: {}", vec![format!("a{}", n + 1); 20].join(", "));
    }
    check(&text, &[("a0@a.example", "alice@a.example")]);
}
