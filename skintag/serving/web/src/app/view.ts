/** Small copies of photos for showing and keeping; drawing them anew leaves all metadata behind. */
import { cropBox } from '../core/picture';
import { PhotoError } from '../core/errors';
import type { Crop } from '../core/types';

export const VIEW_SIDE = 900;
export const THUMB_SIDE = 240;

/** The part of a photo, at most so many pixels on its longer side, as JPEG. Throws PhotoError. */
export async function viewOf(photo: Blob, crop: Crop | null, side = VIEW_SIDE): Promise<Blob> {
  const bitmap = await createImageBitmap(photo, { imageOrientation: 'from-image' }).catch(() => {
    throw new PhotoError('unreadable');
  });
  const box = cropBox(crop, bitmap.width, bitmap.height);
  const [w, h] = [box.right - box.left, box.bottom - box.top];
  const scale = Math.min(1, side / Math.max(w, h));
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(1, Math.round(w * scale));
  canvas.height = Math.max(1, Math.round(h * scale));
  const context = canvas.getContext('2d');
  if (!context) throw new PhotoError('memory');
  context.imageSmoothingQuality = 'high';
  context.drawImage(bitmap, box.left, box.top, w, h, 0, 0, canvas.width, canvas.height);
  bitmap.close();
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
