//! `demo`: a stand-in for the API, the gateway in front of it, and a walk that shows a newcomer
//! what the gateway does. It needs no token and no network.

use crate::app::demo_walk;
use crate::app::demo_walk::Walk;
use crate::app::drain::Signals;
use crate::app::ending::Ending;
use crate::app::operators::Operators;
use crate::app::run;
use crate::app::running;
use crate::app::running::Given;
use crate::app::running::Running;
use crate::app::stand_in::StandIn;
use crate::base::time::Clock;
use crate::serve::port::Place;
use crate::settings::load::Loaded;
use crate::settings::load::load;
use crate::settings::model::Level;
use crate::settings::model::Scheme;
use crate::settings::model::Settings;
use crate::settings::model::UpstreamUrl;
use crate::settings::sources::Sources;
use http::uri::Authority;
use http::uri::InvalidUri;
use std::convert::Infallible;
use std::ffi::OsString;
use std::future::pending;
use std::io;
use std::io::Write;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// How long the stand-in takes for an answer: about what an API far away does.
const LATENCY: Duration = Duration::from_millis(150);

/// Runs the demonstration, or the stand-in alone. Returns when it has ended.
pub fn demo(
    sources: &Sources,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    upstream_only: Option<SocketAddr>,
) -> Ending {
    let loaded = match load(sources, environment) {
        Ok(loaded) => loaded,
        Err(mistakes) => return Ending::from(mistakes),
    };
    let ended = match upstream_only {
        Some(address) => run::block_on(serve_stand_in(address)),
        None => run::block_on(demonstrate(&loaded)),
    };
    match ended {
        Ok(Ok(ending)) | Err(ending) => ending,
        Ok(Err(error)) => Ending::failed(error),
    }
}

/// `--upstream-only`: the stand-in until a signal comes.
async fn serve_stand_in(address: SocketAddr) -> Result<Ending, String> {
    let opened = async {
        let listener = TcpListener::bind(address).await?;
        Ok::<_, io::Error>((listener.local_addr()?, listener, Signals::listen()?))
    };
    let refused = |error| format!("--upstream-only {address}: {error}");
    let (address, listener, mut signals) = opened.await.map_err(refused)?;
    let serving = tokio::spawn(stand_in().serve(listener));
    run::say(&format!("verifik-gateway: stand-in upstream listening on http://{address}"));
    signals.next().await;
    serving.abort();
    Ok(Ending::Done(String::new()))
}

/// The demonstration proper.
async fn demonstrate(loaded: &Loaded) -> Result<Ending, String> {
    let mut settings = run::quieter(loaded, Level::Warn);
    let log = run::begin_log(&settings)?;
    let (gateway, upstream) = open(&mut settings).await?;
    let shown = shown(loaded, &settings);
    let gateway = gateway.with_operators(&shown, Some(log.dropped_lines())).await?;
    let Some(address) = plain(&gateway, &settings) else { return Ok(Ending::misused(NOT_PLAIN)) };
    let mut told = io::stdout();
    let left_aside = loaded.set_at("upstream", "url");
    let page = gateway.operators.as_ref().map(Operators::place);
    let _ = introduce(&settings, address, page, left_aside, &mut told);
    let address = reachable(address);
    let walk = Walk::new(address, upstream);
    tokio::select! {
        // The gateway first: it says where it listens before the walk begins.
        biased;
        ending = run::until_told(gateway, None) => Ok(ending),
        Err(wrong) = walk_then_wait(walk, address, &mut told) => Err(format!("{wrong}\n{ADVICE}")),
    }
}

/// What operators are shown of the settings: those that the demonstration has put in force too.
fn shown(loaded: &Loaded, settings: &Settings) -> Loaded {
    let (mut shown, by) = (loaded.clone(), "the demonstration");
    let url = format!("http://{}", settings.upstream.url.authority);
    shown.tell("upstream", "url", &url, by);
    if settings.log.level != loaded.settings.log.level {
        shown.tell("log", "level", "warn", by);
    }
    shown
}

/// Where the gateway can be reached in the way that the walk and its reader know.
const fn plain(gateway: &Running, settings: &Settings) -> Option<SocketAddr> {
    match (&gateway.place, &settings.listen.tls) {
        (Place::Tcp(address), None) => Some(*address),
        _ => None,
    }
}

const NOT_PLAIN: &str = "the demonstration's clients know neither unix sockets nor TLS: leave out \
                         listen.cert_file and listen.key_file, and try --listen 127.0.0.1:0";

const ADVICE: &str = "The demonstration tells what the gateway does with its default settings; \
                      `verifik-gateway check`\nshows which are in force.";

fn stand_in() -> Arc<StandIn> {
    Arc::new(StandIn::new(Clock::system(), LATENCY))
}

/// Opens the stand-in's port, and the gateway's in front of it.
///
/// # Errors
/// A sentence that says what could not be had.
async fn open(settings: &mut Settings) -> Result<(Running, Arc<StandIn>), String> {
    let no_upstream = |error: io::Error| format!("the stand-in upstream: {error}");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(no_upstream)?;
    let address = listener.local_addr().map_err(no_upstream)?;
    settings.upstream.url = url(address).map_err(|error| error.to_string())?;
    let upstream = stand_in();
    tokio::spawn(Arc::clone(&upstream).serve(listener));
    let gateway = running::start(settings, Given::default()).await.map_err(with_advice)?;
    Ok((gateway, upstream))
}

