"""Settings by environment and command line, and the command's own words."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from skintag.core.errors import ConfigError
from skintag.serving.settings import Settings, help_lines, parse, settings_from
from tests.bundle.test_alone import WITHOUT
from tests.serving.small import ROOT

TRAINING = ("torch", "pandas", "hydra", "omegaconf", "lightning", "scipy", "sklearn", "onnx", "pyarrow")


def command(
    *arguments: str, program: str = "from skintag.commands.main import main; main()", **environment: str
):
    return subprocess.run(
        [sys.executable, "-c", program, "serve", *arguments], capture_output=True, text=True, check=False, timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )  # fmt: skip


def test_command_line_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKINTAG_SERVE_PORT", "9000")
    monkeypatch.setenv("SKINTAG_SERVE_CORS", "https://a.org, https://b.org")
    monkeypatch.setenv("SKINTAG_SERVE_API_KEY", "secret")
    found = settings_from(parse(["queue=7", "threads=null"]))
    assert (found.port, found.queue, found.threads) == (9000, 7, None)
    assert found.cors == ("https://a.org", "https://b.org")
    assert settings_from({"port": "1"}).port == 1
    assert "secret" not in repr(found)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"prot": "1"}, "no prot: did you mean 'port'"),
        ({"port": "9a"}, "port=9a: expected a whole number"),
        ({"port": "70000"}, "port=70000: it should be less than or equal to 65535"),
        ({"queue": "0"}, "queue=0: it should be greater than or equal to 1"),
        ({"cors": "*"}, "is no origin"),
        ({"cors": "https://a.org/x"}, "is no origin"),
        ({"log_level": "loud"}, "log_level=loud: it should be 'debug', 'info', 'warning' or 'error'"),
        ({"drain": "inf"}, "drain=inf: it should be a finite number"),
        ({"web": "nowhere"}, "web=nowhere: it should be a folder with index.html in it"),
        ({"api_key": ""}, "api_key: it should be a key without spaces"),
        ({"api_key": " a"}, "api_key: it should be a key without spaces"),
        ({"rate_burst": "5"}, "rate_burst=5 is less than the 16 images that one request may hold"),
        (
            {"memory_bytes": "2000", "max_image_bytes": "3000"},
            "memory_bytes=2000 is less than max_image_bytes=3000",
        ),
    ],
)
def test_what_will_not_do_is_said_with_what_would(given: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError) as error:
        settings_from(given)
    assert said in str(error.value)


def test_environment_that_will_not_do_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKINTAG_SERVE_BATCH_SIZE", "many")
    with pytest.raises(ConfigError, match="SKINTAG_SERVE_BATCH_SIZE=many: expected a whole number"):
        settings_from({})


def test_variable_that_there_is_not_is_said_with_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKINTAG_SERVE_PROT", "9000")
    with pytest.raises(ConfigError, match=r"no SKINTAG_SERVE_PROT.* did you mean 'SKINTAG_SERVE_PORT'"):
        settings_from({})


@pytest.mark.parametrize("given", [["port"], ["=1"], ["port=1", "port=2"]])
def test_what_is_no_key_and_value_is_refused(given: list[str]) -> None:
    with pytest.raises(ConfigError):
        parse(given)


def test_every_setting_says_what_it_is_for() -> None:
    assert len(help_lines()) == len(Settings.model_fields)
    assert all(field.description for field in Settings.model_fields.values())


def test_help_and_errors_need_nothing_that_trains(tmp_path: Path) -> None:
    program = WITHOUT + "from skintag.commands.main import main; main()"
    told = command("--help", program=program)
    assert told.returncode == 0
    assert "SKINTAG_SERVE_" in told.stdout
    nothing = command(program=program)
    assert nothing.returncode == 1
    assert "make the demo's" in nothing.stderr
    assert "Traceback" not in nothing.stderr
    lost = command(f"bundle={tmp_path / 'none'}", program=program)
    assert "no such file" in lost.stderr


def test_server_is_imported_without_what_trains() -> None:
    program = WITHOUT + "import skintag.serving.app, skintag.serving.server, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False,
                          env={**os.environ, "PYTHONPATH": str(ROOT)})  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not set(TRAINING) & {name.partition(".")[0] for name in done.stdout.split()}
