import { useTranslation } from 'react-i18next';
import type { Tier } from '../core/types';
import { Icon } from './icons';
import { TIER_LOOK } from './tier';

/** A tier in small: icon, word, colour. */
export function TierBadge({ tier }: { tier: Tier }) {
  const { t } = useTranslation();
  const look = TIER_LOOK[tier];
  return (
    <span
      className={`inline-flex items-center gap-1.5 rounded-full px-2.5 py-0.5 text-sm font-semibold ${look.text} ${look.soft}`}
    >
      <Icon name={look.icon} className="size-4" /> {t(`result.${tier}`)}
    </span>
  );
}
