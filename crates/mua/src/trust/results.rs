//! `Authentication-Results` (RFC 8601): who judged what of a letter. Anybody can write one; whose count is decided above.

use crate::limits;

/// What one host says it has found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Results {
    /// Who says so: `authserv-id` (§2.5).
    pub by: String,
    /// What it looked at, in order.
    pub methods: Vec<Method>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Method {
    /// `spf`, `dkim`, `dmarc`, in lower case.
    pub name: String,
    /// `pass`, `fail` and others, in lower case.
    pub result: String,
    /// `header.d` and the like in lower case, and what was found there.
    pub properties: Vec<(String, String)>,
}

impl Method {
    /// What was found in a place of the letter.
    pub fn property(&self, name: &str) -> Option<&str> {
        let found = self.properties.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// A piece of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Sign(char),
}

/// Reads the value of a field; `None` where nobody is named.
pub fn parse(value: &str) -> Option<Results> {
    let tokens = tokens(value);
    let mut sections = tokens.split(|token| *token == Token::Sign(';'));
    // The version behind the name is passed over.
    let Some(Token::Word(by)) = sections.next()?.first() else { return None };
    let methods = sections.filter_map(method).take(limits::RESULTS_MAX).collect();
    Some(Results { by: by.to_ascii_lowercase(), methods })
}

/// `methodspec [reasonspec] *propspec` (§2.2); `none` is nothing. What stands between two equals signs is a value and, behind
/// it, the name of the next one, which may have been written in several words.
fn method(section: &[Token]) -> Option<Method> {
    let mut groups = section.split(|token| *token == Token::Sign('=')).map(|group| {
        let word = |token: &Token| match token {
            Token::Word(word) => Some(word.clone()),
            Token::Sign(_) => None,
        };
        group.iter().filter_map(word).collect::<Vec<_>>()
    });
    let name = groups.next()?.first()?.split('/').next().unwrap_or_default().to_ascii_lowercase();
    let values: Vec<Vec<String>> = groups.collect();
    let result = values.first()?.first()?.to_ascii_lowercase();
    let name_behind = |group: &Vec<String>| -> String {
        group.get(1..).unwrap_or_default().concat().to_ascii_lowercase()
    };
    let properties = values
        .windows(2)
        .filter_map(|pair| match pair {
            [named, valued] => Some((name_behind(named), valued.first()?.clone())),
            _ => None,
        })
        .take(limits::RESULTS_MAX)
        .collect();
    Some(Method { name, result, properties })
}

/// Words, quoted ones without their quotes, and the two signs that mean something; comments are left out (§2.2, RFC 5322
/// §3.2.2).
fn tokens(value: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '(' => skip_comment(&mut chars),
            '"' => quoted(&mut chars, word.get_or_insert_default()),
            ';' | '=' => {
                found.extend(word.take().map(Token::Word));
                found.push(Token::Sign(c));
                continue;
            }
            c if c.is_whitespace() => {}
            c => {
                word.get_or_insert_default().push(c);
                continue;
            }
        }
        // A quoted local part goes on behind its quotes.
        if c != '"' {
            found.extend(word.take().map(Token::Word));
        }
    }
    found.extend(word.map(Token::Word));
    found
}

fn skip_comment(chars: &mut std::str::Chars<'_>) {
    let mut depth = 1;
    while depth > 0
        && let Some(c) = chars.next()
    {
        match c {
            '\\' => drop(chars.next()),
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
    }
}

fn quoted(chars: &mut std::str::Chars<'_>, word: &mut String) {
    while let Some(c) = chars.next() {
        match c {
            '"' => return,
            '\\' => word.extend(chars.next()),
            c => word.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(value: &str) -> String {
        let Some(results) = parse(value) else { return "none".into() };
        let method = |method: &Method| {
            let properties =
                method.properties.iter().map(|(name, value)| format!(" {name}={value}"));
            format!("; {}={}{}", method.name, method.result, properties.collect::<String>())
        };
        results.by + &results.methods.iter().map(method).collect::<String>()
    }

    #[test] // Tests RFC 8601 §2.2, appendix B.
    fn fields_are_read() {
        for (value, read) in [
            ("example.org 1; none", "example.org"),
            (
                "example.com; spf=pass smtp.mailfrom=example.net",
                "example.com; spf=pass smtp.mailfrom=example.net",
            ),
            (
                "example.com;\r\n auth=pass (cleartext) smtp.auth=sender@example.net;\r\n spf=pass smtp.mailfrom=example.net",
                "example.com; auth=pass smtp.auth=sender@example.net; spf=pass smtp.mailfrom=example.net",
            ),
            (
                "Example.COM; DKIM=Pass reason=\"good signature\" header.i=@mail-router.example.net",
                "example.com; dkim=pass reason=good signature header.i=@mail-router.example.net",
            ),
            (
                "foo.example.net (foobar) 1 (baz); dkim (Because I like it) / 1 (One yay) = (wait for it) fail \
                 policy (A dot can go here) . (like that) expired (this surprised me) = (as I wasn't expecting it) 1362471462",
                "foo.example.net; dkim=fail policy.expired=1362471462",
            ),
            ("\"mx.home\"; dkim/1=pass header.d=\"a;b=c\"", "mx.home; dkim=pass header.d=a;b=c"),
            (
                "mx; spf=pass smtp.mailfrom=\"a b\"@x.example",
                "mx; spf=pass smtp.mailfrom=a b@x.example",
            ),
            ("mx; dkim=pass (nested (comment; spf=fail)) header.d=a", "mx; dkim=pass header.d=a"),
            ("; dkim=pass", "none"),
            ("", "none"),
            ("mx; =; dkim; dkim=; =pass; x=y=z", "mx; x=y =z"),
        ] {
            assert_eq!(shown(value), read, "{value}");
        }
    }

    proptest! {
        #[test]
        fn any_value(value in "[a-z;=(). \"\\\\/]{0,60}") {
            let _ = parse(&value);
        }
    }
}
