/** The small parts of a bundle: `preprocessing.json`, `taxonomy.json`, `texts.json`, as `skintag/bundle/parts.py`. */
import { BundleError } from './errors';
import { asNumber, asObject, asString, asStrings, type Plain } from './json';
import type { Fit } from './picture';
import type { Category, Tier } from './types';

export const CONDITIONS: readonly string[] = [
  'melanoma',
  'basal_cell_carcinoma',
  'squamous_cell_carcinoma',
  'actinic_keratosis',
  'melanocytic_nevus',
  'seborrheic_keratosis',
  'dermatofibroma',
  'vascular_lesion',
  'non_neoplastic',
  'other_unknown',
  'other_malignant',
];

export interface Preprocessing {
  imageSize: number;
  fit: Fit;
}

export interface Texts {
  advice: Record<Tier, string>;
  inflammatory: string;
  out_of_distribution: string;
  disclaimer: string;
}

function exactly(content: unknown, keys: readonly string[], where: string): Plain {
  const found = asObject(content, where);
  const same = Object.keys(found).length === keys.length && keys.every((key) => Object.hasOwn(found, key));
  if (!same) throw new BundleError(where, `an object with ${keys.join(', ')}`, Object.keys(found).join(', '));
  return found;
}

export function readPreprocessing(content: unknown): Preprocessing {
  const where = 'preprocessing.json';
  const keys = ['image_size', 'fit', 'longest_side', 'jpeg_quality', 'input'];
  // how it is resized is in the graph that does it
  if (Object.hasOwn(asObject(content, where), 'interpolation')) keys.push('interpolation');
  const found = exactly(content, keys, where);
  const imageSize = asNumber(found.image_size, where);
  if (!Number.isInteger(imageSize) || imageSize < 1 || imageSize > 2048) {
    throw new BundleError(where, 'image_size from 1 to 2048', String(imageSize));
  }
  if (found.fit !== 'squash' && found.fit !== 'center_crop' && found.fit !== 'pad') {
    throw new BundleError(where, 'fit squash, center_crop or pad', String(found.fit));
  }
  return { imageSize, fit: found.fit };
}

/** Names of the conditions in the order of the probabilities; another numbering would say something else. */
export function readConditions(content: unknown): string[] {
  const where = 'taxonomy.json';
  const keys = ['name', 'premalignant', 'non_neoplastic', 'conditions', 'categories', 'tiers', 'version'];
  const found = exactly(content, keys, where);
  const names = asStrings(found.conditions, where);
  const known = names.every((name, i) => name === CONDITIONS[i]);
  const tiers = asStrings(found.tiers, where).join() === 'LOW,MODERATE,HIGH';
  const categories = asStrings(found.categories, where).join() === 'malignant,inflammatory,benign';
  if (found.version !== 1 || !known || ![10, 11].includes(names.length) || !tiers || !categories) {
    throw new BundleError(where, 'the numbering of version 1', names.join(', '), 'update the app');
  }
  return names;
}

export function readTexts(content: unknown): Texts {
  const where = 'texts.json';
  const found = exactly(content, ['advice', 'inflammatory', 'out_of_distribution', 'disclaimer'], where);
  const advice = exactly(found.advice, ['LOW', 'MODERATE', 'HIGH'], `${where}: advice`);
  const text = (value: unknown): string => {
    const said = asString(value, where);
    if (!said.trim()) throw new BundleError(where, 'every text to be there', 'an empty one');
    return said;
  };
  return {
    advice: { LOW: text(advice.LOW), MODERATE: text(advice.MODERATE), HIGH: text(advice.HIGH) },
    inflammatory: text(found.inflammatory),
    out_of_distribution: text(found.out_of_distribution),
    disclaimer: text(found.disclaimer),
  };
}

/**
 * What to tell the person, without the disclaimer; `unlike`: the picture is out of distribution, and then nobody is told
 * that the risk is low.
 */
export function recommendation(texts: Texts, tier: Tier, category: Category, unlike: boolean): string {
  const before = unlike ? [texts.out_of_distribution] : [];
  const advice = unlike && tier === 'LOW' ? [] : [texts.advice[tier]];
  const after = category === 'inflammatory' ? [texts.inflammatory] : [];
  return [...before, ...advice, ...after].join(' ');
}
