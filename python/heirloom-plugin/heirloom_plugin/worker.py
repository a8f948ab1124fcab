"""The worker: one component, served until the host hangs up. Started by a plugin host, never by hand."""

import faulthandler
import importlib
import json
import logging
import math
import os
import select
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Iterable, Mapping

from . import columns, frames, msgpack
from .components import COMPONENTS
from .errors import FAILURES, ComponentError, Failure, Malformed, a
from .problem import (
    Context,
    CurveReport,
    Observation,
    Pending,
    Prior,
    Problem,
    Proposal,
    Request,
    Seed,
)
from .space import Configuration, Space
from .spec import describe
from .trial import Info, Trial

_VERDICTS = {None: 0, True: 0, "continue": 0, False: 1, "stop": 1, "pause": 2}


def main():
    """Serves the host at the other end of the standard input."""
    stream = _take_socket()
    # A crash in a compiled module says where it was.
    faulthandler.enable()
    # The host decides when a run ends; a key pressed at the terminal is for it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_host, args=(stream,), daemon=True).start()
    try:
        serve(frames.Link(stream))
    finally:
        _end_started()


def serve(link):
    """Serves one component over a link until the host hangs up."""
    component = None
    while True:
        try:
            verb, body = link.receive()
        except EOFError:
            return
        try:
            if component is not None:
                answer = component.serve(verb, body)
            elif verb == frames.CREATE:
                component, answer = create(msgpack.unpack(body), link)
            else:
                raise ComponentError("there is no component yet")
            link.answer(frames.DONE, answer)
        except Exception as error:  # whatever the author's code raises is an answer
            link.answer(frames.ERROR, msgpack.pack(_written(error)))


def _take_socket():
    # A plugin that reads its standard input must not read the host's frames.
    stream = socket.socket(fileno=os.dup(0))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return stream


def _end_with_host(stream):
    poll = select.poll()
    poll.register(stream, 0)
    while not poll.poll():
        pass
    try:
        _end_started()
    finally:
        os._exit(0)


def _end_started():
    """Kills what this process has started, where it began a session of its own: else it cannot have started any."""
    own = os.getpid()
    # Each round leaves only what was started while it looked.
    for _ in range(1000 if os.getsid(0) == own else 0):
        started = [process for process in _session(own) if process != own]
        for process in started:
            try:
                os.kill(process, signal.SIGKILL)
            except OSError:
                pass  # it has ended meanwhile
        if not started:
            return


def _session(leader):
    """The living processes of a session; none where the system does not say."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc") if os.path.isdir("/proc") else []):
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                # The second field, the name, stands in parentheses and may hold anything.
                state, _, _, session = file.read().rpartition(b")")[2].split()[:4]
        except (OSError, ValueError):
            continue  # no process, or one that has ended
        if int(session) == leader and state not in (b"Z", b"X"):
            found.append(int(name))
    return found


def _written(error):
    if isinstance(error, ComponentError):
        return {"kind": error.kind, "message": str(error)}
    if isinstance(error, Malformed):
        return {"kind": "failed", "message": f"malformed message across the plugin boundary: {error}"}
    return {"kind": "panicked", "message": "panicked" + explain(error)}


#: The plugin's folder, once it is known.
_plugin = None


def explain(error):
    """What went wrong and where, in one line: the innermost line of the plugin's own code."""
    here = os.path.dirname(os.path.abspath(__file__))
    places = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError) and error.filename:
        places.append((error.filename, error.lineno))
    places = [place for place in places if not place[0].startswith(here)]
    others = [place for place in places if "site-packages" not in place[0]]
    own = [place for place in others if _plugin and os.path.abspath(place[0]).startswith(_plugin)]
    inner = (own or others or places)[-1:]
    place = "".join(f" at {os.path.basename(file)}:{line}" for file, line in inner)
    return f"{place}: {type(error).__name__}: {error}"


def create(message, link):
    """Imports the plugin and makes its component; returns it and what it says of itself."""
    kind, name = message["kind"], message["name"]
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(variable, str(message["threads"]))
    _log_to_host(message, link)
    global _plugin
    _plugin = os.path.join(os.path.abspath(message["library"]), "")
    sys.path.insert(0, message["library"])
    try:
        importlib.import_module(message["module"])
    except ImportError as error:
        missing = getattr(error, "name", None) or str(error)
        raise ComponentError(
            f"module `{message['module']}` cannot be imported by `{sys.executable}`: {error}; hint: install "
            f"`{missing}` there, or name another Python with `HEIRLOOM_PYTHON`"
        ) from error
    registered = COMPONENTS.get((kind, name))
    if registered is None:
        there = ", ".join(f"{kind} `{name}`" for kind, name in COMPONENTS) or "none"
        raise ComponentError(
            f"module `{message['module']}` has no {kind} `{name}`; hint: decorate one with "
            f'`@{kind}("{name}")`; there are: {there}'
        )
    subject = json.loads(bytes(message["subject"]) or b"null")
    options = json.loads(message["options"])
    context = Context(message["threads"], message["folder"])
    made = {"strategy": StrategyServer, "estimator": EstimatorServer, "proxy": ProxyServer}[kind]
    server = made(registered, subject, options, context, link)
    info = server.info()
    return server, b"" if info is None else json.dumps(info).encode()


