/** What is kept: history, notes, comparing, export and import, the PDF, deleting, and a full storage. */
import { readFileSync, statSync } from 'node:fs';
import { expect, keep, look, open, test } from './base';
import { history, importText, seed } from './seed';

test('two photos of a spot are kept, charted and compared', async ({ page, server }) => {
  await open(page, server);
  await look(page, 'low');
  await keep(page, 'Left arm');
  await look(page, 'high');
  await keep(page, 'Left arm', true);
  await page.goto(`${server.url}#/history`);
  await expect(page.locator('main img')).toHaveCount(2);
  await page.reload();
  await expect(page.locator('main img')).toHaveCount(2);
  await page.getByRole('link', { name: 'Compare' }).click();
  await expect(page.getByRole('img', { name: /2 photos from/ })).toBeVisible();
  await page.getByRole('link', { name: 'Compare' }).click();
  await expect(page.getByRole('img', { name: 'Later' })).toBeVisible();
  const slider = page.getByRole('slider');
  const cut = () => page.getByRole('img', { name: 'Later' }).evaluate((image) => (image as HTMLElement).style.clipPath);
  const before = await cut();
  await slider.focus();
  for (let i = 0; i < 10; i++) await page.keyboard.press('ArrowRight');
  expect(await cut()).not.toBe(before);
  expect(await cut()).toContain('60%'); // the line follows the thumb
  await expect(page.getByText('Change of the estimate')).toContainText('+97');
});

test('a note is changed and stays', async ({ page, server }) => {
  await open(page, server);
  await seed(page);
  await page.goto(`${server.url}#/entry/entry-4`);
  await page.getByRole('textbox', { name: 'Note' }).fill('Bleeds since Sunday');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('Saved')).toBeVisible();
  await page.reload();
  await expect(page.getByRole('textbox', { name: 'Note' })).toHaveValue('Bleeds since Sunday');
});

test('what is exported can be taken in again', { tag: '@smoke' }, async ({ page, server }) => {
  await open(page, server);
  await seed(page);
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Export' }).click();
  const text = readFileSync(await (await download).path(), 'utf-8');
  await page.getByRole('button', { name: 'Delete all' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click();
  await expect(page.getByText('Nothing kept yet')).toBeVisible();
  await importText(page, text);
  await expect(page.locator('main img')).toHaveCount(5);
  await expect(page.getByText('5 photos taken in.')).toBeVisible();
  const again = JSON.parse(text) as { entries: unknown[] };
  expect(again.entries).toHaveLength(5);
});

test('a damaged file is refused whole', async ({ page, server }) => {
  await open(page, server);
  const broken = JSON.parse(history()) as { entries: { analysis: { tier: string } }[] };
  broken.entries[3]!.analysis.tier = 'NONE';
  await importText(page, JSON.stringify(broken));
  await expect(page.getByText('nothing of it was taken in')).toBeVisible();
  await importText(page, '{"kind": "other"}');
  await expect(page.getByText('not a history of this app')).toBeVisible();
  await expect(page.getByText('Nothing kept yet')).toBeVisible();
});

test('one photo is deleted, when asked twice', async ({ page, server }) => {
  await open(page, server);
  await seed(page);
  await page.goto(`${server.url}#/entry/entry-5`);
  await page.getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click();
  await expect(page.locator('main img')).toHaveCount(4);
});

test('the PDF is a PDF with the photo and the words in it', async ({ page, server }) => {
  await open(page, server);
  await look(page, 'high');
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'PDF for a doctor' }).click();
  const file = await download;
  expect(file.suggestedFilename()).toMatch(/^skintag-report-\d{4}-\d\d-\d\d\.pdf$/);
  const path = await file.path();
  expect(statSync(path).size).toBeGreaterThan(30_000);
  const bytes = readFileSync(path, 'latin1');
  expect(bytes.startsWith('%PDF-1.4')).toBe(true);
  expect(bytes.trimEnd().endsWith('%%EOF')).toBe(true);
  const at = Number(/startxref\n(\d+)/.exec(bytes)![1]);
  expect(bytes.slice(at, at + 4)).toBe('xref');
  const written = [...bytes.matchAll(/<((?:[0-9a-f]{4})+)> Tj/g)].map(([, hex]) =>
    hex!.replace(/.{4}/g, (code) => String.fromCharCode(parseInt(code, 16))),
  );
  expect(written[0]).toBe('Report of a photo check');
  expect(written.join(' ')).toContain('Demonstration only: this model learned from made-up pictures');
  expect(written.join(' ')).toContain('What to do next');
  expect(written.at(-1)).toBe('Page 1 of 1');
  const from = bytes.indexOf('/DCTDecode');
  const size = Number(/\/Length (\d+)/.exec(bytes.slice(from))![1]);
  const start = bytes.indexOf('stream\n', from) + 'stream\n'.length;
  const jpeg = Buffer.from(bytes.slice(start, start + size), 'latin1').toString('base64');
  const { width, rows, photo } = await page.evaluate(async (content) => {
    const blob = new Blob([Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0))]);
    const bitmap = await createImageBitmap(blob);
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    const context = canvas.getContext('2d')!;
    context.drawImage(bitmap, 0, 0);
    const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
    let written = 0; // rows of pixels with ink in them
    for (let y = 0; y < bitmap.height; y++) {
      const row = data.subarray(4 * y * bitmap.width, 4 * (y + 1) * bitmap.width);
      if (row.some((value, i) => i % 4 === 0 && value < 90)) written++;
    }
    const middle = context.getImageData(110 + 260, 560, 1, 1).data; // within the photo
    return { width: bitmap.width, rows: written, photo: [...middle.subarray(0, 3)] };
  }, jpeg);
  expect(width).toBe(1240);
  expect(rows).toBeGreaterThan(300);
  expect(Math.max(...photo) - Math.min(...photo)).toBeGreaterThan(15); // in colour, and so not paper
});

