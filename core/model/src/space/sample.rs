//! Ways to get configurations: draws, the default, neighbours, the unit cube, the grid.

use crate::Rng;

use super::{Configuration, ParameterKind, Space, SpaceError};

/// Draws after which a space counts as all but forbidden.
const MAX_DRAWS: usize = 10_000;

/// Neighbours drawn for a number of more values than can be stepped through, and their spread in unit coordinates:
/// what SMAC's local search uses (Hutter et al. 2011).
const N_DRAWN_NEIGHBOURS: usize = 4;
const NEIGHBOUR_STD: f64 = 0.2;

/// Numbers of so few values are stepped through one by one: a draw would mostly give the next ones too.
const MAX_STEPPED: u64 = 10;

/// Draws of parameters that become active after which the change that made them so counts as forbidden.
const MAX_REDRAWS: usize = 100;

impl Space {
    /// A configuration drawn uniformly in unit coordinates, parents before children.
    pub fn sample(&self, rng: &mut Rng) -> Result<Configuration, SpaceError> {
        self.draw(|index| self.parameters()[index].sample(rng))
    }

    /// A configuration drawn from the parameters' priors.
    pub fn sample_prior(&self, rng: &mut Rng) -> Result<Configuration, SpaceError> {
        self.draw(|index| self.parameters()[index].sample_prior(rng))
    }

    /// The configuration of all defaults. It may be a forbidden one.
    pub fn default_configuration(&self) -> Configuration {
        self.fill(|index| self.parameters()[index].default)
    }

    /// The configuration nearest to a point of the unit cube, `[d]`; coordinates of inactive parameters do not
    /// count. It may be a forbidden one.
    pub fn from_unit(&self, unit: &[f64]) -> Configuration {
        self.fill(|index| self.parameters()[index].from_unit(unit[index]))
    }

    /// A configuration's place in the unit cube, `[d]`; inactive parameters have NaN.
    pub fn to_unit(&self, configuration: &Configuration) -> Vec<f64> {
        let place = |(index, &value): (usize, &f64)| {
            if value.is_nan() { f64::NAN } else { self.parameters()[index].to_unit(value) }
        };
        configuration.values().iter().enumerate().map(place).collect()
    }

    /// `configuration` with parameter `index` set to `value`; parameters that become active get a draw, those
    /// that become inactive lose their value. `None` where that is forbidden, whatever is drawn, or the parameter is
    /// inactive.
    pub fn with_value(
        &self,
        configuration: &Configuration,
        index: usize,
        value: f64,
        rng: &mut Rng,
    ) -> Option<Configuration> {
        let old = configuration.values();
        if old[index].is_nan() {
            return None;
        }
        for _ in 0..MAX_REDRAWS {
            let mut is_drawn = false;
            let changed = self.fill(|place| match place {
                _ if place == index => value,
                _ if old[place].is_nan() => {
                    is_drawn = true;
                    self.parameters()[place].sample(rng)
                }
                _ => old[place],
            });
            if !self.is_forbidden(&changed) {
                return Some(changed);
            }
            if !is_drawn {
                break;
            }
        }
        None
    }

    /// All configurations that differ in one parameter: every other choice of a categorical one, the two next
    /// values of an ordinal one and of a number with at most ten, a few draws nearby of any other number.
    pub fn neighbours(&self, configuration: &Configuration, rng: &mut Rng) -> Vec<Configuration> {
        let mut neighbours = Vec::new();
        for (index, &value) in configuration.values().iter().enumerate() {
            if value.is_nan() {
                continue;
            }
            for other in self.neighbouring_values(index, value, rng) {
                neighbours.extend(self.with_value(configuration, index, other, rng));
            }
        }
        neighbours
    }

    /// One parameter, chosen uniformly among the active ones that can vary, set to another value. `None` where
    /// nothing can vary.
    pub fn mutate(&self, configuration: &Configuration, rng: &mut Rng) -> Option<Configuration> {
        let mutable: Vec<usize> = (0..self.parameters().len())
            .filter(|&index| !configuration.values()[index].is_nan())
            .filter(|&index| self.parameters()[index].n_values() != Some(1))
            .collect();
        for _ in 0..MAX_DRAWS {
            let index = *rng.choose(&mutable)?;
            let candidates = self.neighbouring_values(index, configuration.values()[index], rng);
            if let Some(&value) = rng.choose(&candidates)
                && let Some(changed) = self.with_value(configuration, index, value, rng)
                && changed != *configuration
            {
                return Some(changed);
            }
        }
        None
    }

    /// How many configurations the space has, counting all values of parameters that may be inactive; `None`:
    /// infinitely many, or more than fit.
    pub fn n_configurations(&self) -> Option<u128> {
        self.parameters()
            .iter()
            .try_fold(1u128, |product, parameter| product.checked_mul(u128::from(parameter.n_values()?)))
    }

    fn draw(&self, mut value: impl FnMut(usize) -> f64) -> Result<Configuration, SpaceError> {
        for _ in 0..MAX_DRAWS {
            let configuration = self.fill(&mut value);
            if !self.is_forbidden(&configuration) {
                return Ok(configuration);
            }
        }
        Err(SpaceError::TooManyForbidden { draws: MAX_DRAWS })
    }

    /// The configuration with `value(i)` for each active parameter `i`.
    pub fn fill(&self, mut value: impl FnMut(usize) -> f64) -> Configuration {
        Configuration::by_index(self.parameters().len(), |index, values| {
            if self.is_active(index, values) { value(index) } else { f64::NAN }
        })
    }

    fn neighbouring_values(&self, index: usize, value: f64, rng: &mut Rng) -> Vec<f64> {
        let parameter = &self.parameters()[index];
        match (&parameter.kind, parameter.n_values()) {
            (ParameterKind::Categorical { choices }, _) => {
                (0..choices.len()).map(|choice| choice as f64).filter(|&choice| choice != value).collect()
            }
            (kind, Some(n)) if n <= MAX_STEPPED || matches!(kind, ParameterKind::Ordinal { .. }) => {
                let here = (parameter.value_index(value) as u64).min(n - 1);
                let next = [here.checked_sub(1), Some(here + 1).filter(|&next| next < n)];
                next.into_iter().flatten().map(|i| parameter.nth_value(i)).collect()
            }
            _ => {
                let centre = parameter.to_unit(value);
                let mut nearby = || {
                    let unit = centre + NEIGHBOUR_STD * rng.normal();
                    (0.0..=1.0).contains(&unit).then(|| parameter.from_unit(unit))
                };
                let mut drawn = Vec::with_capacity(N_DRAWN_NEIGHBOURS);
                for _ in 0..N_DRAWN_NEIGHBOURS {
                    let other = (0..100).find_map(|_| nearby().filter(|&other| other != value));
                    drawn.extend(other.filter(|other| !drawn.contains(other)));
                }
                drawn
            }
        }
    }
}
