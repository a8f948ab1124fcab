//! A component of a library, as the host makes it, and what it is checked on.

use std::sync::Arc;

use heirloom_model::{
    ComponentError, Configuration, CurvePoint, Direction, Estimator, EstimatorInfo, EvaluationRequest,
    Failure, Fidelity, Limits, Objective, Outcome, Problem, Proxy, ProxyInfo, Reporter, Seed, Space,
    SpaceSpec, Strategy, TrialId, Verdict,
};
use heirloom_plugin_host::{ComponentManifest, HostError, Isolation, PluginHost};
use serde_json::Value as Json;

use crate::{Trouble, problems};

/// Configurations that an estimator or a proxy is checked with.
const N_SAMPLES: u64 = 8;

/// Spaces in which estimators and proxies are tried where none is given, after the check problems' own.
const PRESETS: [&str; 2] = ["nas-bench-201", "tabular-mlp"];

/// A component of a library, as the host makes it in one of its ways.
#[derive(Clone, Copy)]
pub(crate) struct Loaded<'a> {
    pub(crate) host: &'a PluginHost,
    pub(crate) component: &'a ComponentManifest,
    pub(crate) options: &'a Json,
    pub(crate) isolation: Isolation,
    /// The space in which it is checked, where one was given.
    pub(crate) space: Option<&'a Arc<Space>>,
    /// The number from which the inputs of checks follow.
    pub(crate) seed: u64,
}

/// What an estimator is checked on.
pub(crate) struct EstimatorGround {
    pub(crate) space: Option<Arc<Space>>,
    pub(crate) requests: Vec<EvaluationRequest>,
}

/// What a proxy is checked on.
pub(crate) struct ProxyGround {
    pub(crate) problem: Problem,
    pub(crate) configurations: Vec<Configuration>,
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

    /// The given space, or the first one in which the estimator measures something: its own, or a common one.
    pub(crate) fn estimator_ground(&self) -> Result<EstimatorGround, Trouble> {
        let candidates = match self.space {
            Some(space) => vec![Some(Arc::clone(space))],
            None => std::iter::once(None).chain(common_spaces()?.into_iter().map(Some)).collect(),
        };
        let (mut first_error, mut fallback) = (None, None);
        for given in candidates {
            let estimator = match self.estimator(given.as_ref()) {
                Ok(estimator) => estimator,
                Err(error) => {
                    first_error.get_or_insert(error);
                    continue;
                }
            };
            let info = estimator.info();
            let space = match (&given, info.space) {
                (Some(space), _) => Arc::clone(space),
                (None, Some(spec)) => compile(spec)?,
                (None, None) => continue,
            };
            let fidelity = Fidelity(info.fidelities.iter().map(|dimension| dimension.high).collect());
            let samples = self.samples(&space)?;
            let requests: Vec<_> =
                (0..).zip(samples).map(|(id, sample)| request(id, sample, &fidelity)).collect();
            let measured = estimator.evaluate(&requests[..1], &Silent);
            let measures = measured.iter().any(Result::is_ok);
            let ground = EstimatorGround { space: given, requests };
            if measures {
                return Ok(ground);
            }
            fallback.get_or_insert(ground);
        }
        fallback.ok_or_else(|| match first_error {
            Some(error) => trouble(&error),
            None => Trouble::Skipped("no space was given to check it in".into()),
        })
    }

    /// The given space, or the first common one in which the proxy scores something.
    pub(crate) fn proxy_ground(&self) -> Result<ProxyGround, Trouble> {
        let candidates = match self.space {
            Some(space) => vec![Arc::clone(space)],
            None => common_spaces()?,
        };
        let (mut first_error, mut fallback) = (None, None);
        for space in candidates {
            let configurations = self.samples(&space)?;
            let objective = Objective { name: "loss".into(), direction: Direction::Minimise };
            let problem = Problem::new(space, objective);
            let proxy = match self.proxy(&problem) {
                Ok(proxy) => proxy,
                Err(error) => {
                    first_error.get_or_insert(error);
                    continue;
                }
            };
            let mut score = [f64::NAN];
            let scored = proxy.score(&configurations[..1], Seed::from_number(1), &mut score);
            let scores = scored.is_ok() && score[0].is_finite();
            let ground = ProxyGround { problem, configurations };
            if scores {
                return Ok(ground);
            }
            fallback.get_or_insert(ground);
        }
        fallback.ok_or_else(|| match first_error {
            Some(error) => trouble(&error),
            None => Trouble::Skipped("no space was given to check it in".into()),
        })
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
        HostError::Component { source } if source.kind == heirloom_model::ComponentErrorKind::Unsupported => {
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

fn request(trial: u64, configuration: Configuration, fidelity: &Fidelity) -> EvaluationRequest {
    EvaluationRequest {
        trial: TrialId(trial),
        attempt: 1,
        configuration,
        fidelity: fidelity.clone(),
        parent: None,
        continues: None,
        seed: Seed::from_number(trial),
        limits: Limits::default(),
        threads: 1,
        folder: None,
    }
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
