"""From JPEG files to features, classifiers and attacks, beside what people use.

`COURSE_DATA=path/to/photographs python -m tests.bench.speed [repetitions]` takes about
three quarters of an hour, and writes ``build/bench.json``. Without photographs it
takes the drawn sample.
"""

import json
import os
import sys
import time
from functools import partial
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import NamedTuple

import numpy as np
from joblib import cpu_count
from PIL import Image

from tests.bench import ascent, attacks
from utils.backbones.table import BACKBONES, EMBEDDED
from utils.data.datasets import load_pets
from utils.data.images import stream_images
from utils.features.engines import choose_engine, load_openvino
from utils.features.extraction import extract
from utils.features.networks import network_of
from utils.files import replacing
from utils.measure import Meter, alone
from utils.training import classifier

OUT = Path(__file__).parents[2] / "build" / "bench.json"
BACKBONE, SIZE, BATCH = "efficientnet_lite0", 224, 32
COUNT, FEW, MANY = 256, 32, 1024  # pictures: of most, of slow, and of fast work
TIMM_BATCH = 256  # of timm's own benchmark, which reads no files
PACKAGES = ("torch", "timm", "tensorflow", "openvino", "foolbox", "pillow")


class Row(NamedTuple):
    """What one way took or gave, repetition by repetition."""

    part: str  # letter of the part; the first row of a part is what others compare to
    name: str
    unit: str
    values: list[float]


def backbone(name: str = BACKBONE):
    """Load a backbone in PyTorch; without its weights where they are not installed."""
    from utils.backbones import pytorch

    return pytorch.load_backbone(name, 0, pretrained=name in EMBEDDED)


def ours(paths) -> tuple[callable, int]:
    """Extract as the course does; give the work, and how many pictures it takes."""
    chosen = backbone()
    return lambda: extract(paths, chosen, cache=False, progress=False), len(paths)


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


def eager(paths, name: str = BACKBONE) -> tuple[callable, int]:
    """Run PyTorch as tutorials do: a DataLoader, batches of 32, nothing more."""
    import torch

    network = backbone(name).eval()
    loader = torch.utils.data.DataLoader(Files(paths), BATCH, num_workers=cpu_count())

    def run():
        with torch.inference_mode():
            return torch.cat([network(images) for images in loader]).numpy()

    return run, len(paths)


def vgg(paths) -> tuple[callable, int]:
    """Do the same with VGG-16, and fewer pictures."""
    return eager(paths[:FEW], "vgg16")


def keras_predict(paths) -> tuple[callable, int]:
    """Run Keras as tutorials do: a folder as a dataset, and predict."""
    from utils.backbones import pytorch, tensorflow  # noqa: F401 - PyTorch goes first

    keras = tensorflow.keras
    folder = Path(mkdtemp()) / "pets"
    folder.mkdir()
    for path in paths:
        (folder / path.name).symlink_to(path)
    model = tensorflow.load_backbone(BACKBONE, include_top=False, pooling="avg")

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

    return run, len(paths)


def timm_benchmark(paths) -> tuple[callable, int]:
    """Run the network as timm's benchmark does: random numbers, batches of 256."""
    import timm
    import torch

    network = timm.create_model(BACKBONE, pretrained=False).eval()
    images = torch.randn(TIMM_BATCH, 3, SIZE, SIZE)

    def run():
        with torch.inference_mode():
            network(images)

    return run, TIMM_BATCH


WAYS = {
    "ours": ours,
    "PyTorch eager, DataLoader, 32": eager,
    "Keras predict, 32": keras_predict,
    "VGG-16 eager, DataLoader, 32": vgg,
    "timm benchmark, no files, 256": timm_benchmark,
}


def in_turn(works: dict, repetitions: int) -> dict[str, list]:
    """Do one work after the other, again and again; give what each returned."""
    rounds = [
        {name: work() for name, work in works.items()} for _ in range(repetitions)
    ]
    return {name: [each[name] for each in rounds] for name in works}


def times(works: dict, repetitions: int) -> dict[str, np.ndarray]:
    """Time works in turn, after a round that does not count; give the seconds."""
    found = in_turn(
        {name: partial(_seconds, works[name]) for name in works}, repetitions + 1
    )
    return {name: np.array(seconds[1:]) for name, seconds in found.items()}


def speeds(paths, repetitions: int) -> list[Row]:
    """Take all ways in turn; give the pictures per second of each repetition."""
    made = {name: make(paths) for name, make in WAYS.items()}
    taken = times({name: run for name, (run, _) in made.items()}, repetitions)
    rates = {name: count / taken[name] for name, (_, count) in made.items()}
    return [Row("a", name, "pictures/s", list(each)) for name, each in rates.items()]


def shares(paths, repetitions: int) -> list[Row]:
    """Time the pipeline and its two halves, and set both beside what limits them."""
    chosen = backbone()
    network = network_of(chosen)
    engine = choose_engine(network)
    wanted = paths, lambda picture: [network.prepare(picture)], engine.batch_size
    images = [each for (each,) in stream_images(*wanted, least=2 * SIZE)]
    square = np.random.default_rng(0).random((2048, 2048), np.float32)
    works = {
        "pipeline": lambda: extract(paths, chosen, cache=False, progress=False),
        "decode": lambda: list(stream_images(*wanted, least=2 * SIZE)),
        "network": lambda: list(engine.run(images)),
        "product": lambda: square @ square,
    }
    taken = times(works, repetitions)
    operations = 2e6 * BACKBONES[BACKBONE].multiply_adds * len(paths)
    rates = operations / taken["network"] / 1e9, 2 * 2048**3 / taken["product"] / 1e9
    together = taken["decode"] + taken["network"]
    found = [
        *((name, "s", taken[name]) for name in ("pipeline", "decode", "network")),
        ("pipeline / (decode + network)", "", taken["pipeline"] / together),
        ("network", "GFLOP/s", rates[0]),
        ("matrix product, 2048", "GFLOP/s", rates[1]),
        ("network / matrix product", "", rates[0] / rates[1]),
    ]
    return [Row("b", name, unit, list(values)) for name, unit, values in found]


