/** The device decides as Python does: numbers that `tests/fixtures/make_parity.py` had Python work out. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { categoriesOf, checkOutputs, predict, readDecisions } from '../../src/core/decisions';
import type { Manifest } from '../../src/core/manifest';
import { expit, format4g, logit } from '../../src/core/numbers';
import { percent, wholeShares } from '../../src/core/percent';
import { storedOf } from '../../src/core/photo';
import { findings } from '../../src/core/picture';
import type { Categories, Prediction } from '../../src/core/types';
import bounds from '../../../quality.json';

interface Case {
  format_version: number;
  files: Record<string, unknown>;
  ood: string;
  malignant: number[];
  conditions: number[][] | null;
  embedding: number[][];
  predictions: (Prediction & { image?: string })[];
}

interface Parity {
  cases: Case[];
  numbers: [number, string][];
  logits: [number, number, number][];
  files: { name: string; data: string; refused: string; size: [number, number] | null }[];
  percents: { alone: [number, string][]; together: [Categories, Record<string, string>][] };
  shares: { p: number; conditions: number[] | null; categories: Categories }[];
  pictures: { side: number; pixels: number[]; shorter: number; findings: unknown[] }[];
}

const parity = JSON.parse(readFileSync(new URL('../fixtures/parity.json', import.meta.url), 'utf-8')) as Parity;

function bytes(value: string | Buffer): ArrayBuffer {
  return Uint8Array.from(Buffer.from(value)).buffer;
}

function decisionsOf(given: Case) {
  const files = new Map(Object.entries(given.files).map(([path, value]) => [path, bytes(JSON.stringify(value))]));
  if (given.ood) files.set('ood/ood.safetensors', bytes(Buffer.from(given.ood, 'base64')));
  const manifest = { model: 'head', formatVersion: given.format_version } as Manifest;
  return readDecisions(manifest, files);
}

/** Equal, but for the last digits that another order of adding leaves. */
function close(found: unknown, wanted: unknown): void {
  if (typeof wanted === 'number') {
    expect(Math.abs((found as number) - wanted)).toBeLessThanOrEqual(1e-9 * Math.max(1, Math.abs(wanted)));
  } else if (typeof wanted === 'object' && wanted !== null) {
    expect(Object.keys(found as object)).toEqual(Object.keys(wanted));
    for (const [key, value] of Object.entries(wanted)) close((found as Record<string, unknown>)[key], value);
  } else {
    expect(found).toEqual(wanted);
  }
}

describe('decisions', () => {
  it.each(parity.cases.map((given, i) => [i, given] as const))('of bundle %i are Python’s', (_, given) => {
    const decisions = decisionsOf(given);
    given.predictions.forEach((wanted, row) => {
      const conditions = given.conditions?.[row];
      const found = predict(decisions, {
        malignant: given.malignant[row]!,
        conditions: conditions ? Float32Array.from(conditions) : null,
        embedding: Float32Array.from(given.embedding[row]!),
      });
      const { image: _image, ...rest } = wanted;
      close(found, rest);
    });
  });

  it('come up in every kind', () => {
    const said = parity.cases.flatMap((given) => given.predictions);
    expect(new Set(said.map((p) => p.tier)).size).toBe(3);
    expect(new Set(said.map((p) => p.category)).size).toBe(3);
    expect(new Set(said.map((p) => p.out_of_distribution)).size).toBe(3);
    expect(said.some((p) => p.tier_reason.includes('is never LOW'))).toBe(true);
  });
});

describe('categories', () => {
  it('are Python’s, where rounding left shares outside [0, 1] too', () => {
    for (const { p, conditions, categories } of parity.shares) {
      close(categoriesOf(p, Float32Array.from(conditions ?? [NaN, ...Array<number>(10).fill(0)])), categories);
    }
  });
});

describe('shares as whole numbers', () => {
  it('are rounded as Python rounds them', () => {
    for (const [share, text] of parity.percents.alone) expect(percent(share), String(share)).toBe(text);
    expect(percent(0.125)).toBe('13'); // half up, and not to the even number
  });

  it('of the categories sum to 100, as Python’s do', () => {
    for (const [categories, wanted] of parity.percents.together) {
      const found = wholeShares(categories);
      expect(Object.fromEntries(found)).toEqual(wanted);
      const texts = found.map(([, text]) => text);
      if (texts.every((text) => /^\d+$/.test(text))) {
        expect(texts.reduce((sum, text) => sum + Number(text), 0)).toBe(100);
      }
    }
    const thirds = { malignant: 0.335, inflammatory: 0.335, benign: 0.33 };
    expect(Object.values(Object.fromEntries(wholeShares(thirds)))).toEqual(['34', '33', '33']);
  });
});

describe('outputs that cannot be a network’s', () => {
  const fine = {
    malignant: 0.5,
    conditions: new Float32Array(11),
    embedding: new Float32Array(4),
    map: new Float32Array(4),
  };
  it.each([
    ['a score above 1', { malignant: 1.001 }],
    ['no score', { malignant: NaN }],
    ['a condition below 0', { conditions: Float32Array.of(-0.001, ...Array<number>(10).fill(0)) }],
    ['too few conditions', { conditions: new Float32Array(10) }],
    ['an embedding of infinity', { embedding: Float32Array.of(Infinity) }],
    ['a map of no numbers', { map: Float32Array.of(NaN) }],
  ])('are refused: %s', (_, wrong) => {
    expect(() => checkOutputs(fine, 11)).not.toThrow();
    expect(() => checkOutputs({ ...fine, map: null, malignant: 1.00005 }, 11)).not.toThrow();
    expect(() => checkOutputs({ ...fine, ...wrong }, 11)).toThrow('model: expected');
  });
});

describe('numbers', () => {
  it('are written as .4g writes them', () => {
    for (const [value, text] of parity.numbers) expect(format4g(value)).toBe(text);
  });

  it('have the same logit and expit', () => {
    for (const [p, z, back] of parity.logits) {
      close(logit(p), z);
      close(expit(logit(p)), back);
    }
  });
});

describe('quality findings', () => {
  it('are Python’s', () => {
    for (const { side, pixels, shorter, findings: wanted } of parity.pictures) {
      close(findings({ width: side, height: side, data: Uint8Array.from(pixels) }, shorter, bounds), wanted);
    }
  });
});

describe('files', () => {
  const WORDS: Record<string, string> = {
    'not an image': 'unknown',
    'unsupported format': 'unsupported',
    'several frames': 'frames',
    truncated: 'damaged',
    damaged: 'damaged',
    empty: 'empty',
  };
  it.each(parity.files)('$name: refused as Python refuses it, or turned as it turns it', ({ data, refused, size }) => {
    const read = () => storedOf(Uint8Array.from(Buffer.from(data, 'base64')));
    if (refused) return expect(read).toThrow(WORDS[refused]);
    const stored = read();
    const { width, height } = stored.size!;
    expect(stored.turn.orientation >= 5 ? [height, width] : [width, height]).toEqual(size);
  });
});
