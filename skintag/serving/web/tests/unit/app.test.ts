/** Settings, routes, languages, answers from outside, exported histories and PDFs. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { checkAnalysis } from '../../src/api/check';
import { hrefOf, parseRoute } from '../../src/app/route';
import { parseSettings } from '../../src/app/settings';
import { exportHistory, importHistory, ImportError, MAX_BYTES, newOf } from '../../src/history/exchange';
import { pdfOf } from '../../src/history/pdf';
import type { Entry } from '../../src/history/types';
import { languageOf, localeOf } from '../../src/i18n';
import { searchUrl } from '../../src/screens/nearby';
import { ends, percent } from '../../src/ui/tier';

const analysis = JSON.parse(
  readFileSync(new URL('../fixtures/api/analysis.json', import.meta.url), 'utf-8'),
) as Entry['analysis'];

describe('settings', () => {
  it('take what fits and leave the rest', () => {
    const said = parseSettings('{"welcomed":true,"language":"xx","theme":"dark","skin":"V-VI","where":"moon"}');
    expect(said).toMatchObject({ welcomed: true, language: null, theme: 'dark', skin: 'V-VI', where: 'device' });
    for (const broken of [null, '', '{', '[]', '"x"']) expect(parseSettings(broken).welcomed).toBe(false);
  });
});

describe('routes', () => {
  it('go there and back', () => {
    expect(parseRoute(hrefOf('compare', 'a/b', 'ü'))).toEqual({ screen: 'compare', rest: ['a/b', 'ü'] });
    expect(parseRoute('#/nowhere').screen).toBe('home');
    expect(parseRoute('#/entry/%E0%A4%A').rest).toEqual(['']);
  });
});

describe('languages', () => {
  it('follow the choice, the browser, and then English', () => {
    expect(languageOf('hi', ['es'])).toBe('hi');
    expect(languageOf(null, ['fr-FR', 'pt-BR'])).toBe('pt');
    expect(languageOf(null, ['fr'])).toBe('en');
    expect(localeOf('en', ['de', 'en-US', 'en'])).toBe('en-US');
    expect([localeOf('en', ['de']), localeOf('pt', ['en'])]).toEqual(['en-GB', 'pt']);
  });
});

describe('an analysis from outside', () => {
  it('is taken where every field fits', () => {
    expect(checkAnalysis(analysis)).toBe(analysis);
    const rounded = { ...analysis, conditions: [{ name: 'melanoma', probability: 1.00005 }] };
    expect(checkAnalysis(rounded)).toBe(rounded); // the server lets as much pass
  });

  it.each([
    ['tier', 'NONE'],
    ['malignancy_score', 1.2],
    ['malignancy_score', '0.5'],
    ['conditions', [{ name: 'x' }]],
    ['map', { height: 2, width: 2, values: [1] }],
    ['crop', { x: 0 }],
    ['quality', [{ finding: 'x', value: 1, bound: 1 }]],
    ['bundle', null],
    ['recommendation', 7],
    ['categories', { malignant: 1 }],
  ])('is refused where %s is %j', (field, value) => {
    expect(checkAnalysis({ ...analysis, [field]: value })).toBeNull();
  });
});

describe('an exported history', () => {
  const image = new Blob([Uint8Array.from([0xff, 0xd8, 1, 2])], { type: 'image/jpeg' });
  const entry: Entry = {
    id: 'a-1',
    taken: '2026-01-01T00:00:00.000Z',
    spot: 's-1',
    note: 'x',
    by: 'device',
    analysis,
    bounds: { low: 0.1, high: 0.9 },
    view: image,
    thumb: image,
  };
  const spot = { id: 's-1', name: 'Arm', created: '2026-01-01T00:00:00.000Z' };

  it('comes back as it was', async () => {
    const { entries, spots } = await importHistory(await exportHistory([entry], [spot]));
    expect(spots).toEqual([spot]);
    expect({ ...entries[0], view: 0, thumb: 0 }).toEqual({ ...entry, view: 0, thumb: 0 });
    expect(new Uint8Array(await entries[0]!.view.arrayBuffer())).toEqual(new Uint8Array(await image.arrayBuffer()));
  });

  it.each([
    ['json', () => '{'],
    ['kind', () => '{}'],
    ['version', (said: Record<string, unknown>) => JSON.stringify({ ...said, version: 2 })],
    ['entry', (said: Record<string, unknown>) => JSON.stringify({ ...said, spots: [] })],
    ['entry', (said: Record<string, unknown>) => JSON.stringify(said).replaceAll('image/jpeg', 'image/svg+xml')],
    ['entry', (said: Record<string, unknown>) => JSON.stringify(said).replace('"a-1"', '"<b>"')],
    ['entry', (said: Record<string, unknown>) => JSON.stringify({ ...said, entries: [null] })],
    ['entry', (said: Record<string, unknown>) => JSON.stringify(said).replaceAll(/base64,[^"]+/g, 'base64,/9j/4')],
  ])('is refused: %s', async (reason, change) => {
    const text = await (await exportHistory([entry], [spot])).text();
    const broken = change(JSON.parse(text) as Record<string, unknown>);
    const refused = new ImportError(reason as ImportError['reason']);
    await expect(importHistory(new Blob([broken]))).rejects.toThrow(refused);
  });

  it('brings nothing with it that is not known', async () => {
    const said = JSON.parse(await (await exportHistory([entry], [spot])).text()) as Record<string, unknown>;
    const foreign = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(foreign);
      if (typeof value !== 'object' || value === null) return value;
      const inner = Object.entries(value).map(([key, item]) => [key, foreign(item)]);
      return { ...Object.fromEntries(inner), foreign: { of: 'elsewhere' } };
    };
    const { entries, spots } = await importHistory(new Blob([JSON.stringify(foreign(said))]));
    expect(JSON.stringify({ entries, spots })).not.toContain('foreign');
    expect(entries[0]!.analysis).toEqual(analysis);
  });

  it('leaves what is there already as it is, and counts it apart', () => {
    const other = { ...entry, id: 'a-2' };
    const found = { entries: [{ ...entry, note: 'older' }, other, other], spots: [{ ...spot, name: 'older' }] };
    expect(newOf(found, { entries: [entry], spots: [spot] })).toEqual({ entries: [other], spots: [], known: 2 });
    expect(newOf(found, { entries: [], spots: [] })).toMatchObject({ spots: found.spots, known: 1 });
    expect(newOf(found, { entries: [entry, other], spots: [] })).toEqual({ entries: [], spots: [], known: 3 });
  });

  it('is refused where it is too large, before it is read', async () => {
    const file = { size: MAX_BYTES + 1, text: () => Promise.reject(new Error('read')) } as unknown as Blob;
    await expect(importHistory(file)).rejects.toThrow(new ImportError('large'));
  });

  it('has dates of one kind, for they are compared as texts', async () => {
    const text = await (await exportHistory([entry], [spot])).text();
    const odd = text.replaceAll('2026-01-01T00:00:00.000Z', 'Thu, 01 Jan 2026 00:00:00 GMT');
    const { entries, spots } = await importHistory(new Blob([odd]));
    expect([entries[0]!.taken, spots[0]!.created]).toEqual([entry.taken, spot.created]);
  });
});

describe('a PDF', () => {
  const line = { text: 'जाँच né', x: 124, y: 100, size: 20, width: 200 };
  const page = { jpeg: Uint8Array.from([0xff, 0xd8, 0xff, 0xd9]), width: 1240, height: 1754, texts: [line] };
  const made = async (): Promise<string> =>
    Buffer.from(await pdfOf([page, { ...page, texts: [] }], 'हिन्दी', 'hi').arrayBuffer()).toString('latin1');

  it('has a table that points at its objects', async () => {
    const text = await made();
    const at = Number(/startxref\n(\d+)/.exec(text)![1]);
    const rows = text
      .slice(at)
      .split('\n')
      .slice(3, 16)
      .map((row) => Number(row.slice(0, 10)));
    rows.forEach((start, i) => expect(text.slice(start).startsWith(`${i + 1} 0 obj`)).toBe(true));
    expect(text).toContain('/Count 2');
  });

  it('has its text over its picture, unseen, where and as wide as it is drawn', async () => {
    const text = await made();
    const [whole, , stretch, x, y, hex] =
      /BT 3 Tr\n\/F ([\d.]+) Tf ([\d.]+) Tz 1 0 0 1 ([\d.]+) ([\d.]+) Tm <(\w+)> Tj\nET/.exec(text)!;
    const letters = hex!.match(/.{4}/g)!.map((code) => String.fromCharCode(parseInt(code, 16)));
    expect(letters.join('')).toBe(line.text);
    expect([Number(x), Number(y)]).toEqual([59.53, expect.closeTo(841.89 - 117 * 0.48006, 1)]);
    expect(Number(stretch)).toBeCloseTo((100 * 200) / (line.text.length * 10), 1);
    expect(text.indexOf(whole)).toBeGreaterThan(text.indexOf('/P Do Q'));
    expect(text).toContain('<0000> <ffff> <0000>');
  });
});

describe('small things', () => {
  it('never say 0 or 100 of what is neither', () => {
    expect([0, 0.004, 0.5, 0.996, 1].map(percent)).toEqual(['0', '<1', '50', '>99', '100']);
  });

  it('round intervals outwards', () => {
    expect([ends(0.29, 0.57), ends(0.8932, 0.9936), ends(0, 1)]).toEqual([
      { low: 29, high: 57 },
      { low: 89, high: 100 },
      { low: 0, high: 100 },
    ]);
  });

  it('search with what was typed', () => {
    expect(searchUrl('dermatólogo', ' São Paulo & x ')).toBe(
      'https://www.openstreetmap.org/search?query=dermat%C3%B3logo%20S%C3%A3o%20Paulo%20%26%20x',
    );
  });
});
