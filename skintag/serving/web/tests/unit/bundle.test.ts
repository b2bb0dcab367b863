/** The bundle's files: manifest, digest, reference; and what is refused. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BundleError } from '../../src/core/errors';
import { readDecisions } from '../../src/core/decisions';
import { digestOf, modelPath, neededFiles, parseManifest, sha256 } from '../../src/core/manifest';
import { readSensitivities } from '../../src/core/metrics';
import { readPreprocessing, readTexts } from '../../src/core/parts';
import { halfToNumber, readSafetensors } from '../../src/core/safetensors';

const file = (path: string): ArrayBuffer =>
  Uint8Array.from(readFileSync(new URL(`../fixtures/bundle/${path}`, import.meta.url))).buffer;
const json = (path: string): Record<string, unknown> =>
  JSON.parse(new TextDecoder().decode(file(path))) as Record<string, unknown>;
const bytesOf = (value: unknown): ArrayBuffer => Uint8Array.from(Buffer.from(JSON.stringify(value))).buffer;

describe('bundle.json', () => {
  it('is read, and its digest is Python’s', async () => {
    const manifest = await parseManifest(file('bundle.json'));
    expect(manifest.digest).toBe(json('bundle.json').digest);
    expect(modelPath(manifest)).toBe('model/model.onnx');
    for (const entry of neededFiles(manifest)) expect(await sha256(file(entry.path))).toBe(entry.sha256);
  });

  it('has a digest over letters beyond ASCII as Python writes them', async () => {
    const content = {
      name: 'é𝒳\u007f"\\\n',
      model: 'head',
      runtime: 'onnx',
      note: '',
      skintag: '0',
      files: [],
      formatVersion: 2,
    };
    // python: Manifest("é𝒳\x7f\"\\\n", "head", "onnx", "", "0", ()).digest
    expect(await digestOf(content)).toBe('dbfda255e8b92e35c49a599e4d1f2eeea7a4b0110a83e464e0a5bd0bc67f835a');
  });

  it.each([
    ['a changed name', { name: 'other' }],
    ['a newer format', { format_version: 3 }],
    ['another kind', { kind: 'zip' }],
    ['a path that leads out', { files: [{ path: '../x', bytes: 1, sha256: '' }] }],
    [
      'a file twice',
      {
        files: [
          { path: 'a', bytes: 1, sha256: '' },
          { path: 'A', bytes: 1, sha256: '' },
        ],
      },
    ],
    ['no files', { files: null }],
  ])('is refused with %s', async (_, changes) => {
    await expect(parseManifest(bytesOf({ ...json('bundle.json'), ...changes }))).rejects.toThrow(BundleError);
  });

  it('is refused where it is no JSON', async () => {
    await expect(parseManifest(Uint8Array.from([0xff, 0xfe]).buffer)).rejects.toThrow(BundleError);
  });
});

describe('parts', () => {
  it('are refused with a key too many or a text too few', () => {
    expect(() => readPreprocessing({ ...json('preprocessing.json'), more: 1 })).toThrow(BundleError);
    expect(() => readPreprocessing({ ...json('preprocessing.json'), image_size: 0 })).toThrow(BundleError);
    expect(() => readTexts({ ...json('texts.json'), disclaimer: ' ' })).toThrow(BundleError);
  });

  it('make decisions only where they fit together', async () => {
    const manifest = await parseManifest(file('bundle.json'));
    const names = ['calibration.json', 'taxonomy.json', 'texts.json', 'thresholds.json', 'triage.json'];
    const files = new Map(names.map((name) => [name, file(name)]));
    expect(readDecisions(manifest, files).conditions).toHaveLength(11);
    files.set('triage.json', bytesOf({ policies: { other: {} } }));
    expect(() => readDecisions(manifest, files)).toThrow('an entry of head');
    files.set(
      'triage.json',
      bytesOf({ policies: { head: { version: 2, low: 0.9, high: 0.1, never_low: [], malignant_from: 0.5 } } }),
    );
    expect(() => readDecisions(manifest, files)).toThrow('low <= high');
  });

  it('say how many cancers were found', () => {
    const found = readSensitivities(json('metrics.json'), 'head');
    expect(found.overall).toEqual({ value: 0.9, low: 0.86, high: 0.93, n: 240, few: false });
    expect(found.skin['V-VI']?.few).toBe(true);
    expect(readSensitivities({}, 'head')).toEqual({ overall: null, skin: {}, camera: {} });
  });
});

describe('safetensors', () => {
  it('widens half precision: ends, subnormals and what is no number', () => {
    const pairs: [number, number][] = [
      [0x3c00, 1],
      [0xc000, -2],
      [0x7bff, 65504],
      [0x0400, 2 ** -14],
      [0x0001, 2 ** -24],
      [0x8000, -0],
      [0x7c00, Infinity],
    ];
    for (const [bits, value] of pairs) expect(halfToNumber(bits)).toBe(value);
    expect(halfToNumber(0x7e00)).toBeNaN();
  });

  it('is refused where its header lies', () => {
    expect(() => readSafetensors(new ArrayBuffer(4), 'x')).toThrow(BundleError);
    const bytes = new Uint8Array(file('ood/ood.safetensors')).slice(0, -10);
    expect(() => readSafetensors(bytes.buffer, 'x')).toThrow(BundleError);
  });
});
