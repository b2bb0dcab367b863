/**
 * How long does a model take in the browser? `node scripts/time.mjs <model.onnx> ...` runs each in Chromium with
 * onnxruntime-web on plain WASM and one thread, as on a phone: bytes, milliseconds to load it, and the median of a picture.
 * The models take turns, round after round, so that a busy machine slows all of them alike.
 */
import { chromium } from '@playwright/test';
import { readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const files = process.argv.slice(2);
const rounds = 40;
const dist = dirname(createRequire(import.meta.url).resolve('onnxruntime-web'));
const kinds = { mjs: 'text/javascript', js: 'text/javascript', wasm: 'application/wasm' };

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox'],
});
const page = await browser.newPage();
await page.route('http://models.test/**', (route) => {
  const path = new URL(route.request().url()).pathname.slice(1);
  if (!path) return route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>models</title>' });
  if (path.startsWith('model/')) return route.fulfill({ body: readFileSync(files[Number(path.slice(6))]) });
  return route.fulfill({ contentType: kinds[path.split('.').pop()], body: readFileSync(join(dist, path)) });
});
await page.goto('http://models.test/');
const found = await page.evaluate(
  async ([count, times]) => {
    const ort = await import('/ort.wasm.min.mjs');
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.wasmPaths = '/';
    const models = [];
    for (let i = 0; i < count; i++) {
      const bytes = new Uint8Array(await (await fetch(`/model/${i}`)).arrayBuffer());
      const start = performance.now();
      const session = await ort.InferenceSession.create(bytes, { executionProviders: ['wasm'] });
      const loaded = performance.now() - start;
      const shape = session.inputMetadata[0].shape.map((side, axis) => (axis ? Number(side) : 1));
      const levels = new Uint8Array(shape.reduce((a, b) => a * b)).map((_, at) => (at * 7919) % 256);
      models.push({ session, loaded, image: new ort.Tensor('uint8', levels, shape), took: [] });
    }
    for (let round = 0; round < times + 3; round++) {
      for (const model of models) {
        const start = performance.now();
        await model.session.run({ image: model.image });
        if (round >= 3) model.took.push(performance.now() - start); // the first ones warm up
      }
    }
    const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
    return models.map(({ loaded, took, image }) => ({ loaded, median: median(took), side: image.dims[1] }));
  },
  [files.length, rounds],
);
await browser.close();
console.log('| file | side | MB | ms to load | ms a picture (median) |\n|---|---:|---:|---:|---:|');
files.forEach((file, i) => {
  const { loaded, median, side } = found[i];
  const size = (statSync(file).size / 1e6).toFixed(1);
  console.log(`| ${file} | ${side} | ${size} | ${loaded.toFixed(0)} | ${median.toFixed(1)} |`);
});
