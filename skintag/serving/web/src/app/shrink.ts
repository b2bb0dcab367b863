/** Photos that are more than is taken, as smaller copies; drawing them anew leaves all metadata behind. */
import { PhotoError } from '../core/errors';
import { storedIn } from '../device/upright';
import { copyOf } from './view';

export interface Most {
  pixels: number;
  bytes: number;
}

/** What any browser's canvas holds, Safari's on a phone among them. */
const CANVAS_PIXELS = 16_000_000;
const TRIES = 4;

/** The photo where it is within the limits, else an upright copy that is. Throws PhotoError `large` without one. */
export async function fitted(photo: Blob, most: Most): Promise<Blob> {
  const { size } = await storedIn(photo);
  const many = size !== null && size.width * size.height > most.pixels;
  if (!many && photo.size <= most.bytes) return photo;
  let pixels = Math.min(most.pixels, CANVAS_PIXELS);
  for (let i = 0; i < TRIES; i++, pixels /= 2) {
    const copy = await copyOf(photo, null, (w, h) => Math.sqrt(pixels / w / h), 0.92).catch(() => {
      throw new PhotoError('large'); // the browser cannot decode it, so it cannot make it smaller either
    });
    if (copy.size <= most.bytes) return copy;
  }
  throw new PhotoError('large');
}
