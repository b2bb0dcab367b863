"""Splits out of files: the same split as that which was exported, and nothing that leaks, changed or is not there."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from skintag.core.errors import ConfigError, DataError
from skintag.data.view.split_export import described, rows_of, splits_of
from skintag.data.view.split_file import NOT_NAMED, ON_NO_SIDE, File
from skintag.data.view.split_table import read_split, settings_beside, write_split
from skintag.data.view.splits import Folds, Grouped, LeaveOneDatasetOut, Stratified
from tests.data.test_splits import random_table


def catalog(rows: int = 600, seed: int = 0) -> pd.DataFrame:
    """Rows as a split sees them, with what a file is checked against."""
    frame = random_table(rows, seed)
    hashes = [hashlib.sha256(name.encode()).hexdigest() for name in frame["image_id"]]
    return frame.assign(content_hash=hashes, status="ok")


def exported(folder: Path, frame: pd.DataFrame, split=None, seed: int = 0, repeats: int = 1) -> Path:
    """The file of a split, as the command writes it."""
    path = folder / "split.csv"
    write_split(rows_of(frame, splits_of(split or Grouped(), seed, repeats)), path, {"split_seed": seed})
    return path


def changed(path: Path, **cells) -> Path:
    """The file with other cells, `image_id=(row, value)`, and no settings beside it."""
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    for column, (row, value) in cells.items():
        frame.loc[row, column] = value
    frame.to_csv(path, index=False)
    settings_beside(path).unlink(missing_ok=True)
    return path


def other_side(frame: pd.DataFrame, path: Path) -> tuple[int, str, list[str]]:
    """A row of a group of two, the side that it is not on, and the two images."""
    table = read_split(path)
    sizes = table.groupby("group")["image_id"].transform("size")
    row = int(np.flatnonzero((sizes == 2).to_numpy())[0])
    side = "test" if table["split"][row] != "test" else "train"
    return row, side, table["image_id"][table["group"] == table["group"][row]].tolist()


@pytest.mark.parametrize("split", [Grouped(), Grouped(0.2, 0.3), LeaveOneDatasetOut("ddi")])
def test_exported_split_is_the_split(tmp_path, split):
    frame, seed = catalog(), 3
    path = exported(tmp_path, frame, split, seed)
    found, wanted = File(str(path)).assign(frame, 0), split.assign(frame, seed)
    assert (found[wanted != ""] == wanted[wanted != ""]).all()
    assert set(found[wanted == ""]) <= {ON_NO_SIDE}
    assert File(str(path)).notes(frame) == ()


def test_relatives_of_the_test_set_stay_left_out(tmp_path):
    frame = catalog()
    frame.loc[1, "group_id"] = frame["group_id"][frame.index[frame["dataset"] == "ddi"][0]]
    frame.loc[1, "dataset"] = "ham10000"
    path = exported(tmp_path, frame, LeaveOneDatasetOut("ddi"))
    assert File(str(path)).assign(frame, 0)[1] == ON_NO_SIDE


def test_each_fold_is_that_of_the_cross_validation(tmp_path):
    frame = catalog()
    path = exported(tmp_path, frame, Folds(k=3))
    for fold in range(3):
        assert (File(str(path), fold).assign(frame, 0) == Folds(fold, 3).assign(frame, 0)).all()
    with pytest.raises(ConfigError, match=r"split\.fold is not set.*0, 1, 2"):
        File(str(path)).assign(frame, 0)
    with pytest.raises(ConfigError, match=r"split\.fold=3.*0, 1, 2"):
        File(str(path), 3).assign(frame, 0)


def test_repeats_are_splits_of_further_seeds(tmp_path):
    frame = catalog()
    path = exported(tmp_path, frame, seed=5, repeats=2)
    for fold in range(2):
        assert (File(str(path), fold).assign(frame, 0) == Grouped().assign(frame, 5 + fold)).all()
    with pytest.raises(ConfigError, match="splits already"):
        splits_of(Folds(), 0, 2)


def test_order_of_rows_plays_no_part(tmp_path):
    frame = catalog()
    path = exported(tmp_path, frame)
    turned = frame.sample(frac=1, random_state=1)
    straight = pd.Series(File(str(path)).assign(frame, 0), frame["image_id"])
    assert (
        pd.Series(File(str(path)).assign(turned, 0), turned["image_id"])[straight.index] == straight
    ).all()


def test_a_fold_where_there_are_none_is_refused(tmp_path):
    frame = catalog()
    with pytest.raises(ConfigError, match="holds one split"):
        File(str(exported(tmp_path, frame)), 0).assign(frame, 0)


def test_a_seed_is_refused_for_it_would_change_nothing(tmp_path):
    frame = catalog()
    with pytest.raises(ConfigError, match="split_seed=1"):
        File(str(exported(tmp_path, frame)).replace("//", "/")).assign(frame, 1)


def test_two_equal_folds_are_refused_for_a_mean_would_count_one_twice(tmp_path):
    path = exported(tmp_path, catalog(), repeats=2)
    frame = pd.read_csv(path, dtype=str)
    twice = pd.concat([frame[frame["fold"] == "0"], frame[frame["fold"] == "0"].assign(fold="7")])
    twice.to_csv(path, index=False)
    settings_beside(path).unlink()
    with pytest.raises(DataError, match="folds 0 and 7 are one"):
        read_split(path)


def test_a_group_of_the_catalog_on_two_sides_is_refused_and_its_images_named(tmp_path):
    frame = catalog()
    path = exported(tmp_path, frame)
    row, side, images = other_side(frame, path)
    changed(path, split=(row, side), group=(row, "another"))
    with pytest.raises(DataError) as error:
        File(str(path)).assign(frame, 0)
    assert "1 by group_id of the catalog" in error.value.found
    assert all(image in error.value.found for image in images)
    assert "split.leaky=true" in error.value.fix
    taken = pd.Series(File(str(path), leaky=True).assign(frame, 0), frame["image_id"])
    assert taken[read_split(path)["image_id"][row]] == side


def test_a_leak_that_the_file_tells_of_is_refused_though_its_images_are_not_here(tmp_path):
    frame = catalog()
    path = exported(tmp_path, frame)
    row, side, images = other_side(frame, path)
    changed(path, split=(row, side))
    here = frame[~frame["image_id"].isin(images)]
    with pytest.raises(DataError, match="1 by group of the file"):
        File(str(path)).assign(here, 0)


def test_one_picture_under_two_names_on_two_sides_is_refused(tmp_path):
    frame = catalog()
    path = exported(tmp_path, frame)
    table = read_split(path)
    train, test = ((table["split"] == side).idxmax() for side in ("train", "test"))
    frame.loc[frame["image_id"] == table["image_id"][test], "content_hash"] = table["content_hash"][train]
    changed(path, content_hash=(test, table["content_hash"][train]))
    with pytest.raises(DataError, match="1 by content_hash of the catalog") as error:
        File(str(path)).assign(frame, 0)
    assert table["image_id"][train] in error.value.found


def test_an_exported_leaky_split_has_to_be_asked_for(tmp_path):
    frame = catalog()
    path = exported(tmp_path, frame, Stratified())
    with pytest.raises(DataError, match=r"split\.leaky=true"):
        File(str(path)).assign(frame, 0)
    leaky = File(str(path), leaky=True)
    assert leaky.leaky
    assert (leaky.assign(frame, 0) == Stratified().assign(frame, 0)).all()


def test_images_of_either_side_alone_are_counted_and_said(tmp_path):
    frame = catalog()
    path = exported(tmp_path, frame.iloc[10:])
    here = frame.iloc[:-5]
    split = File(str(path)).assign(here, 0)
    assert (split[:10] == NOT_NAMED).all()
    assert NOT_NAMED not in split[10:]
    absent, unknown = File(str(path)).notes(here)
    assert absent.startswith("5 of 590 images of split.csv are not here")
    assert frame["image_id"].iloc[-5:].min() in absent
    assert unknown.startswith("10 images here are not in split.csv, and left out")


def test_a_file_of_other_data_is_refused_with_names_of_both(tmp_path):
    path = exported(tmp_path, catalog())
    other = catalog().assign(image_id=lambda t: "x" + t["image_id"])
    with pytest.raises(DataError, match=r"none of its 600 images: it has .*here are x"):
        File(str(path)).assign(other, 0)


def test_another_picture_under_a_name_is_refused_unless_that_is_allowed(tmp_path):
    frame = catalog()
    path = exported(tmp_path, frame)
    frame.loc[4, "content_hash"] = "f" * 64
    with pytest.raises(DataError, match="1 others under the same name") as error:
        File(str(path)).assign(frame, 0)
    assert frame["image_id"][4] in error.value.found
    allowed = File(str(path), any_content=True)
    assert (allowed.assign(frame, 0) == Grouped().assign(frame, 0)).all()
    (note,) = allowed.notes(frame)
    assert note.startswith("1 images are not those of split.csv")


def test_a_list_of_names_alone_is_taken_where_any_content_is_allowed(tmp_path):
    frame = catalog()
    path = exported(tmp_path, frame)
    pd.read_csv(path)[["image_id", "split"]].to_csv(path, index=False)
    settings_beside(path).unlink()
    with pytest.raises(DataError, match="column content_hash"):
        File(str(path)).assign(frame, 0)
    named = File(str(path), any_content=True)
    assert (named.assign(frame, 0) == Grouped().assign(frame, 0)).all()
    assert named.notes(frame) == ()


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"split": (3, "tset")}, r"one of train, val, test, left_out(.|\n)*'tset' in line 5"),
        ({"image_id": (3, "ham10000/twice"), "group": (3, "")}, None),
        ({"content_hash": (2, "abc")}, r"'abc' in line 4"),
        ({"content_hash": (2, "")}, r"'' in line 4"),
    ],
)
def test_what_no_split_has_is_named_with_its_line(tmp_path, cells, said):
    path = changed(exported(tmp_path, catalog()), **cells)
    if said is None:  # an image of that name is not there twice yet
        read_split(path)
        changed(path, image_id=(9, "ham10000/twice"))
        said = r"1 more than once: 'ham10000/twice' in line 5 \(ham10000/twice\), 'ham10000/twice' in line 11"
    with pytest.raises(DataError, match=said):
        read_split(path)


@pytest.mark.parametrize("column", ["image_id", "split"])
def test_a_missing_column_is_named(tmp_path, column):
    path = exported(tmp_path, catalog())
    pd.read_csv(path, dtype=str).drop(columns=column).to_csv(path, index=False)
    settings_beside(path).unlink()
    with pytest.raises(DataError, match=f"no {column}; there are"):
        read_split(path)


@pytest.mark.parametrize("fold", ["-1", "1.5", "", "x"])
def test_a_fold_that_is_no_number_is_named(tmp_path, fold):
    path = changed(exported(tmp_path, catalog(), Folds()), fold=(0, fold))
    with pytest.raises(DataError, match="a whole number in each row's fold"):
        read_split(path)


def test_a_file_that_is_no_table_or_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_split(tmp_path / "none.csv")
    path = tmp_path / "broken.csv"
    for data in (b"", b"\xff\xfe\x00", b"a,b\n1,2,3\n"):
        path.write_bytes(data)
        with pytest.raises(DataError, match=r"broken\.csv"):
            read_split(path)


def test_a_table_with_a_byte_order_mark_is_read(tmp_path):
    frame = catalog()
    path = exported(tmp_path, frame)
    settings_beside(path).unlink()
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert (File(str(path)).assign(frame, 0) == Grouped().assign(frame, 0)).all()


def test_a_file_that_changed_since_it_was_exported_is_refused_while_its_settings_say_so(tmp_path):
    path = exported(tmp_path, catalog())
    path.write_bytes(path.read_bytes().replace(b"train", b"test", 1))
    with pytest.raises(DataError, match=r"delete split\.json"):
        read_split(path)
    settings_beside(path).unlink()
    read_split(path)


def test_a_split_is_written_as_settings_and_counts_without_a_path(tmp_path):
    frame = catalog()
    path = exported(tmp_path, frame)
    told = json.loads(settings_beside(path).read_text())
    assert told["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert str(tmp_path) not in settings_beside(path).read_text() + path.read_text()
    assert sum(described(read_split(path)).values()) == len(frame)


def test_what_cannot_be_split_is_in_no_file(tmp_path):
    frame = catalog()
    frame.loc[0, "status"], frame.loc[1, "malignancy"] = "missing", None
    names = read_split(exported(tmp_path, frame))["image_id"]
    assert len(names) == len(frame) - 2
    assert not {*frame["image_id"][:2]} & {*names}


@pytest.mark.parametrize("values", [{"path": ""}, {"path": "a", "fold": "x"}, {"path": "a", "leaky": "yes"}])
def test_values_of_the_wrong_kind_are_refused(values):
    with pytest.raises(ConfigError, match=r"split\."):
        File(**values)
