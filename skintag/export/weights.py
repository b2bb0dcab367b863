"""What the torch model itself takes: a checkpoint of the weights alone, loaded and run in a fresh process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from skintag.export.formats import TORCH
from skintag.export.measure import Job, measure
from skintag.export.row import NAN, Row
from skintag.models.network import LesionNetwork


def write_weights(network: LesionNetwork, path: Path) -> None:
    """Write what `LesionNetwork.from_checkpoint` reads, without the optimizer's state."""
    values = {**network.settings(), "compile_backbone": False}
    torch.save({"hyper_parameters": values, "state_dict": network.state_dict()}, path)


def cost_of_network(network: LesionNetwork, row: Row, repeats: int) -> Row:
    """The row with bytes, latency and memory of the network in torch."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "weights.ckpt"
        write_weights(network, path)
        return with_cost(row, TORCH, path, network.backbone.settings.image_size, repeats)


def with_cost(row: Row, kind: str, path: Path, image_size: int, repeats: int) -> Row:
    """The row with bytes, latency and memory of a file, measured in fresh processes; raises as `measure`."""
    one, two = (measure(Job(kind, str(path), image_size, threads, repeats)) for threads in (1, 2))
    return replace(
        row,
        bytes=bytes_of(path),
        latency_ms_1_thread=one.latency_ms if one else NAN,
        latency_ms_2_threads=two.latency_ms if two else NAN,
        memory_mb=one.memory_mb if one else NAN,
    )


def bytes_of(path: Path) -> int:
    """Size of a file, or of all files in a folder."""
    files = [path] if path.is_file() else [inside for inside in path.rglob("*") if inside.is_file()]
    return sum(file.stat().st_size for file in files)
