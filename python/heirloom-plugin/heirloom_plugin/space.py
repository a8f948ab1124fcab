"""Search spaces: what may vary, and under which conditions.

A configuration is one number for each parameter: the number itself for floats and ints, the index of the choice for
categorical and ordinal parameters, NaN where the parameter is inactive. `Configuration` shows it by names and values.
"""

import math
from collections.abc import Mapping

from .errors import ComponentError

#: Draws after which a space counts as all but forbidden.
MAX_DRAWS = 10_000


class Parameter:
    """What may vary in one place.

    `kind` is `float`, `int`, `categorical`, `ordinal` or `constant`; `low`, `high`, `log` and `step` (or None) are
    those of numbers, `choices` those of the others.
    """

    def __init__(self, described, index):
        self.index = index
        self.name = described["name"]
        self.kind = described["type"]
        self.low = described.get("low")
        self.high = described.get("high")
        self.log = described.get("log", False)
        self.step = described.get("step")
        self.choices = described.get("values")
        self.default = described["default"]
        self.when = described.get("when")

    @property
    def n_values(self):
        """How many values it has; None: infinitely many."""
        if self.choices is not None:
            return len(self.choices)
        if self.kind == "int":
            return (self.high - self.low) // self.step + 1
        if self.low == self.high:
            return 1
        if self.step is not None:
            return math.floor((self.high - self.low) / self.step + 1e-9) + 1
        return None

    def to_value(self, number):
        """A configuration's number as a person writes it."""
        if self.choices is not None:
            return self.choices[int(number)]
        return int(number) if self.kind == "int" else float(number)

    def from_value(self, value):
        """The number that stands for a value in a configuration; `ValueError` where it is no value of this."""
        if self.choices is not None:
            for index, choice in enumerate(self.choices):
                if choice == value and isinstance(choice, bool) == isinstance(value, bool):
                    return float(index)
            raise ValueError(f"parameter `{self.name}`: `{value}` is not one of {self.choices}")
        number = float(value)
        if not self.has(number):
            raise ValueError(f"parameter `{self.name}`: `{value}` is not in {self.low} to {self.high}")
        # Of numbers on a grid that differ by rounding alone, the grid's own.
        on_grid = self.kind == "float" and self.step is not None
        return self.nth(_round((number - self.low) / self.step)) if on_grid else number

    def has(self, number):
        """Whether a number is one of this parameter's."""
        if self.choices is not None:
            return number == int(number) and 0 <= number < len(self.choices)
        if not self.low <= number <= self.high:
            return False
        if self.step is None:
            return True
        if self.kind == "int":
            return number == int(number) and (int(number) - self.low) % self.step == 0
        index = round((number - self.low) / self.step)
        return abs(self.low + index * self.step - number) <= 1e-9 * max(self.step, abs(number))

    def nth(self, index):
        """The number of the value `index` among `n_values`."""
        if self.choices is not None:
            return float(index)
        if self.step is None:
            return float(self.low)
        number = self.low + self.step * index
        return float(number if self.kind == "int" else min(number, self.high))

    def from_unit(self, unit):
        """The number nearest to a point of 0..1, by its logarithm where the parameter is logarithmic."""
        unit = min(max(unit, 0.0), 1.0)
        if self.kind == "float" and self.step is None:
            if self.log:
                number = self.low * math.exp(unit * math.log(self.high / self.low))
            else:
                number = self.low + unit * (self.high - self.low)
            return min(max(number, self.low), self.high)
        if self.kind == "int" and self.log:
            low, high = self._log_ends()
            number = low * math.exp(unit * math.log(high / low))
            index = max(_round((number - self.low) / self.step), 0)
            return float(self.low + self.step * min(index, (self.high - self.low) // self.step))
        n = self.n_values
        return self.nth(min(int(unit * n), n - 1))

    def to_unit(self, number):
        """The inverse of `from_unit`: the middle of the value's part of the interval where it is one of finitely many."""
        if self.kind == "float" and self.step is None:
            if self.low == self.high:
                return 0.5
            if self.log:
                return math.log(number / self.low) / math.log(self.high / self.low)
            return (number - self.low) / (self.high - self.low)
        if self.kind == "int" and self.log:
            low, high = self._log_ends()
            return math.log(number / low) / math.log(high / low)
        index = number if self.choices is not None else _round((number - self.low) / self.step)
        return (index + 0.5) / self.n_values

    def sample(self, rng):
        """A number drawn uniformly in unit coordinates."""
        if (self.kind == "float" and self.step is None) or (self.kind == "int" and self.log):
            return self.from_unit(rng.uniform())
        return self.nth(rng.below(self.n_values))

    def _log_ends(self):
        """Half a step beyond the first and the last value; downwards no further than half way to 0."""
        last = self.low + (self.high - self.low) // self.step * self.step
        return max(self.low - self.step / 2, self.low / 2), last + self.step / 2

    def __repr__(self):
        return f"Parameter({self.name!r}, {self.kind})"


def _round(number):
    """To the nearest whole number, halves away from zero."""
    return math.floor(number + 0.5) if number >= 0 else -math.floor(0.5 - number)


def _holds(clause, numbers):
    if "all" in clause:
        return all(_holds(part, numbers) for part in clause["all"])
    if "any" in clause:
        return any(_holds(part, numbers) for part in clause["any"])
    number = numbers[clause["parameter"]]
    if "in" in clause:
        return number in clause["in"]
    low, high = clause.get("low"), clause.get("high")
    return not math.isnan(number) and (low is None or number >= low) and (high is None or number <= high)


class Configuration(Mapping):
    """One point of a space: a mapping from the names of active parameters to values; `numbers` is `[d]`."""

    __slots__ = ("space", "numbers")

    def __init__(self, space, numbers):
        self.space = space
        self.numbers = tuple(numbers)
        if len(self.numbers) != len(space.parameters):
            raise ValueError(f"{len(self.numbers)} numbers were given for {len(space.parameters)} parameters")

    def __getitem__(self, name):
        number = self.numbers[self.space.index[name]]
        if math.isnan(number):
            raise KeyError(name)
        return self.space.parameters[self.space.index[name]].to_value(number)

    def __iter__(self):
        pairs = zip(self.space.parameters, self.numbers)
        return (parameter.name for parameter, number in pairs if not math.isnan(number))

    def __len__(self):
        return sum(not math.isnan(number) for number in self.numbers)

    def __repr__(self):
        return f"Configuration({dict(self)})"


class Space:
    """A search space. `parameters` is in the order of a configuration's numbers, parents before children."""

    def __init__(self, described, allowed=None):
        self.name = described.get("name", "")
        self.parameters = [Parameter(one, index) for index, one in enumerate(described["parameters"])]
        self.index = {parameter.name: parameter.index for parameter in self.parameters}
        self._forbidden = described.get("forbidden", [])
        # Which combinations make an architecture only the host can say.
        self._allowed = allowed if described.get("restricted") else None

    def __len__(self):
        return len(self.parameters)

    def __iter__(self):
        return iter(self.parameters)

    def __getitem__(self, name):
        return self.parameters[self.index[name]]

    def is_active(self, parameter, numbers):
        """Whether a parameter is active given the numbers before it."""
        return parameter.when is None or _holds(parameter.when, numbers)

    def fill(self, number):
        """The configuration with `number(parameter)` for each active parameter, in order."""
        numbers = []
        for parameter in self.parameters:
            active = self.is_active(parameter, numbers)
            numbers.append(float(number(parameter)) if active else math.nan)
        return Configuration(self, numbers)

    def build(self, value):
        """The configuration with `value(parameter)`, as a person writes it, for each active parameter, in order."""
        return self.fill(lambda parameter: parameter.from_value(value(parameter)))

    def from_named(self, named):
        """The configuration of names and values; parameters that are left out get their default."""
        for name in named:
            if name not in self.index:
                raise ValueError(f"the space has no parameter `{name}`; hint: it has {', '.join(self.index)}")

        def number(parameter):
            if parameter.name in named:
                return parameter.from_value(named[parameter.name])
            return parameter.default

        return self.fill(number)

    def default(self):
        """The configuration of all defaults. It may be a forbidden one."""
        return self.fill(lambda parameter: parameter.default)

    def from_unit(self, unit):
        """The configuration nearest to a point of the unit cube, `[d]`. It may be a forbidden one."""
        return self.fill(lambda parameter: parameter.from_unit(unit[parameter.index]))

    def to_unit(self, configuration):
        """A configuration's place in the unit cube, `[d]`; inactive parameters have NaN."""
        pairs = zip(self.parameters, configuration.numbers)
        return [math.nan if math.isnan(number) else parameter.to_unit(number) for parameter, number in pairs]

    def is_forbidden(self, configuration):
        """Whether a configuration is one that must not be proposed."""
        if any(_holds(clause, configuration.numbers) for clause in self._forbidden):
            return True
        return self._allowed is not None and not self._allowed(configuration)

    def check(self, configuration):
        """Raises `ValueError` where a configuration is no point of this space."""
        for parameter, number in zip(self.parameters, configuration.numbers):
            active = self.is_active(parameter, configuration.numbers)
            if active == math.isnan(number):
                what = "is active and has no value" if active else "is inactive here and has a value"
                raise ValueError(f"parameter `{parameter.name}` {what}")
            if active and not parameter.has(number):
                raise ValueError(f"parameter `{parameter.name}`: {number} is no value of it")
        if self.is_forbidden(configuration):
            raise ValueError(f"{configuration} is forbidden")

    def sample(self, rng):
        """A configuration drawn uniformly in unit coordinates; the same that Heirloom's own plugins draw."""
        for _ in range(MAX_DRAWS):
            configuration = self.fill(lambda parameter: parameter.sample(rng))
            if not self.is_forbidden(configuration):
                return configuration
        raise ComponentError(
            f"{MAX_DRAWS} draws hit forbidden combinations only; hint: loosen the `forbidden` clauses"
        )

    def mutate(self, configuration, rng):
        """One active parameter, chosen uniformly, drawn anew; None where nothing else can be had."""
        places = [
            parameter
            for parameter, number in zip(self.parameters, configuration.numbers)
            if not math.isnan(number) and parameter.n_values != 1
        ]
        for _ in range(MAX_DRAWS if places else 0):
            place, old = rng.choose(places), configuration.numbers

            def number(parameter):
                if parameter is place or math.isnan(old[parameter.index]):
                    return parameter.sample(rng)
                return old[parameter.index]

            changed = self.fill(number)
            if changed.numbers[place.index] != old[place.index] and not self.is_forbidden(changed):
                return changed
        return None
