//! What the process itself gives away: no core dump, and no word of what a panic said (threats.md
//! S2, S3).

use crate::fetch_run::wait_until;
use std::env;
use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::thread;
use tracing::level_filters::LevelFilter;
use verifik_gateway::app::process;
use verifik_gateway::observe::logging::Format;
use verifik_gateway::observe::logging::Log;

const TOKEN: &str = "Bearer panicked-7f3cSECRET";

/// A process that may write cores as far as its parent is concerned, in a directory of its own.
struct Unlimited {
    child: Child,
    place: PathBuf,
}

impl Unlimited {
    fn start(name: &str, arguments: &[&str], core_dumps: Option<&str>) -> Self {
        let place = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("process").join(name);
        let _ = fs::remove_dir_all(&place);
        fs::create_dir_all(&place).unwrap();
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "ulimit -S -c \"$(ulimit -H -c)\"; exec \"$0\" \"$@\""]);
        command.arg(env!("CARGO_BIN_EXE_verifik-gateway")).args(arguments).env_clear();
        command.env("VERIFIK_TOKEN", TOKEN);
        command.envs(core_dumps.map(|value| ("VERIFIK_GATEWAY__LIFECYCLE__CORE_DUMPS", value)));
        command.current_dir(&place);
        // One that reads its standard input waits there: nothing comes, nor an end.
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        Self { child: command.spawn().unwrap(), place }
    }

    /// Waits until it says this on standard error.
    fn says(&mut self, what: &str) {
        let stderr = self.child.stderr.as_mut().unwrap();
        let mut lines = BufReader::new(stderr).lines().map(Result::unwrap);
        assert!(lines.any(|line| line.contains(what)), "it has ended");
    }

    /// How long a core may be: now, and at most.
    fn limit(&self) -> (String, String) {
        let limits = fs::read_to_string(format!("/proc/{}/limits", self.child.id())).unwrap();
        let limits = limits.lines().find_map(|line| line.strip_prefix("Max core file size"));
        let mut limits = limits.unwrap().split_whitespace().map(str::to_owned);
        (limits.next().unwrap(), limits.next().unwrap())
    }

    /// Ends it as a crash would: whether it died of that, whether the system says that it wrote a
    /// core, and what lies in its directory.
    fn crash(&mut self) -> (bool, bool, usize) {
        let id = self.child.id().to_string();
        let sent = Command::new("/bin/sh").args(["-c", "kill -ABRT \"$0\"", &id]).status();
        assert!(sent.unwrap().success());
        let status = self.child.wait().unwrap();
        let left = fs::read_dir(&self.place).unwrap().count();
        (status.signal() == Some(SIGABRT), status.core_dumped(), left)
    }
}

impl Drop for Unlimited {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.place);
    }
}

const SIGABRT: i32 = 6;

#[cfg(target_os = "linux")]
#[test]
fn a_crash_leaves_no_core() {
    for (name, arguments) in [
        ("serve", &["--listen", "127.0.0.1:0"][..]),
        ("demo", &["demo", "--listen", "127.0.0.1:0"]),
        ("fetch", &["fetch", "-", "--gateway", "http://127.0.0.1:9"]),
    ] {
        let mut process = Unlimited::start(name, arguments, None);
        wait_until(|| process.limit() == ("0".to_owned(), "0".to_owned()));
        assert_eq!(process.crash(), (true, false, 0), "{name}");
    }
}

/// Without a limit of zero: before the settings are read there is none yet.
#[cfg(target_os = "linux")]
#[test]
fn a_process_that_is_not_dumpable_leaves_no_core_without_a_limit_either() {
    let arguments = ["demo", "--upstream-only", "127.0.0.1:0"];
    let mut process = Unlimited::start("stand-in", &arguments, None);
    process.says("listening on");
    let (now, most) = process.limit();
    assert_eq!(now, most, "the shell has not raised it");
    assert_eq!(process.crash(), (true, false, 0));
}

#[cfg(target_os = "linux")]
#[test]
fn who_wants_a_core_can_have_one_and_is_warned() {
    let mut process = Unlimited::start("wanted", &["--listen", "127.0.0.1:0"], Some("true"));
    process.says("a core dump holds tokens and tickets in the clear");
    let (now, most) = process.limit();
    assert_eq!(now, most);
    let (aborted, dumped, left) = process.crash();
    assert!(aborted);
    // Where the system hands cores to a program, or writes none at all, there is none to be seen.
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap();
    if most != "0" && !pattern.contains(['|', '/']) {
        assert_eq!((dumped, left), (true, 1), "{pattern}");
    }
}

const PANICS: &str = "process::panics_as_another_process_of_a_test";

#[test]
#[ignore = "panics on purpose, and hushes panics: run by the test below as another process"]
fn panics_as_another_process_of_a_test() {
    let panic_with_a_token = || {
        let panicked = thread::spawn(|| panic!("what was sent: {TOKEN}"));
        assert!(panicked.join().is_err());
    };
    process::hush_panics();
    panic_with_a_token();
    let log = Log::open(Format::Json, LevelFilter::ERROR).unwrap();
    panic_with_a_token();
    drop(log);
}

#[test]
fn a_panic_tells_where_it_was_and_not_what_it_said() {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", PANICS, "--ignored", "--nocapture"]).env("RUST_BACKTRACE", "1");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(!said.contains("7f3cSECRET") && !said.contains("what was sent"), "{said}");
    let here = file!();
    assert!(said.contains(&format!("verifik-gateway: a panic at {here}:")), "{said}");
    let logged = said.lines().find(|line| line.starts_with('{')).expect(&said);
    let logged: serde_json::Value = serde_json::from_str(logged).unwrap();
    assert_eq!(logged["message"], "a panic, which is a defect of the gateway", "{said}");
    assert_eq!((&logged["level"], &logged["file"]), (&"ERROR".into(), &here.into()), "{said}");
    assert!(logged["line"].is_number(), "{said}");
}
