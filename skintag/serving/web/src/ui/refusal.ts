/** Why a photo was refused, by device or server, in the words that there are texts for. */
import { ServerError } from '../api/client';

export const REFUSALS = [
  'empty',
  'unknown',
  'unsupported',
  'frames',
  'damaged',
  'large',
  'strip',
  'unreadable',
  'memory',
] as const;
export type Refusal = (typeof REFUSALS)[number];

/** The server's kinds of problems that have other names here. */
const KINDS: Record<string, Refusal> = {
  'not-an-image': 'unknown',
  'unsupported-format': 'unsupported',
  'several-frames': 'frames',
  truncated: 'damaged',
  damaged: 'damaged',
  empty: 'empty',
};

/** The refusal that a PhotoError names. */
export function refusalIn(words: string): Refusal {
  return REFUSALS.find((known) => known === words) ?? 'unreadable';
}

/** What was the matter with the photo; null where it was something else. */
export function refusalOf(error: unknown): Refusal | null {
  if (error instanceof Error && error.name === 'PhotoError') return refusalIn(error.message);
  if (!(error instanceof ServerError)) return null;
  if (error.status === 413) return 'large';
  return [415, 422].includes(error.status) ? (KINDS[error.kind] ?? 'unreadable') : null;
}
