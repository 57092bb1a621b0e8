"""Frozen features of pictures: computed once, streamed in batches, kept on disk."""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from itertools import pairwise, tee
from operator import itemgetter
from pathlib import Path

import numpy as np
import safetensors
from PIL import Image
from safetensors.numpy import save_file
from tqdm.auto import tqdm

from utils.data.images import stream_images
from utils.features.engines import choose_engine
from utils.features.networks import NamedNetwork, load_for, network_of
from utils.files import DATA, replacing
from utils.measure import Meter

CHUNK = 1024  # pictures after which a long run keeps what it has
SPARE = 2  # a picture reduced while it is decoded stays so many times too large


def extract(
    paths,
    model,
    transform: Callable | None = None,
    cache: bool = True,
    progress: bool = True,
    flip: bool = False,
    engine: str | None = None,
) -> np.ndarray:
    """Compute what a frozen network gives for pictures, or read it from the cache.

    The same as a loop over the pictures with the network in inference mode, but decoded
    on all cores, computed by what is fastest here and kept on disk: the cache knows the
    files, the weights, the layers and the transform. A run that is interrupted goes on
    from its last 1,024 pictures when it is called again. The model is left as it is.

    Parameters
    ----------
    paths : sequence of Path
        N picture files.
    model : nn.Module, keras.Model or str, or sequence of them
        A network without its classifier. The features of several are set side by side;
        each picture is decoded once for all. A name of the table of backbones stands
        for its features in PyTorch.
    transform : callable, optional
        For PyTorch from a PIL picture to the Tensor that the network takes; without it
        the network's own preprocessing (`utils.backbones.pytorch.preprocessing_of`).
        For Keras from (N, size, size, 3) RGB from 0 to 255 to what the network takes,
        as the ``preprocess_input`` of keras.applications; without it the one of the
        network's name, if it needs one. Nothing random.
    cache : bool
        False neither reads nor writes the cache.
    progress : bool
        False shows no progress bar. The bar names what computes.
    flip : bool
        True gives the mean of the features of each picture and its mirror image.
    engine : {"framework", "openvino"}, optional
        What runs the network; by default the fastest (`choose_engine`).

    Returns
    -------
    (N, D) or (N, ...) float32 ndarray
        One row a picture, in the order of `paths`; D is the width of the network, or
        the sum of several. Maps keep the layout of their framework.

    Raises
    ------
    ValueError
        If there are no pictures or no models, or a model or transform does not say
        what the cache and the engines need to know.
    TypeError
        If a model is none.
    FileNotFoundError
        If a picture is missing.
    """
    several = model if isinstance(model, list | tuple) else [model]
    if len(paths) == 0:
        raise ValueError("paths is empty; expected at least one picture file.")
    if not several:
        raise ValueError("model is empty; expected at least one model.")
    networks = [network_of(each, transform) for each in several]
    runs = [_Run(paths, network, flip, cache) for network in networks]
    missing = [run for run in runs if run.features is None]
    if missing:
        _compute(list(map(Path, paths)), missing, progress, engine)
    return _joined([run.features for run in runs], axis=-1)


def cache_folder() -> Path:
    """Return where features are kept.

    Returns
    -------
    Path
        What the environment variable ``COURSE_CACHE`` names, or ``data/features``.
    """
    return Path(os.environ.get("COURSE_CACHE") or DATA / "features")


def cache_file(paths, model, transform=None, flip: bool = False) -> Path:
    """Return the file that keeps the features of pictures.

    Parameters
    ----------
    paths, model, transform, flip
        As for `extract`, of one model.

    Returns
    -------
    Path
        The file, which need not be there.
    """
    network = network_of(model, transform)
    return _file(network, _key(paths, network, flip))


def measure_extraction(
    framework: str, name: str, paths
) -> tuple[np.ndarray, float, float]:
    """Load a backbone, extract features in its framework, and measure both.

    Parameters
    ----------
    framework : {"pytorch", "tensorflow"}
        Which of the modules of `utils.backbones`.
    name : str
        A key of `utils.backbones.BACKBONES`.
    paths : sequence of Path
        N picture files.

    Returns
    -------
    features : (N, D) float32 ndarray
        One row a picture.
    seconds : float
        From the files to the features, without loading the backbone.
    megabytes : float
        The most memory taken, the backbone included; true in a fresh process
        (`utils.measure.alone`) only.
    """
    quietly = {"cache": False, "progress": False, "engine": "framework"}
    with Meter() as whole:
        model = load_for(framework, name)
        with Meter() as extraction:
            features = extract(paths, model, **quietly)
    return features, extraction.seconds, whole.megabytes


