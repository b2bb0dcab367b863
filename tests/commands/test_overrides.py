"""What is typed, made into what Hydra takes, or refused with what to type instead."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from skintag.commands.cli import CONFIG_DIR
from skintag.commands.overrides import cures, options_first, prepared_overrides, with_home
from skintag.core.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]


def train(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "train.py", *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("ckpt_path=a/epoch=09.ckpt", "a/epoch=09.ckpt"),
        ("paths.runs=/data/Köln", "/data/Köln"),
        ("columns.p_malignant=P(malignant)", "P(malignant)"),
        ("predictions=my file (1).csv", "my file (1).csv"),
        ("predictions=it's, here.csv", "it's, here.csv"),
        ("run=[a", "[a"),
        ('out=a"b', 'a"b'),
    ],
)
def test_cure_is_what_hydra_takes_with_the_value_that_was_meant(typed: str, value: str) -> None:
    (line,) = cures([typed])
    command = line.removeprefix("  put the value between quotes: ")
    (argument,) = subprocess.run(
        ["bash", "-c", f"printf '%s' {command}"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    override = OverridesParser.create().parse_override(argument)
    assert (override.key_or_group, override.value()) == (typed.partition("=")[0], value)


def test_what_hydra_takes_needs_no_cure() -> None:
    assert cures(["seed=1", "probe=[a,b]", "~probe", "seed=choice(1,2)", "-m", "--cfg", "job"]) == []


def test_home_folder_is_meant_where_a_path_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/anna")
    for typed, meant in {
        "paths.raw=~/skin": "paths.raw=/home/anna/skin",
        'paths.raw="~/skin"': 'paths.raw="/home/anna/skin"',
        "paths.raw='~/my skin'": "paths.raw='/home/anna/my skin'",
        "run=[~/a,~/b]": "run=[/home/anna/a,/home/anna/b]",
        "out=~": "out=/home/anna",
        "out=a~/b": "out=a~/b",
        "columns.target='~'": "columns.target='~'",
        "~probe": "~probe",
        "out=~nobody-of-that-name/x": "out=~nobody-of-that-name/x",
    }.items():
        assert with_home(typed) == meant
    monkeypatch.setenv("HOME", "/home/anna lee+ü")
    assert with_home("paths.raw=~/skin") == 'paths.raw="/home/anna lee+ü/skin"'


def test_prepared_twice_is_the_same_as_once() -> None:
    once = prepared_overrides(["a=~/x", "-m", "probe=null", "--cfg", "job"], CONFIG_DIR, "train")
    assert prepared_overrides(once, CONFIG_DIR, "train") == once


def test_options_may_stand_anywhere() -> None:
    assert options_first(["experiment=multi", "--cfg", "job", "seed=1", "~probe", "-m"]) == [
        "--cfg", "job", "-m", "experiment=multi", "seed=1", "~probe",
    ]  # fmt: skip
    assert options_first(["seed=1", "-i", "config", "~probe"]) == ["--info=config", "seed=1", "~probe"]
    assert options_first(["seed=1", "--info", "~probe"]) == ["--info=all", "seed=1", "~probe"]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["--experiment", "multi"], "keys are given as key=value: experiment=multi"),
        (["--experiment=multi"], "keys are given as key=value: experiment=multi"),
        (["--multi"], "did you mean '--multirun'?"),
        (["-x"], "unrecognized arguments: -x"),
        (["--info=nothing"], "invalid choice: 'nothing'"),
        (["--cfg"], "expected one argument"),
        (["--experimental-rerun", "job.pickle"], "it would run whatever the file holds"),
    ],
)
def test_option_that_there_is_not_is_refused_with_what_was_meant(typed: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=said.replace("?", r"\?")):
        options_first(typed)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["experiment=1"], "experiment=1: known: ablation"),
        (["-m", "--cfg", "job"], "Only one of --run, --multirun, --cfg"),
        (["ckpt_path=a/epoch=09.ckpt"], "put the value between quotes: 'ckpt_path=\"a/epoch=09.ckpt\"'"),
        (["multi"], "'multi': expected key=value"),
    ],
)
def test_what_hydra_refuses_is_a_few_lines_and_status_2(typed: list[str], said: str) -> None:
    done = train(*typed)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
