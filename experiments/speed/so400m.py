"""Memory and time of training steps of the SigLIP SO400M tower at full size, with random weights.

    python experiments/speed/so400m.py                          # last_4; batch 1 on a CPU, 32 on a GPU
    python experiments/speed/so400m.py --unlocked all --batch 16 --grad-checkpointing

Expected: 428M parameters in the tower, 76M of them learning with the last 4 of 27 blocks. On 2 CPU cores in
float32 a step of one picture takes 10 to 20 s and the process 4 GB.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from skintag.models.lesion_module import LesionModule
from skintag.models.objectives import Multitask
from skintag.models.optimizer import OptimizerSettings, build_optimizer
from skintag.models.settings import BackboneSettings, FinetuneSettings


def parse() -> argparse.Namespace:
    cuda = torch.cuda.is_available()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda" if cuda else "cpu")
    parser.add_argument("--batch", type=int, default=32 if cuda else 1)
    parser.add_argument("--unlocked", default="4", help="learning blocks, or all")
    parser.add_argument("--grad-checkpointing", action="store_true")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="bf16" if cuda else "fp32")
    parser.add_argument("--steps", type=int, default=5 if cuda else 2, help="steps; the first one warms up")
    return parser.parse_args()


def build(options: argparse.Namespace) -> LesionModule:
    unlocked = "all" if options.unlocked == "all" else int(options.unlocked)
    return LesionModule(
        BackboneSettings("vit_so400m_patch14_siglip_384", image_size=384),
        FinetuneSettings(unlocked, grad_checkpointing=options.grad_checkpointing),
        Multitask(),
        OptimizerSettings(),
    ).to(options.device)


def make_batch(n: int, device: str) -> dict[str, Tensor]:
    return {
        "image": torch.randint(0, 256, (n, 3, 384, 384), dtype=torch.uint8, device=device),
        "target": torch.arange(n, device=device) % 2,
        "condition": torch.arange(n, device=device) % 10,
        "weight": torch.ones(n, device=device),
    }


@contextmanager
def timed(seconds: dict[str, float], name: str, device: str) -> Iterator[None]:
    """Wall time of the block, the work it queued on a GPU included."""
    start = time.perf_counter()
    yield
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    seconds[name] = time.perf_counter() - start


def step(
    module: LesionModule, optimizer: torch.optim.Optimizer, batch: dict[str, Tensor], bf16: bool
) -> dict[str, float]:
    """One training step; seconds by part."""
    seconds: dict[str, float] = {}
    device = str(batch["image"].device)
    with torch.autocast(batch["image"].device.type, torch.bfloat16, enabled=bf16):
        with timed(seconds, "forward, frozen trunk", device):
            activations = module.backbone.forward_trunk(batch["image"])
        with timed(seconds, "forward, learning tail", device):
            output = module.head(module.backbone.forward_tail(activations))
            loss = module.objective.loss(output, batch)["loss"]
    with timed(seconds, "backward", device):
        loss.backward()
    with timed(seconds, "optimizer", device):
        optimizer.step()
        optimizer.zero_grad()
    return seconds


def peak_memory(device: str) -> float:
    """Peak in GB: of the tensors on a GPU, or of the whole process on a CPU."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated() / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def main() -> None:
    options = parse()
    start = time.perf_counter()
    module = build(options)
    print(f"{'built in':24}{time.perf_counter() - start:10.2f} s")
    parameters = list(module.backbone.parameters())
    learning = sum(p.numel() for p in parameters if p.requires_grad)
    print(f"{'tower parameters':24}{sum(p.numel() for p in parameters) / 1e6:10.1f} M")
    print(f"{'learning in the tower':24}{learning / 1e6:10.1f} M")
    print(f"{'head parameters':24}{sum(p.numel() for p in module.head.parameters()) / 1e6:10.2f} M")
    optimizer, _ = build_optimizer(
        module.backbone, [module.head], module.optimizer_settings, steps=options.steps
    )
    batch = make_batch(options.batch, options.device)
    for _ in range(options.steps):
        seconds = step(module, optimizer, batch, options.precision == "bf16")
    for name, value in seconds.items():
        print(f"{name:24}{value:10.3f} s")
    print(f"{'images per second':24}{options.batch / sum(seconds.values()):10.2f}")
    print(f"{'peak memory':24}{peak_memory(options.device):10.2f} GB")
    print(f"({options.device}, {options.precision}, batch {options.batch}, step {options.steps})")


if __name__ == "__main__":
    main()
