/** How unlike the training pictures an embedding is: `skintag/ood/reference.py` and `subspace.py`. */
import { BundleError } from './errors';
import { asNumber, asObject, asString } from './json';
import { readSafetensors, type Tensor } from './safetensors';

const KINDS = ['mahalanobis', 'relative_mahalanobis', 'knn'];
const TINY = 2.2250738585072014e-308;

/** r directions with the variance along each, and one variance for all others together. */
interface Space {
  directions: Tensor;
  variances: Float64Array;
  rest: number;
}

export interface OodReference {
  kind: string;
  threshold: number;
  width: number;
  neighbours: number;
  means: Tensor;
  space: Space;
  background: { mean: Float64Array; space: Space } | null;
  rows: Tensor | null;
}

/** The reference in the bytes of `ood.safetensors`; throws BundleError where it is not one of format 1. */
export function readOod(bytes: ArrayBuffer): OodReference {
  const where = 'ood.safetensors';
  const { metadata, tensors } = readSafetensors(bytes, where);
  const said = asObject(JSON.parse(asString(metadata.skintag_ood, where)), where);
  if (said.format !== 1) throw new BundleError(where, 'format 1', String(said.format), 'update the app');
  const settings = asObject(said.settings, where);
  const record = asObject(said.record, where);
  const kind = asString(settings.kind, where);
  if (!KINDS.includes(kind)) throw new BundleError(where, KINDS.join(', '), kind);
  const width = asNumber(record.width, where);
  const rank = take(tensors, 'directions', [null, width]).shape[0]!;
  const spaceOf = (prefix: string, rest: unknown): Space => ({
    directions: take(tensors, `${prefix}directions`, [rank, width]),
    variances: take(tensors, `${prefix}variances`, [rank]).data,
    rest: asNumber(rest, where),
  });
  const relative = kind === 'relative_mahalanobis';
  return {
    kind,
    threshold: asNumber(record.threshold, where),
    width,
    neighbours: asNumber(settings.neighbours, where),
    means: take(tensors, 'means', [null, width]),
    space: spaceOf('', record.rest),
    background: relative
      ? { mean: take(tensors, 'background_mean', [width]).data, space: spaceOf('background_', record.background_rest) }
      : null,
    rows: kind === 'knn' ? take(tensors, 'rows', [null, rank]) : null,
  };
}

function take(tensors: Map<string, Tensor>, name: string, shape: (number | null)[]): Tensor {
  const found = tensors.get(name);
  const wrong = (text: string) => new BundleError(`ood.safetensors: ${name}`, `shape ${shape.join(' x ')}`, text);
  if (!found) throw wrong('nothing');
  const fits =
    found.shape.length === shape.length && shape.every((side, i) => side === null || side === found.shape[i]);
  if (!fits || !found.data.length) throw wrong(found.shape.join(' x '));
  if (!found.data.every(Number.isFinite)) throw wrong('values that are not finite');
  return found;
}

/** How strange an embedding [D] is; more is stranger, infinity where it is not finite. */
export function oodScore(reference: OodReference, embedding: ArrayLike<number>): number {
  const row = Float64Array.from(embedding);
  if (row.length !== reference.width) {
    throw new BundleError('embedding', `${reference.width} numbers, as the reference has`, String(row.length));
  }
  if (!row.every(Number.isFinite)) return Infinity;
  return reference.kind === 'knn' ? neighbourDistance(reference, row) : meanDistance(reference, row);
}

/** Whether a score is beyond what was seen. */
export function isUnlike(reference: OodReference, score: number): boolean {
  return !(score <= reference.threshold);
}

function minus(row: Float64Array, values: Float64Array, start: number): Float64Array {
  return row.map((value, i) => value - values[start + i]!);
}

/** Coordinates along the directions, and the squared length of what they leave out. */
function coordinates(space: Space, centred: Float64Array): { inside: Float64Array; outside: number } {
  const [rank = 0, width = 0] = space.directions.shape;
  const inside = new Float64Array(rank);
  for (let r = 0; r < rank; r++) {
    let sum = 0;
    for (let d = 0; d < width; d++) sum += centred[d]! * space.directions.data[r * width + d]!;
    inside[r] = sum;
  }
  if (rank === width) return { inside, outside: 0 };
  let outside = 0;
  for (let d = 0; d < width; d++) {
    let along = 0;
    for (let r = 0; r < rank; r++) along += inside[r]! * space.directions.data[r * width + d]!;
    outside += (centred[d]! - along) ** 2;
  }
  return { inside, outside };
}

function squaredDistance(space: Space, centred: Float64Array): number {
  const { inside, outside } = coordinates(space, centred);
  return inside.reduce((sum, value, r) => sum + value ** 2 / space.variances[r]!, 0) + outside / space.rest;
}

/** Squared distance from the nearest class mean, less that from everything where it is relative. */
function meanDistance(reference: OodReference, row: Float64Array): number {
  const { means, space, background, width } = reference;
  let near = Infinity;
  for (let k = 0; k < means.shape[0]!; k++) {
    near = Math.min(near, squaredDistance(space, minus(row, means.data, k * width)));
  }
  return background ? near - squaredDistance(background.space, minus(row, background.mean, 0)) : near;
}

/** Distance from the k-th nearest kept row. */
function neighbourDistance(reference: OodReference, row: Float64Array): number {
  const rows = reference.rows!;
  const length = Math.max(Math.sqrt(row.reduce((sum, value) => sum + value * value, 0)), TINY);
  const unit = row.map((value) => value / length);
  const { inside, outside } = coordinates(reference.space, minus(unit, reference.means.data, 0));
  const [count = 0, rank = 0] = rows.shape;
  const own = inside.reduce((sum, value) => sum + value * value, 0);
  const squared = new Float64Array(count);
  for (let m = 0; m < count; m++) {
    let size = 0;
    let product = 0;
    for (let r = 0; r < rank; r++) {
      const value = rows.data[m * rank + r]!;
      size += value * value;
      product += inside[r]! * value;
    }
    squared[m] = own + size - 2 * product;
  }
  squared.sort();
  return Math.sqrt(Math.max(squared[Math.min(reference.neighbours, count) - 1]!, 0) + outside);
}
