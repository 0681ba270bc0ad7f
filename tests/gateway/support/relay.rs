//! A proxy on a real socket, with a thread for each connection: it makes tunnels, or does something
//! else when it is asked for one.

use std::io::Read;
use std::io::Write;
use std::net::Shutdown;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::thread;

/// What it does about a request for a tunnel.
#[derive(Clone, Copy, Debug)]
pub enum Does {
    /// Makes it.
    Tunnels,
    /// Says exactly this, and closes the connection.
    Says(&'static [u8]),
    /// Says exactly this, and nothing more.
    SaysAndHangs(&'static [u8]),
}

/// The proxy.
pub struct Relay {
    pub address: SocketAddr,
    heard: Arc<Mutex<Heard>>,
}

#[derive(Default)]
struct Heard {
    /// What it was asked, up to the empty line.
    heads: Vec<String>,
    /// What clients sent through its tunnels, or after they were refused.
    beyond: Vec<u8>,
}

impl Relay {
    pub fn open(does: Does) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Heard::default()));
        let shared = Arc::clone(&heard);
        thread::spawn(move || {
            for socket in listener.incoming() {
                let (socket, heard) = (socket.unwrap(), Arc::clone(&shared));
                thread::spawn(move || serve(does, socket, &heard));
            }
        });
        Self { address, heard }
    }

    /// As `HTTPS_PROXY` has it, with this before the host.
    pub fn url(&self, user: &str) -> String {
        format!("http://{user}{}", self.address)
    }

    /// What it was asked.
    pub fn heads(&self) -> Vec<String> {
        self.heard.lock().unwrap().heads.clone()
    }

    /// What it could read of what is not for it.
    pub fn beyond(&self) -> String {
        String::from_utf8_lossy(&self.heard.lock().unwrap().beyond).into_owned()
    }
}

fn serve(does: Does, mut client: TcpStream, heard: &Mutex<Heard>) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut octet = [0];
        if client.read_exact(&mut octet).is_err() {
            return;
        }
        request.extend(octet);
    }
    let request = String::from_utf8(request).unwrap();
    let target = request.split(' ').nth(1).unwrap().to_owned();
    heard.lock().unwrap().heads.push(request);
    match does {
        Does::Tunnels => tunnel(client, &target, heard),
        Does::Says(words) => client.write_all(words).unwrap(),
        Does::SaysAndHangs(words) => {
            client.write_all(words).unwrap();
            pass(&client, None, heard);
        }
    }
}

fn tunnel(mut client: TcpStream, target: &str, heard: &Mutex<Heard>) {
    let upstream = TcpStream::connect(target).unwrap();
    client.write_all(b"HTTP/1.1 200 Connection established\r\nVia: 1.1 relay\r\n\r\n").unwrap();
    let (mut from, mut to) = (upstream.try_clone().unwrap(), client.try_clone().unwrap());
    thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    pass(&client, Some(&upstream), heard);
    let _ = upstream.shutdown(Shutdown::Write);
}

/// Listens along until the client leaves.
fn pass(mut client: &TcpStream, mut upstream: Option<&TcpStream>, heard: &Mutex<Heard>) {
    let mut part = [0; 4096];
    while let Ok(length @ 1..) = client.read(&mut part) {
        heard.lock().unwrap().beyond.extend_from_slice(&part[..length]);
        if upstream.as_mut().is_some_and(|upstream| upstream.write_all(&part[..length]).is_err()) {
            return;
        }
    }
}
