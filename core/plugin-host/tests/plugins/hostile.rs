//! A plugin that attacks: what becomes of each attack, what is said, and that the next trial goes on.

#![cfg(target_os = "linux")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Permissions;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use heirloom_model::{EvaluationRequest, Failure, FailureKind, Limits, Outcome};
use heirloom_plugin_host::{Capability, HostOptions, Isolation, PluginHost, WorkerLimits};
use serde_json::json;

use crate::common::{GO_ON, ask, library, problem, request, told, wait_for};

/// Small limits, so that an attack comes to them soon.
fn small() -> WorkerLimits {
    WorkerLimits {
        memory_bytes: 300_000_000,
        processes: 20,
        open_files: 64,
        scratch_bytes: 5_000_000,
        ..WorkerLimits::default()
    }
}

fn host(limits: WorkerLimits, granted: &[Capability]) -> PluginHost {
    let granted: BTreeSet<_> = granted.iter().copied().collect();
    let granted = BTreeMap::from([("heirloom-hostile".to_owned(), granted)]);
    let options = HostOptions { limits, granted, ..HostOptions::default() };
    PluginHost::open(&[library("heirloom_hostile_plugin")], options)
}

/// A trial that has long enough on a busy machine, but not for ever.
fn limited(trial: u64, seconds: f64) -> EvaluationRequest {
    let limits = Limits { seconds: Some(seconds), memory_bytes: None };
    EvaluationRequest { limits, ..request(trial) }
}

/// What trial 1 comes to, at which `attack` happens; the trials around it are as they should be.
fn strike(host: &PluginHost, attack: &str, target: &str, seconds: f64) -> Result<Outcome, Failure> {
    let options = json!({ "attack": attack, "at": 1, "target": target });
    let estimator = host.estimator("hostile", &options, Isolation::Process, None).unwrap();
    let evaluate = |trial, seconds| estimator.evaluate(&[limited(trial, seconds)], &GO_ON).remove(0);
    assert_eq!(evaluate(0, 60.0).unwrap().objectives, [0.75], "{attack}");
    let struck = evaluate(1, seconds);
    assert_eq!(evaluate(2, 60.0).unwrap().objectives, [0.75], "{attack}");
    struck
}

/// The attack fails, with a kind and with words that say who, what and why.
fn is_contained(attack: &str, target: &str, granted: &[Capability], kind: FailureKind, words: &[&str]) {
    let seconds = if kind == FailureKind::TimedOut { 0.4 } else { 60.0 };
    let failure = strike(&host(small(), granted), attack, target, seconds).unwrap_err();
    assert_eq!(failure.kind, kind, "{attack}: {failure}");
    let who = "estimator `hostile` of plugin `heirloom-hostile` 0.1.0, trial 1: ";
    assert!(failure.message.starts_with(who), "{attack}: {failure}");
    for words in words {
        assert!(failure.message.contains(words), "{attack}: `{words}` is not in: {failure}");
    }
}

const REFUSED: &str = "Operation not permitted";

#[test]
fn processes_and_programs_are_refused_to_a_plugin_without_the_capability() {
    is_contained("fork", "", &[], FailureKind::Crashed, &["fork: ", REFUSED]);
    is_contained("daemon", "", &[], FailureKind::Crashed, &["daemon: ", REFUSED]);
    is_contained("exec", "", &[], FailureKind::Crashed, &["exec: ", REFUSED]);
}

#[test]
fn processes_without_end_are_all_killed() {
    let words = ["processes where 20 are allowed, all of them were killed", "`isolation.processes`"];
    is_contained("fork", "", &[Capability::Processes], FailureKind::Crashed, &words);
}

#[test]
fn a_process_that_leaves_its_parent_group_and_session_ends_with_its_worker() {
    let struck = strike(&host(small(), &[Capability::Processes]), "daemon", "", 60.0).unwrap();
    let process = format!("/proc/{}/stat", struck.metrics["struck"]);
    // The estimator is gone: so must be what it left. A dead one may not have been collected yet.
    wait_for("its end", || !std::fs::read_to_string(&process).is_ok_and(|stat| !stat.contains(") Z ")));
}

/// Run by the next test in a process of its own, which it kills.
#[test]
fn host_of_a_program() {
    let Some(program) = std::env::var_os("HEIRLOOM_TEST_PROGRAM").map(PathBuf::from) else { return };
    let limits = WorkerLimits { readable: vec![program.parent().unwrap().into()], ..small() };
    let options = json!({ "attack": "exec", "at": 0, "target": program });
    let host = host(limits, &[Capability::Processes]);
    let estimator = host.estimator("hostile", &options, Isolation::Process, None).unwrap();
    panic!("the program runs until this process is killed: {:?}", estimator.evaluate(&[request(0)], &GO_ON));
}

