"""The worker's end of the line, without a host: what a plugin gives wrongly is said, and calls stay apart."""

import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest
from unittest import mock

import heirloom_plugin as heirloom
from heirloom_plugin import columns, frames, testing, worker
from heirloom_plugin.errors import ComponentError, Malformed
from heirloom_plugin.spec import describe

SPACE = describe([{"name": "x", "type": "float", "low": 0.0, "high": 1.0}])
EPOCHS = {"name": "epochs", "low": 1, "high": 9, "integer": True}
PROBLEM = {"space": SPACE, "fidelities": [EPOCHS], "objectives": [{"name": "y", "direction": "minimise"}]}


def frame(verb, body=b""):
    return frames.HEADER.pack(len(body), verb) + body


def strategy(**methods):
    """A strategy whose methods give these values."""
    cls = type("Given", (), {name: lambda self, *_, value=value: value for name, value in methods.items()})
    cls.__init__ = lambda self, *_: None
    return worker.StrategyServer(cls, PROBLEM, {}, None, None)


def estimator(evaluate, link=None):
    cls = type("Given", (), {"__init__": lambda self, *_: None, "evaluate": staticmethod(evaluate)})
    registered = (cls, [heirloom.Objective("y")], [], None, False)
    return worker.EstimatorServer(registered, {"space": SPACE}, {}, None, link)


class Answers(unittest.TestCase):
    def complaint(self, call, *arguments):
        with self.assertRaises(ComponentError) as caught:
            call(*arguments)
        return str(caught.exception)

    def test_what_ask_gives_wrongly_is_said_in_its_words(self):
        proposal = lambda **rest: [heirloom.Proposal({"x": 0.5}, **rest)]
        for given, expected in [
            ({"x": 0.5}, "`ask` must give a list of proposals, it gave a dict"),
            ("x", "`ask` must give a list of proposals, it gave a str"),
            (7, "`ask` must give a list of proposals, it gave an int"),
            ([0.5], "`ask` must give a list of proposals, a float is among what it gave"),
            ([{"z": 1}], "`ask` gave what is no configuration: the space has no parameter `z`"),
            (proposal(fidelity=3), "`fidelity` must be a list of 1 numbers"),
            (proposal(fidelity=[1, 2]), "it is `[1, 2]`"),
            (proposal(fidelity=["much"]), "(epochs); it is `['much']`"),
            (proposal(parent=-1), "`parent` must be a trial's number or None, it is `-1`"),
            (proposal(continues="x"), "`continues` must be a trial's number or None, it is `'x'`"),
        ]:
            body = columns.write(columns.Columns(n=1, first_trial=0, seed=bytes(32), pending=_none()), columns.ASK)
            self.assertIn(expected, self.complaint(strategy(ask=given).serve, frames.ASK, body))

    def test_what_other_methods_give_wrongly_is_said_in_their_words(self):
        report = columns.Columns(trial=0, fidelity=[1.0], step=1.0, objectives=[0.5], cost=0.0)
        judged = columns.write(report, columns.REPORT)
        self.assertIn("`judge` gave `{}`", self.complaint(strategy(judge={}).serve, frames.JUDGE, judged))
        self.assertIn("it gave a str", self.complaint(strategy(save="state").serve, frames.SAVE, b""))
        self.assertIn("it is `'x'`", self.complaint(strategy(recommend="x").serve, frames.RECOMMEND, b""))

    def test_what_evaluate_gives_wrongly_is_said_in_its_words(self):
        space = testing.problem([{"name": "x", "type": "float", "low": 0.0, "high": 1.0}]).space
        trial = lambda: testing.trial(space.default(), {"y": "minimise"})
        for given, expected in [
            (None, "`evaluate` must give a number or a mapping of objectives (y), it gave None"),
            ("0.5", "it gave a str"),
            ([0.5], "objective `y` must be a number, it is a list"),
            ({"y": None}, "objective `y` must be a number, it is None"),
        ]:
            failure, message, _ = estimator(lambda _, given=given: given).evaluate_one(trial())
            self.assertEqual(failure, 4)
            self.assertIn(expected, message)

    def test_the_innermost_line_of_the_plugins_own_folder_is_named(self):
        with tempfile.TemporaryDirectory() as folder, mock.patch.object(worker, "_plugin", os.path.join(folder, "")):
            path = os.path.join(folder, "own.py")
            with open(path, "w", encoding="utf-8") as file:
                file.write("import json\n\ndef load():\n    return json.loads('{')\n")
            own = {}
            with open(path, encoding="utf-8") as file:
                exec(compile(file.read(), path, "exec"), own)
            try:
                own["load"]()
            except ValueError as error:
                self.assertIn(" at own.py:4: JSONDecodeError: ", worker.explain(error))
            try:
                compile("a = 1\nb = (\n", path, "exec")
            except SyntaxError as error:
                self.assertIn(" at own.py:2: SyntaxError: ", worker.explain(error))


