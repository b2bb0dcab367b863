"""The augmentation as a whole: a pure, picklable function whose steps are independent of each other."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import hydra
import numpy as np
import pytest
from hydra.core.global_hydra import GlobalHydra
from numpy.typing import NDArray

from skintag.core.config import instantiate
from skintag.core.errors import ConfigError
from skintag.core.vocabulary import DOMAINS
from skintag.data.augment import Augmentation
from skintag.data.augment.basic import RandomResizedCrop, Symmetry
from skintag.data.augment.field_light import Lighting, Shadow

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
FIELD = ("shadow", "glare", "lighting", "colour_cast", "defocus", "motion_blur", "noise", "compression")
Image = NDArray[np.uint8]
Build = Callable[..., Augmentation]


@pytest.fixture(scope="module")
def build() -> Build:
    """An augmentation from its YAML, with overrides, as a run would get it."""

    def compose(name: str, *overrides: str) -> Augmentation:
        GlobalHydra.instance().clear()
        with hydra.initialize_config_dir(str(CONFIGS), version_base="1.3"):
            config = hydra.compose("contact_sheet", overrides=[f"augment={name}", *overrides])
        augmentation = instantiate(config.augment)
        assert isinstance(augmentation, Augmentation)
        return augmentation

    return compose


@pytest.fixture(scope="module")
def full(build: Build) -> Augmentation:
    return build("field_bridging")


def picture(side: int = 96, seed: int = 0) -> Image:
    """A dark blotch on textured skin with a hair across and dark corners, so that every step finds work."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side - 0.5
    image = np.array([215, 165, 140]) + rng.normal(0, 6, (side, side, 1))
    image[np.hypot(x, y) < 0.2] *= 0.5
    image[np.abs(y - 0.3 * x - 0.1) < 0.012] = 40
    image[np.hypot(x, y) > 0.6] = 5
    return np.clip(image, 0, 255).astype(np.uint8)


def _augment_many(job: tuple[bytes, list[int]]) -> list[bytes]:
    augmentation = pickle.loads(job[0])
    return [augmentation(picture(48, seed), DOMAINS[seed % 3], seed).tobytes() for seed in job[1]]


@pytest.mark.parametrize("name", ["none", "basic", "field", "field_bridging"])
def test_each_yaml_instantiates_plainly_through_hydra(name: str) -> None:
    GlobalHydra.instance().clear()
    with hydra.initialize_config_dir(str(CONFIGS), version_base="1.3"):
        config = hydra.compose("contact_sheet", overrides=[f"augment={name}"])
    augmentation = hydra.utils.instantiate(config.augment)
    assert augmentation == instantiate(config.augment)
    assert bool(augmentation.steps) == (name != "none")


def test_field_has_the_eight_conditions_each_with_its_probability(build: Build) -> None:
    steps = build("field").steps
    assert {name: 0.3 <= steps[name].p <= 0.5 for name in FIELD} == dict.fromkeys(FIELD, True)
    assert set(build("field_bridging").steps) - set(steps) == {
        "corner_removal", "hair_removal", "hairs", "bubbles", "ruler", "vignette",
    }  # fmt: skip


def test_none_gives_back_the_picture_and_the_whole_crop(build: Build) -> None:
    image = picture()
    assert build("none")(image, "clinical", 3) is image
    assert build("none").crop(450, 600, 3) == (0, 0, 450, 600)


def test_every_step_at_p_zero_is_identity(build: Build, full: Augmentation) -> None:
    off = build("field_bridging", *(f"augment.{name}.p=0" for name in full.steps))
    image = picture()
    for seed in range(20):
        assert off(image, DOMAINS[seed % 3], seed) is image
        assert off.crop(40, 50, seed) == (0, 0, 40, 50)


def test_same_result_in_any_order_any_process_and_any_thread(full: Augmentation) -> None:
    seeds = list(range(60))
    here = _augment_many((pickle.dumps(full), seeds))
    backwards = [full(picture(48, s), DOMAINS[s % 3], s).tobytes() for s in reversed(seeds)][::-1]
    with ThreadPoolExecutor(4) as threads:
        threaded = list(threads.map(lambda s: full(picture(48, s), DOMAINS[s % 3], s).tobytes(), seeds))
    with ProcessPoolExecutor(1, mp_context=get_context("forkserver")) as process:
        elsewhere = process.submit(_augment_many, (pickle.dumps(full), seeds)).result()
    assert len(set(here)) == len(seeds)
    assert backwards == here
    assert threaded == here
    assert elsewhere == here


def test_global_random_state_is_neither_read_nor_changed(full: Augmentation) -> None:
    np.random.seed(1)  # noqa: NPY002
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    first = [full(picture(), "smartphone", s) for s in range(10)]
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002
    np.random.seed(2)  # noqa: NPY002
    assert all(np.array_equal(a, full(picture(), "smartphone", s)) for s, a in enumerate(first))


def test_the_given_picture_is_never_written_to(full: Augmentation) -> None:
    image = picture()
    image.setflags(write=False)
    copy = image.copy()
    for name in full.steps:
        for seed in range(3):
            full.only(name)(image, DOMAINS[0], seed)
            full.only(name)(image, DOMAINS[2], seed)
    assert np.array_equal(image, copy)


