//! The proxy for an `https` upstream, from the environment: `HTTPS_PROXY` and `NO_PROXY`, as curl
//! reads them. The name in lower case wins, an empty value is none, and without a scheme `http` is
//! meant.
//!
//! They are no settings of ours but the machine's, so what is wrong with them is a mistake only
//! where they would count. Unlike curl's, a proxy without a port listens on 80, its scheme's.

use crate::settings::mistakes::Mistakes;
use crate::settings::mistakes::Wrong;
use crate::settings::model::Proxy;
use crate::settings::model::Scheme;
use crate::settings::model::UpstreamUrl;
use crate::settings::url::parse_authority;
use http::Uri;
use hyper_util::client::proxy::matcher::Intercept;
use hyper_util::client::proxy::matcher::Matcher;
use std::ffi::OsStr;
use std::ffi::OsString;

/// The first that is set counts.
const PROXY: [&str; 2] = ["https_proxy", "HTTPS_PROXY"];
const EXCEPTIONS: [&str; 2] = ["no_proxy", "NO_PROXY"];

const PROXIES: &str = "\"http://HOST:PORT\" or \"http://USER:PASSWORD@HOST:PORT\"";

/// What the environment says about proxies, as text.
pub(crate) struct Variables {
    /// Its name and its value, which may hold a password.
    proxy: Option<(&'static str, OsString)>,
    exceptions: String,
}

/// Why a text is not the URL of a proxy. None of the sentences shows it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum ProxyFault {
    NotText,
    OtherScheme,
    UserInfo,
    Path,
    HostOrPort,
}

impl ProxyFault {
    const fn as_str(self) -> &'static str {
        match self {
            Self::NotText => "is not UTF-8",
            Self::OtherScheme => {
                "has a scheme other than http; a proxy is spoken to in the clear, and what goes \
                 through it by TLS"
            }
            Self::UserInfo => {
                "has user information (not shown here) with characters that are to be percent-encoded"
            }
            Self::Path => "has a path, a query or a fragment",
            Self::HostOrPort => {
                "has no host that is a name (ASCII) or an IP address, or a port that is not a \
                 number from 1 to 65535"
            }
        }
    }
}

impl Variables {
    /// Picks them out of the environment.
    pub(crate) fn among(environment: &[(OsString, OsString)]) -> Self {
        let proxy = first(PROXY, environment).map(|(name, value)| (name, value.to_owned()));
        let exceptions = first(EXCEPTIONS, environment);
        let exceptions = exceptions.map(|(_, value)| value.to_string_lossy().into_owned());
        Self { proxy, exceptions: exceptions.unwrap_or_default() }
    }
}

fn first<'a>(
    names: [&'static str; 2],
    environment: &'a [(OsString, OsString)],
) -> Option<(&'static str, &'a OsStr)> {
    names.into_iter().find_map(|name| {
        let mut set = environment.iter().filter(|(of, value)| of == name && !value.is_empty());
        set.next().map(|(_, value)| (name, value.as_os_str()))
    })
}

/// The proxy on the way to this upstream, if one is to be used.
pub(crate) fn towards(
    upstream: &UpstreamUrl,
    variables: &Variables,
    mistakes: &mut Mistakes,
) -> Option<Proxy> {
    let (variable, value) = variables.proxy.as_ref()?;
    let known = mistakes.spare(&["upstream.url"]);
    if !known || upstream.scheme == Scheme::Http || is_excepted(upstream, &variables.exceptions) {
        return None;
    }
    match value.to_str().ok_or(ProxyFault::NotText).and_then(read) {
        Ok(proxy) => Some(Proxy {
            uri: proxy.uri().clone(),
            authorization: proxy.basic_auth().cloned(),
            variable,
        }),
        Err(fault) => {
            let place = format!("environment {variable}");
            mistakes.note(&place, None, Wrong::value(fault.as_str(), PROXIES));
            None
        }
    }
}

/// Reads the URL of a proxy. The matcher alone would take anything for a proxy, or for none.
fn read(text: &str) -> Result<Intercept, ProxyFault> {
    let text = text.trim();
    let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
    if !scheme.eq_ignore_ascii_case("http") {
        return Err(ProxyFault::OtherScheme);
    }
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (user, authority) = rest.rsplit_once('@').map_or((None, rest), |(u, a)| (Some(u), a));
    if user.is_some_and(|user| user.contains(['@', '/', '?', '#', '[', ']'])) {
        return Err(ProxyFault::UserInfo);
    }
    if authority.contains(['/', '?', '#']) {
        return Err(ProxyFault::Path);
    }
    let authority = parse_authority(authority).map_err(|_| ProxyFault::HostOrPort)?;
    let port = authority.port_u16().unwrap_or(80);
    let user = user.map(|user| format!("{user}@")).unwrap_or_default();
    let proxy = Matcher::builder().https(format!("http://{user}{}:{port}", authority.host()));
    // Of all this, only the user information may still be wrong.
    proxy.build().intercept(&Uri::from_static("https://localhost/")).ok_or(ProxyFault::UserInfo)
}

