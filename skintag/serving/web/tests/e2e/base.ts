/** What every test of the browser needs: a server of its own, and the ways that a person goes. */
import { expect, test as plain, type Page } from '@playwright/test';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { TestServer } from './server';

export type Photo = 'low' | 'moderate' | 'high' | 'inflammatory' | 'unlike';
export const TIERS = { low: 'LOW', moderate: 'MODERATE', high: 'HIGH', inflammatory: 'MODERATE' } as const;

export function photo(name: Photo): string {
  return fileURLToPath(new URL(`../fixtures/photos/${name}.jpg`, import.meta.url));
}

interface Fixtures {
  server: TestServer;
  /** What the console said of errors, broken policies among them; empty at the end of every test. */
  complaints: string[];
}

export const test = plain.extend<Fixtures>({
  server: async ({}, use) => {
    const server = await TestServer.start();
    await use(server);
    await server.stop();
  },
  complaints: [
    async ({ page }, use) => {
      const said: string[] = [];
      page.on('console', (message) => message.type() === 'error' && said.push(message.text()));
      page.on('pageerror', (error) => said.push(String(error)));
      await use(said);
      expect(said.filter((text) => !/ERR_|status of (401|404)/.test(text))).toEqual([]);
    },
    { auto: true },
  ],
});

export { expect };

export interface Start {
  language?: string;
  theme?: string;
  where?: string;
  skin?: string;
}

/** Open the app as somebody who has seen the introduction. */
export async function open(page: Page, server: TestServer, start: Start = {}): Promise<void> {
  const settings = { welcomed: true, language: 'en', theme: 'light', where: 'device', skin: null, ...start };
  await page.addInitScript((said) => {
    if (!localStorage.getItem('skintag-settings')) localStorage.setItem('skintag-settings', said);
  }, JSON.stringify(settings));
  await page.goto(server.url);
  await expect(page.locator('h1')).toBeVisible();
}

/** Choose a photo and have it looked at, framed as it comes up. */
export async function look(page: Page, name: Photo): Promise<void> {
  await page.goto(`${page.url().split('#')[0]}#/home`);
  await page.getByTestId('file').setInputFiles(photo(name));
  const start = page.locator('main button').filter({ hasText: /./ }).first();
  await expect(page.locator('.reactEasyCrop_CropArea')).toBeVisible();
  await expect(start).toBeEnabled();
  await start.click();
  await expect(page.getByTestId('tier').or(page.getByTestId('unlike'))).toBeVisible({ timeout: 30_000 });
}

/** Keep the result that is shown, of a new spot or of the one that was first named. */
export async function keep(page: Page, name: string, known = false): Promise<void> {
  await page.getByRole('button', { name: 'Keep in the history' }).click();
  if (known) await page.getByLabel('Which spot?').selectOption({ label: name });
  else await page.getByLabel('Name of the spot').fill(name);
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('link', { name: 'Kept in the history' })).toBeVisible();
}

/** Paste or drop a file as the browser would tell the page of it. */
export async function change(page: Page, path: string, kind: 'paste' | 'drop'): Promise<void> {
  const bytes = readFileSync(path).toString('base64');
  await page.evaluate(
    ([content, how]) => {
      const data = new DataTransfer();
      data.items.add(
        new File([Uint8Array.from(atob(content!), (c) => c.charCodeAt(0))], 'x.jpg', { type: 'image/jpeg' }),
      );
      const target = document.querySelector('main section')!;
      if (how === 'paste') window.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data }));
      else target.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
    },
    [bytes, kind],
  );
}
