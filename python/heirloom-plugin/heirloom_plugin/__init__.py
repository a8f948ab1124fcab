"""Write plugins of Heirloom in Python.

    from heirloom_plugin import strategy

    @strategy("random-again")
    class RandomAgain:
        def __init__(self, problem, options, context):
            self.space = problem.space

        def ask(self, request):
            return [self.space.sample(request.rng(index)) for index in range(request.n)]

        def tell(self, observations):
            pass

Beside the module stands `plugin.toml`. Heirloom starts the user's Python and talks to it over a socket: see the book
of plugins, page "Python".
"""

from .components import estimator, proxy, strategy
from .errors import (
    Cancelled,
    ComponentError,
    ConfigurationError,
    Diverged,
    Failure,
    OutOfMemory,
    Rejected,
    TimedOut,
    UnsupportedError,
)
from .problem import Context, Fidelity, Objective, Observation, Problem, Proposal, Request
from .seed import Rng, Seed
from .space import Configuration, Parameter, Space
from .trial import Trial

__version__ = "0.1.0"

__all__ = [
    "Cancelled",
    "ComponentError",
    "Configuration",
    "ConfigurationError",
    "Context",
    "Diverged",
    "Failure",
    "Fidelity",
    "Objective",
    "Observation",
    "OutOfMemory",
    "Parameter",
    "Problem",
    "Proposal",
    "Rejected",
    "Request",
    "Rng",
    "Seed",
    "Space",
    "TimedOut",
    "Trial",
    "UnsupportedError",
    "estimator",
    "proxy",
    "strategy",
]
