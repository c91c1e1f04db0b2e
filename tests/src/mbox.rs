//! Mailbox files, as somebody reads them who knows nothing but mbox(5).

/// The letters of one, without their `From ` lines and the empty lines that end them. What is in front of the first one
/// is none.
#[must_use]
pub fn letters(mailbox: &[u8]) -> Vec<String> {
    let mut letters: Vec<String> = Vec::new();
    for line in String::from_utf8_lossy(mailbox).split_inclusive('\n') {
        match letters.last_mut() {
            _ if line.starts_with("From ") => letters.push(String::new()),
            Some(letter) => letter.push_str(line),
            None => {}
        }
    }
    for letter in &mut letters {
        if letter.ends_with("\n\n") {
            letter.pop();
        }
    }
    letters
}
