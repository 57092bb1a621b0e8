"""Frozen features of pictures: computed once, streamed in batches, kept on disk."""

import hashlib
import importlib
import json
from collections.abc import Iterable, Iterator
from functools import cache as remember
from itertools import pairwise, tee
from pathlib import Path

import numpy as np
import safetensors
from safetensors.numpy import save_file
from tqdm.auto import tqdm

from utils.backbones.base import Backbone
from utils.backbones.table import find, fingerprint
from utils.data.images import stream_images
from utils.features.engines import choose_engine
from utils.files import DATA, replacing
from utils.measure import Meter

CACHE = DATA / "features"
CHUNK = 1024  # pictures after which a long run keeps what it has


def extract(
    paths,
    backbone,
    depth: int | None = None,
    cache: bool = True,
    progress: bool = True,
    flip: bool = False,
    engine: str | None = None,
) -> np.ndarray:
    """Compute the frozen features of pictures, or read them from the cache.

    A run that is interrupted goes on from its last 1,024 pictures when it is called
    again. Large JPEGs are decoded at a reduced scale
    (`utils.data.images.stream_images`).

    Parameters
    ----------
    paths : sequence of Path
        N picture files.
    backbone : Backbone, or sequence of Backbone
        From `utils.backbones.pytorch` or `utils.backbones.tensorflow`. The features of
        several are set side by side; each picture is decoded once for all. A name of
        the table stands for that backbone in PyTorch.
    depth : int, optional
        Give the maps after this stage instead of the pooled features, of one backbone.
    cache : bool
        False neither reads nor writes the cache.
    progress : bool
        False shows no progress bar. The bar names what computes.
    flip : bool
        True gives the mean of the features of each picture and its mirror image.
    engine : {"framework", "openvino"}, optional
        What runs the network; by default the fastest
        (`utils.features.engines.choose_engine`).

    Returns
    -------
    (N, D) or (N, h, w, C) float32 ndarray
        One row a picture, in the order of `paths`; D is ``backbone.width``, or the sum
        of several.

    Raises
    ------
    ValueError
        If there are no pictures or no backbones, or maps are asked of several
        backbones or of mirror images too.
    FileNotFoundError
        If a picture is missing.
    """
    several = backbone if isinstance(backbone, list | tuple) else [backbone]
    several = [_described(each) for each in several]
    _require(paths, several, depth, flip)
    runs = [_Run(paths, each, depth, flip, cache) for each in several]
    missing = [run for run in runs if run.features is None]
    if missing:
        _compute(list(map(Path, paths)), missing, progress, engine)
    return _joined([run.features for run in runs], axis=-1)


def cache_file(paths, backbone, depth: int | None = None, flip: bool = False) -> Path:
    """Return the file that keeps the features of pictures.

    Parameters
    ----------
    paths, backbone, depth, flip
        As for `extract`, of one backbone.

    Returns
    -------
    Path
        The file, which need not be there.
    """
    return _file(backbone, _key(paths, backbone, depth, flip))


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
    backbones = importlib.import_module(f"utils.backbones.{framework}")
    with Meter() as whole:
        backbone = backbones.load_backbone(name)
        with Meter() as extraction:
            features = extract(
                paths, backbone, cache=False, progress=False, engine="framework"
            )
    return features, extraction.seconds, whole.megabytes


def _described(backbone):
    """Return what is known of a name without loading it: the cache asks for no more."""
    if not isinstance(backbone, str):
        return backbone
    if find(backbone).sha256:
        return Backbone(backbone, fingerprint("pytorch", backbone))
    return _load(backbone)


@remember
def _load(name: str):
    from utils.backbones import pytorch  # PyTorch takes seconds to import

    return pytorch.load_backbone(name)


def _require(paths, several, depth, flip) -> None:
    if len(paths) == 0:
        raise ValueError("paths is empty; expected at least one picture file.")
    if not several:
        raise ValueError("backbone is empty; expected at least one backbone.")
    if depth is not None and (flip or len(several) > 1):
        raise ValueError(
            "depth gives the maps of one backbone: leave flip out, and name one."
        )


class _Run:
    """What one backbone makes of the pictures, and the files that keep it."""

    def __init__(self, paths, backbone, depth, flip, cache: bool):
        self.backbone, self.depth, self.flip = backbone, depth, flip
        self.key = _key(paths, backbone, depth, flip)
        self.file = _file(backbone, self.key) if cache else None
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


def _key(paths, backbone, depth, flip) -> str:
    """Hash what the features depend on: the backbone and the pictures' files."""
    pictures = [(f"{p.parent.name}/{p.name}", p.stat()) for p in map(Path, paths)]
    rows = [(name, stat.st_size, stat.st_mtime_ns) for name, stat in pictures]
    about = [backbone.fingerprint, backbone.size, depth, rows]
    text = json.dumps([*about, "flip"] if flip else about)
    return hashlib.sha256(text.encode()).hexdigest()


def _file(backbone, key: str) -> Path:
    name = backbone.fingerprint.replace(" ", "-")
    return CACHE / f"{name}-{key[:16]}.safetensors"


def _joined(arrays: list[np.ndarray], axis: int = 0) -> np.ndarray:
    """Join arrays; a single one, which may be large, is not copied."""
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays, axis)


def _compute(paths, runs: list[_Run], progress: bool, engine: str | None) -> None:
    """Compute chunk by chunk what is not on disk from an interrupted run."""
    for run in runs:
        if type(run.backbone) is Backbone:  # described, not loaded
            run.backbone = _load(run.backbone.name)
        run.engine = choose_engine(run.backbone, run.depth, engine)
    ends = [*range(CHUNK, len(paths), CHUNK), len(paths)]
    chunks = [slice(*each) for each in pairwise([0, *ends])]
    names = ", ".join(run.backbone.name for run in runs)
    title = f"{names}: {runs[0].engine.name}"
    about = {"desc": title, "unit": " pictures", "leave": False}
    with tqdm(total=len(paths), disable=not progress, **about) as bar:
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
    sizes = sorted({run.backbone.size for run in runs})
    batches = stream_images(paths, sizes, runs[0].engine.batch_size)
    answers = [
        _answers(run, _of_size(of_run, sizes.index(run.backbone.size)))
        for run, of_run in zip(runs, tee(batches, len(runs)), strict=True)
    ]
    found = []
    for rows in zip(*answers, strict=True):
        found.append(rows)
        bar.update(len(rows[0]))
    return zip(runs, map(np.concatenate, zip(*found, strict=True)), strict=True)


def _of_size(batches: Iterable, index: int) -> Iterator[np.ndarray]:
    return (batch[index] for batch in batches)


def _answers(run: _Run, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Run a network, and average over mirror images if that is wished."""
    if not run.flip:
        return run.engine.run(batches)
    answers = run.engine.run(_mirrored(batches))
    return ((one + other) / 2 for one, other in zip(answers, answers, strict=True))


def _mirrored(batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Return each batch, and then its mirror image."""
    for batch in batches:
        yield batch
        yield np.ascontiguousarray(batch[:, :, ::-1])


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
