//! `~` at the beginning of a line, in a letter that is written on a terminal.

/// What such a line asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escape<'a> {
    /// A line of the letter: without a tilde, or `~~`.
    Text(&'a str),
    /// `~.`, or a dot alone: the letter is whole.
    End,
    /// `~q`, `~x`: it is given up.
    Abandon(Remains),
    /// `~s`
    Subject(&'a str),
    /// `~t`, `~c`, `~b`: more of those it is for.
    To(&'a str),
    /// `~c`
    Cc(&'a str),
    /// `~b`
    Bcc(&'a str),
    /// `~h`: asks for all of those.
    Fields,
    /// `~@`: a file that goes with it.
    Attach(&'a str),
    /// `~p`: what there is of it.
    Print,
    /// `~e`, `~v`: the editor.
    Edit,
    /// `~r`, `~<`: the text of a file.
    Insert(&'a str),
    /// `~d`: what was given up last.
    InsertDead,
    /// `~f`, `~F`: letters of this mailbox, as they are.
    Letters(&'a str),
    /// `~m`, `~M`: the same, indented.
    Quoted(&'a str),
    /// `~i`, `~a`, `~A`: what a variable says.
    Variable(&'a str),
    /// `~w`: into a file.
    Write(&'a str),
    /// `~!`: runs a command.
    Shell(&'a str),
    /// `~|`: the text is what a command makes of it.
    Filter(&'a str),
    /// `~:`, `~_`: a command of the `&` prompt.
    Command(&'a str),
    /// `~?`
    Help,
    /// Anything else.
    Unknown(char),
}

/// What is left of a letter that is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remains {
    /// Its text, as a draft.
    Kept,
    /// Nothing.
    None,
}

/// Whether a lone dot ends a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dot {
    /// It does.
    Ends,
    /// It is text.
    Text,
}

/// What `~?` shows, a line each.
pub const HELP: &[&str] = &[
    "~.  or .    send             ~q  give up, keep a draft     ~x  give up",
    "~s TEXT     subject          ~t ~c ~b ADDRESS  more of those it is for",
    "~h          ask for all of these                           ~@ FILE  attach a file",
    "~p          show it          ~e  write on in the editor    ~w FILE  into a file",
    "~r FILE     a file's text    ~d  the text given up last    ~~  a line that begins with ~",
    "~f LIST     letters as they are       ~m LIST  quoted, in an answer",
    "~a  ~A      your signature (set sign=..., Sign=...)       ~i NAME  another variable",
    "~! COMMAND  run it                    ~| COMMAND  the text through it",
];

/// Reads a line, without its end. `sign` is what stands before commands, if anything does.
pub fn parse(line: &str, sign: Option<char>, dot: Dot) -> Escape<'_> {
    if line == "." && dot == Dot::Ends {
        return Escape::End;
    }
    let escape = sign.and_then(|sign| line.strip_prefix(sign));
    let Some(escape) = escape else { return Escape::Text(line) };
    let mut chars = escape.chars();
    let Some(letter) = chars.next() else { return Escape::Help };
    let rest = chars.as_str().trim();
    match letter {
        letter if Some(letter) == sign => Escape::Text(escape),
        '.' => Escape::End,
        'q' => Escape::Abandon(Remains::Kept),
        'x' => Escape::Abandon(Remains::None),
        's' => Escape::Subject(rest),
        't' => Escape::To(rest),
        'c' => Escape::Cc(rest),
        'b' => Escape::Bcc(rest),
        'h' => Escape::Fields,
        '@' => Escape::Attach(rest),
        'p' => Escape::Print,
        'e' | 'v' => Escape::Edit,
        'r' | '<' => Escape::Insert(rest),
        'd' => Escape::InsertDead,
        'f' | 'F' => Escape::Letters(rest),
        'm' | 'M' => Escape::Quoted(rest),
        'i' => Escape::Variable(rest),
        'a' => Escape::Variable("sign"),
        'A' => Escape::Variable("Sign"),
        'w' => Escape::Write(rest),
        '!' => Escape::Shell(rest),
        '|' => Escape::Filter(rest),
        ':' | '_' => Escape::Command(rest),
        '?' => Escape::Help,
        other => Escape::Unknown(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_as_posix_has_them() {
        use Escape::*;
        for (line, escape) in [
            ("text", Text("text")),
            ("", Text("")),
            (" ~s x", Text(" ~s x")),
            ("..", Text("..")),
            ("~~s x", Text("~s x")),
            (".", End),
            ("~.", End),
            ("~q", Abandon(Remains::Kept)),
            ("~x", Abandon(Remains::None)),
            ("~s  a subject ", Subject("a subject")),
            ("~t a@x.example b@x.example", To("a@x.example b@x.example")),
            ("~c a", Cc("a")),
            ("~b a", Bcc("a")),
            ("~h", Fields),
            ("~@ plan.pdf", Attach("plan.pdf")),
            ("~p", Print),
            ("~e", Edit),
            ("~v", Edit),
            ("~r notes.txt", Insert("notes.txt")),
            ("~< notes.txt", Insert("notes.txt")),
            ("~d", InsertDead),
            ("~f 1-3", Letters("1-3")),
            ("~m", Quoted("")),
            ("~w copy", Write("copy")),
            ("~i EDITOR", Variable("EDITOR")),
            ("~a", Variable("sign")),
            ("~A", Variable("Sign")),
            ("~!date", Shell("date")),
            ("~| fmt -w 60", Filter("fmt -w 60")),
            ("~:h", Command("h")),
            ("~_ h", Command("h")),
            ("~?", Help),
            ("~", Help),
            ("~k", Unknown('k')),
            ("~ä", Unknown('ä')),
        ] {
            assert_eq!(parse(line, Some('~'), Dot::Ends), escape, "{line:?}");
        }
    }

    #[test]
    fn the_sign_and_the_dot_are_the_users() {
        assert_eq!(parse("!p", Some('!'), Dot::Ends), Escape::Print);
        assert_eq!(parse("!!p", Some('!'), Dot::Ends), Escape::Text("!p"));
        assert_eq!(parse("~p", Some('!'), Dot::Ends), Escape::Text("~p"));
        assert_eq!(parse("~p", None, Dot::Ends), Escape::Text("~p"));
        assert_eq!(parse(".", Some('~'), Dot::Text), Escape::Text("."));
        assert_eq!(parse("~.", Some('~'), Dot::Text), Escape::End);
    }
}
