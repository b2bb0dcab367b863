"""One bundle, loaded and tested, with what turns files into answers; knows nothing of HTTP."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from skintag.bundle.bundle import Bundle
from skintag.core.outputs import Outputs
from skintag.core.vocabulary import Condition
from skintag.serving.network import Network, network_of
from skintag.serving.pictures import Picture, Pictures
from skintag.serving.selftest import self_test

MALIGNANT: Final = (
    Condition.MELANOMA, Condition.BASAL_CELL_CARCINOMA, Condition.SQUAMOUS_CELL_CARCINOMA, Condition.OTHER_MALIGNANT,
)  # fmt: skip
"""Conditions whose probability is no part of the rest that inflammatory and benign share."""
VERSION_DIGITS: Final = 12


def processors() -> int:
    """Processors that this process may use: its affinity, and the quota of its control group."""
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(here, round(int(quota) / int(period))))
    except (OSError, ValueError):  # no such file, or `max`
        return max(1, here)


@dataclass(frozen=True)
class Engine:
    """Answers for pictures. Make it with `Engine.of`, which tests it first."""

    bundle: Bundle
    """That it answers by."""
    pictures: Pictures
    """Files to pixels."""
    run: Network
    """Pixels to outputs."""
    owns: bool = False
    """Whether the bundle was loaded for it, and goes with it."""

    @classmethod
    def load(
        cls, path: str | Path, max_pixels: int, threads: int | None = None, device: str = "cpu"
    ) -> Engine:
        """The engine of the bundle at a path, tested.

        Args:
            path: folder or zip.
            max_pixels: of a picture.
            threads: processors for an ONNX network; None: those that there are.
            device: of a bundle with torch weights.

        Raises:
            DataError: no bundle, a damaged one, or one that does not give the answer that it should.
        """
        run = network_of(lambda each: Bundle.load(path, device=device, threads=each), threads or processors())
        return cls._tested(run, max_pixels, owns=True)

    @classmethod
    def of(cls, bundle: Bundle, max_pixels: int) -> Engine:
        """The engine of a bundle that is loaded, with as many threads as that was done with; raises as `load`."""
        return cls._tested(Network(bundle), max_pixels, owns=False)

    @classmethod
    def _tested(cls, run: Network, max_pixels: int, *, owns: bool) -> Engine:
        engine = cls(run.bundle, Pictures(run.bundle, max_pixels), run, owns)
        try:
            self_test(run.bundle, run)
        except BaseException:
            engine.close()
            raise
        return engine

    @property
    def digest(self) -> str:
        """Of the bundle."""
        return self.bundle.manifest.digest

    @cached_property
    def about(self) -> dict[str, str]:
        """What an answer says of the bundle."""
        manifest = self.bundle.manifest
        return {
            "name": manifest.name,
            "version": self.digest[:VERSION_DIGITS],
            "model": manifest.model,
            "runtime": manifest.runtime,
            "note": manifest.note,
        }

    @cached_property
    def maps(self) -> bool:
        """Whether answers say where the model looked."""
        side = self.bundle.preprocessing.image_size
        return self.run(np.zeros((1, side, side, 3), np.uint8)).maps is not None

    def close(self) -> None:
        """Let its threads end, and what it loaded go."""
        self.run.close()
        if self.owns:
            self.bundle.close()

    def answers(self, pixels: NDArray[np.uint8], pictures: list[Picture]) -> list[dict[str, Any]]:
        """What is said of n pictures.

        Args:
            pixels: uint8 [n, S, S, 3].
            pictures: that they are of.
        """
        outputs = self.run(pixels)
        predictions = self.bundle.decisions.predictions(outputs, [""] * len(pictures))
        out: list[dict[str, Any]] = []
        for i, (prediction, picture) in enumerate(zip(predictions, pictures, strict=True)):
            said = prediction.to_json()
            del said["image"]
            said["categories"] = categories(prediction.malignancy_probability, outputs, i)
            said |= picture.described()
            said["map"] = None if outputs.maps is None else _map(outputs.maps[i])
            said["bundle"] = self.about
            out.append(said)
        return out


def categories(p_malignant: float, outputs: Outputs, i: int) -> dict[str, float | None]:
    """Malignant, inflammatory and benign, sum 1: the calibrated probability, and the rest as the conditions share it.

    Inflammatory is None where the model knows no conditions.
    """
    rest = 1 - p_malignant
    row = None if outputs.conditions is None else outputs.conditions[i].astype(np.float64)
    if row is None or not np.isfinite(row).all():
        return {"malignant": p_malignant, "inflammatory": None, "benign": rest}
    others = sum(float(row[k]) for k in range(len(row)) if k not in MALIGNANT)
    share = float(row[Condition.NON_NEOPLASTIC]) / others if others > 0 else 0.0
    inflammatory = rest * min(max(share, 0.0), 1.0)
    return {"malignant": p_malignant, "inflammatory": inflammatory, "benign": rest - inflammatory}


def _map(values: NDArray[np.float32]) -> dict[str, Any]:
    height, width = values.shape
    return {"height": height, "width": width, "values": values.ravel().tolist()}
