"""Fifty dog photographs become tabbies; foolbox's DDN on the same ones (some minutes).

`COURSE_DATA=path/to/photographs python -m tests.bench.attacks [count]`
"""

import sys
from itertools import chain, zip_longest

import foolbox
import numpy as np

from tests.content.lesson import adversarial
from utils import data
from utils.adversarial.verification import distances, judge
from utils.measure import Meter, alone

BACKBONE, STEPS = "efficientnet_lite0", 100


def right_dogs(lesson, count: int) -> np.ndarray:
    """Take pets whose breed is an ImageNet class and is recognised, breed by breed."""
    pets = data.load_pets("val")
    numbers = {name.lower(): number for number, name in enumerate(lesson.names)}
    breeds = [numbers.get(name.lower()) for name in pets.class_names]
    dogs = [label for label, number in enumerate(breeds) if number in lesson.DOGS]
    paths = [[pets.paths[n] for n in np.flatnonzero(pets.labels == k)] for k in dogs]
    rows = zip_longest(*paths)
    truth = {path: breeds[k] for k, of in zip(dogs, paths, strict=True) for path in of}
    found = []
    for path in (path for path in chain.from_iterable(rows) if path):
        image = lesson.levels(data.load_images([path], lesson.size))
        if lesson.forward(image)[0].argmax() == truth[path]:
            found.append(image)
        if len(found) == count:
            break
    return np.concatenate(found)


def for_foolbox(lesson):
    """Wrap the network of the lesson, which takes normalised pictures, for foolbox."""
    colours = {"mean": lesson.normalize.mean, "std": lesson.normalize.std, "axis": -3}
    return foolbox.PyTorchModel(lesson.model, bounds=(0, 1), preprocessing=colours)


def as_tensor(lesson, images: np.ndarray):
    """Bring images, (N, H, W, 3), to PyTorch as (N, 3, H, W)."""
    tensor = lesson.torch.from_numpy(images).to(lesson.device)
    return tensor.movedim(-1, 1).contiguous()


def as_images(tensor) -> np.ndarray:
    """Bring pictures, (N, 3, H, W), back."""
    return tensor.movedim(1, -1).cpu().numpy()


def ddn_of_foolbox(lesson, dogs: np.ndarray) -> np.ndarray:
    """Attack with foolbox's DDN (Rony et al. 2019), as many steps as ours."""
    module = for_foolbox(lesson)
    attack = foolbox.attacks.DDNAttack(steps=STEPS)
    goal = foolbox.criteria.TargetedMisclassification
    found = []
    for dog in dogs:
        tensor = as_tensor(lesson, dog[None])
        target = goal(lesson.torch.tensor([lesson.tabby]))
        picture = attack(module, tensor, target, epsilons=None)[0]
        found.append(lesson.levels(as_images(picture)))
    return np.concatenate(found)


def lengths_if_fooled(lesson, images: np.ndarray, dogs: np.ndarray) -> np.ndarray:
    """Give the L2 size of each change, infinite where it does not fool."""
    answers = np.concatenate([lesson.forward(x[None])[0] for x in images]).argmax(1)
    sizes = np.array([np.linalg.norm(x - d) for x, d in zip(images, dogs, strict=True)])
    return np.where(answers == lesson.tabby, sizes, np.inf)


def report(name: str, lesson, images, dogs, other: str) -> None:
    """Print what the pictures do here and in the other framework."""
    sizes = lengths_if_fooled(lesson, images, dogs)
    ssim = [distances(x, d)["SSIM"] for x, d in zip(images, dogs, strict=True)]
    there = alone(judge, other, BACKBONE, images).argmax(axis=1) == lesson.tabby
    print(
        f"{name:24} fooled {np.isfinite(sizes).mean():6.1%}, in {other} "
        f"{there.mean():6.1%}, median L2 {np.median(sizes):.3f}, largest change "
        f"{255 * abs(images - dogs).max():.0f}/255, SSIM at least {min(ssim):.4f}",
        flush=True,
    )


def attack_all(lesson, dogs: np.ndarray, epsilon: float, steps: int):
    """Attack each dog within epsilon; return the pictures and the looks they took."""
    found = [lesson.attack(dog[None], epsilon, steps) for dog in dogs]
    images, looks = zip(*found, strict=True)
    return np.concatenate(images), np.array(looks)


def smallest(lesson, dogs: np.ndarray) -> np.ndarray:
    """Look for the smallest change of each dog."""
    return np.concatenate([lesson.smallest_attack(dog[None], STEPS)[0] for dog in dogs])


def compare_smallest(lesson, dogs: np.ndarray, other: str) -> None:
    """Look for the smallest change, with the lesson's attack and with foolbox's."""
    with Meter() as meter:
        images = smallest(lesson, dogs)
    report("smallest L2", lesson, images, dogs, other)
    print(f"  {meter.seconds / len(dogs):.1f} s a picture")
    report("foolbox's DDN", lesson, ddn_of_foolbox(lesson, dogs), dogs, other)


def pgd_of_foolbox(lesson, dogs: np.ndarray, epsilon: float, steps: int) -> np.ndarray:
    """Attack with foolbox's PGD (Madry et al. 2018), all dogs in one batch."""
    module = for_foolbox(lesson)
    attack = foolbox.attacks.LinfPGD(steps=steps)
    target = lesson.torch.tensor([lesson.tabby] * len(dogs))
    goal = foolbox.criteria.TargetedMisclassification(target)
    tensor = as_tensor(lesson, dogs)
    pictures = attack(module, tensor, goal, epsilons=epsilon)[1]
    return lesson.levels(as_images(pictures))


def times(repetitions: int, count: int = 5) -> list[tuple]:
    """Time the lesson's attacks and foolbox's in turn; give (name, unit, values)."""
    lesson = adversarial("pytorch")
    dogs, epsilon, most = right_dogs(lesson, count), 2 / 255, 40
    works = {
        f"2/255, {most} looks, ours": lambda: attack_all(lesson, dogs, epsilon, most)[
            0
        ],
        f"2/255, {most} steps, foolbox PGD": lambda: pgd_of_foolbox(
            lesson, dogs, epsilon, most
        ),
        f"smallest L2, {STEPS} looks, ours": lambda: smallest(lesson, dogs),
        f"smallest L2, {STEPS} steps, foolbox DDN": lambda: ddn_of_foolbox(
            lesson, dogs
        ),
    }
    seconds, found = {name: [] for name in works}, {}
    for _ in range(repetitions):
        for name, work in works.items():
            with Meter() as meter:
                found[name] = work()
            seconds[name].append(meter.seconds)
    rows = [(name, "s", taken) for name, taken in seconds.items()]
    for name, images in found.items():
        sizes = lengths_if_fooled(lesson, images, dogs)
        rows.append((name, "fooled", [np.isfinite(sizes).mean()]))
    return rows


def main(count: str = "50") -> None:
    """Print a line for each attack, in both frameworks."""
    for framework, other in (("pytorch", "tensorflow"), ("tensorflow", "pytorch")):
        lesson = adversarial(framework)
        dogs = right_dogs(lesson, int(count))
        print(f"{framework}: {len(dogs)} photographs of dogs, each named rightly")
        for whole, steps in ((2, 40), (1, 100)):
            images, looks = attack_all(lesson, dogs, whole / 255, steps)
            report(f"{whole}/255, {steps} looks", lesson, images, dogs, other)
            print(f"  looks: median {np.median(looks):.0f}, at most {looks.max()}")
        if framework == "pytorch":
            compare_smallest(lesson, dogs, other)


if __name__ == "__main__":
    main(*sys.argv[1:])
