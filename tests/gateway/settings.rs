//! The settings from outside: real files, an environment, flags, and what `check` says of them.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use verifik_gateway::app::check::check;
use verifik_gateway::app::cli;
use verifik_gateway::app::cli::Command;
use verifik_gateway::app::ending::Ending;
use verifik_gateway::settings::changes::changes;
use verifik_gateway::settings::load::Loaded;
use verifik_gateway::settings::load::load;
use verifik_gateway::settings::model::Access;
use verifik_gateway::settings::model::Format;
use verifik_gateway::settings::model::Level;
use verifik_gateway::settings::sources::Sources;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Each broken file begins with comment lines that hold the mistakes it gets, to the letter.
#[test]
fn every_broken_file_gets_its_mistakes_all_of_them_and_no_others() {
    let folder = format!("{ROOT}/tests/gateway/broken/");
    let mut files = fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()).collect::<Vec<_>>();
    files.sort();
    assert!(files.len() >= 40, "{}", files.len());
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        let expected = text.lines().map_while(|line| line.strip_prefix("# ")).collect::<Vec<_>>();
        let Ending::Misused(told) = check(&files_only([&path]), []) else { panic!("{path:?}") };
        let told = told.replace(&folder, "");
        let mistakes = told.lines().skip(1).map(str::trim_start).collect::<Vec<_>>();
        assert_eq!(mistakes, expected, "{}", path.display());
        assert!(!told.contains("hunter2"), "{told}");
    }
}

#[test]
fn check_prints_the_defaults() {
    let golden = fs::read_to_string(format!("{ROOT}/tests/gateway/golden/check.txt")).unwrap();
    let golden = golden.replace("VERSION", env!("CARGO_PKG_VERSION"));
    assert_eq!(check(&Sources::default(), []), Ending::Done(golden));
}

#[test]
fn what_check_prints_is_a_settings_file_that_gives_the_same_settings() {
    let token_file = written("a\u{7}ñ", "token\n").display().to_string();
    let token_file = token_file.replace('\u{7}', "\\u0007");
    let odd = r#"
            limit.rate = 2.5
            batch.path = ""
            admin = { address = "unix:/run/\"gate\\way\"", token_file = "TOKEN" }
            lifetimes.open = "1h 30m"
            lifetimes.max = "90m"
            listen.max_connections = 0x10
            [[resources]]
            name = "things"
            kind = "opaque"
            paths = ["/v2/things/{id}"]
        "#;
    let odd = written("odd.toml", &odd.replace("TOKEN", &token_file));
    let empty = written("empty.toml", "resources = []");
    for (case, files) in [
        ("defaults", vec![]),
        ("development", vec![config("development.toml")]),
        ("production", vec![config("production.toml")]),
        ("odd", vec![odd]),
        ("no resources", vec![empty]),
    ] {
        let sources = files_only(&files);
        let Ending::Done(printed) = check(&sources, []) else { panic!("{case}") };
        let again = files_only([written(&format!("{case}.again.toml"), &printed)]);
        assert_eq!(loaded(&again).settings, loaded(&sources).settings, "{case}:\n{printed}");
    }
}

#[test]
fn the_later_source_wins_key_by_key_and_check_says_which() {
    let early =
        written("early.toml", "[log]\nlevel = \"warn\"\nformat = \"json\"\naccess = \"all\"");
    let late = written("late.toml", "[log]\nlevel = \"error\"\nformat = \"text\"");
    let line = [
        "verifik-gateway".into(),
        "check".into(),
        "--log-level=trace".into(),
        "--config".into(),
        early.clone().into_os_string(),
        "--config".into(),
        late.into_os_string(),
    ];
    let Ok(Command::Check(sources)) = cli::parse(line) else { panic!("the line is in order") };
    let environment = || {
        [("LOG__LEVEL", "debug"), ("LOG__FORMAT", "json"), ("LISTEN__ADDRESS", "localhost:0")]
            .map(|(key, value)| (OsString::from(format!("VERIFIK_GATEWAY__{key}")), value.into()))
    };
    let log = load(&sources, environment()).unwrap().settings.log;
    assert_eq!((log.level, log.format, log.access), (Level::Trace, Format::Json, Access::All));
    let Ending::Done(printed) = check(&sources, environment()) else { panic!("all is in order") };
    for expected in [
        "level = \"trace\" # --log-level".to_owned(),
        "format = \"json\" # environment VERIFIK_GATEWAY__LOG__FORMAT".to_owned(),
        format!("access = \"all\" # {}:4", early.display()),
        "max_wait = \"10s\" # default".to_owned(),
    ] {
        let mut lines = printed.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" "));
        assert!(lines.any(|line| line == expected), "{expected}\n{printed}");
    }
}

