/** What the app and the model's worker say to each other. */
import type { Analysis, BundleName, Crop, Sensitivities } from '../core/types';

/** What the app needs to know of the model beside its answers. */
export interface ModelInfo {
  bundle: BundleName;
  low: number;
  high: number;
  sensitivities: Sensitivities;
  /** Whether the model is kept on the device for flight mode. */
  kept: boolean;
}

export interface Answer {
  analysis: Analysis;
  milliseconds: number;
}

export type Request =
  | { id: number; kind: 'load'; base: string }
  | { id: number; kind: 'update'; base: string }
  | { id: number; kind: 'analyse'; photo: Blob; crop: Crop | null };

export type Reply =
  | { id: number; kind: 'progress'; loaded: number; total: number }
  | { id: number; kind: 'done'; value: unknown }
  | { id: number; kind: 'failed'; name: string; message: string };
