"""What can be plugged in: found where it is defined, imported when asked for, and nobody else's by accident."""

from __future__ import annotations

import subprocess
import sys
import types
from pathlib import Path

import pytest

from skintag.core.config import instantiate
from skintag.core.errors import ConfigError
from skintag.core.registry import Registry, is_registered


@pytest.fixture
def animals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry[object]:
    """A package with a cat, and a dog that needs what is not installed."""
    package = tmp_path / "zoo"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "keeper.py").write_text("")
    (package / "cat.py").write_text(
        "from tests.core import test_registry\nclass Cat: pass\ntest_registry.ANIMALS.add(Cat, 'cat')\n"
    )
    (package / "dog.py").write_text("import bones_that_nobody_has\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    registry: Registry[object] = Registry("animal", "zoo", besides=("keeper",))
    monkeypatch.setattr(sys.modules[__name__], "ANIMALS", registry, raising=False)
    monkeypatch.delitem(sys.modules, "zoo.cat", raising=False)
    return registry


def test_own_are_known_by_their_files_and_imported_when_asked_for(animals: Registry[object]) -> None:
    assert list(animals) == ["cat", "dog"]
    assert "zoo.cat" not in sys.modules
    assert animals.named("cat").__name__ == "Cat"
    assert "zoo.cat" in sys.modules


def test_unknown_name_is_told_what_is_known(animals: Registry[object]) -> None:
    with pytest.raises(ConfigError, match=r"animal 'ca' is not known; did you mean 'cat'"):
        animals.named("ca")
    with pytest.raises(KeyError):
        animals["keeper"]  # a module of the package, but no animal


def test_missing_library_is_named(animals: Registry[object]) -> None:
    with pytest.raises(ConfigError, match="animal 'dog' needs bones_that_nobody_has"):
        animals.named("dog")


def test_two_of_one_name_are_refused_and_the_same_again_is_not(animals: Registry[object]) -> None:
    cat = animals.named("cat")
    animals.add(cat, "cat")
    with pytest.raises(ConfigError, match="two animals are named 'cat'"):
        animals.add(type("Tiger", (), {}), "cat")
    with pytest.raises(ConfigError, match="two animals are named 'dog': SkinTag's own"):
        animals.add(type("Wolf", (), {}), "dog")  # SkinTag's was not imported yet


def test_configuration_may_name_a_registered_class_once_its_module_is_there(
    animals: Registry[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "wolf.py").write_text("raise SystemExit('a stranger was imported')")
    with pytest.raises(ConfigError, match="may not be instantiated"):
        instantiate({"_target_": "wolf.Wolf"})
    module = types.ModuleType("wolf")
    module.Wolf = type("Wolf", (), {"__module__": "wolf"})  # type: ignore[attr-defined]
    module.Fox = type("Fox", (), {"__module__": "wolf"})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "wolf", module)
    with pytest.raises(ConfigError, match="may not be instantiated"):
        instantiate({"_target_": "wolf.Wolf"})  # imported, but not registered
    animals.add(module.Wolf, "wolf")
    assert type(instantiate({"_target_": "wolf.Wolf"})) is module.Wolf
    assert not is_registered("wolf.Fox")


@pytest.mark.parametrize("target", ["os.system", "builtins.eval", "skintag.core.config.hydra", "eval", ""])
def test_nothing_else_is_registered(target: str) -> None:
    assert not is_registered(target)
    with pytest.raises(ConfigError):
        instantiate({"_target_": target})


@pytest.mark.parametrize(
    ("asked", "spared"),
    [
        ("from skintag.probes.base import PROBES; [*PROBES, PROBES['majority']]", "sklearn xgboost torch scipy pandas"),
        ("from skintag.probes.base import PROBES; PROBES['logistic']", "sklearn xgboost torch scipy pandas"),
        ("from skintag.probes.base import PROBES; PROBES['xgboost']", "torch"),
        ("import skintag.models.network, skintag.bundle.torch_runtime", "lightning torchmetrics hydra"),
        ("import skintag.bundle.onnx_content", "onnx torch onnxruntime"),
    ],
)  # fmt: skip
def test_what_is_not_asked_for_is_not_imported(asked: str, spared: str) -> None:
    program = f"import sys; {asked}; print(sorted(set({spared.split()}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
