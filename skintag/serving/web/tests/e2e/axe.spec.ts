/** No screen breaks a rule of WCAG 2.2 AA that axe knows, in either theme and any language. */
import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { expect, open, test } from './base';
import { tour, WRONG } from './tour';

const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** No rule is broken, and nothing runs out of the page. */
async function sound(page: Page, where: string): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).withTags(RULES).analyze();
  const said = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 160)).join(' | ')}`);
  expect(said, where).toEqual([]);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect(wide, `${where}: as wide as the page`).toBeLessThanOrEqual(0);
}

test.describe.configure({ timeout: 300_000 });
test.use({ contextOptions: { reducedMotion: 'reduce' } });

for (const language of ['en', 'es', 'pt', 'hi']) {
  for (const theme of ['light', 'dark']) {
    test(`${language} ${theme}`, async ({ page, server }) => {
      await open(page, server, { language, theme, welcomed: false, skin: 'V-VI' } as never);
      await tour(page, async (name) => {
        await page.waitForTimeout(150);
        await sound(page, `${name}, ${language}, ${theme}`);
      });
    });

    test(`${language} ${theme}: where something goes wrong`, async ({ page, server }) => {
      await page.addInitScript(() => {
        navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', 'NotAllowedError'));
      });
      await open(page, server, { language, theme });
      for (const { name, go } of WRONG) {
        await test.step(name, () => go(page, server));
        await sound(page, `${name}, ${language}, ${theme}`);
      }
    });
  }
}

test('axe does find what is wrong', async ({ page, server }) => {
  await open(page, server);
  await page.evaluate(() => {
    const pale = document.createElement('p');
    pale.className = 'text-line';
    pale.textContent = 'hardly to be read';
    document.querySelector('main')!.append(pale, new Image());
  });
  const { violations } = await new AxeBuilder({ page }).withTags(RULES).analyze();
  expect(violations.map(({ id }) => id)).toEqual(expect.arrayContaining(['color-contrast', 'image-alt']));
});
