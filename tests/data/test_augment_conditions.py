"""Each step changes the picture in the direction that it promises, by the amount that it is asked for."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import simplejpeg
from numpy.typing import NDArray

from skintag.data.augment.basic import ColourJitter, Rotation
from skintag.data.augment.field_camera import Compression, Defocus, MotionBlur, SensorNoise
from skintag.data.augment.field_light import ColourCast, Glare, Lighting, Shadow
from tests.data.augment_fixtures import run, sharpness, skin


@pytest.mark.parametrize("side", [32, 128, 384])
def test_defocus_lowers_sharpness_the_more_the_larger_the_disc(side: int) -> None:
    image = skin(side)
    values = [sharpness(run(Defocus(p=1, radius=(r, r)), image)) for r in (0.005, 0.01, 0.02, 0.05)]
    assert values[0] <= sharpness(image)
    assert values == sorted(values, reverse=True)
    assert values[-1] < 0.5 * sharpness(image)


@pytest.mark.parametrize("side", [32, 128, 384])
def test_motion_blur_lowers_sharpness_the_more_the_longer(side: int) -> None:
    image = skin(side)
    values = [sharpness(run(MotionBlur(p=1, length=(v, v)), image)) for v in (0.0, 0.04, 0.08, 0.15)]
    assert values[0] < sharpness(image)
    assert values == sorted(values, reverse=True)


def test_a_smear_spreads_a_point_along_a_line_as_long_as_asked_and_centred() -> None:
    image = np.zeros((101, 101, 3), dtype=np.uint8)
    image[50, 50] = 255
    for seed in range(8):
        y, x = np.nonzero(run(MotionBlur(p=1, length=(0.2, 0.2)), image, seed)[..., 0])
        assert np.hypot(np.ptp(y), np.ptp(x)) == pytest.approx(20.2, abs=2.1)
        assert abs((y.max() + y.min()) / 2 - 50) <= 1
        assert abs((x.max() + x.min()) / 2 - 50) <= 1
        assert len(y) < 50  # a line, no patch


def test_a_disc_of_defocus_keeps_the_mean_and_has_the_radius_asked_for() -> None:
    image = np.zeros((201, 201, 3), dtype=np.uint8)
    image[95:106, 95:106] = 255
    out = run(Defocus(p=1, radius=(0.05, 0.05)), image)
    assert out.mean() == pytest.approx(image.mean(), rel=0.05)
    profile = out[100, :, 0] > out.max() / 2
    assert np.count_nonzero(profile) == pytest.approx(
        2 * 10.05, abs=3
    )  # wider than the square of 11, as a disc is


def test_noise_has_the_deviation_asked_for_and_grows_with_light() -> None:
    dark, bright = np.full((96, 96, 3), 64, np.uint8), np.full((96, 96, 3), 128, np.uint8)
    read = [run(SensorNoise(p=1, read=(0.03, 0.03), shot=(0, 0)), i).astype(float) for i in (dark, bright)]
    shot = [run(SensorNoise(p=1, read=(0, 0), shot=(0.06, 0.06)), i).astype(float) for i in (dark, bright)]
    assert read[0].mean() == pytest.approx(64, abs=0.5)
    assert [r.std() for r in read] == pytest.approx([7.65, 7.65], rel=0.04)
    assert [s.std() for s in shot] == pytest.approx([15.3 * 0.501, 15.3 * 0.7085], rel=0.04)


def test_noise_raises_high_frequencies_and_is_independent_between_channels_and_strips() -> None:
    flat = np.full((128, 128, 3), 120, np.uint8)
    out = run(SensorNoise(p=1, read=(0.05, 0.05), shot=(0, 0)), flat).astype(float) - 120
    assert sharpness(run(SensorNoise(p=1, read=(0.05, 0.05), shot=(0, 0)), skin())) > 2 * sharpness(skin())
    assert abs(np.corrcoef(out[..., 0].ravel(), out[..., 1].ravel())[0, 1]) < 0.03
    rows = np.corrcoef(out.reshape(128, -1)) - np.eye(128)
    assert np.abs(rows).max() < 0.3  # no strip of noise occurs twice


def test_compression_loses_more_at_lower_quality_and_keeps_red_better_than_a_channel_swap_would() -> None:
    image = skin(grain=20)
    errors, sizes = [], []
    for quality in (90, 60, 30, 10):
        out = run(Compression(p=1, quality=(quality, quality)), image)
        errors.append(float(np.abs(out.astype(int) - image).mean()))
        sizes.append(len(simplejpeg.encode_jpeg(out, quality=95)))
    assert errors == sorted(errors)
    assert errors[-1] > 2 * errors[0] > 0
    assert sizes[-1] < sizes[0]
    red = np.zeros((64, 64, 3), np.uint8)
    red[:, ::2, 0] = 200  # red stripes, which luma carries
    swapped = run(Compression(p=1, quality=(30, 30)), np.ascontiguousarray(red[..., ::-1]))[..., ::-1]
    straight = run(Compression(p=1, quality=(30, 30)), red)
    assert (
        np.abs(straight[..., 0].astype(int) - red[..., 0]).mean()
        < np.abs(swapped[..., 0].astype(int) - red[..., 0]).mean()
    )


def test_lighting_moves_the_mean_as_the_stops_say() -> None:
    image = np.full((32, 32, 3), 100, np.uint8)
    for stops in (-2.0, -1.0, 0.0, 1.0):
        out = run(Lighting(p=1, stops=(stops, stops), gamma=(1, 1)), image)
        assert out.mean() == pytest.approx(100 * 2 ** (stops / 2.2), abs=0.6)
    assert run(Lighting(p=1, stops=(5, 5), gamma=(1, 1)), image).min() == 255
    assert run(Lighting(p=1, stops=(0, 0), gamma=(2, 2)), image).mean() == pytest.approx(
        100**2 / 255, abs=0.6
    )


def test_colour_cast_moves_red_against_blue_and_its_limits_take_effect() -> None:
    image = np.full((32, 32, 3), 120, np.uint8)
    warm = [run(ColourCast(p=1, kelvin=(4000, 6000)), image, s)[0, 0].astype(int) for s in range(40)]
    cold = [run(ColourCast(p=1, kelvin=(6000, 12000)), image, s)[0, 0].astype(int) for s in range(40)]
    mild = [run(ColourCast(p=1, kelvin=(5500, 6000)), image, s)[0, 0].astype(int) for s in range(40)]
    assert max(r - b for r, _, b in warm) > 60  # at 4000 K red is 1.35 and blue 0.57 of green
    assert max(b - r for r, _, b in cold) > 60
    assert max(abs(r - b) for r, _, b in mild) < 35
    assert {int(g) for _, g, _ in warm + cold} == {120}


def test_shadow_darkens_one_side_by_the_strength_and_leaves_the_other() -> None:
    image = np.full((96, 96, 3), 200, np.uint8)
    for seed in range(6):
        out = run(Shadow(p=1, strength=(0.5, 0.5), softness=(0.02, 0.02)), image, seed)
        assert (out <= image).all()
        red = out[..., 0].astype(int)
        assert red.min() == pytest.approx(100, abs=3)
        assert red.max() >= 197
        halves = ((red < 110) | (red > 190)).mean()
        assert halves > 0.85  # a narrow edge between two even parts
        assert out[..., 2].min() > out[..., 0].min()  # bluer where it is dark


def test_softer_shadows_have_gentler_edges() -> None:
    image = np.full((96, 96, 3), 200, np.uint8)
    slopes = [
        np.abs(
            np.diff(run(Shadow(p=1, strength=(0.5, 0.5), softness=(s, s)), image)[..., 0].astype(int))
        ).max()
        for s in (0.02, 0.1, 0.4)
    ]
    assert slopes[0] > slopes[1] > slopes[2] > 0


def test_glare_only_brightens_flat_skin_and_covers_more_with_larger_spots() -> None:
    image = np.full((128, 128, 3), 120, np.uint8)
    covered = []
    for radius in (0.02, 0.05, 0.1):
        out = run(Glare(p=1, count=(3, 3), radius=(radius, radius), strength=(1.2, 1.2)), image)
        assert (out.astype(int) >= image).all()
        assert out.max() >= 247
        covered.append(float((out[..., 0] > 180).mean()))
    assert 0 < covered[0] < covered[1] < covered[2] < 0.5


def test_glare_follows_the_relief_of_the_skin() -> None:
    image = skin(grain=10)
    out = run(Glare(p=1, count=(1, 1), radius=(0.3, 0.3), strength=(0.5, 0.5)), image)
    plain = cv2.blur(image, (15, 15))
    smooth = run(Glare(p=1, count=(1, 1), radius=(0.3, 0.3), strength=(0.5, 0.5)), plain)
    assert out.mean() > image.mean() + 15
    assert sharpness(out) > 3 * sharpness(smooth)


def test_rotation_turns_by_the_angle_and_fills_by_mirroring() -> None:
    image = np.full((65, 65, 3), 200, np.uint8)
    image[30:35, 32:] = 20  # a bar from the middle to the right
    out = run(Rotation(p=1, degrees=(30, 30)), image)
    y, x = np.nonzero(out[..., 0] < 100)
    far = np.hypot(y - 32, x - 32) > 15
    assert np.degrees(np.arctan2(32 - y[far], x[far] - 32)).mean() == pytest.approx(30, abs=4)
    assert out.min() >= 20  # nothing black came in


def test_each_colour_jitter_parameter_takes_effect() -> None:
    neutral = {"brightness": (1, 1), "contrast": (1, 1), "saturation": (1, 1), "hue": (0, 0)}
    image = skin()

    def jitter(**changed: tuple[float, float]) -> NDArray[np.int64]:
        return run(ColourJitter(p=1, **{**neutral, **changed}), image).astype(np.int64)

    assert np.array_equal(jitter(), image)
    assert jitter(brightness=(0.8, 0.8)).mean() == pytest.approx(0.8 * image.mean(), rel=0.01)
    assert jitter(contrast=(0.5, 0.5)).std() < 0.75 * image.std()
    assert np.ptp(jitter(saturation=(0, 0)), axis=-1).max() <= 1
    turned = jitter(hue=(0.33, 0.33))[..., :].mean(axis=(0, 1))
    assert turned.argmax() == 1  # red skin, a third of the circle on, is green
