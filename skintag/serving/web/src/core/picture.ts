/** Whole pixels of a crop, box reduction, and what is wrong with a photo; all on plain RGB bytes. */
import type { Crop, Finding } from './types';

/** RGB, row-major, three bytes a pixel. */
export interface Rgb {
  width: number;
  height: number;
  data: Uint8Array;
}

/** A part of a picture in pixels; right and bottom lie outside it. */
export interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** The pixels that a crop's fractions touch, within the picture, at least one. */
export function cropBox(crop: Crop | null, width: number, height: number): Box {
  if (!crop) return { left: 0, top: 0, right: width, bottom: height };
  const left = clamp(Math.floor(crop.x * width), 0, width - 1);
  const top = clamp(Math.floor(crop.y * height), 0, height - 1);
  return {
    left,
    top,
    right: clamp(Math.ceil((crop.x + crop.width) * width), left + 1, width),
    bottom: clamp(Math.ceil((crop.y + crop.height) * height), top + 1, height),
  };
}

export type Fit = 'squash' | 'center_crop' | 'pad';

/** The middle square of a box, for models that were trained on it; else the box as it is: the resize itself pads. */
export function fittedBox(box: Box, fit: Fit): Box {
  if (fit !== 'center_crop') return box;
  const [height, width] = [box.bottom - box.top, box.right - box.left];
  const side = Math.min(height, width);
  const top = box.top + Math.floor((height - side) / 2);
  const left = box.left + Math.floor((width - side) / 2);
  return { left, top, right: left + side, bottom: top + side };
}

/** By which whole number a picture is reduced before the model's own resize. */
export function reduction(width: number, height: number, imageSize: number): number {
  const shorter = Math.min(width, height);
  return shorter >= 4 * imageSize ? Math.floor(shorter / (2 * imageSize)) : 1;
}

/** Mean over k x k blocks of RGBA rows, rounded half up, written into `out` from its row `row` on. */
export function boxReduceInto(rgba: Uint8ClampedArray, width: number, k: number, out: Rgb, row: number): number {
  const rows = Math.floor(rgba.length / 4 / width / k);
  const half = (k * k) >> 1;
  const sums = new Uint32Array(out.width * 3);
  for (let y = 0; y < rows; y++) {
    sums.fill(0);
    for (let dy = 0; dy < k; dy++) {
      let at = (y * k + dy) * width * 4;
      for (let x = 0; x < out.width; x++) {
        for (let dx = 0; dx < k; dx++, at += 4) {
          sums[3 * x]! += rgba[at]!;
          sums[3 * x + 1]! += rgba[at + 1]!;
          sums[3 * x + 2]! += rgba[at + 2]!;
        }
      }
    }
    const to = (row + y) * out.width * 3;
    for (let i = 0; i < sums.length; i++) out.data[to + i] = Math.floor((sums[i]! + half) / (k * k));
  }
  return rows;
}

/** Bounds of `skintag/serving/quality.json`. */
export type Bounds = Record<Finding['finding'], number>;

const WHITE = 250_000; // thousandths of a grey level, from which a pixel counts as blown out

/** Grey in thousandths of a level: whole numbers are the same everywhere. */
export function greyOf(picture: Rgb): Float64Array {
  const { data } = picture;
  return Float64Array.from({ length: picture.width * picture.height }, (_, i) => {
    return 299 * data[3 * i]! + 587 * data[3 * i + 1]! + 114 * data[3 * i + 2]!;
  });
}

/** Sharpness, mean grey and the share of glaring pixels; as `skintag/serving/quality.py`. */
export function measures(picture: Rgb): { sharpness: number; brightness: number; glare: number } {
  const grey = greyOf(picture);
  let sum = 0;
  let glaring = 0;
  for (const value of grey) {
    sum += value;
    if (value >= WHITE) glaring++;
  }
  return {
    sharpness: laplacianVariance(grey, picture.width, picture.height) / 1e6,
    brightness: sum / grey.length / 1000,
    glare: glaring / grey.length,
  };
}

/** Variance of the 4-neighbour Laplacian inside the border; 0 where there is no inside. */
export function laplacianVariance(grey: Float64Array, width: number, height: number): number {
  if (width < 3 || height < 3) return 0;
  let sum = 0;
  let squares = 0;
  for (let y = 1; y < height - 1; y++) {
    for (let x = 1; x < width - 1; x++) {
      const i = y * width + x;
      const value = grey[i - 1]! + grey[i + 1]! + grey[i - width]! + grey[i + width]! - 4 * grey[i]!;
      sum += value;
      squares += value * value;
    }
  }
  const n = (width - 2) * (height - 2);
  return squares / n - (sum / n) ** 2;
}

/** What is wrong with a picture [S, S] whose crop had so many pixels on its shorter side. */
export function findings(picture: Rgb, shorter: number, bounds: Bounds): Finding[] {
  const { sharpness, brightness, glare } = measures(picture);
  const found: [Finding['finding'], number, boolean][] = [
    ['blurred', sharpness, sharpness < bounds.blurred],
    ['underexposed', brightness, brightness < bounds.underexposed],
    ['overexposed', glare, glare > bounds.overexposed],
    ['small', shorter, shorter < bounds.small],
  ];
  return found.filter(([, , wrong]) => wrong).map(([finding, value]) => ({ finding, value, bound: bounds[finding] }));
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}
