/** Every text is there in every language, with the same fields to fill in. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const read = (path: string): unknown => JSON.parse(readFileSync(path, 'utf-8'));

function flat(value: unknown, prefix = ''): Map<string, string> {
  if (typeof value === 'string') return new Map([[prefix, value]]);
  const entries = Object.entries(value as Record<string, unknown>);
  return new Map(entries.flatMap(([key, inner]) => [...flat(inner, prefix ? `${prefix}.${key}` : key)]));
}

const fields = (text: string): string[] => [...text.matchAll(/\{\{(\w+)\}\}/g)].map((match) => match[1]!).sort();
const single = (key: string): boolean => !/_(many)$/.test(key); // forms that English has none of

for (const [what, folder] of [
  ['screens', '../../src/i18n/locales/'],
  ['triage', '../../../texts/'],
] as const) {
  const english = flat(read(here(`${folder}en.json`)));
  describe.each(['es', 'pt', 'hi'])(`${what} in %s`, (language) => {
    const texts = flat(read(here(`${folder}${language}.json`)));

    it('has every key and no other', () => {
      expect([...texts.keys()].filter(single).sort()).toEqual([...english.keys()].sort());
    });

    it('has no empty text, and the same fields in each', () => {
      for (const [key, text] of texts) {
        expect(text.trim(), key).not.toBe('');
        if (single(key)) expect(fields(text), key).toEqual(fields(english.get(key)!));
      }
    });

    it('is not English', () => {
      const same = [...texts].filter(([key, text]) => text === english.get(key) && text.length > 24);
      expect(same).toEqual([]);
    });
  });
}

/** All source files of the app, by path. */
function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return sources(path);
    return /\.tsx?$/.test(entry.name) ? [path] : [];
  });
}

describe('keys in the code', () => {
  const english = flat(read(here('../../src/i18n/locales/en.json')));
  const code = sources(here('../../src'))
    .map((path) => readFileSync(path, 'utf-8'))
    .join('\n');

  it('are all in the texts', () => {
    const plain = [...code.matchAll(/\bt\('([\w.-]+)'(?!, \{ ns)/g)].map((match) => match[1]!);
    const missing = plain.filter(
      (key) => !english.has(key) && !english.has(`${key}_other`) && !key.startsWith('advice'),
    );
    expect(missing.filter((key) => key !== 'disclaimer')).toEqual([]);
    expect(plain.length).toBeGreaterThan(80);
  });
});
