"""One evaluation, as an estimator sees it."""

import math
import os
import threading
import time
from collections.abc import Mapping

from .errors import Cancelled, Diverged, Failure, Rejected, a


class NoParameter(Rejected, KeyError):
    """The configuration has no such parameter: it is of another space than the estimator is written for."""

    def __str__(self):
        return self.args[0]


class Trial(Mapping):
    """A trial under evaluation: a mapping from the names of active parameters to values.

    `number`, `attempt`, `seed`, `threads`, `options` (the estimator's own), `parent` and `continues` (numbers of other
    trials, or None), `seconds` and `memory_bytes` (limits, or None), `folder` (the run's, for files of trials, or None).
    """

    def __init__(self, configuration, fidelity, number, seed, reporter, info, **rest):
        self.configuration = configuration
        self.fidelity = fidelity
        self.number = number
        self.seed = seed
        self.attempt = rest.get("attempt", 1)
        self.parent = rest.get("parent")
        self.continues = rest.get("continues")
        self.seconds = rest.get("seconds")
        self.memory_bytes = rest.get("memory_bytes")
        self.threads = rest.get("threads", 1)
        self.folder = rest.get("folder")
        self.options = rest.get("options", {})
        self.metrics = {}
        self.curve = []
        self.stopped = False
        self._reporter = reporter
        self._info = info
        self._start = time.perf_counter()
        self._line = threading.Lock()
        self._ended = False

    def __getitem__(self, name):
        if name not in self.configuration:
            names = ", ".join(self.configuration)
            raise NoParameter(f"the configuration has no `{name}`; hint: it has {names}: look at the run file's space")
        return self.configuration[name]

    def __iter__(self):
        return iter(self.configuration)

    def __len__(self):
        return len(self.configuration)

    def size(self, name):
        """The evaluation's size along a fidelity's dimension, such as `epochs`."""
        for dimension, value in zip(self._info.fidelities, self.fidelity or self._info.full_fidelity):
            if dimension.name == name:
                return int(value) if dimension.integer else value
        known = ", ".join(dimension.name for dimension in self._info.fidelities) or "none"
        raise KeyError(f"`{name}` is no fidelity of the estimator; hint: it has {known}")

    @property
    def elapsed(self):
        """Seconds since the evaluation began."""
        return time.perf_counter() - self._start

    def own_folder(self):
        """The folder of this trial's files, made; None where nothing is kept."""
        if self.folder is None:
            return None
        path = os.path.join(self.folder, f"trial-{self.number}")
        os.makedirs(path, exist_ok=True)
        return path

    def report(self, step, **objectives):
        """Reports a point of the learning curve, objectives as people see them. Returns whether to train on.

        After False, return what was measured so far. A number that is not finite ends the evaluation as diverged.
        """
        step, minimised = float(step), self._info.minimised(objectives)
        with self._line:
            self._check_open()
            cost = self.elapsed
            self.curve.append((step, minimised, cost))
            if self._reporter.report(self.number, step, minimised, cost) != 0:
                self.stopped = True
            return not self.stopped

    def metric(self, name, value):
        """Keeps something else that was measured, in its own unit and direction."""
        self.metrics[name] = float(value)

    def cancelled(self):
        """Whether the evaluation shall end as soon as it can: raise `Cancelled` then."""
        with self._line:
            self._check_open()
            return self._reporter.cancelled()

    def close(self):
        """Ends the evaluation, for the one who serves it: what threads ask under way is answered first."""
        with self._line:
            self._ended = True

    def _check_open(self):
        if self._ended:
            raise RuntimeError(f"the evaluation of trial {self.number} has ended; join your threads before you return")


class Info:
    """What an estimator measures."""

    def __init__(self, objectives, fidelities):
        self.objectives = objectives
        self.fidelities = fidelities
        self.full_fidelity = tuple(float(dimension.high) for dimension in fidelities)

    def minimised(self, values):
        """Objectives by name, as people see them, as the minimised list."""
        if not isinstance(values, Mapping):
            if len(self.objectives) != 1:
                names = ", ".join(objective.name for objective in self.objectives)
                raise Failure(f"give the objectives by name: {names}")
            values = {self.objectives[0].name: values}
        known = {objective.name for objective in self.objectives}
        for name in values:
            if name not in known:
                raise Failure(f"`{name}` is no objective; hint: they are {', '.join(sorted(known))}")
        minimised = []
        for objective in self.objectives:
            if objective.name not in values:
                raise Failure(f"objective `{objective.name}` is missing")
            value = values[objective.name]
            try:
                value = float(value)
            except (TypeError, ValueError):
                raise Failure(f"objective `{objective.name}` must be a number, it is {a(value)}") from None
            if not math.isfinite(value):
                raise Diverged(f"`{objective.name}` is {value}")
            minimised.append(objective.turn(value))
        return minimised


__all__ = ["Cancelled", "Info", "Trial"]
