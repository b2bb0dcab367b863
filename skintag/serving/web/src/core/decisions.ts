/** From a network's outputs to what a person is told: `skintag/bundle/decisions.py`, rule by rule. */
import { calibrate, readCalibration, type Calibration } from './calibration';
import { BundleError } from './errors';
import type { Manifest } from './manifest';
import { ROUNDING } from './numbers';
import { isUnlike, oodScore, readOod, type OodReference } from './ood';
import { readConditions, readTexts, recommendation, type Texts } from './parts';
import {
  categoryOf,
  MALIGNANT,
  NON_NEOPLASTIC,
  readPolicy,
  readThreshold,
  TIERS,
  tierCode,
  tierReason,
  topCondition,
} from './triage';
import type { Policy } from './triage';
import type { Categories, Condition, Prediction } from './types';

const TOP = 3;

/** What a bundle decides by. */
export interface Decisions {
  conditions: string[];
  texts: Texts;
  threshold: number;
  calibration: Calibration;
  policy: Policy;
  ood: OodReference | null;
  /** Whether threshold and tiers are held against the calibrated probability; in format 1, the score before it. */
  onProbability: boolean;
}

/** A network's answer to one picture. */
export interface Outputs {
  malignant: number;
  conditions: Float32Array | null;
  embedding: Float32Array;
  /** Where it looked, logits; null where it does not say. */
  map: Float32Array | null;
}

/** Decisions out of a bundle's files. Throws BundleError where one is not what it has to be. */
export function readDecisions(manifest: Manifest, files: ReadonlyMap<string, ArrayBuffer>): Decisions {
  const json = (path: string): unknown => JSON.parse(new TextDecoder().decode(files.get(path)));
  const ood = files.get('ood/ood.safetensors');
  return {
    conditions: readConditions(json('taxonomy.json')),
    texts: readTexts(json('texts.json')),
    threshold: readThreshold(json('thresholds.json'), manifest.model),
    calibration: readCalibration(json('calibration.json'), manifest.model),
    policy: readPolicy(json('triage.json'), manifest.model),
    ood: ood ? readOod(ood) : null,
    onProbability: manifest.formatVersion > 1,
  };
}

/** Refuse what cannot be a network's answer: a damaged file says anything. */
export function checkOutputs(outputs: Outputs, count: number): void {
  const { malignant, conditions, embedding, map } = outputs;
  const shares = [malignant, ...(conditions ?? [])];
  const inside = shares.every((p) => Number.isFinite(p) && p >= -ROUNDING && p <= 1 + ROUNDING);
  if (!inside || !embedding.every(Number.isFinite) || !(map ?? embedding).every(Number.isFinite)) {
    throw new BundleError('model', 'probabilities and finite numbers', 'others');
  }
  if (conditions && conditions.length !== count) {
    throw new BundleError('model', `${count} conditions`, String(conditions.length));
  }
}

/** What is said of one image with these outputs. */
export function predict(decisions: Decisions, outputs: Omit<Outputs, 'map'>): Prediction {
  const { policy, texts, ood } = decisions;
  const probability = calibrate(decisions.calibration, outputs.malignant);
  const score = decisions.onProbability ? probability : outputs.malignant;
  const top = topCondition(outputs.conditions);
  const tier = TIERS[tierCode(policy, score, top)]!;
  const category = categoryOf(policy, score, top);
  const strange = ood ? oodScore(ood, outputs.embedding) : null;
  const unlike = ood && strange !== null ? isUnlike(ood, strange) : null;
  return {
    malignancy_score: score,
    malignancy_probability: probability,
    above_threshold: score >= decisions.threshold,
    conditions: topThree(decisions.conditions, outputs.conditions),
    category,
    tier,
    tier_reason: tierReason(policy, score, top, decisions.conditions),
    recommendation: recommendation(texts, tier, category, unlike === true),
    confidence: unlike ? null : category === 'malignant' ? probability : 1 - probability,
    out_of_distribution: unlike,
    out_of_distribution_score: strange,
    disclaimer: texts.disclaimer,
  };
}

/** The three likeliest, falling, the first among equals; none where a number is missing. */
function topThree(names: readonly string[], row: Float32Array | null): Condition[] {
  if (!row || !row.every(Number.isFinite)) return [];
  const order = Array.from(row.keys()).sort((a, b) => row[b]! - row[a]! || a - b);
  return order.slice(0, TOP).map((k) => ({ name: names[k]!, probability: row[k]! }));
}

/** Malignant as calibrated; the rest shared as the conditions stand to each other, as `engine.categories`. Sum 1. */
export function categoriesOf(probability: number, conditions: Float32Array | null): Categories {
  const rest = 1 - probability;
  if (!conditions?.every(Number.isFinite)) return { malignant: probability, inflammatory: null, benign: rest };
  let others = 0;
  conditions.forEach((p, code) => (others += MALIGNANT.includes(code) ? 0 : p));
  const share = others > 0 ? conditions[NON_NEOPLASTIC]! / others : 0;
  const inflammatory = rest * Math.min(Math.max(share, 0), 1); // a network's shares may be a little below 0
  return { malignant: probability, inflammatory, benign: rest - inflammatory };
}
