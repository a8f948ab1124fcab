//! Runs the program for a trial and turns what it prints into the trial's outcome.

use std::ffi::OsStr;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use heirloom_plugin::{
    CurvePoint, Estimator, EstimatorInfo, EvaluationRequest, Failure, FailureKind, FidelityDimension, Limits,
    Objective, Outcome, Reporter, Space, Verdict,
};
use tempfile::NamedTempFile;

use crate::measurement::Measurement;
use crate::params::{Options, PLACEHOLDER, variable};
use crate::process::{MAX_LINE, Output, Process};

/// Between two looks at the limits and at cancellation.
const TICK: Duration = Duration::from_millis(10);

/// Between two looks at the memory, which reads the whole process table.
const MEMORY_TICK: Duration = Duration::from_millis(100);

/// How long output may still come after the program's end.
const LAST_OUTPUT: Duration = Duration::from_millis(500);

/// Evaluates by a program of any language.
#[derive(Debug)]
pub struct Command {
    options: Options,
    objectives: Vec<Objective>,
    fidelities: Vec<FidelityDimension>,
    space: Arc<Space>,
}

/// Why the watch over a program ended.
enum Ending {
    /// It has ended by itself.
    Ended,
    /// A verdict ended it.
    Stopped,
    Failed(Failure),
}

impl Command {
    /// The estimator that runs the program of `options`, which are checked, for configurations of `space`.
    pub fn new(options: Options, space: Arc<Space>) -> Self {
        let (objectives, fidelities) = (options.objectives(), options.fidelities());
        Self { options, objectives, fidelities, space }
    }

    fn evaluate_one(&self, request: &EvaluationRequest, reporter: &dyn Reporter) -> Result<Outcome, Failure> {
        let started = Instant::now();
        // A program that does not start costs nothing: so the engine can tell a run of such trials, which would never
        // use up a budget of cost. The file is kept until the program has ended: dropping it removes it.
        let (_file, mut process) = self.start(request, reporter)?;
        let result = self.follow(&mut process, request, reporter, started);
        result.map_err(|failure| Failure { cost_seconds: started.elapsed().as_secs_f64(), ..failure })
    }

    /// Starts the program; with it comes the file that holds the configuration, where an argument asks for one.
    fn start(
        &self,
        request: &EvaluationRequest,
        reporter: &dyn Reporter,
    ) -> Result<(Option<NamedTempFile>, Process), Failure> {
        let rejected = |error: heirloom_plugin::SpaceError| {
            Failure::new(FailureKind::Rejected, format!("the configuration does not fit the space: {error}"))
        };
        self.space.check(&request.configuration).map_err(rejected)?;
        if reporter.cancelled() {
            return Err(cancelled());
        }
        let named = self.space.to_named(&request.configuration);
        let input = serde_json::to_string(&named).expect("names and plain values are JSON");
        let (mut command, file) = self.command(request, &input)?;
        let process = Process::spawn(&mut command, input).map_err(|error| {
            let program = &self.options.command[0];
            let message = format!("`{program}` does not start: {error}; hint: check `command` and `folder`");
            Failure::new(FailureKind::Crashed, message)
        })?;
        Ok((file, process))
    }

    /// Follows the program to its end and turns what it printed into the outcome.
    fn follow(
        &self,
        process: &mut Process,
        request: &EvaluationRequest,
        reporter: &dyn Reporter,
        started: Instant,
    ) -> Result<Outcome, Failure> {
        let mut outcome = Outcome::new(Vec::new(), 0.0);
        match self.watch(process, request, reporter, started, &mut outcome) {
            Ending::Failed(failure) => return Err(failure),
            Ending::Stopped => {
                self.end(process, reporter);
                outcome.stopped = true;
            }
            Ending::Ended => {
                let status = process.status().map_err(|error| {
                    Failure::new(FailureKind::Crashed, format!("the program's end was missed: {error}"))
                })?;
                let is_empty = outcome.objectives.is_empty();
                if !status.success() || is_empty {
                    return Err(crashed(status, &process.errors()));
                }
            }
        }
        outcome.cost_seconds = started.elapsed().as_secs_f64();
        Ok(outcome)
    }

