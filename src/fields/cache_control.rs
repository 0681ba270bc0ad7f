//! `Cache-Control`, RFC 9111 section 5.2: every directive but `no-transform`, for we transform
//! nothing. Nor is RFC 8246's `immutable` read: what is fresh is validated only if the client asks.
//!
//! Doubt means "ask the upstream": of several readings the most restrictive holds. (A departure:
//! section 4.2.1 has the first value used, or the response taken for stale.)
//! What is outside the grammar is read word by word, and a word there may forbid, never allow: so
//! no `no-store` hides behind a quote that is not closed or a comma that is missing.

use crate::fields::token;
use crate::fields::token::Quoted;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;
use http::header::CACHE_CONTROL;
use http::header::GetAll;
use http::header::PRAGMA;
use http::header::VARY;
use std::mem;
use std::time::Duration;

/// What a request says about the use of stored responses.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct RequestDirectives {
    /// Section 5.2.1.5: store nothing of this exchange.
    pub no_store: bool,
    /// Section 5.2.1.4: do not reuse a stored response without asking. `Pragma: no-cache` says
    /// the same where there is no `Cache-Control` at all (section 5.4).
    pub no_cache: bool,
    /// Section 5.2.1.7: do not ask the upstream.
    pub only_if_cached: bool,
    /// Section 5.2.1.1. Unreadable counts as zero, the smallest of several holds.
    pub max_age: Option<Duration>,
    /// Section 5.2.1.3. Unreadable counts as for ever, the largest of several holds.
    pub min_fresh: Option<Duration>,
    /// Section 5.2.1.2. Without argument it is for ever, unreadable counts as zero, the smallest
    /// of several holds.
    pub max_stale: Option<Duration>,
}

/// What a response says about being stored and reused. A duration that is unreadable counts as
/// zero, the smallest of several holds.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a directive of its own in the RFC")]
pub struct ResponseDirectives {
    /// Section 5.2.2.5.
    pub no_store: bool,
    /// Section 5.2.2.9. It allows, so it counts only without argument.
    pub public: bool,
    /// Section 5.2.2.2.
    pub must_revalidate: bool,
    /// Section 5.2.2.8.
    pub proxy_revalidate: bool,
    /// Section 5.2.2.3. It can lift `no-store`, so it counts only without argument.
    pub must_understand: bool,
    /// Section 5.2.2.4.
    pub no_cache: Named,
    /// Section 5.2.2.7.
    pub private: Named,
    /// Section 5.2.2.1.
    pub max_age: Option<Duration>,
    /// Section 5.2.2.10.
    pub s_maxage: Option<Duration>,
    /// RFC 5861 section 3.
    pub stale_while_revalidate: Option<Duration>,
    /// RFC 5861 section 4.
    pub stale_if_error: Option<Duration>,
}

/// What `no-cache` or `private` applies to (sections 5.2.2.4 and 5.2.2.7).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Named {
    /// Nothing: the directive is not there.
    #[default]
    Absent,
    /// The whole response; also where the argument leaves doubt, or names more fields than anybody
    /// would.
    Whole,
    /// These fields of it only: at least one, in the order written.
    Fields(Vec<HeaderName>),
}

impl RequestDirectives {
    /// Reads every `Cache-Control` line of a request, or its `Pragma`. Allocates nothing.
    pub fn read(fields: &HeaderMap) -> Self {
        let mut found = Self::default();
        if !fields.contains_key(CACHE_CONTROL) {
            for_each_directive(&fields.get_all(PRAGMA), |name, _| {
                found.no_cache |= name.eq_ignore_ascii_case(b"no-cache");
            });
            return found;
        }
        for_each_directive(&fields.get_all(CACHE_CONTROL), |name, argument| {
            let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
            found.no_store |= is(b"no-store");
            found.no_cache |= is(b"no-cache");
            // It keeps us from asking, and doubt asks.
            found.only_if_cached |= is(b"only-if-cached") && argument != Argument::Doubtful;
            if is(b"max-age") {
                lower(&mut found.max_age, argument.seconds().unwrap_or_default());
            } else if is(b"min-fresh") {
                let wanted = argument.seconds().unwrap_or(Duration::MAX);
                found.min_fresh = found.min_fresh.max(Some(wanted));
            } else if is(b"max-stale") {
                let any = argument == Argument::Absent;
                let otherwise = if any { Duration::MAX } else { Duration::ZERO };
                lower(&mut found.max_stale, argument.seconds().unwrap_or(otherwise));
            }
        });
        found
    }
}

