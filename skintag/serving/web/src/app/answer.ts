/** Who looks at a photo: the device, or the server where that was chosen, and the device where the server does not. */
import { analyse as askServerFor, ServerError } from '../api/client';
import { PhotoError } from '../core/errors';
import { MAX_BYTES, MAX_PIXELS } from '../core/photo';
import type { Crop } from '../core/types';
import type { Answer } from '../device/messages';
import { change } from './settings';
import { fitted } from './shrink';
import { askServer, device, prepareDevice } from './status';

export type By = 'device' | 'server';
/** Why the device answered although the server was asked: it was away, or wants a key that the app has not. */
export type TookOver = 'away' | 'key' | null;

export interface Answered {
  answer: Answer;
  by: By;
  tookOver: TookOver;
}

/** What a server whose limits are lower than usual takes, in all likelihood. */
const MODEST = { pixels: 2_000_000, bytes: 2_000_000 };
/** What the server says of the photo itself: nobody else would say otherwise. */
const OF_THE_PHOTO = [413, 415, 422];
const NEEDS_KEY = 401;

/** The photo's answer. Throws what stood in the way where nobody can give one. */
export async function answerOf(photo: Blob, crop: Crop | null, where: By): Promise<Answered> {
  if (where === 'device') return { ...(await byDevice(photo, crop)), tookOver: null };
  try {
    return { answer: await byServer(photo, crop), by: 'server', tookOver: null };
  } catch (error) {
    if (!(error instanceof ServerError) || OF_THE_PHOTO.includes(error.status)) throw error;
    void askServer();
    const key = error.status === NEEDS_KEY;
    const answered = await byDevice(photo, crop).catch((other: unknown) => {
      // what the device says of the photo is of use; that it has no model, or cannot decode the format, is not
      const refused = other instanceof Error && other.name === 'PhotoError' && other.message !== 'unreadable';
      throw refused ? other : error;
    });
    if (key) change({ where: 'device' }); // the server will say the same tomorrow
    return { ...answered, tookOver: key ? 'key' : 'away' };
  }
}

async function byDevice(photo: Blob, crop: Crop | null): Promise<{ answer: Answer; by: By }> {
  await prepareDevice();
  const small = await fitted(photo, { pixels: MAX_PIXELS, bytes: Infinity });
  return { answer: await device.analyse(small, crop), by: 'device' };
}

/** As the photo is where the server takes it so, else a smaller copy. Throws ServerError, and PhotoError `large`. */
async function byServer(photo: Blob, crop: Crop | null): Promise<Answer> {
  const sent = await fitted(photo, { pixels: MAX_PIXELS, bytes: MAX_BYTES });
  try {
    return await askServerFor(sent, crop);
  } catch (error) {
    if (!(error instanceof ServerError) || error.status !== 413) throw error;
    const smaller = await fitted(sent, MODEST);
    if (smaller === sent) throw new PhotoError('large');
    return askServerFor(smaller, crop);
  }
}
