/** Fails where the JavaScript of the first view is more than 200 kB, gzipped. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const LIMIT = 200_000;
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const root = here('../../static/');
const manifest = JSON.parse(readFileSync(`${root}build.json`, 'utf-8'));

/** The files that are loaded before anything is clicked: the entry's and those that it imports outright. */
function first(key, seen = new Set()) {
  if (seen.has(key)) return seen;
  seen.add(key);
  for (const other of manifest[key].imports ?? []) first(other, seen);
  return seen;
}

const files = [...first('index.html')].map((key) => manifest[key].file).filter((file) => file.endsWith('.js'));
const bytes = files.reduce((sum, file) => sum + gzipSync(readFileSync(root + file), { level: 9 }).length, 0);
console.log(`first view: ${bytes.toLocaleString('en')} bytes of JavaScript, gzipped, in ${files.join(', ')}`);
if (bytes > LIMIT) {
  console.error(`more than ${LIMIT.toLocaleString('en')}: load later what the first view does not need`);
  process.exit(1);
}
