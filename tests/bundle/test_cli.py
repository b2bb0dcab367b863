"""`skintag bundle ...`: what a shell passes on, JSON lines, and the exit status."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from skintag.commands.bundle import COMMANDS, main
from skintag.commands.bundle_arguments import find_images, parse
from skintag.core.errors import ConfigError, DataError
from tests.bundle.pictures import photo, variants

ROOT = Path(__file__).resolve().parent.parent.parent


def composed(*arguments: str):
    command = parse(["predict", "bundle=b", *arguments], COMMANDS)
    with initialize_config_dir(str(ROOT / "configs"), version_base="1.3"):
        return compose(f"bundle_{command.name}", overrides=command.overrides)


@pytest.mark.parametrize(
    "value",
    [
        "photos/*.jpg", "a b/c, d/e=f.png", "it's here.jpg", 'a "quoted" name.jpg', "[ab]*.jpg", "x/{a,b}?.png",
        "~/a.jpg", "C:\\pictures\\*.jpg", "ends in \\", "back\\'slash", "$HOME/${paths.raw}/a.jpg", "${oc.env:HOME}",
        "ä ü/日本.jpg", "50%#1.jpg",
        "a=b=c", "(1).jpg", "true", "12", "1e5", "- a", "!x", "@", "a\tb",
    ],
)  # fmt: skip
def test_path_arrives_as_the_shell_passed_it(value: str) -> None:
    config = composed(f"images={value}", f"bundle={value}")
    assert config.images == value
    assert config.bundle == value


def test_images_can_be_given_several_times() -> None:
    assert list(composed("images=a, b.jpg", "batch_size=4", "images=it's.png").images) == [
        "a, b.jpg",
        "it's.png",
    ]
    assert composed("images=a", "batch_size=4").batch_size == 4


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (["predct"], "did you mean 'predict'"),
        (["bundle=x", "predict"], "comes first"),
        (["predict", "photos/a.jpg"], "is not key=value"),
    ],
)
def test_mistakes_before_hydra_are_said(arguments: list[str], match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        parse(arguments, COMMANDS)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three pictures, one of them unreadable, and a folder; odd signs in their names."""
    folder = tmp_path / "my photos, a=b"
    (folder / "below").mkdir(parents=True)
    data = list(variants(photo(40, 30)).values())
    for name, content in {"1 [x].jpg": data[0], "2.jpg": b"junk", "3.jpg": data[3]}.items():
        (folder / name).write_bytes(content)
    (folder / "below" / "4.png").write_bytes(data[1])
    return folder


def test_globs_give_files_in_order_and_none_twice(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [Path(p).name for p in find_images([f"{photos}/*", f"{photos}/3.jpg"])]
    assert names == ["1 [x].jpg", "2.jpg", "3.jpg"]
    assert "1 folder(s) left out" in capsys.readouterr().err
    assert [Path(p).name for p in find_images(f"{photos}/**/*.png")] == ["4.png"]


def test_name_with_wildcards_in_it_is_found_to_the_letter(photos: Path) -> None:
    assert find_images(f"{photos}/1 [x].jpg") == [f"{photos}/1 [x].jpg"]


def test_path_without_wildcards_is_reported_with_the_others(tmp_path: Path) -> None:
    assert find_images(f"{tmp_path}/none.jpg") == [f"{tmp_path}/none.jpg"]


@pytest.mark.parametrize("pattern", ["none*.jpg", "below", "below*"])
def test_glob_without_files_is_an_error(photos: Path, pattern: str) -> None:
    with pytest.raises(DataError, match="expected: files"):
        find_images(f"{photos}/{pattern}")


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "skintag", "bundle", *arguments]


def test_predict_prints_a_line_an_image_and_fails_at_the_end(bundle_folder: Path, photos: Path) -> None:
    arguments = command(
        "predict", f"bundle={bundle_folder.with_name('bundle.zip')}", f"images={photos}/*", "batch_size=2"
    )
    # stderr is a terminal, so the bar is drawn: it must not take the lines of stdout with it
    ours, theirs = pty.openpty()
    done = subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        shown += part
    assert done.stdout is not None
    lines = [json.loads(line) for line in done.stdout.read().splitlines()]
    assert done.wait() == 1
    assert [Path(line["image"]).name for line in lines] == ["1 [x].jpg", "2.jpg", "3.jpg"]
    assert lines[1]["reason"] == "not an image"
    assert "to do:" in lines[1]["error"]
    assert 0 <= lines[0]["malignancy_probability"] <= 1
    assert b"3/3" in shown, "no progress bar"
    assert b"2.jpg: not an image" in shown
    assert b"Traceback" not in shown


def run_here(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The command in this process, which spares the seconds that importing torch takes; its exit status."""
    monkeypatch.setattr(sys, "argv", ["bundle", *arguments])
    try:
        main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def test_predict_of_readable_images_succeeds(
    bundle_folder: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    images = [f"images={photos}/1 [x].jpg", f"images={photos}/3.jpg"]
    assert run_here(monkeypatch, "predict", f"bundle={bundle_folder}", *images) == 0
    assert [Path(json.loads(line)["image"]).name for line in capsys.readouterr().out.splitlines()] == [
        "1 [x].jpg", "3.jpg",
    ]  # fmt: skip


def test_check_says_what_a_bundle_holds(
    bundle_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_here(monkeypatch, "check", f"bundle={bundle_folder}") == 0
    said = capsys.readouterr().out
    assert "model head, runtime torch" in said
    assert "model/weights.safetensors" in said
    assert "auroc" in said


def test_help_names_the_commands_and_imports_no_torch() -> None:
    code = (
        "import sys, runpy\n"
        "for words in (['--help'], ['predict', '--help']):\n"
        "    sys.argv = ['bundle', *words]\n"
        "    try: runpy.run_module('skintag.bundle', run_name='__main__')\n"
        "    except SystemExit: pass\n"
        "assert 'torch' not in sys.modules, 'torch was imported'\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "batch_size: 32" in done.stdout
    for name in COMMANDS:
        assert f"  {name} " in done.stdout


def test_damaged_bundle_is_refused_in_one_message(
    bundle_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = bytearray(bundle_folder.with_name("bundle.zip").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "bundle.zip").write_bytes(data)
    assert run_here(monkeypatch, "check", f"bundle={tmp_path}/bundle.zip") == 1
    assert "to do:" in capsys.readouterr().err
