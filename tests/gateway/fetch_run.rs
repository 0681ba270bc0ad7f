//! `fetch` while it runs, as a process of its own.

use std::fs;
use std::io::Read;
use std::io::Write;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::thread;
use std::time::Duration;
use std::time::Instant;

/// What must not be seen anywhere.
pub const TOKEN: &str = "eyJhbGciOiJIUzI1NiJ9.c2VjcmV0.c2ln";

/// The command while it runs. It is killed when dropped.
pub struct Run {
    pub child: Child,
}

/// How it ended.
pub struct Ran {
    pub code: i32,
    /// On standard output.
    pub said: String,
    /// On standard error. Never the token: that is seen to here.
    pub told: String,
}

/// Begins to fetch, with the ids on standard input and the token in the environment.
pub fn fetch(ids: &str, arguments: &[&str], token: Option<&str>) -> Run {
    begin(Command::new(PROGRAM).env_clear().arg("fetch").args(arguments), ids, token)
}

/// The same with variables besides.
pub fn fetch_with(ids: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Run {
    let mut command = Command::new(PROGRAM);
    command.env_clear().envs(variables.iter().copied());
    begin(command.arg("fetch").args(arguments), ids, Some(TOKEN))
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_verifik-gateway");

/// The same where no file grows longer than two kilobytes, as if the disk were full.
pub fn fetch_cramped(ids: &str, arguments: &[&str], token: Option<&str>) -> Run {
    let limited = "trap '' XFSZ; ulimit -f 2; exec \"$0\" fetch \"$@\"";
    let mut command = Command::new("/bin/sh");
    begin(command.env_clear().args(["-c", limited, PROGRAM]).args(arguments), ids, token)
}

fn begin(command: &mut Command, ids: &str, token: Option<&str>) -> Run {
    command.envs(token.map(|token| ("VERIFIK_TOKEN", token)));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // One that does not like its arguments does not read.
    let _ = child.stdin.take().unwrap().write_all(ids.as_bytes());
    Run { child }
}

impl Run {
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let kill = "kill -\"$0\" \"$1\"";
        assert!(Command::new("sh").args(["-c", kill, name, &id]).status().unwrap().success());
    }

    pub fn ended(mut self) -> Ran {
        let (out, err) = (self.child.stdout.take(), self.child.stderr.take().unwrap());
        let said = thread::spawn(move || out.map_or_else(String::new, text));
        let told = thread::spawn(move || text(err));
        let code = self.exit_code();
        let (said, told) = (said.join().unwrap(), told.join().unwrap());
        assert!(!told.contains(TOKEN) && !said.contains(TOKEN), "{told}{said}");
        Ran { code, said, told }
    }

    /// Without reading what it says.
    pub fn ended_unread(mut self) -> (i32, String) {
        let code = self.exit_code();
        (code, text(self.child.stderr.take().unwrap()))
    }

    fn exit_code(&mut self) -> i32 {
        let mut code = None;
        wait_until(|| {
            code = self.child.try_wait().unwrap();
            code.is_some()
        });
        code.unwrap().code().unwrap()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn text(mut source: impl Read) -> String {
    let mut text = String::new();
    source.read_to_string(&mut text).unwrap();
    text
}

pub fn wait_until(mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "it does not come to pass");
        thread::sleep(Duration::from_millis(5));
    }
}

const PATIENCE: Duration = Duration::from_mins(1);

/// An empty directory of this test's own.
pub fn place(name: &str) -> PathBuf {
    let place = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("fetch").join(name);
    let _ = fs::remove_dir_all(&place);
    fs::create_dir_all(&place).unwrap();
    place
}
