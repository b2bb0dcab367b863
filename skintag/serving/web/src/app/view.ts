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
export async function viewOf(photo: Blob, crop: Crop | null, side = VIEW_SIDE): Promise<Blob> {
  const upright = await Upright.of(photo, {}, MOST_PIXELS);
  try {
    const box = cropBox(crop, upright.width, upright.height);
    const [w, h] = [box.right - box.left, box.bottom - box.top];
    const scale = Math.min(1, side / Math.max(w, h));
    const canvas = document.createElement('canvas');
    canvas.width = Math.max(1, Math.round(w * scale));
    canvas.height = Math.max(1, Math.round(h * scale));
    const context = canvas.getContext('2d');
    if (!context) throw new PhotoError('memory');
    context.imageSmoothingQuality = 'high';
    upright.draw(context, box, canvas.width, canvas.height);
    return await blobOf(canvas);
  } finally {
    upright.close();
  }
}

/**
 * What an `<img>` shows upright: the photo itself, or a copy where it is turned in a way that browsers do not heed. Where
 * the browser cannot decode it, the photo too, so that the `<img>` fails.
 */
export async function previewOf(photo: Blob, { format, turn }: Stored): Promise<Blob> {
  const heeded = format === 'JPEG' && turn.patch !== null;
  if (turn.orientation === 1 || heeded) return photo;
  return viewOf(photo, null, PREVIEW_SIDE).catch(() => photo);
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
