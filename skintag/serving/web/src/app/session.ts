/** The photo that is being looked at, and what was said of it. Gone when the page is closed. */
import { useSyncExternalStore } from 'react';
import i18next from 'i18next';
import { modelInfo } from '../api/client';
import type { Analysis, Crop } from '../core/types';
import { messageOf, PhotoError } from '../core/errors';
import type { Format } from '../core/photo';
import type { ModelInfo } from '../device/messages';
import { storedIn } from '../device/upright';
import { answerOf, type By, type TookOver } from './answer';
import { settings } from './settings';
import { prepareDevice } from './status';
import { previewOf, sheetOf, viewOf } from './view';

export type { By, TookOver } from './answer';

export interface Result {
  analysis: Analysis;
  by: By;
  tookOver: TookOver;
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
/** Counts what was begun: an answer of an earlier turn is dropped. */
let turn = 0;
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
  abandon();
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
  abandon();
  set({ ...current, crop: part, result: null, kept: null });
}

export function markKept(id: string): void {
  set({ ...current, kept: id });
}

/**
 * Have the photo looked at where the person chose. Null where the answer came too late: another look, another photo or
 * another frame was begun meanwhile, or the person has left. Throws what stood in the way.
 */
export async function analyse(where: By = settings().where): Promise<Result | null> {
  const { photo, crop: part } = current;
  if (!photo) throw new Error('no photo');
  const mine = ++turn;
  try {
    const answered = await answerOf(photo, part, where);
    const info = await (answered.by === 'device' ? prepareDevice() : modelInfo()).catch(() => null);
    const view = await shownOf(photo, part);
    if (mine !== turn) return null;
    const { answer, ...by } = answered;
    const result = { ...answer, ...by, info, view };
    set({ ...current, result, kept: null });
    return result;
  } catch (error) {
    if (mine !== turn) return null;
    throw error;
  }
}

/** Let what is being looked at go: its answer is no longer waited for. */
export function abandon(): void {
  turn++;
}

/** The part that was looked at; a sheet that says so where only the server can decode the file. */
function shownOf(photo: Blob, part: Crop | null): Promise<Blob> {
  return viewOf(photo, part).catch((error: unknown) => {
    if (!(error instanceof PhotoError) || error.message !== 'unreadable') throw error;
    return sheetOf(i18next.t('photo.noView', { format: current.format ?? '' }));
  });
}
