"""Makes scenes.npz: handwritten digits anywhere on a canvas, and for each pixel which digit it is part of.

    python -m pip install scikit-learn
    python scenes.py

`X`: bytes, [2000, 32, 32]; two digits each, twice as large as scikit-learn's. `y`: labels, [2000, 32, 32]: 0 is
background, digit d is d + 1, and 255 where the ink is faint.
"""

import numpy
from sklearn.datasets import load_digits

N_SCENES, SIDE = 2000, 32
rng = numpy.random.default_rng(0)
digits = load_digits()
images = numpy.zeros((N_SCENES, SIDE, SIDE), numpy.uint8)
labels = numpy.zeros_like(images)
for image, label in zip(images, labels):
    for corner in rng.choice(4, 2, replace=False):
        which = rng.integers(len(digits.images))
        ink = digits.images[which].repeat(2, 0).repeat(2, 1)
        # Each in a quarter of its own, so that none hides another.
        top, left = SIDE // 2 * (corner // 2), SIDE // 2 * (corner % 2)
        image[top : top + 16, left : left + 16] = ink * 15
        part = label[top : top + 16, left : left + 16]
        part[ink >= 4] = digits.target[which] + 1
        part[(ink >= 2) & (ink < 4)] = 255
    image += rng.integers(0, 16, image.shape, dtype=numpy.uint8)
numpy.savez_compressed("scenes.npz", X=images, y=labels)
print("scenes.npz:", images.shape, "labels", sorted(set(labels.flatten().tolist())))
