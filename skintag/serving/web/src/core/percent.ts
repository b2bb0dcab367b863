/** Shares as whole numbers of a hundred, as `skintag/serving/cards.py` has them. */
import type { Categories } from './types';

/** What is not 0 or all does not look like it. */
function said(value: number, whole: number): string {
  if (value > 0 && value < 1) return '<1';
  return value > 99 && value < 100 ? '>99' : String(whole);
}

const halfUp = (value: number): number => Math.floor(value + 0.5);

/** A share as a whole number of a hundred. */
export function percent(share: number): string {
  return said(share * 100, halfUp(share * 100));
}

export type Category = keyof Categories;

/**
 * The categories' shares, whole numbers of which sum to 100: the first is rounded as it is on the gauge, the others by
 * the largest remainder of what is left. One that the model does not tell is left out.
 */
export function wholeShares(categories: Categories): [Category, string][] {
  const names = (['malignant', 'inflammatory', 'benign'] as const).filter((name) => categories[name] !== null);
  const told = names.map((name) => categories[name]! * 100);
  const whole = told.map((value, i) => (i ? Math.floor(value) : halfUp(value)));
  const missing = 100 - whole.reduce((sum, value) => sum + value, 0);
  const others = whole.map((_, i) => i).slice(1);
  others.sort((a, b) => whole[a]! - told[a]! - (whole[b]! - told[b]!));
  for (const i of others.slice(0, Math.max(0, missing))) whole[i]!++;
  return names.map((name, i) => [name, said(told[i]!, whole[i]!)]);
}