def point_of(space, numbers):
    """The configuration of numbers that came over the line."""
    if len(numbers) != len(space.parameters):
        raise Malformed(f"a configuration of {len(numbers)} numbers for {len(space.parameters)} parameters")
    return Configuration(space, numbers)


def _trial(number, what):
    """What stands for a trial's number, or for None, in a column; checked."""
    try:
        number = columns.or_none(number)
        number.to_bytes(8, "little")
    except (TypeError, ValueError, OverflowError):
        raise ComponentError(f"{what} must be a trial's number or None, it is `{number!r}`") from None
    return number


class _Server:
    """What serves a component of one kind."""

    def __init__(self, link):
        self.link = link

    def info(self):
        """What the component says of itself."""
        return None

    def allowed(self, configuration):
        """Whether the host counts a configuration's architecture as one of the space."""
        table = columns.Columns(n=1, configurations=configuration.numbers)
        return self.link.question(frames.ALLOWED, columns.write(table, columns.ALLOWED)) == b"\1"


class StrategyServer(_Server):
    """A strategy."""

    def __init__(self, registered, subject, options, context, link):
        super().__init__(link)
        self.problem = Problem(subject, self.allowed)
        self.strategy = registered(self.problem, options, context)
        self.verbs = {
            frames.ASK: self.ask,
            frames.TELL: self.tell,
            frames.JUDGE: self.judge,
            frames.INFORM: self.inform,
            frames.RECOMMEND: self.recommend,
            frames.SAVE: self.save,
            frames.RESTORE: self.restore,
        }

    def serve(self, verb, body):
        """One call; the answer's body."""
        if verb not in self.verbs:
            raise Malformed(f"a strategy does not know verb {verb}")
        return self.verbs[verb](body)

    def ask(self, body):
        asked = columns.read(body, columns.ASK)
        pending = [Pending(*trial) for trial in self._trials(asked.pending)]
        request = Request(asked.n, asked.first_trial, pending, Seed(asked.seed))
        proposals = self.proposals(self.strategy.ask(request))
        table = columns.Columns(
            n=len(proposals),
            configurations=[number for one in proposals for number in one.configuration.numbers],
            fidelities=[number for one in proposals for number in self.fidelity(one.fidelity)],
            parents=[_trial(one.parent, "`parent`") for one in proposals],
            continues=[_trial(one.continues, "`continues`") for one in proposals],
        )
        return columns.write(table, columns.PROPOSALS)

    def proposals(self, answers):
        """The proposals that `ask` gave, checked."""
        if isinstance(answers, (str, bytes, Mapping)) or not (answers is None or isinstance(answers, Iterable)):
            raise ComponentError(f"`ask` must give a list of proposals, it gave {a(answers)}")
        proposals = []
        for answer in [] if answers is None else answers:
            if not isinstance(answer, (Proposal, Mapping)):
                raise ComponentError(f"`ask` must give a list of proposals, {a(answer)} is among what it gave")
            try:
                proposals.append(Proposal.of(answer, self.problem.space))
            except (TypeError, ValueError) as error:
                raise ComponentError(f"`ask` gave what is no configuration: {error}") from error
        return proposals

    def fidelity(self, fidelity):
        """The numbers of a proposal's fidelity."""
        full = self.problem.full_fidelity
        if fidelity is None:
            return full
        try:
            numbers = [float(number) for number in fidelity]
        except (TypeError, ValueError):
            numbers = None
        if numbers is None or len(numbers) != len(full):
            names = ", ".join(dimension.name for dimension in self.problem.fidelities) or "none"
            raise ComponentError(
                f"`fidelity` must be a list of {len(full)} numbers, one for each of the problem's fidelities ({names}); "
                f"it is `{fidelity!r}`"
            )
        return numbers

    def tell(self, body):
        told = columns.read(body, columns.OBSERVATIONS)
        trials = self._trials(told.trials)
        columns.same_lengths(len(trials), told.failures, told.costs)
        objectives = columns.rows(told.objectives, len(trials))
        observations = [
            Observation(*trial, None if failure else list(row), FAILURES.get(failure), cost)
            for trial, row, failure, cost in zip(trials, objectives, told.failures, told.costs)
        ]
        self.strategy.tell(observations)
        return b""

    def judge(self, body):
        report = columns.read(body, columns.REPORT)
        judge = getattr(self.strategy, "judge", None)
        if judge is None:
            return b"\0"
        fidelity, objectives = tuple(report.fidelity), list(report.objectives)
        verdict = judge(CurveReport(report.trial, fidelity, report.step, objectives, report.cost))
        if not isinstance(verdict, (str, bool, type(None))) or verdict not in _VERDICTS:
            raise ComponentError(f"`judge` gave `{verdict}`; hint: give `continue`, `stop` or `pause`")
        return bytes([_VERDICTS[verdict]])

    def inform(self, body):
        table = columns.read(body, columns.KNOWLEDGE)
        inform = getattr(self.strategy, "inform", None)
        if inform is None:
            return b"\0"
        columns.same_lengths(len(table.scores), table.weights)
        configurations = columns.rows(table.configurations, len(table.scores))
        priors = [
            Prior(point_of(self.problem.space, numbers), score, weight)
            for numbers, score, weight in zip(configurations, table.scores, table.weights)
        ]
        return b"\1" if inform(priors) else b"\0"

    def recommend(self, _body):
        recommend = getattr(self.strategy, "recommend", None)
        trial = None if recommend is None else recommend()
        return b"" if trial is None else _trial(trial, "what `recommend` gives").to_bytes(8, "little")

    def save(self, _body):
        save = getattr(self.strategy, "save", None)
        state = None if save is None else save()
        if not isinstance(state, (bytes, bytearray, memoryview, type(None))):
            raise ComponentError(f"`save` must give bytes or None, it gave {a(state)}")
        return b"\0" if state is None else b"\1" + bytes(state)

    def restore(self, body):
        restore = getattr(self.strategy, "restore", None)
        if restore is None:
            error = ComponentError("this strategy resumes by replay")
            error.kind = "unsupported"
            raise error
        restore(bytes(body))
        return b""

    def _trials(self, table):
        n = len(table.ids)
        configurations, fidelities = columns.rows(table.configurations, n), columns.rows(table.fidelities, n)
        space = self.problem.space
        return [
            (trial, point_of(space, numbers), tuple(fidelity))
            for trial, numbers, fidelity in zip(table.ids, configurations, fidelities)
        ]


