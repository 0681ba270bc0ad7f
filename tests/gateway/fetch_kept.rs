//! What `fetch` keeps, and how it goes on with it after it was ended in whatever way.

use crate::fetch_run::TOKEN;
use crate::fetch_run::fetch_cramped;
use crate::fetch_run::place;
use crate::fetch_run::wait_until;
use crate::fetch_scripted::Say;
use crate::fetch_scripted::Scripted;
use crate::fetch_scripted::ids_in;
use crate::fetch_scripted::line;
use crate::fetch_scripted::not_found;
use crate::fetch_scripted::ticket;
use std::collections::BTreeSet;
use std::fs;
use std::fs::File;
use std::io::Read;
use std::process::Command;

#[test]
fn a_file_is_gone_on_with_where_it_was_torn() {
    let gateway = Scripted::open(|_, ids| Say::all(ids));
    let place = place("torn");
    let file = place.join("tickets.ndjson").to_str().unwrap().to_owned();
    let whole = line(0, "a", 200, "hit", &ticket("a")) + &not_found(1, "missing_1");
    fs::write(&file, format!("{whole}{{\"index\":2,\"id\":\"c\",\"stat")).unwrap();
    let ids = "a\nmissing_1\nc\nd";
    let ran = gateway.fetch(ids, &["--output", &file, "--resume"]).ended();
    assert_eq!((ran.code, ran.said.as_str()), (2, ""), "{}", ran.told);
    assert!(
        ran.told.contains("4 asked, 3 found, 1 not found (2 of them in earlier runs), 0 failed")
    );
    assert_eq!(gateway.asked(), [["c", "d"]]);
    let expected =
        [line(3, "d", 200, "miss", &ticket("d")), line(2, "c", 200, "miss", &ticket("c"))];
    assert_eq!(fs::read_to_string(&file).unwrap(), whole + &expected.concat());
    // Nothing is left to be asked for.
    let ran = gateway.fetch(ids, &["--output", &file, "--resume"]).ended();
    assert_eq!((ran.code, gateway.asked().len()), (2, 1), "{}", ran.told);
}

#[test]
fn a_directory_has_a_file_for_each_ticket() {
    let gateway = Scripted::open(|_, ids| Say::all(ids));
    let place = place("files");
    let path = place.join("of/tickets");
    let directory = path.to_str().unwrap();
    let ran = gateway.fetch("a\nmissing_1\nb", &["--dir", directory]).ended();
    assert_eq!((ran.code, ran.said.as_str()), (2, ""), "{}", ran.told);
    let read = |name: &str| fs::read_to_string(path.join(name)).unwrap();
    assert_eq!(read("a.json"), ticket("a") + "\n");
    assert_eq!(read("not-found.ndjson"), not_found(1, "missing_1"));
    // A file of no length counts for nothing, nor does what was never finished.
    fs::write(path.join("b.json"), "").unwrap();
    fs::write(path.join(".part"), "{").unwrap();
    let ran = gateway.fetch("a\nmissing_1\nb\nc", &["--dir", directory, "--resume"]).ended();
    assert_eq!(ran.code, 2, "{}", ran.told);
    assert_eq!(gateway.asked()[1], ["b", "c"]);
    assert_eq!(read("b.json"), ticket("b") + "\n");
    let names = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name());
    let names: BTreeSet<_> = names.map(|name| name.into_string().unwrap()).collect();
    let expected = ["a.json", "b.json", "c.json", "not-found.ndjson"].map(str::to_owned);
    assert_eq!(names, BTreeSet::from(expected));
}

#[test]
fn what_had_nothing_to_keep_is_begun_again() {
    let gateway = Scripted::open(|call, ids| match call {
        0 | 1 => Say::Raw("HTTP/1.1 400 Bad\r\ncontent-length: 0\r\n\r\n".to_owned()),
        _ => Say::all(ids),
    });
    let place = place("begun");
    let (file, directory) = (place.join("tickets.ndjson"), place.join("tickets"));
    let places = [["--output", file.to_str().unwrap()], ["--dir", directory.to_str().unwrap()]];
    for code in [1, 0] {
        for place in &places {
            let ran = gateway.fetch("a\nb", place).ended();
            assert_eq!(ran.code, code, "{place:?}: {}", ran.told);
        }
    }
}

