"""The W&B workspace that compares runs, as code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skintag.tracking import names, panels
from skintag.tracking.panels import GROUP, DashboardSettings, libraries

if TYPE_CHECKING:
    import wandb_workspaces.workspaces as ws


def build_workspace(settings: DashboardSettings) -> ws.Workspace:
    """The workspace: a section for each question, runs grouped so that a bar is a mean over seeds.

    Raises:
        ConfigError: `wandb-workspaces` is not installed.
    """
    _wr, ws = libraries()
    sections = [
        ("How good, and where", panels.discrimination(settings)),
        ("Skin types", panels.skin_types(settings)),
        ("Gaps and what chance gives", panels.gaps(settings)),
        ("Robustness", panels.robustness(settings)),
        ("Training", panels.training()),
        ("Search", panels.search()),
        ("Runs side by side", panels.side_by_side()),
        ("Tables", panels.tables()),
    ]
    return ws.Workspace(
        entity=settings.entity or "",
        project=settings.project,
        name=settings.name,
        sections=[
            ws.Section(
                name=name, panels=shown, is_open=i < 4, layout_settings=ws.SectionLayoutSettings(columns=3, rows=2)
            )
            for i, (name, shown) in enumerate(sections)
        ],
        runset_settings=ws.RunsetSettings(
            groupby=[ws.Metric(GROUP)],
            pinned_columns=[
                "run:displayName", f"summary:{names.level(settings.main, 'auroc')}", f"summary:{names.SELECTED}",
            ],
        ),
        settings=ws.WorkspaceSettings(x_axis=names.STEP, max_runs=100),
    )  # fmt: skip


def spec_of(workspace: ws.Workspace) -> dict[str, Any]:
    """The workspace as the plain values that W&B stores."""
    return dict(workspace._model.model_dump(by_alias=True, exclude_none=True))


def workspace_of(spec: dict[str, Any]) -> ws.Workspace:
    """The workspace whose plain values `spec_of` gave."""
    ws = libraries()[1]
    return ws.Workspace._from_model(ws.internal.View.model_validate(spec))
