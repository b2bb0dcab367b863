"""Pictures of a run's images for its report, and of the training images nearest to them."""

from __future__ import annotations

import pandas as pd

from skintag.core.errors import SkinTagError
from skintag.evaluation.report.cases import Pictures
from skintag.runs.folder import RunFolder

LARGE, SMALL = 160, 72  # pixels of the longest side


def pictures_of(run: RunFolder, image_ids: list[str], neighbours: int) -> Pictures:
    """Thumbnails as JPEG; what the run's folders no longer hold is missing, with the reason."""
    if not run.images_available:
        first = run.images_reason.splitlines()[0]
        return Pictures(reasons={"pictures": f"the prepared images are not there ({first})"})
    reasons: dict[str, str] = {}
    near = pd.DataFrame()
    if neighbours:
        try:
            near = run.neighbours(image_ids, neighbours)
        except (SkinTagError, OSError) as error:
            reasons["nearest training images"] = str(error).splitlines()[0]
    images = dict(zip(image_ids, run.thumbnails(image_ids, LARGE), strict=True))
    others = [i for i in dict.fromkeys(near["neighbour"]) if i not in images] if len(near) else []
    images |= dict(zip(others, run.thumbnails(others, SMALL), strict=True))
    return Pictures(images, near, reasons)
