"""What a run optimises, and what a strategy is asked and told."""

from .seed import Seed
from .space import Configuration, Space


class Objective:
    """What is measured. Inside Heirloom every objective is minimised; `direction` says how people see it."""

    def __init__(self, name, direction="minimise"):
        if direction not in ("minimise", "maximise"):
            raise ValueError(f"objective `{name}`: `{direction}` is neither `minimise` nor `maximise`")
        self.name = name
        self.direction = direction

    def turn(self, value):
        """A value as people see it from the minimised one, or back."""
        return value if self.direction == "minimise" else -value

    def described(self):
        """As the protocol writes it."""
        return {"name": self.name, "direction": self.direction}


class Fidelity:
    """One way in which an evaluation can be smaller than the full one: epochs, data fraction, resolution."""

    def __init__(self, name, low, high, integer=False, levels=()):
        self.name = name
        self.low = low
        self.high = high
        self.integer = integer
        self.levels = list(levels)

    def described(self):
        """As the protocol writes it."""
        levels = {"levels": self.levels} if self.levels else {}
        return {"name": self.name, "low": self.low, "high": self.high, "integer": self.integer, **levels}


class Problem:
    """What a run optimises: `space`, `fidelities` (empty where there is only one size), `objectives`."""

    def __init__(self, described, allowed=None):
        self.space = Space(described["space"], allowed)
        self.fidelities = [Fidelity(**one) for one in described["fidelities"]]
        self.objectives = [Objective(**one) for one in described["objectives"]]

    @property
    def full_fidelity(self):
        """The size of a full evaluation, `[f]`."""
        return tuple(float(dimension.high) for dimension in self.fidelities)


class Context:
    """What a component may use: `threads` at the same time; `folder` is the run file's."""

    def __init__(self, threads=1, folder=""):
        self.threads = threads
        self.folder = folder


class Pending:
    """A trial that was proposed and not told yet."""

    def __init__(self, trial, configuration, fidelity):
        self.trial = trial
        self.configuration = configuration
        self.fidelity = fidelity


class Request:
    """What a strategy is asked: `n` proposals, of which the first will be trial `first_trial`."""

    def __init__(self, n, first_trial, pending, seed):
        self.n = n
        self.first_trial = first_trial
        self.pending = pending
        self.seed = seed

    def rng(self, index):
        """The generator for proposal `index`: it follows from the trial's number alone."""
        return self.seed.derive("trial", self.first_trial + index).rng()


class Proposal:
    """What a strategy wants evaluated; full fidelity where none is given."""

    def __init__(self, configuration, fidelity=None, parent=None, continues=None):
        self.configuration = configuration
        self.fidelity = fidelity
        self.parent = parent
        self.continues = continues

    @classmethod
    def of(cls, answer, space):
        """A proposal from what a strategy's `ask` may give: one, a configuration, or a mapping of names to values."""
        proposal = answer if isinstance(answer, cls) else cls(answer)
        if not isinstance(proposal.configuration, Configuration):
            proposal.configuration = space.from_named(proposal.configuration)
        return proposal


class Observation:
    """What became of a trial: `objectives` (minimised), or None and the `failure`'s kind."""

    def __init__(self, trial, configuration, fidelity, objectives, failure, cost_seconds):
        self.trial = trial
        self.configuration = configuration
        self.fidelity = fidelity
        self.objectives = objectives
        self.failure = failure
        self.cost_seconds = cost_seconds

    @property
    def objective(self):
        """The first objective, minimised; None where the trial failed."""
        return self.objectives[0] if self.objectives else None


class CurveReport:
    """A point of a running trial's learning curve."""

    def __init__(self, trial, fidelity, step, objectives, cost_seconds):
        self.trial = trial
        self.fidelity = fidelity
        self.step = step
        self.objectives = objectives
        self.cost_seconds = cost_seconds


class Prior:
    """What is believed of a configuration before the first trial: its expected quantile (0 the best), and how far to
    trust it, in trials."""

    def __init__(self, configuration, score, weight):
        self.configuration = configuration
        self.score = score
        self.weight = weight


__all__ = [
    "Configuration",
    "Context",
    "CurveReport",
    "Fidelity",
    "Objective",
    "Observation",
    "Pending",
    "Prior",
    "Problem",
    "Proposal",
    "Request",
    "Seed",
    "Space",
]
