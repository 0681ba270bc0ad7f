//! The contenders, one entry each. To add one, add an entry: nothing else has to change.
//!
//! Each is tuned as its manual tells for what is asked here: the key is token and path, requests for
//! what is not stored are collapsed where it can, it logs nothing, it has one worker for each core,
//! keeps its connections, and believes what the upstream says of lifetimes.

use crate::bare;
use crate::contender::Contender;
use crate::contender::Port;
use crate::contender::Program;
use crate::contender::Role;
use crate::contender::Site;
use std::io;
use std::process::Command;

/// The two that all are compared with.
pub(crate) const BARE: &str = "bare";
pub(crate) const GATEWAY: &str = "gateway";

/// In the order of the tables.
pub(crate) static ALL: [Contender; 6] = [
    Contender {
        name: BARE,
        title: "bare hyper",
        role: Role::Limit,
        program: Program::This,
        version: &[],
        port: Port::Said,
        command: bare_hyper,
    },
    Contender {
        name: GATEWAY,
        title: "gateway, access log off",
        role: Role::Cache,
        program: Program::Gateway,
        version: &["--version"],
        port: Port::Said,
        command: |site| Ok(gateway(site, "off")),
    },
    Contender {
        name: "gateway-log",
        title: "gateway, access log all",
        role: Role::Variant,
        program: Program::Gateway,
        version: &["--version"],
        port: Port::Said,
        command: |site| Ok(gateway(site, "all")),
    },
    Contender {
        name: "nginx",
        title: "nginx",
        role: Role::Cache,
        program: Program::Installed("nginx"),
        version: &["-v"],
        port: Port::Given,
        command: nginx,
    },
    Contender {
        name: "varnish",
        title: "Varnish",
        role: Role::Cache,
        program: Program::Installed("varnishd"),
        version: &["-V"],
        port: Port::Given,
        command: varnish,
    },
    Contender {
        name: "haproxy",
        title: "HAProxy",
        role: Role::Cache,
        program: Program::Installed("haproxy"),
        version: &["-v"],
        port: Port::Given,
        command: haproxy,
    },
];

/// The one of this name.
pub(crate) fn named(name: &str) -> Option<&'static Contender> {
    ALL.iter().find(|contender| contender.name == name)
}

/// What they are called.
pub(crate) fn names() -> String {
    ALL.iter().map(|contender| contender.name).collect::<Vec<_>>().join(", ")
}

#[expect(clippy::unnecessary_wraps, reason = "others have a configuration to write")]
fn bare_hyper(site: &Site<'_>) -> io::Result<Command> {
    let mut command = site.server();
    command.arg(bare::FLAG);
    Ok(command)
}

/// As shipped, but for what is said here.
fn gateway(site: &Site<'_>, access: &str) -> Command {
    let mut command = site.server();
    command
        .env_clear()
        .env("VERIFIK_GATEWAY__LISTEN__ADDRESS", format!("127.0.0.1:{}", site.port))
        .env("VERIFIK_GATEWAY__ADMIN__ADDRESS", "127.0.0.1:0")
        .env("VERIFIK_GATEWAY__UPSTREAM__URL", format!("http://{}", site.origin))
        .env("VERIFIK_GATEWAY__CACHE__MEMORY", format!("{}B", site.memory))
        .env("VERIFIK_GATEWAY__LOG__ACCESS", access)
        // Otherwise only the superuser may see how much memory it has.
        .env("VERIFIK_GATEWAY__LIFECYCLE__CORE_DUMPS", "true");
    command
}

fn nginx(site: &Site<'_>) -> io::Result<Command> {
    let configuration = site.fill("nginx.conf", include_str!("conf/nginx.conf"))?;
    let mut command = site.server();
    command.arg("-p").arg(site.directory).arg("-c").arg(configuration);
    Ok(command)
}

fn varnish(site: &Site<'_>) -> io::Result<Command> {
    let configuration = site.fill("varnish.vcl", include_str!("conf/varnish.vcl"))?;
    let mut command = site.server();
    command
        // In the foreground, as whoever started it, without a port for its operators.
        .args(["-F", "-j", "none", "-T", "none", "-n"])
        .arg(site.directory.join("work"))
        .args(["-a", &format!("127.0.0.1:{}", site.port), "-f"])
        .arg(configuration)
        .args(["-s", &format!("default=malloc,{}", site.memory), "-s", "Transient=malloc,64M"])
        .args(["-p", &format!("thread_pools={}", site.workers())])
        .args(["-p", "thread_pool_min=100", "-p", "thread_pool_max=2000"])
        // Its log is shared memory and cannot be off: as little of it as may be.
        .args(["-p", "vsl_space=1M", "-p", "timeout_idle=300"]);
    Ok(command)
}

fn haproxy(site: &Site<'_>) -> io::Result<Command> {
    let configuration = site.fill("haproxy.cfg", include_str!("conf/haproxy.cfg"))?;
    let mut command = site.server();
    command.arg("-db").arg("-f").arg(configuration);
    Ok(command)
}
