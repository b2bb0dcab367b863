"""Batches from shards: the images of the rows asked for, in the memory asked for, or the error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from skintag.data.images.pipeline import ImagePipeline
from skintag.data.loading.dataset import Draw, LesionImages, opened
from skintag.data.loading.ring import Filled, Ring
from skintag.data.shards.reader import ShardStore
from tests.data.loader_fixtures import number_of, prepare


def test_rows_get_the_images_at_their_positions(tmp_path: Path) -> None:
    catalog = prepare(tmp_path, {"ham10000": 12})
    store = ShardStore(tmp_path / "prepared", ["ham10000"])
    images = LesionImages(store, store.positions(catalog["image_id"]), ImagePipeline(16))
    assert len(images) == 12
    got = images.__getitems__(Draw(np.array([7, 2, 7])))
    assert isinstance(got, tuple)
    assert [number_of(image.permute(1, 2, 0).numpy()) for image in got[0]] == [7, 2, 7]
    np.testing.assert_array_equal(got[1], [7, 2, 7])
    assert torch.equal(images[2], got[0][1])


def test_error_is_handed_over_not_raised_in_the_worker(tmp_path: Path) -> None:
    prepare(tmp_path, {"ham10000": 12})
    store = ShardStore(tmp_path / "prepared", ["ham10000"])
    for tar in (tmp_path / "prepared").rglob("*.tar"):
        tar.write_bytes(tar.read_bytes()[:1000])
    images = LesionImages(store, np.arange(12), ImagePipeline(16))
    got = images.__getitems__(Draw(np.arange(12)))
    assert isinstance(got, Exception)
    with pytest.raises(type(got), match="1,000 bytes"):
        images[3]


def test_batch_with_a_slot_goes_into_the_ring(tmp_path: Path) -> None:
    catalog = prepare(tmp_path, {"ham10000": 12})
    store = ShardStore(tmp_path / "prepared", ["ham10000"])
    ring = Ring(in_flight=1, batch_size=4, side=16)
    images = LesionImages(store, store.positions(catalog["image_id"]), ImagePipeline(16), ring=ring)
    slot = ring.ask()
    made = images.__getitems__(Draw(np.array([5, 9]), slot=slot))
    assert isinstance(made, Filled)
    batch, rows = opened(made)
    assert rows.tolist() == [5, 9]
    assert torch.equal(batch, opened(images.__getitems__(Draw(np.array([5, 9]))))[0])
    assert batch.data_ptr() == ring.memory[slot].data_ptr()
