//! Programs that behave, and programs that do not.
#![allow(clippy::unwrap_used, reason = "tests end where something is wrong")]

mod common;

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::{estimator_of, options, requests};
use heirloom_estimator_command::{FidelityOptions, Options};
use heirloom_plugin::{
    CurvePoint, EvaluationRequest, Failure, FailureKind, Limits, Outcome, PluginOptions, Reporter, TrialId,
    Verdict, json,
};

/// Answers every point with one verdict, and can be cancelled.
struct Host {
    verdict: Verdict,
    cancelled: AtomicBool,
    steps: Mutex<Vec<f64>>,
}

impl Host {
    fn new(verdict: Verdict) -> Self {
        Self { verdict, cancelled: AtomicBool::new(false), steps: Mutex::new(Vec::new()) }
    }
}

impl Reporter for Host {
    fn report(&self, _trial: TrialId, point: &CurvePoint) -> Verdict {
        self.steps.lock().unwrap().push(point.step);
        self.verdict
    }

    fn cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

fn run_with(options: Options, request: EvaluationRequest, host: &Host) -> Result<Outcome, Failure> {
    estimator_of(options).unwrap().evaluate(&[request], host).remove(0)
}

fn shell(script: &str) -> Result<Outcome, Failure> {
    run_with(options(&["sh", "-c", script]), requests(1).remove(0), &Host::new(Verdict::Continue))
}

fn limited(script: &str, limits: Limits) -> Failure {
    let request = EvaluationRequest { limits, ..requests(1).remove(0) };
    run_with(options(&["sh", "-c", script]), request, &Host::new(Verdict::Continue)).unwrap_err()
}

/// Whether a process that runs `sleep` for exactly this long is alive.
fn sleeper_is_alive(seconds: &str) -> bool {
    let is_it = |path: &Path| {
        std::fs::read(path.join("cmdline")).is_ok_and(|line| line == format!("sleep\0{seconds}\0").as_bytes())
    };
    // A killed process needs a moment to go.
    std::thread::sleep(Duration::from_millis(50));
    std::fs::read_dir("/proc").unwrap().flatten().any(|entry| is_it(&entry.path()))
}

#[test]
fn the_configuration_comes_on_standard_input_and_in_a_file_without_inactive_parameters() {
    let script = r#"
        test "$(cat)" = '{"lr":0.25,"optimizer":"adam"}' || exit 3
        test "$(cat "$1")" = '{"lr":0.25,"optimizer":"adam"}' || exit 4
        echo '{"acc": 0.9, "loss": 1, "size": 7}'"#;
    let options = options(&["sh", "-c", script, "sh", "{configuration}"]);
    let outcome = run_with(options, requests(1).remove(0), &Host::new(Verdict::Continue)).unwrap();
    assert_eq!(outcome.objectives, [-0.9, 1.0]);
    assert_eq!(outcome.metrics["size"], 7.0);
    assert!(outcome.curve.is_empty() && !outcome.stopped && outcome.cost_seconds > 0.0);
}

#[test]
fn the_environment_tells_trial_attempt_seed_threads_fidelity_and_limits() {
    let request = EvaluationRequest {
        trial: TrialId(12),
        attempt: 2,
        parent: Some(TrialId(5)),
        limits: Limits { seconds: Some(30.0), memory_bytes: None },
        folder: Some("/runs/1".into()),
        ..requests(1).remove(0)
    };
    let seed = request.seed.as_u64();
    let script = format!(
        r#"test "$HEIRLOOM_TRIAL $HEIRLOOM_ATTEMPT $HEIRLOOM_SEED $HEIRLOOM_THREADS" = "12 2 {seed} 2" || exit 3
        test "$HEIRLOOM_FIDELITY_EPOCHS $HEIRLOOM_LIMIT_SECONDS $HEIRLOOM_PARENT" = "3 30 5" || exit 4
        test -z "${{HEIRLOOM_LIMIT_MEMORY_BYTES+x}}${{HEIRLOOM_CONTINUES+x}}" || exit 5
        test "$HEIRLOOM_FILES" = /runs/1 || exit 6
        echo '{{"acc": 1, "loss": 1}}'"#
    );
    run_with(options(&["sh", "-c", &script]), request, &Host::new(Verdict::Continue)).unwrap();
}

#[test]
fn a_shell_can_read_the_variable_of_every_fidelity() {
    let mut options =
        options(&["sh", "-c", r#"echo "{\"acc\": $HEIRLOOM_FIDELITY_DATA_FRACTION, \"loss\": 1}""#]);
    options.fidelities[0].name = "data-fraction".into();
    let outcome = run_with(options, requests(1).remove(0), &Host::new(Verdict::Continue)).unwrap();
    assert_eq!(outcome.objectives, [-3.0, 1.0]);
}

#[test]
fn a_curve_is_reported_while_the_program_runs() {
    let script =
        r#"for step in 1 2 3; do echo "{\"step\": $step, \"acc\": 0.$step, \"loss\": 1}"; sleep 0.05; done"#;
    let host = Host::new(Verdict::Continue);
    let outcome = run_with(options(&["sh", "-c", script]), requests(1).remove(0), &host).unwrap();
    assert_eq!(*host.steps.lock().unwrap(), [1.0, 2.0, 3.0]);
    assert_eq!(outcome.objectives, [-0.3, 1.0]);
    let times: Vec<f64> = outcome.curve.iter().map(|point| point.cost_seconds).collect();
    assert!(times[1] - times[0] > 0.03 && times[2] - times[1] > 0.03, "points came at {times:?}");
}

#[test]
fn a_verdict_of_stop_ends_a_program_that_ignores_the_signal_and_its_children() {
    let script =
        r#"trap '' TERM; sleep 61.25 & echo '{"step": 1, "acc": 0.5, "loss": 1}'; sleep 61.25; wait"#;
    let started = Instant::now();
    let outcome =
        run_with(options(&["sh", "-c", script]), requests(1).remove(0), &Host::new(Verdict::Stop)).unwrap();
    assert!(outcome.stopped);
    assert_eq!((outcome.objectives.as_slice(), outcome.curve.len()), ([-0.5, 1.0].as_slice(), 1));
    assert!(started.elapsed() < Duration::from_secs(10));
    assert!(!sleeper_is_alive("61.25"));
}

#[test]
fn a_program_can_put_its_things_in_order_when_it_is_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let note = folder.path().join("note");
    let script = format!(
        r#"trap 'echo saved > {}; exit 0' TERM; echo '{{"step": 1, "acc": 0.5, "loss": 1}}'; while :; do sleep 0.01; done"#,
        note.display()
    );
    let stopped =
        run_with(options(&["sh", "-c", &script]), requests(1).remove(0), &Host::new(Verdict::Pause)).unwrap();
    assert!(stopped.stopped);
    assert_eq!(std::fs::read_to_string(note).unwrap(), "saved\n");
}

#[test]
fn the_time_limit_kills_the_whole_group() {
    let started = Instant::now();
    let failure = limited("sleep 62.5 & sleep 62.5", Limits { seconds: Some(0.3), memory_bytes: None });
    assert_eq!(failure.kind, FailureKind::TimedOut);
    assert!(failure.cost_seconds >= 0.3 && started.elapsed() < Duration::from_secs(10), "{failure:?}");
    assert!(!sleeper_is_alive("62.5"));
}

#[test]
fn the_memory_limit_counts_children() {
    let script = r#"python3 -c 'import time; held = bytearray(300_000_000); time.sleep(60)' & wait"#;
    let failure = limited(script, Limits { seconds: Some(30.0), memory_bytes: Some(150_000_000) });
    assert_eq!(failure.kind, FailureKind::OutOfMemory, "{failure}");
    assert!(failure.message.contains("more than 150000000"), "{failure}");
}

#[test]
fn cancelling_ends_the_program_and_leaves_the_trial_pending() {
    let host = Host::new(Verdict::Continue);
    let failure = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(200));
            host.cancelled.store(true, Ordering::Relaxed);
        });
        run_with(options(&["sh", "-c", "sleep 63.75"]), requests(1).remove(0), &host).unwrap_err()
    });
    assert_eq!(failure.kind, FailureKind::Cancelled);
    assert!(!sleeper_is_alive("63.75"));
}

