"""What robust ascent costs beside bare passes of the network: `make bench`."""

import time

import numpy as np

from tests.content.lesson import adversarial
from utils.measure import alone

STEPS = 256


def compare(framework: str) -> tuple[np.ndarray, np.ndarray]:
    """Take bare passes and robust steps in turn; return the seconds of each, (T,)."""
    lesson = adversarial(framework)
    generator = np.random.default_rng(0)
    stages = [lesson.decode, lesson.warped(generator), lesson.forward]
    objective, move = lesson.log_odds_of(lesson.tabby), lesson.adam(0.05)
    values, picture = lesson.faint(generator), lesson.random_picture(0)
    weights = objective(np.zeros((1, 1000), np.float32))[1]
    bare, robust = [], []
    for _ in range(STEPS):
        start = time.perf_counter()
        lesson.forward(picture)[1](weights)
        middle = time.perf_counter()
        _, score, gradient = lesson.value_and_gradient(stages, objective, values)
        values = move(values, gradient, score)
        bare.append(middle - start)
        robust.append(time.perf_counter() - middle)
    return np.array(bare), np.array(robust)


def main() -> None:
    """Print medians, sums and ratios for both frameworks."""
    for framework in ("pytorch", "tensorflow"):
        bare, robust = (steps[8:] for steps in alone(compare, framework))
        ratio = np.median(robust) / np.median(bare)
        print(
            f"{framework:11} bare {1e3 * np.median(bare):5.1f} ms, robust "
            f"{1e3 * np.median(robust):5.1f} ms, ratio of medians {ratio:.2f}, of sums "
            f"{robust.sum() / bare.sum():.2f}; {STEPS} robust steps "
            f"{STEPS * np.median(robust):.1f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
