"""Which runs are repetitions of each other, and what tells the others apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from skintag.runs.files import RunFiles
from skintag.runs.regimes import matters, regime_key, regime_names, split_of

ERM = {"_target_": "skintag.models.objectives.Erm"}
FOCAL = {"_target_": "skintag.models.objectives.Focal", "gamma": 2.0}


def run(
    folder: Path, seed: int = 0, name: str = "multi", choices: dict[str, str] | None = None, **more: Any
) -> RunFiles:
    """A run folder with a configuration and no more."""
    (folder / ".hydra").mkdir(parents=True)
    config = {
        "name": name, "seed": seed, "split_seed": 0, "objective": ERM, "paths": {"raw": str(folder)},
        "data": {"prepared": str(folder), "sources": {"ddi": str(folder)}},
        "probe": {"mlp": {"seed": seed}}, "trainer": {"max_epochs": 3, "devices": 1},
    }  # fmt: skip
    OmegaConf.save(OmegaConf.create(config | more), folder / ".hydra" / "config.yaml")
    if choices:
        said = {"hydra": {"runtime": {"choices": choices}}}
        OmegaConf.save(OmegaConf.create(said), folder / ".hydra" / "hydra.yaml")
    return RunFiles(folder)


def test_different_settings_under_different_seeds_are_not_one_regime(tmp_path: Path) -> None:
    runs = [run(tmp_path / "a", 0), run(tmp_path / "b", 1, objective=FOCAL)]
    assert regime_names(runs) == ["multi objective=erm", "multi objective=focal"]


def test_seeds_of_each_regime_stay_together(tmp_path: Path) -> None:
    runs = [
        run(tmp_path / f"{i}", seed, objective=kind, choices={"objective": said})
        for i, (kind, said, seed) in enumerate(
            [(ERM, "plain", 0), (ERM, "plain", 1), (FOCAL, "sharp", 0), (FOCAL, "sharp", 1)]
        )
    ]
    assert regime_names(runs) == ["multi objective=plain"] * 2 + ["multi objective=sharp"] * 2


def test_a_choice_that_hides_an_override_is_not_all_that_is_said(tmp_path: Path) -> None:
    runs = [
        run(tmp_path / "a", objective=FOCAL, choices={"objective": "focal"}),
        run(tmp_path / "b", objective=FOCAL | {"gamma": 3.0}, choices={"objective": "focal"}),
    ]
    assert regime_names(runs) == ["multi objective.gamma=2.0", "multi objective.gamma=3.0"]


def test_places_devices_and_seeds_do_not_matter_but_the_split_and_the_data_do(tmp_path: Path) -> None:
    first = run(tmp_path / "a").config
    same = run(tmp_path / "b", 3, trainer={"max_epochs": 3, "devices": 4}).config
    assert regime_key(first) == regime_key(same)
    other_split = run(tmp_path / "c", split_seed=1).config
    assert regime_key(first) != regime_key(other_split)
    assert regime_key(first, without=("split_seed",)) == regime_key(other_split, without=("split_seed",))
    assert regime_key(first) != regime_key(run(tmp_path / "d", data={"sources": {"pad": "x"}}).config)
    assert regime_key(first) != regime_key(
        run(tmp_path / "e", trainer={"max_epochs": 4, "devices": 1}).config
    )


def test_other_experiments_keep_their_names_as_they_are(tmp_path: Path) -> None:
    runs = [run(tmp_path / "a"), run(tmp_path / "b", name="single", objective=FOCAL)]
    assert regime_names(runs) == ["multi", "single"]


def test_a_repeated_sweep_is_told_apart_by_its_folder(tmp_path: Path) -> None:
    runs = [run(tmp_path / sweep / f"{seed}_multi", seed) for sweep in ("x", "y") for seed in (0, 1)]
    assert regime_names(runs) == ["multi x", "multi x", "multi y", "multi y"]


def test_the_whole_path_is_the_last_resort(tmp_path: Path) -> None:
    folders = [tmp_path / top / "sweep" / "0_multi" for top in ("x", "y")]
    assert regime_names([run(folder) for folder in folders]) == [f"multi {folder}" for folder in folders]


def test_runs_that_do_not_say_how_they_were_configured_are_not_pooled(tmp_path: Path) -> None:
    for top in ("x", "y"):
        (tmp_path / top / "run").mkdir(parents=True)
    assert len(set(regime_names([RunFiles(tmp_path / top / "run") for top in ("x", "y")]))) == 2


def test_what_matters_is_told_by_key() -> None:
    assert not any(
        map(matters, ("seed", "paths.raw", "logger.wandb.project", "hydra/launcher", "trainer.devices"))
    )
    assert all(map(matters, ("split_seed", "objective", "trainer.max_epochs", "data", "data.synthetic.seed")))


def test_splits_and_folds_repeat_a_name(tmp_path: Path) -> None:
    runs = [run(tmp_path / f"s{i}", split_seed=i) for i in range(3)]
    assert regime_names(runs) == ["multi"] * 3
    folds = [run(tmp_path / f"f{i}", split={"fold": i, "k": 3}) for i in range(3)]
    assert regime_names(folds) == ["multi"] * 3
    assert [split_of(r) for r in (*runs, *folds)] == [(0, 0), (1, 0), (2, 0), (0, 0), (0, 1), (0, 2)]
