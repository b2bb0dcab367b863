/** The worker as the app sees it: loaded once, tried again, started anew where it died. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { DeviceModel } from '../../src/device/client';
import type { Reply, Request } from '../../src/device/messages';

class FakeWorker {
  static all: FakeWorker[] = [];
  asked: Request[] = [];
  ended = false;
  onmessage: (event: { data: Reply }) => void = () => undefined;
  onerror: (event: { message: string }) => void = () => undefined;
  onmessageerror: () => void = () => undefined;

  constructor() {
    FakeWorker.all.push(this);
  }

  postMessage(request: Request): void {
    if (request.kind === 'analyse' && request.photo === null) throw new DOMException('no', 'DataCloneError');
    this.asked.push(request);
  }

  terminate(): void {
    this.ended = true;
  }

  say(reply: Reply): void {
    this.onmessage({ data: reply });
  }
}

vi.stubGlobal('Worker', FakeWorker);
const worker = (n: number): FakeWorker => FakeWorker.all[n]!;
const info = { kept: true };

describe('the model on the device', () => {
  afterEach(() => void (FakeWorker.all = []));

  it('is loaded once, and says how far it is', async () => {
    const model = new DeviceModel('/bundle/');
    const seen: number[] = [];
    const [one, two] = [model.load((loaded, total) => seen.push(loaded / total)), model.load()];
    worker(0).say({ id: 1, kind: 'progress', loaded: 1, total: 4 });
    worker(0).say({ id: 1, kind: 'done', value: info });
    expect(await Promise.all([one, two])).toEqual([info, info]);
    expect(seen).toEqual([0.25]);
    expect(worker(0).asked).toEqual([{ id: 1, kind: 'load', base: '/bundle/' }]);
  });

  it('is loaded again after a load that failed', async () => {
    const model = new DeviceModel('/bundle/');
    const first = model.load();
    worker(0).say({ id: 1, kind: 'failed', name: 'BundleError', message: 'damaged' });
    await expect(first).rejects.toMatchObject({ name: 'BundleError', message: 'damaged' });
    const second = model.load();
    worker(0).say({ id: 2, kind: 'done', value: info });
    expect(await second).toBe(info);
  });

  it('lets nobody wait for a worker that died, and starts another', async () => {
    const model = new DeviceModel('/bundle/');
    const loaded = model.load();
    worker(0).say({ id: 1, kind: 'done', value: info });
    await loaded;
    const answer = model.analyse(new Blob(), null);
    await vi.waitFor(() => expect(worker(0).asked).toHaveLength(2));
    worker(0).onerror({ message: 'out of memory' });
    await expect(answer).rejects.toThrow('out of memory');
    expect(worker(0).ended).toBe(true);
    void model.load();
    expect(worker(1).asked[0]!.kind).toBe('load');
  });

  it('says so where a photo cannot be handed over', async () => {
    const model = new DeviceModel('/bundle/');
    const loaded = model.load();
    worker(0).say({ id: 1, kind: 'done', value: info });
    await loaded;
    await expect(model.analyse(null as unknown as Blob, null)).rejects.toThrow('no');
  });
});
