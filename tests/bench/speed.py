"""From JPEG files to features and to a breed classifier, beside what people use.

`COURSE_DATA=path/to/photographs python -m tests.bench.speed [repetitions]` takes some
minutes, and writes ``build/bench.json``. Without photographs it takes the drawn sample.
"""

import json
import os
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
from joblib import cpu_count
from PIL import Image

from utils import features
from utils.backbones import EMBEDDED
from utils.data import load_pets
from utils.engine import choose_engine
from utils.features import extract
from utils.images import stream_images
from utils.measure import Meter, alone
from utils.results import write_text

OUT = Path(__file__).parents[2] / "build" / "bench.json"
BACKBONE, SIZE, BATCH = "efficientnet_lite0", 224, 32
COUNT, FEW = 256, 32  # pictures; for VGG-16 fewer, it is slow
THREE = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")


def backbone(name: str = BACKBONE):
    """Load a backbone in PyTorch; without its weights where they are not installed."""
    from utils.backbones import pytorch

    return pytorch.load_backbone(name, pretrained=name in EMBEDDED)


def ours(paths) -> callable:
    """Extract as the course does."""
    chosen = backbone()
    return lambda: extract(paths, chosen, cache=False, progress=False)


class Files:
    """A dataset for PyTorch's DataLoader, which sends it to its workers."""

    def __init__(self, paths):
        import torch
        from torchvision.transforms import v2

        cut = [v2.ToImage(), v2.Resize(SIZE, antialias=True), v2.CenterCrop(SIZE)]
        self.steps = v2.Compose([*cut, v2.ToDtype(torch.float32, scale=True)])
        self.paths = paths

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        return self.steps(Image.open(self.paths[index]).convert("RGB"))


def eager(paths, name: str = BACKBONE) -> callable:
    """Run PyTorch as tutorials do: a DataLoader, batches of 32, nothing more."""
    import torch

    network = backbone(name).module.to(memory_format=torch.contiguous_format)
    loader = torch.utils.data.DataLoader(Files(paths), BATCH, num_workers=cpu_count())

    def run():
        with torch.inference_mode():
            maps = [network.maps(images.contiguous(), -1) for images in loader]
        return torch.cat([each.mean(dim=(2, 3)) for each in maps]).numpy()

    return run


def keras_predict(paths) -> callable:
    """Run Keras as tutorials do: a folder as a dataset, and predict."""
    from utils.backbones import pytorch, tensorflow  # noqa: F401 - PyTorch goes first

    keras = tensorflow.keras
    folder = Path(mkdtemp()) / "pets"
    folder.mkdir()
    for path in paths:
        (folder / path.name).symlink_to(path)
    network = tensorflow.load_backbone(BACKBONE).module
    inputs = keras.Input((SIZE, SIZE, 3))
    stages = network.preprocess(inputs / 255)
    for stage in network.stages:
        stages = stage(stages)
    pooled = keras.layers.GlobalAveragePooling2D()(stages)
    model = keras.Model(inputs, pooled)

    def run():
        pictures = keras.utils.image_dataset_from_directory(
            folder.parent,
            labels=None,
            image_size=(SIZE, SIZE),
            batch_size=BATCH,
            crop_to_aspect_ratio=True,
            shuffle=False,
            verbose=False,
        )
        return model.predict(pictures, verbose=0)

    return run


def speeds(paths, repetitions: int) -> dict[str, list[float]]:
    """Take all ways in turn; give the pictures per second of each repetition."""
    ways = {
        "ours": (ours(paths), len(paths)),
        "PyTorch eager, DataLoader, 32": (eager(paths), len(paths)),
        "Keras predict, 32": (keras_predict(paths), len(paths)),
        "VGG-16 eager, DataLoader, 32": (eager(paths[:FEW], "vgg16"), FEW),
    }
    found = {name: [] for name in ways}
    for name, (run, _) in ways.items():
        if "VGG" not in name:
            run()
    for _ in range(repetitions):
        for name, (run, count) in ways.items():
            found[name].append(count / _seconds(run))
    return found


