/** Numbers and texts out of a file's bytes, and the orientation in its EXIF or XMP. */

/** Raised as RangeError where the file ends before what is asked for. */
function within(bytes: Uint8Array, at: number, length: number): void {
  if (at < 0 || at + length > bytes.length) throw new RangeError('the file ends too early');
}

export function uint16(bytes: Uint8Array, at: number, little: boolean): number {
  within(bytes, at, 2);
  return little ? bytes[at]! | (bytes[at + 1]! << 8) : (bytes[at]! << 8) | bytes[at + 1]!;
}

export function uint32(bytes: Uint8Array, at: number, little: boolean): number {
  const [first, second] = [uint16(bytes, at, little), uint16(bytes, at + 2, little)];
  return little ? first + second * 65_536 : first * 65_536 + second;
}

/** Bytes as text, one letter each; shorter where the file ends. */
export function ascii(bytes: Uint8Array, from: number, to: number): string {
  return new TextDecoder('latin1').decode(bytes.subarray(from, to));
}

export function startsWith(bytes: Uint8Array, magic: readonly number[]): boolean {
  return magic.every((byte, i) => bytes[i] === byte);
}

/** How a picture has to be turned: EXIF's 1 to 8 (Exif 2.32, 4.6.4, tag 274). */
export interface Turn {
  orientation: number;
  /** What says 1 in place of it, so that no decoder turns it too; null where only we read it. */
  patch: { at: number; bytes: number[] } | null;
}

const ORIENTATION = 274;
const WIDTHS: Record<number, number> = { 1: 1, 3: 2, 4: 4 }; // of the kinds of whole numbers, in bytes

/** Where the entries of the directory at `at` lie, and where the next directory is; offsets from `base`. */
export function directoryOf(bytes: Uint8Array, base: number, at: number, little: boolean): [number[], number] {
  const count = uint16(bytes, base + at, little);
  const entries = Array.from({ length: count }, (_, i) => base + at + 2 + 12 * i);
  return [entries, uint32(bytes, base + at + 2 + 12 * count, little)];
}

/** A directory's entry that is one whole number: where it lies and what it is; null for any other. */
export function numberAt(bytes: Uint8Array, entry: number, little: boolean): { at: number; value: number } | null {
  const kind = uint16(bytes, entry + 2, little);
  if (!(kind in WIDTHS) || uint32(bytes, entry + 4, little) !== 1) return null;
  const at = entry + 8;
  if (kind === 1) return { at, value: bytes[at]! };
  return { at, value: kind === 3 ? uint16(bytes, at, little) : uint32(bytes, at, little) };
}

/** The orientation in a TIFF directory, which EXIF is; null where it says none. */
export function exifOf(bytes: Uint8Array, from: number): Turn | null {
  const base = ascii(bytes, from, from + 6) === 'Exif\0\0' ? from + 6 : from;
  const order = ascii(bytes, base, base + 2);
  if (order !== 'II' && order !== 'MM') return null;
  const little = order === 'II';
  try {
    const [entries] = directoryOf(bytes, base, uint32(bytes, base + 4, little), little);
    const entry = entries.find((one) => uint16(bytes, one, little) === ORIENTATION);
    if (entry === undefined) return null;
    const found = numberAt(bytes, entry, little);
    if (!found) return { orientation: 1, patch: null };
    const width = WIDTHS[uint16(bytes, entry + 2, little)]!;
    const one = Array.from({ length: width }, (_, i) => (i === (little ? 0 : width - 1) ? 1 : 0));
    return { orientation: known(found.value), patch: { at: found.at, bytes: one } };
  } catch {
    return null; // EXIF that cannot be parsed says nothing about the pixels
  }
}

/** The orientation that XMP gives; null where it gives none. */
export function xmpOf(text: string): number | null {
  const said = /tiff:Orientation(?:="|>)([0-9])/.exec(text);
  return said ? known(Number(said[1])) : null;
}

function known(orientation: number): number {
  return orientation >= 1 && orientation <= 8 ? orientation : 1;
}
