"""A picture that grows, as a GIF that plays in every notebook viewer."""

import base64
import html
import io

import numpy as np
from PIL import Image, ImageOps

from utils.checks import require_images

MAX_BYTES = 500_000  # a saved notebook carries the GIF
LAST_SECONDS = 2.0  # how long the last frame stays
MIN_FRAMES = 12
BYTES_MARGIN = 0.95  # frames that are kept differ more, and so need a little more
COLORS = 256, 256, 128, 64, 32, 16  # of each attempt; the first tells what fits


class Animation:
    """Frames that play in a loop, the last one for longer.

    Where the GIF would be larger than `MAX_BYTES`, it gets fewer frames, then fewer
    colours.

    Parameters
    ----------
    frames : (T, H, W, 3) float ndarray in [0, 1]
        RGB, in the order of time.
    alt : str
        What is to be seen, for those who do not see it.
    size : int
        The longer side in pixels.
    frame_seconds : float
        How long each frame stays.

    Attributes
    ----------
    gif : bytes
        The file.
    alt : str

    Raises
    ------
    ValueError
        If the frames are of another shape, type or range, or no GIF of them is small
        enough.
    """

    def __init__(self, frames, alt, size=160, frame_seconds=0.15):
        frames = require_images("frames", frames, "(T, H, W, 3)")
        self.alt = alt
        levels = np.rint(frames * 255).astype(np.uint8)
        pictures = [
            ImageOps.contain(Image.fromarray(each), (size, size), Image.BICUBIC)
            for each in levels
        ]
        self.gif = _smallest(pictures, frame_seconds)

    def _repr_mimebundle_(self, include=None, exclude=None):
        """Return the moving picture for Jupyter, and its text beside it."""
        source = "data:image/gif;base64," + base64.b64encode(self.gif).decode()
        picture = f'<img alt="{html.escape(self.alt)}" src="{source}">'
        return {"text/html": picture, "text/plain": self.alt}


def _smallest(pictures, frame_seconds) -> bytes:
    """Encode the pictures, coarser and coarser until the file is small enough."""
    for colors in COLORS:
        gif = _encoded(pictures, colors, frame_seconds)
        if len(gif) <= MAX_BYTES:
            return gif
        pictures = _thinned(pictures, BYTES_MARGIN * MAX_BYTES / len(gif))
    width, height = pictures[0].size
    raise ValueError(
        f"size asks for pictures of {width} × {height} pixels, which need {len(gif):,} "
        f"bytes, expected at most {MAX_BYTES:,}: choose a smaller size."
    )


def _thinned(pictures, share) -> list[Image.Image]:
    """Keep a share of the pictures, but not too few, and the first and the last."""
    count = max(min(MIN_FRAMES, len(pictures)), int(share * len(pictures)))
    chosen = np.linspace(0, len(pictures) - 1, count).round().astype(int)
    return [pictures[n] for n in chosen]


def _encoded(pictures, colors, frame_seconds) -> bytes:
    # One palette for all frames, because a changing one flickers; no dithering,
    # because its noise does not compress.
    side_by_side = np.concatenate([np.asarray(each) for each in pictures], axis=1)
    palette = Image.fromarray(side_by_side).quantize(colors)
    style = {"palette": palette, "dither": Image.Dither.NONE}
    first, *rest = (picture.quantize(**style) for picture in pictures)
    seconds = [frame_seconds] * len(rest) + [LAST_SECONDS]
    loop = {"duration": [round(1000 * each) for each in seconds], "loop": 0}
    gif = io.BytesIO()
    first.save(gif, "GIF", save_all=True, append_images=rest, **loop)
    return gif.getvalue()
