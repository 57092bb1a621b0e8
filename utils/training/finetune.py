"""Fine-tune the last stage in several processes: what both frameworks share.

`finetune_pytorch` and `finetune_tensorflow` beside it do it. Each step is that of one
process with the whole batch, up to rounding, because gradients are averaged (Li et al.
2020, "PyTorch Distributed", VLDB, section 3).
"""

import argparse
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm.auto import tqdm

from utils.backbones.table import find
from utils.data.datasets import load_pets
from utils.features.extraction import extract
from utils.files import DATA

WEIGHT_DECAY = 0.01
FORWARD_BATCH = 256  # pictures at once where nothing is learned


class Config(NamedTuple):
    """How a model learns: with AdamW, in steps that shrink linearly to nothing."""

    title: str
    epochs: int
    step_size: float
    smoothing: float  # of the labels
    batch: int  # pictures of one step, in all processes together
    seed: int

    def steps(self, count: int) -> int:
        """Count the steps with so many pictures."""
        return self.epochs * math.ceil(count / self.batch)


def configs(options: argparse.Namespace) -> tuple[Config, Config]:
    """Say how the head learns, and then the last stage with it.

    Parameters
    ----------
    options : argparse.Namespace
        From `make_parser`.

    Returns
    -------
    head, last_stage : Config
        Of the same batch and seed.
    """
    same = options.batch, options.seed
    last_stage = Config("Last stage", options.epochs, options.step_size, 0.1, *same)
    return Config("Head", 20, 1e-3, 0.0, *same), last_stage


@contextmanager
def first_alone(rank: int, barrier: Callable[[], None]) -> Iterator[None]:
    """Let the first process fetch, draw and compute; the others find its files.

    Parameters
    ----------
    rank : int
        Place of this process.
    barrier : callable
        Waits for the other processes.

    Yields
    ------
    None
        To each process when it may begin; only the first one's output is printed.
    """
    if rank == 0:
        yield
        barrier()
    else:
        barrier()
        with redirect_stdout(StringIO()):
            yield


def load_maps(trunk, progress: bool):
    """Load the pets, and what a network makes of them before its last stage.

    Parameters
    ----------
    trunk : nn.Module or keras.Model
        From pictures to maps.
    progress : bool
        As for `utils.features.extract`.

    Returns
    -------
    pets : dict of str to Pictures
        The splits train and val.
    maps : dict of str to (N, ...) float32 ndarray
        As many.
    """
    pets = {split: load_pets(split) for split in ("train", "val")}
    maps = {
        s: extract(each.paths, trunk, progress=progress) for s, each in pets.items()
    }
    return pets, maps


def draw_shares(
    count: int, config: Config, size: int, progress: bool = False
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Draw the batches of all epochs, the same ones in every process, cut into shares.

    Parameters
    ----------
    count : int
        Number of pictures.
    config : Config
        Its epochs, batch and seed.
    size : int
        Number of shares.
    progress : bool
        True shows a progress bar.

    Yields
    ------
    rows : (size, n) int64 ndarray in [0, count)
        Pictures of each share.
    weights : (size, n) float32 ndarray
        Of their losses, as in `cut`.
    """
    generator = np.random.default_rng(config.seed)
    about = {"total": config.steps(count), "unit": " steps", "leave": False}
    with tqdm(desc=config.title, disable=not progress, **about) as bar:
        for _ in range(config.epochs):
            order = generator.permutation(count)
            for start in range(0, count, config.batch):
                yield cut(order[start : start + config.batch], size)
                bar.update()


def cut(rows: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Cut a batch into shares of one length; some pictures fill gaps, with weight 0.

    Parameters
    ----------
    rows : (N,) int64 ndarray
        The pictures of a batch.
    size : int
        Number of shares.

    Returns
    -------
    rows : (size, n) int64 ndarray
        n is N / size, rounded up.
    weights : (size, n) float32 ndarray
        Each share's weighted losses are summed. The mean of the sums over the shares,
        and so that of their gradients, is the mean over the batch.
    """
    length = math.ceil(len(rows) / size)
    weights = np.zeros(size * length, dtype=np.float32)
    weights[: len(rows)] = size / len(rows)
    filled = np.resize(rows, size * length)
    return filled.reshape(size, length), weights.reshape(size, length)


def require(options: argparse.Namespace, size: int) -> None:
    """Refuse, before anything is computed, what cannot work.

    Parameters
    ----------
    options : argparse.Namespace
        From `make_parser`.
    size : int
        Number of shares.

    Raises
    ------
    ValueError
        An option is out of its range, or there is no such backbone.
    OSError
        The folder of the weights cannot be made.
    """
    find(options.backbone)
    if options.epochs < 1:
        raise ValueError(f"epochs is {options.epochs}; expected 1 or more.")
    if not 0 < options.step_size < math.inf:
        raise ValueError(f"step size is {options.step_size}; expected more than 0.")
    if options.seed < 0:
        raise ValueError(f"seed is {options.seed}; expected 0 or more.")
    if options.batch < size:
        raise ValueError(
            f"batch is {options.batch}, for {size} processes or cards; expected at "
            "least one picture for each."
        )
    if options.out.is_dir():
        raise ValueError(f"out is the folder {options.out}; expected a file.")
    options.out.parent.mkdir(parents=True, exist_ok=True)


def make_parser(module: str, framework: str) -> argparse.ArgumentParser:
    """Make the part of the command line that both frameworks share.

    Parameters
    ----------
    module : str
        Which one is run.
    framework : {"pytorch", "tensorflow"}
        Names the file of the weights.

    Returns
    -------
    argparse.ArgumentParser
        For the options of `configs`, and `backbone` and `out`.
    """
    text = "Fine-tune a backbone's last stage on 37 breeds of pets."
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=text)
    out = DATA / "weights" / f"fine-tuned-{framework}.safetensors"
    for name, default, words in (
        ("backbone", "efficientnet_lite0", "its name in the table of backbones"),
        ("epochs", 3, "how often the last stage sees every picture"),
        ("step-size", 1e-4, "of AdamW for the last stage, at first"),
        ("batch", 64, "pictures of a step, in all processes together"),
        ("seed", 0, "of the order of the pictures"),
    ):
        about = {"default": default, "help": f"{words} ({default})"}
        parser.add_argument(f"--{name}", type=type(default), **about)
    where = f"where the weights go (data/weights/{out.name})"
    parser.add_argument("--out", type=Path, default=out, help=where)
    return parser