def to_classifier(names, flip: bool, cold: bool) -> tuple[float, float]:
    """Go from files to a breed classifier; give seconds and val accuracy."""
    import sklearn.linear_model  # noqa: F401 - the clock starts after the imports

    backbone()
    train, val = load_pets("train"), load_pets("val")
    with TemporaryDirectory() as folder:
        if cold:
            os.environ["COURSE_CACHE"] = folder
        start = time.perf_counter()
        _, _, accuracy = classifier.train(train, val, names, flip)
        return time.perf_counter() - start, accuracy


def classifiers(repetitions: int) -> list[Row]:
    """Make breed classifiers in turn: cold, from the cache, and a larger one."""
    one, three = list(EMBEDDED[:1]), list(EMBEDDED)
    works = {
        "lite0, cold": partial(alone, to_classifier, one, False, True),
        "lite0, warm cache": partial(alone, to_classifier, one, False, False),
        "three and flips, cold": partial(alone, to_classifier, three, True, True),
    }
    works["lite0, warm cache"]()  # fills the cache
    rows = []
    for title, pairs in in_turn(works, repetitions).items():
        seconds, accuracies = map(list, zip(*pairs, strict=True))
        rows += [Row("c", title, "s", seconds), Row("c", title, "val", accuracies)]
    return rows


def steps(framework: str) -> list[Row]:
    """Set a step of robust ascent beside a bare pass forward and back."""
    bare, robust = alone(ascent.compare, framework)
    times = {"bare pass": bare[8:], "robust step": robust[8:]}
    rows = [
        Row("d", f"{framework}, {name}", "s", list(each))
        for name, each in times.items()
    ]
    ratio = np.median(robust[8:]) / np.median(bare[8:])
    return [*rows, Row("d", f"{framework}, ratio of the medians", "", [ratio])]


def attack_times(repetitions: int) -> list[Row]:
    """Set the lesson's attacks beside foolbox's."""
    return [Row("e", *row) for row in alone(attacks.times, repetitions)]


def memory(name: str, paths) -> float:
    """Give the most megabytes that one way takes, in a process of its own."""
    with Meter() as meter:
        WAYS[name](paths)[0]()
    return meter.megabytes


def memories(paths, repetitions: int) -> list[Row]:
    """Measure each way in turn, and ours with more pictures."""
    many = [paths[k % len(paths)] for k in range(4000)]
    works = {name: partial(alone, memory, name, paths[:COUNT]) for name in WAYS}
    few, all_ = "ours, 1,000 pictures", "ours, 4,000 pictures"
    works[few] = partial(alone, memory, "ours", many[:1000])
    works[all_] = partial(alone, memory, "ours", many)
    taken = in_turn(works, repetitions)
    rows = [Row("f", name, "MB", values) for name, values in taken.items()]
    ratios = np.divide(taken[all_], taken[few])
    return [*rows, Row("f", "4,000 / 1,000 pictures", "", list(ratios))]


def machine() -> tuple[str, dict[str, int]]:
    """Give the name of the processor, and the threads of each package; 0 means all."""
    import tensorflow
    import torch

    core = load_openvino().Core()
    threads = {
        "torch": torch.get_num_threads(),
        "tensorflow": tensorflow.config.threading.get_intra_op_parallelism_threads(),
        "openvino": core.get_property("CPU", "INFERENCE_NUM_THREADS"),
    }
    return core.get_property("CPU", "FULL_DEVICE_NAME"), threads


def _seconds(work) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _shown(rows: list[Row]) -> list[Row]:
    """Print the medians, and how many times as much the first of the unit is."""
    first = {}
    for row in rows:
        median = np.median(row.values)
        base = first.setdefault(row.unit, median)
        ratio = f"{base / median:6.2f} x" if row.unit and median != base else ""
        print(
            f"({row.part}) {row.name:38} {median:9.3f} {row.unit:10} {ratio}",
            flush=True,
        )
    return rows


def main(repetitions: str = "5") -> None:
    """Print the table and write it."""
    count, train = int(repetitions), load_pets("train")
    paths = [path for path in train.paths if path.suffix.lower() in {".jpg", ".jpeg"}]
    paths = paths or train.paths
    processor, threads = alone(machine)
    about = {
        "machine": f"{processor}, {cpu_count()} cores",
        "pictures": train.source,
        "versions": {name: version(name) for name in PACKAGES},
        "threads": threads,
        "repetitions": count,
    }
    print(json.dumps(about))
    parts = [
        partial(alone, speeds, paths[:COUNT], count),
        partial(alone, shares, paths[:MANY], count),
        partial(classifiers, count),
        partial(steps, "pytorch"),
        partial(steps, "tensorflow"),
        partial(attack_times, count),
        partial(memories, paths, count),
    ]
    rows = []
    for part in parts:
        rows += _shown(part())
        table = about | {"rows": [row._asdict() for row in rows]}
        with replacing(OUT) as file:
            file.write_text(json.dumps(table, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