class EstimatorServer(_Server):
    """An estimator."""

    def __init__(self, registered, subject, options, context, link):
        super().__init__(link)
        cls, objectives, fidelities, self.own_space, self.simulated_cost = registered
        if self.own_space is not None:
            self.space = Space(describe(self.own_space))
        else:
            self.space = None if subject is None else Space(subject["space"])
        self.measures = Info(objectives, fidelities)
        self.options = options
        self.estimator = cls(self.space, options, context)

    def info(self):
        space = None if self.own_space is None else {"parameter": self.own_space}
        return {
            "objectives": [objective.described() for objective in self.measures.objectives],
            "fidelities": [dimension.described() for dimension in self.measures.fidelities],
            "space": space,
            "simulated_cost": self.simulated_cost,
        }

    def serve(self, verb, body):
        """One call; the answer's body."""
        if verb != frames.EVALUATE:
            raise Malformed(f"an estimator does not know verb {verb}")
        return columns.write(self.evaluate(self.requests(body)), columns.OUTCOMES)

    def requests(self, body):
        """The trials of a body, checked."""
        table = columns.read(body, columns.REQUESTS)
        if self.space is None:
            raise ComponentError("the run file has no space; hint: give it one, or the estimator a space of its own")
        ids = table.trials.ids
        n = len(ids)
        rest = (table.attempts, table.parents, table.continues, table.seconds, table.memory, table.threads)
        columns.same_lengths(n, *rest, table.folders.ends)
        columns.same_lengths(32 * n, table.seeds)
        configurations = columns.rows(table.trials.configurations, n)
        fidelities, seeds = columns.rows(table.trials.fidelities, n), columns.rows(table.seeds, n)
        folders = columns.texts(table.folders)
        return [
            Trial(
                point_of(self.space, configurations[at]),
                tuple(fidelities[at]),
                ids[at],
                Seed(seeds[at]),
                self,
                self.measures,
                attempt=table.attempts[at],
                parent=columns.none(table.parents[at]),
                continues=columns.none(table.continues[at]),
                seconds=None if math.isnan(table.seconds[at]) else table.seconds[at],
                memory_bytes=columns.none(table.memory[at]),
                threads=table.threads[at],
                folder=os.fsdecode(folders[at]) if folders[at] else None,
                options=self.options,
            )
            for at in range(n)
        ]

    def evaluate(self, trials):
        """Evaluates trials one after another; their outcomes as a table."""
        width = len(self.measures.objectives)
        names = ("failures", "objectives", "costs", "stopped", "curve_ends", "curve_steps", "curve_objectives")
        table = columns.Columns(**{name: [] for name in (*names, "curve_costs", "metric_ends", "metric_values")})
        messages, metrics = [], []
        for trial in trials:
            failure, message, objectives = self.evaluate_one(trial)
            table.failures.append(failure)
            messages.append(message.encode("utf-8", "replace"))
            table.objectives += objectives or [math.nan] * width
            table.costs.append(trial.elapsed)
            table.stopped.append(int(trial.stopped))
            if not failure:
                for step, point, cost in trial.curve:
                    table.curve_steps.append(step)
                    table.curve_objectives += point
                    table.curve_costs.append(cost)
                metrics += [name.encode("utf-8", "replace") for name in trial.metrics]
                table.metric_values += trial.metrics.values()
            table.curve_ends.append(len(table.curve_steps))
            table.metric_ends.append(len(metrics))
        table.messages, table.metric_names = columns.from_texts(messages), columns.from_texts(metrics)
        return table

    def evaluate_one(self, trial):
        """A failure's number (0 for none) and message, and the objectives."""
        try:
            try:
                measured = self.estimator.evaluate(trial)
            finally:
                trial.close()
            if measured is None or isinstance(measured, (str, bytes)):
                names = ", ".join(objective.name for objective in self.measures.objectives)
                raise Failure(
                    f"`evaluate` must give a number or a mapping of objectives ({names}), it gave {a(measured)}"
                )
            return 0, "", self.measures.minimised(measured)
        except Failure as failure:
            return failure.code, str(failure) or type(failure).__name__, None
        except MemoryError as error:
            return 1, f"memory ran out{explain(error)}", None
        except ComponentError as error:
            return 4, str(error), None
        except Exception as error:
            # PyTorch's own type for a device that is full is known by its name: it need not be installed.
            code = 1 if type(error).__name__ == "OutOfMemoryError" else 4
            return code, f"the estimator raised an error{explain(error)}", None

    def report(self, trial, step, objectives, cost):
        """Reports a point of a curve; the verdict's number."""
        table = columns.Columns(trial=trial, fidelity=(), step=step, objectives=objectives, cost=cost)
        return self.link.question(frames.REPORT, columns.write(table, columns.REPORT))[0]

    def cancelled(self):
        """Whether the run was told to end."""
        return self.link.question(frames.CANCELLED) == b"\1"