impl ResponseDirectives {
    /// Reads every `Cache-Control` line of a response.
    pub fn read(fields: &HeaderMap) -> Self {
        let mut found = Self::default();
        for_each_directive(&fields.get_all(CACHE_CONTROL), |name, argument| {
            let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
            let bare = argument == Argument::Absent;
            found.no_store |= is(b"no-store");
            found.public |= is(b"public") && bare;
            found.must_revalidate |= is(b"must-revalidate");
            found.proxy_revalidate |= is(b"proxy-revalidate");
            found.must_understand |= is(b"must-understand") && bare;
            if is(b"no-cache") {
                found.no_cache.add(argument);
            } else if is(b"private") {
                found.private.add(argument);
            } else if let Some(duration) = found.duration(is) {
                lower(duration, argument.seconds().unwrap_or_default());
            }
        });
        found
    }

    /// The directive that takes a number of seconds and has this name.
    fn duration(&mut self, is: impl Fn(&[u8]) -> bool) -> Option<&mut Option<Duration>> {
        let durations = [
            ("max-age", &mut self.max_age),
            ("s-maxage", &mut self.s_maxage),
            ("stale-while-revalidate", &mut self.stale_while_revalidate),
            ("stale-if-error", &mut self.stale_if_error),
        ];
        durations.into_iter().find_map(|(known, held)| is(known.as_bytes()).then_some(held))
    }
}

impl Named {
    /// Adds one occurrence of the directive to those read before.
    fn add(&mut self, argument: Argument<'_>) {
        *self = match (mem::take(self), argument.field_names()) {
            (Self::Whole, _) | (_, None) => Self::Whole,
            (Self::Absent, Some(names)) => Self::Fields(names),
            (Self::Fields(held), Some(names)) if held.len() + names.len() > MOST_NAMES => {
                Self::Whole
            }
            (Self::Fields(mut held), Some(names)) => {
                held.extend(names);
                Self::Fields(held)
            }
        };
    }
}

/// Far more than any upstream names. A head could hold thirty thousand, each of which takes sixteen
/// times as much memory as a name.
const MOST_NAMES: usize = 64;

fn lower(held: &mut Option<Duration>, duration: Duration) {
    *held = Some(held.map_or(duration, |other| other.min(duration)));
}

/// What follows a directive's name.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Argument<'a> {
    /// Nothing.
    Absent,
    /// A token, or a quoted string with its quotes.
    Given(&'a [u8]),
    /// What the grammar does not know: the name is but a word found there.
    Doubtful,
}

impl Argument<'_> {
    fn seconds(self) -> Option<Duration> {
        let Self::Given(text) = self else { return None };
        delta_seconds(text)
    }

    /// The field names it lists, if it lists any and nothing else. No name needs an escape, so
    /// an escape makes it something else.
    fn field_names(self) -> Option<Vec<HeaderName>> {
        let Self::Given(text) = self else { return None };
        let list = text.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
        let members = list.unwrap_or(text).split(|&octet| octet == b',').map(<[u8]>::trim_ascii);
        let names = members.filter(|name| !name.is_empty()).map(token::field_name);
        let names = names.take(MOST_NAMES + 1).collect::<Option<Vec<_>>>()?;
        if names.is_empty() || names.len() > MOST_NAMES {
            return None;
        }
        // Without these nobody could tell whom, or how long, the rest may be given to.
        let rules = [CACHE_CONTROL, VARY].iter().any(|name| names.contains(name));
        (!rules).then_some(names)
    }
}

/// Calls `read` with each directive's name and argument. The lines are one value (RFC 9110
/// section 5.3), so a quote that one of them leaves open casts doubt on all that follow.
fn for_each_directive(lines: &GetAll<'_, HeaderValue>, mut read: impl FnMut(&[u8], Argument<'_>)) {
    let mut quoted = Quoted::default();
    for line in lines.iter().map(HeaderValue::as_bytes) {
        if quoted.is_inside() {
            for_each_word(line, &mut read);
            continue;
        }
        for member in line.split(|&octet| quoted.reads_outside(octet) && octet == b',') {
            match directive(member) {
                Some((name, argument)) => read(name, argument),
                None => for_each_word(member, &mut read),
            }
        }
    }
}

