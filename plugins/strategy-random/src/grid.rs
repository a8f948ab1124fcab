//! Every configuration of a finite space, and evenly spaced ones of a real parameter.

use std::sync::Arc;

use heirloom_plugin::{
    AskRequest, ComponentError, Configuration, Fidelity, Observation, Problem, Proposal, Space, Strategy,
};

/// Points that are put into random order at most; beyond this many, repeats in a random search are rare anyway.
const MAX_SHUFFLED: usize = 1_000_000;

/// Walks over the points of a grid, the last parameter fastest. Each configuration comes once: the values of an
/// inactive parameter are not told apart. Forbidden ones are left out.
#[derive(Debug, Clone)]
pub struct Grid {
    space: Arc<Space>,
    /// The values of each parameter, `[d][n_values]`.
    values: Vec<Vec<f64>>,
    /// Which value each parameter has in the next point, `[d]`; `None` after the last point.
    next: Option<Vec<usize>>,
}

impl Grid {
    /// The grid of all values of `space`, with `points` values for a real parameter without a step.
    pub fn new(space: Arc<Space>, points: usize) -> Self {
        let real = |place: usize| if points == 1 { 0.5 } else { place as f64 / (points - 1) as f64 };
        let values: Vec<Vec<f64>> = space
            .parameters()
            .iter()
            .map(|parameter| match parameter.n_values() {
                Some(n) => (0..n).map(|index| parameter.nth_value(index)).collect(),
                None => (0..points).map(|place| parameter.from_unit(real(place))).collect(),
            })
            .collect();
        let next = Some(vec![0; values.len()]);
        Self { space, values, next }
    }
}

impl Iterator for Grid {
    type Item = Configuration;

    fn next(&mut self) -> Option<Configuration> {
        loop {
            let places = self.next.as_mut()?;
            let configuration = self.space.fill(|index| self.values[index][places[index]]);
            let is_active = |index: usize| !configuration.values()[index].is_nan();
            let moving = (0..places.len())
                .rev()
                .find(|&index| is_active(index) && places[index] + 1 < self.values[index].len());
            match moving {
                None => self.next = None,
                Some(index) => {
                    places[index] += 1;
                    places[index + 1..].fill(0);
                }
            }
            if !self.space.is_forbidden(&configuration) {
                return Some(configuration);
            }
        }
    }
}

/// Proposes the points of a [`Grid`] until none is left, in its order or in a random one.
#[derive(Debug)]
pub struct GridSearch {
    fidelity: Fidelity,
    points: Points,
}

#[derive(Debug)]
enum Points {
    InOrder(Grid),
    /// To be put into random order at the first ask, which brings the seed.
    Unshuffled(Vec<Configuration>),
    /// The next one is the last.
    Shuffled(Vec<Configuration>),
}

impl GridSearch {
    /// Grid search over `problem`.
    ///
    /// Errors when more than 1,000,000 points are to be shuffled.
    pub fn new(problem: &Problem, points: usize, shuffle: bool) -> Result<Self, ComponentError> {
        let grid = Grid::new(Arc::clone(&problem.space), points);
        let points = if shuffle {
            let all: Vec<_> = grid.take(MAX_SHUFFLED + 1).collect();
            if all.len() > MAX_SHUFFLED {
                return Err(ComponentError::unsupported(format!(
                    "the grid has more than {MAX_SHUFFLED} points, too many to shuffle; hint: set `kind = \"random\"`"
                )));
            }
            Points::Unshuffled(all)
        } else {
            Points::InOrder(grid)
        };
        Ok(Self { fidelity: problem.full_fidelity(), points })
    }
}

impl Strategy for GridSearch {
    fn ask(&mut self, request: &AskRequest<'_>) -> Result<Vec<Proposal>, ComponentError> {
        if let Points::Unshuffled(points) = &mut self.points {
            let mut points = std::mem::take(points);
            request.seed.derive("grid", 0).rng().shuffle(&mut points);
            self.points = Points::Shuffled(points);
        }
        let next = || match &mut self.points {
            Points::InOrder(grid) => grid.next(),
            Points::Unshuffled(points) | Points::Shuffled(points) => points.pop(),
        };
        let propose = |configuration| Proposal::new(configuration, self.fidelity.clone());
        Ok(std::iter::from_fn(next).take(request.n).map(propose).collect())
    }

    fn tell(&mut self, _observations: &[Observation]) -> Result<(), ComponentError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use heirloom_plugin::SpaceSpec;

    use super::*;

    fn grid(parameters: &str, points: usize) -> Vec<Configuration> {
        let spec: SpaceSpec = serde_json::from_str(&format!(r#"{{"parameter": {parameters}}}"#)).unwrap();
        let space = Arc::new(Space::compile(spec).unwrap());
        let grid: Vec<_> = Grid::new(Arc::clone(&space), points).collect();
        grid.iter().for_each(|configuration| space.check(configuration).unwrap());
        grid
    }

    #[test]
    fn inactive_parameters_do_not_multiply_the_points() {
        let points = grid(
            r#"[{"name": "a", "type": "categorical", "choices": ["x", "y"]},
                {"name": "b", "type": "int", "low": 0, "high": 9, "when": {"parameter": "a", "is": "y"}},
                {"name": "c", "type": "ordinal", "values": [1, 2, 3]}]"#,
            5,
        );
        assert_eq!(points.len(), 3 + 10 * 3);
        assert_eq!(points.iter().collect::<HashSet<_>>().len(), points.len());
    }

    #[test]
    fn real_parameters_are_taken_at_both_ends_and_evenly_between() {
        let points = grid(r#"[{"name": "lr", "type": "float", "low": 0.001, "high": 10, "log": true}]"#, 5);
        let values: Vec<f64> = points.iter().map(|point| point.values()[0]).collect();
        for (value, expected) in values.iter().zip([0.001, 0.01, 0.1, 1.0, 10.0]) {
            assert!((value / expected - 1.0).abs() < 1e-12, "{values:?}");
        }
        let one = grid(r#"[{"name": "x", "type": "float", "low": 0, "high": 1}]"#, 1);
        assert_eq!(one[0].values(), [0.5]);
    }
}
