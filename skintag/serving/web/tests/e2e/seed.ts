/** A history to look at: one spot over half a year and a photo without a spot. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, photo, type Photo } from './base';
import type { Page } from '@playwright/test';

const analysis = JSON.parse(
  readFileSync(fileURLToPath(new URL('../fixtures/api/analysis.json', import.meta.url)), 'utf-8'),
) as Record<string, unknown>;

const SPOT = { id: 'spot-1', name: 'Left forearm', created: '2026-01-10T09:00:00.000Z' };

function entry(id: string, taken: string, name: Photo, score: number, tier: string, spot: string | null): unknown {
  const url = `data:image/jpeg;base64,${readFileSync(photo(name)).toString('base64')}`;
  const said = { ...analysis, malignancy_score: score, malignancy_probability: score, tier, category: 'benign' };
  const bounds = { low: 0.2, high: 0.8 };
  return { id, taken, spot, note: 'Itches since May', by: 'device', analysis: said, bounds, view: url, thumb: url };
}

/** An exported history, as JSON text. */
export function history(): string {
  const entries = [
    entry('entry-1', '2026-01-10T09:00:00.000Z', 'low', 0.12, 'LOW', SPOT.id),
    entry('entry-2', '2026-03-02T09:00:00.000Z', 'low', 0.18, 'LOW', SPOT.id),
    entry('entry-3', '2026-05-21T09:00:00.000Z', 'moderate', 0.45, 'MODERATE', SPOT.id),
    entry('entry-4', '2026-06-30T09:00:00.000Z', 'high', 0.93, 'HIGH', SPOT.id),
    entry('entry-5', '2026-06-30T09:00:00.000Z', 'inflammatory', 0.3, 'MODERATE', null),
  ];
  return JSON.stringify({
    kind: 'skintag history',
    version: 1,
    exported: '2026-07-01T00:00:00.000Z',
    spots: [SPOT],
    entries,
  });
}

/** Take a file in by the history's own import. */
export async function importText(page: Page, text: string): Promise<void> {
  await page.goto(`${page.url().split('#')[0]}#/history`);
  await page
    .getByTestId('import')
    .setInputFiles({ name: 'history.json', mimeType: 'application/json', buffer: Buffer.from(text) });
}

export async function seed(page: Page): Promise<void> {
  await importText(page, history());
  await expect(page.locator('main img')).toHaveCount(5);
}
