"""Fixed groups of images, so that what is computed group by group is the same wherever it is computed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

CHUNK: Final = 64
"""Images in a group; a constant, so that embeddings do not depend on a setting."""
SMALLEST_CHUNK: Final = 32
"""A smaller rest of a shard joins the group before it: libraries compute batches of few images with other
routines, and then the last bits of an embedding would not be those of a training batch."""


def chunks_of(samples: Sequence[int]) -> list[NDArray[np.int64]]:
    """Positions of the images of some shards, in groups that never go over the end of a shard.

    Args:
        samples: images in each shard, in order.

    Returns:
        Groups of int64 [32 to 95]; a shard of at most 64 images is one group.
    """
    ends = np.cumsum(samples).tolist()
    chunks = []
    for start, end in zip([0, *ends[:-1]], ends, strict=True):
        firsts = list(range(start, end, CHUNK))
        if len(firsts) > 1 and end - firsts[-1] < SMALLEST_CHUNK:
            firsts.pop()
        chunks += [np.arange(*edges, dtype=np.int64) for edges in pairwise([*firsts, end])]
    return chunks
