/** What a photo is by its bytes, and what is refused: as `skintag/data/images`, so that device and server agree. */
import { ascii, startsWith, uint16, uint32, type Turn } from './bytes';
import { PhotoError } from './errors';
import { heicKind, jpegOf, pngOf, tiffOf, webpOf } from './containers';

export type Format = 'JPEG' | 'PNG' | 'WEBP' | 'TIFF' | 'BMP' | 'HEIC';

/** A photo as it lies in its file. */
export interface Stored {
  format: Format;
  /** Pixels as they are stored, before they are turned; null where the header was not read. */
  size: { width: number; height: number } | null;
  /** How it has to be turned. */
  turn: Turn;
}

/** What a container's parser finds. */
export interface Found {
  size: Stored['size'];
  exif: Turn | null;
  /** An orientation that its XMP gives. */
  xmp: number | null;
  frames: number;
  /** Whether the file's end is there, as far as its format lets one say. */
  whole: boolean;
}

/** As the server has them unless it was told otherwise: pixels and bytes of a picture. */
export const MAX_PIXELS = 50_000_000;
export const MAX_BYTES = 20_000_000;
const MAX_SIDE = 65_535;
const STRIP = 10;

/** The format by the first bytes. Throws PhotoError: `empty`, `unsupported` or `unknown`. */
export function formatOf(bytes: Uint8Array): Format {
  if (!bytes.length) throw new PhotoError('empty');
  if (startsWith(bytes, [0xff, 0xd8, 0xff])) return 'JPEG';
  if (startsWith(bytes, [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])) return 'PNG';
  if (ascii(bytes, 0, 4) === 'RIFF' && ascii(bytes, 8, 12) === 'WEBP') return 'WEBP';
  if (['II*\0', 'MM\0*'].includes(ascii(bytes, 0, 4))) return 'TIFF';
  if (ascii(bytes, 0, 2) === 'BM') return 'BMP';
  const family = heicKind(bytes);
  if (family === 'HEIC') return 'HEIC';
  const named = family !== null || ['GIF8', '8BPS', '%PDF'].includes(ascii(bytes, 0, 4));
  throw new PhotoError(named ? 'unsupported' : 'unknown');
}

function bmpOf(bytes: Uint8Array): Found {
  const old = uint32(bytes, 14, true) === 12;
  const height = old ? uint16(bytes, 20, true) : Math.abs(uint32(bytes, 22, true) | 0); // negative: from the top down
  const width = old ? uint16(bytes, 18, true) : uint32(bytes, 18, true);
  return { size: { width, height }, exif: null, xmp: null, frames: 1, whole: true };
}

function foundIn(bytes: Uint8Array, format: Format): Found {
  switch (format) {
    case 'JPEG':
      return jpegOf(bytes);
    case 'PNG':
      return pngOf(bytes);
    case 'WEBP':
      return webpOf(bytes);
    case 'TIFF':
      return tiffOf(bytes);
    case 'BMP':
      return bmpOf(bytes);
    case 'HEIC': // its boxes turn it, which its decoder does by itself
      return { size: null, exif: null, xmp: null, frames: 1, whole: true };
  }
}

/** What the file holds. Throws PhotoError where the server would refuse it: `frames`, `damaged`, and as `formatOf`. */
export function storedOf(bytes: Uint8Array): Stored {
  const format = formatOf(bytes);
  let found: Found;
  try {
    found = foundIn(bytes, format);
  } catch (error) {
    if (error instanceof RangeError) throw new PhotoError('damaged'); // it ends before its parts do
    throw error;
  }
  if (found.frames > 1) throw new PhotoError('frames');
  if (!found.whole) throw new PhotoError('damaged');
  if (found.size && Math.min(found.size.width, found.size.height) < 1) throw new PhotoError('damaged');
  return { format, size: found.size, turn: found.exif ?? { orientation: found.xmp ?? 1, patch: null } };
}

/** Throw PhotoError `large` where there are more pixels than the server takes. */
export function checkSize(width: number, height: number, most = MAX_PIXELS): void {
  if (width * height > most || Math.max(width, height) > MAX_SIDE) throw new PhotoError('large');
}

/** Throw PhotoError `strip` where a part is much longer than wide: no photograph is. */
export function refuseStrip(width: number, height: number): void {
  if (Math.max(width, height) > STRIP * Math.min(width, height)) throw new PhotoError('strip');
}
