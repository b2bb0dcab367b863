/** From a photo's bytes to the pixels that `resize.onnx` takes; in strips, so that large photos need little memory. */
import { PhotoError } from '../core/errors';
import { boxReduceInto, cropBox, fittedBox, reduction, type Rgb } from '../core/picture';
import type { Crop } from '../core/types';

const STRIP_PIXELS = 4_000_000;
const MAX_PIXELS = 120_000_000;

export interface Decoded {
  picture: Rgb;
  width: number;
  height: number;
  /** Shorter side of the crop, pixels. */
  shorter: number;
}

/** An upright bitmap of a photo, as it was stored: no colour management, nothing premultiplied. */
export async function bitmapOf(photo: Blob): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(photo, {
      imageOrientation: 'from-image',
      premultiplyAlpha: 'none',
      colorSpaceConversion: 'none',
    });
  } catch {
    throw new PhotoError('unreadable');
  }
}

type Context = OffscreenCanvasRenderingContext2D;

function contextOf(width: number, height: number): Context {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (!context) throw new PhotoError('memory');
  return context;
}

/** Decode, crop, and reduce by whole blocks where the photo is much larger than the model's picture. */
export async function decode(
  photo: Blob,
  crop: Crop | null,
  side: number,
  fit: 'squash' | 'center_crop',
): Promise<Decoded> {
  const bitmap = await bitmapOf(photo);
  try {
    const { width, height } = bitmap;
    if (width * height > MAX_PIXELS) throw new PhotoError('large');
    const whole = cropBox(crop, width, height);
    const shorter = Math.min(whole.right - whole.left, whole.bottom - whole.top);
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
      context.drawImage(bitmap, box.left, box.top + y, w, height_, 0, 0, w, height_);
      boxReduceInto(context.getImageData(0, 0, w, height_).data, w, k, picture, y / k);
    }
    return { picture, width, height, shorter };
  } finally {
    bitmap.close();
  }
}
