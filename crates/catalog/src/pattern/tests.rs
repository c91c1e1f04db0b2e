use jiff::civil::date;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;

/// Tuesday.
fn now() -> Zoned {
    date(2026, 12, 1).at(12, 30, 0, 0).to_zoned(TimeZone::fixed(jiff::tz::offset(1))).unwrap()
}

fn parse(typed: &str) -> Result<Pattern, PatternError> {
    Pattern::parse(typed, &now())
}

#[track_caller]
fn shown(typed: &str) -> String {
    parse(typed).unwrap_or_else(|error| panic!("{typed}: {error}")).to_string()
}

#[test]
fn each_letter_of_mutts_manual_is_read_or_refused_with_a_reason() {
    // mutt 2.2, "Patterns: Pattern Modifier", in its order.
    let with_words = "bBcCefhiLstxy";
    for letter in with_words.chars() {
        assert_eq!(shown(&format!("~{letter} a")), format!("={letter} \"a\""));
        let missing = parse(&format!("~{letter}")).unwrap_err();
        assert!(matches!(missing, PatternError::Missing { .. }), "{letter}");
    }
    for letter in "ADFgGlNOpPQRTU".chars() {
        assert_eq!(shown(&format!("~{letter}")), format!("~{letter}"));
        assert_eq!(shown(&format!("={letter}")), format!("~{letter}"));
    }
    for (letter, behind) in [('d', "1/2"), ('r', "<1d"), ('m', "1-2"), ('X', "1-"), ('z', "0-9")] {
        assert_eq!(shown(&format!("~{letter} {behind}")), format!("~{letter} {behind}"));
        let wrong = parse(&format!("~{letter} x")).unwrap_err().to_string();
        assert!(wrong.contains("\"x\" is no "), "{wrong}");
    }
    for pattern in [
        "~E", "~H x", "~k", "~M x", "~n 1-2", "~S", "~u", "~v", "~V", "~=", "~#", "~$", "~(~f a)",
        "~<(~f a)", "~>(~f a)", "%f group", "^~C a", "@~f a",
    ] {
        let error = parse(pattern).unwrap_err();
        assert!(matches!(error, PatternError::CannotDo { .. }), "{pattern}: {error}");
    }
    assert_eq!(parse("~j").unwrap_err(), PatternError::Unknown { pattern: "~j".into() });
}

