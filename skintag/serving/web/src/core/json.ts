/** Reading JSON whose shape is not known: each function returns the value, or throws a BundleError that names it. */
import { BundleError } from './errors';

export type Plain = Record<string, unknown>;

export function isObject(value: unknown): value is Plain {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string {
  return (JSON.stringify(value) ?? String(value)).slice(0, 60);
}

export function asObject(value: unknown, where: string): Plain {
  if (!isObject(value)) throw new BundleError(where, 'an object', shown(value));
  return value;
}

export function asArray(value: unknown, where: string): unknown[] {
  if (!Array.isArray(value)) throw new BundleError(where, 'a list', shown(value));
  return value as unknown[];
}

export function asString(value: unknown, where: string): string {
  if (typeof value !== 'string') throw new BundleError(where, 'a text', shown(value));
  return value;
}

export function asNumber(value: unknown, where: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new BundleError(where, 'a number', shown(value));
  return value;
}

export function asNumbers(value: unknown, where: string): number[] {
  return asArray(value, where).map((item, i) => asNumber(item, `${where}[${i}]`));
}

export function asStrings(value: unknown, where: string): string[] {
  return asArray(value, where).map((item, i) => asString(item, `${where}[${i}]`));
}

/** The entry of the deployed model in a file that holds one per model. */
export function entryOf(table: unknown, model: string, where: string): Plain {
  const entries = asObject(table, where);
  if (!Object.hasOwn(entries, model)) {
    throw new BundleError(where, `an entry of ${model}`, Object.keys(entries).join(', ') || 'none');
  }
  return asObject(entries[model], `${where}: ${model}`);
}
