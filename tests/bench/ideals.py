"""Ten ideal pictures, three seeds each, and who recognises them (some minutes).

`python -m tests.bench.ideals [pytorch|tensorflow]`
"""

import sys

import numpy as np
from scipy.special import softmax

from tests.content.lesson import adversarial
from utils.adversarial.verification import resized
from utils.backbones.base import find_class

CLASSES = [
    *("tabby", "Siamese cat", "Egyptian cat", "dalmatian", "bull mastiff"),
    *("golden retriever", "zebra", "tiger", "goose", "giant panda"),
]
SEEDS = range(3)
SECOND = ("efficientnet_lite1", "efficientnet_lite2")


def ask(backbone, picture: np.ndarray) -> np.ndarray:
    """Give the probabilities, (1000,), of a picture as a file holds it."""
    images = resized(picture, backbone.size)
    return softmax(backbone.array(backbone.logits(backbone.tensor(images)))[0])


def main(framework: str) -> None:
    """Print a line for each picture, and the sums."""
    lesson = adversarial(framework)
    networks = [lesson.backbone, *map(lesson.backbones.load_backbone, SECOND)]
    own, both = [], []
    for name, seed in ((name, seed) for name in CLASSES for seed in SEEDS):
        target = find_class(name)
        picture = lesson.levels(lesson.ideal(name, seed)[0])
        answers = [ask(network, picture) for network in networks]
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
