"""Fine-tune in PyTorch with DistributedDataParallel; torchrun starts the processes.

`python -m torch.distributed.run --nproc-per-node 2 -m utils.training.finetune_pytorch`
"""

import argparse
import os
import socket
import sys
import time
from datetime import timedelta

import numpy as np
import torch
from safetensors.torch import save_file
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.lr_scheduler import LinearLR

from utils.backbones.pytorch import load_backbone, split_last_stage
from utils.backbones.table import find
from utils.command import Problem, attempt
from utils.device import seed_everything, torch_device
from utils.files import replacing
from utils.training import finetune
from utils.training.finetune import FORWARD_BATCH, WEIGHT_DECAY, Config

# The first process may compute maps for long. One that fails ends the others at once.
SLOWEST_PROCESS = timedelta(days=1)
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def main(arguments: list[str] | None = None) -> int:
    """Fine-tune as one of torchrun's processes, or alone.

    Return 0 if all is well, 1 after a problem, 130 after Ctrl-C.
    """
    parser = finetune.make_parser("utils.training.finetune_pytorch", "pytorch")
    options = parser.parse_args(arguments)
    return attempt(lambda: _fine_tune(options))


def _fine_tune(options: argparse.Namespace) -> None:
    """Train a head for the breeds, then the last stage, and say what it gave."""
    size = int(os.environ.get("WORLD_SIZE", 1))  # torchrun sets these
    rank = int(os.environ.get("RANK", 0))
    finetune.require(options, size)
    device = torch_device()
    if size > 1:
        _join(device)
    seed_everything(options.seed)
    with finetune.first_alone(rank, _barrier):
        backbone = load_backbone(options.backbone).to(device)
        trunk, stage = split_last_stage(backbone)
        pets, maps = finetune.load_maps(trunk, progress=rank == 0)
    begin = time.perf_counter()
    width, classes = find(options.backbone).width, len(pets["train"].class_names)
    model = _with_head(stage, width, classes)
    head_config, config = finetune.configs(options)
    features = _logits(model[:-1], maps["train"])
    _train(model[-1], features, pets["train"].labels, head_config)
    before = rank == 0 and _accuracy(model, maps["val"], pets["val"].labels)
    _train(model, maps["train"], pets["train"].labels, config)
    if rank == 0:
        after = _accuracy(model, maps["val"], pets["val"].labels)
        print(
            f"processes or cards: {size} · seconds: {time.perf_counter() - begin:.1f} "
            f"· val accuracy: {before:.4f} before, {after:.4f} after"
        )
        with replacing(options.out) as part:
            save_file(model.state_dict(), part)
    _barrier()
    if size > 1:
        distributed.destroy_process_group()


def _with_head(stage: nn.Module, width: int, classes: int) -> nn.Sequential:
    """Put a last stage before a head that holds every class as likely."""
    head = nn.Linear(width, classes).to(next(stage.parameters()).device)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    return nn.Sequential(stage, nn.AdaptiveAvgPool2d(1), nn.Flatten(), head).eval()


def _train(model: nn.Module, inputs, labels, config: Config) -> None:
    """Fit a model in all processes alike, each with its share of every batch."""
    device = next(model.parameters()).device
    loss_of = nn.CrossEntropyLoss(label_smoothing=config.smoothing, reduction="none")
    decay = {"weight_decay": WEIGHT_DECAY}
    optimizer = torch.optim.AdamW(model.parameters(), config.step_size, **decay)
    schedule = LinearLR(optimizer, 1, 0, config.steps(len(labels)))
    size, rank = 1, 0
    if distributed.is_initialized():
        size, rank = distributed.get_world_size(), distributed.get_rank()
        # It averages the gradients of the processes while they are computed.
        model = DistributedDataParallel(model)
    for shares in finetune.draw_shares(len(labels), config, size, progress=rank == 0):
        rows, weights = (share[rank] for share in shares)
        batch = inputs[rows], labels[rows], weights
        pictures, targets, weights = (torch.from_numpy(a).to(device) for a in batch)
        optimizer.zero_grad()
        (loss_of(model(pictures), targets) * weights).sum().backward()
        optimizer.step()
        schedule.step()


@torch.no_grad()
def _logits(model: nn.Module, inputs: np.ndarray) -> np.ndarray:
    """Run a model in batches, which need less memory."""
    device = next(model.parameters()).device
    batches = torch.from_numpy(inputs).split(FORWARD_BATCH)
    return torch.cat([model(batch.to(device)).cpu() for batch in batches]).numpy()


def _accuracy(model: nn.Module, inputs: np.ndarray, labels: np.ndarray) -> float:
    return float(np.mean(_logits(model, inputs).argmax(axis=1) == labels))


def _barrier() -> None:
    if distributed.is_initialized():
        distributed.barrier()


def _join(device: torch.device) -> None:
    """Meet the other processes, each with a graphics card of its own if any."""
    if device.type == "cuda":
        _take_card(device)
    elif device.type != "cpu":
        raise Problem(
            f"Several processes cannot share {device}: set COURSE_DEVICE=cpu, "
            "or start one process."
        )
    if os.environ["MASTER_ADDR"] in LOOPBACK:
        _stay_on_loopback()
    backend = "nccl" if device.type == "cuda" else "gloo"
    distributed.init_process_group(backend, timeout=SLOWEST_PROCESS)


def _take_card(device: torch.device) -> None:
    """Make a card of its own this process's, for all that says just "cuda"."""
    processes, cards = int(os.environ["LOCAL_WORLD_SIZE"]), torch.cuda.device_count()
    if device.index is not None or processes > cards:
        raise Problem(
            f"{processes} processes need as many graphics cards: there are {cards} "
            f"here, and COURSE_DEVICE={os.environ.get('COURSE_DEVICE', '')}. Start "
            "fewer, unset COURSE_DEVICE, or set it to cpu."
        )
    torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))


def _stay_on_loopback() -> None:
    """Let gloo and nccl talk on the loopback interface, unless told otherwise."""
    names = [name for _, name in socket.if_nameindex() if name.startswith("lo")]
    for library in ("GLOO", "NCCL") if names else ():
        os.environ.setdefault(f"{library}_SOCKET_IFNAME", names[0])


if __name__ == "__main__":
    sys.exit(main())
