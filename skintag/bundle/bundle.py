"""A bundle that was loaded: checked whole, and ready to predict, or to be a teacher."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from skintag.bundle.archive import TOTAL_LIMIT, unpack_aside
from skintag.bundle.batches import results, several
from skintag.bundle.decisions import Decisions
from skintag.bundle.manifest import Manifest
from skintag.bundle.networks import open_runtime, torch_network
from skintag.bundle.parts import Preprocessing
from skintag.bundle.prediction import Failure, Prediction
from skintag.bundle.preprocess import Image, Preprocessor, checked, name_of
from skintag.bundle.probe_files import check_name, probe_names, read_probe
from skintag.bundle.resizer import RESIZE, Resizer
from skintag.bundle.runtime import OnnxRuntime, Runtime, check_outputs
from skintag.bundle.seen import seen_by
from skintag.bundle.verify import verify
from skintag.core.errors import DataError, ImageError
from skintag.core.io import read_json
from skintag.core.outputs import Outputs
from skintag.core.vocabulary import HEAD
from skintag.data.images.decoding import fitted_box

if TYPE_CHECKING:
    from skintag.data.view.seen import Seen
    from skintag.data.view.view import View
    from skintag.models.network import LesionNetwork
    from skintag.probes.base import Probe


class Bundle:
    """What `build_bundle` wrote. Use `Bundle.load`; what is made here is not checked again.

    Args:
        folder: a verified bundle.
        manifest: its `bundle.json`.
        device: of the torch runtime, e.g. `cpu` or `cuda`.
        threads: of onnxruntime; None: its own choice. Torch keeps the number it has.
    """

    def __init__(self, folder: Path, manifest: Manifest, device: str, threads: int | None) -> None:
        self.folder, self.manifest = folder, manifest
        self._device, self._threads = device, threads
        self._module: LesionNetwork | None = None
        self._unpacked: tempfile.TemporaryDirectory[str] | None = None
        self.preprocessing = Preprocessing.read(folder)
        self.decisions = decisions = Decisions.read(folder, manifest)
        self.taxonomy, self.texts = decisions.taxonomy, decisions.texts
        self.threshold, self.calibration = decisions.threshold, decisions.calibration
        self.policy, self.ood = decisions.policy, decisions.ood
        self._preprocessor = Preprocessor(self.preprocessing)
        self.probe_names = probe_names(folder / "probes")
        """What the predictions table calls the probes on the network's embeddings."""
        self._read: dict[str, Probe] = {}
        if manifest.model != HEAD:
            check_name(folder, manifest.model, self.probe_names)
            self.probe(manifest.model)

    @classmethod
    def load(
        cls, path: str | Path, *, device: str = "cpu", threads: int | None = None, limit: int = TOTAL_LIMIT
    ) -> Bundle:
        """A bundle from its folder or its zip, verified before anything in it is used. Runs no code from it.

        A zip is unpacked into a temporary folder, which goes with the object.

        Args:
            path: the folder or the zip.
            device: of the torch runtime.
            threads: of onnxruntime.
            limit: bytes that a zip may unpack to.

        Raises:
            DataError: not a bundle, one of a newer format, a file missing, extra or changed, a pickle, or a zip
                that leads out of its folder; the message names the file and what to do.
        """
        path = Path(path)
        if not path.is_dir() and not path.is_file():
            found = "neither file nor folder" if path.exists() else "no such file"
            raise DataError(path, expected="a bundle: a folder or a zip", found=found, fix="check the path")
        if path.is_dir():
            return cls(path, verify(path), device, threads)
        unpacked = unpack_aside(path, limit)
        try:
            bundle = cls(Path(unpacked.name), verify(Path(unpacked.name), path), device, threads)
        except BaseException:
            unpacked.cleanup()
            raise
        bundle._unpacked = unpacked
        return bundle

    def close(self) -> None:
        """Let go of networks, and of what a zip was unpacked to; with a zip it can say nothing from then on."""
        for name in ("runtime", "resizer"):
            self.__dict__.pop(name, None)
        self._module = None
        if self._unpacked is not None:
            self._unpacked.cleanup()

    def __repr__(self) -> str:
        return f"Bundle({self.manifest.name!r}, model={self.manifest.model!r}, runtime={self.manifest.runtime!r})"

    # ---- predictions

    def predict(self, images: Sequence[Image], batch_size: int = 32) -> list[Prediction]:
        """Predictions of [n] images, in their order.

        Args:
            images: paths, bytes of files, Pillow images, or RGB pixels uint8 [H, W, 3], mixed as you like.
            batch_size: images that go through the model at a time.

        Raises:
            ImageError: one cannot be read; use `predict_batches` to go on past it.
        """
        out: list[Prediction] = []
        for batch in results(several(images), self.preprocessing, batch_size, 0, self._predictions):
            for _, result in batch:
                if isinstance(result, ImageError):
                    raise result
                out.append(result)
        return out

    def predict_batches(
        self, images: Iterable[Image], batch_size: int = 32, workers: int = 1
    ) -> Iterator[list[Prediction | Failure]]:
        """Results batch by batch, in order; an image that cannot be read becomes a `Failure`.

        Args:
            images: as `predict` takes them; asked for as they are needed, so there may be any number.
            batch_size: images that go through the model at a time.
            workers: threads that read and decode ahead of the model; 0: none.
        """
        for batch in results(several(images), self.preprocessing, batch_size, workers, self._predictions):
            yield [
                Failure.of(name, result) if isinstance(result, ImageError) else result
                for name, result in batch
            ]

    def _predictions(self, pixels: np.ndarray, names: list[str]) -> list[Prediction]:
        """Predictions of pictures uint8 [n, S, S, 3]."""
        return self.decisions.predictions(self.outputs(pixels), names)

    def outputs(self, pixels: np.ndarray, *, maps: bool = False) -> Outputs:
        """What the deployed model says of pictures uint8 [n, S, S, 3]; a probe speaks through its own scores.

        With `maps`, where it looked too: of the head alone, in ONNX alone, and of networks that have positions.
        """
        runtime = self.runtime
        if maps and self.manifest.model == HEAD and isinstance(runtime, OnnxRuntime):
            outputs = runtime(pixels, maps=True)
        else:
            outputs = runtime(pixels)
        check_outputs(outputs, len(pixels), len(self.taxonomy.conditions), self.folder)
        if self.manifest.model == HEAD:
            return outputs
        assert outputs.embeddings is not None
        said = self.probe(self.manifest.model).predict(outputs.embeddings)
        return Outputs(said.malignant, said.conditions, outputs.embeddings)

    def pixels(self, images: Sequence[Image]) -> np.ndarray:
        """What the model is given of [n] images, uint8 [n, S, S, 3] RGB. Raises ImageError."""
        images = several(images)
        return self._preprocessor(images, [name_of(image, i) for i, image in enumerate(images)])

    def square(self, part: np.ndarray) -> np.ndarray:
        """What the model is given of a photo, or of a part of one, uint8 [S, S, 3]; for several threads at once.

        By `model/resize.onnx`, as on a phone, where the bundle has it: a level or so beside `pixels`, for no JPEG is
        made in between.

        Args:
            part: uint8 [H, W, 3] RGB, upright.

        Raises:
            ImageError: no such pixels, or too many.
        """
        part = checked(part, "picture")
        if self.resizer is None:
            return Preprocessor(self.preprocessing)([part], ["picture"])[0]
        y, x, height, width = fitted_box(part.shape[0], part.shape[1], self.preprocessing.fit)
        return self.resizer(part[y : y + height, x : x + width])

    # ---- what it holds

    @cached_property
    def resizer(self) -> Resizer | None:
        """What a phone resizes a photo with; None in bundles of torch, and in older ones."""
        path = self.folder / RESIZE
        return Resizer(path, self.preprocessing.image_size) if path.is_file() else None

    @cached_property
    def runtime(self) -> Runtime:
        """What computes the network's outputs."""
        return open_runtime(self.folder, self.manifest, self.module, self._device, self._threads)

    def module(self) -> LesionNetwork:
        """The network in torch, in evaluation mode. Raises DataError where the bundle has no torch weights."""
        if self._module is None:
            self._module = torch_network(self.folder, self.manifest)
        return self._module

    @property
    def seen(self) -> Seen:
        """The images that its weights learned from, at any remove; none where the bundle does not say."""
        return seen_by(self.folder)

    def refuse_seen(self, view: View) -> None:
        """Raise ConfigError where the view tests on images that the weights have seen, or on relatives of them."""
        from skintag.data.view.seen import refuse_seen

        refuse_seen(view, self.seen, self.folder)

    def probe(self, name: str) -> Probe:
        """One of `probe_names`, read when it is first asked for: it may need a library that others do not.

        Raises:
            KeyError: the bundle has no such probe.
            ConfigError: a library that the probe needs is not installed.
            DataError: its files are damaged, or nothing registered reads them.
        """
        if name not in self._read:
            self._read[name] = read_probe(self.folder / "probes", name)
        return self._read[name]

    def probes(self) -> dict[str, Probe]:
        """All of them: name in the predictions table -> probe. Raises as `probe`."""
        return {name: self.probe(name) for name in self.probe_names}

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """The deployed model's test metrics with their intervals: `metrics.json`."""
        return dict(read_json(self.folder / "metrics.json"))

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """Of the run: commit, versions, data, seeds, machine."""
        return dict(read_json(self.folder / "provenance.json"))

    @property
    def model_card(self) -> str:
        """What a reader is told of the model, its data and its figures, in Markdown."""
        return (self.folder / "model_card.md").read_text(encoding="utf-8")
