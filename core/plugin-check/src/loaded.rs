//! A component of a library, as the host makes it, and what it is checked on.

use std::sync::Arc;

use heirloom_model::{
    ComponentError, ComponentErrorKind, Configuration, CurvePoint, Direction, Estimator, EstimatorInfo,
    EvaluationRequest, Failure, Fidelity, Objective, Outcome, Problem, Proxy, ProxyInfo, Reporter, Seed,
    Space, SpaceSpec, Strategy, TrialId, Verdict,
};
use heirloom_plugin_host::{ComponentManifest, Determinism, HostError, Isolation, Kind, Plugin, PluginHost};
use serde_json::Value as Json;

use crate::suite::AnySuite;
use crate::{Trouble, problems};

/// Configurations that an estimator or a proxy is checked with.
const N_SAMPLES: u64 = 8;

/// Spaces in which estimators and proxies are tried where none is given, after the check problems' own.
const PRESETS: [&str; 2] = ["nas-bench-201", "tabular-mlp"];

/// A component of a library, as the host makes it in one of its ways.
#[derive(Clone, Copy)]
pub(crate) struct Loaded<'a> {
    pub(crate) host: &'a PluginHost,
    pub(crate) plugin: &'a Plugin,
    pub(crate) component: &'a ComponentManifest,
    /// What its options may be.
    pub(crate) schema: &'a Json,
    pub(crate) options: &'a Json,
    pub(crate) isolation: Isolation,
    /// The space in which it is checked, where one was given.
    pub(crate) space: Option<&'a Arc<Space>>,
    /// Whether it is declared to draw nothing at random.
    pub(crate) ignores_seed: bool,
    /// The number from which the inputs of checks follow.
    pub(crate) seed: u64,
}

/// What a component is checked on.
pub(crate) enum Ground {
    Strategy { problem: Problem },
    Estimator { space: Option<Arc<Space>>, requests: Vec<EvaluationRequest> },
    Proxy { problem: Problem, configurations: Vec<Configuration> },
}

/// What became of a component in a space.
enum Tried {
    /// It measures something there.
    Works(Ground),
    /// It can be made, and measures nothing.
    Idle(Ground),
    Refused(HostError),
    /// It has no space of its own.
    NoSpace,
}

