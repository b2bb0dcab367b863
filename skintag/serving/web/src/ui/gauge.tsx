/** The estimated risk on a half circle, with the tiers' zones; the needle swings to its place. */
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Tier } from '../core/types';
import { percent, TIER_LOOK } from './tier';

const R = 80;
const CENTRE = 100;

/** A point of the half circle, 0 at the left end and 1 at the right. */
function pointAt(share: number, radius: number): string {
  const angle = Math.PI * (1 - share);
  return `${(CENTRE + radius * Math.cos(angle)).toFixed(2)} ${(CENTRE - radius * Math.sin(angle)).toFixed(2)}`;
}

function arc(from: number, to: number): string {
  return `M ${pointAt(from, R)} A ${R} ${R} 0 0 1 ${pointAt(to, R)}`;
}

interface GaugeProps {
  share: number;
  tier: Tier;
  bounds: { low: number; high: number } | null;
}

export function Gauge({ share, tier, bounds }: GaugeProps) {
  const { t } = useTranslation();
  const [shown, setShown] = useState(0);
  useEffect(() => {
    const frame = requestAnimationFrame(() => setShown(share));
    return () => cancelAnimationFrame(frame);
  }, [share]);
  const zones = bounds
    ? ([
        ['LOW', 0, bounds.low],
        ['MODERATE', bounds.low, bounds.high],
        ['HIGH', bounds.high, 1],
      ] as const)
    : ([[tier, 0, 1]] as const);
  const said = t('result.gauge', { percent: percent(share) });
  const limits = bounds ? ` ${t('result.gaugeFrom', { low: percent(bounds.low), high: percent(bounds.high) })}` : '';
  return (
    <div className="relative mx-auto w-full max-w-72">
      <svg viewBox="0 0 200 112" role="img" aria-label={`${said}.${limits}`} className="w-full">
        {zones.map(
          ([zone, from, to]) =>
            to > from && (
              <path
                key={zone}
                d={arc(from, to)}
                fill="none"
                stroke="currentColor"
                strokeWidth="15"
                className={`${TIER_LOOK[zone].text} ${zone === tier ? '' : 'opacity-30'}`}
              />
            ),
        )}
        {bounds &&
          [bounds.low, bounds.high].map((at) => (
            <path
              key={at}
              d={`M ${pointAt(at, R - 9)} L ${pointAt(at, R + 9)}`}
              stroke="var(--card)"
              strokeWidth="2.5"
            />
          ))}
        <g
          style={{
            transform: `rotate(${shown * 180 - 90}deg)`,
            transformOrigin: '100px 100px',
            transition: 'transform 1.1s cubic-bezier(.3,1.25,.5,1)',
          }}
        >
          <path d="M 97.6 100 L 100 32 L 102.4 100 z" fill="var(--ink)" stroke="var(--card)" strokeWidth="0.8" />
        </g>
        <circle cx="100" cy="100" r="6" fill="var(--ink)" />
      </svg>
      <p aria-hidden="true" className="-mt-1 text-center">
        <span className="font-serif text-5xl">{percent(share)}</span>
        <span className="ms-1 text-muted">/ 100</span>
      </p>
      <p aria-hidden="true" className="text-center text-sm text-muted">
        {t('result.risk')}
      </p>
    </div>
  );
}
