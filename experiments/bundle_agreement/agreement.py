"""Do torch, ONNX and bundles say the same of real image files, odd ones included? See README.md."""

from __future__ import annotations

import argparse
import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.table import Table

from skintag.bundle import Bundle
from skintag.core.hashing import uniform_from_strings
from skintag.core.progress import track
from skintag.data.catalog.catalog import read_catalog
from skintag.data.images.encoding import ShardSettings, Source, encode
from skintag.data.images.pipeline import ImagePipeline
from skintag.export.bundle.build import build_bundle
from skintag.export.bundle.settings import BundleSettings
from skintag.runs.folder import RunFolder

LIMIT: Final = 1e-4
ORIENTATION: Final = 0x0112
Scores = NDArray[np.float64]
"""p_malignant and the conditions, [n, 1 + K]."""


def with_alpha(image: Image.Image) -> tuple[str, dict[str, object], Image.Image]:
    """Half transparent at one side."""
    ramp = np.linspace(90, 255, image.width).astype(np.uint8)
    layer = image.convert("RGBA")
    layer.putalpha(Image.fromarray(np.tile(ramp, (image.height, 1))))
    return "PNG", {}, layer


def rotated(image: Image.Image) -> tuple[str, dict[str, object], Image.Image]:
    """Lying on its side, with the orientation that puts it upright."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    return "JPEG", {"quality": 95, "exif": exif}, image.convert("RGB").transpose(Image.Transpose.ROTATE_90)


def cmyk(image: Image.Image) -> tuple[str, dict[str, object], Image.Image]:
    """As a print shop wants it."""
    return "JPEG", {"quality": 95}, image.convert("RGB").convert("CMYK")


def large(image: Image.Image) -> tuple[str, dict[str, object], Image.Image]:
    """Larger than shards hold."""
    scale = 1100 / max(image.size)
    size = (round(image.width * scale), round(image.height * scale))
    return "JPEG", {"quality": 90}, image.convert("RGB").resize(size, Image.Resampling.BICUBIC)


VARIANTS: Final[dict[str, Callable[[Image.Image], tuple[str, dict[str, object], Image.Image]] | None]] = {
    "as it is": None,
    "PNG with alpha": with_alpha,
    "EXIF-rotated JPEG": rotated,
    "CMYK JPEG": cmyk,
    "JPEG of 1100 px": large,
}


def chosen(run: RunFolder, n: int) -> pd.DataFrame:
    """n val and test images of the run, drawn by name, with their raw files and the head's scores in the table."""
    frame = run.predictions.frame
    frame = frame[(frame["model"] == "head")].reset_index(drop=True)
    frame = frame.iloc[np.argsort(uniform_from_strings(frame["image_id"], "agreement"), kind="stable")[:n]]
    paths = read_catalog(run.prepared / "catalog.parquet").set_index("image_id")["path"]
    roots = {name: run.resolved(run.setting(f"data.sources.{name}")) for name in frame["dataset"].unique()}
    named = zip(frame["dataset"], frame["image_id"], strict=True)
    return frame.assign(path=[str(roots[dataset] / paths[image_id]) for dataset, image_id in named])


