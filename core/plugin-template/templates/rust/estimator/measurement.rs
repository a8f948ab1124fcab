//! The numbers are right, not merely numbers.

mod common;

use common::{request, space};
use heirloom_plugin::{Configuration, Context, CurvePoint, Outcome, Reporter, TrialId, Verdict};

use {{crate}}::{Options, make};

struct GoOn;

impl Reporter for GoOn {
    fn report(&self, _: TrialId, _: &CurvePoint) -> Verdict {
        Verdict::Continue
    }

    fn cancelled(&self) -> bool {
        false
    }
}

fn measure(values: [f64; 2], epochs: f64) -> Outcome {
    let space = space();
    let options = Options {
        noise: 0.0,
        ..Options::default()
    };
    let estimator = make(options, Some(&space), &Context::detached()).expect("it is made");
    let request = request(0, Configuration::new(values), epochs);
    let mut results = estimator.evaluate(&[request], &GoOn);
    results.remove(0).expect("it is measured")
}

#[test]
fn more_training_gives_a_lower_loss() {
    let losses = [1.0, 5.0, 20.0].map(|epochs| measure([0.5, 0.5], epochs).objectives[0]);
    assert!(losses[0] > losses[1] && losses[1] > losses[2], "{losses:?}");
}

#[test]
fn the_best_place_is_known() {
    let best = measure([1.0 / 3.0, 1.0 / 3.0], 20.0).objectives[0];
    assert!((best - 1.0 / 20.0).abs() < 1e-12, "{best}");
    for other in [[0.0, 0.0], [1.0, 1.0], [0.4, 1.0 / 3.0]] {
        assert!(measure(other, 20.0).objectives[0] > best, "{other:?}");
    }
}

#[test]
fn a_longer_training_begins_like_a_shorter_one() {
    let (short, long) = (measure([0.2, 0.9], 5.0), measure([0.2, 0.9], 20.0));
    assert_eq!(short.curve[..], long.curve[..5]);
}
