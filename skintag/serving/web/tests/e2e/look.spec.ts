/** Pictures of every screen in three sizes and both themes, to be looked at: `LOOK=1 npx playwright test look`. */
import { open, test } from './base';
import { tour } from './tour';

test.skip(!process.env.LOOK, 'only for looking');
test.describe.configure({ timeout: 300_000 });

for (const [width, height] of [
  [390, 844],
  [768, 1024],
  [1440, 900],
] as const) {
  for (const theme of ['light', 'dark']) {
    test(`${width} x ${height} ${theme}`, async ({ page, server }) => {
      await page.setViewportSize({ width, height });
      await open(page, server, {
        theme,
        welcomed: false,
        skin: 'V-VI',
        language: process.env.LOOK_LANGUAGE ?? 'en',
      } as never);
      await tour(page, async (name) => {
        await page.waitForTimeout(1300);
        const folder = process.env.LOOK_LANGUAGE ?? 'en';
        await page.screenshot({
          path: `screenshots/${folder}/${theme}-${width}-${name}.jpg`,
          type: 'jpeg',
          quality: 70,
          fullPage: process.env.LOOK === 'full',
        });
      });
    });
  }
}