    /// The program with its arguments and environment, and the file that holds the configuration, where an argument
    /// asks for one.
    fn command(
        &self,
        request: &EvaluationRequest,
        input: &str,
    ) -> Result<(std::process::Command, Option<NamedTempFile>), Failure> {
        let mut file = None;
        let mut arguments = self.options.command.clone();
        if arguments.iter().any(|argument| argument.contains(PLACEHOLDER)) {
            let written = NamedTempFile::with_suffix(".json").and_then(|mut file| {
                file.write_all(input.as_bytes())?;
                file.flush()?;
                Ok(file)
            });
            let written = written.map_err(|error| {
                Failure::new(
                    FailureKind::Crashed,
                    format!("the configuration's file cannot be written: {error}"),
                )
            })?;
            for argument in &mut arguments {
                *argument = argument.replace(PLACEHOLDER, &written.path().to_string_lossy());
            }
            file = Some(written);
        }
        let mut command = std::process::Command::new(&arguments[0]);
        for (name, _) in std::env::vars_os().filter(|(name, _)| is_of_a_trial(name)) {
            command.env_remove(name);
        }
        command.args(&arguments[1..]).envs(self.environment(request)).current_dir(&self.options.folder);
        if let Some(files) = &request.folder {
            command.env("HEIRLOOM_FILES", files);
        }
        Ok((command, file))
    }

    fn environment(&self, request: &EvaluationRequest) -> Vec<(String, String)> {
        let mut variables = vec![
            ("TRIAL".to_owned(), request.trial.to_string()),
            ("ATTEMPT".to_owned(), request.attempt.to_string()),
            ("SEED".to_owned(), request.seed.as_u64().to_string()),
            ("THREADS".to_owned(), request.threads.to_string()),
        ];
        let optional = [
            ("PARENT", request.parent.map(|trial| trial.to_string())),
            ("CONTINUES", request.continues.map(|trial| trial.to_string())),
            ("LIMIT_SECONDS", request.limits.seconds.map(|seconds| seconds.to_string())),
            ("LIMIT_MEMORY_BYTES", request.limits.memory_bytes.map(|bytes| bytes.to_string())),
        ];
        variables.extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        for (dimension, size) in self.fidelities.iter().zip(&request.fidelity.0) {
            variables.push((variable(&dimension.name), size.to_string()));
        }
        variables.into_iter().map(|(name, value)| (format!("HEIRLOOM_{name}"), value)).collect()
    }

    /// Ends a program that shall go no further.
    fn end(&self, process: &mut Process, reporter: &dyn Reporter) {
        process.end(Duration::from_secs_f64(self.options.grace_seconds), &|| reporter.cancelled());
    }

    /// Reads the program's lines into `outcome` and holds it to its limits, until it ends or has to.
    fn watch(
        &self,
        process: &mut Process,
        request: &EvaluationRequest,
        reporter: &dyn Reporter,
        started: Instant,
        outcome: &mut Outcome,
    ) -> Ending {
        let mut n_lines = 0;
        let mut memory_seen = started;
        let mut has_ended = false;
        loop {
            match process.output(if has_ended { LAST_OUTPUT } else { TICK }) {
                Output::Line(line) => {
                    n_lines += 1;
                    let seconds = started.elapsed().as_secs_f64();
                    match self.take_in(&line, n_lines, seconds, outcome) {
                        Err(failure) => return Ending::Failed(failure),
                        Ok(Some(point)) if reporter.report(request.trial, &point) != Verdict::Continue => {
                            return Ending::Stopped;
                        }
                        Ok(_) => {}
                    }
                }
                Output::TooLong => {
                    let message = format!(
                        "line {} of the program's output is longer than {MAX_LINE} bytes; hint: print one object a line, \
                         and anything else to standard error",
                        n_lines + 1
                    );
                    return Ending::Failed(Failure::new(FailureKind::Crashed, message));
                }
                Output::Nothing | Output::End if has_ended => return Ending::Ended,
                Output::Nothing => {}
                Output::End => std::thread::sleep(Duration::from_millis(1)),
            }
            if let Some(failure) = overrun(process, request.limits, started, &mut memory_seen) {
                return Ending::Failed(failure);
            }
            // After the limits, because a host that watches them too cancels the evaluation there.
            if reporter.cancelled() {
                self.end(process, reporter);
                return Ending::Failed(cancelled());
            }
            if !has_ended && process.has_ended() {
                has_ended = true;
                // What it left running would hold its output open.
                process.kill();
            }
        }
    }

