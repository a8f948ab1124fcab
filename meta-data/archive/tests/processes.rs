//! One archive under many real processes: killed ones, silent ones, ones whose disk is full or read-only.
//!
//! Each test starts this same binary again with a role in the environment; [`a_process_with_a_role`] plays it.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests; roles answer on standard output")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use heirloom_archive::conformance::{sample_events, sample_header};
use heirloom_archive::{Archive, ArchiveError, RunId, TrialState};
use heirloom_model::{Event, Outcome, Recorder, TrialId};

const ROLE: &str = "HEIRLOOM_TEST_ROLE";

/// The test binary again, as `role`, on the archive at `path`.
fn process(role: &str, path: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["a_process_with_a_role", "--exact", "--nocapture"]);
    command.env(ROLE, role).env("HEIRLOOM_TEST_ARCHIVE", path);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What a process said in lines that begin with `word`.
fn said(child: Child, word: &str) -> Vec<String> {
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text.lines().filter_map(|line| Some(line.strip_prefix(word)?.trim().to_owned())).collect()
}

fn say(text: impl std::fmt::Display) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").unwrap();
    out.flush().unwrap();
}

#[test]
fn a_process_with_a_role() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let path = std::path::PathBuf::from(std::env::var("HEIRLOOM_TEST_ARCHIVE").unwrap());
    match role.as_str() {
        "search" => search_until_killed(&path),
        "own-run" => record_a_run_of_its_own(&path),
        "pull" => pull_trials(&path),
        "slow" => claim_and_report_late(&path),
        "full" => fill_the_disk(&path),
        "read-only" => meet_a_read_only_disk(&path),
        other => panic!("unknown role `{other}`"),
    }
}

#[test]
fn no_acknowledged_trial_is_lost_or_doubled_by_a_hundred_kills() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    let run = {
        let archive = Archive::create(&path).unwrap();
        archive.begin_run(&sample_header("t")).unwrap().0
    };
    let mut random = 88_172_645_463_325_252_u64; // xorshift64's published seed
    let mut acknowledged = BTreeSet::new();
    let mut most = 0;
    for round in 0..100 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let mut child = process("search", &path).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (writes, is_writing) = std::sync::mpsc::channel();
        let reader = std::thread::spawn(move || {
            let numbers = lines.by_ref().map_while(Result::ok);
            let numbers = numbers.filter_map(|line| line.strip_prefix("trial ")?.parse::<u64>().ok());
            numbers.inspect(|_| writes.send(()).unwrap_or_default()).collect::<Vec<_>>()
        });
        // Each fourth is killed while it opens the archive, the others while they write.
        if round % 4 != 0 {
            (0..2).for_each(|_| is_writing.recv_timeout(Duration::from_secs(60)).unwrap());
        }
        let pause = Duration::from_micros(random % 40_000);
        std::thread::sleep(pause);
        child.kill().unwrap();
        child.wait().unwrap();
        for trial in reader.join().unwrap() {
            assert!(acknowledged.insert(trial), "round {round}: trial {trial} was acknowledged twice");
        }
        let archive = Archive::open(&path).unwrap();
        let history = archive.history(run).unwrap();
        let told: Vec<u64> = history
            .iter()
            .filter_map(|event| if let Event::Told { trial } = event { Some(trial.0) } else { None })
            .collect();
        let distinct: BTreeSet<u64> = told.iter().copied().collect();
        assert_eq!(told.len(), distinct.len(), "round {round}: a trial was told twice");
        let lost: Vec<_> = acknowledged.difference(&distinct).collect();
        assert!(lost.is_empty(), "round {round}, killed after {pause:?}: lost {lost:?}");
        assert!(told.len() >= most, "round {round}: the history shrank");
        most = told.len();
        if round % 10 == 9 {
            assert_eq!(archive.check().unwrap(), []);
        }
    }
    assert!(acknowledged.len() > 100, "the kills left time for {} trials only", acknowledged.len());
}

/// Four threads propose, finish and tell trials, each in two durable steps, for ever; says each when it is durable.
fn search_until_killed(path: &Path) {
    let archive = Archive::open(path).unwrap();
    let run = archive.runs().unwrap()[0].id;
    let (_, recorder) = archive.resume_run(run).unwrap();
    let history = archive.history(run).unwrap();
    let first = history
        .iter()
        .filter_map(|event| if let Event::Proposed { trial, .. } = event { Some(trial.0 + 1) } else { None })
        .max();
    let next = AtomicU64::new(first.unwrap_or(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let mut recorder = recorder.clone();
            let next = &next;
            scope.spawn(move || {
                loop {
                    let trial = next.fetch_add(1, Ordering::Relaxed);
                    let events = sample_events(trial);
                    recorder.record(&events[..2]).unwrap();
                    recorder.record(&events[2..]).unwrap();
                    say(format_args!("trial {trial}"));
                }
            });
        }
    });
}

