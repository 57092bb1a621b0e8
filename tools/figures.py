"""Make the pictures of the lesson's text again: `python -m tools.figures`."""

import os
import shutil
import sys
from pathlib import Path

import nbformat

from tools.notebook import execute
from tools.run import NOTEBOOKS, OFFLINE
from utils.command import Problem
from utils.data.datasets import load_photographs
from utils.data.images import load_images
from utils.files import DATA, replacing

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


def _make_figures() -> list[Path]:
    """Make every picture of the lesson's text that comes from the network."""
    from utils.plot.pictures import show_images

    with replacing(IMAGES / "cat-features.png") as part:
        _show_features().savefig(part, metadata={"Software": None})
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    execute(notebook, NOTEBOOK, os.environ | OFFLINE)
    for saved, name in PICTURES.items():
        with replacing(IMAGES / name) as part:
            shutil.copyfile(DATA / "attacks" / "pytorch" / saved, part)
    banner = load_images([IMAGES / name for name in BANNER], SIDE)
    figure = show_images(banner, list(BANNER.values()), columns=3)
    with replacing(IMAGES / "three-pictures.png") as part:
        about = {"bbox_inches": "tight", "metadata": {"Software": None}}
        figure.savefig(part, dpi=SHARPNESS, **about)
    return sorted(IMAGES.iterdir())


def _show_features():
    """Show what the backbone makes of Chelsea the cat, from edges to parts."""
    import torch
    from PIL import Image

    from utils.backbones.pytorch import load_backbone, transform_for
    from utils.plot.pictures import show_maps

    model = load_backbone("efficientnet_lite0").eval()
    maps = []
    # Stage 0 is the stem, the last one the convolution before the head.
    for part in (model.bn1, model.blocks[1], model.blocks[3], model.bn2):
        part.register_forward_hook(lambda module, given, out: maps.append(out[0]))
    chelsea = load_photographs().paths[0]
    image = load_images([chelsea], 224)
    with torch.inference_mode():
        model(transform_for(model)(Image.open(chelsea))[None])
    maps = [each.permute(1, 2, 0).numpy() for each in maps]
    return show_maps(maps, [f"stage {depth}" for depth in DEPTHS], image[0])


if __name__ == "__main__":
    try:
        print(*_make_figures(), sep="\n")
    except Problem as problem:
        sys.exit(str(problem))
