"""Ten ideal pictures, three seeds each, and who recognises them (some minutes).

`python -m tests.bench.ideals [pytorch|tensorflow]`
"""

import sys

import numpy as np

from tests.content.lesson import adversarial
from utils.adversarial.verification import judge
from utils.backbones.classes import find_class

CLASSES = [
    *("tabby", "Siamese cat", "Egyptian cat", "dalmatian", "bull mastiff"),
    *("golden retriever", "zebra", "tiger", "goose", "giant panda"),
]
SEEDS = range(3)
NETWORKS = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")


def main(framework: str) -> None:
    """Print a line for each picture, and the sums."""
    lesson = adversarial(framework)
    own, both = [], []
    for name, seed in ((name, seed) for name in CLASSES for seed in SEEDS):
        target = find_class(name)
        picture = lesson.levels(lesson.ideal(name, seed)[0])
        answers = [judge(framework, each, picture)[0] for each in NETWORKS]
        own.append(answers[0][target])
        both.append(all(answer.argmax() == target for answer in answers[1:]))
        chances = "  ".join(f"{answer[target]:.4f}" for answer in answers)
        print(f"{name:17} {seed}  {chances}  {both[-1]}", flush=True)
    print(
        f"{framework}: probability at least 0.99 in {np.sum(np.array(own) >= 0.99)} of "
        f"{len(own)} (lowest {min(own):.4f}); both second networks name the class "
        f"first in {sum(both)}"
    )


if __name__ == "__main__":
    main(*sys.argv[1:] or ["pytorch"])
