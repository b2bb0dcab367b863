/** Calibration as `skintag/evaluation/decisions/calibration.py` applies it. */
import { BundleError } from './errors';
import { asArray, asNumber, asNumbers, asObject, asString, entryOf } from './json';
import { clippedLogit, expit } from './numbers';

export type Calibration =
  | { kind: 'temperature'; temperature: number }
  | { kind: 'platt'; slope: number; intercept: number }
  | { kind: 'isotonic'; score: number[]; probability: number[] };

/** The probability that a score stands for. */
export function calibrate(calibration: Calibration, score: number): number {
  switch (calibration.kind) {
    case 'temperature':
      return expit(clippedLogit(score) / calibration.temperature);
    case 'platt':
      return expit(calibration.slope * clippedLogit(score) + calibration.intercept);
    case 'isotonic':
      return interpolate(score, calibration.score, calibration.probability);
  }
}

/** Piecewise linear, constant outside the knots; as `numpy.interp`. */
function interpolate(x: number, knots: number[], values: number[]): number {
  const last = knots.length - 1;
  if (x >= knots[last]!) return values[last]!;
  if (x < knots[0]!) return values[0]!;
  let low = 0;
  let high = last;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (x >= knots[middle]!) low = middle;
    else high = middle;
  }
  if (knots[low] === x) return values[low]!;
  const slope = (values[high]! - values[low]!) / (knots[high]! - knots[low]!);
  return slope * (x - knots[low]!) + values[low]!;
}

/** The deployed model's calibration out of `calibration.json`; throws BundleError where it is not that. */
export function readCalibration(content: unknown, model: string): Calibration {
  const where = 'calibration.json';
  const file = asObject(content, where);
  if (file.version !== 1) throw new BundleError(where, 'version 1', String(file.version));
  const entry = entryOf(file.calibrations, model, where);
  const kind = asString(entry.kind, where);
  if (kind === 'temperature') return { kind, temperature: asNumber(entry.temperature, where) };
  if (kind === 'platt') {
    return { kind, slope: asNumber(entry.slope, where), intercept: asNumber(entry.intercept, where) };
  }
  if (kind !== 'isotonic') throw new BundleError(where, 'temperature, platt or isotonic', kind);
  asArray(entry.score, where);
  const made = {
    kind,
    score: asNumbers(entry.score, where),
    probability: asNumbers(entry.probability, where),
  } as const;
  checkRising(made.score, made.probability);
  return made;
}

function checkRising(score: number[], probability: number[]): void {
  const n = score.length;
  const rising = score.every((x, i) => i === 0 || x > score[i - 1]!);
  const growing = probability.every((y, i) => i === 0 || y >= probability[i - 1]!);
  if (!n || n !== probability.length || !rising || !growing || probability[0]! < 0 || probability[n - 1]! > 1) {
    throw new BundleError('calibration.json', 'rising knots and values in [0, 1] that do not fall', `${n} knots`);
  }
}