/// A run that is cancelled is not waited for: what would then still be at work nobody could end.
#[test]
fn a_long_grace_ends_with_the_run_whether_the_program_was_stopped_before_or_not() {
    for (verdict, seconds) in [(Verdict::Continue, "66.25"), (Verdict::Stop, "66.75")] {
        let script = format!(
            r#"trap '' TERM; sleep {seconds} & echo '{{"step": 1, "acc": 1, "loss": 1}}'; sleep {seconds}; wait"#
        );
        let options = Options { grace_seconds: 60.0, ..options(&["sh", "-c", &script]) };
        let host = Host::new(verdict);
        let started = Instant::now();
        let result = std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(200));
                host.cancelled.store(true, Ordering::Relaxed);
            });
            run_with(options, requests(1).remove(0), &host)
        });
        match verdict {
            Verdict::Continue => assert_eq!(result.unwrap_err().kind, FailureKind::Cancelled),
            _ => assert!(result.unwrap().stopped),
        }
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
        assert!(!sleeper_is_alive(seconds));
    }
}

#[test]
fn a_stopped_program_that_prints_much_can_still_put_its_things_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let note = folder.path().join("note");
    let script = format!(
        r#"trap 'yes | head -n 200000; echo saved > {}; exit 0' TERM
        echo '{{"step": 1, "acc": 0.5, "loss": 1}}'; while :; do sleep 0.01; done"#,
        note.display()
    );
    let options = Options { grace_seconds: 30.0, ..options(&["sh", "-c", &script]) };
    let stopped = run_with(options, requests(1).remove(0), &Host::new(Verdict::Stop)).unwrap();
    assert!(stopped.stopped);
    assert_eq!(std::fs::read_to_string(note).unwrap(), "saved\n");
}

