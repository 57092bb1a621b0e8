"""Cells of lesson 1 run in an empty script: their imports, and nothing of ours."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from PIL import Image

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
COUNT = 64  # pictures, of two classes in turn

# What a student brings: files with labels, rows, and a network of the framework's own.
BROUGHT = f"""
from pathlib import Path
from types import SimpleNamespace

paths, labels = sorted(Path.cwd().glob("*.png")), np.arange({COUNT}) % 2
train = val = test = SimpleNamespace(paths=paths, labels=labels)
pets = {{"train": train, "val": val, "test": test}}
breed_names, card = ["Abyssinian", "beagle"], {{"classes": [1, 2]}}
generator, folder = np.random.default_rng(0), Path.cwd()
rows = generator.random((len(labels), 1280), np.float32)
features = dict.fromkeys(pets, rows)
breeds = features
"""
PYTORCH = """
import timm

device = torch.device("cpu")
batch = torch.rand(3, 3, 224, 224)
model = timm.create_model("tf_efficientnet_lite0")
maps = {split: generator.random((len(labels), 8, 7, 7), np.float32) for split in pets}
parts = nn.Conv2d(8, 6, 1), nn.BatchNorm2d(6), nn.Flatten(), nn.Linear(6 * 49, 2)
tuned = nn.Sequential(*parts)
head, learning = nn.Linear(1280, 2), list(model.parameters())
"""
TENSORFLOW = """
def load_backbone(name, include_top, pooling):
    settings = {"weights": None, "input_shape": (224, 224, 3), "pooling": pooling}
    return keras.applications.MobileNetV2(include_top=include_top, **settings)

batch = np.zeros((3, 224, 224, 3), np.float32)
model = keras.applications.EfficientNetB0(weights=None)
maps = {split: generator.random((len(labels), 7, 7, 8), np.float32) for split in pets}
inside = [layers.Conv2D(6, 1), layers.BatchNormalization(), layers.Flatten()]
inputs = keras.Input((7, 7, 8))
tuned = keras.Sequential([inputs, *inside, layers.Dense(37, "softmax")])
backbone = keras.Sequential([keras.Input((1280,)), layers.BatchNormalization()])
head = keras.Sequential([keras.Input((1280,)), layers.Dense(2, "softmax")])
"""
# Of each section: how its cells begin, and a line that uses what they define.
SHARED = {
    6: (["neighbours =", "components ="], "assert embedded.shape == (len(labels), 2)"),
    7: (["def draw", "generator, labels ="], "assert len(scores[20]) == 5"),
}
LOADERS = ["class PictureDataset", "to_tensor =", "crop =", "BATCH_SIZE ="]
LOOP = ["LEARNING_RATE =", "def train_epoch", "@torch.inference_mode()\ndef evaluate"]
FREEZE = ["model.requires_grad_(False)", *LOOP]
TUNE = [*LOOP, "def table_loader", "def fit", "@torch.inference_mode()\ndef predict"]
STREAM = ["def decode", "resize =", "augment =", "BATCH_SIZE ="]
LESSONS = {
    "TransferLearningPyTorch.ipynb": SHARED
    | {
        0: PYTORCH,
        1: (LOADERS, "assert batch.shape == (32, 3, 224, 224)"),
        2: (["maps, layer_names ="], "assert len(maps) == 4"),
        3: (
            FREEZE,
            "train_epoch(model, DataLoader([(batch[0], 1)]), optimizer, criterion)",
        ),
        4: (TUNE[:-1], "fit(head, feature_loader, feature_val_loader, 1, 2)"),
        5: (TUNE[-1:], "assert probabilities.shape == (len(labels), 2)"),
        8: (["vgg ="], "assert vgg_logits.shape == (1, 2)"),
        9: ([*TUNE, "untouched ="], "assert after.shape == (64, 2)"),
        10: (["file ="], "assert load_file(file).keys() == tuned.state_dict().keys()"),
    },
    "TransferLearningTF.ipynb": SHARED
    | {
        0: TENSORFLOW,
        1: (STREAM, "augment(next(iter(batches_of(train, True)))[0], training=True)"),
        2: (["layer_names ="], "assert maps[-1].shape == (1, 7, 7, 1280)"),
        3: (
            ["augment =", "backbone = load", "LEARNING_RATE ="],
            "model.fit(batch, np.ones(3))",
        ),
        4: (
            ["LEARNING_RATE =", "def new_head", "def fit", "EPOCHS ="],
            "history['loss']",
        ),
        5: (["probabilities = head"], "assert probabilities.shape == (len(labels), 2)"),
        8: (["shape ="], "assert vgg_features.shape == (1, 512)"),
        9: (
            ["LEARNING_RATE =", "def fit", "backbone.trainable", "untouched ="],
            "assert after.shape == (len(labels), 37)",
        ),
        10: (["file ="], "assert file.stat().st_size > 1000"),
    },
}


def code(name: str) -> list[str]:
    cells = nbformat.read(NOTEBOOKS / name, as_version=4).cells
    return [cell.source for cell in cells if cell.cell_type == "code"]


def own_imports(sources: list[str]) -> str:
    """Take a notebook's imports, without those of utils."""
    nodes = [node for source in sources for node in ast.parse(source).body]
    imports = [n for n in nodes if isinstance(n, ast.Import | ast.ImportFrom)]
    lines = [ast.unparse(node) for node in imports]
    return "\n".join(line for line in lines if "utils" not in line.split(".")[0])


def script(name: str, section: int) -> str:
    """Put the cells of a section behind their imports and what a student brings."""
    sources = code(name)
    beginnings, use = LESSONS[name][section]
    found = [[s for s in sources if s.startswith(each)] for each in beginnings]
    assert [len(each) for each in found] == [1] * len(found), (section, beginnings)
    cells = [source for (source,) in found]
    return "\n\n".join([own_imports(sources), BROUGHT, LESSONS[name][0], *cells, use])


@pytest.fixture
def empty_folder(tmp_path):
    generator = np.random.default_rng(0)
    for number in range(COUNT):
        picture = generator.integers(0, 256, (40, 50, 3), np.uint8)
        Image.fromarray(picture).save(tmp_path / f"{number:02}.png")
    return tmp_path


@pytest.mark.parametrize("name", LESSONS)
def test_cells_of_each_section_run_without_the_course(name, empty_folder):
    scripts = {n: script(name, n) for n in range(1, 11)}
    (empty_folder / "scripts.json").write_text(json.dumps(scripts), encoding="utf-8")
    run = """
import json
for section, script in json.load(open("scripts.json", encoding="utf-8")).items():
    print("section", section, flush=True)
    exec(script, {"__name__": "__main__"})
"""
    command = [sys.executable, "-I", "-W", "ignore", "-c", run]  # -I: no utils to find
    done = subprocess.run(command, cwd=empty_folder, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout}{done.stderr[-2000:]}"
