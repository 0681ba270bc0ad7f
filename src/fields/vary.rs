//! `Vary`, RFC 9110 section 12.5.5, and the values it selects by, RFC 9111 section 4.1.

use crate::fields::token::Quoted;
use crate::fields::token::field_name;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::header::ACCEPT;
use http::header::ACCEPT_CHARSET;
use http::header::ACCEPT_ENCODING;
use http::header::ACCEPT_LANGUAGE;
use http::header::VARY;

/// What besides the method and the target chose a response.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Vary {
    /// Nothing: `Vary` is not there, or names nothing.
    Nothing,
    /// These request fields, sorted, once each.
    Fields(Vec<HeaderName>),
    /// Something no request shows: `*`, or what is no field name, which might be meant as one. Or
    /// more names than anybody would compare.
    Everything,
}

impl Vary {
    /// Reads every `Vary` line of a response; empty members are ignored.
    pub fn read(fields: &HeaderMap) -> Self {
        let lines = fields.get_all(VARY).iter().map(HeaderValue::as_bytes);
        let members = lines.flat_map(|line| line.split(|&octet| octet == b','));
        let members = members.map(<[u8]>::trim_ascii).filter(|member| !member.is_empty());
        let names = members.map(field_name).take(MOST_NAMES + 1).collect::<Option<Vec<_>>>();
        let Some(mut names) = names.filter(|names| names.len() <= MOST_NAMES) else {
            return Self::Everything;
        };
        if names.is_empty() {
            return Self::Nothing;
        }
        names.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
        names.dedup();
        Self::Fields(names)
    }
}

/// Far more than any upstream nominates. A head could hold thirty thousand, each of which takes
/// sixteen times as much memory as a name.
const MOST_NAMES: usize = 64;

/// The value of a selecting field, so written that two which mean the same are equal; none if the
/// request has no such field, which is not the same as an empty one.
///
/// Section 4.1 allows no more than what leaves the meaning alone: joining the lines, and, where
/// the grammar is known, changing whitespace and case that it gives no meaning. The order of the
/// members stays: some take it for a preference (RFC 9110 section 12.5.4). Outside the four
/// `Accept` fields the grammar is not known here, so the lines are joined and that is all.
pub fn normalised(name: &HeaderName, fields: &HeaderMap) -> Option<Vec<u8>> {
    let mut lines = fields.get_all(name).iter().map(|line| line.as_bytes().trim_ascii());
    let mut joined = lines.next()?.to_vec();
    for line in lines {
        joined.extend_from_slice(b", ");
        joined.extend_from_slice(line);
    }
    // After an empty last line the value would end in whitespace, which is no part of it.
    joined.truncate(joined.trim_ascii_end().len());
    if FOLDED.contains(name) {
        return Some(tidied(&joined, |octet| octet.to_ascii_lowercase()));
    }
    // A media type's parameters may have values whose case matters (RFC 9110 section 8.3.1).
    Some(if name == ACCEPT { tidied(&joined, |octet| octet) } else { joined })
}

/// RFC 9110 sections 12.5.2 to 12.5.4: in these, case never matters.
const FOLDED: [HeaderName; 3] = [ACCEPT_CHARSET, ACCEPT_ENCODING, ACCEPT_LANGUAGE];

/// The list without empty members and without whitespace around separators, each remaining octet
/// as `fold` has it. What stands in a quoted string stays as it is.
fn tidied(list: &[u8], fold: impl Fn(u8) -> u8) -> Vec<u8> {
    let mut tidy = Vec::with_capacity(list.len());
    let (mut quoted, mut outside) = (Quoted::default(), true);
    for &octet in list {
        outside = quoted.reads_outside(octet);
        if !outside {
            tidy.push(octet);
            continue;
        }
        if is_separator(octet) {
            tidy.truncate(tidy.trim_ascii_end().len());
        }
        let before = tidy.last().copied().unwrap_or(b',');
        let superfluous = match octet {
            b' ' | b'\t' => is_separator(before),
            b',' => before == b',',
            _ => false,
        };
        if !superfluous {
            tidy.push(fold(octet));
        }
    }
    if outside && tidy.last() == Some(&b',') {
        tidy.pop();
    }
    tidy
}

