//! The gateway on a socket of the file system.

use crate::sockets::Upstream;
use crate::sockets::answer;
use crate::support::client::Client;
use crate::support::running::BINARY;
use crate::support::running::Running;
use crate::support::running::asks;
use crate::support::running::kept;
use crate::support::running::ran;
use crate::support::running::set;
use std::env::temp_dir;
use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::path::PathBuf;
use std::process;
use std::process::Command;
use tokio::net::UnixStream;

/// A path of its own, shorter than those under the build's folder may be.
fn path(name: &str) -> PathBuf {
    let path = temp_dir().join(format!("verifik-{}-{name}.sock", process::id()));
    let _ = fs::remove_file(&path);
    path
}

fn address(path: &Path) -> String {
    format!("unix:{}", path.display())
}

async fn client(path: &Path) -> Client<UnixStream> {
    Client::new(UnixStream::connect(path).await.unwrap())
}

/// Runs it where it does not get as far as to serve: exit code, and what it says.
fn refused(arguments: &[&str], address: &str) -> (Option<i32>, String) {
    let mut command = Command::new(BINARY);
    set(&mut command, &[("LISTEN__ADDRESS", address)]);
    ran(command.args(arguments))
}

#[tokio::test]
async fn it_is_served_from_beginning_to_end_over_what_another_has_left_behind() {
    let upstream = Upstream::open(|socket| socket, answer);
    let path = path("served");
    drop(UnixListener::bind(&path).unwrap());
    let gateway = Running::start(&upstream.url("http"), &[("LISTEN__ADDRESS", &address(&path))]);
    assert_eq!(gateway.place, address(&path));
    let there = fs::symlink_metadata(&path).unwrap();
    assert!(there.file_type().is_socket());
    assert_eq!(there.permissions().mode() & 0o777, 0o660);
    let mut first = client(&path).await;
    assert_eq!(kept(&mut first).await, (200, true));
    let hit = asks(&mut client(&path).await).await.unwrap();
    assert!(hit.is_hit(), "{}", hit.cache());
    let (code, said) = refused(&[], &address(&path));
    assert_eq!(code, Some(1), "{said}");
    let expected = format!("listen.address {}: another process listens there", address(&path));
    assert!(said.contains(&expected), "{said}");
    gateway.terminate();
    while kept(&mut first).await == (200, true) {}
    assert!(first.is_closed().await);
    let (code, said) = gateway.ended().await;
    assert_eq!((code, path.exists()), (Some(0), false), "{said}");
}

#[test]
fn what_is_no_socket_stays_where_it_is() {
    let path = path("file");
    fs::write(&path, "precious").unwrap();
    let (code, said) = refused(&[], &address(&path));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("is there, and is no socket"), "{said}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    fs::remove_file(&path).unwrap();
}

#[test]
fn a_demonstration_says_that_its_clients_do_not_know_them() {
    let path = path("demo");
    let (code, said) = refused(&["demo"], &address(&path));
    assert_eq!((code, path.exists()), (Some(64), false), "{said}");
    assert!(said.contains("know neither unix sockets nor TLS"), "{said}");
}
