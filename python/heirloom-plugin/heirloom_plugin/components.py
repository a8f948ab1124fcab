"""The decorators that make a class or a function a component."""

from .problem import Fidelity, Objective
from .spec import describe

#: Everything that was decorated, by kind and name.
COMPONENTS = {}


def _register(kind, name, component):
    if (kind, name) in COMPONENTS:
        raise ValueError(f"{kind} `{name}` stands twice in the plugin; hint: names must differ")
    COMPONENTS[(kind, name)] = component
    return component


def strategy(name):
    """Makes a class a strategy.

    It is made by `Class(problem, options, context)` and has `ask(request)` and `tell(observations)`, perhaps
    `judge(report)`, `inform(priors)`, `recommend()`, `save()` and `restore(state)`.
    """

    def decorate(cls):
        for method in ("ask", "tell"):
            if not callable(getattr(cls, method, None)):
                raise TypeError(f"strategy `{name}` has no method `{method}`")
        _register("strategy", name, cls)
        return cls

    return decorate


def estimator(name, objectives, fidelities=(), space=None, simulated_cost=False):
    """Makes a function or a class an estimator.

    A function is called as `function(trial)` and returns its objective, or a mapping of objectives; the class is made
    by `Class(space, options, context)` and has such a method `evaluate`. `objectives` maps names to `minimise` or
    `maximise`; `space` is a list of parameters where the estimator has a space of its own.
    """
    objectives = [Objective(*pair) for pair in objectives.items()]
    if not objectives:
        raise ValueError(f"estimator `{name}` has no objectives")
    for dimension in fidelities:
        if not isinstance(dimension, Fidelity):
            raise TypeError(f"estimator `{name}`: `{dimension}` is no Fidelity")
    if space is not None:
        describe(space)

    def decorate(component):
        made = component
        if not isinstance(component, type):

            class Function:
                def __init__(self, _space, _options, _context):
                    self.evaluate = component

            made = Function
        _register("estimator", name, (made, objectives, list(fidelities), space, simulated_cost))
        return component

    return decorate


def proxy(name, direction="minimise", needs="nothing", cost_seconds=1e-3, unit=""):
    """Makes a function or a class a proxy.

    A function is called as `function(configuration, scoring)`, where `scoring` has `problem`, `options`, `context` and
    `seed`, and returns a number, or None where the configuration cannot be scored; the class is made by
    `Class(problem, options, context)` and has `score(configuration, seed)`.
    """
    info = {"direction": direction, "cost_seconds": float(cost_seconds), "needs": needs, "unit": unit}

    def decorate(component):
        made = component
        if not isinstance(component, type):

            class Function:
                def __init__(self, problem, options, context):
                    self.scoring = Scoring(problem, options, context)

                def score(self, configuration, seed):
                    self.scoring.seed = seed
                    return component(configuration, self.scoring)

            made = Function
        _register("proxy", name, (made, info))
        return component

    return decorate


class Scoring:
    """What a proxy's function is given beside the configuration."""

    def __init__(self, problem, options, context):
        self.problem = problem
        self.options = options
        self.context = context
        self.seed = None
