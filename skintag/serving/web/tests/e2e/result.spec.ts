/** From a photo to a result, on the device: each tier, what is lifted, and what is refused. */
import { expect, look, open, test, TIERS } from './base';

for (const [name, tier] of Object.entries(TIERS) as [keyof typeof TIERS, string][]) {
  test(`${name}: the tier is ${tier}`, async ({ page, server }) => {
    await open(page, server);
    await look(page, name);
    await expect(page.getByTestId('tier')).toHaveAttribute('data-tier', tier);
    await expect(page.getByTestId('origin')).toHaveAttribute('data-by', 'device');
    await expect(page.getByTestId('lifted')).toHaveCount(name === 'inflammatory' ? 1 : 0);
    await expect(page.getByRole('complementary', { name: 'Please note' })).toBeInViewport();
    expect(server.uploads).toEqual([]);
  });
}
