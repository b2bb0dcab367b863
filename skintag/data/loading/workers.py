"""The worker processes that make batches: how they are started, and the DataLoader over them."""

from __future__ import annotations

import multiprocessing
from functools import cache
from multiprocessing import forkserver, resource_tracker
from multiprocessing.context import BaseContext
from typing import Any, Final

import cv2
import torch
from torch.utils.data import DataLoader, Dataset

from skintag.core.errors import ConfigError
from skintag.core.processes import end_with_parent, process_context
from skintag.core.stopping import held_back
from skintag.data.loading.settings import LoaderSettings

# What the fork server imports, in this order, so that no worker has to. skintag.commands.cli is what train.py imports,
# as each worker does; skintag.data.augment tells albumentations, before it is there, not to look for updates.
_PRELOAD: Final = (
    "skintag.commands.cli",
    "skintag.data.loading.stream",
    "skintag.data.augment",
    "albumentations",
)


def batch_loader(
    images: Dataset,
    batches: Any,
    settings: LoaderSettings,
    workers: int,
    *,
    seed: int,
    persistent: bool = False,
) -> DataLoader:
    """A DataLoader over a data set that makes whole batches.

    Args:
        images: is asked for one batch at a time.
        batches: the sampler whose items are those requests.
        settings: batches made ahead, and how workers are started.
        workers: worker processes; 0: batches are made in this process.
        seed: of the DataLoader's own generator.
        persistent: whether workers outlive an epoch.
    """
    return DataLoader(
        images,
        batch_sampler=batches,
        collate_fn=as_it_is,
        pin_memory=torch.cuda.is_available(),
        # a generator of its own, or each iterator would take a number from the model's random stream
        generator=torch.Generator().manual_seed(seed),
        prefetch_factor=settings.prefetch_factor if workers else None,
        persistent_workers=persistent and workers > 0,
        **worker_options(settings, workers),
    )


def worker_options(settings: LoaderSettings, workers: int) -> dict[str, Any]:
    """What a DataLoader is told about its worker processes."""
    if not workers:
        return {"num_workers": 0}
    context = worker_context(settings.start_method)
    return {"num_workers": workers, "multiprocessing_context": context, "worker_init_fn": start_worker}


def as_it_is(batch: Any) -> Any:
    """A collate function for a data set that makes whole batches."""
    return batch


def start_worker(worker: int) -> None:
    """Called first in every worker process: one thread each, for the cores are shared out by workers."""
    end_with_parent()
    cv2.setNumThreads(0)


@cache
def worker_context(name: str) -> BaseContext:
    """How worker processes are started: `forkserver`, `spawn` or `fork`.

    A fork server is a process without threads and with the needed modules imported, from which workers are
    forked: as quick as forking the main process, and safe although that runs OpenMP, CUDA and logger threads.
    """
    known = multiprocessing.get_all_start_methods()
    if name not in known:
        raise ConfigError(f"loader.start_method={name!r}: expected one of {', '.join(known)}")
    context = process_context(name)
    if name == "forkserver":
        context.set_forkserver_preload(list(_PRELOAD))
        resource_tracker.ensure_running()  # or the server would start it, and let signals through again
        with held_back():
            forkserver.ensure_running()
    return context