impl Loaded<'_> {
    pub(crate) fn strategy(&self, problem: &Problem) -> Result<Box<dyn Strategy>, HostError> {
        self.host.strategy(&self.component.name, self.options, self.isolation, problem)
    }

    pub(crate) fn estimator(&self, space: Option<&Arc<Space>>) -> Result<Arc<dyn Estimator>, HostError> {
        self.host.estimator(&self.component.name, self.options, self.isolation, space)
    }

    pub(crate) fn proxy(&self, problem: &Problem) -> Result<Arc<dyn Proxy>, HostError> {
        self.host.proxy(&self.component.name, self.options, self.isolation, problem)
    }

    /// The checks of its kind.
    pub(crate) fn suite(&self) -> Result<Box<dyn AnySuite + '_>, Trouble> {
        if self.component.kind == Kind::Strategy {
            let suite = crate::strategy(|problem| Ok(self.strategy(problem)?))
                .informs(self.component.informs)
                .seed(self.seed);
            return Ok(Box::new(if self.ignores_seed { suite.ignores_seed() } else { suite }));
        }
        Ok(match self.ground()? {
            Ground::Strategy { .. } => unreachable!("strategies were dealt with above"),
            Ground::Estimator { space, requests } => {
                let make = move || -> Result<Box<dyn Estimator>, ComponentError> {
                    Ok(Box::new(Shared(self.estimator(space.as_ref())?)))
                };
                let repeatable = self.component.determinism != Determinism::None;
                Box::new(crate::estimator(make, requests).repeatable(repeatable))
            }
            Ground::Proxy { problem, configurations } => {
                let make = move || -> Result<Box<dyn Proxy>, ComponentError> {
                    Ok(Box::new(Shared(self.proxy(&problem)?)))
                };
                Box::new(crate::proxy(make, configurations))
            }
        })
    }

    /// What it is checked on: the first of the check problems that a strategy works on; the given space, or the first
    /// one in which an estimator or a proxy measures something: its own, or a common one.
    pub(crate) fn ground(&self) -> Result<Ground, Trouble> {
        if self.component.kind == Kind::Strategy {
            return Ok(Ground::Strategy { problem: self.problem(problems::all())? });
        }
        let candidates = match self.space {
            Some(space) => vec![Some(Arc::clone(space))],
            None => std::iter::once(None).chain(common_spaces()?.into_iter().map(Some)).collect(),
        };
        let (mut first_error, mut fallback) = (None, None);
        for space in candidates {
            let tried = match self.component.kind {
                Kind::Proxy => self.try_proxy(space)?,
                _ => self.try_estimator(space)?,
            };
            match tried {
                Tried::Works(ground) => return Ok(ground),
                Tried::Idle(ground) => drop(fallback.get_or_insert(ground)),
                Tried::Refused(error) => drop(first_error.get_or_insert(error)),
                Tried::NoSpace => {}
            }
        }
        fallback.ok_or_else(|| match first_error {
            Some(error) => trouble(&error),
            None => Trouble::Skipped("no space was given to check it in".into()),
        })
    }

    /// The first of `problems` that the strategy works on.
    pub(crate) fn problem(&self, problems: Vec<Problem>) -> Result<Problem, Trouble> {
        for problem in problems {
            match self.strategy(&problem) {
                Ok(_) => return Ok(problem),
                Err(HostError::Component { source }) if source.kind == ComponentErrorKind::Unsupported => {}
                Err(error) => return Err(trouble(&error)),
            }
        }
        Err(Trouble::Skipped("the strategy works on none of the problems of this check".into()))
    }

    fn try_estimator(&self, given: Option<Arc<Space>>) -> Result<Tried, Trouble> {
        let estimator = match self.estimator(given.as_ref()) {
            Ok(estimator) => estimator,
            Err(error) => return Ok(Tried::Refused(error)),
        };
        let info = estimator.info();
        let space = match (&given, info.space) {
            (Some(space), _) => Arc::clone(space),
            (None, Some(spec)) => compile(spec)?,
            (None, None) => return Ok(Tried::NoSpace),
        };
        let fidelity = Fidelity(info.fidelities.iter().map(|dimension| dimension.high).collect());
        let samples = self.samples(&space)?;
        let request = |(id, sample)| EvaluationRequest::new(TrialId(id), sample, fidelity.clone());
        let requests: Vec<_> = (0..).zip(samples).map(request).collect();
        let measured = estimator.evaluate(&requests[..1], &Silent);
        let ground = Ground::Estimator { space: given, requests };
        Ok(if measured.iter().any(Result::is_ok) { Tried::Works(ground) } else { Tried::Idle(ground) })
    }

    fn try_proxy(&self, given: Option<Arc<Space>>) -> Result<Tried, Trouble> {
        let Some(space) = given else { return Ok(Tried::NoSpace) };
        let configurations = self.samples(&space)?;
        let objective = Objective { name: "loss".into(), direction: Direction::Minimise };
        let problem = Problem::new(space, objective);
        let proxy = match self.proxy(&problem) {
            Ok(proxy) => proxy,
            Err(error) => return Ok(Tried::Refused(error)),
        };
        let mut score = [f64::NAN];
        let scored = proxy.score(&configurations[..1], Seed::from_number(1), &mut score);
        let scores = scored.is_ok() && score[0].is_finite();
        let ground = Ground::Proxy { problem, configurations };
        Ok(if scores { Tried::Works(ground) } else { Tried::Idle(ground) })
    }

    fn samples(&self, space: &Space) -> Result<Vec<Configuration>, Trouble> {
        let sample = |number: u64| {
            space.sample(&mut Seed::from_number(number.wrapping_add(self.seed.wrapping_sub(1))).rng())
        };
        let drawn: Result<_, _> = (0..N_SAMPLES).map(sample).collect();
        drawn.map_err(|error| Trouble::Failed(error.to_string()))
    }
}

/// What it means for a check that a component could not be made: wrong options were not given by its author.
pub(crate) fn trouble(error: &HostError) -> Trouble {
    match error {
        HostError::Options { .. } => Trouble::Skipped(error.to_string()),
        HostError::Component { source } if source.kind == ComponentErrorKind::Unsupported => {
            Trouble::Skipped(error.to_string())
        }
        error => Trouble::Failed(error.to_string()),
    }
}

fn common_spaces() -> Result<Vec<Arc<Space>>, Trouble> {
    let mut spaces = vec![problems::mixed().space];
    for spec in PRESETS.iter().filter_map(|name| SpaceSpec::preset(name)) {
        spaces.push(compile(spec)?);
    }
    Ok(spaces)
}

fn compile(spec: SpaceSpec) -> Result<Arc<Space>, Trouble> {
    Space::compile(spec).map(Arc::new).map_err(|error| Trouble::Failed(error.to_string()))
}

/// Listens to nothing and ends nothing.
pub(crate) struct Silent;

impl Reporter for Silent {
    fn report(&self, _: TrialId, _: &CurvePoint) -> Verdict {
        Verdict::Continue
    }

    fn cancelled(&self) -> bool {
        false
    }
}

/// A component that the host shares, as one of our own.
pub(crate) struct Shared<T: ?Sized>(pub(crate) Arc<T>);

impl Estimator for Shared<dyn Estimator> {
    fn info(&self) -> EstimatorInfo {
        self.0.info()
    }

    fn evaluate(
        &self,
        requests: &[EvaluationRequest],
        reporter: &dyn Reporter,
    ) -> Vec<Result<Outcome, Failure>> {
        self.0.evaluate(requests, reporter)
    }
}

impl Proxy for Shared<dyn Proxy> {
    fn info(&self) -> ProxyInfo {
        self.0.info()
    }

    fn score(
        &self,
        configurations: &[Configuration],
        seed: Seed,
        scores: &mut [f64],
    ) -> Result<(), ComponentError> {
        self.0.score(configurations, seed, scores)
    }
}
