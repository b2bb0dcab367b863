/** Crops, box reduction, the map's words, and the live view's hints. */
import { describe, expect, it } from 'vitest';
import { boxReduceInto, cropBox, fittedBox, reduction, type Rgb } from '../../src/core/picture';
import { placeOf, strengths } from '../../src/core/heat';
import { hintOf, isSkin, measureFrame } from '../../src/camera/measure';
import { categoriesOf } from '../../src/core/decisions';
import { ringOf } from '../../src/screens/camera';
import { fractionsOf } from '../../src/screens/crop';

describe('a crop', () => {
  it('takes every pixel that it touches, and at least one', () => {
    expect(cropBox({ x: 0.101, y: 0.5, width: 0.2, height: 0.25 }, 100, 40)).toEqual({
      left: 10,
      top: 20,
      right: 31,
      bottom: 30,
    });
    expect(cropBox({ x: 1, y: 1, width: 0, height: 0 }, 7, 7)).toEqual({ left: 6, top: 6, right: 7, bottom: 7 });
    expect(cropBox(null, 7, 5)).toEqual({ left: 0, top: 0, right: 7, bottom: 5 });
  });

  it('is squared in its middle where the model wants that', () => {
    const whole = { left: 1, top: 2, right: 12, bottom: 7 };
    expect(fittedBox(whole, 'pad')).toEqual(whole);
    expect(fittedBox({ left: 1, top: 2, right: 12, bottom: 7 }, 'center_crop')).toEqual({
      left: 4,
      top: 2,
      right: 9,
      bottom: 7,
    });
  });

  it('of the cropper lies within the picture', () => {
    expect(fractionsOf({ x: -1e-9, y: 20, width: 100.0001, height: 80 })).toEqual({
      x: 0,
      y: 0.2,
      width: 1,
      height: 0.8,
    });
  });
});

describe('box reduction', () => {
  it('begins at four times the side', () => {
    expect(reduction(255, 400, 64)).toBe(1);
    expect(reduction(256, 400, 64)).toBe(2);
    expect(reduction(4000, 3000, 224)).toBe(6);
  });

  it('is the mean of blocks, half up, and cuts off the rest', () => {
    const [width, height, k] = [5, 4, 2];
    const rgba = new Uint8ClampedArray(width * height * 4).map((_, i) => (i * 37) % 256);
    const out: Rgb = { width: 2, height: 2, data: new Uint8Array(12) };
    expect(boxReduceInto(rgba, width, k, out, 0)).toBe(2);
    const mean = (x: number, y: number, c: number): number => {
      let sum = 0;
      for (const dy of [0, 1]) for (const dx of [0, 1]) sum += rgba[((2 * y + dy) * width + 2 * x + dx) * 4 + c]!;
      return Math.floor((sum + 2) / 4);
    };
    const wanted = [0, 1].flatMap((y) => [0, 1].flatMap((x) => [0, 1, 2].map((c) => mean(x, y, c))));
    expect([...out.data]).toEqual(wanted);
  });
});

describe('the map', () => {
  const map = (values: number[]) => ({ height: 3, width: 3, values });

  it('says where it lies', () => {
    expect(placeOf(map([0, 0, 0, 0, 5, 0, 0, 0, 0]))).toBe('mc');
    expect(placeOf(map([5, 0, 0, 0, 0, 0, 0, 0, 0]))).toBe('tl');
    expect(placeOf(map([0, 0, 0, 0, 0, 0, 0, 5, 0]))).toBe('bc');
  });

  it('says nothing where it is flat', () => {
    expect(strengths(map([1, 1.1, 1, 1, 1, 1, 1, 1, 1]))).toBeNull();
  });
});

describe('categories', () => {
  it('share what is not malignant as the conditions stand, and add up', () => {
    const conditions = new Float32Array([0.5, 0, 0, 0, 0.1, 0, 0, 0, 0.3, 0.1, 0]);
    const { malignant, inflammatory, benign } = categoriesOf(0.4, conditions);
    expect(malignant).toBe(0.4);
    expect(inflammatory).toBeCloseTo(0.36, 6);
    expect(malignant + inflammatory! + benign).toBeCloseTo(1, 12);
    expect(categoriesOf(0.4, null)).toEqual({ malignant: 0.4, inflammatory: null, benign: 0.6 });
    expect(categoriesOf(0.4, new Float32Array([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]))).toEqual({
      malignant: 0.4,
      inflammatory: 0,
      benign: 0.6,
    });
  });
});

describe('the live view', () => {
  const side = 64;
  type Colour = [number, number, number];
  /** A square of one colour with noise, and a spot of another in its middle. */
  const frame = (skin: Colour, spot: Colour, radius: number, noise = 12): Uint8ClampedArray => {
    const out = new Uint8ClampedArray(side * side * 4);
    for (let i = 0; i < side * side; i++) {
      const far = Math.hypot((i % side) - side / 2, Math.floor(i / side) - side / 2) > radius;
      const shift = ((i * 7919) % 13) / 13 - 0.5;
      (far ? skin : spot).forEach((value, c) => (out[4 * i + c] = value + noise * shift));
      out[4 * i + 3] = 255;
    }
    return out;
  };
  const hint = (...given: Parameters<typeof frame>): string => hintOf(measureFrame(frame(...given), side));
  const [light, brown, dark, mole]: Colour[] = [
    [224, 178, 150],
    [160, 110, 82],
    [92, 60, 44],
    [70, 44, 34],
  ];

  it('knows skin of every tone, and what is none', () => {
    for (const tone of [light!, brown!, dark!, [241, 205, 186] as Colour, [60, 38, 28] as Colour])
      expect(isSkin(...tone), String(tone)).toBe(true);
    for (const other of [
      [40, 90, 200],
      [60, 160, 60],
      [128, 128, 128],
      [255, 255, 255],
      [10, 10, 10],
    ] as Colour[]) {
      expect(isSkin(...other), String(other)).toBe(false);
    }
  });

  it('hints at what matters most', () => {
    expect(hint(light!, mole!, 12)).toBe('good');
    expect(hint(brown!, mole!, 12)).toBe('good');
    expect(hint(light!, mole!, 1)).toBe('closer');
    expect(hint(light!, mole!, 27)).toBe('farther');
    expect(hint(light!, mole!, 12, 0)).toBe('good'); // a sharp edge is sharp enough
    expect(hint(light!, light!, 12, 0)).toBe('blurred');
    expect(hint([60, 150, 60], [60, 150, 60], 12)).toBe('noSkin');
    expect(hint([20, 12, 10], [10, 8, 6], 12)).toBe('dark');
    expect(hint([255, 252, 250], [255, 252, 250], 12, 0)).toBe('bright');
  });

  it('looks at the ring', () => {
    expect(ringOf(1920, 1080).left * 2 + ringOf(1920, 1080).side).toBeCloseTo(1920);
  });
});
