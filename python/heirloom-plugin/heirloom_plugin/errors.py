"""What a component raises when it cannot do what it was asked.

An error of any other type counts as a fault of the plugin: a strategy is rebuilt from what it was told, an
evaluation is a crashed trial.
"""


class ComponentError(Exception):
    """The component failed, and is fit for the next call."""

    kind = "failed"


class ConfigurationError(ComponentError):
    """The component's own table in the run file is wrong."""

    kind = "configuration"


class UnsupportedError(ComponentError):
    """The component cannot work on this problem."""

    kind = "unsupported"


class Failure(Exception):
    """The evaluation has no result. The trial fails; the estimator goes on."""

    code = 4


class OutOfMemory(Failure):
    """More memory was wanted than there was or than is allowed."""

    code = 1


class Diverged(Failure):
    """A measured number was not finite."""

    code = 2


class TimedOut(Failure):
    """The time limit ran out."""

    code = 3


class Rejected(Failure):
    """The estimator refuses the configuration."""

    code = 5


class Cancelled(Failure):
    """The run was told to end before the evaluation did; the trial stays pending."""

    code = 6


#: The kinds of failures by their numbers.
FAILURES = {
    1: "out-of-memory",
    2: "diverged",
    3: "timed-out",
    4: "crashed",
    5: "rejected",
    6: "cancelled",
    7: "filtered",
}


class Malformed(Exception):
    """The other side sent something that is no message."""


def a(value):
    """What a wrong value is, for a message: `None`, or its type."""
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
