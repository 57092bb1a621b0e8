"""Frozen features of pictures: computed once, streamed in batches, kept on disk."""

import hashlib
import importlib
import json
import os
from pathlib import Path

import numpy as np
import safetensors
from safetensors.numpy import save_file
from tqdm.auto import tqdm

from utils.archives import DATA
from utils.data import load_images
from utils.measure import Meter

CACHE = DATA / "features"
CHUNK = 64  # pictures decoded at a time, which bounds the memory


def extract(
    paths, backbone, depth: int | None = None, cache: bool = True, progress: bool = True
) -> np.ndarray:
    """Compute the frozen features of pictures, or read them from the cache.

    Parameters
    ----------
    paths : sequence of Path
        N picture files.
    backbone : Backbone
        From `utils.backbones.pytorch` or `utils.backbones.tensorflow`.
    depth : int, optional
        Give the maps after this stage instead of the pooled features.
    cache : bool
        False neither reads nor writes the cache.
    progress : bool
        False shows no progress bar.

    Returns
    -------
    (N, D) or (N, h, w, C) float32 ndarray
        One row a picture, in the order of `paths`; D is ``backbone.width``.

    Raises
    ------
    ValueError
        If there are no pictures.
    FileNotFoundError
        If a picture is missing.
    """
    if len(paths) == 0:
        raise ValueError("paths is empty; expected at least one picture file.")
    key = _key(paths, backbone, depth)
    file = CACHE / f"{backbone.fingerprint.replace(' ', '-')}-{key[:16]}.safetensors"
    features = _read(file, key) if cache else None
    if features is None:
        features = _compute(list(paths), backbone, depth, progress)
        if cache:
            _write(file, key, features)
    return features


def _key(paths, backbone, depth) -> str:
    """Hash what the features depend on: the backbone and the pictures' files."""
    pictures = [(f"{p.parent.name}/{p.name}", p.stat()) for p in map(Path, paths)]
    rows = [(name, stat.st_size, stat.st_mtime_ns) for name, stat in pictures]
    text = json.dumps([backbone.fingerprint, backbone.size, depth, rows])
    return hashlib.sha256(text.encode()).hexdigest()


def measure(framework: str, name: str, paths) -> tuple[np.ndarray, float, float]:
    """Load a backbone, extract features without the cache, and measure both.

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
            features = extract(paths, backbone, cache=False, progress=False)
    return features, extraction.seconds, whole.megabytes


def _compute(paths, backbone, depth, progress) -> np.ndarray:
    """Stream the pictures through the network, a chunk at a time."""
    features, look = None, {"unit": " pictures", "leave": False}
    with tqdm(
        total=len(paths), desc=backbone.name, disable=not progress, **look
    ) as bar:
        for start, batch in _batches(paths, backbone):
            rows = backbone.array(_run(backbone, backbone.tensor(batch), depth))
            if features is None:
                features = np.empty((len(paths), *rows.shape[1:]), np.float32)
            features[start : start + len(rows)] = rows
            bar.update(len(rows))
    return features


def _batches(paths, backbone):
    """Yield the number of the first picture of each batch, and the batch."""
    for start in range(0, len(paths), CHUNK):
        images = load_images(paths[start : start + CHUNK], backbone.size)
        for row in range(0, len(images), backbone.batch_size):
            yield start + row, images[row : row + backbone.batch_size]


def _run(backbone, images, depth):
    if depth is None:
        return backbone.features(images)
    return backbone.maps(images, depth)


def _write(file: Path, key: str, features: np.ndarray) -> None:
    """Write to a name of this process, then move into place."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(f".{os.getpid()}.part")
    about = {"key": key, "sha256": _digest(features)}
    try:
        save_file({"features": features}, temporary, metadata=about)
        os.replace(temporary, file)
    finally:
        temporary.unlink(missing_ok=True)


def _read(file: Path, key: str) -> np.ndarray | None:
    """Give the features, or nothing where the file is stale, torn or foreign."""
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