/// Whether `NO_PROXY` names the upstream: a domain (with all below it), an address, a network, or `*`.
fn is_excepted(upstream: &UpstreamUrl, exceptions: &str) -> bool {
    // A dot at the end spares the resolver its search list, and names no other host.
    let host = upstream.authority.host().trim_end_matches('.');
    let Ok(uri) = format!("https://{host}/").parse::<Uri>() else { return false };
    let all = exceptions.split([',', ' ', '\t']).map(|each| match each {
        // The matcher's own `*` stands for names only.
        "*" => "*,0.0.0.0/0,::/0",
        each => each.trim_end_matches('.'),
    });
    let exceptions = all.collect::<Vec<_>>().join(",");
    let matcher = Matcher::builder().https("http://localhost").no(exceptions).build();
    matcher.intercept(&uri).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::url::upstream_url;
    use std::os::unix::ffi::OsStringExt;

    const UPSTREAM: &str = "https://api.verifik.co";

    fn found(upstream: &str, environment: &[(&str, &str)]) -> (Option<Proxy>, String) {
        let set = environment.iter().map(|(name, value)| (name.into(), value.into()));
        let variables = Variables::among(&set.collect::<Vec<_>>());
        let mut mistakes = Mistakes::default();
        let proxy = towards(&upstream_url(upstream).unwrap(), &variables, &mut mistakes);
        (proxy, mistakes.found().iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_proxy_is_read_as_curl_reads_it() {
        for (text, uri, authorization) in [
            ("http://proxy.test:3128", "http://proxy.test:3128/", None),
            ("HTTP://proxy.test:3128/", "http://proxy.test:3128/", None),
            ("proxy.test:3128", "http://proxy.test:3128/", None),
            (" proxy.test\n", "http://proxy.test:80/", None),
            ("http://[::1]:3128", "http://[::1]:3128/", None),
            ("http://10.0.0.1", "http://10.0.0.1:80/", None),
            ("http://me:hunter2@proxy.test:1", "http://proxy.test:1/", Some("bWU6aHVudGVyMg==")),
            ("me:hunter2@proxy.test:1", "http://proxy.test:1/", Some("bWU6aHVudGVyMg==")),
            ("http://me@proxy.test:1", "http://proxy.test:1/", Some("bWU6")),
            ("http://m%40e:a%2Fb%3A@proxy.test:1", "http://proxy.test:1/", Some("bUBlOmEvYjo=")),
        ] {
            let (proxy, mistakes) = found(UPSTREAM, &[("HTTPS_PROXY", text)]);
            let proxy = proxy.unwrap_or_else(|| panic!("{text}: {mistakes}"));
            assert_eq!(proxy.uri, uri, "{text}");
            let expected = authorization.map(|value| format!("Basic {value}"));
            let value = proxy.authorization.as_ref().map(|value| value.to_str().unwrap());
            assert_eq!(value, expected.as_deref(), "{text}");
            let printed = format!("{proxy:?}");
            assert!(!printed.contains("hunter2") && !printed.contains("bWU6"), "{printed}");
        }
    }

    #[test]
    fn what_is_no_proxy_is_a_mistake_that_names_the_variable_and_not_its_value() {
        use ProxyFault::*;
        for (text, expected) in [
            ("https://me:hunter2@proxy.test:3128", OtherScheme),
            ("socks5://hunter2.test:1080", OtherScheme),
            ("socks5h://hunter2.test:1080", OtherScheme),
            ("://hunter2", OtherScheme),
            ("http://", HostOrPort),
            ("http://:3128", HostOrPort),
            ("http://hunter2:0", HostOrPort),
            ("http://hunter2:99999", HostOrPort),
            ("http://hunter2:", HostOrPort),
            ("hunter2 proxy", HostOrPort),
            ("http://señal.co:3128", HostOrPort),
            ("http://proxy.test:3128/hunter2", Path),
            ("http://proxy.test?hunter2", Path),
            ("http://me:hunt/er2@proxy.test", UserInfo),
            ("http://me:hunter2@x@proxy.test", UserInfo),
            ("http://me:hunter2 @proxy.test", UserInfo),
            ("http://me:hunter2\u{e9}@proxy.test", UserInfo),
        ] {
            let (proxy, mistakes) = found(UPSTREAM, &[("HTTPS_PROXY", text)]);
            assert_eq!(proxy, None, "{text}");
            let sentence = expected.as_str();
            let told = format!("environment HTTPS_PROXY: {sentence}; accepted: {PROXIES}");
            assert_eq!(mistakes, told, "{text}");
        }
    }

    #[test]
    fn what_is_not_utf8_is_a_mistake_only_where_it_counts() {
        let set = |name: &str| (name.into(), OsString::from_vec(vec![b'a', 0xff]));
        let variables = Variables::among(&[set("HTTPS_PROXY"), set("NO_PROXY")]);
        for (upstream, expected) in [(UPSTREAM, 1), ("http://api.verifik.co", 0)] {
            let mut mistakes = Mistakes::default();
            assert_eq!(towards(&upstream_url(upstream).unwrap(), &variables, &mut mistakes), None);
            assert_eq!(mistakes.found().len(), expected, "{upstream}");
        }
    }

    #[test]
    fn the_name_in_lower_case_wins_and_an_empty_value_is_none() {
        for (environment, expected) in [
            (&[][..], None),
            (&[("HTTPS_PROXY", "a:1")], Some(("http://a:1/", "HTTPS_PROXY"))),
            (
                &[("HTTPS_PROXY", "a:1"), ("https_proxy", "b:2")],
                Some(("http://b:2/", "https_proxy")),
            ),
            (&[("https_proxy", ""), ("HTTPS_PROXY", "a:1")], Some(("http://a:1/", "HTTPS_PROXY"))),
            (&[("HTTPS_PROXY", "")], None),
            (&[("HTTP_PROXY", "a:1"), ("http_proxy", "a:1"), ("ALL_PROXY", "a:1")], None),
            (&[("Https_Proxy", "a:1")], None),
            (&[("https_proxy", "b:2"), ("no_proxy", "*"), ("NO_PROXY", "x")], None),
            (&[("https_proxy", "b:2"), ("NO_PROXY", "*"), ("no_proxy", "")], None),
            (
                &[("https_proxy", "b:2"), ("NO_PROXY", "*"), ("no_proxy", "x")],
                Some(("http://b:2/", "https_proxy")),
            ),
        ] {
            let (proxy, mistakes) = found(UPSTREAM, environment);
            let told = proxy.map(|proxy| (proxy.uri.to_string(), proxy.variable));
            let told = told.as_ref().map(|(uri, variable)| (uri.as_str(), *variable));
            assert_eq!((told, mistakes.as_str()), (expected, ""), "{environment:?}");
        }
    }

    #[test]
    fn exceptions_name_domains_addresses_and_networks() {
        for (upstream, exceptions, expected) in [
            (UPSTREAM, "", false),
            (UPSTREAM, "api.verifik.co", true),
            (UPSTREAM, "API.Verifik.CO", true),
            (UPSTREAM, "api.verifik.co.", true),
            ("https://api.verifik.co.", "verifik.co", true),
            ("https://api.verifik.co:8443", "api.verifik.co", true),
            (UPSTREAM, ".verifik.co", true),
            (UPSTREAM, "verifik.co", true),
            (UPSTREAM, "ifik.co", false),
            (UPSTREAM, "www.verifik.co", false),
            (UPSTREAM, "x.test, .verifik.co", true),
            (UPSTREAM, "x.test .verifik.co", true),
            (UPSTREAM, "*", true),
            (UPSTREAM, "x.test,*", true),
            (UPSTREAM, "*.verifik.co", false),
            (UPSTREAM, "10.0.0.0/8", false),
            ("https://10.1.2.3", "10.0.0.0/8", true),
            ("https://10.1.2.3", "10.1.2.3", true),
            ("https://10.1.2.3", "10.1.2.4", false),
            ("https://11.1.2.3", "10.0.0.0/8", false),
            ("https://10.1.2.3", "*", true),
            ("https://[::1]", "*", true),
            ("https://[::1]:8443", "::1", true),
            ("https://[fd00::1]", "fd00::/8", true),
        ] {
            let (proxy, _) = found(upstream, &[("HTTPS_PROXY", "a:1"), ("NO_PROXY", exceptions)]);
            assert_eq!(proxy.is_none(), expected, "{upstream} {exceptions:?}");
        }
    }

    #[test]
    fn an_upstream_in_the_clear_has_no_proxy_whatever_the_variables_say() {
        for text in ["a:1", "socks5://a:1"] {
            let environment = [("HTTPS_PROXY", text)];
            assert_eq!(found("http://api.verifik.co", &environment), (None, String::new()));
        }
    }
}
