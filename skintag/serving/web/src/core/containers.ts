/** What the containers of photos say of size, orientation and frames, by their own structure; nothing is decoded. */
import { ascii, directoryOf, exifOf, numberAt, uint16, uint32, xmpOf, type Turn } from './bytes';
import type { Found } from './photo';

const XMP = 'http://ns.adobe.com/xap/1.0/\0';
const SIZES = [0xc0, 0xc1, 0xc2, 0xc3, 0xc5, 0xc6, 0xc7, 0xc9, 0xca, 0xcb, 0xcd, 0xce, 0xcf]; // start of frame
const SCAN = 0xda;

/** Marker by marker up to the first scan, and whether an end comes after it (T.81, B.1). */
export function jpegOf(bytes: Uint8Array): Found {
  const found: Found = { size: null, exif: null, xmp: null, frames: 1, whole: false };
  let at = 2;
  while (at + 4 <= bytes.length) {
    if (bytes[at] !== 0xff || bytes[at + 1] === 0xff || bytes[at + 1] === 0) {
      at++; // padding, or stray bytes that some cameras leave
      continue;
    }
    const marker = bytes[at + 1]!;
    if (marker === SCAN) return { ...found, whole: found.size !== null && endAfter(bytes, at) };
    if (marker >= 0xd0 && marker <= 0xd8) {
      at += 2;
      continue;
    }
    const length = uint16(bytes, at + 2, false);
    if (SIZES.includes(marker)) {
      found.size = { height: uint16(bytes, at + 5, false), width: uint16(bytes, at + 7, false) };
    }
    if (marker === 0xe1) {
      if (ascii(bytes, at + 4, at + 10) === 'Exif\0\0') found.exif ??= exifOf(bytes, at + 4);
      if (ascii(bytes, at + 4, at + 4 + XMP.length) === XMP) found.xmp ??= xmpOf(ascii(bytes, at + 4, at + 2 + length));
    }
    at += 2 + Math.max(2, length);
  }
  return found;
}

function endAfter(bytes: Uint8Array, from: number): boolean {
  for (let at = bytes.indexOf(0xff, from); at >= 0; at = bytes.indexOf(0xff, at + 1)) {
    if (bytes[at + 1] === 0xd9) return true;
  }
  return false;
}

/** Chunk by chunk; an animation is counted as Pillow counts it, with a first picture that is no part of it. */
export function pngOf(bytes: Uint8Array): Found {
  const found: Found = { size: null, exif: null, xmp: null, frames: 1, whole: false };
  let [pixels, first, animated] = [false, false, false];
  for (let at = 8; at + 12 <= bytes.length;) {
    const length = uint32(bytes, at, false);
    const name = ascii(bytes, at + 4, at + 8);
    const body = at + 8;
    if (body + length + 4 > bytes.length) return found;
    if (name === 'IHDR') found.size = { width: uint32(bytes, body, false), height: uint32(bytes, body + 4, false) };
    if (name === 'acTL' && !pixels && uint32(bytes, body, false) > 0) {
      [animated, found.frames] = [true, uint32(bytes, body, false)];
    }
    if (name === 'fcTL' && !pixels) first = true;
    if (name === 'eXIf') found.exif ??= exifOf(bytes, body);
    if (name === 'iTXt' && ascii(bytes, body, body + 17) === 'XML:com.adobe.xmp') {
      found.xmp ??= xmpOf(ascii(bytes, body, body + length));
    }
    if (name === 'IDAT' && !pixels) {
      pixels = true;
      if (animated && !first) found.frames++;
    }
    if (name === 'IEND') return { ...found, whole: pixels && found.size !== null };
    at = body + length + 4;
  }
  return found;
}

/** Chunk by chunk (RFC 9649). */
export function webpOf(bytes: Uint8Array): Found {
  const end = 8 + uint32(bytes, 4, true);
  let [exif, xmp, frames]: [Turn | null, number | null, number] = [null, null, 0];
  for (let at = 12; at + 8 <= Math.min(end, bytes.length);) {
    const [name, length] = [ascii(bytes, at, at + 4), uint32(bytes, at + 4, true)];
    if (name === 'EXIF') exif ??= exifOf(bytes, at + 8);
    if (name === 'XMP ') xmp ??= xmpOf(ascii(bytes, at + 8, at + 8 + length));
    if (name === 'ANMF') frames++;
    at += 8 + length + (length % 2);
  }
  return { size: webpSize(bytes), exif, xmp, frames: Math.max(1, frames), whole: end <= bytes.length };
}

function webpSize(bytes: Uint8Array): Found['size'] {
  const first = ascii(bytes, 12, 16);
  const three = (at: number): number => uint16(bytes, at, true) + bytes[at + 2]! * 65_536 + 1;
  if (first === 'VP8X') return { width: three(24), height: three(27) };
  if (first === 'VP8 ') return { width: uint16(bytes, 26, true) & 0x3fff, height: uint16(bytes, 28, true) & 0x3fff };
  if (first !== 'VP8L') return null;
  const bits = uint32(bytes, 21, true);
  return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
}

/** The first directory, and how many there are (TIFF 6.0, section 2). */
export function tiffOf(bytes: Uint8Array): Found {
  const little = bytes[0] === 0x49;
  const seen = new Set<number>();
  let at = uint32(bytes, 4, little);
  const first = directoryOf(bytes, 0, at, little)[0];
  while (at !== 0 && !seen.has(at)) {
    seen.add(at);
    at = directoryOf(bytes, 0, at, little)[1];
  }
  const side = (tag: number): number => {
    const entry = first.find((one) => uint16(bytes, one, little) === tag);
    return (entry === undefined ? null : numberAt(bytes, entry, little))?.value ?? 0;
  };
  const size = { width: side(256), height: side(257) };
  return { size, exif: exifOf(bytes, 0), xmp: null, frames: seen.size, whole: true };
}

const HEVC = ['heic', 'heix', 'heim', 'heis', 'hevc', 'hevx', 'hevm', 'hevs'];

/** HEIC, or what else of its family: AVIF and videos; null for any other file. */
export function heicKind(bytes: Uint8Array): 'HEIC' | 'other' | null {
  if (ascii(bytes, 4, 8) !== 'ftyp') return null;
  const end = Math.min(uint32(bytes, 0, false), bytes.length, 256);
  const brands = [ascii(bytes, 8, 12)];
  for (let at = 16; at < end; at += 4) brands.push(ascii(bytes, at, at + 4));
  return brands.some((brand) => HEVC.includes(brand)) ? 'HEIC' : 'other';
}
