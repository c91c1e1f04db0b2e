use super::*;

/// One line for an address: `name <route:mailbox@host>`, `[name` for a group's begin, `]` for its end.
fn shown(address: &Address) -> String {
    let text = |octets: &Option<Vec<u8>>| {
        octets.as_ref().map(|octets| String::from_utf8_lossy(octets).into_owned())
    };
    match (text(&address.mailbox), text(&address.host)) {
        (None, None) => "]".to_owned(),
        (Some(group), None) => format!("[{group}"),
        (mailbox, Some(host)) => {
            let route = text(&address.route).map(|route| format!("{route}:")).unwrap_or_default();
            let name = text(&address.name).map(|name| format!("{name} ")).unwrap_or_default();
            format!("{name}<{route}{}@{host}>", mailbox.unwrap_or_default())
        }
    }
}

#[track_caller]
fn check(value: &str, expected: &[&str]) {
    let got: Vec<String> = Address::list(value.as_bytes()).iter().map(shown).collect();
    assert_eq!(got, expected, "{value}");
}

#[test] // Tests RFC 5322 §3.4, §4.4, A.1, A.5, A.6.
fn lists() {
    for (value, expected) in [
        (" a@b.example\r\n", &["<a@b.example>"][..]),
        (
            "Joe Q. Public <john.q.public@example.com>",
            &["Joe Q. Public <john.q.public@example.com>"],
        ),
        (
            "Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>",
            &["Mary Smith <mary@x.test>", "<jdoe@example.org>", "Who? <one@y.test>"],
        ),
        (
            "<boss@nil.test>, \"Giant; \\\"Big\\\" Box\" <sysservices@example.net>",
            &["<boss@nil.test>", "Giant; \"Big\" Box <sysservices@example.net>"],
        ),
        (
            "A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",
            &["[A Group", "Ed Jones <c@a.test>", "<joe@where.test>", "John <jdoe@one.test>", "]"],
        ),
        ("Undisclosed recipients:;", &["[Undisclosed recipients", "]"]),
        (
            "Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>",
            &["Pete <pete@silly.test>"],
        ),
        (
            "A Group(Some people)\r\n     :Chris Jones <c@(Chris's host.)public.example>,\r\n \
             joe@example.org,\r\n  John <jdoe@one.test> (my dear friend); (the end of the group)",
            &[
                "[A Group",
                "Chris Jones <c@public.example>",
                "<joe@example.org>",
                "John <jdoe@one.test>",
                "]",
            ],
        ),
        (
            "(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;",
            &["[Hidden recipients", "]"],
        ),
        (
            "Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example",
            &["Mary Smith <@node.test:mary@example.net>", "<jdoe@test.example>"],
        ),
        ("<@a.test, @b.test : c@d.test>", &["<@a.test,@b.test:c@d.test>"]),
        ("joe . smith @ x . test", &["<joe.smith@x.test>"]),
        ("\"Joe Q. Public\" <\"joe public\"@x.test>", &["Joe Q. Public <\"joe public\"@x.test>"]),
        ("\"joe\"@x.test", &["<joe@x.test>"]),
        ("a@[192.0.2.1], b@[IPv6:2001:db8::1]", &["<a@[192.0.2.1]>", "<b@[IPv6:2001:db8::1]>"]),
    ] {
        check(value, expected);
    }
}

#[test]
fn what_mailers_do() {
    for (value, expected) in [
        ("a@b.example (Joe)", &["Joe <a@b.example>"][..]),
        ("Joe Public a@b.example", &["Joe Public <a@b.example>"]),
        ("a@b.example; c@d.example", &["<a@b.example>", "<c@d.example>"]),
        ("root", &["<root@>"]),
        ("Joe <joe>", &["Joe <joe@>"]),
        ("Joe <>", &["Joe <@>"]),
        ("Joe <a@b.example", &["Joe <a@b.example>"]),
        ("Joe <a@b.example, c@d.example", &["Joe <a@b.example>", "<c@d.example>"]),
        ("\"Joe <a@b.example>, c@d.example", &["\"Joe <a@b.example>", "<c@d.example>"]),
        ("Jörg <j@b.example>", &["Jörg <j@b.example>"]),
        ("a@b@c.example", &["<a@b@c.example>"]),
        ("Joe <a@b.example> <x@y.example> @z.example", &["Joe <a@b.example>"]),
        ("Group: a@b.example", &["[Group", "<a@b.example>", "]"]),
        ("A: B: a@b.example;, c@d.example", &["[A", "<a@b.example>", "]", "<c@d.example>"]),
        ("=?utf-8?q?A,_B?= <a@b.example>", &["=?utf-8?q?A,_B?= <a@b.example>"]),
        (
            "=?utf-8?q?:-(?= <a@b.example>, c@d.example",
            &["=?utf-8?q?:-(?= <a@b.example>", "<c@d.example>"],
        ),
        (
            "=?utf-8?q?a?=\r\n =?utf-8?q?b?= <a@b.example>",
            &["=?utf-8?q?a?= =?utf-8?q?b?= <a@b.example>"],
        ),
        ("=?utf-8?q?a\r\n b?= <a@b.example>", &["=?utf-8?q?a b?= <a@b.example>"]),
        ("=?utf-8?q?a\r\n b?=\"\"@b.example", &["<=?utf-8?q?a b?=\"\"@b.example>"]),
        ("a=b@c.example", &["<a=b@c.example>"]),
        ("", &[]),
        (",,", &[]),
        ("<>", &[]),
        (";", &[]),
    ] {
        check(value, expected);
    }
}

#[test] // Row A18.
fn a18_lists_that_are_one_character() {
    for attack in
        [";", ",", "(", ")", "<", ">", "\"", "\\", "@", ":", "[", "=?", "a:", "<@", "@(", "a,"]
    {
        let value = attack.repeat(400_000 / attack.len());
        let found = Address::list(value.as_bytes());
        assert!(found.len() <= limits::ADDRESSES_MAX + 1, "{attack}");
    }
}

proptest::proptest! {
    #[test]
    fn any_octets(value in "[a@<>,;:()\"\\\\\\[\\]=? \r\n\\.\\x00é]{0,40}") {
        let found = Address::list(value.as_bytes());
        let groups = found.iter().filter(|address| address.host.is_none());
        let ends = found.iter().filter(|address| address.host.is_none() && address.mailbox.is_none());
        proptest::prop_assert_eq!(groups.count(), 2 * ends.count());
        for address in &found {
            for text in [&address.name, &address.route, &address.mailbox, &address.host] {
                let is_bad = |octet: &u8| matches!(octet, b'\r' | b'\n' | 0);
                proptest::prop_assert!(!text.iter().flatten().any(is_bad), "{:?}", address);
            }
        }
    }
}