def write_variants(frame: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """The images as files of the variants, in turn: `path`, `variant`, and the table's own scores beside."""
    rows = []
    for i, path in enumerate(track(frame["path"], "variants")):
        name = list(VARIANTS)[i % len(VARIANTS)]
        make = VARIANTS[name]
        target = Path(path)
        if make is not None:
            with Image.open(target) as image:
                kind, options, changed = make(image)
            target = folder / f"{i:05d}.{'png' if kind == 'PNG' else 'jpg'}"
            data = io.BytesIO()
            changed.save(data, kind, **options)
            target.write_bytes(data.getvalue())
        rows.append({"path": str(target), "variant": name})
    return pd.DataFrame(rows)


def training_pixels(run: RunFolder, paths: list[str]) -> NDArray[np.uint8]:
    """What the model would see of these files had they been prepared: shard writer, then loader; [n, S, S, 3]."""
    settings = ShardSettings(int(run.setting("data.longest_side")), int(run.setting("data.quality")))
    stored = [encode(Source(Path(path), None), settings).data for path in track(paths, "shard encoding")]
    pipeline = ImagePipeline(int(run.setting("backbone.image_size")), str(run.setting("loader.fit")))
    return pipeline(stored, paths).permute(0, 2, 3, 1).numpy()


@torch.inference_mode()
def by_torch(run: RunFolder, pixels: NDArray[np.uint8]) -> Scores:
    """The run's own module, one image at a time."""
    module, out = run.module(), []
    for image in track(pixels, "torch"):
        output = module({"image": torch.from_numpy(image)[None].permute(0, 3, 1, 2)})
        malignant, conditions = module.objective.probabilities(output)
        out.append(np.append(malignant.numpy(), [] if conditions is None else conditions.numpy()))
    return np.array(out, dtype=np.float64)


def by_onnx(path: Path, pixels: NDArray[np.uint8]) -> Scores:
    """The exported model in onnxruntime, in batches of 50."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    out = []
    for start in track(range(0, len(pixels), 50), "ONNX"):
        found = session.run(None, {"image": np.ascontiguousarray(pixels[start : start + 50])})
        named = dict(zip([output.name for output in session.get_outputs()], found, strict=True))
        parts = [named["p_malignant"][:, None], *([named["p_condition"]] if "p_condition" in named else [])]
        out.append(np.concatenate(parts, axis=1))
    return np.concatenate(out).astype(np.float64)


def by_bundle(path: Path, paths: list[str], like: Scores) -> Scores:
    """What `predict` says; of the conditions it gives three, the others are taken as they are in `like`.

    It shows the calibrated probability; the score before that is what the bundle's outputs say of the same pictures.
    """
    bundle, out = Bundle.load(path), like.copy()
    out[:, 0] = bundle.outputs(bundle.pixels(paths)).malignant
    for i, found in enumerate(bundle.predict(paths)):
        for condition in found.conditions:
            out[i, 1 + bundle.taxonomy.conditions.index(condition.name)] = condition.probability
    return out


def differences(run: RunFolder, n: int) -> pd.DataFrame:
    """The largest difference in any probability from the run's torch module, by variant and way to compute it."""
    frame = chosen(run, n)
    with tempfile.TemporaryDirectory() as folder:
        files = write_variants(frame, Path(folder))
        paths = files["path"].tolist()
        pixels = training_pixels(run, paths)
        reference = by_torch(run, pixels)
        ways = {}
        for runtime in ("torch", "onnx"):
            settings = BundleSettings(runtime=runtime, model="head", zip=True, ood=None)
            built = build_bundle(run.path, settings, Path(folder) / runtime)
            ways[f"{runtime} bundle"] = by_bundle(built, paths, reference)
            ways[f"{runtime} bundle, zip"] = by_bundle(built.with_name(f"{runtime}.zip"), paths, reference)
            if runtime == "onnx":
                ways["ONNX"] = by_onnx(built / "model" / "model.onnx", pixels)
    columns = [c for c in map(str, frame.columns) if c == "p_malignant" or c.startswith("p_condition_")]
    table = frame[columns].to_numpy(dtype=np.float64)[:, : reference.shape[1]]
    table[files["variant"].to_numpy() != "as it is"] = np.nan  # the run has scored the files as they are
    ways["the run's table"] = table
    gaps = {way: np.abs(scores - reference).max(axis=1) for way, scores in ways.items()}
    found = pd.DataFrame(gaps).assign(variant=files["variant"])
    by_variant = found.groupby("variant", sort=False).max()
    by_variant.insert(0, "images", found.groupby("variant", sort=False).size())
    by_variant.loc["all"] = [len(found), *found[list(gaps)].max()]
    return by_variant


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--run", type=Path, required=True, help="a finished run; it gets exports/ where it has none"
    )
    parser.add_argument("--images", type=int, default=500)
    args = parser.parse_args()
    found = differences(RunFolder(args.run), args.images)
    table = Table(title="Largest difference from the run's torch module, over all probabilities of an image")
    for heading in ("files", *map(str, found.columns)):
        table.add_column(heading)
    for name, row in found.iterrows():
        cells = ["–" if np.isnan(value) else f"{value:.1e}" for value in row.iloc[1:]]
        table.add_row(str(name), f"{row['images']:.0f}", *cells)
    Console(width=150).print(table)
    worst = float(found.drop(columns="images").max().max())
    print(f"largest difference: {worst:.2e}, limit {LIMIT:g}: {'agree' if worst < LIMIT else 'DISAGREE'}")
    raise SystemExit(worst >= LIMIT)


if __name__ == "__main__":
    main()
