//! A house in which something can be made to go wrong at each step on the way to the upstream and back:
//! an error, a panic or a standstill, once or until it is repaired.

use crate::support::house::ANN;
use crate::support::house::House;
use crate::support::house::PIPE;
use crate::support::house::WALL_AT_START;
use crate::support::house::desk;
use crate::support::search;
use crate::support::upstream::Upstream;
use http::Request;
use http::Response;
use http::Uri;
use http::header::AUTHORIZATION;
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::Connected;
use hyper_util::client::legacy::connect::Connection;
use hyper_util::rt::TokioIo;
use std::future::pending;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicI64;
use std::task::Context;
use std::task::Poll;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::DuplexStream;
use tokio::io::ReadBuf;
use tokio::io::duplex;
use tokio::sync::watch;
use tokio::time::Instant;
use tower_service::Service;
use verifik_gateway::app::assemble;
use verifik_gateway::app::assemble::World;
use verifik_gateway::base::draw::Draw;
use verifik_gateway::base::secret::Secret;
use verifik_gateway::base::time::Clock;
use verifik_gateway::base::time::Timestamp;
use verifik_gateway::base::time::WallTime;
use verifik_gateway::policy::key::KeySecret;
use verifik_gateway::policy::retry::Trace;
use verifik_gateway::settings::load::load;
use verifik_gateway::settings::model::Settings;
use verifik_gateway::settings::sources::Sources;
use verifik_gateway::upstream::body::RequestBody;
use verifik_gateway::upstream::client::PooledClient;
use verifik_gateway::upstream::failure::Failure;
use verifik_gateway::upstream::sender::Broken;
use verifik_gateway::upstream::sender::Lane;
use verifik_gateway::upstream::sender::Sender;

/// A step on the way, in their order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step {
    /// The sender is called.
    Send,
    /// Its answer is waited for, and nothing is sent yet.
    Ask,
    /// A connection is made.
    Connect,
    /// The request is written, by the connection's own task like the next two.
    Write,
    /// The head of the answer is read.
    Head,
    /// The sender has the head, and hands it on.
    Heard,
    /// The body of the answer is read, behind its first octets.
    Body,
}

/// What goes wrong there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wrong {
    Panics,
    Stalls,
    Refused,
    Name,
    Tls,
    Certificate,
    Reset,
    Ends,
    Garbage,
}

/// What goes wrong, where and how often.
#[derive(Clone, Default)]
pub struct Trap(Arc<Mutex<Set>>);

#[derive(Default)]
struct Set {
    at: Option<(Step, Wrong)>,
    times: usize,
    struck: usize,
    chance: Option<Box<dyn FnMut(Step, &str) -> bool + Send>>,
    hands: Option<Box<dyn FnMut() -> bool + Send>>,
}

impl Trap {
    /// From now on so often.
    pub fn set(&self, step: Step, wrong: Wrong, times: usize) {
        let mut set = self.lock();
        (set.at, set.times, set.struck) = (Some((step, wrong)), times, 0);
    }

    /// From now on what is asked about each step of the sender, and for whom and what, says whether
    /// that panics.
    pub fn by_chance(&self, chance: impl FnMut(Step, &str) -> bool + Send + 'static) {
        self.lock().chance = Some(Box::new(chance));
    }

    /// From now on what is asked at each look at the clock says whether that panics.
    pub fn by_the_clock(&self, hands: impl FnMut() -> bool + Send + 'static) {
        self.lock().hands = Some(Box::new(hands));
    }

    /// Nothing goes wrong any more.
    pub fn repair(&self) {
        let set = &mut *self.lock();
        (set.at, set.chance, set.hands) = (None, None, None);
    }

    /// How often something has gone wrong since it was set.
    pub fn struck(&self) -> usize {
        self.lock().struck
    }

    fn springs(&self, step: Step) -> Option<Wrong> {
        let mut set = self.lock();
        let wrong = set.at.filter(|(at, _)| *at == step && set.times > 0)?.1;
        set.times -= 1;
        set.struck += 1;
        Some(wrong)
    }

    fn is_unlucky(&self, step: Step, what: &str) -> bool {
        self.lock().chance.as_mut().is_some_and(|chance| chance(step, what))
    }