@pytest.mark.parametrize("shape", [(32, 32), (384, 384), (56, 56), (40, 71), (33, 20), (8, 8)])
def test_shape_and_type_stay_at_any_size(full: Augmentation, shape: tuple[int, int]) -> None:
    image = np.resize(picture(max(shape)), (*shape, 3))
    steps = [name for name in full.steps if name != "resized_crop"]
    for domain in DOMAINS:
        out = full.only(*steps)(image, domain, 5)
        assert out.shape == image.shape
        assert out.dtype == np.uint8
        assert out.flags.c_contiguous


@pytest.mark.parametrize("value", [0, 127, 255])
def test_flat_pictures_go_through_every_step(full: Augmentation, value: int) -> None:
    image = np.full((64, 64, 3), value, dtype=np.uint8)
    for name in full.steps:
        for domain in DOMAINS:
            if name != "resized_crop":
                assert full.only(name)(image, domain, 1).shape == image.shape


def test_probabilities_are_met(build: Build) -> None:
    n, image = 4000, picture(16)
    for name, p in (("lighting", 0.5), ("shadow", 0.3), ("compression", 0.4)):
        augmentation = Augmentation(**{name: build("field").steps[name]})
        hits = sum(augmentation(image, "clinical", seed) is not image for seed in range(n))
        assert abs(hits / n - p) < 4 * (p * (1 - p) / n) ** 0.5, name


def test_steps_decide_independently_of_each_other() -> None:
    light = Augmentation(lighting=Lighting(p=0.5, stops=(-1, -1), gamma=(1, 1)))
    shade = Augmentation(shadow=Shadow(p=0.5, strength=(0.5, 0.5), softness=(0.1, 0.1)))
    image = np.full((16, 16, 3), 200, dtype=np.uint8)
    hits = np.array([[a(image, "clinical", s) is not image for a in (light, shade)] for s in range(2000)])
    assert abs(np.corrcoef(hits.T)[0, 1]) < 0.09  # four standard errors


def test_switching_one_step_off_leaves_the_others_as_they_were(build: Build) -> None:
    whole, without = build("field"), build("field", "augment.compression.p=0")
    raised = build("field", "augment.compression.p=1")
    image = picture(48)
    same = [np.array_equal(whole(image, "clinical", s), without(image, "clinical", s)) for s in range(200)]
    assert 0.5 < np.mean(same) < 0.7  # compression, the last step, has p = 0.4
    step = whole.only("compression").compression
    assert step is not None
    for seed in range(10):  # and where it is forced, it acts on exactly what comes out without it
        alone = Augmentation(compression=step)
        assert np.array_equal(
            raised(image, "clinical", seed), alone(without(image, "clinical", seed), "clinical", seed)
        )


def test_bridging_draws_on_photographs_and_cleans_dermoscopic_pictures(full: Augmentation) -> None:
    drawn, cleaned = ("hairs", "bubbles", "ruler", "vignette"), ("corner_removal", "hair_removal")
    image = picture()
    for name in drawn:
        assert full.only(name)(image, "dermoscopic", 0) is image
        assert all(
            not np.array_equal(full.only(name)(image, d, 0), image) for d in ("clinical", "smartphone")
        )
    for name in cleaned:
        assert not np.array_equal(full.only(name)(image, "dermoscopic", 0), image)
        assert all(full.only(name)(image, d, 0) is image for d in ("clinical", "smartphone"))


def test_crop_lies_inside_and_keeps_the_share_and_shape_asked_for() -> None:
    augmentation = Augmentation(resized_crop=RandomResizedCrop(p=1.0, scale=(0.3, 0.6), ratio=(0.8, 1.25)))
    boxes = np.array([augmentation.crop(450, 600, seed) for seed in range(500)])
    y0, x0, h, w = boxes.T
    assert (y0 >= 0).all()
    assert (x0 >= 0).all()
    assert (y0 + h <= 450).all()
    assert (x0 + w <= 600).all()
    share, ratio = h * w / (450 * 600), (w / 600) / (h / 450)
    assert 0.295 < share.min() < 0.32 < 0.57 < share.max() < 0.605
    assert 0.79 < ratio.min() < 0.82 < 1.22 < ratio.max() < 1.27
    assert len(np.unique(boxes, axis=0)) == 500
    assert augmentation.crop(450, 600, 7) == augmentation.crop(450, 600, 7)
    assert augmentation.crop(1, 1, 7) == (0, 0, 1, 1)


def test_symmetries_are_the_eight_of_the_square_equally_often() -> None:
    augmentation = Augmentation(symmetry=Symmetry(p=1.0))
    image = picture(16)
    known = {np.rot90(m, k).tobytes() for m in (image, image[:, ::-1]) for k in range(4)}
    seen = [augmentation(image, "clinical", seed).tobytes() for seed in range(1600)]
    assert set(seen) == known
    assert min(seen.count(one) for one in known) > 150  # 200 expected, standard deviation 13


def test_large_and_numpy_seeds_are_taken(full: Augmentation) -> None:
    image = picture(32)
    for seed in (2**64 - 1, -5, 0):
        assert full(image, "clinical", seed).shape == image.shape
    assert np.array_equal(full(image, "clinical", np.uint64(12345)), full(image, "clinical", 12345))
    with pytest.raises(TypeError):
        full(image, "clinical", 0.5)  # type: ignore[arg-type]


def test_only_refuses_a_step_that_is_not_there(full: Augmentation) -> None:
    with pytest.raises(ConfigError, match="did you mean 'shadow'"):
        full.only("shadows")
