/** What a photo's file says of itself: read from bytes that are put together here, by the formats' own documents. */
import { describe, expect, it } from 'vitest';
import { checkSize, formatOf, refuseStrip, storedOf } from '../../src/core/photo';
import { storedBox } from '../../src/device/upright';

const text = (letters: string): number[] => [...letters].map((letter) => letter.charCodeAt(0));
const big = (value: number, bytes = 4): number[] =>
  Array.from({ length: bytes }, (_, i) => Math.floor(value / 256 ** (bytes - 1 - i)) % 256);
const little = (value: number, bytes = 4): number[] => big(value, bytes).reverse();

/** A TIFF directory with one entry, the orientation. */
const exif = (orientation: number, order: 'II' | 'MM' = 'II', kind = 3): number[] => {
  const n = order === 'II' ? little : big;
  const value = order === 'II' || kind === 4 ? n(orientation) : [...n(orientation, 2), 0, 0];
  return [...text(order), ...n(42, 2), ...n(8), ...n(1, 2), ...n(274, 2), ...n(kind, 2), ...n(1), ...value, ...n(0)];
};
const xmp = (orientation: number): number[] => text(`<rdf tiff:Orientation="${orientation}"/>`);

const segment = (marker: number, body: number[]): number[] => [0xff, marker, ...big(body.length + 2, 2), ...body];
const jpeg = (extra: number[] = [], width = 30, height = 20, end = [0xff, 0xd9]): number[] => [
  ...[0xff, 0xd8],
  ...extra,
  ...segment(0xc0, [8, ...big(height, 2), ...big(width, 2), 1, 1, 0x11, 0]),
  ...segment(0xda, [1, 1, 0, 0, 63, 0]),
  ...[1, 2, 0xff, 0, 3],
  ...end,
];
const jpegExif = (body: number[]): number[] => segment(0xe1, [...text('Exif\0\0'), ...body]);

const chunk = (name: string, body: number[]): number[] => [...big(body.length), ...text(name), ...body, 0, 0, 0, 0];
const png = (before: number[] = [], after: number[] = [], width = 30): number[] => [
  ...[0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a],
  ...chunk('IHDR', [...big(width), ...big(20), 8, 2, 0, 0, 0]),
  ...before,
  ...chunk('IDAT', [1]),
  ...after,
  ...chunk('IEND', []),
];

const riff = (name: string, body: number[]): number[] => [
  ...text(name),
  ...little(body.length),
  ...body,
  ...(body.length % 2 ? [0] : []),
];
const lossless = riff('VP8L', [0x2f, ...little(29 + 19 * 2 ** 14), 0]);
const webp = (...chunks: number[][]): number[] => {
  const head = riff('VP8X', [8, 0, 0, 0, ...little(29, 3), ...little(19, 3)]);
  const body = [...text('WEBP'), ...head, ...chunks.flat()];
  return [...text('RIFF'), ...little(body.length), ...body];
};

const tiff = (pages: number): number[] => {
  const page = (i: number): number[] => [
    ...little(3, 2),
    ...[256, 257, 274].flatMap((tag, k) => [
      ...little(tag, 2),
      ...little(3, 2),
      ...little(1),
      ...little([30, 20, 8][k]!),
    ]),
    ...little(i + 1 < pages ? 8 + 42 * (i + 1) : 0),
  ];
  return [...text('II*\0'), ...little(8), ...Array.from({ length: pages }, (_, i) => page(i)).flat()];
};

const read = (bytes: number[]) => storedOf(Uint8Array.from(bytes));
const size = { width: 30, height: 20 };

describe('a photo’s orientation', () => {
  it.each([
    ['JPEG', (body: number[]) => jpeg(jpegExif(body))],
    ['PNG', (body: number[]) => png([], chunk('eXIf', body))],
    ['WEBP', (body: number[]) => webp(lossless, riff('EXIF', body))],
    ['WEBP', (body: number[]) => webp(lossless, riff('EXIF', [...text('Exif\0\0'), ...body]))],
  ])('of a %s is read, and can be taken out', (format, made) => {
    for (const [order, kind] of [
      ['II', 3],
      ['MM', 3],
      ['II', 4],
      ['MM', 4],
    ] as const) {
      for (let orientation = 1; orientation <= 8; orientation++) {
        const bytes = made(exif(orientation, order, kind));
        const stored = read(bytes);
        expect(stored).toMatchObject({ format, size, turn: { orientation } });
        const { at, bytes: one } = stored.turn.patch!;
        one.forEach((byte, i) => (bytes[at + i] = byte));
        expect(read(bytes).turn.orientation).toBe(1);
      }
    }
  });

  it('comes from XMP where EXIF says none, as Pillow takes it', () => {
    const marked = segment(0xe1, [...text('http://ns.adobe.com/xap/1.0/\0'), ...xmp(6)]);
    expect(read(jpeg(marked)).turn).toEqual({ orientation: 6, patch: null });
    expect(read(jpeg([...marked, ...jpegExif(exif(3))])).turn.orientation).toBe(3);
    expect(read(webp(lossless, riff('XMP ', xmp(8)))).turn.orientation).toBe(8);
    expect(
      read(png([], chunk('iTXt', [...text('XML:com.adobe.xmp'), 0, 0, 0, 0, 0, ...xmp(5)]))).turn.orientation,
    ).toBe(5);
  });

  it('that makes no sense is none', () => {
    for (const odd of [exif(0), exif(9), exif(6).slice(0, 15), text('what'), []]) {
      expect(read(jpeg(jpegExif(odd))).turn.orientation).toBe(1);
    }
  });

  it('maps parts of the upright picture to parts of the stored one', () => {
    const [width, height] = [4, 3];
    const stored = Array.from({ length: height }, (_, y) => Array.from({ length: width }, (_, x) => `${x}${y}`));
    for (let orientation = 1; orientation <= 8; orientation++) {
      const rows = uprightOf(stored, orientation);
      for (let y = 0; y < rows.length; y++) {
        for (let x = 0; x < rows[0]!.length; x++) {
          const box = storedBox({ left: x, right: x + 1, top: y, bottom: y + 1 }, orientation, width, height);
          expect([box.right - box.left, box.bottom - box.top]).toEqual([1, 1]);
          expect(stored[box.top]![box.left], `${orientation}`).toBe(rows[y]![x]);
        }
      }
    }
  });
});