#[test]
fn a_list_of_resources_replaces_the_default_list() {
    let things = written(
        "things.toml",
        "[[resources]]\nname = \"things\"\nkind = \"opaque\"\npaths = [\"/v2/things/{id}\"]",
    );
    let settings = loaded(&files_only([things])).settings;
    let names = settings.resources.iter().map(|resource| &*resource.name).collect::<Vec<_>>();
    assert_eq!(names, ["things"]);
    assert!(settings.resources.iter().all(|resource| resource.retry && !resource.store_set_cookie));
}

#[test]
fn the_same_sources_can_be_loaded_again_and_give_what_is_in_them_then() {
    let token_file = written("again.token", "one");
    let named = format!("admin.token_file = \"{}\"\n", token_file.display());
    let file = written("again.toml", &named);
    let sources = files_only([&file]);
    let environment = [(OsString::from("VERIFIK_GATEWAY__LOG__LEVEL"), OsString::from("warn"))];
    let first = load(&sources.clone(), environment.clone()).unwrap();
    assert_eq!(first.files(), [file.clone(), token_file.clone()]);
    let again = load(&sources, environment.clone()).unwrap();
    assert_eq!(changes(&first.settings, &again.settings).keys, [""; 0]);
    fs::write(&file, named + "[lifetimes]\nopen = \"5s\"").unwrap();
    let again = load(&sources, environment.clone()).unwrap();
    assert_eq!(changes(&first.settings, &again.settings).keys, ["lifetimes.open"]);
    assert_eq!(again.settings.log.level, Level::Warn);
    fs::write(&token_file, "").unwrap();
    let told = load(&sources, environment).unwrap_err().to_string();
    let expected = format!("{}:1: admin.token_file: the file is empty", file.display());
    assert!(told.contains(&expected), "{told}");
}

#[test]
fn the_examples_are_in_order() {
    let log = loaded(&files_only([config("development.toml")])).settings.log;
    assert_eq!((log.level, log.access), (Level::Debug, Access::All));
    let production = loaded(&files_only([config("production.toml")]));
    assert_eq!(production.settings.log.format, Format::Json);
    assert_eq!(
        loaded(&files_only([config("default.toml")])).settings,
        loaded(&Sources::default()).settings
    );
}

#[test]
fn a_wrong_command_line_and_wrong_settings_end_with_64_and_all_else_with_0() {
    for (line, expected) in [
        ("check", 0),
        ("--help", 0),
        ("--version", 0),
        ("check --listen nowhere", 64),
        ("check --config no/such/file.toml", 64),
        ("--no-such-flag", 64),
    ] {
        let words = ["verifik-gateway"].into_iter().chain(line.split(' ')).map(OsString::from);
        let ending = match cli::parse(words) {
            Ok(Command::Check(sources)) => check(&sources, []),
            Ok(other) => panic!("{line}: {other:?}"),
            Err(ending) => ending,
        };
        assert_eq!(ending.code(), expected, "{line}");
    }
}

fn loaded(sources: &Sources) -> Loaded {
    load(sources, []).unwrap()
}

fn files_only(files: impl IntoIterator<Item = impl AsRef<Path>>) -> Sources {
    let files = files.into_iter().map(|path| path.as_ref().to_owned()).collect();
    Sources { files, flags: Vec::new() }
}

fn config(name: &str) -> PathBuf {
    Path::new(ROOT).join("config").join(name)
}

fn written(name: &str, text: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text).unwrap();
    path
}
