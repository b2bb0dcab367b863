/** What the model's map says in words, and how strong each place is, from 0 to 1. */
import type { LogitMap } from './types';

const FLAT = 0.25; // logits: less between the least and the most says nothing of a place

/** The map's values between its least and its most; null where it is flat. */
export function strengths(map: LogitMap): Float64Array | null {
  let [least, most] = [Infinity, -Infinity];
  for (const value of map.values) [least, most] = [Math.min(least, value), Math.max(most, value)];
  if (!(most - least >= FLAT)) return null;
  return Float64Array.from(map.values, (value) => (value - least) / (most - least));
}

/** Which of nine parts of the picture holds the middle of the upper half of the map, e.g. `tl` or `mc`. */
export function placeOf(map: LogitMap): string | null {
  const strong = strengths(map);
  if (!strong) return null;
  let [sum, x, y] = [0, 0, 0];
  strong.forEach((value, i) => {
    const weight = Math.max(0, value - 0.5);
    sum += weight;
    x += weight * ((i % map.width) + 0.5);
    y += weight * (Math.floor(i / map.width) + 0.5);
  });
  const third = (middle: number): number => Math.min(2, Math.floor(middle * 3));
  return `${'tmb'[third(y / sum / map.height)]}${'lcr'[third(x / sum / map.width)]}`;
}
