/** From a photo's bytes to the pixels that `resize.onnx` takes; in strips, so that large photos need little memory. */
import { PhotoError } from '../core/errors';
import { refuseStrip } from '../core/photo';
import { boxReduceInto, cropBox, type Fit, fittedBox, reduction, type Rgb } from '../core/picture';
import type { Crop } from '../core/types';
import { Upright } from './upright';

const STRIP_PIXELS = 4_000_000;

export interface Decoded {
  picture: Rgb;
  width: number;
  height: number;
  /** Shorter side of the crop, pixels. */
  shorter: number;
}

/** The pixels as they were stored: no colour management, nothing premultiplied. */
const AS_STORED: ImageBitmapOptions = { premultiplyAlpha: 'none', colorSpaceConversion: 'none' };

type Context = OffscreenCanvasRenderingContext2D;

function contextOf(width: number, height: number): Context {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (!context) throw new PhotoError('memory');
  context.imageSmoothingEnabled = false; // pixel for pixel, whichever way it is turned
  return context;
}

/** Decode, crop, and reduce by whole blocks where the photo is much larger than the model's picture. */
export async function decode(
  photo: Blob,
  crop: Crop | null,
  side: number,
  fit: Fit,
): Promise<Decoded> {
  const upright = await Upright.of(photo, AS_STORED);
  try {
    const { width, height } = upright;
    const whole = cropBox(crop, width, height);
    const sides = [whole.right - whole.left, whole.bottom - whole.top] as const;
    refuseStrip(...sides);
    const box = fittedBox(whole, fit);
    const [w, h] = [box.right - box.left, box.bottom - box.top];
    const k = reduction(w, h, side);
    const picture: Rgb = { width: Math.floor(w / k), height: Math.floor(h / k), data: new Uint8Array(0) };
    picture.data = new Uint8Array(picture.width * picture.height * 3);
    const rows = Math.max(1, Math.floor(STRIP_PIXELS / w / k)) * k;
    const context = contextOf(w, Math.min(rows, h));
    for (let y = 0; y + k <= h; y += rows) {
      const height_ = Math.min(rows, h - y);
      context.fillStyle = '#fff';
      context.fillRect(0, 0, w, height_);
      const part = { left: box.left, right: box.right, top: box.top + y, bottom: box.top + y + height_ };
      upright.draw(context, part, w, height_);
      boxReduceInto(context.getImageData(0, 0, w, height_).data, w, k, picture, y / k);
    }
    return { picture, width, height, shorter: Math.min(...sides) };
  } finally {
    upright.close();
  }
}
