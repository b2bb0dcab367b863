/** Photos are turned by what their file says, whatever the browser makes of it; see `make_turned.py`. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { expect, open, test } from './base';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const file = (name: string): string => here(`../fixtures/turned/${name}`);

/** `decode.ts` as a script that a page without the app can run. */
async function script(): Promise<string> {
  const made = await build({
    configFile: false,
    logLevel: 'silent',
    build: { write: false, lib: { entry: here('../../src/device/decode.ts'), name: 'decoding', formats: ['iife'] } },
  });
  const [first] = Array.isArray(made) ? made : [made];
  if (!first || !('output' in first)) throw new Error('nothing was built');
  return first.output[0].code;
}

declare const decoding: typeof import('../../src/device/decode');

test('all orientations of JPEG, WebP and PNG are decoded upright', async ({ page }) => {
  await page.goto('about:blank');
  await page.addScriptTag({ content: await script() });
  for (const kind of ['jpg', 'webp', 'png']) {
    for (let orientation = 1; orientation <= 8; orientation++) {
      const content = readFileSync(file(`${orientation}.${kind}`)).toString('base64');
      const seen = await page.evaluate(async (letters) => {
        const photo = new Blob([Uint8Array.from(atob(letters), (letter) => letter.charCodeAt(0))]);
        const { picture, width, height } = await decoding.decode(photo, null, 64, 'squash');
        const right = { x: 0.5, y: 0, width: 0.5, height: 0.5 }; // green, all of it
        const part = (await decoding.decode(photo, right, 64, 'squash')).picture;
        const at = (x: number, y: number): number[] => [...picture.data.slice(3 * (48 * y + x)).slice(0, 3)];
        const least = [0, 1, 2].map((c) => Math.min(...part.data.filter((_, i) => i % 3 === c)));
        const most = [0, 1, 2].map((c) => Math.max(...part.data.filter((_, i) => i % 3 === c)));
        return {
          size: [width, height, part.width, part.height],
          corners: [at(3, 3), at(44, 3), at(3, 28), at(44, 28)],
          least,
          most,
        };
      }, content);
      const what = `${orientation}.${kind}`;
      expect(seen.size, what).toEqual([48, 32, 24, 16]);
      const wanted = [
        [200, 30, 30],
        [30, 160, 30],
        [30, 30, 200],
        [250, 250, 250],
      ];
      const most = kind === 'jpg' ? 12 : 0;
      const off = (found: number[], right: number[]): number =>
        Math.max(...found.map((value, i) => Math.abs(value - right[i]!)));
      seen.corners.forEach((corner, i) =>
        expect(off(corner, wanted[i]!), `${what}, corner ${i}`).toBeLessThanOrEqual(most),
      );
      expect(Math.max(off(seen.least, wanted[1]!), off(seen.most, wanted[1]!)), what).toBeLessThanOrEqual(most);
    }
  }
});

for (const name of ['6.webp', '6.jpg']) {
  test(`what is framed and what is shown are upright: ${name}`, async ({ page, server }) => {
    await open(page, server);
    await page.getByTestId('file').setInputFiles(file(name));
    const preview = page.locator('.reactEasyCrop_Image');
    await expect(preview).toBeVisible();
    const sides = (image: HTMLImageElement): number[] => [image.naturalWidth, image.naturalHeight];
    expect(await preview.evaluate(sides)).toEqual([48, 32]);
    await page.getByRole('button', { name: 'Whole photo' }).click();
    await expect(page.getByTestId('tier').or(page.getByTestId('unlike'))).toBeVisible({ timeout: 30_000 });
    expect(await page.getByRole('img', { name: 'The photo that was looked at' }).evaluate(sides)).toEqual([48, 32]);
  });
}
