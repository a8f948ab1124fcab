"""The scores rank configurations as they should, not merely somehow."""

import pathlib
import sys
import unittest
from types import SimpleNamespace

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

from heirloom_plugin.testing import problem  # noqa: E402
from plugin import weights  # noqa: E402

SPACE = problem(
    [
        {"name": "layers", "type": "ordinal", "values": [1, 2, 3, 4]},
        {"name": "width", "type": "ordinal", "values": [16, 32, 64, 128]},
    ]
).space


def score(layers, width):
    configuration = SPACE.from_named({"layers": layers, "width": width})
    return weights(configuration, SimpleNamespace(options={}))


class TestWeights(unittest.TestCase):
    def test_weights_are_counted(self):
        # 64 inputs and a bias to 16 units, those and a bias to 10 classes.
        self.assertEqual(score(1, 16), 65 * 16 + 17 * 10)
        self.assertEqual(score(2, 16) - score(1, 16), 17 * 16)

    def test_larger_networks_stand_higher(self):
        scores = [score(1, 16), score(4, 16), score(1, 64), score(2, 64), score(4, 128)]
        self.assertEqual(scores, sorted(scores))

    def test_a_space_without_the_parameters_has_no_scores(self):
        other = problem([{"name": "lr", "type": "float", "low": 0, "high": 1}]).space
        self.assertIsNone(weights(other.default(), SimpleNamespace(options={})))


if __name__ == "__main__":
    unittest.main()
