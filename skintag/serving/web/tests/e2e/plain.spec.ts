/** What has to be said plainly: of a model that knows no skin, a photo that is too big, a server that is closed. */
import type { Page } from '@playwright/test';
import { readFileSync } from 'node:fs';
import { expect, look, open, photo, test } from './base';

const DEMO = 'Demonstration only';
const CLIENT_BYTES = 20_000_000;

/** A file with bytes behind its picture that no decoder minds. */
function padded(path: string, bytes: number): Buffer {
  const content = readFileSync(path);
  return Buffer.concat([content, Buffer.alloc(bytes - content.length)]);
}

async function choose(page: Page, name: string, buffer: Buffer): Promise<void> {
  await page.getByTestId('file').setInputFiles({ name, mimeType: 'image/jpeg', buffer });
}

test('that a model is a demonstration is said on every screen that shows what it says', async ({ page, server }) => {
  await open(page, server);
  await expect(page.getByTestId('model-note')).toContainText(DEMO);
  await expect(page.getByTestId('model-note')).toBeInViewport();
  await look(page, 'unlike');
  await expect(page.getByTestId('unlike')).toContainText(DEMO);
  await look(page, 'high');
  await expect(page.getByTestId('model-note')).toContainText(DEMO);
  const [note, card] = [page.getByTestId('model-note'), page.getByTestId('tier')];
  expect((await note.boundingBox())!.y).toBeLessThan((await card.boundingBox())!.y);
  await page.goto(`${server.url}#/about`);
  await expect(page.getByTestId('model-note')).toContainText(DEMO);
});

test('that the server’s model is one is said before a photo is sent', async ({ page, server }) => {
  server.bundled = false;
  await open(page, server, { where: 'server' });
  await expect(page.getByTestId('model-note')).toContainText(DEMO);
});

test('a file of more bytes than the server takes is made smaller first', async ({ page, server }) => {
  await open(page, server, { where: 'server' });
  await choose(page, 'big.jpg', padded(photo('low'), CLIENT_BYTES + 1_000_000));
  await page.getByRole('button', { name: 'Look at it' }).click();
  await expect(page.getByTestId('origin')).toHaveAttribute('data-by', 'server', { timeout: 30_000 });
  expect(server.uploads).toHaveLength(1);
  expect(server.uploads[0]).toBeLessThan(1_000_000);
});

for (const where of ['device', 'server']) {
  test(`a photo of more pixels than the server takes is made smaller first: ${where}`, async ({ page, server }) => {
    await open(page, server, { where });
    const made = await page.evaluate(async () => {
      const canvas = new OffscreenCanvas(8000, 6400);
      const context = canvas.getContext('2d')!;
      context.fillStyle = '#c08060';
      context.fillRect(0, 0, 8000, 6400);
      const bytes = new Uint8Array(await (await canvas.convertToBlob({ type: 'image/jpeg' })).arrayBuffer());
      let letters = '';
      for (const byte of bytes) letters += String.fromCharCode(byte);
      return btoa(letters);
    });
    await choose(page, 'wide.jpg', Buffer.from(made, 'base64'));
    await page.getByRole('button', { name: 'Whole photo' }).click();
    await expect(page.getByTestId('tier').or(page.getByTestId('unlike'))).toBeVisible({ timeout: 60_000 });
    expect(server.uploads).toHaveLength(where === 'server' ? 1 : 0);
  });
}

test('what cannot be made smaller is too big, and is not to be tried again', async ({ page, server }) => {
  await open(page, server, { where: 'server' });
  const path = new URL('../fixtures/spot.tif', import.meta.url).pathname;
  await choose(page, 'big.tif', padded(path, CLIENT_BYTES + 1));
  await page.getByRole('button', { name: 'Send the whole photo' }).click();
  await expect(page.getByRole('alert')).toContainText('This photo is too big');
  await expect(page.getByRole('button', { name: 'Try again' })).toHaveCount(0);
  expect(server.uploads).toEqual([]);
});

