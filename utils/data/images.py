"""Load pictures as arrays: all at once, or batch by batch."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
from joblib import cpu_count
from PIL import Image, ImageOps

from utils.data.decode import on_all_cores, quiet_pillow, read_picture

AHEAD = 8  # batches decoded before somebody asks for them; this bounds the memory


def load_images(paths: Iterable[Path | str], size: int) -> np.ndarray:
    """Load pictures as one array, decoded on all cores.

    The shorter side is resized to `size` (bicubic with antialiasing, Pillow) and the
    middle of the longer side is kept; EXIF orientation is respected, transparency laid
    over white.

    Parameters
    ----------
    paths : iterable of Path or str
        Picture files.
    size : int
        Side in pixels.

    Returns
    -------
    (N, size, size, 3) float32 ndarray in [0, 1]
        RGB.

    Raises
    ------
    FileNotFoundError
        A picture is not there.
    UnreadablePicture
        A picture that quarantine would have left out.
    ValueError
        `size` is not a positive whole number.
    """
    if not isinstance(size, int | np.integer) or size < 1:
        raise ValueError(f"size is the side in pixels, at least 1, not {size!r}.")
    paths = [Path(path) for path in paths]
    images = np.empty((len(paths), size, size, 3), np.float32)

    def load(index: int) -> None:
        pixels = square(read_picture(paths[index]), size)
        np.divide(pixels, np.float32(255), out=images[index])

    for _ in on_all_cores(load, range(len(paths)), "Loading pictures"):
        pass
    return images


def stream_images(
    paths: Sequence[Path | str],
    prepare: Callable[[Image.Image], list[np.ndarray]],
    count: int,
    least: int = 0,
) -> Iterator[list[np.ndarray]]:
    """Decode pictures and prepare them in batches, some batches ahead, on all cores.

    Parameters
    ----------
    paths : sequence of Path or str
        Picture files.
    prepare : callable
        From a picture to its rows, one for each of its users.
    count : int
        Pictures of a batch; the last one may have fewer.
    least : int
        Pixels on each side that are enough, as for `utils.data.decode.read_picture`.

    Yields
    ------
    list of (n, ...) ndarray
        The rows of each user.

    Raises
    ------
    FileNotFoundError, UnreadablePicture
        As `load_images`.
    """

    def load(path) -> list[np.ndarray]:
        return prepare(read_picture(Path(path), least))

    with quiet_pillow(), ThreadPoolExecutor(cpu_count()) as pool:
        starts = iter(range(0, len(paths), count))
        ahead = deque()
        while True:
            for start in islice(starts, AHEAD - len(ahead)):
                batch = paths[start : start + count]
                ahead.append([pool.submit(load, path) for path in batch])
            if not ahead:
                return
            pictures = [each.result() for each in ahead.popleft()]
            yield [np.stack(images) for images in zip(*pictures, strict=True)]


def square(picture: Image.Image, size: int) -> np.ndarray:
    """Resize the shorter side of a picture and keep the middle.

    Parameters
    ----------
    picture : PIL.Image.Image
        Of mode RGB.
    size : int
        Side in pixels.

    Returns
    -------
    (size, size, 3) uint8 ndarray
        RGB; bicubic with antialiasing, by Pillow.
    """
    return np.asarray(ImageOps.fit(picture, (size, size), Image.Resampling.BICUBIC))
