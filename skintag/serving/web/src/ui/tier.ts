/** A tier's colours and icon: it is told by word and icon as well, never by colour alone. */
import type { TFunction } from 'i18next';
import type { Tier } from '../core/types';
import type { IconName } from './icons';

export { percent } from '../core/percent';

export const TIER_LOOK: Record<Tier, { icon: IconName; text: string; soft: string; border: string }> = {
  LOW: { icon: 'check', text: 'text-low', soft: 'bg-low-soft', border: 'border-low' },
  MODERATE: { icon: 'eye', text: 'text-moderate', soft: 'bg-moderate-soft', border: 'border-moderate' },
  HIGH: { icon: 'warning', text: 'text-high', soft: 'bg-high-soft', border: 'border-high' },
};

/** A tier as a heading, e.g. "High risk": the tier's word is written small where it does not begin it. */
export function tierTitle(tier: Tier, t: TFunction): string {
  const said = t('result.tier', { tier: t(`result.${tier}`).toLocaleLowerCase() });
  return said.charAt(0).toLocaleUpperCase() + said.slice(1);
}

/** The ends of an interval as whole numbers of a hundred, rounded outwards: what is shown is never narrower than it is. */
export function ends(low: number, high: number): { low: number; high: number } {
  const exact = (share: number): number => Number((share * 100).toFixed(6)); // 0.29 * 100 is a little less than 29
  return { low: Math.floor(exact(low)), high: Math.ceil(exact(high)) };
}
