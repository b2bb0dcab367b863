"""The files of a model in its library's own format: in a folder, or in a repository of the hub."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from torch import Tensor

from skintag.core.errors import ConfigError, DataError
from skintag.core.io import read_json
from skintag.models.hub import refuse_unreachable
from skintag.models.settings import BackboneSettings
from skintag.models.weights import read_state_dict

HUB: Final = "hf-hub:"
"""What timm and open_clip write before the name of a repository."""
_LIMIT: Final = 4_000_000  # bytes of a configuration


@dataclass(frozen=True)
class ModelFiles:
    """Where the configuration and the weights of a model lie."""

    name: str
    """Of the backbone, for messages."""
    folder: Path | None = None
    """A folder of this machine."""
    weights: Path | None = None
    """The weights, where they were named."""
    repository: str | None = None
    """A repository of the hub, where there is no folder."""

    @classmethod
    def of(cls, settings: BackboneSettings) -> Self:
        """The files that the settings name: a folder, a file and what lies beside it, or a repository."""
        if settings.checkpoint:
            path = Path(settings.checkpoint)
            if path.is_dir():
                return cls(settings.name, folder=path)
            return cls(settings.name, folder=path.parent, weights=path)
        known = settings.library == "transformers" or settings.name.startswith(HUB)
        return cls(settings.name, repository=settings.name.removeprefix(HUB) if known else None)

    @classmethod
    def of_file(cls, name: str, path: str | Path) -> Self:
        """The files of a model whose weights alone are known."""
        return cls(name, folder=Path(path).parent, weights=Path(path))

    def find(self, *names: str) -> Path | None:
        """The first file of these names that is there; fetched where it is in a repository.

        Raises:
            ConfigError: the hub cannot be asked, or says no.
        """
        if self.folder is not None:
            return next((self.folder / name for name in names if (self.folder / name).is_file()), None)
        if not self.repository:
            return None
        from huggingface_hub import try_to_load_from_cache

        cached = [try_to_load_from_cache(self.repository, name) for name in names]
        here = next((Path(path) for path in cached if isinstance(path, str)), None)
        if here is None:
            refuse_unreachable(self.name, self.repository)
        return here or next((path for name in names if (path := self._fetched(name))), None)

    def configuration(self, *names: str) -> dict[str, Any]:
        """The first JSON file of these names; empty where there is none. Raises DataError where it is not one."""
        path = self.find(*names)
        if path is None:
            return {}
        expected = "an object in JSON, as the library writes it"
        try:
            if path.stat().st_size > _LIMIT:
                raise ValueError(f"{path.stat().st_size:,} bytes")
            values = read_json(path)
        except (OSError, ValueError, RecursionError) as error:
            found, fix = f"{type(error).__name__}: {error}", "copy the folder again from where it is whole"
            raise DataError(path, expected=expected, found=found, fix=fix) from error
        if not isinstance(values, dict):
            raise DataError(
                path, expected=expected, found=f"a {type(values).__name__}", fix="check the folder"
            )
        return values

    def state(self, *names: str) -> dict[str, Tensor]:
        """The tensors of the weights file, float32 where they are fractions.

        Args:
            names: that it may have where it was not named itself, the best first.

        Raises:
            ConfigError: there is none.
            DataError: it cannot be read without running code.
        """
        path = self.weights or self.find(*names)
        if path is None:
            where = self.folder or self.repository or "backbone.checkpoint=null"
            raise ConfigError(f"backbone.name={self.name}: {where} has none of {', '.join(names)}")
        state = read_state_dict(path)
        return {name: t.float() if t.is_floating_point() else t for name, t in state.items()}

    def _fetched(self, name: str) -> Path | None:
        """The file in the hub's cache, fetched where it is not there yet; None where the repository has none."""
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import EntryNotFoundError

        try:
            return Path(hf_hub_download(str(self.repository), name))
        except EntryNotFoundError as error:
            if "LocalEntryNotFound" not in type(error).__name__:
                return None
            reason = str(error)
        except Exception as error:  # the hub client has errors of its own, by the dozen
            reason = f"{type(error).__name__}: {error}"
        raise ConfigError(
            f"backbone.name={self.name}: {name} of {self.repository} cannot be had from the hub or its cache "
            f"({reason.splitlines()[0][:300]}); without a network give the model's folder: "
            "backbone.pretrained=false backbone.checkpoint=<folder>"
        )


def under(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors below a prefix, without it; all where none has it."""
    below = {name.removeprefix(prefix): t for name, t in state.items() if name.startswith(prefix)}
    return below or dict(state)
