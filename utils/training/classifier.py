"""From a folder of pictures to a classifier that names them, in one command.

The same code runs on one machine or on all machines of a Dask cluster.
"""

import argparse
import json
import sys
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import safetensors
from joblib import Parallel, delayed
from safetensors.numpy import save_file
from scipy.special import softmax
from tqdm.auto import tqdm

from utils.backbones.table import EMBEDDED
from utils.command import Problem, attempt
from utils.data import datasets as data
from utils.data.decode import UnreadablePicture, read_picture
from utils.features.extraction import extract
from utils.files import replacing
from utils.measure import Meter
from utils.training.cluster import spread

STRENGTHS = (0.01, 0.1, 1.0)  # of the data beside the penalty: scikit-learn's C
MAX_STEPS = 1000  # of the solver, which needs about a hundred
TOLERANCE = 1e-3  # of the gradient, where the accuracy moves no more
PICTURES_PER_TASK = 512  # pictures that a machine of a cluster is given at a time


class Classifier(NamedTuple):
    """A head on frozen features, with what is needed to compute them."""

    backbones: list[str]
    flip: bool
    class_names: list[str]
    weights: np.ndarray  # (D, classes) float32
    bias: np.ndarray  # (classes,) float32

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """Return the probability of each class.

        Parameters
        ----------
        features : (N, D) float32 ndarray
            From `utils.features.extract`.

        Returns
        -------
        (N, classes) float32 ndarray in [0, 1]
            Each row adds up to 1.
        """
        return softmax(features @ self.weights + self.bias, axis=1)


