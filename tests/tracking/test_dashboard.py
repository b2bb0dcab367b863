"""The dashboard is built, survives the way to W&B's format and back, and shows what `log_run` writes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("wandb_workspaces")

import wandb_workspaces.reports.v2 as wr
import yaml

from skintag.commands.dashboard import save_dashboard
from skintag.core.errors import ConfigError
from skintag.tracking import names
from skintag.tracking.log import log_run
from skintag.tracking.panels import SEARCHED, DashboardSettings
from skintag.tracking.workspace import build_workspace, spec_of, workspace_of
from tests.conftest import CONFIGS
from tests.tracking.wandb_file import read_offline

SETTINGS = DashboardSettings(project="skintag", entity="team")


def panels(settings: DashboardSettings = SETTINGS) -> list[Any]:
    return [panel for section in build_workspace(settings).sections for panel in section.panels]


def shown(panel: Any) -> Iterator[tuple[str, str]]:
    """(kind, name) of everything that a panel looks up in runs."""
    if isinstance(panel, wr.LinePlot):
        yield from (("number", _plain(name)) for name in (panel.x, *panel.y))
    elif isinstance(panel, wr.BarPlot):
        yield from (("number", _plain(name)) for name in panel.metrics)
    elif isinstance(panel, wr.ScatterPlot):
        yield from (("number", _plain(name)) for name in (panel.x, panel.y))
    elif isinstance(panel, wr.ScalarChart):
        yield "number", _plain(panel.metric)
    elif isinstance(panel, wr.ParameterImportancePlot):
        yield "number", panel.with_respect_to
    elif isinstance(panel, wr.ParallelCoordinatesPlot):
        for column in panel.columns:
            yield ("config" if isinstance(column.metric, wr.Config) else "number"), _plain(column.metric)
    elif isinstance(panel, wr.MediaBrowser):
        yield from (("media", name) for name in panel.media_keys)
    elif isinstance(panel, wr.WeavePanelSummaryTable):
        yield "media", panel.table_name
    else:
        assert isinstance(panel, wr.MarkdownPanel | wr.RunComparer), (
            f"a panel that is not looked into: {panel}"
        )


def _plain(name: Any) -> str:
    return name if isinstance(name, str) else name.name


def test_specification_survives_the_way_there_and_back() -> None:
    spec = spec_of(build_workspace(SETTINGS))
    again = spec_of(workspace_of(json.loads(json.dumps(spec))))
    assert json.dumps(again, sort_keys=True) == json.dumps(spec, sort_keys=True)
    assert len(spec["spec"]["section"]["panelBankConfig"]["sections"]) == len(
        build_workspace(SETTINGS).sections
    )


@pytest.mark.long
def test_every_panel_shows_what_a_logged_run_has(finished: Path, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "run"
    shutil.copytree(finished, folder)
    log_run(folder)
    (run,) = read_offline(folder)
    logged = set(run.summary) | {name for row in run.history for name in row}
    missing = []
    for panel in panels():
        for kind, name in shown(panel):
            if kind == "config":
                value: Any = run.config
                for key in name.split("."):
                    value = value.get(key) if isinstance(value, dict) else None
                if value is None:
                    missing.append(name)
            elif name not in logged:
                missing.append(name)
    assert not missing


def test_panels_that_were_asked_for_are_there() -> None:
    wanted = {
        names.level("head", "auroc", "domain", "smartphone"),
        names.level("head", "sensitivity", "fst_group", "V-VI", "low"),
        names.gap("head", "sensitivity_gap", "fst_group", "chance"),
        names.gap("head", "worst_group_sensitivity", "fst_group"),
        names.robustness_curve("head", "auroc"),
        "val/auroc",
        names.SELECTED,
    }
    assert wanted <= {name for panel in panels() for _, name in shown(panel)}
    kinds = {type(panel) for panel in panels()}
    assert {wr.RunComparer, wr.ParallelCoordinatesPlot, wr.MediaBrowser, wr.LinePlot, wr.BarPlot} <= kinds


def test_search_panel_shows_what_the_search_varies() -> None:
    varied = yaml.safe_load((CONFIGS.parent / "experiments" / "sweeps" / "wandb.yaml").read_text())[
        "parameters"
    ]
    assert {key.removeprefix("choices.") for key in SEARCHED} == set(varied)


def test_other_models_are_shown_on_request() -> None:
    settings = DashboardSettings(project="p", models=("mlp_frozen",))
    found = {name for panel in panels(settings) for _, name in shown(panel)}
    assert names.level("mlp_frozen", "auroc") in found
    assert not any("/head/" in name for name in found)


def test_command_writes_the_specification_where_there_is_no_key(tmp_path: Path) -> None:
    out = tmp_path / "dashboard.json"
    done = subprocess.run(
        [sys.executable, "-m", "skintag", "dashboard", f"out={out}", "project=mine"],
        cwd=CONFIGS.parent, capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "no WANDB_API_KEY" in done.stdout
    assert workspace_of(json.loads(out.read_text())).project == "mine"


def test_online_dashboard_needs_an_entity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    with pytest.raises(ConfigError, match="entity"):
        save_dashboard(DashboardSettings(project="p"), tmp_path / "x.json")
