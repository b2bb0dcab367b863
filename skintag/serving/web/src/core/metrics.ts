/** Sensitivity with interval and count out of a bundle's `metrics.json`, overall, by skin type and by camera. */
import { isObject, type Plain } from './json';
import type { Sensitivities, Share } from './types';

/** Fewer cancers than this say too little. */
export const FEW = 20;

function at(value: unknown, ...keys: string[]): unknown {
  return keys.reduce<unknown>((inner, key) => (isObject(inner) ? inner[key] : undefined), value);
}

function numberOr(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

function shareOf(group: unknown): Share | null {
  const cell = at(group, 'sensitivity');
  if (!isObject(cell)) return null;
  const n = numberOr(cell.n_positive) ?? 0;
  // a note says that the interval's confidence is not established, e.g. for pictures of few lesions
  const few = n < FEW || cell.too_few === true || (typeof cell.note === 'string' && cell.note !== '');
  return { value: numberOr(cell.value), low: numberOr(cell.low), high: numberOr(cell.high), n, few };
}

function sharesOf(groups: unknown): Record<string, Share> {
  const out: Record<string, Share> = {};
  for (const [name, group] of Object.entries(isObject(groups) ? groups : ({} as Plain))) {
    const share = shareOf(group);
    if (share) out[name] = share;
  }
  return out;
}

/** What `metrics.json` says of the deployed model; empty where it does not say it. */
export function readSensitivities(content: unknown, model: string): Sensitivities {
  const levels = at(content, 'models', model, 'levels');
  return {
    overall: shareOf(at(levels, 'overall', 'all')),
    skin: sharesOf(at(levels, 'fst_group')),
    camera: sharesOf(at(levels, 'domain')),
  };
}