test('where the server wants a key the device answers, now and from then on', async ({ page, server }) => {
  server.refuse = 401;
  await open(page, server, { where: 'server' });
  await look(page, 'low');
  await expect(page.getByTestId('origin')).toHaveAttribute('data-by', 'device');
  await expect(page.getByText('The server asks for a key, which this app does not have')).toBeVisible();
  await look(page, 'low');
  expect(server.uploads).toHaveLength(1);
});

test('where the device cannot either, it is said that a key is wanted', async ({ page, server }) => {
  server.refuse = 401;
  server.bundled = false;
  await open(page, server, { where: 'server' });
  await page.getByTestId('file').setInputFiles(photo('low'));
  await page.getByRole('button', { name: 'Look at it' }).click();
  await expect(page.getByRole('alert')).toContainText('This server asks for a key');
  await expect(page.getByRole('button', { name: 'Try again' })).toHaveCount(0);
});

test('a small part of a photo is shown large', async ({ page, server }) => {
  await open(page, server);
  await page.getByTestId('file').setInputFiles(photo('low'));
  const zoom = page.getByRole('slider', { name: 'Zoom' });
  await zoom.focus();
  await page.keyboard.press('End');
  await page.getByRole('button', { name: 'Look at it' }).click();
  const shown = page.getByRole('img', { name: 'The photo that was looked at' });
  await expect(page.getByTestId('tier').or(page.getByTestId('unlike'))).toBeVisible({ timeout: 30_000 });
  const anyway = page.getByRole('button', { name: 'Go on all the same' });
  if (await anyway.isVisible()) await anyway.click();
  await expect(page.getByTestId('tier')).toBeVisible();
  const { width, height } = (await shown.boundingBox())!;
  const natural = await shown.evaluate((image: HTMLImageElement) => [image.naturalWidth, image.naturalHeight]);
  expect(natural[0]).toBeLessThan(300);
  expect(Math.min(width, height)).toBeGreaterThan(330); // of a window of 390
  expect(width / height).toBeCloseTo(natural[0]! / natural[1]!, 1);
  await page.getByRole('switch', { name: 'Where the model looked' }).click();
  expect(await page.getByTestId('map').boundingBox()).toEqual(await shown.boundingBox());
});

test('what it was photographed with is asked where one sees it', async ({ page, server }) => {
  await open(page, server);
  await page.getByTestId('file').setInputFiles(photo('low'));
  const [field, start] = [page.getByLabel('Photographed with'), page.getByRole('button', { name: 'Look at it' })];
  await expect(start).toBeEnabled();
  const bar = (await page.getByRole('navigation', { name: 'Main' }).last().boundingBox())!.y;
  for (const part of [field, start]) {
    const { y, height } = (await part.boundingBox())!;
    expect(y + height).toBeLessThan(bar);
  }
});

test('the model card is read as headings, and not as marks', async ({ page, server }) => {
  await open(page, server);
  await page.goto(`${server.url}#/about`);
  const card = page.getByRole('region', { name: 'The model' });
  await expect(card.getByRole('heading', { level: 3, name: 'Colours' })).toBeVisible();
  await expect(card).not.toContainText('#');
});

test('without a network it is said that there is none, and not that there is no server', async ({ page, server }) => {
  await open(page, server);
  await page.goto(`${server.url}#/settings`);
  await expect(page.getByRole('radio', { name: /By the server/ })).toContainText('The photo is sent there');
  await page.context().setOffline(true);
  await expect(page.getByRole('radio', { name: /By the server/ })).toContainText('No network');
  await expect(page.getByText('There is no server here')).toHaveCount(0);
});

test('nobody without a mouse is told to drop a photo', async ({ page, server, browser }) => {
  await open(page, server);
  await expect(page.getByText('Or drop a photo here')).toBeVisible();
  const context = await browser.newContext({ hasTouch: true, isMobile: true, viewport: { width: 390, height: 844 } });
  const phone = await context.newPage();
  await open(phone, server);
  await expect(phone.getByText('Or drop a photo here')).toBeHidden();
  await context.close();
});
