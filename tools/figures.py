"""Make the pictures of the lesson's text again: `python -m tools.figures`."""

import os
import shutil
import sys
from html import escape
from pathlib import Path

import nbformat

from tools.notebook import execute
from tools.run import NOTEBOOKS, OFFLINE
from utils.command import Problem
from utils.data.datasets import load_photographs
from utils.data.images import load_images
from utils.files import DATA, replacing, write_text

IMAGES = NOTEBOOKS / "images"
NOTEBOOK = NOTEBOOKS / "AdversarialCat_PyTorch.ipynb"
# What the notebook saves, and the name in the lesson.
PICTURES = {
    "ideal-tabby.png": "ideal-cat.png",
    "ideal-golden-retriever.png": "ideal-dog.png",
    "ideal-zebra.png": "ideal-zebra.png",
    "dalmatian-original.png": "dog.png",
    "dalmatian.png": "adversarial-dog.png",
}
SIDE, SHARPNESS = 224, 144  # pixels of a picture; pixels per inch
DEPTHS = (0, 2, 4, 7)
# The picture at the top of README.md.
BANNER = {
    "ideal-cat.png": "what the network calls\nits ideal cat",
    "dog.png": "a dog, and the network\nsees a Dalmatian",
    "adversarial-dog.png": "2 levels of 256 changed,\nand it sees a tabby cat",
}

# The loop as a diagram: boxes in units of pixels, and the way back below them.
BOX_WIDTH, BOX_HEIGHT, GAP, MARGIN = 132, 64, 44, 16
STEPS = [
    ("values", "pixels or waves"),
    ("picture", "decode, warp"),
    ("network", "frozen"),
    ("objective", "one number"),
]
STYLE = """
  text { font: 15px sans-serif; fill: #1f2328; text-anchor: middle }
  .small { font-size: 12px }
  rect { fill: none; stroke: #1f2328; stroke-width: 1.5; rx: 8 }
  .forth { stroke: #0072b2; stroke-width: 2.5; fill: none }
  .back { stroke: #d55e00; stroke-width: 2.5; fill: none; stroke-dasharray: 7 4 }
  .forth-head { fill: #0072b2 } .back-head { fill: #d55e00 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc } rect { stroke: #f0f6fc }
    .forth { stroke: #56b4e9 } .back { stroke: #e69f00 }
    .forth-head { fill: #56b4e9 } .back-head { fill: #e69f00 }
  }"""


def make_figures(folder: Path = IMAGES) -> list[Path]:
    """Make every picture of the lesson's text.

    Parameters
    ----------
    folder : Path
        Where they go; old ones are replaced one by one, each as a whole.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    Problem
        The notebook that makes the ideal and the adversarial pictures failed.
    """
    write_text(folder / "loop.svg", draw_loop())
    with replacing(folder / "cat-features.png") as part:
        _show_features().savefig(part, metadata={"Software": None})
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    execute(notebook, NOTEBOOK, os.environ | OFFLINE)
    for saved, name in PICTURES.items():
        with replacing(folder / name) as part:
            shutil.copyfile(DATA / "attacks" / "pytorch" / saved, part)
    with replacing(folder / "three-pictures.png") as part:
        banner = _show_banner(folder)
        banner.savefig(
            part, dpi=SHARPNESS, bbox_inches="tight", metadata={"Software": None}
        )
    return sorted(folder.iterdir())


def draw_loop() -> str:
    """Draw the loop that serves the ideal and the adversarial cat.

    Returns
    -------
    str
        An SVG picture, readable on a light and on a dark page.
    """
    width = len(STEPS) * (BOX_WIDTH + GAP) - GAP + 2 * MARGIN
    height = 2 * BOX_HEIGHT + 3 * MARGIN
    boxes = [_box(number, *texts) for number, texts in enumerate(STEPS)]
    arrows = [_arrow(number) for number in range(1, len(STEPS))]
    title = "The loop: a picture goes through the network, its gradient comes back."
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'role="img" aria-label="{title}">',
            f"<title>{title}</title>\n<style>{STYLE}\n</style>",
            *(_head(kind) for kind in ("forth", "back")),
            *boxes,
            *arrows,
            _way_back(width),
            "</svg>\n",
        ]
    )


def _left(number: int) -> int:
    return MARGIN + number * (BOX_WIDTH + GAP)


def _box(number: int, name: str, remark: str) -> str:
    """Draw a box with a name and, smaller, a remark."""
    left, middle = _left(number), _left(number) + BOX_WIDTH // 2
    return (
        f'<rect x="{left}" y="{MARGIN}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}"/>\n'
        f'<text x="{middle}" y="{MARGIN + 29}">{escape(name)}</text>\n'
        f'<text class="small" x="{middle}" y="{MARGIN + 49}">{escape(remark)}</text>'
    )


def _arrow(number: int) -> str:
    """Draw the arrow that leads to a box from the one before."""
    start, end, y = _left(number) - GAP + 4, _left(number) - 9, MARGIN + BOX_HEIGHT / 2
    return f'<path class="forth" marker-end="url(#forth)" d="M{start} {y}H{end}"/>'


def _way_back(width: int) -> str:
    """Draw the gradient's way from the last box to the first, and what it is for."""
    right, left = _left(len(STEPS) - 1) + BOX_WIDTH // 2, _left(0) + BOX_WIDTH // 2
    top, bottom = MARGIN + BOX_HEIGHT + 4, 2 * BOX_HEIGHT + MARGIN
    line = f"M{right} {top}V{bottom}H{left}V{top + 6}"
    text = "gradient: a step uphill, back inside the budget, and again"
    return (
        f'<path class="back" marker-end="url(#back)" d="{line}"/>\n'
        f'<text class="small" x="{width // 2}" y="{bottom - 10}">{text}</text>'
    )


def _head(kind: str) -> str:
    """Define the head of an arrow."""
    return (
        f'<marker id="{kind}" viewBox="0 0 10 10" refX="4" refY="5" markerWidth="5" '
        f'markerHeight="5" orient="auto"><path class="{kind}-head" '
        'd="M0 0L10 5L0 10z"/></marker>'
    )


def _show_features():
    """Show what the backbone makes of Chelsea the cat, from edges to parts."""
    from utils.backbones import pytorch
    from utils.plot.pictures import show_maps

    backbone = pytorch.load_backbone("efficientnet_lite0")
    image = load_images(load_photographs().paths[:1], backbone.size)
    seen = backbone.tensor(image)
    maps = [backbone.array(backbone.maps(seen, depth))[0] for depth in DEPTHS]
    return show_maps(maps, [f"stage {depth}" for depth in DEPTHS], image[0])


def _show_banner(folder: Path):
    """Show side by side what the second lesson is about."""
    from utils.plot.pictures import show_images

    paths = [folder / name for name in BANNER]
    return show_images(load_images(paths, SIDE), list(BANNER.values()), columns=3)


if __name__ == "__main__":
    try:
        print(*make_figures(), sep="\n")
    except Problem as problem:
        sys.exit(str(problem))
