"""Lightning's W&B logger, which never stops a training: where the server is not to be reached it goes on offline."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import wandb
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.loggers.logger import rank_zero_experiment

from skintag.tracking.session import PATIENCE, is_offline

if TYPE_CHECKING:
    from wandb import Run


class PatientWandbLogger(WandbLogger):
    """A WandbLogger that asks the environment how to log, when the run is opened and not once in a process' life.

    W&B reads `WANDB_MODE` once a process, so the mode is given with each run. A server that does not answer within
    `PATIENCE` seconds makes the run an offline one, and it is said so.
    """

    def __init__(self, **options: Any) -> None:
        """Take what WandbLogger takes; without `offline` and `mode`, the environment and the login decide."""
        options.setdefault("settings", wandb.Settings(init_timeout=PATIENCE))
        offline = bool(options.pop("offline", False)) or options.get("mode") == "offline" or is_offline()
        super().__init__(**options)  # told `offline`, it would set WANDB_MODE for the rest of the process
        self._stays = offline
        if self._wandb_init.get("mode") != "disabled":
            self._choose(offline=offline)

    @property
    @rank_zero_experiment
    def experiment(self) -> Run:
        """The W&B run, opened when it is first asked for."""
        if self._experiment is not None or self._stays:
            return super().experiment
        try:
            return super().experiment
        except wandb.Error as error:
            print(f"W&B cannot be reached ({error}): written offline", file=sys.stderr)
            self._choose(offline=True)
            return super().experiment

    def _choose(self, *, offline: bool) -> None:
        self._stays = offline
        self._wandb_init |= (
            {"mode": "offline", "resume": None} if offline else {"mode": "online", "resume": "allow"}
        )
