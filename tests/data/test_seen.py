"""What weights have seen is known again by what is in the files, whatever the data are called or lie beside."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from skintag.core.errors import ConfigError, DataError
from skintag.core.hashing import hash_strings
from skintag.data.catalog.leakage import leakage_groups
from skintag.data.catalog.schema import CATALOG_COLUMNS, conform
from skintag.data.view.balance import Balance
from skintag.data.view.label_policy import LabelPolicy
from skintag.data.view.seen import FILE, Seen, read_seen, refuse_seen, write_seen
from skintag.data.view.splits import Grouped, Stratified
from skintag.data.view.view import View, build_view
from skintag.runs.checkpoints import seen_in, to_checkpoint

N = 120


def pictures_of(name: str, n: int = N, start: int = 0) -> pd.DataFrame:
    """A dataset of n lesions, one picture each; picture i of any dataset that starts there has the same bytes."""
    number = np.arange(start, start + n)
    frame = pd.DataFrame({column: pd.Series([None] * n, dtype="object") for column in CATALOG_COLUMNS})
    return frame.assign(
        image_id=[f"{name}/{i:04d}" for i in number],
        dataset=name,
        domain="clinical",
        malignancy=np.where(number % 2 == 0, "malignant", "benign"),
        condition=np.where(number % 2 == 0, 0, 4),
        status="ok",
        lesion_id=[f"{name}/L{i}" for i in number],
        content_hash=[sha256(str(i).encode()).hexdigest() for i in number],
    )


def catalog_of(*parts: pd.DataFrame) -> pd.DataFrame:
    frame = pd.concat(parts, ignore_index=True)
    known = frame["content_hash"].notna()
    own = frame["image_id"].where(known)
    frame["duplicate_id"] = frame["duplicate_id"].where(frame["duplicate_id"].notna(), own)
    return conform(frame.assign(group_id=leakage_groups(frame)), CATALOG_COLUMNS, "made up")


def view_of(catalog: pd.DataFrame, seed: int = 0, **parts) -> View:
    return build_view(
        catalog, **{"labels": LabelPolicy(), "split": Grouped(), "balance": Balance(), "seed": seed, **parts}
    )


def test_images_of_train_and_val_are_seen_and_those_of_test_are_not() -> None:
    view = view_of(catalog_of(pictures_of("a")))
    seen = Seen.of(view)
    learned = view.frame[view.frame["split"] != "test"]
    expected = sorted(
        {int.from_bytes(bytes.fromhex(h)[:8], "big", signed=True) for h in learned["content_hash"]}
    )
    assert seen.images.tolist() == expected
    refuse_seen(view, seen, "own")
    with pytest.raises(
        ConfigError, match=r"own was trained on images that this run tests on: \d+ of \d+ test"
    ):
        refuse_seen(view_of(catalog_of(pictures_of("a")), seed=1), seen, "own")


def test_other_data_prepared_beside_change_nothing() -> None:
    seen = Seen.of(view_of(catalog_of(pictures_of("m"))))
    # a dataset whose names come first has the same lesions in it, so that every group is called otherwise
    beside = pictures_of("a").assign(lesion_id=[f"a/{i}" for i in range(N)])
    later = view_of(catalog_of(pictures_of("m"), beside), seed=1)
    assert not later.frame["group_id"].str.startswith("m/").any()
    with pytest.raises(ConfigError, match="trained on images that this run tests on"):
        refuse_seen(later, seen, "weights")


def test_names_do_not_matter_and_bytes_do() -> None:
    seen = Seen.of(view_of(catalog_of(pictures_of("a"))))
    with pytest.raises(ConfigError, match="trained on"):
        refuse_seen(view_of(catalog_of(pictures_of("renamed")), seed=1), seen, "weights")
    # other pictures under the very same names: nothing of them was seen
    others = pictures_of("a").assign(content_hash=pictures_of("a", start=1000)["content_hash"].to_numpy())
    refuse_seen(view_of(catalog_of(others), seed=1), seen, "weights")


@pytest.mark.parametrize("joined_by", ["lesion_id", "patient_id", "duplicate_id"])
def test_relatives_of_what_was_seen_are_caught(joined_by: str) -> None:
    view = view_of(catalog_of(pictures_of("a")))
    seen = Seen.of(replace(view, frame=view.frame.assign(split="train")))
    # new pictures of every lesion, and the old ones there only without a diagnosis: in no split, yet known
    old = pictures_of("a").assign(malignancy=None, condition=None, lesion_id=None)
    new = pictures_of("new").assign(
        lesion_id=None, content_hash=pictures_of("new", start=1000)["content_hash"].to_numpy()
    )
    refuse_seen(view_of(catalog_of(old, new)), seen, "weights")
    key = [f"k{i}" for i in range(N)]
    with pytest.raises(ConfigError, match=r"24 of 24 test images"):
        refuse_seen(
            view_of(catalog_of(old.assign(**{joined_by: key}), new.assign(**{joined_by: key}))), seen, "w"
        )


def test_split_that_leaks_on_purpose_is_not_checked() -> None:
    catalog = catalog_of(pictures_of("a"))
    refuse_seen(view_of(catalog, seed=1, split=Stratified()), Seen.of(view_of(catalog)), "weights")


def test_a_union_has_each_image_once_and_keeps_all() -> None:
    one, two = (Seen.of(view_of(catalog_of(pictures_of("a", start=start)))) for start in (0, 60))
    both = Seen.union([one, two, Seen(), one])
    assert both.images.tolist() == sorted({*one.images.tolist(), *two.images.tolist()})
    assert len(both) > max(len(one), len(two))
    assert len(Seen.union([])) == 0


def test_groups_of_older_weights_are_read_and_carried_on(tmp_path: Path) -> None:
    view = view_of(catalog_of(pictures_of("a")))
    names = view.frame["group_id"][view.frame["split"] != "test"].unique()
    old = torch.from_numpy(
        hash_strings(names, "skintag_trained_on").astype(np.int64)
    )  # as version 0.1 wrote them
    torch.save({"state_dict": {}, "skintag_trained_on": old}, tmp_path / "old.ckpt")
    later = Seen.union(
        [seen_in(tmp_path / "old.ckpt"), Seen.of(view_of(catalog_of(pictures_of("b", start=500))))]
    )
    torch.save({"state_dict": {}, **to_checkpoint(later)}, tmp_path / "new.ckpt")
    for path in ("old.ckpt", "new.ckpt"):
        seen = seen_in(tmp_path / path)
        refuse_seen(view, seen, path)
        with pytest.raises(ConfigError, match="trained on"):
            refuse_seen(view_of(catalog_of(pictures_of("a")), seed=1), seen, path)


def test_files_come_back_exactly_and_take_eight_bytes_an_image(tmp_path: Path) -> None:
    many = np.random.default_rng(0).integers(-(2**63), 2**63 - 1, 100_000)
    seen = Seen(np.unique(many))
    write_seen(seen, tmp_path / FILE)
    torch.save(to_checkpoint(seen), tmp_path / "one.ckpt")
    for path in (tmp_path / "weights.safetensors", tmp_path / "one.ckpt"):
        np.testing.assert_array_equal(seen_in(path).images, seen.images)
    assert all(path.stat().st_size < 8 * 100_000 + 2000 for path in tmp_path.iterdir())


def test_weights_that_say_nothing_have_seen_nothing_and_damage_is_named(tmp_path: Path) -> None:
    assert len(seen_in(tmp_path / "none.ckpt")) == len(seen_in(tmp_path / "none.safetensors")) == 0
    torch.save({"w": torch.zeros(2)}, tmp_path / "theirs.pth")
    assert len(seen_in(tmp_path / "theirs.pth")) == 0
    (tmp_path / FILE).write_bytes(b"\x10" * 40)
    with pytest.raises(DataError, match=FILE):
        read_seen(tmp_path / FILE)