const fn is_separator(octet: u8) -> bool {
    matches!(octet, b',' | b';' | b'=')
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::COOKIE;
    use http::header::USER_AGENT;
    use proptest::prelude::*;

    fn lines<T: AsRef<[u8]>>(name: &HeaderName, written: &[T]) -> HeaderMap {
        let mut fields = HeaderMap::new();
        for line in written {
            fields.append(name, HeaderValue::from_bytes(line.as_ref()).unwrap());
        }
        fields
    }

    fn normal<T: AsRef<[u8]>>(name: &HeaderName, written: &[T]) -> Option<Vec<u8>> {
        normalised(name, &lines(name, written))
    }

    #[test]
    fn reads_what_a_response_varies_on() {
        let rows: &[(&[&str], Option<&[&str]>)] = &[
            (&[], Some(&[])),
            (&[""], Some(&[])),
            (&[" , ,", ""], Some(&[])),
            (&["Origin"], Some(&["origin"])),
            (
                &["origin, Accept-Language", "ACCEPT,origin"],
                Some(&["accept", "accept-language", "origin"]),
            ),
            (&["x-b,,x_a ,X-B"], Some(&["x-b", "x_a"])),
            (&["*"], None),
            (&["origin, *"], None),
            (&["origin", " * "], None),
            (&["**"], None),
            (&["\"*\""], None),
            (&["'*'"], None),
            (&["%2A"], None),
            (&["x*"], None),
            (&["origin accept"], None),
            (&["origin;accept"], None),
            (&["origin:"], None),
            (&["\"origin, accept\""], None),
            (&["1"], None),
            (&["origin\u{e9}"], None),
        ];
        for (written, expected) in rows {
            let found = match Vary::read(&lines(&VARY, written)) {
                Vary::Nothing => Some(Vec::new()),
                Vary::Fields(names) => Some(names),
                Vary::Everything => None,
            };
            let expected = expected.map(|names| {
                names.iter().map(|name| HeaderName::from_static(name)).collect::<Vec<_>>()
            });
            assert_eq!(found, expected, "{written:?}");
        }
    }

    #[test]
    fn writes_values_that_mean_the_same_alike() {
        let rows: &[(HeaderName, &[&str], Option<&str>)] = &[
            (ACCEPT_LANGUAGE, &[], None),
            (ACCEPT_LANGUAGE, &[""], Some("")),
            (ACCEPT_LANGUAGE, &[" , ", ","], Some("")),
            (ACCEPT_LANGUAGE, &["es-CO,en;q=0.5"], Some("es-co,en;q=0.5")),
            (ACCEPT_LANGUAGE, &["es-co ,\t en ; Q = 0.5 ,"], Some("es-co,en;q=0.5")),
            (ACCEPT_LANGUAGE, &["es-CO", "", "en;q=0.5"], Some("es-co,en;q=0.5")),
            (ACCEPT_LANGUAGE, &["en;q=0.5,es-CO"], Some("en;q=0.5,es-co")),
            (ACCEPT_LANGUAGE, &["es  CO"], Some("es  co")),
            (ACCEPT_LANGUAGE, &["en;q=0.50"], Some("en;q=0.50")),
            (ACCEPT_LANGUAGE, &["en;;, ;q"], Some("en;;,;q")),
            (ACCEPT_LANGUAGE, &["\u{e9} , EN"], Some("\u{e9},en")),
            (ACCEPT_ENCODING, &["GZIP , br"], Some("gzip,br")),
            (ACCEPT_CHARSET, &["UTF-8, *;q=0"], Some("utf-8,*;q=0")),
            (ACCEPT, &["Text/HTML ; Level=1, */*"], Some("Text/HTML;Level=1,*/*")),
            (ACCEPT, &["a/b; c = \" , ; = \" ,d/e"], Some("a/b;c=\" , ; = \",d/e")),
            (ACCEPT, &["a/b;c=\"\\\" , \" , d/e"], Some("a/b;c=\"\\\" , \",d/e")),
            (ACCEPT, &["a/b, c=\"open , ,"], Some("a/b,c=\"open , ,")),
            (COOKIE, &[" a=1;  B = 2 "], Some("a=1;  B = 2")),
            (USER_AGENT, &["a , ,b", "C"], Some("a , ,b, C")),
            (USER_AGENT, &["a", ""], Some("a,")),
            (USER_AGENT, &["", "a"], Some(", a")),
        ];
        for (name, written, expected) in rows {
            let found = normal(name, written);
            assert_eq!(found.as_deref(), expected.map(str::as_bytes), "{name}: {written:?}");
        }
    }

    fn selecting() -> impl Strategy<Value = HeaderName> {
        prop::sample::select(vec![ACCEPT, ACCEPT_LANGUAGE, ACCEPT_ENCODING, USER_AGENT])
    }

    /// Lines full of what matters to the grammar, right or wrong.
    fn written() -> impl Strategy<Value = Vec<String>> {
        prop::collection::vec("([ -~\u{e9}]|[ \t,;=\"\\\\]){0,20}", 0..4)
    }

    fn members() -> impl Strategy<Value = Vec<String>> {
        prop::collection::vec("[a-z]{1,3}(-[a-z]{1,2})?(;q=0\\.[0-9])?", 0..5)
    }

    #[test]
    fn more_names_than_anybody_would_compare_are_everything() {
        for (count, everything) in [(MOST_NAMES, false), (MOST_NAMES + 1, true), (30_000, true)] {
            let found = Vary::read(&lines(&VARY, &["a,".repeat(count)]));
            assert_eq!(found == Vary::Everything, everything, "{count}");
        }
    }

    proptest! {
        #[test]
        fn a_normalised_value_is_normal(name in selecting(), written in written()) {
            let once = normal(&name, &written);
            let again = once.as_ref().and_then(|value| normal(&name, &[value]));
            prop_assert_eq!(again, once);
        }

        #[test]
        fn space_around_commas_case_and_lines_do_not_matter(
            members in members(),
            comma in "[ \t]{0,2},[ \t]{0,2}(,[ \t]?)?",
        ) {
            let plain = normal(&ACCEPT_LANGUAGE, &[members.join(",")]);
            let spaced = members.join(&comma).to_uppercase();
            prop_assert_eq!(&normal(&ACCEPT_LANGUAGE, &[spaced]), &plain);
            if !members.is_empty() {
                prop_assert_eq!(&normal(&ACCEPT_LANGUAGE, &members), &plain);
            }
        }

        #[test]
        fn other_members_make_another_value(one in members(), other in members()) {
            let (left, right) = (one.join(", "), other.join(" ,"));
            let alike = normal(&ACCEPT_LANGUAGE, &[left]) == normal(&ACCEPT_LANGUAGE, &[right]);
            prop_assert_eq!(alike, one == other);
        }

        #[test]
        fn what_is_normal_alike_differs_in_space_and_commas_only(
            one in written(),
            other in written(),
        ) {
            let kept = |lines: &[String]| lines.concat().replace([' ', '\t', ','], "");
            if normal(&ACCEPT, &one) == normal(&ACCEPT, &other) {
                prop_assert_eq!(kept(&one), kept(&other));
            }
        }

        #[test]
        fn a_star_or_an_odd_member_is_everything(
            noise in "[ -~]{0,20}",
            odd in "[^a-zA-Z0-9_, \t-]{1,3}",
        ) {
            if let Ok(value) = HeaderValue::from_str(&format!("{noise},{odd}")) {
                let fields = HeaderMap::from_iter([(VARY, value)]);
                prop_assert_eq!(Vary::read(&fields), Vary::Everything);
            }
        }

        #[test]
        fn no_octets_panic(octets in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(value) = HeaderValue::from_bytes(&octets) {
                let varies = Vary::read(&HeaderMap::from_iter([(VARY, value.clone())]));
                prop_assert!(varies == Vary::Everything || !octets.contains(&b'*'));
                for name in [ACCEPT, ACCEPT_LANGUAGE, USER_AGENT] {
                    let fields = HeaderMap::from_iter([(name.clone(), value.clone())]);
                    prop_assert!(normalised(&name, &fields).is_some());
                }
            }
        }
    }
}
