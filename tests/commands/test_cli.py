"""The command line: near matches for typos, resuming, one readable line per mistake."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from skintag.commands.cli import CONFIG_DIR
from skintag.commands.folders import Refused, claim, override_of
from skintag.commands.help import defaults_of, groups_in, help_text
from skintag.commands.resumed import expand_resume
from skintag.core.errors import ConfigError

ROOT = Path(__file__).resolve().parent.parent.parent


def train(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "train.py", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    ("typo", "meant"),
    [
        ("experiment=multi_balancd", "multi_balanced"),
        ("balanse=domain", "balance"),
        ("trainer.max_epoch=3", "trainer.max_epochs"),
        ("backbone=siglip_so400", "siglip_so400m"),
    ],
)
def test_typo_in_an_override_is_refused_with_near_matches(typo: str, meant: str) -> None:
    done = train(typo)
    assert done.returncode == 2
    assert f"did you mean {meant!r}" in done.stderr or f"or {meant!r}" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("command", "group", "choice"), [
    ("train", "balance", "none"), ("distill", "student", "mobilenet_v3_large"), ("prepare", "data", "synthetic"),
])  # fmt: skip
def test_help_says_what_each_group_decides_and_which_choice_is_taken(
    command: str, group: str, choice: str
) -> None:
    lines = help_text(CONFIG_DIR, command, []).splitlines()
    groups = set(defaults_of(CONFIG_DIR, command)) & set(groups_in(CONFIG_DIR))
    assert group in groups
    for name in groups:
        (at,) = (k for k, line in enumerate(lines) if line.startswith(f"  {name} "))
        assert len(lines[at].split()) > 2, f"nothing is said of {name}"
        if name == group:
            assert f"[{choice}]" in lines[at + 1] + lines[at + 2]


def test_help_lists_the_groups_and_imports_no_torch() -> None:
    code = (
        "import sys; sys.argv=['train.py','--help']\n"
        "import runpy\n"
        "try: runpy.run_path('train.py', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "assert 'torch' not in sys.modules, 'torch was imported'\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "  experiment  " in done.stdout


def run_folder(folder: Path, overrides: list[str]) -> Path:
    (folder / ".hydra").mkdir(parents=True)
    (folder / ".hydra" / "overrides.yaml").write_text("".join(f"- {o}\n" for o in overrides))
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "last.ckpt").touch()
    return folder


def test_resume_repeats_the_overrides_of_the_run_and_new_ones_win(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run", ["experiment=multi", "seed=3"])
    expanded = expand_resume([f"resume={folder}", "seed=4"])
    where = [f"hydra.run.dir={folder}", "hydra.output_subdir=null"]
    assert expanded == ["experiment=multi", "seed=4", f"resume={folder}", *where]


@pytest.mark.parametrize("name", ["O'Neil", "a b", "x=1,2", "ü [1]", "${seed}", 'quo"te', "back\\slash"])
def test_a_run_is_resumed_whatever_its_folder_is_called(tmp_path: Path, name: str) -> None:
    folder = run_folder(tmp_path / name, ["experiment=multi", "seed=3"])
    expanded = expand_resume([override_of("resume", folder)])
    parser = OverridesParser.create()
    values = {o.key_or_group: o.value() for o in parser.parse_overrides(expanded)}
    for key in ("resume", "hydra.run.dir"):
        composed = OmegaConf.create({"seed": 0, "place": values[key]})
        assert composed.place == str(folder)


def test_resume_expanded_twice_is_the_same_as_once(tmp_path: Path) -> None:
    once = expand_resume([f"resume={run_folder(tmp_path / 'run', ['experiment=multi', 'seed=3'])}"])
    assert sorted(expand_resume(once)) == sorted(once)


def test_resume_of_a_folder_that_is_no_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no run folder"):
        expand_resume([f"resume={tmp_path}"])


def test_a_run_without_a_checkpoint_begins_anew_in_its_folder(tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run", ["seed=3"])
    (folder / "checkpoints" / "last.ckpt").unlink()
    where = [f"hydra.run.dir={folder}", "hydra.output_subdir=null"]
    assert expand_resume([f"resume={folder}"]) == ["seed=3", *where]


def test_folders_of_the_same_second_are_two(tmp_path: Path) -> None:
    wanted = tmp_path / "multi" / "2026-11-28_08-00-00"
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: claim(wanted, named=False), range(8)))
    assert len(set(made)) == 8
    assert {path.name.removeprefix(wanted.name) for path in made} == {"", *(f"_{i}" for i in range(2, 9))}
    with pytest.raises(Refused, match="holds a run already"):
        claim(wanted, named=True)


@pytest.mark.parametrize("many", [(), ("-m",)])
def test_place_where_no_run_folder_can_be_made_is_told_in_one_line(
    tmp_path: Path, many: tuple[str, ...]
) -> None:
    (tmp_path / "file").touch()
    done = train(*many, "debug=one_batch", f"paths.runs={tmp_path / 'file'}")
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(f"error: no folder can be made at {tmp_path / 'file'}"), done.stderr
    assert "paths.runs=<folder>" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_run_whose_settings_are_wrong_leaves_no_folder(tmp_path: Path) -> None:
    done = train(
        "experiment=multi", "split.k=3", "seed=0", "labels.premalignant=perhaps", f"paths.runs={tmp_path}"
    )
    assert done.returncode == 2
    assert not list(tmp_path.rglob("*.yaml"))


def test_value_that_was_not_given_is_named(tmp_path: Path) -> None:
    done = train("experiment=multi", "split=leave_one_domain_out", f"paths.runs={tmp_path}")
    assert done.returncode == 2
    assert "split.domain is not set" in done.stderr
    assert "Traceback" not in done.stderr


def test_choice_of_a_sweep_that_does_not_exist_has_near_matches(tmp_path: Path) -> None:
    done = train("-m", "experiment=multi", "objective=erm,focl", f"paths.runs={tmp_path}")
    assert done.returncode == 2
    assert "did you mean 'focal'" in done.stderr


@pytest.mark.parametrize(
    "path", sorted((ROOT / "configs").rglob("*.yaml")), ids=lambda p: f"{p.parent.name}/{p.stem}"
)
def test_command_in_a_configs_header_composes(path: Path) -> None:
    import shlex

    from hydra import compose, initialize_config_dir
    from hydra.core.override_parser.overrides_parser import OverridesParser

    parser = OverridesParser.create()
    lines = [
        line.lstrip("# ").split("   #")[0] for line in path.read_text().splitlines() if line.startswith("#")
    ]
    for line in (found for found in lines if found.startswith("skintag train ")):
        line = line.replace("<file>", "x.pth").replace("<folder>", "x")
        # `table=` is the command's own word (tests/commands/test_own_tables.py)
        words = [word for word in shlex.split(line)[2:] if word != "-m" and not word.startswith("table=")]
        overrides = [word for word in words if not parser.parse_override(word).is_sweep_override()]
        with initialize_config_dir(str(ROOT / "configs"), version_base="1.3"):
            config = compose("train", overrides=overrides)
        side = config.backbone.image_size  # null: the model's own
        assert side is None or side > 0, "composed, but not whole"


def test_group_without_a_choice_is_left_out() -> None:
    from skintag.commands.cli import CONFIG_DIR
    from skintag.commands.overrides import without_null_groups

    given = ["probe=null", "experiment=null", "seed=null", "callbacks.patience=null", "labels=default"]
    kept = ["~probe", "seed=null", "callbacks.patience=null", "labels=default"]
    assert without_null_groups(given, CONFIG_DIR, "train") == kept
    done = train("probe=null", "logger=null", "--cfg", "job")
    assert done.returncode == 0, done.stderr
    assert "xgboost" not in done.stdout


def test_error_of_a_task_stands_alone_on_stderr(tmp_path: Path) -> None:
    done = train("trainer.max_epochs=abc", f"paths.runs={tmp_path}")
    assert done.returncode == 2
    assert done.stderr.startswith("error: trainer.max_epochs=abc: expected a whole number")


@pytest.mark.parametrize("program", ["train.py", "evaluate.py", "distill.py"])
def test_reader_who_has_had_enough_ends_a_program_quietly(program: str) -> None:
    command = f"{sys.executable} {program} --help | head -1"
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert done.stdout.strip()


def test_drawing_the_benchmark_takes_its_defaults() -> None:
    from omegaconf import OmegaConf

    from skintag.core.settings import settings_of
    from skintag.data.synthetic.settings import SyntheticSettings

    values = OmegaConf.to_container(OmegaConf.load(ROOT / "configs" / "synthetic.yaml"))
    assert isinstance(values, dict)
    knobs = {
        k: v for k, v in values.items() if k not in ("defaults", "hydra", "out", "workers", "contact_sheet")
    }
    assert settings_of(SyntheticSettings, knobs) == SyntheticSettings()
