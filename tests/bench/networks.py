"""How fast each network of notebooks/CNN_Architectures.md is, in PyTorch.

`python -m tests.bench.networks` takes some minutes. The weights are random: they do
not change the time.
"""

import time

import numpy as np
import timm
import torch

from utils.features.networks import TORCH_BATCH

SIZES = {
    "vgg16": 224,
    "vgg19": 224,
    "inception_v3": 299,
    "resnet50": 224,
    "mobilenetv2_100": 224,
    "tf_efficientnet_b0": 224,
    "tf_efficientnet_lite0": 224,
    "tf_efficientnet_lite1": 240,
    "tf_efficientnet_lite2": 260,
    "vit_base_patch16_224": 224,
    "convnext_tiny": 224,
}
WAYS = {
    "batches of 32": (32, torch.contiguous_format),
    "batches of 4, channels last": (TORCH_BATCH, torch.channels_last),
}
ROUNDS = 3


def seconds(network, pictures: int, size: int, layout) -> float:
    """Time one batch; the first one, which warms up, is not counted."""
    images = torch.rand(pictures, 3, size, size).to(memory_format=layout)
    network = network.to(memory_format=layout)
    with torch.inference_mode():
        network(images[:1])
        start = time.perf_counter()
        network(images)
    return time.perf_counter() - start


def main() -> None:
    """Print the median pictures per second of each network, both ways."""
    print(f"{'':24}", *(f"{way:>28}" for way in WAYS))
    for name, size in SIZES.items():
        network = timm.create_model(name).eval()
        speeds = [
            [
                count / seconds(network, count, size, layout)
                for count, layout in WAYS.values()
            ]
            for _ in range(ROUNDS)
        ]
        found = "".join(f"{speed:29.1f}" for speed in np.median(speeds, axis=0))
        print(f"{name:24}{found}", flush=True)


if __name__ == "__main__":
    main()
