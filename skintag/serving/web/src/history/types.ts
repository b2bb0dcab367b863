/** What is kept of a photo that was looked at. */
import type { Analysis } from '../core/types';

export interface Entry {
  id: string;
  /** ISO date and time. */
  taken: string;
  /** The spot that it shows; null: none was named. */
  spot: string | null;
  note: string;
  by: 'device' | 'server';
  analysis: Analysis;
  /** Bounds of the tiers; null where the model did not say. */
  bounds: { low: number; high: number } | null;
  view: Blob;
  thumb: Blob;
}

export interface Spot {
  id: string;
  name: string;
  created: string;
}
