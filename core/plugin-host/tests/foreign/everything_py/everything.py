"""A component of each kind, for the tests of Python plugins."""

import logging
import os
import threading
import time

import heirloom_plugin as heirloom

print("a plugin may print")


@heirloom.strategy("py-sweep")
class Sweep:
    def __init__(self, problem, options, context):
        self.problem = problem
        self.fault, self.at = options["fault"], options["at"]
        self.told = []
        self.state = b""
        logging.getLogger("sweep").warning("a sweep begins with %d thread", context.threads)
        if self.fault == "create":
            raise heirloom.ConfigurationError("`fault` is `create`; hint: leave it out")

    def ask(self, request):
        if request.first_trial == self.at:
            self.fail("ask")
        best = min(self.told, key=lambda one: one.objective, default=None)
        return [self.propose(request.rng(index), best) for index in range(request.n)]

    def propose(self, rng, best):
        configuration = self.problem.space.sample(rng)
        self.problem.space.check(configuration)
        return heirloom.Proposal(configuration, parent=None if best is None else best.trial)

    def tell(self, observations):
        if any(one.trial == self.at for one in observations):
            self.fail("tell")
        self.told += [one for one in observations if one.objective is not None]

    def judge(self, report):
        return "stop" if report.objectives[0] > 10 else "pause" if report.objectives[0] < 0 else "continue"

    def inform(self, priors):
        return bool(priors) and priors[0].weight > 0

    def recommend(self):
        return self.told[-1].trial if self.told else None

    def save(self):
        return self.state + bytes([len(self.told)])

    def restore(self, state):
        self.state = state

    def fail(self, where):
        if self.fault == where:
            raise ValueError(f"wrong while {where} was called")
        if where == "ask" and self.fault == "exit":
            os._exit(3)
        if where == "ask" and self.fault == "hang":
            time.sleep(3600)
        if where == "ask" and self.fault == "refuse":
            raise heirloom.ComponentError("not this trial")


@heirloom.estimator(
    "py-sum",
    objectives={"sum": "minimise", "quality": "maximise"},
    fidelities=[heirloom.Fidelity("epochs", 1, 4, integer=True)],
)
def evaluate(trial):
    faults = {
        "diverged": lambda: {"sum": float("nan"), "quality": 1.0},
        "error": lambda: {}["missing"],
        "rejected": lambda: raise_(heirloom.Rejected("too large")),
        "memory": lambda: raise_(MemoryError()),
        "missing": lambda: {"sum": 1.0},
        "unknown": lambda: {"sum": 1.0, "quality": 1.0, "other": 2.0},
        "exit": lambda: os._exit(3),
        "nothing": lambda: None,
        "thread": lambda: leave_a_thread(trial),
        "loud": lambda: raise_(heirloom.Rejected("\033[2J" + "x" * 100_000)),
    }
    fault = trial.options["fault"]
    if fault in faults:
        return faults[fault]()
    if trial.cancelled():
        raise heirloom.Cancelled("the run ends")
    total = sum(trial.values())
    for epoch in range(1, trial.size("epochs") + 1):
        if not trial.report(epoch, sum=total + 1 / epoch, quality=-total):
            break
    if trial.folder:
        with open(os.path.join(trial.own_folder(), "sum"), "w", encoding="utf-8") as file:
            file.write(str(total))
    trial.metric("threads", trial.threads)
    trial.metric("parent", -1 if trial.parent is None else trial.parent)
    return {"sum": total, "quality": -total}


LATE = []


def leave_a_thread(trial):
    """Lets the trial before report once more, and leaves a thread that reports on this one."""
    late = []
    for before in LATE:
        try:
            before.report(99, sum=0.0, quality=0.0)
        except RuntimeError as error:
            late.append(str(error))
    LATE[:] = [trial]
    threading.Thread(target=report_late, args=(trial,)).start()
    if late:
        raise heirloom.Rejected(late[0])
    return {"sum": trial.number, "quality": 1.0}


def report_late(trial):
    time.sleep(0.05)
    trial.report(1, sum=0.0, quality=0.0)


def raise_(error):
    raise error


@heirloom.proxy("py-largest", direction="maximise", cost_seconds=1e-6, unit="units")
def largest(configuration, scoring):
    assert scoring.problem.space is configuration.space
    return max(configuration.numbers, default=None) if configuration.numbers[0] < 0.9 else None
