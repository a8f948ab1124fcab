//! The smallest plugin that computes with LibTorch: what a host does for such plugins, it has to do for this one.

use std::sync::Arc;

use heirloom_plugin::{
    ComponentError, Context, Direction, Estimator, EstimatorInfo, EvaluationRequest, Failure, FailureKind,
    Objective, Outcome, PluginOptions, Reporter, Space, export_estimator,
};
use tch::{Cuda, Device, Kind, Tensor};

export_estimator!("tensor-sum" => tensor_sum);

#[derive(Debug, Clone, PluginOptions)]
struct Options {}

struct TensorSum;

fn tensor_sum(_: Options, _: Option<&Arc<Space>>, _: &Context) -> Result<Box<dyn Estimator>, ComponentError> {
    Ok(Box::new(TensorSum))
}

impl Estimator for TensorSum {
    fn info(&self) -> EstimatorInfo {
        let objective = Objective { name: "sum".into(), direction: Direction::Minimise };
        EstimatorInfo {
            objectives: vec![objective],
            fidelities: Vec::new(),
            space: None,
            simulated_cost: true,
            concurrent: true,
        }
    }

    fn evaluate(&self, requests: &[EvaluationRequest], _: &dyn Reporter) -> Vec<Result<Outcome, Failure>> {
        let failed = |error: tch::TchError| Failure::new(FailureKind::Crashed, error.to_string());
        let evaluate = |request: &EvaluationRequest| {
            let values = Tensor::f_from_slice(request.configuration.values())?;
            // A product with ones goes through the libraries for matrices, which LibTorch opens late.
            let values = values.f_to_device(Device::cuda_if_available())?.f_unsqueeze(0)?;
            let sum = values.f_matmul(&values.f_ones_like()?.f_transpose(0, 1)?)?;
            let mut outcome = Outcome::new(vec![sum.f_to_kind(Kind::Double)?.f_double_value(&[0, 0])?], 1.0);
            outcome.metrics = [("n_gpus".to_owned(), Cuda::device_count() as f64)].into();
            Ok(outcome)
        };
        requests.iter().map(|request| evaluate(request).map_err(failed)).collect()
    }
}
