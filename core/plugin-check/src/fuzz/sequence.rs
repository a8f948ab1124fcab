//! A sequence of calls: how it is drawn, and how it is played.

use std::path::Path;

use heirloom_model::{
    ComponentErrorKind, Configuration, CurvePoint, CurveReport, FailureKind, Fidelity, PendingTrial, Problem,
    Rng, Seed,
};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::loaded::{Loaded, trouble};
use crate::session::failed;
use crate::strategy::measured;
use crate::{CheckError, Session, Trouble, problems};

/// A sequence of calls of a strategy, as it stands in a replay file (JSON).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replay {
    /// The plugin's id and version.
    pub plugin: String,
    /// The strategy.
    pub component: String,
    /// Its options.
    pub options: Json,
    /// One of the check problems: `mixed`, `cells`, `real`, `tiny` or `multi-fidelity`.
    pub problem: String,
    /// The number from which the sequence was drawn, and from which the strategy's seed follows.
    pub seed: u64,
    /// What went wrong when it was played.
    pub found: String,
    /// The calls.
    pub calls: Vec<Call>,
}

/// One call of a strategy. Places count among the pending trials, and begin again after the last.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "call")]
pub enum Call {
    /// Asks.
    Ask {
        /// For how many.
        n: usize,
    },
    /// Tells of one pending trial.
    Tell {
        /// Which.
        place: usize,
        /// With which result.
        result: Told,
    },
    /// Tells of several pending trials at once, the latest first.
    TellTogether {
        /// Of how many at most.
        n: usize,
    },
    /// Tells of nothing.
    TellNothing,
    /// Lets a pending trial go, as a proxy does.
    Filter {
        /// Which.
        place: usize,
    },
    /// Tells of a trial that somebody else proposed.
    TellForeign {
        /// From which its configuration is drawn.
        number: u64,
    },
    /// Has a point of a pending trial's curve judged.
    Judge {
        /// Which trial's.
        place: usize,
    },
    /// Asks for a recommendation.
    Recommend,
    /// Goes on with a fresh instance that takes up the saved state, where the strategy has one.
    SaveAndRestore,
}

/// The result that a trial is told with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Told {
    /// The check problem's own.
    Measured,
    /// The same for all.
    Equal,
    /// The largest that there is.
    Huge,
    /// A crash.
    Crashed,
    /// A refusal.
    Rejected,
}

const PROBLEMS: [&str; 5] = ["mixed", "cells", "real", "tiny", "multi-fidelity"];

/// Calls of a drawn sequence at most.
const MAX_CALLS: usize = 40;

fn problem(name: &str) -> Option<Problem> {
    let place = PROBLEMS.iter().position(|other| *other == name)?;
    Some(problems::all().swap_remove(place))
}

impl Replay {
    /// Reads a replay file.
    pub fn read(path: &Path) -> Result<Self, CheckError> {
        let wrong = |problem: String| CheckError::File { path: path.into(), problem };
        let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        serde_json::from_str(&text).map_err(|error| wrong(format!("it is no replay file: {error}")))
    }

    /// Writes a replay file.
    pub fn write(&self, path: &Path) -> Result<(), CheckError> {
        let wrong = |problem: String| CheckError::File { path: path.into(), problem };
        let text = serde_json::to_string_pretty(self).map_err(|error| wrong(error.to_string()))?;
        std::fs::write(path, text + "\n").map_err(|error| wrong(error.to_string()))
    }

    /// The sequence of number `seed`.
    pub(crate) fn draw(plugin: &str, component: &str, options: &Json, seed: u64) -> Self {
        let mut rng = Seed::from_number(seed).derive("fuzz", 0).rng();
        let problem = PROBLEMS[rng.below(PROBLEMS.len())].to_owned();
        let n_calls = 2 + rng.below(MAX_CALLS - 1);
        Self {
            plugin: plugin.into(),
            component: component.into(),
            options: options.clone(),
            problem,
            seed,
            found: String::new(),
            calls: (0..n_calls).map(|_| Call::draw(&mut rng)).collect(),
        }
    }
}

impl Call {
    fn draw(rng: &mut Rng) -> Self {
        let place = rng.below(8);
        match rng.below(20) {
            0..7 => Self::Ask { n: if rng.below(4) == 0 { rng.below(16) } else { rng.below(4) } },
            7..13 => Self::Tell { place, result: Told::draw(rng) },
            13 => Self::TellTogether { n: 1 + place },
            14 => Self::TellNothing,
            15 => Self::Filter { place },
            16 => Self::TellForeign { number: rng.next_u64() % 1000 },
            17 => Self::Judge { place },
            18 => Self::Recommend,
            _ => Self::SaveAndRestore,
        }
    }

    /// Calls that ask for less in its place, the least first.
    pub(crate) fn simpler(self) -> Vec<Self> {
        match self {
            Self::Ask { n } => [0, 1, n / 2, n.saturating_sub(1)]
                .into_iter()
                .filter(|fewer| *fewer < n)
                .map(|n| Self::Ask { n })
                .collect(),
            Self::Tell { place, result } => {
                let mut simpler = Vec::new();
                if result != Told::Measured {
                    simpler.push(Self::Tell { place, result: Told::Measured });
                }
                if place > 0 {
                    simpler.push(Self::Tell { place: 0, result });
                }
                simpler
            }
            Self::TellTogether { n } if n > 1 => vec![Self::TellTogether { n: n / 2 }],
            Self::Filter { place: 1.. } => vec![Self::Filter { place: 0 }],
            Self::Judge { place: 1.. } => vec![Self::Judge { place: 0 }],
            _ => Vec::new(),
        }
    }
}

