/** Who answers for a photo, what is thrown back at the person, and that an older answer never replaces a newer one. */
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { ServerError } from '../../src/api/client';
import { answerOf } from '../../src/app/answer';
import { abandon, analyse, crop, take } from '../../src/app/session';
import { change, settings } from '../../src/app/settings';
import { PhotoError } from '../../src/core/errors';
import { refusalOf } from '../../src/ui/refusal';

const asked = vi.hoisted(() => ({ server: vi.fn(), device: vi.fn(), fitted: vi.fn() }));
vi.mock('../../src/api/client', async (original) => ({
  ...(await original<typeof import('../../src/api/client')>()),
  analyse: asked.server,
  modelInfo: () => Promise.resolve({ low: 0.2, high: 0.8 }),
}));
vi.mock('../../src/app/status', () => ({
  device: { analyse: asked.device },
  prepareDevice: () => Promise.resolve({ low: 0.1, high: 0.9 }),
  askServer: () => Promise.resolve(false),
}));
vi.mock('../../src/app/shrink', () => ({ fitted: asked.fitted }));
vi.mock('../../src/app/view', () => ({
  viewOf: (photo: Blob) => Promise.resolve(photo),
  previewOf: (photo: Blob) => Promise.resolve(photo),
  sheetOf: () => Promise.resolve(new Blob()),
}));

const photo = new Blob([Uint8Array.from([0xff, 0xd8, 0xff])]);
const said = (what: string) => ({ analysis: { tier: what }, milliseconds: 1 });
const fails = (status: number, kind = '') => new ServerError(status, 'no', kind);

beforeEach(() => {
  for (const mock of Object.values(asked)) mock.mockReset();
  asked.fitted.mockImplementation((given: Blob) => Promise.resolve(given));
  asked.device.mockResolvedValue(said('by the device'));
  change({ where: 'server' });
});

describe('where the server was chosen', () => {
  it.each([413, 415, 422])('what it says of the photo stands: %i', async (status) => {
    asked.server.mockRejectedValue(fails(status));
    await expect(answerOf(photo, null, 'server')).rejects.toThrow();
    expect(asked.device).not.toHaveBeenCalled();
  });

  it.each([0, 400, 403, 404, 405, 408, 429, 500, 502, 503])('the device answers in its place: %i', async (status) => {
    asked.server.mockRejectedValue(fails(status));
    expect(await answerOf(photo, null, 'server')).toMatchObject({ by: 'device', tookOver: 'away' });
    expect(settings().where).toBe('server');
  });

  it('the device answers from now on where the server wants a key', async () => {
    asked.server.mockRejectedValue(fails(401, 'key'));
    expect(await answerOf(photo, null, 'server')).toMatchObject({ by: 'device', tookOver: 'key' });
    expect(settings().where).toBe('device');
  });

  it('what the server said is told where the device has no model', async () => {
    asked.server.mockRejectedValue(fails(401, 'key'));
    asked.device.mockRejectedValue(new Error('no model'));
    await expect(answerOf(photo, null, 'server')).rejects.toMatchObject({ status: 401 });
    expect(settings().where).toBe('server');
  });

  it('what the device says of the photo is told where the server is away', async () => {
    asked.server.mockRejectedValue(fails(0));
    asked.device.mockRejectedValue(new PhotoError('strip'));
    await expect(answerOf(photo, null, 'server')).rejects.toThrow('strip');
    asked.device.mockRejectedValue(new PhotoError('unreadable')); // which says nothing of what the server can read
    await expect(answerOf(photo, null, 'server')).rejects.toMatchObject({ status: 0 });
  });

  it('a photo that it finds too large is sent once more, smaller', async () => {
    const small = new Blob(['small']);
    asked.fitted.mockResolvedValueOnce(photo).mockResolvedValueOnce(small);
    asked.server.mockRejectedValueOnce(fails(413)).mockResolvedValueOnce(said('by the server'));
    expect(await answerOf(photo, null, 'server')).toMatchObject({ by: 'server', tookOver: null });
    expect(asked.server.mock.calls.map(([sent]) => sent as Blob)).toEqual([photo, small]);
  });

  it('a photo that cannot be made smaller is too large', async () => {
    asked.server.mockRejectedValue(fails(413));
    await expect(answerOf(photo, null, 'server')).rejects.toThrow(new PhotoError('large'));
  });
});

describe('where the device was chosen', () => {
  it('the server is never asked', async () => {
    asked.device.mockRejectedValue(new Error('no model'));
    await expect(answerOf(photo, null, 'device')).rejects.toThrow('no model');
    expect(asked.server).not.toHaveBeenCalled();
  });
});

describe('looks that overlap', () => {
  /** A promise, and how to settle it. */
  const pending = () => {
    const out = {} as {
      promise: Promise<unknown>;
      resolve: (value: unknown) => void;
      reject: (error: unknown) => void;
    };
    out.promise = new Promise((resolve, reject) => Object.assign(out, { resolve, reject }));
    return out;
  };

  it('leave the newest answer, whichever comes last', async () => {
    take(photo);
    const [first, second] = [pending(), pending()];
    asked.device.mockReturnValueOnce(first.promise).mockReturnValueOnce(second.promise);
    const [older, newer] = [analyse('device'), analyse('device')];
    second.resolve(said('newer'));
    expect(await newer).toMatchObject({ analysis: { tier: 'newer' }, by: 'device' });
    first.resolve(said('older'));
    expect(await older).toBeNull();
  });

  it.each([
    ['the frame', () => crop({ x: 0, y: 0, width: 0.5, height: 0.5 })],
    ['the photo', () => take(new Blob(['other']))],
    ['the screen', abandon],
  ])('are dropped, failures too, where %s was left', async (_, leave) => {
    for (const end of ['resolve', 'reject'] as const) {
      take(photo);
      const look = pending();
      asked.device.mockReturnValueOnce(look.promise);
      const answer = analyse('device');
      leave();
      look[end](said('late'));
      expect(await answer).toBeNull();
    }
  });
});

describe('a refusal', () => {
  it.each([
    [new PhotoError('frames'), 'frames'],
    [Object.assign(new Error('strip'), { name: 'PhotoError' }), 'strip'],
    [fails(413), 'large'],
    [fails(415, 'unsupported-format'), 'unsupported'],
    [fails(422, 'several-frames'), 'frames'],
    [fails(422, 'truncated'), 'damaged'],
    [fails(422, 'what'), 'unreadable'],
    [fails(503, 'memory'), null],
    [new Error('x'), null],
  ])('is told in the same words by device and server', (error, refusal) => {
    expect(refusalOf(error)).toBe(refusal);
  });
});
