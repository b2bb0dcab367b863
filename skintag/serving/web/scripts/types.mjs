/**
 * The API's types out of its own document: `src/api/schema.d.ts`. Where there is no Python with the server in it, the
 * committed types stay, so that the app can be built with Node alone.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import openapi, { astToString } from 'openapi-typescript';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const root = here('../../../../');
const pythons = [process.env.PYTHON, `${root}.venv/bin/python`, 'python3', 'python'].filter(Boolean);

function documentOf() {
  for (const python of pythons) {
    if (python.includes('/') && !existsSync(python)) continue;
    try {
      const options = { cwd: root, encoding: 'utf-8', stdio: ['ignore', 'pipe', 'ignore'] };
      return JSON.parse(execFileSync(python, ['-m', 'skintag.serving.openapi'], options));
    } catch {
      /* the next one */
    }
  }
  return null;
}

const document = documentOf();
if (document)
  writeFileSync(
    here('../src/api/schema.d.ts'),
    `// Made by scripts/types.mjs out of the API's document.\n${astToString(await openapi(document))}`,
  );
console.log(document ? 'types: made from the API’s document' : 'types: no server to ask, the committed ones stay');