/// A directive that keeps to the grammar, or has at most whitespace around its `=`.
fn directive(member: &[u8]) -> Option<(&[u8], Argument<'_>)> {
    let mut halves = member.splitn(2, |&octet| octet == b'=').map(<[u8]>::trim_ascii);
    let name = halves.next().filter(|name| token::is_token(name))?;
    let Some(text) = halves.next() else { return Some((name, Argument::Absent)) };
    (token::is_token(text) || token::is_quoted(text)).then_some((name, Argument::Given(text)))
}

fn for_each_word(text: &[u8], read: &mut impl FnMut(&[u8], Argument<'_>)) {
    for word in text.split(|&octet| !token::is_token_octet(octet)) {
        read(word, Argument::Doubtful);
    }
}

/// Section 1.2.2: a number of seconds; recipients accept it as a token or quoted (section 5.2).
/// One too large to represent reads as the largest, never as none.
pub fn delta_seconds(argument: &[u8]) -> Option<Duration> {
    let digits = match argument {
        [b'"', inner @ .., b'"'] => inner,
        token => token,
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let seconds = digits.iter().fold(0_u64, |sum, digit| {
        sum.saturating_mul(10).saturating_add(u64::from(digit.wrapping_sub(b'0')))
    });
    Some(Duration::from_secs(seconds.min(LARGEST)))
}

/// Section 1.2.2 asks for at least 2^31 seconds.
const LARGEST: u64 = 1 << 31;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::option;
    use proptest::prelude::*;

    fn lines<T: AsRef<[u8]>>(written: &[T]) -> HeaderMap {
        let value = |line: &T| HeaderValue::from_bytes(line.as_ref()).unwrap();
        let mut fields = HeaderMap::new();
        for line in written {
            fields.append(CACHE_CONTROL, value(line));
        }
        fields
    }

    /// The directives as one would write them; a duration for ever has no argument.
    fn printed(
        flags: &[(bool, &str)],
        named: &[(&Named, &str)],
        durations: &[(Option<Duration>, &str)],
    ) -> String {
        let flags = flags.iter().filter(|(on, _)| *on).map(|(_, name)| (*name).to_owned());
        let named = named.iter().filter_map(|(named, name)| match named {
            Named::Absent => None,
            Named::Whole => Some((*name).to_owned()),
            Named::Fields(fields) => Some(format!("{name}=\"{}\"", fields.join(", "))),
        });
        let durations = durations.iter().filter_map(|(duration, name)| match (*duration)? {
            Duration::MAX => Some((*name).to_owned()),
            duration => Some(format!("{name}={}", duration.as_secs())),
        });
        flags.chain(named).chain(durations).collect::<Vec<_>>().join(", ")
    }

    fn request(asked: &RequestDirectives) -> String {
        let RequestDirectives { no_store, no_cache, only_if_cached, .. } = *asked;
        let flags =
            [(no_store, "no-store"), (no_cache, "no-cache"), (only_if_cached, "only-if-cached")];
        let RequestDirectives { max_age, min_fresh, max_stale, .. } = *asked;
        let durations = [(max_age, "max-age"), (min_fresh, "min-fresh"), (max_stale, "max-stale")];
        printed(&flags, &[], &durations)
    }

    fn response(said: &ResponseDirectives) -> String {
        let flags = [
            (said.no_store, "no-store"),
            (said.public, "public"),
            (said.must_revalidate, "must-revalidate"),
            (said.proxy_revalidate, "proxy-revalidate"),
            (said.must_understand, "must-understand"),
        ];
        let named = [(&said.no_cache, "no-cache"), (&said.private, "private")];
        let durations = [
            (said.max_age, "max-age"),
            (said.s_maxage, "s-maxage"),
            (said.stale_while_revalidate, "stale-while-revalidate"),
            (said.stale_if_error, "stale-if-error"),
        ];
        printed(&flags, &named, &durations)
    }

    fn assert_responses(rows: &[(&[&str], &str)]) {
        for (written, expected) in rows {
            let found = ResponseDirectives::read(&lines(written));
            assert_eq!(response(&found), *expected, "{written:?}");
        }
    }

    #[test]
    fn without_a_field_nothing_is_asked_for() {
        assert_eq!(RequestDirectives::read(&HeaderMap::new()), RequestDirectives::default());
    }

    #[test]
    fn reads_durations() {
        assert_responses(&[
            (&[], ""),
            (&[""], ""),
            (&[" ,,"], ""),
            (&["max-age=60"], "max-age=60"),
            (&["MAX-AGE=\"60\""], "max-age=60"),
            (&["max-age = 60"], "max-age=60"),
            (&["max-age=060"], "max-age=60"),
            (&["max-age=soon"], "max-age=0"),
            (&["max-age=60s"], "max-age=0"),
            (&["max-age=-1"], "max-age=0"),
            (&["max-age=+1"], "max-age=0"),
            (&["max-age=1.5"], "max-age=0"),
            (&["max-age=0x10"], "max-age=0"),
            (&["max-age=6 0"], "max-age=0"),
            (&["max-age=6\\0"], "max-age=0"),
            (&["max-age=\"6\\0\""], "max-age=0"),
            (&["max-age=\"\""], "max-age=0"),
            (&["max-age=\""], "max-age=0"),
            (&["max-age=\"60"], "max-age=0"),
            (&["max-age=60\""], "max-age=0"),
            (&["max-age=\"60\"\""], "max-age=0"),
            (&["max-age=é"], "max-age=0"),
            (&["max-age="], "max-age=0"),
            (&["max-age"], "max-age=0"),
            (&["max-age==60"], "max-age=0"),
            (&["max-age=60; public"], "max-age=0"),
            (&["max-age=60, max-age=10"], "max-age=10"),
            (&["max-age=10", "max-age=60"], "max-age=10"),
            (&["max-age=60, max-age=x"], "max-age=0"),
            (&["max-age=2147483648"], "max-age=2147483648"),
            (&["max-age=99999999999999999999999"], "max-age=2147483648"),
            (&["x=\"max-age=60\""], ""),
            (&["x=\"a, max-age=60, b\""], ""),
            (&["x-max-age=60, max-agé=60"], ""),
            (&["s-maxage=5, max-age=6"], "max-age=6, s-maxage=5"),
            (&["S-MaxAge"], "s-maxage=0"),
            (&["stale-while-revalidate=7"], "stale-while-revalidate=7"),
            (&["stale-while-revalidate"], "stale-while-revalidate=0"),
            (&["stale-if-error=8, stale-if-error=\"9\""], "stale-if-error=8"),
        ]);
    }

    #[test]
    fn reads_what_forbids_and_what_allows() {
        assert_responses(&[
            (&["No-Store"], "no-store"),
            (&["public", " ,no-store"], "no-store, public"),
            (&["no-store=x"], "no-store"),
            (&["no-store="], "no-store"),
            (&["must-revalidate=1, proxy-revalidate=\"\""], "must-revalidate, proxy-revalidate"),
            (&["public=x, must-understand=1"], ""),
            (&["PUBLIC,must-understand,Immutable"], "public, must-understand"),
            (&["no-storeX, xno-store, no_store"], ""),
            (&["x=no-store"], ""),
            (&["x=\"a, no-store\""], ""),
            (&["x=\"a\\\", no-store\", no-cache"], "no-cache"),
            (&["no-transform, x"], ""),
        ]);
    }

    #[test]
    fn more_fields_than_anybody_would_name_are_the_whole() {
        let quoted = |count| format!("no-cache=\"{}\"", "a,".repeat(count));
        for (line, whole) in [
            (quoted(MOST_NAMES), false),
            (quoted(MOST_NAMES + 1), true),
            (quoted(30_000), true),
            ("no-cache=a,".repeat(MOST_NAMES), false),
            ("no-cache=a,".repeat(MOST_NAMES + 1), true),
        ] {
            let found = ResponseDirectives::read(&lines(&[&line])).no_cache;
            assert_eq!(found == Named::Whole, whole, "{line}");
        }
    }

    #[test]
    fn no_cache_and_private_name_fields_or_mean_the_whole() {
        assert_responses(&[
            (&["no-cache"], "no-cache"),
            (&["private"], "private"),
            (&["no-cache=\"set-cookie, X\""], "no-cache=\"set-cookie, x\""),
            (&["private=\", a,,b ,\""], "private=\"a, b\""),
            (&["no-cache=Set-Cookie"], "no-cache=\"set-cookie\""),
            (&["no-cache=a, no-cache=\"b, c\""], "no-cache=\"a, b, c\""),
            (&["no-cache=a", "private=b"], "no-cache=\"a\", private=\"b\""),
            (&["no-cache=a, no-cache"], "no-cache"),
            (&["no-cache, no-cache=a"], "no-cache"),
            (&["no-cache="], "no-cache"),
            (&["no-cache=\"\""], "no-cache"),
            (&["no-cache=\" , \""], "no-cache"),
            (&["no-cache=\"set-cookie"], "no-cache"),
            (&["no-cache=\"set-cookie\"x"], "no-cache"),
            (&["no-cache=\"set\\-cookie\""], "no-cache"),
            (&["no-cache=\"a, not a name\""], "no-cache"),
            (&["no-cache='set-cookie'"], "no-cache"),
            (&["no-cache=set cookie"], "no-cache"),
            (&["private=*"], "private"),
            (&["private=1"], "private"),
            (&["private=True"], "private"),
            (&["private=\"é\""], "private"),
        ]);
    }

    #[test]
    fn outside_the_grammar_a_word_may_forbid_but_not_allow() {
        assert_responses(&[
            (&["x=\"never closed, no-store"], "no-store"),
            (&["x=\"escaped\\\", no-store"], "no-store"),
            (&["x=\"open, public, immutable, max-age=60"], "max-age=0"),
            (&["x=\"open, must-understand, no-store="], "no-store"),
            (&["public, max-age=60, x=\"open"], "public, max-age=60"),
            (&["x=\"open", "no-store"], "no-store"),
            (&["x=\"open", "max-age=60", "public, s-maxage=5\""], "max-age=0, s-maxage=0"),
            (&["x=\"closed, a\"no-store"], "no-store"),
            (&["x=\"closed, no-store\"y"], "no-store"),
            (&["x=\"a\" \"no-store\""], "no-store"),
            (&["x\"a, no-store\""], "no-store"),
            (&["\"no-store\""], "no-store"),
            (&["max-age=60; no-store"], "no-store, max-age=0"),
            (&["private no-cache;must-revalidate"], "must-revalidate, no-cache, private"),
            (&["no-store\u{e9}"], "no-store"),
        ]);
    }

    #[test]
    fn reads_request_directives() {
        let rows: &[(&[&str], &str)] = &[
            (&[], ""),
            (&["max-age=0"], "max-age=0"),
            (&["NO-STORE , no-cache"], "no-store, no-cache"),
            (&["no-cache=x, no-store=\"y\""], "no-store, no-cache"),
            (&["Only-If-Cached"], "only-if-cached"),
            (&["only-if-cached=1"], "only-if-cached"),
            (&["x=\"only-if-cached"], ""),
            (&["max-age=9, max-age=\"8\""], "max-age=8"),
            (&["max-age"], "max-age=0"),
            (&["min-fresh=8, min-fresh=9, min-fresh=7"], "min-fresh=9"),
            (&["min-fresh=9, min-fresh=soon"], "min-fresh"),
            (&["min-fresh"], "min-fresh"),
            (&["min-fresh=-1"], "min-fresh"),
            (&["min-fresh=99999999999999999999"], "min-fresh=2147483648"),
            (&["max-stale"], "max-stale"),
            (&["max-stale=9"], "max-stale=9"),
            (&["max-stale, max-stale=9"], "max-stale=9"),
            (&["max-stale=", "max-stale"], "max-stale=0"),
            (&["max-stale=soon"], "max-stale=0"),
            (&["max-stale;"], "max-stale=0"),
            (&["x=\"max-stale"], "max-stale=0"),
            (&["x=\"max-stale, max-age=0\""], ""),
        ];
        for (written, expected) in rows {
            let found = RequestDirectives::read(&lines(written));
            assert_eq!(request(&found), *expected, "{written:?}");
        }
    }

    #[test]
    fn pragma_speaks_where_cache_control_is_not_there() {
        let rows: &[(Option<&str>, &str, bool)] = &[
            (None, "no-cache", true),
            (None, "x, No-Cache", true),
            (None, "x=\"no-cache", true),
            (None, "x=\"no-cache\"", false),
            (None, "max-age=0, no-store", false),
            (Some("max-age=5"), "no-cache", false),
            (Some(""), "no-cache", false),
            (Some("no-cache"), "x", true),
        ];
        for (cache_control, pragma, expected) in rows {
            let mut fields = lines(cache_control.as_slice());
            fields.insert(PRAGMA, HeaderValue::from_static(pragma));
            let found = RequestDirectives::read(&fields);
            assert_eq!(found.no_cache, *expected, "{cache_control:?}, pragma {pragma:?}");
            assert!(!found.no_store, "{cache_control:?}, pragma {pragma:?}");
        }
    }

    fn duration() -> impl Strategy<Value = Option<Duration>> {
        option::of((0..=LARGEST).prop_map(Duration::from_secs))
    }

    fn boundless() -> impl Strategy<Value = Option<Duration>> {
        prop_oneof![duration(), Just(Some(Duration::MAX))]
    }

    fn named() -> impl Strategy<Value = Named> {
        let name =
            "[a-z][a-z0-9_-]{0,9}".prop_filter_map("a name", |s| token::field_name(s.as_bytes()));
        let names = prop::collection::vec(name, 1..4);
        prop_oneof![Just(Named::Absent), Just(Named::Whole), names.prop_map(Named::Fields)]
    }

    proptest! {
        #[test]
        fn what_a_request_said_reads_the_same(
            (no_store, no_cache, only_if_cached) in any::<(bool, bool, bool)>(),
            (max_age, min_fresh, max_stale) in (duration(), boundless(), boundless()),
        ) {
            let asked = RequestDirectives {
                no_store, no_cache, only_if_cached, max_age, min_fresh, max_stale,
            };
            let found = RequestDirectives::read(&lines(&[request(&asked)]));
            prop_assert_eq!(found, asked);
        }

        #[test]
        fn what_a_response_said_reads_the_same(
            (no_store, public, must_revalidate) in any::<(bool, bool, bool)>(),
            (proxy_revalidate, must_understand) in any::<(bool, bool)>(),
            (no_cache, private) in (named(), named()),
            (max_age, s_maxage) in (duration(), duration()),
            (stale_while_revalidate, stale_if_error) in (duration(), duration()),
        ) {
            let said = ResponseDirectives {
                no_store, public, must_revalidate, proxy_revalidate, must_understand,
                no_cache, private, max_age, s_maxage, stale_while_revalidate, stale_if_error,
            };
            prop_assert_eq!(&ResponseDirectives::read(&lines(&[response(&said)])), &said);
        }

        #[test]
        fn no_store_is_never_overlooked(
            before in "([ -~\u{e9}]|[\",=\\\\]){0,40}",
            after in "([ -~&&[^\"]]){0,20}",
            line in "([ -~\u{e9}]|[\",=\\\\]){0,40}",
        ) {
            for written in [
                vec![format!("{before},no-store")],
                vec![format!("{before};No-Store ,{after}")],
                vec![before, "no-store".to_owned(), line],
            ] {
                prop_assert!(RequestDirectives::read(&lines(&written)).no_store, "{:?}", written);
                prop_assert!(ResponseDirectives::read(&lines(&written)).no_store, "{:?}", written);
            }
        }

        #[test]
        fn nothing_behind_an_open_quote_allows(
            noise in "([ -~&&[^\"]]|, ?(public|max-(age|stale)(=9)?)){0,20}",
        ) {
            let written = lines(&[format!("x=\"{noise}"), noise]);
            let said = ResponseDirectives::read(&written);
            prop_assert!(!said.public && !said.must_understand);
            prop_assert!(said.max_age.unwrap_or_default().is_zero());
            let asked = RequestDirectives::read(&written);
            prop_assert!(asked.max_stale.unwrap_or_default().is_zero() && !asked.only_if_cached);
        }

        #[test]
        fn no_octets_panic(octets in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(value) = HeaderValue::from_bytes(&octets) {
                let asked = HeaderMap::from_iter([(PRAGMA, value.clone())]);
                prop_assert!(!RequestDirectives::read(&asked).no_store);
                let fields = HeaderMap::from_iter([(CACHE_CONTROL, value)]);
                let asked = RequestDirectives::read(&fields);
                let said = ResponseDirectives::read(&fields);
                prop_assert_eq!(asked.no_store, said.no_store);
                prop_assert_eq!(asked.max_age, said.max_age);
            }
        }

        #[test]
        fn seconds_saturate(digits in "[0-9]{1,60}") {
            let read = delta_seconds(digits.as_bytes()).unwrap();
            let expected = digits.parse::<u64>().unwrap_or(u64::MAX).min(LARGEST);
            prop_assert_eq!(read, Duration::from_secs(expected));
        }
    }
}
