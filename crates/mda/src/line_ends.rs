//! Letters with other line ends: what ends a line in what we got is CR LF, LF, or a CR that stands alone.

/// With LF, as programs have them.
pub(crate) fn with_lf(octets: &[u8]) -> Vec<u8> {
    with(octets, b"\n")
}

/// With CR LF, as SMTP has them.
pub(crate) fn with_crlf(octets: &[u8]) -> Vec<u8> {
    with(octets, b"\r\n")
}

fn with(octets: &[u8], end: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(octets.len() + octets.len() / 32);
    let mut rest = octets;
    while let Some((line, after)) =
        memchr::memchr2(b'\r', b'\n', rest).and_then(|at| rest.split_at_checked(at))
    {
        out.extend_from_slice(line);
        out.extend_from_slice(end);
        rest = after.strip_prefix(b"\r\n").or_else(|| after.get(1..)).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_end_becomes_the_wanted_one() {
        for (octets, lf, crlf) in [
            (&b"a\r\nb\nc"[..], &b"a\nb\nc"[..], &b"a\r\nb\r\nc"[..]),
            (b"\n\r\n\r", b"\n\n\n", b"\r\n\r\n\r\n"),
            (b"a\r\rb\n\r\n", b"a\n\nb\n\n", b"a\r\n\r\nb\r\n\r\n"),
            (b"", b"", b""),
        ] {
            assert_eq!((with_lf(octets), with_crlf(octets)), (lf.to_vec(), crlf.to_vec()));
        }
    }
}
