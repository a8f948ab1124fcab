"""The numbers are right, not merely numbers."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

from heirloom_plugin import Configuration  # noqa: E402
from heirloom_plugin.testing import problem, trial  # noqa: E402
from plugin import EPOCHS, train  # noqa: E402

SPACE = problem([{"name": name, "type": "float", "low": 0, "high": 1} for name in "xy"]).space


def trained(x, y, verdicts=(), seed=0, noise=0.0):
    options = {"noise": noise}
    made = trial(
        Configuration(SPACE, (x, y)), {"loss": "minimise"}, [EPOCHS], options, seed, verdicts
    )
    return train(made), made


class TestTraining(unittest.TestCase):
    def test_more_training_gives_a_lower_loss(self):
        _, made = trained(0.5, 0.5)
        losses = [objectives[0] for _, objectives, _ in made.curve]
        self.assertEqual(len(losses), 20)
        self.assertEqual(losses, sorted(losses, reverse=True))

    def test_the_best_place_is_known(self):
        best, _ = trained(1 / 3, 1 / 3)
        self.assertAlmostEqual(best, 1 / 20)
        for x, y in [(0, 0), (1, 1), (0.4, 1 / 3)]:
            self.assertGreater(trained(x, y)[0], best)

    def test_a_verdict_ends_the_training(self):
        _, made = trained(0.5, 0.5, verdicts=[0, 1])
        self.assertEqual((len(made.curve), made.stopped), (2, True))

    def test_the_seed_decides(self):
        first, again, other = (trained(0.5, 0.5, seed=seed, noise=0.1)[0] for seed in (1, 1, 2))
        self.assertEqual(first, again)
        self.assertNotEqual(first, other)


if __name__ == "__main__":
    unittest.main()
