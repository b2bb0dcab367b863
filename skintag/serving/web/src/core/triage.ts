/** From a score and conditions to tier, category and reason: `triage.py` and `reasons.py`, rule by rule. */
import { BundleError } from './errors';
import { asNumber, asNumbers, asObject, entryOf } from './json';
import { format4g } from './numbers';
import type { Category, Tier } from './types';

export const TIERS: readonly Tier[] = ['LOW', 'MODERATE', 'HIGH'];
export const NON_NEOPLASTIC = 8;
/** Condition numbers that are cancers: melanoma, the carcinomas, other malignant. */
export const MALIGNANT: readonly number[] = [0, 1, 2, 10];

export interface Policy {
  low: number;
  high: number;
  neverLow: number[];
  malignantFrom: number;
}

/** The deployed model's policy out of `triage.json`; version 1 lifts 8 and 9 and calls malignant from 0.5 on. */
export function readPolicy(content: unknown, model: string): Policy {
  const where = 'triage.json';
  const entry = entryOf(asObject(content, where).policies, model, where);
  if (entry.version !== 1 && entry.version !== 2) throw new BundleError(where, 'version 1 or 2', String(entry.version));
  const old = entry.version === 1;
  const policy = {
    low: asNumber(entry.low, where),
    high: asNumber(entry.high, where),
    neverLow: old ? [8, 9] : asNumbers(entry.never_low, where),
    malignantFrom: old ? 0.5 : asNumber(entry.malignant_from, where),
  };
  const inside = policy.low >= 0 && policy.low <= policy.high && policy.high <= 1;
  const known = policy.neverLow.every((code) => Number.isInteger(code) && code >= 0 && code <= 10);
  if (!inside || !known || policy.malignantFrom < 0 || policy.malignantFrom >= 2) {
    throw new BundleError(where, '0 <= low <= high <= 1, conditions 0 to 10 and a score', JSON.stringify(policy));
  }
  return policy;
}

/** The threshold of `thresholds.json`: malignant is what scores at least this. */
export function readThreshold(content: unknown, model: string): number {
  const entry = entryOf(asObject(content, 'thresholds.json').thresholds, model, 'thresholds.json');
  return asNumber(entry.value, 'thresholds.json');
}

/** The likeliest condition's number, the first among equals; -1 without conditions. */
export function topCondition(conditions: ArrayLike<number> | null): number {
  if (conditions === null || Number.isNaN(conditions[0])) return -1;
  let best = 0;
  let most = -Infinity;
  for (let i = 0; i < conditions.length; i++) {
    const value = Number.isNaN(conditions[i]) ? -1 : conditions[i]!;
    if (value > most) [best, most] = [i, value];
  }
  return best;
}

/** The tier as a position in `TIERS`. Throws RangeError where the score lies outside [0, 1]. */
export function tierCode(policy: Policy, score: number, top: number): number {
  if (!(score >= 0 && score <= 1)) throw new RangeError('p_malignant has to be a number in [0, 1]');
  const code = (score >= policy.low ? 1 : 0) + (score > policy.high ? 1 : 0);
  return policy.neverLow.includes(top) ? Math.max(code, 1) : code;
}

/** What kind of lesion is likeliest. */
export function categoryOf(policy: Policy, score: number, top: number): Category {
  const code = tierCode(policy, score, top);
  if (code === 2 || (code === 1 && score >= policy.malignantFrom)) return 'malignant';
  return top === NON_NEOPLASTIC ? 'inflammatory' : 'benign';
}

/** Why it is that tier: where the score lies, and what lifted it. */
export function tierReason(policy: Policy, score: number, top: number, names: readonly string[]): string {
  const alone = tierCode(policy, score, -1);
  const tier = tierCode(policy, score, top);
  const place = placeOf(policy, score, alone);
  if (tier !== alone) return `${place}, but its likeliest condition, ${names[top]}, is never LOW`;
  if (tier !== 1) return place;
  const reaches = score >= policy.malignantFrom ? 'reaches' : 'does not reach';
  return `${place}; it ${reaches} ${format4g(policy.malignantFrom)}, from which a lesion is called malignant`;
}

function placeOf(policy: Policy, score: number, code: number): string {
  const said = format4g(score);
  if (code === 0) return `${said} is below ${format4g(policy.low)}`;
  if (code === 2) return `${said} is above ${format4g(policy.high)}`;
  return `${said} lies from ${format4g(policy.low)} to ${format4g(policy.high)}`;
}
