/** Every screen of the app, one after the other, whatever the language: for axe and for looking at them. */
import type { Page } from '@playwright/test';
import { expect, photo, test, type Photo } from './base';
import { importText, seed } from './seed';
import type { TestServer } from './server';

export interface Stop {
  name: string;
  go: (page: Page) => Promise<void>;
}

async function to(page: Page, hash: string): Promise<void> {
  await page.goto(`${page.url().split('#')[0]}#/${hash}`);
  await expect(page.locator('h1')).toBeVisible();
}

async function choose(page: Page, name: Photo): Promise<void> {
  await to(page, 'home');
  await page.getByTestId('file').setInputFiles(photo(name));
  await expect(page.locator('.reactEasyCrop_CropArea')).toBeVisible();
}

async function result(page: Page, name: Photo): Promise<void> {
  await choose(page, name);
  const start = page.locator('main button').first();
  await expect(start).toBeEnabled();
  await start.click();
  await expect(page.getByTestId('tier').or(page.getByTestId('unlike'))).toBeVisible({ timeout: 30_000 });
}

export const STOPS: Stop[] = [
  { name: 'home', go: (page) => to(page, 'home') },
  { name: 'crop', go: (page) => choose(page, 'low') },
  { name: 'result-low', go: (page) => result(page, 'low') },
  {
    name: 'result-map',
    go: async (page) => {
      await result(page, 'moderate');
      await page.getByRole('switch').click();
      await expect(page.getByTestId('map')).toBeVisible();
    },
  },
  { name: 'result-high', go: (page) => result(page, 'high') },
  {
    name: 'keep',
    go: async (page) => {
      await page.locator('main button').first().click();
      await expect(page.getByRole('dialog')).toBeVisible();
    },
  },
  {
    name: 'result-inflammatory',
    go: async (page) => {
      await page.keyboard.press('Escape');
      await result(page, 'inflammatory');
    },
  },
  { name: 'unlike', go: (page) => result(page, 'unlike') },
  {
    name: 'unlike-anyway',
    go: async (page) => {
      await page.getByTestId('unlike').getByRole('button').click();
      await expect(page.getByTestId('tier')).toBeVisible();
    },
  },
  { name: 'history-empty', go: (page) => to(page, 'history') },
  { name: 'history', go: (page) => seed(page) },
  {
    name: 'entry',
    go: async (page) => {
      await to(page, 'entry/entry-4');
      await expect(page.getByTestId('tier')).toBeVisible();
    },
  },
  { name: 'spot', go: (page) => to(page, 'spot/spot-1') },
  { name: 'compare', go: (page) => to(page, 'compare/entry-1/entry-4') },
  { name: 'nearby', go: (page) => to(page, 'nearby') },
  {
    name: 'ask',
    go: async (page) => {
      await page.locator('form button[type=submit]').click();
      await expect(page.getByRole('alertdialog')).toBeVisible();
    },
  },
  {
    name: 'settings',
    go: async (page) => {
      await page.keyboard.press('Escape');
      await to(page, 'settings');
    },
  },
  {
    name: 'about',
    go: async (page) => {
      await to(page, 'about');
      await expect(page.getByTestId('licences').locator('li').first()).toBeVisible();
      await page.getByTestId('licences').locator('summary').first().click();
    },
  },
  {
    name: 'camera',
    go: async (page) => {
      await to(page, 'camera');
      await expect(page.getByTestId('hint')).not.toHaveAttribute('data-hint', 'asking');
    },
  },
];

interface Wrong {
  name: string;
  go: (page: Page, server: TestServer) => Promise<void>;
}

/** A small, dark picture without any edge, as PNG. */
async function poorPhoto(page: Page): Promise<Buffer> {
  const made = await page.evaluate(() => {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [30, 30];
    canvas.getContext('2d')!.fillStyle = 'rgb(40 26 20)';
    canvas.getContext('2d')!.fillRect(0, 0, 30, 30);
    return canvas.toDataURL('image/png').split(',')[1]!;
  });
  return Buffer.from(made, 'base64');
}

async function give(page: Page, buffer: Buffer): Promise<void> {
  await to(page, 'home');
  await page.getByTestId('file').setInputFiles({ name: 'x.png', mimeType: 'image/png', buffer });
}

/** What is shown where something goes wrong; the last one leaves the server without a model. */
export const WRONG: Wrong[] = [
  { name: 'gone', go: (page) => to(page, 'entry/none') },
  {
    name: 'camera-denied',
    go: async (page) => {
      await to(page, 'camera');
      await expect(page.getByRole('alert')).toBeVisible();
    },
  },
  {
    name: 'unreadable',
    go: async (page) => {
      await give(page, Buffer.from('<svg/>'));
      await expect(page.locator('.reactEasyCrop_CropArea')).toHaveCount(0);
      await expect(page.locator('main .card')).toBeVisible();
    },
  },
  {
    name: 'poor-photo',
    go: async (page) => {
      await give(page, await poorPhoto(page));
      const start = page.locator('main button').first();
      await expect(start).toBeEnabled();
      await start.click();
      const unlike = page.getByTestId('unlike');
      await expect(page.getByTestId('tier').or(unlike)).toBeVisible({ timeout: 30_000 });
      if (await unlike.count()) await unlike.getByRole('button').click();
      await expect(page.getByTestId('quality').locator('li')).toHaveCount(3);
    },
  },
  {
    name: 'not-an-export',
    go: async (page) => {
      await importText(page, '{}');
      await expect(page.locator('main p[role=status]')).toBeVisible();
    },
  },
  {
    name: 'no-model',
    go: async (page, server) => {
      server.bundled = false;
      await page.evaluate(async () => Promise.all((await caches.keys()).map((name) => caches.delete(name))));
      await page.reload();
      await choose(page, 'low');
      await expect(page.locator('main button').first()).toBeEnabled();
      await page.locator('main button').first().click();
      await expect(page.getByRole('alert')).toBeVisible();
    },
  },
];

/** The introduction's four pages, then every other screen. */
export async function tour(page: Page, at: (name: string) => Promise<void>): Promise<void> {
  await expect(page.locator('h1')).toBeVisible();
  for (let step = 1; step <= 4; step++) {
    await at(`welcome-${step}`);
    await page.locator('main button').last().click();
  }
  await expect(page.getByTestId('file')).toBeAttached();
  for (const stop of STOPS) {
    await test.step(stop.name, () => stop.go(page));
    await at(stop.name);
  }
}