def shares(paths, repetitions: int) -> dict[str, list[float]]:
    """Time the pipeline, its two halves, and what the processor can multiply."""
    chosen = backbone()
    engine = choose_engine(chosen)
    images = [each for (each,) in stream_images(paths, [SIZE], engine.batch_size)]
    square = np.random.default_rng(0).random((2048, 2048), np.float32)
    works = {
        "decode alone": lambda: list(stream_images(paths, [SIZE], engine.batch_size)),
        "network alone": lambda: list(engine.run(images)),
        "pipeline": lambda: extract(paths, chosen, cache=False, progress=False),
        "matrix product": lambda: square @ square,
    }
    found = {name: [] for name in works}
    for _ in range(repetitions + 1):
        for name, work in works.items():
            found[name].append(_seconds(work))
    return {name: seconds[1:] for name, seconds in found.items()}


def classifier(names, flip: bool, cold: bool) -> tuple[float, float]:
    """Go from files to a breed classifier; give seconds and val accuracy."""
    from sklearn.linear_model import LogisticRegression

    if cold:
        features.CACHE = Path(mkdtemp())
    train, val = load_pets("train"), load_pets("val")
    backbones = [backbone(name) for name in names]
    start = time.perf_counter()
    x, x_val = (extract(each.paths, backbones, flip=flip) for each in (train, val))
    scale = np.linalg.norm(x, axis=1).mean() / len(x[0]) ** 0.5
    head = LogisticRegression(C=0.1, max_iter=1000).fit(x / scale, train.labels)
    seconds = time.perf_counter() - start
    return seconds, head.score(x_val / scale, val.labels)


def memory(paths) -> float:
    """Give the most megabytes that extraction takes."""
    with Meter() as meter:
        extract(paths, backbone(), cache=False, progress=False)
    return meter.megabytes


def _seconds(work) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main(repetitions: str = "5") -> None:
    """Print the table and write it."""
    train = load_pets("train")
    paths = [path for path in train.paths if path.suffix.lower() in {".jpg", ".jpeg"}]
    paths = paths or train.paths
    found = {"machine": f"{platform.machine()}, {cpu_count()} cores"}
    found["source"] = train.source
    packages = ("torch", "tensorflow", "openvino", "pillow")
    found["versions"] = {name: version(name) for name in packages}
    found["threads"] = os.environ.get("OMP_NUM_THREADS", "default")
    rows = alone(speeds, paths[:COUNT], int(repetitions))
    medians = {name: float(np.median(each)) for name, each in rows.items()}
    for name, speed in medians.items():
        ratio = np.median(np.array(rows["ours"]) / np.array(rows[name]))
        print(f"{name:32} {speed:7.1f} pictures/s   ours is {ratio:5.1f} x")
    parts = alone(shares, paths[:COUNT], int(repetitions))
    sums = np.array(parts["decode alone"]) + np.array(parts["network alone"])
    ratio = float(np.median(np.array(parts["pipeline"]) / sums))
    rate = 2 * 407e6 * COUNT / np.median(parts["network alone"])
    limit = 2 * 2048**3 / np.median(parts["matrix product"])
    print(f"pipeline / (decode alone + network alone): {ratio:.2f}")
    print(f"network: {rate / 1e9:.0f} of {limit / 1e9:.0f} GFLOP/s, {rate / limit:.0%}")
    many = [paths[k % len(paths)] for k in range(4000)]
    megabytes = [alone(memory, many[:count]) for count in (1000, 4000)]
    print(
        f"memory: 1,000 pictures {megabytes[0]:.0f} MB, 4,000 {megabytes[1]:.0f} MB,"
        f" {megabytes[1] / megabytes[0]:.2f} x"
    )
    found |= {"pictures per second": rows, "seconds": parts, "pipeline": ratio}
    found |= {"share of matrix product": rate / limit, "megabytes": megabytes}
    for title, names, flip in (("lite0", THREE[:1], False), ("all three", THREE, True)):
        cold = alone(classifier, names, flip, True)
        found[f"classifier, {title}"] = cold
        print(
            f"{title}{', flips' * flip}: files to classifier {cold[0]:.1f} s, "
            f"val accuracy {cold[1]:.2%}",
            flush=True,
        )
    extract(train.paths, backbone(BACKBONE))
    extract(load_pets("val").paths, backbone(BACKBONE))
    warm = alone(classifier, THREE[:1], False, False)
    print(f"lite0, features in the cache: {warm[0]:.1f} s")
    write_text(OUT, json.dumps(found | {"warm": warm}, indent=1, default=str) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
