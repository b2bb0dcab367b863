"""Opening a W&B run: offline unless a key is set, never a question, never a wait for a network that is not there."""

from __future__ import annotations

import netrc
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from skintag.core.hashing import content_key

if TYPE_CHECKING:
    from wandb import Run

PATIENCE: Final = 60.0
"""Seconds to wait for W&B's server before going on offline."""

PUBLIC_HOSTS: Final = ("api.wandb.ai", "api.forge.coreweave.com")
"""Where `wandb login` logs in when no other server is named: versions before and since 0.31."""


def is_offline() -> bool:
    """Whether runs stay in their folder: the environment says so, or W&B knows no key (environment or `.netrc`)."""
    return os.environ.get("WANDB_MODE") in ("offline", "dryrun") or not has_key()


def is_disabled() -> bool:
    """Whether the environment asks for no W&B at all."""
    return os.environ.get("WANDB_MODE") == "disabled" or os.environ.get("WANDB_DISABLED", "").lower() in (
        "true",
        "1",
    )


def has_key() -> bool:
    """Whether there is a login of W&B's, in the environment or where `wandb login` leaves it."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    own = os.environ.get("WANDB_BASE_URL")
    hosts = (urlsplit(own).netloc,) if own else PUBLIC_HOSTS
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 (Path.home() raises where there is none)
    for path in (os.environ.get("NETRC"), home / ".netrc", home / "_netrc"):
        try:
            if path and Path(path).is_file():
                logins = netrc.netrc(str(path))
                if any(logins.authenticators(host) for host in hosts):
                    return True
        except (netrc.NetrcParseError, OSError, UnicodeDecodeError):
            continue  # W&B could not read it either
    return False


def logs_to_wandb(logger: object) -> bool:
    """Whether a Lightning logger is W&B's, told without importing it."""
    return any(kind.__name__ == "WandbLogger" for kind in type(logger).__mro__)


def run_id(folder: Path) -> str:
    """The W&B id of a run folder: training, a resumed training and a later report go to one W&B run."""
    return content_key(str(folder.resolve()))[:12]


@contextmanager
def wandb_run(
    folder: Path,
    *,
    project: str,
    entity: str | None = None,
    name: str,
    group: str,
    job_type: str,
    tags: Sequence[str],
    config: dict[str, Any],
) -> Iterator[Run]:
    """The W&B run of a run folder, ended with the block; what is offline lies in `<folder>/wandb`.

    Where the server cannot be reached within `PATIENCE` seconds, the run is written offline, and it is said so.
    """
    import wandb

    options: dict[str, Any] = {
        "project": project, "entity": entity, "id": run_id(folder), "name": name, "group": group,
        "job_type": job_type, "tags": list(tags), "config": config, "dir": str(folder), "reinit": "finish_previous",
        # a figure is no machine's load and no terminal's text
        "settings": wandb.Settings(
            console="off", x_disable_stats=True, x_disable_meta=True, silent=True, init_timeout=PATIENCE
        ),
    }  # fmt: skip
    if is_disabled():
        run = wandb.init(**options, mode="disabled")
    elif is_offline():
        run = wandb.init(**options, mode="offline")
    else:
        try:
            run = wandb.init(**options, mode="online", resume="allow")
        except wandb.Error as error:
            print(f"W&B cannot be reached ({error}): written offline", file=sys.stderr)
            run = wandb.init(**options, mode="offline")
    try:
        yield run
    finally:
        run.finish()


def where_to_find(run: Run) -> str:
    """The run's address, or the command that uploads it."""
    if not run.offline:
        return str(run.url)
    return f"offline: wandb sync {Path(run.dir).parent}"
