"""Fine-tune the last stage in several processes: what both frameworks share.

`finetune_pytorch` and `launch_tensorflow` beside it do it. Each step is that of one
process with the whole batch, up to rounding, because gradients are averaged (Li et al.
2020, "PyTorch Distributed", VLDB, section 3).
"""

import argparse
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm.auto import tqdm

from utils.backbones.table import find
from utils.data.datasets import load_pets
from utils.features.extraction import extract
from utils.files import DATA, replacing

SMOOTHING = 0.1  # of the labels, when the last stage learns
WEIGHT_DECAY = 0.01
FORWARD_BATCH = 256  # pictures at once where nothing is learned


class Options(NamedTuple):
    """What the command line may change."""

    backbone: str = "efficientnet_lite0"
    epochs: int = 3
    step_size: float = 1e-4
    batch: int = 64
    seed: int = 0
    out: Path | None = None


class Config(NamedTuple):
    """How a model learns: with AdamW, in steps that shrink linearly to nothing."""

    title: str
    epochs: int
    step_size: float
    smoothing: float
    batch: int  # pictures of one step, in all processes together
    seed: int

    def steps(self, count: int) -> int:
        """Count the steps with so many pictures."""
        return self.epochs * math.ceil(count / self.batch)


class ProcessGroup(ABC):
    """The processes or graphics cards that learn together, as one of them sees it.

    Attributes
    ----------
    size : int
        Into how many shares a batch is cut.
    rank : int
        Place of this process; only 0 prints and writes.
    """

    size, rank = 1, 0

    @abstractmethod
    def barrier(self) -> None:
        """Wait for the other processes."""

    @abstractmethod
    def new_head(self, width: int, classes: int):
        """Make a linear layer that holds every class as likely.

        Parameters
        ----------
        width : int
            Number of features, D.
        classes : int
            Number of logits.

        Returns
        -------
        nn.Module or keras.Model
            From (N, D) features to (N, classes) logits.
        """

    @abstractmethod
    def split(self, name: str):
        """Load a backbone and split it before its last stage.

        Parameters
        ----------
        name : str
            A key of `utils.backbones.BACKBONES`.

        Returns
        -------
        trunk, stage : nn.Module or keras.Model
            From pictures to maps, and from these to the last maps.
        """

    @abstractmethod
    def with_last_stage(self, stage, head=None):
        """Put a copy of the last stage, free to learn, before a copy of the head.

        Parameters
        ----------
        stage : nn.Module or keras.Model
            From `split`.
        head : nn.Module or keras.Model, optional
            From features to logits.

        Returns
        -------
        nn.Module or keras.Model
            From maps to logits; without a head, to features. BatchNorm keeps the
            averages of ImageNet.
        """

    @abstractmethod
    def train(self, model, inputs, labels, config: Config) -> None:
        """Fit a model, each process or card with its share of every batch.

        Parameters
        ----------
        model : nn.Module or keras.Model
            From inputs to logits; it is changed, in all processes alike.
        inputs : (N, D) or (N, ...) float32 ndarray
            Features or maps, the same in every process.
        labels : (N,) int64 ndarray
            Classes, from 0.
        config : Config
            How to learn.
        """

    @abstractmethod
    def logits(self, model, inputs) -> np.ndarray:
        """Score the classes.

        Parameters
        ----------
        model : nn.Module or keras.Model
            From inputs to logits.
        inputs : (N, D) or (N, ...) float32 ndarray
            Features or maps.

        Returns
        -------
        (N, classes) float32 ndarray
            Before the softmax.
        """

    @abstractmethod
    def save(self, model, path: Path) -> None:
        """Write the weights, and nothing else, to a file."""

    def draw(
        self, count: int, config: Config
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Draw the batches of a config as `draw_shares` does, with a progress bar."""
        batches = draw_shares(count, config, self.size)
        about = {"total": config.steps(count), "unit": " steps", "leave": False}
        return tqdm(batches, config.title, disable=self.rank > 0, **about)


def draw_shares(
    count: int, config: Config, size: int
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

    Yields
    ------
    rows : (size, n) int64 ndarray in [0, count)
        Pictures of each share.
    weights : (size, n) float32 ndarray
        Of their losses, as in `cut`.
    """
    generator = np.random.default_rng(config.seed)
    for _ in range(config.epochs):
        order = generator.permutation(count)
        for start in range(0, count, config.batch):
            yield cut(order[start : start + config.batch], size)


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


def fine_tune(group: ProcessGroup, options: Options) -> None:
    """Train a head for the breeds, then the last stage with it, and say what it gave.

    Parameters
    ----------
    group : ProcessGroup
        Of `utils.training.finetune_pytorch` or `utils.training.launch_tensorflow`.
    options : Options
        As `require` lets them pass.
    """
    stage, pets, maps = _first_alone(group, lambda: _load(group, options))
    begin = time.perf_counter()
    config = Config("Head", 20, 1e-3, 0.0, options.batch, options.seed)
    features = _forward(group, group.with_last_stage(stage), maps["train"])
    head = group.new_head(features.shape[1], len(pets["train"].class_names))
    group.train(head, features, pets["train"].labels, config)
    model = group.with_last_stage(stage, head)
    before = _accuracy(group, model, maps["val"], pets["val"].labels)
    more = {"epochs": options.epochs, "step_size": options.step_size}
    config = config._replace(title="Last stage", smoothing=SMOOTHING, **more)
    group.train(model, maps["train"], pets["train"].labels, config)
    after = _accuracy(group, model, maps["val"], pets["val"].labels)
    seconds = time.perf_counter() - begin
    if group.rank == 0:
        with replacing(options.out) as part:
            group.save(model, part)
        print(
            f"processes or cards: {group.size} · seconds: {seconds:.1f} · "
            f"val accuracy: {before:.4f} before, {after:.4f} after"
        )
    group.barrier()


def require(options: Options, size: int) -> None:
    """Refuse, before anything is computed, what cannot work.

    Parameters
    ----------
    options : Options
        From the command line.
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


def make_parser(framework: str) -> argparse.ArgumentParser:
    """Make the part of the command line that both frameworks share.

    Parameters
    ----------
    framework : {"pytorch", "tensorflow"}
        Which module is run.

    Returns
    -------
    argparse.ArgumentParser
        Its answers are the fields of `Options`.
    """
    text = "Fine-tune a backbone's last stage on 37 breeds of pets."
    module = {"pytorch": "finetune_pytorch", "tensorflow": "launch_tensorflow"}
    program = f"python -m utils.training.{module[framework]}"
    parser = argparse.ArgumentParser(prog=program, description=text)
    out = DATA / "weights" / f"fine-tuned-{framework}.safetensors"
    defaults = Options(out=out)
    helps = {
        "backbone": "its name in the table of backbones",
        "epochs": "how often the last stage sees every picture",
        "step_size": "of AdamW for the last stage, at first",
        "batch": "pictures of a step, in all processes together",
        "seed": "of the order of the pictures",
        "out": "where the weights go",
    }
    for name, text in helps.items():
        default = getattr(defaults, name)
        shown = default if name != "out" else f"data/weights/{out.name}"
        words = {"default": default, "help": f"{text} ({shown})"}
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), **words)
    return parser


def _first_alone(group: ProcessGroup, load: Callable):
    """Let the first process fetch, draw and compute; the others find its files."""
    if group.rank == 0:
        found = load()
    group.barrier()
    if group.rank > 0:
        with redirect_stdout(StringIO()):
            found = load()
    return found


def _load(group: ProcessGroup, options: Options):
    """Load the last stage, the lists of pictures, and the maps that it takes."""
    trunk, stage = group.split(options.backbone)
    pets = {split: load_pets(split) for split in ("train", "val")}
    progress = {"progress": group.rank == 0}
    maps = {split: extract(p.paths, trunk, **progress) for split, p in pets.items()}
    return stage, pets, maps


def _accuracy(group: ProcessGroup, model, inputs, labels) -> float:
    """Count the right answers; the first process is enough for that."""
    if group.rank > 0:
        return math.nan
    return float(np.mean(_forward(group, model, inputs).argmax(axis=1) == labels))


def _forward(group: ProcessGroup, model, inputs) -> np.ndarray:
    """Run a model in batches, which need less memory."""
    starts = range(0, len(inputs), FORWARD_BATCH)
    parts = [group.logits(model, inputs[n : n + FORWARD_BATCH]) for n in starts]
    return np.concatenate(parts)