class Calls(unittest.TestCase):
    def setUp(self):
        self.ours, theirs = socket.socketpair()
        self.addCleanup(self.ours.close)
        self.addCleanup(theirs.close)
        self.link = frames.Link(theirs)

    def test_nothing_is_asked_outside_a_call(self):
        with self.assertRaisesRegex(RuntimeError, "the call has ended; join your threads"):
            self.link.question(frames.CANCELLED)
        self.ours.sendall(frame(frames.EVALUATE) + frame(frames.DONE, b"\1"))
        self.link.receive()
        self.assertEqual(self.link.question(frames.CANCELLED), b"\1")
        self.link.answer(frames.DONE)
        with self.assertRaisesRegex(RuntimeError, "join your threads before you return"):
            self.link.question(frames.CANCELLED)
        # The next call was not taken for an answer.
        self.ours.sendall(frame(frames.EVALUATE, b"next"))
        self.assertEqual(self.link.receive(), (frames.EVALUATE, b"next"))

    def test_an_answer_that_is_none_is_refused(self):
        self.ours.sendall(frame(frames.EVALUATE) + frame(frames.TELL, b"\1"))
        self.link.receive()
        with self.assertRaisesRegex(Malformed, "answered by verb 3"):
            self.link.question(frames.CANCELLED)

    def test_a_thread_that_is_left_over_cannot_report_on_its_trial(self):
        kept, reported = [], threading.Event()

        def evaluate(trial):
            kept.append(trial)
            thread = threading.Thread(target=trial.report, args=(1,), kwargs={"y": 0.5})
            thread.start()
            reported.wait()
            return 0.5

        def host():
            self.ours.recv(1 << 16)
            reported.set()
            # The evaluation returns while the report waits for its answer.
            self.assertFalse(done.wait(0.2))
            self.ours.sendall(frame(frames.DONE, b"\0"))

        self.ours.sendall(frame(frames.EVALUATE))
        self.link.receive()
        done, answering = threading.Event(), threading.Thread(target=host)
        answering.start()
        server = estimator(evaluate, self.link)
        trial = testing.trial(server.space.default(), {"y": "minimise"})
        trial._reporter = server
        self.assertEqual(server.evaluate_one(trial), (0, "", [0.5]))
        done.set()
        answering.join()
        self.assertEqual(len(trial.curve), 1)
        for ask in (lambda: kept[0].report(2, y=0.5), kept[0].cancelled):
            with self.assertRaisesRegex(RuntimeError, "the evaluation of trial 0 has ended; join your threads"):
                ask()

    def test_a_format_that_does_not_fit_does_not_end_the_call(self):
        logger = logging.getLogger("misfit")
        logger.propagate = False
        logger.addHandler(worker._ToHost("plugin", self.link))
        with mock.patch.object(sys, "stderr", open(os.devnull, "w", encoding="utf-8")) as nowhere:
            logger.warning("%d epochs", "three")
            nowhere.close()
        logger.warning("%d epochs", 3)
        self.assertIn(b"3 epochs", self.ours.recv(1 << 16))


@unittest.skipUnless(os.path.isdir("/proc"), "processes are found in /proc")
class End(unittest.TestCase):
    def test_what_it_has_started_ends_with_it(self):
        script = (
            "import os, subprocess\n"
            "from heirloom_plugin import worker\n"
            "program = subprocess.Popen(['sleep', '60'], preexec_fn=os.setpgrp)\n"
            "worker._end_started()\n"
            "print(program.wait())\n"
        )
        run = subprocess.run([sys.executable, "-c", script], start_new_session=True, stdout=subprocess.PIPE)
        self.assertEqual(run.stdout.split(), [str(-signal.SIGKILL).encode()])


def _none():
    return columns.Columns(ids=[], configurations=[], fidelities=[])


if __name__ == "__main__":
    unittest.main()
