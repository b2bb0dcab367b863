/** A spot's estimates over the months. */
import { useTranslation } from 'react-i18next';
import type { Entry } from '../history/types';
import { useDates } from './dates';
import { percent } from './tier';

const [W, H, LEFT, RIGHT, TOP, BOTTOM] = [360, 210, 34, 10, 12, 30];

const FILL = { LOW: 'var(--low)', MODERATE: 'var(--moderate)', HIGH: 'var(--high)' } as const;

/** Marks told by shape as well as by colour: circle, square, triangle. */
function Mark({ x, y, tier }: { x: number; y: number; tier: Entry['analysis']['tier'] }) {
  const look = { fill: FILL[tier], stroke: 'var(--card)', strokeWidth: 2 };
  if (tier === 'LOW') return <circle cx={x} cy={y} r="7" {...look} />;
  if (tier === 'MODERATE') return <rect x={x - 7} y={y - 7} width="14" height="14" {...look} />;
  return <path d={`M ${x} ${y - 9} l 9 16 h -18 z`} {...look} />;
}

export function Chart({ entries }: { entries: readonly Entry[] }) {
  const { t } = useTranslation();
  const { short } = useDates();
  const times = entries.map((entry) => Date.parse(entry.taken));
  const [first, last] = [Math.min(...times), Math.max(...times)];
  const x = (time: number): number =>
    LEFT + 10 + (last > first ? (time - first) / (last - first) : 0.5) * (W - LEFT - RIGHT - 20);
  const y = (share: number): number => TOP + (1 - share) * (H - TOP - BOTTOM);
  const points = entries.map((entry, i) => ({ entry, x: x(times[i]!), y: y(entry.analysis.malignancy_score) }));
  const values = entries.map((entry) => percent(entry.analysis.malignancy_score)).join(', ');
  const [from, to] = [short(new Date(first).toISOString()), short(new Date(last).toISOString())];
  return (
    <svg
      viewBox={`0 0 ${W} ${H}`}
      role="img"
      aria-label={t('history.chartText', { count: entries.length, from, to, values })}
      className="mx-auto w-full max-w-lg"
    >
      {[0, 0.25, 0.5, 0.75, 1].map((share) => (
        <g key={share}>
          <path d={`M ${LEFT} ${y(share)} H ${W - RIGHT}`} stroke="var(--line)" />
          <text x={LEFT - 8} y={y(share) + 5} textAnchor="end" fontSize="14" fill="var(--muted)">
            {share * 100}
          </text>
        </g>
      ))}
      <polyline
        points={points.map((p) => `${p.x},${p.y}`).join(' ')}
        fill="none"
        stroke="var(--accent)"
        strokeWidth="2.5"
        strokeLinejoin="round"
      />
      {points.map((p) => (
        <Mark key={p.entry.id} x={p.x} y={p.y} tier={p.entry.analysis.tier} />
      ))}
      <text x={LEFT} y={H - 8} fontSize="14" fill="var(--muted)">
        {from}
      </text>
      {to !== from && (
        <text x={W - RIGHT} y={H - 8} textAnchor="end" fontSize="14" fill="var(--muted)">
          {to}
        </text>
      )}
    </svg>
  );
}