#[test]
fn sixteen_processes_write_to_one_archive() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    let archive = Archive::create(&path).unwrap();
    let children: Vec<Child> = (0..16).map(|_| process("own-run", &path).spawn().unwrap()).collect();
    // Readers see whole transactions all the while.
    for _ in 0..20 {
        for run in archive.runs().unwrap() {
            let mut n_events = 0;
            archive
                .trials(run.id, &mut |trial| {
                    n_events += u64::from(trial.state.is_ended());
                    Ok(())
                })
                .unwrap();
            assert!(n_events >= run.n_trials, "a trial was seen half written");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let slowest: Vec<f64> =
        children.into_iter().map(|child| said(child, "slowest ")[0].parse().unwrap()).collect();
    assert_eq!(archive.runs().unwrap().iter().map(|run| run.n_trials).collect::<Vec<_>>(), [40; 16]);
    assert_eq!(archive.check().unwrap(), []);
    let worst = slowest.iter().copied().fold(0.0, f64::max);
    assert!(worst < 20.0, "a writer waited {worst} s for its turn");
}

/// Forty trials, one transaction each; says how long the slowest took, in seconds.
fn record_a_run_of_its_own(path: &Path) {
    let archive = Archive::open(path).unwrap();
    let (_, mut recorder) = archive.begin_run(&sample_header("t")).unwrap();
    let mut slowest = Duration::ZERO;
    for trial in 0..40 {
        let began = Instant::now();
        recorder.record(&sample_events(trial)).unwrap();
        slowest = slowest.max(began.elapsed());
    }
    say(format_args!("slowest {}", slowest.as_secs_f64()));
}

fn proposed_only(archive: &Archive, n: u64) -> RunId {
    let (run, mut recorder) = archive.begin_run(&sample_header("t")).unwrap();
    for trial in 0..n {
        recorder.record(&sample_events(trial)[..1]).unwrap();
    }
    run
}

fn finished(trial: TrialId, attempt: u32) -> Event {
    Event::Finished { trial, attempt, result: Ok(Outcome::new(vec![0.5], 1.0)), wall_seconds: 1.0 }
}

#[test]
fn sixteen_workers_pull_each_trial_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    let archive = Archive::create(&path).unwrap();
    let run = proposed_only(&archive, 160);
    let children: Vec<Child> = (0..16).map(|_| process("pull", &path).spawn().unwrap()).collect();
    let mut pulled: Vec<u64> = children
        .into_iter()
        .flat_map(|child| said(child, "trial "))
        .map(|trial| trial.parse().unwrap())
        .collect();
    pulled.sort_unstable();
    assert_eq!(pulled, (0..160).collect::<Vec<_>>());
    let attempts = archive.attempts(run).unwrap();
    assert!(attempts.iter().all(|one| one.number == 1 && one.state == TrialState::Completed));
    assert_eq!(archive.check().unwrap(), []);
}

fn pull_trials(path: &Path) {
    let archive = Archive::open(path).unwrap();
    let run = archive.runs().unwrap()[0].id;
    let worker = std::process::id().to_string();
    while let Some(claim) = archive.claim(run, &worker, Duration::from_secs(60)).unwrap() {
        archive.append(run, &[finished(claim.trial, claim.attempt)]).unwrap();
        say(format_args!("trial {}", claim.trial));
    }
}

#[test]
fn a_silent_workers_trial_is_taken_over_and_its_late_report_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    let archive = Archive::create(&path).unwrap();
    let run = proposed_only(&archive, 1);
    let mut child = process("slow", &path).stdin(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let claim = loop {
        assert!(Instant::now() < deadline, "nobody took the trial over");
        std::thread::sleep(Duration::from_millis(20));
        let began = archive.attempts(run).unwrap();
        if began.first().is_some_and(|first| first.worker.as_deref() == Some("slow"))
            && let Some(claim) = archive.claim(run, "quick", Duration::from_secs(60)).unwrap()
        {
            break claim;
        }
    };
    assert_eq!(claim.attempt, 2);
    child.stdin.take().unwrap().write_all(b"go on\n").unwrap();
    let answer = &said(child, "refused ")[0];
    assert!(answer.contains("attempt 2 has taken the trial over"), "{answer}");
    archive.append(run, &[finished(claim.trial, 2)]).unwrap();
    let states: Vec<_> = archive.attempts(run).unwrap().iter().map(|one| one.state).collect();
    assert_eq!(states, [TrialState::Lost, TrialState::Completed]);
}