#[test]
fn the_program_of_a_worker_ends_with_a_host_that_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("program");
    std::fs::write(&program, "#!/bin/sh\nsleep 60\necho done\n").unwrap();
    std::fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    let mut host = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "hostile::host_of_a_program"])
        .env("HEIRLOOM_TEST_PROGRAM", &program)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let named = program.to_string_lossy();
    let runs = || {
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let mut lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
        lines.any(|line| String::from_utf8_lossy(&line).contains(&*named))
    };
    wait_for("the program", runs);
    host.kill().unwrap();
    host.wait().unwrap();
    wait_for("the program's end", || !runs());
}

#[test]
fn a_program_runs_where_processes_are_granted() {
    let struck = strike(&host(small(), &[Capability::Processes]), "exec", "", 60.0).unwrap();
    assert_eq!(struck.metrics["struck"], 0.0);
}

#[test]
fn the_hosts_environment_is_not_seen_but_for_what_is_passed_on() {
    // Cargo's variables stand for secrets: every test has them.
    assert!(std::env::var_os("CARGO_PKG_NAME").is_some());
    let failure = strike(&host(small(), &[]), "environment", "", 60.0).unwrap_err();
    assert!(!failure.message.contains("CARGO_PKG_NAME"), "{failure}");
    assert!(failure.message.contains("parent's: Permission denied"), "{failure}");
    assert!(failure.message.contains("PATH="), "{failure}");
    assert!(failure.message.contains("OMP_WAIT_POLICY=PASSIVE"), "{failure}");
    let limits = WorkerLimits { environment: vec!["CARGO_PKG_NAME".into()], ..small() };
    let failure = strike(&host(limits, &[]), "environment", "", 60.0).unwrap_err();
    assert!(failure.message.contains("CARGO_PKG_NAME=heirloom-plugin-host"), "{failure}");
}

#[test]
fn the_disk_is_filled_no_further_than_allowed() {
    let full = "it filled its scratch folder beyond the 5 MB that are allowed";
    is_contained("fill-disk", "", &[], FailureKind::Crashed, &[full, "`isolation.scratch_mb`"]);
    let large = "it wrote a file beyond the size that is allowed";
    is_contained("large-file", "", &[], FailureKind::Crashed, &[large, "`isolation.scratch_mb`"]);
    is_contained("hidden-file", "", &[], FailureKind::Crashed, &[large]);
}

#[test]
fn a_worker_is_watched_between_its_calls_and_its_scratch_folder_goes_with_it() {
    let host = host(small(), &[]);
    let options = json!({ "attack": "fill-later", "at": 1 });
    let scratch_folders = || {
        let names = std::fs::read_dir(std::env::temp_dir()).unwrap().flatten().map(|entry| entry.file_name());
        let own = format!("heirloom-scratch-{}-", std::process::id());
        names.filter(|name| name.to_string_lossy().starts_with(&own)).count()
    };
    let before = scratch_folders();
    let mut strategy = host.strategy("hostile", &options, Isolation::Process, &problem()).unwrap();
    assert_eq!(scratch_folders(), before + 1);
    let first = strategy.ask(&ask(0, 2)).unwrap();
    std::thread::sleep(Duration::from_millis(1_000));
    // The worker was ended meanwhile; a new one attacks again when it is asked to, and answers before.
    assert_eq!(strategy.ask(&ask(0, 2)).unwrap(), first);
    drop(strategy);
    assert_eq!(scratch_folders(), before);
}

#[test]
fn memory_is_limited() {
    is_contained("allocate", "", &[], FailureKind::OutOfMemory, &["memory", "`isolation.memory_mb`"]);
}

#[test]
fn open_files_are_limited() {
    is_contained("open-files", "", &[], FailureKind::Crashed, &["files: Too many open files"]);
}

#[test]
fn connections_are_refused_unless_they_are_granted() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = listener.local_addr().unwrap().to_string();
    is_contained("connect", &target, &[], FailureKind::Crashed, &["connect: ", REFUSED]);
    let struck = strike(&host(small(), &[Capability::Network]), "connect", &target, 60.0);
    // Its manifest does not ask for it: a grant alone gives nothing.
    assert!(struck.unwrap_err().message.contains(REFUSED));
}

#[test]
fn files_of_the_user_are_neither_read_nor_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, "secret").unwrap();
    let target = file.to_str().unwrap();
    let denied = "Permission denied";
    is_contained("read", target, &[], FailureKind::Crashed, &["read: ", denied]);
    is_contained("write", target, &[], FailureKind::Crashed, &["write: ", denied]);
    is_contained("write", folder.path().join("new").to_str().unwrap(), &[], FailureKind::Crashed, &[denied]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "secret");
    assert!(!folder.path().join("new").exists());
    let limits = WorkerLimits { readable: vec![folder.path().into()], ..small() };
    assert_eq!(strike(&host(limits, &[]), "read", target, 60.0).unwrap().metrics["struck"], 6.0);
    assert!(
        !Path::new("/etc/shadow").exists() || {
            let failure = strike(&host(small(), &[]), "read", "/etc/shadow", 60.0).unwrap_err();
            failure.message.contains(denied)
        }
    );
}