fn url(address: SocketAddr) -> Result<UpstreamUrl, InvalidUri> {
    let authority = address.to_string().parse::<Authority>()?;
    Ok(UpstreamUrl { scheme: Scheme::Http, authority, prefix: String::new() })
}

/// The likeliest failure of a first try is that something else has the port.
fn with_advice(error: String) -> String {
    if error.starts_with("listen.address") {
        format!(
            "{error}\nTry another port, such as with --listen 127.0.0.1:0, which takes a free one."
        )
    } else {
        error
    }
}

/// An address that a client on this machine can connect to.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        });
    }
    address
}

fn introduce(
    settings: &Settings,
    gateway: SocketAddr,
    page: Option<String>,
    left_aside: Option<&str>,
    told: &mut impl Write,
) -> io::Result<()> {
    writeln!(told, "A demonstration, without a token and without the network.")?;
    let (upstream, millis) = (&settings.upstream.url.authority, LATENCY.as_millis());
    writeln!(told, "A stand-in for the API, {millis} ms away:    http://{upstream}")?;
    writeln!(told, "The gateway between it and its clients: http://{gateway}")?;
    if let Some(page) = page {
        writeln!(told, "What operators see of it, in a browser: {page}")?;
    }
    if let Some(place) = left_aside {
        writeln!(told, "upstream.url ({place}) is not asked: the stand-in is.")?;
    }
    writeln!(told, "Each step below says what was asked, and the answer's Cache-Status.\n")
}

/// Walks, says what to try, and goes on until somebody ends it.
async fn walk_then_wait(
    walk: Walk,
    gateway: SocketAddr,
    told: &mut impl Write,
) -> Result<Infallible, String> {
    walk.go(told).await?;
    // With the walk go its connections.
    drop(walk);
    let _ = demo_walk::invite(gateway, told);
    pending().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::model::Access;
    use crate::settings::model::Address;
    use crate::settings::sources::Flag;

    fn loaded(keys: &[(&'static str, &'static str, &str)]) -> Loaded {
        let flag = |&(section, key, value): &(&'static str, &'static str, &str)| Flag {
            name: "--flag",
            section,
            key,
            value: value.to_owned(),
        };
        let flags = keys.iter().map(flag).collect();
        load(&Sources { files: Vec::new(), flags }, []).unwrap()
    }

    /// Walks through a gateway with these settings: what is told, and how it ends.
    async fn walked(keys: &[(&'static str, &'static str, &str)]) -> (String, Result<(), String>) {
        let mut settings = loaded(keys).settings;
        settings.listen.address = Address::Tcp(([127, 0, 0, 1], 0).into());
        let (gateway, upstream) = open(&mut settings).await.unwrap();
        let address = plain(&gateway, &settings).unwrap();
        let walk = Walk::new(reachable(address), upstream);
        let serving = tokio::spawn(async move { run::until_told(gateway, None).await });
        let mut told = Vec::new();
        let ended = walk.go(&mut told).await;
        serving.abort();
        (String::from_utf8(told).unwrap(), ended)
    }

    #[tokio::test]
    async fn the_walk_goes_as_told_and_fits_the_screen() {
        let (told, ended) = walked(&[]).await;
        assert_eq!(ended, Ok(()), "{told}");
        assert!(told.ends_with("\n62 requests, 11 upstream calls: 51 calls saved.\n"), "{told}");
        let longest = told.lines().map(|line| line.chars().count()).max();
        assert!(longest <= Some(80), "{told}");
    }

    #[tokio::test]
    async fn a_walk_that_does_not_go_as_told_says_so() {
        let (told, ended) = walked(&[("lifetimes", "open", "0s")]).await;
        let wrong = ended.unwrap_err();
        let expected = "step 2 did not go as told: Cache-Status is \"verifik-gateway; fwd=";
        assert!(wrong.starts_with(expected), "{wrong}\n{told}");
    }

    #[test]
    fn the_log_is_quiet_unless_somebody_sets_it() {
        for (keys, level, access) in [
            (&[][..], Level::Warn, Access::Off),
            (&[("log", "access", "all")], Level::Warn, Access::All),
            (&[("log", "level", "info")], Level::Info, Access::Forwarded),
        ] {
            let log = run::quieter(&loaded(keys), Level::Warn).log;
            assert_eq!((log.level, log.access), (level, access), "{keys:?}");
        }
    }

    #[test]
    fn an_upstream_that_was_set_is_said_to_be_left_aside() {
        assert_eq!(loaded(&[]).set_at("upstream", "url"), None);
        let loaded = loaded(&[("upstream", "url", "http://elsewhere")]);
        let (address, mut told) = ("127.0.0.1:80".parse().unwrap(), Vec::new());
        let left_aside = loaded.set_at("upstream", "url");
        introduce(&loaded.settings, address, None, left_aside, &mut told).unwrap();
        let told = String::from_utf8(told).unwrap();
        assert!(told.contains("upstream.url (--flag) is not asked: the stand-in is."), "{told}");
    }

    #[test]
    fn clients_are_sent_to_an_address_they_can_reach() {
        for (opened, expected) in [
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            ("127.0.0.2:80", "127.0.0.2:80"),
        ] {
            assert_eq!(reachable(opened.parse().unwrap()).to_string(), expected, "{opened}");
        }
    }
}
