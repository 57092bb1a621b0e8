"""Random numbers of a drawing, and the colours of things that it may show."""

import numpy as np

from utils.data.drawn.shading import linear

FLOORS = (
    "8a6242",
    "b98d5e",
    "5b4434",
    "9a9690",
    "c9b8a0",
    "6a3f3a",
    "55606e",
    "d3cdc2",
)
GREENS = ("5d7d3a", "7a9447", "496a38", "8fa05a", "3f5a3a", "a39a58")
THINGS = (
    "b04a3e",
    "3f6a8c",
    "d9a53a",
    "5a8a5c",
    "8a5a8c",
    "d9d3c8",
    "34343a",
    "c97f5a",
)


class Dice:
    """Random numbers of one drawing, in arithmetic that every machine repeats."""

    def __init__(self, random):
        """Take the numbers from a generator of NumPy."""
        self.random = random

    def between(self, low, high):
        """Return a number between two."""
        return low + (high - low) * self.random.random()

    def pick(self, choices):
        """Return one of a sequence."""
        return choices[int(self.random.random() * len(choices))]

    def chance(self, probability):
        """Return True with a probability."""
        return self.random.random() < probability

    def colour(self, choices, spread=0.16):
        """Return a linear colour near one of some hex colours."""
        tint = [1 + self.between(-spread, spread) for _ in range(3)]
        bright = self.between(0.7, 1.25)
        return (
            linear(self.pick(choices))
            * np.array(tint, np.float32)[:, None, None]
            * np.float32(bright)
        )
