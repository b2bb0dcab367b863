/** Small copies of photos for showing and keeping; drawing them anew leaves all metadata behind. */
import { cropBox } from '../core/picture';
import { PhotoError } from '../core/errors';
import { MOST_PIXELS, Upright } from '../device/upright';
import type { Stored } from '../core/photo';
import type { Crop } from '../core/types';

export const VIEW_SIDE = 900;
export const THUMB_SIDE = 240;
const PREVIEW_SIDE = 2048;

/** The part of a photo, at most so many pixels on its longer side, as JPEG. Throws PhotoError. */
export function viewOf(photo: Blob, crop: Crop | null, side = VIEW_SIDE): Promise<Blob> {
  return copyOf(photo, crop, (w, h) => side / Math.max(w, h));
}

/** The part of a photo as JPEG, made smaller by what `scaleOf` its sides says. Throws PhotoError. */
export async function copyOf(
  photo: Blob,
  crop: Crop | null,
  scaleOf: (width: number, height: number) => number,
  quality = 0.85,
): Promise<Blob> {
  const upright = await Upright.of(photo, {}, MOST_PIXELS);
  try {
    const box = cropBox(crop, upright.width, upright.height);
    const [w, h] = [box.right - box.left, box.bottom - box.top];
    const scale = Math.min(1, scaleOf(w, h));
    const canvas = document.createElement('canvas');
    canvas.width = Math.max(1, Math.round(w * scale));
    canvas.height = Math.max(1, Math.round(h * scale));
    const context = canvas.getContext('2d');
    if (!context) throw new PhotoError('memory');
    context.imageSmoothingQuality = 'high';
    context.fillStyle = '#fff'; // a JPEG has no transparency: without it, it would be black
    context.fillRect(0, 0, canvas.width, canvas.height);
    upright.draw(context, box, canvas.width, canvas.height);
    return await blobOf(canvas, quality);
  } finally {
    upright.close();
  }
}

/**
 * What an `<img>` shows upright: the photo itself, or a copy where it is turned in a way that browsers do not heed.
 * Where the browser cannot decode it, the photo too, so that the `<img>` fails.
 */
export async function previewOf(photo: Blob, { format, turn }: Stored): Promise<Blob> {
  const heeded = format === 'JPEG' && turn.patch !== null;
  if (turn.orientation === 1 || heeded) return photo;
  return viewOf(photo, null, PREVIEW_SIDE).catch(() => photo);
}

/** A sheet with some words, in place of a photo that the browser cannot show. */
export function sheetOf(words: string): Promise<Blob> {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = 600;
  const context = canvas.getContext('2d');
  if (!context) throw new PhotoError('memory');
  context.fillStyle = '#ece3d3';
  context.fillRect(0, 0, 600, 600);
  context.fillStyle = '#62574b';
  context.font = '28px sans-serif';
  context.textAlign = 'center';
  context.fillText(words, 300, 310, 560);
  return blobOf(canvas);
}

/** A canvas as JPEG. */
export function blobOf(canvas: HTMLCanvasElement, quality = 0.85): Promise<Blob> {
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new PhotoError('memory'))), 'image/jpeg', quality);
  });
}

/** Whether every one of these can be shown. */
export async function arePictures(blobs: readonly Blob[]): Promise<boolean> {
  for (const blob of blobs) {
    const bitmap = await createImageBitmap(blob).catch(() => null);
    if (!bitmap) return false;
    bitmap.close();
  }
  return true;
}