#[test]
fn an_interrupted_run_leaves_whole_lines_and_is_gone_on_with() {
    for signal in ["INT", "TERM"] {
        let gateway = Scripted::open(|call, ids| match call {
            0 => Say::Hold(Say::answers(&ids[..3])),
            _ => Say::all(ids),
        });
        let file = place(signal).join("tickets.ndjson");
        let kept = || fs::read_to_string(&file).unwrap_or_default();
        let (ids, output) = ("a\nb\nc\nd\ne", ["--output", file.to_str().unwrap()]);
        let run = gateway.fetch(ids, &output);
        wait_until(|| kept().lines().count() == 3);
        run.signal(signal);
        let ran = run.ended();
        assert_eq!((ran.code, ids_in(&kept())), (1, "a b c".into()), "{}", ran.told);
        assert!(ran.told.contains("3 found, 0 not found, 0 failed, 2 left, "), "{}", ran.told);
        let expected = "interrupted by a signal\nTo go on, run the same command with --resume.\n";
        assert!(ran.told.ends_with(expected), "{}", ran.told);
        let ran = gateway.fetch(ids, &[&output[..], &["--resume"]].concat()).ended();
        assert_eq!((ran.code, ids_in(&kept())), (0, "a b c d e".into()));
        assert_eq!(gateway.asked()[1], ["d", "e"]);
    }
}

/// Its reader has stopped reading, so the first signal alone cannot end it with whole lines.
#[test]
fn a_second_signal_ends_it_at_once() {
    let gateway = Scripted::open(|_, ids| {
        let body = format!(r#"{{"data":{{"_id":"a","x":"{}"}}}}"#, "x".repeat(1 << 20));
        Say::Hold(vec![line(0, &ids[0], 200, "hit", &body)])
    });
    let mut run = gateway.fetch("a\nb", &[]);
    // It writes: from here on the pipe fills, and nobody empties it.
    let mut first = [0; 1];
    run.child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    run.signal("INT");
    wait_until(|| gateway.hung_up());
    run.signal("INT");
    let (code, told) = run.ended_unread();
    assert_eq!(code, 1, "{told}");
    assert!(told.contains("cut off by a second signal"), "{told}");
}

#[test]
fn two_runs_do_not_write_to_one_file() {
    let gateway = Scripted::open(|_, ids| Say::Hold(Say::answers(&ids[..1])));
    let file = place("two").join("tickets.ndjson");
    let output = ["--output", file.to_str().unwrap(), "--resume"];
    let run = gateway.fetch("a\nb", &output);
    wait_until(|| !gateway.asked().is_empty());
    let ran = gateway.fetch("a\nb", &output).ended();
    assert_eq!(ran.code, 64, "{}", ran.told);
    assert!(ran.told.contains("is being written to by another run"), "{}", ran.told);
    run.signal("INT");
    assert_eq!(run.ended().code, 1);
}

#[test]
fn what_cannot_be_written_ends_the_run() {
    let gateway = Scripted::open(|_, ids| Say::all(ids));
    let ran = gateway.fetch("a\nb", &["--output", "/dev/full"]).ended();
    assert_eq!(ran.code, 1, "{}", ran.told);
    assert!(ran.told.contains("\n/dev/full: No space left on device"), "{}", ran.told);
    let mut run = gateway.fetch("a\nb", &[]);
    drop(run.child.stdout.take());
    let ran = run.ended();
    assert_eq!(ran.code, 1, "{}", ran.told);
    assert!(ran.told.contains("\nstandard output: Broken pipe"), "{}", ran.told);
}

/// As with `--output >(head -1)`: a pipe that the run could itself read from would never break.
#[test]
fn a_pipe_that_nobody_reads_any_more_ends_the_run() {
    let gateway = Scripted::open(|_, ids| {
        let body = format!(r#"{{"data":{{"_id":"a","x":"{}"}}}}"#, "x".repeat(1 << 20));
        Say::Hold(vec![line(0, &ids[0], 200, "hit", &body), not_found(1, &ids[1])])
    });
    let pipe = place("pipe").join("tickets").to_str().unwrap().to_owned();
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let run = gateway.fetch("a\nb\nc", &["--output", &pipe]);
    File::open(&pipe).unwrap().read_exact(&mut [0; 1]).unwrap();
    let ran = run.ended();
    assert_eq!(ran.code, 1, "{}", ran.told);
    assert!(ran.told.contains("tickets: Broken pipe"), "{}", ran.told);
}

#[test]
fn a_disk_that_is_full_leaves_whole_lines() {
    let gateway = Scripted::open(|_, ids| Say::all(ids));
    let file = place("cramped").join("tickets.ndjson").to_str().unwrap().to_owned();
    let list = (0..100).map(|number| format!("t{number}")).collect::<Vec<_>>().join("\n");
    let url = gateway.url();
    let arguments = ["-", "--gateway", &url, "--output", &file];
    let ran = fetch_cramped(&list, &arguments, Some(TOKEN)).ended();
    assert_eq!(ran.code, 1, "{}", ran.told);
    assert!(ran.told.contains("tickets.ndjson: File too large"), "{}", ran.told);
    let kept = fs::read_to_string(&file).unwrap();
    assert!(kept.ends_with("}}}\n"), "{kept}");
    let ran = gateway.fetch(&list, &["--output", &file, "--resume"]).ended();
    assert_eq!(ran.code, 0, "{}", ran.told);
    assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 100);
}
