"""The run's own pictures, as the model takes them, of one split."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from skintag.core.hashing import uniform_from_strings
from skintag.evaluation.predictions.predictions import ModelPredictions
from skintag.runs.folder import RunFolder

Rows = TypeVar("Rows", bound=ModelPredictions)


class Pictures(Generic[Rows]):
    """Pictures of a run's rows of one split; the rows' type says which.

    Args:
        run: whose data they are.
        rows: `run.predictions.val("head")` or `.test("head")`, or some of them.
    """

    def __init__(self, run: RunFolder, rows: Rows) -> None:
        self.run, self.rows = run, rows
        self.image_ids: list[str] = rows.frame["image_id"].tolist()

    def __len__(self) -> int:
        return len(self.image_ids)

    def batches(self, size: int) -> Iterator[NDArray[np.uint8]]:
        """All pictures in the order of the rows, uint8 [<= size, S, S, 3] RGB."""
        data = self.run.data
        positions = data.store.positions(self.image_ids) if self.image_ids else np.empty(0, dtype=np.int64)
        for start in range(0, len(self), size):
            some = slice(start, start + size)
            pixels = data.pipeline(data.store.read_many(positions[some]), self.image_ids[some])
            yield np.ascontiguousarray(pixels.permute(0, 2, 3, 1).numpy())

    def load(self) -> NDArray[np.uint8]:
        """All pictures at once, uint8 [n, S, S, 3], n at least 1."""
        return np.concatenate(list(self.batches(256)))

    def drawn(self, most: int | None, seed: int, *, even: bool = False) -> Pictures[Rows]:
        """At most so many of them, drawn by name; `even`: as many malignant ones as others, as far as they go."""
        if most is None or most >= len(self):
            return self
        frame = self.rows.frame
        draw = uniform_from_strings(frame["image_id"], salt=("export", seed))
        order = np.argsort(draw, kind="stable")
        if even:
            malignant = self.rows.target[order] == 1
            fewer = min(most // 2, int(malignant.sum()))
            others = min(most - fewer, int((~malignant).sum()))
            order = np.concatenate([order[malignant][: most - others], order[~malignant][:others]])
        chosen = frame.iloc[np.sort(order[:most])].reset_index(drop=True)
        return type(self)(self.run, type(self.rows)(chosen, self.rows.model))
