/** From a photo to a result: each tier, what is lifted, what is refused, and where it is looked at. */
import type { Page } from '@playwright/test';
import { readFileSync } from 'node:fs';
import { change, expect, look, open, photo, test, TIERS, type Photo } from './base';

for (const [name, tier] of Object.entries(TIERS) as [keyof typeof TIERS, string][]) {
  const tag = name === 'high' ? ['@smoke'] : [];
  test(`${name}: the tier is ${tier}, told by word, icon and colour`, { tag }, async ({ page, server }) => {
    await open(page, server);
    await look(page, name);
    const card = page.getByTestId('tier');
    await expect(card).toHaveAttribute('data-tier', tier);
    await expect(card).toContainText(`${tier[0]}${tier.slice(1).toLowerCase()} risk`);
    await expect(card.locator('svg').first()).toBeVisible();
    await expect(page.getByTestId('lifted')).toHaveCount(name === 'inflammatory' ? 1 : 0);
    await expect(page.getByTestId('origin')).toHaveAttribute('data-by', 'device');
    expect(server.uploads).toEqual([]);
  });
}

test('an inflammation is never LOW, and says why', async ({ page, server }) => {
  await open(page, server);
  await look(page, 'inflammatory');
  await expect(page.getByTestId('lifted')).toContainText('It may be inflamed');
  await expect(page.getByText('see a clinician if it does not heal', { exact: false })).toBeVisible();
});

test('the disclaimer is in view wherever one has scrolled', async ({ page, server }) => {
  await open(page, server);
  await look(page, 'high');
  const said = page.getByRole('complementary', { name: 'Please note' });
  for (const share of [0, 0.5, 1]) {
    await page.evaluate((at) => window.scrollTo(0, at * document.body.scrollHeight), share);
    await expect(said).toBeInViewport();
  }
  await said.getByRole('button').click();
  await expect(said).toContainText('whatever is shown here');
});

test('the map is drawn over the photo and told in words', async ({ page, server }) => {
  await open(page, server);
  await look(page, 'moderate');
  await page.getByRole('switch', { name: 'Where the model looked' }).click();
  await expect(page.getByTestId('map')).toBeVisible();
  await expect(page.getByText('in the middle', { exact: false })).toBeVisible();
  const warm = await page.getByTestId('map').evaluate((canvas: HTMLCanvasElement) => {
    const alpha = (x: number, y: number) => canvas.getContext('2d')!.getImageData(x, y, 1, 1).data[3]!;
    return [alpha(4, 4), alpha(0, 0)];
  });
  expect(warm[0]).toBeGreaterThan(warm[1]! + 50);
});

test('what looks like no skin is refused kindly, and one can go on', async ({ page, server }) => {
  await open(page, server);
  await look(page, 'unlike');
  await expect(page.getByTestId('unlike')).toContainText('does not look like');
  await expect(page.getByTestId('tier')).toHaveCount(0);
  await page.getByRole('button', { name: 'Go on all the same' }).click();
  await expect(page.getByTestId('tier')).toBeVisible();
  await expect(page.getByText('do not rely on what follows', { exact: false })).toBeVisible();
});

test('figures for skin like one’s own, with a warning where they are too few', async ({ page, server }) => {
  await open(page, server, { skin: 'V-VI' });
  await look(page, 'low');
  await expect(
    page.getByText('On skin like yours (Dark) the model found 70 of 100 cancers (40–90; n = 10).'),
  ).toBeVisible();
  await expect(page.getByText('Too few cancers were tested to rely on this figure: 10.')).toBeVisible();
});

test('a pasted and a dropped photo', async ({ page, server }) => {
  await open(page, server);
  for (const kind of ['paste', 'drop'] as const) {
    await page.goto(`${server.url}#/home`);
    await change(page, photo('low'), kind);
    await expect(page.locator('.reactEasyCrop_CropArea')).toBeVisible();
  }
});