test('the focus comes back from a dialog, and is not lost where its button is gone', async ({ page, server }) => {
  await open(page, server);
  await seed(page);
  const button = page.getByRole('button', { name: 'Delete all' });
  await button.click();
  await page.keyboard.press('Escape');
  await expect(button).toBeFocused();
  await button.click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click();
  await expect(page.getByText('Nothing kept yet')).toBeVisible();
  await expect(page.locator('h1')).toBeFocused();
  await look(page, 'low');
  await keep(page, 'Left arm');
  await expect(page.locator('h1')).toBeFocused();
});

test('a full storage is said, and nothing is lost', async ({ page, server, context }) => {
  await open(page, server);
  await look(page, 'moderate');
  const session = await context.newCDPSession(page);
  const origin = new URL(server.url).origin;
  await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 1 }); // the browser's own quota
  await page.getByRole('button', { name: 'Keep in the history' }).click();
  await page.getByLabel('Name of the spot').fill('Right arm');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('alert')).toContainText('storage of this device is full');
  await page.keyboard.press('Escape');
  await expect(page.getByTestId('tier')).toBeVisible(); // the result can still be read, and be kept later
  await session.send('Storage.overrideQuotaForOrigin', { origin });
  await keep(page, 'Right arm');
  await page.goto(`${server.url}#/history`);
  await expect(page.locator('main img')).toHaveCount(1);
  await expect(page.locator('main h2').filter({ hasText: 'arm' })).toHaveText(['Right arm']); // and not twice
});

test('a photo that is none is not taken in', async ({ page, server }) => {
  await open(page, server);
  const broken = JSON.parse(history()) as { entries: { view: string }[] };
  broken.entries[2]!.view = 'data:image/jpeg;base64,/9j/4AAQ';
  await importText(page, JSON.stringify(broken));
  await expect(page.getByText('nothing of it was taken in')).toBeVisible();
  await expect(page.getByText('Nothing kept yet')).toBeVisible();
});