class ProxyServer(_Server):
    """A proxy."""

    def __init__(self, registered, subject, options, context, link):
        super().__init__(link)
        cls, self.described = registered
        self.problem = Problem(subject, self.allowed)
        self.proxy = cls(self.problem, options, context)

    def info(self):
        return self.described

    def serve(self, verb, body):
        """One call; the answer's body."""
        if verb != frames.SCORE:
            raise Malformed(f"a proxy does not know verb {verb}")
        table = columns.read(body, columns.SCORING)
        seed, scores = Seed(table.seed), []
        if table.n and not len(table.configurations):
            raise Malformed("a column does not divide into rows")
        for numbers in columns.rows(table.configurations, table.n):
            score = self.proxy.score(point_of(self.problem.space, numbers), seed)
            try:
                scores.append(math.nan if score is None else float(score))
            except (TypeError, ValueError):
                raise ComponentError(f"`score` must give a number or None, it gave {a(score)}") from None
        return columns.write(columns.Columns(scores=scores), columns.SCORES)


class _ToHost(logging.Handler):
    """Sends what the plugin logs to the host's log."""

    def __init__(self, plugin, link):
        super().__init__()
        self.plugin = plugin
        self.link = link

    def emit(self, record):
        level = 1 if record.levelno >= 40 else 2 if record.levelno >= 30 else 3 if record.levelno >= 20 else 4
        try:
            event = {"plugin": self.plugin, "level": level, "origin": record.name, "message": record.getMessage()}
            self.link.send(frames.LOG, msgpack.pack(event))
        except OSError:
            pass  # without a host there is nobody to read it
        except Exception:  # a format that does not fit must not end the plugin's call
            self.handleError(record)


def _log_to_host(message, link):
    levels = {0: 100, 1: logging.ERROR, 2: logging.WARNING, 3: logging.INFO}
    root = logging.getLogger()
    root.addHandler(_ToHost(message["plugin"], link))
    root.setLevel(levels.get(message["max_level"], logging.DEBUG))
