//! A sidecar of a Kubernetes Job, with plain processes, in the kubelet's order: the sidecar begins, its
//! startup probe passes, the main container begins and ends, the sidecar is sent SIGTERM, and has to end
//! by itself before its grace period is over. Deploying it: `deploy/kubernetes/sidecar-job.yaml`.

use crate::fetch_run::Ran;
use crate::fetch_run::Run;
use crate::fetch_run::fetch;
use crate::sockets::Upstream;
use crate::sockets::answer;
use crate::support::running::BINARY;
use crate::support::running::Running;
use std::process::Command;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

const IDS: usize = 200;
const TOKEN: &str = "ana";

const MANIFEST: &str = include_str!("../../deploy/kubernetes/sidecar-job.yaml");

/// `terminationGracePeriodSeconds` of the manifest: after it the kubelet sends SIGKILL.
fn grace() -> Duration {
    let (_, rest) = MANIFEST.split_once("terminationGracePeriodSeconds: ").unwrap();
    Duration::from_secs(rest.lines().next().unwrap().parse().unwrap())
}

/// An init container with `restartPolicy: Always`.
struct Sidecar {
    running: Running,
    admin: String,
}

impl Sidecar {
    fn begin(upstream: &Upstream) -> Self {
        let mut running = Running::start(&upstream.url("http"), &[("LIFECYCLE__MODE", "sidecar")]);
        let admin = running.admin();
        Self { running, admin }
    }

    /// `startupProbe`, `exec`.
    fn is_healthy(&self) -> bool {
        let admin = format!("http://{}", self.admin);
        let mut probe = Command::new(BINARY);
        probe.env_clear().args(["health", "--admin", &admin]).output().unwrap().status.success()
    }

    /// The kubelet begins the next container once it passes.
    fn has_begun(&self) {
        let began = Instant::now();
        while !self.is_healthy() {
            assert!(began.elapsed() < grace(), "it does not begin");
        }
    }

    /// The main container: the same program, which fetches through the sidecar.
    fn main_container(&self) -> Run {
        fetch(&list(), &["-", "--gateway", &self.running.place], Some(TOKEN))
    }

    /// All other containers have ended. Within how long it has ended too.
    async fn ends_when_told(self) -> Duration {
        let began = Instant::now();
        self.running.terminate();
        let (code, said) = self.running.ended().await;
        assert_eq!(code, Some(0), "{said}");
        began.elapsed()
    }
}

fn list() -> String {
    (0..IDS).map(|number| format!("t{number}")).collect::<Vec<_>>().join("\n")
}

fn is_complete(ran: &Ran) {
    assert_eq!(ran.code, 0, "{}", ran.told);
    assert_eq!(ran.said.lines().count(), IDS);
}

#[tokio::test]
async fn a_job_completes_and_its_sidecar_ends_by_itself() {
    let upstream = Upstream::open(|socket| socket, answer);
    let sidecar = Sidecar::begin(&upstream);
    sidecar.has_begun();
    is_complete(&sidecar.main_container().ended());
    // The main container is tried again: what the sidecar has costs no call.
    is_complete(&sidecar.main_container().ended());
    assert_eq!(upstream.count(), IDS);
    assert!(sidecar.is_healthy(), "until it is told");
    let took = sidecar.ends_when_told().await;
    assert!(took < grace() / 2, "{took:?}");
}

#[tokio::test]
async fn a_job_that_is_deleted_half_way_ends_main_container_first() {
    let gate = Arc::new((Mutex::new(true), Condvar::new()));
    let held = Arc::clone(&gate);
    let upstream = Upstream::open(
        |socket| socket,
        move |head| {
            // The first half is answered, the rest when the main container has ended.
            if head.contains("/t1") {
                let (is_held, changed) = &*held;
                drop(changed.wait_while(is_held.lock().unwrap(), |is_held| *is_held).unwrap());
            }
            answer(head)
        },
    );
    let sidecar = Sidecar::begin(&upstream);
    sidecar.has_begun();
    let main_container = sidecar.main_container();
    crate::fetch_run::wait_until(|| upstream.count() > 0);
    main_container.signal("TERM");
    let ran = main_container.ended();
    assert_eq!(ran.code, 1, "{}", ran.told);
    *gate.0.lock().unwrap() = false;
    gate.1.notify_all();
    let took = sidecar.ends_when_told().await;
    assert!(took < grace() / 2, "{took:?}");
}