/** As `skintag/data/images/files.py` turns rows of pixels. */
function uprightOf(rows: string[][], orientation: number): string[][] {
  let out = rows;
  if (orientation >= 5) out = out[0]!.map((_, x) => out.map((row) => row[x]!));
  if ([3, 4, 7, 8].includes(orientation)) out = [...out].reverse();
  if ([2, 3, 6, 7].includes(orientation)) out = out.map((row) => [...row].reverse());
  return out;
}

describe('what the server refuses, the device refuses', () => {
  const frame = chunk('fcTL', Array<number>(26).fill(0));
  const animation = (n: number): number[] => chunk('acTL', [...big(n), ...big(0)]);
  it.each<[string, string, number[]]>([
    ['an empty file', 'empty', []],
    ['a text', 'unknown', text('hello, this is a text')],
    ['a page', 'unknown', text('<svg xmlns="x"/>')],
    ['a GIF', 'unsupported', text('GIF89a')],
    ['an AVIF', 'unsupported', [...big(24), ...text('ftypavif'), ...big(0), ...text('mif1')]],
    ['a video', 'unsupported', [...big(24), ...text('ftypisom'), ...big(0), ...text('mp42')]],
    ['an animated PNG', 'frames', png([...animation(2), ...frame])],
    ['an animated PNG whose first picture is no part of it', 'frames', png(animation(1), frame)],
    ['an animated WebP', 'frames', webp(riff('ANIM', []), riff('ANMF', [1]), riff('ANMF', [1]))],
    ['a TIFF of two pages', 'frames', tiff(2)],
    ['a JPEG cut off', 'damaged', jpeg([], 30, 20, [])],
    ['a PNG cut off', 'damaged', png().slice(0, -8)],
    ['a WebP cut off', 'damaged', webp(lossless).slice(0, -4)],
    ['no pixel', 'damaged', png([], [], 0)],
    ['a TIFF whose directory is not there', 'damaged', tiff(1).slice(0, 20)],
  ])('%s: %s', (_, reason, bytes) => {
    expect(() => read(bytes)).toThrow(expect.objectContaining({ name: 'PhotoError', message: reason }) as Error);
  });

  it('and what it takes, by the bytes alone', () => {
    expect(formatOf(Uint8Array.from([...big(24), ...text('ftypheic'), ...big(0), ...text('mif1')]))).toBe('HEIC');
    expect(formatOf(Uint8Array.from([...big(24), ...text('ftypmif1'), ...big(0), ...text('heic')]))).toBe('HEIC');
    expect(read(tiff(1))).toMatchObject({ format: 'TIFF', size, turn: { orientation: 8 } });
    expect(
      read([...text('BM'), ...Array<number>(12).fill(0), ...little(40), ...little(30), ...little(2 ** 32 - 20)]),
    ).toMatchObject({
      format: 'BMP',
      size,
    });
    expect(read(png([...animation(1), ...frame])).format).toBe('PNG');
    expect(read(jpeg([...[0xff, 0xff, 0xe0], ...big(4, 2), 1, 1])).size).toEqual(size);
  });

  it('what has too many pixels, or too long a side', () => {
    expect(() => checkSize(10_000, 5_000)).not.toThrow();
    expect(() => checkSize(10_000, 5_001)).toThrow('large');
    expect(() => checkSize(65_536, 1)).toThrow('large');
    expect(() => checkSize(10_000, 10_000, 120_000_000)).not.toThrow();
  });

  it('strips are longer than ten times their width', () => {
    expect(() => refuseStrip(10, 100)).not.toThrow();
    expect(() => refuseStrip(101, 10)).toThrow('strip');
  });
});
