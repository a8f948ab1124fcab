//! The estimator: one data set, many trainings.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use heirloom_dataset::{DatasetOptions, TargetKind};
use heirloom_network::Frame;
use heirloom_network::preparation::TargetPreparation;
use heirloom_plugin::tracing::warn;
use heirloom_plugin::{
    ComponentError, Estimator, EstimatorInfo, EvaluationRequest, Failure, FidelityDimension, Outcome,
    Reporter, Space,
};
use heirloom_torch_nets::{Data, DataError, DataOptions};
use tch::{Cuda, Device};

use crate::fidelity;
use crate::measures::Measures;
use crate::options::{DeviceChoice, Options, Precision, TargetChoice};
use crate::trial::Trial;

/// Trains the network of each configuration.
#[derive(Debug)]
pub struct TorchEstimator {
    pub(crate) options: Options,
    pub(crate) space: Arc<Space>,
    pub(crate) fidelities: Vec<FidelityDimension>,
    pub(crate) measures: Measures,
    pub(crate) bfloat16: bool,
    /// Behind a lock because a tensor's handle is no thing to share; its memory is.
    data: Mutex<Data>,
}

impl TorchEstimator {
    /// Reads, splits and prepares the data set, and checks that trainings can be made of `space`.
    ///
    /// Errors name the option, the column or the parameter.
    pub fn new(options: Options, space: Arc<Space>) -> Result<Self, ComponentError> {
        let Some(spec) = space.architecture_spec() else {
            return Err(ComponentError::unsupported(
                "the space has no architecture to train; hint: add `[space.architecture]` with a `kind`",
            ));
        };
        Frame::check_space(spec).map_err(|error| ComponentError::unsupported(error.to_string()))?;
        options.check_space(&space)?;
        let device = device(options.device)?;
        let splits = DataOptions {
            valid_fraction: options.valid_fraction,
            test_fraction: options.test_fraction,
            split_seed: options.split_seed,
            max_categories: options.max_categories,
        };
        let data = Data::open(&options.data, &reading(&options), &splits, device);
        let data = data.map_err(|error| match error {
            DataError::Torch(error) => ComponentError::failed(error.to_string()),
            wrong => ComponentError::configuration(format!("`data`: {wrong}")),
        })?;
        if data.is_dense() {
            options.check_dense(&space)?;
        }
        options.check_effect(&space, &data)?;
        warn_of_classes_without_rows(&data);
        let fidelities = fidelity::dimensions(&options, &data.input_shape(), spec.kind())?;
        let bfloat16 = match options.precision {
            Precision::Auto => device.is_cuda() && data.is_images(),
            Precision::Float32 => false,
            Precision::Bfloat16 => true,
        };
        let measures = Measures::of(&data).map_err(|error| ComponentError::failed(error.to_string()))?;
        Ok(Self { options, space, fidelities, measures, bfloat16, data: Mutex::new(data) })
    }

    /// The data, shared.
    pub(crate) fn data(&self) -> Data {
        self.data.lock().unwrap_or_else(PoisonError::into_inner).shallow_clone()
    }
}

impl Estimator for TorchEstimator {
    fn info(&self) -> EstimatorInfo {
        EstimatorInfo {
            objectives: self.measures.objectives(),
            fidelities: self.fidelities.clone(),
            space: None,
            simulated_cost: false,
            concurrent: true,
        }
    }

    fn evaluate(
        &self,
        requests: &[EvaluationRequest],
        reporter: &dyn Reporter,
    ) -> Vec<Result<Outcome, Failure>> {
        let evaluate = |request: &EvaluationRequest| {
            let started = Instant::now();
            let mut request = request.clone();
            if self.options.training_seed > 0 {
                request.seed = request.seed.derive("training", self.options.training_seed);
            }
            let result = Trial::new(self, &request, reporter, started).run();
            result.map_err(|failure| Failure { cost_seconds: started.elapsed().as_secs_f64(), ..failure })
        };
        requests.iter().map(evaluate).collect()
    }
}

/// A class that no training row has is never answered.
fn warn_of_classes_without_rows(data: &Data) {
    let (TargetPreparation::Classes { names } | TargetPreparation::PixelClasses { names }) =
        &data.preparation().target
    else {
        return;
    };
    let counted = names.iter().zip(data.class_counts());
    let without: Vec<String> =
        counted.filter(|(_, count)| **count == 0).map(|(name, _)| format!("`{name}`")).collect();
    if !without.is_empty() {
        warn!(
            "no training row has one of the classes {}: no network will know them; hint: more rows of them, or another \
             `split_seed`",
            without.join(", ")
        );
    }
}

fn device(choice: DeviceChoice) -> Result<Device, ComponentError> {
    match (choice, Cuda::is_available()) {
        (DeviceChoice::Cpu, _) | (DeviceChoice::Auto, false) => Ok(Device::Cpu),
        (DeviceChoice::Auto | DeviceChoice::Cuda, true) => Ok(Device::Cuda(0)),
        (DeviceChoice::Cuda, false) => Err(ComponentError::configuration(
            "`device = \"cuda\"`, and LibTorch finds no CUDA device; hint: `device = \"auto\"`, or see `heirloom doctor`",
        )),
    }
}

fn reading(options: &Options) -> DatasetOptions {
    let kind = match options.kind {
        TargetChoice::Auto => TargetKind::Auto,
        TargetChoice::Classification => TargetKind::Classification,
        TargetChoice::Regression => TargetKind::Regression,
    };
    DatasetOptions {
        target: options.target.clone(),
        kind,
        categorical: options.categorical.clone(),
        ignore: options.ignore.clone(),
    }
}
