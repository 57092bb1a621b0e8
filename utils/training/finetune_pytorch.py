"""Fine-tune in PyTorch with DistributedDataParallel; torchrun starts the processes.

`python -m torch.distributed.run --nproc-per-node 2 -m utils.training.finetune_pytorch`
"""

import copy
import os
import socket
import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.lr_scheduler import LinearLR

from utils.backbones.pytorch import load_backbone, split_last_stage
from utils.command import Problem, attempt
from utils.device import seed_everything, torch_device
from utils.training import finetune
from utils.training.finetune import WEIGHT_DECAY, Config, Options, fine_tune, require

# The first process may compute maps for long. One that fails ends the others at once.
SLOWEST_PROCESS = timedelta(days=1)
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def main(arguments: list[str] | None = None) -> int:
    """Fine-tune as one of torchrun's processes, or alone.

    Parameters
    ----------
    arguments : list of str, optional
        The command line without the program; of the process by default.

    Returns
    -------
    int
        Exit status: 0 if all is well, 1 after a problem, 130 after Ctrl-C.
    """
    parsed = finetune.make_parser("pytorch").parse_args(arguments)
    return attempt(lambda: _run(Options(**vars(parsed))))


def _run(options: Options) -> None:
    require(options, int(os.environ.get("WORLD_SIZE", 1)))
    group = ProcessGroup()
    seed_everything(options.seed)
    fine_tune(group, options)
    group.leave()


class ProcessGroup(finetune.ProcessGroup):
    """The processes that torchrun started; without torchrun, this one."""

    def __init__(self):
        self.size = int(os.environ.get("WORLD_SIZE", 1))
        self.rank = int(os.environ.get("RANK", 0))
        self.device = torch_device()
        if self.size > 1:
            self._join()

    def _join(self) -> None:
        """Meet the other processes, each with a graphics card of its own if any."""
        if self.device.type == "cuda":
            _take_card(self.device)
        elif self.device.type != "cpu":
            raise Problem(
                f"Several processes cannot share {self.device}: set COURSE_DEVICE=cpu, "
                "or start one process."
            )
        if os.environ["MASTER_ADDR"] in LOOPBACK:
            _stay_on_loopback()
        backend = "nccl" if self.device.type == "cuda" else "gloo"
        distributed.init_process_group(backend, timeout=SLOWEST_PROCESS)

    def barrier(self) -> None:
        """Wait for the other processes."""
        if self.size > 1:
            distributed.barrier()

    def leave(self) -> None:
        """Part from the other processes."""
        if self.size > 1:
            distributed.destroy_process_group()

    def new_head(self, width: int, classes: int) -> nn.Module:
        """Make a linear layer that holds every class as likely."""
        head = nn.Linear(width, classes).to(self.device)
        nn.init.zeros_(head.weight)
        nn.init.zeros_(head.bias)
        return head

    def split(self, name: str) -> tuple[nn.Module, nn.Module]:
        """Load a backbone and split it before its last stage."""
        return split_last_stage(load_backbone(name).to(self.device))

    def with_last_stage(
        self, stage: nn.Module, head: nn.Module | None = None
    ) -> nn.Module:
        """Put a copy of the last stage, free to learn, before a copy of the head."""
        parts = [stage, nn.AdaptiveAvgPool2d(1), nn.Flatten(), head or nn.Identity()]
        return copy.deepcopy(nn.Sequential(*parts)).eval()

    def train(
        self, model: nn.Module, inputs: np.ndarray, labels: np.ndarray, config: Config
    ) -> None:
        """Fit a model, as the base class says."""
        loss_of = nn.CrossEntropyLoss(
            label_smoothing=config.smoothing, reduction="none"
        )
        decay = {"weight_decay": WEIGHT_DECAY}
        optimizer = torch.optim.AdamW(model.parameters(), config.step_size, **decay)
        schedule = LinearLR(optimizer, 1, 0, config.steps(len(labels)))
        # It averages the gradients of the processes while they are computed.
        shared = DistributedDataParallel(model) if self.size > 1 else model
        for rows, weights in self.draw(len(labels), config):
            rows, weights = rows[self.rank], weights[self.rank]
            optimizer.zero_grad()
            losses = loss_of(shared(self._on(inputs[rows])), self._on(labels[rows]))
            (losses * self._on(weights)).sum().backward()
            optimizer.step()
            schedule.step()

    def logits(self, model: nn.Module, inputs: np.ndarray) -> np.ndarray:
        """Score the classes."""
        with torch.no_grad():
            return model(self._on(inputs)).cpu().numpy()

    def save(self, model: nn.Module, path: Path) -> None:
        """Write the weights, and nothing else, to a file."""
        save_file(model.state_dict(), path)

    def _on(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(array).to(self.device)


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
