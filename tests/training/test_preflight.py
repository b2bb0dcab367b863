"""What a run needs is looked at before any work, and what it will take is said before its first epoch."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from skintag.core.errors import ConfigError
from skintag.models import hub
from skintag.runs.settings import RunSettings
from skintag.runs.training_settings import PlainSettings
from skintag.training import preflight
from tests.conftest import CONFIGS, compose_config

NOWHERE = "http://127.0.0.1:9"  # the port that discards: nobody listens


@pytest.fixture
def no_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without weights, and a hub that does not answer."""
    monkeypatch.setenv("HF_ENDPOINT", NOWHERE)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    return tmp_path


def test_weights_that_cannot_be_had_are_refused_with_the_ways_on(no_hub: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        hub.refuse_unreachable("vit_x.tag", "timm/no-such-model-anywhere")
    said = str(caught.value)
    assert "\n" not in said
    for way in ("profile=demo", "backbone.checkpoint=<file>", "HF_ENDPOINT=", NOWHERE):
        assert way in said


def test_first_line_that_everybody_types_says_so_before_torch_is_imported(no_hub: Path) -> None:
    code = (
        "import sys; sys.argv = ['skintag', 'train', 'experiment=multi_balanced', 'paths.runs="
        + str(no_hub)
        + "']\n"
        "from skintag.commands.main import main\n"
        "try: main()\n"
        "finally: print(sorted({'torch', 'timm', 'lightning'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=CONFIGS.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stdout == "[]\n"
    assert done.stderr.startswith("error: backbone.name=vit_so400m")
    assert done.stderr.count("\n") == 1


def test_weights_in_the_cache_need_no_hub(no_hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "_is_cached", lambda name: True)
    assert hub.refuse_unreachable("vit_x.tag", "timm/vit_x.tag") is None


def settings(workspace: Path, *overrides: str) -> RunSettings:
    small = ("debug=one_batch", "loader.batch_size=16", "trainer.effective_batch_size=16")
    return RunSettings.of(compose_config(workspace, *small, *overrides))


def test_folder_that_is_a_file_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "runs").touch()
    with pytest.raises(ConfigError, match=r"paths\.runs=.*runs is a file"):
        preflight.look_ahead(settings(tmp_path))


def test_full_disk_is_refused_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = preflight.shutil.disk_usage(tmp_path)._replace(free=10**8)
    monkeypatch.setattr(preflight.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(ConfigError, match=r"0\.1 GB are free"):
        preflight.look_ahead(settings(tmp_path))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is one")
def test_accelerator_that_is_not_there_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"trainer\.accelerator=gpu: torch finds no GPU here"):
        preflight.look_ahead(settings(tmp_path, "trainer.accelerator=gpu"))


def test_estimate_counts_every_pass_and_leaves_the_model_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from types import SimpleNamespace

    import pandas as pd

    given = settings(tmp_path, "trainer.max_epochs=5", "trainer.limit_train_batches=1.0")
    frame = pd.DataFrame({"split": ["train"] * 70 + ["val"] * 10 + ["test"] * 20})
    module = SimpleNamespace(backbone=given.first_backbone().train())
    before = [m.training for m in module.backbone.modules()], torch.random.get_rng_state()
    parts = SimpleNamespace(view=SimpleNamespace(frame=frame), module=module)
    assert preflight.estimated_seconds(given, parts) > 0  # type: ignore[arg-type]
    assert before[0] == [m.training for m in module.backbone.modules()]
    assert torch.equal(before[1], torch.random.get_rng_state())
    monkeypatch.setattr(preflight, "seconds_an_image", lambda *_: (1.0, 0.1))
    # 5 epochs of 70 images forward and, of what learns, backward; 10 of val; all 100 once for each export
    wanted = 5 * (70 * (1 + 3 * 0.1) + 10 * 1.1) + 100 * 1.1 * len(given.callbacks.features)
    assert preflight.estimated_seconds(given, parts) == pytest.approx(wanted)  # type: ignore[arg-type]


@pytest.mark.skipif(torch.cuda.is_available(), reason="nothing is timed on a GPU")
@pytest.mark.parametrize(
    ("seconds", "jobs", "said"), [(90, 1, ""), (7200, 1, "about 2 hours"), (90, 50, "50 jobs")]
)
def test_long_run_is_announced_and_a_short_one_is_not(
    seconds: int, jobs: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(preflight, "estimated_seconds", lambda *_: seconds)
    preflight.tell_duration(settings(tmp_path), None, jobs)  # type: ignore[arg-type]
    found = capsys.readouterr().err
    assert said in found
    assert bool(found) == bool(said)


class Waking(torch.nn.Module):
    """Slow the first time, and again each time that the machine does something else."""

    passes = 0

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.forward_tail(self.forward_trunk(images))

    def forward_trunk(self, images: torch.Tensor) -> torch.Tensor:
        self.passes += 1
        time.sleep(0.5 if self.passes in (1, 2) else 0.01)
        return images

    def forward_tail(self, images: torch.Tensor) -> torch.Tensor:
        time.sleep(0.01)
        return images


def test_first_passes_and_other_work_do_not_make_a_run_seem_long() -> None:
    trunk, tail = preflight.seconds_an_image(Waking(), 8)  # type: ignore[arg-type]
    assert 0.004 < trunk < 0.05
    assert 0.004 < tail < 0.05


@pytest.mark.skipif(torch.cuda.is_available(), reason="nothing is timed on a GPU")
def test_what_a_run_has_already_is_not_offered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "estimated_seconds", lambda *_: 7200)
    preflight.tell_duration(
        settings(tmp_path, "backbone.name=tf_efficientnet_lite0", "trainer.max_epochs=4"), None
    )  # type: ignore[arg-type]
    said = capsys.readouterr().err
    assert "fewer epochs" in said
    assert "profile=demo" not in said
    assert "backbone=" not in said
    preflight.tell_duration(settings(tmp_path, "trainer.max_epochs=1", "augment=none"), None)  # type: ignore[arg-type]
    said = capsys.readouterr().err
    assert "fewer epochs" not in said
    assert "augment=none" not in said


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("seed=abc", "seed=abc: expected a whole number"),
        ("seed=202611280830", "seed=202611280830: expected a number from 0 to 4294967295"),
        ("split_seed=-1", "split_seed=-1: expected"),
        ("trainer.limit_val_batches=0", "callbacks.patience=null"),
        ("ckpt_path=nowhere.ckpt", "ckpt_path=nowhere.ckpt: no such file"),
        ("callbacks.patience=a", "callbacks.patience=a: expected"),
        ("loader.batch_size=0", "loader.batch_size=0: expected"),
    ],
)
def test_wrong_value_is_told_from_what_imports_at_once(override: str, said: str, tmp_path: Path) -> None:
    from skintag.core.config import plain

    with pytest.raises(ConfigError, match=said.replace(".", r"\.")):
        PlainSettings.check(plain(compose_config(tmp_path, override)))


def test_first_look_imports_nothing_that_takes_seconds() -> None:
    code = (
        "import sys, skintag.runs.training_settings, skintag.models.hub\n"
        "assert not {'torch', 'timm', 'lightning', 'sklearn', 'pandas'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=CONFIGS.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def test_good_settings_pass_the_first_look_and_the_second(tmp_path: Path) -> None:
    given = settings(tmp_path)
    PlainSettings.check(given.values)
    assert replace(given, seed=3).seed == 3
