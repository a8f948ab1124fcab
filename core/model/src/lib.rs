#![doc = include_str!("../README.md")]

mod value;
pub use value::Value;

pub mod suggest;
pub use suggest::nearest;

mod seed;
pub use seed::{Rng, Seed};

pub mod space;
pub use space::{
    Configuration, ConfigurationKey, OutOfRange, Parameter, ParameterKind, Space, SpaceError, SpaceHash,
    SpaceMapping, SpaceSpec,
};

pub mod architecture;
pub use architecture::{ArchitectureGraph, ArchitectureKey, ArchitectureSpec};

mod problem;
pub use problem::{Direction, Fidelity, FidelityDimension, Objective, Problem, ProposalError};

mod trial;
pub use trial::{
    CurvePoint, Failure, FailureKind, Observation, Outcome, PendingTrial, Proposal, TrialId, Verdict,
    cost_seconds,
};

mod strategy;
pub use strategy::{
    AskRequest, Components, CurveReport, Expected, PriorKnowledge, PriorObservation, Strategy,
};

mod estimator;
pub use estimator::{Estimator, EstimatorInfo, EvaluationRequest, Limits, Reporter};

mod proxy;
pub use proxy::{MIN_KEPT, Proxy, ProxyInfo, ProxyNeeds};

mod warm_start;
pub use warm_start::{TaskInfluence, TransferSource, TransferredProposal, WarmStart, WarmStartReport};

mod event;
pub use event::{Event, Origin, RecordError, Recorder};

mod error;
pub use error::{ComponentError, ComponentErrorKind};
