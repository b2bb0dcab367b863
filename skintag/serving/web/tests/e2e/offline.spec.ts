/** Installed: in flight mode, when the model is renewed, and where the model does not fit into the storage. */
import { expect, keep, look, open, test } from './base';
import type { Page } from '@playwright/test';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { digestOf, type FileEntry } from '../../src/core/manifest';
import type { TestServer } from './server';

type Json = Record<string, unknown>;

/** Wait until the app and its model lie on the device. */
async function installed(page: Page): Promise<void> {
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready;
    for (let i = 0; i < 300; i++) {
      const names = await caches.keys();
      const app = names.find((name) => name.includes('precache'));
      const wasm = app && (await (await caches.open(app)).keys()).some((request) => request.url.includes('.wasm'));
      const bundle = names.find((name) => name.startsWith('skintag-bundle'));
      const whole = bundle && (await (await caches.open(bundle)).match('https://bundle.invalid/bundle.json'));
      if (wasm && whole) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error('not installed');
  });
}

test('in flight mode the whole way works, to the history', async ({ page, server, context }) => {
  await open(page, server);
  await installed(page);
  await server.stop();
  await context.setOffline(true);
  await page.reload();
  await expect(page.getByRole('status', { name: 'Status' })).toContainText('No network');
  await look(page, 'high');
  await expect(page.getByTestId('tier')).toHaveAttribute('data-tier', 'HIGH');
  await page.getByRole('switch', { name: 'Where the model looked' }).click();
  await expect(page.getByTestId('map')).toBeVisible();
  await keep(page, 'On the plane');
  await page.goto(`${page.url().split('#')[0]}#/settings`);
  await page.getByLabel('Language').selectOption('hi');
  await expect(page.locator('html')).toHaveAttribute('lang', 'hi');
  await expect(page.locator('h1')).toHaveText('सेटिंग');
});

test('the app can be installed', async ({ page, server, context }) => {
  await open(page, server);
  await installed(page);
  const session = await context.newCDPSession(page);
  const { installabilityErrors } = await session.send('Page.getInstallabilityErrors');
  expect(installabilityErrors.filter((error) => error.errorId !== 'in-incognito')).toEqual([]);
  const { errors } = await session.send('Page.getAppManifest');
  expect(errors).toEqual([]);
});

test('another version of the model is taken over whole', async ({ page, server }) => {
  await open(page, server);
  await look(page, 'low');
  await expect(page.getByTestId('bundle')).toContainText('colours 1');
  server.bundle = 1;
  await page.reload();
  await expect(page.getByText('A newer model was taken over.')).toBeVisible({ timeout: 30_000 });
  await look(page, 'low');
  await expect(page.getByTestId('bundle')).toContainText('colours 2');
  await expect(page.getByRole('complementary')).toContainText('Second edition.');
  const kept = await page.evaluate(async () =>
    (await caches.keys()).filter((name) => name.startsWith('skintag-bundle')),
  );
  expect(kept).toHaveLength(1);
});

test('a version that is not whole is not taken over', async ({ page, server }) => {
  await open(page, server);
  await look(page, 'low');
  server.bundle = 1;
  server.broken = 'texts.json';
  await page.reload();
  await page.waitForTimeout(4000);
  await look(page, 'low');
  await expect(page.getByTestId('bundle')).toContainText('colours 1');
});

/** A bundle whose manifest is right, but whose network is none. */
async function serveUnloadable(server: TestServer): Promise<void> {
  const model = Buffer.from('verified, and yet no network');
  const said = JSON.parse(readFileSync(new URL('../fixtures/bundle/bundle.json', import.meta.url), 'utf-8')) as Json;
  const hash = createHash('sha256').update(model).digest('hex');
  const entry = { path: 'model/model.onnx', bytes: model.length, sha256: hash };
  const files = (said.files as FileEntry[]).map((one) => (one.path === entry.path ? entry : one));
  const note = 'does not run';
  const content = { ...said, note, files, formatVersion: said.format_version };
  const digest = await digestOf(content as unknown as Parameters<typeof digestOf>[0]);
  server.replaced.set('bundle.json', Buffer.from(JSON.stringify({ ...said, note, files, digest })));
  server.replaced.set(entry.path, model);
}

test('a version that does not run replaces none that does', async ({ page, server }) => {
  await open(page, server);
  await look(page, 'low');
  await serveUnloadable(server);
  await page.goto(`${server.url}#/settings`);
  await page.getByRole('button', { name: 'Look for a newer one' }).click();
  await expect(page.getByText('the one that is here stays')).toBeVisible();
  await page.reload();
  await look(page, 'low');
  await expect(page.getByTestId('bundle')).toContainText('colours 1');
  await expect(page.getByTestId('tier')).toHaveAttribute('data-tier', 'LOW');
});

test('a newer version is shown where it was looked for', async ({ page, server }) => {
  await open(page, server);
  await look(page, 'low');
  server.bundle = 1;
  await page.goto(`${server.url}#/settings`);
  await page.getByRole('button', { name: 'Look for a newer one' }).click();
  await expect(page.getByText('Model colours 2')).toBeVisible();
});

test('in flight mode from the first visit on, without loading the page again', async ({ page, server, context }) => {
  await open(page, server);
  await installed(page);
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
  await server.stop();
  await context.setOffline(true);
  await look(page, 'moderate'); // screens, worker and runtime come out of the cache now
  await expect(page.getByTestId('tier')).toHaveAttribute('data-tier', 'MODERATE');
});

test.describe('without room', () => {
  test.use({ serviceWorkers: 'block' }); // the worker's script is changed on its way

  test('a model that finds none still answers', async ({ page, server }) => {
    // the worker's cache refuses, as a browser's does whose storage is full
    await page.route('**/worker-*.js', async (route) => {
      const response = await route.fetch();
      const full = "Cache.prototype.put = async () => { throw new DOMException('full', 'QuotaExceededError'); };\n";
      await route.fulfill({ response, body: full + (await response.text()) });
    });
    await open(page, server);
    await look(page, 'low');
    await expect(page.getByTestId('tier')).toHaveAttribute('data-tier', 'LOW');
    await page.goto(`${server.url}#/settings`);
    await expect(page.getByText('Not kept on this device')).toBeVisible();
  });
});
