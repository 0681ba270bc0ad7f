//! What fields are made of: tokens and quoted strings, RFC 9110 sections 5.6.2 and 5.6.4.

use http::HeaderName;

/// Whether the text is a token: RFC 9110 section 5.6.2.
pub fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().copied().all(is_token_octet)
}

/// Whether a token may hold the octet.
pub fn is_token_octet(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&octet)
}

/// Whether the text is one quoted string and nothing else.
pub fn is_quoted(text: &[u8]) -> bool {
    let mut quoted = Quoted::default();
    let mut insides = text.iter().map(|&octet| {
        quoted.reads_outside(octet);
        quoted.inside
    });
    let opens = insides.next() == Some(true);
    let closes = insides.any(|inside| !inside);
    opens && closes && insides.next().is_none()
}

/// A field name as names are really written: a letter, then letters, digits, `-` and `_`. RFC 9110
/// section 5.6.2 lets a token be more, but whoever writes `*`, `'set-cookie'`, `%2A`, `1` or
/// `true` hardly means a field.
pub fn field_name(written: &[u8]) -> Option<HeaderName> {
    let usual = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
    let begins = written.first().is_some_and(u8::is_ascii_alphabetic);
    if !begins || !written.iter().all(usual) || written.eq_ignore_ascii_case(b"true") {
        return None;
    }
    HeaderName::from_bytes(written).ok()
}

/// Whether the octets read so far leave us inside a quoted string, RFC 9110 section 5.6.4.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quoted {
    inside: bool,
    escaped: bool,
}

impl Quoted {
    /// Whether the next octet stands inside.
    pub const fn is_inside(self) -> bool {
        self.inside
    }

    /// Reads one octet; true if it stands outside quoted strings and is no quote.
    pub const fn reads_outside(&mut self, octet: u8) -> bool {
        let was_inside = self.inside;
        match octet {
            _ if self.escaped => self.escaped = false,
            b'\\' if was_inside => self.escaped = true,
            b'"' => self.inside = !was_inside,
            _ => {}
        }
        !was_inside && !self.inside
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_quoted_strings_and_field_names() {
        // text, whether it is a token, a quoted string, a field name
        let rows = [
            ("", false, false, false),
            ("a", true, false, true),
            ("Set-Cookie", true, false, true),
            ("x_y", true, false, true),
            ("x.y", true, false, false),
            ("*", true, false, false),
            ("1", true, false, false),
            ("true", true, false, false),
            ("a b", false, false, false),
            ("\"\"", false, true, false),
            ("\"a, b\"", false, true, false),
            ("\"a\\\"b\"", false, true, false),
            ("\"a\\\"", false, false, false),
            ("\"a\"b\"", false, false, false),
            ("\"", false, false, false),
        ];
        for (text, token, quoted, name) in rows {
            let octets = text.as_bytes();
            let found = (is_token(octets), is_quoted(octets), field_name(octets).is_some());
            assert_eq!(found, (token, quoted, name), "{text:?}");
        }
    }
}
