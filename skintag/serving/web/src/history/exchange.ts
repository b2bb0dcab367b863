/** The history as one JSON file, out and in; what comes in is checked field by field. */
import { checkAnalysis } from '../api/check';
import { isObject } from '../core/json';
import type { Analysis } from '../core/types';
import type { Entry, Spot } from './types';

const KIND = 'skintag history';
const VERSION = 1;
export const MAX_BYTES = 200_000_000;
const IMAGE = /^data:image\/(jpeg|png|webp);base64,[A-Za-z0-9+/]+=*$/;
const MAX_IMAGE = 8_000_000;

export class ImportError extends Error {
  constructor(readonly reason: 'large' | 'json' | 'kind' | 'version' | 'entry') {
    super(reason);
    this.name = 'ImportError';
  }
}

async function dataUrl(blob: Blob): Promise<string> {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  let text = '';
  for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return `data:${blob.type || 'image/jpeg'};base64,${btoa(text)}`;
}

function blobOf(url: string): Blob {
  const [head = '', body = ''] = url.split(',');
  let letters: string;
  try {
    letters = atob(body);
  } catch {
    throw new ImportError('entry'); // letters are missing
  }
  const bytes = Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
  return new Blob([bytes], { type: head.slice(5).split(';')[0] ?? 'image/jpeg' });
}

/** Everything as JSON, entry by entry: a long history is longer than a string may be. */
export async function exportHistory(entries: readonly Entry[], spots: readonly Spot[]): Promise<Blob> {
  const head = { kind: KIND, version: VERSION, exported: new Date().toISOString(), spots };
  const parts: BlobPart[] = [`${JSON.stringify(head).slice(0, -1)},"entries":[`];
  for (const [i, item] of entries.entries()) {
    const whole = { ...item, view: await dataUrl(item.view), thumb: await dataUrl(item.thumb) };
    parts.push(new Blob([i ? ',' : '', JSON.stringify(whole)])); // a blob need not stay in memory
  }
  return new Blob([...parts, ']}'], { type: 'application/json' });
}

export interface History {
  entries: Entry[];
  spots: Spot[];
}

/** What of a taken-in history is new, and how many of its photos are there already: those stay as they are here. */
export function newOf(found: History, here: History): History & { known: number } {
  const ids = new Set(here.entries.map((entry) => entry.id));
  const entries = found.entries.filter((entry) => !ids.has(entry.id) && ids.add(entry.id)); // twice in the file: once
  const wanted = new Set(entries.map((entry) => entry.spot));
  const named = new Set(here.spots.map((spot) => spot.id));
  const spots = found.spots.filter((spot) => wanted.has(spot.id) && !named.has(spot.id));
  return { entries, spots, known: found.entries.length - entries.length };
}

/** What an exported file holds, and nothing of what else is in it. Throws ImportError, and takes nothing of a file that is not right throughout. */
export async function importHistory(file: Blob): Promise<History> {
  if (file.size > MAX_BYTES) throw new ImportError('large'); // before it is read
  const text = await file.text();
  let said: unknown;
  try {
    said = JSON.parse(text);
  } catch {
    throw new ImportError('json');
  }
  if (!isObject(said) || said.kind !== KIND) throw new ImportError('kind');
  if (said.version !== VERSION) throw new ImportError('version');
  if (!Array.isArray(said.entries) || !Array.isArray(said.spots)) throw new ImportError('entry');
  const spots = said.spots.map(spotOf);
  const known = new Set(spots.map((spot) => spot.id));
  return { spots, entries: said.entries.map((item) => entryOf(item, known)) };
}

const id = (value: unknown): value is string => typeof value === 'string' && /^[\w-]{1,64}$/.test(value);
const date = (value: unknown): value is string => typeof value === 'string' && !Number.isNaN(Date.parse(value));
/** One way of writing a date, for dates are compared as texts. */
const iso = (value: string): string => new Date(value).toISOString();
const text = (value: unknown, most: number): value is string => typeof value === 'string' && value.length <= most;
const image = (value: unknown): value is string => text(value, MAX_IMAGE) && IMAGE.test(value);

function spotOf(value: unknown): Spot {
  if (!isObject(value) || !id(value.id) || !text(value.name, 200) || !date(value.created))
    throw new ImportError('entry');
  return { id: value.id, name: value.name, created: iso(value.created) };
}

function boundsOf(value: unknown): Entry['bounds'] {
  if (!isObject(value)) return null;
  const [low, high] = [value.low, value.high];
  const fits = typeof low === 'number' && typeof high === 'number' && low >= 0 && low <= high && high <= 1;
  return fits ? { low, high } : null;
}

function entryOf(value: unknown, spots: ReadonlySet<string>): Entry {
  if (!isObject(value)) throw new ImportError('entry');
  const analysis = checkAnalysis(value.analysis);
  const { taken, spot, note, by, view, thumb } = value;
  const fits = id(value.id) && date(taken) && text(note, 5000) && image(view) && image(thumb) && analysis;
  if (!fits || (by !== 'device' && by !== 'server')) throw new ImportError('entry');
  if (spot !== null && !(id(spot) && spots.has(spot))) throw new ImportError('entry');
  const bounds = boundsOf(value.bounds);
  const pictures = { view: blobOf(view), thumb: blobOf(thumb) };
  return { id: value.id as string, taken: iso(taken), spot, note, by, analysis: copyOf(analysis), bounds, ...pictures };
}

/** The known fields of an analysis alone: a file from elsewhere may have others beside them. */
function copyOf(said: Analysis): Analysis {
  const { picture, crop, map, bundle, categories } = said;
  return {
    malignancy_score: said.malignancy_score,
    malignancy_probability: said.malignancy_probability,
    above_threshold: said.above_threshold,
    conditions: said.conditions.map(({ name, probability }) => ({ name, probability })),
    category: said.category,
    tier: said.tier,
    tier_reason: said.tier_reason,
    recommendation: said.recommendation,
    confidence: said.confidence,
    out_of_distribution: said.out_of_distribution,
    out_of_distribution_score: said.out_of_distribution_score,
    disclaimer: said.disclaimer,
    categories: {
      malignant: categories.malignant,
      inflammatory: categories.inflammatory,
      benign: categories.benign,
    },
    quality: said.quality.map(({ finding, value, bound }) => ({ finding, value, bound })),
    map: map && { height: map.height, width: map.width, values: [...map.values] },
    picture: { width: picture.width, height: picture.height },
    crop: crop && { x: crop.x, y: crop.y, width: crop.width, height: crop.height },
    bundle: {
      name: bundle.name,
      version: bundle.version,
      model: bundle.model,
      runtime: bundle.runtime,
      note: bundle.note,
    },
  };
}