    /// Adds line `number` to the outcome; a point of the learning curve is returned.
    fn take_in(
        &self,
        line: &str,
        number: usize,
        seconds: f64,
        outcome: &mut Outcome,
    ) -> Result<Option<CurvePoint>, Failure> {
        if line.is_empty() {
            return Ok(None);
        }
        let Measurement { step, objectives, metrics } = Measurement::parse(line, number, &self.objectives)?;
        outcome.objectives.clone_from(&objectives);
        outcome.metrics.extend(metrics);
        let Some(step) = step else { return Ok(None) };
        if let Some(last) = outcome.curve.last().filter(|last| last.step >= step) {
            let message = format!("step {step} was printed after step {}; hint: steps ascend", last.step);
            return Err(Failure::new(FailureKind::Crashed, message));
        }
        let point = CurvePoint { step, objectives, cost_seconds: seconds };
        outcome.curve.push(point.clone());
        Ok(Some(point))
    }
}

/// Whether a variable may be absent from a trial. One that the host itself inherited, as a program of another search's
/// trial, would tell this program what is not so.
fn is_of_a_trial(name: &OsStr) -> bool {
    let of_a_trial = ["PARENT", "CONTINUES", "LIMIT_", "FIDELITY_", "FILES"];
    let name = name.as_encoded_bytes().strip_prefix(b"HEIRLOOM_");
    name.is_some_and(|name| of_a_trial.iter().any(|start| name.starts_with(start.as_bytes())))
}

/// The failure of a program that is beyond its limits.
fn overrun(
    process: &Process,
    limits: Limits,
    started: Instant,
    memory_seen: &mut Instant,
) -> Option<Failure> {
    if let Some(limit) = limits.seconds.filter(|&limit| started.elapsed().as_secs_f64() > limit) {
        let message = format!("the program ran longer than {limit} seconds");
        return Some(Failure::new(FailureKind::TimedOut, message));
    }
    let limit = limits.memory_bytes.filter(|_| memory_seen.elapsed() > MEMORY_TICK)?;
    *memory_seen = Instant::now();
    let used = process.memory_bytes();
    (used > limit).then(|| {
        let message = format!("the program held {used} bytes of memory, more than {limit}");
        Failure::new(FailureKind::OutOfMemory, message)
    })
}

fn cancelled() -> Failure {
    Failure::new(FailureKind::Cancelled, "the run was told to end")
}

/// The failure of a program that ended badly, or well but without a measurement.
fn crashed(status: ExitStatus, errors: &str) -> Failure {
    let how = match (status.code(), status.signal()) {
        (Some(0), _) => "ended without a measurement; hint: print one JSON object a line, flushed".to_owned(),
        (Some(code), _) => format!("ended with code {code}"),
        (None, Some(9)) => "was killed (signal 9), as by a system out of memory".to_owned(),
        (None, signal) => format!("was ended by signal {}", signal.unwrap_or_default()),
    };
    let errors = if errors.is_empty() { String::new() } else { format!("; its last errors:\n{errors}") };
    Failure::new(FailureKind::Crashed, format!("the program {how}{errors}"))
}

impl Estimator for Command {
    fn info(&self) -> EstimatorInfo {
        EstimatorInfo {
            objectives: self.objectives.clone(),
            fidelities: self.fidelities.clone(),
            space: None,
            simulated_cost: false,
            concurrent: true,
        }
    }

    /// Runs the program for one request after another.
    fn evaluate(
        &self,
        requests: &[EvaluationRequest],
        reporter: &dyn Reporter,
    ) -> Vec<Result<Outcome, Failure>> {
        requests.iter().map(|request| self.evaluate_one(request, reporter)).collect()
    }
}
