//! Every configuration of a finite space, and evenly spaced ones of a real parameter.

use std::collections::HashSet;
use std::sync::Arc;

use heirloom_plugin::model::space::Clause;
use heirloom_plugin::{
    AskRequest, ComponentError, Configuration, Fidelity, Observation, Problem, Proposal, Space, Strategy,
};

/// Points that are put into random order at most; beyond this many, repeats in a random search are rare anyway.
const MAX_SHUFFLED: u64 = 1_000_000;

/// Forbidden points in a row after which the walk is given up: seconds.
const MAX_FORBIDDEN: usize = 10_000_000;

/// Walks over the points of a grid, the last parameter fastest. Each configuration comes once: the values of an
/// inactive parameter are not told apart. Forbidden ones are left out; where 10,000,000 come in a row, or all are forbidden,
/// the walk gives an error.
#[derive(Debug, Clone)]
pub struct Grid {
    space: Arc<Space>,
    /// Values taken of a real parameter without a step.
    points: usize,
    /// How many values each parameter has, `[d]`.
    n_values: Vec<u64>,
    /// Which value each parameter has in the next point, `[d]`; `None` after the last point.
    next: Option<Vec<u64>>,
    /// Whether no point has come yet.
    is_unbegun: bool,
}

impl Grid {
    /// The grid of all values of `space`, with `points` values for a real parameter without a step.
    pub fn new(space: Arc<Space>, points: usize) -> Self {
        let n_values: Vec<_> = space
            .parameters()
            .iter()
            .map(|parameter| parameter.n_values().unwrap_or(points as u64))
            .collect();
        let next = Some(vec![0; n_values.len()]);
        Self { space, points, n_values, next, is_unbegun: true }
    }

    /// Whether there are more than `limit` points; walks over fewer than that to know, because parameters on which
    /// nothing depends only multiply the others' combinations.
    fn has_more_than(&self, limit: u64) -> Result<bool, ComponentError> {
        let mut others = self.clone();
        let mut n_each = 1_u64;
        for index in self.independent() {
            n_each = n_each.saturating_mul(std::mem::replace(&mut others.n_values[index], 1));
        }
        let n_enough = limit / n_each + 1;
        let points = others.take(n_enough as usize).try_fold(0, |n, point| point.map(|_| n + 1))?;
        Ok(points == n_enough)
    }

    /// The parameters that have no condition and are in no condition, forbidden combination or architecture.
    fn independent(&self) -> impl Iterator<Item = usize> {
        let space = &self.space;
        let n_parameters = space.parameters().len();
        let conditions = (0..n_parameters).filter_map(|index| space.condition(index));
        let mut tested = HashSet::new();
        conditions.chain(space.forbidden()).for_each(|clause| collect_tested(clause, &mut tested));
        (0..space.spec().parameters.len())
            .filter(move |index| space.condition(*index).is_none() && !tested.contains(index))
    }

    fn value(&self, index: usize, place: u64) -> f64 {
        let parameter = &self.space.parameters()[index];
        match (parameter.n_values(), self.points) {
            (Some(_), _) => parameter.nth_value(place),
            (None, 1) => parameter.from_unit(0.5),
            (None, points) => parameter.from_unit(place as f64 / (points - 1) as f64),
        }
    }
}

/// The parameters that a clause looks at.
fn collect_tested(clause: &Clause, tested: &mut HashSet<usize>) {
    match clause {
        Clause::In { parameter, .. } | Clause::Between { parameter, .. } => {
            tested.insert(*parameter);
        }
        Clause::All(clauses) | Clause::Any(clauses) => {
            clauses.iter().for_each(|clause| collect_tested(clause, tested));
        }
    }
}

impl Iterator for Grid {
    type Item = Result<Configuration, ComponentError>;

