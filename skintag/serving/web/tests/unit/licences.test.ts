/** Every package that is in the app may be, and its licence stands in "about". */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { folderOf, licencesOf } from '../../scripts/licences.mjs';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const PERMISSIVE = ['MIT', 'ISC', '0BSD', 'BSD-2-Clause', 'BSD-3-Clause', 'Apache-2.0', 'OFL-1.1'];
const built = here('../../../static/licences.json');

interface Licence {
  name: string;
  licence: string;
  text: string;
}

describe('licences', () => {
  it('finds the package of a module', () => {
    expect(folderOf('/a/node_modules/@x/y/dist/z.js?v=1')).toBe('/a/node_modules/@x/y');
    expect(folderOf('\0/a/node_modules/b/node_modules/c/i.js')).toBe('/a/node_modules/b/node_modules/c');
    expect(folderOf('/a/src/main.tsx')).toBeNull();
  });

  it('of everything that is depended on are permissive', () => {
    const own = JSON.parse(readFileSync(here('../../package.json'), 'utf-8')) as {
      dependencies: Record<string, string>;
    };
    const ids = Object.keys(own.dependencies).map((name) => here(`../../node_modules/${name}/package.json`));
    const listed = licencesOf(ids, here('../../'));
    expect(listed.length).toBeGreaterThanOrEqual(ids.length);
    for (const { name, licence, text } of listed) {
      expect(PERMISSIVE, name).toContain(licence);
      expect(text.length, name).toBeGreaterThan(400);
    }
  });

  it.runIf(existsSync(built))('of the built app are all there', () => {
    const listed = JSON.parse(readFileSync(built, 'utf-8')) as Licence[];
    const names = listed.map(({ name }) => name);
    for (const wanted of [
      'react',
      'react-dom',
      'i18next',
      'onnxruntime-web',
      'idb',
      'react-easy-crop',
      '@fontsource/dm-sans',
    ]) {
      expect(names).toContain(wanted);
    }
    expect(names.some((name) => name.startsWith('@radix-ui/'))).toBe(true);
    for (const { name, licence, text } of listed) {
      expect(PERMISSIVE, name).toContain(licence);
      expect(text.length, name).toBeGreaterThan(400);
    }
    const scripts = readdirSync(here('../../../static/assets')).filter((name) => name.endsWith('.js'));
    expect(scripts.length).toBeGreaterThan(10);
  });
});
