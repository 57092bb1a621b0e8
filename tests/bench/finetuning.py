"""Compare recipes of fine-tuning on photographs, on pictures that chose nothing.

COURSE_DATA=... python -m tests.bench.finetuning RECIPE... [--seeds 0 1 2] [--report]

Without --report, a fifth of the training pictures is held out to compare recipes. With
it, all of them train, the number of epochs is fixed, and `val` is looked at once.
"""

import argparse
import time

import numpy as np
import torch
from PIL import Image
from scipy.stats import binomtest
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from utils import data
from utils.backbones.pytorch import load_backbone, transform_for

BATCH = 32
RECIPES = {  # first block that learns, highest rate, falls by stage, epochs, pixels
    "last": (6, 3e-4, 1, 6, 224),
    "two": (5, 3e-4, 0.5, 6, 224),
    "whole": (0, 1e-4, 1, 3, 160),
    "falling": (0, 3e-4, 0.6, 3, 160),
}


class PictureDataset(Dataset):
    """Pictures with their labels, each decoded when it is asked for."""

    def __init__(self, paths, labels, transform):
        self.paths, self.labels, self.transform = paths, labels, transform

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        image = Image.open(self.paths[index]).convert("RGB")
        return self.transform(image), int(self.labels[index])


def split(report):
    """Give paths and labels: for training, and for the comparison."""
    train, val = (data.load_pets(part) for part in ("train", "val"))
    if report:
        return (train.paths, train.labels), (val.paths, val.labels)
    held_out = np.arange(len(train.labels)) % 5 == 0
    rows = np.flatnonzero(~held_out), np.flatnonzero(held_out)
    return [([train.paths[k] for k in part], train.labels[part]) for part in rows]


@torch.inference_mode()
def outputs(model, loader):
    """Run a network on pictures and their mirror images; give the mean, (N, K)."""
    model.eval()
    rows = []
    for inputs, _ in loader:
        with torch.autocast("cpu", torch.bfloat16):
            both = model(inputs), model(inputs.flip(-1))
        rows.append(sum(both).float() / 2)
    return torch.cat(rows).numpy()


def frozen_head(model, train, test, labels):
    """Train a head on the features of the frozen network; give it and its answers."""
    learn, look = outputs(model, train), outputs(model, test)
    solver = LogisticRegression(C=1, max_iter=2000)
    with threadpool_limits(1):
        solver.fit(learn, labels)
    head = nn.Linear(learn.shape[1], len(solver.classes_))
    head.weight.data = torch.tensor(solver.coef_, dtype=torch.float32)
    head.bias.data = torch.tensor(solver.intercept_, dtype=torch.float32)
    return head, solver.predict(look)


def groups(model, first, rate, falls):
    """Give each stage that learns a rate of its own, lower for earlier ones."""
    model.requires_grad_(False)
    stages = [model.classifier, nn.ModuleList([model.conv_head, model.bn2])]
    stages += list(model.blocks[first:])[::-1]
    stages += [nn.ModuleList([model.conv_stem, model.bn1])] if first == 0 else []
    for stage in stages:
        stage.requires_grad_(True)
    rates = [rate * falls**depth for depth in range(len(stages))]
    pairs = zip(stages, rates, strict=True)
    return [{"params": list(s.parameters()), "lr": r} for s, r in pairs], rates


def augmented(size, plain):
    """Cut, mirror and recolour pictures, then go on as for use."""
    crop = v2.RandomResizedCrop(size, scale=(0.5, 1))
    colour = v2.ColorJitter(0.2, 0.2, 0.2)
    return v2.Compose([crop, v2.RandomHorizontalFlip(), colour, *plain.transforms[2:]])


def tune(model, loader, recipe):
    """Train with mixup, smoothing, one cycle and averaged weights; give the average."""
    first, rate, falls, epochs, _ = recipe
    parameters, rates = groups(model, first, rate, falls)
    optimizer = torch.optim.AdamW(parameters, weight_decay=0.01)
    steps = epochs * len(loader)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, steps)
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.99))
    criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
    mix = v2.MixUp(alpha=0.2, num_classes=37)
    model.eval()  # BatchNorm as in use
    for _ in range(epochs):
        for batch in loader:
            inputs, labels = mix(*batch)
            with torch.autocast("cpu", torch.bfloat16):
                loss = criterion(model(inputs), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            average.update_parameters(model)
    return average


def fine_tuned(name, seed, head, paths, labels):
    """Fine-tune by a recipe, from the trained head on."""
    torch.manual_seed(seed)
    model = load_backbone("efficientnet_lite0", num_classes=len(head.bias))
    plain = transform_for(model)
    model.classifier.load_state_dict(head.state_dict())
    pictures = PictureDataset(paths, labels, augmented(RECIPES[name][-1], plain))
    how = {"shuffle": True, "drop_last": True, "num_workers": 1}
    loader = DataLoader(pictures, BATCH, **how)
    return tune(model.to(memory_format=torch.channels_last), loader, RECIPES[name])


def main():
    """Compare each recipe with the frozen head."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipes", nargs="+", choices=RECIPES)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--report", action="store_true")
    options = parser.parse_args()
    train, test = split(options.report)
    model = load_backbone("efficientnet_lite0", num_classes=0)
    model, plain = model.to(memory_format=torch.channels_last), transform_for(model)
    learn, look = (
        DataLoader(PictureDataset(*part, plain), BATCH, num_workers=1)
        for part in (train, test)
    )
    head, answers = frozen_head(model, learn, look, train[1])
    before = answers == test[1]
    print(f"frozen head: {before.mean():.2%} of {len(before)}", flush=True)
    for name in options.recipes:
        changes = np.zeros(2, int)
        for seed in options.seeds:
            start = time.monotonic()
            tuned = fine_tuned(name, seed, head, *train)
            seconds = time.monotonic() - start
            after = outputs(tuned, look).argmax(axis=1) == test[1]
            changes += np.sum(after & ~before), np.sum(before & ~after)
            print(
                f"{name}, seed {seed}: {after.mean():.2%}, {seconds:.0f} s", flush=True
            )
        (repaired, broken), total = changes, int(changes.sum())
        p = binomtest(int(repaired), total).pvalue if total else 1.0
        print(f"{name}: repaired {repaired}, broken {broken}, p {p:.2g}", flush=True)


if __name__ == "__main__":
    main()
