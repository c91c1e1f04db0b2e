use super::*;

fn shown(value: &str) -> String {
    let parsed = Parameterized::parse(value.as_bytes(), &mut { limits::PARAMETERS_OF_LETTER_MAX });
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    let subtype = parsed.subtype.as_deref().map(|subtype| format!("/{}", text(subtype)));
    let mut shown = text(&parsed.value) + &subtype.unwrap_or_default();
    for (name, value) in &parsed.parameters {
        shown += &format!("; {}={}", text(name), text(value));
    }
    shown
}

#[test] // Tests RFC 2045 §5.1, RFC 2183 §3.
fn values() {
    for (value, expected) in [
        ("text/plain", "text/plain"),
        ("Text/Plain; Charset=us-ascii (Plain text)", "Text/Plain; Charset=us-ascii"),
        ("text/plain; charset=\"us-ascii\"", "text/plain; charset=us-ascii"),
        ("text (a) / (b) plain (c); (d) a (e) = (f) b", "text/plain; a=b"),
        (
            "attachment; filename=genome.jpeg;\r\n\tmodification-date=\"Wed, 12 Feb 1997 16:29:51 -0500\";",
            "attachment; filename=genome.jpeg; modification-date=Wed, 12 Feb 1997 16:29:51 -0500",
        ),
        ("multipart/mixed; boundary=\"a\\\"b;c\"", "multipart/mixed; boundary=a\"b;c"),
        (
            "attachment; filename=two words.txt; size=3",
            "attachment; filename=two words.txt; size=3",
        ),
        ("a/b; ; c; =d; e=; f=g", "a/b; e=; f=g"),
        ("a/b; c=\"d", "a/b; c=\"d"),
        ("a/b; c=d; C=e", "a/b; c=d"),
        ("text", "text"),
        ("/plain", "/plain"),
        ("", ""),
    ] {
        assert_eq!(shown(value), expected, "{value}");
    }
}

#[test] // Tests RFC 2231 §3, §4, §4.1.
fn pieces() {
    for (value, expected) in [
        (
            "message/external-body; access-type=URL;\r\n URL*0=\"ftp://\";\r\n \
             URL*1=\"cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar\"",
            "message/external-body; access-type=URL; \
             URL=ftp://cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar",
        ),
        (
            "application/x-stuff; title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A",
            "application/x-stuff; title*=utf-8'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A",
        ),
        (
            "application/x-stuff; title*0*=us-ascii'en'This%20is%20even%20more%20; \
             title*1*=%2A%2A%2Afun%2A%2A%2A%20; title*2=\"isn't it!\"",
            "application/x-stuff; title*=utf-8'en'This%20is%20even%20more%20%2A%2A%2Afun%2A%2A%2A%20\
             isn%27t%20it!",
        ),
        ("a/b; n*=iso-8859-1''%E4", "a/b; n*=utf-8''%C3%A4"),
        // Any order; a gap; doubles; a number that is none.
        ("a/b; n*1=y; n*0=x", "a/b; n=xy"),
        ("a/b; n*0=x; n*2=z; n*9999999=z; n*99999999999=z", "a/b; n=x; n*99999999999=z"),
        ("a/b; n*0=x; n*0=z; n*1=y; n*1=z", "a/b; n=xy"),
        ("a/b; n*1=y", "a/b"),
        ("a/b; n=x; n*=utf-8''y", "a/b; n=x; n*=utf-8''y"),
        ("a/b; n*=no quotes", "a/b; n*=no quotes"),
    ] {
        assert_eq!(shown(value), expected, "{value}");
    }
    for (name, value, expected) in [
        ("n", "a", "a"),
        ("n", "=?utf-8?q?=C3=A4?=", "ä"),
        ("n*", "utf-8''%C3%A4", "ä"),
        ("n*", "iso-8859-1'de'%E4", "ä"),
        ("n", "utf-8''%C3%A4", "utf-8''%C3%A4"),
    ] {
        assert_eq!(text(name.as_bytes(), value.as_bytes()), expected);
    }
}

#[test] // Row A14.
fn a14_thousands_of_pieces() {
    let pieces: String = (0..10_000).map(|at| format!("; name*{at}*=x")).collect();
    assert_eq!(
        shown(&format!("a/b{pieces}")),
        format!("a/b; name*={}", "x".repeat(limits::PARAMETERS_MAX))
    );
    let names: String = (0..200_000).map(|at| format!("; n{at}=x")).collect();
    assert_eq!(shown(&format!("a/b{names}")).matches(';').count(), limits::PARAMETERS_MAX);
    for attack in [";", "\"", "(", "=", "; a=\"", "a*", "a/", ";a=", "\\"] {
        shown(&attack.repeat(2_000_000 / attack.len()));
    }
}
