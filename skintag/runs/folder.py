"""A finished run, read back: its figures, its pictures, its model. No code in its folder is run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skintag.core.errors import DataError
from skintag.core.vocabulary import FINETUNED
from skintag.data.images.files import decode_image, encode_jpeg, shrink
from skintag.data.shards.reader import ShardStore
from skintag.runs.files import PREDICTIONS, ROBUSTNESS, RunFiles

if TYPE_CHECKING:
    from skintag.data.loading.datamodule import LesionDataModule
    from skintag.data.view.view import View
    from skintag.models.lesion_module import LesionModule
    from skintag.probes.base import Probe

__all__ = ["PREDICTIONS", "ROBUSTNESS", "RunFolder"]

_THUMBNAIL_QUALITY: Final = 85


class RunFolder(RunFiles):
    """A run's files, and with them its pictures and its model, as far as these are still there.

    Arguments and errors are those of RunFiles.
    """

    @cached_property
    def images_reason(self) -> str:
        """Why there are no pictures; empty where there are."""
        try:
            for dataset in sorted(self.predictions.frame["dataset"].unique()):
                self._store(dataset)
        except (DataError, OSError) as error:
            return str(error)
        return ""

    @property
    def images_available(self) -> bool:
        """Whether the prepared pictures are still there."""
        return not self.images_reason

    def images(self, image_ids: Iterable[str]) -> list[NDArray[np.uint8]]:
        """The pictures as they lie in the shards, each uint8 [H, W, 3] RGB.

        Raises:
            DataError: the prepared data are gone (ask `images_available` first), or lack one of them.
            ImageError: one is damaged.
        """
        return [self._decoded(image_id) for image_id in image_ids]

    def thumbnails(self, image_ids: Iterable[str], size: int = 128) -> list[bytes]:
        """The pictures as JPEG bytes, their longest side at most `size` pixels. Raises as `images`."""
        return [encode_jpeg(shrink(self._decoded(i), size), _THUMBNAIL_QUALITY) for i in image_ids]

    # ---- its data and model; see skintag.runs.model and skintag.runs.embeddings

    @cached_property
    def view(self) -> View:
        """The run's view, computed again from the catalog. Raises DataError where it is another one now."""
        from skintag.runs.model import view_of

        return view_of(self)

    @cached_property
    def data(self) -> LesionDataModule:
        """The run's images, without augmentation. Raises DataError where the shards are others now."""
        from skintag.runs.model import data_of

        return data_of(self, self.view)

    @cached_property
    def _module(self) -> LesionModule:
        from skintag.runs.model import module_of

        return module_of(self)

    def module(self) -> LesionModule:
        """The trained model: the best checkpoint's, on the CPU, in evaluation mode."""
        return self._module

    @cached_property
    def _probes(self) -> dict[str, tuple[str, Probe]]:
        from skintag.runs.model import probes_of

        return probes_of(self)

    def probes(self) -> dict[str, tuple[str, Probe]]:
        """The fitted probes: name in the predictions table -> (feature it looks at, probe)."""
        return self._probes

    def embeddings(self, image_ids: Sequence[str], feature: str = FINETUNED) -> NDArray[np.float32]:
        """Embeddings of [n] images of the run's data, float32 [n, D]; computed where the store lacks them.

        Where nothing in the backbone learned, `finetuned` and `frozen` are the same.
        """
        from skintag.runs.embeddings import embeddings_of

        return embeddings_of(self, self.data, self.module, image_ids, feature)

    def neighbours(self, image_ids: Sequence[str], k: int = 5) -> pd.DataFrame:
        """The k training images nearest to each image, see `skintag.runs.embeddings.neighbours_of`."""
        from skintag.runs.embeddings import neighbours_of

        return neighbours_of(self.view, self.embeddings, image_ids, k)

    @cached_property
    def _stores(self) -> dict[str, ShardStore]:
        return {}

    def _store(self, dataset: str) -> ShardStore:
        """The shards of one dataset, opened once."""
        if dataset not in self._stores:
            self._stores[dataset] = ShardStore(self.prepared, [dataset], self.url)
        return self._stores[dataset]

    def _decoded(self, image_id: str) -> NDArray[np.uint8]:
        store = self._store(image_id.split("/", 1)[0])
        return decode_image(store.read(int(store.positions([image_id])[0])), image_id)
