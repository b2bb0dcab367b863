/** Whether a value from outside (a server, an imported file) is an analysis: every field that is shown is looked at. */
import { isObject } from '../core/json';
import { ROUNDING } from '../core/numbers';
import type { Analysis } from '../core/types';

const share = (value: unknown): boolean => typeof value === 'number' && value >= 0 && value <= 1;
/** Of a condition: as the network gives it, which may be off by as much as `checkOutputs` lets pass. */
const aboutAShare = (value: unknown): boolean =>
  typeof value === 'number' && value >= -ROUNDING && value <= 1 + ROUNDING;
const shareOrNull = (value: unknown): boolean => value === null || share(value);
const numeric = (value: unknown): boolean => typeof value === 'number' && Number.isFinite(value);
const text = (value: unknown): boolean => typeof value === 'string' && value.length <= 5000;
const oneOf =
  (...names: string[]) =>
  (value: unknown): boolean =>
    names.includes(value as string);
const listOf =
  (most: number, item: (value: unknown) => boolean) =>
  (value: unknown): boolean =>
    Array.isArray(value) && value.length <= most && value.every(item);
const has =
  (fields: Record<string, (value: unknown) => boolean>) =>
  (value: unknown): boolean =>
    isObject(value) && Object.entries(fields).every(([name, fits]) => fits(value[name]));
const orNull =
  (fits: (value: unknown) => boolean) =>
  (value: unknown): boolean =>
    value === null || fits(value);

function isMap(value: unknown): boolean {
  const shaped = has({ height: numeric, width: numeric, values: listOf(4096, numeric) })(value);
  if (!shaped || !isObject(value)) return false;
  return (value.values as unknown[]).length === Number(value.height) * Number(value.width);
}

const isAnalysis = has({
  malignancy_score: share,
  malignancy_probability: share,
  above_threshold: (value) => typeof value === 'boolean',
  conditions: listOf(3, has({ name: text, probability: aboutAShare })),
  category: oneOf('malignant', 'inflammatory', 'benign'),
  tier: oneOf('LOW', 'MODERATE', 'HIGH'),
  tier_reason: text,
  recommendation: text,
  confidence: shareOrNull,
  out_of_distribution: (value) => value === null || typeof value === 'boolean',
  out_of_distribution_score: (value) => value === null || numeric(value),
  disclaimer: text,
  categories: has({ malignant: share, inflammatory: shareOrNull, benign: share }),
  quality: listOf(
    4,
    has({ finding: oneOf('blurred', 'underexposed', 'overexposed', 'small'), value: numeric, bound: numeric }),
  ),
  map: orNull(isMap),
  picture: has({ width: numeric, height: numeric }),
  crop: orNull(has({ x: share, y: share, width: share, height: share })),
  bundle: has({ name: text, version: text, model: text, runtime: text, note: text }),
});

/** The value as an analysis; null where it is not one. */
export function checkAnalysis(value: unknown): Analysis | null {
  return isAnalysis(value) ? (value as Analysis) : null;
}