    fn next(&mut self) -> Option<Self::Item> {
        for _ in 0..MAX_FORBIDDEN {
            let Some(places) = &self.next else {
                return std::mem::take(&mut self.is_unbegun).then(|| {
                    Err(ComponentError::unsupported(
                        "every point of the grid is forbidden; hint: loosen the `forbidden` clauses, take more `points` of \
                         real parameters, or set `kind = \"random\"`",
                    ))
                });
            };
            let configuration = self.space.fill(|index| self.value(index, places[index]));
            let is_active = |index: usize| !configuration.values()[index].is_nan();
            let moving = (0..places.len())
                .rev()
                .find(|&index| is_active(index) && places[index] + 1 < self.n_values[index]);
            match (moving, &mut self.next) {
                (Some(index), Some(places)) => {
                    places[index] += 1;
                    places[index + 1..].fill(0);
                }
                (_, next) => *next = None,
            }
            if !self.space.is_forbidden(&configuration) {
                self.is_unbegun = false;
                return Some(Ok(configuration));
            }
        }
        Some(Err(ComponentError::unsupported(format!(
            "{MAX_FORBIDDEN} points of the grid in a row are forbidden; hint: loosen the `forbidden` clauses, narrow the \
             ranges, or set `kind = \"random\"`"
        ))))
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
    /// Errors when more than 1,000,000 points are to be shuffled, or too many in a row are forbidden.
    pub fn new(problem: &Problem, points: usize, shuffle: bool) -> Result<Self, ComponentError> {
        let grid = Grid::new(Arc::clone(&problem.space), points);
        if shuffle && grid.has_more_than(MAX_SHUFFLED)? {
            return Err(ComponentError::unsupported(format!(
                "the grid has more than {MAX_SHUFFLED} points, too many to shuffle; hint: set `kind = \"random\"`"
            )));
        }
        let points =
            if shuffle { Points::Unshuffled(grid.collect::<Result<_, _>>()?) } else { Points::InOrder(grid) };
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
            Points::Unshuffled(points) | Points::Shuffled(points) => points.pop().map(Ok),
        };
        let propose = |configuration| Proposal::new(configuration, self.fidelity.clone());
        std::iter::from_fn(next).take(request.n).map(|point| point.map(propose)).collect()
    }

    fn tell(&mut self, _observations: &[Observation]) -> Result<(), ComponentError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use heirloom_plugin::SpaceSpec;

    use super::*;

    fn space(json: &str) -> Arc<Space> {
        let spec: SpaceSpec = serde_json::from_str(json).unwrap();
        Arc::new(Space::compile(spec).unwrap())
    }

    fn grid(parameters: &str, points: usize) -> Vec<Configuration> {
        let space = space(&format!(r#"{{"parameter": {parameters}}}"#));
        let grid: Vec<_> = Grid::new(Arc::clone(&space), points).map(Result::unwrap).collect();
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

    #[test]
    fn points_are_counted_as_they_are_walked() {
        for json in [
            r#"{"parameter": [{"name": "x", "type": "float", "low": 0, "high": 1}]}"#,
            r#"{"parameter": [{"name": "a", "type": "categorical", "choices": ["x", "y", "z"]},
                {"name": "b", "type": "int", "low": 0, "high": 9, "when": {"parameter": "a", "is": "y"}},
                {"name": "c", "type": "ordinal", "values": [1, 2, 3]},
                {"name": "d", "type": "float", "low": 0, "high": 1}],
                "forbidden": [{"all": [{"parameter": "a", "is": "z"}, {"parameter": "d", "at_least": 0.8}]}]}"#,
            r#"{"parameter": [{"name": "lr", "type": "float", "low": 0.001, "high": 10, "log": true}],
                "architecture": {"kind": "edge-cell", "n_nodes": 3, "operations": ["a", "b", "c"]}}"#,
        ] {
            let grid = Grid::new(space(json), 5);
            let n = grid.clone().count() as u64;
            assert!(
                grid.has_more_than(n - 1).unwrap() && !grid.has_more_than(n).unwrap(),
                "{n} points: {json}"
            );
        }
    }

    #[test]
    fn a_parameter_of_countless_values_needs_no_memory() {
        let space = space(
            r#"{"parameter": [{"name": "a", "type": "int", "low": 0, "high": 1000000000000000},
                {"name": "b", "type": "int", "low": 0, "high": 1000000000000000}]}"#,
        );
        let mut grid = Grid::new(space, 5);
        assert!(grid.has_more_than(MAX_SHUFFLED).unwrap());
        assert_eq!(grid.nth(2).unwrap().unwrap().values(), [0.0, 2.0]);
    }

    #[test]
    fn a_grid_of_which_every_point_is_forbidden_is_an_error() {
        let space = space(
            r#"{"parameter": [{"name": "a", "type": "float", "low": 0, "high": 1}],
                "forbidden": [{"any": [{"parameter": "a", "at_most": 0.1}, {"parameter": "a", "at_least": 0.9}]}]}"#,
        );
        let found: Vec<_> = Grid::new(Arc::clone(&space), 2).collect();
        assert!(
            matches!(&found[..], [Err(error)] if error.message.contains("every point of the grid is forbidden"))
        );
        assert!(Grid::new(space, 3).all(|point| point.is_ok()));
    }

    #[test]
    fn a_walk_over_forbidden_points_alone_is_given_up() {
        let space = space(
            r#"{"parameter": [{"name": "a", "type": "int", "low": 1, "high": 2000000000000}],
                "forbidden": [{"parameter": "a", "at_most": 1999999999999}]}"#,
        );
        let error = Grid::new(Arc::clone(&space), 5).next().unwrap().unwrap_err();
        assert!(error.message.contains("in a row are forbidden"), "{error}");
        assert!(Grid::new(space, 5).has_more_than(1).is_err());
    }
}
