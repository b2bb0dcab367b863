"""Two processes under DDP (gloo, CPU) against one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

# Run in a fresh interpreter: forking one in which torch has already used its threads would hang.
PROGRAM = """
import os
import sys

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch.nn.parallel import DistributedDataParallel

from skintag.models.lesion_module import LesionModule
from skintag.models.objective import OBJECTIVES
from skintag.models.objectives import GroupDro
from skintag.models.outputs import Logits
from skintag.models.scores import EpochScores

SIZES = dict(embed_dim=32, depth=2, num_heads=2)
TINY = dict(name="vit_so400m_patch14_siglip_384", image_size=56, sizes=SIZES)
torch.set_num_threads(1)


class Step(torch.nn.Module):
    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, batch):
        return self.module.objective.loss(self.module(batch), batch)["loss"]


def batch(n):
    random = torch.Generator().manual_seed(n)
    return dict(
        image=torch.randint(0, 256, (n, 3, 56, 56), dtype=torch.uint8, generator=random),
        target=torch.arange(n) % 2,
        condition=torch.arange(n) % 10,
        weight=torch.rand(n, generator=random),
        group=torch.tensor([0, 0, 0, 1, 1, 2, 2, 2])[:n],
    )


def share(whole, rank):
    rows = slice(0, 4) if rank == 0 else slice(4, 8)
    return {key: value[rows] for key, value in whole.items()}


def every_objective_trains_without_unused_parameters(rank):
    for name in OBJECTIVES:
        module = LesionModule(TINY, dict(unlocked_groups=1), dict(name=name), {})
        step = DistributedDataParallel(Step(module), find_unused_parameters=False)
        for _ in range(2):  # DDP complains in the second step
            step(share(batch(8), rank)).backward()
        assert all(p.grad is not None for p in module.parameters() if p.requires_grad), name


def group_dro(whole, rows):
    objective = GroupDro(n_groups=3, step_size=0.5)
    logits = torch.linspace(-2, 2, 8, requires_grad=True)
    for _ in range(2):
        part = {key: value[rows] for key, value in whole.items()}
        loss = objective.loss(Logits(logits[rows], None, torch.zeros(0)), part)["loss"]
    loss.backward()
    return logits.grad, objective.group_weights()


def run(rank, out):
    os.environ.update(MASTER_ADDR="127.0.0.1", GLOO_SOCKET_IFNAME="lo")
    dist.init_process_group("gloo", init_method=f"file://{out}/store", rank=rank, world_size=2)
    every_objective_trains_without_unused_parameters(rank)
    gradient, weights = group_dro(batch(8), slice(0, 4) if rank == 0 else slice(4, 8))
    dist.all_reduce(gradient)
    scores = EpochScores(n_groups=3, min_group=1)
    target, p = torch.arange(8) % 2, torch.linspace(0, 1, 8)
    rows = slice(0, 5) if rank == 0 else slice(5, 8)  # ranks of unequal size
    scores.update(p[rows] ** 2, p[rows], target[rows], torch.zeros(8, dtype=torch.int64)[rows])
    found = dict(gradient=gradient / 2, weights=weights, scores=scores.compute())
    lonely = EpochScores(n_groups=3, min_group=1)
    if rank == 0:  # the other rank has no sample at all
        lonely.update(p, p, target, torch.zeros(8, dtype=torch.int64))
    found["lonely"] = lonely.compute()
    torch.save(found, f"{out}/{rank}.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    out = sys.argv[1]
    gradient, weights = group_dro(batch(8), slice(0, 8))
    torch.save(dict(gradient=gradient, weights=weights), f"{out}/alone.pt")
    mp.start_processes(run, args=(out,), nprocs=2, start_method="fork")
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> dict[str, dict]:
    out: Path = tmp_path_factory.mktemp("ddp")
    (out / "program.py").write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, out / "program.py", out], capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == 0, done.stderr
    return {name: torch.load(out / f"{name}.pt", weights_only=True) for name in ("alone", "0", "1")}


@pytest.mark.long
def test_group_dro_on_two_ranks_equals_one_process(found):
    for rank in ("0", "1"):
        assert torch.allclose(found[rank]["weights"], found["alone"]["weights"])
        assert torch.allclose(found[rank]["gradient"], found["alone"]["gradient"])


@pytest.mark.long
def test_scores_are_those_of_all_ranks(found):
    p = torch.linspace(0, 1, 8)
    for rank in ("0", "1"):
        for kind, losses in (("scores", p**2), ("lonely", p)):
            assert found[rank][kind]["loss"].item() == pytest.approx(losses.mean().item())
            # four positives at odd ranks: each beats the negatives below it, 1 + 2 + 3 + 4 of 16 pairs
            assert found[rank][kind]["auroc"].item() == pytest.approx(10 / 16)
