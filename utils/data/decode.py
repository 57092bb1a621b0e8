"""Read picture files: what is sound becomes RGB, what is not is told why.

| file                                        | fate                                |
| ------------------------------------------- | ----------------------------------- |
| truncated, or damaged so that it won't open | quarantined                         |
| zero bytes; HTML or other text named .jpg   | quarantined                         |
| PNG, GIF, ... named .jpg, or the reverse    | quarantined                         |
| smaller than 16 x 16 pixels                 | quarantined                         |
| more than 50 megapixels                     | quarantined (decompression bomb)    |
| 32-bit integer or float pixels              | quarantined (no white level)        |
| grey, palette, CMYK                         | converted to RGB                    |
| RGBA and other transparency                 | converted, laid over white          |
| 16-bit grey                                 | converted, 65535 becomes 255        |
| corrupt EXIF                                | converted, broken tags ignored      |
| animated GIF, TIFF or WebP of several pages | first frame                         |
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
from joblib import cpu_count
from PIL import Image, ImageOps, UnidentifiedImageError
from tqdm.auto import tqdm

FORMATS = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jpe": "JPEG",
    ".jfif": "JPEG",
    ".mpo": "JPEG",
    ".png": "PNG",
    ".gif": "GIF",
    ".bmp": "BMP",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".avif": "AVIF",
    ".jp2": "JPEG2000",
    ".j2k": "JPEG2000",
    ".ppm": "PPM",
    ".pgm": "PPM",
}
DECODERS = sorted(set(FORMATS.values()))
MIN_SIDE = 16  # pixels
MAX_PIXELS = 50_000_000  # 150 MB as RGB; a 50-megapixel telephone just fits
PROGRESS_BAR_DELAY = 2  # seconds before a progress bar appears


class UnreadablePicture(ValueError):
    """The picture cannot be used; the message says why."""


def read_picture(path: Path, least: int = 0) -> Image.Image:
    """Read a picture as upright 8-bit RGB (see the table at the top of this module).

    Parameters
    ----------
    path : Path
        A picture file.
    least : int
        Pixels on each side that are enough. A JPEG that has more is decoded at half,
        a quarter or an eighth of its size, if that still has so many: fewer
        coefficients of its blocks are turned into pixels. 0 decodes all.

    Returns
    -------
    PIL.Image.Image
        Mode RGB, turned as its EXIF orientation says.

    Raises
    ------
    FileNotFoundError
        The file is not there.
    UnreadablePicture
        The file is one of those that the check puts into quarantine.
    """
    try:
        return decode_picture(path.read_bytes(), path.suffix.lower(), least)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"The picture {path} is not there: load the dataset again for a new list."
        ) from None
    except UnreadablePicture as error:
        raise UnreadablePicture(
            f"The picture {path} {error}. Leave it out or replace the file."
        ) from error


def on_all_cores(work: Callable, items: Sequence, title: str) -> Iterator:
    """Yield ``work(item)`` in order; Pillow decodes outside Python's lock, so threads.

    A bar shows if it takes long. (joblib's threads cost 25 ms a call, these 4 ms.)
    """
    with quiet_pillow(), ThreadPoolExecutor(cpu_count()) as pool:
        results = pool.map(work, items)
        bar = {"delay": PROGRESS_BAR_DELAY, "unit": "picture"}
        yield from tqdm(results, title, len(items), **bar)


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Mute Pillow's notes on odd files while the context lasts.

    Yields
    ------
    None
        Set in the main thread, it holds for all threads.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield


def decode_picture(data: bytes, suffix: str, least: int = 0) -> Image.Image:
    """Decode the bytes of a file with such a suffix, as `read_picture` does."""
    try:
        with Image.open(BytesIO(data), formats=DECODERS) as image:
            _require_format(image, suffix)
            _require_size(image)
            if least:
                image.draft(None, (least, least))
            image.load()
            return _as_rgb(_upright(image))
    except UnreadablePicture:
        raise
    except UnidentifiedImageError:
        raise UnreadablePicture(f"is no picture: it begins {data[:15]!r}") from None
    except Image.DecompressionBombError as error:
        raise UnreadablePicture(f"is a decompression bomb: {error}") from error
    except Exception as error:  # Pillow's decoders raise nearly anything on bad bytes
        raise UnreadablePicture(f"cannot be read to its end: {error}") from error


def _require_format(image: Image.Image, suffix: str) -> None:
    found = image.format.replace("MPO", "JPEG")  # a JPEG with a preview behind it
    if found != FORMATS.get(suffix):
        raise UnreadablePicture(f"is a {found}, named {suffix}")


def _require_size(image: Image.Image) -> None:
    size = f"{image.width} x {image.height} pixels"
    if min(image.size) < MIN_SIDE:
        raise UnreadablePicture(f"has {size}; {MIN_SIDE} x {MIN_SIDE} is the least")
    if image.width * image.height > MAX_PIXELS:
        raise UnreadablePicture(f"is a decompression bomb: it declares {size}")


def _upright(image: Image.Image) -> Image.Image:
    """Turn the picture as its EXIF orientation says, if that can be read."""
    try:
        image.getexif()
        image.info.pop("exif", None)  # else a broken tag that nobody needs stops Pillow
        return ImageOps.exif_transpose(image)
    except Exception:  # a broken orientation must not cost a sound picture
        return image


def _as_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        levels = np.asarray(image).astype(np.uint32)
        return Image.fromarray(((levels + 128) // 257).astype(np.uint8)).convert("RGB")
    if image.mode in {"I", "F"}:
        raise UnreadablePicture("has 32-bit pixels with no known white level")
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return image.convert("RGB")
