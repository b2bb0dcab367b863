/** The photo that is being looked at, and what was said of it. Gone when the page is closed. */
import { useSyncExternalStore } from 'react';
import { analyse as askServerFor, modelInfo, ServerError } from '../api/client';
import type { Analysis, Crop } from '../core/types';
import { messageOf } from '../core/errors';
import type { Format } from '../core/photo';
import type { Answer, ModelInfo } from '../device/messages';
import { storedIn } from '../device/upright';
import { previewOf, viewOf } from './view';
import { settings } from './settings';
import { askServer, device, prepareDevice } from './status';

export type By = 'device' | 'server';

export interface Result {
  analysis: Analysis;
  by: By;
  /** The server was asked for, and the device took over. */
  tookOver: boolean;
  milliseconds: number;
  info: ModelInfo | null;
  /** The part that was looked at, small enough to show and to keep. */
  view: Blob;
}

export interface Session {
  photo: Blob | null;
  /** Of what is shown of it, upright; null while it is made, and where there is a problem. */
  url: string | null;
  /** Its kind; null while its file is read. */
  format: Format | null;
  /** Why it cannot be looked at, in the words of PhotoError; null where nothing is known to be the matter. */
  problem: string | null;
  crop: Crop | null;
  result: Result | null;
  /** The id under which the result was kept. */
  kept: string | null;
}

const EMPTY: Session = {
  photo: null,
  url: null,
  format: null,
  problem: null,
  crop: null,
  result: null,
  kept: null,
};
let current = EMPTY;
const listeners = new Set<() => void>();

function set(next: Session): void {
  current = next;
  for (const listener of listeners) listener();
}

export function useSession(): Session {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => current,
  );
}

/** Begin anew with a photo; what its file is, and a picture of it to frame the spot in, come a moment later. */
export function take(photo: Blob): void {
  if (current.url) URL.revokeObjectURL(current.url);
  set({ ...EMPTY, photo });
  void examine(photo);
}

async function examine(photo: Blob): Promise<void> {
  try {
    const stored = await storedIn(photo);
    const shown = await previewOf(photo, stored);
    if (current.photo === photo) set({ ...current, format: stored.format, url: URL.createObjectURL(shown) });
  } catch (error) {
    if (current.photo === photo) set({ ...current, problem: messageOf(error) });
  }
}

export function crop(part: Crop | null): void {
  set({ ...current, crop: part, result: null, kept: null });
}

export function markKept(id: string): void {
  set({ ...current, kept: id });
}

/** Have the photo looked at where the person chose; the device takes over where the server cannot. Throws. */
export async function analyse(where: By = settings().where): Promise<Result> {
  const { photo, crop: part } = current;
  if (!photo) throw new Error('no photo');
  const { answer, by } = where === 'server' ? await byServer(photo, part) : await byDevice(photo, part);
  const info = await (by === 'device' ? prepareDevice() : modelInfo()).catch(() => null);
  const view = await viewOf(photo, part);
  const result = { ...answer, by, tookOver: by !== where, info, view };
  if (current.photo === photo) set({ ...current, result, kept: null });
  return result;
}

async function byDevice(photo: Blob, part: Crop | null): Promise<{ answer: Answer; by: By }> {
  await prepareDevice();
  return { answer: await device.analyse(photo, part), by: 'device' };
}

async function byServer(photo: Blob, part: Crop | null): Promise<{ answer: Answer; by: By }> {
  try {
    return { answer: await askServerFor(photo, part), by: 'server' };
  } catch (error) {
    // what the server says of the photo itself stands; where it is away, busy or broken, the device can answer
    const about = error instanceof ServerError ? error.status : 0;
    if (about >= 400 && about < 500 && about !== 429 && about !== 401 && about !== 404) throw error;
    void askServer();
    return byDevice(photo, part).catch(() => {
      throw error;
    });
  }
}
