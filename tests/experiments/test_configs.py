"""Ablations take away what their name says and nothing else; the grids' regimes and benchmarks differ as promised."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
ABLATIONS = sorted(p.stem for p in (CONFIGS / "experiment").glob("ablation_*.yaml"))
CHANGES = {"bridging": "augment"}  # what an ablation changes, where that is not the first word of its name


def plain(config: DictConfig) -> dict[str, Any]:
    container = OmegaConf.to_container(config, resolve=False)
    assert isinstance(container, dict)
    return {str(k): v for k, v in container.items()}


def differing(a: DictConfig, b: DictConfig) -> set[str]:
    x, y = plain(a), plain(b)
    return {key for key in x.keys() | y.keys() if x.get(key) != y.get(key)}


def test_each_ingredient_of_the_issue_has_an_ablation() -> None:
    ingredients = {name.split("_")[1] for name in ABLATIONS}
    assert ingredients == {
        "reference", "balance", "augment", "bridging", "finetune", "objective", "labels", "split"
    }  # fmt: skip


@pytest.mark.parametrize("name", [n for n in ABLATIONS if n != "ablation_reference"])
def test_an_ablation_changes_one_thing(name: str, compose_run: Callable[..., DictConfig]) -> None:
    reference = compose_run("experiment=ablation_reference", "profile=demo")
    ingredient = name.split("_")[1]
    changed = differing(compose_run(f"experiment={name}", "profile=demo"), reference)
    assert changed == {"name", CHANGES.get(ingredient, ingredient)}


def test_the_reference_is_the_full_method(compose_run: Callable[..., DictConfig]) -> None:
    full = compose_run("experiment=multi_balanced", "profile=demo")
    assert differing(compose_run("experiment=ablation_reference", "profile=demo"), full) == {"name"}


def test_the_regimes_of_the_grid_differ_in_data_and_weights_alone(
    compose_run: Callable[..., DictConfig],
) -> None:
    for profile in ("domain_shift_synthetic", "domain_shift_real"):
        single, multi, balanced = (
            compose_run(f"experiment={name}", f"profile={profile}")
            for name in ("single_ham", "multi", "multi_balanced")
        )
        assert differing(single, multi) == {"name", "train_on"}
        assert differing(balanced, multi) == {"name", "balance"}
        assert list(multi.augment) == ["_target_"]


def test_the_null_benchmark_differs_in_its_plants_and_its_place(
    compose_run: Callable[..., DictConfig],
) -> None:
    planted, null = (compose_run(f"profile=domain_shift_{p}") for p in ("synthetic", "null"))
    assert differing(planted, null) == {"data"}
    a, b = planted.data.synthetic, null.data.synthetic
    differs = {k for k in a if OmegaConf.select(a, k) != OmegaConf.select(b, k)}
    assert differs == {"out", "shortcut", "dark_skin_contrast", "domain_gap"}
    assert (b.shortcut, b.dark_skin_contrast, b.domain_gap) == (0, 1, 0)
    assert planted.data.prepared != null.data.prepared
    assert planted.data.sources.ddi.startswith(planted.data.synthetic.out)


def test_an_ablation_of_depth_holds_under_a_profile_and_runs(
    compose_run: Callable[..., DictConfig], tmp_path: Path
) -> None:
    from tests.conftest import train

    assert compose_run("experiment=ablation_finetune_frozen", "profile=demo").finetune.unlocked_groups == 0
    config = compose_run(
        "experiment=ablation_finetune_last_8", "debug=one_batch", "loader.batch_size=16",
        "trainer.effective_batch_size=16", "probe=majority",
    )  # fmt: skip
    assert config.finetune.unlocked_groups == 8
    result = train(config, tmp_path)
    assert result is not None
    assert "head" in result.predictions.models
