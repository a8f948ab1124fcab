"""The package without a host."""

import math
import unittest

import heirloom_plugin as heirloom
from heirloom_plugin import testing
from heirloom_plugin.components import COMPONENTS

PARAMETERS = [
    {"name": "x", "type": "float", "low": -1.0, "high": 1.0},
    {"name": "rate", "type": "float", "low": 1e-4, "high": 1.0, "log": True},
    {"name": "n", "type": "int", "low": 2, "high": 20, "step": 3, "default": 5},
    {"name": "kind", "type": "categorical", "choices": ["a", True, 1]},
    {"name": "y", "type": "float", "low": 0.0, "high": 1.0, "when": {"parameter": "kind", "is": "a"}},
]


class Spaces(unittest.TestCase):
    def setUp(self):
        self.space = testing.problem(PARAMETERS).space

    def test_draws_are_points_of_the_space_and_come_back(self):
        seed = heirloom.Seed.from_number(3)
        for counter in range(200):
            configuration = self.space.sample(seed.derive("draw", counter).rng())
            self.space.check(configuration)
            self.assertEqual(self.space.from_named(configuration).numbers[:4], configuration.numbers[:4])
            self.assertEqual("y" in configuration, configuration["kind"] == "a")
            again = self.space.from_unit(self.space.to_unit(configuration))
            for number, other in zip(configuration.numbers, again.numbers):
                self.assertTrue(math.isclose(number, other, rel_tol=1e-9) or math.isnan(number))
            other = self.space.mutate(configuration, seed.derive("mutate", counter).rng())
            self.space.check(other)
            self.assertNotEqual(other.numbers, configuration.numbers)

    def test_what_is_no_value_is_refused(self):
        for named in ({"x": 2.0}, {"n": 3}, {"kind": "b"}, {"kind": False}, {"z": 1}):
            with self.assertRaises(ValueError, msg=str(named)):
                self.space.from_named(named)
        self.assertEqual(self.space.from_named({})["n"], 5)
        self.assertIs(self.space.from_named({"kind": True})["kind"], True)
        with self.assertRaises(ValueError):
            self.space.check(heirloom.Configuration(self.space, [0.0, 0.1, 2.0, 1.0, 0.5]))

    def test_wrong_descriptions_are_refused(self):
        for wrong in (
            [{"name": "x", "type": "real", "low": 0, "high": 1}],
            [{"name": "x", "type": "float", "low": 0, "high": 1, "hihg": 2}],
            [{"name": "x", "type": "constant", "value": 1}] * 2,
            [{"name": "x", "type": "constant", "value": 1, "when": {"parameter": "z", "is": 1}}],
        ):
            with self.assertRaises(ValueError, msg=str(wrong)):
                testing.problem(wrong)


class Randomness(unittest.TestCase):
    def test_seeds_and_draws_are_heirlooms_own(self):
        # From `heirloom_model::Seed`: `Seed::from_number(7).derive("trial", 0)`, first draws.
        rng = heirloom.Seed.from_number(7).derive("trial", 0).rng()
        self.assertEqual(rng.uniform(), 0.07456678577015363)
        self.assertTrue(all(0 <= rng.below(7) < 7 for _ in range(1000)))

    def test_normal_draws_have_unit_variance(self):
        rng = heirloom.Seed.from_number(1).rng()
        draws = [rng.normal() for _ in range(20_000)]
        self.assertLess(abs(sum(draws) / len(draws)), 0.03)
        self.assertLess(abs(sum(x * x for x in draws) / len(draws) - 1), 0.05)


class Components(unittest.TestCase):
    def test_decorators_refuse_what_cannot_work(self):
        with self.assertRaisesRegex(TypeError, "has no method `tell`"):
            heirloom.strategy("half")(type("Half", (), {"ask": lambda self, request: []}))
        with self.assertRaisesRegex(ValueError, "neither `minimise` nor `maximise`"):
            heirloom.estimator("e", objectives={"x": "up"})
        with self.assertRaisesRegex(ValueError, "has no objectives"):
            heirloom.estimator("e", objectives={})

        @heirloom.proxy("twice")
        def score(_configuration, _scoring):
            return 0.0

        with self.assertRaisesRegex(ValueError, "stands twice"):
            heirloom.proxy("twice")(score)
        COMPONENTS.clear()

    def test_a_search_without_a_host_improves(self):
        class Climb:
            def __init__(self, problem, _options, _context):
                self.space, self.best = problem.space, None

            def ask(self, request):
                draws = [request.rng(index) for index in range(request.n)]
                return [self.space.mutate(self.best.configuration, r) if self.best else self.space.sample(r) for r in draws]

            def tell(self, observations):
                known = [one for one in [self.best, *observations] if one is not None and one.objective is not None]
                self.best = min(known, key=lambda one: one.objective, default=None)

        over = testing.problem(PARAMETERS)
        told = testing.search(Climb, over, lambda configuration: configuration["x"] ** 2, 60)
        self.assertEqual([one.trial for one in told], list(range(60)))
        self.assertLess(min(one.objective for one in told), 0.05)

    def test_a_trial_without_a_host_stops_when_told(self):
        over = testing.problem(PARAMETERS)
        fidelities = [heirloom.Fidelity("epochs", 1, 5, integer=True)]
        trial = testing.trial(over.space.default(), {"acc": "maximise"}, fidelities, verdicts=[0, 1])
        done = [epoch for epoch in range(1, trial.size("epochs") + 1) if trial.report(epoch, acc=epoch / 10)]
        self.assertEqual((done, trial.stopped, trial.curve[0][1]), ([1], True, [-0.1]))
        self.assertEqual((trial.get("absent", 7), "absent" in trial, trial["n"]), (7, False, 5))
        with self.assertRaisesRegex(heirloom.Rejected, "has no `absent`; hint: it has x, rate, n, kind, y"):
            trial["absent"]
        with self.assertRaises(heirloom.Diverged):
            trial.report(3, acc=float("inf"))


if __name__ == "__main__":
    unittest.main()
