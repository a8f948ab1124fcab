"""What an author's own tests need: problems, and short searches without a host."""

from .problem import Context, Objective, Observation, Pending, Problem, Proposal, Request, Seed
from .spec import describe
from .trial import Info, Trial


def problem(parameters, objectives=None, fidelities=()):
    """A problem over the given parameters, each a mapping as in a run file."""
    objectives = {"objective": "minimise"} if objectives is None else objectives
    made = Problem({"space": describe(parameters), "fidelities": [], "objectives": []})
    made.objectives = [Objective(*pair) for pair in objectives.items()]
    made.fidelities = list(fidelities)
    return made


def search(strategy, over, measure, n_trials, batch=1, seed=0):
    """Runs a strategy class over a problem for some trials; the observations.

    `measure(configuration)` gives the minimised objective, or None for a trial that fails.
    """
    made = strategy(over, {}, Context()) if isinstance(strategy, type) else strategy
    root, observations = Seed.from_number(seed), []
    while len(observations) < n_trials:
        first = len(observations)
        asked = made.ask(Request(min(batch, n_trials - first), first, [], root))
        if not asked:
            break
        told = []
        for index, answer in enumerate(asked):
            proposal = Proposal.of(answer, over.space)
            over.space.check(proposal.configuration)
            fidelity = over.full_fidelity if proposal.fidelity is None else proposal.fidelity
            objective = measure(proposal.configuration)
            objectives, failure = (None, "crashed") if objective is None else ([float(objective)], None)
            told.append(
                Observation(first + index, proposal.configuration, fidelity, objectives, failure, 1.0)
            )
        made.tell(told)
        observations += told
    return observations


def trial(configuration, objectives, fidelities=(), options=None, seed=0, verdicts=()):
    """A trial for an estimator's function; `verdicts` are answered to its reports, then all go on."""
    answers = iter(verdicts)

    class Reporter:
        def report(self, *_):
            return next(answers, 0)

        def cancelled(self):
            return False

    info = Info([Objective(*pair) for pair in objectives.items()], list(fidelities))
    return Trial(
        configuration,
        info.full_fidelity,
        0,
        Seed.from_number(seed),
        Reporter(),
        info,
        options={} if options is None else options,
    )


__all__ = ["Pending", "problem", "search", "trial"]