test('a file that is no photo says so', async ({ page, server }) => {
  await open(page, server);
  await page
    .getByTestId('file')
    .setInputFiles({ name: 'x.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('<svg/>') });
  await expect(page.getByText('This file is no photo')).toBeVisible();
});

test('a format that only the server reads is sent to it whole, where it was chosen', async ({ page, server }) => {
  const tiff = {
    name: 'spot.tif',
    mimeType: '',
    buffer: readFileSync(new URL('../fixtures/spot.tif', import.meta.url)),
  };
  await open(page, server);
  await page.getByTestId('file').setInputFiles(tiff);
  await expect(page.getByText('cannot read TIFF files')).toBeVisible();
  expect(server.uploads).toEqual([]);
  await page.evaluate(() => {
    const said = JSON.parse(localStorage.getItem('skintag-settings')!) as object;
    localStorage.setItem('skintag-settings', JSON.stringify({ ...said, where: 'server' }));
  });
  await page.goto(server.url);
  await page.reload();
  await page.getByTestId('file').setInputFiles(tiff);
  await expect(page.getByText('it would look at the whole photo')).toBeVisible();
  await page.getByRole('button', { name: 'Send the whole photo' }).click();
  await expect(page.getByTestId('origin')).toHaveAttribute('data-by', 'server');
  await expect(page.getByRole('img', { name: 'The photo that was looked at' })).toBeVisible();
  expect(server.uploads).toHaveLength(1);
});

test('an animation is refused as the server refuses it, whatever its name says', async ({ page, server }) => {
  await open(page, server);
  const buffer = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64');
  await page.getByTestId('file').setInputFiles({ name: 'x.jpg', mimeType: 'image/jpeg', buffer });
  await expect(page.getByText('Photos of this kind')).toBeVisible();
});

test('a strip is refused, and a part of it can be framed', async ({ page, server }) => {
  await open(page, server);
  const made = await page.evaluate(() => {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [1100, 100];
    canvas.getContext('2d')!.fillRect(0, 0, 1100, 100);
    return canvas.toDataURL('image/png').split(',')[1]!;
  });
  const file = { name: 'x.png', mimeType: 'image/png', buffer: Buffer.from(made, 'base64') };
  await page.getByTestId('file').setInputFiles(file);
  await page.getByRole('button', { name: 'Whole photo' }).click();
  await expect(page.getByRole('alert')).toContainText('more than ten times as long as wide');
  await expect(page.getByRole('button', { name: 'Try again' })).toHaveCount(0);
  await page.getByRole('link', { name: 'Frame the spot' }).click();
  await expect(page.getByRole('button', { name: 'Look at it' })).toBeEnabled();
});

test('the crop is moved and zoomed by keyboard', async ({ page, server }) => {
  await open(page, server);
  await page.getByTestId('file').setInputFiles(photo('low'));
  const picture = page.locator('.reactEasyCrop_Image');
  await expect(picture).toBeVisible();
  const before = await picture.evaluate((element) => (element as HTMLElement).style.transform);
  await page.getByRole('slider', { name: 'Zoom' }).focus();
  for (let i = 0; i < 8; i++) await page.keyboard.press('ArrowRight');
  await page.locator('.reactEasyCrop_CropArea').focus();
  for (let i = 0; i < 3; i++) await page.keyboard.press('ArrowDown');
  await expect.poll(() => picture.evaluate((element) => (element as HTMLElement).style.transform)).not.toBe(before);
  await page.getByRole('button', { name: 'Look at it' }).click();
  await expect(page.getByTestId('tier')).toBeVisible({ timeout: 30_000 });
});

/** One picture of two photos side by side, as JPEG. */
async function sideBySide(page: Page, left: Photo, right: Photo): Promise<Buffer> {
  const urls = [left, right].map((name) => readFileSync(photo(name)).toString('base64'));
  const made = await page.evaluate(async (contents) => {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [1200, 600];
    for (const [i, content] of contents.entries()) {
      const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
      canvas.getContext('2d')!.drawImage(await createImageBitmap(new Blob([bytes])), 600 * i, 0, 600, 600);
    }
    return canvas.toDataURL('image/jpeg', 0.95).split(',')[1]!;
  }, urls);
  return Buffer.from(made, 'base64');
}

for (const [key, tier] of [
  ['ArrowRight', 'LOW'], // the keys move the picture, and so its left half into the frame
  ['ArrowLeft', 'HIGH'],
] as const) {
  test(`what is framed is what is looked at: ${key}`, async ({ page, server }) => {
    await open(page, server);
    const buffer = await sideBySide(page, 'low', 'high');
    await page.getByTestId('file').setInputFiles({ name: 'two.jpg', mimeType: 'image/jpeg', buffer });
    await expect(page.getByRole('button', { name: 'Look at it' })).toBeEnabled();
    await page.locator('.reactEasyCrop_CropArea').focus();
    for (let i = 0; i < 20; i++) await page.keyboard.press(key); // to the end
    await page.getByRole('button', { name: 'Look at it' }).click();
    await expect(page.getByTestId('tier')).toHaveAttribute('data-tier', tier, { timeout: 30_000 });
  });
}

test('the server answers where it was chosen', async ({ page, server }) => {
  await open(page, server, { where: 'server' });
  await look(page, 'low');
  await expect(page.getByTestId('origin')).toHaveAttribute('data-by', 'server');
  await expect(page.getByTestId('tier')).toHaveAttribute('data-tier', 'HIGH'); // what the test's server always says
  expect(server.uploads).toHaveLength(1);
  await expect(page.getByText('On photographs like this (Phone) the model found 84 of 100 cancers')).toBeVisible();
  // as the server says of its figure, which stands on enough cancers of too few people
  await expect(page.getByText('These 92 pictures of cancers come from too few different people')).toBeVisible();
  await expect(page.getByText('n, how many pictures of cancers were tested')).toBeVisible();
});

test('a server that is away is shown, and the device takes over', async ({ page, server }) => {
  server.up = false;
  await open(page, server, { where: 'server' });
  await expect(page.getByRole('status', { name: 'Status' })).toContainText('Server away');
  await look(page, 'low');
  await expect(page.getByTestId('origin')).toHaveAttribute('data-by', 'device');
  await expect(page.getByText('The server was away')).toBeVisible();
  await expect(page.getByTestId('tier')).toHaveAttribute('data-tier', 'LOW');
});

test('where the device cannot, the server is asked only when the person says so', async ({ page, server }) => {
  server.bundled = false;
  await open(page, server);
  await page.getByTestId('file').setInputFiles(photo('low'));
  await page.getByRole('button', { name: 'Look at it' }).click();
  await expect(page.getByRole('alert')).toContainText('cannot run on this device');
  expect(server.uploads).toEqual([]);
  await page.getByRole('button', { name: 'Send it to the server' }).click();
  await expect(page.getByTestId('origin')).toHaveAttribute('data-by', 'server');
});