    /// A look at the clock.
    fn look(&self) {
        let panics = self.lock().hands.as_mut().is_some_and(|hands| hands());
        if panics {
            panics_quietly();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Set> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A house with a trap in it.
pub fn trapped_house(change: impl FnOnce(&mut Settings)) -> (House, Trap) {
    search::begin();
    let loaded = load(&Sources::default(), []).expect("the defaults");
    let mut settings = loaded.settings.clone();
    change(&mut settings);
    let (upstream, trap) = (Upstream::new(), Trap::default());
    let plug = Plug { upstream: upstream.clone(), trap: trap.clone() };
    let sound = Arc::new(PooledClient::new(plug, assemble::connection_limits(&settings)));
    let world = World {
        sender: Arc::new(Trapped { sound, trap: trap.clone() }),
        clock: clock(trap.clone()),
        draw: Draw::seeded(7),
        keys: KeySecret::new(Secret::new([7; 32])),
    };
    let (drain, draining) = watch::channel(false);
    let door = assemble::door(&settings, world, draining);
    let ready = watch::Sender::new(true);
    let house = House {
        desk: desk(&door, &settings, &loaded, &ready),
        ready,
        door,
        upstream,
        wall_moved: Arc::new(AtomicI64::new(0)),
        reachable: Arc::new(AtomicBool::new(true)),
        silent: Arc::new(AtomicBool::new(false)),
        drain,
    };
    (house, trap)
}

fn clock(trap: Trap) -> Clock {
    let (began, of_wall) = (Instant::now(), trap.clone());
    let now = move || {
        trap.look();
        Timestamp::from_secs(1_000).after(began.elapsed())
    };
    let wall = move || {
        of_wall.look();
        WallTime::from_secs(WALL_AT_START).after(began.elapsed())
    };
    Clock::told_by(now, wall)
}

/// A panic that nobody is told of: there are thousands.
fn panics_quietly() -> ! {
    std::panic::resume_unwind(Box::new("deliberate"))
}

struct Trapped {
    sound: Arc<dyn Sender>,
    trap: Trap,
}

impl Sender for Trapped {
    fn send(
        &self,
        request: Request<RequestBody>,
        lane: Lane,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Incoming>, Broken>> + Send>> {
        let whose = request.headers().get(AUTHORIZATION).map(http::HeaderValue::as_bytes);
        let whose = String::from_utf8_lossy(whose.unwrap_or(ANN.as_bytes())).into_owned();
        let what = format!("{} {} {whose}", request.method(), request.uri().path());
        if self.trap.is_unlucky(Step::Send, &what) || self.trap.springs(Step::Send).is_some() {
            panics_quietly();
        }
        let (sent, trap) = (self.sound.send(request, lane), self.trap.clone());
        Box::pin(async move {
            let unlucky = |step| trap.is_unlucky(step, &what).then_some(Wrong::Panics);
            meet(unlucky(Step::Ask).or_else(|| trap.springs(Step::Ask))).await?;
            let response = sent.await?;
            meet(unlucky(Step::Heard).or_else(|| trap.springs(Step::Heard))).await?;
            Ok(response)
        })
    }
}

async fn meet(wrong: Option<Wrong>) -> Result<(), Broken> {
    match wrong {
        None => Ok(()),
        Some(Wrong::Panics) => panics_quietly(),
        Some(Wrong::Stalls) => pending().await,
        Some(_) => {
            let (failure, trace) = (Failure::Reset, Trace::default());
            Err(Broken { failure, trace, cause: String::new() })
        }
    }
}

/// Connects to the scripted upstream.
#[derive(Clone)]
struct Plug {
    upstream: Upstream,
    trap: Trap,
}

impl Service<Uri> for Plug {
    type Response = TokioIo<Frail>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, io::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let plug = self.clone();
        Box::pin(async move {
            match plug.trap.springs(Step::Connect) {
                None => {}
                Some(Wrong::Panics) => panics_quietly(),
                Some(Wrong::Stalls) => pending().await,
                Some(Wrong::Name) => return Err(io::Error::other("dns error: no such host")),
                Some(Wrong::Tls) => return Err(io::Error::other(rustls::Error::DecryptError)),
                Some(Wrong::Certificate) => {
                    let expired = rustls::CertificateError::Expired;
                    return Err(io::Error::other(rustls::Error::InvalidCertificate(expired)));
                }
                Some(_) => return Err(io::ErrorKind::ConnectionRefused.into()),
            }
            let (ours, theirs) = duplex(PIPE);
            tokio::spawn(plug.upstream.serve(theirs));
            let frail = Frail { pipe: ours, trap: plug.trap, reads: None, still: false };
            Ok(TokioIo::new(frail))
        })
    }
}

/// A connection on which something may go wrong.
struct Frail {
    pipe: DuplexStream,
    trap: Trap,
    /// How often something came since a request was written; `None` once one is over.
    reads: Option<usize>,
    still: bool,
}

impl Frail {
    /// What becomes of reading or writing here.
    fn meet(&mut self, step: Step, buf: Option<&mut ReadBuf<'_>>) -> Option<Poll<io::Result<()>>> {
        if self.still {
            return Some(Poll::Pending);
        }
        match self.trap.springs(step)? {
            Wrong::Panics => panics_quietly(),
            Wrong::Stalls => {
                self.still = true;
                Some(Poll::Pending)
            }
            Wrong::Ends => Some(Poll::Ready(Ok(()))),
            Wrong::Garbage => {
                if let Some(buf) = buf {
                    buf.put_slice(b"SSH-2.0-x\r\n\r\n");
                }
                Some(Poll::Ready(Ok(())))
            }
            _ => Some(Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))),
        }
    }
}

impl Connection for Frail {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl AsyncRead for Frail {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let step = match self.reads {
            Some(0) => Some(Step::Head),
            Some(2) => Some(Step::Body),
            _ => None,
        };
        if let Some(met) = step.and_then(|step| self.meet(step, Some(buf))) {
            return met;
        }
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.pipe).poll_read(cx, buf);
        if buf.filled().len() > before
            && let Some(reads) = &mut self.reads
        {
            *reads += 1;
        }
        polled
    }
}

impl AsyncWrite for Frail {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(met) = self.meet(Step::Write, None) {
            return met.map_ok(|()| 0);
        }
        let polled = Pin::new(&mut self.pipe).poll_write(cx, buf);
        if matches!(polled, Poll::Ready(Ok(1..))) {
            self.reads = Some(0);
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_shutdown(cx)
    }
}