#[test]
fn failures_say_what_the_program_did() {
    let check = |script: &str, kind: FailureKind, expected: &str| {
        let failure = shell(script).unwrap_err();
        assert_eq!(failure.kind, kind, "{failure}");
        assert!(failure.message.contains(expected), "{failure}");
    };
    use FailureKind::{Crashed, Diverged};
    check(
        "echo first >&2; echo no GPU here >&2; exit 7",
        Crashed,
        "ended with code 7; its last errors:\nfirst\nno GPU here",
    );
    check("true", Crashed, "ended without a measurement; hint: print one JSON object a line");
    check("kill -SEGV $$", Crashed, "was ended by signal 11");
    check("kill -KILL $$", Crashed, "as by a system out of memory");
    check(
        "echo 'epoch 1'; sleep 64.5",
        Crashed,
        "line 1 of the program's output, `epoch 1`, is no JSON object",
    );
    check(
        r#"echo; echo '{"acc": 1}'"#,
        Crashed,
        r#"line 2 of the program's output, `{"acc": 1}`, has no `loss`"#,
    );
    check(r#"echo '{"acc": NaN, "loss": 1}'"#, Diverged, "`acc` is not finite in line 1");
    check(
        r#"for step in 1 1; do echo "{\"step\": $step, \"acc\": 1, \"loss\": 1}"; done"#,
        Crashed,
        "step 1 was printed after step 1",
    );
    check(r#"echo '{"acc": 1, "loss": 1}'; exit 1"#, Crashed, "ended with code 1");
    check(
        "echo; cat /dev/zero",
        Crashed,
        "line 2 of the program's output is longer than 1000000 bytes; hint: print one object a line",
    );
    assert!(!sleeper_is_alive("64.5"));
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let host = Host::new(Verdict::Continue);
    let failure = run_with(options(&["no-such-program"]), requests(1).remove(0), &host).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Crashed);
    assert!(failure.message.starts_with("`no-such-program` does not start: "), "{failure}");
    assert_eq!(failure.cost_seconds, 0.0, "the engine ends runs in which trials only fail at no cost");
}

#[test]
fn a_child_left_in_the_background_neither_delays_the_result_nor_survives() {
    let started = Instant::now();
    let outcome = shell(r#"sleep 65.25 & echo '{"acc": 1, "loss": 1}'"#).unwrap();
    assert_eq!(outcome.objectives, [-1.0, 1.0]);
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(!sleeper_is_alive("65.25"));
}

#[test]
fn more_output_and_input_than_a_pipe_holds_is_no_trouble() {
    let script = r#"i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo "{\"step\": $i, \"acc\": 1, \"loss\": 1, \"note\": \"0123456789012345678901234567890123456789\"}"; done
        head -c 300000 /dev/zero | tr '\0' 'x' >&2"#;
    assert_eq!(shell(script).unwrap().curve.len(), 3_000);
}

#[test]
fn options_that_no_run_could_keep_are_refused() {
    let refused = |change: &dyn Fn(&mut Options), words: &str| {
        let mut options = options(&["true"]);
        change(&mut options);
        let message = options.check().unwrap_err().message;
        assert!(message.contains(words), "{message}");
    };
    refused(&|options| options.objectives[1].name = "acc".into(), "two objectives are called `acc`");
    refused(&|options| options.fidelities[0].low = 1.5, "not both whole numbers");
    refused(&|options| options.fidelities[0].high = 0.0, "swap them");
    let twin = |options: &mut Options| {
        options.fidelities.push(FidelityOptions { name: "Epochs".into(), ..options.fidelities[0].clone() });
    };
    let table = json!({"command": ["true"], "objectives": [], "grace_seconds": 1e300});
    let message = Options::from_json(&table).unwrap_err().message;
    assert!(message.contains("is above the largest value, 86400"), "{message}");
    refused(&twin, "two fidelities share the variable `HEIRLOOM_FIDELITY_EPOCHS`; hint: rename `Epochs`");
}