class _Run:
    """What one network makes of the pictures, and the files that keep it."""

    def __init__(self, paths, network, flip, cache: bool):
        self.network, self.flip = network, flip
        self.key = _key(paths, network, flip)
        self.file = _file(network, self.key) if cache else None
        self.features = _read(self.file, self.key) if cache else None
        self.engine, self.parts = None, {}

    def part(self, chunk: slice) -> np.ndarray | None:
        """Return the rows of a chunk, computed now or before an interruption."""
        if chunk.start not in self.parts and self.file:
            found = _read(self._place(chunk), self.key)
            if found is not None:
                self.parts[chunk.start] = found
        return self.parts.get(chunk.start)

    def keep(self, chunk: slice, rows: np.ndarray, alone: bool) -> None:
        """Keep a chunk; if it is the only one, no file of its own is needed."""
        self.parts[chunk.start] = rows
        if self.file and not alone:
            _write(self._place(chunk), self.key, rows)

    def finish(self, chunks: list[slice]) -> None:
        """Put the chunks together."""
        self.features = _joined([self.part(chunk) for chunk in chunks])
        if self.file:
            _write(self.file, self.key, self.features)
            for chunk in chunks:
                self._place(chunk).unlink(missing_ok=True)

    def _place(self, chunk: slice) -> Path:
        rows = f"{chunk.start}-{chunk.stop}"
        return self.file.with_name(f".{self.file.stem}.{rows}.safetensors")


def _key(paths, network, flip) -> str:
    """Hash what the features depend on: the network and the pictures' files."""
    pictures = [(f"{p.parent.name}/{p.name}", p.stat()) for p in map(Path, paths)]
    rows = [(name, stat.st_size, stat.st_mtime_ns) for name, stat in pictures]
    text = json.dumps([network.digest, network.size, flip, rows])
    return hashlib.sha256(text.encode()).hexdigest()


def _file(network, key: str) -> Path:
    return cache_folder() / f"{network.name}-{key[:16]}.safetensors"


def _joined(arrays: list[np.ndarray], axis: int = 0) -> np.ndarray:
    """Join arrays; a single one, which may be large, is not copied."""
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays, axis)


def _compute(paths, runs: list[_Run], progress: bool, engine: str | None) -> None:
    """Compute chunk by chunk what is not on disk from an interrupted run."""
    for run in runs:
        if isinstance(run.network, NamedNetwork):
            run.network = run.network.loaded()
        run.engine = choose_engine(run.network, engine)
    ends = [*range(CHUNK, len(paths), CHUNK), len(paths)]
    chunks = [slice(*each) for each in pairwise([0, *ends])]
    names = ", ".join(run.network.name for run in runs)
    title = f"{names}: {runs[0].engine.name}"
    about = {"desc": title, "unit": " pictures", "leave": False}
    bar = tqdm(total=len(paths), disable=not progress, **about)
    with ExitStack() as stack:
        stack.enter_context(bar)
        for run in runs:
            stack.enter_context(run.network.inference())
        for chunk in chunks:
            todo = [run for run in runs if run.part(chunk) is None]
            if not todo:
                bar.update(chunk.stop - chunk.start)
            for run, rows in _stream(paths[chunk], todo, bar):
                run.keep(chunk, rows, alone=len(chunks) == 1)
    for run in runs:
        run.finish(chunks)


def _stream(paths, runs: list[_Run], bar) -> Iterable[tuple[_Run, np.ndarray]]:
    """Send pictures through the networks, while the next ones are decoded."""
    if not runs:
        return ()

    def prepare(picture: Image.Image) -> list[np.ndarray]:
        return [run.network.prepare(picture) for run in runs]

    sizes = [run.network.size for run in runs]
    # A transform of the user's may want every pixel.
    least = 0 if None in sizes else SPARE * max(sizes)
    batches = stream_images(paths, prepare, runs[0].engine.batch_size, least)
    copies = tee(batches, len(runs))
    answers = [
        _answers(run, map(itemgetter(index), copies[index]))
        for index, run in enumerate(runs)
    ]
    found = []
    for rows in zip(*answers, strict=True):
        found.append(rows)
        bar.update(len(rows[0]))
    return zip(runs, map(np.concatenate, zip(*found, strict=True)), strict=True)


def _answers(run: _Run, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Run a network, and average over mirror images if that is wished."""
    if not run.flip:
        return run.engine.run(batches)
    answers = run.engine.run(_mirrored(batches, run.network.width_axis))
    return ((one + other) / 2 for one, other in zip(answers, answers, strict=True))


def _mirrored(batches: Iterable[np.ndarray], axis: int) -> Iterator[np.ndarray]:
    """Yield each batch, and then its mirror image."""
    for batch in batches:
        yield batch
        yield np.ascontiguousarray(np.flip(batch, axis))


def _write(file: Path, key: str, features: np.ndarray) -> None:
    """Write the features with the key they belong to, all at once."""
    about = {"key": key, "sha256": _digest(features)}
    with replacing(file) as part:
        save_file({"features": features}, part, metadata=about)


def _read(file: Path, key: str) -> np.ndarray | None:
    """Return the features, or nothing where the file is stale, torn or foreign."""
    if not file.exists():
        return None
    try:
        with safetensors.safe_open(file, framework="numpy") as content:
            about, features = content.metadata(), content.get_tensor("features")
    except safetensors.SafetensorError:
        return None
    trusted = about == {"key": key, "sha256": _digest(features)}
    return features if trusted else None


def _digest(features: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(features)).hexdigest()
