//! Transfer encodings undone (RFC 2045 §6).

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// RFC 2045 §6.8: what isn't in the alphabet is skipped, and `=` ends it.
pub(crate) fn base64(text: &[u8]) -> Vec<u8> {
    let is_digit = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'/');
    let mut digits: Vec<u8> =
        text.iter().take_while(|octet| **octet != b'=').copied().filter(is_digit).collect();
    // One digit alone is less than an octet.
    if digits.len() % 4 == 1 {
        digits.pop();
    }
    ENGINE.decode(&digits).unwrap_or_default()
}

const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

/// The octet that two hexadecimal digits are.
pub(crate) fn hexadecimal(high: u8, low: u8) -> Option<u8> {
    let digit = |octet: u8| char::from(octet).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}
