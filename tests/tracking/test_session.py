"""W&B is asked for what the environment says: not at all, offline, or online with whatever login there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from skintag.tracking.session import has_key, is_disabled, is_offline


@pytest.fixture(autouse=True)
def _nothing_is_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WANDB_MODE", "WANDB_API_KEY", "WANDB_DISABLED", "WANDB_BASE_URL", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def test_without_a_login_runs_stay_offline() -> None:
    assert is_offline()


@pytest.mark.parametrize("host", ["api.wandb.ai", "api.forge.coreweave.com"])
@pytest.mark.parametrize("where", [".netrc", "_netrc"])
def test_login_of_an_earlier_day_counts(where: str, host: str, tmp_path: Path) -> None:
    (tmp_path / where).write_text(f"machine {host}\n  login user\n  password key\n")
    (tmp_path / where).chmod(0o600)
    assert has_key()
    assert not is_offline()


def test_login_of_another_server_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text("machine wandb.example.org login user password key\n")
    (tmp_path / ".netrc").chmod(0o600)
    assert is_offline()
    monkeypatch.setenv("WANDB_BASE_URL", "https://wandb.example.org")
    assert not is_offline()


def test_broken_netrc_is_no_login(tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_bytes(b"machine \xff\xfe nonsense {")
    assert is_offline()


@pytest.mark.parametrize(("name", "value"), [("WANDB_MODE", "disabled"), ("WANDB_DISABLED", "true")])
def test_disabled_means_none_at_all(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_disabled()
    monkeypatch.setenv(name, value)
    assert is_disabled()
