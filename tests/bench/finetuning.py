"""Fine-tune the last stage on photographs: choose a recipe, and test what it gains.

COURSE_DATA=... python -m tests.bench.finetuning

The stages below stay frozen, so their maps of each picture and its mirror image are
computed once. A fifth of the training pictures chooses the recipe. Then all of them
train it, with three seeds, and `val`, which chose nothing, is looked at.
"""

import copy
import time

import numpy as np
import torch
from PIL import Image
from scipy.stats import binomtest
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Dataset, TensorDataset
from torchvision.transforms import v2

from utils import data
from utils.backbones.pytorch import load_backbone, split_last_stage, transform_for

BATCH, SEEDS = 64, (0, 1, 2)
RECIPES = {  # rate, epochs, mixup
    "plain": (3e-4, 4, 0),
    "mixup": (3e-4, 4, 0.2),
    "mixup, two epochs": (3e-4, 2, 0.2),
    "mixup, eight epochs": (3e-4, 8, 0.2),
    "mixup, faster": (1e-3, 4, 0.2),
}


class PictureDataset(Dataset):
    """Pictures, each decoded when it is asked for."""

    def __init__(self, paths, transform):
        self.paths, self.transform = paths, transform

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        return self.transform(Image.open(self.paths[index]).convert("RGB"))


@torch.inference_mode()
def maps_of(trunk, paths, transform):
    """Compute the maps of pictures and of their mirror images, (N, 2, C, H, W)."""
    rows = []
    for inputs in DataLoader(PictureDataset(paths, transform), 32, num_workers=1):
        inputs = inputs.to(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            both = trunk(inputs), trunk(inputs.flip(-1))
        rows.append(torch.stack(both, dim=1).half())
    return torch.cat(rows).contiguous()


@torch.inference_mode()
def outputs(model, maps):
    """Run a network on both maps of each picture; give the mean, (N, K)."""
    model.eval()
    parts = (part.flatten(0, 1).float() for part in maps.split(64))
    rows = torch.cat([model(part) for part in parts])
    return rows.unflatten(0, (-1, 2)).mean(dim=1).numpy()


def with_head(stage, maps, labels):
    """Put a head on the frozen stage, found on the features of the maps."""
    pooled = nn.Sequential(stage, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    solver = LogisticRegression(max_iter=2000)
    with threadpool_limits(1):
        solver.fit(outputs(pooled, maps), labels)
    head = nn.Linear(*solver.coef_.T.shape)
    head.weight.data = torch.tensor(solver.coef_, dtype=torch.float32)
    head.bias.data = torch.tensor(solver.intercept_, dtype=torch.float32)
    return nn.Sequential(*pooled, head)


def tuned(model, maps, labels, recipe, seed):
    """Train with smoothing, a cosine and perhaps mixup; give the averaged weights."""
    torch.manual_seed(seed)
    rate, epochs, alpha = recipe
    model = copy.deepcopy(model).requires_grad_(True).eval()  # BatchNorm as in use
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.98))
    loader = DataLoader(TensorDataset(maps, torch.from_numpy(labels)), BATCH, True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.01)
    steps = epochs * len(loader)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
    mix = v2.MixUp(alpha=alpha, num_classes=37) if alpha else lambda *batch: batch
    for _ in range(epochs):
        for both, targets in loader:
            side = torch.randint(2, (len(both),))
            inputs, targets = mix(both[torch.arange(len(both)), side].float(), targets)
            loss = criterion(model(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            average.update_parameters(model)
    return average


def is_right(model, maps, labels):
    """Tell which pictures a network names right, (N,) bool."""
    return outputs(model, maps).argmax(axis=1) == labels


def choose(stage, maps, labels):
    """Compare the recipes on a fifth of the training pictures; name the best."""
    held = np.arange(len(labels)) % 5 == 0
    start = with_head(stage, maps[~held], labels[~held])
    print(f"frozen: {is_right(start, maps[held], labels[held]).mean():.2%}", flush=True)
    scores = {}
    for name, recipe in RECIPES.items():
        model = tuned(start, maps[~held], labels[~held], recipe, 0)
        scores[name] = is_right(model, maps[held], labels[held]).mean()
        print(f"{name}: {scores[name]:.2%} of {held.sum()}", flush=True)
    return max(scores, key=scores.get)


def main():
    """Choose a recipe, and report it."""
    train, val = data.load_pets("train"), data.load_pets("val")
    model = load_backbone("efficientnet_lite0").eval()
    trunk, stage = split_last_stage(model.to(memory_format=torch.channels_last))
    transform, start = transform_for(model), time.monotonic()
    maps, val_maps = (maps_of(trunk, part.paths, transform) for part in (train, val))
    print(f"maps of both: {time.monotonic() - start:.0f} s", flush=True)
    best = choose(stage, maps, train.labels)
    frozen = with_head(stage, maps, train.labels)
    before, changes = is_right(frozen, val_maps, val.labels), np.zeros(2, int)
    print(f"all of train, frozen: {before.mean():.2%} of {len(before)}", flush=True)
    for seed in SEEDS:
        start = time.monotonic()
        model = tuned(frozen, maps, train.labels, RECIPES[best], seed)
        seconds = time.monotonic() - start
        after = is_right(model, val_maps, val.labels)
        changes += np.sum(after & ~before), np.sum(before & ~after)
        print(f"{best}, seed {seed}: {after.mean():.2%}, {seconds:.0f} s", flush=True)
    p = binomtest(int(changes[0]), int(changes.sum())).pvalue
    print(f"repaired {changes[0]}, broken {changes[1]}, McNemar p {p:.2g}")


if __name__ == "__main__":
    main()