#[test]
fn what_is_typed_and_how_it_is_read() {
    for (typed, read) in [
        // Examples of mutt's manual.
        ("~t mutt ~f elkins", "(=t \"mutt\" =f \"elkins\")"),
        ("!(~t mutt|~c mutt) ~f elkins", "(!(=t \"mutt\" | =c \"mutt\") =f \"elkins\")"),
        ("~b \"^[Ff]rom \"", "~b \"^[Ff]rom \""),
        ("=b *.*", "=b \"*.*\""),
        ("~d 20/1/95-31/10", "~d 20/1/95-31/10"),
        ("~N ~s '^re: '", "(~N ~s \"^re: \")"),
        // From left to right.
        ("~N ~F | ~U ~D", "(((~N ~F) | ~U) ~D)"),
        ("~N | ~F | ~U", "(~N | ~F | ~U)"),
        ("~N|!~F", "(~N | !~F)"),
        ("! ! ~N !!!~F", "(~N !~F)"),
        ("((~N))", "~N"),
        ("~fa~sb!~N", "(=f \"a\" =s \"b\" !~N)"),
        // mutt takes a backslash for the next character's sake.
        (r"~s a\ b", "=s \"a b\""),
        (r"~s a\.b", "~s \"a.b\""),
        (r"~s a\\.b", r#"~s "a\\.b""#),
        (r#"~s "a \"b\" c""#, r#"=s "a \"b\" c""#),
        ("=s '~N | (x'", "=s \"~N | (x\""),
        // Words alone.
        ("alice", "(=f \"alice\" | =s \"alice\")"),
        (" hello world ", "(=f \"hello world\" | =s \"hello world\")"),
        ("a.*b", "(~f \"a.*b\" | ~s \"a.*b\")"),
        ("c++ [", "(=f \"c++ [\" | =s \"c++ [\")"),
        ("NEW", "~N"),
        ("all", "~A"),
        ("grüße", "(=f \"grüße\" | =s \"grüße\")"),
    ] {
        assert_eq!(shown(typed), read, "{typed}");
    }
}

#[test]
fn texts_anywhere_whatever_their_case() {
    let anywhere = |texts: &[&str]| {
        Pattern::anywhere(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    };
    let both = anywhere(&["PEARL", "the ~diver"]).unwrap();
    assert_eq!(both.to_string(), "(=B \"PEARL\" =B \"the ~diver\")");
    let Ok(Pattern::Has(Place::Letter, words)) = anywhere(&["PEARL"]) else { panic!() };
    assert!(words.are_in("a pearl", words.needle().as_ref()));
    assert_eq!(anywhere(&[]), Err(PatternError::Empty));
    assert!(anywhere(&["a"; 64]).is_ok() && anywhere(&["a"; 65]).is_err());
}

#[test]
fn what_is_wrong_is_said() {
    for (typed, words) in [
        ("  ", "nothing is looked for; ~A is all letters"),
        ("~N |", "nothing stands behind '|'"),
        ("| ~N", "a pattern begins with ~ and a letter, as in ~f alice; \"|\" doesn't"),
        ("~N !", "nothing stands behind '!'"),
        ("~N ()", "nothing stands behind '('"),
        ("(~N", "a parenthesis has no other one"),
        ("~N)", "a pattern begins with ~ and a letter, as in ~f alice; \")\" doesn't"),
        ("~N alice", "a pattern begins with ~ and a letter, as in ~f alice; \"alice\" doesn't"),
        ("~s \"a", "a word has one quote, \""),
        ("~", "~ wants a letter, as in ~f alice behind it"),
        ("~f", "~f wants what to look for behind it"),
        (
            "~d yesterday",
            "\"yesterday\" is no date: 31/12/2026, 20261231, 1/6-30/6, <2w and the like are",
        ),
        ("~z 10G", "\"10G\" is no number: 10, 10-20, <20, >10K and the like are"),
        (
            "~s [a",
            "\"[a\" is no regular expression: unclosed character class (=s looks for it as it is)",
        ),
        ("~E", "~E can't be looked for here: letters don't expire"),
    ] {
        assert_eq!(parse(typed).unwrap_err().to_string(), words, "{typed}");
    }
    let at_most = |typed: &str| parse(typed).is_ok();
    assert!(at_most(&"(".repeat(32).add("~N").add(&")".repeat(32))));
    assert!(!at_most(&"(".repeat(33).add("~N").add(&")".repeat(33))));
    assert!(at_most(&"~f a ".repeat(64)) && !at_most(&"~f a ".repeat(65)));
    assert!(at_most(&"a".repeat(4096)) && !at_most(&"a".repeat(4097)));
}

trait Add {
    fn add(self, other: &str) -> String;
}

impl Add for String {
    fn add(self, other: &str) -> String {
        self + other
    }
}

#[test]
fn dates_begin_and_end_with_days_of_the_zone() {
    let second = |year, month, day, hour| {
        let at = date(year, month, day).at(hour, 0, 0, 0);
        at.to_zoned(now().time_zone().clone()).unwrap().timestamp().as_second()
    };
    let (min, max) = (i64::MIN, i64::MAX);
    let half = 30 * 60;
    for (typed, from, to) in [
        ("20/1/95", second(1995, 1, 20, 0), second(1995, 1, 21, 0)),
        ("20/1/2026", second(2026, 1, 20, 0), second(2026, 1, 21, 0)),
        ("31/10", second(2026, 10, 31, 0), second(2026, 11, 1, 0)),
        ("5", second(2026, 12, 5, 0), second(2026, 12, 6, 0)),
        ("20261231", second(2026, 12, 31, 0), second(2027, 1, 1, 0)),
        ("1/6-30/6", second(2026, 6, 1, 0), second(2026, 7, 1, 0)),
        ("30/6-1/6", second(2026, 6, 1, 0), second(2026, 7, 1, 0)),
        ("20260601-20260630", second(2026, 6, 1, 0), second(2026, 7, 1, 0)),
        ("1/6/69-", second(2069, 6, 1, 0), max),
        ("-1/6/70", min, second(1970, 6, 2, 0)),
        ("1/6+1w", second(2026, 6, 1, 0), second(2026, 6, 9, 0)),
        ("1/6-1w", second(2026, 5, 25, 0), second(2026, 6, 2, 0)),
        ("1/6*1m", second(2026, 5, 1, 0), second(2026, 7, 2, 0)),
        ("1/6-2/6+1d", second(2026, 6, 1, 0), second(2026, 6, 4, 0)),
        ("<1d", second(2026, 11, 30, 12) + half, max),
        (">2w", min, second(2026, 11, 17, 12) + half),
        ("=1d", second(2026, 11, 30, 0), second(2026, 12, 1, 0)),
        ("<2H", second(2026, 12, 1, 10) + half, max),
        ("<1y", second(2025, 12, 1, 12) + half, max),
    ] {
        let when = When::parse(typed, &now()).unwrap_or_else(|| panic!("{typed}"));
        let inside = [from, to.saturating_sub(1)];
        let outside = [from.saturating_sub(1), to];
        assert!(inside.iter().all(|at| *at == max || when.contains(*at)), "{typed}: {when:?}");
        let is_outside = |at: &i64| *at == min || *at == max || !when.contains(*at);
        assert!(outside.iter().all(is_outside), "{typed}: {when:?}");
    }
    for typed in [
        "",
        "-",
        "32/1",
        "1/13",
        "1/1/1/1",
        "20261301",
        "2026123",
        "<",
        "<1",
        "<1x",
        "=1d2",
        "1/6x",
        "1/6--",
        "<99999999999999999999y",
        "<999999y",
        "1/6-2/6-3/6",
    ] {
        assert_eq!(When::parse(typed, &now()), None, "{typed}");
    }
    // mutt's `=` for a date stands where a pattern's would.
    assert_eq!(shown("~d =1d ~N"), "(~d =1d ~N)");
}

#[test]
fn numbers() {
    let span = |typed: &str| match parse(&format!("~z {typed}")) {
        Ok(Pattern::Octets(span)) => Some((span.min, span.max)),
        _ => None,
    };
    for (typed, expected) in [
        ("5", Some((5, 5))),
        ("5-10", Some((5, 10))),
        ("-10K", Some((0, 10_240))),
        ("1M-", Some((1_048_576, u64::MAX))),
        ("<10", Some((0, 9))),
        (">1k", Some((1025, u64::MAX))),
        ("<0", None),
        ("--", None),
        ("+5", None),
        ("99999999999999999999", None),
        ("18446744073709551615M", None),
    ] {
        assert_eq!(span(typed), expected, "{typed}");
    }
}

#[test]
fn words_and_texts() {
    for (word, text, expected) in [
        ("abc", "xABCx", true),
        ("Abc", "xABCx", false),
        ("Abc", "xAbcx", true),
        ("grüße", "GRÜSSE", false),
        ("grüße", "Gru\u{308}ße", true),
        ("a.c", "ABC", true),
        ("A.c", "abc", false),
        ("^b", "a\nb", true),
        ("a$", "xa\r\nb", true),
        ("(a|b)c+", "bcc", true),
        (r"\<ab\>", "x ab.", true),
        (r"\<ab\>", "xab", false),
    ] {
        let words = Words::regex(word.into()).unwrap();
        let needle = words.needle();
        assert_eq!(words.are_in(text, needle.as_ref()), expected, "{word} in {text}");
        if let Some(needle) = needle.filter(|_| expected) {
            assert!(needle.is_in(text), "{word}: {text} is ruled out");
        }
    }
    let needle =
        |word: &str| Words::regex(word.into()).unwrap().needle().map(|it| it.folded().to_vec());
    assert_eq!(needle("a(bcd)+e?"), Some(b"BCD".to_vec()));
    assert_eq!(needle("grü.e|x"), None);
    assert_eq!(needle("x+é.*"), Some(b"X".to_vec()));
}

proptest! {
    #[test]
    fn whatever_is_typed_is_read_to_its_end_and_what_is_shown_is_read_again(
        typed in "([~=!|() ]|~[a-zA-Z]|[a-z]{1,3}|[0-9/<>-]{1,4}|[\"'\\\\.*\u{e4}A]){0,24}",
    ) {
        if let Ok(pattern) = parse(&typed) {
            let shown = pattern.to_string();
            prop_assert_eq!(parse(&shown), Ok(pattern), "{} as {}", typed, shown);
        }
    }

    #[test]
    fn a_needle_rules_out_no_text_that_has_the_words(
        word in "([abkAKs\u{e4}\u{212a}]|\\.|\\*|\\(a\\)|\\[ab\\]|\\+|\\?|\\|){1,6}",
        text in "[abkAKsS\u{17f}\u{e4}\u{c4}\u{212a} \n]{0,12}",
    ) {
        if let Ok(words) = Words::regex(word)
            && words.are_in(&text, words.needle().as_ref())
        {
            prop_assert!(words.needle().is_none_or(|needle| needle.is_in(&text)));
        }
    }
}