fn claim_and_report_late(path: &Path) {
    let archive = Archive::open(path).unwrap();
    let run = archive.runs().unwrap()[0].id;
    let claim = archive.claim(run, "slow", Duration::from_millis(200)).unwrap().unwrap();
    std::io::stdin().read_line(&mut String::new()).unwrap();
    let error = archive.append(run, &[finished(claim.trial, claim.attempt)]).unwrap_err();
    say(format_args!("refused {error}"));
}

/// Runs a role where `mount`, a line of shell, was done first in a private view of the file system; `None`, with a
/// visible line, where the system does not let its users have one.
fn in_private_mounts(role: &str, path: &Path, mount: &str) -> Option<Vec<String>> {
    let private = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-ec", script]);
        command.arg("sh").arg(path.parent().unwrap()).arg(std::env::current_exe().unwrap());
        command
    };
    if !private(mount).output().is_ok_and(|output| output.status.success()) {
        say(format_args!("skipped: `unshare` with private mounts is refused here"));
        return None;
    }
    let script = format!("{mount}; exec \"$2\" a_process_with_a_role --exact --nocapture");
    let mut command = private(&script);
    command.env(ROLE, role).env("HEIRLOOM_TEST_ARCHIVE", path).stdout(Stdio::piped()).stderr(Stdio::piped());
    Some(said(command.spawn().unwrap(), "said "))
}

#[test]
fn a_full_disk_costs_no_acknowledged_trial_and_the_run_goes_on_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let mount = "mount -t tmpfs -o size=3m tmpfs \"$1\"";
    if let Some(lines) = in_private_mounts("full", &folder.path().join("a"), mount) {
        assert_eq!(lines, ["went on"]);
    }
}

fn fill_the_disk(path: &Path) {
    let ballast = path.with_file_name("ballast");
    std::fs::write(&ballast, vec![1; 1 << 20]).unwrap();
    let archive = Archive::create(path).unwrap();
    let (run, mut recorder) = archive.begin_run(&sample_header("t")).unwrap();
    let mut kept = 0;
    let error = loop {
        match recorder.record(&sample_events(kept)) {
            Ok(()) => kept += 1,
            Err(error) => break error,
        }
        assert!(kept < 100_000, "the disk does not fill");
    };
    assert!(error.message.contains("no space is left"), "{error}");
    assert_eq!(archive.runs().unwrap()[0].n_trials, kept);
    std::fs::remove_file(ballast).unwrap();
    (kept..kept + 20).for_each(|trial| recorder.record(&sample_events(trial)).unwrap());
    drop((archive, recorder));
    let archive = Archive::open(path).unwrap();
    assert_eq!(archive.history(run).unwrap().len() as u64, 3 * (kept + 20));
    assert_eq!(archive.check().unwrap(), []);
    say("said went on");
}

#[test]
fn a_read_only_disk_can_be_read_and_says_so_when_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    {
        let archive = Archive::create(&path).unwrap();
        let (_, mut recorder) = archive.begin_run(&sample_header("t")).unwrap();
        recorder.record(&sample_events(0)).unwrap();
    }
    let mount = "mount --bind \"$1\" \"$1\"; mount -o remount,bind,ro \"$1\"";
    if let Some(lines) = in_private_mounts("read-only", &path, mount) {
        assert_eq!(lines, ["1 trials, and refused"]);
    }
}

fn meet_a_read_only_disk(path: &Path) {
    let error = Archive::open(path).err().unwrap();
    assert_eq!(error, ArchiveError::ReadOnly { path: path.into() });
    let archive = Archive::open_read_only(path).unwrap();
    let run = &archive.runs().unwrap()[0];
    let refused = archive.append(run.id, &sample_events(1)).unwrap_err();
    assert_eq!(refused, ArchiveError::ReadOnly { path: path.into() });
    assert_eq!(archive.history(run.id).unwrap().len(), 3);
    say(format_args!("said {} trials, and refused", run.n_trials));
}
