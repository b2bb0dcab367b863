/**
 * Does the device say what the server says? `node scripts/agree.mjs <address> <folder of pictures> [most]` has both look
 * at as many pictures of each of its folders, and prints how far they are apart and how long the device took. Ends with
 * 1 where tiers agree on less than 99.5 %, probabilities to more than 0.01, or maps correlate below 0.99.
 */
import { chromium } from '@playwright/test';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';

const [address, folder, most = '500'] = process.argv.slice(2);
const pictures = readdirSync(folder, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && /\.(jpe?g|png)$/i.test(entry.name))
  .map((entry) => join(entry.parentPath, entry.name))
  .sort();
const folderOf = (path) => relative(folder, path).split(sep)[0];
const folders = [...new Set(pictures.map(folderOf))];
const each = Math.ceil(Number(most) / folders.length);
const chosen = folders.flatMap((name) => {
  const all = pictures.filter((path) => folderOf(path) === name);
  const step = Math.max(1, Math.floor(all.length / each));
  return all.filter((_, i) => i % step === 0).slice(0, each);
});

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox'],
});
const page = await browser.newPage();
const opened = performance.now();
await page.goto(address);
const build = await (await page.request.get(new URL('build.json', address).href)).json().catch(() => ({}));
const script =
  process.env.WORKER ??
  Object.values(build)
    .flatMap((entry) => [entry.file, ...(entry.assets ?? [])])
    .find((file) => /worker-.*\.js$/.test(file));

const cold = await page.evaluate(async (path) => {
  const start = performance.now();
  const worker = new Worker(new URL(path, document.baseURI), { type: 'module' });
  let last = 0;
  window.ask = (message) =>
    new Promise((resolve, reject) => {
      const id = ++last;
      const hear = ({ data }) => {
        if (data.id !== id || data.kind === 'progress') return;
        worker.removeEventListener('message', hear);
        if (data.kind === 'done') resolve(data.value);
        else reject(new Error(data.message));
      };
      worker.addEventListener('message', hear);
      worker.addEventListener('error', (event) => reject(new Error(event.message || 'the worker did not start')));
      worker.postMessage({ ...message, id });
    });
  await window.ask({ kind: 'load', base: new URL('bundle/', document.baseURI).href });
  return performance.now() - start;
}, script);

/** Pearson's correlation; 1 where both are constant. */
function correlation(a, b) {
  const mean = (values) => values.reduce((x, y) => x + y, 0) / values.length;
  const [ma, mb] = [mean(a), mean(b)];
  const sum = (f) => a.reduce((total, _, i) => total + f(a[i] - ma, b[i] - mb), 0);
  const size = Math.sqrt(sum((x) => x * x) * sum((_, y) => y * y));
  return size ? sum((x, y) => x * y) / size : 1;
}

const rows = [];
let first = 0;
for (const path of [chosen[0], ...chosen]) {
  const crop = { x: 0.1, y: 0.05, width: 0.8, height: 0.85 };
  const both = await page.evaluate(
    async ([content, part, send]) => {
      const photo = new Blob([Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0))]);
      const device = await window.ask({ kind: 'analyse', photo, crop: part });
      if (!send) return { device };
      const form = new FormData();
      form.append('image', photo, 'photo');
      form.append('crop', JSON.stringify(part));
      for (;;) {
        const response = await fetch('api/analyze', { method: 'POST', body: form });
        if (response.status !== 429) return { device, server: await response.json() };
        await new Promise((resolve) => setTimeout(resolve, 1000 * Number(response.headers.get('retry-after') ?? 1)));
      }
    },
    [readFileSync(path).toString('base64'), crop, first > 0],
  );
  if (!first) {
    first = performance.now() - opened; // the cold start ends here; the first picture is looked at again
    continue;
  }
  const { analysis: own, milliseconds } = both.device;
  const said = both.server;
  rows.push({
    path,
    milliseconds,
    said: said.tier,
    tier: own.tier === said.tier,
    category: own.category === said.category,
    unlike: own.out_of_distribution === said.out_of_distribution,
    apart: Math.abs(own.malignancy_probability - said.malignancy_probability),
    mapped: Boolean(own.map && said.map),
    map: Boolean(own.map) !== Boolean(said.map) ? 0 : own.map ? correlation(own.map.values, said.map.values) : 1,
    same: JSON.stringify(own.quality) === JSON.stringify(said.quality),
  });
}
await browser.close();
const of = (test) => `${rows.filter(test).length} of ${rows.length}`;
const count = (key) => {
  const counts = {};
  for (const row of rows) counts[key(row)] = (counts[key(row)] ?? 0) + 1;
  return Object.entries(counts)
    .map(([name, n]) => `${name} ${n}`)
    .join(', ');
};
const sorted = rows.map((row) => row.milliseconds).sort((a, b) => a - b);
const [apart, map] = [Math.max(...rows.map((row) => row.apart)), Math.min(...rows.map((row) => row.map))];
console.log(`pictures ${rows.length}: ${count((row) => folderOf(row.path))}; tiers ${count((row) => row.said)}`);
console.log(
  `model loaded after ${Math.round(cold)} ms, first answer ${Math.round(first)} ms after the page was asked for; ` +
    `a picture takes ${sorted[sorted.length >> 1].toFixed(1)} ms (median)`,
);
console.log(
  `same tier ${of((row) => row.tier)}, category ${of((row) => row.category)}, out of distribution ` +
    `${of((row) => row.unlike)}, quality ${of((row) => row.same)}`,
);
console.log(
  `probabilities at most ${apart.toExponential(2)} apart, ` +
    `maps correlated ${map.toFixed(6)} at least (${of((row) => row.mapped)} have one)`,
);
const tiers = rows.filter((row) => row.tier).length / rows.length;
process.exit(tiers >= 0.995 && apart <= 0.01 && map > 0.99 ? 0 : 1);
