"""Label tables: look-up, completeness for the public vocabularies, and the comparison with the source."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skintag.core.errors import DataError
from skintag.core.vocabulary import Condition
from skintag.data.catalog.labels import LabelTable, label_key, load_label_table, read_label_table
from skintag.data.sources import registered

HEADER = "raw_label,condition,malignancy,inflammatory,note\n"
SMALL = (
    HEADER
    + "Melanoma,melanoma,malignant,false,\n"
    + "acne-vulgaris,non_neoplastic,benign,true,\n"
    + "AK,actinic_keratosis,premalignant,false,atlas [source: malignant]\n"
    + "unsure,,,,undiagnosed\n"
)

# As the archive and the ISIC 2019 challenge publish them.
BCN_PRESENT = {
    "Nevus": ("melanocytic_nevus", "benign"),
    "Melanoma, NOS": ("melanoma", "malignant"),
    "Melanoma metastasis": ("melanoma", "malignant"),
    "Basal cell carcinoma": ("basal_cell_carcinoma", "malignant"),
    "Squamous cell carcinoma, NOS": ("squamous_cell_carcinoma", "malignant"),
    "Seborrheic keratosis": ("seborrheic_keratosis", "benign"),
    "Solar lentigo": ("seborrheic_keratosis", "benign"),
    "Solar or actinic keratosis": ("actinic_keratosis", "premalignant"),
    "Scar": ("non_neoplastic", "benign"),
    "Dermatofibroma": ("dermatofibroma", "benign"),
    "Benign soft tissue proliferations - Vascular": ("vascular_lesion", "benign"),
}
BCN_OLDER = {
    "melanoma": ("melanoma", "malignant"),
    "melanoma metastasis": ("melanoma", "malignant"),
    "nevus": ("melanocytic_nevus", "benign"),
    "basal cell carcinoma": ("basal_cell_carcinoma", "malignant"),
    "squamous cell carcinoma": ("squamous_cell_carcinoma", "malignant"),
    "actinic keratosis": ("actinic_keratosis", "premalignant"),
    "seborrheic keratosis": ("seborrheic_keratosis", "benign"),
    "solar lentigo": ("seborrheic_keratosis", "benign"),
    "dermatofibroma": ("dermatofibroma", "benign"),
    "vascular lesion": ("vascular_lesion", "benign"),
    "scar": ("non_neoplastic", "benign"),
}
ISIC_2019 = {
    "MEL": ("melanoma", "malignant"),
    "NV": ("melanocytic_nevus", "benign"),
    "BCC": ("basal_cell_carcinoma", "malignant"),
    "AK": ("actinic_keratosis", "premalignant"),
    "BKL": ("seborrheic_keratosis", "benign"),
    "DF": ("dermatofibroma", "benign"),
    "VASC": ("vascular_lesion", "benign"),
    "SCC": ("squamous_cell_carcinoma", "malignant"),
}
HAM = {
    "nv": ("melanocytic_nevus", "benign"),
    "mel": ("melanoma", "malignant"),
    "bkl": ("seborrheic_keratosis", "benign"),
    "bcc": ("basal_cell_carcinoma", "malignant"),
    "akiec": ("actinic_keratosis", "premalignant"),
    "vasc": ("vascular_lesion", "benign"),
    "df": ("dermatofibroma", "benign"),
}
PAD = {
    "ACK": ("actinic_keratosis", "premalignant"),
    "BCC": ("basal_cell_carcinoma", "malignant"),
    "MEL": ("melanoma", "malignant"),
    "NEV": ("melanocytic_nevus", "benign"),
    "SCC": ("squamous_cell_carcinoma", "malignant"),
    "SEK": ("seborrheic_keratosis", "benign"),
}
# Where the two clinical datasets are easy to get wrong.
FITZPATRICK = {
    "lentigo maligna": ("melanoma", "malignant"),
    "mycosis fungoides": ("other_malignant", "malignant"),
    "kaposi sarcoma": ("other_malignant", "malignant"),
    "actinic keratosis": ("actinic_keratosis", "premalignant"),
    "porokeratosis actinic": ("other_unknown", "benign"),
    "disseminated actinic porokeratosis": ("other_unknown", "benign"),
    "sun damaged skin": ("non_neoplastic", "benign"),
    "becker nevus": ("other_unknown", "benign"),
    "epidermal nevus": ("other_unknown", "benign"),
    "nevus sebaceous of jadassohn": ("other_unknown", "benign"),
    "naevus comedonicus": ("other_unknown", "benign"),
    "halo nevus": ("melanocytic_nevus", "benign"),
    "congenital nevus": ("melanocytic_nevus", "benign"),
    "nevocytic nevus": ("melanocytic_nevus", "benign"),
    "port wine stain": ("vascular_lesion", "benign"),
    "granuloma pyogenic": ("vascular_lesion", "benign"),
    "pyogenic granuloma": ("vascular_lesion", "benign"),
    "lymphangioma": ("vascular_lesion", "benign"),
    "telangiectases": ("vascular_lesion", "benign"),
    "neurofibromatosis": ("non_neoplastic", "benign"),
    "tuberous sclerosis": ("non_neoplastic", "benign"),
}
DDI = {
    "actinic-keratosis": ("actinic_keratosis", "benign"),
    "squamous-cell-carcinoma-in-situ": ("squamous_cell_carcinoma", "malignant"),
    "squamous-cell-carcinoma-keratoacanthoma": ("squamous_cell_carcinoma", "malignant"),
    "melanoma-in-situ": ("melanoma", "malignant"),
    "nodular-melanoma-(nm)": ("melanoma", "malignant"),
    "atypical-spindle-cell-nevus-of-reed": ("other_malignant", "malignant"),
    "pigmented-spindle-cell-nevus-of-reed": ("melanocytic_nevus", "benign"),
    "epidermal-nevus": ("other_unknown", "benign"),
    "nevus-lipomatosus-superficialis": ("other_unknown", "benign"),
    "sebaceous-carcinoma": ("other_malignant", "malignant"),
    "pyogenic-granuloma": ("vascular_lesion", "benign"),
    "dermatofibroma": ("dermatofibroma", "benign"),
}


def series(*labels: str | None) -> pd.Series:
    return pd.Series(labels, index=pd.RangeIndex(2, len(labels) + 2), dtype="str", name="label")


@pytest.fixture
def small(tmp_path: Path) -> LabelTable:
    path = tmp_path / "small.csv"
    path.write_text(SMALL)
    return read_label_table(path)


@pytest.mark.parametrize(
    ("dataset", "expected"),
    [
        ("bcn20000", BCN_PRESENT), ("bcn20000", BCN_OLDER), ("bcn20000", ISIC_2019), ("ham10000", HAM),
        ("pad_ufes_20", PAD), ("fitzpatrick17k", FITZPATRICK), ("ddi", DDI),
    ],
)  # fmt: skip
def test_labels_mean_what_the_protocol_says(dataset: str, expected: dict[str, tuple[str, str]]) -> None:
    meaning = load_label_table(dataset).apply(series(*expected), "file.csv")
    slugs = [Condition(int(number)).slug for number in meaning["condition"]]
    found = dict(zip(expected, zip(slugs, meaning["malignancy"], strict=True), strict=True))
    assert found == expected


@pytest.mark.parametrize("dataset", registered())
def test_every_shipped_table_is_sound(dataset: str) -> None:
    rows = load_label_table(dataset).rows
    diagnosed = rows[rows["condition"].notna()]
    cancers = diagnosed["condition"].isin([0, 1, 2, Condition.OTHER_MALIGNANT])
    assert (diagnosed.loc[cancers, "malignancy"] == "malignant").all()
    assert not (diagnosed.loc[~cancers, "malignancy"] == "malignant").any()
    assert (diagnosed.loc[diagnosed["inflammatory"], "condition"] == Condition.NON_NEOPLASTIC).all()


def test_null_and_undiagnosed_labels_stay_null(small: LabelTable) -> None:
    meaning = small.apply(series(None, "Melanoma", "unsure"), "file.csv")
    assert meaning["condition"].isna().tolist() == [True, False, True]
    assert meaning["malignancy"].isna().tolist() == [True, False, True]
    assert meaning["inflammatory"].isna().tolist() == [True, False, True]
    assert list(meaning.index) == [2, 3, 4]
    assert {name: str(dtype) for name, dtype in meaning.dtypes.items()} == {
        "condition": "Int8", "malignancy": "str", "inflammatory": "boolean",
    }  # fmt: skip


def test_a_column_without_any_label_gives_nulls(small: LabelTable) -> None:
    assert small.apply(series(None, None), "file.csv").isna().all(axis=None)


@given(
    st.lists(st.sampled_from(["basal", "cell", "carcinoma", "(nm)"]), min_size=1, max_size=4),
    st.lists(st.text(alphabet=" -_\t\u00a0\u2013", min_size=1, max_size=3), min_size=5, max_size=5),
    st.booleans(),
)
def test_blanks_hyphens_underscores_and_case_do_not_matter(
    words: list[str], gaps: list[str], up: bool
) -> None:
    written = gaps[0] + "".join(word + gap for word, gap in zip(words, gaps[1:], strict=False))
    assert label_key(written.upper() if up else written) == " ".join(words)


def test_a_different_word_does_not_match(small: LabelTable) -> None:
    with pytest.raises(DataError):
        small.apply(series("Melanomas"), "file.csv")


def test_unseen_labels_are_listed_with_counts_near_matches_and_the_file_to_edit(small: LabelTable) -> None:
    raw = series("melanom", "zebra", "melanom", "Melanoma", "zebra", "zebra")
    with pytest.raises(DataError) as caught:
        small.apply(raw, "meta.csv")
    message = str(caught.value)
    assert "meta.csv" in message
    assert "'melanom' (2 rows, did you mean 'Melanoma'?)" in message
    assert "'zebra' (3 rows)" in message
    assert str(small.path) in message


@pytest.mark.parametrize(
    ("label", "said", "agrees"),
    [
        ("Melanoma", "malignant", True), ("Melanoma", "benign", False), ("Melanoma", None, True),
        ("acne vulgaris", "benign", True), ("acne vulgaris", "malignant", False),
        ("AK", "malignant", True), ("AK", "benign", False), ("unsure", "malignant", True),
        (None, "benign", True),
    ],
)  # fmt: skip
def test_malignancy_is_held_against_the_source(
    small: LabelTable, label: str | None, said: str | None, agrees: bool
) -> None:
    raw, source = series("Melanoma", label), pd.Series(["malignant", said], index=[2, 3], name="partition")
    if agrees:
        small.check(raw, source, "meta.csv")
        return
    with pytest.raises(DataError) as caught:
        small.check(raw, source, "meta.csv")
    message = str(caught.value)
    assert "'partition'" in message
    assert "row 3" in message
    assert "row 2" not in message
    assert "1 row(s)" in message


def test_sources_may_differ_on_actinic_keratosis_only() -> None:
    def accepted(dataset: str, label: str) -> list[bool]:
        table = load_label_table(dataset)
        return [bool(x) for x in table.accepts[table.rows.index.get_loc(label_key(label))]]

    assert accepted("fitzpatrick17k", "actinic keratosis") == [False, False, True]
    assert accepted("bcn20000", "Solar or actinic keratosis") == [True, True, True]
    assert accepted("ddi", "actinic-keratosis") == [True, False, False]
    assert accepted("bcn20000", "Nevus") == [True, False, False]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("x,melanom,malignant,false,", "condition"),
        ("x,melanoma,evil,false,", "malignancy"),
        ("x,melanoma,malignant,maybe,", "inflammatory"),
        ("x,melanoma,,false,", "malignancy"),
        ("x,other_malignant,benign,false,", "other_malignant"),
        ("MELANOMA,melanoma,malignant,false,", "each label once"),
        (" - ,melanoma,malignant,false,", "each label once"),
        ("x,dermatofibroma,benign,false,[source: malignant]", "premalignant"),
        ("x,actinic_keratosis,premalignant,false,[source: bad]", "source"),
    ],
)
def test_a_bad_line_in_a_table_is_refused_by_row(tmp_path: Path, line: str, expected: str) -> None:
    path = tmp_path / "table.csv"
    path.write_text(SMALL + line + "\n")
    with pytest.raises(DataError) as caught:
        read_label_table(path)
    assert expected in caught.value.expected
    assert "row 6" in caught.value.found


def test_a_table_with_other_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("label,condition\nx,melanoma\n")
    with pytest.raises(DataError, match="raw_label"):
        read_label_table(path)


def test_an_unknown_table_names_the_ones_there_are() -> None:
    with pytest.raises(DataError, match="did you mean 'ham10000'"):
        load_label_table("ham1000")
