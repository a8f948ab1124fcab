"""Optuna's tree-structured Parzen estimator as a strategy."""

import optuna
from heirloom_plugin import ComponentError, UnsupportedError, strategy
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

optuna.logging.set_verbosity(optuna.logging.WARNING)


def distribution(parameter):
    """A parameter as Optuna knows it."""
    if parameter.kind == "float":
        return FloatDistribution(parameter.low, parameter.high, log=parameter.log, step=parameter.step)
    if parameter.kind != "int":
        return CategoricalDistribution(parameter.choices)
    if parameter.log and parameter.step != 1:
        raise UnsupportedError(f"parameter `{parameter.name}` has `log` and a step; hint: leave one out")
    return IntDistribution(parameter.low, parameter.high, log=parameter.log, step=parameter.step)


@strategy("optuna-tpe")
class Tpe:
    def __init__(self, problem, options, _context):
        self.space = problem.space
        self.distributions = {parameter.name: distribution(parameter) for parameter in self.space}
        self.startup_trials = options["startup_trials"]
        self.study = optuna.create_study()
        self.is_seeded, self.asked = False, {}

    def ask(self, request):
        if not self.is_seeded:
            seed = request.seed.number(32)
            self.study.sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=self.startup_trials)
            self.is_seeded = True
        return [self.propose(request.first_trial + index) for index in range(request.n)]

    def propose(self, number):
        for _ in range(1000):
            trial = self.study.ask(self.distributions)
            configuration = self.space.build(lambda parameter: trial.params[parameter.name])
            if not self.space.is_forbidden(configuration):
                self.asked[number] = trial
                return configuration
            self.study.tell(trial, state=TrialState.FAIL)
        raise ComponentError("1000 proposals were forbidden ones; hint: loosen the `forbidden` clauses")

    def tell(self, observations):
        for one in observations:
            trial = self.asked.pop(one.trial, None)
            if trial is not None and one.objective is not None:
                self.study.tell(trial, one.objective)
            elif trial is not None:
                self.study.tell(trial, state=TrialState.FAIL)
            elif one.objective is not None:
                # Another proposed it: the warm start, or the run that is resumed.
                named = dict(one.configuration)
                known = {name: self.distributions[name] for name in named}
                self.study.add_trial(create_trial(params=named, distributions=known, value=one.objective))
