"""The register of pretraining: what it says, and of whom."""

from __future__ import annotations

import pytest

from skintag.core.pretraining import ANY, SURE, UNKNOWN, Pretraining, pretraining_of, register
from skintag.models.pretraining import seen_in_pretraining
from skintag.models.settings import BackboneSettings


def test_every_entry_has_a_source_and_says_how_sure_it_is() -> None:
    for entry in register():
        assert entry.source
        assert entry.sure in (*SURE, UNKNOWN)
        assert bool(entry.dataset) == (entry.sure != UNKNOWN), entry


@pytest.mark.parametrize(
    ("name", "datasets"),
    [
        ("google/medsiglip-448", {"pad_ufes_20", "scin"}),
        ("hf-hub:redlessone/DermLIP_ViT-B-16", {ANY}),
        ("panderm", {"fitzpatrick17k"}),
        ("google/siglip2-so400m-patch16-384", set()),
        ("suinleelab/monet", set()),
        ("resnet18", set()),
    ],
)
def test_names_are_looked_up(name: str, datasets: set[str]) -> None:
    assert {entry.dataset for entry in pretraining_of(name)} == datasets


def test_first_weights_count_and_random_ones_do_not() -> None:
    named = BackboneSettings("google/medsiglip-448", 448, library="transformers")
    assert seen_in_pretraining(named) == ()
    assert seen_in_pretraining(
        BackboneSettings("google/medsiglip-448", 448, library="transformers", pretrained=True)
    )
    lent = BackboneSettings("resnet18", 64, checkpoint="weights.pth", pretrained_on="panderm")
    assert [entry.dataset for entry in seen_in_pretraining(lent)] == ["fitzpatrick17k"]
    told = BackboneSettings("resnet18", 64, pretrained_on=("ddi",))
    assert seen_in_pretraining(told) == (Pretraining("resnet18", "ddi", "given", "backbone.pretrained_on"),)


def test_plain_values_come_back_and_others_are_refused() -> None:
    entry = Pretraining("a", ANY, "possible", "b")
    assert Pretraining.of(entry.plain()) == entry
    assert entry.covers("ddi")
    for wrong in (["a"], ["a", "b", "sure", "c"], ["a", 1, "given", "c"], "abcd"):
        with pytest.raises(ValueError):
            Pretraining.of(wrong)