impl Told {
    fn draw(rng: &mut Rng) -> Self {
        match rng.below(8) {
            0..4 => Self::Measured,
            4 => Self::Equal,
            5 => Self::Huge,
            6 => Self::Crashed,
            _ => Self::Rejected,
        }
    }

    fn result(
        self,
        problem: &Problem,
        configuration: &Configuration,
        fidelity: &Fidelity,
    ) -> Result<Vec<f64>, FailureKind> {
        let all = |value: f64| Ok(vec![value; problem.objectives.len()]);
        match self {
            Self::Measured => measured(problem)(configuration, fidelity),
            Self::Equal => all(0.25),
            Self::Huge => all(f64::MAX),
            Self::Crashed => Err(FailureKind::Crashed),
            Self::Rejected => Err(FailureKind::Rejected),
        }
    }
}

/// Plays a sequence on two instances, which must propose the same. Every proposal is checked.
pub(crate) fn play(loaded: &Loaded<'_>, replay: &Replay) -> Result<(), Trouble> {
    let Some(problem) = problem(&replay.problem) else {
        return Err(Trouble::Skipped(format!("there is no check problem `{}`", replay.problem)));
    };
    let seed = Seed::from_number(replay.seed);
    let make = || loaded.strategy(&problem).map_err(|error| trouble(&error));
    let mut session = Session::new(make()?, &problem, seed);
    let mut twin = Session::new(make()?, &problem, seed);
    for (number, call) in replay.calls.iter().enumerate() {
        let at = |trouble: Trouble| match trouble {
            Trouble::Failed(message) => Trouble::Failed(format!("call {number}, {call:?}: {message}")),
            skipped => skipped,
        };
        for session in [&mut session, &mut twin] {
            apply(session, &problem, *call, &make).map_err(at)?;
        }
        if session.proposals != twin.proposals {
            return failed(format!(
                "call {number}, {call:?}: two instances with one seed propose differently"
            ));
        }
    }
    Ok(())
}

fn apply(
    session: &mut Session<'_>,
    problem: &Problem,
    call: Call,
    make: &dyn Fn() -> Result<Box<dyn heirloom_model::Strategy>, Trouble>,
) -> Result<(), Trouble> {
    let n_pending = session.pending.len();
    let place = |place: usize| place.checked_rem(n_pending);
    match call {
        Call::Ask { n } => session.ask(n).map(drop),
        Call::Tell { place: wanted, result } => match place(wanted) {
            Some(place) => session.finish(place, |point, size| result.result(problem, point, size)),
            None => Ok(()),
        },
        Call::TellTogether { n } => {
            let mut trials = session.pending.split_off(n_pending.saturating_sub(n));
            trials.reverse();
            let told = trials.into_iter().map(|trial| session.observe(trial, measured(problem))).collect();
            session.tell(told)
        }
        Call::TellNothing => session.tell(Vec::new()),
        Call::Filter { place: wanted } => {
            if let Some(place) = place(wanted) {
                session.drop_trial(place);
            }
            Ok(())
        }
        Call::TellForeign { number } => {
            let drawn = problem.space.sample(&mut Seed::from_number(number).rng());
            let drawn = drawn.map_err(|error| Trouble::Skipped(error.to_string()))?;
            let trial: PendingTrial = session.foreign_trial(drawn);
            let told = session.observe(trial, measured(problem));
            session.tell(vec![told])
        }
        Call::Judge { place: wanted } => {
            let Some(trial) = place(wanted).map(|place| session.pending[place].clone()) else {
                return Ok(());
            };
            let objectives = session.measure(&trial, measured(problem));
            let point = CurvePoint { step: 1.0, objectives, cost_seconds: 1.0 };
            let report = CurveReport { trial: trial.id, fidelity: trial.fidelity, point };
            let verdict = session.strategy().judge(&report);
            verdict.map(drop).map_err(|error| Trouble::from_error("`judge`", &error))
        }
        Call::Recommend => {
            let recommended = session.strategy().recommend();
            match recommended.map_err(|error| Trouble::from_error("`recommend`", &error))? {
                Some(id)
                    if !session.observations.iter().any(|told| told.trial == id && told.result.is_ok()) =>
                {
                    failed(format!("trial {id} was recommended, which was not told with a result"))
                }
                _ => Ok(()),
            }
        }
        Call::SaveAndRestore => {
            let state = session.strategy().save().map_err(|error| Trouble::from_error("`save`", &error))?;
            let Some(state) = state else { return Ok(()) };
            let mut fresh = make()?;
            match fresh.restore(&state) {
                Ok(()) => session.replace(fresh),
                Err(error) if error.kind == ComponentErrorKind::Unsupported => {}
                Err(error) => return Err(Trouble::from_error("`restore`", &error)),
            }
            Ok(())
        }
    }
}