#[test]
fn the_host_cannot_be_ended_or_hampered() {
    let words = [format!("{REFUSED} (os error 1)").as_str(); 6].join("; ");
    is_contained("kill-host", "", &[], FailureKind::Crashed, &[&words]);
    is_contained("kill-host", "", &[Capability::Processes], FailureKind::Crashed, &[&words]);
}

#[test]
fn a_pair_of_sockets_does_not_lead_out_of_the_worker() {
    let folder = tempfile::tempdir().unwrap();
    let service = folder.path().join("service");
    let listener = UnixDatagram::bind(&service).unwrap();
    listener.set_nonblocking(true).unwrap();
    is_contained("datagram", service.to_str().unwrap(), &[], FailureKind::Crashed, &["send: ", REFUSED]);
    assert!(listener.recv(&mut [0; 8]).is_err());
}

#[test]
fn memory_that_other_programs_share_is_not_attached() {
    // Whether there is one of this number is not even said.
    is_contained("shared-memory", "0", &[], FailureKind::Crashed, &["attach: ", REFUSED]);
}

#[test]
fn files_of_the_user_keep_their_mode_times_and_owner_and_are_not_watched() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kept");
    std::fs::write(&file, "kept").unwrap();
    let before = std::fs::metadata(&file).unwrap();
    let refused = format!("{REFUSED} (os error 1)");
    let words = ["done", "done", "done", &refused, &refused].join("; ");
    is_contained("metadata", file.to_str().unwrap(), &[], FailureKind::Crashed, &[&words]);
    let after = std::fs::metadata(&file).unwrap();
    let seen = |data: &std::fs::Metadata| (data.mode(), data.mtime(), data.ctime_nsec(), data.uid());
    assert_eq!(seen(&after), seen(&before));
    is_contained("watch", folder.path().to_str().unwrap(), &[], FailureKind::Crashed, &["watch: ", REFUSED]);
}

#[test]
fn a_program_that_may_not_be_read_is_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("program");
    std::fs::copy("/bin/true", &program).unwrap();
    let target = program.to_str().unwrap();
    let granted = [Capability::Processes];
    is_contained("exec", target, &granted, FailureKind::Crashed, &["exec: Permission denied"]);
    let limits = WorkerLimits { readable: vec![folder.path().into()], ..small() };
    assert_eq!(strike(&host(limits, &granted), "exec", target, 60.0).unwrap().metrics["struck"], 0.0);
}

#[test]
fn processor_time_is_limited_by_the_call() {
    let limits = WorkerLimits { cpu_seconds: Some(0.3), ..small() };
    let failure = strike(&host(limits, &[]), "compute", "", 60.0).unwrap_err();
    assert_eq!(failure.kind, FailureKind::TimedOut);
    let words = "s of processor time for one call where 0.3 are allowed";
    assert!(failure.message.contains(words) && failure.message.contains("hint: "), "{failure}");
}

#[test]
fn the_line_to_the_host_is_not_trusted() {
    let closed = "its worker process closed its line to the host";
    is_contained("close-socket", "", &[], FailureKind::Crashed, &[closed, "hint: "]);
    let garbage = "its worker process sent what is no frame";
    is_contained("garbage", "", &[], FailureKind::Crashed, &[garbage, "hint: "]);
    is_contained("slow-frame", "", &[], FailureKind::TimedOut, &["no answer for", "hint: "]);
    is_contained("chatter", "", &[], FailureKind::TimedOut, &["no answer for", "hint: "]);
    is_contained("silent", "", &[], FailureKind::TimedOut, &["no answer for", "hint: "]);
}

#[test]
fn an_answer_in_the_hosts_name_is_an_error_and_who_does_not_read_is_not_waited_for() {
    let limits = WorkerLimits { call_seconds: 0.5, ..small() };
    let options = json!({ "attack": "deaf", "at": 1 });
    let host = host(limits, &[]);
    let mut strategy = host.strategy("hostile", &options, Isolation::Process, &problem()).unwrap();
    let error = strategy.ask(&ask(1, 1)).unwrap_err();
    assert!(error.message.contains("heirloom-hostile"), "{error}");
    let observations: Vec<_> = (0..100_000).map(|trial| told(trial, 1.0)).collect();
    let start = Instant::now();
    let error = strategy.tell(&observations).unwrap_err();
    assert!(error.message.contains("no answer for 0.5 s"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_plugin_that_prints_without_end_fills_no_log() {
    // The test's own output is what it would fill: `strike` shows that the run goes on.
    assert_eq!(strike(&host(small(), &[]), "print", "", 60.0).unwrap().metrics["struck"], 1.0);
}