def choose_head(
    features: np.ndarray,
    labels: np.ndarray,
    val_features: np.ndarray,
    val_labels: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Fit logistic regression with several strengths, and keep the best on val.

    Multinomial, with an L2 penalty (Bishop 2006, section 4.3.4), solved with all
    pictures at once by scikit-learn's L-BFGS. The strengths are tried at once, on all
    cores or on the cluster of `utils.training.cluster.spread`.

    Parameters
    ----------
    features, val_features : (N, D) float32 ndarray
        From `utils.features.extract`.
    labels, val_labels : (N,) int64 ndarray
        Numbers of the classes.

    Returns
    -------
    weights : (D, classes) float32 ndarray
        For the features as they are.
    bias : (classes,) float32 ndarray
        As many.
    strength : float
        The best of `STRENGTHS`; of equals the one with most regularisation.
    accuracy : float in [0, 1]
        Share of val named rightly with it.

    Raises
    ------
    ValueError
        If a class of val has nothing to learn from.
    """
    if missing := np.setdiff1d(val_labels, labels).tolist():
        raise ValueError(f"classes {missing} have no pictures to learn from.")
    scale = np.float32(
        np.linalg.norm(features, axis=1).mean() / features.shape[1] ** 0.5
    )
    fit = delayed(_fit)
    split = features / scale, labels, val_features / scale, val_labels
    tried = Parallel(-1, prefer="threads")(
        fit(strength, *split) for strength in STRENGTHS
    )
    pairs = zip(tried, STRENGTHS, strict=True)
    (weights, bias, accuracy), strength = max(pairs, key=lambda pair: pair[0][-1])
    return weights / scale, bias, strength, accuracy


def _fit(strength, features, labels, val_features, val_labels):
    """Fit with one strength; give the weights, the bias and the accuracy on val."""
    from sklearn.linear_model import LogisticRegression  # slow to import

    head = LogisticRegression(C=strength, max_iter=MAX_STEPS, tol=TOLERANCE)
    head.fit(features, labels)
    weights, bias = head.coef_.T, head.intercept_
    if len(head.classes_) == 2:  # one column stands for both classes
        weights, bias = np.hstack([-weights, weights]) / 2, np.array([-1, 1]) * bias / 2
    return weights, np.float32(bias), head.score(val_features, val_labels)


def _extract_everywhere(paths, backbones: list[str], flip: bool, scheduler: str | None):
    """Extract features here, or in shares on the machines of a cluster.

    Each machine keeps what it has computed, so that the same call goes on after an
    interruption.
    """
    if scheduler is None:
        return extract(paths, backbones, flip=flip)
    paths = [Path(path).resolve() for path in paths]
    starts = range(0, len(paths), PICTURES_PER_TASK)
    shares = [paths[start : start + PICTURES_PER_TASK] for start in starts]
    work = delayed(extract)
    with spread(scheduler):
        rows = Parallel(return_as="generator", batch_size=1)(
            work(share, backbones, flip=flip, progress=False) for share in shares
        )
        return np.concatenate(list(tqdm(rows, "Extracting", len(shares), unit="share")))


def train(pictures, val, backbones: list[str], flip=False, scheduler=None):
    """Make a classifier of pictures.

    Parameters
    ----------
    pictures, val : Pictures
        From `utils.data`: to learn from, and to choose the strength with.
    backbones : list of str
        Names of the table `utils.backbones.BACKBONES`.
    flip : bool
        As for `utils.features.extract`.
    scheduler : str or None
        As for `utils.training.cluster.spread`.

    Returns
    -------
    classifier : Classifier
        Ready to name pictures.
    strength : float
        As for `choose_head`.
    accuracy : float in [0, 1]
        Share of val named rightly. The strength was chosen with it, which flatters it
        a little.

    Raises
    ------
    Problem
        A class has no picture in `pictures`.
    """
    names = list(pictures.class_names)
    if unknown := set(range(len(names))) - set(pictures.labels.tolist()):
        classes = ", ".join(names[label] for label in sorted(unknown))
        raise Problem(f"No picture to learn from for: {classes}. Add some.")
    features, val_features = (
        _extract_everywhere(each.paths, backbones, flip, scheduler)
        for each in (pictures, val)
    )
    with spread(scheduler):
        weights, bias, strength, accuracy = choose_head(
            features, pictures.labels, val_features, val.labels
        )
    return Classifier(list(backbones), flip, names, weights, bias), strength, accuracy


def save(classifier: Classifier, file: Path) -> None:
    """Write a classifier to a file, which is replaced as a whole or not at all.

    Parameters
    ----------
    classifier : Classifier
        From `train`.
    file : Path
        Of the format safetensors.
    """
    about = classifier._asdict()
    arrays = {name: about.pop(name) for name in ("weights", "bias")}
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    with replacing(Path(file)) as part:
        save_file(arrays, part, metadata={"classifier": json.dumps(about)})


def load(file: Path) -> Classifier:
    """Read a classifier.

    Parameters
    ----------
    file : Path
        That `save` wrote.

    Returns
    -------
    Classifier
        As it was saved.

    Raises
    ------
    Problem
        The file is not there, or is none that `save` wrote.
    """
    try:
        with safetensors.safe_open(file, framework="numpy") as content:
            about = json.loads(content.metadata()["classifier"])
            arrays = {name: content.get_tensor(name) for name in ("weights", "bias")}
        return Classifier(**about, **arrays)
    except (OSError, safetensors.SafetensorError, TypeError, KeyError, ValueError):
        raise Problem(
            f"{file} is no classifier. Make one: "
            "python -m utils.training.classifier train"
        ) from None


def main(arguments: list[str] | None = None) -> int:
    """Train a classifier, or name pictures with it.

    Return 0 if all is well, 1 after a problem, 130 after Ctrl-C.
    """
    options = _parser().parse_args(arguments)
    work = partial(options.do, options)
    return attempt(work, "Stopped. The same command goes on from here.")


def _parser() -> argparse.ArgumentParser:
    program = "python -m utils.training.classifier"
    parser = argparse.ArgumentParser(prog=program, description=__doc__)
    ways = parser.add_subparsers(required=True, metavar="{train,name}")
    learn = ways.add_parser("train", help="learn from a folder of pictures")
    learn.set_defaults(do=_train)
    add = learn.add_argument
    own = "a folder with a folder of pictures for each class; by default the pet breeds"
    add("folder", nargs="?", type=Path, help=own)
    several = "one or several, whose features are set side by side"
    add("--backbones", nargs="+", default=list(EMBEDDED[:1]), help=several)
    add("--flip", action="store_true", help="look at mirror images too")
    cluster = "the address of a Dask scheduler, to compute on all of its workers"
    add("--scheduler", metavar="ADDRESS", help=cluster)
    out = "the file to write: %(default)s"
    add("--out", type=Path, default=Path("build/classifier.safetensors"), help=out)
    name = ways.add_parser("name", help="name pictures with what was learned")
    name.set_defaults(do=_name)
    name.add_argument("classifier", type=Path, help="the file that train wrote")
    name.add_argument("pictures", nargs="+", type=Path, help="files of pictures")
    return parser


def _train(options: argparse.Namespace) -> None:
    load_split = data.load_pets
    if options.folder:
        load_split = partial(data.load_folder, options.folder)
    pictures, val = load_split(split="train"), load_split(split="val")
    print(f"{len(pictures.paths)} pictures to learn from, {len(val.paths)} held out")
    with Meter() as meter:
        settings = options.backbones, options.flip, options.scheduler
        classifier, strength, accuracy = train(pictures, val, *settings)
    save(classifier, options.out)
    print(
        f"{accuracy:.2%} of those held out named rightly (strength {strength:g}), "
        f"after {meter.seconds:.1f} s. See {options.out}."
    )


def _name(options: argparse.Namespace) -> None:
    """Name the sound pictures, and then say what is wrong with the others."""
    classifier = load(options.classifier)
    try:
        _name_sound(classifier, options.pictures)
    except (OSError, UnreadablePicture):  # each is read again only to tell which
        faults = {path: _fault(path) for path in options.pictures}
        if sound := [path for path in options.pictures if not faults[path]]:
            _name_sound(classifier, sound)
        raise Problem("\n".join(filter(None, faults.values()))) from None


def _name_sound(classifier: Classifier, pictures: list[Path]) -> None:
    settings = {"cache": False, "flip": classifier.flip}
    features = extract(pictures, classifier.backbones, **settings)
    rows = classifier.probabilities(features)
    for path, row in zip(pictures, rows, strict=True):
        best = np.argsort(-row)[:3]
        told = ", ".join(f"{classifier.class_names[k]} {row[k]:.1%}" for k in best)
        print(f"{path}: {told}")


def _fault(path: Path) -> str:
    """Say why a picture cannot be read; nothing if it can."""
    try:
        read_picture(path)
    except FileNotFoundError:
        return f"There is no picture {path}."
    except (OSError, UnreadablePicture) as error:
        return str(error)
    return ""


if __name__ == "__main__":
    sys.exit(main())
