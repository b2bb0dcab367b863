/** The app around the photo: introduction, languages, themes, camera, keyboard, dermatologists, licences. */
import { expect, look, open, photo, test } from './base';

test('the introduction is gone through once', { tag: '@smoke' }, async ({ page, server }) => {
  await page.goto(server.url);
  await expect(page.locator('h1')).toHaveText('Worried about a spot?');
  await page.getByRole('button', { name: 'Next' }).click();
  await expect(page.locator('h1')).toBeFocused();
  await page.getByRole('button', { name: 'I understand' }).click();
  await page.getByRole('button', { name: 'Next' }).click();
  await page.getByRole('radio', { name: /Medium/ }).click();
  await page.getByRole('button', { name: 'Begin' }).click();
  await expect(page.locator('h1')).toHaveText('Let’s have a look');
  await page.reload();
  await expect(page.locator('h1')).toHaveText('Let’s have a look');
  expect(await page.evaluate(() => localStorage.getItem('skintag-settings'))).toContain('III-IV');
});

const WORDS = {
  en: ['Let’s have a look', 'High risk', 'See a dermatologist as soon as you can'],
  es: ['Vamos a verla', 'Riesgo alto', 'Acuda a un dermatólogo cuanto antes'],
  pt: ['Vamos dar uma olhada', 'Risco alto', 'Procure um dermatologista o quanto antes'],
  hi: ['आइए देखें', 'जोखिम: अधिक', 'त्वचा रोग विशेषज्ञ को दिखाएँ'],
} as const;

for (const [language, [home, tier, advice]] of Object.entries(WORDS)) {
  test(`${language}: screens, tier and advice`, async ({ page, server }) => {
    await open(page, server, { language });
    await expect(page.locator('html')).toHaveAttribute('lang', language);
    await expect(page.locator('h1')).toHaveText(home);
    await look(page, 'high');
    await expect(page.getByTestId('tier')).toContainText(tier);
    await expect(page.getByText(advice, { exact: false }).last()).toBeVisible();
  });
}

test('the language is changed in the settings, and the browser’s is taken at first', async ({ browser, server }) => {
  const context = await browser.newContext({ locale: 'pt-BR' });
  const page = await context.newPage();
  await page.goto(server.url);
  await expect(page.locator('html')).toHaveAttribute('lang', 'pt');
  await page.getByRole('combobox').selectOption('es');
  await expect(page.locator('html')).toHaveAttribute('lang', 'es');
  await context.close();
});

test('dark as the device is, and as one chooses', async ({ page, server }) => {
  await page.emulateMedia({ colorScheme: 'dark' });
  await open(page, server, { theme: 'system' });
  const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  expect(await paper()).toBe('rgb(26, 22, 19)');
  await page.goto(`${server.url}#/settings`);
  await page.getByRole('radio', { name: 'Light' }).first().click();
  expect(await paper()).toBe('rgb(246, 240, 229)');
  await page.emulateMedia({ colorScheme: 'light' });
  await page.getByRole('radio', { name: 'Dark' }).first().click();
  expect(await paper()).toBe('rgb(26, 22, 19)');
});

test('the camera: a hint, a photo, and a look at it', async ({ page, server, context }) => {
  await context.grantPermissions(['camera']);
  await open(page, server);
  await page.getByRole('link', { name: 'Use the camera' }).click();
  await expect(page.getByTestId('hint')).toContainText('No skin in the ring yet');
  await page.getByRole('button', { name: 'Turn to the other camera' }).click();
  await page.getByRole('button', { name: 'Take the photo' }).click();
  await expect(page.locator('.reactEasyCrop_CropArea')).toBeVisible();
  await page.getByRole('button', { name: 'Look at it' }).click();
  await expect(page.getByTestId('unlike')).toBeVisible({ timeout: 30_000 });
});

test('a camera that is not allowed is told of', async ({ page, server }) => {
  await page.addInitScript(() => {
    navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', 'NotAllowedError'));
  });
  await open(page, server);
  await page.goto(`${server.url}#/camera`);
  await expect(page.getByRole('alert')).toContainText('not allowed');
});

test('dermatologists are searched elsewhere, and only when one says so', async ({ page, server, context }) => {
  await context.route('https://www.openstreetmap.org/**', (route) => route.fulfill({ body: 'map' }));
  await open(page, server);
  await page.goto(`${server.url}#/nearby`);
  await page.getByLabel('Town or postcode').fill('Porto');
  await page.getByRole('button', { name: 'Open the search' }).click();
  await expect(page.getByRole('alertdialog')).toContainText('www.openstreetmap.org');
  const opened = context.waitForEvent('page');
  await page.getByRole('button', { name: 'Open it' }).click();
  expect((await opened).url()).toContain('query=dermatologist%20Porto');
});

test('from the address to a result by keyboard alone', async ({ page, server }) => {
  const chooser = page.waitForEvent('filechooser'); // listened for early: the browser has to be told of it, which takes a while
  await open(page, server);
  await page.keyboard.press('Tab');
  await expect(page.getByRole('link', { name: 'Skip to content' })).toBeFocused();
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  await expect(page.getByRole('link', { name: 'Use the camera' })).toBeFocused();
  await page.keyboard.press('Tab');
  await expect(page.getByRole('button', { name: 'Choose a photo' })).toBeFocused();
  await page.keyboard.press('Enter');
  await (await chooser).setFiles(photo('low'));
  await expect(page.locator('h1')).toHaveText('Frame the spot');
  await expect(page.getByRole('button', { name: 'Look at it' })).toBeEnabled();
  for (let i = 0; i < 12; i++) {
    await page.keyboard.press('Tab');
    if (await page.getByRole('button', { name: 'Look at it' }).evaluate((button) => button === document.activeElement))
      break;
  }
  await page.keyboard.press('Enter');
  await expect(page.getByTestId('tier')).toBeVisible({ timeout: 30_000 });
  await expect(page.locator('h1')).toBeFocused();
});

test('nothing moves for those who asked for that', async ({ page, server }) => {
  await page.emulateMedia({ reducedMotion: 'reduce' });
  await open(page, server);
  const longest = await page.evaluate(() =>
    Math.max(
      ...document.getAnimations().map((animation) => Number(animation.effect?.getComputedTiming().duration ?? 0)),
      0,
    ),
  );
  expect(longest).toBeLessThan(1);
});

test('nothing is asked of any other site', async ({ page, server }) => {
  const asked: string[] = [];
  page.on('request', (request) => {
    if (!/^(data|blob):/.test(request.url())) asked.push(new URL(request.url()).origin);
  });
  await open(page, server);
  await look(page, 'low');
  await page.goto(`${server.url}#/about`);
  await expect(page.getByTestId('licences')).toContainText('onnxruntime-web');
  expect([...new Set(asked)]).toEqual([new URL(server.url).origin]);
});

test('right to left, nothing runs out of the page', async ({ page, server }) => {
  await open(page, server);
  await page.evaluate(() => (document.documentElement.dir = 'rtl'));
  await look(page, 'moderate');
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect(wide).toBeLessThanOrEqual(0);
});
