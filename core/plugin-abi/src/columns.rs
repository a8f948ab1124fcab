//! What crosses the boundary in bulk, in columns.
//!
//! Every method is batched and every number travels in a contiguous column: `configurations` is `[n × d]`,
//! `fidelities` `[n × f]`, `objectives` `[n × m]`, row after row, with `d`, `f` and `m` the lengths divided by `n`.
//! The same columns are the bodies of the frames between a host and its worker process.
//!
//! Columns are not trusted: the way back to the model's types checks every length.

use abi_stable::StableAbi;
use abi_stable::std_types::RVec;
use heirloom_model::ComponentError;

use crate::wire::Wire;

mod rows;
pub(crate) use rows::{configurations_from_column, configurations_to_column};

mod strategy;

mod estimator;

mod proxy;
pub use proxy::{read_scores, write_scores};

type Result<T> = std::result::Result<T, ComponentError>;

macro_rules! columns {
    ($($(#[$doc:meta])* pub struct $name:ident { $($(#[$field_doc:meta])* pub $field:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[repr(C)]
        #[derive(Debug, Default, StableAbi)]
        pub struct $name { $($(#[$field_doc])* pub $field: $type,)* }

        impl Wire for $name {
            fn n_bytes(&self) -> usize {
                0 $(+ self.$field.n_bytes())*
            }

            fn write(&self, out: &mut Vec<u8>) {
                $(self.$field.write(out);)*
            }

            fn read(input: &mut &[u8]) -> Result<Self> {
                Ok(Self { $($field: Wire::read(input)?,)* })
            }
        }
    )*};
}

columns! {
    /// Trials: what each is and how large.
    pub struct Trials {
        /// Numbers, `[n]`.
        pub ids: RVec<u64>,
        /// `[n × d]`.
        pub configurations: RVec<f64>,
        /// `[n × f]`.
        pub fidelities: RVec<f64>,
    }

    /// [`AskRequest`](heirloom_model::AskRequest).
    pub struct Ask {
        /// How many proposals are wanted.
        pub n: u64,
        /// The first one's trial number.
        pub first_trial: u64,
        /// The strategy's seed.
        pub seed: [u8; 32],
        /// Proposed and not told.
        pub pending: Trials,
    }

    /// [`Proposal`](heirloom_model::Proposal)s.
    pub struct Proposals {
        /// How many.
        pub n: u64,
        /// `[n × d]`.
        pub configurations: RVec<f64>,
        /// `[n × f]`.
        pub fidelities: RVec<f64>,
        /// `[n]`, all bits set for none.
        pub parents: RVec<u64>,
        /// `[n]`, all bits set for none.
        pub continues: RVec<u64>,
    }

    /// [`Observation`](heirloom_model::Observation)s.
    pub struct Observations {
        /// Which trials.
        pub trials: Trials,
        /// `[n × m]`, NaN where the trial failed.
        pub objectives: RVec<f64>,
        /// `[n]`, a [`FailureKind::code`](heirloom_model::FailureKind::code) or 0.
        pub failures: RVec<u8>,
        /// Seconds, `[n]`.
        pub costs: RVec<f64>,
    }

    /// A [`CurveReport`](heirloom_model::CurveReport).
    pub struct Report {
        /// The trial.
        pub trial: u64,
        /// `[f]`.
        pub fidelity: RVec<f64>,
        /// How far.
        pub step: f64,
        /// `[m]`.
        pub objectives: RVec<f64>,
        /// Seconds.
        pub cost: f64,
    }

    /// [`PriorKnowledge`](heirloom_model::PriorKnowledge).
    pub struct Knowledge {
        /// `[n × d]`.
        pub configurations: RVec<f64>,
        /// `[n]`.
        pub scores: RVec<f64>,
        /// `[n]`.
        pub weights: RVec<f64>,
    }

    /// [`EvaluationRequest`](heirloom_model::EvaluationRequest)s.
    pub struct Requests {
        /// Which trials.
        pub trials: Trials,
        /// `[n]`.
        pub attempts: RVec<u64>,
        /// `[n]`, all bits set for none.
        pub parents: RVec<u64>,
        /// `[n]`, all bits set for none.
        pub continues: RVec<u64>,
        /// `[n × 32]`.
        pub seeds: RVec<u8>,
        /// Seconds, `[n]`, NaN for no limit.
        pub seconds: RVec<f64>,
        /// Bytes, `[n]`, all bits set for no limit.
        pub memory: RVec<u64>,
        /// `[n]`.
        pub threads: RVec<u64>,
        /// Paths in the system's encoding, `[n]`, empty for none.
        pub folders: Texts,
    }

    /// `Result<Outcome, Failure>`s.
    pub struct Outcomes {
        /// `[n]`, a [`FailureKind::code`](heirloom_model::FailureKind::code) or 0.
        pub failures: RVec<u8>,
        /// What happened, `[n]`, empty where nothing failed.
        pub messages: Texts,
        /// `[n × m]`, NaN where the trial failed.
        pub objectives: RVec<f64>,
        /// Seconds, `[n]`.
        pub costs: RVec<f64>,
        /// `[n]`, 0 or 1.
        pub stopped: RVec<u8>,
        /// Where each trial's curve ends among the points, `[n]`.
        pub curve_ends: RVec<u64>,
        /// `[p]` for `p` points of all curves.
        pub curve_steps: RVec<f64>,
        /// `[p × m]`.
        pub curve_objectives: RVec<f64>,
        /// Seconds, `[p]`.
        pub curve_costs: RVec<f64>,
        /// Where each trial's metrics end among the metrics, `[n]`.
        pub metric_ends: RVec<u64>,
        /// `[k]` for `k` metrics of all trials.
        pub metric_names: Texts,
        /// `[k]`.
        pub metric_values: RVec<f64>,
    }

    /// What a proxy scores.
    pub struct Scoring {
        /// How many configurations.
        pub n: u64,
        /// The seed.
        pub seed: [u8; 32],
        /// `[n × d]`.
        pub configurations: RVec<f64>,
    }

    /// Configurations that may be none of the space.
    pub struct Candidates {
        /// How many.
        pub n: u64,
        /// `[n × d]`.
        pub configurations: RVec<f64>,
    }

    /// Texts, one after another.
    pub struct Texts {
        /// All texts, UTF-8 but for paths.
        pub bytes: RVec<u8>,
        /// Where each ends in `bytes`.
        pub ends: RVec<u64>,
    }
}

#[cfg(test)]
mod tests;
